"""Graphs on a chip in SANA-FE: its own units fire as ours, its messages are counted as ours."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_graphs import drawn_graph
from sanafe_cases import with_units

import eqchip as eq
from eqchip.backends.sanafe.graph import fired, forced, own_units, problem_of_graph
from eqchip.emulator.problem.pose_graph import pose_graph
from eqchip.mapping.placement.graph import map_graph

pytestmark = pytest.mark.peer


@pytest.fixture(scope="module")
def chip():
    return with_units(eq.load_chip("loihi1-sanafe"), 7)


def integrating(reset: str, **own) -> eq.Graph:
    """A recurrent graph of which all numbers are multiples of 1/64."""
    rng = np.random.default_rng(3)

    def weights(*shape):
        return np.rint(rng.normal(4, 24, shape)) / 64

    mask = rng.random((9, 9)) < 0.4
    return eq.Graph(
        [
            eq.Population("in", eq.Input(), 12),
            eq.Population("a", eq.IF(threshold=1.0, bias=np.arange(9) / 64, reset=reset, **own), 9),
            eq.Population("b", eq.IF(threshold=0.75, reset=reset), 5),
        ],
        [
            eq.Projection("in", "a", weights(12, 9)),
            eq.Projection("a", "a", weights(mask.sum()), eq.Sparse.from_mask(mask)),
            eq.Projection("a", "b", weights(9, 5)),
        ],
        outputs=["b"],
    )


@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_sanafes_own_units_fire_as_ours(sanafe, chip, reset):
    graph = integrating(reset)
    x = np.random.default_rng(4).random((40, 1, 12)) < 0.3
    problem = pose_graph(graph, x, precision="float64", record=("spikes",))
    mapped = map_graph(graph, chip)
    assert mapped.cores > 3
    sanafe.load(problem_of_graph(mapped, own_units(mapped, problem)))
    found = fired(mapped, sanafe.run(40, trace=True))
    run = eq.run(graph, x, precision="float64", record="spikes", backend="reference")
    assert run.counts["a"].sum() > 50 and run.counts["b"].sum() > 20
    for name, spikes in run.spikes.items():
        assert np.array_equal(found[name], spikes[:, 0]), name


def test_messages_and_synaptic_events_are_those_of_the_price(sanafe, chip):
    graph, x, steps = drawn_graph(1, whole=False)
    asked = {"precision": "float64", "record": "spikes", "backend": "reference"}
    run = eq.run(graph, x, **asked)
    spikes = {name: (values[:, 0] != 0) for name, values in run.spikes.items()}
    mapped = map_graph(graph, chip)
    sanafe.load(problem_of_graph(mapped, forced(mapped, spikes), weights=False))
    totals = sanafe.run(steps)["totals"]
    sent = [spikes[p.name].reshape(steps, -1).sum(0) for p in graph.populations]
    assert totals["spikes"] == sum(one.sum() for one in sent) > 100
    traffic = mapped.traffic(sent)
    assert totals["packets"] == traffic.sum()
    events = sum(
        int((one[:, None] * reached).sum()) if len(reached) > 1 else int(one.sum() * reached.sum())
        for one, reached in zip(sent, mapped.reached, strict=True)
    )
    assert totals["events"] == events


@pytest.mark.parametrize(
    ("own", "wanted"),
    [
        ({"refractory": 2}, "population 'a': refractory is given; expected none"),
        ({"initial": 0.3}, "population 'a': initial is 0.3; expected multiples of 1/64"),
    ],
)
def test_what_sanafe_cannot_carry_is_refused_by_name(chip, own, wanted):
    graph = integrating("zero", **own)
    problem = pose_graph(graph, np.zeros((3, 1, 12)), precision="float64")
    with pytest.raises(eq.InputError) as error:
        own_units(map_graph(graph, chip), problem)
    assert wanted in str(error.value) and "\n" not in str(error.value)
