"""Clocks: when a tick is."""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.jit import inlined
from eqchip.emulator.kernels.kinds import may_fire
from eqchip.emulator.kernels.timed.messages import share
from eqchip.emulator.kernels.timed.state import (
    NEVER,
    STUCK_AT_1,
)
from eqchip.emulator.kernels.timed.wheel import (
    TICK_KEY,
    UNIT_SHIFT,
    insert,
)
from eqchip.emulator.kernels.units import philox

OFFSET, TICK = np.uint64(1), np.uint64(2)


@inlined
def tick_time(clockwork, cores, clock, sample):
    """When the next tick of a clock is."""
    k = cores.tick[clock]
    due = k * clockwork.period[clock] - cores.offset[clock]
    if clockwork.jitter:
        word = philox(
            clockwork.clock_number[clock], np.uint64(k), TICK, sample,
            clockwork.seed[0], clockwork.seed[1],
        )[0]  # fmt: skip
        due += share(np.int64(clockwork.jitter), word)
    return due


@inlined
def idle_clocks(clockwork, cores, counts, idle, n_idle, until, sample, b, phase, row):
    """Count the ticks of input units that never fire, up to a time."""
    for i in range(n_idle):
        clock = idle[i]
        part, period = clockwork.clock_part[clock], clockwork.period[clock]
        last = min(until, clockwork.part_stop[part])
        ticks = 0
        while cores.tick[clock] * period - cores.offset[clock] <= last:
            due = cores.tick[clock] * period - cores.offset[clock]
            if due + clockwork.jitter > last and tick_time(clockwork, cores, clock, sample) > last:
                break
            cores.tick[clock] += 1
            ticks += 1
        counts.updates[b, phase, 0] += ticks
        counts.part_updates[row, b, part] += ticks


@inlined
def start_clocks(net, rules, clockwork, state, cores, queue, idle, sample, windowed):
    """The first tick of every clock; returns how many of the input's are idle, listed in idle.

    windowed: the queue holds messages alone.
    """
    n_idle = 0
    for clock in range(len(clockwork.period)):
        cores.tick[clock] = 1
        cores.t[clock] = 0
        cores.offset[clock] = 0
        queue.key[clock] = TICK_KEY | (clockwork.clock_first[clock] << UNIT_SHIFT)
        if clockwork.offset[clock]:
            word = philox(
                clockwork.clock_number[clock], np.uint64(0), OFFSET, sample,
                clockwork.seed[0], clockwork.seed[1],
            )[0]  # fmt: skip
            cores.offset[clock] = share(clockwork.offset[clock], word)
        if clock < clockwork.input_clocks:
            if rules.current:
                queue.time[clock] = NEVER
                continue
            first, fires = clockwork.clock_first[clock], False
            for j in range(first, first + clockwork.clock_units[clock]):
                fires = fires or may_fire(rules, state.unit, j) or clockwork.stuck[j] == STUCK_AT_1
            if not fires and clockwork.clock_units[clock] == 1:
                idle[n_idle] = clock
                n_idle += 1
                queue.time[clock] = NEVER
                continue
        queue.time[clock] = tick_time(clockwork, cores, clock, sample)
        if not windowed:
            insert(queue, clock)
    return n_idle
