"""Weight updates, core by core."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from eqchip.emulator.description.fixedpoint import quantize_at
from eqchip.emulator.description.parts import Part
from eqchip.emulator.errors import InputError
from eqchip.emulator.learning.contrast import Changes
from eqchip.mapping.placement.mapped import MappedNetwork
from eqchip.mapping.placement.ways import wiring
from eqchip.mapping.placement.wiring import FEEDBACK, FORWARD


class WeightUpdates(NamedTuple):
    """Writes of synapses by one update of all weights, int64, shape (cores,) each.

    ``attempted``: synapses on the core, of both copies. ``applied``: those whose stored code
    changed. ``saturated``: those whose new weight was clipped to the range of codes.
    """

    attempted: np.ndarray
    applied: np.ndarray
    saturated: np.ndarray


def weight_updates(
    mapped: MappedNetwork, changes: Changes, learns: Sequence[bool] | None = None
) -> WeightUpdates:
    """What one update writes, in both copies of every weight.

    A weight of a kernel is written in each of its synapses, wherever its places stand; on a chip
    that shares kernels, once on each core that has it.

    Parameters
    ----------
    mapped : MappedNetwork
        With the network as it was before the update.
    changes : Changes
        From :func:`eqchip.emulator.learning.contrast.contrast`. A change is added to the real
        weight and the sum rounded to a code, at the exponent that the stored codes have; weights
        and changes that are stored as merged kernels are merged first.
    learns : sequence of bool, optional
        Of each connection, whether it is written at all. Default: all are.

    Raises
    ------
    InputError
        If there is not one array for every connection, of its shape.
    """
    fixed = mapped.chip.arithmetic
    assert fixed is not None
    if len(changes.weights) != len(mapped.weights):
        raise InputError(
            f"weight_updates: changes of {len(changes.weights)} connections; "
            f"expected {len(mapped.weights)}"
        )
    counts = np.zeros((3, mapped.cores), np.int64)
    for k, change in enumerate(changes.weights):
        weights, stored = mapped.network.weights[k], mapped.weights[k]
        if np.shape(change) != weights.shape:
            raise InputError(
                f"weight_updates: change of connection {k} has shape {np.shape(change)}; "
                f"expected {weights.shape}"
            )
        if learns is not None and not learns[k]:
            continue
        merged = mapped.network.connections[k].synapse_weights
        wanted = merged(weights.astype(np.float64)) + merged(np.asarray(change, np.float64))
        codes = quantize_at(wanted, stored.exponent, fixed).codes
        unclipped = np.rint(np.ldexp(wanted, fixed.fraction_bits - stored.exponent))
        written = np.stack([np.ones(codes.shape, bool), codes != stored.codes, codes != unclipped])
        for forward in (FORWARD, FEEDBACK):
            counts += _stored(mapped, k, forward, written)
    return WeightUpdates(*counts)


def synapse_writes(mapped: MappedNetwork, k: int, forward: bool, counts: np.ndarray) -> np.ndarray:
    """How often each core writes a synapse of one copy of connection k, int64, shape (cores,).

    Parameters
    ----------
    mapped : MappedNetwork
    k : int
    forward : bool
        The forward copy, or the mirrored one; a chip that stores no mirrored copy writes none.
    counts : ndarray of int
        How often each synapse is written, in the shape of the synapse weights.
    """
    found = np.zeros(mapped.cores, np.int64)
    for times in range(int(counts.max(initial=0))):
        found += _stored(mapped, k, forward, (counts > times)[None])[0]
    return found


def _stored(mapped: MappedNetwork, k: int, forward: bool, flags: np.ndarray) -> np.ndarray:
    """Flagged synapses of a copy on each core, int64, (n, cores); flags: (n, *synapse weights)."""
    found = np.zeros((len(flags), mapped.cores), np.int64)
    wires = wiring(mapped.network, k, forward)
    if wires is None or not (forward or mapped.chip.copies == 2):
        return found
    below, above = mapped.network.joined[k]
    layer = mapped.cores_of(above if forward else below)  # its parts, all of them, in order
    parts = [mapped.parts[core] for core in layer]
    by_slice: dict[Part | None, list[int]] = {}
    for core in mapped.holders(k, forward).tolist():
        by_slice.setdefault(mapped.partition.senders[core], []).append(core)
    for senders, cores in by_slice.items():
        kept = flags if senders is None else wires.only(flags, senders)
        found[:, cores] = wires.stored(kept, parts, mapped.chip.shares_kernels)
    return found
