"""What every engine of graphs of others needs: what is given, synapse by synapse, and the counts.

Arrays are by population, (steps, samples, units).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from eqchip.backends.reference.graph import rows
from eqchip.emulator.description.connections import OneToOne, Sparse
from eqchip.emulator.description.graph.graph import Graph, Projection
from eqchip.emulator.problem.graph import GraphActivity, GraphProblem, GraphRun, sent_by


class SynapseList(NamedTuple):
    """The synapses of a projection that have one delay, by ascending pre, then post.

    weights: as stored, float64.
    """

    projection: Projection
    delay: int
    pre: np.ndarray
    post: np.ndarray
    weights: np.ndarray


def synapse_lists(graph: Graph) -> Iterator[SynapseList]:
    """All synapses of a graph, in the order in which what arrives over them is added."""
    for projection in graph.projections:
        pre, post, weights, delays = listed(projection)
        for delay in projection.delays:
            here = delays == delay
            yield SynapseList(projection, int(delay), pre[here], post[here], weights[here])


def listed(projection: Projection) -> tuple[np.ndarray, ...]:
    """Pre, post, weight and delay of every synapse."""
    connection: Any = projection.connection
    weights = connection.synapse_weights(projection.weights.astype(np.float64))
    if type(connection) in LISTED:
        pre, post = LISTED[type(connection)](connection)
        return pre, post, weights, np.broadcast_to(projection.delay, weights.shape)
    there = rows(connection, np.ones_like(weights)) != 0
    pre, post = np.nonzero(there)
    delays = np.full(len(pre), projection.delay if np.ndim(projection.delay) == 0 else -1)
    if np.ndim(projection.delay):
        delays = rows(connection, projection.delay)[pre, post]
    return pre, post, rows(connection, weights)[pre, post], delays


def _one_to_one(connection: Any) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(connection.units), np.arange(connection.units)


# Kinds that store a number for each synapse, by pre, then post; of the others a matrix is made.
LISTED: dict[type, Any] = {
    OneToOne: _one_to_one,
    Sparse: lambda connection: (connection.pre, connection.indices),
}


def given_to(problem: GraphProblem) -> dict[str, np.ndarray]:
    """What inputs send and others are given as a current, at every step."""
    found = {}
    for population in problem.graph.populations:
        if population.name in problem.messages:
            sent = sent_by(problem, population)
            found[population.name] = sent.reshape(problem.steps, problem.batch, -1)
        elif population.name in problem.currents:
            rows_, hold = problem.currents[population.name]
            found[population.name] = rows_[np.arange(problem.steps) // hold]
    return found


def run_of_graph(problem: GraphProblem, found: Mapping[str, np.ndarray]) -> GraphRun:
    """The run in which an engine found this.

    Parameters
    ----------
    problem : GraphProblem
    found : mapping of ndarray
        ``"<population> spikes"``, what it sent, but of inputs and of those that send nothing, and
        ``"<membrane> potentials"``, but of inputs.
    """
    spikes, potentials, counts, ends = {}, {}, {}, {}
    for population in problem.graph.populations:
        name, shape = population.name, (problem.steps, problem.batch, *population.shape)
        if not population.unit.receives:
            spikes[name] = sent_by(problem, population)
        elif population.unit.sends:
            spikes[name] = found[f"{name} spikes"].reshape(shape).astype(np.int8)
        else:
            spikes[name] = np.zeros(shape, np.int8)
        counts[name] = (spikes[name] != 0).sum(0)
        for membrane in population.membranes if population.unit.receives else ():
            values = found[f"{membrane} potentials"].reshape(shape)
            potentials[membrane] = values.astype(problem.dtype)
            ends[membrane] = potentials[membrane][-1]
    arrivals = dict.fromkeys((p.name for p in problem.graph.projections), 0)
    for listed in synapse_lists(problem.graph):
        # What is sent last arrives after the end.
        sent = spikes[listed.projection.pre][: max(problem.steps - 1 - listed.delay, 0)]
        by_unit = (sent != 0).sum((0, 1)).reshape(-1)
        arrivals[listed.projection.name] += int(by_unit[listed.pre].sum())
    activity = GraphActivity.of(
        problem, np.array([c.sum() for c in counts.values()]), np.array(list(arrivals.values()))
    )
    return GraphRun(
        spikes if "spikes" in problem.record else None,
        potentials if "potentials" in problem.record else None,
        counts,
        ends,
        activity,
    )
