"""A graph that runs a piece at a time, for who closes a loop around it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from eqchip.emulator.description.graph.graph import Graph
from eqchip.emulator.description.modes import Precision
from eqchip.emulator.engine.graph import LoweredGraph, Memory, advance_graph, lower_graph
from eqchip.emulator.engine.graph_lowering import check_sums
from eqchip.emulator.errors import InputError, check_whole
from eqchip.emulator.problem.graph import GraphProblem, GraphRun
from eqchip.emulator.problem.pose_graph import pose_graph


class Simulation:
    """A graph between two steps: what it is given next may depend on what it just did.

    Pieces one after the other are, bit for bit, the run of all their steps.

    Parameters
    ----------
    graph : Graph
    batch : int, default 1
        Samples side by side, on one thread.
    precision : {"float32", "float64", "chip"}

    Attributes
    ----------
    steps : int
        How many have passed.

    Raises
    ------
    InputError
        For a batch or precision that is none, and as :func:`eqchip.run`.

    Examples
    --------
    >>> import eqchip as eq
    >>> populations = [
    ...     eq.Population("in", eq.Input(), 1),
    ...     eq.Population("out", eq.IF(threshold=1.5), 1),
    ... ]
    >>> graph = eq.Graph(populations, [eq.Projection("in", "out", [[1.0]])], outputs=["out"])
    >>> simulation = Simulation(graph)
    >>> fired = 0
    >>> while not fired:  # feed it until it fires
    ...     fired = simulation.step([[1]]).counts["out"].item()
    >>> simulation.steps
    3
    """

    def __init__(self, graph: Graph, *, batch: int = 1, precision: Precision = "float32") -> None:
        if not isinstance(graph, Graph):
            raise InputError(f"Simulation: graph is {graph!r}; expected a Graph")
        check_whole("Simulation: batch", batch, 1, 2**31)
        self.graph, self.batch, self.precision = graph, batch, precision
        self.steps = 0
        self._lowered: LoweredGraph | None = None
        self._memory: list[Memory] = []

    def step(self, x: Any, steps: int = 1, *, record: Collection[str] = ()) -> GraphRun:
        """Run on.

        Parameters
        ----------
        x, record
            As of :func:`eqchip.run`: for these steps.
        steps : int, default 1

        Returns
        -------
        GraphRun
            Of these steps alone.

        Raises
        ------
        InputError
            As :func:`eqchip.run`, and for another batch; nothing has been run then.
        """
        problem = self._posed(x, steps, record)
        if self._lowered is None:
            self._lowered = lower_graph(problem)
            self._memory = [self._lowered.memory() for _ in range(self.batch)]
        else:
            check_sums(problem)
        run = advance_graph(self._lowered, problem, self._memory, self.steps)
        self.steps += steps
        return run

    def _posed(self, x: Any, steps: int, record: Collection[str]) -> GraphProblem:
        problem = pose_graph(self.graph, x, steps=steps, precision=self.precision, record=record)
        if not (problem.messages or problem.currents):
            return replace(problem, batch=self.batch)
        if problem.batch != self.batch:
            raise InputError(
                f"step: x has a batch of {problem.batch}; expected {self.batch}, that of the "
                "simulation"
            )
        return problem
