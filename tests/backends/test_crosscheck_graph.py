"""Graphs on every engine: equal ones are equal, wrong ones are caught where they part."""

from __future__ import annotations

import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
from drawn_graphs import drawn_graph

import eqchip as eq
from eqchip.__main__ import main
from eqchip.backends.crosscheck_graph import check_graph, drawn_input
from eqchip.backends.reference import neurons
from eqchip.backends.registry import BACKENDS
from eqchip.emulator.problem.pose_graph import pose_graph

REFERENCE = BACKENDS["reference"]


def small(**unit) -> eq.Graph:
    return eq.Graph(
        [eq.Population("in", eq.Input(), 2), eq.Population("out", eq.IF(**unit), 1)],
        [eq.Projection("in", "out", [[0.75], [0.5]])],
        outputs=["out"],
    )


@pytest.mark.parametrize("precision", ["float64", "chip"])
def test_an_equal_engine_is_equal_in_every_spike(precision):
    graph, x, _ = drawn_graph(5, precision == "chip")
    problem = pose_graph(graph, x, precision=precision)
    emulator, reference = check_graph(problem, [REFERENCE], threads=1)
    assert (emulator.engine, emulator.comparison) == ("emulator", None)
    found = reference.comparison
    assert found.equal and (found.mismatches, found.largest) == (0, 0.0)
    assert found.bits == problem.steps * problem.batch * sum(graph.sizes)


def test_an_engine_that_fires_at_a_tie_is_caught_at_its_step(monkeypatch):
    def fire(layer, threshold):
        layer.q = (layer.v >= threshold).astype(np.int8)
        layer.v = np.where(layer.q != 0, 0, layer.v)

    monkeypatch.setattr(neurons, "_fire", fire)
    x = np.tile([[[0, 1]]], (5, 1, 1))
    found = eq.crosscheck(small(), x=x, against=["reference"], precision="float64")
    assert not found.equal
    first = found.checkups[1].comparison.first
    # 1/2 at t = 2, 1 = the threshold itself at t = 3
    text = "step t = 3, out, unit 0, sample 0: potential is 0.0; expected 1.0"
    assert str(first) == text


def test_a_graph_is_checked_in_floats_and_in_the_integers_that_it_becomes():
    found = eq.crosscheck(
        small(threshold=1.1), steps=30, rates=0.4, samples=2, against=["reference"]
    )
    precisions = {(one.engine, one.precision) for one in found.checkups if not one.refusal}
    assert {("reference", "float64"), ("reference", "chip")} <= precisions
    assert found.equal and found.spikes > 0 and (found.samples, found.steps) == (2, 30)
    json.dumps(found.to_dict(), allow_nan=False)


def test_what_no_chip_holds_is_checked_in_floats_alone():
    pool = eq.Graph(
        [eq.Population("in", eq.Input(), 1), eq.Population("out", eq.IF(threshold=1.0), 1)],
        [eq.Projection("in", "out", [[1e-9]])],  # rounds to 0 beside the threshold
        outputs=["out"],
    )
    found = eq.crosscheck(pool, steps=3, rates=1.0, against=["reference"])
    assert [one.precision for one in found.checkups] == ["float64", "float64"]
    with pytest.raises(eq.InputError, match="round to 0"):
        eq.crosscheck(pool, steps=3, precision="chip")


def test_settings_of_the_other_kind_are_refused():
    for settings, wanted in (
        ({"free_steps": 3}, "free_steps is 3 with a graph in memory; expected none there"),
        ({"dt": 1e-3}, "dt is 0.001 with a graph in memory; expected none there"),
        ({"x": [[0, 1]], "rates": 0.5}, "rates is 0.5 beside x"),
        ({"rates": 2}, "rates is 2; expected"),
        ({"against": ["discrete"]}, "unknown engine 'discrete'; expected one of reference"),
        ({"against": []}, "no engine is named"),
    ):
        with pytest.raises(eq.InputError) as error:
            eq.crosscheck(small(), **settings)
        assert wanted in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(eq.InputError, match=r"rates is 0\.5 with a run; expected none there"):
        eq.crosscheck("nowhere", rates=0.5)


def test_drawn_spikes_are_those_of_their_seed_and_of_their_inputs():
    graph, _, _ = drawn_graph(3, whole=True)
    one, again = (drawn_input(graph, 20, 2, 0.5, seed=4) for _ in range(2))
    assert one.keys() == {"bits", "signed", "frames"}
    assert all(np.array_equal(one[name], again[name]) for name in one)
    assert set(np.unique(one["bits"])) == {0, 1}
    assert set(np.unique(one["signed"])) == {-1, 0, 1}
    assert one["frames"].max() > 1


def test_the_command_refuses_a_file_that_is_no_graph(tmp_path, capsys):
    path = tmp_path / "graph.nir"
    path.write_text("no graph")
    assert main(["crosscheck", str(path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and str(path) in error


# --- the benchmark ------------------------------------------------------------------------


@pytest.fixture
def benchmark(monkeypatch):
    """benchmarks/crosscheck_graphs.py, on the reference, alone and side by side."""
    folder = Path(__file__).parents[2] / "benchmarks"
    monkeypatch.syspath_prepend(str(folder))
    spec = spec_from_file_location("benchmark_crosscheck_graphs", folder / "crosscheck_graphs.py")
    loaded = module_from_spec(spec)
    spec.loader.exec_module(loaded)
    row = loaded.Drawn("float64", ("reference",), ("reference",), at_once=2)
    monkeypatch.setitem(loaded.DRAWN, "few", row)
    return loaded


def test_the_benchmark_compares_every_graph_alone_and_beside_others(benchmark):
    found = benchmark.study("few", graphs=4, seed=3)
    assert (found["graphs"], found["different"], found["differences"]) == (4, 0, [])
    total = found["engines"]["reference"]
    assert total["networks"] == 2 * 4 and total["mismatches"] == 0
    bits = 0
    for group in range(2):
        for graph, x, steps in benchmark.draw(3, "few", group):
            batch = x["frames"].shape[1]
            bits += steps * batch * sum(graph.sizes)
    assert total["bits"] == 2 * bits
    json.dumps(found, allow_nan=False)


def test_the_benchmark_says_which_of_its_graphs_differ(benchmark, monkeypatch):
    right = neurons._integrate

    def leaky(a, layer, x):
        right(a, layer, x)
        layer.v = layer.v * (1 - 1e-9)

    monkeypatch.setattr(neurons, "_integrate", leaky)
    found = benchmark.study("few", graphs=2, seed=3)
    assert found["different"] == 2 * 2
    assert {one["number"] for one in found["differences"]} == {0, 1}
    assert "step t = " in found["differences"][0]["first"]
