"""Bundles: units that follow one another on a core and whose spikes all cost the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eqchip.emulator.description.parts import Part
from eqchip.emulator.description.topology import Topology
from eqchip.emulator.errors import InputError, as_floats
from eqchip.mapping.placement.slices import Partition
from eqchip.mapping.placement.ways import outgoing


def bundles_of(network: Topology, found: Partition) -> tuple[tuple[Part, ...], np.ndarray]:
    """The bundles of all parts, and the synapses that a spike of each meets on every core.

    Returns
    -------
    bundles : tuple of Part
        Every part, cut where units next to each other differ in the synapses that they meet.
    synapses : ndarray of int64, shape (bundles + gatherers, cores)
        Of a gatherer: the one synapse, at its home, that a sum of it meets.
    """
    parts, layers = found.parts, range(len(network.layers))
    homes: list[list[int]] = [[] for _ in layers]
    holders: list[list[int]] = [[] for _ in layers]
    for core, home in enumerate(found.homes):
        holders[parts[home].layer].append(core)
        if core == home:
            homes[parts[home].layer].append(core)
    bundles: list[Part] = []
    met_on: list[tuple[list[int], np.ndarray]] = []  # (cores reached, synapses there by bundle)
    for layer in layers:
        neighbours = outgoing(network, layer)
        wired = [
            (to, wires, wires.reach([parts[c] for c in homes[to]]))
            for to, wires in neighbours.items()
        ]
        targets = [c for to in neighbours for c in holders[to]]
        for p in homes[layer]:
            part = parts[p]
            none = np.zeros((0, part.units), np.int64)  # the top of two layers reaches nobody
            met = np.concatenate([
                none,
                *(
                    _on_holders(wires.of_units(reach, part), part, holders[to], homes[to], found)
                    for to, wires, reach in wired
                ),
            ])  # fmt: skip
            starts = np.flatnonzero(np.append(True, (np.diff(met, axis=1) != 0).any(axis=0)))
            ends = np.append(starts[1:], part.units)
            bundles += [
                Part(layer, part.first + a, b - a)
                for a, b in zip(starts.tolist(), ends.tolist(), strict=True)
            ]
            met_on.append((targets, met[:, starts].T))
    synapses, row = np.zeros((len(bundles) + len(found.gatherers), found.cores), np.int64), 0
    for targets, met in met_on:
        synapses[row : row + len(met), targets] = met
        row += len(met)
    for row, gatherer in enumerate(found.gatherers, len(bundles)):
        synapses[row, gatherer.home] = 1
    return tuple(bundles), synapses


def checked_rates(rates: Sequence[float] | None, layers: int) -> np.ndarray:
    """Spikes per unit and time step, checked; float64, shape (layers,). None: 1 everywhere."""
    if rates is None:
        return np.ones(layers)
    found = as_floats("map: rates", rates).astype(np.float64)
    if found.shape != (layers,):
        raise InputError(f"map: rates have shape {found.shape}; expected {(layers,)}, one a layer")
    if not ((found >= 0) & np.isfinite(found)).all():
        raise InputError(f"map: rates are {found.tolist()}; expected finite ones of at least 0")
    return found


def _on_holders(
    met: np.ndarray, part: Part, holders: list[int], homes: list[int], found: Partition
) -> np.ndarray:
    """From synapses with the units of each home, (homes, units), those on each core that has any.

    A core with a slice has those of the units of the slice.
    """
    if len(holders) == len(homes):
        return met
    unit = np.arange(part.first, part.end)
    row_of = {home: row for row, home in enumerate(homes)}
    rows = [row_of[found.homes[core]] for core in holders]
    kept = np.zeros((len(holders), part.units), bool)
    for row, core in enumerate(holders):
        senders = found.senders[core]
        if senders is None or senders.layer == part.layer:
            first, end = (0, part.end) if senders is None else (senders.first, senders.end)
            kept[row] = (unit >= first) & (unit < end)
    return met[rows] * kept


def sent(
    bundles: Sequence[Part], synapses: np.ndarray, found: Partition, rates: np.ndarray
) -> np.ndarray:
    """Spikes of each bundle per time step, and sums of each gatherer: at most one for each unit."""
    spikes = np.array([bundle.units * rates[bundle.layer] for bundle in bundles])
    heard = spikes @ (synapses[: len(bundles), len(found.parts) :] > 0)
    summed = np.array([found.parts[one.home].units for one in found.gatherers])
    return np.append(spikes, np.minimum(heard, 1.0) * summed)
