"""The engine of graphs without a clock for all."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from eqchip.emulator.description.asynchronous import QUANTA
from eqchip.emulator.engine.asynchronous import (
    EVENTS_PER_SLOT,
    FEWEST_NODES,
    MOST_SLOTS,
    QUANTA_BITS,
)
from eqchip.emulator.engine.graph import LoweredGraph, answer, lower_graph, new_record
from eqchip.emulator.engine.graph_clocks import horizon, lower_clocks, most_events
from eqchip.emulator.engine.graph_lowering import given_of
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels.graph.arrays import Record
from eqchip.emulator.kernels.graph.timed import (
    Flight,
    GraphClocks,
    TimedRecord,
    relax_graph_timed,
)
from eqchip.emulator.kernels.timed.state import new_buffer
from eqchip.emulator.kernels.timed.wheel import OVERFLOW, new_queue
from eqchip.emulator.problem.graph import GraphProblem, GraphRun
from eqchip.emulator.threads import resolve_threads, share

MOST_AXONS = 2**31
ROOM_PER_AXON = 1  # messages, to begin with


def solve(problem: GraphProblem, threads: int | None = None) -> GraphRun:
    """Run a graph whose units tick by clocks of their own.

    Raises
    ------
    InputError
        As :func:`eqchip.emulator.engine.graph.solve`, and where more messages are under way than
        the timing allows, or more axons than can be told apart.
    """
    lowered = lower_graph(problem)
    net, record, given = lowered.net, new_record(problem, lowered.net), given_of(problem)
    clocks = lower_clocks(problem, net)
    if clocks.axon_begin[-1] >= MOST_AXONS:
        raise InputError(
            f"run: timing with {clocks.axon_begin[-1]} axons, one for each delay of a unit's "
            f"projection; expected fewer than {MOST_AXONS}"
        )
    timed = TimedRecord(
        np.zeros((problem.batch, len(net.sizes)), np.int64), np.zeros(problem.batch, np.int64)
    )

    def work(first: int, last: int) -> None:
        room = max(FEWEST_NODES, ROOM_PER_AXON * int(clocks.axon_begin[-1]))
        while first < last:
            room = _checked_room(problem, room)
            first = _run(problem, lowered, clocks, given, record, timed, room, first, last)
            room *= 2

    share(work, problem.batch, resolve_threads(threads))
    return answer(problem, net, record, timed.updates.sum(0))


def _run(
    problem: GraphProblem,
    lowered: LoweredGraph,
    clocks: GraphClocks,
    given: Any,
    record: Record,
    timed: TimedRecord,
    room: int,
    first: int,
    last: int,
) -> int:
    """Run samples with room for so many messages; the first that was too much for it, or last."""
    net, memory = lowered.net, lowered.memory()
    number = memory.state.values.dtype
    state = memory.state._replace(rows=np.zeros(room, np.int32), values=np.zeros(room, number))
    slots, shift = _wheel(most_events(clocks, net), horizon(clocks, net))
    only = net._replace(
        first=net.first.copy(), sizes=np.zeros_like(net.sizes), rooms=net.rooms.copy()
    )
    flight = Flight(
        tick=np.zeros(len(clocks.period), np.int64),
        offset=np.zeros(len(clocks.period), np.int64),
        pending=np.zeros(len(net.sizes), np.int32),
        queue=new_queue(len(clocks.period), room, slots, shift, number),
        buffer=new_buffer(room, number),
        only=only,
    )
    stopped: int = relax_graph_timed(
        net, lowered.rules, lowered.sends, clocks, given, record, timed, state, memory.kept,
        flight, problem.steps, first, last,
    )  # fmt: skip
    if flight.queue.counters[OVERFLOW]:
        for array in (*record[:4], *timed):
            array[stopped] = 0
        for array in (record.spikes, record.potentials):
            array[:, stopped] = 0
    return stopped


def _checked_room(problem: GraphProblem, room: int) -> int:
    """Room for messages, as far as the timing allows."""
    assert problem.timing is not None
    most = problem.timing.most_in_flight
    if room >= 2 * most:
        raise InputError(
            f"run: more than {most} messages are under way or unread, and most_in_flight is "
            f"{most}; expected shorter delays, or a larger most_in_flight"
        )
    return min(room, most)


def _wheel(events: float, periods: float) -> tuple[int, int]:
    """How many slots of the queue, and how long: as long as a few events take."""
    per_period = 2 ** max(0, math.ceil(math.log2(max(events, 1) / EVENTS_PER_SLOT)))
    per_period = min(per_period, QUANTA)
    slots = 2 ** math.ceil(math.log2(per_period * periods + 1))
    return min(slots, MOST_SLOTS), QUANTA_BITS - int(math.log2(per_period))
