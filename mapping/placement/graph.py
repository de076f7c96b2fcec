"""A graph on the cores of a chip: populations in parts, parts on cores, cores on the mesh.

Every population is split into near-equal parts, as few as keep the limits of a core (beyond 32
parts, to within a 32nd), and a part stands alone on its core, as the layers of a network do
(docs/mapping.md). Inputs stand on cores, too, which send and compute nothing. Weights are stored
once, where their spikes arrive; those of kernels once for each synapse.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from eqchip.emulator.description.graph.graph import Graph
from eqchip.emulator.description.parts import Part
from eqchip.emulator.errors import InputError, check_whole
from eqchip.mapping.chip_file.chip import Chip, load_chip
from eqchip.mapping.placement.mesh import Mesh
from eqchip.mapping.placement.objective import weights_of
from eqchip.mapping.placement.partition import WORDS, split_layer
from eqchip.mapping.placement.place import Placement, check_placement, place
from eqchip.mapping.placement.reach import fan_in, reach
from eqchip.mapping.placement.use import limits

FINE = 32  # parts: up to so many they are as few as can be, beyond to within 1 in FINE
ROWS = 2**22  # numbers that are counted at once
WEIGHT_BITS = 8  # of a chip whose file has no arithmetic


@dataclass(frozen=True, eq=False)
class MappedGraph:
    """A graph on a chip. Made by :func:`map_graph`.

    Attributes
    ----------
    graph : Graph
    chip : Chip
    parts : tuple of Part
        One per core; ``layer`` is the number of the population.
    reached : tuple of ndarray of int32, shape (units, cores) or (1, cores)
        Per population, the synapses that one spike of a unit meets on each core; one row if it
        is the same for all units.
    mesh : Mesh
    sites : ndarray of int64, shape (cores,)
    use : list of dict
        Per core: resource -> used.
    """

    graph: Graph
    chip: Chip
    parts: tuple[Part, ...]
    reached: tuple[np.ndarray, ...]
    mesh: Mesh
    sites: np.ndarray
    use: list[dict[str, int]]

    @property
    def cores(self) -> int:
        """Cores in use."""
        return len(self.parts)

    @cached_property
    def tiles(self) -> np.ndarray:
        """The tile of each core."""
        found: np.ndarray = self.mesh.tile_of_site[self.sites]
        return found

    @property
    def synapses(self) -> int:
        """Synapses of all cores."""
        units = zip(self.graph.sizes, self.reached, strict=True)
        return sum(int(found.sum()) * (n if len(found) == 1 else 1) for n, found in units)

    def traffic(self, sent: Sequence[np.ndarray]) -> np.ndarray:
        """Messages from every core to every other, (cores, cores).

        sent: per population, spikes of each unit, (units,).
        """
        return _traffic(self.parts, self.reached, sent)


def map_graph(
    graph: Graph,
    chip: Chip | str | Path,
    *,
    sent: Sequence[np.ndarray] | None = None,
    placement: Placement = "hops",
    spread: int = 1,
) -> MappedGraph:
    """Place a graph on a chip.

    Parameters
    ----------
    graph : Graph
    chip : Chip, str or Path
        With cores; or its name, or its file.
    sent : sequence of ndarray, optional
        Per population, spikes of each unit in a step, which the placement weighs its traffic by.
        Default: 1.
    placement : {"hops", "energy", "time", "naive"}
        What messages spend on their ways, made small; naive: cores in the order of populations.
    spread : int, default 1
        Split every population over so many times the fewest cores, as far as it has units.

    Raises
    ------
    InputError
        If the chip has no cores, or a population does not fit even one unit to a core.

    Examples
    --------
    >>> import eqchip as eq
    >>> graph = eq.Graph(
    ...     [eq.Population("in", eq.Input(), 784), eq.Population("hidden", eq.LIF(), 500)],
    ...     [eq.Projection("in", "hidden", np.ones((784, 500)))],
    ... )
    >>> [part.units for part in map_graph(graph, "loihi1-davies").parts]
    [784, 125, 125, 125, 125]
    """
    check_placement(placement)
    chip = load_chip(chip)
    if chip.cores is None:
        raise InputError(
            f"map: chip {chip.name!r} has no model of its cores; expected one that has"
        )
    check_whole("map: spread", spread, 1)
    splitting = _Split(graph, chip)
    split, use, reached = splitting.until_kept()
    if spread > 1:
        splitting.parts = [
            split_layer(k, p.shape, min(spread * len(parts), p.size))
            for k, (p, parts) in enumerate(zip(graph.populations, split, strict=True))
        ]
        split, use, reached = splitting.until_kept()
    parts = tuple(part for one in split for part in one)
    mesh = Mesh.of(chip.cores, -(-len(parts) // chip.cores.per_chip.amount))
    rates = [np.ones(n) for n in graph.sizes] if sent is None else sent
    traffic = _traffic(parts, reached, rates)
    np.fill_diagonal(traffic, 0.0)
    sites = np.arange(len(parts))
    if placement != "naive":
        sites = place(traffic, mesh, weights_of(chip, placement))
    return MappedGraph(graph, chip, parts, reached, mesh, sites, use)


def _reached(graph: Graph, split: Sequence[Sequence[Part]]) -> tuple[np.ndarray, ...]:
    """Per population, synapses on all cores."""
    starts = np.cumsum([0, *(len(parts) for parts in split)])
    found = [np.zeros((1, int(starts[-1])), np.int32) for _ in graph.populations]
    for projection in graph.projections:
        pre, post = graph.numbers[projection.pre], graph.numbers[projection.post]
        rows = reach(projection, split[post])
        if len(rows) > len(found[pre]):
            found[pre] = np.repeat(found[pre], len(rows), axis=0)
        found[pre][:, starts[post] : starts[post + 1]] += rows
    return tuple(found)


def _traffic(
    parts: Sequence[Part], reached: Sequence[np.ndarray], sent: Sequence[np.ndarray]
) -> np.ndarray:
    messages = np.zeros((len(parts), len(parts)))
    for core, part in enumerate(parts):
        rows = reached[part.layer]
        spikes = np.asarray(sent[part.layer], np.float64)[part.first : part.end]
        if len(rows) == 1:
            messages[core] = spikes.sum() * (rows[0] > 0)
        else:
            messages[core] = spikes @ (rows[part.first : part.end] > 0)
    return messages


def _by_count(rows: np.ndarray) -> np.ndarray:
    """Per part, how many units have 0, 1, 2, ... synapses on it: shape (parts, most + 1)."""
    parts, most = rows.shape[1], int(rows.max(initial=0)) + 1
    found = np.zeros(parts * most, np.int64)
    place = np.arange(parts, dtype=np.int64) * most
    for first in range(0, len(rows), max(1, ROWS // parts)):
        some = rows[first : first + max(1, ROWS // parts)]
        found += np.bincount((place + some).ravel(), minlength=parts * most)
    return found.reshape(parts, most)


class _Split:
    """Parts of every population, cut finer until no core breaks a limit."""

    def __init__(self, graph: Graph, chip: Chip) -> None:
        self.graph, self.chip, self.limits = graph, chip, limits(chip)
        self.bits = WEIGHT_BITS if chip.arithmetic is None else chip.arithmetic.weight_bits
        self.fan_in = [fan_in(graph, p.name) for p in graph.populations]
        self.parts = [split_layer(k, p.shape, 1) for k, p in enumerate(graph.populations)]

    def until_kept(self) -> tuple[list[list[Part]], list[dict[str, int]], tuple[np.ndarray, ...]]:
        """Cut until all limits are kept; numbers of parts only grow, so it ends.

        Also what each part uses, and what is reached, as in `MappedGraph`.
        """
        while True:
            reached = _reached(self.graph, self.parts)
            uses = self._uses(reached)
            wanted = [self._wanted(k, uses[k]) for k in range(len(self.parts))]
            if wanted == [len(parts) for parts in self.parts]:
                return self.parts, [use for one in uses for use in one], reached
            self.parts = [
                split_layer(k, p.shape, count)
                for k, (p, count) in enumerate(zip(self.graph.populations, wanted, strict=True))
            ]

    def _wanted(self, k: int, uses: list[dict[str, int]]) -> int:
        """How many parts a population needs at least, by what its parts use."""
        population, count = self.graph.populations[k], len(self.parts[k])
        wanted = count
        for resource, limit in self.limits.items():
            most = max(use[resource] for use in uses)
            if limit is None or most <= limit:
                continue
            if count == population.size or resource in ("fan_in", "fan_out"):
                raise InputError(
                    f"map: population {population.name!r} needs {most:,} {WORDS[resource]} on a "
                    f"core of {self.chip.name}, {limit:,} allowed; expected a smaller one, or "
                    "another chip"
                )
            total = sum(use[resource] for use in uses)  # does not fall when parts are cut
            wanted = max(wanted, count + 1 + count // FINE, -(-total // limit))
        return min(wanted, population.size)

    def _uses(self, reached: tuple[np.ndarray, ...]) -> list[list[dict[str, int]]]:
        """What each part of each population uses on its core."""
        assert self.chip.cores is not None
        axon_bits, units = self.chip.cores.packing.axon_bits, self.graph.sizes
        starts = np.cumsum([0, *(len(parts) for parts in self.parts)])
        joined = Counter((p.pre, p.post) for p in self.graph.projections)
        uses = [
            [
                dict.fromkeys(self.limits, 0) | {"units": part.units * len(p.unit.compartments)}
                for part in parts
            ]
            for p, parts in zip(self.graph.populations, self.parts, strict=True)
        ]
        for projection in self.graph.projections:
            pre, post = (self.graph.numbers[n] for n in (projection.pre, projection.post))
            if joined[projection.pre, projection.post] == 1:
                rows = reached[pre][:, starts[post] : starts[post + 1]]
            else:  # each has axons of its own
                rows = reach(projection, self.parts[post])
            neighbours = bool(projection.connection.all_to_all)
            if neighbours:  # all units alike, though others of theirs may not be
                rows = rows[:1]
            each = units[pre] if len(rows) == 1 else 1
            for use, with_synapses in zip(uses[post], _by_count(rows), strict=True):
                synapses = 1 + np.flatnonzero(with_synapses[1:])
                axons = with_synapses[synapses]
                use["input_axons"] += each * int(axons.sum())
                use["synapse_memory"] += each * sum(
                    int(n) * axon_bits(int(s), self.bits, neighbours)
                    for s, n in zip(synapses, axons, strict=True)
                )
                use["fan_in"] = self.fan_in[post]
        for k, rows in enumerate(reached):
            for use, part in zip(uses[k], self.parts[k], strict=True):
                own = rows if len(rows) == 1 else rows[part.first : part.end]
                times = part.units if len(rows) == 1 else 1
                use["output_axons"] = int((own > 0).sum()) * times
                use["fan_out"] = int(own.sum(axis=1).max())
        return uses
