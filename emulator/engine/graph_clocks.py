"""Clocks of a graph: from a timing to the flat arrays that its kernel runs."""

from __future__ import annotations

import numpy as np

from eqchip.emulator.description.asynchronous import QUANTA, quanta
from eqchip.emulator.description.graph.graph import Graph
from eqchip.emulator.description.parts import whole_layers
from eqchip.emulator.engine.clocks import draw_periods, key_of_run, list_units
from eqchip.emulator.kernels.graph.arrays import Wiring
from eqchip.emulator.kernels.graph.timed import GraphClocks
from eqchip.emulator.problem.graph import GraphProblem


def graph_periods(problem: GraphProblem) -> np.ndarray:
    """The period of each unit's clock in quanta, int64: of all populations, one after the other.

    A population is a core here.
    """
    assert problem.timing is not None
    return draw_periods(problem.timing, list_units(whole_layers(problem.graph.sizes)))


def lower_clocks(problem: GraphProblem, net: Wiring) -> GraphClocks:
    """Lower the timing of a graph. Inputs have no clock: the world sends when it does."""
    timing, graph = problem.timing, problem.graph
    assert timing is not None
    population, place, number = _clocks(problem)
    begins = np.concatenate([[0], np.cumsum(graph.sizes)])
    period = graph_periods(problem)[begins[population] + place]
    senders = net.sizes[net.pre]
    order = np.argsort(net.pre, kind="stable")
    leaving = np.bincount(net.pre, minlength=len(net.sizes))
    driven = np.full(len(net.sizes), -1, np.int64)
    for c, name in enumerate(problem.currents):
        driven[graph.numbers[name]] = c
    loss = round(timing.faults.loss * 2**32)
    return GraphClocks(
        first=net.first[population] + place,
        units=_units(problem, graph, population),
        population=population,
        number=number.astype(np.uint64),
        period=period,
        offset=np.rint(timing.clocks.offset * period).astype(np.int64),
        jitter=quanta(timing.clocks.jitter),
        bundles=order.astype(np.int64),
        bundles_begin=np.concatenate([[0], np.cumsum(leaving)]).astype(np.int64),
        axon_begin=np.concatenate([[0], np.cumsum(senders)]).astype(np.int64),
        driven=driven,
        fixed_delay=quanta(timing.delays.fixed),
        delay_jitter=quanta(timing.delays.jitter),
        loss=loss,
        draws=loss > 0 or quanta(timing.delays.jitter) > 0,
        seed=key_of_run(timing, 0),
    )


def _shared(problem: GraphProblem) -> bool:
    """Whether units of a population can never tick apart: one clock steps them together."""
    assert problem.timing is not None
    return problem.timing.clocks.per == "core" or not problem.timing.drawn_clocks


def _clocks(problem: GraphProblem) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per clock its population, its first unit there, and its number for what is drawn."""
    assert problem.timing is not None
    graph, first = problem.graph, np.concatenate([[0], np.cumsum(problem.graph.sizes)])
    population, place = [], []
    for p, one in enumerate(graph.populations):
        if one.unit.receives:
            count = 1 if _shared(problem) else one.size
            population.append(np.full(count, p))
            place.append(np.arange(count))
    of, at = np.concatenate(population), np.concatenate(place)
    return of, at, of if problem.timing.clocks.per == "core" else first[of] + at


def _units(problem: GraphProblem, graph: Graph, population: np.ndarray) -> np.ndarray:
    sizes = np.array(graph.sizes, np.int64)[population]
    return sizes if _shared(problem) else np.ones_like(sizes)


def most_events(clocks: GraphClocks, net: Wiring) -> float:
    """Events of a nominal period, if a quarter of all units fire."""
    return len(clocks.period) + float(net.sizes[net.pre].sum()) / 4


def horizon(clocks: GraphClocks, net: Wiring) -> float:
    """How far ahead an event can lie, in nominal periods."""
    delay = clocks.fixed_delay + clocks.delay_jitter + int(net.delay.max(initial=0)) * QUANTA
    return max(int(clocks.period.max(initial=0)) + clocks.jitter, delay) / QUANTA + 1
