"""What happens every so many steps: dendrites look, and slow weights are written."""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.dynamics.arrays import (
    APPLIED,
    ATTEMPTED,
    DENDRITE_MACS,
    SATURATED,
    SLOW_WRITES,
)
from eqchip.emulator.kernels.dynamics.synapses import LEAST_TRACE, SEEN_BITS, TRACE_BITS, in_bits
from eqchip.emulator.kernels.jit import by_first, inlined
from eqchip.emulator.kernels.random_rounding import GOLDEN, mix, round_at_random
from eqchip.emulator.kernels.units import span


@inlined
def write_continuously(v, wiring, rules, state, counts):
    """fast -= rate V r, of every synapse but a unit's own; of real numbers alone."""
    n = len(v)
    for k in range(n):
        if state.r[k] > LEAST_TRACE:
            row, much = wiring.fast[k], rules.continuous * state.r[k]
            own = row[k]
            for i in span(0, n):
                row[i] -= much * v[i]
            row[k] = own
    counts[ATTEMPTED] += n * n
    counts[APPLIED] += n * n


@inlined
def _bend_floats(v, wiring, constants, state, counts):
    """Dendrites: psi = [mixing y + offset]_+, and u what they do to the units."""
    n, u = len(v), state.u
    for i in span(0, n):
        u[i] = 0.0
    for b in range(len(state.psi)):
        value = wiring.offset[b]
        for d in range(len(state.y)):
            value += wiring.mixing[b, d] * state.y[d]
        state.psi[b] = max(value, 0.0)
        if value > 0:
            row = wiring.slow[b]
            for i in span(0, n):
                u[i] += value * row[i]
    counts[DENDRITE_MACS] += len(state.psi) * (n + len(state.y))


@inlined
def _bend_codes(v, wiring, constants, state, counts):
    """The same of the read-out in whole numbers."""
    n, u, bits = len(v), state.u, constants.whole.accumulator_bits
    half = (np.int64(1) << bits) >> 1
    for i in span(0, n):
        u[i] = 0
    for b in range(len(state.psi)):
        value = np.int64(0)
        for d in range(len(state.told)):
            value += wiring.mixing[b, d] * state.told[d]
        value = (value >> constants.whole.psi_shift) + wiring.offset[b]
        state.psi[b] = max(value, np.int64(0))
        if value > 0:
            row = wiring.slow[b]
            for i in span(0, n):
                u[i] += value * ((np.int64(row[i]) + half) >> bits)
    counts[DENDRITE_MACS] += len(state.psi) * (n + len(state.told))


@inlined
def _write_floats(v, wiring, constants, rules, state, dendrites, key, counts):
    """slow += rate trace smooth; with dendrites, what they give."""
    traces = state.psi if dendrites else state.r
    n = len(v)
    for k in range(len(traces)):
        if traces[k] > LEAST_TRACE:
            row, much = wiring.slow[k], rules.slow_rate * traces[k]
            for i in span(0, n):
                row[i] += much * state.smooth[i]
            counts[SLOW_WRITES] += n


@inlined
def _write_codes(v, wiring, constants, rules, state, dendrites, key, counts):
    """The same in whole numbers, rounded at random."""
    traces, seen = (state.psi, 0) if dendrites else (state.trace, TRACE_BITS - SEEN_BITS)
    n = len(v)
    for k in range(len(traces)):
        trace = traces[k] >> seen
        if trace > 0:
            row = wiring.slow[k]
            start = mix(key + GOLDEN * (np.uint64(4 * n + k)))
            for i in range(n):
                change = round_at_random(
                    trace * state.smooth[i] * rules.slow_mantissa, rules.slow_shift, start, i
                )
                written = in_bits(np.int64(row[i]) + change, constants.whole)
                counts[SATURATED] += written != row[i] + change
                row[i] = np.int32(written)
            counts[SLOW_WRITES] += n


bend = by_first(_bend_floats, _bend_codes)
write_slow = by_first(_write_floats, _write_codes)
