"""The asynchronous relaxation by windows: units with clocks of their own, stepped part by part.

A message takes a while. So nothing that is sent in a window of time no longer than the shortest
delay arrives in it, and the units of a part need to know nothing of the others until it ends. If
it is no longer than two ticks of one clock are apart, either, each unit ticks in it once, or not
at all. What comes of a window then does not depend on the order in which its ticks are taken: not
that of time, with a queue to find it, but part by part, unit by unit, as they lie in memory.

What is computed is what `relax` computes event by event, to the last bit and count. Queues at
cores and links, whose messages wait for one another, and logs of events have to go that way.
"""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.connections import whole
from eqchip.emulator.kernels.gather import gather_spikes
from eqchip.emulator.kernels.jit import inlined, kernel
from eqchip.emulator.kernels.kinds import advance_apart
from eqchip.emulator.kernels.lowered import CACHE_LINE
from eqchip.emulator.kernels.state import copy_state
from eqchip.emulator.kernels.timed.arrivals import count_arrived, deliver, read_messages
from eqchip.emulator.kernels.timed.clocks import draw_ticks, late_by, time_ticks
from eqchip.emulator.kernels.timed.masked import SEARCHED
from eqchip.emulator.kernels.timed.messages import send_spike
from eqchip.emulator.kernels.timed.relax import QUANTA_SHIFT, begin_sample, record_row
from eqchip.emulator.kernels.timed.snapshot import restore, save
from eqchip.emulator.kernels.timed.step import clamp, step_units, stick
from eqchip.emulator.kernels.timed.sums import take_sums
from eqchip.emulator.kernels.timed.wheel import (
    IN_FLIGHT,
    MESSAGES,
    NODES_FULL,
    OVERFLOW,
    SERIAL,
    window_at,
    window_end,
)
from eqchip.emulator.kernels.timed.window import LATE
from eqchip.emulator.kernels.units import clear


@inlined
def _start_silent(clockwork, cores, queue, window, idle, n_idle):
    """Clocks of input units that never fire tick as well, and are only counted.

    queue.time: when the next tick is at the latest.
    """
    for i in range(n_idle):
        clock = idle[i]
        window.silent[clock] = 1
        due = cores.tick[clock] * clockwork.period[clock] - cores.offset[clock]
        queue.time[clock] = due + clockwork.jitter


@inlined
def _count_silent(clockwork, cores, queue, window, first, n, start, limit, sample):
    """Count the ticks of these clocks that never fire in (start, start + limit]."""
    found = np.int64(0)
    for c in range(np.uint64(first), np.uint64(first + n)):
        after = queue.time[c] - start
        ticks = (after > 0) & (after <= limit) & (window.silent[c] != 0)
        queue.time[c] += clockwork.period[c] if ticks else np.int64(0)
        cores.tick[c] += np.int64(ticks)
        found += np.int64(ticks)
    if clockwork.jitter:
        found += _count_doubtful(clockwork, cores, queue, window, first, n, start, limit, sample)
    return found


@inlined
def _count_doubtful(clockwork, cores, queue, window, first, n, start, limit, sample):
    """As `_count_silent`, of the clocks of which only what they draw decides."""
    jitter = np.int64(clockwork.jitter)
    for i in range(np.uint64(n)):
        c = np.uint64(first) + np.uint64(i)
        after = queue.time[c] - start
        window.fires[i] = (after > limit) & (after <= limit + jitter) & (window.silent[c] != 0)
    doubtful = gather_spikes(window.listed, 0, window.fires, 0, n)
    draw_ticks(clockwork, cores, first, window.listed, doubtful, sample)
    found = np.int64(0)
    for k in range(np.uint64(doubtful)):
        c = np.uint64(first) + np.uint64(window.listed[k])
        if queue.time[c] - jitter + late_by(clockwork, cores, c, cores.words[k]) - start <= limit:
            queue.time[c] += clockwork.period[c]
            cores.tick[c] += 1
            found += 1
    return found


@inlined
def _find_ticks(queue, window, clock, first, n, start, limit):
    """When each unit of a part ticks in (start, start + limit]; returns the last, 0 for none."""
    for i in range(np.uint64(n)):
        after = queue.time[np.uint64(clock) + np.uint64(i)] - start
        never = np.int64(after <= 0) | np.int64(after > limit)
        window.due[i] = np.int32(after * (1 - never) + np.int64(LATE) * never)
    last = np.int32(0)
    for i in range(np.uint64(n)):
        due = window.due[i]
        last = max(last, np.int32(due * np.int32(due != LATE)))
    for i in range(n, whole(n, SEARCHED)):
        window.due[i] = LATE
    for i in range(np.uint64(n)):
        window.ticks[np.uint64(first) + np.uint64(i)] = window.due[i] != LATE
    return np.int64(last)


@inlined
def _exchange(sums, at, later, ticks, first, n):
    """Units that do not tick have nothing to take, and keep their sums as those of later."""
    zero = sums.dtype.type(0)
    for i in range(np.uint64(n)):
        if ticks[np.uint64(first) + np.uint64(i)] == 0:
            later[i] = sums[np.uint64(at) + np.uint64(i)]
            sums[np.uint64(at) + np.uint64(i)] = zero


@inlined
def _put_back(sums, at, later, n):
    for i in range(np.uint64(n)):
        sums[np.uint64(at) + np.uint64(i)] = later[i]


@inlined
def _take(net, rules, clockwork, state, scratch, cores, record, window, part, first, n, layer, b,
          phase):  # fmt: skip
    """scratch.u = what has arrived for each unit that ticks; what comes later stays."""
    at, back = clockwork.part_sums[part], min(n, len(window.later_back))
    _exchange(cores.sums, at, window.later, window.ticks, first, n)
    _exchange(cores.back, at, window.later_back, window.ticks, first, back)
    take_sums(net, rules, clockwork, state, scratch, cores, record, first, n, at, layer, b, phase)
    _put_back(cores.sums, at, window.later, n)
    _put_back(cores.back, at, window.later_back, back)


@inlined
def _is_first(t, clock, listed, count):
    """Whether any of these units takes its first step."""
    found = False
    for k in range(np.uint64(count)):
        found |= t[clock + listed[k]] == 1
    return found


@inlined
def _step_part(net, rules, clockwork, state, scratch, cores, window, record, given, part, clock,
               first, n, layer, b, sample, phase):  # fmt: skip
    """The units of a part that tick take their step; returns how many, listed in window.listed."""
    for i in range(np.uint64(n)):
        cores.t[np.uint64(clock) + np.uint64(i)] += np.int64(
            window.ticks[np.uint64(first) + np.uint64(i)]
        )
    ticking = gather_spikes(window.listed, 0, window.ticks, first, n)
    at_once = False
    if not rules.real_valued and not (
        layer == 0 and _is_first(cores.t, clock, window.listed, ticking)
    ):
        pull = rules.two_beta.dtype.type(0)
        if layer == len(net.sizes) - 1:
            pull = rules.two_beta[phase]
        lines = first - (first - net.offsets[layer]) % (CACHE_LINE // scratch.u.itemsize)
        at_once = advance_apart(
            rules, state.unit, scratch, record, lines, first + n - lines, first, window.listed,
            ticking, layer, cores.t, clock, window.ticks, pull, b, phase,
        )  # fmt: skip
    if at_once:
        stick(clockwork, scratch, first, n)
        return ticking
    for k in range(np.uint64(ticking)):
        unit = np.int64(window.listed[k])
        step_units(
            net, rules, clockwork, state, scratch, cores, record, given, clock + unit, part, layer,
            first + unit, 1, b, sample, phase,
        )  # fmt: skip
    return ticking


@inlined
def _send_spikes(rules, clockwork, cores, state, scratch, queue, window, record, counts, clock,
                 first, n, b, sample, phase, row):  # fmt: skip
    """What the units of a part send that tick and fire; returns how many do."""
    for i in range(np.uint64(n)):
        j = np.uint64(first) + np.uint64(i)
        window.fires[i] = scratch.q[j] & window.ticks[j]
    spikes = gather_spikes(window.listed, 0, window.fires, 0, n)
    number = clockwork.clock_unit[clock]
    for k in range(np.uint64(spikes)):
        unit = np.int64(window.listed[k])
        place = first + unit
        if record.bits.shape[0] > 0 and not rules.real_valued:
            record.bits[row, b, place] += 1
        now = queue.time[clock + unit]
        send_spike(
            rules, clockwork, cores, state, queue, counts, now, clock + unit, place, number + unit,
            b, sample, phase, True,
        )  # fmt: skip
    return spikes


@inlined
def _wind(clockwork, cores, queue, window, clock, first, n, sample):
    """The next tick of each clock that ticked; the part is done."""
    for i in range(np.uint64(n)):
        c = np.uint64(clock) + np.uint64(i)
        ticks = window.ticks[np.uint64(first) + np.uint64(i)]
        cores.tick[c] += np.int64(ticks)
        queue.time[c] += clockwork.period[c] if ticks else np.int64(0)
    if clockwork.jitter:
        ticking = gather_spikes(window.listed, 0, window.ticks, first, n)
        time_ticks(clockwork, cores, queue, clock, window.listed, ticking, sample)
    for i in range(np.uint64(n)):
        window.ticks[np.uint64(first) + np.uint64(i)] = 0


@inlined
def _run_part(net, rules, clockwork, state, scratch, cores, queue, buffer, window, record, counts,
              given, part, start, end, b, sample, phase, row):  # fmt: skip
    """The ticks of a part in (start, end], and what they send."""
    clock, n = window.first_clock[part], clockwork.part_units[part]
    layer, limit = clockwork.part_layer[part], min(end, clockwork.part_stop[part]) - start
    if layer == 0:
        silent = _count_silent(clockwork, cores, queue, window, clock, n, start, limit, sample)
        counts.updates[b, phase, layer] += silent
        counts.part_updates[row, b, part] += silent
    if layer > 0:
        count_arrived(clockwork, queue, window, record, counts, part, layer, b, phase, row)
    first = clockwork.clock_first[clock]
    last = _find_ticks(queue, window, clock, first, n, start, limit)
    if last == 0:
        return
    if layer > 0:
        clear(window.later, 0, n)
        clear(window.later_back, 0, min(n, len(window.later_back)))
        read_messages(
            net, rules, clockwork, state, cores, queue, buffer, window, part, n, start, last
        )
        _take(
            net, rules, clockwork, state, scratch, cores, record, window, part, first, n, layer, b,
            phase,
        )  # fmt: skip
    ticking = _step_part(
        net, rules, clockwork, state, scratch, cores, window, record, given, part, clock, first, n,
        layer, b, sample, phase,
    )  # fmt: skip
    spikes = _send_spikes(
        rules, clockwork, cores, state, scratch, queue, window, record, counts, clock, first, n, b,
        sample, phase, row,
    )  # fmt: skip
    _wind(clockwork, cores, queue, window, clock, first, n, sample)
    record.active[b, phase, layer] += spikes
    counts.updates[b, phase, layer] += ticking
    counts.part_updates[row, b, part] += ticking
    if not rules.real_valued:
        counts.spikes[row, b, part] += spikes


@kernel
def relax_windows(
    net, rules, clockwork, record, counts, given, x, targets, samples, state, free, scratch,
    cores, queue, saved, buffer, idle, window, most, first_sample, last_sample,
):  # fmt: skip
    """Run samples first_sample ... last_sample - 1 through all phases.

    Arguments as in `relax.relax_timed`, and window: Window, the thread's own; most: messages that
    may be held at once. Returns last_sample, or a sample that may have held more, or for which
    there was too little room; counters[OVERFLOW] of the queue then says so.
    """
    last = len(net.sizes) - 1
    first_out, n_out = net.offsets[last], net.sizes[last]
    for b in range(first_sample, last_sample):
        sample = samples[b]
        n_idle = begin_sample(
            net, rules, clockwork, record, x, b, sample, state, scratch, cores, queue, idle, True
        )
        for clock in range(len(window.silent)):
            window.silent[clock] = 0
        _start_silent(clockwork, cores, queue, window, idle, n_idle)
        row, until = 0, np.int64(0)
        for phase in range(len(rules.phase_steps)):
            if rules.phase_from_free[phase]:
                copy_state(state, free)
                restore(
                    clockwork, queue, cores, saved, counts, idle, n_idle, until, b, phase,
                    rules.current, True,
                )  # fmt: skip
                _start_silent(clockwork, cores, queue, window, idle, n_idle)
            clamp(net, rules, state, scratch, record, x, b, phase)
            for j in range(n_out):
                scratch.y[first_out + j] = targets[phase, b, j]
            while until < clockwork.phase_ends[phase]:
                start = until
                until = min((np.int64(row) + 1) << QUANTA_SHIFT, clockwork.phase_ends[phase])
                while start < until:
                    slot = window_at(queue, start)
                    end = min(window_end(queue, slot), until)
                    held, sent = queue.counters[MESSAGES], queue.counters[SERIAL]
                    deliver(
                        net, clockwork, cores, queue, window, record, counts, slot, end, b, phase,
                        row,
                    )  # fmt: skip
                    for part in range(len(clockwork.part_units)):
                        _run_part(
                            net, rules, clockwork, state, scratch, cores, queue, buffer, window,
                            record, counts, given, part, start, end, b, sample, phase, row,
                        )  # fmt: skip
                    if held + queue.counters[SERIAL] - sent > most:
                        queue.counters[OVERFLOW] = NODES_FULL
                    if queue.counters[OVERFLOW]:
                        return b
                    start = end
                record_row(clockwork, state, cores, queue, record, counts, until, b, row)
                row += 1
            for j in range(len(state.incoming)):
                record.ends[phase, b, j] = state.unit.s[j]
            if rules.two_beta[phase] == 0 and not rules.phase_from_free[phase]:
                copy_state(free, state)
                save(clockwork, queue, cores, saved, idle, n_idle, until, sample)
        counts.left[b] = queue.counters[IN_FLIGHT]
    return last_sample
