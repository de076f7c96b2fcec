"""What series are coded by before a linear read-out: nothing, an echo-state network, spikes.

A coder is given cases (frames, channels) of mean 0 and variance 1, and gives features (frames, K)
of each frame with what they cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

from eqchip.emulator.description.dynamics.integers import LayerIntegers
from eqchip.emulator.description.dynamics.layer import BalancedLayer
from eqchip.emulator.description.dynamics.signals import Current, Samples, SigmaDelta
from eqchip.emulator.description.dynamics.turns import Slots, Turns
from eqchip.emulator.learning.balance import BalancedSimulation

DENSITY = 0.1  # of the synapses of an echo-state network
BIAS = 0.2  # of a unit of it, standard deviation


class Coded(NamedTuple):
    """Features (frames, K) of each case; counts of all frames of all cases; how many there were.

    decoding_error: of the signal by the coder's own read-out, over its variance; NaN: it has none.
    spikes: of the first case, (events, 2), step and unit.
    """

    features: list[np.ndarray]
    counts: dict[str, float]
    frames: int
    decoding_error: float
    spikes: np.ndarray


class Coder(Protocol):
    """A description of a coder."""

    def code(self, cases: Sequence[np.ndarray], seed: int) -> Coded:
        """Features of all cases."""


@dataclass(frozen=True)
class Raw:
    """The channels as they are."""

    def code(self, cases: Sequence[np.ndarray], seed: int) -> Coded:
        """The cases themselves."""
        frames = sum(map(len, cases))
        return Coded(list(cases), {}, frames, float("nan"), np.zeros((0, 2), np.int64))


@dataclass(frozen=True)
class Echo:
    """An echo-state network (Jaeger 2001; leaky, Jaeger et al. 2007).

    ``h = (1 - leak) h + leak tanh(x U + h W + b)``, h of each frame the features; one synapse of
    W in ten is there.

    Parameters
    ----------
    units : int
    radius : float
        Spectral, of W.
    scale : float
        Standard deviation of U.
    leak : float
    first : int, optional
        So many channels are heard. Default: all.
    """

    units: int
    radius: float
    scale: float
    leak: float
    first: int | None = None

    def weights(self, channels: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """U (channels, N), W (N, N) and b (N,)."""
        rng, n = np.random.default_rng([seed, 2]), self.units
        w = rng.standard_normal((n, n)) * (rng.random((n, n)) < DENSITY)
        w *= self.radius / np.abs(np.linalg.eigvals(w)).max()
        return self.scale * rng.standard_normal((channels, n)), w, BIAS * rng.standard_normal(n)

    def code(self, cases: Sequence[np.ndarray], seed: int) -> Coded:
        """The states of each frame, from rest."""
        heard = [case[:, : self.first] for case in cases]
        u, w, b = self.weights(heard[0].shape[1], seed)
        features = []
        for case in heard:
            h, states = np.zeros(self.units), []
            for drive in case @ u + b:
                h = (1 - self.leak) * h + self.leak * np.tanh(drive + h @ w)
                states.append(h)
            features.append(np.array(states))
        frames = sum(map(len, cases))
        macs = float((u.size + np.count_nonzero(w)) * frames)
        counts = {"macs": macs, "weights_read": macs}
        return Coded(features, counts, frames, float("nan"), np.zeros((0, 2), np.int64))


@dataclass(frozen=True)
class Balanced:
    """A layer in balance, in a chip's integers: its spikes of each frame, or its traces at the end.

    Parameters
    ----------
    units : int
    norm : float
        Of what a unit hears: the shorter, the more spikes.
    counts : bool
        Features are counts of spikes; otherwise traces.
    leak : float
        1/s.
    width : float
        Threshold over half of what a spike takes.
    dt : float
        s, of a step.
    hold : int
        Steps of a frame.
    turns : Turns
    quantum : float
        What a spike of a channel moves the mean unit by, in its thresholds; 0: a current.
    """

    units: int
    norm: float
    counts: bool
    leak: float = 50.0
    width: float = 1.6
    dt: float = 4e-4
    hold: int = 25
    turns: Turns = field(default_factory=lambda: Slots(10))
    quantum: float = 0.0

    @property
    def drive(self) -> Current | SigmaDelta:
        """How the channels reach the layer."""
        threshold = self.width * self.norm**2 / 2
        if self.quantum == 0:
            return Current()
        return SigmaDelta(self.quantum * threshold / (self.norm * self.dt))

    def layer(self, channels: int, seed: int) -> BalancedLayer:
        """The layer of a seed."""
        return BalancedLayer.tight(
            self.units, channels, leak=self.leak, norm=self.norm, spread=0.3, width=self.width,
            seed=seed,
        )  # fmt: skip

    def code(self, cases: Sequence[np.ndarray], seed: int) -> Coded:
        """Run every case from rest."""
        layer = self.layer(cases[0].shape[1], seed)
        simulation = BalancedSimulation(
            layer,
            dt=self.dt,
            turns=self.turns,
            coder=self.drive,
            integers=LayerIntegers(),
            seed=seed,
        )
        features, total, shown = [], dict[str, float](), np.zeros((0, 2), np.int64)
        error = variance = 0.0
        for k, case in enumerate(cases):
            steps = self.hold * len(case)
            room = steps * self.units if self.counts else 0
            simulation.rest()
            ran = simulation.run(
                Samples(case * self.leak, self.hold), steps, every=self.hold, events=room
            )
            rows = ran.traces
            if self.counts:
                rows = np.zeros((len(case), self.units))
                np.add.at(rows, (ran.spikes[:, 0] // self.hold, ran.spikes[:, 1]), 1.0)
                shown = ran.spikes if k == 0 else shown
            features.append(rows)
            error += float(((ran.x - ran.y) ** 2).sum())
            variance += float(((ran.x - ran.x.mean(0)) ** 2).sum())
            for name, much in ran.counts.items():
                total[name] = total.get(name, 0.0) + much
        total["synaptic_events"] += self.units * total["input_spikes"]
        return Coded(features, total, sum(map(len, cases)), error / variance, shown)
