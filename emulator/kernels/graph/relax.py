"""A run of a graph: all steps of many samples in one compiled call.

Memory does not grow with the number of steps but for what is recorded. Samples are independent.
"""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.gather import gather_spikes
from eqchip.emulator.kernels.graph.arrivals import receive, send_given
from eqchip.emulator.kernels.graph.kinds import advance, begin
from eqchip.emulator.kernels.jit import inlined, kernel
from eqchip.emulator.kernels.units import copy, span


@inlined
def _gather_signed(rows, values, at, q, first, n):
    """As `gather_spikes`, with what each sends."""
    place, unit = np.uint64(at), 0
    for j in span(first, n):
        rows[place] = unit
        values[place] = q[j]
        place += np.uint64(q[j] != 0)
        unit += 1
    return np.int64(place) - at


@inlined
def _send(net, state, t, p):
    """The messages of a population that computes, put where they are kept."""
    slot = t % net.depth[p]
    at = net.begin[p] + slot * net.sizes[p]
    if net.graded[p]:
        count = _gather_signed(state.rows, state.values, at, state.q, net.first[p], net.sizes[p])
    else:
        count = gather_spikes(state.rows, at, state.q, net.first[p], net.sizes[p])
    state.counts[net.counts_begin[p] + slot] = count


@inlined
def _record_step(net, sends, state, record, b, t, row):
    units = len(state.v)
    for p in range(len(net.sizes)):
        slot = t % net.depth[p]
        count = state.counts[net.counts_begin[p] + slot]
        record.sent[b, p] += count
        first = net.begin[p] + slot * net.sizes[p]
        for m in range(first, first + count):
            record.counts[b, net.first[p] + state.rows[m]] += 1
        if record.spikes.shape[0] and sends[p]:
            for m in range(first, first + count):
                j = net.first[p] + state.rows[m]
                record.spikes[row, b, j] = state.q[j]
    if record.potentials.shape[0]:
        for j in range(units):
            record.potentials[row, b, j] = state.v[j]


@inlined
def _begin(groups, kept, net, state):
    """A sample before step 1."""
    for j in range(len(state.v)):
        state.v[j] = 0
        state.wait[j] = 0
        state.q[j] = 0
    for s in range(len(state.counts)):
        state.counts[s] = 0
    begin(groups, kept, net, state)


@kernel
def relax_graph(
    net, groups, sends, given, record, state, kept, start, steps, first_sample, last_sample
):
    """Run samples first_sample ... last_sample - 1 of a graph, steps start + 1 ... start + steps.

    net: Wiring; groups: tuple of the rules of each kind that is there; sends: (p,) bool, whether a
    population fires; given: Given; record: Record, written; state: State and kept: tuple of what
    each group keeps, the thread's own; where start is not 0, as the one sample left them there.
    Rows of `given` and `record` are those of these steps.
    """
    for b in range(first_sample, last_sample):
        if start == 0:
            _begin(groups, kept, net, state)
        for row in range(steps):
            t = start + row + 1
            receive(net, given, state, record, b, t, row)
            advance(groups, kept, net, state)
            for p in range(len(net.sizes)):
                if sends[p]:
                    _send(net, state, t, p)
            send_given(net, given, state, b, t, row)
            _record_step(net, sends, state, record, b, t, row)
        ends = record.ends[b]
        copy(ends, state.v, 0, len(state.v))
