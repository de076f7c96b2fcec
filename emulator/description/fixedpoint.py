"""The arithmetic of a chip: what a number may be, and how a real one becomes it.

A potential, a decoder and a residue are signed integers of ``state_bits`` bits that stand
for multiples of ``2**-fraction_bits``; a weight is an integer code times a power of two that
all weights of a connection share. ``docs/fixed-point.md`` holds every rule.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np

from eqchip.emulator.description.coding import FORBID_EXTRA, Polynomial
from eqchip.emulator.errors import InputError, check_number, check_whole

# Kernels hold a state, the sum of two, a coefficient and its inverse in int32, products in int64.
MOST_WEIGHT_BITS, MOST_STATE_BITS, MOST_COEFFICIENT_BITS = 8, 24, 15
MOST_GAIN_BITS = 30  # of 1 / lambda for the smallest lambda, as a state
MOST_EXPONENT = 15
TRIED_EXPONENTS = 6  # below the one that clips nothing; more would clip most weights


@dataclass(frozen=True)
class FixedPoint:
    """The integers of a chip.

    Parameters
    ----------
    weight_bits : int, default 8
        Bits of a weight, sign included, 2 to 8.
    state_bits : int, default 24
        Bits of a potential, decoder or residue, sign included. Results that would leave the
        range are clipped to it, and counted.
    fraction_bits : int, default 12
        Bits of a state below the point: 1.0 is ``2**fraction_bits``.
    coefficient_bits : int, default 12
        Bits of step sizes and prediction coefficients.
    lowest_exponent, highest_exponent : int, default -2 and 13
        The exponents that the weights of a connection may share: a weight is ``code *
        2**exponent``, counted in the last bit of a state.
    outliers : float, default 0
        Share of the weights of a connection, the largest, that have no say in its exponent: they
        may be clipped, so that all others keep their bits. Below 1.

    Raises
    ------
    InputError
        For a width that the emulator cannot hold, or that leaves no room for 1.0.

    Notes
    -----
    The defaults are those of Loihi where it has a counterpart: 8-bit weights that share an
    exponent, scale 2**(6 + e) with e from -8 to 7, 24-bit states and 12-bit decays (Davies et
    al., IEEE Micro 38(1), 2018; the emulator of nengo-loihi).
    """

    __pydantic_config__ = FORBID_EXTRA

    weight_bits: int = 8
    state_bits: int = 24
    fraction_bits: int = 12
    coefficient_bits: int = 12
    lowest_exponent: int = -2
    highest_exponent: int = 13
    outliers: float = 0.0

    def __post_init__(self) -> None:
        check_whole("FixedPoint: weight_bits", self.weight_bits, 2, MOST_WEIGHT_BITS + 1)
        check_whole("FixedPoint: state_bits", self.state_bits, 4, MOST_STATE_BITS + 1)
        check_whole("FixedPoint: fraction_bits", self.fraction_bits, 2, self.state_bits - 1)
        check_whole(
            "FixedPoint: coefficient_bits", self.coefficient_bits, 2, MOST_COEFFICIENT_BITS + 1
        )
        if self.fraction_bits + self.coefficient_bits > MOST_GAIN_BITS:
            raise InputError(
                f"FixedPoint: fraction_bits {self.fraction_bits} and coefficient_bits "
                f"{self.coefficient_bits} sum to more than {MOST_GAIN_BITS}; expected less"
            )
        lowest, highest = self.lowest_exponent, self.highest_exponent
        check_whole("FixedPoint: highest_exponent", highest, -MOST_EXPONENT, MOST_EXPONENT + 1)
        check_whole("FixedPoint: lowest_exponent", lowest, -MOST_EXPONENT, highest + 1)
        check_number("FixedPoint: outliers", self.outliers)
        if not 0.0 <= self.outliers < 1.0:
            raise InputError(f"FixedPoint: outliers is {self.outliers!r}; expected one in [0, 1)")

    @property
    def widths(self) -> dict[str, int]:
        """All that an integer computes with, once weights are codes: all but `outliers`."""
        return {key: value for key, value in asdict(self).items() if key != "outliers"}

    @property
    def one(self) -> int:
        """The integer that stands for 1.0."""
        return 1 << self.fraction_bits

    @property
    def highest_state(self) -> int:
        """The largest state; the smallest is ``-highest_state - 1``."""
        return (1 << (self.state_bits - 1)) - 1

    @property
    def lowest_state(self) -> int:
        """The smallest state."""
        return -(1 << (self.state_bits - 1))

    @property
    def highest_code(self) -> int:
        """The largest weight code; the smallest is ``-highest_code``.

        The one code more that two's complement has below 0 stays unused: with 2 bits it
        would make weights -2, -1, 0 and 1, whose mean is not 0.
        """
        return (1 << (self.weight_bits - 1)) - 1

    def states(self, values: np.ndarray) -> np.ndarray:
        """Real values as states: nearest, ties to even, clipped to the range; int64."""
        scaled = np.rint(np.asarray(values, np.float64) * self.one)
        return np.clip(scaled, self.lowest_state, self.highest_state).astype(np.int64)

    def reals(self, states: np.ndarray) -> np.ndarray:
        """The real values that states stand for, exactly; float64."""
        return np.asarray(states, np.float64) / self.one

    def gains(self, schedule: Polynomial, steps: int) -> np.ndarray:
        """A schedule in (0, 1] as integers over ``2**coefficient_bits``, at t = 1 ... steps.

        The chip stores the decay ``2**coefficient_bits - gain``, rounded to nearest (ties to
        even), in coefficient_bits bits: a gain is at least 1, so no schedule vanishes, and at
        most ``2**coefficient_bits``. int64, shape (steps,).
        """
        scale = 1 << self.coefficient_bits
        decays = np.rint((1.0 - schedule.table(steps)) * scale).astype(np.int64)
        return scale - np.clip(decays, 0, scale - 1)

    def gain(self, value: float) -> int:
        """A number over ``2**coefficient_bits``, nearest (ties to even)."""
        return round(value * (1 << self.coefficient_bits))

    def inverse_gains(self, gains: np.ndarray) -> np.ndarray:
        """``1 / gain`` over ``2**coefficient_bits``, nearest (ties up); int64.

        A table that the host computes: no core divides.
        """
        return ((1 << (2 * self.coefficient_bits)) + gains // 2) // gains


class QuantizedWeights(NamedTuple):
    """The weights of a connection in a chip's integers.

    ``codes``: int8, shaped like the weights; ``exponent``: a weight is ``codes *
    2**exponent``, counted in the last bit of a state; ``saturated``: how many weights were
    clipped.
    """

    codes: np.ndarray
    exponent: int
    saturated: int


def quantize(weights: np.ndarray, fixed: FixedPoint) -> QuantizedWeights:
    """Round the weights of a connection to codes that share an exponent.

    A code is the weight over ``2**(exponent - fraction_bits)``, rounded to nearest (ties to
    even) and clipped. Of the exponents that the chip has, the one with the smallest sum of
    squared errors is taken, the largest of several equal ones: with few bits it pays to clip
    the few largest weights. Errors of ``fixed.outliers``, the share of the largest weights, do not
    count, rounded down to whole weights; of equal ones at the edge, all count.

    Parameters
    ----------
    weights : ndarray of float
    fixed : FixedPoint

    Returns
    -------
    QuantizedWeights

    Examples
    --------
    >>> found = quantize(np.array([[0.5, -0.25], [0.125, 0.0]]), FixedPoint())
    >>> found.codes.tolist(), found.exponent
    ([[64, -32], [16, 0]], 5)
    """
    weights = np.asarray(weights, np.float64)
    heard = _heard(weights, fixed.outliers)
    best = min(
        (_at_exponent(heard, exponent, fixed) for exponent in _exponents(heard, fixed)),
        key=lambda found: (_squared_error(heard, found, fixed), -found.exponent),
    )
    return best if heard is weights else _at_exponent(weights, best.exponent, fixed)


def quantize_at(weights: np.ndarray, exponent: int, fixed: FixedPoint) -> QuantizedWeights:
    """As :func:`quantize`, with the exponent given: what a store keeps of changed weights."""
    if not fixed.lowest_exponent <= exponent <= fixed.highest_exponent:
        raise InputError(
            f"weight exponent is {exponent}; expected one from {fixed.lowest_exponent} "
            f"to {fixed.highest_exponent}"
        )
    return _at_exponent(np.asarray(weights, np.float64), exponent, fixed)


def real_weights(found: QuantizedWeights, fixed: FixedPoint) -> np.ndarray:
    """The real weights that codes stand for, exactly; float64."""
    return np.ldexp(found.codes.astype(np.float64), found.exponent - fixed.fraction_bits)


def _heard(weights: np.ndarray, outliers: float) -> np.ndarray:
    """The weights that have a say in the exponent: all but so large a share of the largest."""
    left_out = int(outliers * weights.size)
    if not left_out:
        return weights
    sizes = np.abs(weights).ravel()
    return weights[np.abs(weights) <= np.partition(sizes, -left_out - 1)[-left_out - 1]]


def _exponents(weights: np.ndarray, fixed: FixedPoint) -> range:
    """The exponents worth trying: the smallest that clips nothing, and some below."""
    lowest, highest = fixed.lowest_exponent, fixed.highest_exponent
    largest = float(np.abs(weights).max(initial=0.0)) * fixed.one
    if largest == 0.0:
        return range(lowest, lowest + 1)
    unclipped = int(np.ceil(np.log2(largest / fixed.highest_code)))
    top = min(max(unclipped, lowest), highest)
    return range(max(top - TRIED_EXPONENTS, lowest), top + 1)


def _at_exponent(weights: np.ndarray, exponent: int, fixed: FixedPoint) -> QuantizedWeights:
    rounded = np.rint(np.ldexp(weights, fixed.fraction_bits - exponent))
    codes = np.clip(rounded, -fixed.highest_code, fixed.highest_code)
    return QuantizedWeights(
        codes.astype(np.int8), exponent, int(np.count_nonzero(codes != rounded))
    )


def _squared_error(weights: np.ndarray, found: QuantizedWeights, fixed: FixedPoint) -> float:
    return float(np.square(real_weights(found, fixed) - weights).sum())
