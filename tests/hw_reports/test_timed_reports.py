"""Counts and reports of asynchronous runs: by hand, and against the synchronous ones."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hand_activity import CHIPS, PHASES, hand_mapped, hand_run
from hypothesis import given
from hypothesis import strategies as st
from report_documents import report as made_document
from small_chips import dense, small_chip
from small_runs import small_config
from strategies import problems
from toy_chip import BARRIER, ENERGY, STATIC, TIME, toy_chip, toy_text
from trained_runs import make_run

from eqchip.__main__ import main
from eqchip.emulator.activity import Activity
from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.asynchronous import Asynchronous, Clocks, Delays, Faults, Queues
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.description.timed import Messages, Timed
from eqchip.emulator.engine import synchronous as engine
from eqchip.emulator.errors import InputError
from eqchip.emulator.learning.contrast import contrast
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.problem.run import Run
from eqchip.emulator.training.runs import RunDirectory, provenance
from eqchip.hw_reports.counting.replay import replay
from eqchip.hw_reports.document.asynchronous_notes import describe
from eqchip.hw_reports.document.compare import compare
from eqchip.hw_reports.document.report import report
from eqchip.hw_reports.page.write import write_page
from eqchip.hw_reports.pricing.accounts import account
from eqchip.hw_reports.show.csv import csv_text
from eqchip.hw_reports.show.terminal import sentences, tables
from eqchip.mapping.activity.cores import core_activity, step_counts
from eqchip.mapping.chip_file.chip import load_chip
from eqchip.mapping.placement.mapped import MappedNetwork, map_network
from eqchip.mapping.placement.paths import paths

NS, PJ = 1e-9, 1e-12
LOOSE = Asynchronous(Clocks(spread=0.1, offset=1.0, jitter=0.1))
PERIOD = 2e-6  # seconds

# --- counts by hand -----------------------------------------------------------------------


def hand_timed(received: list[list[int]], updates: list[list[int]]) -> Run:
    """The spikes of `hand_run`, whose messages arrive as told."""
    run = hand_run()
    assert run.part_spikes is not None
    steps, zeros = len(received), np.zeros(3, np.int64)
    timed = Timed(
        end=float(steps),
        messages=Messages(zeros, zeros, zeros, zeros, zeros),
        left=0,
        in_flight=np.zeros((steps, 1), np.int32),
        backlog=np.zeros((steps, 1, 5), np.int32),
        link_backlog=np.zeros((steps, 1), np.int32),
        updates=np.array(updates, np.int32)[:, None],
        received=np.array(received, np.int32)[:, None],
        spikes=run.part_spikes,
        periods=np.ones(5),
    )
    activity = Activity.zeros(run.activity.phases, 3)
    activity.synaptic_events[:] = 1  # of a network that spikes
    return replace(run, timed=timed, activity=activity)


RECEIVED = [[0, 0, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 2, 2, 1], [0, 0, 0, 3, 0], [0, 0, 1, 0, 2]]
UPDATES = [[1, 1, 1, 1, 2], [1, 1, 2, 1, 1], [1, 1, 1, 1, 1], [1, 0, 1, 1, 1], [1, 1, 1, 1, 1]]


def test_an_asynchronous_run_counts_what_is_sent_and_what_arrives_by_hand():
    mapped, run = hand_mapped(), hand_timed(RECEIVED, UPDATES)
    found = core_activity(mapped, run)
    assert (found.steps, found.samples) == ((2, 2, 1), 1)
    assert found.spikes.tolist() == [[2, 1, 1, 0, 1], [0, 1, 1, 1, 0], [1, 0, 0, 0, 1]]
    assert found.updates_active.tolist() == found.spikes.tolist()
    assert found.updates_inactive.tolist() == [[0, 1, 2, 2, 2], [2, 0, 1, 1, 2], [0, 1, 1, 1, 0]]
    # Sent when it is emitted; all go to both cores of the next layer, or to the one.
    assert found.messages_sent.tolist() == [[4, 2, 1, 0, 2], [0, 2, 1, 1, 0], [2, 0, 0, 0, 2]]
    # Received when it arrives, whatever was sent: some are lost, or late.
    assert found.messages_received.tolist() == [[0, 0, 1, 0, 0], [0, 0, 2, 5, 1], [0, 0, 1, 0, 2]]
    assert found.synaptic_events.tolist() == found.messages_received.tolist()  # a unit a core
    # 0 to 2: east east; to 3: south. 4 to 2: east north; to 3: west. Last phase: one of each.
    assert found.hops[2].tolist() == [3, 1, 1, 1]
    assert found.links.sum(axis=1).tolist() == found.hops.sum(axis=1).tolist()


def test_a_message_meets_every_unit_of_the_core_where_it_arrives():
    # Cores: input 3, hidden 3 and 2, output 2 units.
    mapped = map_network(dense(3, 5, 2), small_chip(units=3))
    run = hand_timed([row[:4] for row in RECEIVED], [row[:4] for row in UPDATES])
    assert run.part_spikes is not None
    run = replace(run, part_spikes=run.part_spikes[:, :, :4])
    found = core_activity(mapped, run).synaptic_events.sum(axis=0)
    assert found.tolist() == [0, 0 * 3, 4 * 2, 5 * 2]


def test_a_run_of_another_length_is_refused():
    run = hand_timed(RECEIVED[:4], UPDATES[:4])
    with pytest.raises(InputError, match=r"shape \(5, 1, 5\); expected"):
        core_activity(
            hand_mapped(), replace(run, timed=replace(run.timed, spikes=np.zeros((4, 1, 5))))
        )
    assert len(PHASES) == 3


# --- counts of the engine -----------------------------------------------------------------


BOTH_DEFINE = (
    "spikes", "updates_active", "updates_inactive", "synaptic_events", "messages_received",
)  # fmt: skip


DENSE = problems(max_width=12, dense=True)
SPIKING = DENSE.filter(lambda problem: problem.coding.quantizer != "none")


@given(SPIKING, CHIPS)
def test_under_identity_settings_the_counts_are_those_of_steps(problem, chip):
    mapped = map_network(problem.network, chip, chips=None)
    problem = replace(problem, parts=mapped.parts)
    stepped = engine.solve(problem, threads=1)
    simulated = engine.solve(
        replace(problem, timing=Asynchronous(), paths=paths(mapped)), threads=1
    )
    assert simulated.timed is not None
    expected, found = (core_activity(mapped, r, problem.input) for r in (stepped, simulated))
    for name in BOTH_DEFINE:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    rows = [step_counts(mapped, run, problem.input) for run in (stepped, simulated)]
    for name in ("updates_active", "updates_inactive", "synaptic_events", "messages_received"):
        np.testing.assert_array_equal(*(getattr(one, name) for one in rows), err_msg=name)
    # What is sent in a phase is received in it or in the next, but for what its end leaves over.
    messages = simulated.timed.messages
    over = messages.restored.sum() - messages.withdrawn.sum() - simulated.timed.left
    assert expected.messages_sent.sum() == found.messages_sent.sum() + over


@st.composite
def timings(draw: Any) -> Asynchronous:
    spread = draw(st.sampled_from([0.0, 0.1, 0.3]))
    queues = draw(st.sampled_from([Queues(), Queues(0.01, 0.05)]))
    return Asynchronous(
        Clocks(draw(st.sampled_from(["unit", "core"])), spread, draw(st.sampled_from([0.0, 1.0]))),
        Delays(draw(st.sampled_from([0.3, 1.0, 2.5])), draw(st.sampled_from([0.0, 0.2])), 0.5),
        queues,
        Faults(draw(st.sampled_from([0.0, 0.4]))),
        seed=draw(st.integers(0, 99)),
    )


def example(mapped: MappedNetwork, timing: Asynchronous, **more: Any) -> Problem:
    rng = np.random.default_rng(0)
    n_in, n_out = mapped.network.sizes[0], mapped.network.sizes[-1]
    target = rng.random((2, n_out))
    phases = [Free(5), Nudged(3, target, 0.5, from_free=True), Nudged(3, target, -0.5)]
    return pose(
        mapped.network, rng.random((2, n_in)), coding=Coding(), phases=phases, parts=mapped.parts,
        precision="float64", timing=timing, paths=paths(mapped), **more,
    )  # fmt: skip


@given(timings(), CHIPS)
def test_every_message_is_counted_where_the_engine_counts_it(timing, chip):
    mapped = map_network(dense(9, 7, 3), chip, chips=None)
    run = engine.solve(example(mapped, timing), threads=1)
    found, timed = core_activity(mapped, run), run.timed
    assert timed is not None
    np.testing.assert_array_equal(found.messages_sent.sum(axis=1), timed.messages.sent)
    np.testing.assert_array_equal(found.messages_received.sum(axis=1), timed.messages.delivered)
    np.testing.assert_array_equal(
        found.synaptic_events.sum(axis=1), run.activity.synaptic_events.sum(axis=(1, 2))
    )
    updates = found.updates_active + found.updates_inactive
    np.testing.assert_array_equal(
        updates.sum(axis=1),
        (run.activity.updates_active + run.activity.updates_inactive).sum(axis=1),
    )
    # What was sent crosses its links, lost or not.
    np.testing.assert_array_equal(found.links, found.spikes @ mapped.routes.crossed)
    rows = step_counts(mapped, run)
    for name in ("updates_active", "updates_inactive", "synaptic_events", "messages_sent",
                 "messages_received", "links"):  # fmt: skip
        summed = [getattr(rows, name)[rows.phase == k].sum((0, 1)) for k in range(3)]
        np.testing.assert_array_equal(summed, getattr(found, name), err_msg=name)


def test_a_run_that_stops_counts_the_periods_that_it_began():
    mapped = map_network(dense(9, 7, 3), small_chip(units=4))
    found = core_activity(mapped, engine.solve(example(mapped, replace(LOOSE, stop=9.5))))
    assert found.steps == (5, 3, 2)
    assert found.spikes[2].sum() > 0


# --- a report -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> RunDirectory:
    return make_run(tmp_path_factory.mktemp("runs") / "run")


def reported(run: RunDirectory, chip: Any, timing: Asynchronous | None, samples: int = 3):
    found = replay(run, chip, load("digits"), samples=samples, timing=timing, threads=1)
    accounts = account(found)
    document = report(found, accounts, run, chip.name, provenance("pytest"))
    return found, accounts, json.loads(json.dumps(document, allow_nan=False))


@pytest.fixture(scope="module")
def loose(run, tmp_path_factory):
    return reported(run, toy_chip(tmp_path_factory.mktemp("chip")), LOOSE)


@pytest.fixture(scope="module")
def identity(run, tmp_path_factory):
    timing = Asynchronous(period=PERIOD)
    return reported(run, toy_chip(tmp_path_factory.mktemp("chip")), timing)


def test_with_a_given_period_time_is_periods_times_period_and_nothing_else(identity):
    _, _, document = identity
    by_phase = document["time"]["by_phase"]
    reset = TIME["reset"] * NS
    for phase, periods in (("free", 6), ("nudged", 6), ("inference", 6)):
        whole = periods * PERIOD + (reset if phase != "nudged" else 0.0)
        assert by_phase[phase]["figure"]["value"] == pytest.approx(whole)
        assert document["asynchronous"]["phases"][phase]["time"]["figure"] == pytest.approx(
            {
                "low": periods * PERIOD,
                "value": periods * PERIOD,
                "high": periods * PERIOD,
                "unit": "s",
            }
        )
    assert document["time"]["steps_per_second"] == pytest.approx(6 / (6 * PERIOD + reset))
    assert document["time"]["bottleneck"] is None and document["time"]["steps"] is None
    assert document["time"]["critical"]["nudged"] == {"period": pytest.approx(6 * PERIOD)}


def test_under_identity_settings_energy_differs_by_barriers_static_power_and_what_is_under_way(
    identity, run, tmp_path
):
    found, accounts, document = identity
    assert found.step_time is not None and found.step_time.timing is None
    stepped = reported(run, found.chip, None)[2]
    for kind in ("synaptic_event", "update_active", "update_inactive", "spike", "weight_update",
                 "reset"):  # fmt: skip
        pair = [one["energy"]["by_kind"][kind]["training"] for one in (document, stepped)]
        assert pair[0] == pytest.approx(pair[1]) and pair[0]["value"] > 0, kind
    # One barrier, that of the update; in steps one for each of 12 steps more.
    barriers = [
        one["energy"]["by_kind"]["barrier"]["training"]["value"] for one in (document, stepped)
    ]
    assert barriers == pytest.approx([ENERGY["barrier"] * PJ, 13 * ENERGY["barrier"] * PJ])
    seconds = document["time"]["training"]["figure"]["value"]
    static = document["energy"]["by_kind"]["static"]["training"]["value"]
    assert static == pytest.approx(STATIC * 1e-3 * seconds)
    timed = found.training.timed
    assert timed is not None
    more = timed.messages.withdrawn.sum() + timed.left - timed.messages.restored.sum()
    messages = [
        one["energy"]["by_kind"]["message"]["training"]["value"] for one in (document, stepped)
    ]
    extra = more / 3 * ENERGY["message"] * PJ
    assert more > 0 and messages[0] - messages[1] == pytest.approx(extra)
    # The replay in steps is that of a report in steps.
    told = accounts.simulated.step_time
    assert told.seconds["free"].figure.value == pytest.approx(
        stepped["time"]["by_phase"]["free"]["figure"]["value"]
    )


def test_single_samples_teach_what_they_do_in_steps_under_identity_settings(identity, run):
    found, _, _ = identity
    for one, other in zip(found.changes, found.step_time.changes, strict=True):
        for a, b in zip(one.weights, other.weights, strict=True):
            np.testing.assert_array_equal(a, b)
    both = (found.training.run, found.step_time.training.run)
    changes = [
        contrast(found.network, r, beta=0.5, lr=[0.1, 0.1], rule=run.config.learning.rule).weights
        for r in both
    ]
    np.testing.assert_array_equal(changes[0][0], changes[1][0])


def test_the_default_period_is_the_work_of_the_busiest_core_by_hand(loose):
    found, _, document = loose
    mapped = found.mapped
    per_period = {}
    for group, phases in (("training", ("free", "nudged")), ("inference", ("inference",))):
        of = found.training.run if group == "training" else found.inference.run
        timed, samples = of.timed, 3
        names = ["free"] * 6 + ["nudged"] * 6 if group == "training" else ["inference"] * 6
        for phase in phases:
            rows = np.array(names) == phase
            work = np.zeros(3)
            for core, part in enumerate(mapped.parts):
                spikes = timed.spikes[rows, :, core].sum()
                received = timed.received[rows, :, core].sum()
                quiet = timed.updates[rows, :, core].sum() - spikes
                work[core] += spikes * TIME["update_active"] + quiet * TIME["update_inactive"]
                work[core] += spikes * mapped.destinations[core] * TIME["message"]
                work[core] += received * TIME["message_in"]
                work[core] += received * part.units * TIME["synaptic_event"]
            links: dict[Any, float] = {}
            for core in range(3):
                for k, link in enumerate(mapped.routes.links):
                    across = link.direction in ("east", "west")
                    each = TIME["hop_east_west" if across else "hop_north_south"]
                    sent = timed.spikes[rows, :, core].sum() * mapped.routes.crossed[core, k]
                    links[link] = links.get(link, 0.0) + sent * each
            busiest = max([*work, *links.values()]) * NS / samples
            per_period[phase] = busiest / 6
            section = document["asynchronous"]["phases"][phase]
            assert section["work"]["value"] == pytest.approx(work.max() * NS / samples)
            assert section["link_work"]["value"] == pytest.approx(
                max(links.values()) * NS / samples
            )
    period = document["asynchronous"]["period"]
    assert period["origin"] == "busiest"
    assert period["time"]["figure"]["value"] == pytest.approx(max(per_period.values()))
    assert period["phase"] == max(per_period, key=per_period.__getitem__)
    assert period["time"]["figure"]["high"] == pytest.approx(2 * period["time"]["figure"]["value"])
    assert document["notes"][-1].startswith("The run has no global clock")
    assert not any("cannot do its work" in note for note in document["notes"])
    # The work is laid on the kinds that it is made of, and the rest is idle time.
    for phase, critical in document["time"]["critical"].items():
        if phase != "update":
            whole = sum(critical.values()) - critical.get("reset", 0.0)
            assert whole == pytest.approx(6 * max(per_period.values()))


def test_what_separates_the_two_times_adds_up_and_is_explained(loose, run, tmp_path):
    found, _, document = loose
    stepped = reported(run, found.chip, None)[2]
    for phase, row in document["asynchronous"]["same_run"]["time"].items():
        before, after = row["step_time"]["figure"]["value"], row["simulated"]["figure"]["value"]
        assert row["barrier"] == pytest.approx(6 * BARRIER * NS)
        assert row["waiting"] >= -1e-15
        parts = -row["barrier"] - row["waiting"] + row["activity"] + row["idle"]
        assert after == pytest.approx(before + parts)
        reset = TIME["reset"] * NS if phase != "nudged" else 0.0
        whole = stepped["time"]["by_phase"][phase]["figure"]["value"]
        assert before == pytest.approx(whole - reset)
    totals = {row["name"]: row for row in document["asynchronous"]["same_run"]["totals"]}
    assert totals["energy"]["step_time"] == stepped["energy"]["training"]
    assert totals["energy"]["simulated"] == document["energy"]["training"]
    assert totals["time"]["step_time"] == stepped["time"]["training"]
    counted = stepped["activity"]["by_phase"]
    spikes = counted["free"]["spikes"] + counted["nudged"]["spikes"]
    assert totals["spikes"]["step_time"] == pytest.approx(spikes)
    text = " ".join(document["asynchronous"]["explanation"])
    for reason in ("No barrier", "No waiting", "As many ticks", "no margin", "Clock spread"):
        assert reason in text
    assert "Queues:" not in text and "lost" not in text


def test_the_whole_training_takes_simulated_time_whatever_its_epochs_spikes(loose):
    _, _, document = loose
    sample = document["time"]["training"]["figure"]["value"]
    first, second = document["training_cost"]["epochs"]
    assert second["spikes_per_sample"] == 2 * first["spikes_per_sample"]
    for epoch in (first, second):
        assert epoch["time"]["figure"]["value"] == pytest.approx(50 * sample)


def test_queues_and_losses_show_in_the_report(run, tmp_path):
    timing = Asynchronous(queues=Queues(0.02, 0.3), faults=Faults(loss=0.25), period=PERIOD)
    found, _, document = reported(run, toy_chip(tmp_path), timing)
    section = document["asynchronous"]
    messages = section["messages"]["training"]
    arrived = messages["delivered"] + messages["lost"] + messages["withdrawn"] + messages["left"]
    assert messages["sent"] + messages["restored"] == pytest.approx(arrived)
    assert messages["lost"] > 0 and messages["backlog_most"] > 0
    assert messages["link_backlog_most"] > 0
    timed = found.training.timed
    assert messages["in_flight_most"] == timed.in_flight.max()
    core = messages["backlog_core"]
    assert timed.backlog[:, :, core].max() == messages["backlog_most"]
    assert len(section["in_flight"]["backlog"]) == 12
    text = " ".join(section["explanation"])
    assert "Queues:" in text and "are lost" in text
    assert "queues on the mesh" not in " ".join(document["notes"])
    cells = [cell for table in tables(document) for row in table.rows for cell in row]
    assert "most messages waiting at a core" in cells and "messages lost" in cells
    assert "most messages waiting for a link" in cells
    rows = list(csv.DictReader(io.StringIO(csv_text(document))))
    lost = [
        r
        for r in rows
        if (r["quantity"], r["phase"], r["kind"]) == ("messages", "training", "lost")
    ]
    assert [float(row["count"]) for row in lost] == [pytest.approx(messages["lost"])]
    # Energy: what was sent has crossed its links; what was lost caused no synaptic event.
    counted = document["activity"]["by_phase"]
    sent = counted["free"]["messages"] + counted["nudged"]["messages"]
    assert sent == pytest.approx(messages["sent"])
    units = np.array([part.units for part in found.mapped.parts])
    events = (timed.received.sum(axis=(0, 1)) * units).sum() / 3
    got = counted["free"]["synaptic_events"] + counted["nudged"]["synaptic_events"]
    assert got == pytest.approx(events)


def test_a_period_that_is_too_short_for_a_core_is_said_to_be(run, tmp_path):
    _, _, document = reported(run, toy_chip(tmp_path), replace(LOOSE, period=1e-9))
    (note,) = [note for note in document["notes"] if "cannot do its work" in note]
    assert "1.00 ns" in note and "slower than this" in note
    assert all(one["idle"] < 0 for one in document["asynchronous"]["same_run"]["time"].values())


def test_a_chip_without_times_has_an_unknown_simulated_time(run, tmp_path):
    times = tuple(f"time.{kind}" for kind in TIME)
    document = reported(run, toy_chip(tmp_path, without=times), LOOSE)[2]
    assert document["time"]["by_phase"]["nudged"] == {
        "figure": None, "lacks": ["nominal period time"],
    }  # fmt: skip
    assert "static energy during nominal period" in document["energy"]["training"]["lacks"]
    assert any("seconds of a nominal period are not known" in note for note in document["notes"])
    # With some of them it is a lower bound.
    some = reported(run, toy_chip(tmp_path, without=("time.message",)), LOOSE)[2]
    assert some["asynchronous"]["period"]["time"]["lacks"] == ["message time"]
    # Given, it is known without any.
    given = reported(run, toy_chip(tmp_path, without=times), replace(LOOSE, period=PERIOD))[2]
    assert given["time"]["by_phase"]["nudged"]["figure"]["value"] == pytest.approx(6 * PERIOD)
    for one in (document, some, given):
        assert tables(one) and sentences(one)
    assert write_page(document, tmp_path)  # with pictures that say so


def test_chips_of_events_take_their_own_step_or_the_given_period(run):
    tick = reported(run, load_chip("truenorth"), LOOSE)[2]
    assert tick["asynchronous"]["period"]["origin"] == "step"
    assert tick["time"]["by_phase"]["free"]["figure"]["value"] == pytest.approx(6e-3)
    given = reported(run, load_chip("truenorth"), replace(LOOSE, period=PERIOD))[2]
    assert given["time"]["by_phase"]["free"]["figure"]["value"] == pytest.approx(6 * PERIOD)
    serial = reported(run, load_chip("odin"), LOOSE)[2]
    assert serial["asynchronous"]["period"]["origin"] == "events"
    events = serial["activity"]["by_phase"]["free"]["synaptic_events"]
    each = load_chip("odin").time["synaptic_event"].si.value
    assert serial["time"]["by_phase"]["free"]["figure"]["value"] == pytest.approx(events * each)
    for one in (tick, given, serial):
        assert one["asynchronous"]["same_run"]["time"] is None
        assert tables(one) and sentences(one)


@pytest.mark.parametrize("name", ["loihi1-davies", "loihi1-sanafe", "loihi2"])
def test_every_chip_with_cores_can_be_reported(run, name):
    document = reported(run, load_chip(name), LOOSE, samples=1)[2]
    assert document["time"]["training"]["figure"]["value"] > 0
    assert tables(document) and sentences(document)


def test_the_page_tells_of_simulated_time_in_place_of_steps(run, tmp_path):
    document = reported(run, load_chip("loihi1-davies"), LOOSE, samples=2)[2]
    page, *pictures = write_page(document, tmp_path)
    text = page.read_text(encoding="utf-8")
    assert describe(LOOSE) in text
    for words in ("What separates", "Simulated time per sample", "Why the two times differ"):
        assert words.lower() in text.lower()
    names = {path.stem for path in pictures}
    assert {"times-compared", "in-flight"} <= names
    assert not {"time-by-phase", "time-of-steps"} & names
    titles = [table.title for table in tables(document)]
    assert any(title.startswith("Simulated time") for title in titles)
    assert any(title.startswith("The same run in step time") for title in titles)


def test_a_report_in_steps_knows_nothing_of_it(run, tmp_path):
    document = reported(run, toy_chip(tmp_path), None)[2]
    assert "asynchronous" not in document and document["time"]["bottleneck"] is not None
    assert "asynchronous" not in made_document()
    other = reported(run, toy_chip(tmp_path), LOOSE)[2]
    assert any("One time is simulated" in note for note in compare(document, other)["notes"])
    assert not any("One time is simulated" in note for note in compare(other, other)["notes"])


@pytest.mark.parametrize(
    ("chip", "timing", "words"),
    [
        ("cpu-horowitz-45nm", LOOSE, "chip cpu-horowitz-45nm counts arithmetic and has no clocks"),
        ("loihi2", replace(LOOSE, stop=11.0), "timing stops at 11.0; expected no stop"),
        ("loihi2", "async", "timing is 'async'; expected Asynchronous"),
    ],
)
def test_a_timing_that_no_report_can_have_is_refused(run, chip, timing, words):
    with pytest.raises(InputError, match=words):
        replay(run, load_chip(chip), load("digits"), samples=1, timing=timing)


def eqchip(capfd, *arguments: object) -> tuple[int, str, str]:
    status = main(["report", *map(str, arguments)])
    return status, *capfd.readouterr()


def test_the_command_takes_the_flags_of_an_asynchronous_chip(run, tmp_path, capfd):
    chip = tmp_path / "toy.toml"
    chip.write_text(toy_text())
    settings = (run.path, "--chip", chip, "--samples", 1, "--out", tmp_path / "out", "--json")
    flags = ("--timing", "async", "--clock-spread", 0.2, "--delay", 0.5, "--loss", 0.1)
    status, shown, errors = eqchip(capfd, *settings, *flags, "--quiet")
    assert (status, errors) == (0, "")
    timing = json.loads(shown)["asynchronous"]["timing"]
    assert (timing["clocks"]["spread"], timing["delays"]["fixed"]) == (0.2, 0.5)
    assert (timing["clocks"]["offset"], timing["faults"]["loss"]) == (1.0, 0.1)
    status, _, errors = eqchip(capfd, *settings, "--timing", "async", "--loss", 1.5, "--quiet")
    assert (status, errors.splitlines()) == (2, [errors.strip()]) and "loss is 1.5" in errors
    status, _, errors = eqchip(capfd, *settings, "--loss", 0.5, "--quiet")
    assert status == 2 and "--timing async" in errors


def test_a_report_says_where_training_and_replay_differ(run, tmp_path):
    trained = make_run(tmp_path / "run", small_config(timing=LOOSE))
    chip = toy_chip(tmp_path)
    notes = [
        " ".join(reported(one, chip, timing, 1)[2]["notes"])
        for one in (run, trained)
        for timing in (None, LOOSE)
    ]
    assert ["trained in time steps" in text for text in notes] == [False, True, False, False]
    assert ["trained without a global clock" in text for text in notes] == [
        False, False, True, False,
    ]  # fmt: skip


def test_the_settings_are_put_into_words():
    timing = Asynchronous(
        Clocks("core", 0.1, 0.5, 0.05, calibrated=False),
        Delays(0.5, 0.25, 1.0),
        Queues(0.01, 0.02),
        Faults(0.015, 0.1, ((1, 2),), ((0, 3.0),)),
    )
    assert describe(timing) == (
        "a clock per core, periods spread by 10 %, unknown to the decoders, begun at any time of "
        "the first 50 % of a period, ticks late by up to 0.05 periods; messages take 0.5 to 1.5 "
        "periods, and 0.25 more for each hop; a synaptic event keeps a core for 0.01 periods; "
        "a message keeps a link for 0.02 periods; 1.5 % of the messages are lost; 10.0 % of the "
        "units are stuck at 0; 1 units are stuck at 1; 1 cores stop"
    )
    assert describe(Asynchronous()) == "a clock per unit; messages take 1 period"
