"""Bundles: units that follow one another on a core and whose spikes all cost the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eqchip.emulator.description.network import Topology
from eqchip.emulator.description.parts import Part
from eqchip.emulator.errors import InputError, as_floats
from eqchip.mapping.placement.wiring import outgoing


def bundles_of(network: Topology, parts: Sequence[Part]) -> tuple[tuple[Part, ...], np.ndarray]:
    """The bundles of all parts, and the synapses that a spike of each meets on every core.

    Returns
    -------
    bundles : tuple of Part
        Every part, cut where units next to each other differ in the synapses that they meet.
    synapses : ndarray of int64, shape (bundles, parts)
    """
    layers = range(len(network.layers))
    cores = [[c for c, part in enumerate(parts) if part.layer == layer] for layer in layers]
    bundles: list[Part] = []
    found: list[tuple[list[int], np.ndarray]] = []  # (cores reached, synapses there by bundle)
    for layer in layers:
        neighbours = outgoing(network, layer)
        wired = [
            (wires, wires.reach([parts[c] for c in cores[to]])) for to, wires in neighbours.items()
        ]
        targets = [c for to in neighbours for c in cores[to]]
        for p in cores[layer]:
            part = parts[p]
            none = np.zeros((0, part.units), np.int64)  # the top of two layers reaches nobody
            met = np.concatenate([none, *(wires.of_units(reach, part) for wires, reach in wired)])
            starts = np.flatnonzero(np.append(True, (np.diff(met, axis=1) != 0).any(axis=0)))
            ends = np.append(starts[1:], part.units)
            bundles += [
                Part(layer, part.first + a, b - a)
                for a, b in zip(starts.tolist(), ends.tolist(), strict=True)
            ]
            found.append((targets, met[:, starts].T))
    synapses, row = np.zeros((len(bundles), len(parts)), np.int64), 0
    for targets, met in found:
        synapses[row : row + len(met), targets] = met
        row += len(met)
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
