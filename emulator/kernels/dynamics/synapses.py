"""Lateral weights: a spike arrives on a core, and writes what its rule says."""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.dynamics.arrays import (
    APPLIED,
    ATTEMPTED,
    CLIPPED,
    FEEDFORWARD_WRITES,
    SATURATED,
)
from eqchip.emulator.kernels.dynamics.units import HIGHEST, within_bits
from eqchip.emulator.kernels.jit import by_first, inlined
from eqchip.emulator.kernels.random_rounding import GOLDEN, mix, round_at_random
from eqchip.emulator.kernels.units import span

LEAST_TRACE = 2.0**-10  # below it a trace writes nothing
TRACE_BITS, SEEN_BITS = 16, 8  # of a trace below the point: kept, and seen by what it writes
CURRENT_BITS = 8  # of a slow current below a code
READ_BITS = 8  # of the read-out that whole dendrites look at, below a code


@inlined
def draw_feedforward(wiring, rules, state, k, counts):
    """What unit k hears is drawn to the signal as it fires."""
    for d in range(len(state.x)):
        heard = wiring.feedforward[d]
        heard[k] += rules.feedforward_rate * (rules.scale * state.x[d] - heard[k])
    counts[FEEDFORWARD_WRITES] += len(state.x)


@inlined
def _arrive_floats(v, wiring, constants, rules, state, k, first, n, key, counts):
    """A spike of k at units first to first + n: its row is written, seeing V before it, and added.

    n: units of the core.
    """
    row, r = wiring.fast[k], state.r
    owns = first <= k < first + n
    if rules.rate > 0:
        own = row[k]
        for i in span(first, n):
            row[i] -= rules.rate * (rules.beta * (v[i] + constants.cost * r[i]) + row[i])
        if owns:
            row[k] = row[k] - rules.rate * constants.cost if rules.learns_reset else own
        counts[ATTEMPTED] += n
        counts[APPLIED] += n
    elif rules.step > 0:
        own = row[k]
        for i in span(first, n):
            much = rules.beta * v[i] + row[i]
            moved = (much > rules.dead_zone) - np.int64(much < -rules.dead_zone)
            row[i] -= rules.step * moved
            counts[APPLIED] += abs(moved)
        row[k] = own
        counts[ATTEMPTED] += n
    for i in span(first, n):
        v[i] += row[i]


@inlined
def _arrive_codes(v, wiring, constants, rules, state, k, first, n, key, counts):
    """The same in whole numbers; what is written is rounded at random."""
    row, whole = wiring.fast[k], constants.whole
    bits, below = whole.accumulator_bits, whole.fraction_bits
    half = (np.int64(1) << bits) >> 1
    start = mix(key + GOLDEN * (np.uint64(k) + np.uint64(1)))
    for i in range(first, first + n):
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
            written = in_bits(stored - change, whole)
            counts[ATTEMPTED] += 1
            counts[SATURATED] += written != stored - change
            counts[APPLIED] += ((written + half) >> bits) != ((stored + half) >> bits)
            row[i] = np.int32(written)
            stored = written
        new = np.int64(v[i]) + (((stored + half) >> bits) << below)
        counts[CLIPPED] += new > HIGHEST or new < -HIGHEST - 1
        v[i] = np.int32(within_bits(new))


@inlined
def in_bits(stored, whole):
    """What a weight and its accumulator can hold."""
    bits = whole.accumulator_bits
    half = (np.int64(1) << bits) >> 1
    most = (np.int64(whole.highest) << bits) + half - (bits > 0)
    return min(max(stored, -(np.int64(whole.highest + 1) << bits)), most)


@inlined
def _push_floats(v, wiring, constants, state, k, first, n):
    """A spike of k adds its slow weights to the slow currents of a core."""
    row = wiring.slow[k]
    for i in span(first, n):
        state.u[i] += row[i]


@inlined
def _push_codes(v, wiring, constants, state, k, first, n):
    row, bits = wiring.slow[k], constants.whole.accumulator_bits
    half = (np.int64(1) << bits) >> 1
    for i in span(first, n):
        code = (np.int64(row[i]) + half) >> bits
        state.u[i] = within_bits(state.u[i] + (code << CURRENT_BITS))


@inlined
def _count_floats(v, wiring, state, k):
    """A spike of k is counted by its trace, and read."""
    state.r[k] += 1.0
    for d in range(len(state.y)):
        state.y[d] += wiring.decoder[k, d]


@inlined
def _count_codes(v, wiring, state, k):
    _count_floats(v, wiring, state, k)
    state.trace[k] = within_bits(state.trace[k] + (np.int64(1) << TRACE_BITS))
    if len(wiring.reads) > 0:
        for d in range(len(state.told)):
            state.told[d] = within_bits(state.told[d] + (wiring.reads[k, d] << READ_BITS))


arrive = by_first(_arrive_floats, _arrive_codes)
push = by_first(_push_floats, _push_codes)
count = by_first(_count_floats, _count_codes)
