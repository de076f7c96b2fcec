"""The mesh of a chip: where its cores stand, and how far from one another."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Mesh:
    """Tiles of cores on one chip, or on several that stand side by side along x.

    A **site** is a place for one core. Sites are numbered chip by chip, row by row of tiles
    from the top, and within a tile one after the other.

    Attributes
    ----------
    chips : int
    tiles_x, tiles_y : int
        Tiles of one chip. x grows eastward, y southward.
    cores_per_tile : int
    cores_per_chip : int
        The last tiles of a chip may hold fewer cores than the others, or none.
    """

    chips: int
    tiles_x: int
    tiles_y: int
    cores_per_tile: int
    cores_per_chip: int

    @property
    def sites(self) -> int:
        """Places for cores on all chips."""
        return self.chips * self.cores_per_chip

    @property
    def width(self) -> int:
        """Columns of tiles over all chips."""
        return self.chips * self.tiles_x

    @property
    def tiles(self) -> int:
        """Tiles of all chips, in the order of :attr:`tile_of_site`."""
        return self.chips * self.tiles_x * self.tiles_y

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
        return chip * self.tiles_x + tile % self.tiles_x

    @cached_property
    def tile_y(self) -> np.ndarray:
        """The row of every tile, int64, shape (tiles,)."""
        return np.arange(self.tiles) % (self.tiles_x * self.tiles_y) // self.tiles_x

    @cached_property
    def distances(self) -> np.ndarray:
        """Hops between every two tiles, int64, shape (tiles, tiles)."""
        across = np.abs(self.tile_x[:, None] - self.tile_x)
        return across + np.abs(self.tile_y[:, None] - self.tile_y)
