"""A graph on the cores of a chip: who reaches whom, limits, and what its spikes cost there."""

from __future__ import annotations

import json

import numpy as np
import pytest
from drawn_graphs import drawn_graph

import eqchip as eq
from eqchip.__main__ import main
from eqchip.backends.reference.graph import rows
from eqchip.emulator.description.graph.graph import Graph
from eqchip.mapping.placement.graph import map_graph
from eqchip.mapping.placement.partition import split_layer
from eqchip.mapping.placement.reach import fan_in, reach

LOIHI = "loihi1-davies"


def dense(*sizes: int, loop: bool = False) -> Graph:
    names = [f"p{k}" for k in range(len(sizes))]
    populations = [eq.Population("p0", eq.Input(), sizes[0])]
    populations += [
        eq.Population(n, eq.LIF(), s) for n, s in zip(names[1:], sizes[1:], strict=True)
    ]
    projections = [
        eq.Projection(a, b, np.ones((m, n)))
        for a, b, m, n in zip(names, names[1:], sizes, sizes[1:], strict=False)
    ]
    if loop:
        projections.append(eq.Projection("p1", "p1", np.ones((sizes[1], sizes[1])), name="loop"))
    return eq.Graph(populations, projections, outputs=names[-1:])


@pytest.mark.parametrize("chunk", [7, 2**22])
def test_synapses_onto_parts_are_those_of_the_matrix(chunk, monkeypatch):
    monkeypatch.setattr("eqchip.mapping.placement.reach.CHUNK", chunk)
    for seed in range(12):
        graph, _, _ = drawn_graph(seed, whole=False)
        into = {p.name: np.zeros(p.size, int) for p in graph.populations}
        for projection in graph.projections:
            there = rows(projection.connection, projection.connection.synapse_weights(
                np.ones(projection.weights.shape)
            )) != 0  # fmt: skip
            post = graph.population(projection.post)
            into[projection.post] += there.sum(0)
            for count in range(1, min(post.size, 4) + 1):
                parts = split_layer(0, post.shape, count)
                expected = np.stack([there[:, p.first : p.end].sum(1) for p in parts], axis=1)
                found = reach(projection, parts)
                assert np.array_equal(np.broadcast_to(found, expected.shape), expected)
        for name, expected in into.items():
            assert fan_in(graph, name) == expected.max()


def test_a_unit_of_two_compartments_takes_two_of_a_core():
    population = eq.Population("two", eq.TwoCompartmentLIF(bias=0.1), 1024)
    graph = eq.Graph([population], [], outputs=["two"])
    mapped = map_graph(graph, eq.load_chip(LOIHI))
    assert [use["units"] for use in mapped.use] == [1024, 1024]


def test_parts_keep_the_limits_of_a_core_and_hold_all_units():
    chip = eq.load_chip(LOIHI)
    mapped = map_graph(dense(784, 500, 10, loop=True), chip)
    for resource, limit in mapped.chip.cores.limits().items():
        used = [use[resource] for use in mapped.use if resource in use]
        assert not used or max(used) <= limit.amount, resource
    for k, population in enumerate(mapped.graph.populations):
        assert sum(part.units for part in mapped.parts if part.layer == k) == population.size
    assert mapped.synapses == 784 * 500 + 500 * 500 + 500 * 10
    # one part fewer would break a limit
    with_fewer = [split_layer(1, (500,), n) for n in (5, 6)]
    parts = sum(part.layer == 1 for part in mapped.parts)
    assert parts == len(with_fewer[1])


def test_what_does_not_fit_is_refused_by_the_name_of_its_population():
    sparse = eq.Sparse.from_edges(20000, 1, range(20000), [0] * 20000)
    graph = eq.Graph(
        [eq.Population("in", eq.Input(), 20000), eq.Population("one", eq.LIF(), 1)],
        [eq.Projection("in", "one", np.ones(20000), sparse)],
    )
    with pytest.raises(
        eq.InputError, match=r"map: population 'one' needs 1,280,000 bits of syn.* on a core"
    ):
        map_graph(graph, eq.load_chip(LOIHI))


def test_events_of_recorded_spikes_are_those_that_a_run_counts():
    for seed in (3, 4, 5):
        graph, x, _ = drawn_graph(seed, whole=False)
        run = eq.run(graph, x, precision="float64", record="spikes", backend="reference")
        found = eq.price(graph, spikes=run, chip=LOIHI)
        steps, batch = run.activity.steps, run.activity.samples
        expected = {"synaptic_event": 0, "spike": 0, "update_inactive": 0}
        mapped = map_graph(graph, eq.load_chip(LOIHI))
        messages = 0
        for k, population in enumerate(graph.populations):
            sent = (run.spikes[population.name].reshape(steps, batch, -1) != 0).astype(int)
            of_unit = np.broadcast_to(mapped.reached[k], (population.size, mapped.cores))
            expected["synaptic_event"] += (sent @ of_unit).sum()
            messages += (sent @ (of_unit > 0)).sum()
            if population.unit.receives:
                expected["spike"] += sent.sum()
                expected["update_inactive"] += (1 - sent).sum()
        for kind, count in expected.items():
            assert found["events"][kind] == pytest.approx(count / batch), kind
        assert found["events"]["message"] == pytest.approx(messages / batch)
        assert found["events"]["message_in"] == pytest.approx(messages / batch)
        # what is sent in the last steps is priced, though the run ends before it arrives
        counted = sum(run.activity.synaptic_events.values()) + sum(run.activity.macs.values())
        assert expected["synaptic_event"] - counted >= 0


def test_hops_are_messages_times_the_distance_of_their_cores():
    graph, chip = dense(784, 500, 10), eq.load_chip(LOIHI)
    sent = {"p0": np.zeros((1, 1, 784)), "p1": np.ones((1, 1, 500)), "p2": np.zeros((1, 1, 10))}
    found = eq.price(graph, spikes=sent, chip=LOIHI, placement="naive")
    mapped = map_graph(graph, chip, placement="naive")
    last = next(c for c, part in enumerate(mapped.parts) if part.layer == 2)
    expected = sum(
        part.units * mapped.mesh.distances[mapped.tiles[c], mapped.tiles[last]]
        for c, part in enumerate(mapped.parts)
        if part.layer == 1
    )
    assert found["events"]["hop_east_west"] + found["events"]["hop_north_south"] == expected
    assert found["events"]["message"] == 500


def test_a_price_of_rates_is_that_of_steps_alike():
    graph = dense(40, 20, 5)
    spikes = {
        name: np.zeros((10, 1, n)) for name, n in zip(("p0", "p1", "p2"), (40, 20, 5), strict=True)
    }
    for array in spikes.values():
        array[:, :, ::5] = 1
    recorded = eq.price(graph, spikes=spikes, chip=LOIHI)
    rated = eq.price(graph, rates=0.2, steps=10, chip=LOIHI)
    for kind, count in recorded["events"].items():
        assert rated["events"][kind] == pytest.approx(count), kind
    for what in ("energy", "time"):
        for end in ("low", "value", "high"):
            assert rated[what]["figure"][end] == pytest.approx(recorded[what]["figure"][end])


REFUSED = {
    "neither": ({}, "price: none of rates, spikes and events given; expected one of the"),
    "both": (
        {"rates": 0.1, "spikes": {}},
        "price: rates and spikes of rates, spikes and events given",
    ),
    "rate": ({"rates": 2.0}, "price: rates is 2.0; expected spikes of a unit in a step, 0 to 1"),
    "steps": ({"rates": 0.1, "steps": 0}, "price: steps is 0; expected a whole number"),
    "chip": (
        {"rates": 0.1, "chip": "cpu-i7-4960x"},
        "map: chip 'cpu-i7-4960x' has no model of its cores",
    ),
    "who": ({"spikes": {"x": [[1]]}}, "price: spikes: spikes of 'x'; expected one of 'p0', 'p1'"),
    "missing": ({"spikes": {"p0": np.ones((2, 3))}}, "price: spikes: no spikes of 'p1'; expected"),
    "shape": ({"spikes": {"p0": np.ones((2, 4))}}, "spikes of 'p0' have shape (2, 4); expected"),
    "rows": (
        {"spikes": {"p0": np.ones((2, 3)), "p1": np.ones((3, 2))}},
        "price: spikes: steps and samples differ: 'p0' (2, 1), 'p1' (3, 1); expected the same",
    ),
    "file": ({"spikes": "none.npz"}, "none.npz: no such file; expected arrays of spikes, .npz"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_has_no_price_is_refused(what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked, expected = REFUSED[what]
    with pytest.raises(eq.InputError) as caught:
        eq.price(dense(3, 2), **{"chip": LOIHI, **asked})
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.peer
def test_the_command_prints_what_the_function_returns(tmp_path, capsys):
    nir = pytest.importorskip("nir")
    graph = nir.NIRGraph.from_list(
        nir.Linear(np.ones((4, 6))), nir.IF(np.ones(4), np.ones(4)), nir.Linear(np.ones((2, 4))),
        nir.IF(np.ones(2), np.ones(2)),
    )  # fmt: skip
    path = tmp_path / "graph.nir"
    nir.write(path, graph)
    imported = eq.read_nir(path).graph
    spikes = {p.name: np.ones((5, 2, p.size), np.int8) for p in imported.populations}
    np.savez(tmp_path / "spikes.npz", **spikes)
    asked = ["price", str(path), "--chip", LOIHI, "--spikes", str(tmp_path / "spikes.npz")]
    assert main([*asked, "--json", "--quiet"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == eq.price(path, chip=LOIHI, spikes=tmp_path / "spikes.npz")
    assert printed["events"]["synaptic_event"] == 5 * (6 * 4 + 4 * 2)
    assert main(asked) == 0
    assert "3 cores on 1 chip" in " ".join(capsys.readouterr().out.split())
    assert main(["price", str(path), "--chip", LOIHI]) == 2
    assert "none of rates, spikes and events" in capsys.readouterr().err
