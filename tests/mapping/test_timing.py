"""Times on a chip, against hand counts with easy coefficients."""

from __future__ import annotations

import numpy as np
import pytest
from toy_chip import SOURCE, toy_chip, toy_text

from eqchip.hw_reports.pricing import timing
from eqchip.hw_reports.pricing.settle import settle
from eqchip.mapping.activity.steps import StepCounts
from eqchip.mapping.chip_file.chip import load_chip
from eqchip.mapping.chip_file.cores import Feature
from eqchip.mapping.placement.route import Link, Routes

NS = 1e-9
ALL = np.ones(2, bool)


def counts(steps: int = 2, batch: int = 1, cores: int = 2, links: int = 1) -> StepCounts:
    """Nothing happens, in arrays that a test fills."""
    per_core = [np.zeros((steps, batch, cores), np.int64) for _ in range(5)]
    phase = np.zeros(steps, np.int64)
    return StepCounts(phase, *per_core, np.zeros((steps, batch, links), np.int64))


def routes(*directions: str, crossing: bool = False) -> Routes:
    links = tuple(Link(0, 0, direction) for direction in directions)
    none = np.zeros((2, len(links)), np.int64)
    return Routes(links, none, np.full(len(links), crossing))


@pytest.fixture
def chip(tmp_path):
    return toy_chip(tmp_path)


def test_the_busiest_core_decides_and_the_barrier_comes_after(chip):
    did = counts()
    # Step 1: core 0 updates 3 units, one with a spike, and sends 2 messages; core 1 meets 40
    # synapses from 1 message. Step 2: core 1 alone updates 1 unit.
    did.updates_active[0, 0, 0], did.updates_inactive[0, 0, 0] = 1, 2
    did.messages_sent[0, 0, 0] = 2
    did.synaptic_events[0, 0, 1], did.messages_received[0, 0, 1] = 40, 1
    did.updates_inactive[1, 0, 1] = 1
    found = timing.relaxation(did, routes("east"), chip, 1, ALL)
    # Core 0: 4 + 2 * 2 + 2 * 8 = 24; core 1: 40 + 16 = 56, then 2.
    assert found.core.value == pytest.approx(58 * NS)
    assert found.barrier.value == pytest.approx(40 * NS)
    assert found.total.figure.value == pytest.approx(98 * NS)
    assert found.total.lacks == ()
    assert (found.total.figure.low, found.total.figure.high) == pytest.approx((49 * NS, 196 * NS))
    assert found.cores == pytest.approx(np.array([24, 58]) * NS)
    assert found.busiest == 1
    assert found.decided == {"core": 0.5, "mesh": 0.0, "barrier": 0.5}
    expected = {"synaptic_event": 40, "message_in": 16, "update_inactive": 2, "barrier": 40}
    assert found.critical == pytest.approx({kind: ns * NS for kind, ns in expected.items()})


def test_the_longest_stage_of_a_pipeline_decides(chip):
    """The same events as one after the other would take 58 ns: units, synapses and messages."""
    does = Feature(source="a test", status="assumed", confidence="D")
    cores = chip.cores.model_copy(update={"pipeline": does})
    piped = chip.model_copy(update={"cores": cores})
    did = counts()
    did.updates_active[0, 0, 0], did.updates_inactive[0, 0, 0] = 1, 2  # units: 4 + 2 * 2 = 8
    did.messages_sent[0, 0, 0] = 2  # sent: 16
    did.synaptic_events[0, 0, 1], did.messages_received[0, 0, 1] = 40, 1  # synapses 40, received 16
    did.updates_inactive[1, 0, 1] = 1  # units 2
    found = timing.relaxation(did, routes("east"), piped, 1, ALL)
    assert found.core.value == pytest.approx((40 + 2) * NS)
    assert found.cores == pytest.approx(np.array([16, 42]) * NS)
    expected = {"synaptic_event": 40, "update_inactive": 2, "barrier": 40}
    assert found.critical == pytest.approx({kind: ns * NS for kind, ns in expected.items()})
    assert sum(found.critical.values()) == pytest.approx(found.total.figure.value)


def test_the_busiest_link_decides_when_it_takes_longer(chip):
    did = counts(links=2)
    did.updates_inactive[0, 0, :] = 5  # 10 ns
    did.links[0, 0] = [1, 1]  # east 32 ns, north 64 ns
    found = timing.relaxation(did, routes("east", "north"), chip, 1, ALL)
    assert found.mesh.value == pytest.approx(64 * NS)
    assert found.total.figure.value == pytest.approx((64 + 20 + 20) * NS)
    assert found.decided == {"core": 0.0, "mesh": 0.5, "barrier": 0.5}
    assert found.critical == pytest.approx({"hop_north_south": 64 * NS, "barrier": 40 * NS})
    assert found.steps["mesh"] == pytest.approx([64 * NS, 0.0])


def test_core_and_link_are_compared_step_by_step_not_in_sum(chip):
    did = counts()
    did.synaptic_events[0, 0, 0] = 100
    did.links[1, 0, 0] = 2  # 64 ns
    found = timing.relaxation(did, routes("west"), chip, 1, ALL)
    assert found.total.figure.value == pytest.approx((100 + 64 + 40) * NS)


def test_times_are_means_over_samples_and_only_of_the_rows_asked_for(chip):
    did = counts(batch=2, links=0)
    did.synaptic_events[0, :, 0] = [10, 30]
    did.synaptic_events[1, :, 0] = [1000, 1000]
    found = timing.relaxation(did, routes(), chip, 1, np.array([True, False]))
    assert found.core.value == pytest.approx(20 * NS)
    assert found.barrier.value == pytest.approx(20 * NS)
    assert found.rows.tolist() == [0]


def test_what_happens_and_has_no_time_is_named_and_what_does_not_happen_is_not(tmp_path):
    chip = toy_chip(tmp_path, without=("time.message", "time.hop_north_south"))
    did = counts()
    did.messages_sent[0, 0, 0] = 1
    did.synaptic_events[0, 0, 0] = 7
    found = timing.relaxation(did, routes("north"), chip, 1, ALL)
    assert found.total.lacks == ("message time",)
    assert found.core.value == pytest.approx(7 * NS)


def test_a_spike_takes_its_own_time_where_the_chip_file_has_one():
    did = counts(links=0)
    did.updates_active[0, 0, 0], did.updates_inactive[0, 0, 0] = 1, 5
    found = timing.relaxation(did, routes(), load_chip("loihi1-sanafe"), 1, ALL)
    assert found.core.value == pytest.approx((6 * 9.7 + 30) * NS)


def test_the_time_to_another_chip_is_unknown_and_not_zero(chip):
    did = counts()
    did.links[0, 0, 0] = 1
    found = timing.relaxation(did, routes("east", crossing=True), chip, 1, ALL)
    assert found.total.lacks == ("chip crossing time",)


def test_a_barrier_over_more_tiles_than_the_table_knows_is_unknown(chip):
    found = timing.relaxation(counts(links=0), routes(), chip, 65, ALL)
    assert found.barrier is None
    assert found.total.lacks == ("barrier time",)


def test_weights_are_updated_one_after_the_other_on_the_busiest_core(chip):
    found = timing.update({"weight_update": np.array([10.0, 300.0, 7.0])}, chip, 2)
    assert found.core.value == pytest.approx(1800 * NS)
    assert found.total.figure.value == pytest.approx(1820 * NS)
    assert found.busiest == 1
    assert found.decided == {"core": 1.0, "mesh": 0.0, "barrier": 0.0}


def test_an_update_without_a_known_time_says_so_and_names_no_bottleneck(tmp_path):
    chip = toy_chip(tmp_path, without=("time.weight_update",))
    found = timing.update({"weight_update": np.array([10.0])}, chip, 1)
    assert found.core is None
    assert found.total.lacks == ("weight update time",)
    assert found.decided == {}


def test_truenorth_takes_its_tick_for_every_step_whatever_the_load():
    chip = load_chip("truenorth")
    assert timing.by_events(chip, 50, 0.0).figure.value == pytest.approx(0.05)
    assert timing.by_events(chip, 50, 1e9).figure.value == pytest.approx(0.05)


def test_odin_does_as_many_operations_a_second_as_published():
    found = timing.by_events(load_chip("odin"), 50, 37.5e6)
    assert found.figure.value == pytest.approx(1.0, rel=2e-3)


def test_a_chip_of_events_without_any_time_is_unknown(chip):
    bare = chip.model_copy(update={"time": {}})
    found = timing.by_events(bare, 50, 10.0)
    assert found.figure is None
    assert found.lacks == ("time",)


# --- what a chip file adds: a floor, visits, processors ------------------------------------


def with_figures(tmp_path, text: str, name: str = "more.toml"):
    """The toy with more figures; what it says is absent gives way to them."""
    lines = toy_text().splitlines()
    given = [line.strip("[]") for line in text.splitlines() if line.startswith("[")]
    kept = [line for line in lines if not any(line.startswith(f'"{one}"') for one in given)]
    path = tmp_path / name
    path.write_text("\n".join(kept) + text, encoding="utf-8")
    return load_chip(path)


def figure(address: str, value: float, unit: str) -> str:
    return (
        f"\n[{address}]\nvalue = {value}\nlow = {value / 2}\nhigh = {value * 2}\n"
        f'unit = "{unit}"\n{SOURCE}'
    )


def test_a_step_takes_no_less_than_the_floor_and_a_longer_one_no_longer_for_it(tmp_path):
    chip = with_figures(tmp_path, figure("step_floor", 100.0, "ns"))
    did = counts(links=0)
    did.synaptic_events[0, 0, 0] = 300
    found = timing.relaxation(did, routes(), chip, 1, ALL)
    assert found.total.figure.value == pytest.approx((300 + 20 + 100) * NS)
    assert found.critical["step_floor"] == pytest.approx(80 * NS)  # 20 of them are the barrier's
    assert sum(found.critical.values()) == pytest.approx(found.total.figure.value)
    update = timing.update({"weight_update": np.array([5.0])}, chip, 1)
    assert update.total.figure.value == pytest.approx(100 * NS)
    assert sum(update.critical.values()) == pytest.approx(update.total.figure.value)


def test_a_core_takes_its_time_for_what_it_visits_and_for_what_it_writes(tmp_path):
    text = toy_text().replace('"time.synapse_visit" = "in time.weight_update"\n', "")
    path = tmp_path / "visits.toml"
    path.write_text(text + figure("time.synapse_visit", 1.0, "ns"), encoding="utf-8")
    writes = {"synapse_visit": np.array([900.0, 10.0]), "weight_update": np.array([0.0, 60.0])}
    found = timing.update(writes, load_chip(path), 1)
    assert found.busiest == 0  # 900 of 1 ns against 10 of 1 and 60 of 6
    assert found.total.figure.value == pytest.approx((900 + 20) * NS)
    assert found.critical["synapse_visit"] == pytest.approx(900 * NS)


def test_processors_take_their_turn_after_the_cores_and_draw_their_power(tmp_path):
    chip = with_figures(
        tmp_path,
        figure("time.management", 7.0, "us")
        + figure("time.learning_epoch", 11.0, "us")
        + figure("energy.learning_epoch", 13.0, "uJ")
        + figure("static_power.management", 17.0, "mW"),
    )
    steps = timing.relaxation(counts(links=0), routes(), chip, 1, ALL)
    kinds = {"management": np.array([2.0]), "learning_epoch": np.array([1.0])}
    found = settle({"update": kinds}, {"update": steps}, chip, chips=3)
    seconds = 40 * NS + 2 * 7e-6 + 11e-6
    assert found.seconds["update"].figure.value == pytest.approx(seconds)
    spent = found.critical["update"]
    assert (spent["management"], spent["learning_epoch"]) == pytest.approx((14e-6, 11e-6))
    energy = {entry.kind: entry.energy.figure.value for entry in found.entries}
    assert energy["learning_epoch"] == pytest.approx(13e-6)
    assert energy["management_power"] == pytest.approx(3 * 17e-3 * seconds)
    assert energy["static"] == pytest.approx(3 * 3e-3 * seconds)
    assert "management" not in energy  # it takes time; its energy is the power of processors


def test_a_chip_file_that_says_nothing_of_processors_lacks_them():
    steps = timing.relaxation(counts(links=0), routes(), load_chip("loihi1-davies"), 1, ALL)
    kinds = {"management": np.array([2.0]), "learning_epoch": np.array([1.0])}
    found = settle({"update": kinds}, {"update": steps}, load_chip("loihi1-davies"))
    assert found.seconds["update"].lacks == ("management time", "learning epoch time")
    lacks = [name for entry in found.entries for name in entry.energy.lacks]
    assert {"management energy", "learning epoch energy"} <= set(lacks)
