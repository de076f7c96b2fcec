"""The mesh of a chip: where its cores stand, and how far from one another."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from eqchip.mapping.chip_file.cores import Cores


class Weights(NamedTuple):
    """What a message costs on its way: a hop along each axis, and a crossing on top of it."""

    east_west: float
    north_south: float
    crossing: float


HOPS = Weights(1, 1, 0)


@dataclass(frozen=True)
class Mesh:
    """Tiles of cores on one chip, or on several that stand side by side in rows.

    A **site** is a place for one core. Sites are numbered chip by chip, row by row of tiles
    from the top, and within a tile one after the other. Chips, too, are numbered row by row.

    Attributes
    ----------
    chips : int
    tiles_x, tiles_y : int
        Tiles of one chip. x grows eastward, y southward.
    cores_per_tile : int
    cores_per_chip : int
        The last tiles of a chip may hold fewer cores than the others, or none.
    chips_x : int, optional
        Chips in a row; 0, the default: all of them. A last row that is not full is filled up by
        chips that hold nothing; a message on its way may pass them.
    """

    chips: int
    tiles_x: int
    tiles_y: int
    cores_per_tile: int
    cores_per_chip: int
    chips_x: int = 0

    @classmethod
    def of(cls, cores: Cores, chips: int) -> Mesh:
        """So many chips as their file arranges them: in one row, or in a compact rectangle."""
        tiles_x, tiles_y = cores.tiles_x.amount, cores.tiles_y.amount
        most = chips if cores.chips_x is None else cores.chips_x.amount
        return cls(
            chips,
            tiles_x,
            tiles_y,
            cores.cores_per_tile.amount,
            cores.per_chip.amount,
            chips if cores.chips_x is None else _columns(chips, most, tiles_x, tiles_y),
        )

    @property
    def across(self) -> int:
        """Chips in a row."""
        return self.chips_x or self.chips

    @property
    def sites(self) -> int:
        """Places for cores on all chips."""
        return self.chips * self.cores_per_chip

    @property
    def width(self) -> int:
        """Columns of tiles over all chips."""
        return self.across * self.tiles_x

    @property
    def height(self) -> int:
        """Rows of tiles over all chips."""
        return -(-self.chips // self.across) * self.tiles_y

    def corner(self, chip: int) -> tuple[int, int]:
        """The column and row of the first tile of a chip, counted over all chips."""
        row, column = divmod(chip, self.across)
        return column * self.tiles_x, row * self.tiles_y

    @property
    def tiles(self) -> int:
        """Tiles of all chips, in the order of :attr:`tile_of_site`."""
        return self.chips * self.tiles_x * self.tiles_y

    @property
    def neighbours(self) -> list[tuple[int, int]]:
        """Chips that are linked to one another, each pair once, the one to the west or north first.

        Examples
        --------
        >>> Mesh(chips=3, tiles_x=8, tiles_y=4, cores_per_tile=4, cores_per_chip=128,
        ...      chips_x=2).neighbours
        [(0, 1), (0, 2)]
        """
        east = [(chip, chip + 1) for chip in range(self.chips - 1) if (chip + 1) % self.across]
        south = [(chip, chip + self.across) for chip in range(self.chips - self.across)]
        return sorted(east + south)

    @cached_property
    def chip_of_site(self) -> np.ndarray:
        """The chip of every site, int64, shape (sites,)."""
        return np.arange(self.sites) // self.cores_per_chip

    @cached_property
    def slot_of_site(self) -> np.ndarray:
        """The place of every site within its tile, int64, shape (sites,)."""
        return np.arange(self.sites) % self.cores_per_chip % self.cores_per_tile

    @cached_property
    def tile_of_site(self) -> np.ndarray:
        """The tile of every site, int64, shape (sites,)."""
        tile_on_chip = np.arange(self.sites) % self.cores_per_chip // self.cores_per_tile
        return self.chip_of_site * (self.tiles_x * self.tiles_y) + tile_on_chip

    @cached_property
    def tile_x(self) -> np.ndarray:
        """The column of every tile, counted over all chips, int64, shape (tiles,)."""
        chip, tile = np.divmod(np.arange(self.tiles), self.tiles_x * self.tiles_y)
        return chip % self.across * self.tiles_x + tile % self.tiles_x

    @cached_property
    def tile_y(self) -> np.ndarray:
        """The row of every tile, counted over all chips, int64, shape (tiles,)."""
        chip, tile = np.divmod(np.arange(self.tiles), self.tiles_x * self.tiles_y)
        return chip // self.across * self.tiles_y + tile // self.tiles_x

    @cached_property
    def distances(self) -> np.ndarray:
        """Hops between every two tiles, int64, shape (tiles, tiles)."""
        across = np.abs(self.tile_x[:, None] - self.tile_x)
        return across + np.abs(self.tile_y[:, None] - self.tile_y)

    def costs(self, weights: Weights) -> np.ndarray:
        """What a message costs between every two tiles, shape (tiles, tiles)."""
        if weights == HOPS:
            return self.distances
        across = np.abs(self.tile_x[:, None] - self.tile_x)
        down = np.abs(self.tile_y[:, None] - self.tile_y)
        column, row = self.tile_x // self.tiles_x, self.tile_y // self.tiles_y
        crossed = np.abs(column[:, None] - column) + np.abs(row[:, None] - row)
        found: np.ndarray = weights.east_west * across + weights.north_south * down
        return found + weights.crossing * crossed


def _columns(chips: int, most: int, tiles_x: int, tiles_y: int) -> int:
    """Chips in a row, at most so many, for the rectangle whose two sides are shortest in tiles.

    Of two as short the one with fewer columns.

    Examples
    --------
    Chips of 8 x 4 tiles: two stand one above the other, and 32 in four columns.

    >>> [_columns(chips, 8, 8, 4) for chips in (1, 2, 4, 9, 32)]
    [1, 1, 1, 2, 4]
    """
    return min(
        range(1, min(most, chips) + 1),
        key=lambda columns: columns * tiles_x - (-chips // columns) * tiles_y,
    )
