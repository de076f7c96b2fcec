"""What arrives over a connection.

Messages are row numbers (int32), and their values when they are not bits: units of the layer that
sends. Those of one place stand together, and add the same segments of the rows of their channels
(see `lowering`); of a dense layer all units are one place. Where every segment is a single synapse
the row is scattered (`scatter`). A sum starts from what ``u`` holds,
and every unit's terms are added in the order of the messages.
"""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.gather import run_within
from eqchip.emulator.kernels.jit import inlined
from eqchip.emulator.kernels.rows import add_rows, add_rows_at_bits, add_scaled_rows, clear_rows
from eqchip.emulator.kernels.rows_dots import add_code_rows_by_dots, are_dots_faster
from eqchip.emulator.kernels.rows_fixed import (
    LANES,
    add_code_rows,
    add_code_rows_at_bits,
    add_scaled_code_rows,
    add_weighed_code_rows,
)
from eqchip.emulator.kernels.rows_listed import add_rows_listed
from eqchip.emulator.kernels.scatter import scatter_rows, scatter_rows_at_bits
from eqchip.emulator.kernels.segments import add_segments, adds_whole_rows
from eqchip.emulator.kernels.units import sum_of
from eqchip.emulator.kernels.vectors import CACHE_LINE


@inlined
def _same_place(rows, first, last, channels, single):
    """One past the last of the messages from `first` on that come from the place of the first."""
    if single:
        return last
    return run_within(rows, first, last, rows[first] // channels * channels, channels)


@inlined
def _place_of(fan, k, rows, first, single):
    return np.int64(0) if single else np.int64(rows[first]) // fan.channels[k]


@inlined
def spread(u, at, w, start, stride, fan, k, single, rows, values, first, last, valued):
    """Add the rows of messages first ... last - 1 over connection k into u, from `at` on.

    fan: Fan; single: whether the layer that sends is one place. Returns the synapses crossed.
    """
    if fan.scattered[k]:
        return scatter_rows(u, at, w, start, fan, k, rows, values, first, last, valued)
    crossed = 0
    channels, places = fan.channels[k], fan.places[k]
    while first < last:
        end = _same_place(rows, first, last, channels, single)
        place = _place_of(fan, k, rows, first, single)
        origin = start - place * channels * stride
        for s in range(fan.first[places + place], fan.first[places + place + 1]):
            if valued:
                add_scaled_rows(
                    u, at + fan.to[s], w, origin + fan.source[s], stride, fan.length[s], rows,
                    values, first, end,
                )  # fmt: skip
            else:
                add_rows(
                    u, at + fan.to[s], w, origin + fan.source[s], stride, fan.length[s], rows,
                    first, end,
                )  # fmt: skip
        crossed += (end - first) * fan.reach[places + place]
        first = end
    return crossed


@inlined
def spread_codes(u, at, w, start, stride, fan, k, single, rows, first, last):
    """As `spread`, for spikes over weight codes: u is the sum of codes."""
    if fan.scattered[k]:
        return scatter_rows(u, at, w, start, fan, k, rows, rows, first, last, False)
    crossed = 0
    channels, places = fan.channels[k], fan.places[k]
    while first < last:
        end = _same_place(rows, first, last, channels, single)
        place = _place_of(fan, k, rows, first, single)
        origin = start - place * channels * stride
        for s in range(fan.first[places + place], fan.first[places + place + 1]):
            add_code_rows(
                u, at + fan.to[s], w, origin + fan.source[s], stride, fan.length[s], rows, first,
                end,
            )  # fmt: skip
        crossed += (end - first) * fan.reach[places + place]
        first = end
    return crossed


@inlined
def arrive_forward(u, at, net, k, rows, values, first, count, valued):
    """Add what layer k sends forward over connection k into u, from `at` on.

    first: of its messages in `rows`. Returns the synapses crossed.
    """
    single = net.forward.channels[k] == net.sizes[k]
    return spread(
        u, at, net.weights, net.starts[k], net.strides[k], net.forward, k, single, rows, values,
        first, first + count, valued,
    )  # fmt: skip


@inlined
def arrive_feedback(u, at, net, k, rows, values, first, count, valued):
    """Add what is sent back over connection k into u, from `at` on.

    The messages come from layer k + 1, or, after a maximum pooling, from the map before it.
    """
    single = net.back.channels[k] == net.sizes[k + 1] and net.pools[k, 0] == 0
    return spread(
        u, at, net.mirror, net.mirror_starts[k], net.mirror_strides[k], net.back, k, single, rows,
        values, first, first + count, valued,
    )  # fmt: skip


@inlined
def arrive_codes_forward(u, net, k, turn, rows, first, count):
    """As `arrive_forward` into layer k + 1, for spikes over weight codes, so far behind."""
    single = net.forward.channels[k] == net.sizes[k]
    return spread_codes(
        u, net.offsets[k + 1], net.weights, net.starts[k] + turn, net.strides[k], net.forward, k,
        single, rows, first, first + count,
    )  # fmt: skip


@inlined
def arrive_codes_feedback(u, net, k, turn, rows, first, count):
    """As `arrive_feedback` into layer k, for spikes over weight codes, so far behind."""
    single = net.back.channels[k] == net.sizes[k + 1]
    return spread_codes(
        u, net.offsets[k], net.mirror, net.mirror_starts[k] + turn, net.mirror_strides[k], net.back,
        k, single, rows, first, first + count,
    )  # fmt: skip


@inlined
def _count_at_bits(crossed, net, rows, masks, n_rows, sent, steps, single):
    """crossed[t] = the synapses that the messages of step t cross."""
    fan, places = net.forward, net.forward.places[0]
    if single:
        for t in range(steps):
            crossed[t] = sent[t] * fan.reach[places]
        return
    for t in range(steps):
        crossed[t] = 0
    for i in range(n_rows):
        mask, reach = masks[i], fan.reach[places + np.int64(rows[i]) // fan.channels[0]]
        for t in range(np.uint64(steps)):
            crossed[t] += np.int64((mask >> np.uint32(t)) & np.uint32(1)) * reach


@inlined
def arrive_block(sums, n, crossed, net, rows, masks, n_rows, sent, steps, listed, begun):
    """What the clamped input sends in many steps: sums[t] (t, columns) and crossed[t].

    n: numbers of a row of sums that are used; rows: int32 active units, ascending; masks:
    uint32, bit t of masks[i] is set when rows[i] sends in step t; sent: (t,) the bits set per
    step; listed, begun: see `rows_listed`.
    """
    fan, start, stride = net.forward, net.starts[0], net.strides[0]
    channels, places = fan.channels[0], fan.places[0]
    single = channels == net.sizes[0]
    clear_rows(sums, steps, n)
    first = 0
    if fan.scattered[0]:
        scatter_rows_at_bits(sums, net.weights, start, fan, 0, rows, masks, 0, n_rows)
        first = n_rows
    while first < n_rows:
        end = _same_place(rows, first, n_rows, channels, single)
        place = _place_of(fan, 0, rows, first, single)
        origin = start - place * channels * stride
        for s in range(fan.first[places + place], fan.first[places + place + 1]):
            done = 0
            if single:
                done = add_rows_listed(
                    sums, fan.to[s], net.weights, origin + fan.source[s], stride, fan.length[s],
                    rows, masks, first, end, steps, listed, begun,
                )  # fmt: skip
            if done < fan.length[s]:
                add_rows_at_bits(
                    sums, fan.to[s] + done, net.weights, origin + fan.source[s] + done, stride,
                    fan.length[s] - done, rows, masks, first, end,
                )  # fmt: skip
        first = end
    _count_at_bits(crossed, net, rows, masks, n_rows, sent, steps, single)


@inlined
def arrive_codes_block(sums, n, tile, flags, quads, crossed, net, rows, masks, n_rows, sent, steps):
    """As `arrive_block`, for weight codes; tile: (t, columns) int16, 0 before and after.

    flags, quads: see `rows_dots`.
    """
    fan, start, stride = net.forward, net.starts[0], net.strides[0]
    channels, places = fan.channels[0], fan.places[0]
    single = channels == net.sizes[0]
    by_dots = single and are_dots_faster(n_rows, sum_of(sent, steps), steps)
    clear_rows(sums, steps, n)
    first = 0
    if fan.scattered[0]:
        scatter_rows_at_bits(sums, net.weights, start, fan, 0, rows, masks, 0, n_rows)
        first = n_rows
    while first < n_rows:
        end = _same_place(rows, first, n_rows, channels, single)
        place = _place_of(fan, 0, rows, first, single)
        origin = start - place * channels * stride
        for s in range(fan.first[places + place], fan.first[places + place + 1]):
            done = 0
            if by_dots:
                done = add_code_rows_by_dots(
                    sums, fan.to[s], flags, quads, net.weights, origin + fan.source[s], stride,
                    fan.length[s], rows, masks, first, end, steps,
                )  # fmt: skip
            if done < fan.length[s]:
                add_code_rows_at_bits(
                    sums, fan.to[s] + done, tile, net.weights, origin + fan.source[s] + done,
                    stride, fan.length[s] - done, rows, masks, first, end, steps,
                )  # fmt: skip
        first = end
    _count_at_bits(crossed, net, rows, masks, n_rows, sent, steps, single)


@inlined
def inject_codes(wide, net, rows, values, n_rows):
    """The clamped input's states times weight codes, added to wide (int64); synapses crossed."""
    fan, start, stride = net.forward, net.starts[0], net.strides[0]
    channels, places = fan.channels[0], fan.places[0]
    single = channels == net.sizes[0]
    if fan.scattered[0]:
        return scatter_rows(wide, 0, net.weights, start, fan, 0, rows, values, 0, n_rows, True)
    crossed = 0
    first = 0
    while first < n_rows:
        end = _same_place(rows, first, n_rows, channels, single)
        place = _place_of(fan, 0, rows, first, single)
        origin = start - place * channels * stride
        for s in range(fan.first[places + place], fan.first[places + place + 1]):
            add_scaled_code_rows(
                wide, fan.to[s], net.weights, origin + fan.source[s], stride, fan.length[s], rows,
                values, first, end,
            )  # fmt: skip
        crossed += (end - first) * fan.reach[places + place]
        first = end
    return crossed


@inlined
def return_codes(wide, net, k, rows, values, first, count):
    """A read-out's states times weight codes, added back over dense connection k to wide (int64).

    Returns the synapses crossed.
    """
    add_scaled_code_rows(
        wide, 0, net.mirror, net.mirror_starts[k], net.mirror_strides[k], net.sizes[k], rows,
        values, first, first + count,
    )  # fmt: skip
    return count * net.sizes[k]


@inlined
def whole(n, lanes):
    """The numbers of whole lines of so many lanes that hold n."""
    return (n + lanes - 1) // lanes * lanes


@inlined
def arrive_at_part(sums, at, net, part_layer, begin, n, rows, values, below, count, valued):
    """Add the rows of messages into a part's sums, from `at` on; rows may repeat.

    The part: units begin ... begin + n - 1 of its layer. rows: the first `below` of layer
    part_layer - 1, the rest, up to `count`, of layer part_layer + 1; values: their factors.
    Of rows that are added whole, whole cache lines are: what stands behind the part's sums is not
    read.
    """
    lines = whole(n, CACHE_LINE // sums.itemsize)
    if below:
        k = part_layer - 1
        w, start, stride = net.weights, net.starts[k], net.strides[k]
        if not adds_whole_rows(net.forward, k, net.sizes[k], net.sizes[part_layer]):
            add_segments(
                sums, at, w, start, stride, net.forward, k, begin, n, rows, values, 0, below, valued
            )
        elif valued:
            add_scaled_rows(sums, at, w, start + begin, stride, lines, rows, values, 0, below)
        else:
            add_rows(sums, at, w, start + begin, stride, lines, rows, 0, below)
    if count > below:
        k = part_layer
        w, start, stride = net.mirror, net.mirror_starts[k], net.mirror_strides[k]
        if not adds_whole_rows(net.back, k, net.sizes[k + 1], net.sizes[k]):
            add_segments(
                sums, at, w, start, stride, net.back, k, begin, n, rows, values, below, count,
                valued,
            )  # fmt: skip
        elif valued:
            add_scaled_rows(sums, at, w, start + begin, stride, lines, rows, values, below, count)
        else:
            add_rows(sums, at, w, start + begin, stride, lines, rows, below, count)


@inlined
def arrive_codes_at_part(
    sums, back, at, net, part_layer, begin, n, rows, values, below, count, valued
):
    """As `arrive_at_part`, for weight codes; sums of feedback stand apart, in `back`."""
    lines = whole(n, LANES)
    if below:
        k = part_layer - 1
        w, start, stride = net.weights, net.starts[k], net.strides[k]
        if not adds_whole_rows(net.forward, k, net.sizes[k], net.sizes[part_layer]):
            add_segments(
                sums, at, w, start, stride, net.forward, k, begin, n, rows, values, 0, below, valued
            )
        elif valued:
            add_weighed_code_rows(sums, at, w, start + begin, stride, lines, rows, values, 0, below)
        else:
            add_code_rows(sums, at, w, start + begin, stride, lines, rows, 0, below)
    if count > below:
        k = part_layer
        w, start, stride = net.mirror, net.mirror_starts[k], net.mirror_strides[k]
        if not adds_whole_rows(net.back, k, net.sizes[k + 1], net.sizes[k]):
            add_segments(
                back, at, w, start, stride, net.back, k, begin, n, rows, values, below, count,
                valued,
            )  # fmt: skip
        elif valued:
            add_weighed_code_rows(
                back, at, w, start + begin, stride, lines, rows, values, below, count
            )
        else:
            add_code_rows(back, at, w, start + begin, stride, lines, rows, below, count)
