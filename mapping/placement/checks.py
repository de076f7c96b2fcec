"""What not everyone knows of a mapped network, refused in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eqchip.emulator.errors import InputError

if TYPE_CHECKING:
    from eqchip.mapping.placement.mapped import MappedNetwork


def check_whole_fan_in(mapped: MappedNetwork, who: str) -> None:
    """Refuse a network whose fan-in is cut in slices, for whoever knows of no partial sums.

    Raises
    ------
    InputError
        Naming the layers.
    """
    if mapped.gatherers:
        layers = ", ".join(str(k) for k in sorted(mapped.partition.first_slices))
        raise InputError(
            f"{who}: on {mapped.chip.name} the fan-in of layers {layers} is cut in slices whose "
            "partial sums this does not know; expected a chip whose cores take it whole"
        )


def check_unicast(mapped: MappedNetwork, who: str) -> None:
    """Refuse a chip with multicast, for whoever sends a message of its own to every core.

    Raises
    ------
    InputError
    """
    if mapped.multicast:
        raise InputError(
            f"{who}: {mapped.chip.name} copies messages on their way, which this does not know; "
            "expected a chip without multicast"
        )


def check_alike(mapped: MappedNetwork, who: str) -> None:
    """Refuse cores whose units reach differently, for whoever counts the messages of a core alike.

    Raises
    ------
    InputError
        Naming the layer.
    """
    if len(mapped.bundles) > len(mapped.parts):
        whole = set(mapped.parts)
        layer = next(bundle.layer for bundle in mapped.bundles if bundle not in whole)
        raise InputError(
            f"{who}: units of layer {layer} on one core meet different synapses, which is not "
            "counted without a clock; expected dense connections, or time steps"
        )
