"""The asynchronous relaxation: events in the order of time, one compiled call for all samples.

The next event is either the tick of a clock, whose units read what has arrived, step, and send
their bits, or a message on its way: at a link, at a core, or served by it. Axes and arrays as
in `timed_state`, `state` and `wheel`; the model is that of docs/asynchronous.md.
"""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.gather import gather_spikes
from eqchip.emulator.kernels.jit import inlined, kernel
from eqchip.emulator.kernels.kinds import may_fire
from eqchip.emulator.kernels.state import clear_state, copy_state
from eqchip.emulator.kernels.timed.clocks import idle_clocks, start_clocks, tick_time
from eqchip.emulator.kernels.timed.messages import (
    AT_CORE,
    LOG_SPIKE,
    LOG_TICK,
    as_real,
    cross_link,
    log_event,
    reach_core,
    send_singly,
    send_trains,
)
from eqchip.emulator.kernels.timed.snapshot import clear_cores, restore, save, wait_at_links
from eqchip.emulator.kernels.timed.state import (
    STUCK_AT_1,
)
from eqchip.emulator.kernels.timed.step import clamp, step_units
from eqchip.emulator.kernels.timed.sums import read_in, take_sums
from eqchip.emulator.kernels.timed.wheel import (
    IN_FLIGHT,
    MOST_LINK,
    NONE,
    OVERFLOW,
    clear_queue,
    insert,
    next_event,
)
from eqchip.emulator.kernels.units import ones_in

QUANTA_SHIFT = np.int64(20)  # a nominal period is 2**20 quanta, see `asynchronous.QUANTA`


@inlined
def _tick(net, rules, clockwork, state, scratch, cores, queue, buffer, record, counts, given, now,
          clock, b, sample, phase, row):  # fmt: skip
    """The units of a clock read, step, and send."""
    part, layer = clockwork.clock_part[clock], clockwork.clock_layer[clock]
    if now > clockwork.part_stop[part]:
        return
    first, n = clockwork.clock_first[clock], clockwork.clock_units[clock]
    if layer > 0:
        read_in(net, rules, clockwork, state, cores, queue, buffer, part)
        at = clockwork.part_sums[part] + first - net.offsets[layer] - clockwork.part_begin[part]
        take_sums(
            net, rules, clockwork, state, scratch, cores, record, first, n, at, layer, b, phase
        )
    cores.t[clock] += 1
    step_units(
        net, rules, clockwork, state, scratch, cores, record, given, clock, part, layer, first, n,
        b, sample, phase,
    )  # fmt: skip
    spikes = ones_in(scratch.q, first, n)
    record.active[b, phase, layer] += spikes
    counts.updates[b, phase, layer] += n
    counts.part_updates[row, b, part] += n
    if not rules.real_valued:
        counts.spikes[row, b, part] += spikes
    number = clockwork.clock_unit[clock]
    if len(counts.log_time):
        for i in range(n):
            place = first + i
            fires = may_fire(rules, state.unit, place) or clockwork.stuck[place] == STUCK_AT_1
            if layer > 0 or fires:  # an idle input unit is listed under no clock
                kind = LOG_SPIKE if scratch.q[place] else LOG_TICK
                log_event(
                    queue, counts, now, kind, number + i, part, as_real(rules, state.unit.s[place])
                )
    if spikes:
        gather_spikes(scratch.active, 0, scratch.q, first, n)
        if record.bits.shape[0] > 0 and not rules.real_valued:
            for i in range(spikes):
                record.bits[row, b, first + scratch.active[i]] += 1
        alone = clockwork.draws or clockwork.link_time or clockwork.event_time
        if alone or n == 1 or len(counts.log_time):
            send_singly(
                rules, clockwork, cores, state, scratch, queue, counts, now, clock, first, spikes,
                number, b, sample, phase,
            )  # fmt: skip
        else:
            send_trains(
                rules, clockwork, state, scratch, queue, counts, now, clock, first, spikes, b,
                phase,
            )  # fmt: skip
    cores.tick[clock] += 1
    queue.time[clock] = tick_time(clockwork, cores, clock, sample)
    insert(queue, clock)


@inlined
def record_row(clockwork, state, cores, queue, record, counts, now, b, row):
    """What stands at the end of a nominal period."""
    counts.in_flight[row, b] = queue.counters[IN_FLIGHT]
    counts.link_backlog[row, b] = queue.counters[MOST_LINK]
    wait_at_links(clockwork, cores, queue, now)
    for part in range(len(cores.backlog)):
        counts.backlog[row, b, part] = cores.most_backlog[part]
        cores.most_backlog[part] = cores.backlog[part]
    if record.potentials.shape[0]:
        for j in range(len(state.incoming)):
            record.potentials[row, b, j] = state.unit.s[j]


@inlined
def begin_sample(net, rules, clockwork, record, x, b, sample, state, scratch, cores, queue, idle,
                 windowed):  # fmt: skip
    """Everything as before step 1, and the first ticks; returns how many clocks are idle."""
    n = net.sizes[0]
    clear_state(state, x, b, n)
    clear_queue(queue)
    clear_cores(cores)
    for begin in range(n, x.shape[1], n):  # a unit that may fire under any input has a clock
        for j in range(n):
            state.unit.s[j] = max(state.unit.s[j], x[b, begin + j])
    n_idle = start_clocks(net, rules, clockwork, state, cores, queue, idle, sample, windowed)
    for j in range(n):
        state.unit.s[j] = x[b, rules.phase_input[0] + j]
    return n_idle


@kernel
def relax_timed(
    net, rules, clockwork, record, counts, given, x, targets, samples, state, free, scratch,
    cores, queue, saved, buffer, idle, first_sample, last_sample,
):  # fmt: skip
    """Run samples first_sample ... last_sample - 1 through all phases.

    Arguments as in `relax.relax`, and clockwork: Clockwork; counts: Counts, written; cores:
    Cores, queue: Queue, saved: Saved, buffer: Buffer and idle: (c,) int64, the thread's own.
    Returns last_sample, or the sample for which counters[OVERFLOW] of the queue says what was
    too small; its counts then stand where it stopped.

    One long function, since LLVM optimises the whole program again at every level of calls.
    """
    last = len(net.sizes) - 1
    first_out, n_out = net.offsets[last], net.sizes[last]
    for b in range(first_sample, last_sample):
        sample = samples[b]
        n_idle = begin_sample(
            net, rules, clockwork, record, x, b, sample, state, scratch, cores, queue, idle, False
        )
        row, until = 0, np.int64(0)
        for phase in range(len(rules.phase_steps)):
            if rules.phase_from_free[phase]:
                copy_state(state, free)
                restore(
                    clockwork, queue, cores, saved, counts, idle, n_idle, until, b, phase,
                    rules.current, False,
                )  # fmt: skip
            clamp(net, rules, state, scratch, record, x, b, phase)
            for j in range(n_out):
                scratch.y[first_out + j] = targets[phase, b, j]
            while until < clockwork.phase_ends[phase]:
                until = min((np.int64(row) + 1) << QUANTA_SHIFT, clockwork.phase_ends[phase])
                node = next_event(queue, until)
                while node != NONE:
                    now = queue.time[node]
                    if node < queue.clocks:
                        _tick(
                            net, rules, clockwork, state, scratch, cores, queue, buffer, record,
                            counts, given, now, node, b, sample, phase, row,
                        )  # fmt: skip
                    elif queue.stage[node] > AT_CORE:
                        cross_link(clockwork, cores, queue, node, now)
                    else:
                        reach_core(
                            net, rules, clockwork, cores, queue, record, counts, node, now, b,
                            phase, row,
                        )  # fmt: skip
                    if queue.counters[OVERFLOW]:
                        break
                    node = next_event(queue, until)
                idle_clocks(clockwork, cores, counts, idle, n_idle, until, sample, b, phase, row)
                record_row(clockwork, state, cores, queue, record, counts, until, b, row)
                if queue.counters[OVERFLOW]:
                    return b
                row += 1
            for j in range(len(state.incoming)):
                record.ends[phase, b, j] = state.unit.s[j]
            if rules.two_beta[phase] == 0 and not rules.phase_from_free[phase]:
                copy_state(free, state)
                save(clockwork, queue, cores, saved, idle, n_idle, until, sample)
        counts.left[b] = queue.counters[IN_FLIGHT]
    return last_sample
