"""Fan-in beyond the limits of a core: cut in slices, each on a core of its own.

The units of a part stand on one core, its **home**. Where all that reaches them is too much for
one core, the units that send are cut in **slices**: the home keeps the synapses of the first, and
a **gatherer** those of each of the others. A gatherer sums, for each unit of the part, the codes
of its synapses whose unit has spiked, and sends the sums to the home as graded messages, one for
each unit; the home adds them to its own::

    u_j = sum over slices k of  U_kj,     U_kj = sum over i in slice k of  q_i c_ij

A slice holds units of one layer, so its codes share an exponent and the sum of sums is the whole
sum, to the bit, if no sum is clipped. None is: a slice has no more synapses onto a unit than the
payload of a message holds in any case (:func:`most_gathered`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from eqchip.emulator.description.parts import Part
from eqchip.emulator.description.topology import Topology
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.placement.ways import incoming

WIDEST = 62  # bits beyond a code that are told apart
# What more slices make smaller.
SLICED = ("synapse_memory", "input_axons", "fan_in")


@dataclass(frozen=True)
class Gatherer:
    """A core that sums a slice of the fan-in of the units of another.

    Attributes
    ----------
    home : int
        The core of the units.
    senders : Part
        The units whose synapses it keeps.
    """

    home: int
    senders: Part


@dataclass(frozen=True)
class Partition:
    """The units of every core.

    Attributes
    ----------
    parts : tuple of Part
        Layer by layer, the units of each layer in order.
    gatherers : tuple of Gatherer
        Of all parts, slice by slice; empty where every fan-in is whole. Gatherer g stands on core
        ``len(parts) + g``.
    first_slices : dict of int to Part
        By layer whose fan-in is cut, the slice that the homes keep.
    """

    parts: tuple[Part, ...]
    gatherers: tuple[Gatherer, ...]
    first_slices: dict[int, Part]

    @property
    def cores(self) -> int:
        """Cores that it takes."""
        return len(self.parts) + len(self.gatherers)

    @cached_property
    def homes(self) -> list[int]:
        """The core of the units that each core serves: its own, or those of its home."""
        return [*range(len(self.parts)), *(one.home for one in self.gatherers)]

    @cached_property
    def senders(self) -> list[Part | None]:
        """Whose synapses each core keeps; None: those of all units that reach its own."""
        of_parts = [self.first_slices.get(part.layer) for part in self.parts]
        return [*of_parts, *(one.senders for one in self.gatherers)]

    @cached_property
    def in_order(self) -> np.ndarray:
        """All cores, each home followed by its gatherers, int64."""
        return np.argsort(np.array(self.homes, np.int64), kind="stable")


def most_gathered(chip: Chip) -> int:
    """Synapses onto a unit whose sum a payload holds, whatever their codes; 0: it adds no sums.

    A payload of P bits, one of them a sign, holds the sum of n codes of b bits if
    n 2^(b - 1) < 2^(P - 1).
    """
    assert chip.arithmetic is not None
    beyond = payload_bits(chip) - chip.arithmetic.weight_bits
    return (1 << min(beyond, WIDEST)) - 1 if beyond > 0 else 0


def payload_bits(chip: Chip) -> int:
    """Bits of the number that a message of the chip may carry; 0: none."""
    found = chip.capabilities.get("graded_payload")
    return 0 if found is None else int(found.value)


def can_slice(network: Topology, chip: Chip, layer: int) -> bool:
    """Whether the fan-in of a layer may be cut: the chip adds partial sums, every wiring can."""
    wires = incoming(network, layer).values()
    return (
        most_gathered(chip) > 0 and not chip.shares_kernels and all(one.sliceable for one in wires)
    )


def slices_of(network: Topology, layer: int, count: int) -> list[Part]:
    """What reaches a layer, cut in at most so many slices, as even as can be.

    Each of units of one layer, by ascending layer and unit; at least one for each that sends.
    """
    units = {sender: network.sizes[sender] for sender in sorted(incoming(network, layer))}
    largest = min(
        size
        for n in units.values()
        for size in {-(-n // k) for k in range(1, count + 1)}
        if _pieces(units.values(), size) <= max(count, len(units))
    )
    found = []
    for sender, n in units.items():
        pieces = -(-n // largest)
        edges = [k * n // pieces for k in range(pieces + 1)]
        found += [Part(sender, a, b - a) for a, b in pairwise(edges)]
    return found


def _pieces(sizes: Collection[int], largest: int) -> int:
    return sum(-(-n // largest) for n in sizes)


def gatherers_of(
    network: Topology, parts: Sequence[Part], slices: Sequence[int]
) -> tuple[Gatherer, ...]:
    """The gatherers of all parts, by home and slice."""
    cut = {layer: slices_of(network, layer, n)[1:] for layer, n in enumerate(slices) if n > 1}
    return tuple(
        Gatherer(home, senders)
        for home, part in enumerate(parts)
        for senders in cut.get(part.layer, ())
    )
