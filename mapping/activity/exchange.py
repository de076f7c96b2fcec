"""Weights exchanged between their copies: messages and hops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from eqchip.emulator.description.parts import Part
from eqchip.emulator.learning.onchip_traffic import Messages
from eqchip.mapping.activity.steps import StepCounts
from eqchip.mapping.placement.mapped import MappedNetwork
from eqchip.mapping.placement.mesh import Mesh
from eqchip.mapping.placement.route import Routes, hops, routes
from eqchip.mapping.placement.ways import wiring


class Exchange(NamedTuple):
    """Graded messages between cores, which carry no spikes.

    ``steps``: as of one step, float64, with the samples as its batch and the links of ``routes``.
    ``hops``: float64, shape (samples, cores, 4), of each sender in each of DIRECTIONS.
    ``crossings``: float64, shape (samples,), links to another chip crossed.
    """

    steps: StepCounts
    routes: Routes
    hops: np.ndarray
    crossings: np.ndarray

    @property
    def messages_sent(self) -> np.ndarray:
        """Of each core, shape (samples, cores)."""
        return self.steps.messages_sent[0]

    @property
    def messages_received(self) -> np.ndarray:
        """The same at the other end."""
        return self.steps.messages_received[0]

    @property
    def core_hops(self) -> np.ndarray:
        """The hops, as :class:`eqchip.mapping.activity.cores.CoreActivity` names them."""
        return self.hops

    @property
    def chip_crossings(self) -> np.ndarray:
        """The crossings, likewise."""
        return self.crossings


def exchange(
    mapped: MappedNetwork,
    messages: Sequence[Sequence[Messages]],
    beside: Sequence[np.ndarray] = (),
) -> Exchange:
    """Route messages from units to cores, as spikes are routed: once for every destination core.

    A core with which a unit has no synapse is no destination.

    Parameters
    ----------
    mapped : MappedNetwork
    messages : sequence of sequence of Messages
        Of each sample.
    beside : sequence of ndarray, shape (cores, cores), optional
        Of each sample, messages that are already told core by core.
    """
    cores = mapped.cores
    between = np.zeros((len(messages), cores, cores))
    for sample, found in enumerate(messages):
        for one in found:
            senders, receivers = mapped.cores_of(one.sender), mapped.cores_of(one.receiver)
            of_units = np.asarray(one.each, np.float64)
            first = [mapped.parts[core].first for core in senders]
            sent = np.add.reduceat(of_units * _reached(mapped, one), first, axis=1)
            heard = mapped.units[receivers] if one.per_unit else np.ones(len(receivers))
            between[sample][np.ix_(senders, receivers)] += sent.T * heard
    for sample, of_cores in enumerate(beside):
        between[sample] += of_cores
    return between_cores(between, mapped.x, mapped.y, mapped.mesh)


def _reached(mapped: MappedNetwork, one: Messages) -> np.ndarray:
    """Which units of the sender have a synapse on each core of the receiver; (cores, units)."""
    wires = wiring(mapped.network, min(one.sender, one.receiver), one.receiver > one.sender)
    units = mapped.network.sizes[one.sender]
    receivers = mapped.cores_of(one.receiver)
    if wires is None:  # the clamped input hears no feedback
        return np.zeros((len(receivers), units), bool)
    met = wires.reach([mapped.parts[core] for core in receivers])
    return wires.of_units(met, Part(one.sender, 0, units)) > 0


def broadcast(mapped: MappedNetwork) -> Exchange:
    """A message to every core of the network, one for each, from a processor at tile (0, 0).

    A host enters a mesh at a corner, so the processor stands at that of the first chip, beside
    whichever core of the network may be there. Nothing is copied on the way, as with spikes: the
    first links carry a message for each core behind them.

    Returns
    -------
    Exchange
        Of one sample; the last of its "cores" is the processor.
    """
    return from_corner(mapped, np.ones((1, mapped.cores)))


def from_corner(mapped: MappedNetwork, messages: np.ndarray) -> Exchange:
    """Messages from the processor of :func:`broadcast` to the cores, shape (samples, cores).

    The last of the "cores" of the exchange is the processor, as it is of :func:`to_corner`.
    """
    samples, cores = messages.shape
    between = np.zeros((samples, cores + 1, cores + 1))
    between[:, cores, :cores] = messages
    return _with_corner(mapped, between)


def to_corner(mapped: MappedNetwork, messages: np.ndarray) -> Exchange:
    """Messages from the cores to that processor, shape (samples, cores)."""
    samples, cores = messages.shape
    between = np.zeros((samples, cores + 1, cores + 1))
    between[:, :cores, cores] = messages
    return _with_corner(mapped, between)


def _with_corner(mapped: MappedNetwork, between: np.ndarray) -> Exchange:
    return between_cores(between, np.append(mapped.x, 0), np.append(mapped.y, 0), mapped.mesh)


def between_cores(between: np.ndarray, x: np.ndarray, y: np.ndarray, mesh: Mesh) -> Exchange:
    """Route messages that are already told core by core.

    Parameters
    ----------
    between : ndarray, shape (samples, senders, receivers)
    x, y : ndarray of int, shape (cores,)
        The tile of each core, counted over all chips.
    mesh : Mesh
    """
    samples, cores = between.shape[:2]
    # A sender of its own for each pair of cores: who hears how many differs.
    source, destination = np.nonzero(between.any(axis=0))
    sends = destination[:, None] == np.arange(cores)
    ways = routes(x, y, sends, source, mesh)
    links = between[:, source, destination] @ ways.crossed
    nothing = np.zeros((1, samples, cores))
    return Exchange(
        StepCounts(
            np.zeros(1, np.int64),
            nothing,
            nothing,
            nothing,
            between.sum(axis=2)[None],
            between.sum(axis=1)[None],
            links[None],
        ),
        ways,
        np.einsum("sab,abd->sad", between, hops(x, y)),
        links @ ways.crossing,
    )
