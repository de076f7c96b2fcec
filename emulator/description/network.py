"""The network: layers of units, joined by symmetric connections.

A connection is a linear operator A with stored weights: what arrives above is ``A q_pre``, what
arrives below, over the same weights, its exact transpose ``A^T q_post``, if wanted weaker by a
power of two. Its *synapse weights*
are what the synapses hold: the stored weights of a :class:`Dense` connection, the merged kernel
of a :class:`Conv2d` with average pooling. Maximum pooling alone is not linear.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Union

import numpy as np

from eqchip.emulator.errors import InputError, as_floats, check_whole


@dataclass(frozen=True)
class Dense:
    """Every unit of one layer joined to every unit of the next by one symmetric weight.

    Forward ``u_post = q_pre W``, feedback ``u_pre = q_post W^T``, with W of shape
    (n_pre, n_post).
    """

    n_pre: int
    n_post: int

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """The shape of the stored weights."""
        return (self.n_pre, self.n_post)

    @property
    def pre_shape(self) -> tuple[int, ...]:
        """The shape of the presynaptic layer."""
        return (self.n_pre,)

    @property
    def post_shape(self) -> tuple[int, ...]:
        """The shape of the postsynaptic layer."""
        return (self.n_post,)

    def joins(self, pre: tuple[int, ...], post: tuple[int, ...]) -> bool:
        """Whether it joins layers of these shapes; a layer of any shape is read as one row."""
        return math.prod(pre) == self.n_pre and post == self.post_shape

    def initial_limit(self) -> float:
        """Bound of the uniform initial weights: sqrt(6 / (fan in + fan out)) (Glorot 2010)."""
        return math.sqrt(6.0 / (self.n_pre + self.n_post))

    def synapse_weights(self, weights: np.ndarray) -> np.ndarray:
        """What the synapses hold: the stored weights themselves."""
        return weights

    def fold(self, gradient: np.ndarray) -> np.ndarray:
        """The transpose of :meth:`synapse_weights`: of a gradient, that of the stored weights."""
        return gradient

    def __str__(self) -> str:
        return f"{self.n_pre} -> {self.n_post}"


@dataclass(frozen=True)
class AvgPool2d:
    """The mean over windows of `size` x `size`, side by side."""

    size: int

    def __post_init__(self) -> None:
        check_whole("AvgPool2d: size", self.size, 1)


@dataclass(frozen=True)
class MaxPool2d:
    """The maximum over windows of `size` x `size`, side by side.

    Its inverse on the way back sends a unit's message to the place of the window where the
    maximum was, the first of equals in row order, among the sums of the same time step.
    """

    size: int

    def __post_init__(self) -> None:
        check_whole("MaxPool2d: size", self.size, 1)


@dataclass(frozen=True)
class Conv2d:
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
        return isinstance(self.pool, AvgPool2d)

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

    def joins(self, pre: tuple[int, ...], post: tuple[int, ...]) -> bool:
        """Whether it joins layers of these shapes."""
        return (pre, post) == (self.pre_shape, self.post_shape)

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


# The closed set of connection kinds. A kind is a description here, a lowering in
# `lowering.py` and a matrix in the reference; kernels do not ask which kind it is.
Connection = Union[Dense, Conv2d]  # noqa: UP007 (evaluated on Python 3.10, too)


@dataclass(frozen=True, eq=False)
class Network:
    """Layers in a chain; the first is clamped to the input, the last is the output.

    Parameters
    ----------
    layers : tuple of shapes
        The shape of every layer, the input first.
    connections : tuple of Connection
        ``connections[k]`` joins layer k to layer k + 1.
    weights : tuple of ndarray
        One array per connection, of its ``weight_shape``.
    biases : tuple of ndarray
        One array per layer but the input, of the layer's shape.
    feedback_shifts : tuple of int, optional
        What connection k sends back arrives times ``2**-feedback_shifts[k]``; that of the first
        is nothing, for the clamped input hears no feedback. Default: 0 everywhere. All gains g_k
        leave the dynamics the descent of one energy, in which layer l weighs g_1 ... g_{l-1}; as
        they fall, the fixed point nears that of the forward network, and EP backpropagation (Xie
        and Seung, Neural Computation 15, 2003).

    Raises
    ------
    InputError
        For a wrong shape, weights or biases that are not finite, or a negative shift.
    """

    layers: tuple[tuple[int, ...], ...]
    connections: tuple[Connection, ...]
    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    feedback_shifts: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("layers", "connections", "weights", "biases"):
            if not isinstance(getattr(self, name), tuple):
                kind = type(getattr(self, name)).__name__
                raise InputError(f"Network: {name} is a {kind}; expected a tuple")
        if len(self.layers) < 2:
            raise InputError(
                f"Network: {len(self.layers)} layers; "
                "expected at least an input and an output layer"
            )
        for name, arrays in (
            ("connections", self.connections),
            ("weights", self.weights),
            ("biases", self.biases),
        ):
            if len(arrays) != len(self.layers) - 1:
                raise InputError(
                    f"Network: {len(arrays)} {name} for {len(self.layers)} layers; "
                    f"expected {len(self.layers) - 1}"
                )
        for k, connection in enumerate(self.connections):
            kind = f"{_kind(connection)} {k + 1} ({connection})"
            if not connection.joins(self.layers[k], self.layers[k + 1]):
                raise InputError(
                    f"{kind}: joins layers of shape {self.layers[k]} and {self.layers[k + 1]}; "
                    f"expected {connection.pre_shape} and {connection.post_shape}"
                )
            _check_array(f"{kind}: weights", self.weights[k], connection.weight_shape)
            _check_array(f"Layer {k + 1}: biases", self.biases[k], self.layers[k + 1])
        shifts = self.feedback_shifts or (0,) * len(self.connections)
        check_feedback_shifts(shifts, len(self.connections))
        object.__setattr__(self, "feedback_shifts", shifts)

    @property
    def feedback_gains(self) -> tuple[float, ...]:
        """What the messages that connection k sends back are multiplied by, per connection."""
        return tuple(2.0**-shift for shift in self.feedback_shifts)

    def share_of_signal(self, k: int) -> float:
        """How much weaker an error reaches layer k + 1 than it would with full feedback.

        The product of the feedback gains of all connections above.
        """
        return 2.0 ** -sum(self.feedback_shifts[k + 1 :])

    def check_full_feedback(self, what: str) -> None:
        """Refuse shifted feedback, of which `what` knows nothing.

        Raises
        ------
        InputError
        """
        if any(self.feedback_shifts):
            raise InputError(
                f"{what}: the network's feedback_shifts are {self.feedback_shifts}; expected 0 "
                "everywhere, since both copies of a weight are one here"
            )

    @classmethod
    def dense(
        cls,
        sizes: Sequence[int],
        *,
        weights: Sequence[Any] | None = None,
        biases: Sequence[Any] | None = None,
        seed: int = 0,
    ) -> Network:
        """A network of dense layers.

        Parameters
        ----------
        sizes : sequence of int
            Units per layer, the input first, e.g. ``[784, 500, 10]``.
        weights : sequence of array_like, optional
            Shapes (n_pre, n_post). Default: uniform in +-sqrt(6 / (n_pre + n_post)).
        biases : sequence of array_like, optional
            One per layer but the input. Default: 0.
        seed : int
            Seed of the initial weights.

        Examples
        --------
        >>> net = Network.dense([784, 500, 10], seed=0)
        >>> [w.shape for w in net.weights]
        [(784, 500), (500, 10)]
        """
        if not hasattr(sizes, "__len__"):
            raise InputError(f"Network: sizes is {sizes!r}; expected a sequence")
        for k, size in enumerate(sizes):
            check_whole(f"Network: layer size {k + 1} of {len(sizes)}", size, 1)
        pairs = zip(sizes, sizes[1:], strict=False)
        if len(sizes) < 2:
            raise InputError(
                f"Network: {len(sizes)} layers; expected at least an input and an output layer"
            )
        return cls.chain(
            [Dense(int(a), int(b)) for a, b in pairs], weights=weights, biases=biases, seed=seed
        )

    @classmethod
    def chain(
        cls,
        connections: Sequence[Connection],
        *,
        weights: Sequence[Any] | None = None,
        biases: Sequence[Any] | None = None,
        feedback_shifts: Sequence[int] = (),
        seed: int = 0,
    ) -> Network:
        """A network of connections, one after the other.

        A :class:`Dense` connection reads a layer of any shape as one row, place by place.

        Parameters
        ----------
        connections : sequence of Connection
            From the input to the output; each must fit to what the one before it leaves.
        weights : sequence of array_like, optional
            One per connection, of its ``weight_shape``. Default: uniform in
            +-``initial_limit()``.
        biases : sequence of array_like, optional
            One per layer but the input, of its shape. Default: 0.
        feedback_shifts : sequence of int, optional
            One per connection. Default: 0.
        seed : int
            Seed of the initial weights.

        Examples
        --------
        >>> first = Conv2d((28, 28, 1), 8, kernel=5, pool=AvgPool2d(2))
        >>> Network.chain([first, Dense(12 * 12 * 8, 10)])
        Network(28x28x1-12x12x8-10)
        """
        for name, values in (
            ("connections", connections), ("weights", weights), ("biases", biases)
        ):  # fmt: skip
            if values is not None and not hasattr(values, "__len__"):
                raise InputError(f"Network: {name} is {values!r}; expected a sequence")
        check_whole("Network: seed", seed, 0)
        for k, connection in enumerate(connections):
            if not isinstance(connection, (Dense, Conv2d)):
                raise InputError(
                    f"Network: connection {k + 1} is {connection!r}; expected Dense or Conv2d"
                )
        layers: tuple[tuple[int, ...], ...] = ()
        if len(connections):
            layers = (connections[0].pre_shape, *(c.post_shape for c in connections))
        if weights is None:
            rng = np.random.default_rng(seed)
            weights = [
                rng.uniform(-1.0, 1.0, c.weight_shape) * c.initial_limit() for c in connections
            ]
        if biases is None:
            biases = [np.zeros(shape) for shape in layers[1:]]
        return cls(
            layers,
            tuple(connections),
            tuple(
                _as_float(f"{_kind(c)} {k + 1}: weights", w)
                for k, (c, w) in enumerate(zip(connections, weights, strict=False))
            )
            if len(weights) == len(connections)
            else tuple(weights),
            tuple(_as_float(f"Layer {k + 1}: biases", b) for k, b in enumerate(biases)),
            tuple(feedback_shifts),
        )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units per layer."""
        return tuple(math.prod(shape) for shape in self.layers)

    def __repr__(self) -> str:
        return f"Network({'-'.join('x'.join(map(str, shape)) for shape in self.layers)})"


SHIFTS = 16  # so many, from 0; a chip's sums of codes have not more bits to lose


def check_feedback_shifts(shifts: Sequence[int], connections: int) -> None:
    """Refuse shifts that are not one whole number from 0 to 15 per connection.

    Raises
    ------
    InputError
    """
    if len(shifts) != connections:
        raise InputError(
            f"Network: {len(shifts)} feedback_shifts for {connections} connections; "
            f"expected {connections}"
        )
    for k, shift in enumerate(shifts):
        check_whole(f"Network: feedback shift {k + 1}", shift, 0, SHIFTS)


def _kind(connection: Connection) -> str:
    return type(connection).__name__


def _as_float(what: str, values: Any) -> np.ndarray:
    """A private, read-only float copy: a description must not change under its owner."""
    array = as_floats(what, values, copy=True)
    array.setflags(write=False)
    return array


def _check_array(what: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    if not isinstance(array, np.ndarray):
        raise InputError(f"{what} are a {type(array).__name__}; expected a numpy array")
    if array.shape != shape:
        raise InputError(f"{what} have shape {array.shape}; expected {shape}")
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        index = tuple(int(i) for i in bad[0])
        raise InputError(f"{what} hold {array[index]} at {index}; expected finite numbers")
