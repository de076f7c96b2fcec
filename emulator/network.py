"""The network: layers of units, joined by symmetric connections."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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

    def glorot_limit(self) -> float:
        """Bound of the uniform initial weights: sqrt(6 / (fan in + fan out)) (Glorot 2010)."""
        return math.sqrt(6.0 / (self.n_pre + self.n_post))

    def __str__(self) -> str:
        return f"{self.n_pre} -> {self.n_post}"


# The closed set of connection kinds. A kind is a description here, a lowering in
# `lowering.py`, and kernels; nothing else asks which kind it is.
Connection = Dense


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

    Raises
    ------
    InputError
        For a wrong shape, or for weights or biases that are not finite.
    """

    layers: tuple[tuple[int, ...], ...]
    connections: tuple[Connection, ...]
    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]

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
            kind = f"{type(connection).__name__} {k + 1} ({connection})"
            if (connection.pre_shape, connection.post_shape) != self.layers[k : k + 2]:
                raise InputError(
                    f"{kind}: joins layers of shape {self.layers[k]} and {self.layers[k + 1]}; "
                    f"expected {connection.pre_shape} and {connection.post_shape}"
                )
            _check_array(f"{kind}: weights", self.weights[k], connection.weight_shape)
            _check_array(f"Layer {k + 1}: biases", self.biases[k], self.layers[k + 1])

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
        for name, values in (("sizes", sizes), ("weights", weights), ("biases", biases)):
            if values is not None and not hasattr(values, "__len__"):
                raise InputError(f"Network: {name} is {values!r}; expected a sequence")
        for k, size in enumerate(sizes):
            check_whole(f"Network: layer size {k + 1} of {len(sizes)}", size, 1)
        check_whole("Network: seed", seed, 0)
        shapes = tuple((int(n),) for n in sizes)
        connections = tuple(Dense(int(a), int(b)) for a, b in zip(sizes, sizes[1:], strict=False))
        if weights is None:
            rng = np.random.default_rng(seed)
            weights = [
                rng.uniform(-1.0, 1.0, c.weight_shape) * c.glorot_limit() for c in connections
            ]
        if biases is None:
            biases = [np.zeros(shape) for shape in shapes[1:]]
        return cls(
            shapes,
            connections,
            tuple(_as_float(f"Dense {k + 1}: weights", w) for k, w in enumerate(weights)),
            tuple(_as_float(f"Layer {k + 1}: biases", b) for k, b in enumerate(biases)),
        )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units per layer."""
        return tuple(math.prod(shape) for shape in self.layers)

    def __repr__(self) -> str:
        return f"Network({'-'.join('x'.join(map(str, shape)) for shape in self.layers)})"


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
