"""The arrays of an asynchronous relaxation, beside those of `state`.

Axes: c = clock, p = part (core), r = route (a source part and one of its destinations), t =
nominal period of run time, b = sample, k = phase, l = layer, j = unit (all layers in one row).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eqchip.emulator.kernels.jit import inlined
from eqchip.emulator.kernels.lowered import aligned_zeros
from eqchip.emulator.kernels.units import copy

# A part's sums start on cache lines of codes, since rows are added in whole ones.
SUMS_LINE = 64
GAIN_BITS = 7  # of a chip's calibration of a sender: one byte
FREE_BIT, STUCK_AT_0, STUCK_AT_1 = range(3)
NEVER = 2**62
# Columns of Counts.messages.
SENT, DELIVERED, LOST_MESSAGES, WITHDRAWN, RESTORED = range(5)


class Clockwork(NamedTuple):
    """A network's clocks, routes and faults; times in quanta, int64 unless said.

    clock_first, clock_units, clock_layer, clock_part (c,): the units that tick together, first
    in the row of units; clock_number (c,) uint64: for random numbers; clock_unit (c,): number
    of the first unit over all layers, without gaps; period (c,); offset (c,): the largest;
    jitter; restarted: whether clocks go back with the states of units.
    part_layer, part_begin, part_units, part_sums (p,): the units of a part from part_begin on
    in its layer, and where its sums start; part_stop (p,).
    route_starts (p + 1,), route_part (r,), route_hops (r,); path_starts (r + 1,), path_links:
    int32, empty without queues on links; links: how many there are. met: int32, the synapses that
    a message of a unit meets at the end of a route, at route_met (r,) plus its place in the row of
    units; both empty where each message meets all units of its part.
    fixed_delay, delay_jitter, hop; loss: of 2**32; event_time: of one synaptic event at a core;
    link_time; draws: whether a message needs random numbers.
    scaled: whether decoders are calibrated to clocks that differ; gain, rate (j,): a sender's
    period and the inverse of a receiver's: numbers of the run, or over 2**GAIN_BITS and
    2**coefficient_bits. faulty: whether any unit is stuck; stuck (j,) uint8.
    seed (2,) uint64; phase_ends (k,); input_clocks: the first clocks are the input's.
    """

    clock_first: np.ndarray
    clock_units: np.ndarray
    clock_layer: np.ndarray
    clock_part: np.ndarray
    clock_number: np.ndarray
    clock_unit: np.ndarray
    period: np.ndarray
    offset: np.ndarray
    jitter: int
    restarted: bool
    part_layer: np.ndarray
    part_begin: np.ndarray
    part_units: np.ndarray
    part_sums: np.ndarray
    part_stop: np.ndarray
    route_starts: np.ndarray
    route_part: np.ndarray
    route_hops: np.ndarray
    path_starts: np.ndarray
    path_links: np.ndarray
    links: int
    route_met: np.ndarray
    met: np.ndarray
    fixed_delay: int
    delay_jitter: int
    hop: int
    loss: int
    event_time: int
    link_time: int
    draws: bool
    scaled: bool
    gain: np.ndarray
    rate: np.ndarray
    faulty: bool
    stuck: np.ndarray
    seed: np.ndarray
    phase_ends: np.ndarray
    input_clocks: int


class Counts(NamedTuple):
    """What an asynchronous run counts beside Record.

    messages: (b, k, 5) int64; left: (b,) int64; updates: (b, k, l) int64; per nominal period,
    int32: in_flight, link_backlog (t, b), backlog, part_updates, received, spikes (t, b, p).
    Events, of length 0 when they are not wanted: log_time int64, log_kind uint8, log_unit,
    log_core int32, log_value float64.
    """

    messages: np.ndarray
    left: np.ndarray
    updates: np.ndarray
    in_flight: np.ndarray
    link_backlog: np.ndarray
    backlog: np.ndarray
    part_updates: np.ndarray
    received: np.ndarray
    spikes: np.ndarray
    log_time: np.ndarray
    log_kind: np.ndarray
    log_unit: np.ndarray
    log_core: np.ndarray
    log_value: np.ndarray


class Cores(NamedTuple):
    """What stands at the cores and links, and where each clock is, of one sample.

    tick (c,): number of the next tick; offset (c,): of this sample; t (c,) int32: time steps done.
    sums, back: what was added for each unit, from part_sums on; back: of feedback, for a chip's
    codes. pending_head, pending_tail (p,) int32: messages that have arrived and are not added.
    busy (p,), free_link: until when; backlog, most_backlog (p,) int32. words, drawn (c,) uint64: of
    clocks that draw, see `clocks`; late (c,): how late tick held (c,) is of one that was restarted.
    All int64 unless said.
    """

    tick: np.ndarray
    offset: np.ndarray
    t: np.ndarray
    sums: np.ndarray
    back: np.ndarray
    pending_head: np.ndarray
    pending_tail: np.ndarray
    busy: np.ndarray
    free_link: np.ndarray
    backlog: np.ndarray
    most_backlog: np.ndarray
    words: np.ndarray
    drawn: np.ndarray
    held: np.ndarray
    late: np.ndarray


class Saved(NamedTuple):
    """Messages and cores at the end of the free phase; times count from there.

    Messages: time, key int64, route, stage int32 (UNREAD: at a core, not added), value; how
    many, and how many of them in flight: counts (2,) int64.
    """

    cores: Cores
    time: np.ndarray
    key: np.ndarray
    route: np.ndarray
    stage: np.ndarray
    value: np.ndarray
    counts: np.ndarray


class Buffer(NamedTuple):
    """Messages that are added together: key int64, rows int32, values numbers; room for all."""

    key: np.ndarray
    rows: np.ndarray
    values: np.ndarray


def new_cores(clockwork: Clockwork, dtype: np.dtype) -> Cores:
    """Memory for one sample's cores."""
    clocks, parts = len(clockwork.period), len(clockwork.part_layer)
    last = int(clockwork.part_sums[-1] + clockwork.part_units[-1])
    sums = -(-last // SUMS_LINE) * SUMS_LINE
    fixed = np.dtype(dtype).kind == "i"
    return Cores(
        tick=np.zeros(clocks, np.int64),
        offset=np.zeros(clocks, np.int64),
        t=np.zeros(clocks, np.int32),
        sums=aligned_zeros(sums, dtype),
        back=aligned_zeros(sums if fixed else 0, dtype),
        pending_head=np.zeros(parts, np.int32),
        pending_tail=np.zeros(parts, np.int32),
        busy=np.zeros(parts, np.int64),
        free_link=np.zeros(clockwork.links, np.int64),
        backlog=np.zeros(parts, np.int32),
        most_backlog=np.zeros(parts, np.int32),
        words=np.zeros(clocks, np.uint64),
        drawn=np.zeros(clocks, np.uint64),
        held=np.zeros(clocks, np.int64),
        late=np.zeros(clocks, np.int64),
    )


def new_saved(clockwork: Clockwork, messages: int, dtype: np.dtype) -> Saved:
    """Memory for the end of the free phase."""
    return Saved(
        cores=new_cores(clockwork, dtype),
        time=np.zeros(messages, np.int64),
        key=np.zeros(messages, np.int64),
        route=np.zeros(messages, np.int32),
        stage=np.zeros(messages, np.int32),
        value=np.zeros(messages, dtype),
        counts=np.zeros(2, np.int64),
    )


def new_buffer(messages: int, dtype: np.dtype) -> Buffer:
    """Memory for the messages that are added together."""
    return Buffer(
        key=np.zeros(messages, np.int64),
        rows=np.zeros(messages, np.int32),
        values=np.zeros(messages, dtype),
    )


@inlined
def copy_cores(to, cores):
    """to = cores, but for the clocks (tick, offset, what they draw)."""
    copy(to.t, cores.t, 0, len(cores.t))
    copy(to.sums, cores.sums, 0, len(cores.sums))
    copy(to.back, cores.back, 0, len(cores.back))
    copy(to.busy, cores.busy, 0, len(cores.busy))
    copy(to.free_link, cores.free_link, 0, len(cores.free_link))
    copy(to.backlog, cores.backlog, 0, len(cores.backlog))
