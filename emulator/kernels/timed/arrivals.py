"""What arrives at parts within a window: handed to each, put in order, and added; see `windows`."""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.connections import whole
from eqchip.emulator.kernels.jit import by_number, inlined
from eqchip.emulator.kernels.segments import add_segments_by_time, adds_whole_rows
from eqchip.emulator.kernels.timed.masked import add_rows_by_time, is_due_between
from eqchip.emulator.kernels.timed.messages import (
    count_arrivals,
    keep_unread,
    source_layer,
    synapses_met,
)
from eqchip.emulator.kernels.timed.state import SUMS_LINE
from eqchip.emulator.kernels.timed.sums import weigh
from eqchip.emulator.kernels.timed.wheel import NONE, UNIT_SHIFT, append, free_node, window_of
from eqchip.emulator.kernels.timed.window import (
    BUCKET_BITS,
    BUCKETS,
    FEW,
    ORDER,
    ORDER_SHIFT,
)


@inlined
def deliver(net, clockwork, cores, queue, window, record, counts, slot, end, b, phase, row):
    """The messages of a window up to its end, each to its part: to be read, or lost there.

    The last one of a run may end before its list does.
    """
    place = slot & queue.mask
    node = np.int64(queue.head[np.uint64(place)])
    queue.head[np.uint64(place)] = NONE
    while node != NONE:
        at = np.uint64(node)
        following = np.int64(queue.following[at])
        if window_of(queue, node) != slot or queue.time[at] > end:
            append(queue, place, node)
        else:
            part = clockwork.route_part[queue.route[at]]
            sender = queue.key[at] >> UNIT_SHIFT
            if queue.time[at] > clockwork.part_stop[part]:
                layer = source_layer(net, clockwork, part, sender)
                free_node(queue, node)
                count_arrivals(
                    clockwork, queue, record, counts, part, layer, 1, 0, True, b, phase, row
                )
            else:
                above = np.int64(sender >= net.offsets[clockwork.part_layer[part]])
                window.arrived[part, above] += 1
                window.crossed[part, above] += synapses_met(
                    clockwork, np.int64(queue.route[at]), sender
                )
                keep_unread(cores, queue, node, part)
        node = following


@inlined
def count_arrived(clockwork, queue, window, record, counts, part, layer, b, phase, row):
    """Count the messages that were delivered to a part."""
    for above in range(2):
        n = np.int64(window.arrived[part, above])
        if n:
            crossed = window.crossed[part, above]
            window.arrived[part, above] = 0
            window.crossed[part, above] = 0
            source = layer - 1 + 2 * above
            count_arrivals(
                clockwork, queue, record, counts, part, source, n, crossed, False, b, phase, row
            )


@inlined
def _bucket(queue, order, shift):
    """In which part of the window a message arrives."""
    return ((order >> ORDER_SHIFT) * queue.rate) >> shift


@inlined
def _order_by_time(queue, window, m):
    """Sort the first m of window.order: into BUCKETS of time first, where there are many."""
    if m > FEW:
        shift = np.int64(queue.shift) - BUCKET_BITS
        for bucket in range(BUCKETS + 2):
            window.buckets[bucket] = 0
        for i in range(np.uint64(m)):
            window.buckets[_bucket(queue, window.order[i], shift) + 1] += 1
        for bucket in range(1, BUCKETS + 2):
            window.buckets[bucket] += window.buckets[bucket - 1]
        for i in range(np.uint64(m)):
            window.spare[i] = window.order[i]
        for i in range(np.uint64(m)):
            bucket = _bucket(queue, window.spare[i], shift)
            window.order[window.buckets[bucket]] = window.spare[i]
            window.buckets[bucket] += 1
    for i in range(1, m):
        one = window.order[i]
        j = i
        while j > 0 and window.order[j - 1] > one:
            window.order[j] = window.order[j - 1]
            j -= 1
        window.order[j] = one


@inlined
def _order_by_batches(state, queue, buffer, window, n, m):
    """Order messages as the contract has it: those between two ticks of the part by their keys.

    window.order holds their times and places in window.nodes.
    """
    _order_by_time(queue, window, m)
    for i in range(np.uint64(m)):
        window.times[i] = np.int32(window.order[i] >> ORDER_SHIFT)
        node = window.nodes[np.uint64(window.order[i] & ORDER)]
        key, value = queue.key[np.uint64(node)], queue.value[np.uint64(node)]
        j = np.int64(i)
        while (
            j > 0
            and buffer.key[j - 1] > key
            and not is_due_between(
                window.due, n, np.int64(window.times[j - 1]), np.int64(window.times[j])
            )
        ):
            buffer.key[j] = buffer.key[j - 1]
            buffer.values[j] = buffer.values[j - 1]
            j -= 1
        buffer.key[j] = key
        buffer.values[j] = value


@inlined
def _leave_order(state, queue, buffer, window, n, m):
    """Sums of integers have no order."""
    for i in range(np.uint64(m)):
        node = np.uint64(window.nodes[i])
        window.times[i] = np.int32(window.order[i] >> ORDER_SHIFT)
        buffer.key[i] = queue.key[node]
        buffer.values[i] = 1


order_messages = by_number(_order_by_batches, _leave_order)


@inlined
def _sums_of_feedback(state, cores, window):
    """Where a part adds what comes from above, and what of it comes after a tick."""
    return cores.sums, window.later


@inlined
def _sums_of_codes_back(state, cores, window):
    return cores.back, window.later_back


sums_of_feedback = by_number(_sums_of_feedback, _sums_of_codes_back)


@inlined
def add_run(net, clockwork, state, cores, buffer, window, part, from_below, first, last):
    """Add messages first ... last - 1 of the buffer, all of one layer, to the sums of a part."""
    layer, at = clockwork.part_layer[part], clockwork.part_sums[part]
    begin, units = clockwork.part_begin[part], clockwork.part_units[part]
    if from_below:
        k, senders, sums, later = layer - 1, net.sizes[layer - 1], cores.sums, window.later
        w, start, stride, fan = net.weights, net.starts[k], net.strides[k], net.forward
    else:
        k, senders = layer, net.sizes[layer + 1]
        sums, later = sums_of_feedback(state, cores, window)
        w, start, stride, fan = net.mirror, net.mirror_starts[k], net.mirror_strides[k], net.back
    if adds_whole_rows(fan, k, senders, net.sizes[layer]):
        add_rows_by_time(
            sums, at, later, window.due, w, start + begin, stride, whole(units, SUMS_LINE // 4),
            buffer.rows, buffer.values, window.times, first, last,
        )  # fmt: skip
    else:
        add_segments_by_time(
            sums, at, later, window.due, w, start, stride, fan, k, begin, units, buffer.rows,
            buffer.values, window.times, first, last,
        )  # fmt: skip


@inlined
def read_messages(net, rules, clockwork, state, cores, queue, buffer, window, part, n, start,
                   last):  # fmt: skip
    """Add what has arrived at a part by its last tick to its sums, or to those of later."""
    node = np.int64(cores.pending_head[part])
    cores.pending_head[part] = NONE
    m = np.int64(0)
    while node != NONE:
        at = np.uint64(node)
        following = np.int64(queue.following[at])
        arrives = max(queue.time[at] - start, np.int64(0))
        if arrives > last:  # with others of a later window, they make one batch
            keep_unread(cores, queue, node, part)
        else:
            window.order[m] = (arrives << ORDER_SHIFT) | m
            window.nodes[m] = node
            m += 1
        node = following
    if m == 0:
        return
    order_messages(state, queue, buffer, window, n, m)
    for i in range(np.uint64(m)):
        free_node(queue, np.int64(window.nodes[i]))
    if clockwork.scaled:
        weigh(rules, clockwork, state, buffer, m)
    layer = clockwork.part_layer[part]
    middle = net.offsets[layer]
    lower = net.offsets[layer - 1]
    upper = net.offsets[layer + 1]  # of the last layer, the length of the row: nothing is above
    first = np.int64(0)
    while first < m:  # runs of messages from below and from above
        from_below = (buffer.key[first] >> UNIT_SHIFT) < middle
        end = first
        while end < m:
            place = buffer.key[end] >> UNIT_SHIFT
            if (place < middle) != from_below:
                break
            buffer.rows[end] = place - (lower if from_below else upper)
            end += 1
        add_run(net, clockwork, state, cores, buffer, window, part, from_below, first, end)
        first = end
