"""A process graph of Lava's own Dense processes: the shape that a Loihi would take."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from eqchip.emulator.errors import InputError
from eqchip.mapping.processes.graph import ConnectionNode, Edge, ProcessGraph


def with_stock_dense(graph: ProcessGraph) -> ProcessGraph:
    """The graph with two stock Dense in place of every SymDense: ``W^T`` forward, ``W`` back.

    Lava's Dense takes weights (n_out, n_in), and in integers keeps even ones of a 9-bit field
    only: those are twice the codes, with an exponent that is one less.

    Raises
    ------
    InputError
        For phases that start ``from_free``, and for learning: a stock Dense keeps no state.
    """
    if graph.tables.restore.any():
        raise InputError(
            "process graph: a phase starts from_free with stock Dense processes, which cannot "
            "take back the spikes under way; expected phases that follow one another"
        )
    if graph.learning is not None:
        raise InputError(
            "process graph: learning with stock Dense processes; expected SymDense: "
            "theirs are two copies of the weights"
        )
    nodes: list[ConnectionNode] = []
    forward: list[Edge] = []
    back: list[Edge] = []
    for node in graph.connections:
        weights, exponent = node.weights, node.exponent
        if graph.arithmetic is not None:
            weights, exponent = 2 * weights.astype(np.int64), exponent - 1
        below, above = f"layer_{node.connection}", f"layer_{node.connection + 1}"
        names = [f"{node.name}_forward"] + ([f"{node.name}_back"] if node.feedback else [])
        for name, matrix, source, target, edges in (
            (names[0], weights.T, below, above, forward),
            (names[-1], weights, above, below, back),
        )[: len(names)]:
            values = np.ascontiguousarray(matrix)
            stock = replace(
                node, name=name, weights=values, exponent=exponent, feedback=False, process="Dense"
            )
            nodes.append(stock)
            edges.append(Edge(source, "q_out", name, "s_in"))
            edges.append(Edge(name, "a_out", target, "a_in"))
    return replace(graph, connections=tuple(nodes), edges=(*forward, *back))
