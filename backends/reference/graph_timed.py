"""The reference of graphs without a clock for all: an event at a time, in plain Python.

Written to be read, and what the engine is compared with; the model is that of docs/networks.md,
"Without a clock". Events come in the order of time, messages before ticks of the same instant::

    message   waits at its population
    tick      of a clock: what waits at the population is added to the sums of its units, by
              ascending bundle, sender, and age; the units of the clock step with theirs, and send;
              their sums become the current that is given for their next tick
    input     sends row r at the end of nominal period r
"""

from __future__ import annotations

import heapq
import math
from typing import Any, NamedTuple

import numpy as np

from eqchip.backends.reference.graph import arrive, begin, bundles_of, currents, given
from eqchip.backends.reference.neurons import ARITHMETIC, TWINS, Layer
from eqchip.emulator import philox
from eqchip.emulator.description.asynchronous import QUANTA, quanta
from eqchip.emulator.description.units import unit_row
from eqchip.emulator.engine.clocks import key_of_run
from eqchip.emulator.engine.graph_clocks import graph_periods
from eqchip.emulator.problem.graph import GraphActivity, GraphProblem, GraphRun

OFFSET, TICK, MESSAGE = 1, 2, 8  # the purpose of a random number: third word of its counter
MESSAGES, TICKS, INPUTS = range(3)  # of one instant


class Clock(NamedTuple):
    """The units first ... of a population that tick together; number: of its random numbers."""

    population: str
    first: int
    number: int
    period: int
    layer: Layer


class Axon(NamedTuple):
    """A message: over which bundle, from which unit, its number there, and its value."""

    bundle: int
    sender: int
    serial: int
    value: Any


def words(problem: GraphProblem, c0: int, c1: int, purpose: int, sample: int) -> list[int]:
    """Random words of a counter."""
    assert problem.timing is not None
    counter = np.array([c0, c1, purpose, sample], np.uint32)
    low, high = key_of_run(problem.timing, 0)
    return [int(word) for word in philox.philox4x32(counter, (int(low), int(high)))]


def part(amount: int, word: int) -> int:
    """A whole number in [0, amount)."""
    return amount * (word >> 8) >> 24


def period_of(time: int, steps: int) -> int:
    """The nominal period that a time falls into."""
    return min(max(math.ceil(time / QUANTA) - 1, 0), steps - 1)


class Sample:
    """One sample of a run."""

    def __init__(self, problem: GraphProblem, b: int) -> None:
        self.problem, self.graph, self.b = problem, problem.graph, b
        assert problem.timing is not None
        self.timing = problem.timing
        self.one = ARITHMETIC[problem.precision](problem.dtype)
        projections = enumerate(self.graph.projections)
        self.bundles = [bundle for k, p in projections for bundle in bundles_of(problem, k, p)]
        senders = [self.graph.population(bundle.pre).size for bundle in self.bundles]
        self.axons = np.concatenate([[0], np.cumsum(senders)]).tolist()
        self.clocks = self._clocks()
        self.offsets = [self._offset(clock) for clock in self.clocks]
        self.waiting: dict[str, list[Axon]] = {p.name: [] for p in self.graph.populations}
        self.sums = {
            p.name: [np.zeros(p.size, problem.dtype) for _ in p.membranes]
            for p in self.graph.populations
        }
        self.events: list[tuple[int, int, int, Any]] = []
        self.serial = 0  # of events: keeps a heap from comparing what they carry
        self.arrivals = np.zeros(len(self.graph.projections), np.int64)
        self.updates = dict.fromkeys(self.waiting, 0)
        self.counts = {p.name: np.zeros(p.size, np.int64) for p in self.graph.populations}
        shape = (problem.steps,)
        self.spikes = {
            p.name: np.zeros((*shape, p.size), given(problem, p.name, 1).dtype
                             if not p.unit.receives else np.int64)
            for p in self.graph.populations
        }  # fmt: skip
        self.potentials = {
            m: np.zeros((*shape, p.size), problem.dtype)
            for p in self.graph.populations if p.unit.receives for m in p.membranes
        }  # fmt: skip

    def _clocks(self) -> list[Clock]:
        found = []
        periods, first = graph_periods(self.problem), 0
        per_core = self.timing.clocks.per == "core"
        for number, population in enumerate(self.graph.populations):
            if population.unit.receives:
                whole = begin(self.problem, population, self.one)
                assert whole is not None
                for i in range(population.size):
                    p = {name: value[i : i + 1] for name, value in whole.p.items()}
                    layer = Layer(p, population.unit, 1, 1, self.problem.dtype)
                    clock = number if per_core else first + i
                    period = int(periods[first + i])
                    found.append(Clock(population.name, i, clock, period, layer))
            first += population.size
        return found

    def _offset(self, clock: Clock) -> int:
        most = round(self.timing.clocks.offset * clock.period)
        word = words(self.problem, clock.number, 0, OFFSET, self.b)[0]
        return part(most, word)

    def put(self, time: int, kind: int, what: Any) -> None:
        """An event of a time."""
        self.serial += 1
        heapq.heappush(self.events, (time, kind, self.serial, what))

    def prepare(self, c: int, k: int) -> None:
        """The k-th tick of a clock: its units' sums begin with the current of its time."""
        clock = self.clocks[c]
        time = k * clock.period - self.offsets[c]
        jitter = quanta(self.timing.clocks.jitter)
        if jitter:
            time += part(jitter, words(self.problem, clock.number, k, TICK, self.b)[0])
        row = period_of(time, self.problem.steps)
        now = currents(self.problem, clock.population, row + 1)
        for sums, current in zip(self.sums[clock.population], now, strict=True):
            sums[clock.first] = current[self.b, clock.first]
        self.put(time, TICKS, (c, k))

    def send(self, name: str, unit: int, serial: int, value: Any, now: int) -> None:
        """A message over every bundle that leaves a population."""
        self.counts[name][unit] += 1
        for k, bundle in enumerate(self.bundles):
            if bundle.pre != name:
                continue
            delays, loss = self.timing.delays, round(self.timing.faults.loss * 2**32)
            late, lost, *_ = words(self.problem, self.axons[k] + unit, serial, MESSAGE, self.b)
            if lost < loss:
                continue
            delay = quanta(delays.fixed) + part(quanta(delays.jitter), late)
            time = now + max(delay, 1) + bundle.delay * QUANTA
            self.put(time, MESSAGES, Axon(k, unit, serial, value))

    def read(self, name: str) -> None:
        """Add what waits at a population."""
        waiting = sorted(self.waiting[name], key=lambda one: one[:3])
        self.waiting[name] = []
        for k, bundle in enumerate(self.bundles):
            if bundle.post != name:
                continue
            own = [one for one in waiting if one.bundle == k]
            x = self.sums[name][bundle.compartment][None]
            groups = [own] if self.problem.integers else [[one] for one in own]
            for group in groups:  # integers: one sum, then its shift
                q = np.zeros((1, len(bundle.matrix)), self.problem.dtype)
                for one in group:
                    q[0, one.sender] += one.value
                if group:
                    arrive(self.problem, x, bundle, q)
            self.arrivals[bundle.projection] += sum(bundle.there[one.sender].sum() for one in own)

    def tick(self, c: int, k: int, now: int) -> None:
        """The unit of a clock steps."""
        clock = self.clocks[c]
        name, i = clock.population, clock.first
        self.read(name)
        population = self.graph.population(name)
        x = [sums[None, i : i + 1].copy() for sums in self.sums[name]]
        unit_row(TWINS, population.unit, "reference")(self.one, clock.layer, *x)
        self.updates[name] += 1
        q = clock.layer.q[0, 0]
        if q:
            self.spikes[name][period_of(now, self.problem.steps), i] += q
            self.send(name, i, k, q, now)
        self.prepare(c, k + 1)

    def run(self) -> None:
        """All events until the end."""
        for c in range(len(self.clocks)):
            self.prepare(c, 1)
        for row in range(self.problem.steps):
            self.put((row + 1) * QUANTA, INPUTS, row)
        while self.events and self.events[0][0] <= self.problem.steps * QUANTA:
            time, kind, _, what = heapq.heappop(self.events)
            if kind == MESSAGES:
                self.waiting[self.bundles[what.bundle].post].append(what)
            elif kind == TICKS:
                clock, k = what
                self.tick(clock, k, time)
            else:
                self._end_of_period(what, time)

    def _end_of_period(self, row: int, time: int) -> None:
        for name in self.problem.messages:
            sent = given(self.problem, name, row + 1)[self.b]
            self.spikes[name][row] = sent
            for unit in np.flatnonzero(sent):
                self.send(name, int(unit), row + 1, sent[unit], time)
        for clock in self.clocks:
            membranes = self.graph.population(clock.population).membranes
            for membrane, v in zip(membranes, clock.layer.membranes, strict=True):
                self.potentials[membrane][row, clock.first] = v[0, 0]


def solve(problem: GraphProblem) -> GraphRun:
    """Run a graph whose units tick by clocks of their own.

    Raises
    ------
    InputError
        For a kind of unit or connection that is not known here.
    """
    samples = [Sample(problem, b) for b in range(problem.batch)]
    for sample in samples:
        sample.run()
    graph, shape = problem.graph, (problem.steps, problem.batch)
    spikes, counts, potentials = {}, {}, {}
    for p in graph.populations:
        found = np.stack([sample.spikes[p.name] for sample in samples], 1)
        graded = getattr(p.unit, "graded", False)
        spikes[p.name] = found.reshape(*shape, *p.shape).astype(found.dtype if graded else np.int8)
        own = np.stack([sample.counts[p.name] for sample in samples])
        counts[p.name] = own.reshape(-1, *p.shape)
        for m in p.membranes if p.unit.receives else ():
            own = np.stack([sample.potentials[m] for sample in samples], 1)
            potentials[m] = own.reshape(*shape, *p.shape)
    activity = GraphActivity.of(
        problem,
        np.array([count.sum() for count in counts.values()]),
        np.sum([sample.arrivals for sample in samples], 0),
        np.sum([list(sample.updates.values()) for sample in samples], 0),
    )
    return GraphRun(
        spikes if "spikes" in problem.record else None,
        potentials if "potentials" in problem.record else None,
        counts,
        {m: v[-1] for m, v in potentials.items()},
        activity,
    )
