"""The time wheel and a binary heap under the same load, for ``eqchip bench --asynchronous``.

The load is that of a chip with a clock per unit, without the units: every clock ticks with its
own period; at every EVERY-th of its ticks it sends MESSAGES messages, which arrive DELAY later.
Both queues hand out the same events in the same order, and prove it by a checksum.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eqchip.emulator.description.asynchronous import QUANTA
from eqchip.emulator.kernels.jit import inlined, kernel
from eqchip.emulator.kernels.timed.wheel import (
    NONE,
    TICK_KEY,
    UNIT_SHIFT,
    Queue,
    clear_queue,
    free_node,
    insert,
    new_queue,
    next_event,
    take_node,
)

EVERY, MESSAGES, DELAY = 4, 2, QUANTA  # a unit at potential 1/4 between two layers
MIX = np.int64(1_000_003)  # of the checksum: it depends on the order


class Load(NamedTuple):
    """What is asked of a queue; period, start: (c,) int64 quanta; serial: (1,) int64 messages."""

    period: np.ndarray
    start: np.ndarray
    ticks: np.ndarray
    serial: np.ndarray


class Heap(NamedTuple):
    """A binary heap of (time, key); events: (room, 2) int64; size: (1,) int64."""

    events: np.ndarray
    size: np.ndarray


def new_load(period: np.ndarray, start: np.ndarray) -> Load:
    """The load of clocks with these periods and first ticks, in quanta."""
    return Load(period, start, np.zeros(len(period), np.int64), np.zeros(1, np.int64))


def room_for(clocks: int) -> int:
    """The most messages under way: those of a delay, of clocks that all tick twice in it."""
    return 2 * MESSAGES * clocks


def new_wheel(clocks: int, slots: int, shift: int) -> Queue:
    """A wheel with room for the load of so many clocks."""
    return new_queue(clocks, room_for(clocks), slots, shift, np.dtype(np.float32))


def new_heap(clocks: int) -> Heap:
    """A heap with room for the load of so many clocks."""
    return Heap(np.zeros((clocks + room_for(clocks), 2), np.int64), np.zeros(1, np.int64))


@inlined
def _push(heap, time, key):
    """Put an event in, and move it up while it comes before its parent."""
    events = heap.events
    at = heap.size[0]
    heap.size[0] = at + 1
    while at > 0:
        parent = (at - 1) >> 1
        above = events[parent, 0]
        if above < time or (above == time and events[parent, 1] < key):
            break
        events[at, 0] = above
        events[at, 1] = events[parent, 1]
        at = parent
    events[at, 0] = time
    events[at, 1] = key


@inlined
def _pop(heap):
    """Take the first event out: the last one takes its place, and moves down."""
    events = heap.events
    first_time, first_key = events[0, 0], events[0, 1]
    size = heap.size[0] - 1
    heap.size[0] = size
    time, key = events[size, 0], events[size, 1]
    at, child = 0, 1
    while child < size:
        if child + 1 < size:
            left, right = events[child, 0], events[child + 1, 0]
            if right < left or (right == left and events[child + 1, 1] < events[child, 1]):
                child += 1
        below = events[child, 0]
        if time < below or (time == below and key < events[child, 1]):
            break
        events[at, 0] = below
        events[at, 1] = events[child, 1]
        at = child
        child = 2 * at + 1
    events[at, 0] = time
    events[at, 1] = key
    return first_time, first_key


@kernel
def start_wheel(queue, load):
    """An empty wheel with the first tick of every clock."""
    clear_queue(queue)
    load.serial[0] = 0
    for clock in range(len(load.period)):
        load.ticks[clock] = 0
        queue.time[clock] = load.start[clock]
        queue.key[clock] = TICK_KEY | (np.int64(clock) << UNIT_SHIFT)
        insert(queue, clock)


@kernel
def run_wheel(queue, load, until):
    """Hand out all events up to a time; returns how many, and their checksum."""
    events, checksum = 0, np.int64(0)
    node = next_event(queue, until)
    while node != NONE:
        now, key = queue.time[node], queue.key[node]
        events += 1
        checksum = checksum * MIX + (now ^ key)
        if node < queue.clocks:
            load.ticks[node] += 1
            if (load.ticks[node] + node) % EVERY == 0:
                for _ in range(MESSAGES):
                    load.serial[0] += 1
                    message = take_node(queue)
                    queue.time[message] = now + DELAY
                    queue.key[message] = (np.int64(node) << UNIT_SHIFT) | load.serial[0]
                    insert(queue, message)
            queue.time[node] = now + load.period[node]
            insert(queue, node)
        else:
            free_node(queue, node)
        node = next_event(queue, until)
    return events, checksum


@kernel
def start_heap(heap, load):
    """An empty heap with the first tick of every clock."""
    heap.size[0] = 0
    load.serial[0] = 0
    for clock in range(len(load.period)):
        load.ticks[clock] = 0
        _push(heap, load.start[clock], TICK_KEY | (np.int64(clock) << UNIT_SHIFT))


@kernel
def run_heap(heap, load, until):
    """As `run_wheel`."""
    events, checksum = 0, np.int64(0)
    while heap.size[0] > 0 and heap.events[0, 0] <= until:
        now, key = _pop(heap)
        events += 1
        checksum = checksum * MIX + (now ^ key)
        if key >= TICK_KEY:
            clock = (key ^ TICK_KEY) >> UNIT_SHIFT
            load.ticks[clock] += 1
            if (load.ticks[clock] + clock) % EVERY == 0:
                for _ in range(MESSAGES):
                    load.serial[0] += 1
                    _push(heap, now + DELAY, (clock << UNIT_SHIFT) | load.serial[0])
            _push(heap, now + load.period[clock], key)
    return events, checksum
