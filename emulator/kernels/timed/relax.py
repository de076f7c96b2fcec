"""The asynchronous relaxation: events in the order of time, one compiled call for all samples.

The next event is either the tick of a clock, whose units read what has arrived, step, and send
their bits, or a message on its way: at a link, at a core, or served by it. Axes and arrays as
in `timed_state`, `state` and `wheel`; the model is that of docs/asynchronous.md.
"""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.connections import arrive_at_part, arrive_codes_at_part
from eqchip.emulator.kernels.encoder import emit
from eqchip.emulator.kernels.gather import gather_spikes, gather_values
from eqchip.emulator.kernels.jit import by_number, inlined, kernel
from eqchip.emulator.kernels.relax import advance, inject
from eqchip.emulator.kernels.state import (
    BERNOULLI,
    REAL_VALUED,
    clear_state,
    copy_state,
)
from eqchip.emulator.kernels.timed.state import (
    DELIVERED,
    GAIN_BITS,
    LOST_MESSAGES,
    NEVER,
    RESTORED,
    SENT,
    STUCK_AT_0,
    STUCK_AT_1,
    WITHDRAWN,
    copy_cores,
)
from eqchip.emulator.kernels.timed.wheel import (
    FREE,
    IN_FLIGHT,
    LOG_FULL,
    LOGGED,
    MOST_LINK,
    NONE,
    OVERFLOW,
    SERIAL,
    SERIALS,
    TICK_KEY,
    UNIT_SHIFT,
    clear_queue,
    empty_wheel,
    free_all,
    free_node,
    insert,
    next_event,
    take_node,
)
from eqchip.emulator.kernels.units import clear, copy, draw_uniforms, ones_in, philox
from eqchip.emulator.kernels.units_fixed import join_sums, rescale

QUANTA_SHIFT = np.int64(20)  # a nominal period is 2**20 quanta, see `asynchronous.QUANTA`
# Purposes of random numbers: the third word of a counter.
OFFSET, TICK, MESSAGE = np.uint64(1), np.uint64(2), np.uint64(8)
WORD_SHIFT = np.uint64(8)
NUMBER_BITS = np.int64(24)
# Stages of a message: how many links are before it, 0 at its core; served by it; read in.
AT_CORE, SERVED, UNREAD = 0, -1, -2
# Kinds of events in the log, see `asynchronous.EVENT`.
LOG_TICK, LOG_SPIKE, LOG_DELIVERED, LOG_LOST = range(4)
SMALL = 16  # messages that insertion sorts


@inlined
def _share(amount, word):
    """A whole number in [0, amount), from a random word: amount x word / 2**32."""
    return (amount * np.int64(word >> WORD_SHIFT)) >> NUMBER_BITS


@inlined
def _tick_time(clockwork, cores, clock, sample):
    """When the next tick of a clock is."""
    k = cores.tick[clock]
    due = k * clockwork.period[clock] - cores.offset[clock]
    if clockwork.jitter:
        word = philox(
            clockwork.clock_number[clock], np.uint64(k), TICK, sample,
            clockwork.seed[0], clockwork.seed[1],
        )[0]  # fmt: skip
        due += _share(np.int64(clockwork.jitter), word)
    return due


@inlined
def _log(queue, counts, time, kind, unit, core, value):
    if len(counts.log_time) == 0:
        return
    at = queue.counters[LOGGED]
    if at == len(counts.log_time):
        queue.counters[OVERFLOW] = LOG_FULL
        return
    counts.log_time[at] = time
    counts.log_kind[at] = kind
    counts.log_unit[at] = unit
    counts.log_core[at] = core
    counts.log_value[at] = value
    queue.counters[LOGGED] = at + 1


@inlined
def _real(rules, value):
    """A number of the run as a real one."""
    return np.float64(value) / np.float64(rules.one)


@inlined
def _source_layer(net, clockwork, part, place):
    """The layer of a unit, by its place in the row, that sends to this part."""
    layer = clockwork.part_layer[part]
    return layer - 1 if place < net.offsets[layer] else layer + 1


@inlined
def _number(net, layer, place):
    """The number of a unit over all layers, without gaps."""
    number = place - net.offsets[layer]
    for below in range(layer):
        number += net.sizes[below]
    return number


@inlined
def _message_value(rules, clockwork, state, place):
    """What a unit sends: one, or its potential where the network is real-valued."""
    if rules.quantizer == REAL_VALUED and clockwork.stuck[place] != STUCK_AT_1:
        return state.s[place]
    return state.s.dtype.type(rules.one)


@inlined
def _new_message(queue, counts, route, place, time, stage, value):
    """A message that arrives at a time; NONE if there is no room."""
    node = take_node(queue)
    if node != NONE:
        at = np.uint64(node)
        queue.counters[SERIAL] += 1
        queue.counters[IN_FLIGHT] += 1
        queue.time[at] = time
        queue.key[at] = (np.int64(place) << UNIT_SHIFT) | (queue.counters[SERIAL] & SERIALS)
        queue.coupled[at] = NONE
        queue.route[at] = route
        queue.stage[at] = stage
        queue.value[at] = value
    return node


@inlined
def _send_trains(rules, clockwork, state, scratch, queue, counts, now, clock, first, spikes, b,
                 phase):  # fmt: skip
    """The messages of a tick, from the units listed in scratch.active: a train to each part."""
    part = clockwork.clock_part[clock]
    for route in range(clockwork.route_starts[part], clockwork.route_starts[part + 1]):
        delay = max(np.int64(clockwork.fixed_delay), np.int64(1))
        arrives = now + delay + clockwork.route_hops[route] * clockwork.hop
        engine, last = np.int64(NONE), np.int64(NONE)
        for i in range(np.uint64(spikes)):
            place = first + scratch.active[i]
            value = _message_value(rules, clockwork, state, place)
            node = _new_message(queue, counts, route, place, arrives, AT_CORE, value)
            if node == NONE:
                break
            if last == NONE:
                engine = node
            else:
                queue.coupled[np.uint64(last)] = node
            last = node
        counts.messages[b, phase, SENT] += spikes
        if engine != NONE:
            insert(queue, engine)


@inlined
def _send_singly(rules, clockwork, cores, state, scratch, queue, counts, now, clock, first, spikes,
                 number, b, sample, phase):  # fmt: skip
    """The messages of a tick, each with what chance and the links make of it."""
    part = clockwork.clock_part[clock]
    for i in range(np.uint64(spikes)):
        unit = scratch.active[i]
        place = first + unit
        value = _message_value(rules, clockwork, state, place)
        for route in range(clockwork.route_starts[part], clockwork.route_starts[part + 1]):
            counts.messages[b, phase, SENT] += 1
            delay = np.int64(clockwork.fixed_delay)
            if clockwork.draws:
                to = clockwork.route_part[route]
                word, chance, _, _ = philox(
                    np.uint64(number + unit), np.uint64(cores.tick[clock]),
                    MESSAGE + np.uint64(to), sample, clockwork.seed[0], clockwork.seed[1],
                )  # fmt: skip
                if np.int64(chance) < clockwork.loss:
                    counts.messages[b, phase, LOST_MESSAGES] += 1
                    if len(counts.log_time):
                        _log(queue, counts, now, LOG_LOST, number + unit, to, _real(rules, value))
                    continue
                delay += _share(np.int64(clockwork.delay_jitter), word)
            delay = max(delay, np.int64(1))
            stage = np.int64(AT_CORE)
            if clockwork.link_time:
                stage = clockwork.path_starts[route + 1] - clockwork.path_starts[route]
            else:
                delay += clockwork.route_hops[route] * clockwork.hop
            node = _new_message(queue, counts, route, place, now + delay, stage, value)
            if node == NONE:
                return
            insert(queue, node)


@inlined
def _cross_link(clockwork, cores, queue, node, now):
    """A message at a link: it waits until the link is free, and goes on to what is next."""
    route, before = queue.route[node], queue.stage[node]
    link = clockwork.path_links[clockwork.path_starts[route + 1] - before]
    enters = max(now, cores.free_link[link])
    waiting = (enters - now + clockwork.link_time - 1) // clockwork.link_time
    queue.counters[MOST_LINK] = max(queue.counters[MOST_LINK], waiting)
    cores.free_link[link] = enters + clockwork.link_time
    queue.stage[node] = before - 1
    queue.time[node] = enters + clockwork.hop
    insert(queue, node)


@inlined
def _reach_core(net, rules, clockwork, cores, queue, record, counts, node, now, b, phase, row):
    """A message at its core: lost if that has stopped, served first if it queues, and read in.

    What is read in is added when a clock of the core ticks next.
    """
    part = clockwork.route_part[queue.route[node]]
    arrives = queue.stage[node] == AT_CORE
    lost = arrives and now > clockwork.part_stop[part]
    if arrives and not lost and clockwork.event_time:
        ends = max(now, cores.busy[part]) + clockwork.event_time * clockwork.part_units[part]
        cores.busy[part] = ends
        cores.backlog[part] += 1
        cores.most_backlog[part] = max(cores.most_backlog[part], cores.backlog[part])
        queue.stage[node] = SERVED
        queue.time[node] = ends
        insert(queue, node)
        return
    place = queue.key[node] >> UNIT_SHIFT
    layer = _source_layer(net, clockwork, part, place)
    if len(counts.log_time):
        number = _number(net, layer, place)
        kind = LOG_LOST if lost else LOG_DELIVERED
        _log(queue, counts, now, kind, number, part, _real(rules, queue.value[node]))
    if not arrives:
        cores.backlog[part] -= 1
    n = 0
    while node != NONE:
        following = np.int64(queue.coupled[np.uint64(node)])
        if lost:
            free_node(queue, node)
        else:
            _keep_unread(cores, queue, node, part)
        n += 1
        node = following
    queue.counters[IN_FLIGHT] -= n
    if lost:
        counts.messages[b, phase, LOST_MESSAGES] += n
        return
    counts.messages[b, phase, DELIVERED] += n
    counts.received[row, b, part] += n
    events = n * clockwork.part_units[part]
    if layer < clockwork.part_layer[part]:
        record.arrivals[b, phase, layer, 0] += events
    else:
        record.arrivals[b, phase, layer - 1, 1] += events


@inlined
def _keep_unread(cores, queue, node, part):
    at, core = np.uint64(node), np.uint64(part)
    queue.stage[at] = UNREAD
    queue.following[at] = NONE
    if cores.pending_head[core] == NONE:
        cores.pending_head[core] = node
    else:
        queue.following[np.uint64(cores.pending_tail[core])] = node
    cores.pending_tail[core] = node


@inlined
def _swap_sorted(buffer, n):
    """Sort the messages of a buffer by key: by insertion if few, else by Shell's increments."""
    gap = 1
    while n > SMALL and gap < n // 2:
        gap = 2 * gap + 1
    while gap > 0:
        for i in range(gap, n):
            key, value = buffer.key[i], buffer.values[i]
            j = i
            while j >= gap and buffer.key[j - gap] > key:
                buffer.key[j] = buffer.key[j - gap]
                buffer.values[j] = buffer.values[j - gap]
                j -= gap
            buffer.key[j] = key
            buffer.values[j] = value
        gap //= 2


@inlined
def _read_in(net, rules, clockwork, state, cores, queue, buffer, part):
    """Add the messages that have arrived at a part to its sums, in the order of their keys."""
    node = np.int64(cores.pending_head[part])
    if node == NONE:
        return
    cores.pending_head[part] = NONE
    n, sorted_, before = 0, True, np.int64(0)
    while node != NONE:
        at, i = np.uint64(node), np.uint64(n)
        following, key = np.int64(queue.following[at]), queue.key[at]
        buffer.key[i] = key
        buffer.values[i] = queue.value[at]
        sorted_ = sorted_ and before <= key
        before = key
        free_node(queue, node)
        n += 1
        node = following
    if not sorted_:
        _swap_sorted(buffer, n)
    layer = clockwork.part_layer[part]
    middle, below = net.offsets[layer], 0
    lower = net.offsets[layer - 1]
    upper = net.offsets[layer + 1]  # of the last layer, the length of the row: nothing is above
    for k in range(n):
        place = buffer.key[k] >> UNIT_SHIFT
        if place < middle:
            below += 1
        buffer.rows[k] = place - (lower if place < middle else upper)
    if clockwork.scaled:
        weigh(rules, clockwork, state, buffer, n)
    add_messages(net, rules, clockwork, state, cores, buffer, part, below, n)


@inlined
def _weigh(rules, clockwork, state, buffer, n):
    """A message counts as much as the clock of its sender is slow."""
    for i in range(n):
        buffer.values[i] = clockwork.gain[buffer.key[i] >> UNIT_SHIFT] * buffer.values[i]


@inlined
def _weigh_states(rules, clockwork, state, buffer, n):
    for i in range(n):
        buffer.values[i] = clockwork.gain[buffer.key[i] >> UNIT_SHIFT]


weigh = by_number(_weigh, _weigh_states)


@inlined
def _add_messages(net, rules, clockwork, state, cores, buffer, part, below, n):
    arrive_at_part(
        cores.sums, clockwork.part_sums[part], net, clockwork.part_layer[part],
        clockwork.part_begin[part], clockwork.part_units[part], buffer.rows, buffer.values, below,
        n, clockwork.scaled or rules.quantizer == REAL_VALUED,
    )  # fmt: skip


@inlined
def _add_code_messages(net, rules, clockwork, state, cores, buffer, part, below, n):
    arrive_codes_at_part(
        cores.sums, cores.back, clockwork.part_sums[part], net, clockwork.part_layer[part],
        clockwork.part_begin[part], clockwork.part_units[part], buffer.rows, buffer.values, below,
        n, clockwork.scaled,
    )  # fmt: skip


add_messages = by_number(_add_messages, _add_code_messages)


@inlined
def _take_sums(net, rules, clockwork, state, scratch, cores, record, first, n, at, layer, b, phase):
    """1. u = what has arrived since the last tick, as if it came from clocks like this one."""
    zero = cores.sums.dtype.type(0)
    for i in range(n):
        scratch.u[first + i] = cores.sums[at + i]
        cores.sums[at + i] = zero
    if clockwork.scaled:
        for j in range(first, first + n):
            scratch.u[j] = scratch.u[j] * clockwork.rate[j]


@inlined
def _take_code_sums(
    net, rules, clockwork, state, scratch, cores, record, first, n, at, layer, b, phase
):
    forward, back = scratch.error, scratch.p  # not in use yet
    zero = np.int32(0)
    for i in range(n):
        forward[first + i] = cores.sums[at + i]
        back[first + i] = cores.back[at + i]
        cores.sums[at + i] = zero
        cores.back[at + i] = zero
    exponent, exponent_back = net.exponents[layer - 1], np.int64(0)
    if layer < len(net.sizes) - 1:
        exponent_back = net.back_exponents[layer]
    if clockwork.scaled:
        exponent, exponent_back = exponent - GAIN_BITS, exponent_back - GAIN_BITS
    low, high = np.int64(rules.low), np.int64(rules.high)
    clipped = join_sums(scratch.u, forward, back, first, n, exponent, exponent_back, low, high)
    if clockwork.scaled:
        for j in range(first, first + n):
            total = rescale(
                np.int64(scratch.u[j]) * np.int64(clockwork.rate[j]), rules.coefficient_bits
            )
            kept = min(max(total, low), high)
            clipped += np.int64(kept != total)
            scratch.u[j] = kept
    record.saturations[b, phase, layer] += clipped


take_sums = by_number(_take_sums, _take_code_sums)


@inlined
def _encode(net, rules, clockwork, cores, state, scratch, record, given, first, n, layer, t, k, b,
            sample, phase):  # fmt: skip
    """5. scratch.q = the bits of the units first ... first + n - 1, what is stuck included."""
    if rules.quantizer == REAL_VALUED:
        zero = state.s.dtype.type(0)
        for j in range(first, first + n):
            scratch.q[j] = state.s[j] != zero
    else:
        if rules.quantizer == BERNOULLI:
            if given.shape[0]:
                for j in range(first, first + n):
                    scratch.uniforms[j] = given[k - 1, b, j]
            else:
                begin = first - net.offsets[layer]
                draw_uniforms(
                    scratch.uniforms, net.offsets[layer], begin, begin + n, rules.seed[0],
                    rules.seed[1], sample, np.uint64(layer), np.uint64(t), rules.one,
                )  # fmt: skip
        emit(
            rules, state, scratch, record, scratch.p, state.s, scratch.previous,
            scratch.uniforms, first, n, layer, t, b, phase,
        )  # fmt: skip
    if not clockwork.faulty:
        return
    for j in range(first, first + n):
        if clockwork.stuck[j] == STUCK_AT_0:
            scratch.q[j] = 0
        elif clockwork.stuck[j] == STUCK_AT_1:
            scratch.q[j] = 1


@inlined
def _tick(net, rules, clockwork, state, scratch, cores, queue, buffer, record, counts, given, now,
          clock, b, sample, phase, row):  # fmt: skip
    """The units of a clock read, step, and send."""
    part, layer = clockwork.clock_part[clock], clockwork.clock_layer[clock]
    if now > clockwork.part_stop[part]:
        return
    first, n = clockwork.clock_first[clock], clockwork.clock_units[clock]
    cores.t[clock] += 1
    t, k = cores.t[clock], cores.tick[clock]
    if layer == 0:
        if t == 1:
            clear(scratch.previous, first, n)
        else:
            copy(scratch.previous, state.s, first, n)
    else:
        _read_in(net, rules, clockwork, state, cores, queue, buffer, part)
        at = clockwork.part_sums[part] + first - net.offsets[layer] - clockwork.part_begin[part]
        take_sums(
            net, rules, clockwork, state, scratch, cores, record, first, n, at, layer, b, phase
        )
        pull = rules.two_beta.dtype.type(0)
        if layer == len(net.sizes) - 1:
            pull = rules.two_beta[phase]
        advance(rules, state, scratch, record, first, n, layer, t, pull, b, phase)
    _encode(
        net, rules, clockwork, cores, state, scratch, record, given, first, n, layer, t, k, b,
        sample, phase,
    )  # fmt: skip
    spikes = ones_in(scratch.q, first, n)
    record.active[b, phase, layer] += spikes
    counts.updates[b, phase, layer] += n
    counts.part_updates[row, b, part] += n
    if rules.quantizer != REAL_VALUED:
        counts.spikes[row, b, part] += spikes
    number = clockwork.clock_unit[clock]
    if len(counts.log_time):
        for i in range(n):
            place = first + i
            fires = state.s[place] > 0 or clockwork.stuck[place] == STUCK_AT_1
            if layer > 0 or fires:  # an idle input unit is listed under no clock
                kind = LOG_SPIKE if scratch.q[place] else LOG_TICK
                _log(queue, counts, now, kind, number + i, part, _real(rules, state.s[place]))
    if spikes:
        gather_spikes(scratch.active, 0, scratch.q, first, n)
        if record.bits.shape[0] > 0 and rules.quantizer != REAL_VALUED:
            for i in range(spikes):
                record.bits[row, b, first + scratch.active[i]] += 1
        alone = clockwork.draws or clockwork.link_time or clockwork.event_time
        if alone or n == 1 or len(counts.log_time):
            _send_singly(
                rules, clockwork, cores, state, scratch, queue, counts, now, clock, first, spikes,
                number, b, sample, phase,
            )  # fmt: skip
        else:
            _send_trains(
                rules, clockwork, state, scratch, queue, counts, now, clock, first, spikes, b,
                phase,
            )  # fmt: skip
    cores.tick[clock] = k + 1
    queue.time[clock] = _tick_time(clockwork, cores, clock, sample)
    insert(queue, clock)


@inlined
def _idle_clocks(clockwork, cores, counts, idle, n_idle, until, sample, b, phase, row):
    """Count the ticks of input units that never fire, up to a time."""
    for i in range(n_idle):
        clock = idle[i]
        part, period = clockwork.clock_part[clock], clockwork.period[clock]
        last = min(until, clockwork.part_stop[part])
        ticks = 0
        while cores.tick[clock] * period - cores.offset[clock] <= last:
            due = cores.tick[clock] * period - cores.offset[clock]
            if due + clockwork.jitter > last and _tick_time(clockwork, cores, clock, sample) > last:
                break
            cores.tick[clock] += 1
            ticks += 1
        counts.updates[b, phase, 0] += ticks
        counts.part_updates[row, b, part] += ticks


@inlined
def _start_clocks(net, rules, clockwork, state, cores, queue, idle, sample):
    """The first tick of every clock; returns how many of the input's are idle, listed in idle."""
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
            cores.offset[clock] = _share(clockwork.offset[clock], word)
        if clock < clockwork.input_clocks:
            if rules.current:
                continue
            first, fires = clockwork.clock_first[clock], False
            for j in range(first, first + clockwork.clock_units[clock]):
                fires = fires or state.s[j] > 0 or clockwork.stuck[j] == STUCK_AT_1
            if not fires and clockwork.clock_units[clock] == 1:
                idle[n_idle] = clock
                n_idle += 1
                continue
        queue.time[clock] = _tick_time(clockwork, cores, clock, sample)
        insert(queue, clock)
    return n_idle


@inlined
def _clear_cores(cores):
    clear(cores.sums, 0, len(cores.sums))
    clear(cores.back, 0, len(cores.back))
    clear(cores.busy, 0, len(cores.busy))
    clear(cores.free_link, 0, len(cores.free_link))
    clear(cores.backlog, 0, len(cores.backlog))
    clear(cores.most_backlog, 0, len(cores.most_backlog))
    for part in range(len(cores.pending_head)):
        cores.pending_head[part] = NONE


@inlined
def _wait_at_links(clockwork, cores, queue, now):
    """The most messages that wait at a link now: with these the next period begins."""
    most, time = np.int64(0), np.int64(clockwork.link_time)
    for link in range(len(cores.free_link)):
        last_enters = cores.free_link[link] - time
        if last_enters > now:
            most = max(most, (last_enters - now + time - 1) // time)
    queue.counters[MOST_LINK] = most


@inlined
def _save(clockwork, queue, cores, saved, now):
    """Keep all messages, clocks and cores, with times from now on."""
    copy_cores(saved.cores, cores)
    for clock in range(queue.clocks):  # when the next tick is due, and when it comes
        due = cores.tick[clock] * clockwork.period[clock] - cores.offset[clock]
        saved.cores.offset[clock] = due - now
        saved.cores.tick[clock] = queue.time[clock] - now
    for part in range(len(cores.busy)):
        saved.cores.busy[part] -= now
    for link in range(len(cores.free_link)):
        saved.cores.free_link[link] -= now
    # Free nodes are told from others by a mark.
    node = queue.counters[FREE]
    while node != NONE:
        queue.time[node] = NEVER
        node = np.int64(queue.following[node])
    n, flying = 0, 0
    for node in range(queue.clocks, len(queue.time)):
        if queue.time[node] != NEVER:
            saved.time[n] = queue.time[node] - now
            saved.key[n] = queue.key[node]
            saved.route[n] = queue.route[node]
            saved.stage[n] = queue.stage[node]
            saved.value[n] = queue.value[node]
            flying += queue.stage[node] != UNREAD
            n += 1
    saved.counts[0] = n
    saved.counts[1] = flying


@inlined
def _restore(clockwork, queue, cores, saved, counts, idle, n_idle, now, b, phase, current):
    """Back to what was saved, with times from now on; clocks run on, or are restarted."""
    counts.messages[b, phase, WITHDRAWN] += queue.counters[IN_FLIGHT]
    counts.messages[b, phase, RESTORED] += saved.counts[1]
    copy_cores(cores, saved.cores)
    for part in range(len(cores.busy)):
        cores.busy[part] += now
        cores.most_backlog[part] = cores.backlog[part]
        cores.pending_head[part] = NONE
    for link in range(len(cores.free_link)):
        cores.free_link[link] += now
    _wait_at_links(clockwork, cores, queue, now)
    empty_wheel(queue)
    free_all(queue)
    skipped = 0
    for clock in range(clockwork.input_clocks if current else 0, queue.clocks):
        stands = queue.time[clock] <= now  # its core has stopped
        if clockwork.restarted:
            due = now + saved.cores.offset[clock]
            cores.offset[clock] = cores.tick[clock] * clockwork.period[clock] - due
        if skipped < n_idle and idle[skipped] == clock:
            skipped += 1
        elif not stands:
            if clockwork.restarted:
                queue.time[clock] = now + saved.cores.tick[clock]
            insert(queue, clock)
    for i in range(saved.counts[0]):
        node = take_node(queue)
        queue.time[node] = saved.time[i] + now
        queue.coupled[node] = NONE
        queue.key[node] = saved.key[i]
        queue.route[node] = saved.route[i]
        queue.stage[node] = saved.stage[i]
        queue.value[node] = saved.value[i]
        if saved.stage[i] == UNREAD:
            _keep_unread(cores, queue, node, clockwork.route_part[saved.route[i]])
        else:
            insert(queue, node)
    queue.counters[IN_FLIGHT] = saved.counts[1]


@inlined
def _record_row(clockwork, state, cores, queue, record, counts, now, b, row):
    counts.in_flight[row, b] = queue.counters[IN_FLIGHT]
    counts.link_backlog[row, b] = queue.counters[MOST_LINK]
    _wait_at_links(clockwork, cores, queue, now)
    for part in range(len(cores.backlog)):
        counts.backlog[row, b, part] = cores.most_backlog[part]
        cores.most_backlog[part] = cores.backlog[part]
    if record.potentials.shape[0]:
        for j in range(len(state.s)):
            record.potentials[row, b, j] = state.s[j]


@inlined
def _begin_sample(net, rules, clockwork, record, x, b, sample, state, scratch, cores, queue, idle):
    """Everything as before step 1, and the first ticks; returns how many clocks are idle."""
    clear_state(state, x, b, net.sizes[0])
    copy(scratch.b, net.biases, 0, len(state.s))
    if rules.current:
        n_active = gather_values(scratch.active, scratch.clamped, 0, state.s, 0, net.sizes[0])
        inject(net, rules, state, scratch, record, n_active, b)
    clear_queue(queue)
    _clear_cores(cores)
    return _start_clocks(net, rules, clockwork, state, cores, queue, idle, sample)


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
        n_idle = _begin_sample(
            net, rules, clockwork, record, x, b, sample, state, scratch, cores, queue, idle
        )
        row, until = 0, np.int64(0)
        for phase in range(len(rules.phase_steps)):
            if rules.phase_from_free[phase]:
                copy_state(state, free)
                _restore(
                    clockwork, queue, cores, saved, counts, idle, n_idle, until, b, phase,
                    rules.current,
                )  # fmt: skip
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
                        _cross_link(clockwork, cores, queue, node, now)
                    else:
                        _reach_core(
                            net, rules, clockwork, cores, queue, record, counts, node, now, b,
                            phase, row,
                        )  # fmt: skip
                    if queue.counters[OVERFLOW]:
                        break
                    node = next_event(queue, until)
                _idle_clocks(clockwork, cores, counts, idle, n_idle, until, sample, b, phase, row)
                _record_row(clockwork, state, cores, queue, record, counts, until, b, row)
                if queue.counters[OVERFLOW]:
                    return b
                row += 1
            for j in range(len(state.s)):
                record.ends[phase, b, j] = state.s[j]
            if rules.two_beta[phase] == 0 and not rules.phase_from_free[phase]:
                copy_state(free, state)
                _save(clockwork, queue, cores, saved, until)
        counts.left[b] = queue.counters[IN_FLIGHT]
    return last_sample
