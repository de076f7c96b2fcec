"""The reference of graphs: every population, every step, in plain numpy.

Written to be read, and what the engine is compared with. Step t of all populations at once::

    x   = current, then the projections in their order; of each by ascending delay d, and of one d
          by ascending sender: the weight, times its value, of what was sent at step t - 1 - d; of
          each compartment on its own
    q   = what the kind of unit makes of x (`eqchip.backends.reference.neurons`); an input sends
          what it is given for step t
"""

from __future__ import annotations

import math
from collections import ChainMap
from typing import Any, NamedTuple

import numpy as np

from eqchip.backends.reference.floating import MATRIX_OF
from eqchip.backends.reference.neurons import ARITHMETIC, TWINS, Layer
from eqchip.emulator.description.connections import Connection, OneToOne, SumPool2d, row_of
from eqchip.emulator.description.graph.graph import Population, Projection
from eqchip.emulator.description.graph.integers import ALIGN, weight_codes
from eqchip.emulator.description.units import unit_row
from eqchip.emulator.problem.graph import GraphActivity, GraphProblem, GraphRun


def sum_pool_matrix(connection: SumPool2d, weights: np.ndarray) -> np.ndarray:
    """The matrix of windows side by side: one weight, channel by channel."""
    _, width, channels = connection.post_shape
    matrix = np.zeros(
        (math.prod(connection.pre_shape), math.prod(connection.post_shape)), weights.dtype
    )
    for sender, (i, j, channel) in enumerate(np.ndindex(connection.pre_shape)):
        row, column = i // connection.size, j // connection.size
        matrix[sender, (row * width + column) * channels + channel] = weights[0]
    return matrix


# Graphs know the kinds of connection that networks know, and some more.
MATRICES: ChainMap[type, Any] = ChainMap(
    {OneToOne: lambda connection, weights: np.diag(weights), SumPool2d: sum_pool_matrix}, MATRIX_OF
)


def rows(connection: Connection, synapse_weights: np.ndarray) -> np.ndarray:
    """The matrix of a connection, shape (n_pre, n_post): row i is what unit i sends."""
    return row_of(MATRICES, connection, "reference: connection")(connection, synapse_weights)


class Bundle(NamedTuple):
    """The synapses of one projection with one delay.

    matrix: (n_pre, n_post), 0 where there is none; there: where there is one; exponent: of codes.
    """

    projection: int
    pre: str
    post: str
    compartment: int
    delay: int
    matrix: np.ndarray
    there: np.ndarray
    exponent: int


def solve(problem: GraphProblem) -> GraphRun:
    """Run a graph.

    Raises
    ------
    InputError
        For a kind of unit or connection that is not known here.
    """
    graph = problem.graph
    arithmetic = ARITHMETIC[problem.precision](problem.dtype)
    bundles = [b for k, p in enumerate(graph.projections) for b in bundles_of(problem, k, p)]
    layers = {p.name: begin(problem, p, arithmetic) for p in graph.populations}
    sent: dict[str, list[np.ndarray]] = {name: [] for name in layers}  # of every step
    ends: dict[str, list[np.ndarray]] = {m: [] for p in graph.populations for m in p.membranes}
    arrivals = np.zeros(len(graph.projections), np.int64)
    for t in range(1, problem.steps + 1):
        arrived = {name: currents(problem, name, t) for name in layers}
        for bundle in bundles:
            if t - 1 - bundle.delay >= 1:
                q = sent[bundle.pre][t - 2 - bundle.delay]
                arrivals[bundle.projection] += (
                    (q != 0).astype(np.int64) @ bundle.there.sum(1)
                ).sum()
                arrive(problem, arrived[bundle.post][bundle.compartment], bundle, q)
        for name, layer in layers.items():
            if layer is None:
                sent[name].append(given(problem, name, t))
                continue
            population = graph.population(name)
            unit_row(TWINS, population.unit, "reference")(arithmetic, layer, *arrived[name])
            sent[name].append(layer.q.copy())
            for membrane, potentials in zip(population.membranes, layer.membranes, strict=True):
                ends[membrane].append(potentials.copy())
    return _answer(problem, sent, ends, arrivals)


def bundles_of(problem: GraphProblem, k: int, projection: Projection) -> list[Bundle]:
    """A projection, delay by delay."""
    connection = projection.connection
    exponent = 0
    if problem.integers:
        codes, exponent = weight_codes(projection)
        held = codes.astype(np.int64)
    else:
        held = connection.synapse_weights(projection.weights.astype(problem.dtype))
    matrix, there = rows(connection, held), rows(connection, np.ones_like(held)) != 0
    found = []
    for delay in projection.delays:
        here = there
        if np.ndim(projection.delay):
            here = rows(connection, (projection.delay == delay).astype(np.int64)) != 0
        compartments = problem.graph.population(projection.post).unit.compartments
        found.append(
            Bundle(
                k,
                projection.pre,
                projection.post,
                compartments.index(projection.to),
                delay,
                np.where(here, matrix, 0),
                here,
                exponent,
            )
        )
    return found


def arrive(problem: GraphProblem, x: np.ndarray, bundle: Bundle, q: np.ndarray) -> None:
    """Add what q, (batch, n_pre), sent over a bundle to x, (batch, n_post), sender by sender."""
    for b, sender in np.ndindex(q.shape):
        if not problem.integers and q[b, sender]:
            x[b] += q[b, sender].astype(problem.dtype) * bundle.matrix[sender]
    if problem.integers:
        total = q.astype(np.int64) @ bundle.matrix
        x += shifted(total, bundle.exponent) << ALIGN


def shifted(sums: np.ndarray, exponent: int) -> np.ndarray:
    """Sums times 2**exponent, towards minus infinity."""
    return sums << exponent if exponent >= 0 else sums >> -exponent


def begin(problem: GraphProblem, population: Population, arithmetic: Any) -> Layer | None:
    """A population before step 1; None: an input, which computes nothing."""
    if not population.unit.receives:
        return None
    parameters = {
        name: arithmetic.parameter(population, name) for name in population.unit.parameters()
    }
    return Layer(parameters, population.unit, problem.batch, population.size, problem.dtype)


def currents(problem: GraphProblem, name: str, t: int) -> list[np.ndarray]:
    """The current of step t, (batch, units), of every compartment; 0 where none is given."""
    population = problem.graph.population(name)
    found = [
        np.zeros((problem.batch, population.size), problem.dtype) for _ in population.membranes
    ]
    if name in problem.currents:
        rows, hold = problem.currents[name]
        found[0] = rows[(t - 1) // hold].copy()
    return found


def given(problem: GraphProblem, name: str, t: int) -> np.ndarray:
    """What an input sends at step t, (batch, units)."""
    messages = problem.messages[name]
    sent = np.zeros((problem.batch, problem.graph.population(name).size), messages.values.dtype)
    row = (t - 1) // messages.hold
    for b in range(problem.batch):
        first, last = messages.first[b, row : row + 2]
        sent[b, messages.units[first:last]] = messages.values[first:last]
    return sent


def _answer(
    problem: GraphProblem,
    sent: dict[str, list[np.ndarray]],
    ends: dict[str, list[np.ndarray]],
    arrivals: np.ndarray,
) -> GraphRun:
    spikes, potentials, counts, last = {}, {}, {}, {}
    for population in problem.graph.populations:
        name, shape = population.name, population.shape
        messages = np.array(sent[name]).reshape(problem.steps, problem.batch, *shape)
        counts[name] = (messages != 0).sum(0)
        graded = getattr(population.unit, "graded", False)
        spikes[name] = messages if graded else messages.astype(np.int8)
        if population.unit.receives:
            for membrane in population.membranes:
                potentials[membrane] = np.array(ends[membrane]).reshape(messages.shape)
                last[membrane] = potentials[membrane][-1]
    activity = GraphActivity.of(problem, np.array([c.sum() for c in counts.values()]), arrivals)
    return GraphRun(
        spikes if "spikes" in problem.record else None,
        potentials if "potentials" in problem.record else None,
        counts,
        last,
        activity,
    )
