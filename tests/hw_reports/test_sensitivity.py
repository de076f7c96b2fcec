"""What totals move with: the same code prices every chip, and nothing but prices moves."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from report_documents import report as page_document
from small_runs import small_config
from toy_chip import ENERGY, TIME, toy_chip
from trained_runs import PROVENANCE, make_run

from eqchip.emulator.data.datasets import load
from eqchip.hw_reports.counting.replay import replay
from eqchip.hw_reports.document import moves
from eqchip.hw_reports.document.report import report
from eqchip.hw_reports.document.sensitivity import totals
from eqchip.hw_reports.make import moved_with
from eqchip.hw_reports.page import tables
from eqchip.hw_reports.plots.sensitivity import moves_of_energy, moves_of_time
from eqchip.hw_reports.plots.style import figure_style
from eqchip.hw_reports.pricing import injection
from eqchip.hw_reports.pricing.accounts import account
from eqchip.hw_reports.pricing.costs import costs
from eqchip.hw_reports.pricing.epochs import mean_row
from eqchip.hw_reports.pricing.sensitivity import QUANTILES, _triangular, sensitivity
from eqchip.hw_reports.show import terminal
from eqchip.hw_reports.show.csv import csv_text
from eqchip.mapping.activity import exchange
from eqchip.mapping.chip_file.capabilities import Capability
from eqchip.mapping.chip_file.chip import chip_names, load_chip
from eqchip.mapping.chip_file.figures import Coefficient

ROWS = [
    {"epoch": n, "train_error": 9.0, "samples": 40 * n, "spikes_per_sample": 250.0 / n,
     "synaptic_events_per_sample": 3000.0 + n}
    for n in (1, 2)
]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="module")
def replayed(run, tmp_path_factory):
    chip = toy_chip(tmp_path_factory.mktemp("chip"))
    return replay(run, chip, load("digits"), samples=2, threads=1)


def priced(one, rows=ROWS):
    return totals(costs(one, account(one), rows))


@pytest.fixture(scope="module")
def found(replayed):
    return moved_with(replayed, ROWS)


# --- the chip that is moved ---------------------------------------------------------------


@pytest.mark.parametrize("name", chip_names())
def test_every_coefficient_of_a_chip_file_can_be_moved_and_no_limit_is(name):
    chip, visited = load_chip(name), []

    def doubled(address, one):
        visited.append(address)
        return one.at(2.0 * one.value)

    changed = dict(chip.changed(doubled).figures())
    coefficients = {address: one for address, one in chip.figures() if isinstance(one, Coefficient)}
    assert sorted(visited) == sorted(coefficients)
    for address, one in chip.figures():
        factor = 2.0 if address in coefficients else 1.0
        assert changed[address].value == factor * one.value
    assert chip.digest() == load_chip(name).digest()


def test_counts_are_kept_and_no_price_is(run, replayed, tmp_path):
    """A replay priced by a moved chip costs what a report with that chip file costs, anew."""
    dearer = toy_chip(tmp_path).changed(lambda address, one: one.at(3.0 * one.value))
    account(replayed)  # all counts are kept by now
    moved = priced(replayed.priced_by(dearer))
    anew = priced(replay(run, dearer, load("digits"), samples=2, threads=1))
    assert moved == anew
    assert moved["training_energy"] > 3.0 * priced(replayed)["training_energy"]
    assert moved["training_time"] == pytest.approx(3.0 * priced(replayed)["training_time"])


def test_what_is_routed_beside_spikes_is_routed_once_whatever_it_costs(tmp_path, monkeypatch):
    """An injected input and what a read-out is told: the same ways at any price."""
    learning = {"readout": "cross-entropy", "free_steps": 4, "nudged_steps": 2}
    run = make_run(tmp_path / "run", small_config(input="current", learning=learning))
    payload = Capability(value=12, source="a test", status="assumed", confidence="D")
    chip = toy_chip(tmp_path).model_copy(update={"capabilities": {"graded_payload": payload}})
    dearer = chip.changed(lambda address, one: one.at(3.0 * one.value))
    once = replay(run, chip, load("digits"), samples=2, threads=1)
    anew = account(replay(run, dearer, load("digits"), samples=2, threads=1))
    account(once)
    for module, name in ((exchange, "between_cores"), (injection, "_sent")):
        monkeypatch.setattr(module, name, None)  # whoever routes once more fails
    moved = account(once.priced_by(dearer))

    def told(found):
        return {
            (one.kind, one.phase): (one.count, one.energy)
            for one in found.entries
            if one.kind.startswith(("input_", "readout_"))
        }

    assert len(told(anew)) == 7  # messages and events, but for the read-out's in the free phase
    assert told(moved) == told(anew) and moved.seconds == anew.seconds


# --- one by one ---------------------------------------------------------------------------


def test_a_total_moves_by_its_count_times_the_move(replayed, found):
    told = costs(replayed, account(replayed), ROWS)
    written = 64 * 7 + 2 * 7 * 10
    (row,) = (one for one in found.moved if one.name == "energy.weight_update")
    nominal = told.training.energy.figure.value
    price = ENERGY["weight_update"] * 1e-12
    assert row.low["training_energy"] == pytest.approx(nominal - written * price / 2)
    assert row.high["training_energy"] == pytest.approx(nominal + written * price)
    assert row.high["training_time"] == row.low["training_time"] == found.nominal["training_time"]
    assert row.high["inference_energy"] == found.nominal["inference_energy"]


def test_a_time_moves_the_energy_by_static_power(found):
    (row,) = (one for one in found.moved if one.name == "time.synaptic_event")
    longer = row.high["training_time"] - found.nominal["training_time"]
    assert longer > 0
    dearer = row.high["training_energy"] - found.nominal["training_energy"]
    assert dearer == pytest.approx(3e-3 * longer)  # of 3 mW


def test_every_banded_coefficient_is_moved_and_the_nominal_totals_are_the_reports(replayed, found):
    names = {f"energy.{kind}" for kind in ENERGY} | {f"time.{kind}" for kind in TIME}
    assert {one.name for one in found.moved} == names | {
        "static_power.chip", "barrier.1", "barrier.64",
    }  # fmt: skip
    assert found.nominal == pytest.approx(priced(replayed))


def test_the_mean_of_the_epochs_is_the_price_of_their_mean(replayed):
    assert priced(replayed, [mean_row(ROWS)]) == pytest.approx(priced(replayed), rel=1e-12)


# --- all together -------------------------------------------------------------------------


@pytest.mark.parametrize(("low", "value", "high"), [(1, 2, 5), (1, 1, 5), (0, 5, 5)])
def test_draws_follow_the_triangle(low, value, high):
    one = Coefficient.model_construct(low=low, value=value, high=high)
    uniforms = np.linspace(0.0, 1.0, 101)
    x = _triangular(uniforms, one)
    assert x[0] == low and x[-1] == high and (np.diff(x) >= 0).all()
    below = x <= value
    rising = (x - low) ** 2 / ((high - low) * max(value - low, 1e-300))
    falling = 1 - (high - x) ** 2 / ((high - low) * max(high - value, 1e-300))
    assert np.where(below, rising, falling)[1:-1] == pytest.approx(uniforms[1:-1])
    assert x.mean() == pytest.approx((low + value + high) / 3, abs=0.02 * (high - low))


def test_an_interval_is_the_same_twice_and_lies_within_the_sums_of_ends(replayed, found):
    again = moved_with(replayed, ROWS)
    assert again.together == found.together
    told = costs(replayed, account(replayed), ROWS).training
    for name, figure in (("energy", told.energy.figure), ("time", told.seconds.figure)):
        one = found.together[f"training_{name}"]
        assert figure.low < one.low < one.median < one.high < figure.high


def test_quantiles_are_those_of_the_totals():
    chip = load_chip("odin")
    found = sensitivity(chip, lambda one: {"event": one.energy["synaptic_event"].value})
    figure = chip.energy["synaptic_event"]
    expected = _triangular(np.array([*QUANTILES.values()]), figure)
    assert found.together["event"] == pytest.approx(tuple(expected), rel=5e-3)


def test_what_is_unknown_is_not_drawn():
    found = sensitivity(load_chip("odin"), lambda _: {"energy": None}, draws=2)
    assert found.together == {} and found.nominal == {"energy": None}


# --- what is shown ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def document(run, replayed, found):
    made = report(replayed, account(replayed), run, "toy.toml", PROVENANCE, found)
    return json.loads(json.dumps(made, allow_nan=False))


def test_the_three_weakest_are_named_in_words_on_the_first_screen(document):
    section = document["sensitivity"]
    rows = sorted(section["coefficients"], key=lambda row: -row["swing"]["training_energy"])
    (said,) = (line for line in document["headline"] if line.startswith("The energy of a training"))
    names = [moves.in_words(row["name"], document["labels"]) for row in rows[:3]]
    places = [said.index(f"the {name} (") for name in names]
    assert places == sorted(places)
    assert moves.in_words(rows[3]["name"], document["labels"]) not in said
    assert "in 90 % of 200 draws" in said


def test_terminal_csv_and_page_show_the_moves(document):
    shown = next(t for t in terminal.tables(document) if t.title.startswith("What the totals move"))
    assert shown.rows[-1][0] == "all, in 90 % of 200 draws"
    lines = [line.split(",") for line in csv_text(document).splitlines()]
    moved = [line for line in lines if line[0] == "sensitivity"]
    named = {line[2] for line in moved if line[1] == "training_energy"}
    assert {row["name"] for row in document["sensitivity"]["coefficients"]} <= named
    rows = {row[0].text: row for row in tables.sensitivity(page_document()).rows}
    assert rows["energy.weight_update"][2].text == "8.00 to 12.5 µJ"
    assert rows["energy.spike"][2].text == "–" and rows["All together"][3].text == "unknown"


def test_a_tornado_is_as_wide_as_its_totals():
    with figure_style():
        figure = moves_of_energy(page_document())
        empty = moves_of_time(page_document())
    bars = figure.axes[0].patches
    assert [bar.get_width() for bar in bars] == pytest.approx([-1.5e-6, 3e-6, 3e-6])
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == [
        "energy.weight_update, assumed", "all together",
    ]  # fmt: skip
    assert [text.get_text() for text in empty.axes[0].texts] == [
        "The time of a training sample is unknown."
    ]


def test_a_report_without_the_section_is_drawn():
    older = {k: v for k, v in page_document().items() if k not in ("sensitivity", "headline")}
    assert tables.sensitivity(older) is None
    with figure_style():
        (ax,) = moves_of_energy(older).axes
    assert "older version" in ax.texts[0].get_text()


def test_a_replay_in_steps_beside_an_asynchronous_one_is_priced_alike(replayed):
    both = replace(replayed, step_time=replayed)
    chip = replayed.chip.changed(lambda _, one: one.at(2.0 * one.value))
    assert both.priced_by(chip).step_time.chip is chip
