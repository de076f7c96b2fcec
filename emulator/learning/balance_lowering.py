"""From the description of a balanced layer, its drive and its rules to what the kernel takes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from eqchip.emulator.description.dynamics.integers import LEAK_BITS, LayerIntegers
from eqchip.emulator.description.dynamics.layer import BalancedLayer, best_fast
from eqchip.emulator.description.dynamics.rules import (
    ContinuousRule,
    FastRule,
    SignRule,
    SlowRule,
    VoltageRule,
)
from eqchip.emulator.description.dynamics.signals import Coder, Noise, Samples, Signal, Teacher
from eqchip.emulator.description.dynamics.turns import Turns
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels.dynamics.arrays import (
    Constants,
    Plasticity,
    Source,
    Terms,
    Wiring,
)
from eqchip.emulator.kernels.random_rounding import ROUNDING_BITS
from eqchip.emulator.learning.onchip_lowering import integer_rate

HEADROOM = 1.05  # of the largest code over the largest fast weight
BETA_BITS = 8  # of beta below the point
SLOT_STREAM = 11  # of the seed: what slots are drawn by
NOTHING = Plasticity(0.0, 0.0, 0, 0, 0, 0, 0.0, 0.0, 0.0, False, 0.0, 0.0, 0.0, 1, 0.0)


def code_of(layer: BalancedLayer, integers: LayerIntegers) -> float:
    """What one code of the fast weights is worth."""
    best = best_fast(layer.feedforward, layer.cost)
    most = max(float(np.abs(layer.fast).max()), float(np.abs(best).max()))
    return most * HEADROOM / integers.highest


def draw_slots(turns: Turns, units: int, seed: int) -> np.ndarray:
    """The slot of each unit, as many of each as can be, int64, shape (N,)."""
    slots = np.arange(units) % turns.slots
    np.random.default_rng([seed, SLOT_STREAM]).shuffle(slots)
    return slots.astype(np.int64)


def lower_wiring(layer: BalancedLayer, slots: np.ndarray, integers: LayerIntegers | None) -> Wiring:
    """Copies of the layer's arrays, in whole numbers where they are given."""
    channels = layer.channels
    dendrites = layer.dendrites
    slow = np.array(layer.slow)
    mixing = np.zeros((0, channels)) if dendrites is None else np.array(dendrites.mixing)
    offset = np.zeros(0) if dendrites is None else np.array(dendrites.offset)
    decoder, fast = np.array(layer.decoder), np.array(layer.fast)
    threshold, feedforward = np.array(layer.threshold), np.array(layer.feedforward)
    if integers is not None:
        code = code_of(layer, integers)
        most = 2 ** (integers.feedforward_bits - 1) - 1
        top = integers.highest << integers.accumulator_bits
        fast = np.clip(np.rint(fast / code * 2.0**integers.accumulator_bits), -top, top)
        threshold = np.rint(threshold / code * 2.0**integers.fraction_bits)
        feedforward = np.rint(feedforward / np.abs(feedforward).max() * most)
        fast, threshold, feedforward = (a.astype(np.int32) for a in (fast, threshold, feedforward))
    return Wiring(feedforward, decoder, threshold, fast, slow, mixing, offset, slots)


def real_fast(wiring: Wiring, layer: BalancedLayer, integers: LayerIntegers | None) -> np.ndarray:
    """The fast weights that a wiring holds, as real numbers."""
    if integers is None:
        return np.array(wiring.fast)
    return wiring.fast * (code_of(layer, integers) * 2.0**-integers.accumulator_bits)


def lower_constants(
    layer: BalancedLayer,
    dt: float,
    turns: Turns,
    coder: Coder,
    integers: LayerIntegers | None,
    noise: float,
    threshold_noise: float,
    gain: float,
    seed: int,
) -> Constants:
    """See :class:`~eqchip.emulator.kernels.dynamics.arrays.Constants`.

    Raises
    ------
    InputError
        Where a drive or leak rounds to nothing.
    """
    lose, mantissa, shift, bits = round(layer.leak * dt * 2**LEAK_BITS), 0, 1, (0, 0, 0)
    current_step = 1.0
    if integers is not None:
        current_step = coder.quantum or integers.current_step
        heard = float(np.abs(layer.feedforward).max()) / (2 ** (integers.feedforward_bits - 1) - 1)
        part = code_of(layer, integers) * 2.0**-integers.fraction_bits
        mantissa, shift = integer_rate(dt * heard * current_step / part)
        bits = (integers.accumulator_bits, integers.fraction_bits, integers.highest)
        if mantissa == 0 or lose == 0:
            what = "the drive" if mantissa == 0 else f"a leak of {layer.leak:g} /s"
            raise InputError(
                f"BalancedSimulation: {what} rounds to nothing in steps of {dt:g} s; expected "
                "longer steps"
            )
        shift = max(shift, 1)
    return Constants(
        dt=dt, keep=1 - layer.leak * dt, lose=lose, gain=gain, cost=layer.cost,
        slots=turns.slots, chance=math.ceil(turns.chance * 2**32), one=turns.one,
        noise=noise, threshold_noise=threshold_noise, quantum=coder.quantum,
        current_step=current_step, mantissa=mantissa, shift=shift,
        accumulator_bits=bits[0], fraction_bits=bits[1], highest=bits[2], seed=np.uint64(seed),
    )  # fmt: skip


def _noise(signal: Noise, dt: float, first: int, channels: int) -> Source:
    # The response t exp(-t / tau) of two equal low-passes has the standard deviation sqrt(2) tau.
    a = math.exp(-dt * math.sqrt(2) / signal.smoothing)
    variance = (1 - a) ** 4 * (1 + a**2) / (1 - a**2) ** 3
    return Source(
        np.zeros((0, channels)), 1, first, a, signal.rms / math.sqrt(variance),
        np.uint64(signal.seed),
    )  # fmt: skip


def _samples(signal: Samples, dt: float, first: int, channels: int) -> Source:
    if signal.values.shape[1] != channels:
        raise InputError(
            f"Samples: values has shape {signal.values.shape}; expected (frames, {channels}), "
            "a value for each channel of the layer"
        )
    return Source(np.array(signal.values), signal.hold, first, 0.0, 0.0, np.uint64(0))


# What lowers each drive, by the type of its description. A new one: a row here.
SOURCES: dict[type[Signal], Any] = {Noise: _noise, Samples: _samples}


def lower_signal(signal: Signal, dt: float, first: int, channels: int) -> Source:
    """The drive from step `first` on.

    Raises
    ------
    InputError
        For what is no drive, or has other channels.
    """
    if type(signal) not in SOURCES:
        known = ", ".join(kind.__name__ for kind in SOURCES)
        raise InputError(f"run: signal is {signal!r}; expected one of {known}")
    source: Source = SOURCES[type(signal)](signal, dt, first, channels)
    return source


def lower_teacher(teacher: Teacher) -> Terms:
    """Its terms as arrays."""
    channel, coefficient, powers = zip(*teacher.terms, strict=True)
    return Terms(
        np.array(channel, np.int64), np.array(coefficient, np.float64), np.array(powers, np.int64)
    )


def _voltage(rule: VoltageRule, rules: Plasticity) -> Plasticity:
    return rules._replace(
        rate=rule.rate, beta=rule.beta, learns_reset=rule.learns_reset,
        feedforward_rate=rule.feedforward_rate, scale=rule.scale,
    )  # fmt: skip


def _sign(rule: SignRule, rules: Plasticity) -> Plasticity:
    return rules._replace(step=rule.step, beta=rule.beta, dead_zone=rule.dead_zone)


def _continuous(rule: ContinuousRule, rules: Plasticity) -> Plasticity:
    return rules._replace(continuous=rule.rate)


# What lowers each rule of fast weights. A new one: a row here.
FAST_RULES: dict[type[FastRule], Any] = {
    VoltageRule: _voltage,
    SignRule: _sign,
    ContinuousRule: _continuous,
}
IN_INTEGERS = (VoltageRule, SignRule)


def lower_rules(
    fast: FastRule | None, slow: SlowRule | None, dt: float, integers: LayerIntegers | None
) -> Plasticity:
    """What is written.

    Raises
    ------
    InputError
        For a rule that is none, that integers do not know, or whose rate rounds to nothing.
    """
    rules = NOTHING
    if fast is not None:
        if type(fast) not in FAST_RULES:
            known = ", ".join(kind.__name__ for kind in FAST_RULES)
            raise InputError(f"run: fast is {fast!r}; expected one of {known}")
        rules = FAST_RULES[type(fast)](fast, rules)
    if slow is not None:
        if not isinstance(slow, SlowRule):
            raise InputError(f"run: slow is {slow!r}; expected a SlowRule")
        rules = rules._replace(
            slow_rate=slow.rate * slow.every * dt, every=slow.every, smoothing=slow.smoothing * dt
        )
    return rules if integers is None else _whole_rules(rules, fast, slow, integers)


def _whole_rules(
    rules: Plasticity, fast: FastRule | None, slow: SlowRule | None, integers: LayerIntegers
) -> Plasticity:
    if slow is not None or rules.feedforward_rate > 0 or rules.learns_reset:
        raise InputError(
            "run: slow and feed-forward weights and resets do not learn in integers; expected "
            "a rule of fast weights alone"
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
    return rules._replace(
        beta_mantissa=beta, beta_shift=BETA_BITS, rate_mantissa=mantissa, rate_shift=shift
    )
