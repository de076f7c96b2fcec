"""A step of the units: integrate, hear the spikes of the step before and be written, fire."""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.dynamics.arrays import (
    APPLIED,
    ATTEMPTED,
    CLIPPED,
    FEEDFORWARD_WRITES,
    SATURATED,
)
from eqchip.emulator.kernels.dynamics.signals import normal
from eqchip.emulator.kernels.jit import by_first, inlined
from eqchip.emulator.kernels.random_rounding import GOLDEN, mix, round_at_random
from eqchip.emulator.kernels.units import span

HIGHEST = 2**23 - 1  # of a potential of 24 bits
LEAK_BITS, BITS_OF_CHANCE = 12, np.uint64(32)


@inlined
def _integrate_floats(v, wiring, constants, state, key):
    """V = keep V + dt (slow + heard F + gain F e), and noise."""
    total, n = state.total, len(v)
    for i in span(0, n):
        total[i] = state.u[i]
    for d in range(len(state.heard)):
        row, value = wiring.feedforward[d], state.heard[d]
        if value != 0:
            for i in span(0, n):
                total[i] += value * row[i]
    if constants.gain != 0:
        for i in span(0, n):
            total[i] += constants.gain * state.g[i]
    for i in span(0, n):
        v[i] = constants.keep * v[i] + constants.dt * total[i]
    if constants.noise > 0:
        for i in range(n):
            v[i] += constants.noise * normal(key, i)


@inlined
def _integrate_codes(v, wiring, constants, state, key):
    """V = V - leak + heard F, in parts of a code."""
    total, n = state.whole, len(v)
    for i in span(0, n):
        total[i] = 0
    for d in range(len(state.heard_codes)):
        row, value = wiring.feedforward[d], state.heard_codes[d]
        if value != 0:
            for i in span(0, n):
                total[i] += value * np.int64(row[i])
    half = np.int64(1) << (constants.shift - 1)
    for i in span(0, n):
        old = np.int64(v[i])
        lost = (abs(old) * constants.lose) >> LEAK_BITS
        new = (old - lost if old >= 0 else old + lost) + (
            (total[i] * constants.mantissa + half) >> constants.shift
        )
        v[i] = np.int32(min(max(new, -HIGHEST - 1), HIGHEST))


@inlined
def _arrive_floats(v, wiring, constants, rules, state, k, key, counts):
    """A spike of k: its row is written, seeing V before it, and added."""
    row, r, n = wiring.fast[k], state.r, len(v)
    if rules.feedforward_rate > 0:
        for d in range(len(state.x)):
            heard = wiring.feedforward[d]
            heard[k] += rules.feedforward_rate * (rules.scale * state.x[d] - heard[k])
        counts[FEEDFORWARD_WRITES] += len(state.x)
    if rules.rate > 0:
        own = row[k]
        for i in span(0, n):
            row[i] -= rules.rate * (rules.beta * (v[i] + constants.cost * r[i]) + row[i])
        row[k] = row[k] - rules.rate * constants.cost if rules.learns_reset else own
        counts[ATTEMPTED] += n
        counts[APPLIED] += n
    elif rules.step > 0:
        own = row[k]
        for i in span(0, n):
            much = rules.beta * v[i] + row[i]
            moved = (much > rules.dead_zone) - np.int64(much < -rules.dead_zone)
            row[i] -= rules.step * moved
            counts[APPLIED] += abs(moved)
        row[k] = own
        counts[ATTEMPTED] += n
    for i in span(0, n):
        v[i] += row[i]


@inlined
def _arrive_codes(v, wiring, constants, rules, state, k, key, counts):
    """The same in whole numbers; what is written is rounded at random."""
    row, n = wiring.fast[k], len(v)
    bits, below = constants.accumulator_bits, constants.fraction_bits
    half = (np.int64(1) << bits) >> 1
    most = (np.int64(constants.highest) << bits) + half - (bits > 0)
    least = -(np.int64(constants.highest + 1) << bits)
    start = mix(key + GOLDEN * (np.uint64(k) + np.uint64(1)))
    for i in range(n):
        stored = np.int64(row[i])
        if i != k and (rules.rate_mantissa > 0 or rules.step > 0):
            # beta V + w, in parts 2**(below + beta_shift) of what is stored
            much = (np.int64(v[i]) * rules.beta_mantissa << bits) + (
                stored << (below + rules.beta_shift)
            )
            if rules.step > 0:
                dead = (np.int64(1) << (below + rules.beta_shift + bits)) >> 1
                change = np.int64(much > dead) - np.int64(much < -dead)
            else:
                change = round_at_random(
                    much * rules.rate_mantissa,
                    rules.rate_shift + below + rules.beta_shift,
                    start,
                    i,
                )
            written = min(max(stored - change, least), most)
            counts[ATTEMPTED] += 1
            counts[SATURATED] += written != stored - change
            counts[APPLIED] += ((written + half) >> bits) != ((stored + half) >> bits)
            row[i] = np.int32(written)
            stored = written
        new = np.int64(v[i]) + (((stored + half) >> bits) << below)
        counts[CLIPPED] += new > HIGHEST or new < -HIGHEST - 1
        v[i] = np.int32(min(max(new, -HIGHEST - 1), HIGHEST))


@inlined
def _above_floats(v, threshold, noise, key, index):
    """How far a potential is above its threshold."""
    margin = v - threshold
    return margin - noise * normal(key, index) if noise > 0 else margin


@inlined
def _above_codes(v, threshold, noise, key, index):
    return np.int64(v) - np.int64(threshold)


integrate = by_first(_integrate_floats, _integrate_codes)
arrive = by_first(_arrive_floats, _arrive_codes)
above = by_first(_above_floats, _above_codes)


@inlined
def fire(v, wiring, constants, state, key):
    """Bits of this step: of the units whose turn it is, those above their threshold."""
    bits, n = state.bits, len(v)
    turn = state.step[0] % constants.slots
    best, most = -1, above(v[0], wiring.threshold[0], 0.0, key, 0)
    for i in range(n):
        bits[i] = 0
        if wiring.slots[i] != turn:
            continue
        margin = above(v[i], wiring.threshold[i], constants.threshold_noise, key, n + i)
        if margin <= 0:
            continue
        if constants.one:
            if best < 0 or margin > most:
                best, most = i, margin
            continue
        draw = mix(key + GOLDEN * np.uint64(2 * n + i)) >> BITS_OF_CHANCE
        bits[i] = draw < np.uint64(constants.chance)
    if best >= 0:
        bits[best] = 1
