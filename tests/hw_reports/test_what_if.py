"""The page reckons: in a real browser, every slider and box, to the figures of eqchip itself."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from browser import browser
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.image import imread
from small_runs import small_config
from toy_chip import toy_chip
from trained_runs import make_run

from eqchip.emulator.training.run_data import data_of
from eqchip.hw_reports import make
from eqchip.hw_reports.document.readable import amount
from eqchip.hw_reports.document.run import epochs_of
from eqchip.hw_reports.make import Request, make_report, pricing_of, replay_of
from eqchip.hw_reports.page.what_if import what_if
from eqchip.mapping.chip_file.chip import load_chip
from eqchip.mapping.chip_file.figures import Duration

CHIP = "loihi1-davies"
PAGE = '{% extends "base.html" %}{% block body %}<main class="wrap">{% include "what_if.html" %}'
WIDTHS = (1280, 390)
MOVED = {
    "energy.synaptic_event": 118.0, "energy.weight_update": 6.0, "energy.message": 85.0,
    "static_power.chip": 1.25, "time.synaptic_event": 10.5, "time.weight_update": 0.5,
}  # fmt: skip
FIRST = [f"r-{name}" for name in (*MOVED, "step_floor", "cores", "samples")]
SHOWN = ("energy", "time", "power", "whole-energy", "whole-time")
FAST, LATE = "energy.synaptic_event", "step_floor"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    # One core, of the hidden units, decides every step whatever is set.
    run = make_run(tmp_path_factory.mktemp("runs") / "run", small_config(layers=(64, 40, 10)))
    lines = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    paced = [{**line, "samples_per_second": 1000.0} for line in lines]
    (run.path / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in paced))
    request = Request(chip=CHIP, samples=2, threads=1)
    return run, request, make_report(run, request)


@pytest.fixture(scope="module")
def page(made, tmp_path_factory):
    document = made[2].document
    environment = Environment(
        loader=PackageLoader("eqchip.hw_reports"), autoescape=True, undefined=StrictUndefined
    )
    text = environment.from_string(PAGE + "</main>{% endblock %}").render(
        document=document, what_if=what_if(document)
    )
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(text, "utf-8")
    return path


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


def shown(chromium):
    return {name: chromium.value(f"document.getElementById('w-{name}').textContent")
            for name in SHOWN}  # fmt: skip


def put(chromium, name, value):
    """Move a slider, ``r-NAME``, or fill in a box, ``k-NAME``."""
    chromium.value(
        f"(() => {{ const one = document.getElementById('{name}'); one.value = {value};"
        " one.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )


def told(totals, samples):
    """What the page has to show of totals of eqchip."""
    energy, time = totals["training_energy"], totals["training_time"]
    return {
        "energy": f"≥ {amount(energy, 'J')}",
        "time": f"≥ {amount(time, 's')}",
        "power": amount(energy / time, "W"),
        "whole-energy": f"≥ {amount(energy * samples, 'J')}",
        "whole-time": f"≥ {amount(time * samples, 's')}",
    }


def changed(chip, name, value):
    return chip.changed(lambda address, one: one.at(value) if address == name else one)


def test_a_page_reckons_with_the_chips_that_were_asked_for_and_reads_the_data_once(
    made, tmp_path, monkeypatch
):
    """Of 4 cores each: a layer a core is one chip, six are two, and any number are no more."""
    run, chip, loads = made[0], toy_chip(tmp_path), []
    monkeypatch.setattr(make, "data_of", lambda *a, **k: loads.append(a) or data_of(*a, **k))
    for chips, expected in ((1, [3]), (2, [3, 6]), (3, [3, 6, 12]), (None, [3])):
        document = make_report(run, Request(chip, chips, samples=2, threads=1)).document
        assert [one["cores"] for one in document["what_if"]["mappings"]] == expected
    assert len(loads) == 4


@pytest.mark.parametrize("width", WIDTHS)
def test_the_figures_are_those_of_eqchip_whatever_is_set(made, page, chromium, width):
    run, request, reported = made
    rows = epochs_of(run).rows
    price, chip = pricing_of(reported.replay, rows), reported.replay.chip
    samples = reported.document["training_cost"]["whole"]["samples"]
    chromium.open(page, width)
    assert shown(chromium) == told(price(chip), samples)
    assert chromium.value("document.documentElement.scrollWidth") <= width
    for name, value in MOVED.items():
        put(chromium, f"k-{name}", value)
        assert shown(chromium) == told(price(changed(chip, name, value)), samples), name
        chromium.value("document.getElementById('w-reset').click()")
    floor = {"unit": "ns", "source": "a test", "status": "assumed", "confidence": "C"}
    for value in (700.0, 2500.0):
        put(chromium, f"k-{LATE}", value)
        slow = Duration(value=value, low=value, high=value, **floor)
        slower = chip.model_copy(update={"step_floor": slow})
        assert shown(chromium) == told(price(slower), samples)
    chromium.value("document.getElementById('w-reset').click()")
    for k, spread in enumerate((1, 2, 4)):
        put(chromium, "r-cores", k)
        other = replay_of(run, replace(request, spread=spread))
        cores = chromium.value("document.getElementById('k-cores').value")
        assert cores == str(other.mapped.cores)
        assert shown(chromium) == told(pricing_of(other, rows)(chip), samples)
    chromium.value("document.getElementById('w-reset').click()")
    put(chromium, "k-samples", 60000)
    assert shown(chromium) == told(price(chip), 60000)
    assert chromium.errors == []


def test_every_slider_moves_something_and_all_go_back(page, chromium):
    chromium.open(page, 1280)
    before, file = shown(chromium), chromium.value("document.getElementById('w-file').value")
    names = chromium.value("[...document.querySelectorAll('input[type=range]')].map(o => o.id)")
    assert len(names) > len(MOVED) + 3
    for name in names:
        put(chromium, name, f"document.getElementById('{name}').max")
        told_now = chromium.value("document.getElementById('w-file').value")
        # Of a coefficient that hardly counts, only the chip file shows that it moved.
        assert shown(chromium) != before or (told_now != file and name not in FIRST), name
        chromium.value("document.getElementById('w-reset').click()")
        assert shown(chromium) == before, name
    assert chromium.value("document.getElementById('w-file').value") == file


def test_the_keyboard_moves_a_slider_and_its_box_follows(made, page, chromium):
    run, _, reported = made
    price, chip = pricing_of(reported.replay, epochs_of(run).rows), reported.replay.chip
    chromium.open(page, 390)
    chromium.value(f"document.getElementById('r-{FAST}').focus()")
    for _ in range(50):
        chromium.press("ArrowRight", 39)
    box = float(chromium.value(f"document.getElementById('k-{FAST}').value"))
    assert box == pytest.approx(chip.energy["synaptic_event"].value * 10**0.5, rel=1e-5)
    found = price(changed(chip, FAST, box))
    assert shown(chromium)["energy"] == f"≥ {amount(found['training_energy'], 'J')}"
    text = chromium.value(f"document.getElementById('r-{FAST}').getAttribute('aria-valuetext')")
    assert text == f"{box:g} pJ"


def test_shares_bands_and_break_even_follow(made, page, chromium):
    run, _, reported = made
    chip, document = reported.replay.chip, reported.document
    chromium.open(page, 1280)
    rows = "[...document.querySelectorAll('#%s li')].map(o => o.innerText)"
    widest, *_ = chromium.value(rows % "w-moves")
    most = max(
        document["sensitivity"]["coefficients"], key=lambda row: row["swing"]["training_energy"]
    )
    ends = sorted(most["totals"]["training_energy"].values())
    assert amount(ends[1], "J") in widest.replace("\n", " ")
    assert amount(ends[0], "J").split()[0] in widest
    put(chromium, "k-static_power.chip", 0)
    assert not any("static" in text for text in chromium.value(rows % "w-shares"))
    chromium.value("document.getElementById('w-reset').click()")
    # A chip that draws as much as its row says is even with that processor.
    cheap = chip
    for name in ("energy.weight_update", FAST, "energy.update_inactive"):
        put(chromium, f"k-{name}", 0.1)
        cheap = changed(cheap, name, 0.1)
    table = "[...document.querySelectorAll('#w-against tr')].map(o => o.innerText)"
    price = pricing_of(reported.replay, epochs_of(run).rows)
    even = [text.split("\t") for text in chromium.value(table) if "below" in text]
    first, *floors = chromium.value(table)
    assert len(floors) == len(document["baselines"]) and even
    # The processor that trained: 1,000 samples a second, as long as the chip takes its energy.
    mean = document["training_cost"]["mean"]["energy"]["figure"]["value"]
    assert "1.00 ms" in first and document["trained_by"]["even_power"] == pytest.approx(1e3 * mean)
    for _, sample, _, _, power in even:
        value, unit = power.removeprefix("static power below ").split()
        watts = float(value) * {"W": 1e3, "mW": 1.0, "µW": 1e-3, "nW": 1e-6}[unit]
        energy = price(changed(cheap, "static_power.chip", watts))["training_energy"]
        other = float(re.sub("[^0-9.]", "", sample.split()[-2]))
        size = {"mJ": 1e-3, "µJ": 1e-6, "nJ": 1e-9}[sample.split()[-1]]
        assert energy == pytest.approx(other * size, rel=0.02)


def test_what_is_set_can_be_copied_out_as_a_chip_file(made, page, chromium, tmp_path):
    run, _, reported = made
    chromium.open(page, 1280)
    put(chromium, f"k-{FAST}", 77.5)
    put(chromium, "k-static_power.chip", 0.3)
    put(chromium, f"k-{LATE}", 2500)
    text = chromium.value("document.getElementById('w-file').value")
    (tmp_path / "mine.toml").write_text(text)
    mine = load_chip(tmp_path / "mine.toml")
    assert mine.energy["synaptic_event"].value == 77.5 and mine.name == f"{CHIP}-what-if"
    assert mine.step_floor.si.value == pytest.approx(2.5e-6)
    found = pricing_of(reported.replay, epochs_of(run).rows)(mine)
    assert shown(chromium)["energy"] == f"≥ {amount(found['training_energy'], 'J')}"
    assert shown(chromium)["time"] == f"≥ {amount(found['training_time'], 's')}"


def test_without_scripts_the_section_says_so_and_shows_nothing_dead(page, chromium, tmp_path):
    height = "document.getElementById('{}').offsetHeight"
    chromium.open(page, 1280)
    assert chromium.value(height.format("what-if-live")) > 0
    assert chromium.value(height.format("what-if-still")) == 0
    chromium.open(page, 1280, scripts=False)
    chromium.picture(dark := tmp_path / "without.png")
    assert imread(dark).shape[0] == 900
    text = page.read_text("utf-8")
    assert '<div id="what-if-live" hidden>' in text and "With scripts switched on" in text
    assert "http" not in text and "src=" not in text
