"""How each kind of connection is wired: the questions of the mapping, answered.

A new kind is one more :class:`~eqchip.mapping.placement.wires.Wiring`, and a row of `KINDS`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.description.connections import (
    Connection,
    Conv2d,
    Dense,
    Lateral,
    OneToOne,
    Sparse,
    kind_of,
    row_of,
)
from eqchip.emulator.description.parts import Part
from eqchip.emulator.description.topology import Topology
from eqchip.emulator.errors import InputError
from eqchip.mapping.placement.wires import Wiring

FORWARD, FEEDBACK = True, False


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


class LateralWiring(Wiring[Lateral]):
    """A unit reaches all units of its own layer but itself: both synapses of a pair are stored."""

    channels = 1
    neighbours = True

    def __init__(self, connection: Lateral, forward: bool) -> None:
        super().__init__(connection, forward)
        self.receivers = connection.units

    def reach(self, targets: Sequence[Part]) -> np.ndarray:
        """All units of each target; a unit of it, one fewer."""
        unit = np.arange(self.receivers)
        return np.stack([
            target.units - ((unit >= target.first) & (unit < target.end)) for target in targets
        ]).astype(np.int64)  # fmt: skip

    def fan_in(self, target: Part) -> np.ndarray:
        """All other units."""
        return np.full(target.units, self.receivers - 1)

    def rows(self, target: Part, shared: bool) -> list[tuple[int, int]]:
        """The two synapses of a pair stand where their spikes arrive: axons with their synapses."""
        return self.axons(target)

    def stored(self, flags: np.ndarray, targets: Sequence[Part], shared: bool) -> np.ndarray:
        """Each of the two on the one part that holds its target; the targets are a whole layer."""
        of_units = np.count_nonzero(flags & ~np.eye(self.receivers, dtype=bool), axis=1)
        return np.add.reduceat(of_units, [target.first for target in targets], axis=1)

    def fans(self, flags: np.ndarray) -> np.ndarray:
        """A sum over all other units."""
        return np.count_nonzero(flags & ~np.eye(self.receivers, dtype=bool), axis=1)


class OneToOneWiring(Wiring[OneToOne]):
    """A unit reaches the one of its number."""

    channels = 1
    neighbours = True  # an axon has a single synapse

    def __init__(self, connection: OneToOne, forward: bool) -> None:
        super().__init__(connection, forward)
        self.receivers = connection.units

    def reach(self, targets: Sequence[Part]) -> np.ndarray:
        """One synapse from each unit whose number is in the target."""
        unit = np.arange(self.receivers)
        return np.stack([
            (unit >= target.first) & (unit < target.end) for target in targets
        ]).astype(np.int64)  # fmt: skip

    def fan_in(self, target: Part) -> np.ndarray:
        """One."""
        return np.ones(target.units, np.int64)

    def rows(self, target: Part, shared: bool) -> list[tuple[int, int]]:
        """An axon for each unit of the part, with its synapse."""
        return self.axons(target)

    def stored(self, flags: np.ndarray, targets: Sequence[Part], shared: bool) -> np.ndarray:
        """Each weight on the part that holds its number; the targets are a whole layer."""
        counted = flags.astype(np.int64)
        return np.add.reduceat(counted, [target.first for target in targets], axis=1)

    def fans(self, flags: np.ndarray) -> np.ndarray:
        """One where it is flagged."""
        return flags.astype(np.int64)


KINDS: dict[type, type[Wiring[Any]]] = {
    Dense: DenseWiring,
    Conv2d: ConvWiring,
    Sparse: SparseWiring,
    Lateral: LateralWiring,
    OneToOne: OneToOneWiring,
}


def check_kinds(network: Topology) -> None:
    """Refuse connections that no chip file here describes hardware for.

    Raises
    ------
    InputError
        For a maximum pooling: which synapse carries a spike is decided over a window of sums,
        of which no core has all; and for a kind without wiring.
    """
    for k, connection in enumerate(network.connections):
        row_of(KINDS, connection, f"map: connection {k + 1}")
        size = connection.max_window
        if size:
            raise InputError(
                f"map: {kind_of(connection)} {k + 1} ({connection}), which leads to layer {k + 1}, "
                f"has maximum pooling over {size} x {size}: a decision over a window, which no "
                f"chip file here describes; expected average pooling, AvgPool2d({size})"
            )


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
