"""A process graph that learns: the contrast of two phases, inside the processes, in float64.

In a chip's integers: :mod:`eqchip.mapping.processes.onchip`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from eqchip.emulator.description.learning import Rule, learning_rates
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.problem import Problem
from eqchip.mapping.processes.graph import Edge, ProcessGraph


def with_learning(
    graph: ProcessGraph, problem: Problem, *, beta: float, lr: float | Sequence[float], rule: Rule
) -> ProcessGraph:
    """The graph of a problem, with a weight update after every sample.

    Parameters
    ----------
    graph : ProcessGraph
        Of the problem, in float64.
    problem : Problem
    beta, lr, rule
        As for :func:`eqchip.contrast`, for one sample.

    Returns
    -------
    ProcessGraph
        ``learning`` holds ``rule``, the rows ``minus`` and ``plus`` of s- and s+, and
        ``factors``, lr / beta (or 2 beta) per connection. Its layers send their potentials to the
        connections.

    Raises
    ------
    InputError
        In integers, with an injected current, and for phases that the rule does not contrast.
    """
    if graph.arithmetic is not None:
        raise InputError(
            "process graph: learning in real numbers with precision 'chip'; expected 'float64': "
            "eqchip.backends.lava.train_on_chip learns in a chip's integers"
        )
    if graph.current is not None:
        raise InputError(
            "process graph: learning with input 'current'; expected 'spikes': "
            "no process holds the weights of the current"
        )
    ends = np.cumsum([phase.steps for phase in problem.phases]) - 1
    free = [int(e) for e, p in zip(ends, problem.phases, strict=True) if isinstance(p, Free)]
    nudged = {
        phase.beta: int(end)
        for end, phase in zip(ends, problem.phases, strict=True)
        if isinstance(phase, Nudged)
    }
    symmetric = rule == "symmetric"
    missing = [b for b in ((beta, -beta) if symmetric else (beta,)) if b not in nudged]
    if missing or not (symmetric or free):
        needed = f"a nudged phase with beta {missing[0]}" if missing else "a free phase"
        raise InputError(f"process graph: rule {rule!r} needs {needed}; the problem has none")
    scale = 0.5 / beta if symmetric else 1.0 / beta
    rates = learning_rates(lr, len(graph.connections))
    learning = {
        "rule": rule,
        "minus": nudged[-beta] if symmetric else free[-1],
        "plus": nudged[beta],
        "factors": [rate * scale for rate in rates],
    }
    edges = list(graph.edges)
    for node in graph.connections:
        below, above = f"layer_{node.connection}", f"layer_{node.connection + 1}"
        edges.append(Edge(below, "s_out", node.name, "s_pre"))
        edges.append(Edge(above, "s_out", node.name, "s_post"))
    return replace(graph, edges=tuple(edges), learning=learning)
