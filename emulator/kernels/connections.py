"""What arrives over a connection, per kind of connection.

Messages are row numbers (int32, ascending), `count` of them, per layer from `at` plus
the layer's offset on, and their values when they are not bits. A sum starts from what
``u`` holds.
"""

from __future__ import annotations

from eqchip.emulator.kernels.jit import inlined
from eqchip.emulator.kernels.rows import add_rows, add_rows_at_bits, add_scaled_rows, clear_rows
from eqchip.emulator.kernels.rows_fixed import (
    add_code_rows,
    add_code_rows_at_bits,
    add_weighed_code_rows,
)


@inlined
def arrive_forward(u, net, k, rows, values, at, count, valued):
    """Add what layer k sends to layer k + 1 into u; returns the synapses crossed."""
    post, n = net.offsets[k + 1], net.sizes[k + 1]
    first = at + net.offsets[k]
    if valued:
        add_scaled_rows(
            u,
            post,
            net.weights,
            net.starts[k],
            net.strides[k],
            n,
            rows,
            values,
            first,
            first + count,
        )
    else:
        add_rows(u, post, net.weights, net.starts[k], net.strides[k], n, rows, first, first + count)
    return count * n


@inlined
def arrive_forward_block(sums, crossed, net, k, rows, masks, n_rows, sent, steps):
    """What layer k sends to layer k + 1 in many steps: sums[t] (t, columns) and crossed[t].

    rows: int32 units of layer k, ascending; masks: uint32, bit t of masks[i] is set when
    rows[i] sends in step t; sent: (t,) the bits set per step.
    """
    n = net.sizes[k + 1]
    clear_rows(sums, steps, n)
    add_rows_at_bits(sums, net.weights, net.starts[k], net.strides[k], n, rows, masks, n_rows)
    for t in range(steps):
        crossed[t] = sent[t] * n


@inlined
def arrive_feedback(u, net, k, rows, values, at, count, valued):
    """Add what layer k + 1 sends back to layer k into u; returns the synapses crossed."""
    pre, n = net.offsets[k], net.sizes[k]
    first = at + net.offsets[k + 1]
    if valued:
        add_scaled_rows(
            u, pre, net.mirror, net.mirror_starts[k], net.mirror_strides[k], n,
            rows, values, first, first + count,
        )  # fmt: skip
    else:
        add_rows(
            u, pre, net.mirror, net.mirror_starts[k], net.mirror_strides[k], n,
            rows, first, first + count,
        )  # fmt: skip
    return count * n


@inlined
def arrive_codes_forward(u, net, k, rows, at, count):
    """As `arrive_forward`, for spikes over weight codes: u is the sum of codes."""
    post, n = net.offsets[k + 1], net.sizes[k + 1]
    first = at + net.offsets[k]
    add_code_rows(
        u, post, net.weights, net.starts[k], net.strides[k], n, rows, first, first + count
    )
    return count * n


@inlined
def arrive_codes_forward_block(sums, tile, crossed, net, k, rows, masks, n_rows, sent, steps):
    """As `arrive_forward_block`, for weight codes; tile: (t, columns) int16, 0 before and after."""
    n = net.sizes[k + 1]
    clear_rows(sums, steps, n)
    add_code_rows_at_bits(
        sums, tile, net.weights, net.starts[k], net.strides[k], n, rows, masks, n_rows, steps
    )
    for t in range(steps):
        crossed[t] = sent[t] * n


@inlined
def arrive_codes_feedback(u, net, k, rows, at, count):
    """As `arrive_feedback`, for spikes over weight codes."""
    pre, n = net.offsets[k], net.sizes[k]
    first = at + net.offsets[k + 1]
    add_code_rows(
        u, pre, net.mirror, net.mirror_starts[k], net.mirror_strides[k], n,
        rows, first, first + count,
    )  # fmt: skip
    return count * n


@inlined
def arrive_at_part(sums, at, net, part_layer, begin, n, rows, values, below, count, valued):
    """Add the rows of messages into a part's sums, from `at` on; rows may repeat.

    The part: units begin ... begin + n - 1 of its layer. rows: the first `below` of layer
    part_layer - 1, the rest, up to `count`, of layer part_layer + 1; values: their factors.
    """
    if below:
        k = part_layer - 1
        start = net.starts[k] + begin
        if valued:
            add_scaled_rows(sums, at, net.weights, start, net.strides[k], n, rows, values, 0, below)
        else:
            add_rows(sums, at, net.weights, start, net.strides[k], n, rows, 0, below)
    if count > below:
        k = part_layer
        start = net.mirror_starts[k] + begin
        if valued:
            add_scaled_rows(
                sums, at, net.mirror, start, net.mirror_strides[k], n, rows, values, below, count
            )
        else:
            add_rows(sums, at, net.mirror, start, net.mirror_strides[k], n, rows, below, count)


@inlined
def arrive_codes_at_part(
    sums, back, at, net, part_layer, begin, n, rows, values, below, count, valued
):
    """As `arrive_at_part`, for weight codes; sums of feedback stand apart, in `back`."""
    if below:
        k = part_layer - 1
        start = net.starts[k] + begin
        if valued:
            add_weighed_code_rows(
                sums, at, net.weights, start, net.strides[k], n, rows, values, 0, below
            )
        else:
            add_code_rows(sums, at, net.weights, start, net.strides[k], n, rows, 0, below)
    if count > below:
        k = part_layer
        start = net.mirror_starts[k] + begin
        if valued:
            add_weighed_code_rows(
                back, at, net.mirror, start, net.mirror_strides[k], n, rows, values, below, count
            )
        else:
            add_code_rows(back, at, net.mirror, start, net.mirror_strides[k], n, rows, below, count)
