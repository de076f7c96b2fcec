"""A stretch of steps of a balanced layer, in one call.

The twin that is written to be read is `eqchip.backends.reference.dynamics`.
"""

from __future__ import annotations

from eqchip.emulator.kernels.dynamics.arrays import (
    APPLIED,
    ATTEMPTED,
    DENDRITE_MACS,
    E_SQUARE,
    E_SUM,
    EI_PRODUCT,
    EVENTS,
    FEEDBACK_MACS,
    I_SQUARE,
    I_SUM,
    SLOW_WRITES,
    SPIKES,
    V_SQUARE,
    V_SUM,
)
from eqchip.emulator.kernels.dynamics.signals import drive, hear, key_of, teach
from eqchip.emulator.kernels.dynamics.units import arrive, fire, integrate
from eqchip.emulator.kernels.jit import by_first, inlined, kernel
from eqchip.emulator.kernels.units import span

LEAST_TRACE = 2.0**-10  # below it a trace writes nothing


@inlined
def feed_back(wiring, constants, state, counts):
    """g = F e, e being the error before this step."""
    g, n = state.g, len(state.g)
    for i in span(0, n):
        g[i] = 0.0
    for d in range(len(state.e)):
        row, value = wiring.feedforward[d], state.e[d]
        for i in span(0, n):
            g[i] += value * row[i]
    counts[FEEDBACK_MACS] += len(state.e) * n


@inlined
def hear_spikes(wiring, constants, rules, state, key, record):
    """The spikes of the step before, by ascending sender."""
    n = len(state.bits)
    slow = len(wiring.offset) == 0
    for k in range(n):
        if state.bits[k] == 0:
            continue
        arrive(state.v, wiring, constants, rules, state, k, key, record.counts)
        if slow:
            row = wiring.slow[k]
            for i in span(0, n):
                state.u[i] += row[i]
        state.r[k] += 1.0
        for d in range(len(state.y)):
            state.y[d] += wiring.decoder[k, d]
        record.counts[EVENTS] += n


@inlined
def write_continuously(v, wiring, rules, state, counts):
    """fast -= rate V r, of every synapse but a unit's own."""
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
def write_slow(wiring, rules, state, traces, counts):
    """slow += rate trace smooth."""
    n = len(state.smooth)
    for k in range(len(traces)):
        if traces[k] > LEAST_TRACE:
            row, much = wiring.slow[k], rules.slow_rate * traces[k]
            for i in span(0, n):
                row[i] += much * state.smooth[i]
            counts[SLOW_WRITES] += n


@inlined
def bend(wiring, state, counts):
    """Dendrites: psi = [mixing y + offset]_+, and u what they do to the units."""
    n, u = len(state.u), state.u
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
def probe(v, wiring, constants, state, record):
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
def weigh(wiring, constants, state):
    """What excites and what inhibits: of the drive, the feedback, and each spike by itself."""
    keep, dt = constants.keep, constants.dt
    for i in range(len(state.excited)):
        total = state.u[i] + constants.gain * state.g[i]
        for d in range(len(state.heard)):
            total += state.heard[d] * wiring.feedforward[d, i]
        excited, inhibited = dt * max(total, 0.0), dt * max(-total, 0.0)
        for k in range(len(state.bits)):
            if state.bits[k]:
                excited += max(wiring.fast[k, i], 0.0)
                inhibited += max(-wiring.fast[k, i], 0.0)
        state.excited[i] = keep * state.excited[i] + excited
        state.inhibited[i] = keep * state.inhibited[i] + inhibited


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


@kernel
def run_layer(wiring, constants, source, terms, rules, state, record, steps):
    """`steps` steps from the state; weights that are learned are written in place."""
    v, counts = state.v, record.counts
    probed = record.probes.shape[1] > 0
    dendrites = len(wiring.offset) > 0
    fed_back = constants.gain != 0 or rules.slow_rate > 0
    for _ in range(steps):
        step = state.step[0]
        key = key_of(constants.seed, step)
        drive(source, state)
        hear(v, constants, state, counts)
        if fed_back:
            for d in range(len(state.x)):
                state.e[d] = state.x[d] - state.y[d]
            feed_back(wiring, constants, state, counts)
        if probed:
            weigh(wiring, constants, state)
        integrate(v, wiring, constants, state, key)
        for i in span(0, len(v)):
            state.r[i] *= constants.keep
        if not dendrites:
            for i in span(0, len(v)):
                state.u[i] *= constants.keep
        teach(terms, state, constants.dt)
        for d in range(len(state.y)):
            state.y[d] *= constants.keep
        hear_spikes(wiring, constants, rules, state, key, record)
        if rules.continuous > 0:
            write_continuously(v, wiring, rules, state, counts)
        if fed_back:
            for i in span(0, len(v)):
                state.smooth[i] += rules.smoothing * (state.g[i] - state.smooth[i])
        if (step + 1) % rules.every == 0:
            if dendrites:
                bend(wiring, state, counts)
            if rules.slow_rate > 0:
                write_slow(wiring, rules, state, state.psi if dendrites else state.r, counts)
        fire(v, wiring, constants, state, key)
        note(state, record)
        largest(v, record)
        if probed:
            probe(v, wiring, constants, state, record)
        state.step[0] = step + 1
