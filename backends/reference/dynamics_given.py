"""What a balanced layer is given by the step: random numbers, a drive, the ticks of clocks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from eqchip.backends.reference.random_rounding import GOLDEN, mix
from eqchip.emulator.description.dynamics.signals import Noise, Samples, Signal


def words(key: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Random words of 64 bits of these numbers, uint64."""
    with np.errstate(over="ignore"):
        return mix(key + GOLDEN * numbers.astype(np.uint64))


def normals(key: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Sums of four uniform numbers, of mean 0 and variance 1."""
    word = words(key, numbers)
    parts = [(word >> np.uint64(16 * k)) & np.uint64(0xFFFF) for k in range(4)]
    total = sum(part.astype(np.int64) for part in parts)
    return (total * 2.0**-16 - 4 * (0.5 - 2.0**-17)) * 3.0**0.5


def key_of(seed: int, step: int) -> np.ndarray:
    """The state that the random numbers of a step start from."""
    with np.errstate(over="ignore"):
        return mix(np.array([seed], np.uint64) + GOLDEN * np.uint64(step + 1))


class Drive:
    """c, step by step."""

    def __init__(self, signal: Signal, dt: float, channels: int) -> None:
        self.signal, self.dt = signal, dt
        self.once, self.twice = np.zeros(channels), np.zeros(channels)

    def at(self, step: int) -> np.ndarray:
        """c of this step; asked for one step after the other."""
        signal = self.signal
        if isinstance(signal, Noise):
            a = math.exp(-self.dt * math.sqrt(2) / signal.smoothing)
            variance = (1 - a) ** 4 * (1 + a**2) / (1 - a**2) ** 3
            fresh = normals(key_of(signal.seed, step), np.arange(len(self.once)))
            self.once = a * self.once + (1 - a) * fresh
            self.twice = a * self.twice + (1 - a) * self.once
            return signal.rms / math.sqrt(variance) * self.twice
        assert isinstance(signal, Samples)
        frame = step // signal.hold
        return signal.values[frame] if frame < len(signal.values) else np.zeros(len(self.once))


def ticks(clocks: Any, steps: int) -> np.ndarray:
    """Which clock ticks in which step, bool, (steps, N)."""
    found = np.zeros((steps, len(clocks.period)), bool)
    for i, (period, offset, key) in enumerate(
        zip(clocks.period, clocks.offset, clocks.key, strict=True)
    ):
        free, number = 0, 1
        while True:
            due = number * int(period) - int(offset)
            if clocks.jitter > 0:
                word = int(words(np.array([key], np.uint64), np.array([number]))[0]) >> 32
                due += word * clocks.jitter >> 32
            step = max(-(-due // clocks.grid) - 1, free)
            if step >= steps:
                break
            found[step, i] = True
            free, number = step + 1, number + 1
    return found
