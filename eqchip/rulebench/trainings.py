"""The trainings of a plan: run directories, trained at a time in processes of their own.

A training that was killed goes on at its last checkpoint; one that is done is not touched. Its test
samples are read once, after its last epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.config import Config
from eqchip.emulator.errors import InputError
from eqchip.emulator.progress import Progress
from eqchip.emulator.source import Code, this_code
from eqchip.emulator.training.fit import fit
from eqchip.emulator.training.runs import RunDirectory
from eqchip.emulator.training.sweep_workers import open_pool
from eqchip.rulebench import offchip
from eqchip.rulebench.plan import Configure, Plan, Planned
from eqchip.rulebench.yardsticks import Yardstick

NO_FILES = ("digits",)  # data sets that come with a package


class Training(NamedTuple):
    """An entry's training with one seed, its settings, and where it lies."""

    planned: Planned
    config: Config | Yardstick
    folder: Path

    @property
    def name(self) -> str:
        """As its directory is called."""
        return self.folder.name


def trainings_of(plan: Plan, out: Path, configure: Configure) -> list[Training]:
    """All trainings of a plan, in the order in which they are begun."""
    return [
        Training(entry, configure(entry, seed), out / "runs" / f"{entry.name}-s{seed}")
        for entry, seed in plan.trainings()
    ]


def done(training: Training) -> RunDirectory | dict[str, Any] | None:
    """What a finished training left: its run, or what a yardstick reached; None: it is not done.

    Raises
    ------
    InputError
        If one of other settings is in its place.
    """
    return KINDS[type(training.config)].done(training)


def _run_of(training: Training) -> RunDirectory | None:
    if not (training.folder / "config.toml").is_file():
        return None
    run = RunDirectory(training.folder)
    if run.config != training.config:
        raise _another(training)
    rows = run.metrics()
    return run if rows and "test_error" in rows[-1] else None


def _reached_by(training: Training) -> dict[str, Any] | None:
    assert isinstance(training.config, Yardstick)
    found = offchip.reached_in(training.folder)
    if found is not None and found.get("settings") != offchip.settings_of(training.config):
        raise _another(training)
    return found


def _another(training: Training) -> InputError:
    return InputError(
        f"{training.folder}: holds a run with other settings than the plan's entry "
        f"{training.planned.name}; expected the plan that began it, or another --out"
    )


def train_all(
    left: Sequence[Training], data: str | None, workers: int, command: str, progress: Progress
) -> Iterator[str]:
    """Train what is left; yields the name of each that is done."""
    code = tuple(this_code())
    tasks = [(code, one, data, command) for one in left]
    with open_pool(max(min(workers, len(left)), 1), progress) as pool:
        yield from pool.done(train_one, tasks)


def train_one(code: Sequence[str], training: Training, data: str | None, command: str) -> str:
    """Begin a training, or go on with it, to its end; its name."""
    if tuple(code) != this_code():
        raise InputError(f"a worker has {this_code()}; expected {Code(*code)}")
    KINDS[type(training.config)].train(training, data, command)
    return training.name


def _train_run(training: Training, data: str | None, command: str) -> None:
    assert isinstance(training.config, Config)
    if (training.folder / "config.toml").is_file():
        run = RunDirectory(training.folder)
    else:
        run = RunDirectory.create(training.folder, training.config, command)
    fit(run, dataset_of(training.planned.dataset, data), threads=1)


def _train_yardstick(training: Training, data: str | None, command: str) -> None:
    assert isinstance(training.config, Yardstick)
    offchip.train(training.config, dataset_of(training.planned.dataset, data), training.folder)


class Kind(NamedTuple):
    """How a training is looked for and trained."""

    done: Callable[[Training], RunDirectory | dict[str, Any] | None]
    train: Callable[[Training, str | None, str], None]


# By the type of a training's settings.
KINDS: dict[type, Kind] = {
    Config: Kind(_run_of, _train_run),
    Yardstick: Kind(_reached_by, _train_yardstick),
}


def dataset_of(name: str, data: str | None) -> Dataset:
    """A data set, from the directory of files if it has any."""
    return load(name, None if name in NO_FILES else data, progress=False)


def results_of(run: RunDirectory) -> dict[str, Any]:
    """What a finished run reached: errors in percent, of validation after its last epoch."""
    *epochs, test = run.metrics()
    return {
        "seed": run.config.seed,
        "validation_error": epochs[-1]["validation_error"],
        "test_error": test["test_error"],
    }
