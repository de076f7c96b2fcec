"""A trained network on other engines, step by step: ``eqchip.crosscheck`` of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eqchip.backends import crosscheck as engines
from eqchip.backends.crosscheck import CHECKED, Checked, Checkup
from eqchip.backends.crosscheck_entry import all_equal, entry, left_out
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.progress import Progress, Silent
from eqchip.emulator.training.run_data import data_of
from eqchip.emulator.training.runs import RunDirectory

FORMAT = "eqchip-crosscheck 1"
SAMPLES = 10


@dataclass(frozen=True)
class Crosscheck:
    """A trained network on every engine, compared with the emulator.

    Attributes
    ----------
    run : RunDirectory
    samples : int
        Of the test set.
    steps : int
        Of each sample, over all phases.
    checkups : tuple of Checkup
        Of each precision the emulator's first.
    """

    run: RunDirectory
    samples: int
    steps: int
    checkups: tuple[Checkup, ...]

    @property
    def equal(self) -> bool:
        """Whether no engine that ran differs from the emulator."""
        return all_equal(self.checkups)

    @property
    def title(self) -> str:
        """What was compared."""
        return (
            f"{self.run.path}: {self.samples} test samples of {self.run.config.dataset}, "
            f"{self.steps} steps each"
        )

    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON takes it."""
        return {
            "format": FORMAT,
            "run": str(self.run.path),
            "dataset": self.run.config.dataset,
            "samples": self.samples,
            "steps": self.steps,
            "equal": self.equal,
            "engines": [entry(one) for one in self.checkups],
        }


def crosscheck_run(
    run: RunDirectory | str | Path,
    *,
    against: Sequence[str] | None = None,
    samples: int = SAMPLES,
    free_steps: int | None = None,
    precision: Checked | None = None,
    data: str | Path | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Crosscheck:
    """Run a trained network on other engines; see :func:`eqchip.crosscheck`."""
    run, listener = RunDirectory.of(run), progress or Silent()
    if against is not None and not against:
        known = ", ".join(one.name for one in engines.engines())
        raise InputError(f"crosscheck: no engine is named; expected some of {known}")
    chosen = engines.choose(against, precision)
    network = run.network()
    dataset = data_of(run, data, progress=progress is not None)
    problems: list[Problem] = []
    for one in CHECKED if precision is None else (precision,):
        if not any(one in engine.tolerances for engine in chosen):
            continue
        try:
            problems.append(
                engines.pose_run(
                    run.config, network, dataset,
                    samples=samples, precision=one, free_steps=free_steps,
                )
            )  # fmt: skip
        except InputError as error:  # a coding that no chip computes is still checked in floats
            if not problems:
                raise
            listener.message(f"precision {one!r} left out: {error}")
    found: list[Checkup] = []
    with listener.bar("Cross-checking", len(problems) * (1 + len(chosen))) as bar:
        for problem in problems:
            for checkup in engines.crosscheck(problem, chosen, threads):
                left_out(checkup, against, listener)
                found.append(checkup)
                bar.advance(engine=checkup.engine, precision=checkup.precision)
    return Crosscheck(run, samples, problems[0].steps, tuple(found))
