"""What a layer that has learned is judged by, on signals that it has not seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from eqchip.emulator.description.dynamics.signals import Noise, Samples
from eqchip.emulator.learning.balance import BalancedSimulation
from eqchip.emulator.learning.stretch import Stretch

SHOWN = 1000  # rows of a test that are kept for a picture
FIT_SEED = 910  # of the noise that read-outs are fitted on
TEST_SEED = 911  # and that they are judged on


@dataclass(frozen=True, eq=False)
class Judged:
    """What a test found.

    measures: by name; per_second: counts in a second of signal; t (rows,) in seconds, x and y
    (rows, J), the read-out that is judged; spikes (events, 2), step and unit, of the same time;
    currents (rows, 2), what excites and inhibits unit 0.
    """

    measures: dict[str, float]
    per_second: dict[str, float]
    t: np.ndarray
    x: np.ndarray
    y: np.ndarray
    spikes: np.ndarray
    currents: np.ndarray


class Judge(Protocol):
    """A test: a description."""

    def judge(self, simulation: BalancedSimulation) -> Judged:
        """Run a fresh simulation."""


@dataclass(frozen=True)
class Decodes:
    """How well noise is decoded.

    By the read-out that is given, or refitted on other noise by least squares: the error is that of
    the fitted one then.

    Parameters
    ----------
    signal : Noise
    seconds : float
    refit : bool
    """

    signal: Noise
    seconds: float
    refit: bool

    def judge(self, simulation: BalancedSimulation) -> Judged:
        """Run a fresh simulation."""
        steps = round(self.seconds / simulation.dt)
        every = max(round(1e-3 / simulation.dt), 1)
        noise = Noise(self.signal.rms, self.signal.smoothing, FIT_SEED)
        fitted = simulation.run(noise, steps, every=every).refitted()[1]
        simulation.rest()
        ran = simulation.run(
            Noise(self.signal.rms, self.signal.smoothing, TEST_SEED), steps, every=every,
            events=steps * 4, probes=True,
        )  # fmt: skip
        refitted = ran.refitted(fitted)[0]
        measures = {
            "error": refitted if self.refit else ran.error,
            "error_refitted": refitted,
            "rate": ran.rate,
            "balance": ran.balance,
            "voltage_variance": ran.voltage_variance,
        }
        if simulation.integers is not None:
            measures["largest_potential"] = float(ran.largest)
        y = ran.traces @ fitted if self.refit else ran.y
        return _judged(measures, ran, simulation.dt, every, y)


@dataclass(frozen=True)
class Follows:
    """How well the dynamics are followed after pulses, with no error fed back.

    Parameters
    ----------
    seconds : float
        As many pulses: 0.1 s at the beginning of each second, in a random direction.
    size : float
        Length of the drive in a pulse.
    """

    seconds: int
    size: float

    def judge(self, simulation: BalancedSimulation) -> Judged:
        """Run a fresh simulation."""
        rng = np.random.default_rng(TEST_SEED)
        pulses = np.zeros((10 * self.seconds, simulation.start.channels))
        directions = rng.standard_normal((self.seconds, simulation.start.channels))
        pulses[::10] = self.size * directions / np.linalg.norm(directions, axis=1, keepdims=True)
        hold = round(0.1 / simulation.dt)
        steps, every = hold * len(pulses), max(round(1e-3 / simulation.dt), 1)
        ran = simulation.run(Samples(pulses, hold), steps, every=every, events=steps, probes=True)
        measures = {"error": ran.error, "rate": ran.rate, "balance": ran.balance}
        return _judged(measures, ran, simulation.dt, every, ran.y)


@dataclass(frozen=True)
class Cycles:
    """Whether a limit cycle goes on alone, once the error is no longer fed back.

    Parameters
    ----------
    seconds : float
        Alone, of which the first tenth is not judged.
    start : tuple of float
        Where the teacher begins.
    gain : float
        1/s, of the feedback in the 2 seconds before.
    """

    seconds: float
    start: tuple[float, ...]
    gain: float

    def judge(self, simulation: BalancedSimulation) -> Judged:
        """Run a fresh simulation."""
        still = Samples(np.zeros((1, simulation.start.channels)))
        steps, every = round(self.seconds / simulation.dt), max(round(1e-3 / simulation.dt), 1)
        simulation.rest(np.array(self.start))
        simulation.run(still, round(2.0 / simulation.dt), gain=self.gain)
        ran = simulation.run(still, steps, every=every, events=steps, probes=True)
        judged = slice(len(ran.x) // 10, None)
        period, wanted = (
            period_of(signal[judged, 0], every * simulation.dt) for signal in (ran.y, ran.x)
        )
        measures = {
            "period": period,
            "period_wanted": wanted,
            "period_error": abs(period / wanted - 1),
            "amplitude": float(ran.y[judged, 0].std()),
            "amplitude_wanted": float(ran.x[judged, 0].std()),
            "rate": ran.rate,
            "balance": ran.balance,
        }
        return _judged(measures, ran, simulation.dt, every, ran.y)


def period_of(values: np.ndarray, step: float) -> float:
    """Mean time from one rise of a signal to the next; NaN where there are fewer than 3.

    A rise is over when the signal, having been below minus half of its standard deviation, is
    above half of it: noise about 0 counts none.

    Examples
    --------
    >>> t = np.arange(0, 10, 1e-3)
    >>> round(period_of(np.sin(2 * np.pi * t / 1.25), 1e-3), 3)
    1.25
    """
    half = values.std() / 2
    side = np.where(values > half, 1, np.where(values < -half, -1, 0))
    places = np.flatnonzero(side)
    rises = places[1:][(side[places][1:] > 0) & (side[places][:-1] < 0)]
    return float(np.diff(rises).mean() * step) if len(rises) > 2 else math.nan


def _judged(
    measures: dict[str, float], ran: Stretch, dt: float, every: int, y: np.ndarray
) -> Judged:
    """With what a picture shows: the last of the rows, and the spikes of their time."""
    rows = min(len(ran.x), SHOWN)
    first = (len(ran.x) - rows) * every
    offset = int(ran.spikes[0, 0] // ran.steps) * ran.steps if len(ran.spikes) else 0
    shown = ran.spikes[ran.spikes[:, 0] - offset >= first]
    t = (np.arange(len(ran.x) - rows, len(ran.x)) + 1) * every * dt
    return Judged(
        measures, ran.per_second(), t, ran.x[-rows:], y[-rows:], shown - [offset, 0],
        ran.currents[-rows:],
    )  # fmt: skip


def shown(judged: Judged) -> dict[str, Any]:
    """For JSON."""
    return {name: getattr(judged, name).tolist() for name in ("t", "x", "y", "spikes", "currents")}
