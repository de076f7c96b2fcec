"""Partition: every layer split into the fewest near-equal parts that keep the chip's limits.

A layer of height x width places is cut between places, so that the channels of a place stand
together, as long as it has a place for every part. A part stands alone on its core; what it uses
there is in :mod:`eqchip.mapping.placement.use`.

Output axons depend on how many parts the neighbouring layers have, so the split is repeated
until nothing changes. Numbers of parts only grow, and none exceeds the units of its layer: it
ends, and with the smallest numbers that keep every limit. Where what reaches a single unit is too
much for a core, and the chip adds partial sums, the fan-in of its layer is cut as well, in slices
with which one unit fits (:mod:`eqchip.mapping.placement.slices`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from eqchip.emulator.description.parts import Part
from eqchip.emulator.description.topology import Topology
from eqchip.emulator.errors import InputError, check_whole
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.chip_file.cores import Cores
from eqchip.mapping.placement.slices import (
    SLICED,
    Partition,
    can_slice,
    gatherers_of,
    most_gathered,
    slices_of,
)
from eqchip.mapping.placement.use import RESOURCES, fan_in, fan_out, limits, used, uses_of
from eqchip.mapping.placement.ways import incoming, outgoing
from eqchip.mapping.placement.wiring import check_kinds

WORDS = {
    "units": "units",
    "synapse_memory": "bits of synapse memory",
    "input_axons": "input axons",
    "output_axons": "output axons",
    "fan_in": "synapses onto a unit",
    "fan_out": "synapses from a unit",
    "cores": "cores",
}

MORE = 4  # numbers of slices that are compared


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


def partition(network: Topology, chip: Chip, spread: int = 1) -> tuple[Partition, list[Broken]]:
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
    found : Partition
    broken : list of Broken
        Limits that a core breaks even with a single unit on it; the parts keep all others.
    """
    split = _Split(network, chip)
    split.until_kept()
    if spread > 1:
        for layer, (shape, units) in enumerate(zip(network.layers, network.sizes, strict=True)):
            count = min(spread * len(split.parts[layer]), units)
            split.parts[layer] = split_layer(layer, shape, count)
        split.until_kept()
    parts = tuple(part for parts in split.parts for part in parts)
    found = Partition(
        parts,
        gatherers_of(network, parts, split.slices),
        {
            layer: slices_of(network, layer, count)[0]
            for layer, count in enumerate(split.slices)
            if count > 1
        },
    )
    return found, [_explain(network, chip, split.parts, *one) for one in sorted(split.hopeless)]


def fitting_parts(network: Topology, chip: Chip, chips: int | None, spread: int) -> Partition:
    """The parts of a network that fits on so many chips; None: on as many as are needed.

    Raises
    ------
    DoesNotFit
        Naming every limit that is broken.
    """
    found, broken = partition(network, chip, spread)
    needed = chips_needed(chip, found.cores)
    if chips is not None and needed > chips:
        broken.append(
            Broken(
                "cores",
                f"the network on {chips} chip{'s' * (chips > 1)}",
                found.cores,
                chips * cores_per_chip(chip),
                f"--chips {needed}" + (" or a smaller --spread" if spread > 1 else ""),
            )
        )
    if broken:
        reasons = "; ".join(str(one) for one in broken)
        raise DoesNotFit(f"{network!r} does not fit on {chip.name}: {reasons}", broken)
    return found


def check_fits(
    network: Topology, chip: Chip, *, chips: int | None = 1, spread: int = 1
) -> Partition:
    """Refuse what does not fit, as :func:`eqchip.map_network`, from layers and connections alone.

    Returns
    -------
    Partition
        What :func:`eqchip.map_network` takes as `fitted`, so as not to find it once more.

    Raises
    ------
    DoesNotFit, InputError
        As :func:`eqchip.map_network`.
    """
    checked_cores(network, chip, chips, spread)
    return fitting_parts(network, chip, chips, spread)


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


def chips_needed(chip: Chip, cores: int) -> int:
    """Chips with so many cores."""
    return -(-cores // cores_per_chip(chip))


def cores_per_chip(chip: Chip) -> int:
    """Cores that a network can have on one chip."""
    assert chip.cores is not None
    return int(chip.cores.per_chip.amount)


class _Split:
    """Layers on their way to a partition: their parts, their slices, and limits given up."""

    def __init__(self, network: Topology, chip: Chip) -> None:
        self.network, self.chip, self.limits = network, chip, limits(chip)
        self.parts = [[Part(layer, 0, units)] for layer, units in enumerate(network.sizes)]
        self.slices = [1] * len(network.sizes)
        self.hopeless: list[tuple[int, str]] = []

    def until_kept(self) -> None:
        """Split further until every limit is kept, but those that no split keeps: `hopeless`."""
        changed = True
        while changed:
            changed = False
            for layer, shape in enumerate(self.network.layers):
                while over := self._exceeded(layer):
                    worse = self._worse(*over)
                    if set(worse) & set(SLICED) and self._slice_more(layer):
                        changed = True
                        continue
                    self.hopeless += [(layer, name) for name in worse]
                    if not worse:
                        count = _next_count(shape, self.parts[layer])
                        self.parts[layer] = split_layer(layer, shape, count)
                        changed = True

    def _slice_more(self, layer: int) -> bool:
        """Cut what reaches a layer in slices, or in more of them; false: it is no use.

        Of the numbers with which a unit fits, among the first MORE, the one for the fewest cores:
        a slice that fills a core leaves no room for the sums of the others.
        """
        if not can_slice(self.network, self.chip, layer):
            return False
        most, axons = most_gathered(self.chip), self.limits["input_axons"]
        senders = sum(self.network.sizes[sender] for sender in incoming(self.network, layer))
        before = self.slices[layer]
        found: dict[int, int] = {}  # slices -> cores
        # Beyond the root of the senders, sums grow by more than slices shrink.
        last = max(math.isqrt(senders) + 2, -(-senders // most) + 2)
        for count in range(before + 1, min(last, senders, axons or senders) + 1):
            cut = slices_of(self.network, layer, count)
            if len(cut) <= max(before, *found, 1) or any(one.units > most for one in cut[1:]):
                continue
            self.slices[layer] = len(cut)
            cores = self._cores_for(layer)
            if cores is not None:
                found[len(cut)] = cores
            if len(found) == MORE:
                break
        self.slices[layer] = min(found, key=lambda count: (found[count], count), default=before)
        return bool(found)

    def _cores_for(self, layer: int) -> int | None:
        """Cores that a layer takes by itself with its slices; None: a unit breaks a limit."""
        shape, names = self.network.layers[layer], set(SLICED) & set(self.limits)
        parts = [Part(layer, 0, self.network.sizes[layer])]
        alone = [Part(layer, unit, 1) for unit in _busiest_units(self.network, parts[0])]
        if any(names & set(self._over(one)) for one in alone):
            return None
        while names & set(self._over(parts[0])) and parts[0].units > 1:
            parts = split_layer(layer, shape, _next_count(shape, parts))
        return len(parts) * self.slices[layer]

    def _exceeded(self, layer: int) -> tuple[list[str], Part] | None:
        """The first part of a layer to break limits, and which, but those given up."""
        for part in self.parts[layer]:
            names = [name for name in self._over(part) if (layer, name) not in self.hopeless]
            if names:
                return names, part
        return None

    def _over(self, part: Part) -> dict[str, int]:
        """What a part uses of every resource of which it uses too much, on any of its cores."""
        uses = uses_of(self.network, self.chip, part, self.parts, self.slices[part.layer])
        most = {name: max(use[name] for use in uses) for name in RESOURCES}
        return {
            name: most[name]
            for name, limit in self.limits.items()
            if limit is not None and most[name] > limit
        }

    def _worse(self, names: list[str], part: Part) -> list[str]:
        """Those of the limits that a part breaks which one of its units breaks by itself."""
        if part.units == 1:
            return names
        alone = [Part(part.layer, unit, 1) for unit in _busiest_units(self.network, part)]
        worse = set().union(*(self._over(one) for one in alone))
        return [name for name in names if name in worse]


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


def _busiest_units(network: Topology, part: Part) -> set[int]:
    """The units of a part that the most synapses lead to, and from: near a border are fewer."""
    both = fan_in(network, part), fan_out(network, part)
    return {part.first + int(fan.argmax()) for fan in both}


def _alone(
    network: Topology, chip: Chip, part: Part, split: Sequence[Sequence[Part]], name: str
) -> list[int]:
    """What the busiest units of a part need of a resource, each by itself on a core."""
    units = _busiest_units(network, part)
    return [used(network, chip, Part(part.layer, unit, 1), split)[name] for unit in units]


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
    needed = max(_alone(network, chip, whole, split, name))
    if needed <= allowed:  # not the unit with the most synapses: one that reaches more cores
        needed = max(n for part in split[layer] for n in _alone(network, chip, part, split, name))
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
    if name in SLICED and not most_gathered(chip):
        remedy += ", or on a chip that adds partial sums: its messages have a payload"
    return Broken(name, where, needed, allowed, remedy, layer)
