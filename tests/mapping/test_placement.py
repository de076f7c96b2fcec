"""Cores on the mesh: routes link by link, and placements between the bound and the naive one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_chips import dense, small_chip

from eqchip.emulator.errors import InputError
from eqchip.mapping.chip_file.chip import load_chip
from eqchip.mapping.placement import place as placing
from eqchip.mapping.placement.busiest import busiest_link
from eqchip.mapping.placement.clocks import busiest_core, link_seconds
from eqchip.mapping.placement.mapped import map_network
from eqchip.mapping.placement.mesh import HOPS, Mesh, Weights
from eqchip.mapping.placement.objective import weights_of
from eqchip.mapping.placement.place import lower_bound, place, total_cost
from eqchip.mapping.placement.route import DIRECTIONS, Link, hops, route, routes

# --- the mesh -----------------------------------------------------------------------------


def test_sites_go_chip_by_chip_and_row_by_row():
    mesh = Mesh(chips=2, tiles_x=2, tiles_y=2, cores_per_tile=2, cores_per_chip=7)
    assert mesh.sites == 14 and mesh.width == 4
    assert mesh.chip_of_site.tolist() == [0] * 7 + [1] * 7
    assert mesh.slot_of_site.tolist() == [0, 1, 0, 1, 0, 1, 0] * 2
    x, y = mesh.tile_x[mesh.tile_of_site], mesh.tile_y[mesh.tile_of_site]
    assert x.tolist() == [0, 0, 1, 1, 0, 0, 1, 2, 2, 3, 3, 2, 2, 3]
    assert y.tolist() == [0, 0, 0, 0, 1, 1, 1] * 2


def test_chips_in_rows_by_hand():
    # Five chips of 2 x 1 tiles, two in a row: the last row has one, and two free tiles beside it.
    mesh = Mesh(chips=5, tiles_x=2, tiles_y=1, cores_per_tile=1, cores_per_chip=2, chips_x=2)
    assert (mesh.across, mesh.width, mesh.height, mesh.sites) == (2, 4, 3, 10)
    assert mesh.tile_x.tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    assert mesh.tile_y.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]
    assert [mesh.corner(chip) for chip in range(5)] == [(0, 0), (2, 0), (0, 1), (2, 1), (0, 2)]
    assert mesh.neighbours == [(0, 1), (0, 2), (1, 3), (2, 3), (2, 4)]
    # From the first tile to the last: three columns or one, and two rows; crossings along both.
    assert mesh.distances[3, 8] == 3 + 2
    weights = Weights(3.0, 4.0, 10.0)
    assert mesh.costs(weights)[3, 8] == 3 * 3.0 + 2 * 4.0 + (1 + 2) * 10.0
    assert mesh.costs(HOPS) is mesh.distances


@pytest.mark.parametrize(
    ("most", "chips", "across"), [(4, 1, 1), (4, 2, 1), (4, 4, 1), (4, 9, 2), (1, 9, 1), (4, 80, 4)]
)
def test_chips_stand_in_the_most_compact_rectangle(most, chips, across):
    # Of 8 x 4 tiles each: the sides are shortest together; of equals, the one of fewer columns.
    cores = small_chip(chips_x=most).cores
    mesh = Mesh.of(cores, chips)
    assert mesh.across == across
    sides = [c * 8 + -(-chips // c) * 4 for c in range(1, min(most, chips) + 1)]
    assert mesh.width + mesh.height == min(sides)
    assert Mesh.of(small_chip().cores, chips).across == chips


def test_crossings_are_counted_by_direction_on_chips_in_rows():
    # Four chips of one core, two in a row; core 0 talks to core 3: east, then south.
    mesh = Mesh(chips=4, tiles_x=1, tiles_y=1, cores_per_tile=1, cores_per_chip=1, chips_x=2)
    x, y = mesh.tile_x, mesh.tile_y
    sends = np.zeros((4, 4), bool)
    sends[0, 3] = sends[3, 0] = sends[1, 2] = True
    found = routes(x, y, sends, np.arange(4), mesh)
    assert (found.crossed @ found.crossings).tolist() == [
        [1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 0, 0], [0, 1, 1, 0],
    ]  # fmt: skip


# --- routes -------------------------------------------------------------------------------


def test_a_route_goes_along_x_then_along_y():
    assert route((1, 2), (3, 1)) == [Link(1, 2, "east"), Link(2, 2, "east"), Link(3, 2, "north")]
    assert route((2, 0), (1, 2)) == [Link(2, 0, "west"), Link(1, 0, "south"), Link(1, 1, "south")]
    assert route((1, 1), (1, 1)) == []
    assert Link(3, 0, "east").crosses(4, 2) and Link(4, 0, "west").crosses(4, 2)
    assert not Link(2, 0, "east").crosses(4, 2) and not Link(4, 0, "east").crosses(4, 2)
    assert not Link(3, 0, "south").crosses(4, 2) and Link(3, 1, "south").crosses(4, 2)
    assert Link(3, 2, "north").crosses(4, 2) and not Link(3, 1, "north").crosses(4, 2)


TILES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=7)


@given(TILES, st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 4))
def test_links_and_hops_are_those_of_the_routes_one_by_one(tiles, seed, tiles_x, tiles_y):
    x, y = np.array(tiles).T
    sends = np.random.default_rng(seed).random((len(tiles), len(tiles))) < 0.5
    np.fill_diagonal(sends, False)
    loads: dict[tuple[int, Link], int] = {}
    counted = hops(x, y)
    for p, c in itertools.product(range(len(tiles)), repeat=2):
        path = route(tiles[p], tiles[c])
        by_direction = [sum(link.direction == way for link in path) for way in DIRECTIONS]
        assert counted[p, c].tolist() == by_direction
        # The path is whole: each link starts where the one before ends.
        ends = [tiles[p], *(link.end for link in path)]
        assert [(link.x, link.y) for link in path] == ends[:-1] and ends[-1] == tiles[c]
        for link in path if sends[p, c] else []:
            loads[p, link] = loads.get((p, link), 0) + 1
    found = routes(x, y, sends, np.arange(len(x)), Mesh(1, tiles_x, tiles_y, 1, 1))
    assert len(set(found.links)) == len(found.links)
    assert set(found.links) == {link for _, link in loads}
    for k, link in enumerate(found.links):
        assert found.crossed[:, k].tolist() == [loads.get((p, link), 0) for p in range(len(x))]
        chips = [(x // tiles_x, y // tiles_y) for x, y in ((link.x, link.y), link.end)]
        assert found.crossing[k] == (chips[0] != chips[1])
        by_way = [int(found.crossing[k] and way == link.direction) for way in DIRECTIONS]
        assert found.crossings[k].tolist() == by_way


# --- placement ----------------------------------------------------------------------------


def best_by_trying_all(traffic: np.ndarray, mesh: Mesh) -> float:
    orders = itertools.permutations(range(mesh.sites), len(traffic))
    return min(total_cost(traffic, mesh, np.array(sites)) for sites in orders)


def random_traffic(seed: int, parts: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    kind = rng.integers(3)
    traffic = rng.random((parts, parts)) * (rng.random((parts, parts)) < 0.6)
    if kind == 1:
        traffic = np.round(4 * traffic)
    if kind == 2:  # layers: each part to those of the layers beside it, and back
        layer = np.sort(rng.integers(0, 3, parts))
        traffic = (np.abs(layer[:, None] - layer) == 1) * rng.random((parts, 1))
    np.fill_diagonal(traffic, 0)
    return traffic


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 5),
    st.sampled_from([(1, 3, 2, 1, 6), (1, 2, 1, 3, 6), (2, 1, 2, 2, 3), (1, 6, 1, 1, 5)]),
)
def test_bound_best_optimised_and_naive_stand_in_this_order(seed, parts, shape):
    mesh, traffic = Mesh(*shape), random_traffic(seed, parts)
    best = best_by_trying_all(traffic, mesh)
    placed = total_cost(traffic, mesh, place(traffic, mesh))
    naive = total_cost(traffic, mesh, np.arange(parts))
    rounding = 1e-9 * (1 + naive)
    assert lower_bound(traffic, mesh) <= best + rounding
    assert best <= placed + rounding
    assert placed <= naive


def test_the_bound_is_reached_where_parts_do_not_compete():
    # A hub and four others, one core a tile: the four stand around it.
    mesh = Mesh(1, 3, 3, 1, 9)
    traffic = np.zeros((5, 5))
    traffic[2, [0, 1, 3, 4]] = [1.0, 2.0, 3.0, 4.0]
    assert lower_bound(traffic, mesh) == 10.0
    assert total_cost(traffic, mesh, place(traffic, mesh)) == 10.0
    assert total_cost(traffic, mesh, np.arange(len(traffic))) > 10.0


def test_the_bound_counts_near_sites_by_hand():
    # Two cores a tile, one row of three tiles: from the middle, sites at 0, 1, 1, 1, 1 hops.
    mesh = Mesh(1, 3, 1, 2, 6)
    traffic = np.zeros((4, 4))
    traffic[0, 1:] = [5.0, 3.0, 2.0]
    assert lower_bound(traffic, mesh) == 5.0  # 5 x 0 + 3 x 1 + 2 x 1
    assert lower_bound(traffic.T, mesh) == 5.0


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 3))
def test_a_placement_uses_every_site_once_and_is_repeated(seed, parts, chips):
    mesh = Mesh(chips, 4, 2, 4, 30)
    traffic = random_traffic(seed, parts)
    sites = place(traffic, mesh)
    assert len(set(sites.tolist())) == parts and 0 <= sites.min() <= sites.max() < mesh.sites
    np.testing.assert_array_equal(sites, place(traffic.copy(), mesh))


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 5),
    st.sampled_from([(1, 3, 2, 1, 6), (4, 1, 1, 2, 2, 2), (3, 1, 2, 1, 2, 2)]),
    st.sampled_from([Weights(3, 4, 0), Weights(1, 5, 20), Weights(2e-12, 1e-12, 5e-12)]),
)
def test_a_placement_by_any_weights_is_between_the_best_and_the_naive_one(
    seed, parts, shape, weights
):
    mesh, traffic = Mesh(*shape), random_traffic(seed, parts)
    orders = itertools.permutations(range(mesh.sites), parts)
    best = min(total_cost(traffic, mesh, np.array(sites), weights) for sites in orders)
    placed = total_cost(traffic, mesh, place(traffic, mesh, weights), weights)
    naive = total_cost(traffic, mesh, np.arange(parts), weights)
    assert best <= placed * (1 + 1e-9) <= naive * (1 + 2e-9)


def test_energy_prefers_the_cheaper_axis():
    # Two cores on a mesh of 2 x 2, one a tile, and a third that talks to both: it stands where both
    # ways are a hop; by weights, the busier partner is east or west of it.
    mesh, traffic = Mesh(1, 2, 2, 1, 4), np.zeros((3, 3))
    traffic[0, 1:] = [5.0, 1.0]
    for weights, axis in ((Weights(3, 4, 0), mesh.tile_y), (Weights(4, 3, 0), mesh.tile_x)):
        sites = place(traffic, mesh, weights)
        assert axis[sites[0]] == axis[sites[1]] and axis[sites[0]] != axis[sites[2]]
        assert total_cost(traffic, mesh, sites, weights) == 5 * 3 + 4


def test_ways_that_cost_nothing_are_placed_by_hops():
    mesh, traffic = Mesh(1, 3, 2, 1, 6), random_traffic(3, 5)
    free = place(traffic, mesh, Weights(0.0, 0.0, 0.0))
    assert len(set(free.tolist())) == 5
    assert len(set(place(traffic, mesh, Weights(0.0, 0.0, 0.0), 0.0).tolist())) == 5
    assert placing.whole_weights(Weights(3e-12, 4e-12, 0.0)) == (750, 1000, 0)


def test_a_crossing_is_avoided_if_it_costs_and_not_if_it_does_not():
    # Chips of two tiles with a core each, side by side: the two parts that talk stand on one.
    mesh, traffic = Mesh(2, 2, 1, 1, 2), np.zeros((4, 4))
    traffic[0, 1], traffic[1, 2], traffic[2, 3] = 1.0, 3.0, 1.0
    sites = place(traffic, mesh, Weights(1, 1, 9))
    assert mesh.chip_of_site[sites[1]] == mesh.chip_of_site[sites[2]]
    assert total_cost(traffic, mesh, sites, Weights(1, 1, 9)) < total_cost(
        traffic, mesh, place(traffic, mesh), Weights(1, 1, 9)
    )


@given(st.integers(0, 2**32 - 1), st.integers(1, 11), st.integers(1, 4))
def test_the_busiest_link_is_that_of_the_routes(seed, parts, chips):
    mesh, traffic = Mesh(chips, 3, 2, 2, 11, 2), random_traffic(seed, parts)
    weights = Weights(4.1, 6.5, 2.0)
    sites = np.random.default_rng(seed).permutation(mesh.sites)[:parts]
    loads: dict[Link, float] = {}
    tiles = mesh.tile_of_site[sites]
    ends = list(zip(mesh.tile_x[tiles].tolist(), mesh.tile_y[tiles].tolist(), strict=True))
    for p, c in np.argwhere(traffic).tolist():
        for link in route(ends[p], ends[c]):
            along = weights.east_west if link.direction in ("east", "west") else weights.north_south
            each = along + weights.crossing * link.crosses(3, 2)
            loads[link] = loads.get(link, 0.0) + each * traffic[p, c]
    found = busiest_link(tiles, traffic, mesh, weights)
    np.testing.assert_allclose(found, max(loads.values(), default=0.0), rtol=1e-12)


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_relief_ends_with_a_link_that_is_no_busier_and_every_part_on_a_site_of_its_own(seed, parts):
    mesh, traffic = Mesh(2, 3, 2, 2, 11), random_traffic(seed, parts)
    weights = Weights(1.0, 1.5, 0.0)
    before, after = place(traffic, mesh, weights), place(traffic, mesh, weights, 0.0)
    assert len(set(after.tolist())) == parts
    busy = [busiest_link(mesh.tile_of_site[one], traffic, mesh, weights) for one in (before, after)]
    assert busy[1] <= busy[0] * (1 + 1e-9)
    np.testing.assert_array_equal(after, place(traffic.copy(), mesh, weights, 0.0))
    # Where no link exceeds what it may, nothing is given up for it.
    np.testing.assert_array_equal(place(traffic, mesh, weights, busy[0] + 1), before)


def test_a_placement_by_time_takes_the_links_off_the_critical_path():
    # Split so far that the busiest link of the fewest hops has more to do than the busiest core.
    chip, rates = load_chip("loihi1-davies"), [0.1] * 3
    mapped = {
        way: map_network(dense(784, 500, 10), chip, rates=rates, spread=16, placement=way)
        for way in ("hops", "time")
    }
    core = busiest_core(mapped["hops"])
    link = {
        way: float((one.link_traffic * link_seconds(one.routes, chip, 1)).max())
        for way, one in mapped.items()
    }
    assert link["hops"] > 1.5 * core and link["time"] < 0.7 * link["hops"]
    assert mapped["time"].hops.placed >= mapped["hops"].hops.placed


def test_weights_are_those_of_the_chip_file_and_lacking_ones_are_named():
    chip = load_chip("loihi1-davies")
    assert weights_of(chip, "hops") == HOPS
    assert weights_of(chip, "time") == pytest.approx((4.1e-9, 6.5e-9, 0.0))
    without = {kind: one for kind, one in chip.time.items() if kind != "hop_north_south"}
    lacking = chip.model_copy(update={"time": without})
    with pytest.raises(InputError, match=r"has no time\.hop_north_south; expected hops or naive"):
        map_network(dense(784, 500, 10), lacking, placement="time")


def test_silent_networks_are_placed_as_well():
    mapped = map_network(dense(6, 6, 2), small_chip(units=3), rates=[0, 0, 0])
    assert mapped.hops == (0.0, 0.0, 0.0)
    assert len(set(mapped.sites.tolist())) == len(mapped.parts)


def test_optimised_placement_halves_the_hops_of_a_wide_layer():
    network = dense(784, 2000, 10)
    chip = load_chip("loihi1-davies")
    optimised = map_network(network, chip)
    naive = map_network(network, chip, placement="naive")
    assert naive.sites.tolist() == list(range(len(naive.parts)))
    assert naive.hops.placed == naive.hops.naive == optimised.hops.naive
    assert optimised.hops.bound <= optimised.hops.placed < 0.5 * naive.hops.placed


def test_rates_decide_who_stands_near():
    # A row of four tiles for one input core, two hidden ones and one output core. Whoever is
    # busiest stands between the hidden cores, one hop from each: 2 units x 2 hops.
    chip = small_chip(units=2, tiles_x=4, tiles_y=1, cores_per_tile=1)
    network = dense(2, 4, 2)
    for rates, expected in (([1, 0, 0], 4), ([0, 0, 1], 4), ([0, 1, 0], 4), ([1, 1, 1], 16)):
        mapped = map_network(network, chip, rates=rates)
        assert mapped.hops.placed == expected
        busiest = 0 if rates[0] > rates[2] else 3
        hidden = np.sort(mapped.x[mapped.cores_of(1)])
        assert hidden[0] < mapped.x[busiest] < hidden[1]
        assert mapped.traffic.max() == 2


# --- the search ---------------------------------------------------------------------------


def improved_by_recomputing(tiles: np.ndarray, flows: np.ndarray, mesh: Mesh) -> np.ndarray:
    """The same moves and swaps, every cost summed anew after each of them."""
    distances, tiles, part, waiting = mesh.distances, tiles.copy(), -1, len(tiles)

    def hops_of(tiles: np.ndarray) -> float:
        return float((flows * distances[np.ix_(tiles, tiles)]).sum() / 2)

    while waiting:
        part, waiting = (part + 1) % len(tiles), waiting - 1
        room = np.bincount(mesh.tile_of_site, minlength=mesh.tiles)
        room -= np.bincount(tiles, minlength=mesh.tiles)
        moved = []  # a move to each tile with room, then a swap with each part
        for tile in np.flatnonzero(room > 0):
            moved.append(tiles.copy())
            moved[-1][part] = tile
        for partner in range(len(tiles)):
            moved.append(tiles.copy())
            moved[-1][[part, partner]] = tiles[[partner, part]]
        best = min(moved, key=hops_of)
        if hops_of(best) < hops_of(tiles):
            tiles, waiting = best, len(tiles)
    return tiles


DRAWN = (st.integers(0, 2**32 - 1), st.integers(1, 7), st.sampled_from([1, 2]))


@given(*DRAWN)
def test_costs_kept_true_from_move_to_move_find_what_costs_summed_anew_find(seed, parts, chips):
    mesh = Mesh(chips, 3, 2, 2, 11)
    flows = placing._whole_flows(random_traffic(seed, parts))
    start = mesh.tile_of_site[np.random.default_rng(seed).permutation(mesh.sites)[:parts]]
    found = placing._improved(start, flows, mesh, mesh.distances)
    np.testing.assert_array_equal(found, improved_by_recomputing(start, flows, mesh))


@given(*DRAWN)
def test_after_all_moves_the_table_holds_the_cost_of_every_part_on_every_tile(seed, parts, chips):
    mesh = Mesh(chips, 3, 2, 2, 11)
    flows = placing._whole_flows(random_traffic(seed, parts))
    tiles = mesh.tile_of_site[np.random.default_rng(seed).permutation(mesh.sites)[:parts]]
    distances = mesh.distances.astype(np.float64)
    cost, before = flows @ distances[tiles], tiles.copy()
    room = np.bincount(mesh.tile_of_site, minlength=mesh.tiles)
    room -= np.bincount(tiles, minlength=mesh.tiles)
    placing._descend(tiles, cost, room, flows, distances)
    np.testing.assert_array_equal(cost, flows @ distances[tiles])
    assert (room >= 0).all()
    assert (flows * distances[np.ix_(tiles, tiles)]).sum() <= (
        flows * distances[np.ix_(before, before)]
    ).sum()


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 3))
def test_large_networks_have_the_same_hops_and_bound_and_sites_of_their_own(seed, parts, chips):
    mesh, traffic = Mesh(chips, 4, 2, 4, 30), random_traffic(seed, parts)
    sites = np.random.default_rng(seed).permutation(mesh.sites)[:parts]
    small = total_cost(traffic, mesh, sites), lower_bound(traffic, mesh)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(placing, "LARGE", 0)
        large = total_cost(traffic, mesh, sites), lower_bound(traffic, mesh)
        placed = place(traffic, mesh)
    np.testing.assert_allclose(large, small, rtol=1e-12, atol=1e-12)
    assert len(set(placed.tolist())) == parts and 0 <= placed.min() <= placed.max() < mesh.sites
    hops, naive = (total_cost(traffic, mesh, one) for one in (placed, np.arange(parts)))
    assert lower_bound(traffic, mesh) - 1e-9 <= hops <= naive + 1e-9


def test_a_chain_on_several_chips_is_placed_as_well_chip_by_chip_as_all_at_once(monkeypatch):
    # 20 layers of 17 cores on three chips of 128, each core with 60 units.
    layer = np.repeat(np.arange(20), 17)
    traffic = 60.0 * (np.abs(layer[:, None] - layer) == 1)
    mesh = Mesh(3, 8, 4, 4, 128)
    at_once = total_cost(traffic, mesh, place(traffic, mesh))
    monkeypatch.setattr(placing, "LARGE", 300)
    by_chips = total_cost(traffic, mesh, place(traffic, mesh))
    assert by_chips <= 1.02 * at_once
    assert by_chips < 0.8 * total_cost(traffic, mesh, np.arange(340))
