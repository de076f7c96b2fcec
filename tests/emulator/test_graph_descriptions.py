"""What no graph can be, and what no run of one can be asked, is refused in one line by its name."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_graphs import idle_kinds

import eqchip as eq
from eqchip.emulator.description.graph.integers import mantissas_of

SOURCE = eq.Population("in", eq.Input(), 3)
UNIT = eq.LIF(decay=0.5)
HIDDEN = eq.Population("hidden", UNIT, 2)
OUT = eq.Population("out", eq.LI(decay=0.5), 1)
UP = eq.Projection("in", "hidden", np.ones((3, 2)))


def graph(*populations, projections=(UP,), **more):
    return eq.Graph(list(populations or (SOURCE, HIDDEN)), list(projections), **more)


def whole(weights=640.0, threshold=1600.0, **unit):
    unit = eq.LIF(threshold=threshold, **{"decay": 163 / 4096, **unit})
    projection = eq.Projection("in", "out", [[weights]])
    populations = [eq.Population("in", eq.Input(), 1), eq.Population("out", unit, 1)]
    return eq.run(
        eq.Graph(populations, [projection], outputs=["out"]), [[1]], steps=2, precision="chip"
    )


def run(x, **asked):
    return eq.run(graph(outputs=["hidden"]), x, **asked)


ONES, KERNEL = np.ones((4, 1, 3)), np.ones((2, 2, 1, 1))
DELAYS = np.ones((2, 2, 1, 1), int)
REFUSED = {
    "decay": (lambda: eq.LIF(decay=-0.1), "LIF: decay is -0.1; expected a number in [0, 1]"),
    "unit": (
        lambda: eq.CubaLIF(decay=0.5, current_decay=[0.5, 2.0]),
        "CubaLIF: current_decay is 2.0 at (1,); expected a number in [0, 1]",
    ),
    "nan": (lambda: eq.IF(bias=np.nan), "IF: bias is nan; expected a finite number"),
    "text": (lambda: eq.IF(threshold="high"), "IF: threshold is 'high'; expected"),
    "refractory": (lambda: eq.IF(refractory=1.5), "IF: refractory is 1.5; expected a whole number"),
    "floor": (lambda: eq.IF(floor=0.5), "IF: floor is 0.5; expected a number of at most 0"),
    "reset": (lambda: eq.IF(reset="half"), "IF: reset is 'half'; expected 'zero' or 'subtract'"),
    "step": (
        lambda: eq.decay(tau=[0.02, 0.005], dt=0.01),
        "decay: dt 0.01 over tau 0.005 is a decay of 2; expected at most 1: a shorter time step",
    ),
    "parameter": (
        lambda: eq.Population("a", eq.LIF(decay=[0.1, 0.2]), 3),
        "population 'a': decay of LIF has shape (2,); expected one number, or (3,)",
    ),
    "size": (lambda: eq.Population("a", UNIT, 0), "population 'a': a size of shape 0 is 0"),
    "kind": (lambda: eq.Population("a", eq.Coding(), 3), "population 'a': unit is Coding("),
    "weights": (
        lambda: eq.Projection("a", "b", [1.0]),
        "projection 'a -> b': weights have shape (1,); expected (n_pre, n_post)",
    ),
    "connection": (
        lambda: eq.Projection("a", "b", [1.0], eq.OneToOne(2)),
        "projection 'a -> b': weights of OneToOne (2 one to one) have shape (1,); expected (2,)",
    ),
    "infinite": (
        lambda: eq.Projection("a", "b", [[np.inf]]),
        "projection 'a -> b': weights hold inf at (0, 0); expected finite numbers",
    ),
    "negative delay": (
        lambda: eq.Projection("a", "b", [[1.0]], delay=-1),
        "projection 'a -> b': a delay is -1; expected 0 to 32767 steps",
    ),
    "long delay": (
        lambda: eq.Projection("a", "b", [[1.0]], delay=[[99999]]),
        "projection 'a -> b': a delay is 99999; expected 0 to 32767 steps",
    ),
    "half a delay": (
        lambda: eq.Projection("a", "b", [[1.0]], delay=0.5),
        "projection 'a -> b': delay is 0.5; expected whole numbers of steps",
    ),
    "shared delays": (
        lambda: eq.Projection("a", "b", KERNEL, eq.Conv2d((4, 4, 1), 1, 2), delay=DELAYS),
        "projection 'a -> b': delays differ by synapse, but Conv2d shares its weights; expected",
    ),
    "maximum": (
        lambda: eq.Projection(
            "a", "b", KERNEL, eq.Conv2d((5, 5, 1), 1, 2, pool=eq.MaxPool2d(2))
        ),
        "projection 'a -> b': Conv2d (5x5x1 -> 1 of 2x2) has MaxPool2d",
    ),
    "unknown": (
        lambda: graph(SOURCE, projections=[UP]),
        "projection 'in -> hidden': post is 'hidden'; expected one of 'in'",
    ),
    "shapes": (
        lambda: graph(eq.Population("in", eq.Input(), 4), HIDDEN),
        "projection 'in -> hidden': Dense (3 -> 2) joins shapes (3,) and (2,), the populations "
        "have (4,) and (2,)",
    ),
    "into an input": (
        lambda: graph(SOURCE, HIDDEN, projections=[eq.Projection("hidden", "in", np.ones((2, 3)))]),
        "projection 'hidden -> in': 'in' is Input, which hears nothing",
    ),
    "out of a read-out": (
        lambda: graph(HIDDEN, OUT, projections=[eq.Projection("out", "hidden", np.ones((1, 2)))]),
        "projection 'out -> hidden': 'out' is LI, which sends nothing",
    ),
    "compartment": (
        lambda: graph(projections=[eq.Projection("in", "hidden", np.ones((3, 2)), to="dendrite")]),
        "projection 'in -> hidden.dendrite': to is 'dendrite', but 'hidden' is LIF; expected one "
        "of its compartments, 'soma'",
    ),
    "no compartment": (
        lambda: eq.Projection("a", "b", [[1.0]], to=1),
        "Projection: to is 1; expected a compartment's name, e.g. 'soma'",
    ),
    "named as a compartment": (
        lambda: graph(
            eq.Population("a", eq.TwoCompartmentLIF(), 1), eq.Population("a.dendrite", eq.LIF(), 1)
        ),
        "Graph: population 'a.dendrite' is named as the compartment of another; expected another",
    ),
    "coupling": (
        lambda: eq.TwoCompartmentLIF(coupling=1.5),
        "TwoCompartmentLIF: coupling is 1.5; expected a number in [0, 1]",
    ),
    "names": (lambda: graph(SOURCE, SOURCE), "Graph: two populations are named 'in'"),
    "projections": (
        lambda: graph(projections=[UP, UP]),
        "Graph: two projections are named 'in -> hidden'",
    ),
    "no output": (
        lambda: graph(projections=[UP, eq.Projection("hidden", "hidden", np.ones((2, 2)))]),
        "Graph: no output, for a projection leaves every population; expected outputs",
    ),
    "output": (lambda: graph(outputs=["o"]), "Graph: an output is 'o'; expected one of 'in',"),
    "no input": (
        lambda: eq.run(graph(SOURCE, HIDDEN, OUT), ONES),
        "population 'out' has no input: no projection leads to it",
    ),
    "no units": (
        lambda: eq.run(eq.Graph([SOURCE], [], outputs=["in"]), ONES),
        "run: every population is an input; expected one that computes",
    ),
    "x": (lambda: run({}), "run: no x for input 'in'; expected its spikes"),
    "whose": (lambda: run({"a": ONES}), "run: x is given for 'a'; expected one of 'in', 'hidden'"),
    "x shape": (lambda: run(np.ones((4, 1, 2))), "run: x of population 'in' has shape (4, 1, 2)"),
    "x steps": (lambda: run(ONES, steps=3), "run: x of population 'in' has 4 steps; expected 3"),
    "x batch": (
        lambda: run({"in": ONES, "hidden": np.ones((2, 2))}),
        "run: x of population 'hidden' has a batch of 2; expected 1",
    ),
    "x value": (lambda: run(ONES / 2), "run: x of population 'in' holds 0.5; expected 0, 1, or an"),
    "x nan": (lambda: run({"in": ONES, "hidden": np.full((1, 2), np.nan)}), "holds nan; expected"),
    "steps": (lambda: run(np.ones((1, 3))), "run: nothing says how many steps; expected steps=..."),
    "current": (
        lambda: run({"in": ONES, "hidden": eq.Events([0], [0])}),
        "run: x of population 'hidden' is a list of events, but its units compute",
    ),
    "late": (
        lambda: run(eq.Events([4], [0]), steps=4),
        "run: x of population 'in' has an event at step 4; expected steps of 0 to 3",
    ),
    "who": (
        lambda: run(eq.Events([0], [3]), steps=4),
        "run: x of population 'in' has an event of unit 3; expected units of 0 to 2",
    ),
    "twice": (
        lambda: run(eq.Events([0, 0], [1, 1]), steps=4),
        "run: x of population 'in' has two events of unit 1 at step 0; expected one",
    ),
    "masked events": (
        lambda: eq.Events(np.ma.array([0, 1], mask=[0, 1]), [0, 1]),
        "Events: steps is a masked array; expected a plain one",
    ),
    "masked values": (
        lambda: eq.Events([0, 1], [0, 1], values=np.ma.array([1.0, 2.0], mask=[0, 1])),
        "Events: values is a masked array; expected a plain one",
    ),
    "masked parameter": (
        lambda: eq.LIF(decay=np.ma.array([0.1, 0.2], mask=[0, 1])),
        "LIF: decay is a masked array; expected a plain one",
    ),
    "masked delay": (
        lambda: eq.Projection("a", "b", np.eye(2), delay=np.ma.array(np.eye(2, dtype=int), mask=1)),
        "projection 'a -> b': delay is a masked array; expected a plain one",
    ),
    "negative": (lambda: eq.Events([-1], [0]), "Events: steps hold -1 at 0; expected none below 0"),
    "unsorted": (
        lambda: eq.Events([3, 2], [0, 0]),
        "Events: step 2 of event 1 comes after step 3 of the same sample",
    ),
    "samples": (lambda: eq.Events([0], [0], [1]), "Events: samples hold 1 with a batch of 1"),
    "phases": (lambda: run(ONES, coding=eq.Coding()), "run: coding is given with a graph"),
    "network steps": (
        lambda: eq.run(eq.Network.dense([2, 1]), [[1, 1]], steps=3),
        "run: steps is 3, which graphs have; expected phases, e.g. [Free(3)]",
    ),
    "backend": (
        lambda: run(ONES, backend="discrete"), "run: backend 'discrete' runs no graphs; expected"
    ),
    "threads": (
        lambda: run(ONES, backend="reference", threads=2), "run: backend 'reference' has no threads"
    ),
    "record": (lambda: run(ONES, record="bits"), "run: record is 'bits' of a graph; expected one"),
    "chip weight": (
        lambda: whole(weights=0.3),
        "projection 'in -> out': the weight at (0, 0) is 0.3 in precision 'chip'; expected a "
        "multiple of 64, as of eqchip.quantize(graph).graph",
    ),
    "chip threshold": (
        lambda: whole(threshold=100.0),
        "population 'out': threshold is 100.0 in precision 'chip' (unit 0); expected a multiple",
    ),
    "chip decay": (lambda: whole(decay=0.1), "decay is 0.1 in precision 'chip' (unit 0);"),
    "chip bias": (lambda: whole(bias=4097.0), "bias is 4097.0 in precision 'chip'"),
    "chip range": (
        lambda: whole(weights=64.0 * 257),
        "projection 'in -> out': weights range over [16448, 16448] in precision 'chip'; expected",
    ),
    "mantissas": (lambda: mantissas_of([0.5]), "mantissas: type is float64; expected whole"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_is_refused_in_one_line(what):
    build, expected = REFUSED[what]
    with pytest.raises(eq.InputError) as caught:
        build()
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_description_keeps_what_it_was_given():
    weights, decays = np.ones((3, 2)), np.array([0.1, 0.2])
    projection, unit = eq.Projection("in", "hidden", weights), eq.LIF(decay=decays)
    weights[0, 0] = decays[0] = 0.5
    assert projection.weights[0, 0] == 1.0
    assert unit.decay[0] == 0.1
    with pytest.raises(ValueError, match="read-only"):
        unit.decay[0] = 0.5


def test_a_map_is_read_as_a_row_where_a_connection_does():
    populations = [eq.Population("in", eq.Input(), (2, 2, 1)), eq.Population("out", UNIT, (1, 3))]
    assert eq.Graph(populations, [eq.Projection("in", "out", np.ones((4, 3)))]).outputs == ("out",)


def test_a_quantized_graph_runs_on_the_chip_near_the_one_it_was_made_of():
    rng = np.random.default_rng(0)
    populations = [
        eq.Population("in", eq.Input(), 20),
        eq.Population("hidden", eq.CubaLIF(decay=0.1, current_decay=0.3, bias=0.01), 15),
        eq.Population("out", eq.LIF(decay=0.05, threshold=2.0, reset="subtract"), 5),
        *idle_kinds(),
    ]
    projections = [
        eq.Projection("in", "hidden", rng.normal(0.05, 0.2, (20, 15))),
        eq.Projection("hidden", "hidden", rng.normal(0, 0.1, (15, 15)), delay=1),
        eq.Projection("hidden", "out", rng.normal(0.1, 0.5, (15, 5))),
    ]
    real = eq.Graph(populations, projections)
    quantized = eq.quantize(real)
    x = rng.random((200, 2, 20)) < 0.2
    asked = {"x": x, "threads": 1, "record": "potentials"}
    ideal = eq.run(real, precision="float64", **asked)
    chip = eq.run(quantized.graph, precision="chip", **asked)
    spikes = sum(ideal.activity.spikes.values())
    assert abs(sum(chip.activity.spikes.values()) - spikes) < 0.05 * spikes
    off = chip.potentials["hidden"] / quantized.scales["hidden"] - ideal.potentials["hidden"]
    assert np.abs(off[:3]).max() < 0.02
    assert np.median(np.abs(off)) < 0.05  # where one fired a step before the other, it is a reset
