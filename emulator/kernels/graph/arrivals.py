"""What arrives over a bundle of synapses, and what an input sends."""

from __future__ import annotations

import numpy as np

from eqchip.emulator.description.graph.integers import ALIGN
from eqchip.emulator.kernels.connections import spread
from eqchip.emulator.kernels.graph.lists import add_lists
from eqchip.emulator.kernels.jit import by_number, inlined
from eqchip.emulator.kernels.rows_fixed import add_code_rows, add_weighed_code_rows
from eqchip.emulator.kernels.units import clear, span


@inlined
def _arrive_numbers(net, state, k, at, count):
    """Add what the messages at ... at + count - 1 bring over bundle k; the synapses crossed."""
    valued = net.graded[net.pre[k]]
    if net.listed[k]:
        return add_lists(state.incoming, net, k, state.rows, state.values, at, at + count, valued)
    return spread(
        state.incoming, net.target[k], net.weights, net.starts[k], net.strides[k], net.fan,
        k, net.single[k], state.rows, state.values, at, at + count, valued,
    )  # fmt: skip


@inlined
def _add_codes(u, o, w, w0, stride, n, rows, values, first, last, valued):
    """u[o : o + n] += w[w0 + r * stride : + n], times its value if valued, for r in rows."""
    if valued:
        add_weighed_code_rows(u, o, w, w0, stride, n, rows, values, first, last)
    elif w.itemsize == 1:
        add_code_rows(u, o, w, w0, stride, n, rows, first, last)
    else:
        for i in range(first, last):
            start = np.uint64(w0 + rows[i] * stride)
            for j in range(np.uint64(n)):
                u[np.uint64(o) + np.uint64(j)] += np.int32(w[start + np.uint64(j)])


@inlined
def _sum_codes(net, state, k, first, last, valued):
    """As `kernels.connections.spread`, into state.sums; the synapses crossed."""
    fan, u, at, rows = net.fan, state.sums, net.target[k], state.rows
    start, stride = net.starts[k], net.strides[k]
    if net.listed[k]:
        return add_lists(u, net, k, rows, state.values, first, last, valued)
    crossed = 0
    channels, places = fan.channels[k], fan.places[k]
    while first < last:
        place, end = np.int64(0), last
        if not net.single[k]:
            place = np.int64(rows[first]) // channels
            end = first + 1
            while end < last and np.int64(rows[end]) // channels == place:
                end += 1
        origin = start - place * channels * stride
        for s in range(fan.first[places + place], fan.first[places + place + 1]):
            _add_codes(
                u, at + fan.to[s], net.weights, origin + fan.source[s], stride, fan.length[s],
                rows, state.values, first, end, valued,
            )  # fmt: skip
        crossed += (end - first) * fan.reach[places + place]
        first = end
    return crossed


@inlined
def _arrive_codes(net, state, k, at, count):
    """As `_arrive_numbers`: 64 times the sum of codes, shifted by the exponent."""
    first, n = net.target[k], net.sizes[net.post[k]]
    clear(state.sums, first, n)
    crossed = _sum_codes(net, state, k, at, at + count, net.graded[net.pre[k]])
    exponent = net.exponent[k]
    if exponent >= 0:
        up = exponent + np.int64(ALIGN)
        for j in span(first, n):
            state.incoming[j] += np.int64(state.sums[j]) << up
    else:
        for j in span(first, n):
            state.incoming[j] += (np.int64(state.sums[j]) >> -exponent) << np.int64(ALIGN)
    return crossed


arrive = by_number(_arrive_numbers, _arrive_codes)


@inlined
def receive(net, given, state, record, b, t, row):
    """incoming = the currents in `row` of what is given, and what was sent at t - 1 - delay."""
    clear(state.incoming, 0, len(state.incoming))
    batch = len(record.sent)
    for c in range(len(given.driven)):
        p = given.driven[c]
        held = row // given.current_hold[c]
        start = given.current_begin[c] + (held * batch + b) * net.sizes[p]
        for j in range(net.sizes[p]):
            state.incoming[net.first[p] + j] = given.currents[start + j]
    for k in range(len(net.pre)):
        then = t - 1 - net.delay[k]
        if then >= 1:
            p = net.pre[k]
            slot = then % net.depth[p]
            count = state.counts[net.counts_begin[p] + slot]
            if count:
                at = net.begin[p] + slot * net.sizes[p]
                record.arrivals[b, net.projection[k]] += arrive(net, state, k, at, count)


@inlined
def send_given(net, given, state, b, t, row):
    """What the inputs send at step t, in `row` of what is given, put where messages are kept."""
    for i in range(len(given.sources)):
        p = given.sources[i]
        sent = given.row_begin[i] + b * (given.rows[i] + 1) + row // given.hold[i]
        start, count = given.ends[sent], given.ends[sent + 1] - given.ends[sent]
        slot = t % net.depth[p]
        at = net.begin[p] + slot * net.sizes[p]
        for m in range(count):
            state.rows[at + m] = given.units[start + m]
            state.values[at + m] = given.values[start + m]
        state.counts[net.counts_begin[p] + slot] = count
