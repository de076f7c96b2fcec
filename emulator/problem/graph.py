"""What is asked of a graph, for all engines, and the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.description.asynchronous import Asynchronous
from eqchip.emulator.description.graph.graph import Graph, Population
from eqchip.emulator.description.modes import Precision
from eqchip.emulator.text import html_table

RECORDABLE = ("spikes", "potentials")


class Messages(NamedTuple):
    """What an input population sends.

    Row r of sample b is ``first[b, r] : first[b, r + 1]`` of `units`, ascending, and `values`;
    a row is sent for `hold` steps.
    """

    first: np.ndarray
    units: np.ndarray
    values: np.ndarray
    hold: int


class Currents(NamedTuple):
    """What is added to x of a population: numbers (rows, batch, units), a row for `hold` steps."""

    rows: np.ndarray
    hold: int


@dataclass(frozen=True, eq=False)
class GraphProblem:
    """Everything that determines a run of a graph, checked.

    Made by :func:`~eqchip.emulator.problem.pose_graph.pose_graph`.

    Attributes
    ----------
    messages : dict
        By the name of each input population.
    currents : dict
        By the names of the populations that are given one.
    record : frozenset of {"spikes", "potentials"}
    timing : Asynchronous or None
        Clocks of populations or units; None: one for all.
    """

    graph: Graph
    steps: int
    batch: int
    precision: Precision
    messages: dict[str, Messages]
    currents: dict[str, Currents]
    record: frozenset[str]
    timing: Asynchronous | None = None

    @property
    def integers(self) -> bool:
        """Whether numbers are a chip's."""
        return self.precision == "chip"

    @property
    def dtype(self) -> np.dtype:
        """The type of potentials and sums: int64 of a chip's."""
        return np.dtype(np.int64 if self.integers else self.precision)


@dataclass(frozen=True, eq=False, repr=False)
class GraphActivity:
    """Exact counts of a run, summed over samples and steps.

    Attributes
    ----------
    spikes : dict of int
        Per population: messages other than 0.
    updates_active, updates_inactive : dict of int
        Per population: units computing a step, with and without a message. An input computes none.
    synaptic_events : dict of int
        Per projection: spikes arriving over existing synapses.
    macs : dict of int
        Per projection: graded messages arriving over existing synapses.
    """

    samples: int
    steps: int
    spikes: dict[str, int]
    updates_active: dict[str, int]
    updates_inactive: dict[str, int]
    synaptic_events: dict[str, int]
    macs: dict[str, int]

    @classmethod
    def of(
        cls,
        problem: GraphProblem,
        spikes: np.ndarray,
        arrivals: np.ndarray,
        updates: np.ndarray | None = None,
    ) -> GraphActivity:
        """From the messages of each population and the arrivals of each projection.

        updates: of each population; None: one of every unit in every step.
        """
        graph, sent, updated = problem.graph, {}, {}
        for k, population in enumerate(graph.populations):
            sent[population.name] = int(spikes[k])
            steps = problem.steps * problem.batch if population.unit.receives else 0
            updated[population.name] = (
                steps * population.size if updates is None else int(updates[k])
            )
        events, macs = {}, {}
        for projection, count in zip(graph.projections, arrivals, strict=True):
            graded = getattr(graph.population(projection.pre).unit, "graded", False)
            events[projection.name] = 0 if graded else int(count)
            macs[projection.name] = int(count) if graded else 0
        active = {name: min(count, updated[name]) for name, count in sent.items()}
        return cls(
            problem.batch,
            problem.steps,
            sent,
            active,
            {name: updated[name] - active[name] for name in sent},
            events,
            macs,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return dict(vars(self))

    def records(self) -> list[dict[str, Any]]:
        """A flat dictionary per number, for pandas: keys ``count``, ``of`` and ``value``.

        ``of`` is the name of a population or projection.
        """
        counts = ((name, each) for name, each in vars(self).items() if isinstance(each, dict))
        return [
            {"count": name, "of": of, "value": value}
            for name, each in counts
            for of, value in each.items()
        ]

    def __repr__(self) -> str:
        return (
            f"GraphActivity({self.samples} samples of {self.steps} steps: "
            f"{sum(self.spikes.values()):,} spikes, {sum(self.synaptic_events.values()):,} "
            "synaptic events)"
        )

    def _repr_html_(self) -> str:
        """In a notebook: what each population and projection did."""
        rows = [(one["of"], one["count"], one["value"]) for one in self.records() if one["value"]]
        return html_table(repr(self), ("of", "count", "number"), rows)


@dataclass(frozen=True, eq=False, repr=False)
class GraphRun:
    """What an engine found.

    Attributes
    ----------
    spikes : dict of ndarray or None
        Per population what it sent at each step, shape (steps, batch, *shape): int8, or the run's
        numbers if it is graded. None unless recorded.
    potentials : dict of ndarray or None
        Per population but inputs, v at the end of each step, and of second compartments, as
        ``"population.dendrite"``. None unless recorded.
    counts : dict of ndarray of int64, shape (batch, *shape)
        Per population, how many messages each unit sent. Always kept.
    ends : dict of ndarray, shape (batch, *shape)
        As `potentials`, at the end of the run. Always kept.
    activity : GraphActivity
    """

    spikes: dict[str, np.ndarray] | None
    potentials: dict[str, np.ndarray] | None
    counts: dict[str, np.ndarray]
    ends: dict[str, np.ndarray]
    activity: GraphActivity

    def __repr__(self) -> str:
        done = self.activity
        return (
            f"GraphRun({done.samples} samples of {done.steps} steps, {len(self.counts)} "
            f"populations, {sum(done.spikes.values()):,} spikes)"
        )

    def _repr_html_(self) -> str:
        """In a notebook: what was counted."""
        return self.activity._repr_html_()


def sent_by(problem: GraphProblem, population: Population) -> np.ndarray:
    """What an input sends at every step, (steps, batch, *shape): int8, or numbers if graded."""
    messages = problem.messages[population.name]
    graded = getattr(population.unit, "graded", False)
    sent = np.zeros(
        (problem.steps, problem.batch, population.size),
        messages.values.dtype if graded else np.int8,
    )
    for t in range(problem.steps):
        row = t // messages.hold
        for b in range(problem.batch):
            first, last = messages.first[b, row : row + 2]
            sent[t, b, messages.units[first:last]] = messages.values[first:last]
    return sent.reshape(problem.steps, problem.batch, *population.shape)
