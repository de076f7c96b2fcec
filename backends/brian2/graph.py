"""Graphs on Brian2: another engine, every bit and potential of the reference in float64.

A kind of unit is a row of `MODELS`: its variables and statements in Brian2's words. Thresholds,
resets, refractoriness, delays and the transport of spikes are Brian2's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from eqchip.backends.brian2 import graph_builder
from eqchip.backends.brian2.solve import preferences
from eqchip.backends.graph_folder import write_folder
from eqchip.backends.graphs import given_to, run_of_graph, synapse_lists
from eqchip.backends.packages import BRIAN2
from eqchip.emulator.description.graph.graph import Graph, Population
from eqchip.emulator.description.graph.parameters import COUNT, DECAY, bounds_of
from eqchip.emulator.description.graph.units import (
    IF,
    LI,
    LIF,
    AdaptiveLIF,
    CubaLI,
    CubaLIF,
    Input,
    TwoCompartmentLIF,
)
from eqchip.emulator.description.units import unit_row
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.graph import GraphProblem, GraphRun
from eqchip.emulator.progress import Progress

FORMAT = "eqchip-brian2 1"
LONGEST_CHAIN = 63  # steps that a unit keeps what it sent, where that is a number


@dataclass
class Model:
    """A population in Brian2's words.

    states: variables that change; update: statements of a step, in their order.
    """

    states: list[str] = field(default_factory=list)
    update: list[str] = field(default_factory=list)
    threshold: str | None = None
    reset: list[str] = field(default_factory=list)
    kind: str = "group"


def _integrated(model: Model, unit: Any, drive: str) -> None:
    """v of units that are not refractory, not below the floor."""
    kept = "v*keep" if "decay" in unit.bounds else "v"
    v = f"{kept} + {drive} + bias"
    if has_floor(unit):
        v = f"clip({v}, floor_v, inf)"
    if waits(unit):
        v = f"int(not_refractory)*({v}) + (1 - int(not_refractory))*v"
    model.states += ["v", "x"]
    # At once, "v = v + x + bias" would become "v += x + bias", which rounds otherwise.
    model.update += [f"next_v = {v}", "v = next_v"]


def _fires(model: Model, unit: Any, theta: str = "theta") -> None:
    model.threshold = f"v > {theta}"
    model.reset.append({"zero": "v = 0", "subtract": "v = v - theta"}[unit.reset])
    if unit.signed:
        beyond = f"int(v > {theta}) - int(v < -({theta}))"
        model.update.append(f"q = ({beyond})*int(not_refractory)" if waits(unit) else
                            f"q = {beyond}")  # fmt: skip
        model.threshold = "q != 0"
        model.reset[-1] = {"zero": "v = 0", "subtract": "v = v - q*theta"}[unit.reset]


def _lif(unit: Any) -> Model:
    model = Model()
    _integrated(model, unit, "x")
    _fires(model, unit)
    return model


def _cuba_lif(unit: Any) -> Model:
    model = Model(["u"], ["u = u*current_keep + x"])
    _integrated(model, unit, "u")
    _fires(model, unit)
    return model


def _adaptive_lif(unit: Any) -> Model:
    """The threshold's rise decays and counts before the next step, in which alone it is read."""
    model = Model(["a", "fired"], ["a = a*adaptation_keep + jump*fired", "fired = 0"])
    _integrated(model, unit, "x")
    _fires(model, unit, "theta + a")
    model.reset.append("fired = 1")
    return model


def _two_compartment_lif(unit: Any) -> Model:
    """The dendrite's w steps first, and the soma takes its share of it."""
    model = Model(["w", "x_dendrite"], ["w = w*dendrite_keep + x_dendrite"])
    _integrated(model, unit, "(x + w*coupling)")
    _fires(model, unit)
    return model


def _li(unit: Any) -> Model:
    model = Model()
    _integrated(model, unit, "x")
    return model


def _cuba_li(unit: Any) -> Model:
    model = Model(["u"], ["u = u*current_keep + x"])
    _integrated(model, unit, "u")
    return model


def _input(unit: Any) -> Model:
    if unit.valued:
        return Model(update=["q = given(t, i)"], threshold="q != 0")
    return Model(kind="source")


MODELS: dict[type, Callable[[Any], Model]] = {
    AdaptiveLIF: _adaptive_lif,
    CubaLI: _cuba_li,
    CubaLIF: _cuba_lif,
    IF: _lif,
    Input: _input,
    LI: _li,
    LIF: _lif,
    TwoCompartmentLIF: _two_compartment_lif,
}
MEMBRANES = ("v", "w")  # the variables of the compartments, in their order
# Parameters by the names that Brian2 has no other use for; of a decay, what is kept.
NAMES = {
    "decay": "keep",
    "current_decay": "current_keep",
    "adaptation_decay": "adaptation_keep",
    "dendrite_decay": "dendrite_keep",
    "threshold": "theta",
    "floor": "floor_v",
    "refractory": "wait",
    "initial": "v",
}


def has_floor(unit: Any) -> bool:
    """Whether v has one in any unit."""
    return bool(np.any(np.isfinite(getattr(unit, "floor", -np.inf))))


def waits(unit: Any) -> bool:
    """Whether any unit is refractory after a spike."""
    return bool(np.any(getattr(unit, "refractory", 0)))


def describe(graph: Graph) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A graph for :mod:`eqchip.backends.brian2.graph_builder`: plain values, and arrays.

    Raises
    ------
    InputError
        For a kind of unit that is not known here, and messages other than 1 that are delayed by
        more than 63 steps.
    """
    arrays: dict[str, np.ndarray] = {}
    populations = []
    for k, population in enumerate(graph.populations):
        longest = _chain(graph, population)
        described, own = _described(population, longest)
        populations.append(described)
        arrays |= {f"{k} {name}": values for name, values in own.items()}
    synapses = []
    for k, (projection, delay, pre, post, weights) in enumerate(synapse_lists(graph)):
        arrives = "x" if projection.to == "soma" else f"x_{projection.to}"
        sent = ""
        if graph.population(projection.pre).unit.valued:
            sent = f"*q_{delay}_pre" if delay else "*q_pre"
        synapses.append({
            "name": f"{projection.name}, delay {delay}",
            "pre": projection.pre, "post": projection.post, "delay": delay,
            "on_pre": f"{arrives}_post += weight{sent}",
        })  # fmt: skip
        arrays |= {f"s{k} pre": pre, f"s{k} post": post, f"s{k} weights": weights}
    return {"format": FORMAT, "populations": populations, "synapses": synapses}, arrays


def _chain(graph: Graph, population: Population) -> int:
    """For how many steps units must know what they sent: Brian2 carries that, not how much."""
    if not population.unit.valued:
        return 0
    longest = 0
    for projection in graph.projections:
        if projection.pre == population.name:
            longest = max(longest, projection.delays[-1])
            if longest > LONGEST_CHAIN:
                raise InputError(
                    f"brian2: {projection} delays messages of {population.name!r} other than 1 by "
                    f"{longest} steps; expected at most {LONGEST_CHAIN}"
                )
    return longest


def _described(population: Population, longest: int) -> tuple[dict[str, Any], Any]:
    """A population as plain values, and its parameters per unit."""
    unit: Any = population.unit
    model = unit_row(MODELS, unit, f"brian2: population {population.name!r}")(unit)
    own = {}
    for name in unit.parameters():
        if (name == "floor" and not has_floor(unit)) or (name == "refractory" and not waits(unit)):
            continue
        values, bounds = population.per_unit(name).astype(np.float64), bounds_of(unit, name)
        if bounds is DECAY:
            values = 1.0 - values
        elif bounds is COUNT:
            values = values + 1  # Brian2 counts from the step of the spike itself
        own[NAMES.get(name, name)] = values
    update, states = list(model.update), list(model.states)
    if unit.valued:
        kept = [f"q_{d} = {f'q_{d - 1}' if d > 1 else 'q'}" for d in range(longest, 0, -1)]
        update = kept + update
        states += ["q", *(f"q_{d}" for d in range(1, longest + 1))]
    if "x" in states:
        update.append("x = given(t + dt, i)")  # what is given for the next step; synapses add
        update += [f"x_{own} = 0" for own in unit.compartments[1:]]
    recorded = {}
    if unit.receives:
        recorded = {
            what: f"{name} potentials"
            for what, name in zip(MEMBRANES, population.membranes, strict=False)
        }
    if unit.sends:
        recorded["q" if unit.valued else "spikes"] = f"{population.name} spikes"
    parameters = [name for name in own if name not in states]
    equations = [f"{name} : 1" for name in states]
    equations += [f"{name} : 1 (constant)" for name in parameters]
    return {
        "name": population.name,
        "units": population.size,
        "kind": model.kind,
        "equations": equations,
        "states": states,
        "parameters": list(own),
        "update": update,
        "threshold": model.threshold,
        "reset": model.reset,
        "refractory": waits(unit),
        "recorded": recorded,
    }, own


def solve(problem: GraphProblem) -> GraphRun:
    """Run a graph on Brian2, in precision float64.

    Raises
    ------
    InputError
        If Brian2 is not installed, or for what :func:`describe` refuses.
    """
    b2 = BRIAN2.require()
    described, arrays = describe(problem.graph)
    with preferences(b2, graph_builder.STRICT):
        built = graph_builder.build(described, arrays, given_to(problem), problem.steps)
        found = graph_builder.run(built)
    return run_of_graph(problem, found)


def export_graph(
    problem: GraphProblem, directory: Path, progress: Progress | None = None
) -> list[Path]:
    """Write a graph, with what it is given, as a folder that Brian2 runs."""
    described, arrays = describe(problem.graph)
    words = {
        "tool": "Brian2",
        "package": "brian2",
        "built": "a NeuronGroup for each population, Synapses for each delay of a projection",
        "more": "A step is a millisecond of Brian2's time.",
    }
    builder, given = Path(graph_builder.__file__), given_to(problem)
    return write_folder(directory, described, arrays, given, builder=builder, words=words)
