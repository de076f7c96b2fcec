"""Lowering of graphs: from their description to the flat arrays that kernels run."""

from __future__ import annotations

import math
from collections import ChainMap
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.description.connections import (
    Dense,
    OneToOne,
    Sparse,
    SumPool2d,
    row_of,
)
from eqchip.emulator.description.graph.graph import Graph, Projection
from eqchip.emulator.description.graph.integers import weight_codes
from eqchip.emulator.engine.lowering import LAYOUTS, Rows, fan_of, lay_out
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


class Synapses(NamedTuple):
    """A list of synapses by the unit that sends: those of unit i are start[i] : start[i + 1].

    start: int64; post: int32 or int64, the unit that each reaches; weight: which of the stored
    weights each has, or all of them in turn.
    """

    start: np.ndarray
    post: np.ndarray
    weight: Any = slice(None)


NOWHERE = Rows(0, 0, np.zeros(1, np.int64), np.zeros((0, 3), np.int64))


class Bundle(NamedTuple):
    """The synapses of one projection with one delay: a list of them, or rows by channel.

    held: the weights of the list, or what the rows hold.
    """

    projection: int
    pre: int
    post: int
    compartment: int
    delay: int
    held: np.ndarray
    exponent: int
    synapses: Synapses | None = None
    rows: Rows = NOWHERE


def _sparse_list(connection: Sparse) -> Synapses:
    return Synapses(connection.indptr, connection.indices)


def _one_to_one_list(connection: OneToOne) -> Synapses:
    return Synapses(np.arange(connection.units + 1), np.arange(connection.units))


def _pool_list(connection: SumPool2d) -> Synapses:
    senders = np.arange(math.prod(connection.pre_shape))
    _, width, channels = connection.post_shape
    i, j, channel = np.unravel_index(senders, connection.pre_shape)
    above = (i // connection.size * width + j // connection.size) * channels + channel
    return Synapses(np.arange(len(senders) + 1), above, np.zeros(len(senders), np.int64))


def _dense_list(connection: Dense) -> Synapses:
    count, n_post = math.prod(connection.weight_shape), connection.n_post
    return Synapses(np.arange(0, count + 1, n_post), np.arange(count) % n_post)


# Kinds whose synapses go anywhere; those whose rows go to neighbours are in `LAYOUTS`.
LISTS: dict[type, Callable[[Any], Synapses]] = {
    Sparse: _sparse_list,
    OneToOne: _one_to_one_list,
    SumPool2d: _pool_list,
}
# Kinds whose synapses, one for each stored weight, may differ in their delay.
DELAYED: ChainMap[type, Callable[[Any], Synapses]] = ChainMap({Dense: _dense_list}, LISTS)


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
        weights = projection.weights.astype(problem.dtype, copy=False)
        held = connection.synapse_weights(weights)

    if np.ndim(projection.delay):
        synapses = row_of(DELAYED, connection, f"run: {projection}")(connection)
        found = [
            (delay, *_at_delay(synapses, projection, held, delay)) for delay in projection.delays
        ]
        return [Bundle(number, *ends, delay, own, exponent, of) for delay, of, own in found]
    if type(connection) in LISTS:
        synapses = LISTS[type(connection)](connection)
        own = held[synapses.weight]
        return [Bundle(number, *ends, projection.delay, own, exponent, synapses)]
    layout = row_of(LAYOUTS, connection, f"run: {projection}")
    forward, _ = layout.rows(connection)
    own = layout.spread(connection, held)[0]
    return [Bundle(number, *ends, projection.delay, own, exponent, rows=forward)]


def _at_delay(
    synapses: Synapses, projection: Projection, held: np.ndarray, delay: int
) -> tuple[Synapses, np.ndarray]:
    """The synapses of one delay, and their weights."""
    here = (projection.delay == delay).ravel()
    before = np.append(0, np.cumsum(here))  # of all synapses, how many are of this delay
    return Synapses(before[synapses.start], synapses.post[here]), held.ravel()[here]


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
    lists, rows = _lists_of(bundles), [b.rows for b in bundles]
    starts, strides, total = lay_out(rows, dtype) if rows else (*_no_rows(), 0)
    line = CACHE_LINE // dtype.itemsize
    behind = -(-len(lists.targets) // line) * line  # lists come first, rows start on a line
    weights = aligned_zeros(behind + total, dtype)
    for k, bundle in enumerate(bundles):
        if lists.listed[k]:
            first = int(lists.starts[lists.begin[k]])
            weights[first : first + len(bundle.held)] = bundle.held
        else:
            channels, columns = bundle.held.shape
            start = behind + starts[k]
            kept = weights[start : start + channels * strides[k]].reshape(channels, -1)
            kept[:, :columns] = bundle.held
    pre, post, delay, projection, exponent = (
        np.array([getattr(b, name) for b in bundles], np.int64)
        for name in ("pre", "post", "delay", "projection", "exponent")
    )
    depth = np.full(len(sizes), 1, np.int64)
    np.maximum.at(depth, pre, delay + 2)
    lanes = min(CACHE_LINE // dtype.itemsize, MOST_LANES)
    fan = fan_of(rows or [NOWHERE], lanes)
    compartment = np.array([b.compartment for b in bundles], np.int64)
    return Wiring(
        rooms[0],
        rooms,
        sizes,
        np.array([p.unit.valued for p in graph.populations]),
        weights,
        lists.listed,
        lists.begin,
        lists.starts,
        lists.targets,
        behind + starts,
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


class _Lists(NamedTuple):
    """All lists of synapses, one behind the other; see `Wiring`."""

    listed: np.ndarray
    begin: np.ndarray
    starts: np.ndarray
    targets: np.ndarray


def _lists_of(bundles: Sequence[Bundle]) -> _Lists:
    listed = np.array([b.synapses is not None for b in bundles], bool)
    lists = [b.synapses for b in bundles if b.synapses is not None]
    shift = _begins(np.array([len(one.post) for one in lists], np.int64))
    begin = np.zeros(len(bundles), np.int64)
    begin[listed] = _begins(np.array([len(one.start) for one in lists], np.int64))
    starts = [one.start + s for one, s in zip(lists, shift, strict=True)]
    return _Lists(
        listed, begin, _joined(starts, np.int64), _joined([one.post for one in lists], np.int32)
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
    return np.concatenate([np.zeros(0, dtype), *arrays], dtype=dtype, casting="unsafe")
