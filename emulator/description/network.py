"""The network: layers of units, joined by symmetric connections.

A connection is a linear operator A with stored weights: what arrives above is ``A q_pre``, what
arrives below, over the same weights, its exact transpose ``A^T q_post``, if wanted weaker by a
power of two. Its *synapse weights* are what the synapses hold: the stored weights, or of a
:class:`Conv2d` with average pooling the merged kernel. Maximum pooling alone is not linear.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from eqchip.emulator.description.connections import Connection, Dense, kind_of
from eqchip.emulator.description.topology import (
    Topology,
    chain_of,
    check_entry,
    check_joined,
    check_link,
    layers_of,
)
from eqchip.emulator.errors import InputError, as_floats, check_whole
from eqchip.emulator.text import html_table


@dataclass(frozen=True, eq=False, repr=False)
class Network(Topology):
    """Layers, joined one to the next; the first is clamped to the input, the last is the output.

    Parameters
    ----------
    layers : tuple of shapes
        The shape of every layer, the input first.
    connections : tuple of Connection
        ``connections[k]`` joins layer k to layer k + 1; those of links follow.
    weights : tuple of ndarray
        One array per connection, of its ``weight_shape``.
    biases : tuple of ndarray
        One array per layer but the input, of the layer's shape.
    feedback_shifts : tuple of int, optional
        What connection k sends back arrives times ``2**-feedback_shifts[k]``; that of the first
        is nothing, for the clamped input hears no feedback. Default: 0 everywhere. All gains g_k
        leave the dynamics the descent of one energy, in which layer l weighs g_1 ... g_{l-1}; as
        they fall, the fixed point nears that of the forward network, and EP backpropagation (Xie
        and Seung, Neural Computation 15, 2003). That energy says what links send back: times the
        gains of the chain between their ends.
    joined : tuple of (int, int), optional
        The layers below and above of every connection; default: a chain.

    Raises
    ------
    InputError
        For a wrong shape, weights or biases that are not finite, a negative shift, or a link that
        joins no layers of the network.
    """

    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    feedback_shifts: tuple[int, ...] = ()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy, or one from another process: its weights are no more to be written than these."""
        self.__dict__.update(state)
        for array in (*self.weights, *self.biases):
            array.setflags(write=False)

    def __post_init__(self) -> None:
        self._check_lengths()
        super().__post_init__()
        chain = self.chain_length
        check_joined(self.joined, len(self.layers), len(self.connections))
        for k, connection in enumerate(self.connections):
            kind = f"{kind_of(connection)} {k + 1} ({connection})"
            pre, post = (self.layers[layer] for layer in self.joined[k])
            is_link = k >= chain
            check_link(kind, *self.joined[k], connection, is_link)
            row = (math.prod(post),) if is_link else post  # the chain's connection shapes a layer
            if not (connection.joins(pre, post) or connection.joins(pre, row)):
                raise InputError(
                    f"{kind}: joins layers of shape {pre} and {post}; "
                    f"expected {connection.pre_shape} and {connection.post_shape}"
                )
            _check_array(f"{kind}: weights", self.weights[k], connection.weight_shape)
        for k, shape in enumerate(self.layers[1:]):
            _check_array(f"Layer {k + 1}: biases", self.biases[k], shape)
        shifts = self.feedback_shifts or (0,) * chain
        check_feedback_shifts(shifts, chain)
        object.__setattr__(self, "feedback_shifts", shifts)
        for k in range(chain, len(self.connections)):
            check_whole(f"Network: feedback shift of link {k + 1}", self.back_shifts[k], 0, SHIFTS)

    def _check_lengths(self) -> None:
        """Refuse what are no tuples, one entry per connection."""
        for name in ("layers", "connections", "weights", "biases"):
            if not isinstance(getattr(self, name), tuple):
                kind = type(getattr(self, name)).__name__
                raise InputError(f"Network: {name} is a {kind}; expected a tuple")
        if len(self.layers) < 2:
            raise InputError(
                f"Network: {len(self.layers)} layers; "
                "expected at least an input and an output layer"
            )
        connections = len(self.joined) or len(self.layers) - 1
        for name, wanted in (
            ("connections", connections),
            ("weights", connections),
            ("biases", len(self.layers) - 1),
        ):
            entries = getattr(self, name)
            if len(entries) != wanted:
                raise InputError(
                    f"Network: {len(entries)} {name} for {len(self.layers)} layers; "
                    f"expected {wanted}"
                )

    @cached_property
    def back_shifts(self) -> tuple[int, ...]:
        """By how many bits what connection k sends back is shifted, of links, too."""
        chain = self.chain_length
        of_links = (sum(self.feedback_shifts[a:b]) if a else 0 for a, b in self.joined[chain:])
        return (*self.feedback_shifts, *of_links)

    @cached_property
    def feedback_gains(self) -> tuple[float, ...]:
        """What the messages that connection k sends back are multiplied by, per connection."""
        return tuple(2.0**-shift for shift in self.back_shifts)

    def apply(self, changes: Any) -> Network:
        """The network after it learned: this one with changes added to its weights and biases.

        Parameters
        ----------
        changes : Changes, or pair of sequences of array_like
            Of weights and of biases, as :func:`eqchip.contrast` gives them.

        Returns
        -------
        Network
            A new one; this one stays as it is.

        Raises
        ------
        InputError
            For another number of changes than connections, another shape, or a sum that is not
            finite.

        Examples
        --------
        >>> network = Network.dense([2, 1], weights=[[[0.5], [0.25]]])
        >>> network.apply(([[[0.5], [0.0]]], [[0.125]])).weights[0].tolist()
        [[1.0], [0.25]]
        """
        try:
            of_weights, of_biases = changes
        except (TypeError, ValueError):
            raise InputError(
                f"Network.apply: changes is {type(changes).__name__}; expected changes of weights "
                "and of biases, as eqchip.contrast gives them"
            ) from None
        return Network(
            self.layers,
            self.connections,
            _sums("weights", self.weights, of_weights),
            _sums("biases", self.biases, of_biases),
            self.feedback_shifts,
            joined=self.joined,
        )

    def _repr_html_(self) -> str:
        """In a notebook: its connections."""
        rows = [
            (k + 1, kind_of(one), str(one), int(w.size), float(np.abs(w).max(initial=0.0)))
            for k, (one, w) in enumerate(zip(self.connections, self.weights, strict=True))
        ]
        heads = ("connection", "kind", "joins", "weights", "largest weight")
        return html_table(repr(self), heads, rows)

    def share_of_signal(self, k: int) -> float:
        """How much weaker an error reaches the layer above connection k than with full feedback.

        The product of the feedback gains of the chain above.
        """
        return 2.0 ** -sum(self.feedback_shifts[self.joined[k][1] :])

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
        links: Sequence[tuple[int, int, Connection]] = (),
        seed: int = 0,
    ) -> Network:
        """A network of connections, one after the other, and of links beside them.

        A connection that is no convolution reads a layer of any shape as one row, place by place.

        Parameters
        ----------
        connections : sequence of Connection
            From the input to the output; each must fit to what the one before it leaves.
        weights : sequence of array_like, optional
            One per connection, of its ``weight_shape``, those of links last. Default: uniform in
            +-``initial_limit()``, and 1 of a :class:`OneToOne`, which is a residual link.
        biases : sequence of array_like, optional
            One per layer but the input, of its shape. Default: 0.
        feedback_shifts : sequence of int, optional
            One per connection of the chain. Default: 0.
        links : sequence of (int, int, Connection)
            The layers below and above that each joins, the input being layer 0, and how: of any
            kind between two layers, :class:`Lateral` within one. What is no convolution reads both
            layers as rows.
        seed : int
            Seed of the initial weights.

        Examples
        --------
        >>> from eqchip.emulator.description.connections import AvgPool2d, Conv2d, OneToOne
        >>> first = Conv2d((28, 28, 1), 8, kernel=5, pool=AvgPool2d(2))
        >>> Network.chain([first, Dense(12 * 12 * 8, 10)])
        Network(28x28x1-12x12x8-10)
        >>> Network.chain([Dense(4, 5), Dense(5, 5), Dense(5, 2)], links=[(1, 2, OneToOne(5))])
        Network(4-5-5-2 1:2)
        """
        for name, values in (
            ("connections", connections), ("weights", weights), ("biases", biases), ("links", links)
        ):  # fmt: skip
            if values is not None and not hasattr(values, "__len__"):
                raise InputError(f"Network: {name} is {values!r}; expected a sequence")
        check_whole("Network: seed", seed, 0)
        for k, connection in enumerate(connections):
            if not isinstance(connection, Connection):
                raise InputError(
                    f"Network: connection {k + 1} is {connection!r}; "
                    "expected a connection, such as Dense or Conv2d"
                )
        layers = layers_of(connections)
        joined = [*chain_of(len(layers))]
        for link in links:
            check_entry(link)
            joined.append((link[0], link[1]))
        connections = (*connections, *(link[2] for link in links))
        if weights is None:
            rng = np.random.default_rng(seed)
            weights = [connection.initial_weights(rng) for connection in connections]
        if biases is None:
            biases = [np.zeros(shape) for shape in layers[1:]]
        return cls(
            layers,
            tuple(connections),
            tuple(
                _as_float(f"{kind_of(c)} {k + 1}: weights", w)
                for k, (c, w) in enumerate(zip(connections, weights, strict=False))
            )
            if len(weights) == len(connections)
            else tuple(weights),
            tuple(_as_float(f"Layer {k + 1}: biases", b) for k, b in enumerate(biases)),
            tuple(feedback_shifts),
            joined=tuple(joined),
        )


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


def _sums(what: str, held: Sequence[np.ndarray], changes: Any) -> tuple[np.ndarray, ...]:
    """Arrays, each with its change added, in the type that it had."""
    if not hasattr(changes, "__len__") or len(changes) != len(held):
        raise InputError(
            f"Network.apply: changes of {what} are not {len(held)} arrays; expected one for each "
            "connection"
        )
    found = []
    for k, (array, change) in enumerate(zip(held, changes, strict=True)):
        added = as_floats(f"Network.apply: change {k + 1} of {what}", change)
        if added.shape != array.shape:
            raise InputError(
                f"Network.apply: change {k + 1} of {what} has shape {added.shape}; expected "
                f"{array.shape}"
            )
        found.append(
            _as_float(f"Network.apply: {what} {k + 1}", (array + added).astype(array.dtype))
        )
    return tuple(found)


def _as_float(what: str, values: Any) -> np.ndarray:
    """A private, read-only float copy: a description must not change under its owner."""
    array = as_floats(what, values, copy=True)
    array.setflags(write=False)
    return array


def _check_array(what: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    if not isinstance(array, np.ndarray):
        raise InputError(f"{what} are a {type(array).__name__}; expected a numpy array")
    if array.shape != shape:
        turned = array.ndim == 2 and array.shape == shape[::-1]
        hint = ": (pre, post), of PyTorch's nn.Linear weight.T" if turned else ""
        raise InputError(f"{what} have shape {array.shape}; expected {shape}{hint}")
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        index = tuple(int(i) for i in bad[0])
        raise InputError(f"{what} hold {array[index]} at {index}; expected finite numbers")
