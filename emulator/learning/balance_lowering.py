"""From the description of a balanced layer, its drive and its rules to what the kernel takes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from eqchip.emulator.description.asynchronous import QUANTA, quanta
from eqchip.emulator.description.dynamics.cores import LayerCores
from eqchip.emulator.description.dynamics.integers import LayerIntegers
from eqchip.emulator.description.dynamics.layer import BalancedLayer
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
    Clockwork,
    Constants,
    Plasticity,
    Source,
    Terms,
    Whole,
    Wiring,
)
from eqchip.emulator.learning.balance_integers import units_of, whole_rules, whole_wiring

SLOT_STREAM, CLOCK_STREAM = 11, 12  # of the seed: what slots and clocks are drawn by
NOTHING = Plasticity(0.0, 0.0, 0, 0, 0, 0, 0.0, 0.0, 0.0, False, 0.0, 0.0, 0.0, 0, 0, 1, 0.0)


def draw_slots(turns: Turns, units: int, seed: int) -> np.ndarray:
    """The slot of each unit, as many of each as can be, int64, shape (N,)."""
    slots = np.arange(units) % turns.slots
    np.random.default_rng([seed, SLOT_STREAM]).shuffle(slots)
    return slots.astype(np.int64)


def lower_clocks(turns: Turns, cores: np.ndarray, dt: float, seed: int) -> Clockwork:
    """The clocks of units on these cores, drawn; none where `turns` has none.

    Raises
    ------
    InputError
        Where a clock could tick twice in a step.
    """
    if turns.period == 0:
        nothing = np.zeros(0, np.int64)
        return Clockwork(nothing, nothing, nothing.astype(np.uint64), 0, 1)
    clocks = turns.clocks
    least = (clocks.shortest_period - clocks.jitter) * turns.period
    if dt > least:
        raise InputError(
            f"BalancedSimulation: dt is {dt:g} s; expected at most {least:g} s, the shortest time "
            f"between two ticks of {turns!r}"
        )
    number = cores if clocks.per == "core" else np.arange(len(cores))
    rng = np.random.default_rng([seed, CLOCK_STREAM])
    drawn = rng.random((2, len(cores)))[:, number]
    keys = rng.integers(0, 2**63, len(cores), np.uint64)[number]
    way = math.sqrt(3.0) * clocks.spread * (2.0 * drawn[0] - 1.0)
    period = np.rint(QUANTA * (1.0 + way)).astype(np.int64)
    offset = np.rint(clocks.offset * drawn[1] * period).astype(np.int64)
    grid = max(quanta(dt / turns.period), 1)
    return Clockwork(period, offset, keys, quanta(clocks.jitter), grid)


def lower_wiring(
    layer: BalancedLayer, slots: np.ndarray, cores: LayerCores, integers: LayerIntegers | None
) -> Wiring:
    """Copies of the layer's arrays, in whole numbers where they are given.

    Raises
    ------
    InputError
        For more cores than units.
    """
    n, channels, dendrites = layer.units, layer.channels, layer.dendrites
    if cores.count > n:
        raise InputError(f"LayerCores: count is {cores.count}; expected at most {n}, the units")
    sizes = np.array([len(part) for part in np.array_split(np.arange(n), cores.count)])
    bounds = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    wiring = Wiring(
        np.array(layer.feedforward), np.array(layer.decoder), np.array(layer.threshold),
        np.array(layer.fast), np.array(layer.slow),
        np.zeros((0, channels)) if dendrites is None else np.array(dendrites.mixing),
        np.zeros(0) if dendrites is None else np.array(dendrites.offset),
        np.zeros((0, channels), np.int64), slots, np.repeat(np.arange(cores.count), sizes), bounds,
    )  # fmt: skip
    return wiring if integers is None else whole_wiring(wiring, layer, integers)


def real_weights(
    wiring: Wiring, layer: BalancedLayer, integers: LayerIntegers | None
) -> dict[str, Any]:
    """The weights that a wiring holds, as real numbers."""
    if integers is None:
        return {name: getattr(wiring, name) for name in ("feedforward", "fast", "slow")}
    one, stored = units_of(layer, integers), 2.0**-integers.accumulator_bits
    return {"fast": wiring.fast * (one.code * stored), "slow": wiring.slow * (one.slow * stored)}


def lower_constants(
    layer: BalancedLayer,
    dt: float,
    turns: Turns,
    cores: LayerCores,
    clocks: Clockwork,
    coder: Coder,
    whole: Whole,
    noise: float,
    threshold_noise: float,
    gain: float,
    seed: int,
) -> Constants:
    """See :class:`~eqchip.emulator.kernels.dynamics.arrays.Constants`."""
    return Constants(
        dt=dt, keep=1 - layer.leak * dt, gain=gain, cost=layer.cost,
        looks=1 if layer.dendrites is None else layer.dendrites.every,
        slots=turns.slots, chance=math.ceil(turns.chance * 2**32), one=turns.one, clocks=clocks,
        within=cores.within, across=cores.across, jitter=cores.jitter,
        noise=noise, threshold_noise=threshold_noise, quantum=coder.quantum, whole=whole,
        seed=np.uint64(seed),
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


def lower_rules(
    fast: FastRule | None,
    slow: SlowRule | None,
    layer: BalancedLayer,
    dt: float,
    integers: LayerIntegers | None,
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
    return rules if integers is None else whole_rules(rules, fast, layer, integers)
