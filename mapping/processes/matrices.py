"""Connections as the matrices that a process graph holds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.description.connections import Connection, Conv2d, Dense, Sparse, row_of


def matrix_of(connection: Connection, synapse_weights: np.ndarray) -> np.ndarray:
    """The matrix that a connection without maximum pooling amounts to.

    Parameters
    ----------
    connection : Connection
    synapse_weights : ndarray
        Of a convolution its merged kernel, shape (m, m, channels below, channels above).

    Returns
    -------
    ndarray, shape (n_pre, n_post)
        Of the same type; 0 where there is no synapse.

    Raises
    ------
    InputError
        If nothing here says how to write out its kind.
    """
    written = row_of(WRITTEN_OUT, connection, "process graph: connection")
    return written.matrix(connection, synapse_weights)


def _dense_matrix(connection: Dense, weights: np.ndarray) -> np.ndarray:
    return weights


def _sparse_matrix(connection: Sparse, weights: np.ndarray) -> np.ndarray:
    matrix = np.zeros((connection.n_pre, connection.n_post), weights.dtype)
    matrix[connection.pre, connection.indices] = weights
    return matrix


def _conv_matrix(connection: Conv2d, synapse_weights: np.ndarray) -> np.ndarray:
    m, stride = connection.synapse_kernel, connection.synapse_stride
    bordered = np.pad(synapse_weights, ((0, 1), (0, 1), (0, 0), (0, 0)))  # row and column m: 0
    seen = []
    for below, above in zip(connection.pre_shape[:2], connection.post_shape[:2], strict=True):
        # Place i below and place o above are joined by row i + padding - stride o of the kernel.
        of = np.arange(below)[:, None] + connection.padding - stride * np.arange(above)
        seen.append(np.where((of >= 0) & (of < m), of, m))
    rows, columns = seen
    matrix = bordered[rows[:, None, :, None], columns[None, :, None, :]]  # i j o p below above
    sizes = math.prod(connection.pre_shape), math.prod(connection.post_shape)
    return np.ascontiguousarray(matrix.transpose(0, 1, 4, 2, 3, 5)).reshape(sizes)


def _convolution(connection: Conv2d) -> str:
    """A convolution in a few words; what is as usual is left out."""
    text = f"Conv2d {connection}"
    text += f", stride {connection.stride}" if connection.stride > 1 else ""
    text += f", padding {connection.padding}" if connection.padding else ""
    if connection.merged:
        text += f", mean of {connection.window}x{connection.window}"
    return text


class WrittenOut(NamedTuple):
    """A kind of connection as a matrix, of (connection, synapse weights), and what it says."""

    matrix: Callable[[Any, np.ndarray], np.ndarray]
    convolution: Callable[[Any], str | None] = lambda connection: None


WRITTEN_OUT: dict[type, WrittenOut] = {
    Dense: WrittenOut(_dense_matrix),
    Conv2d: WrittenOut(_conv_matrix, _convolution),
    Sparse: WrittenOut(_sparse_matrix),
}
