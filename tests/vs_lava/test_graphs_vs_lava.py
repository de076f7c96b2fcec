"""Graphs in a chip's integers: every bit and voltage of Lava's bit-accurate models."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from drawn_graphs import drawn_graph
from equal_runs import assert_equal_graph_runs
from lava_graphs import drawn
from recipes import recipe

import eqchip as eq
from eqchip.backends.lava.graph import describe

PROGRAM = Path(__file__).parents[1] / "helpers" / "lava_graphs.py"


def graph_of(case) -> eq.Graph:
    populations = [eq.Population("in", eq.Input(), case["sizes"]["in"])]
    populations += [
        eq.Population(name, eq.loihi_unit(**registers), case["sizes"][name])
        for name, registers in case["units"].items()
    ]
    projections = [
        eq.loihi_projection(
            p["pre"],
            p["post"],
            p["weights"],
            exponent=p["exponent"],
            bits=p["bits"],
            delay=0 if p["delay"] is None else p["delay"],
        )
        for p in case["projections"]
    ]
    return eq.Graph(populations, projections, outputs=list(case["units"]))


def check(seeds: range, folder: Path) -> None:
    path = folder / "lava.npz"
    command = [sys.executable, str(PROGRAM), str(path), *map(str, seeds)]
    done = subprocess.run(
        command, cwd=folder, timeout=60 + 10 * len(seeds), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(path) as lava:
        for seed in seeds:
            case = drawn(seed)
            run = eq.run(
                graph_of(case),
                case["spikes"][:, None],
                precision="chip",
                record=("spikes", "potentials"),
                threads=1,
            )
            for name in case["units"]:
                v = lava[f"{seed} {name} v"]
                assert np.array_equal(run.potentials[name][:, 0], v), (seed, name)
                q = lava[f"{seed} {name} s_out"]
                assert np.array_equal(run.spikes[name][:, 0], q), (seed, name)


@pytest.mark.peer
@pytest.mark.usefixtures("lava")
def test_drawn_graphs_equal_lava_to_the_bit(tmp_path):
    check(range(8), tmp_path)


@pytest.mark.long
@pytest.mark.peer
@pytest.mark.usefixtures("lava")
def test_many_drawn_graphs_equal_lava_to_the_bit(tmp_path):
    check(range(100, 300), tmp_path)


# --- the backend: graphs of eqchip as Lava's stock Processes --------------------------------

BOTH = ("spikes", "potentials")


@pytest.mark.peer
@pytest.mark.usefixtures("lava")
def test_a_drawn_graph_of_every_connection_runs_on_lava_to_the_bit():
    graph, x, _ = drawn_graph(7, whole=True, for_lava=True)
    described, _ = describe(graph, integers=True)
    kinds = {one["process"] for one in (*described["populations"], *described["synapses"])}
    synapses = {"Dense", "Sparse", "DelayDense", "DelaySparse"}
    assert kinds == {"RingBuffer", "LIF", "TernaryLIF", *synapses}
    asked = {"precision": "chip", "record": BOTH}
    assert_equal_graph_runs(
        eq.run(graph, x, **asked, backend="lava"), eq.run(graph, x, **asked, backend="reference")
    )


@pytest.mark.peer
@pytest.mark.usefixtures("lava")
@pytest.mark.parametrize(("precision", "refractory"), [("float64", 2), ("chip", 0)])
def test_convolutions_refractory_units_and_separate_parts_run_on_lava(precision, refractory):
    rng = np.random.default_rng(2)
    shape = (4, 4, 2)
    graph = eq.Graph(
        [
            eq.Population("in", eq.Input(), shape),
            eq.Population("map", eq.LIF(decay=0.1, threshold=0.9, refractory=refractory), shape),
            eq.Population("out", eq.CubaLI(decay=0.1, current_decay=0.5), 3),
            eq.Population("alone", eq.IF(threshold=1.0, bias=0.3), 2),
        ],
        [
            eq.Projection(
                "in", "map", rng.normal(0.1, 0.3, (3, 3, 2, 2)), eq.Conv2d(shape, 2, 3, padding=1)
            ),
            eq.Projection("map", "out", rng.normal(0, 0.5, (32, 3)), delay=2),
        ],
        outputs=["out"],
    )
    described, _ = describe(graph, integers=False)
    assert [one["process"] for one in described["synapses"]] == ["Conv", "DelayDense"]
    assert described["populations"][1]["process"] == "LIF" + "Refractory" * (refractory > 0)
    x = rng.random((12, 1, *shape)) < 0.4
    found = eq.crosscheck(graph, x={"in": x}, against=["lava"], precision=precision)
    assert found.equal, found.checkups[1].comparison.first
    assert found.spikes > 20 and found.checkups[1].comparison.mismatches == 0


def around(unit, weight=64.0, **more):
    """An input, and a population of two behind it."""
    populations = [eq.Population("in", eq.Input(), 1), eq.Population("p", unit, 2)]
    projection = eq.Projection("in", "p", [[weight, weight]], **more)
    return eq.Graph(populations, [projection], outputs=["p"])


@pytest.mark.parametrize(
    ("graph", "integers", "wanted"),
    [
        (around(eq.IF(reset="subtract")), False, "population 'p': reset is 'subtract'"),
        (around(eq.IF(floor=-1)), False, "population 'p': floor is given"),
        (around(eq.LIF(decay=np.array([0.1, 0.2]))), False, "'p': decay differs by unit"),
        (around(eq.IF(threshold=64.0, refractory=1)), True, "'p': refractory is given"),
        (
            around(eq.CubaLIF(threshold=64.0, decay=0.5, current_decay=0.0)),
            True,
            "'p': current_decay is 0",
        ),
        (around(eq.IF(signed=True, refractory=1)), False, "'p': refractory is given"),
        (around(eq.AdaptiveLIF()), False, "population 'p': units are AdaptiveLIF; expected"),
    ],
)
def test_what_no_stock_process_does_is_refused_by_name(graph, integers, wanted):
    with pytest.raises(eq.InputError) as error:
        describe(graph, integers)
    assert wanted in str(error.value) and "\n" not in str(error.value)


@pytest.mark.peer
@pytest.mark.usefixtures("lava")
def test_a_current_that_a_lif_cannot_shift_is_refused():
    graph = around(eq.IF(threshold=64.0))
    x = {"in": [[1]], "p": [[7, 64]]}
    with pytest.raises(
        eq.InputError, match=r"the current of 'p' holds 7; expected multiples of 64"
    ):
        eq.run(graph, x, steps=2, precision="chip", backend="lava")


@pytest.mark.peer
@pytest.mark.usefixtures("lava")
def test_processes_of_lava_are_read_as_the_page_says(monkeypatch):
    """The graph holds what Lava was told; that such graphs run alike is what all else tests."""
    # Lava sets how processes start when it is imported; here that may be set already.
    monkeypatch.setattr(multiprocessing, "set_start_method", lambda method: None)
    from lava.proc.dense.process import Dense
    from lava.proc.lif.process import LIF

    lif = LIF(shape=(3,), du=4095, dv=163, vth=25, bias_mant=np.array([0, 3, -4]), bias_exp=2)
    dense = Dense(weights=np.array([[10, -20], [4, 8], [255, 0]]), weight_exp=1)
    graph = recipe("lava")(lif, dense)
    unit = graph.population("units").unit
    assert (unit.threshold, unit.decay * 4096, unit.current_decay) == (1600.0, 163.0, 1.0)
    assert graph.population("units").per_unit("bias").tolist() == [0, 12, -16]
    # Of both signs, a mantissa is even and at most 254: what a synapse of Loihi holds.
    assert graph.projections[0].weights.tolist() == [[1280, 512, 32512], [-2560, 1024, 0]]
    eq.run(graph, [[1, 0]], steps=5, precision="chip", backend="reference")
