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
from eqchip.emulator.engine.graph_lowering import LISTS
from eqchip.emulator.engine.lowering import LAYOUTS


def synapses_of(projection: Projection) -> tuple[np.ndarray, np.ndarray]:
    """The two units of every synapse, int64, sorted by the first."""
    connection = projection.connection
    if type(connection) in LISTS:
        synapses = LISTS[type(connection)](connection)
        counts = np.diff(synapses.start)
        return np.repeat(np.arange(len(counts)), counts), synapses.post
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
    pre = (place[:, None] * channels + np.arange(channels)).ravel()
    return pre, np.repeat(post, channels)


def synapse_count(projection: Projection) -> int:
    """How many synapses a projection has; those of kernels one by one."""
    connection = projection.connection
    if connection.all_to_all:
        return math.prod(connection.weight_shape)
    return len(synapses_of(projection)[0])


def reach(projection: Projection, parts: Sequence[Part]) -> np.ndarray:
    """Synapses from every unit onto every part of the other population.

    Returns
    -------
    ndarray of int64, shape (n_pre, parts), or (1, parts)
        One row: it is the same for all units.
    """
    if projection.connection.all_to_all:
        return np.array([[part.units for part in parts]], np.int64)
    pre, post = synapses_of(projection)
    ends = np.array([part.end for part in parts])
    part_of = np.searchsorted(ends, post, side="right")
    senders, count = math.prod(projection.connection.pre_shape), len(parts)
    found = np.bincount(pre * count + part_of, minlength=senders * count)
    return found.reshape(senders, count)


def fan_in(graph: Graph, name: str) -> int:
    """The most synapses onto one unit of a population."""
    total = np.zeros(graph.population(name).size, np.int64)
    for projection in graph.projections:
        if projection.post == name:
            if projection.connection.all_to_all:
                total += graph.population(projection.pre).size
            else:
                total += np.bincount(synapses_of(projection)[1], minlength=len(total))
    return int(total.max(initial=0))
