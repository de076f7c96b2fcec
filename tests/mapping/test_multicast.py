"""Messages that are copied on their way: trees by hand, and the links of any of them."""

from __future__ import annotations

import numpy as np
import pytest
from hand_activity import hand_run
from hypothesis import given
from hypothesis import strategies as st
from small_chips import dense, small_chip

from eqchip.emulator.description.phases import Free
from eqchip.emulator.errors import InputError
from eqchip.hw_reports.pricing import timing
from eqchip.mapping.activity.cores import core_activity, step_counts
from eqchip.mapping.placement.clocks import events_in_a_period
from eqchip.mapping.placement.mapped import map_network
from eqchip.mapping.placement.paths import paths
from eqchip.mapping.placement.route import Link, route

# 1 -> 3 -> 1, a unit a core, on a row of five tiles: the input reaches three cores along one way,
# and so does the output, back.
ROW = {"units": 1, "tiles_x": 5, "tiles_y": 1, "cores_per_tile": 1}
EMITTED = [[1, 0, 1, 0, 1], [0, 0, 0, 0, 0]]


def on_a_row(multicast: bool):
    return map_network(dense(1, 3, 1), small_chip(multicast=multicast, **ROW), placement="naive")


def test_a_tree_by_hand():
    one, many = on_a_row(multicast=True), on_a_row(multicast=False)
    assert many.destinations.tolist() == [3, 1, 1, 1, 3]
    assert one.destinations.tolist() == [1, 1, 1, 1, 1]
    # To the cores 1, 2 and 3 the input takes three links in place of 1 + 2 + 3.
    east, west, links = Link(0, 0, "east"), Link(4, 0, "west"), one.routes.links
    assert links == many.routes.links
    assert one.routes.crossed[0, links.index(east)] == 1
    assert many.routes.crossed[0, links.index(east)] == 3
    assert one.routes.crossed[4, links.index(west)] == 1
    assert one.hops_per_spike.tolist() == [
        [3, 0, 0, 0], [3, 0, 0, 0], [2, 0, 0, 0], [1, 0, 0, 0], [0, 3, 0, 0],
    ]  # fmt: skip
    assert many.hops.placed == 6 + (3 + 2 + 1) + 6 and one.hops.placed == 3 + 6 + 3
    assert one.hops.bound == 3 + 1 + 1 + 1 + 3 and one.hops.naive == one.hops.placed


def test_counts_of_a_tree_by_hand():
    found = core_activity(on_a_row(multicast=True), hand_run(EMITTED, (Free(2),)))
    assert found.messages_sent.tolist() == [[1, 0, 1, 0, 1]]
    assert found.messages_received.tolist() == [[0, 2, 2, 2, 1]]
    assert found.synaptic_events.tolist() == [[0, 2, 2, 2, 1]]
    assert found.hops.tolist() == [[3 + 2, 3, 0, 0]]
    assert dict(zip(found.link_table, found.links[0].tolist(), strict=True)) == {
        Link(0, 0, "east"): 1, Link(1, 0, "east"): 1, Link(2, 0, "east"): 2,
        Link(3, 0, "east"): 1, Link(2, 0, "west"): 1, Link(3, 0, "west"): 1,
        Link(4, 0, "west"): 1,
    }  # fmt: skip


def test_crossings_of_a_tree_are_counted_once():
    # The same row on chips of two tiles: the input crosses to the second chip once, not twice.
    chip = small_chip(multicast=True, **{**ROW, "tiles_x": 2})
    mapped = map_network(dense(1, 3, 1), chip, chips=3, placement="naive")
    found = core_activity(mapped, hand_run(EMITTED, (Free(2),)))
    # Input: (1, 2). Hidden on core 2: (3, 4). Output: (4, 3) and (2, 1).
    assert found.crossings.tolist() == [[1 + 1, 2, 0, 0]]


def test_a_tree_keeps_sender_and_links_busy_for_less():
    busy = []
    for multicast in (True, False):
        mapped = on_a_row(multicast)
        counts = step_counts(mapped, hand_run(EMITTED, (Free(2),)))
        rows = np.ones(2, bool)
        time = timing.relaxation(counts, mapped.routes, mapped.chip, mapped.tiles, rows)
        busy.append((time.mesh.value, time.cores[0]))
        sent = events_in_a_period(mapped)["message"]
        assert sent.tolist() == mapped.destinations.tolist()
    assert busy[0][0] < busy[1][0] and busy[0][1] < busy[1][1]


@given(
    st.lists(st.integers(1, 9), min_size=2, max_size=4),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 3),
)
def test_a_tree_is_the_ways_of_all_copies_each_link_once(sizes, units, tiles_x, tiles_y):
    chip = small_chip(
        multicast=True, units=units, tiles_x=tiles_x, tiles_y=tiles_y, cores_per_tile=1, chips_x=2
    )
    mapped = map_network(dense(*sizes), chip, chips=None)
    for sender, core in enumerate(mapped.core_of.tolist()):
        start, tree = (int(mapped.x[core]), int(mapped.y[core])), set()
        targets = np.flatnonzero(mapped.synapses[sender]).tolist()
        for target in targets:
            tree |= set(route(start, (int(mapped.x[target]), int(mapped.y[target]))))
        # Every tile but the first is entered by one link: nothing arrives twice.
        assert len({link.end for link in tree}) == len(tree)
        crossed = mapped.routes.crossed[sender].tolist()
        links = {link: n for link, n in zip(mapped.routes.links, crossed, strict=True) if n}
        assert links == dict.fromkeys(tree, 1)
        assert mapped.hops_per_spike[sender].sum() == len(tree)
        assert mapped.destinations[sender] == bool(targets)
    hops = mapped.hops
    assert hops.bound - 1e-9 <= hops.placed == pytest.approx(mapped.link_traffic.sum())


def test_runs_without_a_clock_know_no_trees():
    with pytest.raises(InputError, match="paths: small copies messages on their way") as caught:
        paths(on_a_row(multicast=True))
    assert "\n" not in str(caught.value)
