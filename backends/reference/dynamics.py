r"""A balanced layer in plain numpy: what a step does, and in which order.

Step t = 0, 1, ... of a layer that has N units and J channels; c is the drive, o the spikes of the
step before, sums run over channels in ascending order and begin with what stands first::

    1  c = drive of t;  heard = c, or quantum times the spikes of its sigma-delta modulators
    2  e = x - y,  g = F e                      where an error is fed back or slow weights learn
    3  V = (1 - leak dt) V + dt (u + F heard + gain g),  and noise
    4  r, y and (without dendrites) u lose leak dt of themselves;  x += dt (slope of x + c)
    5  for each k, ascending: where it is in o, F_k is written; on each core that a spike of k
       reaches in this step, row k of the fast weights is written, seeing V as it is then, V +=
       fast_k and u += slow_k; where it is in o, r_k += 1 and y += D_k
    6  the continuous rule, where it is the rule
    7  smooth += smoothing dt (g - smooth)
    8  where t + 1 is a multiple of the dendrites' `every`: psi = [mixing y + offset]_+, u = psi
       slow; where it is one of the rule's: slow_k += rate every dt r_k smooth (of dendrites
       psi_k), where r_k is above 2**-10
    9  o = [V > threshold], of the units whose turn it is; their spikes set out

A spike reaches its own core `within` steps later, others `across`, and up to `jitter` more. Tick n
of a clock falls into the first step that ends when it is due or later, and that has no tick yet.
Whole numbers: :mod:`eqchip.backends.reference.dynamics_whole`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eqchip.backends.reference.dynamics_given import Drive, key_of, normals, ticks, words
from eqchip.backends.reference.dynamics_whole import WholeLayer
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
from eqchip.emulator.description.dynamics.signals import (
    Coder,
    Signal,
    Teacher,
)
from eqchip.emulator.description.dynamics.turns import Turns

LEAST_TRACE = 2.0**-10
MESSAGE = 2**32  # where random numbers of messages begin


@dataclass
class Layer:
    """What there is of a layer between two steps; numbers are real, or whole.

    under_way: spikes, when they arrive, at which core, of which unit.
    """

    feedforward: np.ndarray
    fast: np.ndarray
    slow: np.ndarray
    threshold: np.ndarray
    v: np.ndarray
    u: np.ndarray
    psi: np.ndarray
    r: np.ndarray
    smooth: np.ndarray
    x: np.ndarray
    y: np.ndarray
    owed: np.ndarray
    bits: np.ndarray
    core: np.ndarray
    under_way: list[tuple[int, int, int]] = field(default_factory=list)
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
    clocks: Any = None,
    cores: LayerCores | None = None,
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
    clocks : Clockwork, optional
        As drawn: periods, offsets and keys, in quanta.
    """
    whole = None if integers is None else WholeLayer(layer, integers, coder, dt, noise, gain, slow)
    spread = cores or LayerCores()
    now = _begin(layer, whole, spread)
    drive = Drive(signal, dt, layer.channels)
    keep = 1 - layer.leak * dt
    excited, inhibited = np.zeros(layer.units), np.zeros(layer.units)
    ticking = ticks(clocks, steps) if turns.period > 0 else None
    kept: dict[str, list[np.ndarray]] = {
        name: [] for name in ("spikes", "x", "y", "v", "excited", "inhibited")
    }
    for step in range(steps):
        key = key_of(seed, step)
        c = drive.at(step)
        heard = _hear(now, c, coder, whole)
        fed_back = gain != 0 or (slow is not None and slow.rate > 0)
        g = np.zeros(layer.units)
        if fed_back:
            error = now.x - now.y if whole is None else whole.told(now.x - now.y)
            for row, value in zip(now.feedforward, error, strict=True):
                g = g + value * row
            now.count("feedback_macs", layer.channels * layer.units)
        if whole is None:
            added = _currents(now, heard, gain, g, dt)
            now.v = keep * now.v + added
            if noise > 0:
                now.v = now.v + noise * normals(key, np.arange(layer.units))
        else:
            added = whole.integrate(now, heard, g)
            if noise > 0:
                whole.shake(now, words(key, np.arange(layer.units)))
        arrived = sorted((k, core) for when, core, k in now.under_way if when == step)
        now.under_way = [one for one in now.under_way if one[0] > step]
        excited, inhibited = (
            keep * current + _pushed(now, sign, added, arrived, whole)
            for sign, current in ((1, excited), (-1, inhibited))
        )
        now.r = now.r * keep
        if whole is not None:
            whole.decay(now, step)
        elif layer.dendrites is None:
            now.u = now.u * keep
        now.x = now.x + dt * (teacher.slope(now.x) + c)
        now.y = now.y * keep
        _hear_spikes(now, layer, arrived, fast, whole, key)
        if isinstance(fast, ContinuousRule):
            _write_continuously(now, fast)
        if fed_back and whole is not None:
            whole.filter(g)
        elif fed_back:
            smoothing = slow.smoothing * dt if slow is not None else 0.0
            now.smooth = now.smooth + smoothing * (g - now.smooth)
        if layer.dendrites is not None and (step + 1) % layer.dendrites.every == 0:
            _bend(now, layer, whole)
        if slow is not None and slow.rate > 0 and (step + 1) % slow.every == 0:
            _slowly(now, layer, slow, dt, whole, key)
        mine = slots == step % turns.slots if ticking is None else ticking[step]
        now.bits = _fire(now, turns, mine, threshold_noise, key)
        _send(now, spread, step, key)
        for name, value in (
            ("spikes", now.bits), ("x", now.x), ("y", now.y), ("v", now.v), ("excited", excited),
            ("inhibited", inhibited),
        ):  # fmt: skip
            kept[name].append(np.array(value))
    return Reference(now, **{name: np.array(rows) for name, rows in kept.items()})


def _begin(layer: BalancedLayer, whole: WholeLayer | None, cores: LayerCores) -> Layer:
    names = ("feedforward", "fast", "slow", "threshold")
    arrays: dict[str, Any] = {name: np.array(getattr(whole or layer, name)) for name in names}
    channels, units = layer.channels, layer.units
    dendrites = 0 if layer.dendrites is None else len(layer.dendrites.offset)
    parts = np.array_split(np.arange(units), cores.count)
    number = np.float64 if whole is None else np.int64
    return Layer(
        **arrays,
        v=np.zeros(units, number),
        u=np.zeros(units, number),
        psi=np.zeros(dendrites, number),
        r=np.zeros(units),
        smooth=np.zeros(units),
        x=np.zeros(channels),
        y=np.zeros(channels),
        owed=np.zeros(channels),
        bits=np.zeros(units, bool),
        core=np.concatenate([np.full(len(part), c) for c, part in enumerate(parts)]),
    )


def _hear(now: Layer, c: np.ndarray, coder: Coder, whole: WholeLayer | None) -> np.ndarray:
    """What reaches the units of the drive: real numbers, or whole ones."""
    if coder.quantum == 0:
        now.count("input_macs", c.size * now.v.size)
        return c if whole is None else np.floor(c / whole.current_step + 0.5).astype(np.int64)
    owed = now.owed + c / coder.quantum
    spikes = np.where(owed > 0.5, 1.0, np.where(owed < -0.5, -1.0, 0.0))
    now.owed = owed - spikes
    now.count("input_spikes", np.count_nonzero(spikes))
    return spikes * coder.quantum if whole is None else spikes.astype(np.int64)


def _currents(now: Layer, heard: np.ndarray, gain: float, g: np.ndarray, dt: float) -> np.ndarray:
    """What all currents add to the potentials in a step."""
    total = now.u.copy()
    for row, value in zip(now.feedforward, heard, strict=True):
        total = total + value * row if value != 0 else total
    if gain != 0:
        total = total + gain * g
    return total * dt


def _pushed(
    now: Layer, sign: int, added: np.ndarray, arrived: Any, whole: WholeLayer | None
) -> np.ndarray:
    """What pushes potentials one way in this step, by the weights before it."""
    pushed = np.maximum(sign * added.astype(np.float64), 0.0)
    for k, core in arrived:
        row = now.fast[k] if whole is None else whole.of_spike(now.fast[k])
        pushed = pushed + np.where(now.core == core, np.maximum(sign * row, 0.0), 0.0)
    return pushed


def _hear_spikes(
    now: Layer,
    layer: BalancedLayer,
    arrived: Any,
    rule: FastRule | None,
    whole: WholeLayer | None,
    key: Any,
) -> None:
    """The spikes that arrive, and who reads those of the step before."""
    for k in range(len(now.v)):
        if now.bits[k] and isinstance(rule, VoltageRule) and rule.feedforward_rate > 0:
            heard = now.feedforward[:, k]
            now.feedforward[:, k] = heard + rule.feedforward_rate * (rule.scale * now.x - heard)
            now.count("feedforward_writes", len(now.x))
        for sender, core in arrived:
            if sender == k:
                _arrive(now, layer, k, now.core == core, rule, whole, key)
        if now.bits[k]:
            now.r[k] += 1.0
            now.y = now.y + layer.decoder[k]
            if whole is not None:
                whole.count(k)


def _arrive(
    now: Layer,
    layer: BalancedLayer,
    k: int,
    here: np.ndarray,
    rule: FastRule | None,
    whole: WholeLayer | None,
    key: Any,
) -> None:
    """A spike of k at the units that are here."""
    if whole is not None:
        whole.arrive(now, k, here, rule, key)
    else:
        _write(now, layer, k, here, rule)
        now.v = np.where(here, now.v + now.fast[k], now.v)
        if layer.dendrites is None:
            now.u = np.where(here, now.u + now.slow[k], now.u)
    now.count("synaptic_events", here.sum())


def _write(
    now: Layer, layer: BalancedLayer, k: int, here: np.ndarray, rule: FastRule | None
) -> None:
    """Row k of the fast weights, of the units that are here."""
    row = now.fast[k]
    if isinstance(rule, VoltageRule):
        new = row - rule.rate * (rule.beta * (now.v + layer.cost * now.r) + row)
        new[k] = new[k] - rule.rate * layer.cost if rule.learns_reset else row[k]
        now.count("weights_applied", here.sum())
    elif isinstance(rule, SignRule):
        much = rule.beta * now.v + row
        moved = (much > rule.dead_zone).astype(int) - (much < -rule.dead_zone).astype(int)
        new = row - rule.step * moved
        new[k] = row[k]
        now.count("weights_applied", np.abs(moved * here).sum())
    else:
        return
    now.fast[k] = np.where(here, new, row)
    now.count("weights_attempted", here.sum())


def _write_continuously(now: Layer, rule: ContinuousRule) -> None:
    for k in np.flatnonzero(now.r > LEAST_TRACE):
        own = now.fast[k, k]
        now.fast[k] = now.fast[k] - rule.rate * now.r[k] * now.v
        now.fast[k, k] = own
    now.count("weights_attempted", now.fast.size)
    now.count("weights_applied", now.fast.size)


def _bend(now: Layer, layer: BalancedLayer, whole: WholeLayer | None) -> None:
    """Dendrites look."""
    assert layer.dendrites is not None
    value = layer.dendrites.offset.copy()
    if whole is not None:
        value = whole.look()
    else:
        for d in range(len(now.y)):
            value = value + layer.dendrites.mixing[:, d] * now.y[d]
    now.psi = np.maximum(value, 0)
    now.u = np.zeros_like(now.u)
    for b in np.flatnonzero(value > 0):
        row = now.slow[b] if whole is None else whole.seen(now.slow[b])
        now.u = now.u + value[b] * row
    now.count("dendrite_macs", len(value) * (len(now.u) + len(now.y)))


def _slowly(
    now: Layer, layer: BalancedLayer, rule: SlowRule, dt: float, whole: WholeLayer | None, key: Any
) -> None:
    """Slow weights are written."""
    if whole is not None:
        whole.slowly(now, layer, key)
        return
    factors = now.r if layer.dendrites is None else now.psi
    for k in np.flatnonzero(factors > LEAST_TRACE):
        now.slow[k] = now.slow[k] + rule.rate * rule.every * dt * factors[k] * now.smooth
        now.count("slow_writes", len(now.smooth))


def _fire(
    now: Layer, turns: Turns, mine: np.ndarray, threshold_noise: float, key: Any
) -> np.ndarray:
    n = len(now.v)
    if turns.chance < 1:
        draws = words(key, 2 * n + np.arange(n)) >> np.uint64(32)
        mine = mine & (draws < math.ceil(turns.chance * 2**32))
    margin = now.v - now.threshold
    if threshold_noise > 0:
        margin = margin - threshold_noise * normals(key, n + np.arange(n))
    bits = mine & (margin > 0)
    now.count("turns", mine.sum())
    if turns.one and bits.any():
        best = np.argmax(np.where(bits, margin, -np.inf))
        bits = np.arange(n) == best
    now.count("spikes", bits.sum())
    return bits


def _send(now: Layer, cores: LayerCores, step: int, key: Any) -> None:
    """Spikes set out to all cores."""
    n = len(now.v)
    for k in np.flatnonzero(now.bits):
        for core in range(cores.count):
            delay = cores.within if core == now.core[k] else cores.across
            if cores.jitter > 0:
                word = int(words(key, np.array([MESSAGE + core * n + k]))[0]) >> 32
                delay += word * (cores.jitter + 1) >> 32
            now.under_way.append((step + delay, core, int(k)))
        now.count("messages", cores.count - 1)
