"""Graphs written to NIR with its own nodes, and read back: every bit the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn_graphs import Draw, drawn_graph
from optional_packages import need

import eqchip as eq
from eqchip.backends.nir.graph_write import write_graph

pytestmark = pytest.mark.peer
BOTH = ("spikes", "potentials")


@pytest.fixture(autouse=True)
def _nir_is_here() -> None:
    need("nir", "pip install 'eqchip[nir]'")


def sayable(seed: int) -> tuple[eq.Graph, dict, int]:
    """A drawn graph of what NIR has words for; units all reset to zero or all subtract."""
    graph, x, steps = drawn_graph(seed, whole=False)
    draw = Draw(seed, whole=False)
    reset = ["zero", "subtract"][seed % 2]
    units = {}
    for p in graph.populations:
        own = {"initial": 0, "refractory": 0, "floor": -np.inf, "signed": False, "reset": reset}
        own = {name: v for name, v in own.items() if hasattr(p.unit, name)}
        for name in ("decay", "current_decay"):
            if hasattr(p.unit, name):
                own[name] = draw.rng.uniform(0.01, 1, p.shape if draw.flip() else ())
        unit = p.unit
        if type(unit) in (eq.AdaptiveLIF, eq.TwoCompartmentLIF):
            unit = eq.LIF(threshold=unit.threshold, bias=unit.bias)
        if isinstance(unit, eq.Input):
            own = {}
        if type(unit) is eq.IF:  # whose bias has to be one of a map
            own["bias"] = 0
        units[p.name] = replace(unit, **own)
    populations = [eq.Population(p.name, units[p.name], p.shape) for p in graph.populations]
    projections = [
        replace(p, to="soma", name=f"projection {k}") for k, p in enumerate(graph.projections)
    ]
    return eq.Graph(populations, projections, outputs=["LI"]), x, steps


@pytest.mark.parametrize("seed", range(12))
def test_a_graph_that_is_read_back_runs_the_same_to_the_bit(seed, tmp_path):
    graph, x, _ = sayable(seed)
    path = tmp_path / "graph.nir"
    assert write_graph(graph, path, dt=1e-3) == [path]
    read = eq.read_nir(path, dt=1e-3, reset=["zero", "subtract"][seed % 2])
    assert read.notes == ()
    assert all((gain == 1).all() for gain in read.gains.values())
    asked = {"precision": "float64", "record": BOTH, "backend": "reference"}
    run, again = (eq.run(one, x, **asked) for one in (graph, read.graph))
    for what in BOTH:
        for name, array in getattr(run, what).items():
            assert np.array_equal(getattr(again, what)[name], array), (what, name)
    for population in graph.populations:
        other = read.graph.population(population.name)
        assert other.shape == population.shape
        for name in ("decay", "current_decay", "threshold"):
            if hasattr(population.unit, name) and hasattr(other.unit, name):
                assert np.array_equal(population.per_unit(name), other.per_unit(name))


def test_a_convolution_stays_one_and_pools_and_scales_too(tmp_path):
    shape, pooled = (4, 4, 2), (2, 2, 2)
    rng = np.random.default_rng(0)
    graph = eq.Graph(
        [
            eq.Population("in", eq.Input(), shape),
            eq.Population("map", eq.IF(threshold=0.7, bias=np.array([0.25, 0.125])), shape),
            eq.Population("pool", eq.IF(threshold=0.9), pooled),
            eq.Population("one", eq.LI(decay=0.0), pooled),
        ],
        [
            eq.Projection(
                "in", "map", rng.normal(0.1, 0.4, (3, 3, 2, 2)), eq.Conv2d(shape, 2, 3, padding=1),
                delay=3,
            ),
            eq.Projection("map", "pool", [1.0], eq.SumPool2d(shape, 2)),
            eq.Projection("pool", "one", np.arange(8) / 8, eq.OneToOne(8)),
        ],
    )  # fmt: skip
    path = tmp_path / "graph.nir"
    write_graph(graph, path, dt=1e-3)
    read = eq.read_nir(path, dt=1e-3).graph
    kinds = {p.post: type(p.connection) for p in read.projections}
    assert kinds == {"map": eq.Conv2d, "pool": eq.SumPool2d, "one": eq.OneToOne}
    assert next(p for p in read.projections if p.post == "map").delay == 3
    assert np.array_equal(
        read.population("map").per_unit("bias"), graph.population("map").per_unit("bias")
    )
    import nir

    found = nir.read(path)  # its own classes read it, too
    assert {type(node).__name__ for node in found.nodes.values()} == {
        "Conv2d", "Delay", "I", "IF", "Input", "Output", "Scale", "SumPool2d"
    }  # fmt: skip


def test_a_node_that_another_tool_changed_counts_as_it_is(tmp_path):
    import h5py

    graph = eq.Graph(
        [eq.Population("in", eq.Input(), 1), eq.Population("out", eq.LIF(decay=0.3), 1)],
        [eq.Projection("in", "out", [[1.0]])],
        outputs=["out"],
    )
    path = tmp_path / "graph.nir"
    write_graph(graph, path, dt=1e-3)
    assert eq.read_nir(path, dt=1e-3).graph.population("out").unit.decay == 0.3
    with h5py.File(path, "a") as file:
        file["node/nodes/out/v_threshold"][...] = 2.0
    assert eq.read_nir(path, dt=1e-3).graph.population("out").unit.threshold == pytest.approx(2.0)


def around(unit, **more):
    populations = [eq.Population("in", eq.Input(), 1), eq.Population("p", unit, 2)]
    projection = eq.Projection("in", "p", [[1.0, 1.0]], **more)
    return eq.Graph(populations, [projection], outputs=["p"])


@pytest.mark.parametrize(
    ("graph", "wanted"),
    [
        (around(eq.LIF(refractory=2)), "population 'p': refractory is given"),
        (around(eq.LIF(floor=-1.0)), "population 'p': floor is given"),
        (around(eq.LIF(signed=True)), "population 'p': signed is given"),
        (around(eq.LIF(initial=0.5)), "population 'p': initial is given"),
        (around(eq.LIF(decay=np.array([0.0, 0.5]))), "population 'p': decay is 0"),
        (around(eq.AdaptiveLIF()), "population 'p': units are AdaptiveLIF; expected"),
    ],
)
def test_what_nir_has_no_word_for_is_refused_by_name(graph, wanted, tmp_path):
    with pytest.raises(eq.InputError) as error:
        write_graph(graph, tmp_path / "graph.nir")
    assert wanted in str(error.value) and "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())
