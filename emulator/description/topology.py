"""Layers and what joins them: the chain, and links beside it.

Connection k of the chain joins layer k to layer k + 1. *Links* are connections beside it, each from
a layer to one above, or *lateral*, between the units of one layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from eqchip.emulator.description.connections import Connection
from eqchip.emulator.errors import InputError, check_whole


class Link(NamedTuple):
    """A connection beside the chain.

    Attributes
    ----------
    below, above : int
        The layers that it joins, the input being layer 0; of a lateral one, the same.
    connection : Connection
    """

    below: int
    above: int
    connection: Connection


@dataclass(frozen=True, eq=False, repr=False)
class Topology:
    """Layers and what joins them, without weights: all that says what a network needs of a chip.

    Parameters
    ----------
    layers, connections, joined
        As of a :class:`eqchip.Network`.

    Examples
    --------
    >>> from eqchip.emulator.description.connections import Dense
    >>> Topology.of([Dense(784, 500), Dense(500, 10)], [Link(0, 2, Dense(784, 10))])
    Network(784-500-10 0:2)
    """

    layers: tuple[tuple[int, ...], ...]
    connections: tuple[Connection, ...]
    joined: tuple[tuple[int, int], ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        if not self.joined:
            object.__setattr__(self, "joined", chain_of(len(self.layers)))

    @staticmethod
    def of(connections: Sequence[Connection], links: Sequence[Link] = ()) -> Topology:
        """Connections that fit to one another, from the input to the output, and links."""
        layers = layers_of(connections)
        return Topology(
            layers,
            (*connections, *(link.connection for link in links)),
            joined=(*chain_of(len(layers)), *((link.below, link.above) for link in links)),
        )

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Units per layer."""
        return tuple(math.prod(shape) for shape in self.layers)

    @cached_property
    def of_layer(self) -> tuple[tuple[int, ...], ...]:
        """The connections that join each layer to others or within itself, in ascending order."""
        found: list[list[int]] = [[] for _ in self.layers]
        for k, pair in enumerate(self.joined):
            for layer in sorted(set(pair)):
                found[layer].append(k)
        return tuple(map(tuple, found))

    @property
    def chain_length(self) -> int:
        """How many connections are the chain's; links are those from there on."""
        return len(self.layers) - 1

    @property
    def links(self) -> tuple[Link, ...]:
        """The connections beside the chain."""
        first = self.chain_length
        pairs = zip(self.joined[first:], self.connections[first:], strict=True)
        return tuple(Link(*layers, connection) for layers, connection in pairs)

    def sends_back(self, k: int) -> bool:
        """Whether anything comes back over connection k: a second copy of its weights is read.

        Nothing to the clamped input; and within a layer what is sent both ways is sent once.
        """
        below, above = self.joined[k]
        return 0 < below < above

    def __repr__(self) -> str:
        layers = "-".join("x".join(map(str, shape)) for shape in self.layers)
        links = [f"{below}:{above}" for below, above in self.joined[self.chain_length :]]
        return f"Network({' '.join((layers, *links))})"


def layers_of(connections: Sequence[Connection]) -> tuple[tuple[int, ...], ...]:
    """The shapes of the layers that the connections of a chain join."""
    if not len(connections):
        return ()
    return (connections[0].pre_shape, *(c.post_shape for c in connections))


def chain_of(layers: int) -> tuple[tuple[int, int], ...]:
    """The layers that each connection of a chain joins."""
    return tuple((k, k + 1) for k in range(layers - 1))


def check_entry(link: Any) -> None:
    """Refuse what is no link at all.

    Raises
    ------
    InputError
    """
    fits = isinstance(link, tuple) and len(link) == 3 and isinstance(link[2], Connection)
    if not fits:
        raise InputError(
            f"Network: link {link!r} is none; expected (layer below, layer above, connection), "
            "such as (1, 3, Dense(100, 100))"
        )


def check_joined(joined: Sequence[tuple[int, int]], layers: int, connections: int) -> None:
    """Refuse what does not begin with the chain, and links beyond the layers.

    Raises
    ------
    InputError
    """
    if len(joined) != connections:
        raise InputError(
            f"Network: {len(joined)} pairs of layers joined by {connections} connections; "
            "expected one each"
        )
    chain = chain_of(layers)
    if tuple(joined[: len(chain)]) != chain:
        raise InputError(
            f"Network: the first connections join layers {joined[: len(chain)]}; expected the "
            f"chain, {chain}, and then the links"
        )
    for below, above in joined[len(chain) :]:
        check_whole("Network: layer below a link", below, 0, layers)
        check_whole(f"Network: layer above link {below}:{above}", above, max(below, 1), layers)


def check_link(where: str, below: int, above: int, connection: Connection, is_link: bool) -> None:
    """Refuse a connection that does not suit its ends, and a link that is not linear.

    Raises
    ------
    InputError
    """
    if connection.lateral and below != above:
        raise InputError(f"{where}: joins layers {below} and {above}; expected one layer")
    if not connection.lateral and below == above:
        raise InputError(
            f"{where}: joins layer {below} to itself; expected Lateral({connection.pre_shape[0]}), "
            "whose weights are those of pairs of units"
        )
    if connection.max_window and is_link:
        raise InputError(
            f"{where}: has MaxPool2d, but is no connection of the chain; expected AvgPool2d"
        )
