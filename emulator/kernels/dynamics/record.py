"""What a step leaves behind: sums of potentials and currents, rows, spikes."""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.dynamics.arrays import (
    E_SQUARE,
    E_SUM,
    EI_PRODUCT,
    I_SQUARE,
    I_SUM,
    SPIKES,
    V_SQUARE,
    V_SUM,
)
from eqchip.emulator.kernels.jit import by_first, inlined


@inlined
def probe(v, state, record):
    """Sums of potentials, and of what excites and what inhibits each unit, behind its leak."""
    sums, e, i_ = record.probes, state.excited, state.inhibited
    for i in range(len(v)):
        value = float(v[i])
        sums[V_SUM, i] += value
        sums[V_SQUARE, i] += value * value
        sums[E_SUM, i] += e[i]
        sums[I_SUM, i] += i_[i]
        sums[E_SQUARE, i] += e[i] * e[i]
        sums[I_SQUARE, i] += i_[i] * i_[i]
        sums[EI_PRODUCT, i] += e[i] * i_[i]


@inlined
def _weight_floats(v, weight, constants):
    """What a fast weight adds to a potential."""
    return weight


@inlined
def _weight_codes(v, weight, constants):
    bits, below = constants.whole.accumulator_bits, constants.whole.fraction_bits
    half = (np.int64(1) << bits) >> 1
    return float(((np.int64(weight) + half) >> bits) << below)


weight_of = by_first(_weight_floats, _weight_codes)


@inlined
def weigh(v, wiring, constants, state):
    """What excites and what inhibits: all currents together, and each spike by itself."""
    slot = state.arriving[state.step[0] % len(state.arriving)]
    for i in range(len(v)):
        added, core = float(state.total[i]), wiring.core[i]
        excited, inhibited = max(added, 0.0), max(-added, 0.0)
        for k in range(len(v)):
            for _ in range(np.int64(slot[core, k])):
                weight = weight_of(v, wiring.fast[k, i], constants)
                excited += max(weight, 0.0)
                inhibited += max(-weight, 0.0)
        state.excited[i] = constants.keep * state.excited[i] + excited
        state.inhibited[i] = constants.keep * state.inhibited[i] + inhibited


@inlined
def note(state, record):
    """What is kept of this step."""
    for d in range(len(state.x)):
        away = state.x[d] - state.y[d]
        record.error[0] += away * away
        record.x_sum[d] += state.x[d]
        record.x_square[d] += state.x[d] * state.x[d]
    row = record.row[0]
    if (state.step[0] + 1) % record.every == 0 and row < len(record.x):
        for d in range(len(state.x)):
            record.x[row, d] = state.x[d]
            record.y[row, d] = state.y[d]
        for i in range(len(state.r)):
            record.traces[row, i] = state.r[i]
        record.currents[row, 0], record.currents[row, 1] = state.excited[0], state.inhibited[0]
        record.row[0] += 1
    if state.fired[0] == 0:
        return
    for i in range(len(state.bits)):
        if state.bits[i]:
            place = record.event[0]
            if place < len(record.events):
                record.events[place, 0] = state.step[0]
                record.events[place, 1] = i
            record.event[0] += 1
            record.by_unit[i] += 1
            record.counts[SPIKES] += 1


@inlined
def _largest_floats(v, record):
    return


@inlined
def _largest_codes(v, record):
    for i in range(len(v)):
        record.largest[0] = max(record.largest[0], abs(int(v[i])))


largest = by_first(_largest_floats, _largest_codes)
