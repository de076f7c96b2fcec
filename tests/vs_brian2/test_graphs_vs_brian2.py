"""Graphs on Brian2: every bit and potential of the reference; its own spikes, delays, resets."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_graphs import drawn_graph
from equal_runs import assert_equal_graph_runs
from optional_packages import need
from recipes import recipe

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


def test_a_network_of_brian2_is_read_as_the_page_says():
    import brian2 as b2

    b2.prefs.codegen.target = "numpy"
    tau, tau_g, dt, n_in, steps = 20e-3, 5e-3, 1e-3, 6, 80
    rng = np.random.default_rng(3)
    x = rng.random((steps, n_in)) < 0.2
    step, unit = np.nonzero(x)
    b2.defaultclock.dt = dt * b2.second
    source = b2.SpikeGeneratorGroup(n_in, unit, step * dt * b2.second)
    group = b2.NeuronGroup(
        8,
        "dv/dt = (g - v)/tau : 1\ndg/dt = -g/tau_g : 1",
        threshold="v > 1",
        reset="v = 0",
        method="euler",
        namespace={"tau": tau * b2.second, "tau_g": tau_g * b2.second},
    )
    synapses = b2.Synapses(source, group, "w : 1", on_pre="g_post += w")
    synapses.connect(p=0.7)
    synapses.w = rng.normal(2.5, 2, len(synapses))
    synapses.delay = rng.integers(0, 4, len(synapses)) * dt * b2.second
    seen = b2.SpikeMonitor(group)
    b2.Network(source, group, synapses, seen).run(steps * dt * b2.second)
    theirs = np.zeros((steps, 8), bool)
    theirs[np.rint(np.array(seen.t) / dt).astype(int), np.array(seen.i)] = True

    graph = recipe("brian2")(group, synapses, n_in, tau, tau_g, dt)
    asked = {"precision": "float64", "record": "spikes", "backend": "reference"}
    ours = eq.run(graph, x[:, None], **asked).spikes["units"][:, 0]
    assert np.array_equal(ours, theirs) and theirs.sum() > 20
