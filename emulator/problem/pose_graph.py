"""What a user asks of a graph, checked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, get_args

import numpy as np

from eqchip.emulator.description.asynchronous import Asynchronous
from eqchip.emulator.description.graph.events import Events
from eqchip.emulator.description.graph.graph import Graph, Population
from eqchip.emulator.description.graph.integers import LIMIT, check_integers
from eqchip.emulator.description.modes import Precision
from eqchip.emulator.description.timing_checks import check_graph_timing
from eqchip.emulator.errors import InputError, as_floats, check_whole
from eqchip.emulator.problem.graph import RECORDABLE, Currents, GraphProblem, Messages


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
