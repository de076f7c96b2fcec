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
def _word_of(clockwork, cores, clock, sample):
    """What a clock draws for its next tick."""
    return philox(
        clockwork.clock_number[clock], np.uint64(cores.tick[clock]), TICK, sample,
        clockwork.seed[0], clockwork.seed[1],
    )[0]  # fmt: skip


@inlined
def tick_time(clockwork, cores, clock, sample):
    """When the next tick of a clock is."""
    due = cores.tick[clock] * clockwork.period[clock] - cores.offset[clock]
    if clockwork.jitter:
        due += share(np.int64(clockwork.jitter), _word_of(clockwork, cores, clock, sample))
    return due


@inlined
def _draw_words(clockwork, cores, n, purpose, sample):
    """cores.words[k] = what clock number words[k] draws at its tick cores.drawn[k], for k < n.

    As `_word_of`, many at once, on vectors.
    """
    words, drawn = cores.words, cores.drawn
    low, high = clockwork.seed[0], clockwork.seed[1]
    for k in range(np.uint64(n)):
        words[k] = philox(words[k], drawn[k], purpose, sample, low, high)[0]


@inlined
def draw_ticks(clockwork, cores, first, listed, n, sample):
    """cores.words[k] = what clock first + listed[k] draws for its next tick, for k < n."""
    for k in range(np.uint64(n)):
        c = np.uint64(first) + np.uint64(listed[k])
        cores.words[k] = clockwork.clock_number[c]
        cores.drawn[k] = np.uint64(cores.tick[c])
    _draw_words(clockwork, cores, n, TICK, sample)


@inlined
def time_ticks(clockwork, cores, queue, first, listed, n, sample):
    """queue.time = when the next ticks are of the clocks first + listed[k], k < n, that jitter."""
    draw_ticks(clockwork, cores, first, listed, n, sample)
    jitter = np.int64(clockwork.jitter)
    for k in range(np.uint64(n)):
        c = np.uint64(first) + np.uint64(listed[k])
        due = cores.tick[c] * clockwork.period[c] - cores.offset[c]
        queue.time[c] = due + share(jitter, cores.words[k])


@inlined
def late_by(clockwork, cores, clock, word):
    """How late an idle clock ticks next: as drawn, or, if it was restarted, as it was then."""
    if cores.held[clock] == cores.tick[clock]:
        return cores.late[clock]
    return share(np.int64(clockwork.jitter), word)


@inlined
def hold_late(clockwork, cores, saved, idle, n_idle, sample):
    """Keep how late the next ticks of idle clocks are, for when these are restarted."""
    if clockwork.jitter and clockwork.restarted:
        draw_ticks(clockwork, cores, 0, idle, n_idle, sample)
        for i in range(np.uint64(n_idle)):
            late = late_by(clockwork, cores, idle[i], cores.words[i])
            saved.cores.late[idle[i]] = late


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
            if due + clockwork.jitter > last:
                word = _word_of(clockwork, cores, clock, sample)
                if due + late_by(clockwork, cores, clock, word) > last:
                    break
            cores.tick[clock] += 1
            ticks += 1
        counts.updates[b, phase, 0] += ticks
        counts.part_updates[row, b, part] += ticks


@inlined
def _set_offsets(clockwork, cores, sample):
    """How far each clock is ahead, drawn for the sample."""
    n, most = len(clockwork.period), np.int64(0)
    for clock in range(np.uint64(n)):
        most = max(most, clockwork.offset[clock])
        cores.offset[clock] = 0
    if most == 0:
        return
    for clock in range(np.uint64(n)):
        cores.words[clock] = clockwork.clock_number[clock]
        cores.drawn[clock] = 0
    _draw_words(clockwork, cores, n, OFFSET, sample)
    for clock in range(np.uint64(n)):
        cores.offset[clock] = share(clockwork.offset[clock], cores.words[clock])


@inlined
def start_clocks(net, rules, clockwork, state, cores, queue, idle, sample, windowed):
    """The first tick of every clock; returns how many of the input's are idle, listed in idle.

    windowed: the queue holds messages alone.
    """
    _set_offsets(clockwork, cores, sample)
    for clock in range(len(clockwork.period)):
        cores.tick[clock] = 1
        cores.t[clock] = 0
        cores.held[clock] = 0
        queue.key[clock] = TICK_KEY | (clockwork.clock_first[clock] << UNIT_SHIFT)
        queue.time[clock] = clockwork.period[clock] - cores.offset[clock]
    if clockwork.jitter:
        for clock in range(len(clockwork.period)):
            idle[clock] = clock
        time_ticks(clockwork, cores, queue, 0, idle, len(clockwork.period), sample)
    n_idle = 0
    for clock in range(len(clockwork.period)):
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
        if not windowed:
            insert(queue, clock)
    return n_idle
