"""Lowering: from a network description to the flat arrays that kernels run.

Units of all layers stand in one row of memory, each layer from a cache line of
its own. The weights of a connection are stored as rows of its presynaptic units
(forward) and, where feedback is needed, once more as rows of its postsynaptic
units: a spike reads one contiguous row in either direction. A row takes an odd
number of cache lines, so that rows do not fight for the same cache sets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from eqchip.emulator.fixedpoint import FixedPoint, quantize
from eqchip.emulator.network import Dense, Network
from eqchip.emulator.parts import Part, bounds, whole_layers

CACHE_LINE = 64  # bytes


class Lowered(NamedTuple):
    """A network as flat arrays, in one floating-point type or in a chip's integers.

    Attributes
    ----------
    sizes : ndarray of int64, shape (layers,)
        Units per layer.
    offsets : ndarray of int64, shape (layers + 1,)
        Where each layer starts in arrays over units; the last is their length.
    weights, mirror : ndarray, flat
        Rows by presynaptic unit, and rows by postsynaptic unit (the transpose).
        The first connection has no mirror: its presynaptic layer is clamped.
    starts, strides, mirror_starts, mirror_strides : ndarray of int64, shape (connections,)
        Where the rows of each connection start, and how far apart they are.
    biases : ndarray, flat over units
    exponents : ndarray of int64, shape (connections,)
        Of a chip's weight codes; 0 for floating-point weights.
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
    biases: np.ndarray
    exponents: np.ndarray
    part_starts: np.ndarray
    part_ends: np.ndarray


def aligned_zeros(shape: int | tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Zeros that start on a cache line; the line after the last may be read."""
    dtype = np.dtype(dtype)
    count = math.prod(shape) if isinstance(shape, tuple) else shape
    raw = np.zeros(count * dtype.itemsize + 2 * CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % CACHE_LINE
    return raw[start : start + count * dtype.itemsize].view(dtype).reshape(shape)


def lower(network: Network, dtype: np.dtype, parts: Sequence[Part] = ()) -> Lowered:
    """Lower a network into floating-point numbers; the arrays are fresh and writable.

    Without `parts` every layer is one.
    """
    lowered = _allocate(network, np.dtype(dtype), np.dtype(dtype), parts)
    for k, connection in enumerate(network.connections):
        _LOWERINGS[type(connection)](lowered, k, network.weights[k])
        layer_units(lowered, lowered.biases, k + 1)[:] = network.biases[k].ravel()
    return lowered


def lower_fixed(network: Network, fixed: FixedPoint, parts: Sequence[Part] = ()) -> Lowered:
    """Lower a network into a chip's integers: weights int8 codes, biases int32 states."""
    lowered = _allocate(network, np.dtype(np.int8), np.dtype(np.int32), parts)
    for k, connection in enumerate(network.connections):
        found = quantize(network.weights[k], fixed)
        lowered.exponents[k] = found.exponent
        _LOWERINGS[type(connection)](lowered, k, found.codes)
        layer_units(lowered, lowered.biases, k + 1)[:] = fixed.states(network.biases[k]).ravel()
    return lowered


def _allocate(
    network: Network, dtype: np.dtype, state_dtype: np.dtype, parts: Sequence[Part]
) -> Lowered:
    """Zeroed arrays: weights of one type, biases of that of the states."""
    line = CACHE_LINE // dtype.itemsize
    sizes = np.array(network.sizes, np.int64)
    offsets = np.concatenate([[0], np.cumsum(-(-sizes // line) * line)]).astype(np.int64)
    rows, columns = sizes[:-1], sizes[1:]
    strides, mirror_strides = _stride(columns, line), _stride(rows, line)
    starts = np.concatenate([[0], np.cumsum(rows * strides)])
    mirror_sizes = columns * mirror_strides
    mirror_sizes[0] = 0
    mirror_starts = np.concatenate([[0], np.cumsum(mirror_sizes)])
    return Lowered(
        sizes,
        offsets,
        aligned_zeros(int(starts[-1]), dtype),
        starts[:-1],
        strides,
        aligned_zeros(int(mirror_starts[-1]), dtype),
        mirror_starts[:-1],
        mirror_strides,
        aligned_zeros(int(offsets[-1]), state_dtype),
        np.zeros(len(sizes) - 1, np.int64),
        *bounds(parts or whole_layers(network.sizes), len(sizes)),
    )


def layer_units(lowered: Lowered, array: np.ndarray, layer: int) -> np.ndarray:
    """The view of one layer in an array whose last axis runs over units."""
    start = lowered.offsets[layer]
    return array[..., start : start + lowered.sizes[layer]]


def weight_rows(lowered: Lowered, k: int) -> np.ndarray:
    """The weights of connection k as a view of shape (n_pre, n_post)."""
    return _rows(lowered.weights, lowered.starts[k], lowered.strides[k], *lowered.sizes[k : k + 2])


def mirror_rows(lowered: Lowered, k: int) -> np.ndarray:
    """The mirrored weights of connection k > 0 as a view of shape (n_post, n_pre)."""
    n_pre, n_post = lowered.sizes[k : k + 2]
    return _rows(lowered.mirror, lowered.mirror_starts[k], lowered.mirror_strides[k], n_post, n_pre)


def raise_to_network(lowered: Lowered, like: Network) -> Network:
    """The network description that the arrays hold now."""
    return Network(
        like.layers,
        like.connections,
        tuple(weight_rows(lowered, k).copy() for k in range(len(like.connections))),
        tuple(
            layer_units(lowered, lowered.biases, k + 1).reshape(like.layers[k + 1]).copy()
            for k in range(len(like.connections))
        ),
    )


def _stride(columns: np.ndarray, line: int) -> np.ndarray:
    return (-(-columns // line) | 1) * line


def _rows(flat: np.ndarray, start: int, stride: int, rows: int, columns: int) -> np.ndarray:
    return flat[start : start + rows * stride].reshape(rows, stride)[:, :columns]


def _lower_dense(lowered: Lowered, k: int, weights: np.ndarray) -> None:
    weight_rows(lowered, k)[:] = weights
    if k > 0:
        mirror_rows(lowered, k)[:] = weights.T


_LOWERINGS = {Dense: _lower_dense}
