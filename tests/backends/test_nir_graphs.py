"""NIR graphs that other tools wrote: what each primitive is here, what is refused, whole files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from optional_packages import need

import eqchip as eq
from eqchip.backends.nir import tree
from eqchip.backends.nir.tree import Node
from eqchip.backends.nir.wires import WIRES, eqchip_order, eqchip_shape

pytestmark = pytest.mark.peer

FILES = Path(__file__).parents[1] / "golden" / "nir"
MORE = Path(os.environ.get("EQCHIP_NIR_FILES", FILES))
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def nir():
    need("nir", "pip install 'eqchip[nir]'")
    import nir

    return nir


def chain(nir, *nodes, shape, out):
    """Nodes in a row between an input and an output, in a file."""
    named = {"in": nir.Input(input_type=np.array(shape))}
    named |= {f"n{k}": node for k, node in enumerate(nodes)}
    named["out"] = nir.Output(output_type=np.array(out))
    names = list(named)
    return nir.NIRGraph(named, list(zip(names, names[1:], strict=False)), type_check=False)


def read(nir, graph, folder, **asked):
    nir.write(folder / "graph.nir", graph)
    return eq.read_nir(folder / "graph.nir", **asked)


def what_arrives(imported, sent, target="out"):
    """The sum that one step's messages bring to a population, in NIR's order, (batch, units)."""
    graph = imported.graph
    source = graph.population("in")
    shape = np.shape(sent)[1:]
    given = np.empty((len(sent), source.size))
    given[:, eqchip_order(shape)] = np.reshape(sent, (len(sent), -1))
    populations = [
        eq.Population("in", eq.Input(graded=True), source.shape) if p.name == "in" else p
        for p in graph.populations
    ]
    graded = eq.Graph(populations, graph.projections, graph.outputs)
    run = eq.run(graded, {"in": given}, steps=2, precision="float64", backend="reference")
    found = run.ends[target].reshape(len(sent), -1)
    return found


def plain_conv(x, weight, bias, stride, padding, dilation, groups):
    """A convolution over (batch, channels, height, width), by its definition."""
    x = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    own, per_group = weight.shape[1], weight.shape[0] // groups
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, weight.shape[2:], strict=True)]
    size = [(x.shape[2 + a] - reach[a]) // stride[a] + 1 for a in (0, 1)]
    out = np.zeros((len(x), weight.shape[0], *size))
    for o, i, j in np.ndindex(out.shape[1:]):
        first = o // per_group * own
        rows = slice(i * stride[0], i * stride[0] + reach[0], dilation[0])
        columns = slice(j * stride[1], j * stride[1] + reach[1], dilation[1])
        window = x[:, first : first + own, rows, columns]
        out[:, o, i, j] = (window * weight[o]).sum((1, 2, 3)) + bias[o]
    return out


CONVOLUTIONS = [
    ((2, 6, 6), (3, 2, 3, 3), (1, 1), (1, 1), (1, 1), 1, "Conv2d"),
    ((2, 7, 7), (3, 2, 3, 3), (2, 2), (0, 0), (1, 1), 1, "Conv2d"),
    ((2, 6, 6), (3, 2, 3, 3), (2, 2), (1, 1), (1, 1), 1, "Sparse"),  # a place is left over
    ((2, 6, 5), (4, 1, 2, 3), (1, 2), (0, 1), (2, 1), 2, "Sparse"),
]


@pytest.mark.parametrize(
    ("shape", "weight", "stride", "padding", "dilation", "groups", "kind"), CONVOLUTIONS
)
def test_a_convolution_is_the_one_of_nir(
    nir, tmp_path, shape, weight, stride, padding, dilation, groups, kind
):
    weight, bias = RNG.normal(size=weight), RNG.normal(size=weight[0])
    node = nir.Conv2d(shape[1:], weight, stride, padding, dilation, groups, bias)
    x = RNG.normal(size=(2, *shape))
    expected = plain_conv(x, weight, bias, stride, padding, dilation, groups)
    imported = read(nir, chain(nir, node, shape=shape, out=expected.shape[1:]), tmp_path)
    (projection,) = imported.graph.projections
    assert type(projection.connection).__name__ == kind
    out = imported.graph.population("out")
    assert out.shape == eqchip_shape(expected.shape[1:])
    found = what_arrives(imported, x)[:, eqchip_order(expected.shape[1:])]
    assert np.allclose(found, expected.reshape(2, -1), atol=1e-12)


def test_a_row_of_maps_is_one_projection(nir, tmp_path):
    # sum over windows, convolution, flatten, affine: biases go through what follows them
    kernel, matrix = RNG.normal(size=(3, 2, 2, 2)), RNG.normal(size=(5, 27))
    biases = RNG.normal(size=3), RNG.normal(size=5)
    pool = nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))
    conv = nir.Conv2d((4, 4), kernel, (1, 1), (0, 0), (1, 1), 1, biases[0])
    flatten = nir.Flatten({"input": np.array([3, 3, 3])}, 0, -1)
    affine = nir.Affine(matrix, biases[1])
    graph = chain(nir, pool, conv, flatten, affine, shape=(2, 8, 8), out=(5,))
    imported = read(nir, graph, tmp_path)
    x = RNG.normal(size=(2, 2, 8, 8))
    pooled = x.reshape(2, 2, 4, 2, 4, 2).sum((3, 5))
    z = plain_conv(pooled, kernel, biases[0], (1, 1), (0, 0), (1, 1), 1).reshape(2, -1)
    assert len(imported.graph.projections) == 1
    assert np.allclose(what_arrives(imported, x), z @ matrix.T + biases[1], atol=1e-12)


def test_windows_scales_and_one_dimension(nir, tmp_path):
    pool = nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))
    imported = read(nir, chain(nir, pool, shape=(3, 4, 4), out=(3, 2, 2)), tmp_path)
    assert isinstance(imported.graph.projections[0].connection, eq.SumPool2d)
    x = RNG.normal(size=(2, 3, 4, 4))
    expected = x.reshape(2, 3, 2, 2, 2, 2).mean((3, 5)).reshape(2, -1)
    assert np.allclose(what_arrives(imported, x)[:, eqchip_order((3, 2, 2))], expected)

    scale = nir.Scale(np.array([2.0, -1.0, 0.5]))
    imported = read(nir, chain(nir, scale, shape=(3,), out=(3,)), tmp_path)
    assert isinstance(imported.graph.projections[0].connection, eq.OneToOne)
    assert what_arrives(imported, [[1, 1, 1]]).tolist() == [[2, -1, 0.5]]

    weight = RNG.normal(size=(4, 2, 3))
    conv = nir.Conv1d(9, weight, 2, 1, 1, 1, np.zeros(4))
    imported = read(nir, chain(nir, conv, shape=(2, 9), out=(4, 5)), tmp_path)
    x = RNG.normal(size=(2, 2, 9))
    wide = plain_conv(x[:, :, None], weight[:, :, None], np.zeros(4), (1, 2), (0, 1), (1, 1), 1)
    assert np.allclose(what_arrives(imported, x), wide.reshape(2, -1))


def units_of(nir):
    """Nodes of two units, and what an Euler step of NIR's equations makes of x."""
    tau, syn, r, leak = (np.array(v) for v in ([2e-3, 5e-3], [4e-3, 2e-3], [2.0, 0.5], [0.1, 0.2]))
    threshold, reset, w_in = np.array([0.4, 0.3]), np.array([0.05, 0.0]), np.array([1.5, 1.0])
    a, s = 1e-3 / tau, 1e-3 / syn
    return {
        "LIF": (
            nir.LIF(tau, r, leak, threshold, reset),
            lambda v, i, x: (v + a * (leak - v + r * x), i),
        ),
        "IF": (nir.IF(r, threshold, reset), lambda v, i, x: (v + r * x, i)),
        "LI": (nir.LI(tau, r, leak), lambda v, i, x: (v + a * (leak - v + r * x), i)),
        "I": (nir.I(r), lambda v, i, x: (v + r * x, i)),
        "CubaLIF": (
            nir.CubaLIF(syn, tau, r, leak, threshold, reset, w_in),
            lambda v, i, x: _cuba(v, i, x, a, s, leak, r, w_in),
        ),
        "CubaLI": (
            nir.CubaLI(syn, tau, r, leak, w_in),
            lambda v, i, x: _cuba(v, i, x, a, s, leak, r, w_in),
        ),
    }, threshold, reset  # fmt: skip


def _cuba(v, i, x, a, s, leak, r, w_in):
    i = i + s * (w_in * x - i)
    return v + a * (leak - v + r * i), i


@pytest.mark.parametrize("kind", ["LIF", "IF", "LI", "I", "CubaLIF", "CubaLI"])
def test_a_unit_takes_euler_steps_of_its_equation(nir, tmp_path, kind):
    nodes, threshold, reset = units_of(nir)
    node, step = nodes[kind]
    imported = read(nir, chain(nir, node, shape=(2,), out=(2,)), tmp_path, dt=1e-3)
    sent = RNG.random((60, 1, 2)) < 0.4
    run = eq.run(
        imported.graph, sent, precision="float64", record=("spikes", "potentials"),
        backend="reference",
    )  # fmt: skip
    v, i, before = np.zeros(2), np.zeros(2), np.zeros(2)
    for t in range(60):
        v, i = step(v, i, before)  # a spike arrives a step later
        q = (v > threshold) if kind in ("LIF", "IF", "CubaLIF") else np.zeros(2, bool)
        v, before = np.where(q, reset, v), sent[t, 0]
        ours = run.potentials["n0"][t, 0] * imported.gains["n0"] + imported.offsets["n0"]
        assert np.allclose(ours, v, atol=1e-12), t
        assert (run.spikes["n0"][t, 0] == q).all(), t


def test_a_threshold_has_no_memory(nir, tmp_path):
    graph = chain(nir, nir.Affine(np.array([[0.75]]), np.array([0.0])),
                  nir.Threshold(np.array([0.5])), shape=(1,), out=(1,))  # fmt: skip
    imported = read(nir, graph, tmp_path)
    run = eq.run(imported.graph, np.array([1, 0, 1, 1])[:, None, None], record="spikes",
                 backend="reference")  # fmt: skip
    assert run.spikes["n1"].ravel().tolist() == [0, 1, 0, 1]


def test_graphs_within_graphs_and_circles_and_delays(nir, tmp_path):
    def unit():
        return nir.LIF(*(np.full(2, value) for value in (2e-3, 1.0, 0.0, 0.3)))

    inner = nir.NIRGraph(
        {
            "input": nir.Input(np.array([2])),
            "lif": unit(),
            "rec": nir.Linear(np.array([[0.0, 0.5], [0.25, 0.0]])),
            "wait": nir.Delay(np.array([0.002, 0.001])),
            "output": nir.Output(np.array([2])),
        },
        [("input", "lif"), ("lif", "wait"), ("wait", "rec"), ("rec", "lif"), ("lif", "output")],
    )
    outer = nir.NIRGraph(
        {
            "a": nir.Input(np.array([2])),
            "up": nir.Linear(np.eye(2)),
            "sub": inner,
            "last": unit(),
            "b": nir.Output(np.array([2])),
            "c": nir.Output(np.array([2])),
        },
        [("a", "up"), ("up", "sub"), ("sub", "last"), ("last", "b"), ("sub", "c"), ("a", "last")],
    )
    imported = read(nir, outer, tmp_path, dt=1e-3)
    graph = imported.graph
    assert {p.name for p in graph.populations} == {"a", "sub.lif", "last"}
    assert set(graph.outputs) == {"last", "sub.lif"}
    pairs = {(p.pre, p.post) for p in graph.projections}
    assert pairs == {("a", "sub.lif"), ("sub.lif", "sub.lif"), ("sub.lif", "last"), ("a", "last")}
    (loop,) = (p for p in graph.projections if p.pre == p.post)
    assert loop.weights.tolist() == [[0, 0.25], [0.5, 0]]  # (pre, post)
    assert loop.delay.tolist() == [[2, 2], [1, 1]]


def test_a_bias_into_a_current_is_a_unit_that_always_fires(nir, tmp_path):
    cuba = nir.CubaLIF(*(np.full(1, v) for v in (2e-3, 4e-3, 4.0, 0.0, 9.0)), w_in=np.array([2.0]))
    affine = nir.Affine(np.array([[0.0]]), np.array([0.5]))
    imported = read(nir, chain(nir, affine, cuba, shape=(1,), out=(1,)), tmp_path, dt=1e-3)
    run = eq.run(imported.graph, np.zeros((3, 1, 1)), precision="float64", record="potentials",
                 backend="reference")  # fmt: skip
    # u = 0.5, 0.75 from the second step on; gain 4 / 4 * 2 / 2 = 1
    assert run.potentials["n1"].ravel().tolist() == [0, 0.5, 0.5 * 0.75 + 0.75]
    assert any("always" in note for note in imported.notes)


def broken(nir):
    unit = nir.LIF(*(np.full(2, value) for value in (2e-3, 1.0, 0.0, 0.3)))
    low = nir.LIF(*(np.full(2, value) for value in (2e-3, 1.0, 0.0, -0.3)))
    linear = nir.Linear(np.eye(2))
    circle = nir.NIRGraph(
        {
            "in": nir.Input(np.array([2])),
            "x": linear,
            "y": nir.Linear(np.eye(2)),
            "u": unit,
            "out": nir.Output(np.array([2])),
        },
        [("in", "x"), ("x", "y"), ("y", "x"), ("y", "u"), ("u", "out")],
        type_check=False,
    )
    three = nir.Linear(np.ones((2, 3)))
    return {
        "no dt": (chain(nir, unit, shape=(2,), out=(2,)), {},
                  "node 'n0' (LIF) has a time constant tau, and nothing says how long a step"),
        "long dt": (chain(nir, unit, shape=(2,), out=(2,)), {"dt": 0.01},
                    "node 'n0' (LIF): tau: decay: dt 0.01 over tau 0.002 is a decay of 5"),
        "low": (chain(nir, low, shape=(2,), out=(2,)), {"dt": 1e-3},
                "node 'n0' (LIF): v_threshold is below v_reset; expected above"),
        "circle": (circle, {"dt": 1e-3}, "is in a circle without a unit; expected one in it"),
        "shape": (chain(nir, three, unit, shape=(2,), out=(2,)), {"dt": 1e-3},
                  "node 'n0' (Linear): weight has shape (2, 3); expected (units, 2)"),
        "fit": (chain(nir, nir.Linear(np.ones((3, 2))), unit, shape=(2,), out=(2,)), {"dt": 1e-3},
                "node 'n0' leads (3,) units to node 'n1', which has (2,); expected as many"),
        "delay": (chain(nir, nir.Delay(np.array([1.5e-3, 0])), unit, shape=(2,), out=(2,)),
                  {"dt": 1e-3}, "node 'n0' (Delay): a delay is no whole number of steps of"),
        "dt": (chain(nir, unit, shape=(2,), out=(2,)), {"dt": -1.0}, "nir: dt is -1.0; expected"),
        "reset": (chain(nir, unit, shape=(2,), out=(2,)), {"reset": "no"}, "nir: reset is 'no'"),
    }  # fmt: skip


@pytest.mark.parametrize(
    "what", ["no dt", "long dt", "low", "circle", "shape", "fit", "delay", "dt", "reset"]
)
def test_what_has_no_equal_is_refused_by_the_name_of_its_node(nir, tmp_path, what):
    graph, asked, expected = broken(nir)[what]
    with pytest.raises(eq.InputError) as caught:
        read(nir, graph, tmp_path, **asked)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_node_and_a_file_of_eqchip_are_refused(nir, tmp_path):
    import h5py

    unit = nir.IF(np.ones(2), np.ones(2))
    path = tmp_path / "graph.nir"
    nir.write(path, chain(nir, unit, shape=(2,), out=(2,)))
    with h5py.File(path, "r+") as file:
        file["node/nodes/n0/type"][()] = b"Izhikevich"
    with pytest.raises(eq.InputError, match=r"node 'n0' is Iz.*; expected one of Affine, "):
        eq.read_nir(path)
    path.write_bytes(b"no file of HDF5")
    with pytest.raises(eq.InputError, match="damaged or no NIR file"):
        eq.read_nir(path)
    with pytest.raises(eq.InputError, match="no such file"):
        eq.read_nir(tmp_path / "none.nir")
    net = eq.Network.dense([2, 2])
    from eqchip.backends.nir.write import write_nir

    path = tmp_path / "own.nir"
    write_nir(net, path)
    with pytest.raises(eq.InputError, match="eqchip wrote it"):
        eq.read_nir(path)


def found(name: str) -> Path:
    """A file of other tools; a large one is no part of the sources."""
    if not (MORE / name).exists():
        pytest.skip(f"{name} is not here: EQCHIP_NIR_FILES may say where")
    return MORE / name


@pytest.mark.parametrize(
    ("trace", "shift", "close"),
    [
        ("lif_snntorch.csv", 1, 1e-6),
        ("lif_lava_cpu_float.csv", 0, 1e-6),
        ("lif_exact.csv", 1, 0.05),
        ("lif_lava_loihi_fixed.csv", 0, 0.1),
    ],
)
def test_a_file_of_norse_fires_as_four_tools_and_a_chip_do(nir, trace, shift, close):
    imported = eq.read_nir(FILES / "lif_norse.nir", dt=1e-4)
    spikes, v, q = np.loadtxt(found(trace), delimiter=",").T
    run = eq.run(
        imported.graph, spikes[:, None, None], precision="float64",
        record=("spikes", "potentials"), backend="reference",
    )  # fmt: skip
    ours = run.spikes["1"].ravel()
    assert np.flatnonzero(ours).tolist() == [461, 511, 711, 761]
    assert np.array_equal(ours[shift:], q[: len(q) - shift])
    volts, quiet = run.potentials["1"].ravel()[shift:] * imported.gains["1"], slice(0, 460)
    scale = v[quiet].max() / volts[quiet].max()
    assert np.abs(v[quiet] / scale - volts[quiet]).max() < close * volts[quiet].max()


@pytest.mark.parametrize(
    ("name", "outputs", "populations", "notes"),
    [
        ("cnn_sinabs.nir", ("12",), 6, 0),
        ("braille_noDelay_bias_zero.nir", ("lif2",), 4, 1),
        ("braille_noDelay_bias_zero_subgraph.nir", ("lif2",), 4, 2),
    ],
)
def test_whole_networks_of_other_tools_run(nir, name, outputs, populations, notes):
    imported = eq.read_nir(found(name), dt=1e-4)
    graph = imported.graph
    assert (graph.outputs, len(graph.populations)) == (outputs, populations)
    assert len(imported.notes) == notes
    x = np.random.default_rng(1).random((12, 1, *graph.population("input").shape)) < 0.3
    asked = {"precision": "float64", "record": ("spikes", "potentials")}
    run = eq.run(graph, x, **asked)
    assert run.counts[outputs[0]].any()
    slow = eq.run(graph, x, **asked, backend="reference")
    for population in graph.populations:
        assert np.array_equal(run.spikes[population.name], slow.spikes[population.name])


def test_a_graph_and_the_same_within_a_graph_are_one(nir):
    flat, nested = (
        eq.read_nir(FILES / f"braille_noDelay_bias_zero{end}.nir", dt=1e-4).graph
        for end in ("", "_subgraph")
    )
    x = np.random.default_rng(2).random((40, 2, 12)) < 0.3
    runs = [eq.run(g, x, precision="float64", backend="reference") for g in (flat, nested)]
    assert np.array_equal(runs[0].counts["lif2"], runs[1].counts["lif2"])
    assert runs[0].counts["lif2"].sum() > 0


CONV = {"weight": np.ones((1, 1, 2, 2)), "bias": np.zeros(1)}


@pytest.mark.parametrize(
    ("kind", "shape", "values", "told"),
    [
        ("Conv2d", (1, 4, 4), {**CONV, "stride": [1, 1, 1]}, "stride has 3 numbers; expected one"),
        ("Conv2d", (1, 4, 4), {**CONV, "stride": [1, 1e300]}, "stride is 1e+300; expected a whole"),
        ("Conv2d", (1, 4, 4), {**CONV, "dilation": 0.5}, "dilation is 0.5; expected a whole"),
        ("Conv2d", (1, 4, 4), {**CONV, "groups": [1, 1]}, "groups has 2 numbers; expected one"),
        ("Conv1d", (1, 4), {"weight": np.ones((1, 1, 2)), "stride": "x"}, "stride is no array"),
        ("Conv1d", (1, 4), {"weight": np.ones((1, 1, 2)), "padding": [-1]}, "padding is -1;"),
        ("AvgPool2d", (1, 4, 4), {"kernel_size": [0, 2], "stride": 1}, "kernel_size is (0, 2);"),
        ("SumPool2d", (1, 4, 4), {"kernel_size": 5}, "kernel_size is (5, 5); expected at least 1"),
        ("Flatten", (1, 4, 4), {"start_dim": [0, 1]}, "start_dim has 2 numbers; expected one"),
        ("Flatten", (1, 4, 4), {"end_dim": -4}, "end_dim is -4; expected a whole number"),
    ],
)  # fmt: skip
def test_numbers_of_a_node_that_make_no_sense_are_refused_by_its_name(kind, shape, values, told):
    with pytest.raises(eq.InputError) as caught:
        WIRES[kind](Node("n", kind, values), shape)
    assert str(caught.value).startswith(f"node 'n' ({kind}): ") and told in str(caught.value)


@pytest.mark.parametrize(
    ("root", "told"),
    [
        ({"type": np.array(["NIRGraph", "x"])}, "its root is array("),
        ({"type": "NIRGraph", "metadata": np.ones(3)}, "the graph has no nodes; expected some"),
    ],
)
def test_a_root_with_arrays_for_words_is_refused(nir, root, told, monkeypatch):
    monkeypatch.setattr(tree, "read_hdf5", lambda path, what: {"node": root})
    with pytest.raises(eq.InputError) as caught:
        tree.read_tree(Path("graph.nir"))
    assert told in str(caught.value)
