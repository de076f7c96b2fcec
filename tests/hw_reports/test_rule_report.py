"""Reports of runs by rules of spikes: what the run counted, priced; hand-counted, and refused."""

from __future__ import annotations

import csv
import io
import json

import pytest
from small_runs import few_digits, small_config
from spiking_twin import WHOLE, small

from eqchip.emulator.description.asynchronous import Asynchronous
from eqchip.emulator.description.spiking.rules import SPIKING_RULES
from eqchip.emulator.errors import InputError
from eqchip.emulator.training.fit import fit
from eqchip.emulator.training.runs import RunDirectory
from eqchip.hw_reports.draw import draw
from eqchip.hw_reports.make import report
from eqchip.hw_reports.page.rule import write_rule_page
from eqchip.hw_reports.pricing.training_cost import training_cost
from eqchip.hw_reports.show.rule import csv_text, tables
from eqchip.mapping.chip_file.chip import load_chip

CHIP = "loihi1-davies"  # whose file has an energy and a time for all but the learning epochs


@pytest.fixture(scope="module", params=list(SPIKING_RULES))
def run(request, tmp_path_factory):
    rule = {"name": request.param, **WHOLE.get(request.param, {})}
    config = small(rule, (64, 8, 10), 0.1, every=16)
    found = RunDirectory.create(tmp_path_factory.mktemp(request.param) / "run", config)
    fit(found, few_digits(), threads=1)
    return found


def test_a_run_of_every_rule_has_a_report_that_costs_what_the_table_of_rules_says(run):
    found = report(run, chip=CHIP)
    assert found["format"] == "eqchip-rule-report 1" and found["run"]["rule"] in found["title"]
    cost = training_cost(run, load_chip(CHIP), few_digits()).cost
    mean = found["training_cost"]["mean"]
    assert (mean["energy"], mean["time"]) == (cost.energy.to_dict(), cost.seconds.to_dict())
    parts = [one["energy"]["figure"] for one in found["training_cost"]["parts"]]
    for level in ("low", "value", "high"):
        summed = sum(one[level] for one in parts)
        assert summed == pytest.approx(mean["energy"]["figure"][level])
    epochs, rows = found["training_cost"]["epochs"], run.metrics()[:-1]
    assert [one["validation_error"] for one in epochs] == [r["validation_error"] for r in rows]
    assert {row["name"] for row in found["counts"]} >= set(run.config.spiking.tells)
    again = found["sensitivity"]["nominal"]["training_energy"]
    assert again == pytest.approx(mean["energy"]["figure"]["value"])
    json.dumps(found, allow_nan=False)


# What two epochs of a run of 4-3-2 units by `graded` would have counted, all of it by hand.
EPOCHS = [
    {
        "epoch": 1, "train_error": 50.0, "validation_error": 40.0, "samples": 10,
        "spikes_per_sample": 9.0, "synaptic_events_per_sample": 26.0, "macs_per_sample": 4.0,
        "samples_per_second": 1000.0, "weights_visited_per_sample": 20.0,
        "weights_attempted_per_sample": 8.0, "weights_applied_per_sample": 4.0,
        "weights_saturated_per_sample": 0.0, "spikes_by_layer_per_sample": [6.0, 3.0, 0.0],
        "writes_by_copy_per_sample": [[[12.0, 4.0, 2.0, 0.0], [0.0] * 4],
                                      [[6.0, 2.0, 1.0, 0.0], [2.0, 2.0, 1.0, 0.0]]],
        "steps_per_sample": [5.0], "error_spikes_per_sample": [0.0] * 3,
        "error_messages_per_sample": [0.0, 0.0, 2.0], "error_events_per_sample": [0.0, 4.0, 0.0],
        "label_spikes_per_sample": 0.0, "units_open_per_sample": [0.0, 1.0, 0.0],
    },
]  # fmt: skip
EPOCHS.append({
    **EPOCHS[0], "epoch": 2, "train_error": 20.0, "validation_error": 30.0, "samples": 30,
    "error_messages_per_sample": [0.0, 0.0, 1.0], "error_events_per_sample": [0.0, 2.0, 0.0],
    "macs_per_sample": 2.0, "samples_per_second": 500.0, "weights_attempted_per_sample": 4.0,
    "writes_by_copy_per_sample": [[[12.0, 2.0, 2.0, 0.0], [0.0] * 4],
                                  [[6.0, 1.0, 1.0, 0.0], [2.0, 1.0, 1.0, 0.0]]],
})  # fmt: skip


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory):
    config = small({"name": "graded", "steps": 5}, (4, 3, 2), 0.1)
    found = RunDirectory.create(tmp_path_factory.mktemp("hand") / "run", config)
    lines = [{"format": "eqchip-metrics 1", **row} for row in EPOCHS]
    (found.path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
    return report(found, chip=CHIP)


def test_counts_are_means_over_all_samples_and_those_of_the_last_epoch(by_hand):
    counts = {row["name"]: row for row in by_hand["counts"]}
    # 10 samples of 2 and 30 of 1: 50 over 40.
    assert counts["error_messages"]["mean"] == 1.25
    assert counts["error_messages"]["by_layer"] == [0.0, 0.0, 1.25]
    assert counts["error_messages"]["last_epoch"] == 1.0
    assert counts["error_events"]["mean"] == 2.5 and counts["spikes_by_layer"]["mean"] == 9.0
    assert [counts[f"weights_{n}"]["mean"] for n in ("visited", "attempted", "applied")] == [
        20.0, 5.0, 4.0,
    ]  # fmt: skip
    assert by_hand["phases"] == [{"phase": "free", "steps": 5.0}]
    assert "input_messages" not in counts and "alignment_spikes" not in counts


def test_writes_energy_and_break_even_are_counted_by_hand(by_hand):
    writes = {(r["connection"], r["copy"]): r for r in by_hand["writes"]}
    assert writes[1, "weights"]["attempted"] == 2.5 and writes[1, "path back"]["visited"] == 0
    assert writes[2, "path back"]["attempted"] == writes[2, "weights"]["attempted"] == 1.25
    price = load_chip(CHIP).energy
    update = {row["kind"]: row for row in by_hand["price"]["update"]["energy_by_kind"]}
    assert update["weight_update"]["count"] == pytest.approx(5.0)
    expected = 5.0 * price["weight_update"].si.value
    assert update["weight_update"]["figure"]["value"] == pytest.approx(expected)
    relaxing = {row["kind"]: row for row in by_hand["price"]["energy_by_kind"]}
    # 6 x 3 of the input, 3 x 2 of the hidden layer, 1.25 errors over 3 synapses.
    assert relaxing["synaptic_event"]["count"] == pytest.approx(18 + 6 + 3.75)
    cost = by_hand["training_cost"]
    for name in ("energy", "time"):
        each, whole = cost["mean"][name]["figure"], cost["whole"][name]["figure"]
        assert whole["value"] == pytest.approx(40 * each["value"])
    trained = by_hand["beside"]["trained_by"]
    assert trained["time"] == pytest.approx(1 / 750)  # the median of the two paces
    joules = cost["mean"]["energy"]["figure"]["value"]
    assert trained["even_power"] == pytest.approx(joules * 750)
    # Forward, gradients and back over the inner connection, of 12 and 6 synapses.
    floor = next(f for f in by_hand["beside"]["floors"] if f["name"] == "cpu-horowitz-45nm")
    mac = load_chip("cpu-horowitz-45nm").energy["mac"].si.value
    assert floor["training"]["figure"]["value"] >= (2 * 18 + 6) * mac
    bits = by_hand["memory"]["bits"]
    assert bits == {"synapse": 8, "unit": 2 * 24 + 3, "axon": 3}  # V, error and a count up to 5
    assert cost["reached"] == {"error": 30.0, "of": "validation"}


def test_a_saved_report_is_drawn_again_and_its_csv_holds_the_counts(by_hand, tmp_path):
    path = tmp_path / "report.json"
    path.write_text(json.dumps(by_hand))
    drawn = draw(path, tmp_path / "out")
    names = {one.name for one in (tmp_path / "out").iterdir()}
    assert {"report.json", "report.csv", "report.html", "moves-energy.png"} <= names
    assert drawn.tables == tables(by_hand) and drawn.headline == by_hand["headline"]
    rows = list(csv.DictReader(io.StringIO(csv_text(by_hand))))
    found = {(r["quantity"], r["phase"], r["kind"], r["layer"]): r for r in rows}
    assert found["count", "mean", "error_messages", "2"]["count"] == "1.25"
    assert found["writes", "path back", "attempted", "2"]["count"] == "1.25"
    energy = found["energy", "weight update", "weight_update", ""]
    assert float(energy["count"]) == pytest.approx(5.0) and energy["marks"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Errors sent as numbers" in page and "modelled, not measured" in page.lower()
    path.write_text(json.dumps({**by_hand, "counts": None}))
    with pytest.raises(InputError, match="damaged, or of a newer version"):
        draw(path, tmp_path / "again")
    assert callable(write_rule_page) and not (tmp_path / "again").exists()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"samples": 5}, "samples is given, but .* counted its own samples while it was trained"),
        ({"timing": Asynchronous()}, "timing is given, but .*; expected no timing$"),
        ({"chip": [CHIP, "loihi2"]}, "given with another run or chip; expected one run on one"),
        ({"chip": "odin"}, "has no model of its cores"),
        ({"chip": "cpu-horowitz-45nm"}, "has no model of its cores"),
    ],
    ids=str,
)
def test_what_such_a_report_does_not_have_is_refused_in_one_line(settings, told, tmp_path):
    found = RunDirectory.create(tmp_path / "run", small({"name": "graded"}, (4, 3, 2), 0.1))
    rows = "".join(json.dumps({"format": "eqchip-metrics 1", **row}) + "\n" for row in EPOCHS)
    (found.path / "metrics.jsonl").write_text(rows)
    with pytest.raises(InputError, match=told) as refused:
        report(found, **{"chip": CHIP, **settings})
    assert "\n" not in str(refused.value)


def test_a_run_without_an_epoch_or_of_another_kind_beside_it_is_refused(tmp_path):
    found = RunDirectory.create(tmp_path / "run", small({"name": "graded"}, (4, 3, 2), 0.1))
    other = RunDirectory.create(tmp_path / "other", small_config())
    with pytest.raises(InputError, match="no whole epoch in its metrics"):
        report(found, chip=CHIP)
    for pair in ((found, other), (other, found)):
        with pytest.raises(InputError, match="trained by a rule of spikes, and is given with"):
            report(*pair, chip=CHIP)
