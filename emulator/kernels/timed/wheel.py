"""The queue of events: a time wheel, so that an event costs the same among ten and a million.

Time is cut into slots of 2**shift quanta. A slot of the wheel is a list, in the order of
insertion, of the events that fall into it, in this turn of the wheel or a later one. When time
reaches a slot, the events of this turn are taken out and sorted: they are few, since a slot is
as short as events are dense. An event that is inserted into the slot that is open goes straight
to its place.

Events are nodes. Node d < the number of clocks is the next tick of clock d; the others are
messages, taken from a list of free nodes. The order of events is that of (time, key): see
`Queue`.

What is done for every event casts its subscripts to uint64: a signed one would be tested for
wrapping around from the end of the array. Where work is done once a phase, none are cast.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eqchip.emulator.kernels.jit import inlined

# Places in Queue.counters.
FREE, SERIAL, IN_FLIGHT, MESSAGES, CURSOR, POSITION, OPEN, LOGGED, OVERFLOW, MOST_LINK = range(10)
COUNTERS = 10
# What overflowed.
NODES_FULL, LOG_FULL = 1, 2
NONE = -1
TICK_KEY = np.int64(1) << np.int64(62)  # ticks come after messages of the same time
UNIT_SHIFT = np.int64(31)
SERIALS = (np.int64(1) << UNIT_SHIFT) - np.int64(1)
MOVES = 8  # per event: more, and insertion sort gives up


class Queue(NamedTuple):
    """The events of one sample; n = clocks + messages that there is room for.

    Messages that are alike in all but the sender travel as one event, a train: `coupled` (n,)
    int32 is the next message of the same train, or NONE.
    time: (n,) int64 quanta; key: (n,) int64, TICK_KEY if a tick + place of the unit << 31 + serial
    number of the message; following: (n,) int32, the next node of a list; route, stage: (n,)
    int32, of a message, see `timed`; value: (n,) numbers, its weight.
    head, tail: (slots,) int32 of the wheel. shift, mask: of slots; rate: of windows, so many
    in 2**shift quanta. clocks: ticks come first.
    open_time, open_key: (n,) int64, open_node: (n,) int32: the open slot, sorted from
    counters[POSITION] to counters[OPEN] - 1.
    counters: int64, see above.
    """

    time: np.ndarray
    key: np.ndarray
    following: np.ndarray
    coupled: np.ndarray
    route: np.ndarray
    stage: np.ndarray
    value: np.ndarray
    head: np.ndarray
    tail: np.ndarray
    shift: int
    mask: int
    rate: int
    clocks: int
    open_time: np.ndarray
    open_key: np.ndarray
    open_node: np.ndarray
    counters: np.ndarray


def new_queue(
    clocks: int, messages: int, slots: int, shift: int, dtype: np.dtype, rate: int = 1
) -> Queue:
    """Memory for a queue; slots: a power of two."""
    n = clocks + messages
    return Queue(
        time=np.zeros(n, np.int64),
        key=np.zeros(n, np.int64),
        following=np.zeros(n, np.int32),
        coupled=np.full(n, NONE, np.int32),
        route=np.zeros(n, np.int32),
        stage=np.zeros(n, np.int32),
        value=np.zeros(n, dtype),
        head=np.zeros(slots, np.int32),
        tail=np.zeros(slots, np.int32),
        shift=shift,
        mask=slots - 1,
        rate=rate,
        clocks=clocks,
        open_time=np.zeros(n, np.int64),
        open_key=np.zeros(n, np.int64),
        open_node=np.zeros(n, np.int32),
        counters=np.zeros(COUNTERS, np.int64),
    )


@inlined
def clear_queue(queue):
    """No events, at time 0; every message node is free."""
    for k in range(len(queue.counters)):
        queue.counters[k] = 0
    empty_wheel(queue)
    free_all(queue)


@inlined
def empty_wheel(queue):
    """No events, at the time that it is."""
    for slot in range(len(queue.head)):
        queue.head[slot] = NONE
    queue.counters[POSITION] = 0
    queue.counters[OPEN] = 0


@inlined
def free_all(queue):
    """Every message node is free."""
    n = len(queue.time)
    for node in range(queue.clocks, n - 1):
        queue.following[node] = node + 1
    queue.following[n - 1] = NONE
    queue.counters[FREE] = queue.clocks if n > queue.clocks else NONE
    queue.counters[MESSAGES] = 0


@inlined
def take_node(queue):
    """A free message node, or NONE, and then counters[OVERFLOW] is set."""
    node = queue.counters[FREE]
    if node == NONE:
        queue.counters[OVERFLOW] = NODES_FULL
    else:
        queue.counters[FREE] = queue.following[np.uint64(node)]
        queue.counters[MESSAGES] += 1
    return node


@inlined
def free_node(queue, node):
    """Give a message node back."""
    queue.following[np.uint64(node)] = queue.counters[FREE]
    queue.counters[FREE] = node
    queue.counters[MESSAGES] -= 1


@inlined
def _later(queue, i, time, key):
    """Whether open event i comes after (time, key)."""
    i = np.uint64(i)
    return queue.open_time[i] > time or (queue.open_time[i] == time and queue.open_key[i] > key)


@inlined
def _put(queue, i, time, key, node):
    i = np.uint64(i)
    queue.open_time[i] = time
    queue.open_key[i] = key
    queue.open_node[i] = node


@inlined
def _move(queue, to, source):
    to, source = np.uint64(to), np.uint64(source)
    queue.open_time[to] = queue.open_time[source]
    queue.open_key[to] = queue.open_key[source]
    queue.open_node[to] = queue.open_node[source]


@inlined
def insert(queue, node):
    """Insert a node with its time and key; the time is not before that of the open event."""
    time, key = queue.time[np.uint64(node)], queue.key[np.uint64(node)]
    slot = time >> queue.shift
    if slot == queue.counters[CURSOR]:
        if queue.counters[OPEN] == len(queue.open_time):
            _forget_past(queue)
        i = queue.counters[OPEN]
        while i > queue.counters[POSITION] and _later(queue, i - 1, time, key):
            _move(queue, i, i - 1)
            i -= 1
        _put(queue, i, time, key, node)
        queue.counters[OPEN] += 1
    else:
        append(queue, slot & queue.mask, node)


@inlined
def insert_in_window(queue, node):
    """Insert a node into the list of its window, which holds what comes in (k, k + 1] windows."""
    append(queue, window_of(queue, node) & queue.mask, node)


@inlined
def window_of(queue, node):
    """The window into which a node falls."""
    return window_at(queue, queue.time[np.uint64(node)] - 1)


@inlined
def window_at(queue, time):
    """The window that is open right after a time."""
    return (time * queue.rate) >> queue.shift


@inlined
def window_end(queue, window):
    """The last time of a window."""
    return (((window + 1) << queue.shift) + queue.rate - 1) // queue.rate


@inlined
def _forget_past(queue):
    """Move the open events to the front: one slot may see more events than there are nodes."""
    first = queue.counters[POSITION]
    n = queue.counters[OPEN] - first
    for i in range(n):
        _move(queue, i, first + i)
    queue.counters[POSITION] = 0
    queue.counters[OPEN] = n


@inlined
def append(queue, place, node):
    """Put a node at the end of the list of a slot."""
    slot = np.uint64(place)
    queue.following[np.uint64(node)] = NONE
    if queue.head[slot] == NONE:
        queue.head[slot] = node
    else:
        queue.following[np.uint64(queue.tail[slot])] = node
    queue.tail[slot] = node


@inlined
def _sort_open(queue, n):
    """Sort the open events: by insertion while that is quick, else by Shell's increments."""
    moves = MOVES * n
    for i in range(1, n):
        time, key, node = queue.open_time[i], queue.open_key[i], queue.open_node[i]
        j = i
        while j > 0 and _later(queue, j - 1, time, key):
            _move(queue, j, j - 1)
            j -= 1
        _put(queue, j, time, key, node)
        moves -= i - j
        if moves < 0:
            _sort_open_shell(queue, n)
            return


@inlined
def _sort_open_shell(queue, n):
    gap = 1
    while gap < n // 2:
        gap = 2 * gap + 1
    while gap > 0:
        for i in range(gap, n):
            time, key, node = queue.open_time[i], queue.open_key[i], queue.open_node[i]
            j = i
            while j >= gap and _later(queue, j - gap, time, key):
                _move(queue, j, j - gap)
                j -= gap
            _put(queue, j, time, key, node)
        gap //= 2


@inlined
def _open_slot(queue, slot):
    """Take the events of this slot, in this turn of the wheel, out of its list, sorted."""
    place = slot & queue.mask
    node = queue.head[np.uint64(place)]
    queue.head[np.uint64(place)] = NONE
    n = 0
    while node != NONE:
        at = np.uint64(node)
        following = queue.following[at]
        if queue.time[at] >> queue.shift == slot:
            _put(queue, n, queue.time[at], queue.key[at], node)
            n += 1
        else:
            append(queue, place, node)
        node = following
    if n > 1:
        _sort_open(queue, n)
    queue.counters[POSITION] = 0
    queue.counters[OPEN] = n


@inlined
def next_event(queue, until):
    """Take the next event that is not after `until`; NONE if there is none."""
    counters = queue.counters
    while counters[POSITION] == counters[OPEN]:
        slot = counters[CURSOR] + 1
        if slot << queue.shift > until:
            return np.int64(NONE)
        counters[CURSOR] = slot
        if queue.head[np.uint64(slot & queue.mask)] != NONE:
            _open_slot(queue, slot)
    position = counters[POSITION]
    if queue.open_time[np.uint64(position)] > until:
        return np.int64(NONE)
    counters[POSITION] = position + 1
    return np.int64(queue.open_node[np.uint64(position)])
