"""The connections of a network, in both directions, as they reach and leave its layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from eqchip.emulator.description.topology import Topology
from eqchip.mapping.placement.wires import Together, Wires, Wiring
from eqchip.mapping.placement.wiring import FEEDBACK, FORWARD, wiring_of


def wiring(network: Topology, k: int, forward: bool) -> Wiring[Any] | None:
    """Connection k in one direction; None if nothing comes back over it.

    The clamped input hears no feedback, and within a layer what is sent both ways is sent once.
    """
    if not forward and not network.sends_back(k):
        return None
    return wiring_of(network.connections[k], forward)


class Way(NamedTuple):
    """Connection k in one direction, from or to a layer."""

    k: int
    layer: int
    wires: Wiring[Any]


def arriving(network: Topology, layer: int) -> list[Way]:
    """What reaches a layer, connection by connection, with the layers that send.

    Forward from below or from itself, as feedback from above.
    """
    return _ways(network, layer, True)


def incoming(network: Topology, layer: int) -> dict[int, Wires]:
    """What reaches a layer, by the layer that sends."""
    return _by_layer(_ways(network, layer, True))


def outgoing(network: Topology, layer: int) -> dict[int, Wires]:
    """What a layer reaches, by the layer that receives: forward above or itself, feedback below."""
    return _by_layer(_ways(network, layer, False))


def _ways(network: Topology, layer: int, arrive: bool) -> list[Way]:
    found = []
    for k in network.of_layer[layer]:
        below, above = network.joined[k]
        for forward, sender, receiver in ((FORWARD, below, above), (FEEDBACK, above, below)):
            here, there = (receiver, sender) if arrive else (sender, receiver)
            if here == layer and (wires := wiring(network, k, forward)) is not None:
                found.append(Way(k, there, wires))
    return found


def _by_layer(ways: Sequence[Way]) -> dict[int, Wires]:
    found: dict[int, list[Wires]] = {}
    for way in ways:
        found.setdefault(way.layer, []).append(way.wires)
    return {layer: of[0] if len(of) == 1 else Together(of) for layer, of in found.items()}
