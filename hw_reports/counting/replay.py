"""Samples run once more on the chip: what the report counts.

A trained network is mapped, and some training samples go through the phases of training, some
others through inference, in the chip's integers. The weights stay as trained: what a report
says of a training sample holds for the network at the end of its training.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from eqchip.emulator.data.datasets import Dataset, one_hot, split_validation
from eqchip.emulator.description.asynchronous import Asynchronous, Timed
from eqchip.emulator.description.coding import OptimalStepSize
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free
from eqchip.emulator.engine.synchronous import lower_problem, solve
from eqchip.emulator.errors import InputError, check_whole
from eqchip.emulator.learning.contrast import Changes, contrast
from eqchip.emulator.problem.problem import Precision, Problem, Run, pose
from eqchip.emulator.progress import Progress, Silent
from eqchip.emulator.training.runs import ACTIVITY_FORMAT, RunDirectory
from eqchip.emulator.training.trainer import averaged_by_engine, stream_seed
from eqchip.hw_reports.pricing.epochs import metric
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.chip_file.learning import learning_chip
from eqchip.mapping.placement.mapped import MappedNetwork, map_network
from eqchip.mapping.placement.paths import paths
from eqchip.mapping.placement.wiring import check_kinds

Split = Literal["validation", "test"]
Mirror = tuple[np.ndarray, ...] | None  # what feedback spikes read, where it is a copy of its own


class Replayed(NamedTuple):
    """One set of samples: what was asked, what came of it, and which samples they were.

    ``indices`` count in the training set, or in the test set for test samples; ``labels`` are
    their classes.
    """

    problem: Problem
    run: Run
    indices: np.ndarray
    labels: np.ndarray

    @property
    def timed(self) -> Timed:
        """What an asynchronous run shows beside."""
        assert self.run.timed is not None
        return self.run.timed


class Written(NamedTuple):
    """Of the weights attempted in the last epoch, the shares whose code changed, or was clipped."""

    applied: float
    saturated: float


@dataclass(frozen=True, eq=False)
class Replay:
    """A network, its chip, and the samples that ran on it.

    Attributes
    ----------
    config : Config
    network : Network
    chip : Chip
    mapped : MappedNetwork or None
        None for a chip that is described by events alone.
    precision : {"chip", "float32"}
    training, inference : Replayed
        Bits are recorded of both.
    split : {"validation", "test"}
        Where the inference samples are from.
    changes : list of Changes
        Of each training sample by itself; empty if the run learned on the chip, which writes what
        :mod:`eqchip.emulator.learning.onchip_known` counts.
    notes : tuple of str
    timing : Asynchronous or None
        The clocks, delays, queues and faults that the samples ran with; None: in time steps.
    step_time : Replay or None
        With `timing`: the same samples in time steps.
    digest : str
        Of the chip as its file describes it; `chip` may hold the integers of the run instead.
    written : Written or None
        Of a run that learned on the chip, what came of the weights that it attempted to write.
    both_copies : bool
        Of such a run, whether feedback spikes read the mirrored copy of each weight as it learned;
        else the forward copy ran in both directions, because no other was kept.
    """

    config: Config
    network: Network
    chip: Chip
    mapped: MappedNetwork | None
    precision: Precision
    training: Replayed
    inference: Replayed
    split: Split
    changes: list[Changes]
    notes: tuple[str, ...]
    timing: Asynchronous | None = None
    step_time: Replay | None = None
    digest: str = ""
    written: Written | None = None
    both_copies: bool = False

    @property
    def error(self) -> float:
        """Inference samples classified wrongly, in percent."""
        ends, labels = self.inference.run.ends[0][-1], self.inference.labels
        return 100.0 * float((ends.argmax(1) != labels).mean())

    @property
    def fixed(self) -> FixedPoint:
        """The widths of weights and states; those of Loihi where the chip names none."""
        return self.chip.arithmetic or FixedPoint()


def replay(
    run: RunDirectory,
    chip: Chip,
    dataset: Dataset,
    *,
    samples: int,
    chips: int | None = 1,
    spread: int = 1,
    timing: Asynchronous | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Replay:
    """Run samples of a run directory's data set on a chip.

    Parameters
    ----------
    run : RunDirectory
        Of a trained network.
    chip : Chip
    dataset : Dataset
        The one that the run names.
    samples : int
        How many training samples, and how many for inference, at most as many as there are.
    chips : int or None
        Chips that the network may use; None: as many as it needs.
    spread : int
        Split every layer over so many times the fewest cores.
    timing : Asynchronous, optional
        Run the samples without a global clock, and in time steps as well, to compare.
    threads : int, optional
    progress : Progress, optional

    Raises
    ------
    InputError
        If there is no trained network or no activity, if the network sends no spikes or has a
        maximum pooling, if it does not fit the chip, or if the chip has no clocks that `timing`
        could be of. Of a run that learned on the chip, if this one cannot learn. With `timing`, of
        a run with a read-out outside the dynamics.
    """
    check_whole("report: samples", samples, 1)
    _check_timing(timing, chip)
    if timing is not None and run.config.learning.readout == "cross-entropy":
        raise InputError(
            "report: timing is given, but the run was trained with readout 'cross-entropy', which "
            "the asynchronous engine does not have; expected no timing"
        )
    check_ready(run)
    progress = progress or Silent()
    config, network = run.config, run.network()
    check_kinds(network)
    digest, written, mirror = chip.digest(), None, None
    if config.on_chip is not None:
        mirror = run.mirror()
        chip, written = learning_chip(chip, config.on_chip), _written(run)
        if chip.copies != 2:
            raise InputError(
                f"report: chip {chip.name} stores one copy of each weight, but the run learned in "
                "two; expected a chip with copies = 2"
            )
        if timing is not None:
            raise InputError(
                "report: timing is given, but the run learned on the chip, in time steps; "
                "expected no timing"
            )
    rates = firing_rates(run)
    mapped = None
    if chip.model == "cores":
        mapped = map_network(network, chip, chips=chips, rates=rates, spread=spread)
    notes: list[str] = []
    precision: Precision = "chip"
    if isinstance(config.coding.step_size, OptimalStepSize):
        precision = "float32"
        notes.append(
            "The optimal step size divides at every step, which no integer core does: "
            "the samples ran in float32, with the float weights."
        )
    chosen = _choose(config, dataset, samples)
    timings = [None] if timing is None else [None, timing]
    progress.start("Replaying", len(timings) * (len(chosen.training) + len(chosen.inference)))
    found: Replay | None = None
    for one in timings:
        settings = _settings(config, chip, mapped, precision, one)
        training = _train(config, network, mirror, dataset, chosen.training, settings, threads)
        progress.advance(len(chosen.training))
        inference = _infer(config, network, mirror, dataset, chosen, settings, threads)
        progress.advance(len(chosen.inference))
        changes = []
        if config.on_chip is None:
            changes = sample_changes(config, network, training.run)
        found = Replay(
            config,
            network,
            chip,
            mapped,
            precision,
            training,
            inference,
            chosen.split,
            changes,
            tuple(notes),
            timing=one,
            step_time=found,
            digest=digest,
            written=written,
            both_copies=mirror is not None,
        )
    progress.stop()
    assert found is not None
    return found


def _check_timing(timing: Asynchronous | None, chip: Chip) -> None:
    if timing is None:
        return
    if not isinstance(timing, Asynchronous):
        raise InputError(f"report: timing is {timing!r}; expected Asynchronous")
    if chip.model == "arithmetic":
        raise InputError(
            f"report: chip {chip.name} counts arithmetic and has no clocks that timing could be "
            "of; expected a chip of cores or events, such as loihi1-davies"
        )
    if timing.stop is not None:
        raise InputError(
            f"report: timing stops at {timing.stop!r}; expected no stop: costs are of whole phases"
        )


def check_ready(run: RunDirectory) -> None:
    """Refuse a run that nothing can be counted of, before any data are loaded.

    Raises
    ------
    InputError
        If there is no trained network yet, or if it sends no spikes.
    """
    if not (run.path / "network.npz").exists():
        raise InputError(
            f"{run.path}: no trained network yet; expected a run with at least one whole epoch "
            f"(eqchip train --resume {run.path})"
        )
    if run.config.coding.quantizer == "none":
        raise InputError(
            f"{run.path}: quantizer 'none' sends real values, and a chip's costs are counted in "
            "spikes; expected a run with quantizer 'sigma-delta' or 'bernoulli'"
        )


def firing_rates(run: RunDirectory) -> list[float]:
    """Spikes per unit and step of every layer, as counted in the last epoch of training.

    Raises
    ------
    InputError
        If the run has no activity, or the file is damaged.
    """
    path = run.path / "activity.json"
    try:
        document = json.loads(path.read_bytes().decode())
    except FileNotFoundError:
        raise InputError(
            f"{path}: no activity yet; expected a run with at least one whole epoch "
            f"(eqchip train --resume {run.path})"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: no valid JSON ({' '.join(str(error).split())[:200]})") from None
    found = document.get("format") if isinstance(document, dict) else None
    if found != ACTIVITY_FORMAT:
        raise InputError(f"{path}: format is {found!r}; expected {ACTIVITY_FORMAT!r}")
    return _rates(path, document, run.config)


def _written(run: RunDirectory) -> Written:
    """What came of the weights attempted in the last epoch; nothing before the first."""
    rows = [row for row in run.metrics() if "train_error" in row]
    if not rows:
        return Written(0.0, 0.0)
    attempted, applied, saturated = (
        metric(rows[-1], f"weights_{what}_per_sample")
        for what in ("attempted", "applied", "saturated")
    )
    most = max(attempted, 1.0)
    return Written(applied / most, saturated / most)


def _rates(path: Path, document: dict[str, Any], config: Config) -> list[float]:
    target = np.zeros((1, config.sizes[-1]))
    steps = sum(phase.steps for phase in config.learning.phases(target))
    samples = document.get("samples")
    try:
        spikes = np.array(document.get("spikes"), np.float64)
    except (TypeError, ValueError):
        spikes = np.zeros(0)
    if type(samples) is not int or samples < 1:
        raise InputError(f"{path}: samples is {samples!r}; expected a whole number of at least 1")
    if spikes.ndim != 2 or spikes.shape[1] != len(config.layers) or not _counts(spikes):
        raise InputError(
            f"{path}: spikes are no table of counts; expected a row per phase, "
            f"a column for each of {len(config.layers)} layers"
        )
    return [float(n) for n in spikes.sum(0) / samples / steps / np.array(config.sizes)]


def _counts(values: np.ndarray) -> bool:
    return bool(((values >= 0) & np.isfinite(values)).all())


class _Chosen(NamedTuple):
    training: np.ndarray
    inference: np.ndarray
    split: Split


def _choose(config: Config, dataset: Dataset, samples: int) -> _Chosen:
    """Which samples: drawn with the run's seed, in ascending order."""
    rng = np.random.default_rng([stream_seed(config.seed, "report")])
    train, validation = split_validation(dataset, config.validation)
    held = validation if len(validation) else np.arange(len(dataset.test_x))
    split: Split = "validation" if len(validation) else "test"

    def some(of: np.ndarray) -> np.ndarray:
        return np.sort(rng.choice(of, min(samples, len(of)), replace=False))

    return _Chosen(some(train), some(held), split)


def _settings(
    config: Config,
    chip: Chip,
    mapped: MappedNetwork | None,
    precision: Precision,
    timing: Asynchronous | None,
) -> dict[str, Any]:
    """What both sets of samples are run with."""
    settings: dict[str, Any] = {
        "coding": config.coding,
        "input": config.input,
        "precision": precision,
        "record": ("bits",),
        "fixed": chip.arithmetic if precision == "chip" else None,
        "parts": mapped.bundles if mapped is not None else (),
        "readout": config.learning.readout,
    }
    if timing is not None:
        settings |= {"timing": timing, "paths": None if mapped is None else paths(mapped)}
    return settings


def _train(
    config: Config,
    network: Network,
    mirror: Mirror,
    dataset: Dataset,
    indices: np.ndarray,
    settings: dict[str, Any],
    threads: int | None,
) -> Replayed:
    labels = dataset.train_y[indices]
    x = dataset.train_x[indices]
    share = config.descent.input_dropout
    if share:  # silenced inputs, as in training
        rng = np.random.default_rng([stream_seed(config.seed, "report dropout")])
        x = x * (rng.random(x.shape, np.float32) >= share)
    problem = pose(
        network,
        x,
        phases=config.learning.phases(one_hot(labels, dataset.classes)),
        seed=stream_seed(config.seed, "report train"),
        samples=indices,
        **settings,
    )
    run = _solve(config, problem, mirror, threads)
    return Replayed(problem, run, indices, labels)


def _infer(
    config: Config,
    network: Network,
    mirror: Mirror,
    dataset: Dataset,
    chosen: _Chosen,
    settings: dict[str, Any],
    threads: int | None,
) -> Replayed:
    held_out = chosen.split == "validation"
    x, y = (dataset.train_x, dataset.train_y) if held_out else (dataset.test_x, dataset.test_y)
    indices = chosen.inference
    x = x[indices]
    problem = pose(
        network,
        x * x.dtype.type(1.0 - config.descent.input_dropout),
        phases=[Free(config.learning.free_steps)],
        seed=stream_seed(config.seed, "classify"),
        samples=indices,
        **settings,
    )
    run = _solve(config, problem, mirror, threads)
    return Replayed(problem, run, indices, y[indices])


def _solve(config: Config, problem: Problem, mirror: Mirror, threads: int | None) -> Run:
    """Run a problem as training and classifying do."""
    lowered = lower_problem(problem, mirror)
    average = averaged_by_engine(config)
    return solve(problem, threads=threads, lowered=lowered, average_steps=average)


def sample_changes(config: Config, network: Network, run: Run) -> list[Changes]:
    """What each sample of a run teaches by itself, at the rates at which training starts.

    The rates are divided by the size of the run's minibatch: so many updates of one sample
    each then move the weights as far as one update of the minibatch did.
    """
    rates = [rate / config.descent.minibatch for rate in config.descent.lr]
    batch = len(run.ends[0][0])
    return [
        contrast(
            network,
            one_sample(run, k),
            beta=config.learning.beta,
            lr=rates,
            rule=config.learning.rule,
            threads=1,
        )
        for k in range(batch)
    ]


def one_sample(run: Run, index: int) -> Run:
    """The end potentials of one sample of a run; what else the run holds is left out."""
    ends: Sequence[Any] = [[end[index : index + 1] for end in phase] for phase in run.ends]
    return replace(run, ends=list(ends), bits=None, potentials=None, part_spikes=None)
