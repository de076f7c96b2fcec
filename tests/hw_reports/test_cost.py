"""Energies of a sample and of a whole training, against hand counts with easy coefficients."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_chip import ENERGY, toy_chip

from eqchip.emulator.activity import Activity
from eqchip.emulator.description.config import make_config
from eqchip.emulator.errors import InputError
from eqchip.hw_reports.pricing import baselines
from eqchip.hw_reports.pricing import entries as cost
from eqchip.hw_reports.pricing import epochs as trainingcost
from eqchip.hw_reports.pricing.figure import Figure
from eqchip.hw_reports.pricing.totals import Sum, exactly, total
from eqchip.mapping import kinds
from eqchip.mapping.activity.cores import CoreActivity
from eqchip.mapping.chip_file.chip import load_chip
from eqchip.mapping.placement.route import Link

PJ, NS = 1e-12, 1e-9
SECONDS = {phase: Sum(exactly(1e-6, "s")) for phase in kinds.PHASES}


@pytest.fixture
def chip(tmp_path):
    return toy_chip(tmp_path)


def joules(found: list[cost.Entry], kind: str, phase: str) -> Sum:
    (entry,) = (entry for entry in found if (entry.kind, entry.phase) == (kind, phase))
    return entry.energy


# --- one sample ---------------------------------------------------------------------------


def test_every_kind_costs_its_count_times_its_price(chip):
    counts = {"free": {kind: np.array([2.0, 3.0]) for kind in ENERGY}}
    found = cost.entries(counts, SECONDS, chip)
    for kind, price in ENERGY.items():
        figure = joules(found, kind, "free").figure
        assert figure.value == pytest.approx(5 * price * PJ)
        assert (figure.low, figure.high) == pytest.approx((2.5 * price * PJ, 10 * price * PJ))


def test_static_power_is_that_of_all_chips_over_the_time(chip):
    found = cost.entries({"free": {}}, SECONDS, chip, chips=2)
    figure = joules(found, "static", "free").figure
    assert figure.value == pytest.approx(2 * 3e-3 * 1e-6)
    assert figure.high == pytest.approx(2 * 6e-3 * 1e-6)


def test_the_band_of_static_energy_takes_the_low_power_with_the_low_time(chip):
    times = {"free": Sum(Figure(1.0, 2.0, 10.0, "s"))}
    figure = joules(cost.entries({"free": {}}, times, chip), "static", "free").figure
    assert (figure.low, figure.value, figure.high) == pytest.approx((1.5e-3, 6e-3, 60e-3))


def test_what_happened_and_has_no_price_is_unknown_in_every_total(tmp_path):
    chip = toy_chip(tmp_path, without=("energy.message",))
    counts = {"free": {"message": np.array([4.0]), "synaptic_event": np.array([7.0])}}
    found = cost.entries(counts, SECONDS, chip)
    (message,) = (entry for entry in found if entry.kind == "message")
    assert message.energy == Sum(None, ("message energy",))
    assert message.count == 4.0
    assert message.why == "not in the chip file"
    assert cost.energy_of(found, ("free",), "message").figure is None
    whole = cost.energy_of(found)
    assert whole.lacks == ("message energy",)
    assert whole.figure.value == pytest.approx(7 * PJ + 3e-9)  # 3 mW over 1 us


def test_the_chip_file_says_why_a_price_is_unknown(chip):
    found = cost.entries({"free": {"chip_crossing": np.array([1.0])}}, SECONDS, chip)
    (crossing,) = (entry for entry in found if entry.kind == "chip_crossing")
    assert crossing.why == "nobody has ever looked"


def test_what_did_not_happen_or_is_included_elsewhere_costs_nothing_and_lacks_nothing(chip):
    counts = {"free": {"chip_crossing": np.array([0.0]), "message_in": np.array([9.0])}}
    found = cost.entries(counts, SECONDS, chip)
    assert joules(found, "chip_crossing", "free") == Sum(Figure.zero())
    assert joules(found, "message_in", "free") == Sum(Figure.zero())
    assert cost.energy_of(found).lacks == ()


def test_static_power_over_an_unknown_time_is_unknown(chip):
    times = {"free": Sum(None, ("time",)), "update": Sum(exactly(1.0, "s"), ("barrier time",))}
    found = cost.entries({"free": {}, "update": {}}, times, chip)
    assert joules(found, "static", "free") == Sum(None, ("static energy",))
    update = joules(found, "static", "update")
    assert update.figure.value == pytest.approx(3e-3)
    assert update.lacks == ("static energy during barrier",)


def test_a_chip_without_static_power_lacks_it(tmp_path):
    chip = toy_chip(tmp_path, without=("static_power",))
    found = cost.entries({"free": {"spike": np.array([1.0])}}, SECONDS, chip)
    assert cost.energy_of(found).lacks == ("static energy",)


def test_the_clock_of_odin_draws_its_idle_power():
    times = {"free": Sum(exactly(2.0, "s"))}
    found = cost.entries({"free": {}}, times, load_chip("odin"))
    # 1.78 uW/MHz at 75 MHz, and 27.3 uW of leakage
    assert joules(found, "clock_cycle", "free").figure.value == pytest.approx(2 * 133.5e-6)
    assert joules(found, "static", "free").figure.value == pytest.approx(2 * 27.3e-6)


def test_energy_of_cores_is_all_that_belongs_to_a_core(chip):
    counts = {
        "free": {"synaptic_event": np.array([5.0, 1.0]), "barrier": np.array([9.0])},
        "update": {"weight_update": np.array([0.0, 2.0])},
        "inference": {"synaptic_event": np.array([100.0, 100.0])},
    }
    found = cost.entries(counts, SECONDS, chip)
    assert cost.by_core(found, kinds.TRAINING, chip, 2) == pytest.approx(
        np.array([5.0, 1.0 + 200.0]) * PJ
    )


# --- counts -------------------------------------------------------------------------------


def core_activity() -> CoreActivity:
    """Two samples, phases free, nudged, nudged, two cores, one link."""
    rows = np.array([[2, 4], [10, 20], [100, 200]])
    none = np.zeros(2, np.int64)
    return CoreActivity(
        phases=("free", "nudged", "nudged"),
        samples=2,
        steps=(3, 2, 2),
        spikes=rows,
        updates_active=rows,
        updates_inactive=rows * 2,
        synaptic_events=rows * 3,
        partial_sums=rows * 0,
        messages_sent=rows * 4,
        messages_received=rows * 5,
        core_hops=np.stack([rows * 1, rows * 2, rows * 3, rows * 4], axis=-1),
        links=rows[:, :1],
        crossings=np.array([[2, 0, 0, 0], [1, 1, 1, 1], [0, 0, 8, 0]]),
        updates=0,
        weight_updates_attempted=none,
        weight_updates_applied=none,
        weight_updates_saturated=none,
        link_table=(Link(0, 0, "east"),),
    )


def test_phases_of_one_name_are_summed_and_counts_are_per_sample():
    free, nudged = (cost.core_counts(core_activity(), name) for name in ("free", "nudged"))
    assert free["spike"].tolist() == [1, 2]
    assert nudged["spike"].tolist() == [55, 110]
    assert nudged["synaptic_event"].tolist() == [165, 330]
    assert nudged["message"].tolist() == [220, 440]
    assert nudged["message_in"].tolist() == [275, 550]
    assert nudged["hop_east_west"].tolist() == [165, 330]  # 1 east + 2 west
    assert nudged["hop_north_south"].tolist() == [385, 770]  # 3 north + 4 south
    assert nudged["chip_crossing"].tolist() == [6]
    both = cost.core_counts(core_activity())
    assert both["spike"].tolist() == [56, 112]


def test_layers_are_summed_where_no_cores_are_known():
    activity = Activity.zeros(("free", "nudged"), 3)
    activity.spikes[:] = [[1, 2, 3], [10, 20, 30]]
    activity.synaptic_events[0] = [[5, 0], [1, 2]]
    found = cost.layer_counts(activity.from_arrays(activity.to_arrays(), 2), "free")
    assert found["spike"].tolist() == [3.0]
    assert found["synaptic_event"].tolist() == [4.0]


@given(st.lists(st.tuples(st.floats(0, 1e6), st.booleans()), max_size=6))
def test_a_total_holds_what_is_known_and_names_all_else(terms):
    found = total(
        Sum(exactly(value, "J") if known else None, () if known else (f"term {k}",))
        for k, (value, known) in enumerate(terms)
    )
    known = [value for value, is_known in terms if is_known]
    assert (found.figure is None) == (not known)
    assert found.figure is None or found.figure.value == pytest.approx(sum(known))
    assert len(found.lacks) == len(terms) - len(known)


# --- the whole training -------------------------------------------------------------------

CRITICAL = {
    "free": {"synaptic_event": 600 * NS, "update_inactive": 300 * NS, "barrier": 100 * NS},
    "nudged": {"synaptic_event": 500 * NS, "hop_east_west": 500 * NS},
    "update": {"weight_update": 990 * NS, "barrier": 10 * NS},
}


def sample(chip):
    counts = {
        "free": {
            "synaptic_event": np.array([100.0]), "spike": np.array([10.0]),
            "update_active": np.array([10.0]), "update_inactive": np.array([40.0]),
            "message": np.array([20.0]), "reset": np.array([1.0]),
        },
        "nudged": {"synaptic_event": np.array([50.0])},
        "update": {"weight_update": np.array([8.0]), "barrier": np.array([1.0])},
    }  # fmt: skip
    return cost.entries(counts, SECONDS, chip)


def epochs(chip, minibatch=4, **row):
    line = {
        "epoch": 1, "train_error": 5.0, "validation_error": None, "samples": 1000,
        "spikes_per_sample": 10.0, "synaptic_events_per_sample": 150.0, **row,
    }  # fmt: skip
    return trainingcost.epochs([line], sample(chip), SECONDS, CRITICAL, minibatch)


def test_an_epoch_with_the_counts_of_the_replay_costs_the_replay_times_its_samples(chip):
    (epoch,) = epochs(chip)
    per_sample = cost.energy_of(sample(chip), kinds.TRAINING).figure
    assert epoch.energy.figure.value == pytest.approx(1000 * per_sample.value)
    assert epoch.energy.figure.low == pytest.approx(1000 * per_sample.low)
    assert epoch.seconds.figure.value == pytest.approx(1000 * 3e-6)


def test_an_epoch_follows_its_own_synaptic_events(chip):
    (epoch,) = epochs(chip, synaptic_events_per_sample=300.0)
    per_sample = cost.energy_of(sample(chip), kinds.TRAINING).figure.value
    # 150 events more; 600 + 500 ns longer, at 3 mW.
    more = 150 * PJ + 1100 * NS * 3e-3
    assert epoch.energy.figure.value == pytest.approx(1000 * (per_sample + more))
    assert epoch.seconds.figure.value == pytest.approx(1000 * 4.1e-6)


def test_an_epoch_follows_its_own_spikes_and_all_other_updates_are_inactive(chip):
    (epoch,) = epochs(chip, spikes_per_sample=20.0)
    per_sample = cost.energy_of(sample(chip), kinds.TRAINING).figure.value
    # Ten spikes more: messages, and active instead of inactive updates.
    more = (10 * 2 + 10 * 10 - 10 * 5 + 20 * 3) * PJ
    # The 40 inactive updates become 30, of 300 ns; the hops of 500 ns double.
    longer = (-75 + 500) * NS
    assert epoch.seconds.figure.value == pytest.approx(1000 * (3e-6 + longer))
    assert epoch.energy.figure.value == pytest.approx(1000 * (per_sample + more + longer * 3e-3))


def test_with_minibatches_the_update_alone_gets_cheaper(chip):
    (epoch,) = epochs(chip, minibatch=4)
    saved = 0.75 * (8 * 100 + 13) * PJ + 0.75 * 1e-6 * 3e-3
    difference = epoch.energy.figure.value - epoch.minibatch_energy.figure.value
    assert difference == pytest.approx(1000 * saved)
    assert epoch.minibatch_seconds.figure.value == pytest.approx(1000 * 2.25e-6)


def test_an_epoch_pays_for_nudges_and_updates_as_often_as_it_nudged(chip):
    (epoch,) = epochs(chip, nudged_share=0.25, synaptic_events_per_sample=100 + 0.25 * 50)
    of = {p: cost.energy_of(sample(chip), (p,)).figure.value for p in kinds.TRAINING}
    per_sample = of["free"] + 0.25 * (of["nudged"] + of["update"])
    assert epoch.energy.figure.value == pytest.approx(1000 * per_sample)
    seconds = {phase: SECONDS[phase].figure.value for phase in kinds.TRAINING}
    lasting = seconds["free"] + 0.25 * (seconds["nudged"] + seconds["update"])
    assert epoch.seconds.figure.value == pytest.approx(1000 * lasting)
    assert epoch.minibatch_energy == epoch.energy  # written once in 4 samples, of which 1 is nudged


def test_an_epoch_lacks_what_its_samples_lack(tmp_path):
    chip = toy_chip(tmp_path, without=("energy.weight_update",))
    (epoch,) = epochs(chip)
    assert epoch.energy.lacks == ("weight update energy",)


def test_the_line_of_the_test_set_is_no_epoch_and_a_line_without_samples_is_refused(chip):
    assert trainingcost.epochs([{"epoch": 1, "test_error": 3.0}], [], {}, {}, 1) == []
    with pytest.raises(InputError, match="samples is None; expected a whole number"):
        epochs(chip, samples=None)


# --- baselines ----------------------------------------------------------------------------


def config(**learning):
    return make_config(
        layers=(6, 4, 2),
        descent={"lr": (0.1, 0.1)},
        learning={"rule": "symmetric", "free_steps": 10, "nudged_steps": 5, **learning},
    )


def test_operations_of_the_floor():
    found = baselines.dense_counts(config(), load_chip("cpu-horowitz-45nm"))
    macs = {phase: float(kinds["mac"][0]) for phase, kinds in found.items()}
    # 24 weights from the input, met once; 8 more, met forward and back in each step.
    assert macs == {"free": 24 + 160, "nudged": 160, "update": 24 + 16, "inference": 24 + 160}


def test_memory_accesses_of_the_floor_move_64_bits_each():
    found = baselines.dense_counts(config(), load_chip("cpu-horowitz-45nm"))
    # 32-bit words: 24 weights once and 8 in each of 10 steps; 6 potentials read and written.
    assert float(found["free"]["access_8_kib"][0]) == (24 + 80 + 120) / 2
    assert float(found["update"]["access_8_kib"][0]) == 32  # 32 weights read and written


def test_the_memory_is_the_smallest_that_holds_it_and_the_largest_known_beyond():
    chip = load_chip("cpu-horowitz-45nm")
    kinds = [baselines.memory_for(size, chip) for size in (8192, 8193, 32769, 2**24)]
    assert kinds == ["access_8_kib", "access_32_kib", "access_1_mib", "access_1_mib"]
    assert baselines.memory_for(1, load_chip("gpu-a100-floor")) == "access_dram"


def test_a_one_sided_rule_multiplies_once_per_weight():
    assert baselines.update_macs(config(rule="one_sided")) == 32
    assert baselines.update_macs(config(rule="full")) == 40
