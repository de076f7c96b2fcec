"""Ways between cores, and a chip's times in nominal periods, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_chips import dense, small_chip
from toy_chip import TIME, toy_chip

from eqchip.emulator.description.asynchronous import (
    Asynchronous,
    Clocks,
    Delays,
    Faults,
    Paths,
    Queues,
)
from eqchip.emulator.errors import InputError
from eqchip.mapping.chip_file.chip import load_chip
from eqchip.mapping.placement.clocks import events_in_a_period, nominal_period, on_chip
from eqchip.mapping.placement.mapped import MappedNetwork, map_network
from eqchip.mapping.placement.paths import paths
from eqchip.mapping.placement.route import DIRECTIONS, Link

NS = 1e-9


def way(found: Paths, mapped: MappedNetwork, source: int, destination: int) -> list[Link]:
    """The links from core to core, in order."""
    pair = source * len(mapped.parts) + destination
    numbers = found.links[found.starts[pair] : found.starts[pair + 1]]
    return [mapped.routes.links[k] for k in numbers]


# --- ways ---------------------------------------------------------------------------------


def test_ways_by_hand():
    # A unit a core, row by row: (0, 0), (1, 0), (2, 0), (0, 1), (1, 1). 2 -> 2 -> 1 units.
    chip = small_chip(units=1, tiles_x=3, tiles_y=2, cores_per_tile=1)
    mapped = map_network(dense(2, 2, 1), chip, placement="naive")
    found = paths(mapped)
    assert found.hops.tolist() == [
        [0, 0, 2, 1, 0],
        [0, 0, 1, 2, 0],
        [0, 0, 0, 0, 2],
        [0, 0, 0, 0, 1],
        [0, 0, 2, 1, 0],
    ]
    assert (found.hops.dtype, found.starts.dtype, found.links.dtype) == (
        np.int64, np.int64, np.int32,
    )  # fmt: skip
    assert found.link_count == len(mapped.routes.links) == 10
    # x first, then y.
    assert way(found, mapped, 1, 3) == [Link(1, 0, "west"), Link(0, 0, "south")]
    assert way(found, mapped, 4, 2) == [Link(1, 1, "east"), Link(2, 1, "north")]
    assert way(found, mapped, 0, 2) == [Link(0, 0, "east"), Link(1, 0, "east")]
    assert way(found, mapped, 2, 0) == []  # nothing goes back to the input


@given(
    st.lists(st.integers(1, 14), min_size=2, max_size=4),
    st.builds(
        small_chip,
        units=st.integers(1, 8),
        tiles_x=st.integers(1, 3),
        tiles_y=st.integers(1, 3),
        cores_per_tile=st.integers(1, 3),
    ),
)
def test_ways_are_those_of_the_routes(sizes, chip):
    mapped = map_network(dense(*sizes), chip, chips=None)
    found, cores = paths(mapped), len(mapped.parts)
    assert found.starts.shape == (cores * cores + 1,) and found.starts[-1] == len(found.links)
    np.testing.assert_array_equal(np.diff(found.starts).reshape(cores, cores), found.hops)
    np.testing.assert_array_equal(found.hops.sum(axis=1), mapped.hops_per_spike.sum(axis=1))
    crossed = np.zeros_like(mapped.routes.crossed)
    for p in range(cores):
        for c in range(cores):
            links = way(found, mapped, p, c)
            for link in links:
                crossed[p, mapped.routes.links.index(link)] += 1
            if links:  # each begins where the one before ends
                assert (links[0].x, links[0].y) == (mapped.x[p], mapped.y[p])
                assert links[-1].end == (mapped.x[c], mapped.y[c])
                for before, after in zip(links, links[1:], strict=False):
                    assert before.end == (after.x, after.y)
                turns = [DIRECTIONS.index(link.direction) > 1 for link in links]
                assert turns == sorted(turns)
    np.testing.assert_array_equal(crossed, mapped.routes.crossed)


# --- the nominal period -------------------------------------------------------------------


def on_toy(tmp_path, rates, **changed) -> MappedNetwork:
    """4-3-2 units on the toy chip: a layer a core, (0, 0), (1, 0) and (0, 1)."""
    return map_network(
        dense(4, 3, 2), toy_chip(tmp_path, **changed), rates=rates, placement="naive"
    )


def test_the_nominal_period_is_the_work_of_the_busiest_core_by_hand(tmp_path):
    mapped = on_toy(tmp_path, [0.5, 1.0, 0.5])
    counts = events_in_a_period(mapped)
    assert counts["update_active"].tolist() == [2, 3, 1]
    assert counts["update_inactive"].tolist() == [2, 0, 1]
    assert counts["message"].tolist() == [2, 3, 1]  # nothing goes back to the input
    assert counts["message_in"].tolist() == [0, 3, 3]
    assert counts["synaptic_event"].tolist() == [0, 9, 6]
    # Core 0: 2 x 4 + 2 x 2 + 2 x 8; core 1: 3 x 4 + 9 + 3 x 8 + 3 x 16; core 2: less. Link from
    # layer 1 to 2: 3 messages, west 32 ns and south 64 ns each: 192 ns.
    core = 3 * TIME["update_active"] + 9 + 3 * TIME["message"] + 3 * TIME["message_in"]
    link = 3 * TIME["hop_north_south"]
    assert (core, link) == (93, 192)
    found = nominal_period(mapped)
    assert found.value == pytest.approx(link * NS)
    assert (found.low, found.high) == pytest.approx((link * NS / 2, link * NS * 2))
    # With rare spikes the neuron updates of the largest core decide, and no link.
    quiet = nominal_period(on_toy(tmp_path, [0.0, 0.0, 0.0]))
    assert quiet.value == pytest.approx(4 * TIME["update_inactive"] * NS)


def test_an_injected_input_does_nothing(tmp_path):
    mapped = on_toy(tmp_path, [1.0, 0.0, 0.0])
    counts = events_in_a_period(mapped, "current")
    assert counts["update_inactive"].tolist() == [0, 3, 2]
    assert not counts["message"].any() and not counts["synaptic_event"].any()
    expected = 3 * TIME["update_inactive"] * NS
    assert nominal_period(mapped, "current").value == pytest.approx(expected)


def test_the_times_of_a_chip_in_nominal_periods_by_hand(tmp_path):
    mapped = on_toy(tmp_path, [0.0, 1.0, 0.0])
    # 3 spikes of core 1 at (1, 0) go to core 2 at (0, 1): one hop west, one south each.
    assert (mapped.x.tolist(), mapped.y.tolist()) == ([0, 1, 0], [0, 0, 1])
    found = on_chip(mapped, period=1e-6, queues=True)
    hop = (TIME["hop_east_west"] + TIME["hop_north_south"]) / 2
    once = TIME["message"] + TIME["message_in"]
    assert found.delays == Delays(fixed=once * 1e-3, hop=hop * 1e-3)
    assert found.queues == Queues(synaptic_event=TIME["synaptic_event"] * 1e-3, link=hop * 1e-3)
    assert found.period == 1e-6
    # Half the period, twice as many periods; clocks and faults are the user's.
    timing = Asynchronous(
        Clocks(spread=0.1), Delays(jitter=0.25), Queues(0.125), Faults(0.5), period=5e-7, seed=3
    )
    faster = on_chip(mapped, timing)
    assert faster.delays == Delays(once * 2e-3, hop * 2e-3, 0.25)
    assert (faster.clocks, faster.faults, faster.queues) == (
        timing.clocks, timing.faults, timing.queues,
    )  # fmt: skip
    assert (faster.period, faster.seed) == (5e-7, 3)
    assert on_chip(mapped).period == pytest.approx(nominal_period(mapped).value)


@pytest.mark.parametrize("name", ["loihi1-davies", "loihi1-sanafe", "loihi2"])
def test_on_a_chip_of_the_package_a_message_arrives_within_a_period(name):
    # So with clocks that tick together the run is the synchronous one.
    mapped = map_network(dense(784, 500, 10), load_chip(name), rates=[0.1] * 3)
    found = on_chip(mapped)
    farthest = found.delays.fixed + paths(mapped).hops.max() * found.delays.hop
    assert 0 < farthest < 1


def test_a_chip_without_the_times_is_refused_in_one_line(tmp_path):
    mapped = on_toy(tmp_path, [1.0] * 3, without=("time.message", "time.update_active"))
    with pytest.raises(InputError, match=r"toy: its file has no time.update_active, time.message;"):
        nominal_period(mapped)
    with pytest.raises(InputError, match=r"toy: its file has no time.message; expected"):
        on_chip(mapped, period=1e-6)
    whole = on_toy(tmp_path, [1.0] * 3)
    for period in (0.0, -1.0, float("nan"), float("inf"), "1 us"):
        with pytest.raises(InputError, match="on_chip: period"):
            on_chip(whole, period=period)  # type: ignore[arg-type]


def test_links_between_chips_are_taken_for_links(tmp_path):
    mapped = map_network(dense(4, 3, 2), toy_chip(tmp_path, per_chip=1), chips=None)
    assert mapped.routes.crossing.any() and nominal_period(mapped).value > 0
