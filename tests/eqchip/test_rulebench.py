"""The benchmark of learning rules: plans, trainings that go on, entries, their check, the table."""

from __future__ import annotations

import copy
import csv
import json
from pathlib import Path
from typing import Any

import pytest

import eqchip as eq
from eqchip.__main__ import main
from eqchip.emulator.description.spiking.rules import SPIKING_RULES
from eqchip.emulator.errors import InputError
from eqchip.emulator.training.runs import RunDirectory
from eqchip.hw_reports.pricing.circuit_cost import circuit_of
from eqchip.hw_reports.pricing.learning_bytes import learning_bytes
from eqchip.hw_reports.pricing.rule_circuits import CIRCUITS
from eqchip.mapping.chip_file.chip import load_chip
from eqchip.mapping.chip_file.executable import NEEDS, executable
from eqchip.rule_study import configure
from eqchip.rulebench import entry as entries
from eqchip.rulebench.facts import FACTS
from eqchip.rulebench.plan import Planned, make_plan, read_plan
from eqchip.settings import configuration

ROOT = Path(__file__).parents[2]
NOTHING = {"trials": 0, "epochs": 0, "chosen_on": "nothing"}


def planned(rule: str, **more: Any) -> dict[str, Any]:
    return {
        "rule": rule, "way": "common", "dataset": "digits", "network": "64-9-10",
        "settings": {"epochs": 1}, "tuning": NOTHING, **more,
    }  # fmt: skip


def plan_of(*rules: str, **more: Any) -> dict[str, Any]:
    return {
        "format": "eqchip-rules 1", "seeds": [0], "chips": ["loihi1-calibrated"],
        "entry": [planned(rule) for rule in rules], **more,
    }  # fmt: skip


def written(folder: Path, document: dict[str, Any]) -> Path:
    import tomli_w

    file = folder / "plan.toml"
    file.write_text(tomli_w.dumps(document))
    return file


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, Path, dict[str, Any]]:
    """A plan of two rules, where it ran, and its table."""
    folder = tmp_path_factory.mktemp("rules")
    file = written(folder, plan_of("graded", "nbp"))
    return file, folder / "out", eq.rules(file, out=folder / "out", workers=1)


def test_a_plan_becomes_runs_entries_a_table_and_pictures(made):
    _, out, table = made
    assert {path.name for path in (out / "runs").iterdir()} == {
        "digits-64-9-10-graded-common-s0", "digits-64-9-10-nbp-common-s0",
    }  # fmt: skip
    assert json.loads((out / "rules.json").read_text())["rows"] == table["rows"]
    assert (out / "digits-loihi1-calibrated.png").stat().st_size > 10_000
    with open(out / "rules.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["rule"] for line in lines] == [row["rule"] for row in table["rows"]]
    for line, row in zip(lines, table["rows"], strict=True):
        assert float(line["energy_J"]) == row["energy"]["figure"]["value"] > 0
        assert float(line["test_error"]) == row["test_error"]
        run = RunDirectory(out / "runs" / f"{row['name']}-s0")
        assert run.metrics()[-1]["test_error"] == row["test_error"]


def test_what_is_done_is_not_trained_again(made, capsys):
    file, out, table = made
    times = {path: path.stat().st_mtime_ns for path in (out / "runs").rglob("checkpoint.npz")}
    assert main(["rules", str(file), "--out", str(out), "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == table["rows"]
    assert times == {path: path.stat().st_mtime_ns for path in times}


def test_a_training_that_was_stopped_goes_on(made, tmp_path):
    file, out, table = made
    name = "digits-64-9-10-graded-common-s0"
    begun = RunDirectory.create(tmp_path / "runs" / name, RunDirectory(out / "runs" / name).config)
    assert begun.metrics() == []
    found = eq.rules(file, out=tmp_path, workers=1)
    assert [row["test_error"] for row in found["rows"]] == [
        row["test_error"] for row in table["rows"]
    ]


def test_runs_of_other_settings_are_refused_by_name(made, tmp_path):
    _, out, _ = made
    file = written(tmp_path, plan_of("graded", entry=[planned("graded", settings={"epochs": 2})]))
    with pytest.raises(InputError, match="holds a run with other settings than the plan's entry"):
        eq.rules(file, out=out, workers=1)


def test_only_finished_ones_stand_in_the_table_of_the_finished(made, tmp_path):
    _, out, _ = made
    file = written(tmp_path, plan_of("graded", "nbp", "erbp"))
    found = eq.rules(file, out=out, finished=True)
    assert {row["rule"] for row in found["rows"]} == {"graded", "nbp"}
    with pytest.raises(InputError, match="no entry is finished"):
        eq.rules(file, out=tmp_path / "none", finished=True)


def test_our_entries_pass_the_check_and_stand_beside_others(made, tmp_path, capsys):
    file, out, table = made
    ours = sorted((out / "entries").iterdir())
    assert main(["rules", *(f"--check={path}" for path in ours)]) == 0
    assert capsys.readouterr().out.count("an entry of the benchmark") == 2
    document = json.loads(ours[0].read_text())
    document |= {"name": "theirs", "by": "somebody"}
    document["costs"][0] |= {"kind": "measured", "chip": "a chip"}
    (tmp_path / "theirs.json").write_text(json.dumps(document))
    found = eq.rules(file, out=out, beside=[tmp_path / "theirs.json"])
    (row,) = (row for row in found["rows"] if row["by"] == "somebody")
    assert (row["kind"], row["fronts"]) == ("measured", [])
    assert len(found["rows"]) == len(table["rows"]) + 1


WRONG = {
    "another format": (lambda d: d.update(format="x"), "format is 'x'; expected"),
    "a field that is missing": (lambda d: d.pop("tuning"), "tuning is missing; expected"),
    "a field that is unknown": (lambda d: d.update(speed=1), "speed is no key of an entry"),
    "another split": (
        lambda d: d["task"].update(train=1437),
        "digits is split into 1437, 150 and 360 samples; expected 1287, 150, 360",
    ),
    "a test read twice": (lambda d: d["seeds"][0].update(test_reads=2), "test_reads is 2"),
    "a seed twice": (lambda d: d["seeds"].append(d["seeds"][0]), "seed 0 stands twice"),
    "no seed": (lambda d: d.update(seeds=[]), "seeds is []; expected at least 1"),
    "an error above all": (lambda d: d["seeds"][0].update(test_error=101), "at most 100"),
    "too many trials": (lambda d: d["tuning"].update(trials=13), "trials is 13; expected"),
    "trials of nothing": (
        lambda d: d["tuning"].update(trials=2, chosen_on="validation"),
        "2 trials varied nothing",
    ),
    "a band upside down": (
        lambda d: d["costs"][0]["energy"]["figure"].update(low=9.0),
        "expected low <= value <= high",
    ),
    "another unit": (
        lambda d: d["costs"][0]["time"]["figure"].update(unit="J"),
        "time is in J; expected s",
    ),
    "no cost": (lambda d: d.update(costs=[]), "costs is []; expected at least 1"),
    "an endless count": (lambda d: d["counts"].update(spikes=float("inf")), "spikes"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_entry_is_refused_in_one_line(what, made, tmp_path, capsys):
    change, told = WRONG[what]
    _, out, _ = made
    document = json.loads((out / "entries" / "digits-64-9-10-nbp-common.json").read_text())
    change(document)
    (tmp_path / "entry.json").write_text(json.dumps(document))
    assert main(["rules", "--check", str(tmp_path / "entry.json")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(tmp_path / "entry.json") in line and told in line


def test_the_schema_in_the_package_is_that_of_the_check():
    text = (Path(entries.__file__).parent / "entry.schema.json").read_text()
    assert text == entries.schema(), "write it anew from eqchip.rulebench.entry.schema()"


def test_committed_plans_can_be_run_and_committed_entries_pass():
    plans = sorted((ROOT / "benchmarks" / "rules").glob("*.toml"))
    assert plans
    for path in plans:
        read_plan(path, configure)
    for path in sorted((ROOT / "benchmarks" / "results" / "rules").glob("*.json")):
        entries.read_entry(path)


def test_committed_entries_were_trained_with_what_their_settings_give_today():
    """Presets change: what an entry was trained with is in its own settings, or in the preset."""
    seen = 0
    for path in sorted((ROOT / "benchmarks" / "results" / "rules").glob("*-ep-*.json")):
        entry = entries.read_entry(path)
        one = planned(
            entry.rule, dataset=entry.task.dataset, network=entry.task.network,
            settings=entry.settings,
        )  # fmt: skip
        for seed, made in zip(entry.seeds, entry.made, strict=True):
            seen += 1
            assert configure(Planned(**one), seed.seed).digest() == made.digest
            step_size = f"--step-size {entry.settings['step_size']}"
            assert step_size in made.command
    assert seen >= 15


PLANS = {
    "no entries": (plan_of(), "entry is"),
    "an unknown rule": (plan_of("rtrl"), "expected one of ep, graded"),
    "an entry twice": (plan_of("nbp", "nbp"), "entry digits-64-9-10-nbp-common stands twice"),
    "a seed twice": (plan_of("nbp", seeds=[1, 1]), "seed 1 stands twice"),
    "a setting that the rule does not know": (
        plan_of(entry=[planned("nbp", settings={"beta": 1.0})]),
        "entry digits-64-9-10-nbp-common: --beta is given with rule 'nbp'",
    ),
    "another format": ({**plan_of("nbp"), "format": "x"}, "format is 'x'"),
}


@pytest.mark.parametrize("what", PLANS)
def test_a_wrong_plan_is_refused_in_one_line(what):
    document, told = PLANS[what]
    with pytest.raises(InputError) as refused:
        make_plan(copy.deepcopy(document), "a plan", configure)
    (line,) = str(refused.value).splitlines()
    assert line.startswith("a plan: ") and told in line


def test_an_entry_names_what_computed_it_by_a_command_that_trains_the_same(made, tmp_path, capsys):
    _, out, _ = made
    entry = entries.read_entry(out / "entries" / "digits-64-9-10-graded-common.json")
    (one,) = entry.made
    run = RunDirectory(out / "runs" / "digits-64-9-10-graded-common-s0")
    assert one.digest == run.config.digest() and one.version == eq.__version__
    assert str(out) not in one.command
    words = one.command.split()
    assert main([*words[1:], "--out", str(tmp_path / "run"), "-q", "--threads", "1"]) == 0
    again = RunDirectory(tmp_path / "run")
    assert again.config == run.config
    assert again.metrics()[-1]["test_error"] == entry.seeds[0].test_error
    capsys.readouterr()


def test_a_check_does_nothing_else(capsys):
    assert main(["rules", "--check", "entry.json", "--workers", "2"]) == 2
    assert "--workers is given with --check" in capsys.readouterr().err


def test_the_circuit_of_nbp_does_what_the_run_counted(made):
    """Its populations and projections, spike by spike, make the events that its kernel counts."""
    _, out, _ = made
    run = RunDirectory(out / "runs" / "digits-64-9-10-nbp-common-s0")
    row, circuit = run.metrics()[0], circuit_of(run)
    sizes = {p.name: p.size for p in circuit.populations}
    events = sum(
        circuit.sent[p.pre] * p.weights.size / sizes[p.pre]
        for p in circuit.projections
    )  # fmt: skip
    assert events == pytest.approx(row["synaptic_events_per_sample"])
    spikes = sum(n for name, n in circuit.sent.items() if name != "gates")
    assert spikes == pytest.approx(row["spikes_per_sample"])
    written = [counted for _, counted in circuit.written]
    assert sum(n[1] for n in written) == pytest.approx(row["weights_attempted_per_sample"])
    assert circuit.learning_epochs == circuit.steps == 12


def test_every_rule_has_its_row_wherever_the_table_asks():
    kinds = set(SPIKING_RULES.values())
    assert kinds <= set(CIRCUITS) and kinds <= set(NEEDS)
    assert set(FACTS) == {"ep", *SPIKING_RULES}


@pytest.mark.parametrize(
    ("rule", "chip", "can"),
    [
        ("nbp", "loihi1-davies", True), ("graded", "loihi1-davies", False),
        ("emstdp", "loihi1-davies", False), ("emstdp", "loihi2", True),
        ("erbp", "loihi2", False), ("graded", "spinnaker2", True),
        ("nbp", "truenorth-cores", False), ("eprop", "loihi2", False),
        ("eprop", "spinnaker2", True),
    ],
)  # fmt: skip
def test_who_could_run_a_rule_is_read_off_the_chip_file(rule, chip, can):
    config = configuration("digits", on_chip="loihi2", settings={"rule": rule})
    assert executable(load_chip(chip), config).can is can


def test_bytes_of_a_rule_by_hand():
    def of(rule: str, **settings: Any) -> int:
        settings |= {"rule": rule}
        config = configuration("digits", network="64-8-10", on_chip="loihi2", settings=settings)
        return learning_bytes(config)

    weights = 64 * 8 + 8 * 10
    graded = 8 * (weights + 8 * 10) + 18 * (2 * 24 + 4) + 72 * 4
    assert of("graded", steps=12) == -(-graded // 8)
    assert of("graded", steps=12, feedback="direct") == of("graded", steps=12)
    eprop = 72 * 8 * (8 + 16) + 8 * 10 * (8 + 8) + 18 * 3 * 24 + (64 + 2 * 8) * 16
    assert of("eprop", rows=1) == -(-eprop // 8)
    at_spikes = 8 * (weights + 10 * 8) + 18 * 2 * 24
    assert of("erbp", write="spike") == -(-at_spikes // 8)
    copies = 8 * (3 * 64 * 8 + 5 * 8 * 10) + 24 * (2 * 64 + 6 * 8 + 7 * 10)
    assert of("nbp") == -(-copies // 8)
