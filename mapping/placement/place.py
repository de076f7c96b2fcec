"""Placement: which core of the mesh each part stands on, so that messages travel little.

The cost of a placement is what its messages cost per time step: the sum, over every two parts, of
the traffic from one to the other (messages per step) times the cost of the way between their tiles:
hops, or their energy or time on the chip (:mod:`eqchip.mapping.placement.objective`). To find the
least is the quadratic assignment problem, which nobody solves exactly at this size. A greedy start,
the naive one and some drawn with fixed seeds are improved by moves and swaps until none helps;
:func:`lower_bound` says of hops how much might be left.

Of more than LARGE parts, each first gets its chip, by its place in the chain of layers, and is
then moved within its own chip and the ones next to it.

The time of a step follows the busiest core, wherever it stands, or the busiest link. So a placement
by time is one by the time of ways, and then parts move and swap off the busiest link until it takes
no longer than the busiest core, or nothing helps (:mod:`eqchip.mapping.placement.busiest`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, get_args

import numpy as np

from eqchip.emulator.errors import InputError
from eqchip.mapping.placement.busiest import busiest_link, relieved
from eqchip.mapping.placement.mesh import HOPS, Mesh, Weights

Placement = Literal["hops", "energy", "time", "naive"]
# The search counts in whole numbers up to this, so that sums are exact in float64 and the
# result does not depend on their order; the cost itself is taken from the real traffic.
FINEST = 2**20
FINEST_WEIGHT = 1000
RANDOM_STARTS = 8  # besides the greedy and the naive one; more rarely find better
LARGE = 512  # parts; with more, starts drawn at random end worse than the order of the layers


def check_placement(placement: str) -> None:
    """Refuse a placement that nobody knows.

    Raises
    ------
    InputError
    """
    if placement not in get_args(Placement):
        known = ", ".join(get_args(Placement))
        raise InputError(f"placement is {placement!r}; expected one of {known}")


def place(
    traffic: np.ndarray,
    mesh: Mesh,
    weights: Weights = HOPS,
    longest: float | None = None,
) -> np.ndarray:
    """The site of every part, int64, shape (parts,); its messages never cost more than naive ones.

    Parameters
    ----------
    traffic : ndarray of float, shape (parts, parts)
        ``[p, c]``: messages per time step from part p to part c; none to itself.
    mesh : Mesh
        With at least as many sites as there are parts.
    weights : Weights
        Of what a message costs on its way.
    longest : float, optional
        What the messages over a link may cost: the placement whose busiest link exceeds it least,
        then the cheapest, and parts leave that link as long as it exceeds it. Default: links do
        not matter.
    """
    naive = np.arange(len(traffic))
    whole = whole_weights(weights)
    costs = mesh.costs(whole)
    flows, straight = _whole_flows(traffic), mesh.tile_of_site[naive]
    if len(traffic) > LARGE:
        improved, starts = _improved_by_chips, list(_chains(len(traffic), mesh))
    else:
        improved = _improved
        starts = [straight, _greedy(flows, mesh, costs), *_random(len(traffic), mesh)]
    found = [naive, *(_sites(improved(start, flows, mesh, costs), mesh) for start in starts)]
    real = mesh.costs(weights)

    def worth(sites: np.ndarray) -> tuple[float, float]:
        tiles, busy = mesh.tile_of_site[sites], 0.0
        if longest is not None:
            busy = max(busiest_link(tiles, traffic, mesh, weights), longest)
        return busy, _cost(traffic, real, tiles)

    best = min(found, key=worth)
    if longest is None:
        return best
    return _sites(relieved(mesh.tile_of_site[best], traffic, mesh, weights, longest), mesh)


def whole_weights(weights: Weights) -> Weights:
    """The same in proportion, in whole numbers up to FINEST_WEIGHT; HOPS if ways cost nothing."""
    if weights == HOPS or not any(weights):
        return HOPS
    return Weights(*(round(FINEST_WEIGHT * one / max(weights)) for one in weights))


def total_cost(
    traffic: np.ndarray, mesh: Mesh, sites: np.ndarray, weights: Weights = HOPS
) -> float:
    """What the messages of a time step cost on their ways; hops by default."""
    return _cost(traffic, mesh.costs(weights), mesh.tile_of_site[sites])


def _cost(traffic: np.ndarray, costs: np.ndarray, tiles: np.ndarray) -> float:
    if len(traffic) <= LARGE:
        return float((traffic * costs[np.ix_(tiles, tiles)]).sum())
    sources, targets = np.nonzero(traffic)  # of large networks few; the order of sums is another
    return float((traffic[sources, targets] * costs[tiles[sources], tiles[targets]]).sum())


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
    sources, targets = np.nonzero(traffic)
    amounts = traffic[sources, targets]
    # Both ways between two parts: one flow, given to the end with more partners; ties: to the
    # part of lower number.
    low, high = np.minimum(sources, targets), np.maximum(sources, targets)
    pairs, which = np.unique(low * len(traffic) + high, return_inverse=True)
    low, high = np.divmod(pairs, len(traffic))
    partners = np.bincount(np.concatenate([low, high]), minlength=len(traffic))
    given = np.where(partners[low] >= partners[high], low, high)
    both = np.bincount(which, amounts, minlength=len(pairs))

    # Only so many flows differ from 0; products of another width may differ in their last bit.
    others = len(traffic) - 1 if len(traffic) <= LARGE else int(partners.max(initial=0))
    # [tile, k]: hops from a part on the tile to the k-th nearest site that is left. The last
    # tiles of a chip may be without cores: nobody stands there.
    to_sites = np.sort(mesh.distances[np.unique(mesh.tile_of_site)][:, mesh.tile_of_site], axis=1)
    nearest = to_sites[:, 1 : others + 1]  # the first, at distance 0, is the part's own site

    def least(ends: np.ndarray, flows: np.ndarray) -> float:
        order = np.lexsort((-flows, ends))
        ends, flows = ends[order], flows[order]
        largest_first = np.zeros((len(traffic), others))
        largest_first[ends, np.arange(len(ends)) - np.searchsorted(ends, ends)] = flows
        return float((largest_first @ nearest.T).min(axis=1).sum())

    return max(least(sources, amounts), least(targets, amounts), least(given, both))


def _whole_flows(traffic: np.ndarray) -> np.ndarray:
    """Traffic between every two parts, both ways, in whole numbers up to 2 FINEST."""
    sources, targets = np.nonzero(traffic)
    amounts = traffic[sources, targets]
    whole = np.rint(amounts * (FINEST / amounts.max(initial=0.0))) if len(amounts) else amounts
    flows = np.zeros(traffic.shape)
    flows[sources, targets] = whole
    flows[targets, sources] += whole
    return flows


def _room(mesh: Mesh) -> np.ndarray:
    """How many cores every tile holds."""
    return np.bincount(mesh.tile_of_site, minlength=mesh.tiles)


def _greedy(flows: np.ndarray, mesh: Mesh, costs: np.ndarray) -> np.ndarray:
    """A tile for every part: the one with most traffic to those placed comes next, nearest."""
    distances, room = costs.astype(np.float64), _room(mesh)
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


def _chains(parts: int, mesh: Mesh) -> Iterator[np.ndarray]:
    """Tiles in orders in which layers that follow one another stand side by side.

    Chips in a row: as they are numbered, and column by column over all of them. In several rows:
    along the rows to and fro, the tiles of a row of chips column by column; and likewise along
    the columns of chips.
    """
    tiles = mesh.tile_of_site
    x, y = mesh.tile_x[tiles], mesh.tile_y[tiles]
    row, column = mesh.chip_of_site // mesh.across, mesh.chip_of_site % mesh.across
    if not row.any():
        yield tiles[:parts]
        yield tiles[np.lexsort((y, x))][:parts]
        return
    east, south = np.where(row % 2, -x, x), np.where(column % 2, -y, y)
    yield tiles[np.lexsort((y, east, row))][:parts]
    yield tiles[np.lexsort((x, south, column))][:parts]


def _improved(tiles: np.ndarray, flows: np.ndarray, mesh: Mesh, costs: np.ndarray) -> np.ndarray:
    """Give each part in turn its best move or swap, until none costs less."""
    return _settled(tiles, flows, mesh, costs, np.arange(mesh.tiles))


def _improved_by_chips(
    tiles: np.ndarray, flows: np.ndarray, mesh: Mesh, costs: np.ndarray
) -> np.ndarray:
    """The same within every two neighbouring chips, one pair after the other, until none helps.

    The parts on all other chips stay where they are, and pull.
    """
    before, of_chip = None, np.arange(mesh.tiles_x * mesh.tiles_y)
    while before is None or (tiles != before).any():
        before = tiles
        for pair in mesh.neighbours:
            ground = np.concatenate([chip * len(of_chip) + of_chip for chip in pair])
            tiles = _settled(tiles, flows, mesh, costs, ground)
    return tiles


def _settled(
    tiles: np.ndarray, flows: np.ndarray, mesh: Mesh, costs: np.ndarray, ground: np.ndarray
) -> np.ndarray:
    """Improve the parts that stand on some tiles, and keep them there; the others stay."""
    inside = np.flatnonzero(np.isin(tiles, ground))
    local = np.searchsorted(ground, tiles[inside])  # tiles by their place in `ground`
    linked = np.flatnonzero(flows[inside].any(axis=0))
    to_ground = costs[np.ix_(tiles[linked], ground)].astype(np.float64)
    cost = flows[np.ix_(inside, linked)] @ to_ground  # [p, tile]: cost of part p, were it there
    room = _room(mesh)[ground] - np.bincount(local, minlength=len(ground))
    _descend(
        local,
        cost,
        room,
        flows[np.ix_(inside, inside)],
        costs[np.ix_(ground, ground)].astype(np.float64),
    )
    found = tiles.copy()
    found[inside] = ground[local]
    return found


def _descend(
    tiles: np.ndarray, cost: np.ndarray, room: np.ndarray, flows: np.ndarray, distances: np.ndarray
) -> None:
    """Give each part in turn its best move or swap, until none costs less; in place.

    ``cost[p, tile]``, what part p costs were it on the tile, is kept true: a part that moves
    changes it for its partners alone.
    """
    parts = np.arange(len(tiles))
    partners = [np.flatnonzero(row) for row in flows]

    def put(part: int, to: int) -> None:
        near, old = partners[part], tiles[part]
        cost[near] += flows[near, part, None] * (distances[to] - distances[old])
        tiles[part] = to

    waiting = len(tiles)  # parts that have not been looked at since the last change
    part = -1
    while waiting:
        part, waiting = (part + 1) % len(tiles), waiting - 1
        old = tiles[part]
        here = cost[part, old]
        move = np.where(room > 0, cost[part] - here, np.inf)
        # Both parts keep the distance between them; each term takes it for 0 once.
        swap = (cost[part, tiles] - here) + (cost[parts, old] - cost[parts, tiles])
        swap += 2 * flows[part] * distances[old, tiles]
        swap[part] = 0
        to, partner = int(np.argmin(move)), int(np.argmin(swap))
        if min(move[to], swap[partner]) >= 0:
            continue
        waiting = len(tiles)
        if move[to] <= swap[partner]:
            room[old] += 1
            room[to] -= 1
        else:
            to = int(tiles[partner])
            put(partner, old)
        put(part, to)


def _sites(tiles: np.ndarray, mesh: Mesh) -> np.ndarray:
    """A site on its tile for every part, the parts of a tile in their order."""
    sites = np.empty(len(tiles), np.int64)
    for tile in np.unique(tiles):
        here = np.flatnonzero(tiles == tile)
        sites[here] = np.flatnonzero(mesh.tile_of_site == tile)[: len(here)]
    return sites
