"""Counts per core and link: by hand, against the engine's own counts, and conserved."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hand_activity import CHIPS, EMITTED, PHASES, hand_mapped, hand_run
from hypothesis import given, reject
from hypothesis import strategies as st
from small_chips import dense, small_chip
from strategies import problems, with_links

from eqchip.backends.reference import floating as reference
from eqchip.emulator.activity import FEEDBACK, FORWARD
from eqchip.emulator.description.coding import Coding, Polynomial
from eqchip.emulator.description.connections import AvgPool2d, Conv2d, Dense
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.engine import synchronous as engine
from eqchip.emulator.engine.lowering import lower_fixed
from eqchip.emulator.errors import InputError
from eqchip.emulator.learning.contrast import Changes
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.problem.run import Run
from eqchip.mapping.activity.cores import core_activity, step_counts
from eqchip.mapping.activity.steps import sources
from eqchip.mapping.activity.writes import WeightUpdates, weight_updates
from eqchip.mapping.chip_file.cores import Feature
from eqchip.mapping.placement.mapped import MappedNetwork, map_network
from eqchip.mapping.placement.partition import DoesNotFit
from eqchip.mapping.placement.route import DIRECTIONS, Link

# --- by hand ------------------------------------------------------------------------------


def test_counts_by_hand():
    found = core_activity(hand_mapped(), hand_run())
    assert found.phases == ("free", "nudged", "nudged")
    assert (found.samples, found.steps) == (1, (2, 2, 1))
    assert found.spikes.tolist() == [[2, 1, 1, 0, 1], [0, 1, 1, 1, 0], [1, 0, 0, 0, 1]]
    assert found.updates_active.tolist() == found.spikes.tolist()
    assert found.updates_inactive.tolist() == [[0, 1, 1, 2, 1], [2, 1, 1, 1, 2], [0, 1, 1, 1, 0]]
    # Arriving, by sender: free 1 0 0 0 0; first nudge 1 2 1 1 1; second 1 1 1 0 1.
    assert found.messages_sent.tolist() == [[2, 0, 0, 0, 0], [2, 4, 1, 1, 2], [2, 2, 1, 0, 2]]
    assert found.messages_received.tolist() == [[0, 0, 1, 1, 0], [0, 0, 4, 4, 2], [0, 0, 3, 3, 1]]
    assert found.synaptic_events.tolist() == found.messages_received.tolist()  # a unit a core


def test_hops_and_links_by_hand():
    # 0 to 2: east east; to 3: south. 1 to 2: east; to 3: west south. 2 to 4: west south.
    # 3 to 4: east. 4 to 2: east north; to 3: west.
    found = core_activity(hand_mapped(), hand_run())
    assert DIRECTIONS == ("east", "west", "north", "south")
    assert found.hops.tolist() == [[2, 0, 0, 1], [6, 4, 1, 4], [4, 3, 1, 3]]
    assert found.core_hops[1].tolist() == [
        [2, 0, 0, 1],
        [2, 2, 0, 2],
        [0, 1, 0, 1],
        [1, 0, 0, 0],
        [1, 1, 1, 0],
    ]
    links = dict(zip(found.link_table, found.links.T.tolist(), strict=True))
    assert links == {
        Link(0, 0, "east"): [1, 1, 1],  # 0 to 2
        Link(1, 0, "east"): [1, 3, 2],  # 0 to 2, 1 to 2
        Link(0, 0, "south"): [1, 3, 2],  # 0 to 3, 1 to 3 after its turn
        Link(1, 0, "west"): [0, 2, 1],  # 1 to 3
        Link(2, 0, "west"): [0, 1, 1],  # 2 to 4
        Link(1, 0, "south"): [0, 1, 1],
        Link(0, 1, "east"): [0, 1, 0],  # 3 to 4
        Link(1, 1, "east"): [0, 1, 1],  # 4 to 2
        Link(2, 1, "north"): [0, 1, 1],
        Link(1, 1, "west"): [0, 1, 1],  # 4 to 3
    }
    assert not found.chip_crossings.any()


def test_crossings_by_hand():
    # Chips of one column: cores 0 and 1, then 2 and 3, then 4. Every message goes one chip on.
    found = core_activity(hand_mapped(tiles_x=1, tiles_y=2, chips=3), hand_run())
    assert found.chip_crossings.tolist() == [2, 10, 7]
    assert found.messages_sent.sum(1).tolist() == [2, 10, 7]


def test_synaptic_events_by_hand_where_cores_hold_several_units():
    # Cores: input 3, hidden 3 and 2, output 2 units.
    mapped = map_network(dense(3, 5, 2), small_chip(units=3))
    emitted = [[2, 1, 2, 1], [0, 0, 0, 0]]
    found = core_activity(mapped, hand_run(emitted, (Free(2),)))
    # 2 input spikes and 1 of the output meet 3 or 2 synapses; 3 hidden spikes meet 2 each.
    assert found.synaptic_events.tolist() == [[0, (2 + 1) * 3, (2 + 1) * 2, 3 * 2]]
    assert found.messages_sent.tolist() == [[2 * 2, 1, 2, 1 * 2]]
    assert found.messages_received.tolist() == [[0, 3, 3, 3]]
    assert found.updates_inactive.tolist() == [[3 * 2 - 2, 3 * 2 - 1, 2 * 2 - 2, 2 * 2 - 1]]


def test_an_injected_input_computes_nothing():
    emitted = [[0, 0, 1, 1, 0]] * 5
    found = core_activity(hand_mapped(), hand_run(emitted), "current")
    assert not found.updates_active[:, :2].any() and not found.updates_inactive[:, :2].any()
    assert found.updates_inactive[:, 4].tolist() == [2, 2, 1]


def test_spikes_arrive_a_step_later_or_at_the_start_of_a_phase_from_the_free_one():
    assert sources(PHASES).tolist() == [-1, 0, 1, 2, 1]
    target = [[1.0]]
    again = (Free(1), Nudged(2, target, 0.5), Free(2, from_free=True), Free(1), Free(1, True))
    assert sources(again).tolist() == [-1, 0, 1, 0, 3, 4, 5]


def test_weight_updates_by_hand():
    # Both connections share exponent 5: a code is 1/128, from -1 to 127/128.
    network = Network.dense([2, 2, 1], weights=[[[0.5, -0.25], [0.125, 0.0]], [[0.5], [-0.25]]])
    chip = small_chip(units=1)
    mapped = map_network(network, chip)
    assert [weights.exponent for weights in mapped.weights] == [5, 5]
    changes = Changes(
        [np.array([[0.6, 0.001], [0.25, 0.0]]), np.array([[0.0], [-1.0]])], [np.zeros(2)] * 2
    )
    found = weight_updates(mapped, changes)
    # Core 2: 0.5 + 0.6 is clipped, 0.125 + 0.25 written, and its mirrored weight stays.
    # Core 3: 0.001 is less than half a code; the mirrored -0.25 - 1 is clipped. Core 4: both.
    assert found.attempted.tolist() == [0, 0, 3, 3, 2]
    assert found.applied.tolist() == [0, 0, 2, 1, 1]
    assert found.saturated.tolist() == [0, 0, 1, 1, 1]
    one_copy = map_network(network, small_chip(units=1, copies=1))
    assert weight_updates(one_copy, changes).attempted.tolist() == [0, 0, 2, 2, 2]


# --- any network, any chip ----------------------------------------------------------------


LINKED = st.builds(
    lambda problem, seed: with_links(problem, np.random.default_rng(seed)),
    problems(max_width=12),
    st.integers(0, 2**32 - 1),
)
PROBLEMS = problems(max_width=12) | LINKED


def ways(network: Network) -> list[tuple[int, int, int, int]]:
    """(connection, direction, layer that sends, layer that receives) of all that arrives."""
    found = [(k, FORWARD, below, above) for k, (below, above) in enumerate(network.joined)]
    return found + [(k, FEEDBACK, b, a) for k, _, a, b in found if network.sends_back(k)]


def solved(problem: Problem, chip) -> tuple[MappedNetwork, Run]:
    try:
        mapped = map_network(problem.network, chip, chips=None)
    except DoesNotFit:  # a convolution that needs more axons than any core of these has
        reject()
    return mapped, reference.solve(replace(problem, parts=mapped.bundles))


@given(PROBLEMS, CHIPS)
def test_sums_over_cores_are_the_counts_of_the_engine(problem, chip):
    mapped, run = solved(problem, chip)
    found, activity = core_activity(mapped, run, problem.input), run.activity
    assert found.phases == activity.phases and found.samples == activity.samples
    layers = range(len(problem.network.layers))

    def by_layer(counts: np.ndarray) -> np.ndarray:
        return np.stack([counts[:, mapped.cores_of(k)].sum(1) for k in layers], 1)

    np.testing.assert_array_equal(by_layer(found.spikes), activity.spikes)
    if problem.coding.quantizer != "none":  # which counts real-valued messages as active
        np.testing.assert_array_equal(by_layer(found.updates_active), activity.updates_active)
        np.testing.assert_array_equal(by_layer(found.updates_inactive), activity.updates_inactive)
    events = by_layer(found.synaptic_events)
    for k, way, _, receiver in ways(problem.network):
        events[:, receiver] -= activity.synaptic_events[:, k, way]
    assert not events.any()


@given(PROBLEMS, CHIPS)
def test_events_and_messages_are_those_of_every_spike_by_itself(problem, chip):
    mapped, run = solved(problem, chip)
    source, bits = sources(run.phases), [q.reshape(*q.shape[:2], -1) for q in run.bits]
    events = np.zeros((len(source), len(problem.x), len(mapped.parts)), np.int64)
    messages = np.zeros_like(events)
    joins: dict[tuple[int, int], np.ndarray] = {}  # layers that send and receive -> synapses
    for k, way, sender, receiver in ways(problem.network):
        exists = reference.synapses(problem.network.connections[k]).astype(np.int64)
        before = joins.get((sender, receiver), 0)
        joins[sender, receiver] = before + (exists if way == FORWARD else exists.T)
    for (sender, receiver), between in joins.items():
        arriving = np.where(source[:, None, None] >= 0, bits[sender][source], 0).astype(np.int64)
        for core in mapped.cores_of(receiver):
            part = mapped.parts[core]
            met = between[:, part.first : part.end].sum(axis=1)
            events[:, :, core] += arriving @ met
            messages[:, :, core] += arriving @ (met > 0)  # once, over however many connections
    found = step_counts(mapped, run, problem.input)
    np.testing.assert_array_equal(found.synaptic_events, events)
    np.testing.assert_array_equal(found.messages_received, messages)


@given(PROBLEMS, CHIPS)
def test_what_is_sent_is_received_and_every_hop_is_on_a_link(problem, chip):
    mapped, run = solved(problem, chip)
    found = core_activity(mapped, run, problem.input)
    np.testing.assert_array_equal(found.messages_sent.sum(1), found.messages_received.sum(1))
    headed = np.array([DIRECTIONS.index(link.direction) for link in found.link_table], int)
    for way in range(len(DIRECTIONS)):
        over_links = found.links[:, headed == way].sum(1)
        np.testing.assert_array_equal(over_links, found.hops[:, way])
    crossing = [link.crosses(mapped.mesh.tiles_x, mapped.mesh.tiles_y) for link in found.link_table]
    np.testing.assert_array_equal(found.links @ np.array(crossing, bool), found.chip_crossings)
    assert found.chip_crossings.any() <= (mapped.chips > 1)


@given(PROBLEMS, CHIPS)
def test_steps_and_samples_add_up_to_the_phases(problem, chip):
    mapped, run = solved(problem, chip)
    whole, steps = (
        core_activity(mapped, run, problem.input),
        step_counts(mapped, run, problem.input),
    )
    for name in ("updates_active", "updates_inactive", "synaptic_events", "messages_sent",
                 "messages_received", "links"):  # fmt: skip
        counts = getattr(steps, name)
        assert counts.shape[:2] == run.part_spikes.shape[:2]
        summed = [counts[steps.phase == k].sum((0, 1)) for k in range(len(run.phases))]
        np.testing.assert_array_equal(summed, getattr(whole, name), err_msg=name)
    np.testing.assert_array_equal(steps.messages_sent.sum(2), steps.messages_received.sum(2))


@given(PROBLEMS, st.integers(0, 2**32 - 1))
def test_every_stored_synapse_is_attempted_once_per_copy(problem, seed):
    mapped = map_network(problem.network, small_chip(units=5), chips=None)
    rng = np.random.default_rng(seed)
    changes = Changes(
        [rng.normal(0, 0.3, w.shape) * (rng.random(w.shape) < 0.5) for w in mapped.network.weights],
        [],
    )
    found = weight_updates(mapped, changes)
    sizes = [mapped.copies(k).synapses for k in range(len(mapped.weights))]
    mirrored = [k for k in range(len(sizes)) if mapped.network.sends_back(k)]
    assert found.attempted.sum() == sum(sizes) + sum(sizes[k] for k in mirrored)
    learns = [k % 2 == 0 for k in range(len(sizes))]
    some = weight_updates(mapped, changes, learns).attempted.sum()
    assert some == sum(sizes[::2]) + sum(sizes[k] for k in mirrored if learns[k])
    assert (found.applied <= found.attempted).all() and (found.saturated <= found.attempted).all()
    # The two copies of a weight are written alike.
    for k in mirrored:
        only = [c if j == k else np.zeros_like(c) for j, c in enumerate(changes.weights)]
        none = weight_updates(mapped, Changes([np.zeros_like(c) for c in changes.weights], []))
        more = weight_updates(mapped, Changes(only, []))
        copies = mapped.copies(k)
        for count, before in zip(more[1:], none[1:], strict=True):
            change = count - before
            assert change[copies.forward].sum() == change[copies.mirrored].sum()


def kernel_network() -> Network:
    # A kernel of 3 x 3 over 4 x 4 places, padded: 4 x 4 places above, of one channel; then 2 units.
    # In 1/128: 64 in the middle, 0 around it.
    kernel = np.zeros((3, 3, 1, 1))
    kernel[1, 1] = 0.5
    joins = [Conv2d((4, 4, 1), 1, 3, padding=1), Dense(16, 2)]
    return Network.chain(joins, weights=[kernel, np.full((16, 2), 0.5)])


@pytest.mark.parametrize("shared", [False, True])
def test_a_change_of_a_kernel_is_written_wherever_it_is_stored(shared):
    chip = small_chip(units=8)
    if shared:
        note = Feature(source="a test", status="assumed", confidence="D")
        cores = chip.cores.model_copy(update={"shared_kernels": note})
        chip = chip.model_copy(update={"cores": cores})
    mapped = map_network(kernel_network(), chip)
    assert [(part.layer, part.units) for part in mapped.parts] == [
        (0, 8), (0, 8), (1, 8), (1, 8), (2, 2)
    ]  # fmt: skip
    changes = Changes([np.zeros((3, 3, 1, 1)), np.zeros((16, 2))], [])
    changes.weights[0][0, 0] = 0.25  # the corner: seen by 3 x 3 places, not by the first row
    changes.weights[0][1, 1] = 0.75  # the middle, clipped: seen by all 16
    found = weight_updates(mapped, changes)
    # Two rows of places: 10 of 12 joins across (2 + 3 + 3 + 2), 5 of 6 down (2 + 3): 50 synapses.
    stored = 9 if shared else 10 * 5
    assert found.attempted.tolist() == [0, 0, stored + 16, stored + 16, 32]
    assert found.applied.tolist() == [0, 0, 2, 2, 0] if shared else [0, 0, 3 + 8, 6 + 8, 0]
    assert found.saturated.tolist() == [0, 0, 1, 1, 0] if shared else [0, 0, 8, 8, 0]


def test_no_change_changes_no_code_of_a_merged_kernel():
    rng = np.random.default_rng(0)
    joins = [Conv2d((9, 9, 1), 4, 4, pool=AvgPool2d(3)), Dense(16, 2)]
    drawn = [rng.normal(0, 0.3, join.weight_shape).astype(np.float32) for join in joins]
    mapped = map_network(Network.chain(joins, weights=drawn), small_chip(units=40))
    found = weight_updates(mapped, Changes([np.zeros(w.shape) for w in drawn], []))
    assert not found.applied.any() and not (found.saturated > found.attempted).any()
    codes = lower_fixed(mapped.network, mapped.chip.arithmetic)
    assert [w.exponent for w in mapped.weights] == codes.exponents.tolist()


# --- the record ---------------------------------------------------------------------------


def test_activities_add_up():
    found = core_activity(hand_mapped(), hand_run())
    twice = found + found
    assert twice.samples == 2 and twice.steps == found.steps
    assert (twice.links == 2 * found.links).all() and (twice.core_hops == 2 * found.core_hops).all()
    with pytest.raises(ValueError, match="phases differ"):
        found + core_activity(hand_mapped(), hand_run(EMITTED[:1], (Free(1),)))


def test_updates_are_counted_beside_the_phases():
    mapped = hand_mapped()
    changes = Changes([np.full(w.shape, 0.5) for w in mapped.network.weights], [])
    update = weight_updates(mapped, changes)
    found = core_activity(mapped, hand_run()).with_updates(update).with_updates(update)
    assert found.updates == 2
    assert found.weight_updates_attempted.tolist() == [0, 0, 6, 6, 4]
    assert (found.weight_updates_applied == 2 * update.applied).all()
    assert (found + found).updates == 4


def test_the_record_is_plain_json():
    document = json.loads(json.dumps(core_activity(hand_mapped(), hand_run()).to_dict()))
    assert document["hops"] == [[2, 0, 0, 1], [6, 4, 1, 4], [4, 3, 1, 3]]
    assert document["link_table"][0] == {"x": 0, "y": 0, "direction": "east"}
    assert document["directions"] == list(DIRECTIONS)


def test_both_engines_give_the_same_core_activity():
    rng = np.random.default_rng(0)
    network = Network.dense([9, 7, 3], weights=[rng.random((9, 7)), rng.random((7, 3))])
    mapped = map_network(network, small_chip(units=4))
    problem = pose(
        network,
        rng.random((3, 9)),
        coding=Coding("sigma-delta", step_size=Polynomial(0.5)),
        phases=[Free(6), Nudged(4, np.eye(3), 0.5, from_free=True), Nudged(4, np.eye(3), -0.5)],
        parts=mapped.bundles,
    )
    found = [core_activity(mapped, e.solve(problem)).to_dict() for e in (engine, reference)]
    assert found[0] == found[1] and sum(map(sum, found[0]["messages_sent"])) > 0


def test_a_run_without_the_parts_is_refused():
    mapped = hand_mapped()
    with pytest.raises(InputError, match="the run has no part_spikes"):
        core_activity(mapped, replace(hand_run(), part_spikes=None))
    with pytest.raises(InputError, match=r"shape \(5, 1, 4\); expected 5 steps and 5 parts"):
        core_activity(mapped, replace(hand_run(), part_spikes=hand_run().part_spikes[:, :, :4]))


@pytest.mark.parametrize(
    ("weights", "words"),
    [([np.zeros((2, 2))], "changes of 1 connections; expected 2"),
     ([np.zeros((2, 3)), np.zeros((2, 1))], r"connection 0 has shape \(2, 3\); expected \(2, 2\)")],
)  # fmt: skip
def test_changes_of_another_network_are_refused(weights, words):
    with pytest.raises(InputError, match=words):
        weight_updates(hand_mapped(), Changes(weights, []))


def test_a_run_that_only_relaxes_counts_no_weight_updates_and_not_none_of_them():
    found = core_activity(hand_mapped(), hand_run())
    assert found.updates is None and found.weight_updates_attempted is None
    assert (found + found).updates is None
    document = json.loads(json.dumps(found.to_dict()))
    assert document["updates"] is None and document["weight_updates_applied"] is None
    with pytest.raises(ValueError, match="counted in one of the two"):
        found + found.with_updates(WeightUpdates(*np.ones((3, 5), np.int64)))


@pytest.mark.parametrize("count", [core_activity, step_counts])
def test_an_error_names_who_was_asked(count):
    run = replace(hand_run(), part_spikes=None)
    with pytest.raises(InputError, match=rf"^{count.__name__}: the run has no part_spikes"):
        count(hand_mapped(), run)
