"""A new kind of event is one row: with it, a chip file prices it and every report shows it."""

from __future__ import annotations

import csv
import io
import json

import pytest
from toy_chip import SOURCE, toy_text
from trained_runs import PROVENANCE, make_run

from eqchip.emulator.data.datasets import load
from eqchip.hw_reports.counting.replay import replay
from eqchip.hw_reports.document.compare import compare
from eqchip.hw_reports.document.report import report
from eqchip.hw_reports.page.cost_tables import energy_by_kind
from eqchip.hw_reports.page.tables import activity
from eqchip.hw_reports.plots.energy import energy_by_kind_and_phase
from eqchip.hw_reports.plots.style import figure_style
from eqchip.hw_reports.pricing.accounts import account
from eqchip.hw_reports.show.csv import csv_text
from eqchip.hw_reports.show.terminal import energy
from eqchip.mapping import kinds
from eqchip.mapping.chip_file.chip import parse_chip

# A core looks up every message that it receives in its table of axons.
LOOK_UP = kinds.Event(
    "axon_look_up", "axon look-ups", kinds.RECEIVED, "messages_received", shown="axon_look_ups",
    follows="spikes", colour="#123456",
)  # fmt: skip
PJ, NS = 500.0, 400.0
PRICE = f"""
[energy.axon_look_up]
value = {PJ}
low = 250.0
high = 1000.0
unit = "pJ"
{SOURCE}
[time.axon_look_up]
value = {NS}
low = 200.0
high = 800.0
unit = "ns"
{SOURCE}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "run")


def document_of(run, text: str):
    chip = parse_chip(text.encode(), "toy.toml")
    found = replay(run, chip, load("digits"), samples=3, threads=1)
    made = report(found, account(found), run, "toy.toml", PROVENANCE)
    return json.loads(json.dumps(made))


@pytest.fixture(scope="module")
def before(run):
    return document_of(run, toy_text())


@pytest.fixture(scope="module")
def made(run, before):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(kinds.EVENTS, LOOK_UP.name, LOOK_UP)
        yield document_of(run, toy_text() + PRICE)


def test_it_is_counted_and_priced_by_phase_and_core(made, before):
    received = {
        row["phase"]: row["count"] for row in made["energy"]["table"] if row["kind"] == "message_in"
    }
    rows = [row for row in made["energy"]["table"] if row["kind"] == "axon_look_up"]
    assert [row["phase"] for row in rows] == ["free", "nudged", "inference"]
    for row in rows:
        assert row["count"] == received[row["phase"]] > 0
        assert row["figure"]["value"] == pytest.approx(row["count"] * PJ * 1e-12)
    spent = made["energy"]["by_kind"]["axon_look_up"]["training"]["value"]
    dynamic = [one["energy"]["dynamic"]["training"]["figure"]["value"] for one in (made, before)]
    assert dynamic[0] - dynamic[1] == pytest.approx(spent)
    cores = [sum(one["energy"]["by_core"]["training"]) for one in (made, before)]
    assert cores[0] - cores[1] == pytest.approx(spent)


def test_it_takes_its_time_on_the_core_that_decides(made, before):
    assert made["time"]["critical"]["free"]["axon_look_up"] > 0
    assert "axon_look_up" not in before["time"]["critical"]["free"]
    busy = [sum(one["time"]["by_core"]["inference"]) for one in (made, before)]
    (looked_up,) = (
        row["count"]
        for row in made["energy"]["table"]
        if (row["kind"], row["phase"]) == ("axon_look_up", "inference")
    )
    assert busy[0] - busy[1] == pytest.approx(looked_up * NS * 1e-9)


def test_its_coefficients_have_their_share_of_the_whole(made):
    shares = {row["name"]: row["share"] for row in made["chip"]["coefficients"]}
    assert shares["energy.axon_look_up"] > 0 and shares["time.axon_look_up"] > 0


def test_an_epoch_has_as_many_as_its_spikes_say(made, before):
    first, second = (
        [a["energy"]["figure"]["value"] - b["energy"]["figure"]["value"]]
        for a, b in zip(
            made["training_cost"]["epochs"], before["training_cost"]["epochs"], strict=True
        )
    )
    assert second[0] > first[0] > 0  # the second epoch has twice the spikes of the first


def test_json_csv_terminal_page_and_plots_show_it(made):
    assert made["labels"]["axon_look_up"] == "axon look-ups"
    by_phase = made["activity"]["by_phase"]
    assert by_phase["free"]["axon_look_ups"] > 0 and by_phase["update"]["axon_look_ups"] is None
    rows = [
        row
        for row in csv.DictReader(io.StringIO(csv_text(made)))
        if (row["kind"], row["phase"]) == ("axon_look_up", "free")
    ]
    assert [row["core"] for row in rows] == ["0", "1", "2"]
    assert sum(float(row["count"]) for row in rows) == by_phase["free"]["axon_look_ups"]
    assert "axon look-ups" in [row[0] for row in energy(made).rows]
    assert "Axon look-ups" in [row[0].text for row in energy_by_kind(made).rows]
    counted = {row[0].text: row for row in activity(made).rows}
    assert counted["Axon look-ups"][1].text != "–"
    with figure_style():
        figure = energy_by_kind_and_phase(made)
        colours = {patch.get_facecolor() for ax in figure.axes for patch in ax.patches}
    assert any(
        colour[:3] == pytest.approx((0x12 / 255, 0x34 / 255, 0x56 / 255)) for colour in colours
    )


def test_two_reports_are_compared_by_it(made):
    assert "energy of axon look-ups" in [row["name"] for row in compare(made, made)["rows"]]


def test_a_chip_without_a_price_for_it_says_so(run):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(kinds.EVENTS, LOOK_UP.name, LOOK_UP)
        document = document_of(run, toy_text())
    assert "axon look up energy" in document["energy"]["training"]["lacks"]
    assert "axon look up time" in document["time"]["training"]["lacks"]
