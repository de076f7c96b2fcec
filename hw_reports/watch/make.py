"""One sample, watched on a chip without a common clock: ``eqchip.watch``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.asynchronous import USUAL, Asynchronous, Timing, timing_of
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.modes import Precision
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.parts import whole_layers
from eqchip.emulator.description.phases import Nudged, Phase
from eqchip.emulator.description.task import Classification, one_hot
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.errors import InputError
from eqchip.emulator.files import check_folder, replacing, write_text
from eqchip.emulator.locks import alone
from eqchip.emulator.problem.needs import check_needs, of_learning
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.progress import Progress, Silent
from eqchip.emulator.studies.fixed_points import fixed_points
from eqchip.emulator.training.inference import inference_settings
from eqchip.emulator.training.presets import preset
from eqchip.emulator.training.run_data import data_of
from eqchip.emulator.training.runs import RunDirectory, command_line, provenance
from eqchip.hw_reports.watch.document import document
from eqchip.hw_reports.watch.watched import Watched, events_csv

FREE_STEPS_LEAST = 2000  # of the real-valued network to its fixed point; far more if it needs them
FRESH_DATASET = "digits"
UNUSED_BETA = 0.5  # of the nudged half of a search for the fixed point of a free phase


def watch(
    run: RunDirectory | str | Path | None = None,
    *,
    dataset: str | None = None,
    seed: int | None = None,
    sample: int = 0,
    precision: Precision | None = None,
    data: str | Path | None = None,
    out: str | Path | None = None,
    timing: Timing = USUAL,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Watch one sample on a chip without a common clock: spikes, messages, potentials.

    A test sample goes through the phases of training on the asynchronous engine, beside the
    synchronous one and the fixed point of the real-valued network.

    Parameters
    ----------
    run : RunDirectory or path, optional
        Of a trained network. Default: a fresh one, of random weights.
    dataset : str, optional
        Of a fresh network. Default: digits.
    seed : int, optional
        Of a fresh network. Default: 0.
    sample : int
        Its number in the test set, from 0.
    precision : {"float32", "float64", "chip"}, optional
        Numbers to compute in. Default: as in training.
    data : path, optional
        Directory of the IDX files. Default: EQCHIP_DATA, or a download.
    out : path, optional
        Directory to write watch.html, watch.png, watch.json and events.csv to. Default: nothing
        is written.
    timing : Asynchronous or "sync"
        ``"sync"``: the identity setting, on the asynchronous engine. None: the run's own.
    progress : Progress, optional

    Returns
    -------
    dict
        What watch.json holds.

    Raises
    ------
    InputError
        If the run has no trained network, there is no such sample, an engine refuses, or the
        real-valued network does not come to rest.
    """
    given = {"dataset": dataset, "seed": seed}
    of_fresh = {name: value for name, value in given.items() if value is not None}
    if run is not None and of_fresh:
        raise InputError(
            f"--{next(iter(of_fresh))} is given with {run}, a run that has its own; expected one "
            "of the two"
        )
    if out is not None:
        check_folder(Path(out))
    directory = None if run is None else RunDirectory.of(run)
    if directory is None:
        config = preset(FRESH_DATASET if dataset is None else dataset, seed=seed or 0)
    else:
        config = directory.config
    network = config.network() if directory is None else directory.network()
    shown = progress is not None
    if directory is None:
        found = load(config.dataset, data, progress=shown)
    else:
        found = data_of(directory, data, progress=shown)
    if found.task != Classification.name:
        raise InputError(
            f"watch: {found.name} is data of {found.task}; expected classes, which are what is "
            "shown of a sample"
        )
    found.check_numbers("watch")
    if not 0 <= sample < len(found.test_x):
        raise InputError(
            f"--sample is {sample}; expected 0 to {len(found.test_x) - 1}, "
            f"a test sample of {config.dataset}"
        )
    watched = watch_sample(
        config, network, timing_of(config.timing, timing) or Asynchronous(),
        found.test_x[sample], int(found.test_y[sample]),
        run=None if directory is None else directory.path, sample=sample, precision=precision,
        progress=progress,
    )  # fmt: skip
    made = document(watched, provenance(command_line()))
    if out is not None:
        _write(watched, made, Path(out), progress or Silent())
    return made


def watch_sample(
    config: Config,
    network: Network,
    timing: Asynchronous,
    x: Any,
    label: int,
    *,
    run: Path | None,
    sample: int,
    precision: Precision | None,
    progress: Progress | None = None,
) -> Watched:
    """Run one sample on both engines, and find the fixed point of each of its phases.

    Parameters
    ----------
    x : ndarray, shape (n_in,)
        As in the data set; scaled here as it is to be classified.

    Raises
    ------
    InputError
        If an engine refuses, or the real-valued network does not come to rest.
    """
    check_needs("watch", of_learning(config.learning), ())
    target = one_hot([label], config.sizes[-1])
    phases = config.learning.phases(target)
    # The free phase of the synchronous engine is then the one that `evaluate` runs.
    numbers = config.precision if precision is None else precision
    settings = inference_settings(config, x[None], [sample], phases=phases, precision=numbers)
    del settings["timing"]  # one of the two runs has one
    with (progress or Silent()).bar("Running", 3) as bar:
        asynchronous = solve(
            pose(network, **settings, record=("bits", "potentials", "events"), timing=timing)
        )
        bar.advance()
        synchronous = solve(pose(network, **settings, record=("bits", "potentials")))
        bar.advance()
        fixed, residual = _fixed_points(network, settings["x"], target, phases, sample)
        bar.advance()
    subject = {
        "run": None if run is None else str(run),
        "dataset": config.dataset,
        "sample": sample,
        "label": label,
        "precision": settings["precision"],
        "input": config.input,
        "seed": config.seed,
    }
    return Watched(
        subject, network.sizes, config.coding, timing, whole_layers(network.sizes),
        asynchronous, synchronous, fixed, residual,
    )  # fmt: skip


def _fixed_points(
    network: Network, x: Any, target: Any, phases: list[Phase], sample: int
) -> tuple[list[list[Any]], float]:
    """s* of each phase, by layer, and the largest residual."""
    points: list[list[Any]] = []
    residual = 0.0
    for phase in phases:
        nudged = isinstance(phase, Nudged)
        if not nudged and points:  # the free phase continued
            points.append(points[0])
            continue
        beta = phase.beta if isinstance(phase, Nudged) else UNUSED_BETA
        try:
            found = fixed_points(network, x, target, beta=beta, steps=FREE_STEPS_LEAST, threads=1)
        except InputError:
            raise InputError(
                f"--sample {sample}: the real-valued network does not come to rest, so there is "
                "no fixed point to compare with; expected another sample"
            ) from None
        points.append([values[0] for values in (found.nudged if nudged else found.free)])
        residual = max(residual, found.residual)
    return points, residual


def _write(watched: Watched, made: dict[str, Any], out: Path, progress: Progress) -> None:
    """The page, the picture, their numbers, and every event."""
    from eqchip.hw_reports.watch.figures import picture_png
    from eqchip.hw_reports.watch.page import page

    out.mkdir(parents=True, exist_ok=True)
    with progress.bar("Drawing", 2) as bar:
        text = page(made)
        bar.advance()
        drawn = picture_png(made)
        bar.advance()
    numbers = json.dumps(made, ensure_ascii=False, allow_nan=False) + "\n"
    with alone(out):
        write_text(out / "watch.json", numbers)
        write_text(out / "events.csv", events_csv(watched))
        with replacing(out / "watch.png") as file:
            file.write(drawn)
        write_text(out / "watch.html", text)
