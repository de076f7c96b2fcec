"""Graphs on Brian2: every bit and potential of the reference; its own spikes, delays, resets."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_graphs import drawn_graph
from equal_runs import assert_equal_graph_runs
from optional_packages import need

import eqchip as eq
from eqchip.backends.brian2 import graph as brian2_graph

BOTH = ("spikes", "potentials")
pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


def assert_equal_to_the_reference(graph, x, steps=None):
    asked = {"precision": "float64", "record": BOTH, "steps": steps}
    run = eq.run(graph, x, **asked, backend="brian2")
    expected = eq.run(graph, x, **asked, backend="reference")
    assert_equal_graph_runs(run, expected)
    return expected


@pytest.mark.parametrize("seed", [0, 2, 7])
def test_drawn_graphs_equal_the_reference_to_the_bit(seed):
    graph, x, _ = drawn_graph(seed, whole=False)
    expected = assert_equal_to_the_reference(graph, x)
    assert sum(expected.activity.spikes.values()) > 100


def test_a_current_alone_drives_a_graph_of_brian2():
    graph = eq.Graph([eq.Population("p", eq.LIF(decay=0.3, refractory=1), 2)], [], outputs=["p"])
    x = {"p": np.array([[0.5, 0.9]])}
    assert assert_equal_to_the_reference(graph, x, steps=9).counts["p"].any()


def test_what_brian2_cannot_carry_is_refused_by_name():
    unit = eq.IF(signed=True)
    graph = eq.Graph(
        [eq.Population("in", eq.Input(), 1), eq.Population("p", unit, 1)],
        [eq.Projection("in", "p", [[1.0]]), eq.Projection("p", "p", [[1.0]], delay=64)],
        outputs=["p"],
    )
    with pytest.raises(eq.InputError, match=r"projection 'p -> p' delays .* 64 steps") as error:
        eq.run(graph, [[1]], steps=3, precision="float64", backend="brian2")
    assert "\n" not in str(error.value)
    with pytest.raises(eq.InputError, match="float32"):
        eq.run(graph, [[1]], steps=3, precision="float32", backend="brian2")


def test_a_wrong_model_is_caught(monkeypatch):
    """A threshold that is not strict differs at a tie."""
    need("brian2", "pip install 'eqchip[brian2]'")
    graph = eq.Graph(
        [eq.Population("in", eq.Input(), 1), eq.Population("out", eq.IF(threshold=1.0), 1)],
        [eq.Projection("in", "out", [[0.5]])],
        outputs=["out"],
    )
    right = brian2_graph.MODELS[eq.IF]

    def wrong(unit):
        model = right(unit)
        model.threshold = model.threshold.replace(">", ">=")
        return model

    monkeypatch.setitem(brian2_graph.MODELS, eq.IF, wrong)
    x = np.ones((6, 1, 1))
    found = eq.crosscheck(graph, x=x, against=["brian2"], precision="float64")
    first = found.checkups[1].comparison.first
    assert (first.what, first.population, first.step) == ("potential", "out", 3)
    assert (first.found, first.expected) == (0.0, 1.0)
    assert not found.equal
