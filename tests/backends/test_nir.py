"""A network goes to NIR and comes back equal; a file that says something else is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import strategies
from forked_hdf5 import forked_hdf5  # noqa: F401, a fixture
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from optional_packages import need
from small_runs import small_config

from eqchip.__main__ import main
from eqchip.backends.nir.metadata import FORMAT, KEY, SAID
from eqchip.backends.nir.write import edges, read_nir, write_nir
from eqchip.backends.reference import floating as reference
from eqchip.emulator.description.coding import Coding, OptimalStepSize, Polynomial
from eqchip.emulator.description.connections import AvgPool2d, Conv2d, Dense, MaxPool2d
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.network import Network
from eqchip.emulator.errors import InputError
from eqchip.emulator.training.runs import RunDirectory

pytestmark = [pytest.mark.peer, pytest.mark.usefixtures("forked_hdf5")]

SIZES = [4, 3, 2, 3]
LEARNING = Learning(rule="full", beta=0.1, free_steps=7, nudged_steps=3, split_stream=True)


@pytest.fixture(scope="module")
def nir():
    need("nir", "pip install 'eqchip[nir]'")
    import nir

    return nir


def drawn_network(dtype: type = np.float64) -> Network:
    rng = np.random.default_rng(0)
    return Network.dense(
        SIZES,
        weights=[
            rng.normal(size=(a, b)).astype(dtype) for a, b in zip(SIZES, SIZES[1:], strict=False)
        ],
        biases=[rng.normal(size=n) for n in SIZES[1:]],
    )


def with_convolutions() -> Network:
    """6x6x1, an average of 2x2 behind a convolution, one with padding, 3 outputs; all positive."""
    first = Conv2d((6, 6, 1), 2, kernel=3, pool=AvgPool2d(2))
    connections = [first, Conv2d((2, 2, 2), 3, 2, padding=1), Dense(27, 3)]
    rng = np.random.default_rng(2)
    return Network.chain(
        connections,
        weights=[0.05 * rng.random(c.weight_shape) for c in connections],
        biases=[0.1 * rng.random(c.post_shape) for c in connections],
    )


def assert_same_network(got: Network, expected: Network) -> None:
    assert got.layers == expected.layers and got.connections == expected.connections
    pairs = zip(got.weights + got.biases, expected.weights + expected.biases, strict=True)
    for one, other in pairs:
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert one.tobytes() == other.tobytes()


@pytest.fixture
def path(nir, tmp_path) -> Path:
    """A written file, to be damaged."""
    path = tmp_path / "network.nir"
    write_nir(drawn_network(), path, coding=Coding(), learning=LEARNING)
    return path


def rewritten(nir, path: Path, change) -> None:
    """Read the graph as another tool would, change it, and write it again."""
    graph = nir.read(path)
    change(graph)
    nir.write(path, graph)


def without_digest(graph) -> None:
    document = json.loads(graph.metadata[KEY])
    del document["digest"]
    graph.metadata[KEY] = json.dumps(document)


# --- there and back -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "coding",
    [
        None,
        Coding(),
        Coding("bernoulli", Polynomial(1.0, 0.1 + 0.2), None),
        Coding(step_size=OptimalStepSize(0.0346, 1e-3)),
        Coding.real_valued(1 / 3),
    ],
)
def test_a_network_comes_back_to_the_bit(nir, tmp_path, dtype, coding):
    network = drawn_network(dtype)
    path = tmp_path / "network.nir"
    write_nir(network, path, coding=coding, input="current", learning=LEARNING)
    found = read_nir(path)
    assert_same_network(found.network, network)
    assert (found.coding, found.input, found.learning) == (coding, "current", LEARNING)


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_drawn_networks_come_back_to_the_bit(nir, tmp_path_factory, data):
    problem = data.draw(strategies.problems(max_width=6))
    assume(all(type(connection) in SAID for connection in problem.network.connections))
    path = tmp_path_factory.mktemp("drawn") / "network.nir"
    write_nir(problem.network, path, coding=problem.coding, input=problem.input)
    found = read_nir(path)
    assert_same_network(found.network, problem.network)
    assert (found.coding, found.input, found.learning) == (problem.coding, problem.input, None)


def test_convolutions_come_back_to_the_bit(nir, tmp_path):
    path, network = tmp_path / "network.nir", with_convolutions()
    write_nir(network, path, coding=Coding())
    assert_same_network(read_nir(path).network, network)
    graph = nir.read(path)
    for k, (connection, kernel) in enumerate(
        zip(network.connections[:2], network.weights, strict=False), start=1
    ):
        expected = reference.rows(connection, connection.synapse_weights(kernel))
        np.testing.assert_array_equal(graph.nodes[f"up_{k}"].weight, expected.T)
        np.testing.assert_array_equal(graph.nodes[f"up_{k}"].metadata["kernel"], kernel)
    document = json.loads(graph.metadata[KEY])
    assert document["layers"] == [[6, 6, 1], [2, 2, 2], [3, 3, 3], [3]]
    kinds = {"kind": "Conv2d", "channels": 2, "kernel": 3, "stride": 1, "padding": 0}
    assert document["connections"][0].items() >= {**kinds, "average_pool": 2}.items()


def test_maximum_pooling_is_refused_by_name(nir, tmp_path):
    net = Network.chain([Conv2d((6, 6, 1), 2, kernel=3, pool=MaxPool2d(2))])
    with pytest.raises(
        InputError, match=r"nir has no maximum pooling \(connection 1 \(6x6x1 -> 2 of 3x3\)"
    ):
        write_nir(net, tmp_path / "network.nir")
    assert not list(tmp_path.iterdir())


def test_another_tool_finds_leaky_integrators_and_both_directions(nir, path):
    graph, network = nir.read(path), drawn_network()
    assert sorted(graph.edges) == sorted(edges(4))
    for k, (weights, biases) in enumerate(
        zip(network.weights, network.biases, strict=True), start=1
    ):
        np.testing.assert_array_equal(graph.nodes[f"up_{k}"].weight, weights.T)
        layer = graph.nodes[f"layer_{k}"]
        assert type(layer) is nir.LI
        np.testing.assert_array_equal(layer.v_leak, biases)
        assert (layer.tau == 1).all() and (layer.r == 1).all()
        if k > 1:
            np.testing.assert_array_equal(graph.nodes[f"dn_{k}"].weight, weights)
    assert "dn_1" not in graph.nodes  # nothing leads back into the clamped input
    document = json.loads(graph.metadata[KEY])
    assert document["format"] == FORMAT == "eqchip-nir 1"
    assert [phase["kind"] for phase in document["phases"]] == ["free", "nudged", "free"]


@pytest.mark.parametrize("kind", ["dense", "convolutions"])
def test_the_graph_relaxes_to_the_free_fixed_point_of_the_network(nir, tmp_path, kind):
    """The equations of LI and Linear alone, run as a tool would that knows nothing of eqchip."""
    import eqchip as eq

    rng = np.random.default_rng(1)
    network = Network.dense(
        SIZES,
        weights=[0.2 * rng.random((a, b)) for a, b in zip(SIZES, SIZES[1:], strict=False)],
        biases=[0.1 * rng.random(n) for n in SIZES[1:]],
    )
    if kind == "convolutions":
        network = with_convolutions()
    path, x = tmp_path / "network.nir", rng.random(network.sizes[0])
    write_nir(network, path)
    graph = nir.read(path)
    v = {name: np.zeros(len(node.r)) for name, node in graph.nodes.items() if hasattr(node, "r")}
    out = {"input": x, **v}
    for _ in range(400):
        signals = {
            a: graph.nodes[a].weight @ out[b] for b, a in graph.edges if a[:3] in ("up_", "dn_")
        }
        current = {name: np.zeros_like(value) for name, value in v.items()}
        for source, target in graph.edges:
            if target in v:
                current[target] = current[target] + signals[source]
        for name in v:
            node = graph.nodes[name]
            v[name] = v[name] + 0.1 / node.tau * (node.v_leak - v[name] + node.r * current[name])
        out = {"input": x, **v}
    run = eq.run(
        network, [x], coding=Coding.real_valued(0.1), phases=[eq.Free(400)], precision="float64"
    )
    for k, s in enumerate(run.ends[0][1:], start=1):
        assert s.min() > 0 and s.max() < 1  # no unit is clipped: what NIR cannot say is not used
        np.testing.assert_allclose(v[f"layer_{k}"], s[0].ravel(), rtol=0, atol=1e-9)


# --- what is refused ----------------------------------------------------------------------


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as error:
        read_nir(path)
    text = str(error.value)
    assert text.startswith(f"{path}: ") and "\n" not in text
    return text


def test_directions_that_differ_are_refused_and_the_connection_is_named(nir, path):
    def change(graph):
        without_digest(graph)
        graph.nodes["dn_2"].weight[1, 0] += 1.0

    rewritten(nir, path, change)
    assert "connection 2 (3 -> 2): the weight between units 1 and 0 is " in refusal(path)


def test_a_change_of_both_directions_is_seen_unless_the_digest_is_taken_out(nir, path):
    def change(graph):
        graph.nodes["dn_2"].weight[1, 0] = graph.nodes["up_2"].weight[0, 1] = 0.5

    rewritten(nir, path, change)
    assert "digest" in refusal(path)
    rewritten(nir, path, without_digest)
    assert read_nir(path).network.weights[1][1, 0] == 0.5


def test_a_bias_that_was_changed_is_seen(nir, path):
    rewritten(nir, path, lambda graph: graph.nodes["layer_3"].v_leak.__setitem__(0, 9.0))
    assert "digest" in refusal(path)


@pytest.fixture
def convolutions(nir, tmp_path) -> Path:
    """A written file of a network with convolutions, to be damaged."""
    path = tmp_path / "convolutions.nir"
    write_nir(with_convolutions(), path)
    return path


def test_a_matrix_that_is_not_of_its_kernel_is_refused_and_the_connection_is_named(
    nir, convolutions
):
    def change(graph):
        without_digest(graph)
        graph.nodes["up_1"].weight[5, 8] += 1.0

    rewritten(nir, convolutions, change)
    text = refusal(convolutions)
    assert "connection 1 (36 -> 8): the weight between units 8 and 5 is " in text
    assert "in up_1" in text and "its kernel" in text


def of_connection(k: int, **changes):
    def change(graph):
        document = json.loads(graph.metadata[KEY])
        document["connections"][k].update(changes)
        graph.metadata[KEY] = json.dumps(document)

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (of_connection(0, kernel=0), ["connection 1", "kernel is 0"]),
        (of_connection(0, kernel=None), ["connection 1", "kernel is None"]),
        (of_connection(0, average_pool=3), ["connection 1", "windows of 3"]),
        (of_connection(0, average_pool=None), ["layers"]),
        (of_connection(1, kind="Conv3d"), ["connection 2: kind", "Conv3d"]),
        (of_connection(2, kind="Conv2d"), ["connection 3", "channels"]),
        (of_connection(0, dilation=1), ["connection 1: dilation is 1"]),
        (lambda graph: graph.nodes["up_2"].metadata.clear(), ["kernel of up_2", "(2, 2, 2, 3)"]),
    ],
)
def test_a_foreign_convolution_is_refused_in_one_line(nir, convolutions, change, words):
    rewritten(nir, convolutions, change)
    text = refusal(convolutions)
    assert all(word in text for word in words), text


def set_metadata(**changes):
    def change(graph):
        document = json.loads(graph.metadata[KEY])
        graph.metadata[KEY] = json.dumps({**document, **changes})

    return change


def remove_node(graph):
    del graph.nodes["dn_3"]
    graph.edges = [edge for edge in graph.edges if "dn_3" not in edge]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda graph: graph.metadata.clear(), ["no 'eqchip'"]),
        (lambda graph: graph.metadata.update({KEY: "{"}), ["no valid JSON"]),
        (lambda graph: graph.metadata.update({KEY: 3}), ["no valid JSON"]),
        (set_metadata(format="eqchip-nir 2"), ["'eqchip-nir 2'", "'eqchip-nir 1'"]),
        (set_metadata(layers=[[4], [0]]), ["layers"]),
        (set_metadata(layers=[[4], [3], [2], [4]]), ["up_3", "(3, 2)", "(4, 2)"]),
        (set_metadata(coding={"quantizer": "dice"}), ["coding"]),
        (set_metadata(input="drip"), ["input"]),
        (set_metadata(learning={"beta": -1.0}), ["learning", "beta is -1.0"]),
        (set_metadata(phases=None), ["phases"]),
        (set_metadata(clamped=["output"]), ["clamped"]),
        (set_metadata(more=1), ["more"]),
        (remove_node, ["'dn_3' is missing"]),
        (lambda graph: graph.edges.remove(("dn_3", "layer_2")), ["is not one that eqchip writes"]),
        (lambda graph: graph.edges.append(("layer_3", "up_2")), ["layer_3 -> up_2"]),
        (lambda graph: graph.nodes["layer_1"].tau.__setitem__(0, 2.0), ["tau of layer_1"]),
    ],
)
def test_a_foreign_or_changed_file_is_refused_in_one_line(nir, path, change, words):
    rewritten(nir, path, change)
    text = refusal(path)
    assert all(word in text for word in words), text


def test_other_files_are_refused_by_name(nir, tmp_path):
    for name, content in (("empty.nir", b""), ("text.nir", b"weights, honest")):
        (tmp_path / name).write_bytes(content)
        assert "no NIR file" in refusal(tmp_path / name)
    assert "no such file" in refusal(tmp_path / "nothing.nir")
    assert "no NIR file" in refusal(tmp_path)
    graph = nir.NIRGraph.from_list(nir.Linear(weight=np.ones((2, 3))), nir.IF(*np.ones((2, 2))))
    nir.write(tmp_path / "foreign.nir", graph)
    assert "expected a file that eqchip wrote" in refusal(tmp_path / "foreign.nir")


def test_a_damaged_byte_is_refused_or_changes_nothing(nir, path):
    whole, expected = path.read_bytes(), read_nir(path)
    rng = np.random.default_rng(0)
    refused = 0
    for place in rng.choice(len(whole), 150, replace=False):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            found = read_nir(path)
        except InputError:
            refused += 1
            continue
        assert_same_network(found.network, expected.network)
        assert (found.coding, found.learning) == (expected.coding, expected.learning)
    assert refused > 10
    for length in range(0, len(whole), max(len(whole) // 20, 1)):
        path.write_bytes(whole[:length])
        refusal(path)


# --- eqchip export --to nir ---------------------------------------------------------------


@pytest.fixture
def run(tmp_path) -> RunDirectory:
    """A run directory with the network that training begins with."""
    run = RunDirectory.create(tmp_path / "run", small_config(), "eqchip train")
    run.save_network(run.config.network())
    return run


def test_export_writes_what_reads_back_as_the_run(nir, run, tmp_path, capsys):
    target = tmp_path / "out.nir"
    assert main(["export", str(run.path), "--to", "nir", "--out", str(target), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["files"] == {str(target): target.stat().st_size}
    found = read_nir(target)
    assert_same_network(found.network, run.network())
    assert found.coding == run.config.coding and found.learning == run.config.learning
    assert main(["export", str(run.path), "--to", "nir", "--out", str(target), "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert str(target) in out and err == ""


def test_export_refuses_in_one_line(nir, run, tmp_path, capsys):
    (tmp_path / "folder").mkdir()
    for arguments, word in (
        ([str(run.path), "--to", "nir", "--out", str(tmp_path / "folder")], "folder"),
        ([str(run.path), "--to", "nir", "--out", str(tmp_path / "no" / "file.nir")], "no"),
        ([str(tmp_path), "--to", "nir", "--out", str(tmp_path / "x.nir")], "no run here"),
        ([str(run.path), "--to", "onnx", "--out", str(tmp_path / "x.nir")], "onnx"),
        ([str(run.path), "--to", "nir"], "--out"),
        (
            [str(run.path), "--to", "nir", "--out", str(tmp_path / "x.nir"), "--samples", "1"],
            "--samples",
        ),
    ):
        assert main(["export", *arguments]) == 2
        out, err = capsys.readouterr()
        (line,) = err.splitlines()
        assert out == "" and line.startswith("eqchip: error: ") and word in line
    assert not (tmp_path / "x.nir").exists()


def test_without_nir_it_is_said_what_to_install(monkeypatch, run, tmp_path, capsys):
    import sys

    monkeypatch.setitem(sys.modules, "nir", None)
    assert main(["export", str(run.path), "--to", "nir", "--out", str(tmp_path / "x.nir")]) == 2
    assert "pip install 'eqchip[nir]'" in capsys.readouterr().err
    with pytest.raises(InputError, match="nir is not installed"):
        read_nir(tmp_path / "x.nir")
