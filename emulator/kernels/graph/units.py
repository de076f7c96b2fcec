"""What the kinds of units of a graph compute in a step, loop by loop.

The equations are those of `eqchip.emulator.description.graph.units`, their readable twin is
`eqchip.backends.reference.neurons`. A group holds all populations of a kind, whose units stand side
by side: number i of the group is unit `base + i` of all. Arrays of rules run over the group's
units.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eqchip.emulator.kernels.graph.numbers import clipped, decayed, wrapped
from eqchip.emulator.kernels.jit import inlined
from eqchip.emulator.kernels.units import span


class Common(NamedTuple):
    """What all units have: populations (g,) int64, their numbers in the graph; base: see above.

    keep: what decays leave of v; bias, initial, floor: numbers. `floor` is far below where there is
    none.
    """

    populations: np.ndarray
    base: int
    keep: np.ndarray
    bias: np.ndarray
    initial: np.ndarray
    floor: np.ndarray


class Firing(NamedTuple):
    """What units that fire have: threshold, and low, below which they fire -1: numbers.

    refractory: int32, steps; of each population (g,): subtract, whether a reset subtracts; waits:
    whether a unit is ever refractory; signed: whether it fires -1.
    """

    threshold: np.ndarray
    low: np.ndarray
    refractory: np.ndarray
    subtract: np.ndarray
    waits: np.ndarray
    signed: np.ndarray


class LeakyRules(NamedTuple):
    """Of LI."""

    common: Common


class CubaLeakyRules(NamedTuple):
    """Of CubaLI; current_keep: what decays leave of u."""

    common: Common
    current_keep: np.ndarray


class LIFRules(NamedTuple):
    """Of IF and LIF."""

    common: Common
    firing: Firing


class CubaRules(NamedTuple):
    """Of CubaLIF; current_keep: what decays leave of u."""

    common: Common
    firing: Firing
    current_keep: np.ndarray


class AdaptiveRules(NamedTuple):
    """Of AdaptiveLIF; adaptation_keep: what decays leave of a."""

    common: Common
    firing: Firing
    adaptation_keep: np.ndarray
    jump: np.ndarray


class TwoCompartmentRules(NamedTuple):
    """Of TwoCompartmentLIF; dendrite_keep: what decays leave of w; coupling: what v takes of it."""

    common: Common
    firing: Firing
    dendrite_keep: np.ndarray
    coupling: np.ndarray


class Kept(NamedTuple):
    """What a kind keeps beside v, numbers over the group's units: u, a, or nothing."""

    own: np.ndarray


@inlined
def begin(rules, unit, net, state):
    """A group before step 1."""
    base = rules.common.base
    for i in span(0, len(rules.common.initial)):
        state.v[np.uint64(base) + np.uint64(i)] = rules.common.initial[i]
    for i in span(0, len(unit.own)):
        unit.own[i] = 0


@inlined
def _integrate(common, v, x, x_base, first, n):
    """v = kept v + x + bias, not below the floor; x[x_base + i] belongs to unit i of the group."""
    base, source = np.uint64(common.base), np.uint64(x_base)
    for i in span(first - common.base, n):
        kept = decayed(v[base + np.uint64(i)], common.keep[i])
        v[base + np.uint64(i)] = max(
            clipped(kept + x[source + np.uint64(i)] + common.bias[i]), common.floor[i]
        )


@inlined
def _integrate_awake(common, v, x, x_base, wait, first, n):
    """As `_integrate`, of units that are not refractory."""
    base, source = np.uint64(common.base), np.uint64(x_base)
    for i in span(first - common.base, n):
        if wait[base + np.uint64(i)] == 0:
            kept = decayed(v[base + np.uint64(i)], common.keep[i])
            v[base + np.uint64(i)] = max(
                clipped(kept + x[source + np.uint64(i)] + common.bias[i]), common.floor[i]
            )


@inlined
def _wrap(x, first, n):
    for j in span(first, n):
        x[j] = wrapped(x[j])


@inlined
def _current(rules, u, x, first, n):
    """u = kept u + x."""
    base = np.uint64(rules.common.base)
    for i in span(first - rules.common.base, n):
        u[i] = wrapped(decayed(u[i], rules.current_keep[i]) + x[base + np.uint64(i)])


@inlined
def _compare(q, v, base, high, low, signed, first, n):
    """q = 1 above `high`, -1 below `low`, strictly."""
    start = np.uint64(base)
    for i in span(first - base, n):
        q[start + np.uint64(i)] = np.int8(v[start + np.uint64(i)] > high[i])
    if signed:
        for i in span(first - base, n):
            q[start + np.uint64(i)] -= np.int8(v[start + np.uint64(i)] < low[i])


@inlined
def _compare_raised(q, v, base, high, low, a, signed, first, n):
    """As `_compare`, with both thresholds further out by a."""
    start = np.uint64(base)
    for i in span(first - base, n):
        q[start + np.uint64(i)] = np.int8(v[start + np.uint64(i)] > high[i] + a[i])
    if signed:
        for i in span(first - base, n):
            q[start + np.uint64(i)] -= np.int8(v[start + np.uint64(i)] < low[i] - a[i])


@inlined
def _reset(firing, q, v, wait, base, g, first, n):
    """Refractory units do not fire; those that fire are reset, and wait."""
    start, zero = np.uint64(base), v.dtype.type(0)
    if firing.waits[g]:
        for i in span(first - base, n):
            j = start + np.uint64(i)
            if wait[j] > 0:
                q[j] = 0
                wait[j] -= 1
            elif q[j] != 0:
                wait[j] = firing.refractory[i]
    if firing.subtract[g]:
        for i in span(first - base, n):
            v[start + np.uint64(i)] -= v.dtype.type(q[start + np.uint64(i)]) * firing.threshold[i]
    else:
        for j in span(first, n):
            v[j] = zero if q[j] != 0 else v[j]


@inlined
def _integrate_firing(rules, g, x, x_base, state, first, n):
    if rules.firing.waits[g]:
        _integrate_awake(rules.common, state.v, x, x_base, state.wait, first, n)
    else:
        _integrate(rules.common, state.v, x, x_base, first, n)


@inlined
def _fire(rules, g, state, first, n):
    base, firing = rules.common.base, rules.firing
    _compare(state.q, state.v, base, firing.threshold, firing.low, firing.signed[g], first, n)
    _reset(firing, state.q, state.v, state.wait, base, g, first, n)


@inlined
def advance_leaky(rules, unit, net, state):
    """A step of LI."""
    for p in rules.common.populations:
        first, n = net.first[p], net.sizes[p]
        _wrap(state.incoming, first, n)
        _integrate(rules.common, state.v, state.incoming, rules.common.base, first, n)


@inlined
def advance_cuba_leaky(rules, unit, net, state):
    """A step of CubaLI."""
    for p in rules.common.populations:
        first, n = net.first[p], net.sizes[p]
        _current(rules, unit.own, state.incoming, first, n)
        _integrate(rules.common, state.v, unit.own, 0, first, n)


@inlined
def advance_lif(rules, unit, net, state):
    """A step of IF and LIF."""
    for g in range(len(rules.common.populations)):
        p = rules.common.populations[g]
        first, n = net.first[p], net.sizes[p]
        _wrap(state.incoming, first, n)
        _integrate_firing(rules, g, state.incoming, rules.common.base, state, first, n)
        _fire(rules, g, state, first, n)


@inlined
def advance_cuba(rules, unit, net, state):
    """A step of CubaLIF."""
    for g in range(len(rules.common.populations)):
        p = rules.common.populations[g]
        first, n = net.first[p], net.sizes[p]
        _current(rules, unit.own, state.incoming, first, n)
        _integrate_firing(rules, g, unit.own, 0, state, first, n)
        _fire(rules, g, state, first, n)


@inlined
def advance_two_compartment(rules, unit, net, state):
    """A step of TwoCompartmentLIF; w stands in the second room of v."""
    base = rules.common.base
    for g in range(len(rules.common.populations)):
        p = rules.common.populations[g]
        first, second, n = net.first[p], net.rooms[1, p], net.sizes[p]
        _wrap(state.incoming, first, n)
        for i in span(0, n):
            own, w = np.uint64(first - base) + np.uint64(i), np.uint64(second) + np.uint64(i)
            state.v[w] = clipped(
                decayed(state.v[w], rules.dendrite_keep[own]) + wrapped(state.incoming[w])
            )
            state.incoming[np.uint64(first) + np.uint64(i)] += decayed(
                state.v[w], rules.coupling[own]
            )
        _integrate_firing(rules, g, state.incoming, base, state, first, n)
        _fire(rules, g, state, first, n)


@inlined
def advance_adaptive(rules, unit, net, state):
    """A step of AdaptiveLIF."""
    base, firing, a = rules.common.base, rules.firing, unit.own
    for g in range(len(rules.common.populations)):
        p = rules.common.populations[g]
        first, n = net.first[p], net.sizes[p]
        _wrap(state.incoming, first, n)
        _integrate_firing(rules, g, state.incoming, base, state, first, n)
        _compare_raised(
            state.q, state.v, base, firing.threshold, firing.low, a, firing.signed[g], first, n
        )
        _reset(firing, state.q, state.v, state.wait, base, g, first, n)
        start = np.uint64(base)
        for i in span(first - base, n):
            rise = rules.jump[i] if state.q[start + np.uint64(i)] != 0 else a.dtype.type(0)
            a[i] = decayed(a[i], rules.adaptation_keep[i]) + rise
