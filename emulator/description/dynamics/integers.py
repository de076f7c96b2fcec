"""The whole numbers in which a balanced layer runs on a chip."""

from __future__ import annotations

import math
from dataclasses import dataclass

from eqchip.emulator.errors import InputError, check_number

LEAK_BITS = 12  # of the multiplier of a leak, as Loihi's decays


@dataclass(frozen=True)
class LayerIntegers:
    """Codes of the weights, and what of a potential lies below one.

    The largest fast weight is some 5 % below the largest code. A potential counts
    2**-fraction_bits of a code; it loses ``(|V| leak) >> 12``, rounded towards 0. Traces and slow
    currents do so once in as many steps as take 3 % of them. All states have 24 bits. Weights have
    so many accumulator bits more than a spike sees, into which they are written with random
    rounding.

    Parameters
    ----------
    weight_bits : int, 2 to 9
    accumulator_bits : int, 0 to 12
    fraction_bits : int, 0 to 8
    feedforward_bits : int, 2 to 9
        Of what a unit hears of the channels.
    current_step : float
        One of the whole numbers that the drive is given in, where it comes as a current.
    error_step : float
        One of the whole numbers, of -127 to 127, that the error which is fed back is told in.
    slow_range : float, optional
        The largest slow weight that there is a code for. Default: that of the layer.

    Examples
    --------
    >>> LayerIntegers(weight_bits=4, accumulator_bits=8).highest
    7
    """

    weight_bits: int = 8
    accumulator_bits: int = 8
    fraction_bits: int = 6
    feedforward_bits: int = 8
    current_step: float = 1.0
    error_step: float = 0.01
    slow_range: float | None = None

    def __post_init__(self) -> None:
        for name, least, most in (
            ("weight_bits", 2, 9), ("accumulator_bits", 0, 12), ("fraction_bits", 0, 8),
            ("feedforward_bits", 2, 9),
        ):  # fmt: skip
            bits = getattr(self, name)
            if not isinstance(bits, int) or not least <= bits <= most:
                raise InputError(
                    f"LayerIntegers: {name} is {bits!r}; expected a whole number of {least} to "
                    f"{most}"
                )
        for name in ("current_step", "error_step", "slow_range"):
            value = getattr(self, name)
            if value is None:
                continue
            check_number(f"LayerIntegers: {name}", value)
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"LayerIntegers: {name} is {value!r}; expected more than 0")

    @property
    def highest(self) -> int:
        """The largest code."""
        return 2 ** (self.weight_bits - 1) - 1
