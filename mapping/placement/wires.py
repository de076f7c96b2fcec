"""What the mapping asks of all that leads from one layer to another.

A connection joins a layer below (presynaptic) to a layer above (postsynaptic), or, a lateral one, a
layer to itself. Its spikes go forward, from below, and, as feedback over the same weights, from
above. The mapping asks only what stands here; the kinds answer it in
:mod:`eqchip.mapping.placement.wiring`. A link beside the chain is a connection like any other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np

from eqchip.emulator.description.parts import Part

C = TypeVar("C")


class Wires(ABC):
    """All that leads from one layer to another, or to itself: which units it joins, and how often.

    Units of a *place* reach the same units: all units of a dense layer, the channels of a place
    of a map. `channels` says how many they are.
    """

    channels: int
    receivers: int  # units that it leads to
    fewer: str = ""  # what would need fewer synapses, where it does not follow the layers' units
    sliceable: bool = False  # whether the synapses of some senders are told from the others

    @abstractmethod
    def reach(self, targets: Sequence[Part]) -> np.ndarray:
        """Synapses from a unit of each place to each part, int64, shape (targets, places)."""

    @abstractmethod
    def fan_in(self, target: Part) -> np.ndarray:
        """Synapses onto each unit of a part, int64, shape (units,)."""

    def axons(self, target: Part) -> list[tuple[int, int]]:
        """The units that reach a part: pairs (synapses of each on the part, how many such)."""
        met, places = np.unique(self.reach([target])[0], return_counts=True)
        return [(int(m), int(n) * self.channels) for m, n in zip(met, places, strict=True) if m > 0]

    def axons_from(self, senders: Part, target: Part) -> list[tuple[int, int]]:
        """As :meth:`axons`, of some of the units that send."""
        met = self.of_units(self.reach([target])[0], senders)
        found, axons = np.unique(met[met > 0], return_counts=True)
        return list(zip(found.tolist(), axons.tolist(), strict=True))

    def messages(self, source: Part, targets: Sequence[Part]) -> int:
        """Pairs of a unit of `source` and a part that it reaches: messages if all spike."""
        destinations = np.count_nonzero(self.reach(targets), axis=0)
        return int(self.of_units(destinations, source).sum())

    def fan_out(self, source: Part) -> np.ndarray:
        """Synapses from each unit of `source`, int64, shape (units,)."""
        everywhere = Part(0, 0, self.receivers)  # of whichever layer hears
        return self.of_units(self.reach([everywhere])[0], source)

    def of_units(self, of_places: np.ndarray, source: Part) -> np.ndarray:
        """From values of places, (..., places), those of the units of a part that sends."""
        first, last = source.first // self.channels, (source.end - 1) // self.channels + 1
        cut = slice(source.first - first * self.channels, source.end - first * self.channels)
        return np.repeat(of_places[..., first:last], self.channels, axis=-1)[..., cut]


class Wiring(Wires, Generic[C]):
    """One connection, in one direction: from a layer that sends to one that receives.

    Parameters
    ----------
    connection : Connection
    forward : bool
        From the layer below to that above, or back.
    """

    neighbours: bool  # whether the synapses of an axon are with units that follow one another

    def __init__(self, connection: C, forward: bool) -> None:
        self.connection, self.forward = connection, forward

    @abstractmethod
    def rows(self, target: Part, shared: bool) -> list[tuple[int, int]]:
        """What a part stores: pairs (synapses of a row in memory, how many such rows).

        Every synapse by itself, the synapses of an axon in a row; or, if kernels are `shared`, each
        weight of a kernel once, in a row for each channel that sends.
        """

    @abstractmethod
    def stored(self, flags: np.ndarray, targets: Sequence[Part], shared: bool) -> np.ndarray:
        """Stored synapses whose weight is flagged, int64, shape (n, targets).

        flags: bool, shape (n, *synapse weights), n sets of flags. `shared` as for :meth:`rows`.
        """

    def only(self, flags: np.ndarray, senders: Part) -> np.ndarray:
        """The flags of synapses from some of the units that send; of a `sliceable` kind."""
        raise NotImplementedError("not sliceable")

    @abstractmethod
    def fans(self, flags: np.ndarray) -> np.ndarray:
        """Synapses from each unit that sends whose weight is flagged, int64, shape (units,).

        flags: bool, in the shape of the synapse weights.
        """


class Together(Wires):
    """Several connections from one layer to another: a unit's spike travels once for them all."""

    channels = 1

    def __init__(self, wires: Sequence[Wires]) -> None:
        self.wires, self.receivers = wires, wires[0].receivers
        self.fewer = " or ".join(sorted({one.fewer for one in wires if one.fewer}))

    def reach(self, targets: Sequence[Part]) -> np.ndarray:
        """The sum over the connections."""
        met = [one.reach(targets) for one in self.wires]
        return np.sum(
            [
                np.repeat(of_places, one.channels, axis=1)
                for one, of_places in zip(self.wires, met, strict=True)
            ],
            axis=0,
        )

    def fan_in(self, target: Part) -> np.ndarray:
        """The sum over the connections."""
        return np.sum([one.fan_in(target) for one in self.wires], axis=0)
