"""What arrives over a connection, per kind of connection.

Messages are row numbers (int32, ascending), `count` of them, per layer from `at` plus
the layer's offset on, and their values when they are not bits. A sum starts from what
``u`` holds.
"""

from __future__ import annotations

from eqchip.emulator.kernels.jit import inlined
from eqchip.emulator.kernels.rows import add_rows, add_scaled_rows


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
