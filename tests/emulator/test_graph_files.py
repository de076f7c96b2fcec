"""Graphs in files: what is written is read again, weights become graphs, the rest is refused."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_graphs import drawn_graph

import eqchip as eq
from eqchip.emulator.description.graph.file import CONNECTIONS, UNITS, Imported, load_imported
from eqchip.emulator.description.graph.weights import graph_of_weights, read_weights, unit_of
from eqchip.emulator.engine.graph_lowering import LISTS
from eqchip.emulator.engine.graph_units import GRAPH_UNITS
from eqchip.emulator.engine.lowering import LAYOUTS


def same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and np.array_equal(np.asarray(a), np.asarray(b))


def check_equal(a: eq.Graph, b: eq.Graph) -> None:
    assert a.outputs == b.outputs
    for one, other in zip(a.populations, b.populations, strict=True):
        assert (one.name, one.shape, type(one.unit)) == (other.name, other.shape, type(other.unit))
        for field in dataclasses.fields(one.unit):
            values = (getattr(p.unit, field.name) for p in (one, other))
            assert same(*values), (one.name, field.name)
    for one, other in zip(a.projections, b.projections, strict=True):
        assert one.connection == other.connection
        for field in ("name", "pre", "post", "to", "exponent"):
            assert getattr(one, field) == getattr(other, field), field
        assert same(one.delay, other.delay)
        assert one.weights.dtype == other.weights.dtype
        assert one.weights.tobytes() == other.weights.tobytes()


def test_a_graph_that_is_written_is_read_again(tmp_path):
    for seed in range(20):
        graph, _, _ = drawn_graph(seed, whole=seed % 2 == 0)
        eq.save_graph(tmp_path / "graph.npz", graph)
        check_equal(graph, eq.load_graph(tmp_path / "graph.npz"))


def test_scales_and_notes_go_with_a_graph(tmp_path):
    graph = graph_of_weights({"in->out": np.ones((3, 2), np.float32)}, eq.LIF())
    imported = Imported(graph, {"out": np.array([1.0, 2.0])}, {"out": np.array(0.5)}, ("a note",))
    eq.save_graph(tmp_path / "graph.npz", imported)
    found = load_imported(tmp_path / "graph.npz")
    assert found.gains["out"].tolist() == [1, 2]
    assert found.offsets["out"] == 0.5
    assert found.notes == ("a note",)
    check_equal(graph, found.graph)


def test_every_kind_that_the_engine_knows_has_a_place_in_files():
    assert {UNITS.get(kind.__name__) for kind in GRAPH_UNITS} == set(GRAPH_UNITS)
    # Other tests add kinds of their own to these tables.
    ours = {kind for kind in (*LISTS, *LAYOUTS) if kind.__module__.startswith("eqchip.")}
    assert {row.kind for row in CONNECTIONS.values()} == ours


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Foreign(eq.LIF):
    """A kind without a row."""


def test_a_kind_without_a_row_is_refused_and_nothing_written(tmp_path):
    graph = eq.Graph([eq.Population("p", Foreign(), 1)], [])
    with pytest.raises(eq.InputError, match=r"save: population 'p' is Foreign; expected one of"):
        eq.save_graph(tmp_path / "graph.npz", graph)
    assert not list(tmp_path.iterdir())


def test_a_file_of_another_kind_is_not_replaced(tmp_path):
    graph = graph_of_weights({"in->out": np.ones((3, 2))}, eq.LIF())
    np.savez(tmp_path / "mine.npz", graph=np.ones(3))
    before = (tmp_path / "mine.npz").read_bytes()
    with pytest.raises(eq.InputError, match=r"mine.npz: is there, and no graph of eqchip"):
        eq.save_graph(tmp_path / "mine.npz", graph)
    assert (tmp_path / "mine.npz").read_bytes() == before


# --- weights alone ----------------------------------------------------------------------------


def test_arrays_by_name_and_by_number_are_projections(tmp_path):
    rng = np.random.default_rng(0)
    first, loop = rng.random((3, 4)), rng.random((4, 4))
    np.savez(tmp_path / "w.npz", **{"in->h": first, "h->h": loop, "h->out": rng.random((4, 2))})
    graph = read_weights(tmp_path / "w.npz", eq.IF())
    assert [(p.name, p.size, type(p.unit)) for p in graph.populations] == [
        ("in", 3, eq.Input), ("h", 4, eq.IF), ("out", 2, eq.IF),
    ]  # fmt: skip
    assert graph.outputs == ("out",)
    assert np.array_equal(graph.projections[1].weights, loop)
    np.savez(tmp_path / "chain.npz", first, rng.random((4, 2)))
    chain = read_weights(tmp_path / "chain.npz", eq.LIF())
    assert [(p.pre, p.post) for p in chain.projections] == [("0", "1"), ("1", "2")]


def test_compressed_rows_are_sorted_and_square_ones_recurrent(tmp_path):
    rows = {"data": np.array([3.0, 1.0, 2.0]), "indices": np.array([2, 0, 1], np.int32)}
    rows |= {"indptr": np.array([0, 2, 3], np.int32), "format": np.array(b"csr")}
    np.savez(tmp_path / "w.npz", **rows, shape=np.array([2, 3]))
    graph = read_weights(tmp_path / "w.npz", eq.LIF())
    (projection,) = graph.projections
    assert graph.sizes == (2, 3)
    assert projection.connection.indices.tolist() == [0, 2, 1]
    assert projection.weights.tolist() == [1, 3, 2]
    rows["indptr"] = np.array([0, 2, 3, 3])
    np.savez(tmp_path / "square.npz", **rows, shape=np.array([3, 3]))
    graph = read_weights(tmp_path / "square.npz", eq.LIF())
    assert (graph.sizes, graph.outputs, graph.inputs) == ((3,), ("units",), ())


def test_edges_have_weights_and_delays_of_their_own(tmp_path):
    text = "pre,post,weight,delay\nin:2,out:0,0.5,3\nin:0,out:1,-1,0\nout:0,out:0,2,1\n"
    (tmp_path / "edges.csv").write_text(text)
    graph = read_weights(tmp_path / "edges.csv", eq.LIF())
    there, loop = graph.projections
    assert graph.sizes == (3, 2)
    assert there.connection.pre.tolist() == [0, 2]
    assert there.weights.tolist() == [-1, 0.5]
    assert there.delay.tolist() == [0, 3]
    assert loop.delay == 1
    (tmp_path / "edges.csv").write_text("pre,post,weight\n0,4,1\n4,0,1\n")
    graph = read_weights(tmp_path / "edges.csv", eq.LIF())
    assert (graph.sizes, graph.outputs) == ((5,), ("units",))


HEAD = "pre,post,weight\n"
EDGES = {
    "head": ("a,b,c\n", "line 1 is 'a,b,c'; expected pre,post,weight or"),
    "nothing": ("", "line 1 is ''; expected"),
    "none": (HEAD, "no edges; expected lines pre,post,weight"),
    "words": (HEAD + "0,1\n", "line 2: '0,1'; expected pre,post,weight"),
    "unit": (HEAD + "0,-1,2\n", "line 2: unit '-1'; expected a number below"),
    "far": (HEAD + f"0,{2**24},2\n", "line 2: unit '16777216'; expected a number below"),
    "weight": (HEAD + "0,1,x\n", "line 2: '0,1,x'; expected a weight and whole steps"),
    "infinite": (HEAD + "0,1,inf\n", "projection 'units -> units': weights hold inf at (0,)"),
    "twice": (HEAD + "0,1,1\n0,1,2\n", "the synapse from unit 0 to unit 1 is listed twice"),
    "negative delay": ("pre,post,weight,delay\n0,1,1,-2\n", "a delay is -2; expected 0 to 32767"),
    "long delay": ("pre,post,weight,delay\n0,1,1,40000\n", "a delay is 40000; expected 0 to"),
}


@pytest.mark.parametrize("what", EDGES)
def test_a_list_that_holds_no_graph_is_refused_in_a_line(what, tmp_path):
    text, expected = EDGES[what]
    (tmp_path / "edges.csv").write_text(text)
    with pytest.raises(eq.InputError) as caught:
        read_weights(tmp_path / "edges.csv", eq.LIF())
    assert str(caught.value).startswith(f"{tmp_path}/edges.csv: ")
    assert expected in str(caught.value)


ROWS: dict[str, Any] = {
    "data": np.ones(2), "indices": np.array([0, 1]), "indptr": np.array([0, 1, 2]),
    "shape": np.array([2, 2]), "format": np.array(b"csr"),
}  # fmt: skip
ARRAYS = {
    "name": ({"w": np.ones((2, 2))}, "array 'w': expected a name such as 'in->hidden'"),
    "vector": ({"a->b": np.ones(2)}, "array 'a->b' is float64 of shape (2,); expected weights of"),
    "meeting": (
        {"a->b": np.ones((2, 3)), "b->c": np.ones((4, 1))},
        "array 'b->c' has shape (4, 1), but population 'b' has 3 units; expected as many",
    ),
    "columns": ({**ROWS, "format": np.array(b"csc")}, "format is not 'csr'"),
    "shape": ({**ROWS, "shape": np.array([2, 0])}, "shape is [2, 0]; expected two sizes"),
    "starts": ({**ROWS, "indptr": np.array([0, 3, 2])}, "indptr does not lead through 2 indices"),
    "units": ({**ROWS, "indices": np.array([0, 2])}, "indices hold unit 2; expected units of 0"),
    "data": ({**ROWS, "data": np.ones(3)}, "2 synapses have 3 weights"),
}


@pytest.mark.parametrize("what", ARRAYS)
def test_arrays_that_hold_no_graph_are_refused_in_a_line(what, tmp_path):
    arrays, expected = ARRAYS[what]
    np.savez(tmp_path / "w.npz", **arrays)
    with pytest.raises(eq.InputError) as caught:
        read_weights(tmp_path / "w.npz", eq.LIF())
    assert expected in str(caught.value)
    assert "w.npz" in str(caught.value)


# --- damaged words -----------------------------------------------------------------------------


def changed(path: Path, change: Any) -> None:
    """The file with other words, and its arrays as they are."""
    with np.load(path) as file:
        arrays = dict(file)
    document = json.loads(arrays["graph"].tobytes())
    change(document)
    arrays["graph"] = np.frombuffer(json.dumps(document).encode(), np.uint8)
    np.savez(path, **arrays)


def put(value: Any, *keys: Any) -> Any:
    def change(document: Any) -> None:
        for key in keys[:-1]:
            document = document[key]
        document[keys[-1]] = value

    return change


DAMAGED = {
    "unit": (put("Foo", "populations", 1, "unit"), "population 'out': unit is 'Foo'; expected one"),
    "decay": (put(1.5, "populations", 1, "decay"), "LIF: decay is 1.5; expected a number in [0, 1"),
    "signed": (put(3, "populations", 1, "signed"), "population 'out': signed is 3; expected bool"),
    "shape": (put(3, "populations", 1, "shape"), "population 'out': shape is 3; expected a list"),
    "many": (put([2**30], "populations", 0, "shape"), "'in' has shape (1073741824,); expected at"),
    "meeting": (put([5], "populations", 0, "shape"), "joins shapes (3,) and (2,), the populations"),
    "who": (put("x", "projections", 0, "pre"), "pre is 'x'; expected one of 'in', 'out'"),
    "kind": (put({}, "projections", 0, "connection"), "connection is {}; expected one whose kind"),
    "delay": (
        put(-1, "projections", 0, "delay"),
        "projection 'in -> out': a delay is -1; expected",
    ),
    "array": (put({"array": "none"}, "projections", 0, "weights"), "none is missing"),
    "exponent": (put(9, "projections", 0, "exponent"), "exponent is 9; expected a whole number"),
    "outputs": (put("out", "outputs"), "outputs in its text is no list of str"),
    "gain": (put([1], "populations", 1, "gain"), "population 'out': gain is int64 of shape (1,)"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_words_that_are_no_graph_are_refused_in_a_line(what, tmp_path):
    change, expected = DAMAGED[what]
    path = tmp_path / "graph.npz"
    eq.save_graph(path, graph_of_weights({"in->out": np.ones((3, 2))}, eq.LIF()))
    changed(path, change)
    with pytest.raises(eq.InputError) as caught:
        eq.load_graph(path)
    assert expected in str(caught.value)
    assert "graph.npz: " in str(caught.value)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("LIF:refractory=1e999", "refractory is inf; expected a whole number"),
        ("LIF:refractory=2.7", "refractory is 2.7; expected a whole number"),
        ("LIF:refractory=nan", "refractory is nan; expected a whole number"),
        ("LIF:decay=a", "decay is 'a'; expected a number"),
        ("LIF:size=2", "'size' is no parameter; expected one of"),
        ("Input", "expected one of"),
        ("", "expected one of"),
    ],
)
def test_words_for_a_unit_that_mean_none_are_refused(words, told):
    with pytest.raises(eq.InputError) as caught:
        unit_of(words)
    assert told in str(caught.value)
    assert unit_of("LIF:refractory=2.0").refractory == 2
