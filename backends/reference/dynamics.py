r"""A balanced layer in plain numpy: what a step does, and in which order.

Step t = 0, 1, ... of a layer that has N units and J channels; c is the drive, o the spikes of the
step before, sums run over channels in ascending order and begin with what stands first::

    1  c = drive of t;  heard = c, or quantum times the spikes of its sigma-delta modulators
    2  e = x - y,  g = F e                      where an error is fed back or slow weights learn
    3  V = (1 - leak dt) V + dt (u + F heard + gain g),  and noise
    4  r, y and (without dendrites) u lose leak dt of themselves;  x += dt (slope of x + c)
    5  for each k of o, ascending: F_k and row k of the fast weights are written, seeing V as it is
       then; V += fast_k;  u += slow_k;  r_k += 1;  y += D_k
    6  the continuous rule, where it is the rule
    7  smooth += smoothing dt (g - smooth)
    8  where t + 1 is a multiple of `every`: dendrites psi = [mixing y + offset]_+, u = psi slow;
       then slow_k += rate every dt r_k smooth (of dendrites psi_k), where r_k is above 2**-10
    9  o = [V > threshold], of the units whose turn it is

In whole numbers (:class:`~eqchip.emulator.description.dynamics.integers.LayerIntegers`) step 3 is
``V - sign(V) (|V| lose >> 12) + (F heard mantissa + half >> shift)`` and what is written in step 5
is rounded at random; y, r and x belong to who reads the layer, and are real numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eqchip.backends.reference.onchip import GOLDEN, mix, round_at_random, whole_rate
from eqchip.emulator.description.dynamics.integers import LayerIntegers
from eqchip.emulator.description.dynamics.layer import BalancedLayer
from eqchip.emulator.description.dynamics.rules import (
    ContinuousRule,
    FastRule,
    SignRule,
    SlowRule,
    VoltageRule,
)
from eqchip.emulator.description.dynamics.signals import (
    Coder,
    Noise,
    Samples,
    Signal,
    Teacher,
)
from eqchip.emulator.description.dynamics.turns import Turns

LEAST_TRACE = 2.0**-10
HIGHEST = 2**23 - 1
BETA_BITS = 8


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


@dataclass
class Layer:
    """What there is of a layer between two steps; numbers are real, or whole."""

    feedforward: np.ndarray
    fast: np.ndarray
    slow: np.ndarray
    threshold: np.ndarray
    v: np.ndarray
    u: np.ndarray
    r: np.ndarray
    smooth: np.ndarray
    x: np.ndarray
    y: np.ndarray
    owed: np.ndarray
    bits: np.ndarray
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, name: str, much: int) -> None:
        """So many more of these."""
        self.counts[name] = self.counts.get(name, 0) + int(much)


@dataclass
class Reference:
    """The result of :func:`run_reference`: the layer at the end, and every step.

    spikes: (steps, N); x, y: (steps, J); v: (steps, N); excited, inhibited: (steps, N), currents
    behind the leak of V, with one sign of each weight, of the drive and of what is fed back.
    """

    layer: Layer
    spikes: np.ndarray
    x: np.ndarray
    y: np.ndarray
    v: np.ndarray
    excited: np.ndarray
    inhibited: np.ndarray


def run_reference(
    layer: BalancedLayer,
    signal: Signal,
    steps: int,
    *,
    dt: float,
    turns: Turns,
    slots: np.ndarray,
    teacher: Teacher,
    coder: Coder,
    integers: LayerIntegers | None = None,
    gain: float = 0.0,
    fast: FastRule | None = None,
    slow: SlowRule | None = None,
    noise: float = 0.0,
    threshold_noise: float = 0.0,
    seed: int = 0,
) -> Reference:
    """Run a layer from rest; see the module, and :class:`eqchip.BalancedSimulation`.

    Parameters
    ----------
    slots : ndarray of int64, shape (N,)
        Of the units.
    """
    whole = None if integers is None else _Whole(layer, integers, coder, dt)
    now = _begin(layer, whole)
    drive = Drive(signal, dt, layer.channels)
    keep = 1 - layer.leak * dt
    excited, inhibited = np.zeros(layer.units), np.zeros(layer.units)
    kept: dict[str, list[np.ndarray]] = {
        name: [] for name in ("spikes", "x", "y", "v", "excited", "inhibited")
    }
    for step in range(steps):
        key = key_of(seed, step)
        c = drive.at(step)
        heard = _hear(now, c, coder, whole)
        fed_back = gain != 0 or slow is not None
        g = np.zeros(layer.units)
        if fed_back:
            for row, value in zip(now.feedforward, now.x - now.y, strict=True):
                g = g + value * row
            now.count("feedback_macs", layer.channels * layer.units)
        if whole is None:
            excited, inhibited = (
                keep * current + _pushed(now, sign, heard, gain, g, dt)
                for sign, current in ((1, excited), (-1, inhibited))
            )
            total = now.u.copy()
            for row, value in zip(now.feedforward, heard, strict=True):
                total = total + value * row if value != 0 else total
            if gain != 0:
                total = total + gain * g
            now.v = keep * now.v + dt * total
            if noise > 0:
                now.v = now.v + noise * normals(key, np.arange(layer.units))
        else:
            now.v = whole.integrate(now, heard)
        now.r = now.r * keep
        if layer.dendrites is None:
            now.u = now.u * keep
        now.x = now.x + dt * (teacher.slope(now.x) + c)
        now.y = now.y * keep
        for k in np.flatnonzero(now.bits):
            _arrive(now, layer, int(k), fast, whole, key)
        if isinstance(fast, ContinuousRule):
            _write_continuously(now, fast)
        if fed_back:
            smoothing = slow.smoothing * dt if slow is not None else 0.0
            now.smooth = now.smooth + smoothing * (g - now.smooth)
        every = slow.every if slow is not None else 1
        if (step + 1) % every == 0:
            _slowly(now, layer, slow, dt)
        now.bits = _fire(now, turns, slots, step, threshold_noise, key)
        now.count("spikes", now.bits.sum())
        for name, value in (
            ("spikes", now.bits), ("x", now.x), ("y", now.y), ("v", now.v), ("excited", excited),
            ("inhibited", inhibited),
        ):  # fmt: skip
            kept[name].append(np.array(value))
    return Reference(now, **{name: np.array(rows) for name, rows in kept.items()})


def _begin(layer: BalancedLayer, whole: _Whole | None) -> Layer:
    if whole is None:
        arrays = {name: getattr(layer, name) for name in ("feedforward", "fast", "threshold")}
    else:
        arrays = whole.arrays
    channels, units = layer.channels, layer.units
    return Layer(
        feedforward=np.array(arrays["feedforward"]),
        fast=np.array(arrays["fast"]),
        slow=np.array(layer.slow),
        threshold=np.array(arrays["threshold"]),
        v=np.zeros(units, np.float64 if whole is None else np.int64),
        u=np.zeros(units),
        r=np.zeros(units),
        smooth=np.zeros(units),
        x=np.zeros(channels),
        y=np.zeros(channels),
        owed=np.zeros(channels),
        bits=np.zeros(units, bool),
    )


def _hear(now: Layer, c: np.ndarray, coder: Coder, whole: _Whole | None) -> np.ndarray:
    """What reaches the units of the drive: real numbers, or whole ones."""
    if coder.quantum == 0:
        now.count("input_macs", c.size * now.v.size)
        return c if whole is None else np.floor(c / whole.current_step + 0.5).astype(np.int64)
    owed = now.owed + c / coder.quantum
    spikes = np.where(owed > 0.5, 1.0, np.where(owed < -0.5, -1.0, 0.0))
    now.owed = owed - spikes
    now.count("input_spikes", np.count_nonzero(spikes))
    return spikes * coder.quantum if whole is None else spikes.astype(np.int64)


def _pushed(
    now: Layer, sign: int, heard: np.ndarray, gain: float, g: np.ndarray, dt: float
) -> np.ndarray:
    """What pushes potentials one way in this step, by the weights before it."""
    total = now.u + gain * g
    for row, value in zip(now.feedforward, heard, strict=True):
        total = total + value * row
    pushed = dt * np.maximum(sign * total, 0.0)
    for k in np.flatnonzero(now.bits):
        pushed = pushed + np.maximum(sign * now.fast[k], 0.0)
    return pushed


def _arrive(
    now: Layer, layer: BalancedLayer, k: int, rule: FastRule | None, whole: _Whole | None, key: Any
) -> None:
    if whole is not None:
        whole.arrive(now, k, rule, key)
    else:
        _write(now, layer, k, rule)
        now.v = now.v + now.fast[k]
    if layer.dendrites is None:
        now.u = now.u + now.slow[k]
    now.r[k] += 1.0
    now.y = now.y + layer.decoder[k]
    now.count("synaptic_events", len(now.v))


def _write(now: Layer, layer: BalancedLayer, k: int, rule: FastRule | None) -> None:
    """Row k of the fast weights, and what unit k hears."""
    row, n = now.fast[k], len(now.v)
    if isinstance(rule, VoltageRule):
        if rule.feedforward_rate > 0:
            heard = now.feedforward[:, k]
            now.feedforward[:, k] = heard + rule.feedforward_rate * (rule.scale * now.x - heard)
            now.count("feedforward_writes", len(now.x))
        new = row - rule.rate * (rule.beta * (now.v + layer.cost * now.r) + row)
        new[k] = new[k] - rule.rate * layer.cost if rule.learns_reset else row[k]
        now.count("weights_applied", n)
    elif isinstance(rule, SignRule):
        much = rule.beta * now.v + row
        moved = (much > rule.dead_zone).astype(int) - (much < -rule.dead_zone).astype(int)
        new = row - rule.step * moved
        new[k] = row[k]
        now.count("weights_applied", np.abs(moved).sum())
    else:
        return
    now.fast[k] = new
    now.count("weights_attempted", n)


def _write_continuously(now: Layer, rule: ContinuousRule) -> None:
    for k in np.flatnonzero(now.r > LEAST_TRACE):
        own = now.fast[k, k]
        now.fast[k] = now.fast[k] - rule.rate * now.r[k] * now.v
        now.fast[k, k] = own
    now.count("weights_attempted", now.fast.size)
    now.count("weights_applied", now.fast.size)


def _slowly(now: Layer, layer: BalancedLayer, rule: SlowRule | None, dt: float) -> None:
    """What happens every so many steps: dendrites, and writes of slow weights."""
    factors = now.r
    if layer.dendrites is not None:
        mixing, offset = layer.dendrites.mixing, layer.dendrites.offset
        value = offset.copy()
        for d in range(len(now.y)):
            value = value + mixing[:, d] * now.y[d]
        factors = np.maximum(value, 0.0)
        now.u = np.zeros_like(now.u)
        for b in np.flatnonzero(value > 0):
            now.u = now.u + value[b] * now.slow[b]
        now.count("dendrite_macs", len(value) * (len(now.u) + len(now.y)))
    if rule is None or rule.rate == 0:
        return
    for k in np.flatnonzero(factors > LEAST_TRACE):
        now.slow[k] = now.slow[k] + rule.rate * rule.every * dt * factors[k] * now.smooth
        now.count("slow_writes", len(now.smooth))


def _fire(
    now: Layer, turns: Turns, slots: np.ndarray, step: int, threshold_noise: float, key: Any
) -> np.ndarray:
    n = len(now.v)
    margin = now.v - now.threshold
    if threshold_noise > 0:
        margin = margin - threshold_noise * normals(key, n + np.arange(n))
    bits = (slots == step % turns.slots) & (margin > 0)
    if turns.one:
        only = np.zeros(n, bool)
        if bits.any():
            only[np.argmax(np.where(bits, margin, -np.inf))] = True
        return only
    draws = words(key, 2 * n + np.arange(n)) >> np.uint64(32)
    return bits & (draws < math.ceil(turns.chance * 2**32))


class _Whole:
    """The layer in whole numbers."""

    def __init__(
        self, layer: BalancedLayer, integers: LayerIntegers, coder: Coder, dt: float
    ) -> None:
        self.integers = integers
        best = layer.feedforward.T @ layer.feedforward + layer.cost * np.eye(layer.units)
        code = max(np.abs(layer.fast).max(), np.abs(best).max()) * 1.05 / integers.highest
        most = 2 ** (integers.feedforward_bits - 1) - 1
        top = integers.highest * 2**integers.accumulator_bits
        strongest = np.abs(layer.feedforward).max()
        arrays = {
            "fast": np.clip(np.rint(layer.fast / code * 2.0**integers.accumulator_bits), -top, top),
            "threshold": np.rint(layer.threshold / code * 2.0**integers.fraction_bits),
            "feedforward": np.rint(layer.feedforward / strongest * most),
        }
        self.arrays = {name: array.astype(np.int64) for name, array in arrays.items()}
        self.current_step = coder.quantum or integers.current_step
        part = code * 2.0**-integers.fraction_bits
        per_step = dt * (strongest / most) * self.current_step / part
        self.mantissa, self.shift = whole_rate(per_step)
        self.shift = max(self.shift, 1)
        self.lose = round(layer.leak * dt * 4096)

    def integrate(self, now: Layer, heard: np.ndarray) -> np.ndarray:
        """V of the next step."""
        lost = np.sign(now.v) * ((np.abs(now.v) * self.lose) >> 12)
        total = heard @ now.feedforward
        added = (total * self.mantissa + (1 << (self.shift - 1))) >> self.shift
        return np.clip(now.v - lost + added, -HIGHEST - 1, HIGHEST)

    def arrive(self, now: Layer, k: int, rule: FastRule | None, key: np.ndarray) -> None:
        """Row k is written, and added."""
        bits, below = self.integers.accumulator_bits, self.integers.fraction_bits
        half = (1 << bits) >> 1
        stored = now.fast[k].copy()
        if isinstance(rule, VoltageRule | SignRule):
            others = np.arange(len(stored)) != k
            beta = round(rule.beta * 2**BETA_BITS)
            much = (now.v * beta << bits) + (stored << (below + BETA_BITS))
            if isinstance(rule, SignRule):
                dead = (1 << (below + BETA_BITS + bits)) >> 1
                change = (much > dead).astype(np.int64) - (much < -dead)
            else:
                shift = 32 - BETA_BITS - below
                start = words(key, np.array([k + 1]))
                with np.errstate(over="ignore"):
                    change = round_at_random(
                        much * round(rule.rate * 2.0**shift), 32, start, np.arange(len(stored))
                    )
            most = (self.integers.highest << bits) + half - (bits > 0)
            least = -((self.integers.highest + 1) << bits)
            wanted = stored - change * others
            written = np.clip(wanted, least, most)
            now.count("weights_attempted", others.sum())
            now.count("weights_saturated", (written != wanted).sum())
            now.count(
                "weights_applied", (((written + half) >> bits) != ((stored + half) >> bits)).sum()
            )
            now.fast[k] = stored = written
        new = now.v + (((stored + half) >> bits) << below)
        now.count("potentials_clipped", ((new > HIGHEST) | (new < -HIGHEST - 1)).sum())
        now.v = np.clip(new, -HIGHEST - 1, HIGHEST)
