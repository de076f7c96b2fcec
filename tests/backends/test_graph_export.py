"""Graphs written for other tools: what is written runs without eqchip, and does the same."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from optional_packages import need

import eqchip as eq
from eqchip.__main__ import main

BOTH = ("spikes", "potentials")


@pytest.fixture(scope="module")
def graph() -> eq.Graph:
    rng = np.random.default_rng(1)
    return eq.Graph(
        [
            eq.Population("in", eq.Input(), 4),
            eq.Population("hidden", eq.LIF(decay=0.25, threshold=0.5), 5),
            eq.Population("out", eq.LI(decay=0.125), 2),
        ],
        [
            eq.Projection("in", "hidden", rng.normal(0.1, 0.4, (4, 5)), delay=1),
            eq.Projection("hidden", "hidden", rng.normal(0, 0.3, (5, 5))),
            eq.Projection("hidden", "out", rng.normal(0, 0.3, (5, 2))),
        ],
    )


def runs(folder):
    """What the written program finds, with no eqchip to import."""
    hidden = "import sys; sys.modules['eqchip'] = None; sys.argv = sys.argv[1:]; import runpy; "
    run = "runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-c", hidden + run, "run.py", ".", "inputs.npz", "results.npz"]
    done = subprocess.run(
        command, cwd=folder, timeout=120, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(folder / "results.npz") as found, np.load(folder / "inputs.npz") as given:
        return dict(found), dict(given)


@pytest.mark.peer
@pytest.mark.parametrize(("to", "precision"), [("brian2", None), ("lava", "chip")])
def test_a_graph_that_was_written_runs_elsewhere_as_here(graph, to, precision, tmp_path):
    need(to, f"pip install 'eqchip[{to}]'")
    files = eq.export(graph, tmp_path / "out", to=to, precision=precision, steps=30, rates=0.5)
    names = {path.name for path in files}
    assert names == {"README.md", "inputs.npz", "network.json", "network.npz", "run.py"}
    found, given = runs(tmp_path / "out")
    asked = eq.quantize(graph).graph if precision else graph
    run = eq.run(asked, given, precision=precision or "float64", record=BOTH, backend="reference")
    assert run.activity.spikes["hidden"] > 10
    assert np.array_equal(found["hidden spikes"], run.spikes["hidden"])
    for name in ("hidden", "out"):
        assert np.array_equal(found[f"{name} potentials"], run.potentials[name])


def test_the_command_writes_a_graph_that_it_reads(graph, tmp_path, capsys):
    path = tmp_path / "graph.npz"
    eq.save_graph(path, graph)
    assert (
        main(["export", str(path), "--to", "brian2", "--out", str(tmp_path / "out"), "--json"]) == 0
    )
    document = json.loads(capsys.readouterr().out)
    assert any(name.endswith("run.py") for name in document["files"])


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"to": "nowhere"}, "to is 'nowhere'; expected one of brian2, lava, nir"),
        ({"to": "nir", "precision": "chip"}, "--precision is given with --to nir; expected it"),
        ({"to": "brian2", "free_steps": 3}, "--free-steps is given with --to brian2; expected"),
        ({"to": "brian2", "rates": 2.0}, "rates is 2.0; expected spikes of a unit in a step"),
    ],
)
def test_settings_that_a_tool_does_not_take_are_refused(graph, settings, wanted, tmp_path):
    with pytest.raises(eq.InputError) as error:
        eq.export(graph, tmp_path / "out", **settings)
    assert wanted in str(error.value) and "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_a_directory_in_use_is_left_alone(graph, tmp_path):
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(eq.InputError, match="is in use; expected a new or empty directory"):
        eq.export(graph, tmp_path, to="brian2")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_what_lava_cannot_carry_is_refused_by_name_and_nothing_is_written(tmp_path):
    graph = eq.Graph(
        [eq.Population("in", eq.Input(), 1), eq.Population("p", eq.IF(reset="subtract"), 1)],
        [eq.Projection("in", "p", [[1.0]])],
        outputs=["p"],
    )
    with pytest.raises(eq.InputError, match="lava: population 'p': reset is 'subtract'"):
        eq.export(graph, tmp_path / "out", to="lava")
    assert not (tmp_path / "out").exists()
