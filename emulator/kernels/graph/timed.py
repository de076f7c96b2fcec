"""A run of a graph without a clock for all: ticks and messages in the order of time.

The queue is that of networks (`eqchip.emulator.kernels.timed.wheel`), what units compute that of
`eqchip.emulator.kernels.graph.kinds`: a tick hands it a graph of which only the units of one clock
are there. The model is that of docs/networks.md, "Without a clock"; axes as in
`eqchip.emulator.kernels.graph.arrays`, and c = clock, a = axon: a unit's synapses of one bundle.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eqchip.emulator.kernels.graph.arrays import Wiring
from eqchip.emulator.kernels.graph.arrivals import arrive
from eqchip.emulator.kernels.graph.kinds import advance, begin
from eqchip.emulator.kernels.jit import inlined, kernel
from eqchip.emulator.kernels.timed.clocks import OFFSET, TICK
from eqchip.emulator.kernels.timed.messages import MESSAGE, share
from eqchip.emulator.kernels.timed.state import Buffer
from eqchip.emulator.kernels.timed.sums import sort_by_key
from eqchip.emulator.kernels.timed.wheel import (
    NONE,
    OVERFLOW,
    TICK_KEY,
    UNIT_SHIFT,
    Queue,
    clear_queue,
    free_node,
    insert,
    next_event,
    take_node,
)
from eqchip.emulator.kernels.units import clear, copy, philox, span

QUANTA_SHIFT = np.int64(20)  # a nominal period is 2**20 quanta, see `description.asynchronous`
LONG = 2**62  # steps: longer than any run


class GraphClocks(NamedTuple):
    """When things happen; times int64, in quanta.

    first, units, population: (c,) int64, the units of a clock, in arrays over units; number: (c,)
    uint64, by which its jitter is drawn; period, offset: (c,); jitter.
    bundles, bundles_begin: int64, those that leave each population.
    axon_begin: (k + 1,) int64, where the axons of each bundle are counted from.
    driven: (p,) int64, which of `Given.driven` a population is, or -1.
    fixed_delay, delay_jitter, loss: of messages; loss over 2**32; draws: whether they differ.
    seed: (2,) uint64.
    """

    first: np.ndarray
    units: np.ndarray
    population: np.ndarray
    number: np.ndarray
    period: np.ndarray
    offset: np.ndarray
    jitter: int
    bundles: np.ndarray
    bundles_begin: np.ndarray
    axon_begin: np.ndarray
    driven: np.ndarray
    fixed_delay: int
    delay_jitter: int
    loss: int
    draws: bool
    seed: np.ndarray


class Flight(NamedTuple):
    """What is under way in one sample; the thread's own.

    tick, offset: (c,) int64, the number of the next tick, and how far the clock is ahead; pending:
    (p,) int32, the list of what has arrived and is not read; only: a `Wiring` of no units, but
    those of the clock that ticks.
    """

    tick: np.ndarray
    offset: np.ndarray
    pending: np.ndarray
    queue: Queue
    buffer: Buffer
    only: Wiring


class TimedRecord(NamedTuple):
    """Counts beside `Record`: ticks of units, (b, p), and messages lost, (b,), int64."""

    updates: np.ndarray
    lost: np.ndarray


@inlined
def _row(time, steps):
    """The nominal period that a time falls into, from 0 on: its end belongs to it."""
    return min(max((time - np.int64(1)) >> QUANTA_SHIFT, np.int64(0)), steps - 1)


@inlined
def _tick_time(clocks, flight, clock, sample):
    """When the next tick of a clock is."""
    k = flight.tick[clock]
    due = k * clocks.period[clock] - flight.offset[clock]
    if clocks.jitter:
        word = philox(
            clocks.number[clock], np.uint64(k), TICK, sample, clocks.seed[0], clocks.seed[1]
        )[0]
        due += share(np.int64(clocks.jitter), word)
    return due


@inlined
def _await(net, clocks, given, state, record, flight, clock, steps, b):
    """The sums of a clock's units are the current of their next tick, to which arrivals add."""
    p, first, n = clocks.population[clock], clocks.first[clock], clocks.units[clock]
    time = _tick_time(clocks, flight, clock, np.uint64(b))
    for c in range(len(net.rooms)):
        if c == 0 or net.rooms[c, p]:
            clear(state.incoming, net.rooms[c, p] + first - net.first[p], n)
    c = clocks.driven[p]
    if c >= 0:
        row = _row(time, steps) // given.current_hold[c]
        at = given.current_begin[c] + (row * len(record.sent) + b) * net.sizes[p]
        at += first - net.first[p]
        for i in span(0, n):
            state.incoming[np.uint64(first) + np.uint64(i)] = given.currents[
                np.uint64(at) + np.uint64(i)
            ]
    flight.queue.time[clock] = time
    insert(flight.queue, clock)


@inlined
def _send(net, clocks, flight, record, timed, p, i, serial, value, now, end, b):
    """Send what unit i of population p fired, over every bundle that leaves it."""
    record.sent[b, p] += 1
    record.counts[b, net.first[p] + i] += 1
    queue = flight.queue
    for e in range(clocks.bundles_begin[p], clocks.bundles_begin[p + 1]):
        k = clocks.bundles[e]
        axon, delay = clocks.axon_begin[k] + i, np.int64(clocks.fixed_delay)
        if clocks.draws:
            words = philox(
                np.uint64(axon), np.uint64(serial), MESSAGE, np.uint64(b), clocks.seed[0],
                clocks.seed[1],
            )  # fmt: skip
            if words[1] < np.uint64(clocks.loss):
                timed.lost[b] += 1
                continue
            delay += share(np.int64(clocks.delay_jitter), words[0])
        arrival = now + max(delay, np.int64(1)) + (net.delay[k] << QUANTA_SHIFT)
        if arrival > end:
            continue
        node = take_node(queue)
        if node == NONE:
            return
        queue.time[node] = arrival
        queue.key[node] = (axon << UNIT_SHIFT) | serial
        queue.value[node] = value
        queue.route[node] = k
        insert(queue, node)


@inlined
def _read_in(net, state, flight, record, p, clocks, b):
    """Add what has arrived at a population, by ascending bundle, sender, and age."""
    queue, buffer = flight.queue, flight.buffer
    node, n = np.int64(flight.pending[p]), 0
    flight.pending[p] = NONE
    while node != NONE:
        following = np.int64(queue.following[node])
        buffer.key[n], buffer.values[n] = queue.key[node], queue.value[node]
        free_node(queue, node)
        node = following
        n += 1
    sort_by_key(buffer, n)
    first, k = 0, 0
    while first < n:
        while buffer.key[first] >> UNIT_SHIFT >= clocks.axon_begin[k + 1]:
            k += 1
        last = first
        while last < n and buffer.key[last] >> UNIT_SHIFT < clocks.axon_begin[k + 1]:
            state.rows[last] = (buffer.key[last] >> UNIT_SHIFT) - clocks.axon_begin[k]
            state.values[last] = buffer.values[last]
            last += 1
        record.arrivals[b, net.projection[k]] += arrive(net, state, k, first, last - first)
        first = last


@inlined
def _tick(net, groups, sends, clocks, given, record, timed, state, kept, flight, clock, now, end,
          steps, b):  # fmt: skip
    """The units of a clock read, step, and send."""
    p, first, n = clocks.population[clock], clocks.first[clock], clocks.units[clock]
    _read_in(net, state, flight, record, p, clocks, b)
    only, start = flight.only, net.first[p]
    only.first[p], only.sizes[p] = first, n
    for c in range(len(net.rooms)):
        only.rooms[c, p] = net.rooms[c, p] + first - start
    advance(groups, kept, only, state)
    only.sizes[p] = 0
    timed.updates[b, p] += n
    serial = flight.tick[clock]
    if sends[p]:
        for i in range(n):
            j = first + i
            q = state.q[j]
            if q != 0:
                if record.spikes.shape[0]:
                    record.spikes[_row(now, steps), b, j] += q
                _send(net, clocks, flight, record, timed, p, j - start, serial, q, now, end, b)
    flight.tick[clock] = serial + 1
    _await(net, clocks, given, state, record, flight, clock, steps, b)


@inlined
def _send_given(net, clocks, given, record, timed, flight, row, end, b):
    """What the inputs send at the end of a nominal period."""
    now = (np.int64(row) + 1) << QUANTA_SHIFT
    for i in range(len(given.sources)):
        at = given.row_begin[i] + b * (given.rows[i] + 1) + row // given.hold[i]
        for m in range(given.ends[at], given.ends[at + 1]):
            _send(
                net, clocks, flight, record, timed, given.sources[i], np.int64(given.units[m]),
                np.int64(row + 1), given.values[m], now, end, b,
            )  # fmt: skip


@inlined
def _begin_sample(net, groups, kept, clocks, given, record, state, flight, steps, b):
    for j in range(len(state.v)):
        state.v[j] = 0
        state.wait[j] = 0
        state.q[j] = 0
        state.incoming[j] = 0
    begin(groups, kept, net, state)
    clear_queue(flight.queue)
    for p in range(len(flight.pending)):
        flight.pending[p] = NONE
    for clock in range(len(clocks.period)):
        flight.tick[clock], flight.offset[clock] = 1, 0
        flight.queue.key[clock] = TICK_KEY
        if clocks.offset[clock]:
            word = philox(
                clocks.number[clock], np.uint64(0), OFFSET, np.uint64(b), clocks.seed[0],
                clocks.seed[1],
            )[0]  # fmt: skip
            flight.offset[clock] = share(clocks.offset[clock], word)
        _await(net, clocks, given, state, record, flight, clock, steps, b)


@kernel
def relax_graph_timed(
    net, groups, sends, clocks, given, record, timed, state, kept, flight, steps, first_sample,
    last_sample,
):  # fmt: skip
    """Run samples first_sample ... last_sample - 1 of a graph for so many nominal periods.

    Arguments as in `relax_graph`, and clocks: GraphClocks; timed: TimedRecord, written; flight:
    Flight, the thread's own. Returns last_sample, or the sample that has more messages under way
    than `flight` has room for: then counters[OVERFLOW] of its queue is set.
    """
    end = np.int64(steps) << QUANTA_SHIFT
    queue = flight.queue
    for b in range(first_sample, last_sample):
        _begin_sample(net, groups, kept, clocks, given, record, state, flight, steps, b)
        for row in range(steps):
            until = (np.int64(row) + 1) << QUANTA_SHIFT
            node = next_event(queue, until)
            while node != NONE:
                if node < queue.clocks:
                    _tick(
                        net, groups, sends, clocks, given, record, timed, state, kept, flight,
                        node, queue.time[node], end, steps, b,
                    )  # fmt: skip
                else:
                    p = net.post[queue.route[node]]
                    queue.following[node] = flight.pending[p]
                    flight.pending[p] = node
                if queue.counters[OVERFLOW]:
                    return b
                node = next_event(queue, until)
            # All ticks of this instant have been; what is sent now arrives later.
            _send_given(net, clocks, given, record, timed, flight, row, end, b)
            if queue.counters[OVERFLOW]:
                return b
            if record.potentials.shape[0]:
                copy(record.potentials[row, b], state.v, 0, len(state.v))
        copy(record.ends[b], state.v, 0, len(state.v))
    return last_sample
