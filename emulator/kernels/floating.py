"""What arrives at a layer in floating point, and the input, whatever the units are.

Arguments as in `relax`. `fixed` holds the same functions in a chip's integers.
"""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.connections import arrive_block as arrive_bits_block
from eqchip.emulator.kernels.connections import arrive_feedback, arrive_forward
from eqchip.emulator.kernels.gather import gather_values
from eqchip.emulator.kernels.jit import inlined
from eqchip.emulator.kernels.pooling import largest, map_size, winners_of
from eqchip.emulator.kernels.rows import take_row
from eqchip.emulator.kernels.softmax import softmax_error, softmax_norm
from eqchip.emulator.kernels.units import clear, copy, drive, span


@inlined
def receive(net, rules, state, scratch, record, now, layer, b, phase):
    """1. u = what the neighbours sent in the step before; arrivals are counted."""
    layers, units = len(net.sizes), len(state.incoming)
    first, n = net.offsets[layer], net.sizes[layer]
    valued = rules.real_valued
    below = now * units + net.offsets[layer - 1]
    above = now * units + net.offsets[layer + 1]
    counts = now * layers
    if layer == 1:
        copy(scratch.u, state.incoming, first, n)
        record.arrivals[b, phase, 0, 0] += state.crossed[0]
    elif net.pools[layer - 1, 0]:  # pooled when the layer below received
        copy(scratch.u, scratch.maxima, first, n)
    else:
        clear(scratch.u, first, n)
        record.arrivals[b, phase, layer - 1, 0] += arrive_forward(
            scratch.u, first, net, layer - 1, state.rows, state.values, below,
            state.counts[counts + layer - 1], valued,
        )  # fmt: skip
    if layer == layers - 1:
        return
    sent_back = state.counts[counts + layer + 1]
    if net.pools[layer, 0]:
        # The winners of this step's maxima are where feedback enters the map.
        clear(scratch.map, 0, map_size(net, layer))
        record.arrivals[b, phase, layer, 0] += arrive_forward(
            scratch.map, 0, net, layer, state.rows, state.values, now * units + first,
            state.counts[counts + layer], valued,
        )  # fmt: skip
        largest(scratch.maxima, scratch.winners, net.offsets[layer + 1], scratch.map, net, layer)
        winners_of(scratch.senders, above, state.rows, scratch.winners, net, layer, sent_back)
        record.arrivals[b, phase, layer, 1] += arrive_feedback(
            scratch.u, first, net, layer, scratch.senders, state.values, above, sent_back, valued
        )
    else:
        record.arrivals[b, phase, layer, 1] += arrive_feedback(
            scratch.u, first, net, layer, state.rows, state.values, above, sent_back, valued
        )


@inlined
def turn_over(net, rules, state, scratch):
    """No copies differ in floating point."""


@inlined
def send_error(net, rules, state, scratch, record, two_beta, b, phase):
    """A nudged phase begins: the read-out's s = its error, which is a current into the layer below.

    scratch.y: the target.
    """
    last = len(net.sizes) - 1
    first, n = net.offsets[last], net.sizes[last]
    largest, total = softmax_norm(state.unit.s, first, n, 1.0)
    beta = 0.5 * np.float64(two_beta)
    for j in span(first, n):
        state.unit.s[j] = beta * softmax_error(state.unit.s[j], scratch.y[j], largest, total, 1.0)
    if last == 1:  # below is the clamped input
        return
    below, n_below = net.offsets[last - 1], net.sizes[last - 1]
    count = gather_values(state.rows, state.values, first, state.unit.s, first, n)
    clear(scratch.u, below, n_below)
    record.returned[b, phase, last - 1] = arrive_feedback(
        scratch.u, below, net, last - 1, state.rows, state.values, first, count, True
    )
    drive(scratch.b, scratch.u, scratch.offset, below, n_below)


@inlined
def inject(net, rules, state, scratch, record, n_active, b, phase):
    """The input as a current, or its real-valued messages: layer 1 of scratch.clamped."""
    first, n = net.offsets[1], net.sizes[1]
    clear(scratch.clamped, first, n)
    if net.pools[0, 0]:
        clear(scratch.map, 0, map_size(net, 0))
        crossed = arrive_forward(
            scratch.map, 0, net, 0, scratch.active, scratch.clamped, 0, n_active, True
        )
        largest(scratch.clamped, scratch.winners, first, scratch.map, net, 0)
    else:
        crossed = arrive_forward(
            scratch.clamped, first, net, 0, scratch.active, scratch.clamped, 0, n_active, True
        )
    if rules.current:
        record.injected[b, phase, 0] += crossed
        for j in span(first, n):
            scratch.b[j] += scratch.clamped[j]
    else:
        scratch.sums_crossed[0] = crossed


@inlined
def arrive_block(net, state, scratch, n_active, steps):
    """What the spikes of the clamped input bring to layer 1, for a block of steps."""
    n = map_size(net, 0) if net.pools[0, 0] else net.sizes[1]
    arrive_bits_block(
        scratch.sums, n, scratch.sums_crossed, net, scratch.active, scratch.masks, n_active,
        scratch.sent, steps, scratch.listed, scratch.begun,
    )  # fmt: skip


@inlined
def take_block(net, state, scratch, k):
    """state.incoming = what arrives of step k of the block."""
    if net.pools[0, 0]:
        take_row(scratch.map, 0, scratch.sums, k, map_size(net, 0))
        largest(state.incoming, scratch.winners, net.offsets[1], scratch.map, net, 0)
    else:
        take_row(state.incoming, net.offsets[1], scratch.sums, k, net.sizes[1])
