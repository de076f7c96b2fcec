"""Convolutions on cores: cut between places, counted exactly, stored as the chip can, reported."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from small_chips import small_chip
from small_runs import small_config
from strategies import convolutions
from trained_runs import make_run

from eqchip.__main__ import main
from eqchip.backends.reference import floating as reference
from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.connections import AvgPool2d, Conv2d, Dense
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.parts import check_parts
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.engine import synchronous as engine
from eqchip.emulator.problem.pose import pose
from eqchip.hw_reports.counting.replay import replay
from eqchip.hw_reports.pricing.accounts import account
from eqchip.hw_reports.pricing.baselines import dense_counts
from eqchip.hw_reports.pricing.learning_memory import ep_bytes, terms
from eqchip.mapping.activity.cores import core_activity
from eqchip.mapping.chip_file.chip import Chip, load_chip
from eqchip.mapping.chip_file.cores import Feature
from eqchip.mapping.placement.mapped import map_network
from eqchip.mapping.placement.partition import DoesNotFit, split_layer
from eqchip.mapping.placement.use import limits

LOIHI = load_chip("loihi1-davies")
LAYERS = ("8x8", "8c3p2", 10)  # 64 units, 3 x 3 places of 8 channels, 10 units


def sharing(chip: Chip) -> Chip:
    """The chip, were it to keep kernels once."""
    shared = Feature(source="a test", status="assumed", confidence="D")
    cores = chip.cores.model_copy(update={"shared_kernels": shared})
    return chip.model_copy(update={"name": "sharing", "cores": cores})


def digits_network() -> Network:
    return small_config(layers=LAYERS).network()


# --- partition ----------------------------------------------------------------------------


def test_layers_are_cut_between_places_while_there_are_enough():
    parts = split_layer(1, (3, 3, 8), 4)
    assert [(part.first, part.units) for part in parts] == [(0, 24), (24, 16), (40, 16), (56, 16)]
    assert [part.units for part in split_layer(1, (3, 3, 8), 10)] == [8, 8] + [7] * 8


def test_a_core_with_less_room_than_a_place_has_channels_takes_a_part_of_one():
    mapped = map_network(digits_network(), small_chip(units=5))
    units = [part.units for part in mapped.parts if part.layer == 1]
    assert len(units) == 15 and max(units) == 5 and sum(units) == 72


CHIPS = st.builds(
    small_chip,
    copies=st.sampled_from([1, 2]),
    units=st.integers(1, 60),
    synapse_memory=st.integers(1, 200).map(lambda words: 64 * words),
    input_axons=st.integers(1, 150),
    output_axons=st.integers(1, 300),
    fan_in=st.none() | st.integers(1, 90),
    fan_out=st.none() | st.integers(1, 90),
    tiles_x=st.integers(1, 3),
    tiles_y=st.integers(1, 3),
    cores_per_tile=st.integers(1, 4),
)


# The unit that breaks a limit is not the one with the most synapses: it reaches more cores.
REACHES_MORE = small_chip(
    copies=1, units=3, synapse_memory=64, input_axons=1, output_axons=3, fan_in=None, fan_out=None,
    tiles_x=1, tiles_y=1, cores_per_tile=1,
)  # fmt: skip


@given(convolutions(max_pooling=False), st.integers(1, 9), CHIPS, st.booleans())
@example(Conv2d((1, 4, 1), 1, 2, padding=1), 1, REACHES_MORE, False)
def test_every_unit_is_on_one_core_and_no_limit_is_broken(connection, outputs, chip, shares):
    units = int(np.prod(connection.post_shape))
    network = Network.chain([connection, Dense(units, outputs)])
    chip = sharing(chip) if shares else chip
    try:
        mapped = map_network(network, chip, chips=None)
    except DoesNotFit as error:
        assert error.broken and "\n" not in str(error)
        for broken in error.broken:
            assert broken.needed > broken.allowed == limits(chip)[broken.resource]
        return
    check_parts(mapped.parts, network.sizes)
    check_parts(mapped.bundles, network.sizes)
    for use in mapped.use:
        assert all(limit is None or use[name] <= limit for name, limit in mapped.limits.items())
    ends = {(part.layer, part.end) for part in mapped.bundles}
    assert {(part.layer, part.end) for part in mapped.parts} <= ends
    for core, part in enumerate(mapped.parts):
        held = [b for b, on in zip(mapped.bundles, mapped.core_of, strict=True) if on == core]
        assert (held[0].layer, held[0].first, held[-1].end) == (part.layer, part.first, part.end)


def test_a_kernel_that_needs_too_much_is_named_with_what_would_help():
    network = Network.chain([Conv2d((6, 6, 4), 3, 3), Dense(48, 2)])
    with pytest.raises(DoesNotFit, match="smaller kernels or fewer channels") as caught:
        map_network(network, small_chip(fan_in=20), chips=None)
    (broken,) = caught.value.broken[:1]
    # The middle unit of layer 1: 3 x 3 x 4 synapses from below, 2 from above.
    assert (broken.layer, broken.resource, broken.needed) == (1, "fan_in", 3 * 3 * 4 + 2)


# --- memory -------------------------------------------------------------------------------


def test_every_synapse_is_stored_unless_the_chip_shares_kernels():
    network = Network.chain([Conv2d((8, 8, 1), 8, 3), Conv2d((6, 6, 8), 4, 3), Dense(64, 2)])
    whole, shared = map_network(network, LOIHI), map_network(network, sharing(LOIHI))
    first, second = whole.copies(0), whole.copies(1)
    assert (first.synapses, first.weights) == (36 * 8 * 9, 9 * 8)
    assert (second.synapses, second.weights) == (16 * 4 * 9 * 8, 9 * 8 * 4)
    # Shared: 72 weights of one channel in a row, of 8 bits with an index of 10: 64 of them take
    # 1,162 bits, 8 take 154, so 19 and 3 words; mirrored from 4 channels, again rows of 72.
    assert shared.synapse_bits[1].tolist() == [22 * 64, 4 * 22 * 64]
    # Forward into layer 2: 8 channels, rows of 9 x 4 weights: 658 bits.
    assert shared.synapse_bits[2, 0] == 8 * 11 * 64
    assert (whole.synapse_bits[1:3] > 5 * shared.synapse_bits[1:3])[:, 0].all()
    # Dense weights are as they were.
    assert whole.synapse_bits[3].tolist() == shared.synapse_bits[3].tolist()
    assert whole.synapses.tolist() == shared.synapses.tolist()


def test_the_network_of_the_paper_fits_on_a_chip():
    network = Network.chain([
        Conv2d((28, 28, 1), 32, 5, pool=AvgPool2d(2)),
        Conv2d((12, 12, 32), 64, 5, pool=AvgPool2d(2)),
        Dense(1024, 10),
    ])  # fmt: skip
    mapped = map_network(network, LOIHI)
    synapses = [mapped.copies(k).synapses for k in range(3)]
    assert synapses == [144 * 32 * 36, 16 * 64 * 36 * 32, 10240]
    assert mapped.chips == 1
    assert all(mapped.parts[core].units % 32 == 0 for core in mapped.cores_of(1))
    # 1,152 synapses onto each of 64 channels: a place of layer 2 alone is too much for a core.
    assert all(mapped.parts[core].units < 64 for core in mapped.cores_of(2))
    # A place of the input is seen by at most 3 x 3 places.
    of_input = mapped.layer_of[mapped.core_of] == 0
    assert mapped.destinations[of_input].max() <= 9 < len(mapped.cores_of(1))
    shared = map_network(network, sharing(LOIHI))
    assert len(shared.parts) < len(mapped.parts)
    assert shared.synapse_bits.sum() < mapped.synapse_bits.sum()


# --- activity -----------------------------------------------------------------------------


def solved(network: Network, chip: Chip, input: str = "spikes"):
    rng = np.random.default_rng(1)
    mapped = map_network(network, chip, chips=None)
    target = np.eye(network.sizes[-1])[:2]
    problem = pose(
        network, rng.random((2, network.sizes[0])), coding=Coding(), precision="float64",
        phases=[Free(12), Nudged(6, target, 0.5, from_free=True), Nudged(6, target, -0.5, True)],
        input=input, record=("bits",), parts=mapped.bundles,
    )  # fmt: skip
    run = engine.solve(problem, threads=1)
    return mapped, run, core_activity(mapped, run, problem.input)


@pytest.mark.parametrize("input", ["spikes", "current"])
def test_a_convolution_and_its_matrix_send_the_same_bits_over_fewer_synapses(input):
    rng = np.random.default_rng(0)
    joins = [Conv2d((8, 8, 2), 3, 3, padding=1, pool=AvgPool2d(2)), Dense(48, 4)]
    network = Network.chain(joins, weights=[rng.normal(0, 0.4, j.weight_shape) for j in joins])
    matrix = reference.rows(joins[0], joins[0].synapse_weights(network.weights[0]))
    plain = Network.dense([128, 48, 4], weights=[matrix, network.weights[1]])
    mapped, run, found = solved(network, small_chip(units=20), input)
    dense_mapped, dense_run, dense_found = solved(plain, small_chip(units=20), input)
    for ours, theirs in zip(run.bits, dense_run.bits, strict=True):
        np.testing.assert_array_equal(ours.reshape(theirs.shape), theirs)
    assert run.bits[1].any() and run.bits[2].any()

    def by_layer(counts, mapped_, layer):
        return counts[:, mapped_.cores_of(layer)].sum(axis=1).tolist()

    for layer in range(3):
        for name in ("spikes", "updates_active", "updates_inactive"):
            ours, theirs = getattr(found, name), getattr(dense_found, name)
            assert by_layer(ours, mapped, layer) == by_layer(theirs, dense_mapped, layer)
    # Feedback from the output is dense in both. The events of the convolution are fewer.
    events, dense_events = found.synaptic_events, dense_found.synaptic_events
    assert by_layer(events, mapped, 2) == by_layer(dense_events, dense_mapped, 2)
    forward = np.array(by_layer(events, mapped, 1)) - run.activity.synaptic_events[:, 1, 1]
    dense_forward = np.array(by_layer(dense_events, dense_mapped, 1))
    dense_forward -= dense_run.activity.synaptic_events[:, 1, 1]
    assert forward.tolist() == run.activity.synaptic_events[:, 0, 0].tolist()
    if input == "current":
        assert not forward.any() and not found.messages_sent[:, mapped.cores_of(0)].any()
    else:
        assert (forward > 0).all() and (3 * forward < dense_forward).all()
        # A spike goes only to cores where it meets a synapse.
        sent, dense_sent = (
            by_layer(one.messages_sent, on, 0)
            for one, on in ((found, mapped), (dense_found, dense_mapped))
        )
        assert all(a < b for a, b in zip(sent, dense_sent, strict=True))


# --- reports ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    config = small_config(layers=LAYERS, input="current")
    return make_run(tmp_path_factory.mktemp("conv") / "run", config)


@pytest.mark.parametrize("input", ["current", "spikes"])
@pytest.mark.parametrize("name", ["loihi1-davies", "sharing", "odin"])
def test_the_accounts_of_a_run_are_the_counts_of_the_engine(name, input, tmp_path):
    run = make_run(tmp_path / "run", small_config(layers=LAYERS, input=input))
    chip = sharing(LOIHI) if name == "sharing" else load_chip(name)
    found = replay(run, chip, load("digits"), samples=2, threads=1)
    accounts = account(found)
    activity = found.training.run.activity
    for phase in ("free", "nudged"):
        rows = [k for k, each in enumerate(activity.phases) if each == phase]
        counted = accounts.counts[phase]
        events = activity.synaptic_events[rows].sum() / 2
        assert counted["synaptic_event"].sum() == pytest.approx(events) and events > 0
        updates = activity.updates_active[rows].sum() / 2
        assert counted["update_active"].sum() == pytest.approx(updates)
    # 3 x 3 places see 4 x 4 others through the merged kernel; stored in every place, or once.
    kernel, dense = 4 * 4 * 8, 72 * 10
    written = accounts.counts["update"]["weight_update"].sum()
    assert written == (kernel if name == "sharing" else 9 * kernel) + chip.copies * dense
    injected = accounts.counts["free"].get("mac")
    assert (injected is not None) == (input == "current")
    if injected is not None:
        assert injected.sum() == activity.macs.sum() / 2


def test_map_report_and_evaluate_take_a_convolution(run, capsys):
    assert main(["map", str(run.path), "--json"]) == 0
    mapping = json.loads(capsys.readouterr().out)
    assert mapping["layers"] == [64, 72, 10]
    assert [(c["synapses"], c["weights"]) for c in mapping["connections"]] == [
        (9 * 16 * 8, 16 * 8), (720, 720)
    ]  # fmt: skip
    assert main(["report", str(run.path), "--samples", "2", "--json", "-q"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["run"]["layers"] == list(LAYERS) and document["run"]["units"] == [64, 72, 10]
    assert document["title"].startswith("8x8-8c3p2-10 (digits)")
    assert [row["units"] for row in document["activity"]["by_layer"]] == [64, 72, 10]
    assert any("Kernels are not shared" in note for note in document["notes"])
    assert document["neurobench"]["parameter_count"] == 9 * 8 + 720 + 82
    page = (run.path / "report" / "report.html").read_text()
    assert "8x8-8c3p2-10" in page
    assert main(["evaluate", str(run.path), "--precision", "chip", "--json", "-q"]) == 0
    evaluated = json.loads(capsys.readouterr().out)
    assert evaluated["precision"] == "chip" and evaluated["samples"] == 360
    assert main(["evaluate", str(run.path), "-q"]) == 0
    assert "72" in capsys.readouterr().out


def test_map_takes_a_network_in_one_line(capsys):
    assert main(["map", "--network", "8x8-8c3p2-10"]) == 0
    out = capsys.readouterr().out
    assert "8x8x1-3x3x8-10" in out and "weights" in out and "1,152" in out


def test_the_floor_of_a_processor_multiplies_synapses_and_reads_kernels():
    config = small_config(layers=("6x6", "2c3p2", 3))
    # 2 x 2 places of 2 channels through 4 x 4 merged weights: 128 synapses, 32 weights; 24 dense.
    found = dense_counts(config, load_chip("cpu-horowitz-45nm"))
    assert float(found["free"]["mac"][0]) == 128 + 6 * 2 * 24
    assert float(found["update"]["mac"][0]) == 128 + 2 * 24
    # 32-bit words: 32 weights once and 24 in each of 6 steps; 11 potentials read and written.
    assert float(found["free"]["access_8_kib"][0]) == (32 + 6 * 24 + 6 * 2 * 11) / 2


def test_what_learning_remembers_is_of_units():
    config = small_config(layers=("6x6", "2c3p2", 3), learning={"rule": "full"})
    assert ep_bytes(terms(config, 24)) == 11 * 2 * 3
