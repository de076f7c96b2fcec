"""What arrives at a layer in a chip's integers, and the input: the functions of `floating`.

Arguments as in `relax`. The rules are those of docs/fixed-point.md; the twin that is written to be
read is `eqchip.backends.reference.fixed`. Potentials, residues and decoders are int32 that
stand for multiples of 2**-fraction_bits.
"""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.connections import (
    arrive_codes_block,
    arrive_codes_feedback,
    arrive_codes_forward,
    inject_codes,
    return_codes,
)
from eqchip.emulator.kernels.fused import AVAILABLE
from eqchip.emulator.kernels.fused_fixed import LARGEST_TERM, join_code_lines
from eqchip.emulator.kernels.jit import inlined
from eqchip.emulator.kernels.rows import take_row
from eqchip.emulator.kernels.softmax import softmax_error, softmax_norm
from eqchip.emulator.kernels.units import clear, span
from eqchip.emulator.kernels.units_fixed import join_sums, load_current

# So many units may all send a weight of -128 where sums are joined at once.
MOST_FORWARD, MOST_BACK = LARGEST_TERM // 128, LARGEST_TERM // 2 // 128


@inlined
def receive_codes(net, rules, state, scratch, record, now, layer, b, phase):
    """1. u = what the neighbours sent in the step before, scaled by the exponents."""
    layers, units = len(net.sizes), len(state.incoming)
    first, n = net.offsets[layer], net.sizes[layer]
    below = now * units + net.offsets[layer - 1]
    above = now * units + net.offsets[layer + 1]
    counts = now * layers
    is_turned = rules.turn > 0 and rules.two_beta[phase] != 0
    turn = np.int64(rules.turn) * np.int64(is_turned)
    turn_mirror = np.int64(rules.turn_mirror) * np.int64(is_turned)
    forward, back = scratch.error, scratch.p  # not in use yet
    if layer == 1:
        forward = state.incoming
        record.arrivals[b, phase, 0, 0] += state.crossed[0]
    else:
        clear(forward, first, n)
        record.arrivals[b, phase, layer - 1, 0] += arrive_codes_forward(
            forward, net, layer - 1, turn, state.rows, below, state.counts[counts + layer - 1]
        )
    clear(back, first, n)
    exponent_back = 0
    if layer < layers - 1:
        record.arrivals[b, phase, layer, 1] += arrive_codes_feedback(
            back, net, layer, turn_mirror, state.rows, above, state.counts[counts + layer + 1]
        )
        exponent_back = net.back_exponents[layer]
    exponent, low, high = net.exponents[layer - 1], rules.low, rules.high
    small = net.sizes[layer - 1] < MOST_FORWARD
    if layer < layers - 1:
        small = small and net.sizes[layer + 1] << max(exponent_back, 0) < MOST_BACK
    if small and AVAILABLE:
        clipped = join_code_lines(
            scratch.u, forward, back, first, n, exponent, exponent_back, low, high
        )
    else:
        clipped = join_sums(scratch.u, forward, back, first, n, exponent, exponent_back, low, high)
    if is_turned:
        for j in span(first, n):
            total = np.int64(scratch.u[j]) + np.int64(scratch.turned[j])
            kept = min(max(total, np.int64(low)), np.int64(high))
            clipped += np.int64(kept != total)
            scratch.u[j] = np.int32(kept)
    record.saturations[b, phase, layer] += clipped


@inlined
def _differing(codes, at, turn, s, first, n):
    """The sum of s times the codes of a row less those that lie `turn` behind."""
    total = np.int64(0)
    for j in range(n):
        code = np.int64(codes[at + j]) - np.int64(codes[at + turn + j])
        total += code * np.int64(s[first + j])
    return total


@inlined
def turn_over(net, rules, state, scratch):
    """A nudged phase begins: what it hears less, or more, of the free state over the other copy.

    scratch.turned = W s - B s above, and the reverse below, rounded to nearest, ties up. Nothing
    comes back to the clamped input, whose spikes cross what they always do.
    """
    s, turned = state.unit.s, scratch.turned
    for j in range(len(turned)):
        turned[j] = 0
    for k in range(1, len(net.sizes) - 1):
        below, n_below = net.offsets[k], net.sizes[k]
        above, n_above = net.offsets[k + 1], net.sizes[k + 1]
        shift = rules.fraction_bits - net.exponents[k]
        half = np.int64(1) << (shift - 1)
        for m in range(n_above):  # of a row of the mirror: B, and behind it W
            at = net.mirror_starts[k] + m * net.mirror_strides[k]
            total = _differing(net.mirror, at, rules.turn_mirror, s, below, n_below)
            turned[above + m] += np.int32((half - total) >> shift)
        for i in range(n_below):  # of a row of the weights: W, and behind it B
            at = net.starts[k] + i * net.strides[k]
            total = _differing(net.weights, at, rules.turn, s, above, n_above)
            turned[below + i] += np.int32((half - total) >> shift)


@inlined
def send_error_states(net, rules, state, scratch, record, two_beta, b, phase):
    """A nudged phase begins: the read-out's s = its error, which is a current into the layer below.

    The processor beside the cores computes the error in floating point and rounds it to nearest,
    ties to even. scratch.y: the target.
    """
    last = len(net.sizes) - 1
    first, n = net.offsets[last], net.sizes[last]
    unit = 1.0 / np.float64(rules.one)
    largest, total = softmax_norm(state.unit.s, first, n, unit)
    coefficient = np.float64(np.int64(1) << np.int64(rules.coefficient_bits))
    scale = 0.5 * np.float64(two_beta) / coefficient * np.float64(rules.one)
    clipped, count = np.int64(0), 0
    for j in span(first, n):
        error = np.rint(scale * softmax_error(state.unit.s[j], scratch.y[j], largest, total, unit))
        kept = min(max(error, np.float64(rules.low)), np.float64(rules.high))
        clipped += np.int64(kept != error)
        state.unit.s[j] = np.int32(kept)
        if kept != 0.0:
            state.rows[first + count] = np.int32(j - np.uint64(first))
            scratch.clamped[first + count] = np.int32(kept)
            count += 1
    record.saturations[b, phase, last] += clipped
    if last == 1:  # below is the clamped input
        return
    below, n_below = net.offsets[last - 1], net.sizes[last - 1]
    for j in range(n_below):
        scratch.wide[j] = 0
    record.returned[b, phase, last - 1] = return_codes(
        scratch.wide, net, last - 1, state.rows, scratch.clamped, first, count
    )
    record.saturations[b, phase, last - 1] += load_current(
        scratch.b, scratch.wide, below, n_below, rules.fraction_bits - net.back_exponents[last - 1],
        rules.low, rules.high,
    )  # fmt: skip


@inlined
def inject_states(net, rules, state, scratch, record, n_active, b, phase):
    """The input as a current: added to the biases of layer 1."""
    first, n = net.offsets[1], net.sizes[1]
    for j in range(n):
        scratch.wide[j] = 0
    record.injected[b, phase, 0] += inject_codes(
        scratch.wide, net, scratch.active, scratch.clamped, n_active
    )
    record.saturations[b, phase, 1] += load_current(
        scratch.b, scratch.wide, first, n, rules.fraction_bits - net.exponents[0], rules.low,
        rules.high,
    )  # fmt: skip


@inlined
def arrive_block_codes(net, state, scratch, n_active, steps):
    """What the spikes of the clamped input bring to layer 1, for a block of steps."""
    arrive_codes_block(
        scratch.sums, net.sizes[1], scratch.tile, scratch.flags, scratch.quads,
        scratch.sums_crossed, net, scratch.active, scratch.masks, n_active, scratch.sent, steps,
    )  # fmt: skip


@inlined
def take_block_codes(net, state, scratch, k):
    """state.incoming = what arrives of step k of the block, not yet scaled."""
    take_row(state.incoming, net.offsets[1], scratch.sums, k, net.sizes[1])
