"""Samples run again, one by one, as the run trained and as it classifies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import numpy as np

from eqchip.emulator.data.dataset import Dataset, split_validation
from eqchip.emulator.description.asynchronous import Asynchronous
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.modes import Precision
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.timed import Timed
from eqchip.emulator.engine.synchronous import lower_problem, solve
from eqchip.emulator.engine.units import at_rest
from eqchip.emulator.errors import InputError
from eqchip.emulator.learning.contrast import Changes, contrast
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.problem.run import Run
from eqchip.emulator.training.inference import (
    averaged_by_engine,
    inference_settings,
    shown,
    stream_seed,
)
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.placement.mapped import MappedNetwork
from eqchip.mapping.placement.paths import paths

SAMPLES = 20  # training samples that are replayed where nobody says how many
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


class _Chosen(NamedTuple):
    training: np.ndarray
    inference: np.ndarray
    split: Split


def choose(config: Config, dataset: Dataset, samples: int) -> _Chosen:
    """Which samples: drawn with the run's seed, in ascending order.

    As many for inference, or all that are held out where these are fewer.

    Raises
    ------
    InputError
        If there are not so many training samples; the usual number means all of fewer.
    """
    rng = np.random.default_rng([stream_seed(config.seed, "report")])
    train, validation = split_validation(dataset, config.validation)
    if samples > max(SAMPLES, len(train)):
        raise InputError(
            f"report: samples is {samples}; expected at most the {len(train)} training samples of "
            f"{dataset.name}"
        )
    held = validation if len(validation) else np.arange(len(dataset.test_x))
    split: Split = "validation" if len(validation) else "test"
    if not len(held):
        raise InputError(
            f"{dataset.name}: neither validation nor test samples were set aside; expected some to "
            "classify"
        )

    def some(of: np.ndarray) -> np.ndarray:
        return np.sort(rng.choice(of, min(samples, len(of)), replace=False))

    return _Chosen(some(train), some(held), split)


def settings_of(
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
        if config.on_chip is not None and config.learning.average_steps > 1:
            settings["record"] = ("bits", "potentials")  # whose means cores learn by
    return settings


def train_on(
    config: Config,
    network: Network,
    mirror: Mirror,
    dataset: Dataset,
    indices: np.ndarray,
    settings: dict[str, Any],
    threads: int | None,
) -> Replayed:
    """The chosen samples, through the phases of training."""
    labels = dataset.train_y[indices]
    x = dataset.train_x[indices]
    if dataset.recorded:
        x = shown(x, config, config.learning.free_steps)
    share = config.descent.input_dropout
    if share:  # silenced inputs, as in training
        rng = np.random.default_rng([stream_seed(config.seed, "report dropout")])
        x = x * (rng.random(x.shape, np.float32) >= share)
    problem = pose(
        network,
        x,
        phases=config.learning.phases(dataset.targets(labels)),
        seed=stream_seed(config.seed, "report train"),
        samples=indices,
        **settings,
    )
    run = _solve(config, problem, mirror, threads)
    return Replayed(problem, run, indices, labels)


def infer(
    config: Config,
    network: Network,
    mirror: Mirror,
    dataset: Dataset,
    chosen: _Chosen,
    settings: dict[str, Any],
    threads: int | None,
) -> Replayed:
    """The chosen samples, classified as the trained run does."""
    held_out = chosen.split == "validation"
    x, y = (dataset.train_x, dataset.train_y) if held_out else (dataset.test_x, dataset.test_y)
    indices = chosen.inference
    # The report says whether there is a timing; without, the samples run in time steps.
    problem = pose(
        network, **inference_settings(config, x[indices], indices, **{"timing": None, **settings})
    )
    run = _solve(config, problem, mirror, threads)
    return Replayed(problem, run, indices, y[indices])


def _solve(config: Config, problem: Problem, mirror: Mirror, threads: int | None) -> Run:
    """Run a problem as training and classifying do.

    Where states are carried on, every sample begins in those of another one of them.
    """
    lowered = lower_problem(problem, mirror)
    average = averaged_by_engine(config)
    if config.learning.carries:
        problem = replace(problem, latest_step=config.learning.latest_step)
        problem = replace(problem, carried=at_rest(problem, lowered, len(problem.x)))
        former = replace(problem, x=np.roll(problem.x, 1, axis=0))
        solve(former, threads=threads, lowered=lowered, average_steps=average)
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
