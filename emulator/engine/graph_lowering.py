"""Lowering of graphs: from their description to the flat arrays that kernels run."""

from __future__ import annotations

import math
from collections import ChainMap
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.description.connections import (
    Connection,
    Dense,
    OneToOne,
    Sparse,
    SumPool2d,
    row_of,
)
from eqchip.emulator.description.connections.sparse import CompressedRows
from eqchip.emulator.description.graph.graph import Graph, Projection
from eqchip.emulator.description.graph.integers import weight_codes
from eqchip.emulator.engine.lowering import LAYOUTS, Layout, Rows, fan_of, lay_out, one_row
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels.graph.arrays import Given, Wiring
from eqchip.emulator.kernels.lowered import (
    CACHE_LINE,
    MOST_LANES,
    aligned_zeros,
    unit_offsets,
)
from eqchip.emulator.problem.graph import GraphProblem

SUM_LIMIT = 2**31  # of a sum of codes


class Bundle(NamedTuple):
    """The synapses of one projection with one delay, in rows by presynaptic channel."""

    projection: int
    pre: int
    post: int
    compartment: int
    delay: int
    rows: Rows
    held: np.ndarray
    exponent: int


def _one_to_one_rows(connection: OneToOne) -> tuple[Rows, Rows]:
    unit = np.arange(connection.units)
    rows = one_row(CompressedRows(np.arange(connection.units + 1), unit, unit))
    return rows, rows


def _pool_rows(connection: SumPool2d) -> tuple[Rows, Rows]:
    senders = np.arange(math.prod(connection.pre_shape))
    _, width, channels = connection.post_shape
    i, j, channel = np.unravel_index(senders, connection.pre_shape)
    above = (i // connection.size * width + j // connection.size) * channels + channel
    order = np.argsort(above, kind="stable")
    ends = np.arange(0, len(senders) + 1, connection.size**2)
    return (
        one_row(CompressedRows(np.arange(len(senders) + 1), above, senders)),
        one_row(CompressedRows(ends, senders[order], senders)),
    )


def _spread_pool(connection: SumPool2d, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    row = np.full((1, math.prod(connection.pre_shape)), weights[0])
    return row, row


# Graphs know the kinds of connection that networks know, and some more.
GRAPH_LAYOUTS: ChainMap[type, Layout] = ChainMap(
    {
        OneToOne: Layout(
            _one_to_one_rows,
            lambda connection, weights: (weights[None], weights[None]),
            lambda connection, rows: rows[0, : connection.units],
        ),
        SumPool2d: Layout(_pool_rows, _spread_pool, lambda connection, rows: rows[0, :1]),
    },
    LAYOUTS,
)
# The two units that each weight of a kind joins, where synapses may differ in their delay.
PAIRS: dict[type, Callable[[Any], tuple[np.ndarray, np.ndarray]]] = {
    Dense: lambda c: tuple(index.ravel() for index in np.indices(c.weight_shape)),
    Sparse: lambda c: (c.pre, c.indices),
    OneToOne: lambda c: (np.arange(c.units), np.arange(c.units)),
}


def bundles_of(problem: GraphProblem, number: int, projection: Projection) -> list[Bundle]:
    """A projection, delay by delay.

    Raises
    ------
    InputError
        For a kind of connection without a row.
    """
    graph, connection = problem.graph, projection.connection
    compartments = graph.population(projection.post).unit.compartments
    ends = (
        graph.numbers[projection.pre],
        graph.numbers[projection.post],
        compartments.index(projection.to),
    )
    exponent = 0
    if problem.integers:
        held, exponent = weight_codes(projection)
    else:
        held = connection.synapse_weights(projection.weights.astype(problem.dtype))
    if np.ndim(projection.delay):
        pre, post = row_of(PAIRS, connection, f"run: {projection}")(connection)
        return [
            Bundle(number, *ends, delay, *_at_delay(connection, projection, held, delay, pre, post),
                   exponent)
            for delay in projection.delays
        ]  # fmt: skip
    layout = row_of(GRAPH_LAYOUTS, connection, f"run: {projection}")
    forward, _ = layout.rows(connection)
    return [
        Bundle(number, *ends, projection.delay, forward, layout.spread(connection, held)[0],
               exponent)
    ]  # fmt: skip


def _at_delay(
    connection: Connection,
    projection: Projection,
    held: np.ndarray,
    delay: int,
    pre: np.ndarray,
    post: np.ndarray,
) -> tuple[Rows, np.ndarray]:
    """The synapses of one delay, each a segment."""
    here = (projection.delay == delay).ravel()
    senders = math.prod(connection.pre_shape)
    starts = np.concatenate([[0], np.cumsum(np.bincount(pre[here], minlength=senders))])
    rows = one_row(CompressedRows(starts, post[here], np.flatnonzero(here)))
    return rows, held.ravel()[here][None]


def check_sums(problem: GraphProblem) -> None:
    """Refuse graded messages whose sums no chip could hold."""
    if not problem.integers:
        return
    for projection in problem.graph.projections:
        pre = problem.graph.population(projection.pre)
        if not pre.unit.valued:
            continue
        values = problem.messages[pre.name].values if pre.name in problem.messages else np.ones(1)
        message = int(np.abs(values).max(initial=0))
        code = int(np.abs(weight_codes(projection).codes.astype(np.int64)).max())
        if message * code * pre.size >= SUM_LIMIT:
            raise InputError(
                f"run: {projection}: messages of up to {message} from {pre.size} units may sum to "
                "more than 2**31 in precision 'chip'; expected smaller ones"
            )


def wire(problem: GraphProblem, order: Sequence[int]) -> Wiring:
    """A graph as flat arrays.

    order: the numbers of the populations in the order in which their units stand in memory.
    """
    graph = problem.graph
    check_sums(problem)
    bundles = [b for k, p in enumerate(graph.projections) for b in bundles_of(problem, k, p)]
    dtype = np.result_type(*(b.held.dtype for b in bundles)) if bundles else problem.dtype
    if problem.integers and not bundles:
        dtype = np.dtype(np.int8)
    sizes = np.array(graph.sizes, np.int64)
    rooms = _rooms(graph, order, dtype.itemsize)
    rows = [b.rows for b in bundles]
    starts, strides, total = lay_out(rows, dtype) if rows else (*_no_rows(), 0)
    weights = aligned_zeros(total, dtype)
    for bundle, start, stride in zip(bundles, starts, strides, strict=True):
        channels, columns = bundle.held.shape
        kept = weights[start : start + channels * stride].reshape(channels, stride)
        kept[:, :columns] = bundle.held
    pre, post, delay, projection, exponent = (
        np.array([getattr(b, name) for b in bundles], np.int64)
        for name in ("pre", "post", "delay", "projection", "exponent")
    )
    depth = np.full(len(sizes), 1, np.int64)
    np.maximum.at(depth, pre, delay + 2)
    lanes = min(CACHE_LINE // dtype.itemsize, MOST_LANES)
    fan = fan_of(rows or [_nowhere()], lanes)
    compartment = np.array([b.compartment for b in bundles], np.int64)
    return Wiring(
        rooms[0],
        rooms,
        sizes,
        np.array([p.unit.valued for p in graph.populations]),
        weights,
        starts,
        strides,
        fan,
        fan.channels[: len(pre)] == sizes[pre],
        pre,
        post,
        rooms[compartment, post],
        delay,
        projection,
        exponent,
        depth,
        _begins(depth * sizes),
        _begins(depth),
    )


def _rooms(graph: Graph, order: Sequence[int], itemsize: int) -> np.ndarray:
    """Where the units of each compartment of each population start, (compartments, populations).

    First compartments stand before second ones, so that those of one kind stand side by side.
    """
    counts = [len(p.unit.compartments) for p in graph.populations]
    places = [(c, k) for c in range(max(counts)) for k in order if c < counts[k]]
    offsets = unit_offsets([graph.sizes[k] for _, k in places], itemsize)
    rooms = np.zeros((max(counts), len(counts)), np.int64)
    rooms[tuple(np.array(places).T)] = offsets[:-1]
    return rooms


def _no_rows() -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(0, np.int64), np.zeros(0, np.int64)


def _nowhere() -> Rows:
    return Rows(0, 0, np.zeros(1, np.int64), np.zeros((0, 3), np.int64))


def _begins(lengths: np.ndarray) -> np.ndarray:
    """Where stretches of these lengths begin, one after the other."""
    return np.concatenate([[0], np.cumsum(lengths)])[:-1].astype(np.int64)


def given_of(problem: GraphProblem) -> Given:
    """What a run is given, as flat arrays."""
    graph = problem.graph
    number = np.dtype(np.int32) if problem.integers else problem.dtype
    messages = [(graph.numbers[name], one) for name, one in problem.messages.items()]
    shift = _begins(np.array([len(one.units) for _, one in messages], np.int64))
    ends = [one.first.ravel() + s for (_, one), s in zip(messages, shift, strict=True)]
    currents = [(graph.numbers[name], one) for name, one in problem.currents.items()]
    return Given(
        sources=np.array([p for p, _ in messages], np.int64),
        row_begin=_begins(np.array([len(one) for one in ends], np.int64)),
        rows=np.array([one.first.shape[1] - 1 for _, one in messages], np.int64),
        hold=np.array([one.hold for _, one in messages], np.int64),
        ends=_joined(ends, np.int64),
        units=_joined([one.units for _, one in messages], np.int32),
        values=_joined([one.values for _, one in messages], number),
        driven=np.array([p for p, _ in currents], np.int64),
        current_begin=_begins(np.array([one.rows.size for _, one in currents], np.int64)),
        current_hold=np.array([one.hold for _, one in currents], np.int64),
        currents=_joined([one.rows.ravel() for _, one in currents], problem.dtype),
    )


def _joined(arrays: Sequence[np.ndarray], dtype: Any) -> np.ndarray:
    return np.concatenate([np.zeros(0, dtype), *arrays]).astype(dtype)
