"""What a connection asks of cores: the questions of the mapping, answered per kind.

A connection joins a layer below (presynaptic) to a layer above (postsynaptic). Its spikes go
forward, from below, and, as feedback over the same weights, from above. The mapping asks only
what stands here, so a new kind of connection is one more :class:`Wiring`. Longer than others: the
kinds answer the same questions, and are read side by side.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from eqchip.emulator.description.connections import (
    Connection,
    Conv2d,
    Dense,
    Sparse,
    kind_of,
    row_of,
)
from eqchip.emulator.description.network import Topology
from eqchip.emulator.description.parts import Part
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.needs import check_needs, of_links

FORWARD, FEEDBACK = True, False
C = TypeVar("C")


class Wiring(ABC, Generic[C]):
    """One connection, in one direction: from a layer that sends to one that receives.

    Units of a *place* reach the same units: all units of a dense layer, the channels of a place
    of a map. `channels` says how many they are.

    Parameters
    ----------
    connection : Connection
    forward : bool
        From the layer below to that above, or back.
    """

    channels: int
    receivers: int  # units that it leads to
    neighbours: bool  # whether the synapses of an axon are with units that follow one another
    fewer: str = ""  # what would need fewer synapses, where it does not follow the layers' units
    sliceable: bool = False  # whether `only` tells the synapses of some senders from the others

    def __init__(self, connection: C, forward: bool) -> None:
        self.connection, self.forward = connection, forward

    @abstractmethod
    def reach(self, targets: Sequence[Part]) -> np.ndarray:
        """Synapses from a unit of each place to each part, int64, shape (targets, places)."""

    @abstractmethod
    def fan_in(self, target: Part) -> np.ndarray:
        """Synapses onto each unit of a part, int64, shape (units,)."""

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
        everywhere = Part(source.layer + (1 if self.forward else -1), 0, self.receivers)
        return self.of_units(self.reach([everywhere])[0], source)

    def of_units(self, of_places: np.ndarray, source: Part) -> np.ndarray:
        """From values of places, (..., places), those of the units of a part that sends."""
        first, last = source.first // self.channels, (source.end - 1) // self.channels + 1
        cut = slice(source.first - first * self.channels, source.end - first * self.channels)
        return np.repeat(of_places[..., first:last], self.channels, axis=-1)[..., cut]


class DenseWiring(Wiring[Dense]):
    """Every unit of one side reaches every unit of the other."""

    neighbours = True
    sliceable = True

    def __init__(self, connection: Dense, forward: bool) -> None:
        super().__init__(connection, forward)
        sides = (connection.n_pre, connection.n_post)
        self.channels, self.receivers = sides if forward else sides[::-1]

    def reach(self, targets: Sequence[Part]) -> np.ndarray:
        """All units of each target; all senders are one place."""
        return np.array([[target.units] for target in targets], np.int64)

    def axons(self, target: Part) -> list[tuple[int, int]]:
        """Every unit that sends, with all units of the part."""
        return [(target.units, self.channels)]

    def axons_from(self, senders: Part, target: Part) -> list[tuple[int, int]]:
        """Every one of them, with all units of the part."""
        return [(target.units, senders.units)]

    def messages(self, source: Part, targets: Sequence[Part]) -> int:
        """From every unit to every part."""
        return source.units * len(targets)

    def fan_in(self, target: Part) -> np.ndarray:
        """All units of the side that sends."""
        return np.full(target.units, self.channels)

    def rows(self, target: Part, shared: bool) -> list[tuple[int, int]]:
        """No two synapses have a weight in common: all axons, with all units of the part."""
        return self.axons(target)

    def stored(self, flags: np.ndarray, targets: Sequence[Part], shared: bool) -> np.ndarray:
        """Each weight on the one part that holds its target; the targets are a whole layer."""
        of_units = np.count_nonzero(flags, axis=1 if self.forward else 2)
        return np.add.reduceat(of_units, [target.first for target in targets], axis=1)

    def only(self, flags: np.ndarray, senders: Part) -> np.ndarray:
        """The rows, or the columns, of the units that send."""
        found = np.zeros_like(flags)
        of_senders = slice(senders.first, senders.end)
        rows = (slice(None), of_senders) if self.forward else (slice(None), slice(None), of_senders)
        found[rows] = flags[rows]
        return found

    def fans(self, flags: np.ndarray) -> np.ndarray:
        """A sum over the other side."""
        return np.count_nonzero(flags, axis=1 if self.forward else 0)


class _Axis(NamedTuple):
    """Along one axis of a convolution, which of its rows joins which places; 0 or 1 in float64.

    sends: (kernel, places that send), whether a row of the kernel leads from the place anywhere.
    receives: (kernel, places that receive). joined: (places that send, places that receive).
    """

    sends: np.ndarray
    receives: np.ndarray
    joined: np.ndarray


class ConvWiring(Wiring[Conv2d]):
    """A place reaches the places that see it through the kernel, with all their channels.

    With average pooling through the merged kernel. A place near the border reaches fewer.
    """

    neighbours = False
    fewer = "smaller kernels or fewer channels"

    def __init__(self, connection: Conv2d, forward: bool) -> None:
        super().__init__(connection, forward)
        shapes = (connection.pre_shape, connection.synapse_shape)
        self.sender, self.receiver = shapes if forward else shapes[::-1]
        self.channels, self.receivers = self.sender[2], math.prod(self.receiver)

    def reach(self, targets: Sequence[Part]) -> np.ndarray:
        """For each place, the units of the target in the rectangle that it reaches."""
        rows, columns = self._axes
        first = np.array([[target.first] for target in targets])
        end, channels = np.array([[target.end] for target in targets]), self.receiver[2]
        start = channels * np.arange(self.receivers // channels)  # of the units of each place
        units = np.minimum(end, start + channels) - np.maximum(first, start)
        held = np.maximum(units, 0).astype(np.float64).reshape(-1, *self.receiver[:2])
        return _whole(rows.joined @ held @ columns.joined.T).reshape(len(targets), -1)

    def fan_in(self, target: Part) -> np.ndarray:
        """All channels of the places that the unit sees."""
        rows, columns = self._axes
        seen = np.outer(rows.joined.sum(axis=0), columns.joined.sum(axis=0)) * self.channels
        return np.repeat(_whole(seen), self.receiver[2])[target.first : target.end]

    def rows(self, target: Part, shared: bool) -> list[tuple[int, int]]:
        """Axons with their synapses; or the kernel, with a row per channel that sends."""
        if not shared:
            return self.axons(target)
        return [(int(np.count_nonzero(self._copies(target))), self.channels)]

    def stored(self, flags: np.ndarray, targets: Sequence[Part], shared: bool) -> np.ndarray:
        """Each weight as often as the target has synapses with it; shared: once if it has any."""
        by_receiver = np.count_nonzero(flags, axis=3 if self.forward else 4)  # (n, m, m, channels)
        copies = np.stack([self._copies(target) for target in targets])
        if shared:
            copies = np.minimum(copies, 1.0)
        return _whole(np.tensordot(by_receiver.astype(np.float64), copies, ((1, 2, 3), (1, 2, 3))))

    def fans(self, flags: np.ndarray) -> np.ndarray:
        """Sums over the rows and columns of the kernel that lead anywhere from the place."""
        rows, columns = self._axes
        by_sender = np.count_nonzero(flags, axis=3 if self.forward else 2)
        found = np.einsum("ai,bj,abc->ijc", rows.sends, columns.sends, by_sender, optimize=True)
        return _whole(found).reshape(-1)

    def _copies(self, target: Part) -> np.ndarray:
        """Synapses of one sending channel onto a part, float64, by weight: (m, m, channels)."""
        rows, columns = self._axes
        by_row = np.tensordot(rows.receives, self._held(target), 1)  # (m, columns, channels)
        return np.tensordot(columns.receives, by_row, (1, 1)).swapaxes(0, 1)

    def _held(self, target: Part) -> np.ndarray:
        """1 for every unit of a part, float64, in the shape of the layer that receives."""
        held = np.zeros(self.receivers)
        held[target.first : target.end] = 1.0
        return held.reshape(self.receiver)

    @property
    def _axes(self) -> tuple[_Axis, _Axis]:
        return _axes(self.connection, self.forward)


@lru_cache(maxsize=64)
def _axes(connection: Conv2d, forward: bool) -> tuple[_Axis, _Axis]:
    """The two axes of a convolution in one direction."""
    kernel, stride = np.arange(connection.synapse_kernel), connection.synapse_stride
    found = []
    for below, above in zip(connection.pre_shape[:2], connection.synapse_shape[:2], strict=True):
        # Place i below and place o above are joined by row i + padding - stride o of the kernel.
        row = np.arange(below)[:, None] + connection.padding - stride * np.arange(above)
        joins = (row == kernel[:, None, None]).astype(np.float64)  # (kernel, below, above)
        sides = joins.max(axis=2), joins.max(axis=1)
        joined = joins.max(axis=0)
        found.append(_Axis(*sides, joined) if forward else _Axis(*sides[::-1], joined.T))
    return found[0], found[1]


def _whole(values: np.ndarray) -> np.ndarray:
    """Whole numbers that were summed as floats, exact up to 2**53, since that is faster."""
    return np.rint(values).astype(np.int64)


class SparseWiring(Wiring[Sparse]):
    """A unit reaches those that the list names: every unit is a place of its own."""

    channels = 1
    neighbours = False
    fewer = "fewer synapses"
    sliceable = True

    def __init__(self, connection: Sparse, forward: bool) -> None:
        super().__init__(connection, forward)
        sides = (connection.n_pre, connection.n_post)
        self.senders, self.receivers = sides if forward else sides[::-1]
        self.by_sender, self.by_receiver = connection.rows(forward), connection.rows(not forward)

    def reach(self, targets: Sequence[Part]) -> np.ndarray:
        """How many of its synapses each unit has on the target."""
        return np.stack([
            np.bincount(self.by_receiver.other[self._onto(target)], minlength=self.senders)
            for target in targets
        ])  # fmt: skip

    def fan_in(self, target: Part) -> np.ndarray:
        """How many synapses of the list each unit receives from."""
        return np.diff(self.by_receiver.start)[target.first : target.end]

    def rows(self, target: Part, shared: bool) -> list[tuple[int, int]]:
        """No two synapses have a weight in common: axons with their synapses."""
        return self.axons(target)

    def stored(self, flags: np.ndarray, targets: Sequence[Part], shared: bool) -> np.ndarray:
        """Each weight on the one part that holds its target."""
        onto = [self.by_receiver.synapse[self._onto(target)] for target in targets]
        return np.stack([np.count_nonzero(flags[:, held], axis=1) for held in onto], axis=1)

    def only(self, flags: np.ndarray, senders: Part) -> np.ndarray:
        """Those that the list by the unit that sends has between two of its starts."""
        start = self.by_sender.start
        kept = self.by_sender.synapse[start[senders.first] : start[senders.end]]
        found = np.zeros_like(flags)
        found[:, kept] = flags[:, kept]
        return found

    def fans(self, flags: np.ndarray) -> np.ndarray:
        """The flagged synapses of each unit that sends."""
        counted = np.append(0, np.cumsum(flags[self.by_sender.synapse]))
        return np.diff(counted[self.by_sender.start])

    def _onto(self, target: Part) -> slice:
        """Where the synapses onto a part stand among those by the unit that receives."""
        start = self.by_receiver.start
        return slice(int(start[target.first]), int(start[target.end]))


KINDS: dict[type, type[Wiring[Any]]] = {
    Dense: DenseWiring,
    Conv2d: ConvWiring,
    Sparse: SparseWiring,
}


def check_kinds(network: Topology) -> None:
    """Refuse connections that no chip file here describes hardware for.

    Raises
    ------
    InputError
        For a maximum pooling: which synapse carries a spike is decided over a window of sums,
        of which no core has all; for a kind without wiring; and for links beside the chain.
    """
    check_needs("map", of_links(network), ())
    for k, connection in enumerate(network.connections):
        row_of(KINDS, connection, f"map: connection {k + 1}")
        size = connection.max_window
        if size:
            raise InputError(
                f"map: {kind_of(connection)} {k + 1} ({connection}), which leads to layer {k + 1}, "
                f"has maximum pooling over {size} x {size}: a decision over a window, which no "
                f"chip file here describes; expected average pooling, AvgPool2d({size})"
            )


def wiring(network: Topology, k: int, forward: bool) -> Wiring[Any] | None:
    """Connection k in one direction; None for feedback into the clamped input, which hears none."""
    if not forward and k == 0:
        return None
    return wiring_of(network.connections[k], forward)


def wiring_of(connection: Connection, forward: bool) -> Wiring[Any]:
    """A connection in one direction.

    Raises
    ------
    InputError
        If nothing here says how its kind is wired.
    """
    return row_of(KINDS, connection, "map: connection")(connection, forward)


def fans(connection: Connection, forward: bool, flags: np.ndarray) -> np.ndarray:
    """Synapses from each unit that sends whose weight is flagged, int64, shape (units,).

    Parameters
    ----------
    connection : Connection
    forward : bool
    flags : ndarray of bool
        In the shape of the synapse weights.
    """
    return wiring_of(connection, forward).fans(flags)


def synapse_count(connection: Connection) -> int:
    """Synapses of a connection, each place's by itself, in one direction.

    Examples
    --------
    At the border of 3 x 3 places a kernel of 3 x 3 reaches beyond: along an axis the three places
    see 2, 3 and 2 others.

    >>> synapse_count(Dense(784, 500)), synapse_count(Conv2d((3, 3, 1), 4, 3, padding=1))
    (392000, 196)
    """
    wires = wiring_of(connection, FORWARD)
    return int(wires.reach([Part(1, 0, wires.receivers)]).sum()) * wires.channels


def incoming(network: Topology, layer: int) -> dict[int, Wiring[Any]]:
    """What reaches a layer, by the layer that sends: forward from below, feedback from above."""
    found = {}
    if layer > 0:
        found[layer - 1] = wiring(network, layer - 1, FORWARD)
    if layer < len(network.layers) - 1:
        found[layer + 1] = wiring(network, layer, FEEDBACK)
    return {sender: wires for sender, wires in found.items() if wires is not None}


def outgoing(network: Topology, layer: int) -> dict[int, Wiring[Any]]:
    """What a layer reaches, by the layer that receives: forward above, feedback below."""
    found = {}
    if layer > 0:
        found[layer - 1] = wiring(network, layer - 1, FEEDBACK)
    if layer < len(network.layers) - 1:
        found[layer + 1] = wiring(network, layer, FORWARD)
    return {receiver: wires for receiver, wires in found.items() if wires is not None}
