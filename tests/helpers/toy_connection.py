"""A kind of connection that eqchip does not have, added as docs/extending.md says.

Importing this module is all: a description, and its rows in the reference, the engine and the
mapping.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eqchip.backends.reference.floating import MATRIX_OF
from eqchip.emulator.description.connections import Connection
from eqchip.emulator.description.parts import Part
from eqchip.emulator.engine.lowering import LAYOUTS, Layout, Rows, rows_of_places
from eqchip.emulator.errors import check_whole
from eqchip.mapping.placement.wiring import KINDS, Wiring

# --- the description ----------------------------------------------------------------------


@dataclass(frozen=True)
class Blocks(Connection):
    """Groups of `size` units, each joined to the group of the same number, all to all.

    ``u_post[g s + j] = sum over i of w[g, i, j] q_pre[g s + i]``, for g < groups and i, j < s.
    """

    groups: int
    size: int

    def __post_init__(self) -> None:
        check_whole("Blocks: groups", self.groups, 1)
        check_whole("Blocks: size", self.size, 1)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return (self.groups, self.size, self.size)

    @property
    def pre_shape(self) -> tuple[int, ...]:
        return (self.groups * self.size,)

    @property
    def post_shape(self) -> tuple[int, ...]:
        return (self.groups * self.size,)

    def initial_limit(self) -> float:
        return math.sqrt(3.0 / self.size)

    def __str__(self) -> str:
        return f"{self.groups} blocks of {self.size}"


# --- the reference's matrix ---------------------------------------------------------------


def matrix(connection: Blocks, weights: np.ndarray) -> np.ndarray:
    units = connection.groups * connection.size
    found = np.zeros((units, units), weights.dtype)
    for g, block in enumerate(weights):
        here = slice(g * connection.size, (g + 1) * connection.size)
        found[here, here] = block
    return found


MATRIX_OF[Blocks] = matrix

# --- the engine's rows: a group is a place, its units are channels ------------------------


def rows(connection: Blocks) -> tuple[Rows, Rows]:
    size, units = connection.size, connection.groups * connection.size
    places = [[(first, first, size)] for first in range(0, units, size)]
    one_way = rows_of_places(size, units, places)
    return one_way, one_way


def spread(connection: Blocks, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    forward = weights.transpose(1, 0, 2).reshape(connection.size, -1)
    return forward, weights.transpose(2, 0, 1).reshape(connection.size, -1)


def gather(connection: Blocks, held: np.ndarray) -> np.ndarray:
    groups, size = connection.groups, connection.size
    return held[:, : groups * size].reshape(size, groups, size).transpose(1, 0, 2)


LAYOUTS[Blocks] = Layout(rows, spread, gather)

# --- the mapping's wiring -----------------------------------------------------------------


class BlocksWiring(Wiring[Blocks]):
    neighbours = True

    def __init__(self, connection: Blocks, forward: bool) -> None:
        super().__init__(connection, forward)
        self.channels, self.receivers = connection.size, connection.groups * connection.size

    def reach(self, targets: Sequence[Part]) -> np.ndarray:
        return np.stack([self._held(target).sum(axis=1) for target in targets])

    def fan_in(self, target: Part) -> np.ndarray:
        return np.full(target.units, self.connection.size)

    def rows(self, target: Part, shared: bool) -> list[tuple[int, int]]:
        return self.axons(target)

    def stored(self, flags: np.ndarray, targets: Sequence[Part], shared: bool) -> np.ndarray:
        onto = np.count_nonzero(flags, axis=2 if self.forward else 3)  # (n, groups, size)
        held = np.stack([self._held(target) for target in targets])
        return np.tensordot(onto, held, ((1, 2), (1, 2)))

    def fans(self, flags: np.ndarray) -> np.ndarray:
        return np.count_nonzero(flags, axis=2 if self.forward else 1).reshape(-1)

    def _held(self, target: Part) -> np.ndarray:
        """1 for every unit of a part, by group."""
        held = np.zeros(self.receivers, np.int64)
        held[target.first : target.end] = 1
        return held.reshape(self.connection.groups, self.connection.size)


KINDS[Blocks] = BlocksWiring
