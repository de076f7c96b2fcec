"""A problem as a process graph: plain data, what it refuses, and where it goes. No Lava here."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st

from eqchip.backends import packages
from eqchip.backends.lava import builder
from eqchip.backends.lava import solve as backend
from eqchip.backends.lava.export import export_lava
from eqchip.backends.reference import floating as reference
from eqchip.emulator.description.coding import Coding, OptimalStepSize, Polynomial
from eqchip.emulator.description.connections import AvgPool2d, Conv2d, Dense, MaxPool2d
from eqchip.emulator.description.fixedpoint import quantize
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem
from eqchip.mapping.processes.graph import Edge, process_graph
from eqchip.mapping.processes.learning import with_learning
from eqchip.mapping.processes.matrices import matrix_of
from eqchip.mapping.processes.stock import with_stock_dense


def problem(**changes) -> Problem:
    """Four layers, a nudge from the end of the free phase."""
    net = Network.dense([4, 3, 3, 2], seed=1)
    asked = {
        "coding": Coding("sigma-delta", Polynomial(0.5, 1.0), Polynomial(0.5)),
        "phases": [Free(3), Nudged(2, [[1.0, 0.0]], beta=0.5), Free(2, from_free=True)],
        "precision": "chip",
    }
    return pose(net, [[0.0, 0.25, 0.5, 1.0]], **(asked | changes))


def test_a_layer_is_joined_to_both_neighbours_and_the_clamped_one_receives_nothing():
    graph = process_graph(problem())
    assert [node.name for node in graph.layers] == ["layer_0", "layer_1", "layer_2", "layer_3"]
    assert [node.feedback for node in graph.connections] == [False, True, True]
    into = [(e.source, e.target) for e in graph.edges if e.in_port == "a_in"]
    assert into == [
        ("dense_1", "layer_1"),
        ("dense_2", "layer_2"),
        ("dense_3", "layer_3"),
        ("dense_2", "layer_1"),  # feedback after all forward sums: the order of a port
        ("dense_3", "layer_2"),
    ]
    assert Edge("layer_3", "q_out", "dense_3", "q_post") in graph.edges


def test_tables_have_a_row_per_step_run_and_say_where_state_is_kept_and_taken_back():
    tables = process_graph(problem()).tables
    assert tables.t.tolist() == [1, 2, 3, 4, 5, 4, 5]
    assert tables.phase.tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert tables.save.tolist() == [0, 0, 1, 0, 0, 0, 0]
    assert tables.restore.tolist() == [0, 0, 0, 0, 0, 1, 0]
    assert tables.nudge.tolist() == [0, 0, 0, 4096, 4096, 0, 0]  # 2 beta over 2**12
    # 1 / (2 t) as 4096 less the rounded decay
    assert tables.eps.tolist() == [2048, 1024, 683, 512, 410, 512, 410]
    assert tables.lam.tolist() == [2048] * 7 and tables.inverse.tolist() == [8192] * 7


def test_weights_are_those_that_the_emulator_rounds_to():
    given = problem()
    for node, weights in zip(process_graph(given).connections, given.network.weights, strict=True):
        found = quantize(weights, given.fixed)
        np.testing.assert_array_equal(node.weights, found.codes)
        assert node.exponent == found.exponent


def test_an_injected_current_takes_the_place_of_the_first_layer_and_connection():
    graph = process_graph(problem(input="current"))
    assert [node.name for node in graph.layers] == ["layer_1", "layer_2", "layer_3"]
    assert [node.name for node in graph.connections] == ["dense_2", "dense_3"]
    assert graph.current is not None and graph.current.name == "dense_1"


@pytest.mark.parametrize("precision", ["chip", "float64"])
def test_a_saved_graph_is_read_back(precision, tmp_path):
    graph = process_graph(problem(precision=precision))
    graph.save(tmp_path)
    constants, arrays = builder.load(tmp_path)
    assert constants == json.loads(json.dumps(graph.to_dict())) == graph.to_dict()
    assert graph.arrays().keys() == arrays.keys() - {"format"}
    for name, values in graph.arrays().items():
        np.testing.assert_array_equal(arrays[name], values)
        assert arrays[name].dtype == values.dtype


def test_adaptive_step_sizes_have_no_table():
    coding = Coding("sigma-delta", OptimalStepSize(0.25), None)
    graph = process_graph(problem(coding=coding, precision="float64"))
    assert graph.tables.eps is None and graph.tables.lam is None
    assert graph.adaptive == {"nu_bar": 0.25, "regularizer": 1e-15}


# --- convolutions -------------------------------------------------------------------------


def with_convolutions(**changes) -> Problem:
    """6x6x1, an average of 2x2 behind a convolution, one with padding, 3 outputs."""
    first = Conv2d((6, 6, 1), 2, kernel=3, pool=AvgPool2d(2))
    net = Network.chain([first, Conv2d((2, 2, 2), 3, 2, padding=1), Dense(27, 3)], seed=1)
    asked = {"coding": Coding(), "phases": [Free(3)], "precision": "chip"}
    return pose(net, np.linspace(0.0, 1.0, 36)[None], **(asked | changes))


@settings(deadline=None)
@given(connection=strategies.convolutions(max_pooling=False), seed=st.integers(0, 2**32 - 1))
def test_the_matrix_of_a_convolution_is_that_of_the_reference(connection, seed):
    stored = np.random.default_rng(seed).normal(size=connection.weight_shape)
    weights = connection.synapse_weights(stored)
    np.testing.assert_array_equal(
        matrix_of(connection, weights), reference.rows(connection, weights)
    )
    codes = np.round(20 * weights).astype(np.int8)
    assert matrix_of(connection, codes).dtype == np.int8


def test_a_convolution_is_the_matrix_of_the_codes_of_its_merged_kernel():
    given = with_convolutions()
    connection, node = given.network.connections[0], process_graph(given).connections[0]
    found = quantize(connection.synapse_weights(given.network.weights[0]), given.fixed)
    np.testing.assert_array_equal(node.weights, reference.rows(connection, found.codes))
    assert (node.exponent, node.weights.shape) == (found.exponent, (36, 8))


def test_the_text_says_which_convolutions_the_matrices_are_of():
    lines = str(process_graph(with_convolutions(precision="float64"))).splitlines()
    assert lines[5:8] == [
        "  SymDense conv_1: 36x8, matrix of Conv2d 6x6x1 -> 2 of 3x3, mean of 2x2, exponent 0, "
        "one way",
        "  SymDense conv_2: 8x27, matrix of Conv2d 2x2x2 -> 3 of 2x2, padding 1, exponent 0, "
        "two ways",
        "  SymDense dense_3: 27x3, exponent 0, two ways",
    ]
    graph = process_graph(with_convolutions(precision="float64", input="current"))
    assert str(graph).splitlines()[4] == (
        "  current  conv_1: 36x8, matrix of Conv2d 6x6x1 -> 2 of 3x3, mean of 2x2, exponent 0, "
        "by the host"
    )
    written = graph.to_dict()
    assert written["current"]["convolution"] == "Conv2d 6x6x1 -> 2 of 3x3, mean of 2x2"
    assert [node["convolution"] is None for node in written["connections"]] == [False, True]


def test_maximum_pooling_and_learning_with_a_kernel_are_refused_by_name(tmp_path):
    net = Network.chain([Conv2d((6, 6, 1), 2, kernel=3, pool=MaxPool2d(2)), Dense(8, 3)])
    asked = {"coding": Coding(), "phases": [Free(3)], "precision": "float64"}
    with pytest.raises(InputError, match=r"connection 1 \(6x6x1 -> 2 of 3x3\) has MaxPool2d"):
        process_graph(pose(net, np.ones((1, 36)), **asked))
    learning = {"beta": 0.5, "lr": 0.1, "rule": "full"}
    phases = [Free(3), Nudged(2, [[1.0, 0.0, 0.0]], beta=0.5)]
    given = with_convolutions(precision="float64", phases=phases)
    with pytest.raises(InputError, match=r"learning with connection 1 \(6x6x1 -> 2 of 3x3\)"):
        export_lava(given, tmp_path, learning=learning)


# --- refusals -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"precision": "float32"},
            "process graph has no precision 'float32'; expected 'float64' or 'chip'",
        ),
        ({"precision": "float64", "coding": Coding.real_valued()}, "quantizer is 'none'"),
    ],
)
def test_what_the_processes_do_not_compute_is_refused(changes, text):
    with pytest.raises(InputError, match=text):
        process_graph(problem(**changes))


def test_another_python_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(packages.sys, "version_info", (3, 9, 0))
    with pytest.raises(InputError, match=r"expected Python .* pip install 'eqchip\[lava\]'"):
        backend.solve(problem())


@pytest.mark.parametrize(
    ("changes", "rule", "beta", "text"),
    [
        ({}, "full", 0.5, "precision 'chip'"),
        ({"precision": "float64", "input": "current"}, "full", 0.5, "input 'current'"),
        ({"precision": "float64"}, "symmetric", 0.5, r"a nudged phase with beta -0\.5"),
        ({"precision": "float64"}, "full", 0.25, r"a nudged phase with beta 0\.25"),
    ],
)
def test_learning_that_the_processes_cannot_do_is_refused(changes, rule, beta, text):
    given = problem(**changes)
    with pytest.raises(InputError, match=text):
        with_learning(process_graph(given), given, beta=beta, lr=0.1, rule=rule)


def test_learning_contrasts_the_ends_of_the_last_free_and_the_nudged_phase():
    given = problem(precision="float64")
    graph = with_learning(process_graph(given), given, beta=0.5, lr=[1, 2, 3], rule="full")
    assert graph.learning == {
        "rule": "full", "minus": 6, "plus": 4, "factors": [2.0, 4.0, 6.0],
        "products": [("minus", "change"), ("change", "plus")],
    }  # fmt: skip
    assert Edge("layer_0", "s_out", "dense_1", "s_pre") in graph.edges


def test_stock_dense_processes_hold_even_weights_once_per_direction():
    graph = process_graph(problem(phases=[Free(3)]))
    stock = with_stock_dense(graph)
    names = [node.name for node in stock.connections]
    assert names[:3] == ["dense_1_forward", "dense_2_forward", "dense_2_back"]
    for node in stock.connections:
        codes = graph.connections[node.connection]
        back = node.name.endswith("back")
        expected = codes.weights if back else codes.weights.T
        np.testing.assert_array_equal(node.weights, 2 * expected.astype(int))
        assert node.exponent == codes.exponent - 1
    with pytest.raises(InputError, match="from_free"):
        with_stock_dense(process_graph(problem()))


def test_a_missing_lava_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "lava", None)  # as if it were not installed
    monkeypatch.setattr(packages.sys, "version_info", (3, 10, 0))
    with pytest.raises(InputError, match=r"not installed.* pip install 'eqchip\[lava\]'"):
        backend.solve(problem())


def test_the_export_refuses_a_directory_in_use_and_a_name_that_is_none(tmp_path):
    with pytest.raises(InputError, match="name of a Python package"):
        export_lava(problem(), tmp_path, name="no name")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="in use"):
        export_lava(problem(), tmp_path)


def test_an_export_needs_no_lava_and_names_eqchip_nowhere_in_its_code(tmp_path):
    export_lava(problem(), tmp_path / "new", name="taken_along")
    sources = list(tmp_path.rglob("*.py"))
    assert len(sources) == 9
    assert not [path for path in sources if "eqchip." in path.read_text()]
    beside = {path.name for path in (tmp_path / "new/taken_along/processes").iterdir()}
    assert beside == {"__init__.py", "ep_layer.py", "sym_dense.py"}  # Lava executes all of them


def test_the_processes_import_nothing_of_eqchip():
    spec = importlib.util.find_spec("eqchip.backends.lava.processes")
    (folder,) = spec.submodule_search_locations
    sources = list(Path(folder).glob("*.py"))
    assert len(sources) == 5
    assert not [path for path in sources if "eqchip" in path.read_text()]
