"""What a part uses on its core, by resource.

===================  ============================================================
``units``            its units
``synapse_memory``   bits: for every input axon, its synapses in blocks; of kernels
                     that the chip shares, each weight once
``input_axons``      one for every unit that reaches it, over however many connections
``output_axons``     one for every unit of its own and core that this unit reaches
``fan_in``           the most synapses onto one of its units
``fan_out``          the most synapses that one spike of its units meets
===================  ============================================================

The formulas are in `docs/mapping.md`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eqchip.emulator.description.parts import Part
from eqchip.emulator.description.topology import Topology
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.placement.slices import Partition, slices_of
from eqchip.mapping.placement.ways import arriving, incoming, outgoing

RESOURCES = ("units", "synapse_memory", "input_axons", "output_axons", "fan_in", "fan_out")
FORWARD_COPY, MIRRORED_COPY = 0, 1


def limits(chip: Chip) -> dict[str, int | None]:
    """What a core allows of every resource; None where there is no limit, or none is known."""
    found = {name: getattr(chip.cores, name) for name in RESOURCES}
    return {name: None if limit is None else limit.amount for name, limit in found.items()}


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
        "fan_in": int(fan_in(network, part).max()),
        "fan_out": int(fan_out(network, part).max()),
    }


def uses_of(
    network: Topology, chip: Chip, part: Part, split: Sequence[Sequence[Part]], slices: int
) -> list[dict[str, int]]:
    """As :func:`used`, of every core of a part: its home, and a gatherer for each further slice.

    A sum of a gatherer reaches its home over an axon of its own, which has a synapse.
    """
    whole = used(network, chip, part, split)
    if slices == 1:
        return [whole]
    received = incoming(network, part.layer)
    assert chip.cores is not None and chip.arithmetic is not None
    cut = slices_of(network, part.layer, slices)
    sums = part.units * (len(cut) - 1)
    a_sum = chip.cores.packing.axon_bits(1, chip.arithmetic.weight_bits, False)
    found = []
    for senders in cut:
        axons = received[senders.layer].axons_from(senders, part)
        reaching = sum(n for _, n in axons)
        found.append({
            "units": part.units,
            "synapse_memory": sum(slice_bits(network, chip, part, senders)),
            "input_axons": reaching,
            "output_axons": part.units,
            "fan_in": min(whole["fan_in"], reaching),
            "fan_out": 1,
        })  # fmt: skip
    home = found[0]
    home["synapse_memory"] += sums * a_sum
    home["input_axons"] += sums
    home["fan_in"] += len(cut) - 1
    return [
        {**home, "output_axons": whole["output_axons"], "fan_out": whole["fan_out"]},
        *found[1:],
    ]


def slice_bits(network: Topology, chip: Chip, part: Part, senders: Part) -> tuple[int, int]:
    """As :func:`synapse_bits`, of the synapses of some units that send."""
    cores, arithmetic = chip.cores, chip.arithmetic
    assert cores is not None and arithmetic is not None
    bits = [0, 0]
    for _, sender, wires in arriving(network, part.layer):
        if sender != senders.layer or not (wires.forward or chip.copies == 2):
            continue
        bits[FORWARD_COPY if wires.forward else MIRRORED_COPY] += sum(
            axons * cores.packing.axon_bits(synapses, arithmetic.weight_bits, wires.neighbours)
            for synapses, axons in wires.axons_from(senders, part)
        )
    return bits[FORWARD_COPY], bits[MIRRORED_COPY]


def fan_in(network: Topology, part: Part) -> np.ndarray:
    """Synapses onto each unit of a part, int64."""
    found = np.zeros(part.units, np.int64)
    for wires in incoming(network, part.layer).values():
        found += wires.fan_in(part)
    return found


def fan_out(network: Topology, part: Part) -> np.ndarray:
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
    for way in arriving(network, part.layer):
        wires = way.wires
        if not wires.forward and chip.copies == 1:
            continue  # feedback reads the forward copy
        stored = sum(
            rows * cores.packing.axon_bits(synapses, arithmetic.weight_bits, wires.neighbours)
            for synapses, rows in wires.rows(part, chip.shares_kernels)
        )
        bits[FORWARD_COPY if wires.forward else MIRRORED_COPY] += stored
    return bits[FORWARD_COPY], bits[MIRRORED_COPY]


def use_of_cores(
    network: Topology, chip: Chip, found: Partition
) -> tuple[list[dict[str, int]], np.ndarray]:
    """What every core uses, and its bits of both copies, int64, shape (cores, 2)."""
    layers = range(len(network.layers))
    split = [[part for part in found.parts if part.layer == layer] for layer in layers]
    slices = np.bincount(found.homes)
    of_parts = [
        uses_of(network, chip, part, split, int(slices[core]))
        for core, part in enumerate(found.parts)
    ]
    use = [of_core[0] for of_core in of_parts] + [one for of in of_parts for one in of[1:]]
    bits = [
        synapse_bits(network, chip, found.parts[home])
        if senders is None
        else slice_bits(network, chip, found.parts[home], senders)
        for home, senders in zip(found.homes, found.senders, strict=True)
    ]
    return use, np.array(bits, np.int64)
