"""The busiest link of a placement, and how parts that load it move away.

The messages of two parts load every link of their way, along x first, then along y. What one takes
a link is its weight, so the load of a link is what it is busy with in a time step. Of the parts
whose messages load the busiest link the most, each is tried on other tiles, or in the place of
another part, until the busiest of all links has less to do; then the next busiest link is taken.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eqchip.mapping.placement.mesh import Mesh, Weights

CANDIDATES = 6  # parts that are tried, those with the largest share of the link
PARTNERS = 128  # parts, and tiles with room, that each is tried with: the nearest


class _Flows(NamedTuple):
    """Messages per time step from part to part, those of each part by index."""

    source: np.ndarray
    target: np.ndarray
    amount: np.ndarray
    of_part: list[np.ndarray]


def relieved(
    tiles: np.ndarray, traffic: np.ndarray, mesh: Mesh, weights: Weights, longest: float
) -> np.ndarray:
    """Tiles with a busiest link that has less to do, int64, shape (parts,).

    Parameters
    ----------
    tiles : ndarray of int64, shape (parts,)
    traffic, mesh, weights, longest
        As for :func:`eqchip.mapping.placement.place.place`.
    """
    tiles, flows = tiles.copy(), _flows_of(traffic)
    room = np.bincount(mesh.tile_of_site, minlength=mesh.tiles)
    room -= np.bincount(tiles, minlength=mesh.tiles)
    each = _weight_of_links(mesh, weights)
    everything = np.arange(len(flows.source))
    load = link_load(tiles, flows, everything, mesh)
    while (load * each).max(initial=0.0) > longest:
        found = _better(tiles, room, flows, mesh, load, each)
        if found is None:
            break
        part, to, partner = found
        if partner is None:
            room[tiles[part]] += 1
            room[to] -= 1
        else:
            tiles[partner] = tiles[part]
        tiles[part] = to
        load = link_load(tiles, flows, everything, mesh)
    return tiles


def busiest_link(tiles: np.ndarray, traffic: np.ndarray, mesh: Mesh, weights: Weights) -> float:
    """What the messages of a time step take the busiest link; arguments as of `relieved`."""
    flows = _flows_of(traffic)
    load = link_load(tiles, flows, np.arange(len(flows.source)), mesh)
    return float((load * _weight_of_links(mesh, weights)).max(initial=0.0))


def link_load(tiles: np.ndarray, flows: _Flows, which: np.ndarray, mesh: Mesh) -> np.ndarray:
    """Messages of some flows over every link, shape (4, rows, columns), DIRECTIONS first."""
    source, target = tiles[flows.source[which]], tiles[flows.target[which]]
    x, y = mesh.tile_x[source], mesh.tile_y[source]
    end_x, end_y = mesh.tile_x[target], mesh.tile_y[target]
    amount, stride = flows.amount[which], mesh.width + 1  # runs end one beyond the last link
    # Along x in row y, from column x on; then along y in column end_x. An entry opens a run of
    # links and another closes it: their running sum is the load.
    runs = (
        (0, y, x, y, np.maximum(end_x, x)),
        (1, y, np.minimum(end_x, x) + 1, y, x + 1),
        (2, np.minimum(end_y, y) + 1, end_x, y + 1, end_x),
        (3, y, end_x, np.maximum(end_y, y), end_x),
    )
    found = np.zeros((4, mesh.height + 1, stride))
    for way, row, column, last_row, last_column in runs:
        flat = np.concatenate([row * stride + column, last_row * stride + last_column])
        signed = np.concatenate([amount, -amount])
        opened = np.bincount(flat, signed, minlength=found[way].size).reshape(found[way].shape)
        found[way] = opened.cumsum(axis=1 if way < 2 else 0)
    return found[:, : mesh.height, : mesh.width]


def _flows_of(traffic: np.ndarray) -> _Flows:
    source, target = np.nonzero(traffic)
    order = np.argsort(np.concatenate([source, target]), kind="stable")
    ends = np.searchsorted(np.concatenate([source, target])[order], np.arange(1, len(traffic)))
    of_part = np.split(order % max(len(source), 1), ends)
    return _Flows(source, target, traffic[source, target], of_part)


def _weight_of_links(mesh: Mesh, weights: Weights) -> np.ndarray:
    """What one message takes each link, shape (4, rows, columns)."""
    column, row = np.arange(mesh.width), np.arange(mesh.height)[:, None]
    each = np.empty((4, mesh.height, mesh.width))
    each[:2], each[2:] = weights.east_west, weights.north_south
    each[0] += weights.crossing * ((column + 1) % mesh.tiles_x == 0)
    each[1] += weights.crossing * (column % mesh.tiles_x == 0)
    each[2] += weights.crossing * (row % mesh.tiles_y == 0)
    each[3] += weights.crossing * ((row + 1) % mesh.tiles_y == 0)
    return each


def _better(
    tiles: np.ndarray,
    room: np.ndarray,
    flows: _Flows,
    mesh: Mesh,
    load: np.ndarray,
    each: np.ndarray,
) -> tuple[int, int, int | None] | None:
    """The first move (part, tile, None) or swap (part, tile, partner) with a lower peak."""
    before = _peak(load * each)
    for part in _on_busiest(tiles, flows, mesh, load * each):
        old = int(tiles[part])
        near = np.argsort(mesh.distances[old][tiles], kind="stable")[:PARTNERS].tolist()
        free = np.flatnonzero(room > 0)
        free = free[np.argsort(mesh.distances[old][free], kind="stable")[:PARTNERS]]
        options: list[tuple[int, int | None]] = [(to, None) for to in free.tolist()]
        options += [(int(tiles[other]), other) for other in near if tiles[other] != old]
        for to, partner in options:
            if to == old:
                continue
            moved = tiles.copy()
            moved[part], which = to, flows.of_part[part]
            if partner is not None:
                moved[partner] = old
                which = np.union1d(which, flows.of_part[partner])
            after = load - link_load(tiles, flows, which, mesh)
            after += link_load(moved, flows, which, mesh)
            if _peak(after * each) < before:
                return part, to, partner
    return None


def _peak(taken: np.ndarray) -> tuple[float, int]:
    """The busiest link, and how many are as busy; in steps beyond what the order of sums moves."""
    most = float(taken.max(initial=0.0))
    digits = float(np.format_float_scientific(most, 9)) if most else 0.0
    return digits, int(np.count_nonzero(taken >= most * (1 - 1e-9)))


def _on_busiest(tiles: np.ndarray, flows: _Flows, mesh: Mesh, taken: np.ndarray) -> list[int]:
    """The parts whose messages load the busiest link, those with the most of them first."""
    way, row, column = np.unravel_index(int(taken.argmax()), taken.shape)
    source, target = tiles[flows.source], tiles[flows.target]
    x, y = mesh.tile_x[source], mesh.tile_y[source]
    end_x, end_y = mesh.tile_x[target], mesh.tile_y[target]
    crosses = (
        (y == row) & (x <= column) & (column < end_x),
        (y == row) & (end_x < column) & (column <= x),
        (end_x == column) & (end_y < row) & (row <= y),
        (end_x == column) & (y <= row) & (row < end_y),
    )[way]
    share = np.bincount(flows.source[crosses], flows.amount[crosses], minlength=len(tiles))
    share += np.bincount(flows.target[crosses], flows.amount[crosses], minlength=len(tiles))
    found = np.argsort(-share, kind="stable")[:CANDIDATES]
    return [int(part) for part in found if share[part] > 0]
