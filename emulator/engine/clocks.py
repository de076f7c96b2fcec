"""Lowering of timing: from a description to the flat arrays that the asynchronous engine runs.

Units that can never tick apart share one clock here, whatever the description says: those of a
core without spread, offset and jitter. The engine then steps them together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from eqchip.emulator import philox
from eqchip.emulator.description.asynchronous import QUANTA, Asynchronous, Paths, quanta
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.parts import Part
from eqchip.emulator.description.phases import Phase
from eqchip.emulator.kernels.lowered import Lowered
from eqchip.emulator.kernels.timed.state import (
    GAIN_BITS,
    NEVER,
    STUCK_AT_0,
    STUCK_AT_1,
    SUMS_LINE,
    Clockwork,
)

# Third word of the counter of random numbers; the kernels hold 1, 2 and from 8 on.
PERIOD, DRAWN_STUCK_AT_0, DRAWN_STUCK_AT_1 = 0, 3, 4
KEY = 0x54494D45  # tells this key from that of the codings


class Units(NamedTuple):
    """Of every unit, all layers in one row without gaps: its layer, part, place in its layer."""

    layer: np.ndarray
    part: np.ndarray
    place: np.ndarray


def list_units(parts: Sequence[Part]) -> Units:
    """The units of the parts, in order; int64."""
    counts = [part.units for part in parts]
    return Units(
        np.repeat([part.layer for part in parts], counts),
        np.repeat(np.arange(len(parts)), counts),
        np.concatenate([np.arange(part.first, part.end) for part in parts]),
    )


def draw_periods(timing: Asynchronous, units: Units) -> np.ndarray:
    """The period of each unit's clock in quanta, int64, shape (units,)."""
    clocks = units.part if timing.clocks.per == "core" else np.arange(len(units.part))
    number = _draw(timing, clocks, PERIOD)
    way = math.sqrt(3.0) * timing.clocks.spread * (2.0 * number - 1.0)
    return np.rint(QUANTA * (1.0 + way)).astype(np.int64)


def lower_timing(
    timing: Asynchronous,
    paths: Paths | None,
    parts: Sequence[Part],
    lowered: Lowered,
    phases: Sequence[Phase],
    fixed: FixedPoint | None,
) -> Clockwork:
    """Lower the timing of a network with these parts."""
    units = list_units(parts)
    periods = draw_periods(timing, units)
    place = lowered.offsets[units.layer] + units.place  # in the row of units
    merged = timing.clocks.per == "core" or not timing.drawn_clocks
    starts = np.flatnonzero(np.diff(units.part, prepend=-1)) if merged else np.arange(len(place))
    period = periods[starts]
    row = int(lowered.offsets[-1])
    part_units = np.array([part.units for part in parts], np.int64)
    padded = -(-part_units // SUMS_LINE) * SUMS_LINE
    part_stop = np.full(len(parts), NEVER, np.int64)
    for core, time in timing.faults.stopped:
        part_stop[core] = min(part_stop[core], quanta(time))
    delays, queues = timing.delays, timing.queues
    scaled = timing.clocks.calibrated and timing.clocks.spread > 0
    gain, rate = _calibration(periods, place, row, lowered.biases.dtype, fixed)
    stuck = _stuck(timing, units, place, row)
    lost = round(timing.faults.loss * 2**32)
    linked = queues.link > 0
    return Clockwork(
        clock_first=place[starts],
        clock_units=np.diff(starts, append=len(place)),
        clock_layer=units.layer[starts],
        clock_part=units.part[starts],
        clock_number=(units.part[starts] if timing.clocks.per == "core" else starts).astype(
            np.uint64
        ),
        clock_unit=starts,
        period=period,
        offset=np.rint(timing.clocks.offset * period).astype(np.int64),
        jitter=quanta(timing.clocks.jitter),
        restarted=timing.clocks.restarted,
        part_layer=np.array([part.layer for part in parts], np.int64),
        part_begin=np.array([part.first for part in parts], np.int64),
        part_units=part_units,
        part_sums=np.concatenate([[0], np.cumsum(padded)[:-1]]),
        part_stop=part_stop,
        **_routes(parts, paths, linked, lowered),
        links=paths.link_count if paths is not None and linked else 0,
        fixed_delay=quanta(delays.fixed),
        delay_jitter=quanta(delays.jitter),
        hop=quanta(delays.hop),
        loss=lost,
        event_time=quanta(queues.synaptic_event),
        link_time=quanta(queues.link),
        draws=lost > 0 or quanta(delays.jitter) > 0,
        scaled=scaled,
        gain=gain,
        rate=rate,
        faulty=bool(stuck.any()),
        stuck=stuck,
        seed=np.zeros(2, np.uint64),  # of the run: see `key_of_run`
        phase_ends=phase_ends(timing, phases),
        input_clocks=int((units.layer[starts] == 0).sum()),
    )


def key_of_run(timing: Asynchronous, seed: int) -> np.ndarray:
    """The key of what is drawn for each sample, uint64, shape (2,), in a run with a seed."""
    low, high = philox.split_seed(timing.seed ^ seed)
    return np.array([low, high ^ KEY], np.uint64)


def phase_ends(timing: Asynchronous, phases: Sequence[Phase]) -> np.ndarray:
    """When each phase ends, in quanta of run time, int64."""
    ends = np.cumsum([phase.steps for phase in phases], dtype=np.int64) * QUANTA
    if timing.stop is not None:
        ends[-1] = min(ends[-1], quanta(timing.stop))
    return ends


def _draw(timing: Asynchronous, numbers: np.ndarray, purpose: int) -> np.ndarray:
    """A uniform number in [0, 1) for each of these clocks or units, by number."""
    counter = np.zeros((len(numbers), 4), np.uint32)
    counter[:, 0] = numbers
    counter[:, 2] = purpose
    low, high = philox.split_seed(timing.seed)
    words = philox.philox4x32(counter, (low, high ^ KEY))[:, 0]
    return np.asarray((words >> np.uint32(philox.UNIFORM_SHIFT)) * philox.UNIFORM_SCALE)


def _calibration(
    periods: np.ndarray, place: np.ndarray, row: int, dtype: np.dtype, fixed: FixedPoint | None
) -> tuple[np.ndarray, np.ndarray]:
    """The gain of each unit as a sender and its rate as a receiver, by place in the row."""
    gain, rate = np.zeros(row, dtype), np.zeros(row, dtype)
    if fixed is None:
        gain[place] = (periods / QUANTA).astype(dtype)
        rate[place] = (QUANTA / periods).astype(dtype)
    else:
        gain[place] = np.rint((1 << GAIN_BITS) * (periods / QUANTA))
        rate[place] = np.rint((1 << fixed.coefficient_bits) * (QUANTA / periods))
    return gain, rate


def _stuck(timing: Asynchronous, units: Units, place: np.ndarray, row: int) -> np.ndarray:
    """Of each place in the row of units whether its bit is stuck; uint8."""
    stuck = np.zeros(row, np.uint8)
    numbers = np.arange(len(place))
    for listed, purpose, kind in (
        (timing.faults.stuck_at_0, DRAWN_STUCK_AT_0, STUCK_AT_0),
        (timing.faults.stuck_at_1, DRAWN_STUCK_AT_1, STUCK_AT_1),
    ):
        if isinstance(listed, tuple):
            for layer, unit in listed:
                stuck[place[(units.layer == layer) & (units.place == unit)]] = kind
        elif listed > 0:
            stuck[place[_draw(timing, numbers, purpose) < listed]] = kind
    return stuck


def _routes(
    parts: Sequence[Part], paths: Paths | None, links: bool, lowered: Lowered
) -> dict[str, np.ndarray]:
    """Where the messages of each part go, by the names of `Clockwork`."""
    starts, to, hops = [0], [], []
    met: list[np.ndarray] = []
    path_starts, path_links = [0], [np.zeros(0, np.int32)]
    by_layer: dict[int, list[int]] = {}
    for number, part in enumerate(parts):
        by_layer.setdefault(part.layer, []).append(number)
    for source, part in enumerate(parts):
        below = by_layer[part.layer - 1] if part.layer > 1 else []  # the input hears nothing
        for target in below + by_layer.get(part.layer + 1, []):
            to.append(target)
            met.append(synapses_met(lowered, part, parts[target]))
            hops.append(0 if paths is None else int(paths.hops[source, target]))
            if paths is not None and links:
                way = source * len(parts) + target
                path_links.append(paths.links[paths.starts[way] : paths.starts[way + 1]])
            path_starts.append(path_starts[-1] + (len(path_links[-1]) if links else 0))
        starts.append(len(to))
    sent_from = np.repeat([lowered.offsets[part.layer] + part.first for part in parts],
                          np.diff(starts))  # fmt: skip
    begun = np.cumsum([0, *(len(of_route) for of_route in met)])[:-1]
    if all((of_route == parts[t].units).all() for of_route, t in zip(met, to, strict=True)):
        sent_from, begun, met = sent_from[:0], begun[:0], []
    return {
        "route_met": (begun - sent_from).astype(np.int64),
        "met": np.concatenate([np.zeros(0, np.int32), *met]).astype(np.int32),
        "route_starts": np.array(starts, np.int64),
        "route_part": np.array(to, np.int64),
        "route_hops": np.array(hops, np.int64),
        "path_starts": np.array(path_starts, np.int64),
        "path_links": np.concatenate(path_links).astype(np.int32),
    }


def synapses_met(lowered: Lowered, source: Part, target: Part) -> np.ndarray:
    """The synapses that a message of each unit of a part meets at a part of a layer beside.

    Returns
    -------
    ndarray of int64, shape (units of `source`,)
    """
    up = target.layer > source.layer
    k, fan = (source.layer, lowered.forward) if up else (target.layer, lowered.back)
    place = fan.places[k] + np.arange(source.first, source.end) // fan.channels[k]
    first, last = fan.first[place], fan.first[place + 1]
    own = slice(first[0], last[-1])  # of all connections' segments those of the part
    held = np.minimum(fan.to[own] + fan.length[own], target.end)
    held -= np.maximum(fan.to[own], target.first)
    before = np.concatenate([[0], np.cumsum(np.maximum(held, 0))])
    return np.asarray(before[last - own.start] - before[first - own.start])
