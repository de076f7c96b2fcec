"""Partition: every layer split into the fewest near-equal parts that keep the chip's limits.

A layer of height x width places is cut between places, so that the channels of a place stand
together, as long as it has a place for every part. A part stands alone on its core. What it uses
there (`docs/mapping.md` has the formulas):

===================  ============================================================
``units``            its units
``synapse_memory``   bits: for every input axon, its synapses in blocks; of kernels
                     that the chip shares, each weight once
``input_axons``      one for every unit of a neighbouring layer that reaches it
``output_axons``     one for every unit of its own and core that this unit reaches
``fan_in``           the most synapses onto one of its units
``fan_out``          the most synapses that one spike of its units meets
===================  ============================================================

Output axons depend on how many parts the neighbouring layers have, so the split is repeated
until nothing changes. Numbers of parts only grow, and none exceeds the units of its layer: it
ends, and with the smallest numbers that keep every limit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eqchip.emulator.description.network import Topology
from eqchip.emulator.description.parts import Part
from eqchip.emulator.errors import InputError, check_whole
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.chip_file.cores import Cores
from eqchip.mapping.placement.wiring import check_kinds, incoming, outgoing

RESOURCES = ("units", "synapse_memory", "input_axons", "output_axons", "fan_in", "fan_out")
WORDS = {
    "units": "units",
    "synapse_memory": "bits of synapse memory",
    "input_axons": "input axons",
    "output_axons": "output axons",
    "fan_in": "synapses onto a unit",
    "fan_out": "synapses from a unit",
    "cores": "cores",
}
FORWARD_COPY, MIRRORED_COPY = 0, 1


@dataclass(frozen=True)
class Broken:
    """A limit that no partition keeps.

    Attributes
    ----------
    resource : str
        One of RESOURCES, or ``"cores"``.
    where : str
        The layer and core, or the network.
    needed, allowed : int
    remedy : str
        What would make it fit.
    layer : int or None
        None for ``"cores"``.
    """

    resource: str
    where: str
    needed: int
    allowed: int
    remedy: str
    layer: int | None = None

    def __str__(self) -> str:
        return (
            f"{self.where} needs {self.needed:,} {WORDS[self.resource]}, "
            f"{self.allowed:,} allowed (would fit with {self.remedy})"
        )


class DoesNotFit(InputError):
    """A network breaks limits of a chip; ``broken`` holds every one of them."""

    def __init__(self, text: str, broken: Sequence[Broken]) -> None:
        super().__init__(text)
        self.broken = tuple(broken)


def limits(chip: Chip) -> dict[str, int | None]:
    """What a core allows of every resource; None where there is no limit, or none is known."""
    found = {name: getattr(chip.cores, name) for name in RESOURCES}
    return {name: None if limit is None else limit.amount for name, limit in found.items()}


def partition(
    network: Topology, chip: Chip, spread: int = 1
) -> tuple[tuple[Part, ...], list[Broken]]:
    """Split the layers of a network.

    Parameters
    ----------
    network : Topology
        A network, or one without weights.
    chip : Chip
    spread : int, default 1
        Split every layer into so many times the fewest parts, as far as it has units: the
        busiest core has less to do, and there are more messages.

    Returns
    -------
    parts : tuple of Part
        Layer by layer, the units of each layer in order.
    broken : list of Broken
        Limits that a core breaks even with a single unit on it; the parts keep all others.
    """
    split = [[Part(layer, 0, units)] for layer, units in enumerate(network.sizes)]
    hopeless: list[tuple[int, str]] = []
    _split_until_kept(network, chip, split, hopeless)
    if spread > 1:
        for layer, (shape, units) in enumerate(zip(network.layers, network.sizes, strict=True)):
            split[layer] = split_layer(layer, shape, min(spread * len(split[layer]), units))
        _split_until_kept(network, chip, split, hopeless)
    parts = tuple(part for parts in split for part in parts)
    return parts, [_explain(network, chip, split, *one) for one in sorted(hopeless)]


def fitting_parts(
    network: Topology, chip: Chip, chips: int | None, spread: int
) -> tuple[Part, ...]:
    """The parts of a network that fits on so many chips; None: on as many as are needed.

    Raises
    ------
    DoesNotFit
        Naming every limit that is broken.
    """
    parts, broken = partition(network, chip, spread)
    needed = chips_needed(chip, parts)
    if chips is not None and needed > chips:
        broken.append(
            Broken(
                "cores",
                f"the network on {chips} chip{'s' * (chips > 1)}",
                len(parts),
                chips * cores_per_chip(chip),
                f"--chips {needed}" + (" or a smaller --spread" if spread > 1 else ""),
            )
        )
    if broken:
        reasons = "; ".join(str(one) for one in broken)
        raise DoesNotFit(f"{network!r} does not fit on {chip.name}: {reasons}", broken)
    return parts


def check_fits(network: Topology, chip: Chip, *, chips: int | None = 1, spread: int = 1) -> None:
    """Refuse what does not fit, as :func:`eqchip.map_network`, from layers and connections alone.

    Raises
    ------
    DoesNotFit, InputError
        As :func:`eqchip.map_network`.
    """
    checked_cores(network, chip, chips, spread)
    fitting_parts(network, chip, chips, spread)


def checked_cores(network: Topology, chip: Chip, chips: int | None, spread: int) -> Cores:
    """The cores of a chip, for arguments that make sense together."""
    if chip.cores is None or chip.arithmetic is None:
        raise InputError(
            f"chip {chip.name}: its file describes no cores (model {chip.model!r}), so no network "
            "can be mapped on it; expected a chip with cores, such as loihi1-davies"
        )
    if chips is not None:
        check_whole("map: chips", chips, 1)
    check_whole("map: spread", spread, 1)
    check_kinds(network)
    return chip.cores


def chips_needed(chip: Chip, parts: Sequence[Part]) -> int:
    """Chips with a core for every part."""
    return -(-len(parts) // cores_per_chip(chip))


def cores_per_chip(chip: Chip) -> int:
    """Cores that a network can have on one chip."""
    assert chip.cores is not None
    return int(chip.cores.per_chip.amount)


def _split_until_kept(
    network: Topology, chip: Chip, split: list[list[Part]], hopeless: list[tuple[int, str]]
) -> None:
    """Split further until every limit is kept, but those that no split keeps: `hopeless`."""
    changed = True
    while changed:
        changed = False
        for layer, shape in enumerate(network.layers):
            while over := _exceeded(network, chip, split, layer, hopeless):
                found, part = over
                worse = [(layer, name) for name in _hopeless(network, chip, split, found, part)]
                hopeless += worse
                if not worse:
                    split[layer] = split_layer(layer, shape, _next_count(shape, split[layer]))
                    changed = True


def split_layer(layer: int, shape: tuple[int, ...], count: int) -> list[Part]:
    """A layer in consecutive parts whose sizes differ as little as can be, the larger ones first.

    A layer of shape (height, width, channels) is cut between its places while there are enough.

    Examples
    --------
    >>> [(part.first, part.units) for part in split_layer(1, (10,), 3)]
    [(0, 4), (4, 3), (7, 3)]
    >>> [(part.first, part.units) for part in split_layer(1, (1, 5, 4), 3)]
    [(0, 8), (8, 8), (16, 4)]
    """
    together = _together(shape, count)
    size, larger = divmod(math.prod(shape) // together, count)
    parts, first = [], 0
    for k in range(count):
        parts.append(Part(layer, first, (size + (k < larger)) * together))
        first = parts[-1].end
    return parts


def _together(shape: tuple[int, ...], count: int) -> int:
    """How many units stay together when a layer is cut into so many parts."""
    channels = shape[-1] if len(shape) == 3 else 1
    return channels if count * channels <= math.prod(shape) else 1


def used(
    network: Topology, chip: Chip, part: Part, split: Sequence[Sequence[Part]]
) -> dict[str, int]:
    """What a part uses on its core, by resource; `split` holds the parts of every layer."""
    received = incoming(network, part.layer)
    sent = outgoing(network, part.layer)
    return {
        "units": part.units,
        "synapse_memory": sum(synapse_bits(network, chip, part)),
        "input_axons": sum(axons for wires in received.values() for _, axons in wires.axons(part)),
        "output_axons": sum(wires.messages(part, split[to]) for to, wires in sent.items()),
        "fan_in": int(_fan_in(network, part).max()),
        "fan_out": int(_fan_out(network, part).max()),
    }


def _fan_in(network: Topology, part: Part) -> np.ndarray:
    """Synapses onto each unit of a part, int64."""
    found = np.zeros(part.units, np.int64)
    for wires in incoming(network, part.layer).values():
        found += wires.fan_in(part)
    return found


def _fan_out(network: Topology, part: Part) -> np.ndarray:
    """Synapses from each unit of a part, int64."""
    found = np.zeros(part.units, np.int64)
    for wires in outgoing(network, part.layer).values():
        found += wires.fan_out(part)
    return found


def synapse_bits(network: Topology, chip: Chip, part: Part) -> tuple[int, int]:
    """Bits of synapse memory that a part uses: (forward copies, mirrored copies)."""
    cores, arithmetic = chip.cores, chip.arithmetic
    assert cores is not None and arithmetic is not None
    bits = [0, 0]
    for sender, wires in incoming(network, part.layer).items():
        if not wires.forward and chip.copies == 1:
            continue  # feedback reads the forward copy
        stored = sum(
            rows * cores.packing.axon_bits(synapses, arithmetic.weight_bits, wires.neighbours)
            for synapses, rows in wires.rows(part, chip.shares_kernels)
        )
        bits[FORWARD_COPY if sender < part.layer else MIRRORED_COPY] += stored
    return bits[FORWARD_COPY], bits[MIRRORED_COPY]


def _over(
    network: Topology, chip: Chip, split: Sequence[Sequence[Part]], part: Part
) -> dict[str, int]:
    """What a part uses of every resource of which it uses too much."""
    allowed = limits(chip)
    use = used(network, chip, part, split)
    return {
        name: use[name]
        for name, limit in allowed.items()
        if limit is not None and use[name] > limit
    }


def _exceeded(
    network: Topology,
    chip: Chip,
    split: Sequence[Sequence[Part]],
    layer: int,
    hopeless: Sequence[tuple[int, str]],
) -> tuple[list[str], Part] | None:
    """The first part of a layer to break limits, and which, but those given up."""
    for part in split[layer]:
        names = [n for n in _over(network, chip, split, part) if (layer, n) not in hopeless]
        if names:
            return names, part
    return None


def _hopeless(
    network: Topology, chip: Chip, split: Sequence[Sequence[Part]], names: list[str], part: Part
) -> list[str]:
    """Those of the limits that a part breaks which one of its units breaks by itself."""
    if part.units == 1:
        return names
    alone = [Part(part.layer, unit, 1) for unit in _busiest_units(network, part)]
    worse = set().union(*(_over(network, chip, split, one) for one in alone))
    return [name for name in names if name in worse]


def _busiest_units(network: Topology, part: Part) -> set[int]:
    """The units of a part that the most synapses lead to, and from: near a border are fewer."""
    both = _fan_in(network, part), _fan_out(network, part)
    return {part.first + int(fan.argmax()) for fan in both}


def _next_count(shape: tuple[int, ...], parts: Sequence[Part]) -> int:
    """The next number of parts for which the largest part is smaller."""
    together = _together(shape, len(parts))
    most = parts[0].units // together
    if most == 1:  # places by themselves: from here on, between their units
        return -(-math.prod(shape) // (together - 1))
    return -(-(math.prod(shape) // together) // (most - 1))


def _explain(
    network: Topology, chip: Chip, split: Sequence[Sequence[Part]], layer: int, name: str
) -> Broken:
    """A limit that even one unit alone on a core breaks, and what it depends on."""
    allowed = limits(chip)[name] or 0
    whole = Part(layer, 0, network.sizes[layer])
    needed = max(
        used(network, chip, Part(layer, unit, 1), split)[name]
        for unit in _busiest_units(network, whole)
    )
    core = sum(len(parts) for parts in split[:layer])
    where = f"layer {layer} (core {core}, even with a single unit on it)"
    sending = name in ("output_axons", "fan_out")
    neighbours = (outgoing if sending else incoming)(network, layer)
    verb = "layer" if len(neighbours) == 1 else "layers"
    names = " and ".join(str(k) for k in sorted(neighbours))
    fewer = " or ".join(sorted({w.fewer for w in neighbours.values() if w.fewer}))
    if fewer:
        share = f"{100 * allowed / needed:.0f} % of it"
        remedy = f"{fewer} between it and {verb} {names}, for {share}"
        return Broken(name, where, needed, allowed, remedy, layer)
    # All of these needs grow in proportion to the neighbours: with their units, or their cores.
    what = "cores" if name == "output_axons" else "units"
    count = sum(len(split[k]) if name == "output_axons" else network.sizes[k] for k in neighbours)
    most = allowed * count // needed
    together = " together" if len(neighbours) > 1 else ""
    remedy = f"at most {most:,} {what} in {verb} {names}{together}"
    return Broken(name, where, needed, allowed, remedy, layer)
