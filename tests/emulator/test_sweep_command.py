"""`eqchip sweep` as a user runs it."""

from __future__ import annotations

import json

import optional_packages
import pytest
from sweeps import TINY, TINY_TOML, fake
from toy_chip import toy_text

from eqchip.__main__ import main
from eqchip.emulator.errors import InputError
from eqchip.emulator.training.points_file import Points
from eqchip.emulator.training.runs import RunDirectory
from eqchip.emulator.training.sweep import (
    key_of,
    make_sweep,
    to_toml,
)
from eqchip.hw_reports.make import report
from eqchip.hw_reports.studies.sweep import sweep as run_sweep


def test_the_command_end_to_end_and_on_after_a_kill(tmp_path, capsys):
    file, out = tmp_path / "grid.toml", tmp_path / "out"
    file.write_text(TINY_TOML)
    call = ["sweep", str(file), "--out", str(out), "--workers", "1", "--quiet"]
    assert main([*call, "--json"]) == 0
    shown = capsys.readouterr()
    document = json.loads(shown.out)
    assert shown.err == ""
    names = {path.name for path in out.iterdir()}
    pictures = {"accuracy-energy.png", "accuracy-memory.png"}
    assert names == {"sweep.toml", "points.jsonl", "points", ".lock", *pictures}
    for name in ("accuracy-energy.png", "accuracy-memory.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")
    assert len(document["rows"]) == len(document["points"]) == 4
    assert document["varied"] == ["weight_bits", "copies"]
    lines = (out / "points.jsonl").read_text().splitlines(keepends=True)
    assert len(lines) == 4

    # A point is a run, and costs what a report of it says.
    for row in document["points"]:
        told = report(out / row["run"], threads=1)["training_cost"]["mean"]
        assert (row["energy"], row["time"]) == (told["energy"], told["time"])
        assert row["energy"]["figure"]["value"] > 1e-6  # of static power, most of it

    # The third point was being written when the sweep was killed, the fourth not begun.
    (out / "points.jsonl").write_text("".join(lines[:2]) + lines[2][:50])
    assert main(["sweep", "--out", str(out), "--workers", "1", "--json"]) == 0
    shown = capsys.readouterr()
    assert "Going on: 2 of 4 points are done" in shown.err and "4/4" in shown.err
    again = json.loads(shown.out)
    assert again["fronts"] == document["fronts"] and again["rows"] == document["rows"]
    kept = (out / "points.jsonl").read_text().splitlines(keepends=True)
    assert kept[:2] == lines[:2] and len(kept) == 4
    timeless = [[{**json.loads(line), "seconds": 0} for line in found] for found in (lines, kept)]
    assert sorted(map(key_of, timeless[0])) == sorted(map(key_of, timeless[1]))

    assert main([*call, "--axis", "weight_bits=8,2"]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "holds another sweep, of weight_bits 8, 4" in told

    # Points that are all there are priced by another chip without being trained again.
    assert main(["sweep", "--out", str(out), "--chip", "loihi2", "--json", "--quiet"]) == 0
    priced = json.loads(capsys.readouterr().out)
    assert priced["chip"]["name"] == "loihi2"
    assert (out / "points.jsonl").read_text().splitlines(keepends=True) == kept
    values = [row["energy"]["value"] for row in priced["rows"]]
    assert values != [row["energy"]["value"] for row in document["rows"]]


def test_a_point_of_an_older_version_has_no_network_and_so_no_price(tmp_path, capsys):
    sweep = make_sweep({**TINY, "axes": {}})
    (tmp_path / "sweep.toml").write_text(to_toml(sweep, {}))
    energy = {"figure": {"low": 1.0, "value": 1.0, "high": 1.0, "unit": "J"}, "lacks": []}
    row = {**fake(sweep.points[0]), "chip": "loihi1-davies", "energy": energy, "memory_bytes": 1}
    Points(tmp_path / "points.jsonl").append(row)
    assert main(["sweep", "--out", str(tmp_path), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["rows"]
    assert found["energy"] is None
    assert found["energy_lacks"] == ["all: the run of the point was not kept"]


def test_a_chip_that_the_network_does_not_fit_is_refused_before_anything_is_trained(
    tmp_path, capsys
):
    chip = tmp_path / "small.toml"
    chip.write_text(toy_text(units=16, per_chip=1))
    call = ["sweep", "--axis", "seed=0", "--chip", str(chip), "--out", str(tmp_path / "out")]
    assert main(call) == 2
    assert capsys.readouterr().err.count("\n") == 1 and not (tmp_path / "out").exists()


def test_seeds_are_averaged(tmp_path, capsys, monkeypatch):
    sweep = make_sweep({**TINY, "axes": {"seed": [0, 1], "weight_bits": [8, 4]}})
    (tmp_path / "sweep.toml").write_text(to_toml(sweep, {}))
    points = Points(tmp_path / "points.jsonl")
    for point, error in zip(sweep.points, (2.0, 9.0, 4.0, 7.0), strict=True):
        points.append(fake(point, error))
    assert main(["sweep", "--out", str(tmp_path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["varied"] == ["weight_bits"]
    found = [(row["settings"]["weight_bits"], row["error"]) for row in document["rows"]]
    assert found == [(8, 3.0), (4, 8.0)]
    assert [row["seeds"] for row in document["rows"]] == [[0, 1], [0, 1]]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--axis", "speed=1"], "axis 'speed' is unknown; expected one of weight_bits"),
        (["--axis", "seed=1", "--axis", "seed=2"], "--axis seed is given twice"),
        (["--axis", "sees=loihi-engine"], "point sees loihi-engine: "),
        (["--chip", "truenorth"], "does not learn on the chip"),
        (["--workers", "1", "--dask", "x"], "--workers is given with --dask"),
        (["nothing.toml"], "no such file"),
    ],
)
def test_bad_input_is_refused_in_one_line_and_leaves_nothing(tmp_path, capsys, arguments, told):
    assert main(["sweep", "--out", str(tmp_path / "out"), *arguments]) == 2
    shown = capsys.readouterr()
    assert told in shown.err and shown.err.count("\n") == 1 and shown.out == ""
    assert not (tmp_path / "out").exists()


def test_without_dask_the_extra_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    out = tmp_path / "out"
    assert main(["sweep", "--axis", "seed=0", "--dask", "tcp://x:1", "--out", str(out)]) == 2
    assert 'pip install "eqchip[dask]"' in capsys.readouterr().err


def test_a_cluster_of_dask_trains_the_same_points(tmp_path, capsys):
    optional_packages.need("distributed", "pip install 'eqchip[dask]'")
    import distributed

    file = tmp_path / "grid.toml"
    file.write_text(TINY_TOML)
    found = []
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        for how in (["--dask", cluster.scheduler_address], ["--workers", "1"]):
            out = tmp_path / how[0].strip("-")
            assert main(["sweep", str(file), "--out", str(out), "--json", "--quiet", *how]) == 0
            found.append(json.loads(capsys.readouterr().out)["rows"])
    assert found[0] == found[1]


def test_a_scheduler_that_does_not_answer_is_told(tmp_path, capsys):
    optional_packages.need("distributed", "pip install 'eqchip[dask]'")
    out = tmp_path / "out"
    arguments = ["--axis", "seed=0", "--dask", "nonsense://x", "--out", str(out)]
    assert main(["sweep", *arguments]) == 2
    assert "--dask nonsense://x: no scheduler answers" in capsys.readouterr().err


def test_a_sweep_by_a_rule_varies_its_own_settings_and_goes_on(tmp_path):
    asked = {"axes": {"steps": [3, 6], "feedback": ["transpose", "direct"]}, "workers": 1}
    file = tmp_path / "grid.toml"
    file.write_text('rule = "graded"\nlayers = [64, 9, 10]\nepochs = 1\nsamples = 40\n')
    found = run_sweep(file, out=tmp_path / "out", **asked)
    assert "rule graded" in found["subject"]
    assert len(found["points"]) == len(found["rows"]) == 4
    by_steps = {row["settings"]["steps"]: row["energy"]["value"] for row in found["rows"]}
    assert 0 < by_steps[3] < by_steps[6]
    for row in found["points"]:
        run = RunDirectory(tmp_path / "out" / row["run"])
        assert run.config.spiking.steps == row["settings"]["steps"]
        assert run.config.spiking.feedback == row["settings"]["feedback"]
    again = run_sweep(out=tmp_path / "out", workers=1)  # all points are done
    assert again["rows"] == found["rows"]
    with pytest.raises(InputError, match="axis 'copies' is unknown"):
        run_sweep(file, axes={"copies": ["errors"]}, out=tmp_path / "other")
    with pytest.raises(InputError, match="rule is 'rtrl'; expected one of graded"):
        run_sweep(rule="rtrl", axes={"seed": [0]}, out=tmp_path / "other")
