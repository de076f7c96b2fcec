"""Which units of a graph reach which cores, and over how many synapses.

A population whose units all reach the same (dense projections) is one row; else a row per unit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from eqchip.emulator.description.connections import row_of
from eqchip.emulator.description.graph.graph import Graph, Projection
from eqchip.emulator.description.parts import Part
from eqchip.emulator.engine.graph_lowering import LISTS, Synapses
from eqchip.emulator.engine.lowering import LAYOUTS

CHUNK = 2**22  # synapses that are sorted into parts at once


def synapses_of(projection: Projection) -> Synapses:
    """The synapses of a projection by the unit that sends; those of kernels one by one."""
    connection = projection.connection
    if type(connection) in LISTS:
        return LISTS[type(connection)](connection)
    layout = row_of(LAYOUTS, connection, f"map: {projection}")
    rows, _ = layout.rows(connection)
    counts = np.diff(rows.first)
    place = np.repeat(np.arange(len(counts)), counts)
    to, _, length = rows.segments.T
    place, first = np.repeat(place, length), np.repeat(to - np.cumsum(length) + length, length)
    post = first + np.arange(len(first))
    channels = max(rows.channels, 1)
    order = np.argsort(place, kind="stable")
    place, post = place[order], post[order]
    per_place = np.bincount(place, minlength=len(counts))
    start = np.append(0, np.cumsum(np.repeat(per_place, channels)))
    ends = np.cumsum(per_place)
    # Channels of a place reach the same units, and stand one after the other.
    posts = [np.tile(post[end - n : end], channels) for end, n in zip(ends, per_place, strict=True)]
    return Synapses(start, np.concatenate(posts))


def synapse_count(projection: Projection) -> int:
    """How many synapses a projection has; those of kernels one by one."""
    connection = projection.connection
    if connection.all_to_all:
        return math.prod(connection.weight_shape)
    return len(synapses_of(projection).post)


def reach(projection: Projection, parts: Sequence[Part]) -> np.ndarray:
    """Synapses from every unit onto every part of the other population.

    Returns
    -------
    ndarray of int32, shape (n_pre, parts), or (1, parts)
        One row: it is the same for all units.
    """
    if projection.connection.all_to_all:
        return np.array([[part.units for part in parts]], np.int32)
    synapses, count = synapses_of(projection), len(parts)
    start, part_of = synapses.start, np.repeat(np.arange(count), [part.units for part in parts])
    senders = len(start) - 1
    found = np.zeros((senders, count), np.int32)
    first = 0
    while first < senders:  # some units at a time: a list may be as long as memory is
        last = max(int(np.searchsorted(start, start[first] + CHUNK, side="right")) - 1, first + 1)
        last = min(last, senders)
        unit = np.repeat(np.arange(last - first), np.diff(start[first : last + 1]))
        part = part_of[synapses.post[start[first] : start[last]]]
        own = np.bincount(unit * count + part, minlength=(last - first) * count)
        found[first:last] = own.reshape(-1, count)
        first = last
    return found


def fan_in(graph: Graph, name: str) -> int:
    """The most synapses onto one unit of a population."""
    total = np.zeros(graph.population(name).size, np.int64)
    for projection in graph.projections:
        if projection.post == name:
            if projection.connection.all_to_all:
                total += graph.population(projection.pre).size
            else:
                post = synapses_of(projection).post
                for first in range(0, len(post), CHUNK):
                    total += np.bincount(post[first : first + CHUNK], minlength=len(total))
    return int(total.max(initial=0))
