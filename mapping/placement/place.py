"""Placement: which core of the mesh each part stands on, so that messages travel little.

The cost of a placement is the number of hops per time step: the sum, over every two parts,
of the traffic from one to the other (messages per step) times the hops between their tiles.
To find the least is the quadratic assignment problem, which nobody solves exactly at this
size. A greedy start, the naive one and some drawn with fixed seeds are improved by moves and
swaps until none helps; :func:`lower_bound` says how much might be left.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, get_args

import numpy as np

from eqchip.emulator.errors import InputError
from eqchip.mapping.placement.mesh import Mesh

Placement = Literal["optimised", "naive"]
# The search counts in whole numbers up to this, so that sums are exact in float64 and the
# result does not depend on their order; the cost itself is taken from the real traffic.
FINEST = 2**20
RANDOM_STARTS = 8  # besides the greedy and the naive one; more rarely find better


def place(traffic: np.ndarray, mesh: Mesh, placement: Placement = "optimised") -> np.ndarray:
    """The site of every part, int64, shape (parts,).

    Parameters
    ----------
    traffic : ndarray of float, shape (parts, parts)
        ``[p, c]``: messages per time step from part p to part c.
    mesh : Mesh
        With at least as many sites as there are parts.
    placement : {"optimised", "naive"}
        Naive: part p on site p. Optimised never has more hops.

    Raises
    ------
    InputError
        For an unknown placement.
    """
    if placement not in get_args(Placement):
        known = ", ".join(get_args(Placement))
        raise InputError(f"placement is {placement!r}; expected one of {known}")
    naive = np.arange(len(traffic))
    if placement == "naive":
        return naive
    flows = _whole_flows(traffic)
    starts = [mesh.tile_of_site[naive], _greedy(flows, mesh), *_random(len(traffic), mesh)]
    found = [naive, *(_sites(_improved(start, flows, mesh), mesh) for start in starts)]
    return min(found, key=lambda sites: total_hops(traffic, mesh, sites))


def total_hops(traffic: np.ndarray, mesh: Mesh, sites: np.ndarray) -> float:
    """Hops per time step of a placement."""
    tiles = mesh.tile_of_site[sites]
    return float((traffic * mesh.distances[np.ix_(tiles, tiles)]).sum())


def lower_bound(traffic: np.ndarray, mesh: Mesh) -> float:
    """A number of hops per time step that no placement goes below.

    Wherever a part stands, its n destinations stand on n other sites; their hops are at least
    those of the n nearest sites, and their cost is least when the largest flow goes to the
    nearest of them. The smallest such cost over all tiles that the part may stand on, summed
    over all parts, is a bound. The same holds for the sources of each part, and for any other
    way of giving each flow to one of its two ends: a third bound gives it to the end that
    has more partners, where the near sites run out. The best of the three is returned. It need
    not be reached: parts compete for the same sites.

    Parameters
    ----------
    traffic, mesh
        As for :func:`place`.
    """
    others = len(traffic) - 1
    # [tile, k]: hops from a part on the tile to the k-th nearest site that is left. The last
    # tiles of a chip may be without cores: nobody stands there.
    to_sites = np.sort(mesh.distances[np.unique(mesh.tile_of_site)][:, mesh.tile_of_site], axis=1)
    nearest = to_sites[:, 1 : others + 1]  # the first, at distance 0, is the part's own site

    def least(flows: np.ndarray) -> float:
        flows = flows.copy()
        np.fill_diagonal(flows, 0)
        largest_first = -np.sort(-flows, axis=1)[:, :others]
        return float((largest_first @ nearest.T).min(axis=1).sum())

    both = traffic + traffic.T
    partners = np.count_nonzero(both, axis=1)
    order = np.lexsort((np.arange(len(both)), -partners)).argsort()
    given = np.where(order[:, None] < order, both, 0)  # ties: to the part of lower number
    return max(least(traffic), least(traffic.T), least(given))


def _whole_flows(traffic: np.ndarray) -> np.ndarray:
    """Traffic between every two parts, both ways, in whole numbers up to 2 FINEST."""
    largest = traffic.max(initial=0.0)
    whole = np.rint(traffic * (FINEST / largest)) if largest > 0 else np.zeros_like(traffic)
    np.fill_diagonal(whole, 0)
    return whole + whole.T


def _room(mesh: Mesh) -> np.ndarray:
    """How many cores every tile holds."""
    return np.bincount(mesh.tile_of_site, minlength=mesh.tiles)


def _greedy(flows: np.ndarray, mesh: Mesh) -> np.ndarray:
    """A tile for every part: the one with most traffic to those placed comes next, nearest."""
    distances, room = mesh.distances.astype(np.float64), _room(mesh)
    tiles = np.full(len(flows), -1)
    to_placed, total = np.zeros(len(flows)), flows.sum(axis=1)
    cost = np.zeros((len(flows), mesh.tiles))
    middle = distances.sum(axis=1)
    for _ in range(len(flows)):
        waiting = np.flatnonzero(tiles < 0)
        part = waiting[np.lexsort((-total[waiting], -to_placed[waiting]))[0]]
        free = np.flatnonzero(room > 0)
        tile = free[np.lexsort((middle[free], cost[part, free]))[0]]
        tiles[part] = tile
        room[tile] -= 1
        to_placed += flows[part]
        cost += flows[:, part, None] * distances[tile]
    return tiles


def _random(parts: int, mesh: Mesh) -> Iterator[np.ndarray]:
    """Tiles drawn with fixed seeds."""
    for seed in range(RANDOM_STARTS):
        sites = np.random.default_rng(seed).random(mesh.sites).argsort()
        yield mesh.tile_of_site[sites[:parts]]


def _improved(tiles: np.ndarray, flows: np.ndarray, mesh: Mesh) -> np.ndarray:
    """Give each part in turn its best move or swap, until none makes fewer hops."""
    distances = mesh.distances.astype(np.float64)
    tiles, parts = tiles.copy(), np.arange(len(tiles))
    room = _room(mesh) - np.bincount(tiles, minlength=mesh.tiles)
    cost = flows @ distances[tiles]  # [p, tile]: hops of part p, were it there
    waiting = len(tiles)  # parts that have not been looked at since the last change
    part = -1
    while waiting:
        part, waiting = (part + 1) % len(tiles), waiting - 1
        here = cost[part, tiles[part]]
        move = np.where(room > 0, cost[part] - here, np.inf)
        # Both parts keep the distance between them; each term takes it for 0 once.
        swap = (cost[part, tiles] - here) + (cost[parts, tiles[part]] - cost[parts, tiles])
        swap += 2 * flows[part] * distances[tiles[part], tiles]
        swap[part] = 0
        to, partner = int(np.argmin(move)), int(np.argmin(swap))
        if min(move[to], swap[partner]) >= 0:
            continue
        waiting = len(tiles)
        old = tiles[part]
        if move[to] <= swap[partner]:
            room[old] += 1
            room[to] -= 1
        else:
            to = tiles[partner]
            tiles[partner] = old
            cost += flows[:, partner, None] * (distances[old] - distances[to])
        tiles[part] = to
        cost += flows[:, part, None] * (distances[to] - distances[old])
    return tiles


def _sites(tiles: np.ndarray, mesh: Mesh) -> np.ndarray:
    """A site on its tile for every part, the parts of a tile in their order."""
    sites = np.empty(len(tiles), np.int64)
    for tile in np.unique(tiles):
        here = np.flatnonzero(tiles == tile)
        sites[here] = np.flatnonzero(mesh.tile_of_site == tile)[: len(here)]
    return sites
