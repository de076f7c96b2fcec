"""A convolution and its pooling."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eqchip.emulator.description.connections.kind import Connection
from eqchip.emulator.errors import InputError, check_whole


@dataclass(frozen=True)
class AvgPool2d:
    """The mean over windows of `size` x `size`, side by side."""

    size: int

    linear: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_whole("AvgPool2d: size", self.size, 1)


@dataclass(frozen=True)
class MaxPool2d:
    """The maximum over windows of `size` x `size`, side by side.

    Its inverse on the way back sends a unit's message to the place of the window where the
    maximum was, the first of equals in row order, among the sums of the same time step.
    """

    size: int

    linear: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_whole("MaxPool2d: size", self.size, 1)


@dataclass(frozen=True)
class Conv2d(Connection):
    """A convolution (cross-correlation, zeros beyond the border) and a pooling; units after it.

    With x of shape (height, width, c), the kernel K of shape (kernel, kernel, c, channels), and
    stride S, ``z[i, j] = sum over a, b of x[S i + a - padding, S j + b - padding] K[a, b]``; what
    arrives above is the mean, or the maximum, of z over each window of the pooling.

    With average pooling over P x P the two are one convolution of stride S P, whose merged kernel
    is the mean of the P x P kernels shifted by multiples of S: (kernel + S (P - 1)) wide, and with
    fewer places per spike than the convolution alone (see :meth:`synapse_weights`).

    Parameters
    ----------
    pre_shape : tuple of 3 int
        Height, width and channels of the layer below. Channels of a place stand together.
    channels : int
        Of the layer above.
    kernel, stride, padding : int
    pool : AvgPool2d or MaxPool2d, optional

    Raises
    ------
    InputError
        If the kernel does not fit, a stride leaves a remainder, or windows do not divide the map.

    Examples
    --------
    >>> Conv2d((28, 28, 1), 32, kernel=5, pool=AvgPool2d(2)).post_shape
    (12, 12, 32)
    """

    pre_shape: tuple[int, int, int]
    channels: int
    kernel: int
    stride: int = 1
    padding: int = 0
    pool: AvgPool2d | MaxPool2d | None = None

    label: ClassVar[str] = "conv"
    shares_weights: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not isinstance(self.pre_shape, tuple) or len(self.pre_shape) != 3:
            raise InputError(
                f"Conv2d: pre_shape is {self.pre_shape!r}; expected (height, width, channels)"
            )
        for name, size in zip(("height", "width", "channels"), self.pre_shape, strict=True):
            check_whole(f"Conv2d: {name} of pre_shape", size, 1)
        for name in ("channels", "kernel", "stride"):
            check_whole(f"Conv2d: {name}", getattr(self, name), 1)
        check_whole("Conv2d: padding", self.padding, 0)
        if not isinstance(self.pool, (AvgPool2d, MaxPool2d, type(None))):
            raise InputError(
                f"Conv2d: pool is {self.pool!r}; expected AvgPool2d, MaxPool2d or None"
            )
        if self.padding >= self.kernel:
            raise InputError(
                f"Conv2d {self}: padding {self.padding} reaches places that see zeros only; "
                f"expected at most {self.kernel - 1} with a kernel of {self.kernel}"
            )
        for name, size in zip(("height", "width"), self.pre_shape, strict=False):
            padded = size + 2 * self.padding
            if self.kernel > padded:
                raise InputError(
                    f"Conv2d {self}: kernel {self.kernel} is larger than the {name} {size} with "
                    f"padding {self.padding}; expected at most {padded}"
                )
            left = (padded - self.kernel) % self.stride
            if left:
                fits = [n for n in (size - left, size + self.stride - left) if n > 0]
                raise InputError(
                    f"Conv2d {self}: stride {self.stride} leaves a remainder of {left} of the "
                    f"{name} {size} with padding {self.padding} and kernel {self.kernel}; expected "
                    f"a {name} of {' or '.join(map(str, fits))}, or stride 1"
                )
        for name, places in zip(("height", "width"), self.map_shape, strict=False):
            if places % self.window:
                both = math.gcd(*self.map_shape[:2])
                fits = [n for n in range(2, both + 1) if both % n == 0]
                shown = f"one of {', '.join(map(str, fits[:4]))}" if fits else "no pooling"
                raise InputError(
                    f"Conv2d {self}: pooling windows of {self.window} do not divide the {name} "
                    f"{places} of the map; expected {shown}"
                )

    @property
    def window(self) -> int:
        """Places of a pooling window along one axis; 1 without pooling."""
        return 1 if self.pool is None else self.pool.size

    @property
    def map_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the convolution before pooling."""
        height, width = (
            (size + 2 * self.padding - self.kernel) // self.stride + 1
            for size in self.pre_shape[:2]
        )
        return (height, width, self.channels)

    @property
    def post_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the layer above."""
        height, width, channels = self.map_shape
        return (height // self.window, width // self.window, channels)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """The shape of the kernel as stored: (kernel, kernel, channels below, channels)."""
        return (self.kernel, self.kernel, self.pre_shape[2], self.channels)

    @property
    def merged(self) -> bool:
        """Whether pooling is part of the synapse weights."""
        return self.pool is not None and self.pool.linear

    @property
    def max_window(self) -> int:
        """Places along a side of the windows of a maximum pooling; 0: there is none."""
        return 0 if self.pool is None or self.pool.linear else self.pool.size

    @property
    def synapse_kernel(self) -> int:
        """Width of the synapse weights."""
        return self.kernel + (self.stride * (self.window - 1) if self.merged else 0)

    @property
    def synapse_stride(self) -> int:
        """Places below between neighbours above, over the synapse weights."""
        return self.stride * (self.window if self.merged else 1)

    @property
    def synapse_shape(self) -> tuple[int, int, int]:
        """The shape that the synapse weights lead to: before a maximum pooling."""
        return self.post_shape if self.merged else self.map_shape

    @property
    def synapse_weight_shape(self) -> tuple[int, ...]:
        """The shape of the merged kernel."""
        m = self.synapse_kernel
        return (m, m, self.pre_shape[2], self.channels)

    @property
    def bias_groups(self) -> int:
        """The units of a channel have one bias in common."""
        return self.channels

    def initial_limit(self) -> float:
        """Bound of the uniform initial weights: sqrt(3 / fan in), variance 1 / fan in (LeCun)."""
        return math.sqrt(3.0 / (self.kernel * self.kernel * self.pre_shape[2]))

    def synapse_weights(self, weights: np.ndarray) -> np.ndarray:
        """What the synapses hold, shape (m, m, channels below, channels): the merged kernel.

        Each of the P x P terms of the mean is added at its shift, in row order, and divided at
        the end.
        """
        if not self.merged or self.window == 1:
            return weights
        m = self.synapse_kernel
        merged = np.zeros((m, m, *weights.shape[2:]), weights.dtype)
        for place in self._shifts():
            merged[place] += weights
        merged /= weights.dtype.type(self.window**2)
        return merged

    def fold(self, gradient: np.ndarray) -> np.ndarray:
        """The transpose of :meth:`synapse_weights`: of a gradient, that of the stored weights."""
        if not self.merged or self.window == 1:
            return gradient
        folded = np.zeros(self.weight_shape, gradient.dtype)
        for place in self._shifts():
            folded += gradient[place]
        folded /= gradient.dtype.type(self.window**2)
        return folded

    def _shifts(self) -> list[tuple[slice, slice]]:
        """Where in the merged kernel the kernel of each place of a window stands."""
        along = [slice(self.stride * k, self.stride * k + self.kernel) for k in range(self.window)]
        return [(rows, columns) for rows in along for columns in along]

    def __str__(self) -> str:
        text = "x".join(map(str, self.pre_shape))
        return f"{text} -> {self.channels} of {self.kernel}x{self.kernel}"
