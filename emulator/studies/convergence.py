"""How fast a coding reaches the fixed point of the real-valued network.

A random network relaxes for some steps; half way the output layer begins to be nudged
towards a target. At every step the error is the mean over all units but the clamped
input of ``|s - s*|``, with s* the fixed point of the real-valued network in the same
phase: the free one in the first half, the nudged one in the second. O'Connor, Gavves
and Welling made this experiment to choose their codings (2018 poster; AISTATS 2019).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.modes import Precision, Recordable
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.engine.lowering import lower
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.errors import check_whole
from eqchip.emulator.kernels.lowered import Lowered
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.run import Run
from eqchip.emulator.progress import Progress, Silent
from eqchip.emulator.studies.fixed_points import (
    REFERENCE_STEPS_FACTOR,
    REFERENCE_STEPS_LEAST,
    FixedPoints,
    fixed_points,
)
from eqchip.emulator.studies.intervals import Interval, interval, steps_to
from eqchip.emulator.studies.random_networks import check_layers, draw_network, in_chunks

EARLY_STEP = 20


@dataclass(frozen=True)
class Experiment:
    """What all codings are put to.

    Attributes
    ----------
    layers : tuple of int
        Units per layer, the input first.
    steps : int
        Time steps; the nudge is on in the second half.
    inputs : int
        Random inputs per network, each with a random target.
    beta : float
        The strength of the nudge.
    seed : int
        Of networks, inputs, targets and stochastic codings.
    precision : {"float32", "float64"}
        Of the codings; fixed points are always found in float64.

    Raises
    ------
    InputError
        Naming the attribute, its value, and what would be right.
    """

    layers: tuple[int, ...] = (500, 500, 10)
    steps: int = 500
    inputs: int = 20
    beta: float = 0.5
    seed: int = 0
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        check_layers("converge", self.layers)
        check_whole("converge: steps", self.steps, 2)
        check_whole("converge: inputs", self.inputs, 1, 2**32)
        check_whole("converge: seed", self.seed, 0, 2**64)

    @property
    def free_steps(self) -> int:
        """Steps before the nudge."""
        return self.steps // 2

    @property
    def reference_steps(self) -> int:
        """Steps of the real-valued network in each phase, to find its fixed points."""
        return max(REFERENCE_STEPS_FACTOR * (self.steps - self.free_steps), REFERENCE_STEPS_LEAST)

    @property
    def early_step(self) -> int:
        """The step at which an early error is shown."""
        return min(EARLY_STEP, self.free_steps)


@dataclass(frozen=True, eq=False)
class Case:
    """One random network with its inputs, targets and fixed points."""

    network: Network
    lowered: Lowered
    x: np.ndarray
    target: np.ndarray
    seed: int
    fixed_points: FixedPoints


@dataclass(frozen=True, eq=False)
class Curve:
    """A coding on one network.

    Attributes
    ----------
    error : ndarray, shape (steps,)
        Mean ``|s - s*|`` over inputs and all units but the clamped ones.
    spikes : ndarray, shape (layers,)
        Spikes per unit and step, the input layer first.
    spikes_overall : float
        Spikes per unit and step over all units.
    """

    error: np.ndarray
    spikes: np.ndarray
    spikes_overall: float


@dataclass(frozen=True, eq=False)
class Measured:
    """A coding on several networks.

    Attributes
    ----------
    errors : ndarray, shape (networks, steps)
    spikes : ndarray, shape (networks, layers)
    spikes_overall : ndarray, shape (networks,)
    free_steps, early_step : int
    """

    errors: np.ndarray
    spikes: np.ndarray
    spikes_overall: np.ndarray
    free_steps: int
    early_step: int

    @property
    def early(self) -> np.ndarray:
        """The error at the early step, per network."""
        return self.errors[:, self.early_step - 1]

    @property
    def free_end(self) -> np.ndarray:
        """The error at the last free step, per network."""
        return self.errors[:, self.free_steps - 1]

    @property
    def nudged_end(self) -> np.ndarray:
        """The error at the last step, per network."""
        return self.errors[:, -1]

    @property
    def overall(self) -> np.ndarray:
        """The mean error over all steps, per network: small if and only if fast throughout."""
        return self.errors.mean(1)

    @cached_property
    def curve(self) -> Interval:
        """The error at each step."""
        return interval(self.errors)

    @property
    def decay_exponent(self) -> float:
        """The k of ``error ~ 1 / t^k`` from the early to the last free step (least squares)."""
        t = np.arange(self.early_step, self.free_steps + 1)
        error = self.errors.mean(0)[t - 1]
        if len(t) < 2 or not (error > 0).all():
            return math.nan
        return float(-np.polyfit(np.log(t), np.log(error), 1)[0])

    def steps_to(self, error: float) -> int | None:
        """The first free step from which the mean error stays at most this; None if none."""
        return steps_to(self.errors.mean(0)[: self.free_steps], error)


@dataclass(frozen=True, eq=False)
class Study:
    """All codings on the same networks."""

    experiment: Experiment
    codings: dict[str, Coding]
    measured: dict[str, Measured]
    residual: float
    reference_steps: int


def make_case(
    experiment: Experiment, purpose: str, index: int, *, threads: int | None = None
) -> Case:
    """Draw a network, inputs and targets, and find their fixed points.

    Parameters
    ----------
    experiment : Experiment
    purpose : str
        Cases of different purposes have nothing in common.
    index : int
        Which of that purpose.
    threads : int, optional
    """
    network, coding_seed, rng = draw_network(experiment.layers, experiment.seed, purpose, index)
    x = rng.random((experiment.inputs, experiment.layers[0]))
    target = np.eye(experiment.layers[-1])[rng.integers(experiment.layers[-1], size=len(x))]
    found = fixed_points(
        network,
        x,
        target,
        beta=experiment.beta,
        steps=experiment.reference_steps,
        threads=threads,
    )
    lowered = lower(network, np.dtype(experiment.precision))
    return Case(network, lowered, x, target, coding_seed, found)


def error_curve(
    experiment: Experiment, case: Case, coding: Coding, *, threads: int | None = None
) -> Curve:
    """Relax a case in a coding, and compare every step with the fixed points."""
    sizes = np.array(experiment.layers)
    record: tuple[Recordable, ...] = ("potentials",)
    row_bytes = experiment.steps * int(sizes.sum()) * np.dtype(experiment.precision).itemsize
    errors, spikes = [], np.zeros(len(sizes), np.int64)
    for samples in in_chunks(experiment.inputs, row_bytes):
        problem = pose(
            case.network,
            case.x[samples],
            coding=coding,
            phases=[
                Free(experiment.free_steps),
                Nudged(
                    experiment.steps - experiment.free_steps, case.target[samples], experiment.beta
                ),
            ],
            precision=experiment.precision,
            record=record,
            seed=case.seed,
            samples=samples,
        )
        run = solve(problem, threads=threads, lowered=case.lowered)
        errors.append(_distance(run, case.fixed_points, samples, experiment.free_steps))
        spikes += run.activity.spikes.sum(0)
    per_step = experiment.inputs * experiment.steps
    return Curve(
        np.concatenate(errors, 1).mean(1) / sizes[1:].sum(),
        spikes / (sizes * per_step),
        float(spikes.sum() / (sizes.sum() * per_step)),
    )


def measure(
    experiment: Experiment,
    codings: Mapping[str, Coding],
    *,
    repeats: int = 20,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Study:
    """Put several codings to the same random networks.

    Parameters
    ----------
    experiment : Experiment
    codings : mapping of str to Coding
    repeats : int
        Networks, at least 2.
    threads : int, optional
        Default: all processors. The result does not depend on it.
    progress : Progress, optional

    Raises
    ------
    InputError
        If there are fewer than 2 repeats, or a network has no fixed point.
    """
    check_repeats(repeats)
    progress = Silent() if progress is None else progress
    curves: dict[str, list[Curve]] = {name: [] for name in codings}
    residual, reference_steps = 0.0, 0
    with progress.bar("measuring", repeats * len(codings)) as bar:
        for repeat in range(repeats):
            case = make_case(experiment, "measure", repeat, threads=threads)
            residual = max(residual, case.fixed_points.residual)
            reference_steps = max(reference_steps, case.fixed_points.steps)
            for name, coding in codings.items():
                curves[name].append(error_curve(experiment, case, coding, threads=threads))
                bar.advance(1, network=repeat + 1)
    return Study(
        experiment,
        dict(codings),
        {name: _join(experiment, found) for name, found in curves.items()},
        residual,
        reference_steps,
    )


def check_repeats(repeats: int) -> None:
    """Refuse fewer than 2 networks: one says nothing about how far another may differ."""
    check_whole("converge: repeats", repeats, 2)


def _distance(run: Run, found: FixedPoints, samples: np.ndarray, free_steps: int) -> np.ndarray:
    """Sum over units of |s - s*|, shape (steps, samples)."""
    assert run.potentials is not None
    total = np.zeros(run.potentials[0].shape[:2])
    for s, free, nudged in zip(run.potentials[1:], found.free[1:], found.nudged[1:], strict=True):
        total[:free_steps] += np.abs(s[:free_steps] - free[samples]).sum(2)
        total[free_steps:] += np.abs(s[free_steps:] - nudged[samples]).sum(2)
    return total


def _join(experiment: Experiment, curves: Sequence[Curve]) -> Measured:
    return Measured(
        np.stack([curve.error for curve in curves]),
        np.stack([curve.spikes for curve in curves]),
        np.array([curve.spikes_overall for curve in curves]),
        experiment.free_steps,
        experiment.early_step,
    )
