"""The arithmetic of a chip in plain numpy: rounding, scaling, and clipping to its range."""

from __future__ import annotations

import numpy as np

from eqchip.emulator.description.fixedpoint import FixedPoint


def rescale(product: np.ndarray, bits: int) -> np.ndarray:
    """product / 2**bits, rounded to nearest, ties up; bits of any sign."""
    if bits <= 0:
        return product << -bits
    return (product + (1 << (bits - 1))) >> bits


def scale(total: np.ndarray, exponent: int) -> np.ndarray:
    """total * 2**exponent; a negative exponent rounds down."""
    return total << exponent if exponent >= 0 else total >> -exponent


class Range:
    """Clips states to the chip's range; `saturations[phase, layer]` counts what it clipped."""

    def __init__(self, fixed: FixedPoint, phases: int, layers: int) -> None:
        self.fixed = fixed
        self.saturations = np.zeros((phases, layers), np.int64)

    def clip(self, values: np.ndarray, phase: int, layer: int) -> np.ndarray:
        """The values within the range of a state."""
        kept = np.clip(values, self.fixed.lowest_state, self.fixed.highest_state)
        self.saturations[phase, layer] += np.count_nonzero(kept != values)
        return kept
