"""A process graph that learns: the contrast of two phases, inside the processes, in float64.

In a chip's integers: :mod:`eqchip.mapping.processes.onchip`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from eqchip.emulator.description.learning import learning_rates
from eqchip.emulator.description.rules import Rule, rule_of
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.problem import Problem
from eqchip.mapping.processes.graph import Edge, ProcessGraph

KNOWN = ("minus", "plus", "change")  # of an end: see `Quantity`


def with_learning(
    graph: ProcessGraph,
    problem: Problem,
    *,
    beta: float,
    lr: float | Sequence[float],
    rule: str | Rule,
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
        ``learning`` holds ``rule``, its name, ``products``, pairs of what is needed of the unit
        below and above (``"minus"``, ``"plus"`` or ``"change"``), the rows ``minus`` and ``plus``
        of s- and s+, and ``factors``, lr / beta (or 2 beta) per connection. Its layers send their
        potentials to the connections.

    Raises
    ------
    InputError
        In integers, with an injected current, for phases that the rule does not contrast, and for
        a rule that needs more of an end than the processes know.
    """
    if graph.arithmetic is not None:
        raise InputError(
            "process graph: learning in real numbers with precision 'chip'; expected 'float64': "
            "eqchip.backends.lava.solve.train_on_chip learns in a chip's integers"
        )
    if graph.current is not None:
        raise InputError(
            "process graph: learning with input 'current'; expected 'spikes': "
            "no process holds the weights of the current"
        )
    found = rule_of(rule)
    if found.plasticity is not None:
        raise InputError(
            f"process graph: rule {found.name!r} writes weights while its phases run; expected a "
            "rule of contrasts alone"
        )
    words = [(product.below.name, product.above.name) for product in found.products]
    unknown = [word for pair in words for word in pair if word not in KNOWN]
    if unknown:
        raise InputError(
            f"process graph: rule {found.name!r} needs the {unknown[0]!r} of an end; its processes "
            f"know {', '.join(KNOWN)}"
        )
    minus, plus = found.contrasted(problem.phases, beta, "process graph", "the problem")
    ends = np.cumsum([phase.steps for phase in problem.phases]) - 1
    rates = learning_rates(lr, len(graph.connections))
    learning = {
        "rule": found.name,
        "products": words,
        "minus": int(ends[minus]),
        "plus": int(ends[plus]),
        "factors": [rate * found.scale(beta) for rate in rates],
    }
    edges = list(graph.edges)
    for node in graph.connections:
        below, above = f"layer_{node.connection}", f"layer_{node.connection + 1}"
        edges.append(Edge(below, "s_out", node.name, "s_pre"))
        edges.append(Edge(above, "s_out", node.name, "s_post"))
    return replace(graph, edges=tuple(edges), learning=learning)
