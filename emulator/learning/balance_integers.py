"""A balanced layer in whole numbers: codes, and what products of them are multiplied by."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from eqchip.emulator.description.dynamics.integers import LEAK_BITS, LayerIntegers
from eqchip.emulator.description.dynamics.layer import BalancedLayer, best_fast
from eqchip.emulator.description.dynamics.rules import FastRule, SignRule, VoltageRule
from eqchip.emulator.description.dynamics.signals import Coder
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels.dynamics.arrays import Plasticity, Whole, Wiring
from eqchip.emulator.kernels.dynamics.signals import UNIT
from eqchip.emulator.kernels.dynamics.synapses import CURRENT_BITS, READ_BITS, SEEN_BITS
from eqchip.emulator.kernels.dynamics.units import SMOOTH_BITS
from eqchip.emulator.kernels.random_rounding import ROUNDING_BITS
from eqchip.emulator.learning.onchip_lowering import integer_rate

HEADROOM = 1.05  # of the largest code over the largest fast weight
BETA_BITS = 8  # of beta below the point
SLOW_LOSE = 2.0**-5  # what slow states lose at a time, as far as steps are short
PSI_BITS = 9  # of the largest offset of whole dendrites
NO_WHOLE = Whole(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1.0, 1.0, 0, 0, 0, 0)
IN_INTEGERS = (VoltageRule, SignRule)


@dataclass(frozen=True)
class Units:
    """What one of a layer's whole numbers is worth.

    code, slow: of a fast and a slow weight; part: of a potential; heard: of what a unit hears;
    psi, psi_shift: of what a dendrite gives, and the shift of its sum.
    """

    code: float
    slow: float
    part: float
    heard: float
    psi: float
    psi_shift: int


def units_of(layer: BalancedLayer, integers: LayerIntegers) -> Units:
    """What whole numbers of this layer are worth."""
    best = best_fast(layer.feedforward, layer.cost)
    most = max(float(np.abs(layer.fast).max()), float(np.abs(best).max()))
    code = most * HEADROOM / integers.highest
    slow = integers.slow_range or float(np.abs(layer.slow).max())
    heard = float(np.abs(layer.feedforward).max()) / most_heard(integers)
    psi, shift = 0.0, 0
    if layer.dendrites is not None:
        mixing, offset = layer.dendrites.mixing, layer.dendrites.offset
        summed = float(np.abs(mixing).max()) * float(np.abs(layer.decoder).max())
        summed /= most_heard(integers) ** 2 * 2**READ_BITS
        top = max(float(np.abs(offset).max()), float(np.abs(mixing).max()))
        shift = max(math.ceil(math.log2(top / 2**PSI_BITS / summed)), 0)
        psi = summed * 2**shift
    part = code * 2.0**-integers.fraction_bits
    return Units(code, slow / integers.highest, part, heard, psi, shift)


def most_heard(integers: LayerIntegers) -> int:
    """The largest code of what units hear, of a read-out and of what dendrites mix."""
    return 2 ** (integers.feedforward_bits - 1) - 1


def whole_wiring(wiring: Wiring, layer: BalancedLayer, integers: LayerIntegers) -> Wiring:
    """The arrays in codes."""
    one, most = units_of(layer, integers), most_heard(integers)
    stored = 2.0**integers.accumulator_bits
    top = integers.highest << integers.accumulator_bits
    dendrites = len(wiring.offset) > 0
    return wiring._replace(
        fast=_codes(wiring.fast / one.code * stored, np.int32, top),
        slow=_codes(wiring.slow / (one.slow or 1.0) * stored, np.int32, top),
        threshold=_codes(wiring.threshold / one.part, np.int32),
        feedforward=_codes(wiring.feedforward / one.heard, np.int32),
        mixing=_codes(_full(wiring.mixing, most) if dendrites else wiring.mixing, np.int64),
        offset=_codes(wiring.offset / (one.psi or 1.0), np.int64),
        reads=_codes(_full(wiring.decoder, most), np.int64) if dendrites else wiring.reads,
    )  # fmt: skip


def _full(array: np.ndarray, most: int) -> np.ndarray:
    """Scaled so that the largest is the largest code."""
    scaled: np.ndarray = array / np.abs(array).max() * most
    return scaled


def _codes(array: np.ndarray, kind: type[np.signedinteger[Any]], top: int = 2**31 - 1) -> Any:
    return np.clip(np.rint(array), -top, top).astype(kind)


def lower_whole(
    layer: BalancedLayer,
    dt: float,
    coder: Coder,
    integers: LayerIntegers | None,
    noise: float,
    gain: float,
    smoothing: float,
) -> Whole:
    """See :class:`~eqchip.emulator.kernels.dynamics.arrays.Whole`; all 0 without integers.

    Parameters
    ----------
    noise : float
        Of a potential and step, its standard deviation.
    smoothing : float
        1/s, of the filter of the error's current; 0: there is none.

    Raises
    ------
    InputError
        Where a drive, an error or a leak rounds to nothing.
    """
    if integers is None:
        return NO_WHOLE
    one = units_of(layer, integers)
    current_step = coder.quantum or integers.current_step
    factor = 2.0**-CURRENT_BITS if layer.dendrites is None else one.psi
    drive = integer_rate(dt * one.heard * current_step / one.part)
    fed_back = integer_rate(gain * dt * one.heard * integers.error_step / one.part)
    slow = integer_rate(dt * factor * one.slow / one.part)
    shaken = integer_rate(noise * UNIT * 2.0**-16 / one.part)
    lose, smooth = (round(rate * dt * 2**LEAK_BITS) for rate in (layer.leak, smoothing))
    slow_every = max(int(SLOW_LOSE / (layer.leak * dt)), 1)
    slow_lose = round((1 - (1 - layer.leak * dt) ** slow_every) * 2**LEAK_BITS)
    for what, asked, found in (
        ("the drive", 1.0, drive[0]),
        ("the error that is fed back", gain, fed_back[0]),
        ("the slow current", one.slow, slow[0]),
        ("the noise", noise, shaken[0]),
        (f"a leak of {layer.leak:g} /s", layer.leak, lose),
        (f"a filter of {smoothing:g} /s", smoothing, smooth),
    ):
        if asked > 0 and found == 0:
            raise InputError(
                f"BalancedSimulation: {what} rounds to nothing in steps of {dt:g} s; expected "
                "longer steps"
            )
    return Whole(
        *drive, *fed_back, *slow, *shaken, lose, slow_lose, slow_every, smooth, current_step,
        integers.error_step, one.psi_shift,
        integers.accumulator_bits, integers.fraction_bits, integers.highest,
    )  # fmt: skip


def whole_rules(
    rules: Plasticity, fast: FastRule | None, layer: BalancedLayer, integers: LayerIntegers
) -> Plasticity:
    """What is written, in whole numbers.

    Raises
    ------
    InputError
        For a rule that integers do not know, or whose rate rounds to nothing.
    """
    if rules.feedforward_rate > 0 or rules.learns_reset:
        raise InputError(
            "run: feed-forward weights and resets do not learn in integers; expected a rule of "
            "fast or slow weights alone"
        )
    if fast is not None and not isinstance(fast, IN_INTEGERS):
        known = ", ".join(kind.__name__ for kind in IN_INTEGERS)
        raise InputError(f"run: fast is {fast!r}; expected one of {known} in integers")
    beta = round(rules.beta * 2**BETA_BITS)
    shift = ROUNDING_BITS - BETA_BITS - integers.fraction_bits
    mantissa = round(rules.rate * 2.0**shift)
    if rules.rate > 0 and mantissa == 0:
        raise InputError(
            f"run: rate {rules.rate:g} rounds every write to nothing; expected at least "
            f"{2.0**-shift:g}"
        )
    slow_mantissa, slow_shift = _slow_rate(rules, layer, integers)
    return rules._replace(
        beta_mantissa=beta, beta_shift=BETA_BITS, rate_mantissa=mantissa, rate_shift=shift,
        slow_mantissa=slow_mantissa, slow_shift=slow_shift,
    )  # fmt: skip


def _slow_rate(rules: Plasticity, layer: BalancedLayer, integers: LayerIntegers) -> tuple[int, int]:
    """Of what slow weights store: what a trace, or a dendrite, times a current adds."""
    if rules.slow_rate == 0:
        return 0, 0
    one = units_of(layer, integers)
    if one.slow == 0:
        raise InputError(
            "run: slow weights are all 0 and shall learn in integers; expected "
            "LayerIntegers(slow_range=...), the largest that they may reach"
        )
    factor = 2.0**-SEEN_BITS if layer.dendrites is None else one.psi
    current = one.heard * integers.error_step * 2.0**-SMOOTH_BITS
    mantissa, shift = integer_rate(
        rules.slow_rate * factor * current / one.slow * 2.0**integers.accumulator_bits
    )
    if mantissa == 0:
        raise InputError(
            f"run: a slow rate of {rules.slow_rate:g} rounds every write to nothing; expected a "
            "larger one, more accumulator bits or a larger error_step"
        )
    return mantissa, shift
