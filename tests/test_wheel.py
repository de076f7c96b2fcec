"""The time wheel gives events in the order of a plain heap, whatever its slots are."""

from __future__ import annotations

import heapq

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eqchip.emulator.kernels.jit import JIT_DISABLED
from eqchip.emulator.kernels.timed import wheel

if JIT_DISABLED:
    insert, next_event = wheel.insert, wheel.next_event
    take_node, free_node, clear_queue = wheel.take_node, wheel.free_node, wheel.clear_queue
else:
    from numba import njit

    def called(function):
        """An inlined kernel, callable from Python."""
        return njit(function.py_func)

    insert, next_event = called(wheel.insert), called(wheel.next_event)
    take_node, free_node = called(wheel.take_node), called(wheel.free_node)
    clear_queue = called(wheel.clear_queue)

CLOCKS, MESSAGES = 3, 60


def new_queue(slots: int, shift: int) -> wheel.Queue:
    """An empty queue."""
    queue = wheel.new_queue(CLOCKS, MESSAGES, slots, shift, np.dtype(np.float32))
    clear_queue(queue)
    return queue


def put(queue: wheel.Queue, heap: list, node: int, time: int, key: int) -> None:
    """Insert into both."""
    queue.time[node], queue.key[node] = time, key
    insert(queue, node)
    heapq.heappush(heap, (time, key, node))


@pytest.mark.nojit
@given(data=st.data())
def test_order_is_that_of_a_heap(data):
    """Inserted before and while time goes on: same slot, later slots, later turns."""
    queue = new_queue(2 ** data.draw(st.integers(0, 5)), data.draw(st.integers(0, 6)))
    heap, now, until, serial = [], 0, 0, 0
    delays = st.integers(1, 700)
    for clock in range(CLOCKS):
        put(queue, heap, clock, data.draw(delays), int(wheel.TICK_KEY) | clock << 31)
    for _ in range(data.draw(st.integers(1, 40))):
        until += data.draw(st.integers(0, 300))
        while True:
            node = int(next_event(queue, until))
            if node == wheel.NONE:
                assert not heap or heap[0][0] > until
                break
            time, key, expected = heapq.heappop(heap)
            assert (node, time, key) == (expected, queue.time[node], queue.key[node])
            assert now <= time <= until
            now = time
            if node < CLOCKS:  # a tick: some messages, some at the same time, and the next tick
                for _ in range(data.draw(st.integers(0, 3))):
                    message = int(take_node(queue))
                    if message == wheel.NONE:
                        assert len(heap) >= MESSAGES
                        break
                    serial += 1
                    unit = data.draw(st.integers(0, 5))
                    put(queue, heap, message, now + data.draw(delays), unit << 31 | serial)
                queue.key[node] = int(wheel.TICK_KEY) | node << 31
                put(queue, heap, node, now + data.draw(delays), int(queue.key[node]))
            else:
                free_node(queue, node)
        now = until
    assert queue.counters[wheel.MESSAGES] == sum(node >= CLOCKS for _, _, node in heap)


def test_many_events_at_once_in_reverse_are_sorted():
    """More than insertion sort is given time for."""
    queue, heap = new_queue(4, 10), []
    for k in range(MESSAGES):
        put(queue, heap, int(take_node(queue)), 5000, MESSAGES - k << 31)
    found = [int(next_event(queue, 6000)) for _ in range(MESSAGES)]
    assert found == [heapq.heappop(heap)[2] for _ in range(MESSAGES)]
    assert next_event(queue, 6000) == wheel.NONE


def test_no_free_node_is_said():
    """And nothing is handed out twice."""
    queue = new_queue(4, 10)
    nodes = [int(take_node(queue)) for _ in range(MESSAGES)]
    assert sorted(nodes) == list(range(CLOCKS, CLOCKS + MESSAGES))
    assert queue.counters[wheel.OVERFLOW] == 0
    assert take_node(queue) == wheel.NONE
    assert queue.counters[wheel.OVERFLOW] == wheel.NODES_FULL
    free_node(queue, nodes[7])
    assert take_node(queue) == nodes[7]


def test_one_slot_sees_more_events_than_there_are_nodes():
    """Messages that are sent, arrive and are freed again and again within a slot."""
    queue, heap = new_queue(2, 20), []
    for clock in range(CLOCKS):
        put(queue, heap, clock, 10 + clock, int(wheel.TICK_KEY) | clock << 31)
    for serial in range(5 * MESSAGES):
        now, _, expected = heapq.heappop(heap)
        assert int(next_event(queue, 2**20 - 1)) == expected
        if expected >= CLOCKS:
            free_node(queue, expected)
        put(queue, heap, int(take_node(queue)), now + 7, serial)
