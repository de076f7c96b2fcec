"""Chips and mappings explored: the prices of the other commands, kept, gone on with, compared."""

from __future__ import annotations

import csv
import io
import json
from contextlib import contextmanager
from itertools import product

import optional_packages
import pytest
from trained_runs import make_run

import eqchip as eq
from eqchip import exploring
from eqchip.__main__ import main
from eqchip.emulator.errors import InputError
from eqchip.emulator.source import this_code
from eqchip.hw_reports.document.explored import front
from eqchip.mapping.chip_file.overrides import overridden

SIZES = {"subject": "64-30-10", "rates": 0.1, "steps": 5}
CHEAP = {"energy.synaptic_event": ["5pJ", "23.6pJ"]}


class Here:
    """Prices points in this process, and counts them."""

    def __init__(self):
        self.priced = 0

    def called(self, call, arguments):
        for given in arguments:
            self.priced += 1
            yield eval(call.text, {"code": this_code(), "given": given})


@pytest.fixture
def here(monkeypatch):
    found = Here()

    @contextmanager
    def opened(*given):
        yield found

    monkeypatch.setattr(exploring, "open_workers", opened)
    monkeypatch.setattr(exploring, "write_explored", lambda document, folder: [])
    return found


def nominal(row, what="energy"):
    return row[what]["figure"]["value"]


def test_sizes_cost_what_price_says_of_each_chip_spread_and_figure(here, tmp_path):
    found = eq.explore(**SIZES, chip=["loihi1-davies", "loihi2"], spread=[1, 2], figures=CHEAP,
                       out=tmp_path / "out")  # fmt: skip
    assert len(found["rows"]) == here.priced == 8
    for row in found["rows"]:
        settings = row["settings"]
        figures = {"energy.synaptic_event": settings["energy.synaptic_event"]}
        told = eq.price(
            network="64-30-10", rates=0.1, steps=5, spread=settings["spread"],
            chip=overridden(settings["chip"], figures),
        )  # fmt: skip
        assert (row["energy"], row["time"], row["cores"]) == (
            told["energy"], told["time"], told["cores"]
        )  # fmt: skip
    cheap, dear = found["rows"][:2]
    events = eq.price(network="64-30-10", rates=0.1, steps=5)["events"]["synaptic_event"]
    assert nominal(dear) - nominal(cheap) == pytest.approx(events * 18.6e-12)


def test_a_run_costs_what_its_report_says(here, tmp_path):
    run = make_run(tmp_path / "run")
    found = eq.explore(run.path, spread=[1, 2], bits=[3, 8], samples=2, out=tmp_path / "out")
    told = eq.report(run, samples=2, threads=1)
    one = next(
        r for r in found["rows"] if (r["settings"]["spread"], r["settings"]["bits"]) == (1, 8)
    )
    assert one["energy"] == told["training_cost"]["mean"]["energy"]
    assert one["time"] == told["training_cost"]["mean"]["time"]
    assert one["memory"] == told["memory"]["total"] and one["error"] == told["replay"]["error"]
    few = [r for r in found["rows"] if r["settings"]["bits"] == 3]
    assert nominal(few[0], "memory") < nominal(one, "memory") and few[1]["cores"] > one["cores"]


def test_the_front_is_what_no_other_point_beats(here, tmp_path):
    found = eq.explore(**SIZES, chip=["loihi1-davies", "loihi2"], spread=[1, 2, 4, 8],
                       out=tmp_path / "out")  # fmt: skip
    costs = [(nominal(row), nominal(row, "time")) for row in found["rows"]]
    beaten = {
        n for n, m in product(range(len(costs)), repeat=2)
        if costs[m] != costs[n] and costs[m][0] <= costs[n][0] and costs[m][1] <= costs[n][1]
    }  # fmt: skip
    assert set(found["front"]) == set(range(len(costs))) - beaten and 0 < len(found["front"]) < 8
    unknown = {"energy": {"figure": None}, "time": None, "error": None}
    assert front([*found["rows"], unknown]) == found["front"]


def test_an_exploration_goes_on_and_another_is_refused(here, tmp_path):
    given = {**SIZES, "out": tmp_path / "out"}
    whole = eq.explore(**given, spread=[1, 2, 3])
    file = tmp_path / "out" / "points.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:2]) + lines[2][:40])  # as a kill leaves it
    again = eq.explore(**given, spread=[1, 2, 3])
    assert here.priced == 4 and again["rows"] == whole["rows"]
    more = eq.explore(**given, spread=[2, 3, 4])
    assert here.priced == 5 and more["rows"][:2] == whole["rows"][1:]
    with pytest.raises(InputError, match="holds another exploration"):
        eq.explore(**{**given, "rates": 0.2})
    old = json.loads(lines[0])
    file.write_text(json.dumps({**old, "eqchip": {**old["eqchip"], "digest": "0" * 16}}) + "\n")
    with pytest.raises(InputError, match="expected one code"):
        eq.explore(**given, spread=[2])


def test_a_chip_file_that_changed_makes_other_points(here, tmp_path):
    text = """format = "eqchip-chip 1"
base = "loihi1-davies"
name = "mine"
source = "a test"
status = "assumed"
confidence = "C"
[energy.synaptic_event]
value = {}
"""
    energies = []
    for value in (10, 1000):
        (tmp_path / "mine.toml").write_text(text.format(value))
        found = eq.explore(**SIZES, chip=str(tmp_path / "mine.toml"), out=tmp_path / "out")
        energies.append(nominal(found["rows"][0]))
    assert energies[1] > energies[0] and here.priced == 2


def test_what_a_chip_refuses_is_told_of_its_point(here, tmp_path):
    run = make_run(tmp_path / "run")
    found = eq.explore(run.path, spread=[1, 128], samples=1, out=tmp_path / "out",
                       figures={"cores.per_chip": ["4"], "cores.tiles_x": ["1"],
                                "cores.tiles_y": ["1"]})  # fmt: skip
    fits, other = found["rows"]
    assert fits["refused"] is None and "does not fit" in other["refused"]
    assert found["front"] == [0] and other["energy"] is None
    for given, told in (
        ({"subject": "nothing"}, "is no run, no file and no sizes"),
        ({"subject": "64-10"}, "no point can be priced; of the first: price: none of rates"),
        ({"subject": run.path, "rates": 0.1}, "counted its own"),
        ({**SIZES, "spread": [0]}, "spread is 0"),
        ({**SIZES, "bits": [9]}, "bits is 9"),
        ({**SIZES, "figures": {"energy.nothing": ["1pJ"]}}, "is no key here"),
        ({**SIZES, "figures": {"barrier.1": ["1ns"]}}, "rows of a barrier are told together"),
        ({**SIZES, "workers": 1, "dask": "tcp://x"}, "expected one"),
    ):
        with pytest.raises(InputError, match=told):
            eq.explore(**given, out=tmp_path / "other")


def test_a_dask_cluster_prices_the_same_and_another_code_is_refused(tmp_path):
    optional_packages.need("distributed", "pip install 'eqchip[dask]'")
    import distributed

    found = {}
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        found = eq.explore(
            **SIZES, spread=[1, 2], out=tmp_path / "out", dask=cluster.scheduler_address
        )
    for row in found["rows"]:
        told = eq.price(network="64-30-10", rates=0.1, steps=5, spread=row["settings"]["spread"])
        assert row["energy"] == told["energy"] and row["cores"] == told["cores"]
    other = ("0.0.0", "0" * 16)
    asked = json.loads((tmp_path / "out" / "asked.json").read_text())
    with pytest.raises(InputError, match=r"expected eqchip 0\.0\.0"):
        exploring.point_with(other, asked, {})
    with pytest.raises(InputError, match="0123 on all of them"):
        exploring.point_with(this_code(), {**asked, "priced_by": "0123"}, {})


def test_the_command_writes_tables_and_a_page(tmp_path, capsys):
    out = tmp_path / "out"
    words = ["explore", "64-30-10", "--rates", "0.1", "--steps", "5", "--spread", "1:2", "--out"]
    assert main([*words, str(out), "--workers", "1"]) == 0
    told = capsys.readouterr().out
    assert "of 2 points those that no other beats" in told and "lower bounds" in told
    document = json.loads((out / "explore.json").read_text())
    assert main([*words, str(out), "--json", "--quiet"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["rows"] == document["rows"] and shown["format"] == "eqchip-explored 1"
    rows = list(csv.DictReader(io.StringIO((out / "explore.csv").read_text())))
    assert [float(row["energy_value_J"]) for row in rows] == [
        nominal(row) for row in document["rows"]
    ]
    assert [int(row["front"]) for row in rows] == [
        int(k in document["front"]) for k in range(len(rows))
    ]
    page = (out / "report.html").read_text("utf-8")
    assert "http" not in page and "<script" not in page and (out / "pareto.png").stat().st_size > 0
    assert main([*words, str(out), "--set", "energy.message", "--quiet"]) == 2
    assert "expected such as energy.synaptic_event=5pJ" in capsys.readouterr().err
