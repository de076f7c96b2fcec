"""A network on a chip: weights as codes, units on cores, cores on the mesh."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.description.fixedpoint import QuantizedWeights, quantize
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.parts import Part
from eqchip.emulator.description.weight_losses import Lost, check_kept, losses
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.placement.bundles import bundles_of, checked_rates
from eqchip.mapping.placement.mesh import Mesh
from eqchip.mapping.placement.partition import (
    RESOURCES,
    checked_cores,
    chips_needed,
    fitting_parts,
    limits,
    synapse_bits,
    used,
)
from eqchip.mapping.placement.place import Placement, lower_bound, place, total_hops
from eqchip.mapping.placement.route import Routes, hops, routes
from eqchip.mapping.placement.wiring import synapse_count

MAPPING_FORMAT = "eqchip-mapping 1"


class Copies(NamedTuple):
    """The copies of a connection's weights.

    ``forward``: the cores of the layer above, where forward spikes arrive. ``mirrored``: those
    of the layer below, where feedback arrives; none for connection 0, whose layer below is
    clamped, nor on a chip that stores one copy. ``synapses``: of one direction. ``weights``: how
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
    parts : tuple of Part
        Part p stands alone on core p.
    bundles : tuple of Part
        The parts once more, cut where units next to each other differ in the cores that they
        reach, or in the synapses that they meet there: the spikes of a bundle all cost the same.
        A run counts them with ``parts=mapped.bundles``. In a dense network, the parts themselves.
    mesh : Mesh
        Of all chips used.
    sites : ndarray of int64, shape (cores,)
        Where on the mesh each core stands.
    synapses : ndarray of int64, shape (bundles, cores)
        ``[b, c]``: synapses that one spike of bundle b meets on core c; 0: no message.
    spikes : ndarray of float64, shape (bundles,)
        Spikes per time step at the rates that the placement was given.
    hops : Hops
    use : list of dict
        Per core: resource -> used (see :mod:`eqchip.mapping.placement.partition`).
    synapse_bits : ndarray of int64, shape (cores, 2)
        Bits of synapse memory: forward copies, mirrored copies.
    """

    network: Network
    chip: Chip
    parts: tuple[Part, ...]
    bundles: tuple[Part, ...]
    mesh: Mesh
    sites: np.ndarray
    synapses: np.ndarray
    spikes: np.ndarray
    hops: Hops
    use: list[dict[str, int]]
    synapse_bits: np.ndarray

    def __repr__(self) -> str:
        return f"MappedNetwork({self.network!r} on {len(self.parts)} cores of {self.chip.name})"

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
        """The layer of each core, int64."""
        return np.array([part.layer for part in self.parts])

    @cached_property
    def units(self) -> np.ndarray:
        """The units of each core, int64."""
        return np.array([part.units for part in self.parts])

    @cached_property
    def first_bundle(self) -> np.ndarray:
        """The first bundle of each core, int64; the bundles of a core follow one another."""
        ends = np.cumsum([bundle.units for bundle in self.bundles])
        return np.concatenate([[0], np.searchsorted(ends, np.cumsum(self.units))[:-1] + 1])

    @cached_property
    def core_of(self) -> np.ndarray:
        """The core of each bundle, int64."""
        counts = np.diff(self.first_bundle, append=len(self.bundles))
        return np.repeat(np.arange(len(self.parts)), counts)

    def by_core(self, of_bundles: np.ndarray, axis: int = -1) -> np.ndarray:
        """Sums over the bundles of each core."""
        if len(self.bundles) == len(self.parts):
            return of_bundles
        return np.add.reduceat(of_bundles, self.first_bundle, axis=axis)

    @cached_property
    def destinations(self) -> np.ndarray:
        """Messages that one spike of each bundle sends: its destination cores, int64."""
        return np.count_nonzero(self.synapses, axis=1)

    @cached_property
    def routes(self) -> Routes:
        """The links that the messages of one spike of each bundle cross."""
        return routes(self.x, self.y, self.synapses > 0, self.core_of, self.mesh.tiles_x)

    @cached_property
    def hops_per_spike(self) -> np.ndarray:
        """Hops of all messages of one spike, in each of DIRECTIONS, int64, (bundles, 4)."""
        between = hops(self.x, self.y)[self.core_of]
        return (between * (self.synapses > 0)[..., None]).sum(axis=1)

    @cached_property
    def joined(self) -> np.ndarray:
        """Whether any spike goes from one core to another, bool, shape (cores, cores)."""
        return self.by_core(self.synapses, axis=0) > 0

    @cached_property
    def traffic(self) -> np.ndarray:
        """Messages per time step between cores at the rates given, float64, (cores, cores)."""
        sources, targets = np.nonzero(self.synapses)
        found = np.zeros(self.synapses.shape)
        found[sources, targets] = self.spikes[sources]
        return self.by_core(found, axis=0)

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
        """The cores of a layer, int64."""
        return np.flatnonzero(self.layer_of == layer)

    def copies(self, k: int) -> Copies:
        """Where the copies of connection k are stored."""
        mirrored = k > 0 and self.chip.copies == 2
        return Copies(
            self.cores_of(k + 1),
            self.cores_of(k) if mirrored else np.zeros(0, np.int64),
            synapse_count(self.network.connections[k]),
            int(self.weights[k].codes.size),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, for JSON."""
        cores = [
            {
                "core": core, "layer": part.layer, "first": part.first, "units": part.units,
                "chip": int(self.chip_of[core]), "x": int(self.x[core]), "y": int(self.y[core]),
                "slot": int(self.slot[core]), "use": self.use[core],
                "synapse_bits": {
                    "forward": int(self.synapse_bits[core, 0]),
                    "mirrored": int(self.synapse_bits[core, 1]),
                },
            }
            for core, part in enumerate(self.parts)
        ]  # fmt: skip
        copies = [self.copies(k) for k in range(len(self.weights))]
        return {
            "format": MAPPING_FORMAT,
            "chip": self.chip.name,
            "layers": list(self.network.sizes),
            "chips": self.chips,
            "cores_used": len(self.parts),
            "cores_available": self.mesh.sites,
            "limits": self.limits,
            "totals": self.totals,
            "tightest": self.tightest._asdict(),
            "hops": self.hops._asdict(),
            "connections": [
                {
                    "forward_cores": found.forward.tolist(),
                    "mirrored_cores": found.mirrored.tolist(),
                    "synapses": found.synapses,
                    "weights": found.weights,
                    "copies": found.stored,
                    "exponent": weights.exponent,
                    "saturated": weights.saturated,
                    "vanished": lost.vanished,
                    "nonzero": lost.weights,
                }
                for found, weights, lost in zip(copies, self.weights, self.lost, strict=True)
            ],
            "cores": cores,
        }


def map_network(
    network: Network,
    chip: Chip,
    *,
    chips: int | None = 1,
    rates: Sequence[float] | None = None,
    placement: Placement = "optimised",
    spread: int = 1,
    strict: bool = False,
) -> MappedNetwork:
    """Partition, place and route a network; the codes of its weights are made when asked for.

    Parameters
    ----------
    network : Network
    chip : Chip
    chips : int or None, default 1
        The most chips to use; None: as many as are needed. No more than needed are used.
    rates : sequence of float, optional
        Spikes per unit and time step, by layer, the input first; they weigh the traffic.
        Default: 1 for every layer.
    placement : {"optimised", "naive"}
        Naive: cores in the order of the parts, row by row of tiles.
    spread : int, default 1
        Split every layer over so many times the fewest cores, as far as it has units: the busiest
        core, which time follows, has less to do; there are more messages.
    strict : bool, default False
        Refuse if more than half of a connection's weights get the code 0, or are clipped.

    Raises
    ------
    DoesNotFit
        An InputError that names every limit that is broken, and what would make it fit.
    InputError
        If the chip has no cores, the network a maximum pooling, an argument is wrong, or `strict`.

    Examples
    --------
    >>> from eqchip.mapping.chip_file.chip import load_chip
    >>> net = Network.dense([784, 500, 10])
    >>> mapped = map_network(net, load_chip("loihi1-davies"))
    >>> [(part.layer, part.units) for part in mapped.parts]
    [(0, 784), (1, 125), (1, 125), (1, 125), (1, 125), (2, 10)]
    """
    cores = checked_cores(network, chip, chips, spread)
    weighed = checked_rates(rates, len(network.layers))
    parts = fitting_parts(network, chip, chips, spread)
    bundles, synapses = bundles_of(network, parts)
    spikes = np.array([bundle.units * weighed[bundle.layer] for bundle in bundles])
    mesh = Mesh(
        chips_needed(chip, parts),
        cores.tiles_x.amount,
        cores.tiles_y.amount,
        cores.cores_per_tile.amount,
        cores.per_chip.amount,
    )
    split = [[p for p in parts if p.layer == layer] for layer in range(len(network.layers))]
    unplaced = MappedNetwork(
        network,
        chip,
        parts,
        bundles,
        mesh,
        np.arange(len(parts)),
        synapses,
        spikes,
        Hops(0.0, 0.0, 0.0),
        [used(network, chip, part, split) for part in parts],
        np.array([synapse_bits(network, chip, part) for part in parts], np.int64),
    )
    traffic = unplaced.traffic
    sites = place(traffic, mesh, placement)
    found = Hops(
        total_hops(traffic, mesh, sites),
        total_hops(traffic, mesh, place(traffic, mesh, "naive")),
        lower_bound(traffic, mesh),
    )
    mapped = replace(unplaced, sites=sites, hops=found)
    if strict:
        check_kept("map", mapped.lost)
    return mapped
