"""Bundles: units that follow one another on a core and whose spikes all cost the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eqchip.emulator.description.network import Network
from eqchip.emulator.description.parts import Part
from eqchip.mapping.placement.wiring import outgoing


def bundles_of(network: Network, parts: Sequence[Part]) -> tuple[tuple[Part, ...], np.ndarray]:
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
    synapses: list[np.ndarray] = []
    for layer in layers:
        wired = [
            (wires, cores[to], wires.reach([parts[c] for c in cores[to]]))
            for to, wires in outgoing(network, layer).items()
        ]
        for p in cores[layer]:
            part = parts[p]
            met = np.zeros((len(parts), part.units), np.int64)
            for wires, targets, reach in wired:
                met[targets] = wires.of_units(reach, part)
            starts = np.flatnonzero(np.append(True, (np.diff(met, axis=1) != 0).any(axis=0)))
            ends = np.append(starts[1:], part.units)
            bundles += [
                Part(layer, part.first + a, b - a)
                for a, b in zip(starts.tolist(), ends.tolist(), strict=True)
            ]
            synapses.append(met[:, starts].T)
    return tuple(bundles), np.concatenate(synapses)
