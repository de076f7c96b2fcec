"""A run's trained network on its test set, or on the samples set aside: ``eqchip.evaluate``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from eqchip.emulator.data.dataset import Dataset, split_validation
from eqchip.emulator.description.asynchronous import Timing, timing_of
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.config import Config, make_config
from eqchip.emulator.description.config_checks import check_states
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.modes import Precision, States
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.description.spiking.rule import SpikingRule
from eqchip.emulator.description.task import Task
from eqchip.emulator.description.weight_losses import Lost, losses
from eqchip.emulator.engine.lowering import lower_fixed
from eqchip.emulator.engine.stuck import check_stuck, set_stuck
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels.lowered import Lowered
from eqchip.emulator.progress import Progress
from eqchip.emulator.training.classifier import Classifier, Tally
from eqchip.emulator.training.learners import row_of
from eqchip.emulator.training.rounding import rounded_by_activity
from eqchip.emulator.training.run_data import data_of
from eqchip.emulator.training.runs import RunDirectory
from eqchip.emulator.training.spiking_training import SpikingNetwork, rule_and_chip

FORMAT = "eqchip-evaluation 1"

ROUNDED_BY = 1000  # training samples, whose activity weights are rounded by

Split = Literal["test", "validation"]
Rounding = Literal["nearest", "activity"]


@dataclass(frozen=True, repr=False)
class Evaluation:
    """What a trained network made of a data set.

    Attributes
    ----------
    run : Path
    split : {"test", "validation"}
    config : Config
        As evaluated: the run's, with what was asked for in its place.
    fixed : FixedPoint or None
        The chip's integers that it ran in, if it did.
    tally : Tally
        Samples, errors, and all that was counted.
    lost : tuple of Lost
        What rounding to these integers lost of the weights, by connection; empty in floats.
    steps : float
        Time steps of a sample, in the mean.
    sure : float or None
        The lead of an output that ended a sample.
    """

    run: Path
    split: Split
    config: Config
    fixed: FixedPoint | None
    tally: Tally
    lost: tuple[Lost, ...] = ()
    steps: float = 0
    sure: float | None = None

    @property
    def error(self) -> float:
        """The task's error in percent: samples wrong, or variance unexplained."""
        return self.tally.error

    def __repr__(self) -> str:
        return f"Evaluation({self.run.name} on {self.split}: {self.tally!r})"

    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON takes it."""
        config, tally = self.config, self.tally
        return {
            "format": FORMAT,
            "run": str(self.run),
            "split": self.split,
            "states": config.learning.states,
            "timing": asdict(config.timing) if config.timing else None,
            **({} if config.spiking is None else {"rule": config.spiking.name}),
            "quantizer": config.coding.quantizer,
            "precision": "chip" if self.fixed else config.precision,
            "arithmetic": asdict(self.fixed) if self.fixed else None,
            "saturations": tally.saturations,
            "weights_lost": [one._asdict() for one in self.lost],
            "samples": tally.samples,
            "error": tally.error,
            **tally.score.figures(tally.samples),
            "free_steps": self.steps,
            "sure": self.sure,
            "spikes_per_sample": tally.spikes_per_sample,
            "synaptic_events_per_sample": tally.events_per_sample,
            "macs_per_sample": tally.macs_per_sample,
            "activity": tally.activity.to_dict(),
        }


def evaluate(
    run: RunDirectory | str | Path,
    *,
    data: str | Path | None = None,
    split: Split = "test",
    free_steps: int | None = None,
    real_valued: bool = False,
    precision: Precision | None = None,
    weight_bits: int | None = None,
    state_bits: int | None = None,
    fraction_bits: int | None = None,
    outliers: float | None = None,
    rounding: Rounding = "nearest",
    strict: bool = False,
    sure: float | None = None,
    states: States | None = None,
    timing: Timing = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Classify a data set with the trained network of a run.

    Parameters
    ----------
    run : RunDirectory or path
    data : path, optional
        Directory of the IDX files, or the file of one's own data. Default: where they came from.
    split : {"test", "validation"}
        Choose settings on validation; read the test set once.
    free_steps : int, optional
        Time steps per sample. Default: as in training.
    real_valued : bool
        Exact messages in place of bits, with a step size of 0.5 and no prediction.
    precision : {"float32", "float64", "chip"}, optional
        ``"chip"``: a chip's integers. Default: as in training.
    weight_bits, state_bits, fraction_bits : int, optional
        With precision ``"chip"``: of a weight, of a state, and of those below the point. Default:
        as the chip learned, or 8, 24 and 12.
    outliers : float, optional
        With precision ``"chip"``: share of the largest weights of a connection that have no say in
        its exponent. Default: 0.
    rounding : {"nearest", "activity"}
        With precision ``"chip"``: each weight by itself, or so that what units receive changes
        little, by what they do for the first training samples; see
        :mod:`eqchip.emulator.training.rounding`.
    strict : bool
        With precision ``"chip"``: refuse a state out of range, and a connection most of whose
        weights round to 0 or are clipped.
    sure : float, optional
        A sample ends as soon as its largest output leads all others by more than this, in the mean
        of the last steps that training averages over. Default: all steps.
    states : {"reset", "kept", "announced"}, optional
        Where a sample begins: at rest, or where the one before it ended, in as many streams as
        minibatches of training have places; see
        :class:`~eqchip.emulator.description.learning.Learning`. Default: as in training.
    timing : Asynchronous or "sync", optional
        Default: as in training.
    threads : int, optional
        Default: all processors. The result does not depend on it.
    progress : Progress, optional

    Raises
    ------
    InputError
        If the run has no trained network, its data are not found, no samples were set aside, or a
        setting is wrong or without effect.
    """
    run = RunDirectory.of(run)
    if rounding not in get_args(Rounding):
        raise InputError(
            f"rounding is {rounding!r}; expected one of {', '.join(get_args(Rounding))}"
        )

    @cache
    def dataset() -> Dataset:
        return data_of(run, data, progress=progress is not None)

    def trained_on() -> np.ndarray:
        indices, _ = split_validation(dataset(), run.config.validation)
        found: np.ndarray = dataset().train_x[indices[:ROUNDED_BY]]
        return found

    asked = _Asked(
        free_steps, real_valued, precision,
        {"weight_bits": weight_bits, "state_bits": state_bits, "fraction_bits": fraction_bits,
         "outliers": outliers},
        trained_on if rounding == "activity" else None, strict, sure, states, timing, threads,
    )  # fmt: skip

    def samples() -> tuple[np.ndarray, np.ndarray, Task]:
        return _samples(run, split, dataset)

    found = row_of(EVALUATIONS, run.config)(run, asked, samples, progress)
    return Evaluation(run.path, split, *found, sure)


class _Asked(NamedTuple):
    """How a run is to be evaluated: arguments of `evaluate`."""

    free_steps: int | None
    real_valued: bool
    precision: Precision | None
    widths: dict[str, Any]
    rounded_by: Callable[[], np.ndarray] | None
    strict: bool
    sure: float | None
    states: States | None
    timing: Timing
    threads: int | None


# As in `Evaluation`: config, fixed, tally, lost, steps.
_Found = tuple[Config, FixedPoint | None, Tally, tuple[Lost, ...], float]
_Samples = Callable[[], tuple[np.ndarray, np.ndarray, Task]]


def _of_ep(
    run: RunDirectory, asked: _Asked, samples: _Samples, progress: Progress | None
) -> _Found:
    """Of a run of Equilibrium Propagation."""
    config, learned, precision = run.config, run.config.on_chip, asked.precision
    if precision is None and learned is not None:
        precision = "chip"  # as in training
    fixed = _arithmetic(config, precision, asked.widths, asked.strict)
    config = _asked(
        config, asked.free_steps, asked.real_valued, None if fixed else precision, asked.timing,
        asked.states,
    )  # fmt: skip
    network = run.network()
    if asked.rounded_by is not None:
        network = _rounded(run, network, fixed, asked.rounded_by, asked.threads)
    x, y, task = samples()
    lowered: Lowered | None = None
    kept: tuple[Lost, ...] = ()
    if fixed is not None:
        lowered = lower_fixed(network, fixed, mirror=None if learned is None else run.mirror())
        kept = losses(network, fixed, lowered.exponents.tolist())
        check_stuck(config.timing, network.connections)
        set_stuck(lowered, config.timing, fixed)
    if asked.sure is not None and task.name != "classification":
        raise InputError(
            f"sure is {asked.sure!r} of a {task.name}, whose outputs do not lead; expected None"
        )
    classifier = Classifier(
        config, network, asked.threads, lowered, fixed, asked.strict, asked.sure
    )
    tally = classifier.classify(x, y, progress, task)
    # Every unit is updated at every step: those of the last layer tell how many steps there were.
    updates = (tally.activity.updates_active + tally.activity.updates_inactive)[0, -1]
    steps = float(updates) / config.sizes[-1] / max(tally.samples, 1)
    if asked.sure is None:
        steps = config.learning.free_steps
    return config, fixed, tally, kept, steps


def _rounded(
    run: RunDirectory,
    network: Network,
    fixed: FixedPoint | None,
    samples: Callable[[], np.ndarray],
    threads: int | None,
) -> Network:
    """The network rounded by its activity."""
    if fixed is None:
        raise InputError("--rounding activity is given in floats; expected --precision chip")
    if run.config.on_chip is not None:
        raise InputError(
            f"--rounding activity is given, but {run.path} learned on a chip, in codes; expected "
            "--rounding nearest"
        )
    return rounded_by_activity(network, run.config, fixed, samples(), threads)


def _of_spikes(
    run: RunDirectory, asked: _Asked, samples: _Samples, progress: Progress | None
) -> _Found:
    """Of a run by a rule of integrate-and-fire units: as it learned, and no other way."""
    rule, onchip = rule_and_chip(run.config)
    given = {
        "free_steps": asked.free_steps, "real_valued": asked.real_valued or None, **asked.widths,
        "precision": None if asked.precision == "chip" else asked.precision,
        "rounding": None if asked.rounded_by is None else "activity",
        "strict": asked.strict or None, "sure": asked.sure, "states": asked.states,
        "timing": None if asked.timing == "sync" else asked.timing,
    }  # fmt: skip
    for name, value in given.items():
        if value is not None:
            raise InputError(
                f"--{name.replace('_', '-')} is given, but the run was trained by rule "
                f"{rule.name!r}, which runs as it learned; expected no such flag"
            )
    chip = SpikingNetwork(run.config, run.weights())
    x, labels, _ = samples()
    tally = chip.classify(x, labels, progress)
    return run.config, onchip.fixed, tally, (), chip.steps(tally)


# By the type of what trained the run, `Config.learner`, or what that derives from.
EVALUATIONS: dict[type, Callable[..., _Found]] = {
    Learning: _of_ep,
    OnChip: _of_ep,
    SpikingRule: _of_spikes,
}


def _arithmetic(
    config: Config, precision: Precision | None, widths: dict[str, Any], strict: bool
) -> FixedPoint | None:
    """The integers to compute in; None: floats."""
    given = {name: bits for name, bits in widths.items() if bits is not None}
    if precision == "chip":
        learned = config.on_chip
        return replace(FixedPoint() if learned is None else learned.fixed, **given)
    if given or strict:
        option = next(iter(given), "strict").replace("_", "-")
        found = config.precision if precision is None else precision
        raise InputError(f"--{option} is given with precision {found!r}; expected --precision chip")
    return None


def _asked(
    config: Config,
    free_steps: int | None,
    real_valued: bool,
    precision: Precision | None,
    timing: Timing,
    states: States | None,
) -> Config:
    """The settings of a run with those that are given in their place."""
    if free_steps is not None or precision is not None:
        settings = config.model_dump()
        if free_steps is not None:
            settings["learning"]["free_steps"] = free_steps
        if precision is not None:
            settings["precision"] = precision
        config = make_config(**settings)
    if real_valued:
        config = config.model_copy(update={"coding": Coding.real_valued()})
    if states is not None:
        learning = replace(config.learning, states=states)
        config = config.model_copy(update={"learning": learning})
    config = config.model_copy(update={"timing": timing_of(config.timing, timing)})
    check_states(config.learning.states, config.coding)
    if config.learning.states == "announced" and config.timing is not None:
        raise InputError(
            "states is 'announced' without a clock, where units count no time that they have in "
            "common; expected 'kept' or 'reset'"
        )
    return config


def _samples(
    run: RunDirectory, split: Split, data: Callable[[], Dataset]
) -> tuple[np.ndarray, np.ndarray, Task]:
    """Inputs, what they are to be, and how that is judged."""
    if split not in get_args(Split):
        raise InputError(f"split is {split!r}; expected one of {', '.join(get_args(Split))}")
    dataset = data()
    if split == "test":
        return dataset.test_x, dataset.test_y, dataset.aim
    _, indices = split_validation(dataset, run.config.validation)
    if not len(indices):
        raise InputError(f"{run.path}: no validation samples were set aside; expected --split test")
    return dataset.train_x[indices], dataset.train_y[indices], dataset.aim
