"""What is asked of a graph, checked once for all engines, and the answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, get_args

import numpy as np

from eqchip.emulator.description.asynchronous import Asynchronous
from eqchip.emulator.description.graph.events import Events
from eqchip.emulator.description.graph.graph import Graph, Population
from eqchip.emulator.description.graph.integers import LIMIT, check_integers
from eqchip.emulator.description.modes import Precision
from eqchip.emulator.description.timing_checks import check_graph_timing
from eqchip.emulator.errors import InputError, as_floats, check_whole
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
    """Everything that determines a run of a graph, checked. Made by :func:`pose_graph`.

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


def pose_graph(
    graph: Graph,
    x: Any,
    *,
    steps: int | None = None,
    precision: Precision = "float32",
    record: Collection[str] = (),
    timing: Asynchronous | None = None,
) -> GraphProblem:
    """Check what is asked of a graph; see :func:`eqchip.run` for the arguments.

    Raises
    ------
    InputError
        Naming the argument or population, its value, and what would be right.
    """
    if precision not in get_args(Precision):
        raise InputError(
            f"run: precision is {precision!r}; expected one of {', '.join(get_args(Precision))}"
        )
    wanted = frozenset((record,) if isinstance(record, str) else record)
    for name in sorted(wanted - set(RECORDABLE)):
        raise InputError(
            f"run: record is {name!r} of a graph; expected one of {', '.join(RECORDABLE)}"
        )
    if steps is not None:
        check_whole("run: steps", steps, 1, 2**62)
    if precision == "chip":
        check_integers(graph)
    given = _by_population(graph, x)
    steps, batch = _extent(given, steps)
    messages, currents = {}, {}
    for population, value in given:
        if population.unit.receives:
            currents[population.name] = _current(population, value, precision)
        else:
            messages[population.name] = _messages(population, value, steps, precision)
    _check_driven(graph, messages, currents)
    if timing is not None:
        check_graph_timing(timing)
    return GraphProblem(graph, steps, batch, precision, messages, currents, wanted, timing)


def _by_population(graph: Graph, x: Any) -> list[tuple[Population, Any]]:
    """What is given for whom; an array alone is for the only input."""
    if not isinstance(x, Mapping):
        if len(graph.inputs) != 1:
            raise InputError(
                f"run: x is {type(x).__name__}, but the graph has {len(graph.inputs)} inputs; "
                "expected a dictionary by population"
            )
        x = {graph.inputs[0]: x}
    given = []
    for name, value in x.items():
        if name not in graph.numbers:
            known = ", ".join(map(repr, graph.numbers))
            raise InputError(f"run: x is given for {name!r}; expected one of {known}")
        population = graph.population(name)
        if not isinstance(value, Events):
            value = as_floats(f"run: x of population {name!r}", value)
        elif population.unit.receives:
            raise InputError(
                f"run: x of population {name!r} is a list of events, but its units compute; "
                "expected currents, or Events for an Input"
            )
        given.append((population, value))
    for name in graph.inputs:
        if name not in x:
            raise InputError(f"run: no x for input {name!r}; expected its spikes")
    return given


def _extent(given: list[tuple[Population, Any]], steps: int | None) -> tuple[int, int]:
    """How many steps and samples what is given amounts to."""
    batch: int | None = None
    for population, value in given:
        if isinstance(value, Events):
            samples = value.batch
        else:
            samples, rows = _leading(population, value)
            if rows is not None:
                if steps is not None and rows != steps:
                    raise InputError(
                        f"run: x of population {population.name!r} has {rows} steps; expected "
                        f"{steps}"
                    )
                steps = rows
        if batch is not None and samples != batch:
            raise InputError(
                f"run: x of population {population.name!r} has a batch of {samples}; expected "
                f"{batch}"
            )
        batch = samples
    if steps is None:
        raise InputError("run: nothing says how many steps; expected steps=..., at least 1")
    return steps, 1 if batch is None else batch


def _leading(population: Population, value: np.ndarray) -> tuple[int, int | None]:
    """The samples and steps of an array; None: it is held for all of them."""
    for shape in (population.shape, (population.size,)):
        lead = value.shape[: value.ndim - len(shape)]
        if value.shape[len(lead) :] == shape and len(lead) in (1, 2) and 0 not in lead:
            return lead[-1], lead[0] if len(lead) == 2 else None
    raise InputError(
        f"run: x of population {population.name!r} has shape {value.shape}; expected (steps, "
        f"batch, *{population.shape}), or (batch, *{population.shape}) for all steps"
    )


def _rows(population: Population, value: np.ndarray) -> np.ndarray:
    """An array as (rows, batch, units), after its numbers are known to be finite."""
    batch, rows = _leading(population, value)
    if not np.isfinite(value).all():
        raise InputError(
            f"run: x of population {population.name!r} holds {value[~np.isfinite(value)][0]}; "
            "expected finite numbers"
        )
    return value.reshape(1 if rows is None else rows, batch, population.size)


def _current(population: Population, value: np.ndarray, precision: Precision) -> Currents:
    rows, hold = _rows(population, value), 1
    if len(rows) == 1:
        hold = np.iinfo(np.int64).max
    if precision != "chip":
        return Currents(rows.astype(precision), hold)
    _check_whole_states(population, rows)
    return Currents(rows.astype(np.int64), hold)


def _messages(population: Population, value: Any, steps: int, precision: Precision) -> Messages:
    number = np.int32 if precision == "chip" else precision
    if isinstance(value, Events):
        return _of_events(population, value, steps, number)
    rows = _rows(population, value)
    _check_messages(population, rows, precision)
    rows = rows.transpose(1, 0, 2)  # by sample
    batch, count = rows.shape[:2]
    sample, row, unit = np.nonzero(rows)
    per_row = np.bincount(sample * count + row, minlength=batch * count).reshape(batch, count)
    values = rows[sample, row, unit].astype(number)
    hold = 1 if count == steps else np.iinfo(np.int64).max
    return Messages(_starts(per_row), unit.astype(np.int32), values, hold)


def _of_events(population: Population, events: Events, steps: int, number: Any) -> Messages:
    where = f"run: x of population {population.name!r}"
    if len(events.steps) and events.steps.max() >= steps:
        raise InputError(
            f"{where} has an event at step {int(events.steps.max())}; expected steps of 0 to "
            f"{steps - 1}"
        )
    if len(events.units) and events.units.max() >= population.size:
        raise InputError(
            f"{where} has an event of unit {int(events.units.max())}; expected units of 0 to "
            f"{population.size - 1}"
        )
    order = np.lexsort((events.units, events.steps, events.samples))
    row = events.samples[order] * steps + events.steps[order]
    units = events.units[order]
    twice = (np.diff(row) == 0) & (np.diff(units) == 0)
    if twice.any():
        k = int(np.argmax(twice))
        raise InputError(
            f"{where} has two events of unit {units[k]} at step {row[k] % steps}; expected one"
        )
    values = np.ones(len(units)) if events.values is None else events.values[order]
    _check_messages(population, values, "chip" if number is np.int32 else "float64")
    kept = values != 0
    per_row = np.bincount(row[kept], minlength=events.batch * steps)
    first = _starts(per_row.reshape(events.batch, steps))
    return Messages(first, units[kept].astype(np.int32), values[kept].astype(number), 1)


def _starts(per_row: np.ndarray) -> np.ndarray:
    """Where each row of each sample starts, and the last one's end, (batch, rows + 1)."""
    batch, rows = per_row.shape
    ends = np.concatenate([[0], np.cumsum(per_row)])
    return ends[np.arange(batch)[:, None] * rows + np.arange(rows + 1)].astype(np.int64)


def _check_messages(population: Population, values: np.ndarray, precision: Precision) -> None:
    """Refuse what such an input cannot send."""
    unit = population.unit
    if getattr(unit, "graded", False):
        if precision == "chip":
            _check_whole_states(population, values)
        return
    allowed = (-1, 0, 1) if unit.valued else (0, 1)
    wrong = ~np.isin(values, allowed)
    if wrong.any():
        raise InputError(
            f"run: x of population {population.name!r} holds {values[wrong].flat[0].item()!r}; "
            f"expected {', '.join(map(str, allowed))}"
            + ("" if unit.valued else ", or an Input(graded=True)")
        )


def _check_whole_states(population: Population, values: np.ndarray) -> None:
    wrong = (values != np.rint(values)) | (np.abs(values) >= LIMIT)
    if wrong.any():
        raise InputError(
            f"run: x of population {population.name!r} holds {values[wrong].flat[0].item()!r} in "
            f"precision 'chip'; expected whole numbers below 2**{LIMIT.bit_length() - 1}"
        )


def _check_driven(
    graph: Graph, messages: Mapping[str, Messages], currents: Mapping[str, Currents]
) -> None:
    """Refuse a population that nothing can ever move."""
    reached = {projection.post for projection in graph.projections}
    for population in graph.populations:
        name, unit = population.name, population.unit
        if name in reached or name in messages or name in currents:
            continue
        own = [getattr(unit, which) for which in ("bias", "initial")]
        if not any(np.any(np.asarray(value) != 0) for value in own):
            raise InputError(
                f"population {name!r} has no input: no projection leads to it; expected one, a "
                "bias, or a current in x"
            )
