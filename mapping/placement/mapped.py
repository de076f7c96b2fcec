"""A network on a chip: weights as codes, units on cores, cores on the mesh.

Longer than others: what is known of a mapping core by core is asked of one class.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.description.fixedpoint import QuantizedWeights, quantize
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.parts import Part
from eqchip.emulator.description.weight_losses import Lost, check_kept, losses
from eqchip.mapping.chip_file.chip import Chip, load_chip
from eqchip.mapping.placement.bundles import bundles_of, checked_rates, sent
from eqchip.mapping.placement.clocks import busiest_core
from eqchip.mapping.placement.mesh import Mesh
from eqchip.mapping.placement.objective import weights_of
from eqchip.mapping.placement.partition import checked_cores, chips_needed, fitting_parts
from eqchip.mapping.placement.place import (
    Placement,
    check_placement,
    lower_bound,
    place,
    total_cost,
)
from eqchip.mapping.placement.route import Routes, hops, routes
from eqchip.mapping.placement.slices import Gatherer, Partition, payload_bits
from eqchip.mapping.placement.told import told
from eqchip.mapping.placement.use import RESOURCES, limits, use_of_cores
from eqchip.mapping.placement.wiring import FEEDBACK, FORWARD, synapse_count


class Copies(NamedTuple):
    """The copies of a connection's weights.

    ``forward``: the cores of the layer above, where forward spikes arrive. ``mirrored``: those
    of the layer below, where feedback arrives; none where the layer below is clamped, nor within a
    layer, nor on a chip that stores one copy. ``synapses``: of one direction. ``weights``: how
    many different ones they hold; fewer than synapses where places have a kernel in common.
    """

    forward: np.ndarray
    mirrored: np.ndarray
    synapses: int
    weights: int

    @property
    def stored(self) -> int:
        """How many times the weight of a synapse is stored."""
        return 2 if len(self.mirrored) else 1


class Hops(NamedTuple):
    """Hops per time step and sample at the rates given: as placed, naive, and a lower bound."""

    placed: float
    naive: float
    bound: float


class Tightest(NamedTuple):
    """The resource that is nearest to its limit, and the core where it is."""

    resource: str
    core: int
    used: int
    limit: int


@dataclass(frozen=True, eq=False)
class MappedNetwork:
    """A network on the cores of a chip. Made by :func:`map_network`.

    Attributes
    ----------
    network : Network
    chip : Chip
    partition : Partition
        Part p stands alone on core p; gatherers follow on cores of their own.
    bundles : tuple of Part
        The parts once more, cut where units next to each other differ in the cores that they
        reach, or in the synapses that they meet there: the spikes of a bundle all cost the same.
        A run counts them with ``parts=mapped.bundles``. In a dense network, the parts themselves.
    mesh : Mesh
        Of all chips used.
    sites : ndarray of int64, shape (cores,)
        Where on the mesh each core stands.
    synapses : ndarray of int64, shape (senders, cores)
        ``[b, c]``: synapses that one spike of bundle b meets on core c; 0: no message. After the
        bundles come the gatherers, whose partial sums each meet one synapse at their home.
    spikes : ndarray of float64, shape (senders,)
        Spikes per time step at the rates that the placement was given, and partial sums.
    hops : Hops
    use : list of dict
        Per core: resource -> used (see :mod:`eqchip.mapping.placement.partition`).
    synapse_bits : ndarray of int64, shape (cores, 2)
        Bits of synapse memory: forward copies, mirrored copies.
    """

    network: Network
    chip: Chip
    partition: Partition
    bundles: tuple[Part, ...]
    mesh: Mesh
    sites: np.ndarray
    synapses: np.ndarray
    spikes: np.ndarray
    hops: Hops
    use: list[dict[str, int]]
    synapse_bits: np.ndarray

    def __repr__(self) -> str:
        return f"MappedNetwork({self.network!r} on {self.cores} cores of {self.chip.name})"

    @property
    def parts(self) -> tuple[Part, ...]:
        """Part p stands alone on core p."""
        return self.partition.parts

    @property
    def gatherers(self) -> tuple[Gatherer, ...]:
        """What sums slices of fan-in, on the cores after those of the parts."""
        return self.partition.gatherers

    @property
    def cores(self) -> int:
        """Cores in use."""
        return self.partition.cores

    @cached_property
    def home(self) -> np.ndarray:
        """The core of the units that each core serves, int64: itself, but for gatherers."""
        return np.array(self.partition.homes, np.int64)

    def priced_by(self, chip: Chip) -> MappedNetwork:
        """The same placement, on the same chip with other prices; all that is known of it is kept.

        Parameters
        ----------
        chip : Chip
            With the limits and integers of this one (:meth:`Chip.changed`).
        """
        found = copy(self)
        object.__setattr__(found, "chip", chip)
        return found

    @property
    def chips(self) -> int:
        """Chips used."""
        return self.mesh.chips

    @cached_property
    def weights(self) -> tuple[QuantizedWeights, ...]:
        """Per connection: codes of what the synapses hold, and the exponent that they share."""
        arithmetic = self.chip.arithmetic
        assert arithmetic is not None
        return tuple(
            quantize(connection.synapse_weights(weights.astype(np.float64)), arithmetic)
            for connection, weights in zip(
                self.network.connections, self.network.weights, strict=True
            )
        )

    @cached_property
    def lost(self) -> tuple[Lost, ...]:
        """Per connection: what its weights lost when they became codes."""
        assert self.chip.arithmetic is not None
        return losses(self.network, self.chip.arithmetic, [w.exponent for w in self.weights])

    @cached_property
    def tile(self) -> np.ndarray:
        """The tile of each core, int64, numbered as in the mesh."""
        return self.mesh.tile_of_site[self.sites]

    @cached_property
    def tiles(self) -> int:
        """Tiles with a core that is used: those that leak, and that take part in a barrier."""
        return len(np.unique(self.tile))

    @cached_property
    def x(self) -> np.ndarray:
        """The column of each core's tile, int64, counted over all chips."""
        return self.mesh.tile_x[self.tile]

    @cached_property
    def y(self) -> np.ndarray:
        """The row of each core's tile, int64."""
        return self.mesh.tile_y[self.tile]

    @cached_property
    def slot(self) -> np.ndarray:
        """The place of each core within its tile, int64."""
        return self.mesh.slot_of_site[self.sites]

    @cached_property
    def chip_of(self) -> np.ndarray:
        """The chip of each core, int64."""
        return self.mesh.chip_of_site[self.sites]

    @cached_property
    def layer_of(self) -> np.ndarray:
        """The layer of the units of each core, int64; of a gatherer, of those of its home."""
        return np.array([part.layer for part in self.parts])[self.home]

    @cached_property
    def units(self) -> np.ndarray:
        """The units of each core, int64; of a gatherer, those whose sums it makes."""
        return np.array([part.units for part in self.parts])[self.home]

    @cached_property
    def gathers(self) -> np.ndarray:
        """Whether each core is a gatherer, bool."""
        return np.arange(self.cores) >= len(self.parts)

    @cached_property
    def first_sender(self) -> np.ndarray:
        """The first sender of each core, int64: bundles follow one another, then gatherers."""
        ends = np.cumsum([bundle.units for bundle in self.bundles])
        of_parts = np.cumsum([part.units for part in self.parts])
        starts = np.concatenate([[0], np.searchsorted(ends, of_parts)[:-1] + 1])
        return np.concatenate([starts, len(self.bundles) + np.arange(len(self.gatherers))])

    @cached_property
    def core_of(self) -> np.ndarray:
        """The core of each sender, int64."""
        counts = np.diff(self.first_sender, append=len(self.synapses))
        return np.repeat(np.arange(self.cores), counts)

    def by_core(self, of_senders: np.ndarray, axis: int = -1) -> np.ndarray:
        """Sums over the senders of each core."""
        if len(self.bundles) == len(self.parts):
            return of_senders
        return np.add.reduceat(of_senders, self.first_sender, axis=axis)

    @cached_property
    def destinations(self) -> np.ndarray:
        """Messages that one spike of each sender sends, int64.

        One for each destination core; with multicast one for all of them.
        """
        cores = np.count_nonzero(self.synapses, axis=1)
        return np.minimum(cores, 1) if self.multicast else cores

    @property
    def multicast(self) -> bool:
        """Whether a message is copied on its way to several cores."""
        return self.chip.can("multicast")

    @cached_property
    def routes(self) -> Routes:
        """The links that the messages of one spike of each sender cross."""
        found = routes(self.x, self.y, self.synapses > 0, self.core_of, self.mesh)
        return found.copied() if self.multicast else found

    @cached_property
    def hops_per_spike(self) -> np.ndarray:
        """Hops of all messages of one spike, in each of DIRECTIONS, int64, (senders, 4)."""
        if self.multicast:
            return self.routes.crossed @ self.routes.directions
        between = hops(self.x, self.y)[self.core_of]
        return (between * (self.synapses > 0)[..., None]).sum(axis=1)

    @cached_property
    def joined(self) -> np.ndarray:
        """Whether any spike goes from one core to another, bool, shape (cores, cores)."""
        return self.by_core(self.synapses, axis=0) > 0

    @cached_property
    def traffic(self) -> np.ndarray:
        """Messages per time step between cores at the rates given, float64, (cores, cores).

        Those within a core, of units that are joined to one another there, travel nowhere: 0.
        """
        sources, targets = np.nonzero(self.synapses)
        found = np.zeros(self.synapses.shape)
        found[sources, targets] = self.spikes[sources]
        between = self.by_core(found, axis=0).copy()
        np.fill_diagonal(between, 0.0)
        return between

    @cached_property
    def link_traffic(self) -> np.ndarray:
        """Messages per time step over each link at the rates given, float64, shape (links,)."""
        return self.spikes @ self.routes.crossed

    @cached_property
    def utilisation(self) -> np.ndarray:
        """Of each core, the largest share of a limit that it uses, float64, shape (cores,)."""
        allowed = {name: limit for name, limit in self.limits.items() if limit}
        return np.array(
            [max(use[name] / limit for name, limit in allowed.items()) for use in self.use]
        )

    @cached_property
    def sum_bits(self) -> np.ndarray:
        """Bits that sums take, int64, (cores,): payloads on gatherers, synapses at homes."""
        cores, arithmetic = self.chip.cores, self.chip.arithmetic
        assert cores is not None and arithmetic is not None
        a_synapse = cores.packing.axon_bits(1, arithmetic.weight_bits, False)
        sums = (self.synapses[len(self.bundles) :] > 0).sum(axis=0)  # that reach each unit
        return self.units * (self.gathers * payload_bits(self.chip) + sums * a_synapse)

    @property
    def limits(self) -> dict[str, int | None]:
        """What one core allows of each resource; None: no limit, or none published."""
        return limits(self.chip)

    @property
    def totals(self) -> dict[str, int]:
        """What all cores use of each resource; of fan-in and fan-out, the most."""
        return {
            name: (max if name.startswith("fan") else sum)(use[name] for use in self.use)
            for name in RESOURCES
        }

    @property
    def tightest(self) -> Tightest:
        """The resource and the core with the least to spare."""
        found = [
            Tightest(name, core, use[name], limit)
            for name, limit in self.limits.items()
            if limit
            for core, use in enumerate(self.use)
        ]
        return max(found, key=lambda one: one.used / one.limit)

    def cores_of(self, layer: int) -> np.ndarray:
        """The cores where the units of a layer stand, int64."""
        return np.flatnonzero((self.layer_of == layer) & ~self.gathers)

    def holders(self, k: int, forward: bool) -> np.ndarray:
        """The cores where spikes arrive over connection k, forward or as feedback, int64."""
        below, above = self.network.joined[k]
        sender, receiver = (below, above) if forward else (above, below)
        hears = [one is None or one.layer == sender for one in self.partition.senders]
        return np.flatnonzero((self.layer_of == receiver) & np.array(hears))

    def copies(self, k: int) -> Copies:
        """Where the copies of connection k are stored."""
        mirrored = self.network.sends_back(k) and self.chip.copies == 2
        return Copies(
            self.holders(k, FORWARD),
            self.holders(k, FEEDBACK) if mirrored else np.zeros(0, np.int64),
            synapse_count(self.network.connections[k]),
            self.network.connections[k].different_weights,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, for JSON."""
        return told(self)


def map_network(
    network: Network,
    chip: Chip | str | Path,
    *,
    chips: int | None = 1,
    rates: Sequence[float] | None = None,
    placement: Placement = "hops",
    spread: int = 1,
    strict: bool = False,
    fitted: Partition | None = None,
) -> MappedNetwork:
    """Partition, place and route a network; the codes of its weights are made when asked for.

    Parameters
    ----------
    network : Network
    chip : Chip, str or Path
        Or its name, or its file.
    chips : int or None, default 1
        The most chips to use; None: as many as are needed. No more than needed are used.
    rates : sequence of float, optional
        Spikes per unit and time step, by layer, the input first; they weigh the traffic.
        Default: 1 for every layer.
    placement : {"hops", "energy", "time", "naive"}
        What is made small: the hops of messages; their energy on their ways; the time of a step,
        which the busiest link has a part in. Naive: cores in the order of the parts, row by row
        of tiles.
    spread : int, default 1
        Split every layer over so many times the fewest cores, as far as it has units: the busiest
        core, which time follows, has less to do; there are more messages.
    strict : bool, default False
        Refuse if more than half of a connection's weights get the code 0, or are clipped.
    fitted : Partition, optional
        What ``check_fits`` found for the same layers, chip, chips and spread.

    Raises
    ------
    DoesNotFit
        An InputError that names every limit that is broken, and what would make it fit.
    InputError
        If the chip has no cores, the network a maximum pooling, an argument is wrong, or `strict`.

    Examples
    --------
    >>> mapped = map_network(Network.dense([784, 500, 10]), "loihi1-davies")
    >>> [(part.layer, part.units) for part in mapped.parts]
    [(0, 784), (1, 125), (1, 125), (1, 125), (1, 125), (2, 10)]
    """
    chip = load_chip(chip)
    cores = checked_cores(network, chip, chips, spread)
    check_placement(placement)
    weighed = checked_rates(rates, len(network.layers))
    found = fitted or fitting_parts(network, chip, chips, spread)
    bundles, synapses = bundles_of(network, found)
    use, bits = use_of_cores(network, chip, found)
    unplaced = MappedNetwork(
        network,
        chip,
        found,
        bundles,
        Mesh.of(cores, chips_needed(chip, found.cores)),
        np.arange(found.cores),
        synapses,
        sent(bundles, synapses, found, weighed),
        Hops(0.0, 0.0, 0.0),
        use,
        bits,
    )
    mapped = _placed(unplaced, placement)
    if strict:
        check_kept("map", mapped.lost)
    return mapped


def _placed(unplaced: MappedNetwork, placement: Placement) -> MappedNetwork:
    """The same, on the best sites that are found."""
    order, mesh, traffic = unplaced.partition.in_order, unplaced.mesh, unplaced.traffic
    if unplaced.gatherers:
        traffic = traffic[np.ix_(order, order)]
    sites = np.empty(len(order), np.int64)
    naive = np.arange(len(order))
    if placement == "naive":
        found = naive
    else:
        longest = busiest_core(unplaced) if placement == "time" else None
        found = place(traffic, mesh, weights_of(unplaced.chip, placement), longest)
    sites[order] = found
    placed = replace(unplaced, sites=sites)
    if unplaced.multicast:
        straight = np.empty_like(sites)
        straight[order] = naive
        return replace(placed, hops=_tree_hops(placed, replace(unplaced, sites=straight)))
    hops = Hops(
        total_cost(traffic, mesh, found),
        total_cost(traffic, mesh, naive),
        lower_bound(traffic, mesh),
    )
    return replace(placed, hops=hops)


def _tree_hops(placed: MappedNetwork, naive: MappedNetwork) -> Hops:
    """Links that messages to many cores cross; at least one to each further tile that they need."""
    elsewhere = placed.core_of[:, None] != np.arange(placed.cores)
    cores = 1 + np.count_nonzero((placed.synapses > 0) & elsewhere, axis=1)
    further = -(-cores // placed.mesh.cores_per_tile) - 1
    crossed = [float(one.link_traffic.sum()) for one in (placed, naive)]
    return Hops(crossed[0], crossed[1], float(placed.spikes @ further))
