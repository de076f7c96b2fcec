"""XY routing: the links that a message crosses.

A message goes along x until it stands in the column of its destination, then along y. It is
sent once for every destination core; or, on a chip with multicast, once for all of them, and is
copied where their ways part: those of one sender make a tree, whose links it crosses once each.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from eqchip.mapping.placement.mesh import Mesh

Direction = Literal["east", "west", "north", "south"]
DIRECTIONS: tuple[Direction, ...] = ("east", "west", "north", "south")
EAST, WEST, NORTH, SOUTH = range(4)
STEP = {"east": (1, 0), "west": (-1, 0), "north": (0, -1), "south": (0, 1)}


class Link(NamedTuple):
    """One directed link of the mesh, from tile (x, y) to its neighbour in a direction."""

    x: int
    y: int
    direction: Direction

    @property
    def end(self) -> tuple[int, int]:
        """The tile that it leads to."""
        dx, dy = STEP[self.direction]
        return self.x + dx, self.y + dy

    def crosses(self, tiles_x: int, tiles_y: int) -> bool:
        """Whether it leads from one chip to the next, for chips of so many columns and rows."""
        x, y = self.end
        return (self.x // tiles_x, self.y // tiles_y) != (x // tiles_x, y // tiles_y)


def route(source: tuple[int, int], destination: tuple[int, int]) -> list[Link]:
    """The links from one tile (x, y) to another, in the order in which they are crossed.

    Examples
    --------
    >>> [f"{link.x},{link.y} {link.direction}" for link in route((0, 1), (2, 0))]
    ['0,1 east', '1,1 east', '2,1 north']
    """
    (x, y), (end_x, end_y) = source, destination
    along_x: Direction = "east" if end_x > x else "west"
    along_y: Direction = "south" if end_y > y else "north"
    columns = range(x, end_x, STEP[along_x][0])
    rows = range(y, end_y, STEP[along_y][1])
    return [Link(column, y, along_x) for column in columns] + [
        Link(end_x, row, along_y) for row in rows
    ]


def hops(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Hops in each of DIRECTIONS from every core to every other, int64, (cores, cores, 4).

    Parameters
    ----------
    x, y : ndarray of int, shape (cores,)
        The tile of each core.
    """
    across, down = x[None, :] - x[:, None], y[None, :] - y[:, None]
    by_direction = [across, -across, -down, down]
    return np.maximum(np.stack(by_direction, axis=-1), 0).astype(np.int64)


class Routes(NamedTuple):
    """What one spike of each sender puts on the mesh.

    ``links``: every directed link that any message crosses. ``crossed``: int64, shape (senders,
    links), how many messages of one spike of a sender cross it. ``crossing``: bool, shape
    (links,), whether the link leads to another chip.
    """

    links: tuple[Link, ...]
    crossed: np.ndarray
    crossing: np.ndarray

    @property
    def directions(self) -> np.ndarray:
        """Of each link, 1 in its direction, int64, shape (links, 4)."""
        way = np.array([DIRECTIONS.index(link.direction) for link in self.links], np.int64)
        return (way[:, None] == np.arange(len(DIRECTIONS))).astype(np.int64)

    @property
    def crossings(self) -> np.ndarray:
        """The same of links to another chip alone."""
        return self.directions * self.crossing[:, None]

    def copied(self) -> Routes:
        """As one message takes them to all of its destinations: each link once."""
        return self._replace(crossed=np.minimum(self.crossed, 1))


def routes(
    x: np.ndarray, y: np.ndarray, sends: np.ndarray, on_core: np.ndarray, mesh: Mesh
) -> Routes:
    """The links that the messages of one spike cross, for everyone who may send it.

    Parameters
    ----------
    x, y : ndarray of int, shape (cores,)
        The tile of each core, columns and rows counted over all chips.
    sends : ndarray of bool, shape (senders, cores)
        ``[p, c]``: whether a spike of sender p goes to core c.
    on_core : ndarray of int, shape (senders,)
        The core of each sender.
    mesh : Mesh
        Of the chips: where one ends and the next begins.
    """
    width, height = int(x.max()) + 1, int(y.max()) + 1
    senders, from_x, from_y = np.arange(len(sends)), x[on_core], y[on_core]
    messages = np.zeros((len(sends), height, width), np.int64)  # [p, row, column]: to that tile
    source, destination = np.nonzero(sends)
    np.add.at(messages, (source, y[destination], x[destination]), 1)

    # Before it turns, a message of p is in p's row: the link out of column i towards the east
    # is crossed by those that end further east, if i is not west of p. So for the west. After
    # the turn it is in its last column: so for north and south, column by column.
    load = np.zeros((len(sends), len(DIRECTIONS), height, width), np.int64)
    columns, rows = np.arange(width), np.arange(height)
    by_column = messages.sum(axis=1)
    load[senders, EAST, from_y] = _beyond(by_column) * (columns >= from_x[:, None])
    load[senders, WEST, from_y] = _before(by_column) * (columns <= from_x[:, None])
    by_row = messages.transpose(0, 2, 1)
    above, below = rows <= from_y[:, None], rows >= from_y[:, None]
    load[:, NORTH] = (_before(by_row) * above[:, None]).transpose(0, 2, 1)
    load[:, SOUTH] = (_beyond(by_row) * below[:, None]).transpose(0, 2, 1)

    direction, row, column = np.nonzero(load.any(axis=0))
    links = tuple(
        Link(int(i), int(j), DIRECTIONS[d]) for d, j, i in zip(direction, row, column, strict=True)
    )
    crossing = np.array([link.crosses(mesh.tiles_x, mesh.tiles_y) for link in links], bool)
    return Routes(links, load[:, direction, row, column], crossing)


def _beyond(counts: np.ndarray) -> np.ndarray:
    """For each place on the last axis, the sum over the places after it."""
    return counts.sum(axis=-1, keepdims=True) - counts.cumsum(axis=-1)


def _before(counts: np.ndarray) -> np.ndarray:
    """For each place on the last axis, the sum over the places before it."""
    return counts.cumsum(axis=-1) - counts
