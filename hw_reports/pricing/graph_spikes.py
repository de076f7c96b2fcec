"""Spikes that are to be priced: of each population and step, however they are told.

Who prices asks for a few steps at a time, so memory does not grow with their number.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from eqchip.emulator.description.graph.event_file import EventList
from eqchip.emulator.description.graph.graph import Graph, Population
from eqchip.emulator.errors import InputError, check_number

AT_ONCE = 2**22  # numbers that a block holds, about


class Sent(ABC):
    """Spikes of all populations.

    Attributes
    ----------
    rows : int
        Time steps; 1, where all are alike.
    batch : int
        Samples.
    alike : bool
        Whether one row stands for all steps.
    """

    rows: int
    batch: int
    alike = False

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    @abstractmethod
    def block(self, first: int, end: int) -> list[np.ndarray]:
        """Per population, spikes of each unit in some rows, float64 (rows, batch, units)."""

    def blocks(self, more: int = 1) -> Iterator[list[np.ndarray]]:
        """All rows, few at a time; more: numbers that who asks keeps for each row and sample."""
        each = max(AT_ONCE // (self.batch * max(sum(self.graph.sizes), more)), 1)
        for first in range(0, self.rows, each):
            yield self.block(first, min(first + each, self.rows))

    def means(self) -> list[np.ndarray]:
        """Per population, spikes of each unit in a step, (units,)."""
        found = [np.zeros(n) for n in self.graph.sizes]
        for block in self.blocks():
            for total, spikes in zip(found, block, strict=True):
                total += spikes.sum(axis=(0, 1))
        return [total / (self.rows * self.batch) for total in found]


class OfRates(Sent):
    """One mean step: the spikes of a unit in a step, of all units of a population alike."""

    rows, batch, alike = 1, 1, True

    def __init__(self, graph: Graph, rates: float | Mapping[str, float]) -> None:
        super().__init__(graph)
        self.rates = _rates(graph, rates)

    def block(self, first: int, end: int) -> list[np.ndarray]:
        """The mean step."""
        return [
            np.full((1, 1, n), rate) for n, rate in zip(self.graph.sizes, self.rates, strict=True)
        ]


class Recorded(Sent):
    """Arrays (steps, batch, units) by population, that somebody recorded."""

    def __init__(self, graph: Graph, given: Any, where: str) -> None:
        super().__init__(graph)
        found = _arrays(graph, given, where)
        shapes = {array.shape[:2] for array in found.values()}
        if len(shapes) != 1:
            listed = ", ".join(f"{name!r} {one.shape[:2]}" for name, one in found.items())
            raise InputError(
                f"{where}: steps and samples differ: {listed or 'none'}; expected the same of all"
            )
        ((self.rows, self.batch),) = shapes
        self.arrays = found

    def block(self, first: int, end: int) -> list[np.ndarray]:
        """Some rows; who is not recorded fires at every step, or sends nothing."""
        shape = (end - first, self.batch)
        return [
            (self.arrays[p.name][first:end] != 0).astype(np.float64)
            if p.name in self.arrays
            else np.full((*shape, p.size), float(always_fires(self.graph, p)))
            for p in self.graph.populations
        ]


class OfEvents(Sent):
    """Address events; who has none is quiet, unless it fires at every step of itself."""

    def __init__(self, graph: Graph, events: EventList, steps: int | None) -> None:
        super().__init__(graph)
        self.rows = events.steps if steps is None else steps
        self.batch, self.events = events.batch, events
        if self.rows < events.steps:
            raise InputError(
                f"{events.where}: an event is at step {events.steps - 1}, but there are "
                f"{self.rows} steps; expected at least {events.steps}"
            )

    def block(self, first: int, end: int) -> list[np.ndarray]:
        """Some rows."""
        found = []
        for population in self.graph.populations:
            if population.name in self.events.of:
                spikes = np.zeros((end - first, self.batch, population.size))
                step, sample, unit = self.events.of[population.name]
                start, stop = np.searchsorted(step, (first, end))
                here = slice(start, stop)
                spikes[step[here] - first, sample[here], unit[here]] = 1.0
            else:
                rate = float(always_fires(self.graph, population))
                spikes = np.full((end - first, self.batch, population.size), rate)
            found.append(spikes)
        return found

    def means(self) -> list[np.ndarray]:
        """Per population, spikes of each unit in a step; without a look at steps without any."""
        found = []
        for population in self.graph.populations:
            mean = np.full(population.size, float(always_fires(self.graph, population)))
            if population.name in self.events.of:
                unit = self.events.of[population.name][2]
                mean = np.bincount(unit, minlength=population.size) / (self.rows * self.batch)
            found.append(mean)
        return found


def always_fires(graph: Graph, population: Population) -> bool:
    """Whether its units fire at every step of themselves: no tool records them, they are a bias."""
    unit = population.unit
    if not (unit.sends and unit.receives) or any(
        projection.post == population.name for projection in graph.projections
    ):
        return False
    own = unit.parameters()
    bias, threshold, waits = (np.asarray(own[n]) for n in ("bias", "threshold", "refractory"))
    rests = np.all(np.asarray(own["initial"]) == 0)
    return bool(np.all(bias > threshold) and np.all(waits == 0) and rests)


def _rates(graph: Graph, rates: Any) -> list[float]:
    given: dict[str, Any] = {}
    for population in graph.populations:
        if not population.unit.sends or always_fires(graph, population):
            given[population.name] = float(population.unit.sends)
    senders = [p.name for p in graph.populations if p.name not in given]
    if isinstance(rates, Mapping):
        _check_known(graph, rates, "price: rates", "a rate")
        missing = [name for name in senders if name not in rates]
        if missing:
            raise InputError(
                f"price: rates has none of {missing[0]!r}; expected one of all that send: "
                f"{', '.join(map(repr, senders))}"
            )
        given |= dict(rates)
    else:
        given |= dict.fromkeys(senders, rates)
        check_number("price: rates", rates)
    for name, rate in given.items():
        where = f"price: rates of {name!r}" if isinstance(rates, Mapping) else "price: rates"
        check_number(where, rate)
        if not 0 <= rate <= 1:
            raise InputError(f"{where} is {rate!r}; expected spikes of a unit in a step, 0 to 1")
    return [float(given[p.name]) for p in graph.populations]


def _check_known(graph: Graph, given: Mapping[str, Any], where: str, what: str) -> None:
    for name in given:
        if name not in graph.numbers:
            known = ", ".join(map(repr, graph.numbers))
            raise InputError(f"{where}: {what} of {name!r}; expected one of {known}")
        if not graph.population(name).unit.sends and np.any(given[name]):
            kind = type(graph.population(name).unit).__name__
            raise InputError(
                f"{where}: {what} of {name!r}, which is {kind} and sends nothing; expected none"
            )


def _arrays(graph: Graph, given: Any, where: str) -> dict[str, np.ndarray]:
    if not isinstance(given, Mapping):
        raise InputError(
            f"{where}: {type(given).__name__} holds no spikes; expected arrays by population, or a "
            "run with record='spikes'"
        )
    _check_known(graph, given, where, "spikes")
    found: dict[str, np.ndarray] = {}
    for population in graph.populations:
        if population.name in given:
            found[population.name] = _messages(
                where, population, np.asarray(given[population.name])
            )
        elif population.unit.sends and not always_fires(graph, population):
            raise InputError(f"{where}: no spikes of {population.name!r}; expected its array")
    return found


def _messages(where: str, population: Population, array: np.ndarray) -> np.ndarray:
    """One population's as (steps, batch, units)."""
    if array.dtype.kind not in "biuf":
        raise InputError(
            f"{where}: spikes of {population.name!r} are {array.dtype}; expected numbers"
        )
    shapes: Sequence[tuple[int, ...]] = (population.shape, (population.size,))
    for shape in shapes:
        lead = array.shape[: array.ndim - len(shape)]
        if array.shape[len(lead) :] == shape and len(lead) in (1, 2) and 0 not in lead:
            return array.reshape(lead[0], lead[1] if len(lead) == 2 else 1, population.size)
    raise InputError(
        f"{where}: spikes of {population.name!r} have shape {array.shape}; expected (steps, batch, "
        f"*{population.shape}) or (steps, *{population.shape})"
    )
