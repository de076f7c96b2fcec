"""What layers with gated synapses are trained on: signals to code, and pulses to remember."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np

from eqchip.emulator.description.dynamics.gated import GatedLayer
from eqchip.emulator.learning.gated import GatedRun, run_gated

LEAST_RIGHT = 0.95  # of answers, at a delay that counts as reached


class Posed(NamedTuple):
    """Trials: x (T, B, J); wanted (T, B, K); weight (T, B, 1), of a step's squared error."""

    x: np.ndarray
    wanted: np.ndarray
    weight: np.ndarray


class Found(NamedTuple):
    """Measures of a test; trials to show, and what they were with spikes alone."""

    measures: dict[str, float]
    posed: Posed
    run: GatedRun


class Problem(Protocol):
    """A kind of trials: a description."""

    @property
    def begins(self) -> float:
        """How hard the trials are that training begins with."""

    def draw(self, rng: np.random.Generator, trials: int, hard: float, dt: float) -> Posed:
        """Trials to learn from."""

    def grown(self, hard: float, run: GatedRun, posed: Posed, seen: list[float]) -> float:
        """How hard the next trials are; seen: what was noted since they last grew harder."""

    def glance(self, layer: GatedLayer, dt: float, seed: int) -> dict[str, float]:
        """One measure of a few trials drawn from a seed, with spikes alone."""

    def judge(self, layer: GatedLayer, dt: float, seed: int) -> Found:
        """Measures of trials drawn from a seed, and trials to show, with spikes alone."""


@dataclass(frozen=True)
class Codes:
    """Signals of two channels that the read-out shall follow: sums of waves, of variance 1/2.

    Parameters
    ----------
    seconds : float
        Of a trial.
    lowest : float
        Hz, of the slowest wave; the others are whole multiples of it.
    waves : int
    settle : float
        s at the beginning of a trial that do not count.
    tests : int
        Trials of a test, of four times that length.
    """

    seconds: float = 0.5
    lowest: float = 0.8
    waves: int = 6
    settle: float = 0.05
    tests: int = 8
    begins: float = 1.0

    def draw(
        self, rng: np.random.Generator, trials: int, hard: float, dt: float, longer: int = 1
    ) -> Posed:
        """Trials, `longer` times as long."""
        t = np.arange(round(longer * self.seconds / dt)) * dt
        x = np.zeros((len(t), trials, 2))
        for n in range(1, self.waves + 1):
            cosine, sine = rng.standard_normal((2, trials, 2))
            phase = (2 * np.pi * n * self.lowest * t)[:, None, None]
            x += cosine * np.cos(phase) + sine * np.sin(phase)
        x /= np.sqrt(2 * self.waves)
        weight = np.ones((len(t), trials, 1))
        weight[: round(self.settle / dt)] = 0.0
        return Posed(x, x, weight)

    def grown(self, hard: float, run: GatedRun, posed: Posed, seen: list[float]) -> float:
        """All trials are alike."""
        return hard

    def glance(self, layer: GatedLayer, dt: float, seed: int) -> dict[str, float]:
        """The error of spikes alone."""
        posed = self.draw(np.random.default_rng(seed), self.tests, 1.0, dt)
        run = run_gated(replace(layer, width=0.0), posed.x, dt=dt)
        return {"error_spikes": _error(run, posed)}

    def judge(self, layer: GatedLayer, dt: float, seed: int) -> Found:
        """Errors over the signal's variance: as trained, of spikes alone, and in 8-bit weights."""
        posed = self.draw(np.random.default_rng(seed), self.tests, 1.0, dt, longer=4)
        runs = {name: run_gated(kind, posed.x, dt=dt) for name, kind in kinds_of(layer).items()}
        balanced, found = -(layer.decoder @ layer.feedforward), layer.recurrent
        alike = np.corrcoef(found.ravel(), balanced.ravel())[0, 1] if found.any() else 0.0
        measures = {
            **{f"error{name}": _error(run, posed) for name, run in runs.items()},
            "weights_balance": float(alike),
            "rate": runs["_spikes"].rate,
        }
        return Found(measures, posed, runs["_spikes"])


@dataclass(frozen=True)
class DelayedXor:
    """Two pulses of either sign, each remembered until it is needed; the answer is at a cue.

    Channel 0 brings the pulses, channel 1 the cue. Whether the signs differ is the sign of the
    read-out in the time after the cue. Each of the two delays, from the end of a pulse to the
    next pulse or the cue, is drawn alike from `least` to the longest.

    Parameters
    ----------
    least, longest, first : float
        s, of delays; training begins with delays up to `first`.
    pulse, answer, lead : float
        s, of pulses and cue, of the answer, and before the first pulse.
    factor : float
        By which delays grow once of the last ten batches 95 % were right.
    tests : int
        Trials of a test.
    """

    least: float = 0.05
    longest: float = 1.0
    first: float = 0.1
    pulse: float = 0.05
    answer: float = 0.1
    lead: float = 0.05
    factor: float = 1.15
    tests: int = 500

    @property
    def begins(self) -> float:
        """The longest delay at first."""
        return self.first

    def delays(
        self, rng: np.random.Generator, trials: int, longest: float, dt: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Delays in steps and signs, both (trials, 2)."""
        gaps = rng.integers(round(self.least / dt), round(longest / dt) + 1, (trials, 2))
        return gaps, rng.choice([-1.0, 1.0], (trials, 2))

    def posed(self, gaps: np.ndarray, signs: np.ndarray, dt: float) -> Posed:
        """The trials of these delays and signs; all last as long as the longest."""
        pulse, answer, lead = (round(s / dt) for s in (self.pulse, self.answer, self.lead))
        steps = lead + 3 * pulse + int(gaps.sum(1).max()) + answer
        x = np.zeros((steps, len(gaps), 2))
        wanted, weight = np.zeros((steps, len(gaps), 1)), np.zeros((steps, len(gaps), 1))
        for b, (gap, sign) in enumerate(zip(gaps, signs, strict=True)):
            second = lead + pulse + gap[0]
            cue = second + pulse + gap[1]
            told = slice(cue + pulse, cue + pulse + answer)
            x[lead : lead + pulse, b, 0] = sign[0]
            x[second : second + pulse, b, 0] = sign[1]
            x[cue : cue + pulse, b, 1] = 1.0
            wanted[told, b] = 1.0 if sign[0] != sign[1] else -1.0
            weight[told, b] = 1.0
        return Posed(x, wanted, weight)

    def draw(self, rng: np.random.Generator, trials: int, hard: float, dt: float) -> Posed:
        """Trials of delays up to `hard`."""
        return self.posed(*self.delays(rng, trials, hard, dt), dt)

    def grown(self, hard: float, run: GatedRun, posed: Posed, seen: list[float]) -> float:
        """Longer by `factor` once ten batches in a row are right to 95 % in the mean."""
        seen.append(float(_right(run.y, posed).mean()))
        if hard >= self.longest or len(seen) < 10 or np.mean(seen[-10:]) <= LEAST_RIGHT:
            return hard
        seen.clear()
        return min(hard * self.factor, self.longest)

    def glance(self, layer: GatedLayer, dt: float, seed: int) -> dict[str, float]:
        """The share of right answers of spikes alone, at all delays."""
        posed = self.draw(np.random.default_rng(seed), self.tests // 5, self.longest, dt)
        run = run_gated(replace(layer, width=0.0), posed.x, dt=dt)
        return {"accuracy_spikes": float(_right(run.y, posed).mean())}

    def judge(self, layer: GatedLayer, dt: float, seed: int) -> Found:
        """Shares of right answers: as trained, of spikes alone, in 8-bit weights; delays reached.

        `delay` is the longest to which both delays may last so that 95 % are right by spikes
        alone, of as many trials for each of ten lengths.
        """
        rng = np.random.default_rng(seed)
        posed = self.draw(rng, self.tests, self.longest, dt)
        measures = {}
        for name, kind in kinds_of(layer).items():
            run = run_gated(kind, posed.x, dt=dt)
            measures[f"accuracy{name}"] = float(_right(run.y, posed).mean())
        reached = 0.0
        for length in np.linspace(0, self.longest, 11)[1:]:
            gaps, signs = self.delays(rng, self.tests // 5, length, dt)
            gaps[:] = round(length / dt)
            same = self.posed(gaps, signs, dt)
            ran = run_gated(kinds_of(layer)["_spikes"], same.x, dt=dt)
            if _right(ran.y, same).mean() < LEAST_RIGHT:
                break
            reached = float(length)
        shown = self.draw(rng, 8, self.longest, dt)
        run = run_gated(kinds_of(layer)["_spikes"], shown.x, dt=dt)
        return Found({**measures, "delay": reached, "rate": run.rate}, shown, run)


def _error(run: GatedRun, posed: Posed) -> float:
    """Squared error over the variance of what is wanted, in the steps that count."""
    counts = posed.weight[:, 0, 0] > 0
    wanted = posed.wanted[counts]
    return float(((run.y[counts] - wanted) ** 2).mean() / wanted.var((0, 1)).mean())


def _right(y: np.ndarray, posed: Posed) -> np.ndarray:
    """Which answers have the right sign, (B,)."""
    told, wanted = ((one * posed.weight).sum((0, 2)) for one in (y, posed.wanted))
    right: np.ndarray = (told > 0) == (wanted > 0)
    return right


def kinds_of(layer: GatedLayer) -> dict[str, GatedLayer]:
    """The layer as trained, with spikes alone, and so in codes of 8 bits, by endings of names."""
    spikes = replace(layer, width=0.0)
    return {"": layer, "_spikes": spikes, "_8_bits": rounded(spikes, 8)}


def rounded(layer: GatedLayer, bits: int) -> GatedLayer:
    """Recurrent and feed-forward weights and biases in codes, the largest of each array the top."""
    top = 2 ** (bits - 1) - 1
    arrays = {}
    for name in ("recurrent", "feedforward", "bias"):
        array = getattr(layer, name)
        code = (float(np.abs(array).max()) or 1.0) / top
        arrays[name] = np.rint(array / code) * code
    return replace(layer, **arrays)
