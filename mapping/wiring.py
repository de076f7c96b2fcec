"""What a connection asks of cores: the questions of the mapping, answered per kind.

A connection joins a layer below (presynaptic) to a layer above (postsynaptic). Its spikes go
forward, from below, and, as feedback over the same weights, from above. The mapping asks only
what stands here, so a new kind of connection is one more :class:`Wiring`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from eqchip.emulator.network import Dense, Network
from eqchip.emulator.parts import Part

FORWARD, FEEDBACK = True, False
C = TypeVar("C")


class Wiring(ABC, Generic[C]):
    """One connection, in one direction.

    Parameters
    ----------
    connection : Connection
    forward : bool
        From the layer below to that above, or back.
    """

    def __init__(self, connection: C, forward: bool) -> None:
        self.connection, self.forward = connection, forward

    @abstractmethod
    def axons(self, target: Part) -> list[tuple[int, int]]:
        """The units that reach a part: pairs (synapses of each on the part, how many such)."""

    @abstractmethod
    def messages(self, source: Part, targets: Sequence[Part]) -> int:
        """Pairs of a unit of `source` and a part that it reaches: messages if all spike."""

    @abstractmethod
    def synapses(self, source: Part, target: Part) -> int:
        """Synapses that a spike of a unit of `source` meets on `target`."""

    @abstractmethod
    def fan_in(self) -> int:
        """The most synapses onto one unit."""

    @abstractmethod
    def fan_out(self) -> int:
        """The most synapses from one unit."""


class DenseWiring(Wiring[Dense]):
    """Every unit of one side reaches every unit of the other."""

    def axons(self, target: Part) -> list[tuple[int, int]]:
        """All units of the other side, each with as many synapses as the part has units."""
        return [(target.units, self.fan_in())]

    def messages(self, source: Part, targets: Sequence[Part]) -> int:
        """Every unit reaches every part."""
        return source.units * len(targets)

    def synapses(self, source: Part, target: Part) -> int:
        """All units of the target."""
        return target.units

    def fan_in(self) -> int:
        """All units of the side that sends."""
        return self.connection.n_pre if self.forward else self.connection.n_post

    def fan_out(self) -> int:
        """All units of the side that receives."""
        return self.connection.n_post if self.forward else self.connection.n_pre


KINDS: dict[type, type[Wiring[Any]]] = {Dense: DenseWiring}


def wiring(network: Network, k: int, forward: bool) -> Wiring[Any] | None:
    """Connection k in one direction; None for feedback into the clamped input, which hears none."""
    if not forward and k == 0:
        return None
    connection = network.connections[k]
    return KINDS[type(connection)](connection, forward)


def incoming(network: Network, layer: int) -> dict[int, Wiring[Any]]:
    """What reaches a layer, by the layer that sends: forward from below, feedback from above."""
    found = {}
    if layer > 0:
        found[layer - 1] = wiring(network, layer - 1, FORWARD)
    if layer < len(network.layers) - 1:
        found[layer + 1] = wiring(network, layer, FEEDBACK)
    return {sender: wires for sender, wires in found.items() if wires is not None}


def outgoing(network: Network, layer: int) -> dict[int, Wiring[Any]]:
    """What a layer reaches, by the layer that receives: forward above, feedback below."""
    found = {}
    if layer > 0:
        found[layer - 1] = wiring(network, layer - 1, FEEDBACK)
    if layer < len(network.layers) - 1:
        found[layer + 1] = wiring(network, layer, FORWARD)
    return {receiver: wires for receiver, wires in found.items() if wires is not None}
