"""The report of a run on a chip: hand counts end to end, its files, and its error lines."""

from __future__ import annotations

import csv
import json
import os
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_runs import small_config
from toy_chip import BARRIER, ENERGY, STATIC, TIME, toy_chip, toy_text
from trained_runs import PROVENANCE, make_run

from eqchip.__main__ import main
from eqchip.emulator.data.datasets import load
from eqchip.emulator.description import weight_losses
from eqchip.emulator.description.coding import Coding, OptimalStepSize
from eqchip.emulator.learning.contrast import contrast
from eqchip.emulator.training.runs import RunDirectory
from eqchip.hw_reports.counting.replay import replay
from eqchip.hw_reports.document.compare import compare
from eqchip.hw_reports.document.report import report
from eqchip.hw_reports.pricing.accounts import account
from eqchip.hw_reports.show.terminal import sentences, tables
from eqchip.mapping.chip_file.chip import load_chip
from eqchip.mapping.placement.route import route

GOLDEN = Path(__file__).parents[1] / "golden" / "report.json"
PJ, NS = 1e-12, 1e-9


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> RunDirectory:
    return make_run(tmp_path_factory.mktemp("runs") / "run")


def replayed(run: RunDirectory, chip: Any, samples: int = 3):
    found = replay(run, chip, load("digits"), samples=samples, threads=1)
    return found, account(found)


def document_of(run: RunDirectory, chip: Any, samples: int = 3) -> dict[str, Any]:
    found, accounts = replayed(run, chip, samples)
    document = report(found, accounts, run, chip.name, PROVENANCE)
    return json.loads(json.dumps(document, allow_nan=False))


@pytest.fixture(scope="module")
def toy(run, tmp_path_factory) -> dict[str, Any]:
    return document_of(run, toy_chip(tmp_path_factory.mktemp("chip")))


# --- hand counts, from the bits of the replay ---------------------------------------------


class ByHand:
    """Slow and plain: what each core does in each step, from the bits alone."""

    def __init__(self, found: Any) -> None:
        self.sizes, self.mapped = found.config.layers, found.mapped
        assert [part.layer for part in self.mapped.parts] == [0, 1, 2]  # core l holds layer l
        self.counts = dict.fromkeys([*ENERGY, "message_in"], 0.0)
        self.seconds = 0.0
        training = found.training.run
        samples = training.bits[0].shape[1]
        for sample in range(samples):
            self.sample([bits[:, sample] for bits in training.bits], samples)

    def targets(self, layer: int) -> list[int]:
        above = [layer + 1] if layer + 1 < len(self.sizes) else []
        return above + ([layer - 1] if layer > 1 else [])  # nothing goes back to the input

    def sample(self, bits: list[np.ndarray], samples: int) -> None:
        # Free, steps 0 to 5; nudged from its end, 6 to 8; the other nudge from its end, 9 to 11.
        source = [None, 0, 1, 2, 3, 4, 5, 6, 7, 5, 9, 10]
        for step, before in enumerate(source):
            busy = [0.0] * len(self.sizes)
            links: dict[Any, float] = {}
            for layer, units in enumerate(self.sizes):
                spikes = int(bits[layer][step].sum())
                self.add("spike", spikes / samples)
                self.add("update_active", spikes / samples)
                self.add("update_inactive", (units - spikes) / samples)
                busy[layer] += spikes * TIME["update_active"]
                busy[layer] += (units - spikes) * TIME["update_inactive"]
                arriving = 0 if before is None else int(bits[layer][before].sum())
                for target in self.targets(layer):
                    self.add("message", arriving / samples)
                    self.add("synaptic_event", arriving * self.sizes[target] / samples)
                    busy[layer] += arriving * TIME["message"]
                    busy[target] += arriving * TIME["message_in"]
                    busy[target] += arriving * self.sizes[target] * TIME["synaptic_event"]
                    ends = [(int(self.mapped.x[c]), int(self.mapped.y[c])) for c in (layer, target)]
                    for link in route(*ends):
                        across = link.direction in ("east", "west")
                        kind = "hop_east_west" if across else "hop_north_south"
                        self.add(kind, arriving / samples)
                        links[link] = links.get(link, 0.0) + arriving * TIME[kind]
            slowest = max([*busy, *links.values()])
            self.seconds += (slowest + BARRIER) * NS / samples
            self.add("barrier", 1 / samples)

    def add(self, kind: str, count: float) -> None:
        self.counts[kind] += count


def test_energy_time_and_counts_of_a_training_sample_by_hand(run, tmp_path):
    found, accounts = replayed(run, toy_chip(tmp_path))
    document = report(found, accounts, run, "toy", PROVENANCE)
    hand = ByHand(found)
    # 64 * 7 + 7 * 10 weights, those of the second connection in two copies.
    written = 64 * 7 + 2 * 7 * 10
    # The busiest core of the update is layer 1's: 64 * 7 + 10 * 7 weights, one by one.
    seconds = hand.seconds + ((64 * 7 + 70) * TIME["weight_update"] + BARRIER + TIME["reset"]) * NS
    hand.counts.update(weight_update=written, reset=3.0)
    hand.counts["barrier"] += 1
    for kind, price in ENERGY.items():
        figure = document["energy"]["by_kind"][kind]["training"]
        assert figure["value"] == pytest.approx(hand.counts[kind] * price * PJ), kind
        assert figure["high"] == pytest.approx(2 * figure["value"])
    assert document["time"]["training"]["figure"]["value"] == pytest.approx(seconds)
    assert document["time"]["training"]["lacks"] == []
    dynamic = sum(hand.counts[kind] * price for kind, price in ENERGY.items()) * PJ
    whole = document["energy"]["training"]
    assert whole["figure"]["value"] == pytest.approx(dynamic + seconds * STATIC * 1e-3)
    assert whole["lacks"] == []
    assert hand.counts["hop_east_west"] + hand.counts["hop_north_south"] > 0


def test_phases_kinds_and_cores_add_up_to_the_same_energy(toy):
    energy = toy["energy"]
    by_phase = sum(energy["by_phase"][p]["figure"]["value"] for p in ("free", "nudged", "update"))
    by_kind = sum(k["training"]["value"] for k in energy["by_kind"].values() if k["training"])
    for summed in (by_phase, by_kind):
        assert summed == pytest.approx(energy["training"]["figure"]["value"])
    of_no_core = ("barrier", "static")
    elsewhere = sum(energy["by_kind"][kind]["training"]["value"] for kind in of_no_core)
    assert sum(energy["by_core"]["training"]) == pytest.approx(by_kind - elsewhere)


def test_the_whole_training_takes_each_epoch_with_its_own_spikes(toy):
    cost = toy["training_cost"]
    first, second = cost["epochs"]
    assert second["spikes_per_sample"] == 2 * first["spikes_per_sample"]
    assert second["energy"]["figure"]["value"] > first["energy"]["figure"]["value"]
    total = first["energy"]["figure"]["value"] + second["energy"]["figure"]["value"]
    assert cost["whole"]["energy"]["figure"]["value"] == pytest.approx(total)
    assert second["cumulative"]["figure"]["value"] == pytest.approx(total)
    assert cost["whole"]["samples"] == 100
    assert cost["reached"] == {"error": 25.0, "of": "test"}
    rows = {row["phase"]: row for row in cost["rows"]}
    assert list(rows) == ["free", "nudged", "update", "sample", "whole"]
    assert rows["sample"]["energy"] == toy["energy"]["training"]


def test_the_activity_is_that_of_the_emulator(run, tmp_path):
    found, accounts = replayed(run, toy_chip(tmp_path))
    counted = found.training.run.activity
    assert accounts.cores is not None
    for name in ("spikes", "updates_active", "updates_inactive"):
        of_cores = getattr(accounts.cores.training, name).sum(axis=1)
        np.testing.assert_array_equal(of_cores, getattr(counted, name).sum(axis=1))
    events = accounts.cores.training.synaptic_events.sum(axis=1)
    np.testing.assert_array_equal(events, counted.synaptic_events.sum(axis=(1, 2)))


def test_single_samples_together_teach_what_their_minibatch_does(run, tmp_path):
    found, _ = replayed(run, toy_chip(tmp_path), samples=run.config.descent.minibatch)
    learning, rates = run.config.learning, run.config.descent.lr
    whole = contrast(
        found.network, found.training.run, beta=learning.beta, lr=rates, rule=learning.rule
    )
    for k, expected in enumerate(whole.weights):
        summed = sum(changes.weights[k] for changes in found.changes)
        np.testing.assert_allclose(summed, expected, atol=1e-12)


def test_the_raster_shows_the_bits_of_one_sample(run, tmp_path):
    found, accounts = replayed(run, toy_chip(tmp_path))
    raster = report(found, accounts, run, "toy", PROVENANCE)["activity"]["raster"]
    assert [phase["first"] for phase in raster["phases"]] == [0, 6, 9]
    assert raster["sample"] == found.training.indices[0]
    for layer, bits in zip(raster["layers"], found.training.run.bits, strict=True):
        drawn = np.zeros_like(bits[:, 0])
        for step, place in layer["spikes"]:
            drawn[step, layer["shown"][place]] = 1
        np.testing.assert_array_equal(drawn, bits[:, 0])  # no layer here has more than 100 units


# --- what is not known --------------------------------------------------------------------


def test_what_the_chip_file_lacks_is_unknown_throughout_and_never_zero(run, tmp_path):
    chip = toy_chip(tmp_path, without=("energy.weight_update", "time.reset", "energy.barrier"))
    document = document_of(run, chip)
    assert document["energy"]["by_kind"]["weight_update"]["training"] is None
    lacks = document["energy"]["training"]["lacks"]
    assert lacks == ["weight update energy", "barrier energy", "static energy during reset"]
    assert document["training_cost"]["whole"]["energy"]["lacks"] == lacks
    assert document["time"]["training"]["lacks"] == ["reset time"]
    assert document["energy"]["update_alternatives"]["minibatch"]["figure"] is None
    rows = [row for row in document["energy"]["table"] if row["kind"] == "weight_update"]
    assert [(row["figure"], row["unknown"]) for row in rows] == [(None, "not in the chip file")]
    assert any("lower bound" in note for note in document["notes"])
    cells = [cell for table in tables(document) for row in table.rows for cell in row]
    assert "unknown" in cells


def test_a_chip_that_cannot_learn_prices_no_update(run):
    document = document_of(run, load_chip("truenorth"))
    assert "weight update energy" in document["energy"]["training"]["lacks"]
    assert document["mapping"] is None and document["time"]["bottleneck"] is None
    # 12 steps of training and 6 of inference, 1 ms each
    assert document["time"]["by_phase"]["free"]["figure"]["value"] == pytest.approx(6e-3)
    assert document["time"]["by_phase"]["nudged"]["figure"]["value"] == pytest.approx(6e-3)
    assert document["time"]["by_phase"]["update"]["figure"] is None


@pytest.mark.parametrize("name", ["loihi1-davies", "loihi1-sanafe", "loihi2", "odin",
                                  "spinnaker2", "reckon", "catalyst-n2",
                                  "cpu-horowitz-45nm", "gpu-a100-floor"])  # fmt: skip
def test_every_chip_that_comes_with_the_package_can_be_reported(run, name):
    document = document_of(run, load_chip(name), samples=2)
    assert document["energy"]["training"]["figure"]["value"] > 0
    assert document["statement"] == "modelled, not measured"
    assert tables(document) and sentences(document)


def test_a_report_says_which_connection_rounds_to_0(run, tmp_path, monkeypatch):
    """Where more is lost than may be; here, nothing may."""
    monkeypatch.setattr(weight_losses, "MOST", 0.0)
    document = document_of(run, toy_chip(tmp_path), samples=1)
    (told,) = [note for note in document["notes"] if note.startswith("connection 1: ")]
    lost = document["mapping"]["connections"][0]
    assert f"{lost['vanished']:,} of {lost['nonzero']:,} weights round to 0 in 8 bits" in told


def test_an_optimal_step_size_runs_in_float_and_the_report_says_so(tmp_path):
    coding = Coding(step_size=OptimalStepSize(0.0346), prediction=None)
    run = make_run(tmp_path / "run", small_config(coding=coding))
    document = document_of(run, load_chip("loihi1-davies"))
    assert document["replay"]["precision"] == "float32"
    assert any("float32" in note for note in document["notes"])


def test_an_input_current_reports_no_spikes_of_the_input(tmp_path):
    run = make_run(tmp_path / "run", small_config(input="current"))
    document = document_of(run, load_chip("loihi1-davies"))
    assert document["activity"]["by_layer"][0]["spikes"] == {"training": 0.0, "inference": 0.0}
    assert document["neurobench"]["synaptic_operations"]["Effective_MACs"] > 0
    # Somebody has to compute the current, and the chip file does not say at what price.
    (row,) = (
        row for row in document["energy"]["table"] if (row["kind"], row["phase"]) == ("mac", "free")
    )
    assert row["count"] > 0 and row["figure"] is None
    assert "mac energy" in document["energy"]["training"]["lacks"]
    assert "mac time" in document["time"]["inference"]["lacks"]


# --- the same everywhere ------------------------------------------------------------------


def shortened(document: dict[str, Any]) -> dict[str, Any]:
    """What a golden file keeps: every number that the replay and the prices decide."""
    kept = {name: document[name] for name in ("format", "statement", "phases", "notes")}
    kept["activity"] = {k: v for k, v in document["activity"].items() if k != "raster"}
    for name in ("energy", "time", "training_cost", "neurobench"):
        kept[name] = document[name]
    kept["memory"] = {k: document["memory"][k] for k in ("by_use", "total", "ratio", "crossover")}
    return kept


def rounded(value: Any) -> Any:
    """Ten digits: sums of floats may end otherwise on another processor."""
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    return float(f"{value:.10g}") if isinstance(value, float) else value


def test_a_small_report_is_as_it_was(toy):
    found = rounded(shortened(toy))
    if os.environ.get("EQCHIP_WRITE_GOLDEN"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    assert found == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_a_report_does_not_depend_on_threads_or_when_it_is_made(run, tmp_path):
    chip = toy_chip(tmp_path)
    one = document_of(run, chip)
    found = replay(run, chip, load("digits"), samples=3, threads=3)
    again = report(found, account(found), run, chip.name, PROVENANCE)
    assert json.loads(json.dumps(again)) == one


# --- comparison ---------------------------------------------------------------------------


def test_a_run_compared_with_itself_is_one_times_itself(toy):
    found = compare(toy, toy)
    assert found["format"] == "eqchip-comparison 1"
    ratios = [row["ratio"] for row in found["rows"]]
    assert ratios and all(ratio == pytest.approx(1.0) for ratio in ratios if ratio is not None)
    assert found["notes"] == []


def test_what_a_processor_does_not_count_is_unknown_in_a_comparison_and_not_0(run, toy):
    found = compare(toy, document_of(run, load_chip("cpu-horowitz-45nm")))
    rows = {row["name"]: row for row in found["rows"]}
    for name in ("spikes per training sample", "synaptic events per training sample"):
        assert rows[name]["a"] > 0 and rows[name]["b"] is None and rows[name]["ratio"] is None


def test_runs_are_told_apart_by_name_by_path_or_by_chip(toy):
    def names(*pairs: tuple[str, str]) -> list[str]:
        ends = [
            {**toy, "run": {**toy["run"], "path": path}, "chip": {**toy["chip"], "name": chip}}
            for path, chip in pairs
        ]
        return compare(*ends)["names"]

    assert names(("runs/a", "x"), ("runs/b", "x")) == ["a", "b"]
    assert names(("one/a", "x"), ("two/a", "x")) == ["one/a", "two/a"]
    assert names(("runs/a", "x"), ("runs/b", "y")) == ["a on x", "b on y"]
    # One run on several chips: the title names it.
    assert names(("runs/a", "x"), ("runs/a", "y")) == ["x", "y"]


def test_figures_that_lack_different_terms_are_not_divided(run, toy, tmp_path):
    other = document_of(run, toy_chip(tmp_path, without=("energy.weight_update",)))
    found = compare(toy, other)
    rows = {row["name"]: row for row in found["rows"]}
    assert rows["training sample, energy"]["ratio"] is None
    assert rows["inference, energy"]["ratio"] == pytest.approx(1.0)
    assert any("no fair comparison" in note for note in found["notes"])


# --- the command --------------------------------------------------------------------------


def eqchip(capfd, *arguments: object) -> tuple[int, str, str]:
    status = main(["report", *map(str, arguments)])
    return status, *capfd.readouterr()


def test_the_command_writes_json_csv_page_and_prints_the_cost_of_training_first(
    run, tmp_path, capfd, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "200")
    out = tmp_path / "out"
    status, shown, _ = eqchip(capfd, run.path, "--samples", 3, "--out", out)
    assert status == 0
    assert shown.startswith("Training cost of 64-7-10 (digits) on loihi1-davies: modelled")
    document = json.loads((out / "report.json").read_text())
    assert document["format"] == "eqchip-report 1"
    assert "modelled, not measured" in (out / "report.html").read_text()
    with open(out / "report.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    joules = sum(
        float(row["value"] or 0)
        for row in rows
        if row["quantity"] == "energy" and row["phase"] != "inference"
    )
    assert joules == pytest.approx(document["energy"]["training"]["figure"]["value"])
    barriers = [row for row in rows if row["kind"] == "barrier"]
    assert all(row["value"] == "" and row["unknown"] for row in barriers)


def test_the_command_writes_into_the_run_and_json_is_all_that_it_prints(run, tmp_path, capfd):
    copy = tmp_path / "run"
    shutil.copytree(run.path, copy)
    status, shown, errors = eqchip(capfd, copy, "--samples", 2, "--json", "--quiet")
    assert (status, errors) == (0, "")
    assert json.loads(shown) == json.loads((copy / "report" / "report.json").read_text())


def test_two_runs_are_compared_and_a_chip_file_of_ones_own_is_taken(run, tmp_path, capfd):
    chip = tmp_path / "toy.toml"
    chip.write_text(toy_text())
    out = tmp_path / "out"
    status, shown, _ = eqchip(
        capfd, run.path, run.path, "--chip", chip, "--samples", 2, "--out", out, "--json"
    )
    assert status == 0
    document = json.loads(shown)
    assert document["format"] == "eqchip-comparison 1"
    assert [one["chip"]["name"] for one in document["reports"]] == ["toy", "toy"]
    assert (out / "report.html").exists()


def without(*names: str):
    def broken(path: Path) -> None:
        for name in names:
            (path / name).unlink()

    return broken


def damaged(name: str, text: str):
    def broken(path: Path) -> None:
        (path / name).write_text(text)

    return broken


@pytest.mark.parametrize(
    ("broken", "arguments", "words"),
    [
        (without("config.toml"), (), ["no run here"]),
        (without("network.npz"), (), ["no trained network yet", "--resume"]),
        (without("activity.json"), (), ["activity.json", "no activity yet", "--resume"]),
        (damaged("activity.json", "{"), (), ["activity.json", "no valid JSON"]),
        (damaged("activity.json", "[]"), (), ["activity.json", "format is None"]),
        (
            damaged("activity.json", '{"format": "eqchip-activity 1", "samples": 0}'),
            (), ["activity.json", "samples is 0"],
        ),
        (
            damaged("activity.json", '{"format": "eqchip-activity 1", "samples": 1, "spikes": 3}'),
            (), ["activity.json", "no table of counts"],
        ),
        (
            damaged(
                "activity.json",
                '{"format": "eqchip-activity 1", "samples": 1, "spikes": [[1, Infinity, 1]]}',
            ),
            (), ["activity.json", "no table of counts"],
        ),
        (without("metrics.jsonl"), (), ["metrics.jsonl", "no epoch"]),
        (None, ("--samples", 0), ["samples is 0", "at least 1"]),
        (None, ("--chip", "loihi7"), ["loihi7", "loihi1-davies"]),
        (None, ("--chip", "nowhere.toml"), ["nowhere.toml", "no such file"]),
        (None, ("--chips", "none"), ["none"]),
        (None, ("nowhere",), ["nowhere", "no run here"]),
    ],
)  # fmt: skip
def test_what_cannot_be_reported_is_refused_in_one_line(
    run, tmp_path, capfd, broken, arguments, words
):
    copy = tmp_path / "run"
    shutil.copytree(run.path, copy)
    if broken:
        broken(copy)
    status, shown, errors = eqchip(capfd, copy, "--quiet", *arguments)
    assert (status, shown) == (2, "")
    (line,) = errors.splitlines()
    assert line.startswith("eqchip: error: ")
    for word in words:
        assert word in line
    assert not (copy / "report" / "report.json").exists()


def test_a_network_without_spikes_is_refused(tmp_path, capfd):
    run = make_run(tmp_path / "run", small_config(coding=Coding.real_valued()))
    status, _, errors = eqchip(capfd, run.path, "--quiet")
    assert status == 2 and "sends real values" in errors


def test_a_network_that_does_not_fit_is_refused_with_the_limit(run, tmp_path, capfd):
    chip = tmp_path / "toy.toml"
    chip.write_text(toy_text(units=4))
    status, _, errors = eqchip(capfd, run.path, "--chip", chip, "--quiet")
    assert status == 2 and "cores" in errors
    assert len(errors.splitlines()) == 1


def test_messages_between_chips_are_counted_and_their_cost_is_unknown(run, tmp_path, capfd):
    chip = tmp_path / "toy.toml"
    chip.write_text(toy_text(units=16))  # six cores, four on a chip
    arguments = (run.path, "--chip", chip, "--samples", 2, "--out", tmp_path / "out")
    status, _, errors = eqchip(capfd, *arguments, "--quiet")
    assert status == 2 and "cores" in errors
    status, shown, _ = eqchip(capfd, *arguments, "--chips", "auto", "--json")
    assert status == 0
    document = json.loads(shown)
    assert document["chip"]["chips"] == document["mapping"]["chips"] == 2
    assert document["activity"]["by_phase"]["free"]["chip_crossings"] > 0
    assert "chip crossing energy" in document["energy"]["training"]["lacks"]
    assert "chip crossing time" in document["time"]["training"]["lacks"]
    (row,) = (
        row
        for row in document["energy"]["table"]
        if (row["kind"], row["phase"]) == ("chip_crossing", "free")
    )
    assert row["unknown"] == "nobody has ever looked"
    # Twice the static power, over the same time.
    static = document["energy"]["by_kind"]["static"]["inference"]["value"]
    seconds = document["time"]["inference"]["figure"]["value"]
    assert static == pytest.approx(2 * STATIC * 1e-3 * seconds)


def test_steps_of_the_sampled_times_follow_the_run(toy):
    steps = toy["time"]["steps"]
    assert [len(steps[name]["core"]) for name in ("training", "inference")] == [12, 6]
    labels = [phase["name"] for phase in toy["phases"]]
    assert labels == ["free", "nudged", "nudged", "update", "inference"]
    assert all(a <= b for a, b in pairwise(toy["memory"]["bptt"]))
