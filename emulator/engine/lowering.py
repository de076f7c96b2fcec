"""Lowering: from a network description to the flat arrays that kernels run.

Units of all layers stand in one row of memory, each layer from a cache line of its own; the
channels of a place stand together. A spike of a unit adds *segments* of a row of weights to
neighbouring units of the layer that it reaches. The row belongs to the unit's channel, the
segments to its place::

    dense         one place, every unit a channel: one segment, the whole row
    convolution   a segment for each row of the map that the kernel reaches from the place
    sparse        every unit a place, of one channel; a segment for each synapse

so no kernel asks which kind a connection is. The rows of a connection are stored by channels of
its presynaptic layer (forward) and, where feedback is needed (not from what hears the clamped
input, nor within a layer), once more by channels of its
postsynaptic layer: a spike reads contiguous memory in either direction. For that, a row of a
convolution of stride S holds the kernel's columns backwards and in S groups: neighbours above
see a place below through every S-th column of the kernel, the last one first. A row takes an odd
number of cache lines, so that rows do not fight for the same cache sets.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.description.connections import (
    Connection,
    Conv2d,
    Dense,
    Lateral,
    OneToOne,
    Sparse,
    row_of,
)
from eqchip.emulator.description.connections.sparse import CompressedRows
from eqchip.emulator.description.fixedpoint import (
    FixedPoint,
    QuantizedWeights,
    quantize,
    quantize_at,
    real_weights,
)
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.parts import Part, bounds, whole_layers
from eqchip.emulator.description.upkeep import FORWARD, MIRROR
from eqchip.emulator.kernels.lowered import (
    CACHE_LINE,
    MOST_LANES,
    Fan,
    Lowered,
    aligned_zeros,
    has_mirror,
    layer_units,
    mirror_rows,
    row_stride,
    unit_offsets,
    weight_rows,
)

Segment = tuple[int, int, int]


class Rows(NamedTuple):
    """How a connection stores its weights in one direction.

    channels rows, one per channel that sends; columns numbers each. segments: (to, source,
    length), int64, shape (n, 3), those of a place together; first: where those of each place that
    sends start, and the end of the last. whole: the row is one segment, and is added with the
    zeros that fill its last vector. none: numbers of a row that are no
    synapses, as that of a unit with itself.
    """

    channels: int
    columns: int
    first: np.ndarray
    segments: np.ndarray
    whole: bool = False
    none: int = 0


class Layout(NamedTuple):
    """What a kind of connection is here: how its rows lie, and what they hold.

    rows: of a connection, forward and back. spread: of a connection and its synapse weights, what
    the rows hold, forward and back. gather: the way back from the forward rows.
    """

    rows: Callable[[Any], tuple[Rows, Rows]]
    spread: Callable[[Any, np.ndarray], tuple[np.ndarray, np.ndarray]]
    gather: Callable[[Any, np.ndarray], np.ndarray]


def lower(network: Network, dtype: np.dtype, parts: Sequence[Part] = ()) -> Lowered:
    """Lower a network into floating-point numbers; the arrays are fresh and writable.

    Without `parts` every layer is one.
    """
    lowered = _allocate(network, np.dtype(dtype), np.dtype(dtype), parts)
    for k, connection in enumerate(network.connections):
        gain = network.feedback_gains[k]
        with np.errstate(over="ignore"):  # of what `pose` refuses
            weights = network.weights[k].astype(dtype)
        write_weights(lowered, k, connection, weights, gain)
    for k, biases in enumerate(network.biases):
        with np.errstate(over="ignore"):
            layer_units(lowered, lowered.biases, k + 1)[:] = biases.ravel()
    return lowered


def lower_fixed(
    network: Network,
    fixed: FixedPoint,
    parts: Sequence[Part] = (),
    exponents: Sequence[int] | None = None,
    mirror: Sequence[np.ndarray] | None = None,
) -> Lowered:
    """Lower a network into a chip's integers: weights int8 codes, biases int32 states.

    The codes are those of what the synapses hold, so of merged kernels. exponents: one per
    connection; by default each is chosen for its weights. mirror: the weights that feedback
    spikes read, in the shapes of the network's, of every connection but the first; by default
    the network's own. Both copies of a connection have one exponent.
    """
    lowered = _allocate(network, np.dtype(np.int8), np.dtype(np.int32), parts)
    for k, connection in enumerate(network.connections):
        synapses = connection.synapse_weights(network.weights[k].astype(np.float64))
        own = mirror[k - 1] if mirror is not None and k > 0 else None
        if own is not None:
            synapses = np.stack([synapses, connection.synapse_weights(own.astype(np.float64))])
        if exponents is None:
            found = quantize(synapses, fixed)
        else:
            found = quantize_at(synapses, exponents[k], fixed)
        lowered.exponents[k] = found.exponent
        lowered.back_exponents[k] = found.exponent - network.back_shifts[k]
        _write(lowered, k, connection, *((found.codes,) if own is None else found.codes))
    for k, biases in enumerate(network.biases):
        layer_units(lowered, lowered.biases, k + 1)[:] = fixed.states(biases).ravel()
    return lowered


def write_weights(
    lowered: Lowered, k: int, connection: Connection, weights: np.ndarray, feedback_gain: float
) -> None:
    """Write the stored weights of connection k into its rows, in both directions.

    feedback_gain: what the mirror holds is times this, a power of two, so exact.
    """
    _write(lowered, k, connection, connection.synapse_weights(weights))
    if has_mirror(lowered, k) and feedback_gain != 1.0:
        rows = mirror_rows(lowered, k)
        rows *= rows.dtype.type(feedback_gain)


def _write(
    lowered: Lowered,
    k: int,
    connection: Connection,
    synapses: np.ndarray,
    mirrored: np.ndarray | None = None,
) -> None:
    """Write both copies; mirrored: that of feedback, by default the same."""
    spread = layout_of(connection).spread
    forward, back = spread(connection, synapses)
    weight_rows(lowered, k)[:, : forward.shape[1]] = forward
    if mirrored is not None:
        _, back = spread(connection, mirrored)
    if has_mirror(lowered, k):
        mirror_rows(lowered, k)[:, : back.shape[1]] = back


def mirrored_weights(
    lowered: Lowered, network: Network, fixed: FixedPoint
) -> tuple[np.ndarray, ...]:
    """The weights that feedback spikes read of a network in a chip's integers.

    Returns
    -------
    tuple of ndarray of float64, of the shapes of the network's synapse weights
        Of every connection but the first: the clamped input hears nothing.
    """
    found = []
    for k, connection in enumerate(network.connections[1:], start=1):
        codes = held_weights(connection, mirror_rows(lowered, k), MIRROR)
        found.append(real_weights(QuantizedWeights(codes, int(lowered.exponents[k]), 0), fixed))
    return tuple(found)


@lru_cache(maxsize=32)
def weight_numbers(connection: Connection) -> tuple[np.ndarray, np.ndarray]:
    """Which of a connection's synapse weights each number of its rows is, forward and back.

    Returns
    -------
    tuple of 2 ndarray of int32, of the shapes of the rows
    """
    shape = connection.synapse_weight_shape
    numbers = np.arange(math.prod(shape), dtype=np.int32).reshape(shape)
    forward, back = layout_of(connection).spread(connection, numbers)
    return forward, back


class Synapses(NamedTuple):
    """The synapses of a connection, by place and channel below; int64, one entry each.

    pre, post: the units that one joins; weight: which of the synapse weights it has.
    """

    pre: np.ndarray
    post: np.ndarray
    weight: np.ndarray


@lru_cache(maxsize=8)
def synapses_of(connection: Connection) -> Synapses:
    """Every synapse of a connection."""
    rows, _ = _rows_of(connection)
    numbers, _ = weight_numbers(connection)
    to, source, length = rows.segments.T
    place = np.repeat(np.arange(len(rows.first) - 1), np.diff(rows.first))
    along = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    places, post, column = (np.repeat(one, length) for one in (place, to, source))
    found = [
        (places * rows.channels + channel, post + along, numbers[channel, column + along])
        for channel in range(rows.channels)
    ]
    return Synapses(*(np.concatenate(one).astype(np.int64) for one in zip(*found, strict=True)))


def held_weights(connection: Connection, rows: np.ndarray, which: int) -> np.ndarray:
    """The synapse weights that rows hold, which FORWARD or MIRROR: of a matrix a view."""
    shape = connection.synapse_weight_shape
    if connection.all_to_all:
        return rows[:, : shape[1]] if which == FORWARD else rows[:, : shape[0]].T
    numbers = weight_numbers(connection)[which]
    found = np.empty(math.prod(shape), rows.dtype)
    found[numbers] = rows[:, : numbers.shape[1]]
    return found.reshape(shape)


def hold_weights(
    connection: Connection, rows: np.ndarray, which: int, synapses: np.ndarray
) -> None:
    """Write synapse weights into rows, which FORWARD or MIRROR."""
    held = layout_of(connection).spread(connection, synapses)[which]
    rows[:, : held.shape[1]] = held


def gather_weights(
    lowered: Lowered, k: int, connection: Connection, rows: np.ndarray
) -> np.ndarray:
    """The synapse weights that rows of connection k hold: the inverse of writing them."""
    return layout_of(connection).gather(connection, rows)


def layout_of(connection: Connection) -> Layout:
    """How this kind of connection is lowered.

    Raises
    ------
    InputError
        If nothing here says how.
    """
    return row_of(LAYOUTS, connection, "run: connection")


@lru_cache(maxsize=32)
def _rows_of(connection: Connection) -> tuple[Rows, Rows]:
    """The rows of a connection; a convolution's take a while to lay out."""
    return layout_of(connection).rows(connection)


def _allocate(
    network: Network, dtype: np.dtype, state_dtype: np.dtype, parts: Sequence[Part]
) -> Lowered:
    """Zeroed arrays: weights of one type, biases of that of the states."""
    line = CACHE_LINE // dtype.itemsize
    sizes = np.array(network.sizes, np.int64)
    offsets = unit_offsets(network.sizes, dtype.itemsize)
    laid = [_rows_of(connection) for connection in network.connections]
    starts, strides, total = lay_out([forward for forward, _ in laid], dtype)
    back_rows = [
        back if network.sends_back(k) else rows_of_places(0, 0, [])
        for k, (_, back) in enumerate(laid)
    ]
    mirror_starts, mirror_strides, mirror_total = lay_out(back_rows, dtype)
    return Lowered(
        sizes,
        offsets,
        aligned_zeros(total, dtype),
        starts,
        strides,
        aligned_zeros(mirror_total, dtype),
        mirror_starts,
        mirror_strides,
        fan_of([forward for forward, _ in laid], min(line, MOST_LANES)),
        fan_of(back_rows, min(line, MOST_LANES)),
        np.array([_pool(connection) for connection in network.connections], np.int64),
        aligned_zeros(int(offsets[-1]), state_dtype),
        np.zeros(len(laid), np.int64),
        np.zeros(len(laid), np.int64),
        *bounds(parts or whole_layers(network.sizes), len(sizes)),
    )


def lay_out(rows: Sequence[Rows], dtype: np.dtype) -> tuple[np.ndarray, np.ndarray, int]:
    """Where the rows of each connection start, how far apart they are, and what all take."""
    strides = np.array([row_stride(r.columns, dtype) for r in rows], np.int64)
    ends = np.cumsum([r.channels * stride for r, stride in zip(rows, strides, strict=True)])
    return np.concatenate([[0], ends[:-1]]).astype(np.int64), strides, int(ends[-1])


def fan_of(rows: Sequence[Rows], lanes: int) -> Fan:
    """Where the rows of each connection go; lanes: numbers of a vector, of rows added whole."""
    places = np.cumsum([0, *(len(r.first) for r in rows)])[:-1]
    begun = np.cumsum([0, *(len(r.segments) for r in rows)])[:-1]
    reach, segments = [], []
    for r in rows:
        ends = np.append(0, np.cumsum(r.segments[:, 2]))
        reach.append(np.append(np.diff(ends[r.first]) - r.none, 0))
        added = r.segments.copy()
        if r.whole:
            added[:, 2] = -(-added[:, 2] // lanes) * lanes
        segments.append(added)
    to, source, length = np.concatenate(segments).T.copy()
    return Fan(
        np.array([max(r.channels, 1) for r in rows], np.int64),
        places,
        np.concatenate([start + r.first for start, r in zip(begun, rows, strict=True)]),
        to,
        source,
        length,
        np.concatenate(reach),
        np.array([_scattered(r) for r in rows]),
    )


def _scattered(rows: Rows) -> bool:
    """Whether one row is added number by number, which kernels do without looking at lengths."""
    _, source, length = rows.segments.T
    in_turn = np.array_equal(source, np.arange(len(source)))
    return rows.channels == 1 and in_turn and bool((length == 1).all()) and not rows.whole


def rows_of_places(
    channels: int, columns: int, places: Sequence[Sequence[Segment]], whole: bool = False
) -> Rows:
    """Rows from the segments of every place that sends."""
    ends = np.append(0, np.cumsum([len(of_place) for of_place in places], dtype=np.int64))
    segments = [segment for of_place in places for segment in of_place]
    laid = np.array(segments, np.int64).reshape(-1, 3)
    return Rows(channels, columns, ends.astype(np.int64), laid, whole)


# --- dense --------------------------------------------------------------------------------


def _dense_rows(connection: Dense) -> tuple[Rows, Rows]:
    n_pre, n_post = connection.n_pre, connection.n_post
    return (
        rows_of_places(n_pre, n_post, [[(0, 0, n_post)]], whole=True),
        rows_of_places(n_post, n_pre, [[(0, 0, n_pre)]], whole=True),
    )


def _spread_dense(connection: Dense, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return weights, weights.T


def _gather_dense(connection: Dense, rows: np.ndarray) -> np.ndarray:
    return rows[:, : connection.n_post]


# --- convolution --------------------------------------------------------------------------


@lru_cache(maxsize=32)
def _columns(connection: Conv2d) -> tuple[int, ...]:
    """The kernel's columns in the order of a forward row."""
    m, stride = connection.synapse_kernel, connection.synapse_stride
    return tuple(e for group in range(stride) for e in range(m - 1, -1, -1) if e % stride == group)


def _seen_above(connection: Conv2d, place: int, above: int) -> tuple[int, int]:
    """Along one axis, the places above that see a place below: the first, and one past the last."""
    m, stride = connection.synapse_kernel, connection.synapse_stride
    place += connection.padding
    return max(-(-(place - m + 1) // stride), 0), min(place // stride + 1, above)


def _conv_rows(connection: Conv2d) -> tuple[Rows, Rows]:
    height, width, below = connection.pre_shape
    map_height, map_width, above = connection.synapse_shape
    m, stride, padding = (
        connection.synapse_kernel, connection.synapse_stride, connection.padding
    )  # fmt: skip
    place_of = {column: place for place, column in enumerate(_columns(connection))}
    forward = []
    for i in range(height):
        for j in range(width):
            segments = []
            left, right = _seen_above(connection, j, map_width)
            for o in range(*_seen_above(connection, i, map_height)):
                if left < right:
                    row = i + padding - stride * o
                    column = place_of[j + padding - stride * left]
                    segments.append((
                        (o * map_width + left) * above,
                        (row * m + column) * above,
                        (right - left) * above,
                    ))  # fmt: skip
            forward.append(segments)
    back = []
    for o in range(map_height):
        for p in range(map_width):
            segments = []
            top, left = stride * o - padding, stride * p - padding
            first, last = max(left, 0), min(left + m, width)
            for i in range(max(top, 0), min(top + m, height)):
                segments.append((
                    (i * width + first) * below,
                    ((i - top) * m + first - left) * below,
                    (last - first) * below,
                ))  # fmt: skip
            back.append(segments)
    return (
        rows_of_places(below, m * m * above, forward),
        rows_of_places(above, m * m * below, back),
    )


def _spread_conv(connection: Conv2d, synapses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    below, above = synapses.shape[2:]
    forward = (
        np.take(synapses, _columns(connection), axis=1).transpose(2, 0, 1, 3).reshape(below, -1)
    )
    return forward, synapses.transpose(3, 0, 1, 2).reshape(above, -1)


def _gather_conv(connection: Conv2d, rows: np.ndarray) -> np.ndarray:
    m, below, above = connection.synapse_kernel, connection.pre_shape[2], connection.channels
    columns = np.argsort(_columns(connection))
    held = rows[:, : m * m * above].reshape(below, m, m, above)
    return held[:, :, columns].transpose(1, 2, 0, 3)


def _pool(connection: Connection) -> tuple[int, ...]:
    if not connection.max_window:
        return (0, 0, 0, 0)
    return (connection.max_window, *connection.synapse_shape)


# --- sparse -------------------------------------------------------------------------------


def _sparse_rows(connection: Sparse) -> tuple[Rows, Rows]:
    forward, back = (one_row(connection.rows(forward)) for forward in (True, False))
    return forward, back


def one_row(synapses: CompressedRows) -> Rows:
    """All synapses in one row, by the unit that sends, each a segment."""
    count = len(synapses.other)
    segments = np.stack([synapses.other, np.arange(count), np.ones(count, np.int64)], axis=1)
    return Rows(1, count, synapses.start, segments)


def _spread_sparse(connection: Sparse, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return weights[None], weights[None, connection.rows(False).synapse]


def _gather_sparse(connection: Sparse, rows: np.ndarray) -> np.ndarray:
    return rows[0, : len(connection.indices)]


# --- one to one, and within a layer -------------------------------------------------------


def _one_to_one_rows(connection: OneToOne) -> tuple[Rows, Rows]:
    units = np.arange(connection.units)
    rows = one_row(CompressedRows(np.arange(connection.units + 1), units, units))
    return rows, rows


def _lateral_rows(connection: Lateral) -> tuple[Rows, Rows]:
    units = connection.units
    rows = rows_of_places(units, units, [[(0, 0, units)]], whole=True)._replace(none=1)
    return rows, rows


LAYOUTS: dict[type, Layout] = {
    Dense: Layout(_dense_rows, _spread_dense, _gather_dense),
    Conv2d: Layout(_conv_rows, _spread_conv, _gather_conv),
    Sparse: Layout(_sparse_rows, _spread_sparse, _gather_sparse),
    OneToOne: Layout(
        _one_to_one_rows,
        lambda connection, weights: (weights[None], weights[None]),
        lambda connection, rows: rows[0, : connection.units],
    ),
    Lateral: Layout(
        _lateral_rows,
        lambda connection, synapses: (synapses, synapses),
        lambda connection, rows: rows[:, : connection.units],
    ),
}
