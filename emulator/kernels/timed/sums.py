"""Sums of what arrives, in the order of the contract."""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.connections import arrive_at_part, arrive_codes_at_part
from eqchip.emulator.kernels.fused import AVAILABLE
from eqchip.emulator.kernels.fused_fixed import LANES, LARGEST_TERM, join_code_lines
from eqchip.emulator.kernels.jit import by_number, inlined
from eqchip.emulator.kernels.timed.state import (
    GAIN_BITS,
)
from eqchip.emulator.kernels.timed.wheel import (
    NONE,
    UNIT_SHIFT,
    free_node,
)
from eqchip.emulator.kernels.units import span
from eqchip.emulator.kernels.units_fixed import join_sums, rescale

SMALL = 16  # messages that insertion sorts
SHIFTS = 32  # that a state in 32 bits can be shifted by, and one less


@inlined
def sort_by_key(buffer, n):
    """Sort the messages of a buffer by key: by insertion if few, else by Shell's increments."""
    gap = 1
    while n > SMALL and gap < n // 2:
        gap = 2 * gap + 1
    while gap > 0:
        for i in range(gap, n):
            key, value = buffer.key[i], buffer.values[i]
            j = i
            while j >= gap and buffer.key[j - gap] > key:
                buffer.key[j] = buffer.key[j - gap]
                buffer.values[j] = buffer.values[j - gap]
                j -= gap
            buffer.key[j] = key
            buffer.values[j] = value
        gap //= 2


@inlined
def _weigh(rules, clockwork, state, buffer, n):
    """A message counts as much as the clock of its sender is slow."""
    for i in range(np.uint64(n)):
        buffer.values[i] = clockwork.gain[np.uint64(buffer.key[i] >> UNIT_SHIFT)] * buffer.values[i]


@inlined
def _weigh_states(rules, clockwork, state, buffer, n):
    for i in range(np.uint64(n)):
        buffer.values[i] = clockwork.gain[np.uint64(buffer.key[i] >> UNIT_SHIFT)]


weigh = by_number(_weigh, _weigh_states)


@inlined
def _add_messages(net, rules, clockwork, state, cores, buffer, part, below, n):
    arrive_at_part(
        cores.sums, clockwork.part_sums[part], net, clockwork.part_layer[part],
        clockwork.part_begin[part], clockwork.part_units[part], buffer.rows, buffer.values, below,
        n, clockwork.scaled or rules.real_valued,
    )  # fmt: skip


@inlined
def _add_code_messages(net, rules, clockwork, state, cores, buffer, part, below, n):
    arrive_codes_at_part(
        cores.sums, cores.back, clockwork.part_sums[part], net, clockwork.part_layer[part],
        clockwork.part_begin[part], clockwork.part_units[part], buffer.rows, buffer.values, below,
        n, clockwork.scaled,
    )  # fmt: skip


add_messages = by_number(_add_messages, _add_code_messages)


@inlined
def read_in(net, rules, clockwork, state, cores, queue, buffer, part):
    """Add the messages that have arrived at a part to its sums, in the order of their keys."""
    node = np.int64(cores.pending_head[part])
    if node == NONE:
        return
    cores.pending_head[part] = NONE
    n, sorted_, before = 0, True, np.int64(0)
    while node != NONE:
        at, i = np.uint64(node), np.uint64(n)
        following, key = np.int64(queue.following[at]), queue.key[at]
        buffer.key[i] = key
        buffer.values[i] = queue.value[at]
        sorted_ = sorted_ and before <= key
        before = key
        free_node(queue, node)
        n += 1
        node = following
    if not sorted_:
        sort_by_key(buffer, n)
    layer = clockwork.part_layer[part]
    middle, below = net.offsets[layer], 0
    lower = net.offsets[layer - 1]
    upper = net.offsets[layer + 1]  # of the last layer, the length of the row: nothing is above
    for k in range(n):
        place = buffer.key[k] >> UNIT_SHIFT
        if place < middle:
            below += 1
        buffer.rows[k] = place - (lower if place < middle else upper)
    if clockwork.scaled:
        weigh(rules, clockwork, state, buffer, n)
    add_messages(net, rules, clockwork, state, cores, buffer, part, below, n)


@inlined
def _move(to, first, sums, at, n):
    """Take sums out of a part's: they become 0."""
    zero = sums.dtype.type(0)
    for i in range(np.uint64(n)):
        to[np.uint64(first) + np.uint64(i)] = sums[np.uint64(at) + np.uint64(i)]
    for i in range(np.uint64(n)):
        sums[np.uint64(at) + np.uint64(i)] = zero


@inlined
def _take_sums(net, rules, clockwork, state, scratch, cores, record, first, n, at, layer, b, phase):
    """1. u = what has arrived since the last tick, as if it came from clocks like this one."""
    _move(scratch.u, first, cores.sums, at, n)
    if clockwork.scaled:
        for j in span(first, n):
            scratch.u[j] = scratch.u[j] * clockwork.rate[j]


@inlined
def _bits_of(sums, first, n):
    """The bits that are set in any of these sums, a negative one as its complement."""
    bits = np.int32(0)
    for j in span(first, n):
        bits = np.int32(bits | (sums[j] ^ (sums[j] >> np.int32(31))))
    return bits


@inlined
def _take_code_sums(
    net, rules, clockwork, state, scratch, cores, record, first, n, at, layer, b, phase
):
    forward, back = scratch.error, scratch.p  # not in use yet
    _move(forward, first, cores.sums, at, n)
    _move(back, first, cores.back, at, n)
    exponent, exponent_back = net.exponents[layer - 1], np.int64(0)
    if layer < len(net.sizes) - 1:
        exponent_back = net.back_exponents[layer]
    if clockwork.scaled:
        exponent, exponent_back = exponent - GAIN_BITS, exponent_back - GAIN_BITS
    low, high = np.int64(rules.low), np.int64(rules.high)
    whole = np.int64(0)  # units in whole lines, whose sums are joined without being widened
    if AVAILABLE and n >= LANES and min(exponent, exponent_back) > -SHIFTS:
        most_back = np.int64(LARGEST_TERM // 2) >> max(exponent_back, np.int64(0))
        if _bits_of(forward, first, n) < LARGEST_TERM and _bits_of(back, first, n) < most_back:
            whole = n // LANES * LANES
    clipped = join_sums(
        scratch.u, forward, back, first + whole, n - whole, exponent, exponent_back, low, high
    )
    if whole:
        clipped += join_code_lines(
            scratch.u, forward, back, first, whole, exponent, exponent_back, low, high
        )
    if clockwork.scaled:
        for j in span(first, n):
            total = rescale(
                np.int64(scratch.u[j]) * np.int64(clockwork.rate[j]), rules.coefficient_bits
            )
            kept = min(max(total, low), high)
            clipped += np.int64(kept != total)
            scratch.u[j] = kept
    record.saturations[b, phase, layer] += clipped


take_sums = by_number(_take_sums, _take_code_sums)
