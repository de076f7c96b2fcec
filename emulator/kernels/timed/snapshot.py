"""The state at the end of the free phase, kept and restored."""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.jit import inlined
from eqchip.emulator.kernels.timed.clocks import hold_late
from eqchip.emulator.kernels.timed.messages import UNREAD, keep_unread
from eqchip.emulator.kernels.timed.state import (
    NEVER,
    RESTORED,
    WITHDRAWN,
    copy_cores,
)
from eqchip.emulator.kernels.timed.wheel import (
    FREE,
    IN_FLIGHT,
    MOST_LINK,
    NONE,
    empty_wheel,
    free_all,
    insert,
    insert_in_window,
    take_node,
)
from eqchip.emulator.kernels.units import clear


@inlined
def clear_cores(cores):
    """Cores as before the first step: nothing has arrived."""
    clear(cores.sums, 0, len(cores.sums))
    clear(cores.back, 0, len(cores.back))
    clear(cores.busy, 0, len(cores.busy))
    clear(cores.free_link, 0, len(cores.free_link))
    clear(cores.backlog, 0, len(cores.backlog))
    clear(cores.most_backlog, 0, len(cores.most_backlog))
    for part in range(len(cores.pending_head)):
        cores.pending_head[part] = NONE


@inlined
def wait_at_links(clockwork, cores, queue, now):
    """The most messages that wait at a link now: with these the next period begins."""
    most, time = np.int64(0), np.int64(clockwork.link_time)
    for link in range(len(cores.free_link)):
        last_enters = cores.free_link[link] - time
        if last_enters > now:
            most = max(most, (last_enters - now + time - 1) // time)
    queue.counters[MOST_LINK] = most


@inlined
def save(clockwork, queue, cores, saved, idle, n_idle, now, sample):
    """Keep all messages, clocks and cores, with times from now on."""
    copy_cores(saved.cores, cores)
    hold_late(clockwork, cores, saved, idle, n_idle, sample)
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
def restore(clockwork, queue, cores, saved, counts, idle, n_idle, now, b, phase, current,
            windowed):  # fmt: skip
    """Back to what was saved, with times from now on; clocks run on, or are restarted.

    windowed: the queue holds messages alone, in windows.
    """
    counts.messages[b, phase, WITHDRAWN] += queue.counters[IN_FLIGHT]
    counts.messages[b, phase, RESTORED] += saved.counts[1]
    copy_cores(cores, saved.cores)
    for part in range(len(cores.busy)):
        cores.busy[part] += now
        cores.most_backlog[part] = cores.backlog[part]
        cores.pending_head[part] = NONE
    for link in range(len(cores.free_link)):
        cores.free_link[link] += now
    wait_at_links(clockwork, cores, queue, now)
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
            if clockwork.restarted:
                cores.held[clock] = cores.tick[clock]
                cores.late[clock] = saved.cores.late[clock]
        elif not stands:
            if clockwork.restarted:
                queue.time[clock] = now + saved.cores.tick[clock]
            if not windowed:
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
            keep_unread(cores, queue, node, clockwork.route_part[saved.route[i]])
        elif windowed:
            insert_in_window(queue, node)
        else:
            insert(queue, node)
    queue.counters[IN_FLIGHT] = saved.counts[1]
