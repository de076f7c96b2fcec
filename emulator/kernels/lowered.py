"""A network as flat arrays, as kernels take it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

CACHE_LINE = 64  # bytes


MOST_LANES = 32  # numbers in a vector: a cache line of floats, half of one of codes


class Fan(NamedTuple):
    """Where the spikes of every connection go, in one direction.

    Attributes
    ----------
    channels : ndarray of int64, shape (connections,)
        Units of a place, in the layer that sends.
    places : ndarray of int64, shape (connections,)
        Where the places of a connection start in `first`.
    first : ndarray of int64
        The first segment of each place; one more entry per connection, for its end.
    to, source, length : ndarray of int64, shape (segments,)
        From which unit of the other layer on the segment is added, where in the row it starts,
        and how long it is. A row that is added whole is as long as its vectors: zeros follow.
    reach : ndarray of int64, as `first`
        Synapses from a unit of the place.
    scattered : ndarray of bool, shape (connections,)
        Whether there is one row, and each of its numbers in turn is a segment by itself.
    """

    channels: np.ndarray
    places: np.ndarray
    first: np.ndarray
    to: np.ndarray
    source: np.ndarray
    length: np.ndarray
    reach: np.ndarray
    scattered: np.ndarray


class Lowered(NamedTuple):
    """A network as flat arrays, in one floating-point type or in a chip's integers.

    Attributes
    ----------
    sizes : ndarray of int64, shape (layers,)
        Units per layer.
    offsets : ndarray of int64, shape (layers + 1,)
        Where each layer starts in arrays over units; the last is their length.
    weights, mirror : ndarray, flat
        Rows by channel of the presynaptic layer, and by channel of the postsynaptic one.
        No mirror have connections from the input, which is clamped, and those within a layer.
    starts, strides, mirror_starts, mirror_strides : ndarray of int64, shape (connections,)
        Where the rows of each connection start, and how far apart they are.
    forward, back : Fan
        Where the segments of these rows go.
    pools : ndarray of int64, shape (connections, 4)
        Of a maximum pooling: window, height, width and channels of the map that is pooled, which
        `forward` leads to and `back` comes from; 0 where there is none.
    biases : ndarray, flat over units
    exponents, back_exponents : ndarray of int64, shape (connections,)
        Of a chip's weight codes, forward and as feedback reads them: less by the connection's
        shift. 0 for floating-point weights, whose mirror holds the shifted ones.
    part_starts : ndarray of int64, shape (layers + 1,)
        Where the parts of each layer start in the list of parts.
    part_ends : ndarray of int64, shape (parts,)
        One past the last unit of each part, in its layer.
    """

    sizes: np.ndarray
    offsets: np.ndarray
    weights: np.ndarray
    starts: np.ndarray
    strides: np.ndarray
    mirror: np.ndarray
    mirror_starts: np.ndarray
    mirror_strides: np.ndarray
    forward: Fan
    back: Fan
    pools: np.ndarray
    biases: np.ndarray
    exponents: np.ndarray
    back_exponents: np.ndarray
    part_starts: np.ndarray
    part_ends: np.ndarray


def aligned_zeros(shape: int | tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Zeros that start on a cache line; the line after the last may be read."""
    dtype = np.dtype(dtype)
    count = math.prod(shape) if isinstance(shape, tuple) else shape
    raw = np.zeros(count * dtype.itemsize + 2 * CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % CACHE_LINE
    return raw[start : start + count * dtype.itemsize].view(dtype).reshape(shape)


def row_stride(columns: int, dtype: np.dtype) -> int:
    """How far apart rows of so many numbers lie where they are read together: odd in cache lines.

    At a distance of 1, 2 or 4 KiB the same columns of all rows fall into a few sets of the
    first-level cache and evict each other, and a load from one row waits for a store to another
    whose address has the same last 12 bits. An odd number of lines spreads them over all sets.
    """
    line = CACHE_LINE // np.dtype(dtype).itemsize
    return (-(-columns // line) | 1) * line


def unit_offsets(sizes: Sequence[int], itemsize: int) -> np.ndarray:
    """Where each layer starts in a row of all units, each on a cache line, and the row's length.

    itemsize: bytes of what takes the most room in a line: of weights, not of states.
    """
    line = CACHE_LINE // itemsize
    rows = -(-np.array(sizes, np.int64) // line) * line
    return np.concatenate([[0], np.cumsum(rows)]).astype(np.int64)


def layer_units(lowered: Lowered, array: np.ndarray, layer: int) -> np.ndarray:
    """The view of one layer in an array whose last axis runs over units."""
    start = lowered.offsets[layer]
    return array[..., start : start + lowered.sizes[layer]]


def weight_rows(lowered: Lowered, k: int, flat: np.ndarray | None = None) -> np.ndarray:
    """The rows of connection k by presynaptic channel, a view; `flat`: of an array like weights.

    Of a dense connection, the weights, shape (n_pre, at least n_post).
    """
    return _rows(
        lowered.weights if flat is None else flat,
        lowered.starts[k],
        lowered.strides[k],
        lowered.forward.channels[k],
    )


def has_mirror(lowered: Lowered, k: int) -> bool:
    """Whether a second copy of connection k's weights is stored, for what comes back over it."""
    ends = np.append(lowered.mirror_starts, len(lowered.mirror))
    return k > 0 and bool(ends[k + 1] > ends[k])


def mirror_rows(lowered: Lowered, k: int, flat: np.ndarray | None = None) -> np.ndarray:
    """Mirrored rows of connection k by postsynaptic channel, a view; `flat`: of one like mirror."""
    return _rows(
        lowered.mirror if flat is None else flat,
        lowered.mirror_starts[k],
        lowered.mirror_strides[k],
        lowered.back.channels[k],
    )


def _rows(flat: np.ndarray, start: int, stride: int, rows: int) -> np.ndarray:
    return flat[start : start + rows * stride].reshape(rows, stride)
