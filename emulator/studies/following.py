"""How soon and how exactly a network follows an input that switches, and nobody tells it.

Random networks see a stream of pictures. At moments that no unit is told of, the clamped input
becomes another one; states, messages and the step number stay. At every step the distance is the
mean of ``|s - s*|`` over all units but the clamped ones, with s* the free fixed point of the
real-valued network under the picture of now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eqchip.emulator.description.asynchronous import Asynchronous
from eqchip.emulator.description.coding import (
    AdaptivePrediction,
    Coding,
    OptimalStepSize,
    Polynomial,
)
from eqchip.emulator.description.modes import InputMode, Precision, Recordable
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free
from eqchip.emulator.engine.lowering import lower, lower_fixed
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.errors import InputError, check_whole
from eqchip.emulator.kernels.lowered import Lowered
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.progress import Progress, Silent
from eqchip.emulator.studies.fixed_points import REFERENCE_STEPS_LEAST, fixed_points
from eqchip.emulator.studies.intervals import Interval, interval, steps_to
from eqchip.emulator.studies.random_networks import check_layers, draw_network, in_chunks

SHORTEST = 0.75  # of the mean steps between two switches; the longest is as much longer


@dataclass(frozen=True)
class Restarted(Polynomial):
    """A schedule that begins anew after some steps: what an oracle tells of the switches."""

    after: tuple[int, ...] = ()

    def table(self, steps: int, dtype: Any = np.float64) -> np.ndarray:
        """The schedule at t = 1 ... steps, shape (steps,)."""
        t, starts = np.arange(steps), np.array([0, *self.after])
        return super().table(steps, dtype)[t - starts[np.searchsorted(starts, t, "right") - 1]]


@dataclass(frozen=True)
class Follower:
    """A coding that is put to the stream.

    Attributes
    ----------
    label : str
    coding : Coding
    told : bool
        Whether an oracle lets its schedules begin anew at every switch.
    """

    label: str
    coding: Coding
    told: bool = False

    def coding_of(self, switches: tuple[int, ...]) -> Coding:
        """The coding of a stream that switches after these steps."""
        if not self.told:
            return self.coding
        size, prediction = self.coding.step_size, self.coding.schedule
        if not isinstance(size, Polynomial) or prediction is None:
            raise InputError(f"follow: {self.label} has no schedules; expected told=False")
        return replace(
            self.coding,
            step_size=Restarted(size.value, size.exponent, switches),
            prediction=Restarted(prediction.value, prediction.exponent, switches),
        )


# Settings with a constant coefficient of O'Connor, Gavves and Welling's convergence study.
_OSA = OptimalStepSize(0.0411, 1e-7)
_OSA_PREDICTION = Polynomial(0.206)
# The step size of the preset where nothing else is said.
FOLLOWERS = {
    "constant": Follower("constant λ 0.2", Coding(prediction=Polynomial(0.2))),
    "schedule": Follower("λ annealed from the start", Coding()),
    "oracle": Follower("λ annealed, an oracle restarts it", Coding(), told=True),
    "osa": Follower("OSA, constant λ", Coding(step_size=_OSA, prediction=_OSA_PREDICTION)),
    "adapted": Follower("λ adapted", Coding(prediction=AdaptivePrediction())),
    "both": Follower("OSA, λ adapted", Coding(step_size=_OSA, prediction=AdaptivePrediction())),
    "real-valued": Follower("real-valued, ε 0.5", Coding.real_valued(0.5)),
}


@dataclass(frozen=True)
class Stream:
    """What all codings are put to.

    Attributes
    ----------
    layers : tuple of int
        Units per layer, the input first.
    pictures : int
        Random inputs one after the other, at least 2.
    steps : int
        Mean steps of a picture; the moments of the switches are drawn.
    streams : int
        Streams side by side per network, with the same moments.
    input : {"spikes", "current"}
    precision : {"float32", "float64", "chip"}
    timing : Asynchronous, optional
    seed : int
        Of networks, pictures and moments.

    Raises
    ------
    InputError
        Naming the attribute, its value, and what would be right.
    """

    layers: tuple[int, ...] = (500, 500, 10)
    pictures: int = 5
    steps: int = 200
    streams: int = 4
    input: InputMode = "spikes"
    precision: Precision = "float32"
    timing: Asynchronous | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_layers("follow", self.layers)
        check_whole("follow: pictures", self.pictures, 2)
        check_whole("follow: steps", self.steps, 8)
        check_whole("follow: streams", self.streams, 1, 2**32)
        check_whole("follow: seed", self.seed, 0, 2**64)

    @property
    def horizon(self) -> int:
        """Steps after a switch that are looked at: those that every picture has."""
        return int(SHORTEST * self.steps)

    def suits(self, follower: Follower) -> bool:
        """Whether a coding can be put to it: see :meth:`why_not`."""
        return self.why_not(follower) == ""

    def why_not(self, follower: Follower) -> str:
        """Why a coding is left out, or nothing."""
        coding = follower.coding
        if self.precision == "chip" and coding.adaptive is not None:
            return "divides at every step"
        if self.precision == "chip" and not coding.sends_bits:
            return "sends no bits"
        if self.timing is not None and follower.told:
            return "no unit counts the time of all"
        return ""


@dataclass(frozen=True, eq=False)
class Case:
    """One random network with its pictures, moments and fixed points.

    Attributes
    ----------
    network, lowered : Network, Lowered
    x : ndarray, shape (pictures, streams, n_in)
    lengths : tuple of int
        Steps of each picture.
    goals : list of ndarray, shape (pictures, streams, units)
        The fixed points, per layer but the input.
    seed : int
    residual : float
        Of the fixed points.
    """

    network: Network
    lowered: Lowered
    x: np.ndarray
    lengths: tuple[int, ...]
    goals: list[np.ndarray]
    seed: int
    residual: float


@dataclass(frozen=True, eq=False)
class Followed:
    """A coding on several networks.

    Attributes
    ----------
    first : ndarray, shape (networks, horizon)
        Distance at the steps of the first picture, from rest.
    later : ndarray, shape (networks, horizon)
        Distance at the steps since a switch, mean over all but the first picture.
    spikes : ndarray, shape (networks,)
        Spikes per unit and step after the first picture, the input left out.
    input_spikes : ndarray, shape (networks,)
        Of the input.
    """

    first: np.ndarray
    later: np.ndarray
    spikes: np.ndarray
    input_spikes: np.ndarray

    def curve(self) -> Interval:
        """The distance since a switch."""
        return interval(self.later)

    def steps_to(self, distance: float) -> int | None:
        """Steps since a switch from which the mean distance stays at most this; None: never."""
        return steps_to(self.later.mean(0), distance)


@dataclass(frozen=True, eq=False)
class Study:
    """All codings on the same networks."""

    stream: Stream
    followers: dict[str, Follower]
    followed: dict[str, Followed]
    residual: float


def make_case(
    stream: Stream, index: int, *, purpose: str = "measure", threads: int | None = None
) -> Case:
    """Draw a network, its pictures and the moments of the switches; find the fixed points."""
    network, coding_seed, rng = draw_network(stream.layers, stream.seed, purpose, index)
    x = rng.random((stream.pictures, stream.streams, stream.layers[0]))
    longest = 2 * stream.steps - stream.horizon
    lengths = rng.integers(stream.horizon, longest, stream.pictures, endpoint=True)
    together = x.reshape(-1, stream.layers[0])
    found = fixed_points(
        network, together, np.zeros((len(together), stream.layers[-1])), beta=0.5,
        steps=REFERENCE_STEPS_LEAST, threads=threads,
    )  # fmt: skip
    goals = [free.reshape(*x.shape[:2], -1) for free in found.free[1:]]
    asked = pose(network, x[0], coding=Coding(), phases=[Free(1)], precision=stream.precision)
    if asked.fixed is None:
        lowered = lower(network, np.dtype(stream.precision))
    else:
        lowered = lower_fixed(network, asked.fixed)
    return Case(
        network, lowered, x, tuple(int(n) for n in lengths), goals, coding_seed, found.residual
    )


def follow(
    stream: Stream, case: Case, follower: Follower, *, threads: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Run a coding through the stream of a case.

    Returns
    -------
    distance : ndarray, shape (pictures, horizon)
    spikes : ndarray, shape (pictures, layers)
        Per unit and step.
    """
    sizes, starts = np.array(stream.layers), np.cumsum([0, *case.lengths])
    steps = int(starts[-1])
    coding = follower.coding_of(tuple(int(start) for start in starts[1:-1]))
    distance = np.zeros((stream.pictures, stream.horizon))
    spikes = np.zeros((stream.pictures, len(sizes)))
    record: tuple[Recordable, ...] = ("potentials",)
    for samples in in_chunks(stream.streams, 8 * steps * int(sizes.sum())):
        problem = pose(
            case.network,
            case.x[0, samples],
            coding=coding,
            phases=[
                Free(length, x=None if k == 0 else case.x[k, samples])
                for k, length in enumerate(case.lengths)
            ],
            input=stream.input,
            precision=stream.precision,
            record=record,
            seed=case.seed,
            samples=samples,
            timing=stream.timing,
        )
        run = solve(problem, threads=threads, lowered=case.lowered)
        assert run.potentials is not None
        for k, start in enumerate(starts[:-1]):
            for s, goal in zip(run.potentials[1:], case.goals, strict=True):
                part = s[start : start + stream.horizon]
                distance[k] += np.abs(part - goal[k, samples]).sum((1, 2))
        spikes += run.activity.spikes
    per_step = stream.streams * np.array(case.lengths)[:, None] * sizes
    return distance / (stream.streams * sizes[1:].sum()), spikes / per_step


def measure(
    stream: Stream,
    followers: Mapping[str, Follower] = FOLLOWERS,
    *,
    networks: int = 5,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Study:
    """Put several codings to the same random networks and streams.

    Parameters
    ----------
    stream : Stream
    followers : mapping of str to Follower
        Those that it does not suit are left out.
    networks : int
        Random networks, at least 2.
    threads : int, optional
        Default: all processors. The result does not depend on it.
    progress : Progress, optional

    Raises
    ------
    InputError
        If there are fewer than 2 networks, or one has no fixed point.
    """
    check_whole("follow: networks", networks, 2)
    progress = Silent() if progress is None else progress
    suited = {name: one for name, one in followers.items() if stream.suits(one)}
    found: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {name: [] for name in suited}
    residual = 0.0
    with progress.bar("following", networks * len(suited)) as bar:
        for index in range(networks):
            case = make_case(stream, index, threads=threads)
            residual = max(residual, case.residual)
            for name, one in suited.items():
                found[name].append(follow(stream, case, one, threads=threads))
                bar.advance(1, network=index + 1)
    return Study(
        stream, suited, {name: _join(stream, rows) for name, rows in found.items()}, residual
    )


def _join(stream: Stream, rows: list[tuple[np.ndarray, np.ndarray]]) -> Followed:
    """The networks of a coding, one after the other."""
    sizes = np.array(stream.layers)
    later = np.stack([spikes[1:].mean(0) for _, spikes in rows])
    return Followed(
        np.stack([distance[0] for distance, _ in rows]),
        np.stack([distance[1:].mean(0) for distance, _ in rows]),
        later[:, 1:] @ sizes[1:] / sizes[1:].sum(),
        later[:, 0],
    )
