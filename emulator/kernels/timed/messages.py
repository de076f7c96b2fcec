"""Messages: sent, crossing links, reaching cores, logged."""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.jit import inlined
from eqchip.emulator.kernels.timed.state import (
    DELIVERED,
    LOST_MESSAGES,
    SENT,
    STUCK_AT_1,
)
from eqchip.emulator.kernels.timed.wheel import (
    IN_FLIGHT,
    LOG_FULL,
    LOGGED,
    MOST_LINK,
    NONE,
    OVERFLOW,
    SERIAL,
    SERIALS,
    UNIT_SHIFT,
    free_node,
    insert,
    insert_in_window,
    take_node,
)
from eqchip.emulator.kernels.units import philox

# The purpose of a random number: the third word of its counter.
MESSAGE = np.uint64(8)


WORD_SHIFT = np.uint64(8)


NUMBER_BITS = np.int64(24)


# Stages of a message: how many links are before it, 0 at its core; served by it; read in.
AT_CORE, SERVED, UNREAD = 0, -1, -2


# Kinds of events in the log, see `asynchronous.EVENT`.
LOG_TICK, LOG_SPIKE, LOG_DELIVERED, LOG_LOST = range(4)


@inlined
def share(amount, word):
    """A whole number in [0, amount), from a random word: amount x word / 2**32."""
    return (amount * np.int64(word >> WORD_SHIFT)) >> NUMBER_BITS


@inlined
def log_event(queue, counts, time, kind, unit, core, value):
    """One row of the log, if there is one."""
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
def as_real(rules, value):
    """A number of the run as a real one."""
    return np.float64(value) / np.float64(rules.one)


@inlined
def source_layer(net, clockwork, part, place):
    """The layer of a unit, by its place in the row, that sends to this part."""
    layer = clockwork.part_layer[part]
    return layer - 1 if place < net.offsets[layer] else layer + 1


@inlined
def synapses_met(clockwork, route, place):
    """The synapses that a message meets at the end of its route, of a unit by its place in the row.

    Where there are none it is not sent.
    """
    if len(clockwork.met) == 0:
        return np.int64(clockwork.part_units[clockwork.route_part[route]])
    return np.int64(clockwork.met[clockwork.route_met[route] + place])


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
    if rules.real_valued and clockwork.stuck[place] != STUCK_AT_1:
        return state.unit.s[place]
    return state.incoming.dtype.type(rules.one)


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
def send_trains(rules, clockwork, state, scratch, queue, counts, now, clock, first, spikes, b,
                 phase):  # fmt: skip
    """The messages of a tick, from the units listed in scratch.active: a train to each part."""
    part = clockwork.clock_part[clock]
    for route in range(clockwork.route_starts[part], clockwork.route_starts[part + 1]):
        delay = max(np.int64(clockwork.fixed_delay), np.int64(1))
        arrives = now + delay + clockwork.route_hops[route] * clockwork.hop
        engine, last, sent = np.int64(NONE), np.int64(NONE), np.int64(0)
        for i in range(np.uint64(spikes)):
            place = first + scratch.active[i]
            if synapses_met(clockwork, route, place) == 0:
                continue
            sent += 1
            value = _message_value(rules, clockwork, state, place)
            node = _new_message(queue, counts, route, place, arrives, AT_CORE, value)
            if node == NONE:
                break
            if last == NONE:
                engine = node
            else:
                queue.coupled[np.uint64(last)] = node
            last = node
        counts.messages[b, phase, SENT] += sent
        if engine != NONE:
            insert(queue, engine)


@inlined
def send_singly(rules, clockwork, cores, state, scratch, queue, counts, now, clock, first, spikes,
                number, b, sample, phase):  # fmt: skip
    """The messages of a tick, each with what chance and the links make of it."""
    for i in range(np.uint64(spikes)):
        unit = scratch.active[i]
        send_spike(
            rules, clockwork, cores, state, queue, counts, now, clock, first + unit, number + unit,
            b, sample, phase, False,
        )  # fmt: skip


@inlined
def send_spike(rules, clockwork, cores, state, queue, counts, now, clock, place, number, b, sample,
               phase, windowed):  # fmt: skip
    """The messages of one spike of a tick; windowed: into windows in place of slots."""
    part = clockwork.clock_part[clock]
    value = _message_value(rules, clockwork, state, place)
    for route in range(clockwork.route_starts[part], clockwork.route_starts[part + 1]):
        if synapses_met(clockwork, route, place) == 0:
            continue
        counts.messages[b, phase, SENT] += 1
        delay = np.int64(clockwork.fixed_delay)
        if clockwork.draws:
            to = clockwork.route_part[route]
            word, chance, _, _ = philox(
                np.uint64(number), np.uint64(cores.tick[clock]), MESSAGE + np.uint64(to), sample,
                clockwork.seed[0], clockwork.seed[1],
            )  # fmt: skip
            if np.int64(chance) < clockwork.loss:
                counts.messages[b, phase, LOST_MESSAGES] += 1
                if len(counts.log_time):
                    log_event(queue, counts, now, LOG_LOST, number, to, as_real(rules, value))
                continue
            delay += share(np.int64(clockwork.delay_jitter), word)
        delay = max(delay, np.int64(1))
        stage = np.int64(AT_CORE)
        if clockwork.link_time:
            stage = clockwork.path_starts[route + 1] - clockwork.path_starts[route]
        else:
            delay += clockwork.route_hops[route] * clockwork.hop
        node = _new_message(queue, counts, route, place, now + delay, stage, value)
        if node == NONE:
            return
        if windowed:
            insert_in_window(queue, node)
        else:
            insert(queue, node)


@inlined
def cross_link(clockwork, cores, queue, node, now):
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
def reach_core(net, rules, clockwork, cores, queue, record, counts, node, now, b, phase, row):
    """A message at its core: lost if that has stopped, served first if it queues, and read in.

    What is read in is added when a clock of the core ticks next.
    """
    part = clockwork.route_part[queue.route[node]]
    arrives = queue.stage[node] == AT_CORE
    lost = arrives and now > clockwork.part_stop[part]
    place = queue.key[node] >> UNIT_SHIFT
    if arrives and not lost and clockwork.event_time:
        synapses = synapses_met(clockwork, np.int64(queue.route[node]), place)
        ends = max(now, cores.busy[part]) + clockwork.event_time * synapses
        cores.busy[part] = ends
        cores.backlog[part] += 1
        cores.most_backlog[part] = max(cores.most_backlog[part], cores.backlog[part])
        queue.stage[node] = SERVED
        queue.time[node] = ends
        insert(queue, node)
        return
    layer = source_layer(net, clockwork, part, place)
    if len(counts.log_time):
        number = _number(net, layer, place)
        kind = LOG_LOST if lost else LOG_DELIVERED
        log_event(queue, counts, now, kind, number, part, as_real(rules, queue.value[node]))
    if not arrives:
        cores.backlog[part] -= 1
    n, crossed = 0, np.int64(0)
    while node != NONE:
        at = np.uint64(node)
        following = np.int64(queue.coupled[at])
        if lost:
            free_node(queue, node)
        else:
            crossed += synapses_met(
                clockwork, np.int64(queue.route[at]), queue.key[at] >> UNIT_SHIFT
            )
            keep_unread(cores, queue, node, part)
        n += 1
        node = following
    count_arrivals(clockwork, queue, record, counts, part, layer, n, crossed, lost, b, phase, row)


@inlined
def count_arrivals(clockwork, queue, record, counts, part, layer, n, crossed, lost, b, phase, row):
    """So many messages of a layer crossed so many synapses of a part, or were lost there."""
    queue.counters[IN_FLIGHT] -= n
    if lost:
        counts.messages[b, phase, LOST_MESSAGES] += n
        return
    counts.messages[b, phase, DELIVERED] += n
    counts.received[row, b, part] += n
    if layer < clockwork.part_layer[part]:
        record.arrivals[b, phase, layer, 0] += crossed
    else:
        record.arrivals[b, phase, layer - 1, 1] += crossed


@inlined
def keep_unread(cores, queue, node, part):
    """A message waits at its part until its units read."""
    at, core = np.uint64(node), np.uint64(part)
    queue.stage[at] = UNREAD
    queue.following[at] = NONE
    if cores.pending_head[core] == NONE:
        cores.pending_head[core] = node
    else:
        queue.following[np.uint64(cores.pending_tail[core])] = node
    cores.pending_tail[core] = node
