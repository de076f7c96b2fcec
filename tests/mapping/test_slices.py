"""Fan-in beyond a core: slices by hand, sums that add to the whole, what they count as."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hand_activity import hand_run
from hypothesis import given, reject
from hypothesis import strategies as st
from small_chips import dense, parts_by_layer, small_chip

from eqchip.__main__ import main
from eqchip.backends.reference import floating as reference
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.connections import AvgPool2d, Conv2d, Dense, Sparse
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.parts import Part
from eqchip.emulator.description.phases import Free
from eqchip.emulator.errors import InputError
from eqchip.emulator.learning.contrast import Changes
from eqchip.emulator.problem.pose import pose
from eqchip.hw_reports.pricing import timing
from eqchip.mapping.activity.cores import core_activity, step_counts
from eqchip.mapping.activity.writes import weight_updates
from eqchip.mapping.placement.clocks import events_in_a_period, nominal_period, on_chip
from eqchip.mapping.placement.mapped import map_network
from eqchip.mapping.placement.partition import DoesNotFit
from eqchip.mapping.placement.paths import paths
from eqchip.mapping.placement.slices import most_gathered, payload_bits, slices_of

# 8 -> 3 -> 2: nine axons and more reach a hidden unit, six are allowed. In three slices, 4 and 4
# input units and 2 output units, a home has room for 4 axons and the 2 sums of one unit.
CHIP = small_chip(payload=24, input_axons=6, tiles_x=4, tiles_y=3, cores_per_tile=1)
NETWORK = dense(8, 3, 2)


@pytest.fixture(scope="module")
def mapped():
    return map_network(NETWORK, CHIP, placement="naive")


def test_slices_by_hand(mapped):
    assert parts_by_layer(mapped) == [[8], [1, 1, 1], [2]]
    assert mapped.cores == 11 and mapped.home.tolist() == [0, 1, 2, 3, 4, 1, 1, 2, 2, 3, 3]
    below, above = Part(0, 4, 4), Part(2, 0, 2)
    assert [one.senders for one in mapped.gatherers] == [below, above] * 3
    assert mapped.partition.senders[:5] == [None, *[Part(0, 0, 4)] * 3, None]
    assert [use["input_axons"] for use in mapped.use] == [0, 6, 6, 6, 3, 4, 2, 4, 2, 4, 2]
    # Each input unit reaches one core for each hidden unit; a gatherer reaches its home alone.
    assert [use["output_axons"] for use in mapped.use] == [24, 1, 1, 1, 6, 1, 1, 1, 1, 1, 1]
    # A word for each axon: a home has those of its slice, and one for each sum.
    words = [0, 6, 6, 6, 3, 4, 2, 4, 2, 4, 2]
    assert [use["synapse_memory"] for use in mapped.use] == [64 * n for n in words]
    assert mapped.synapse_bits.sum(axis=1).tolist() == [
        64 * n for n in [0, 4, 4, 4, 3, 4, 2, 4, 2, 4, 2]
    ]
    assert mapped.sum_bits.tolist() == [0, *[2 * 64] * 3, 0, *[24] * 6]


def test_who_reaches_whom_by_hand(mapped):
    # The input core is two bundles: its first four units reach the homes, the others gatherers.
    assert [bundle.units for bundle in mapped.bundles] == [4, 4, 1, 1, 1, 2]
    assert mapped.synapses.tolist() == [
        [0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0],
        *[[0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0]] * 3,
        [0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1],
        *[[0] * home + [1] + [0] * (10 - home) for home in (1, 1, 2, 2, 3, 3)],
    ]
    assert mapped.copies(0).forward.tolist() == [1, 2, 3, 5, 7, 9]
    assert mapped.copies(1).forward.tolist() == [4]
    assert mapped.copies(1).mirrored.tolist() == [6, 8, 10]
    assert mapped.to_dict()["cores"][6] | {"use": 0} == {
        "core": 6, "layer": 1, "first": 0, "units": 1, "home": 1,
        "senders": {"layer": 2, "first": 0, "units": 2}, "chip": 0, "x": 3, "y": 0, "slot": 0,
        "use": 0, "synapse_bits": {"forward": 0, "mirrored": 128},
    }  # fmt: skip


# Spikes of the bundles in three steps; those of a step arrive in the next.
EMITTED = [[2, 3, 1, 0, 0, 0], [1, 0, 0, 0, 1, 2], [4, 4, 1, 1, 1, 2]]


def test_counts_of_partial_sums_by_hand(mapped):
    found = core_activity(mapped, hand_run(EMITTED, (Free(3),)))
    # In step 2 three spikes reach the gatherers of input, in step 3 two those of the output.
    assert found.partial_sums.tolist() == [[0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]]
    assert found.spikes.tolist() == [[14, 2, 1, 2, 4, 0, 0, 0, 0, 0, 0]]
    assert found.updates_active.tolist() == [[14, 2, 1, 2, 4, 1, 1, 1, 1, 1, 1]]
    assert found.updates_inactive.tolist() == [[10, 1, 2, 1, 2, *[3 - 1] * 6]]
    # Input: 2 + 1 spikes to three homes and 3 to three gatherers; hidden 1, 0, 1; output 2 to 3.
    assert found.messages_sent.tolist() == [[18, 1, 0, 1, 6, 1, 1, 1, 1, 1, 1]]
    assert found.messages_received.tolist() == [[0, 5, 5, 5, 2, 3, 2, 3, 2, 3, 2]]
    assert found.synaptic_events.tolist() == [[0, 5, 5, 5, 4, 3, 2, 3, 2, 3, 2]]
    # On a mesh of 4 x 3, each home followed by its gatherers: they send west 1 and 2, 1 and (3, 1).
    assert mapped.sites.tolist() == [0, 1, 4, 7, 10, 2, 3, 5, 6, 8, 9]
    assert found.core_hops[0, 5:].tolist() == [
        [0, 1, 0, 0], [0, 2, 0, 0], [0, 1, 0, 0], [0, 2, 0, 0], [3, 0, 1, 0], [2, 0, 1, 0],
    ]  # fmt: skip


def test_a_step_is_two_of_the_chip_spikes_first_and_then_sums_and_updates(mapped):
    found = step_counts(mapped, hand_run(EMITTED, (Free(3),)))
    assert found.substeps == 2 and found.phase.tolist() == [0] * 6
    first, second = found.messages_sent[2::2, 0], found.messages_sent[3::2, 0]
    assert first.tolist() == [[15, 1, 0, 0, 0, *[0] * 6], [3, 0, 0, 1, 6, *[0] * 6]]
    assert second.tolist() == [[0] * 5 + [1, 0] * 3, [0] * 5 + [0, 1] * 3]
    # Homes that wait are updated with the sums, all others with the spikes.
    updates = found.updates_active + found.updates_inactive
    assert updates[0::2, 0].tolist() == [[8, 0, 0, 0, 2, *[1] * 6]] * 3
    assert updates[1::2, 0].tolist() == [[0, 1, 1, 1, 0, *[0] * 6]] * 3
    whole = core_activity(mapped, hand_run(EMITTED, (Free(3),)))
    for name in ("updates_active", "synaptic_events", "messages_sent", "messages_received"):
        np.testing.assert_array_equal(getattr(found, name).sum((0, 1)), getattr(whole, name)[0])
    np.testing.assert_array_equal(found.links.sum((0, 1)), whole.links[0])


def test_the_time_of_a_step_is_that_of_both_and_of_two_barriers(mapped):
    counts, rows = step_counts(mapped, hand_run(EMITTED, (Free(3),))), np.ones(3, bool)
    found = timing.relaxation(counts, mapped.routes, CHIP, mapped.tiles, rows)
    single = [
        timing.relaxation(
            counts._replace(substeps=1), mapped.routes, CHIP, mapped.tiles, np.arange(6) % 2 == k
        )
        for k in (0, 1)
    ]
    both = [one.total.figure.value for one in single]
    assert found.total.figure.value == pytest.approx(sum(both)) and min(both) > 0
    assert found.barrier.value == pytest.approx(6 * CHIP.barrier_seconds(mapped.tiles).value)
    assert len(found.steps["core"]) == len(found.rows) == 3
    assert found.steps["core"].sum() == pytest.approx(found.core.value)


def test_expected_events_are_those_of_a_step_in_which_all_spike(mapped):
    expected = events_in_a_period(mapped)
    every = [[bundle.units for bundle in mapped.bundles]]
    found = step_counts(mapped, hand_run([*every, [0] * 6], (Free(2),)))
    step = slice(2, 4)  # both steps of the chip in which the spikes of the first arrive
    for kind, counted in (
        ("synaptic_event", found.synaptic_events),
        ("message", found.messages_sent),
        ("message_in", found.messages_received),
    ):
        assert expected[kind].tolist() == counted[step].sum((0, 1)).tolist(), kind


def test_every_synapse_is_written_once_wherever_it_stands(mapped):
    rng = np.random.default_rng(0)
    changes = Changes([rng.normal(size=w.shape) for w in NETWORK.weights], [])
    whole = map_network(NETWORK, small_chip())
    found, expected = weight_updates(mapped, changes), weight_updates(whole, changes)
    assert found.attempted.tolist() == [0, 4, 4, 4, 6, 4, 2, 4, 2, 4, 2]
    assert found.applied.sum() == expected.applied.sum() > 0
    assert found.saturated.sum() == expected.saturated.sum()


# --- any network --------------------------------------------------------------------------


@st.composite
def networks(draw) -> Network:
    sizes = draw(st.lists(st.integers(1, 12), min_size=2, max_size=4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kinds = []
    for below, above in zip(sizes, sizes[1:], strict=False):
        mask = rng.random((below, above)) < 0.7
        mask[0, 0] = True
        kinds.append(Sparse.from_mask(mask) if draw(st.booleans()) else Dense(below, above))
    return Network.chain(kinds)


SLICING = st.builds(
    small_chip,
    payload=st.integers(8, 24),
    units=st.integers(2, 12),
    input_axons=st.integers(3, 9),
    synapse_memory=st.integers(3, 30).map(lambda words: 64 * words),
    fan_in=st.none() | st.integers(3, 9),
    copies=st.sampled_from([1, 2]),
    output_axons=st.none() | st.just(200),
)


def joined(network: Network, k: int) -> np.ndarray:
    return reference.synapses(network.connections[k])


@given(networks(), SLICING)
def test_every_spike_reaches_every_target_once_and_no_limit_is_broken(network, chip):
    try:
        mapped = map_network(network, chip, chips=None)
    except DoesNotFit:
        reject()
    for use in mapped.use:
        assert all(limit is None or use[name] <= limit for name, limit in mapped.limits.items())
    assert sorted(mapped.partition.in_order.tolist()) == list(range(mapped.cores))
    for b, bundle in enumerate(mapped.bundles):
        for unit in range(bundle.first, bundle.end):
            for core in range(mapped.cores):
                part, senders = mapped.parts[mapped.home[core]], mapped.partition.senders[core]
                kept = senders is None or (
                    senders.layer == bundle.layer and senders.first <= unit < senders.end
                )
                met = 0
                if part.layer == bundle.layer + 1 and kept:
                    met = joined(network, bundle.layer)[unit, part.first : part.end].sum()
                if part.layer == bundle.layer - 1 and part.layer > 0 and kept:
                    met = joined(network, part.layer)[part.first : part.end, unit].sum()
                assert mapped.synapses[b, core] == met
    # Over all cores, the synapses of a unit are those of the network.
    for b, bundle in enumerate(mapped.bundles):
        fan_out = 0
        if bundle.layer < len(network.layers) - 1:
            fan_out += joined(network, bundle.layer)[bundle.first].sum()
        if bundle.layer > 1:
            fan_out += joined(network, bundle.layer - 1)[:, bundle.first].sum()
        assert mapped.synapses[b].sum() == fan_out


@given(networks(), SLICING, st.integers(0, 2**32 - 1), st.booleans())
def test_partial_sums_add_to_the_whole_and_none_is_wider_than_its_payload(
    network, chip, seed, extreme
):
    try:
        mapped = map_network(network, chip, chips=None)
    except DoesNotFit:
        reject()
    rng = np.random.default_rng(seed)
    payload = payload_bits(chip)
    for k in range(len(network.connections)):
        codes = rng.integers(-128, 128, joined(network, k).shape)
        codes = np.where(extreme, -128, codes) * joined(network, k)
        for forward in (True, False) if k else (True,):
            matrix = codes if forward else codes.T
            below, above = (k, k + 1) if forward else (k + 1, k)
            bits = rng.integers(0, 2, len(matrix)) | extreme
            found = np.zeros(matrix.shape[1], np.int64)
            for core in mapped.holders(k, forward):
                part, senders = mapped.parts[mapped.home[core]], mapped.partition.senders[core]
                assert part.layer == above
                kept = slice(0, None) if senders is None else slice(senders.first, senders.end)
                assert senders is None or senders.layer == below
                sums = bits[kept] @ matrix[kept, part.first : part.end]
                if mapped.gathers[core]:
                    assert (abs(sums) < 2 ** (payload - 1)).all()
                found[part.first : part.end] += sums
            np.testing.assert_array_equal(found, bits @ matrix)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(2, 12))
def test_slices_are_near_equal_and_hold_units_of_one_layer(below, above, count):
    network = dense(below, 1, above)
    found = slices_of(network, 1, count)
    assert len(found) <= max(count, 2)
    for layer, units in ((0, below), (2, above)):
        of_layer = [one for one in found if one.layer == layer]
        assert [one.first for one in of_layer] == [0, *(one.end for one in of_layer)][:-1]
        assert of_layer[-1].end == units
        assert max(n.units for n in of_layer) - min(n.units for n in of_layer) <= 1


# --- limits, refusals, and a wide network -------------------------------------------------


def test_a_payload_bounds_a_slice():
    assert most_gathered(small_chip()) == 0
    assert [most_gathered(small_chip(payload=p)) for p in (7, 8, 9, 10, 24)] == [
        0, 0, 1, 3, 65535,
    ]  # fmt: skip
    # Of a payload that holds the sum of three synapses, no slice of a gatherer has more.
    mapped = map_network(NETWORK, small_chip(payload=10, input_axons=8, copies=1))
    assert mapped.gatherers and all(one.senders.units <= 3 for one in mapped.gatherers)


@pytest.mark.parametrize("chip", [small_chip(input_axons=6), small_chip(payload=8, input_axons=6)])
def test_a_chip_that_adds_no_partial_sums_refuses_in_one_line(chip):
    with pytest.raises(DoesNotFit, match=r"layer 1 .* needs 10 input axons, 6 allowed") as caught:
        map_network(NETWORK, chip)
    text = str(caught.value)
    assert "\n" not in text
    assert "or on a chip that adds partial sums: its messages have a payload" in text


def test_the_fan_in_of_a_convolution_is_not_cut():
    network = Network.chain([Conv2d((4, 4, 3), 3, 3, padding=1, pool=AvgPool2d(2)), Dense(12, 2)])
    with pytest.raises(DoesNotFit, match="layer 1"):
        map_network(network, small_chip(payload=24, input_axons=12), chips=None)


def test_what_knows_no_partial_sums_says_so(mapped):
    for who, asked in (
        ("paths", lambda: paths(mapped)),
        ("nominal period", lambda: nominal_period(mapped)),
        ("on_chip", lambda: on_chip(mapped, period=1e-5)),
    ):
        with pytest.raises(InputError, match="on small the fan-in of layers 1 is cut") as caught:
            asked()
        assert str(caught.value).startswith(f"{who}: ") and "\n" not in str(caught.value)


def test_a_wide_network_maps_on_limits_like_loihis_with_partial_sums():
    sizes = [3072, 2000, 2000, 10]
    weights = [np.zeros(pair, np.float32) for pair in zip(sizes, sizes[1:], strict=False)]
    network = Network.dense(sizes, weights=weights)
    with pytest.raises(DoesNotFit, match="5,072 input axons, 4,096 allowed"):
        map_network(network, small_chip(), chips=None)
    mapped = map_network(network, small_chip(payload=24), chips=None, placement="naive")
    assert set(mapped.partition.first_slices) == {1}
    assert all(use["input_axons"] <= 4096 for use in mapped.use)
    # No more memory than the synapses take, but for the sums and the padding of rows.
    stored = sum(use["synapse_memory"] for use in mapped.use)
    synapses = 8 * (3072 * 2000 + 2 * 2000 * 2000 + 2 * 2000 * 10)
    assert 1.0 < stored / synapses < 1.15


def test_the_emulated_bits_are_those_of_a_network_whose_fan_in_is_whole():
    network, x = dense(8, 3, 2), np.random.default_rng(0).random((4, 8))
    asked = {"coding": Coding(), "phases": [Free(8)], "precision": "chip", "record": ("bits",)}
    runs = []
    for chip in (CHIP, small_chip()):
        mapped = map_network(network, chip)
        problem = pose(network, x, fixed=chip.arithmetic, parts=mapped.bundles, **asked)
        runs.append((mapped, reference.solve(problem)))
    for one, other in zip(runs[0][1].bits, runs[1][1].bits, strict=True):
        np.testing.assert_array_equal(one, other)
    cut, whole = (core_activity(*run) for run in runs)
    extra = cut.partial_sums.sum()
    assert extra > 0 and cut.spikes.sum() == whole.spikes.sum()
    assert cut.synaptic_events.sum() - whole.synaptic_events.sum() == extra


def test_counts_are_plain_numbers(mapped):
    found = core_activity(mapped, hand_run(EMITTED, (Free(3),)))
    document = json.loads(json.dumps(found.to_dict()))
    assert document["partial_sums"] == [[0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]]
    assert (found + found).partial_sums.sum() == 12


def test_learning_on_a_chip_is_refused_before_it_begins(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = 'source = "a test"\nstatus = "assumed"\nconfidence = "D"\n'
    Path("mine.toml").write_text(
        'format = "eqchip-chip 1"\nbase = "loihi1-davies"\nname = "mine"\ntitle = "graded"\n'
        f"[capabilities.graded_payload]\nvalue = 24\n{table}"
        f'[cores.input_axons]\nvalue = 60\nunit = "axons"\n{table}'
    )
    asked = ["--dataset", "digits", "--layers", "64-20-10", "--on-chip", "mine.toml"]
    assert main(["train", *asked, "--quiet"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "on mine the fan-in of layers 1 takes several cores" in line
    # Without learning it maps: 64 + 10 axons of 60, in three slices.
    assert main(["map", "--layers", "64-20-10", "--chip", "mine.toml"]) == 0
    out = capsys.readouterr().out
    assert "1 (sums)" in out and "partial sums a step" in out
