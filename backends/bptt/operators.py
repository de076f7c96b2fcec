"""Connections as linear operators on batches, with exact transposes, as matrix products.

Given the winners of a maximum pooling every connection is a linear operator A of what comes
from below: ``forward`` is A, ``back`` its transpose, and ``gradient`` what the two share, the
derivative of ``<A x, y>`` by the stored weights. Layers are rows here, (batch, units).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from eqchip.emulator.description.connections import Conv2d, Dense, row_of
from eqchip.emulator.description.network import Network

# Of a maximum pooling, per unit: the place in its window, shape (batch, height, width, channels).
Winners = Any


class DenseOperator:
    """A full matrix."""

    def __init__(self, connection: Dense, weights: np.ndarray) -> None:
        self.weights = weights

    def winners(self, x: np.ndarray) -> Winners:
        """Nothing competes."""
        return None

    def forward(self, x: np.ndarray, winners: Winners = None) -> np.ndarray:
        """A x, shape (batch, n_post)."""
        return x @ self.weights

    def back(self, y: np.ndarray, winners: Winners = None) -> np.ndarray:
        """A^T y, shape (batch, n_pre)."""
        return y @ self.weights.T

    def gradient(self, x: np.ndarray, y: np.ndarray, winners: Winners = None) -> np.ndarray:
        """Of <A x, y>, summed over the batch, by the weights."""
        return x.T @ y


class ConvOperator:
    """A convolution over the synapse weights: with average pooling, the merged kernel."""

    def __init__(self, connection: Conv2d, weights: np.ndarray) -> None:
        self.connection = connection
        self.kernel = connection.synapse_weights(weights)
        self.stride, self.padding = connection.synapse_stride, connection.padding

    def winners(self, x: np.ndarray) -> Winners:
        """Nothing competes."""
        return None

    def forward(self, x: np.ndarray, winners: Winners = None) -> np.ndarray:
        """A x, shape (batch, n_post)."""
        columns = self._columns(x)
        found = columns @ self.kernel.reshape(columns.shape[1], -1)
        return found.reshape(len(x), -1)

    def back(self, y: np.ndarray, winners: Winners = None) -> np.ndarray:
        """A^T y, shape (batch, n_pre)."""
        height, width, channels = self.connection.synapse_shape
        m, stride, padding = len(self.kernel), self.stride, self.padding
        rows = y.reshape(-1, channels) @ self.kernel.reshape(-1, channels).T
        parts = rows.reshape(len(y), height, width, m, m, -1)
        pre_height, pre_width, pre_channels = self.connection.pre_shape
        u = np.zeros(
            (len(y), pre_height + 2 * padding, pre_width + 2 * padding, pre_channels), y.dtype
        )
        for a in range(m):
            for b in range(m):
                u[:, a : a + stride * height : stride, b : b + stride * width : stride] += parts[
                    :, :, :, a, b
                ]
        inside = u[:, padding : padding + pre_height, padding : padding + pre_width]
        return inside.reshape(len(y), -1)

    def gradient(self, x: np.ndarray, y: np.ndarray, winners: Winners = None) -> np.ndarray:
        """Of <A x, y>, summed over the batch, by the stored kernel."""
        channels = self.connection.channels
        found = self._columns(x).T @ y.reshape(-1, channels)
        return self.connection.fold(found.reshape(self.kernel.shape))

    def _padded(self, x: np.ndarray) -> np.ndarray:
        around = (self.padding, self.padding)
        image = x.reshape(len(x), *self.connection.pre_shape)
        return np.pad(image, ((0, 0), around, around, (0, 0)))

    def _columns(self, x: np.ndarray) -> np.ndarray:
        """What each place above sees, a row each: (batch * height * width, m * m * channels)."""
        m, stride = len(self.kernel), self.stride
        height, width, _ = self.connection.synapse_shape
        seen = np.lib.stride_tricks.sliding_window_view(  # numpy's stubs know one axis only
            self._padded(x),
            (m, m),
            axis=(1, 2),  # type: ignore[call-overload]
        )
        seen = seen[:, : stride * height : stride, : stride * width : stride]
        return seen.transpose(0, 1, 2, 4, 5, 3).reshape(len(x) * height * width, -1)


class MaxPoolOperator:
    """A convolution and, of each window of its map, the sum that was the largest."""

    def __init__(self, connection: Conv2d, weights: np.ndarray) -> None:
        self.convolution = ConvOperator(connection, weights)
        self.connection = connection

    def winners(self, x: np.ndarray) -> Winners:
        """The place of the largest sum in each window, the first of equals in row order."""
        return self._first_largest(self._windows(self.convolution.forward(x)))

    def forward(self, x: np.ndarray, winners: Winners) -> np.ndarray:
        """A x, shape (batch, n_post)."""
        windows = self._windows(self.convolution.forward(x))
        return np.take_along_axis(windows, winners[:, :, :, None], axis=3).reshape(len(x), -1)

    def back(self, y: np.ndarray, winners: Winners) -> np.ndarray:
        """A^T y, shape (batch, n_pre)."""
        return self.convolution.back(self._place(y, winners))

    def gradient(self, x: np.ndarray, y: np.ndarray, winners: Winners) -> np.ndarray:
        """Of <A x, y>, summed over the batch, by the kernel."""
        return self.convolution.gradient(x, self._place(y, winners))

    def _first_largest(self, windows: np.ndarray) -> np.ndarray:
        """Where each window has its maximum, shape (batch, height, width, channels).

        A matrix product rounds equal sums differently at different places; they are equal here.
        """
        rounding = len(self.convolution.kernel.reshape(-1, self.connection.channels))
        slack = rounding * np.finfo(windows.dtype).eps * np.abs(windows).max(initial=0)
        largest = windows.max(axis=3, keepdims=True)
        return (windows >= largest - windows.dtype.type(slack)).argmax(axis=3)

    def _windows(self, z: np.ndarray) -> np.ndarray:
        """The map by window, shape (batch, height, width, places of a window, channels)."""
        height, width, channels = self.connection.post_shape
        size = self.connection.window
        parts = z.reshape(-1, height, size, width, size, channels).transpose(0, 1, 3, 2, 4, 5)
        return parts.reshape(-1, height, width, size * size, channels)

    def _place(self, y: np.ndarray, winners: Winners) -> np.ndarray:
        """The inverse of the pooling: every value at its winner's place, 0 elsewhere."""
        height, width, channels = self.connection.post_shape
        size = self.connection.window
        parts = np.zeros((len(y), height, width, size * size, channels), y.dtype)
        values = y.reshape(len(y), height, width, 1, channels)
        np.put_along_axis(parts, winners[:, :, :, None], values, axis=3)
        parts = parts.reshape(len(y), height, width, size, size, channels)
        return parts.transpose(0, 1, 3, 2, 4, 5).reshape(len(y), -1)


Operator = DenseOperator | ConvOperator | MaxPoolOperator


def _convolution(connection: Conv2d, weights: np.ndarray) -> Operator:
    kind = MaxPoolOperator if connection.max_window else ConvOperator
    return kind(connection, weights)


OPERATORS: dict[type, Callable[[Any, np.ndarray], Operator]] = {
    Dense: DenseOperator,
    Conv2d: _convolution,
}


def operators(network: Network, dtype: np.dtype) -> list[Operator]:
    """One operator per connection, in this precision.

    Examples
    --------
    >>> net = Network.dense([3, 2], weights=[[[1, 2], [3, 4], [5, 6]]])
    >>> dense, = operators(net, np.dtype(float))
    >>> dense.forward(np.array([[1.0, 0, 1]])), dense.back(np.array([[1.0, 1]]))
    (array([[6., 8.]]), array([[ 3.,  7., 11.]]))
    """
    found = []
    for k, (connection, weights) in enumerate(
        zip(network.connections, network.weights, strict=True), start=1
    ):
        make = row_of(OPERATORS, connection, f"gradients: connection {k}")
        found.append(make(connection, weights.astype(dtype)))
    return found
