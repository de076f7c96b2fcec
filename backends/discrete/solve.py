"""The asynchronous chip as a discrete-event simulation on SimPy: a slow and obvious witness.

Written from docs/asynchronous.md to be read, event by event, and to be compared with the
compiled engine. Time is a whole number of quanta, so no sum of times is ever rounded; SimPy's
queue orders what happens by (time, network before ticks, unit, serial number of the message).
What a unit computes at a tick is :mod:`eqchip.backends.discrete.units`. A message goes through::

    send -> reach_link -> reach_link -> ... -> arrive -> serve -> deliver -> read_in
            (where links have queues)          (where cores have them)
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from eqchip.backends.discrete.units import ChipUnits, FloatUnits, Moment, Unit
from eqchip.backends.packages import SIMPY
from eqchip.backends.reference import floating as reference
from eqchip.backends.registry import BACKENDS
from eqchip.emulator.activity import FEEDBACK, FORWARD, Activity
from eqchip.emulator.description.asynchronous import (
    DELIVERED,
    EVENT,
    LOST,
    QUANTA,
    SPIKE,
    TICK,
    Asynchronous,
    Messages,
    Timed,
    quanta,
)
from eqchip.emulator.description.parts import Part, whole_layers
from eqchip.emulator.description.phases import Free
from eqchip.emulator.errors import InputError
from eqchip.emulator.philox import philox4x32, split_seed
from eqchip.emulator.problem.problem import Problem, check_saturations
from eqchip.emulator.problem.run import Run

# What random numbers are for; MESSAGE + c: for a message to core c.
PERIOD, OFFSET, JITTER, STUCK_AT_0, STUCK_AT_1, MESSAGE = 0, 1, 2, 3, 4, 8
TIMING = 0x54494D45  # "TIME": keeps these numbers apart from Bernoulli's of the same seed
NETWORK, CLOCK = 0, 1  # of two things at one time, what the network does comes first

Words = list[int]


# --- what is drawn before time begins -----------------------------------------------------


@lru_cache(maxsize=2**16)
def random_words(seed: int, number: int, k: int, purpose: int, sample: int) -> Words:
    """Four random words of 32 bits."""
    low, high = split_seed(seed)
    counter = np.array([number, k, purpose, sample], np.uint32)
    return [int(word) for word in philox4x32(counter, (low, high ^ TIMING))]


def share(width: int, word: int) -> int:
    """``width * u``, rounded down, with u in [0, 1) the first 24 bits of a word."""
    return (width * (word >> 8)) >> 24


class Clock(NamedTuple):
    """A clock: its number, its period in quanta, and the units that tick by it, all of a core."""

    number: int
    period: int
    units: list[Unit]


class Chip:
    """The units of a problem on their cores, with their clocks and faults."""

    def __init__(self, problem: Problem, timing: Asynchronous) -> None:
        self.problem, self.timing = problem, timing
        self.sizes = problem.network.sizes
        self.parts: tuple[Part, ...] = problem.parts or whole_layers(self.sizes)
        # Clocks that cannot tick apart are one clock.
        by_unit = timing.clocks.per == "unit" and timing.drawn_clocks
        self.units: list[Unit] = []
        for core, part in enumerate(self.parts):
            for index in range(part.first, part.end):
                number = len(self.units)
                self.units.append(
                    Unit(number, part.layer, index, core, number if by_unit else core)
                )
        self.clocks = [
            Clock(c, self._period(c), [unit for unit in self.units if unit.clock == c])
            for c in range(len(self.units) if by_unit else len(self.parts))
        ]
        self.stuck = {
            **self._stuck(timing.faults.stuck_at_0, STUCK_AT_0, 0),
            **self._stuck(timing.faults.stuck_at_1, STUCK_AT_1, 1),
        }
        self.stops: dict[int, int] = {}
        for core, time in timing.faults.stopped:
            self.stops[core] = min(quanta(time), self.stops.get(core, quanta(time)))
        self.synapses = reference.constants(problem).synapses
        whole = problem.steps * QUANTA
        self.end = whole if timing.stop is None else min(whole, quanta(timing.stop))

    def _period(self, clock: int) -> int:
        word = random_words(self.timing.seed, clock, 0, PERIOD, 0)[0]
        u = (word >> 8) * 2.0**-24
        spread = self.timing.clocks.spread
        return round(QUANTA * (1.0 + math.sqrt(3.0) * spread * (2.0 * u - 1.0)))

    def _stuck(self, which: Any, purpose: int, bit: int) -> dict[int, int]:
        if isinstance(which, tuple):
            first = np.cumsum([0, *self.sizes])
            return {int(first[layer]) + unit: bit for layer, unit in which}
        words = [random_words(self.timing.seed, u.number, 0, purpose, 0)[0] for u in self.units]
        return {number: bit for number, word in enumerate(words) if word >> 8 < which * 2**24}

    @cached_property
    def periods(self) -> list[int]:
        """The period of every unit's clock, in quanta."""
        return [self.clocks[unit.clock].period for unit in self.units]

    def destinations(self, unit: Unit) -> list[int]:
        """The cores that a unit sends to, in order: of the layers beside its own, but the input."""
        beside = {unit.layer - 1, unit.layer + 1} - {0}
        return [core for core, part in enumerate(self.parts) if part.layer in beside]

    def fan_out(self, unit: Unit, core: int) -> int:
        """Synapses that a spike of a unit meets on a core."""
        part = self.parts[core]
        here = slice(part.first, part.end)
        if part.layer > unit.layer:
            return int(self.synapses[unit.layer][unit.place, here].sum())
        return int(self.synapses[part.layer][here, unit.place].sum())

    def route(self, source: int, core: int) -> list[int]:
        """The links that a message crosses."""
        paths = self.problem.paths
        assert paths is not None  # see timing_checks
        pair = source * len(self.parts) + core
        return paths.links[paths.starts[pair] : paths.starts[pair + 1]].tolist()

    def never_fires(self, unit: Unit, x: np.ndarray) -> bool:
        """Whether a unit is a clamped one at 0: it ticks, but no event of it is listed."""
        return unit.layer == 0 and x[unit.place] == 0 and self.stuck.get(unit.number) != 1


# --- what changes -------------------------------------------------------------------------


@dataclass(frozen=True)
class Message:
    """One spike, or one real value, on its way to one core."""

    source: Unit
    core: int
    value: float
    serial: int


@dataclass(frozen=True, eq=False)
class Leg:
    """What happens next to a message in flight: at a time, a method of Sample; at link `link`."""

    message: Message
    time: int
    next: str
    link: int = 0


@dataclass(frozen=True, eq=False)
class Tick:
    """The next tick of a clock: its number k, when it is due, and when, with jitter, it comes."""

    k: int
    due: int
    time: int


@dataclass
class State:
    """All that a phase ``from_free`` goes back to.

    ``units``, ``t``: by unit. ``sums``, ``kept``, ``core_free``, ``backlog``: by core; the
    accumulators, the messages delivered but not yet added to them, when its queue will be empty,
    and how many wait or are served. ``link_free``, ``entries``: by link; when it will be free,
    and when messages entered it or will. ``flying``: the messages in flight by serial number.
    ``ticks``: the next of each clock that runs; gone back to only where clocks restart.
    """

    units: list[Any]
    t: list[int]
    sums: list[np.ndarray]
    kept: list[list[Message]]
    core_free: list[int]
    backlog: list[int]
    link_free: list[int]
    entries: list[list[int]]
    flying: dict[int, Leg]
    ticks: dict[int, Tick]


class Counts:
    """What a run shows, over all samples; see Run and Timed for the shapes."""

    def __init__(self, chip: Chip, rows: int) -> None:
        problem = chip.problem
        batch, cores, phases = len(problem.x), len(chip.parts), len(problem.phases)

        def zeros(*shape: int) -> np.ndarray:
            return np.zeros(shape, np.int32)

        self.activity = Activity.zeros(problem.phase_names, len(chip.sizes))
        self.messages = Messages(*(np.zeros(phases, np.int64) for _ in Messages._fields))
        self.in_flight, self.link_backlog = zeros(rows, batch), zeros(rows, batch)
        self.backlog, self.updates = zeros(rows, batch, cores), zeros(rows, batch, cores)
        self.received, self.spikes = zeros(rows, batch, cores), zeros(rows, batch, cores)
        self.bits = [np.zeros((rows, batch, n), np.uint8) for n in chip.sizes]
        self.potentials = [np.zeros((rows, batch, n), problem.dtype) for n in chip.sizes]
        self.ends = [[np.zeros((batch, n), problem.dtype) for n in chip.sizes]
                     for _ in range(phases)]  # fmt: skip
        self.left = 0


# --- one sample ---------------------------------------------------------------------------


class Sample:
    """One sample of a run, from its first event to its last."""

    def __init__(
        self, chip: Chip, units: FloatUnits, counts: Counts, index: int, simpy: ModuleType
    ) -> None:
        self.chip, self.units, self.counts, self.index = chip, units, counts, index
        self.problem, self.timing = chip.problem, chip.timing
        timing = chip.timing
        self.seed = chip.timing.seed ^ chip.problem.seed  # of what is drawn anew in every run
        self.identity = int(chip.problem.samples[index])
        self.simpy, self.env = simpy, simpy.Environment(initial_time=0)
        self.phase = self.row = self.serial = 0
        self.events: list[tuple[int, int, int, int, float]] = []
        paths = self.problem.paths
        links = paths.link_count if paths is not None and self.timing.queues.link else 0
        cores = len(chip.parts)
        self.state = State(
            [units.new_state() for _ in chip.units],
            [0] * len(chip.units),
            [units.new_sums(part) for part in chip.parts],
            [[] for _ in chip.parts],
            [0] * cores,
            [0] * cores,
            [0] * links,
            [[] for _ in range(links)],
            {},
            {},
        )
        for clock in chip.clocks:
            if clock.units[0].layer > 0 or self.problem.input == "spikes":
                word = random_words(self.seed, clock.number, 0, OFFSET, self.identity)[0]
                offset = share(round(timing.clocks.offset * clock.period), word)
                self.schedule_tick(clock, 1, clock.period - offset)

    def run(self) -> None:
        """Run all phases."""
        rows, last = len(self.counts.in_flight), self.chip.end
        now, first = 0, 0
        saved = (copy.deepcopy(self.state), now)
        for k, phase in enumerate(self.problem.phases):
            self.phase = k
            if phase.from_free:
                self.go_back(*saved, now)
            after = min(first + phase.steps, rows)
            for row in range(first, after):
                now = min((row + 1) * QUANTA, last)
                self.run_row(row, now)
            first = after
            for end, s in zip(self.counts.ends[k], self.counts.potentials, strict=True):
                end[self.index] = s[self.row, self.index]
            if isinstance(phase, Free) and not phase.from_free:
                saved = (copy.deepcopy(self.state), now)
        self.counts.left += len(self.state.flying)

    def run_row(self, row: int, end: int) -> None:
        """Run a nominal step, up to a time."""
        self.row = row
        self.counts.backlog[row, self.index] = self.state.backlog
        self.counts.link_backlog[row, self.index] = max(
            (self.waiting(link, row * QUANTA) for link in range(len(self.state.entries))), default=0
        )
        while self.env.peek() <= end:
            self.env.step()
        self.show()

    def show(self) -> None:
        """Write down the end of a nominal step."""
        for unit, state in zip(self.chip.units, self.state.units, strict=True):
            potentials = self.counts.potentials[unit.layer]
            potentials[self.row, self.index, unit.place] = self.units.real(state.s)[0]
        self.counts.potentials[0][self.row, self.index] = self.units.clamped()[self.index]
        self.counts.in_flight[self.row, self.index] = len(self.state.flying)

    def go_back(self, saved: State, then: int, now: int) -> None:
        """Return to a state of an earlier time; clocks run on unless they restart."""
        self.counts.messages.withdrawn[self.phase] += len(self.state.flying)
        self.counts.messages.restored[self.phase] += len(saved.flying)
        ticks = self.state.ticks
        self.state = replace(copy.deepcopy(saved), ticks=ticks)
        self.state.core_free = [time - then + now for time in saved.core_free]
        self.state.link_free = [time - then + now for time in saved.link_free]
        self.state.entries = [[time - then + now for time in link] for link in saved.entries]
        for leg in saved.flying.values():
            self.fly(replace(leg, time=leg.time - then + now))
        if self.timing.clocks.restarted:
            for number, tick in saved.ticks.items():
                again = Tick(ticks[number].k, tick.due - then + now, tick.time - then + now)
                self.set_tick(self.chip.clocks[number], again)

    # --- the queue of events --------------------------------------------------------------

    def at(self, time: int, kind: int, unit: int, serial: int, action: Callable[[], None]) -> None:
        """Have something done at a time."""
        priority = ((kind << 32) + unit << 64) + serial  # orders as (kind, unit, serial) does
        event = self.simpy.Event(self.env)
        event._ok, event._value = True, None  # as SimPy's own Timeout does
        event.callbacks.append(lambda _: action())
        self.env.schedule(event, priority, time - self.env.now)

    def fly(self, leg: Leg) -> None:
        """Have the next thing happen to a message; a leg that replaced this one cancels it."""

        def land() -> None:
            if self.state.flying.get(leg.message.serial) is leg:
                getattr(self, leg.next)(leg)

        self.state.flying[leg.message.serial] = leg
        self.at(leg.time, NETWORK, leg.message.source.number, leg.message.serial, land)

    def log(self, kind: int, unit: int, core: int, value: float) -> None:
        """List an event."""
        self.events.append((self.env.now, kind, unit, core, value))

    # --- clocks and units -----------------------------------------------------------------

    def schedule_tick(self, clock: Clock, k: int, due: int) -> None:
        """Have tick k of a clock happen, late by its jitter."""
        word = random_words(self.seed, clock.number, k, JITTER, self.identity)[0]
        self.set_tick(clock, Tick(k, due, due + share(quanta(self.timing.clocks.jitter), word)))

    def set_tick(self, clock: Clock, tick: Tick) -> None:
        """Have the next tick of a clock happen, unless its core has stopped by then."""

        def happen() -> None:
            if self.state.ticks[clock.number] is tick:  # else the clock was restarted
                self.tick(clock, tick)

        self.state.ticks[clock.number] = tick
        first = clock.units[0]
        if tick.time <= self.chip.stops.get(first.core, tick.time):
            self.at(tick.time, CLOCK, first.number, 0, happen)

    def tick(self, clock: Clock, tick: Tick) -> None:
        """A tick of a clock: all its units take a step, then send."""
        self.read_in(clock.units[0].core)
        values = [self.step(unit) for unit in clock.units]
        for unit, value in zip(clock.units, values, strict=True):
            for core in self.chip.destinations(unit) if value != 0 else ():
                self.send(unit, core, value, tick.k)
        self.schedule_tick(clock, tick.k + 1, tick.due + clock.period)

    def read_in(self, core: int) -> None:
        """Add the messages that a core has kept to the accumulators of all its units."""
        kept = self.state.kept[core]
        for message in sorted(kept, key=lambda m: (m.source.number, m.serial)):
            self.units.add(
                self.state.sums[core], self.chip.parts[core], message.source, message.value
            )
        kept.clear()

    def step(self, unit: Unit) -> float:
        """The step of one unit; returns what it sends, 0 for nothing."""
        state, part = self.state.units[unit.number], self.chip.parts[unit.core]
        self.state.t[unit.number] += 1
        moment = Moment(self.index, self.phase, self.row, self.state.t[unit.number])
        u = None
        if unit.layer > 0:
            u = self.units.read(self.state.sums[unit.core], unit, part, moment)
        self.units.step(state, unit, u, moment)
        value = float(self.chip.stuck.get(unit.number, state.q[0]))
        self.count_step(unit, value != 0)
        if not self.chip.never_fires(unit, self.units.clamped()[self.index]):
            kind = SPIKE if value != 0 else TICK
            self.log(kind, unit.number, unit.core, self.units.real(state.s)[0])
        return value

    def count_step(self, unit: Unit, active: bool) -> None:
        """Count a neuron update, and its spike."""
        activity, where = self.counts.activity, (self.phase, unit.layer)
        updates = activity.updates_active if active else activity.updates_inactive
        updates[where] += 1
        self.counts.updates[self.row, self.index, unit.core] += 1
        if active and self.problem.coding.sends_bits:
            activity.spikes[where] += 1
            self.counts.spikes[self.row, self.index, unit.core] += 1
            self.counts.bits[unit.layer][self.row, self.index, unit.place] += 1

    # --- messages -------------------------------------------------------------------------

    def send(self, unit: Unit, core: int, value: float, k: int) -> None:
        """Send a message, or lose it."""
        delays, loss = self.timing.delays, self.timing.faults.loss
        message = Message(unit, core, value, self.serial)
        self.serial += 1
        words = random_words(self.seed, unit.number, k, MESSAGE + core, self.identity)
        self.counts.messages.sent[self.phase] += 1
        if words[1] < round(loss * 2**32):
            self.lose(message)
            return
        time = self.env.now + max(1, quanta(delays.fixed) + share(quanta(delays.jitter), words[0]))
        if self.timing.queues.link:
            self.fly(Leg(message, time, "reach_link"))
        else:
            paths = self.problem.paths
            hops = 0 if paths is None else int(paths.hops[unit.core, core])
            self.fly(Leg(message, time + hops * quanta(delays.hop), "arrive"))
        self.check_memory()

    def reach_link(self, leg: Leg) -> None:
        """A message stands before the next link of its route, or at its core."""
        route = self.chip.route(leg.message.source.core, leg.message.core)
        if leg.link == len(route):
            self.arrive(leg)
            return
        link = route[leg.link]
        enters = max(self.env.now, self.state.link_free[link])
        self.state.link_free[link] = enters + quanta(self.timing.queues.link)
        self.state.entries[link].append(enters)
        most = self.counts.link_backlog[self.row]
        most[self.index] = max(most[self.index], self.waiting(link))
        time = enters + quanta(self.timing.delays.hop)
        self.fly(Leg(leg.message, time, "reach_link", leg.link + 1))

    def waiting(self, link: int, now: int | None = None) -> int:
        """The messages that wait for a link: those that enter it later."""
        now = self.env.now if now is None else now
        return sum(enters > now for enters in self.state.entries[link])

    def arrive(self, leg: Leg) -> None:
        """A message is at its core, and waits there if cores have queues."""
        message, core, now = leg.message, leg.message.core, self.env.now
        if now > self.chip.stops.get(core, now):
            del self.state.flying[message.serial]
            self.lose(message)
            return
        service = quanta(self.timing.queues.synaptic_event)
        if not service:
            self.deliver(leg)
            return
        done = max(now, self.state.core_free[core])
        done += service * self.chip.fan_out(message.source, core)
        self.state.core_free[core] = done
        self.state.backlog[core] += 1
        most = self.counts.backlog[self.row, self.index]
        most[core] = max(most[core], self.state.backlog[core])
        self.fly(Leg(message, done, "serve"))

    def serve(self, leg: Leg) -> None:
        """A core has taken a message out of its queue."""
        self.state.backlog[leg.message.core] -= 1
        self.deliver(leg)

    def deliver(self, leg: Leg) -> None:
        """A core keeps a message for its next tick."""
        message = leg.message
        unit, core = message.source, message.core
        del self.state.flying[message.serial]
        self.state.kept[core].append(message)
        self.counts.messages.delivered[self.phase] += 1
        self.counts.received[self.row, self.index, core] += 1
        self.log(DELIVERED, unit.number, core, message.value)
        way = FORWARD if self.chip.parts[core].layer > unit.layer else FEEDBACK
        connection = min(unit.layer, self.chip.parts[core].layer)
        activity = self.counts.activity
        bits = self.problem.coding.sends_bits
        events = activity.synaptic_events if bits else activity.macs
        events[self.phase, connection, way] += self.chip.fan_out(unit, core)

    def lose(self, message: Message) -> None:
        """A message is lost."""
        self.counts.messages.lost[self.phase] += 1
        self.log(LOST, message.source.number, message.core, message.value)

    def check_memory(self) -> None:
        """Refuse more messages than the run may hold."""
        held = len(self.state.flying) + sum(len(kept) for kept in self.state.kept)
        if held > self.timing.most_in_flight:
            raise InputError(
                f"run: {held} messages in flight at time {self.env.now / QUANTA:g}; "
                f"expected at most {self.timing.most_in_flight} (most_in_flight)"
            )


# --- a run --------------------------------------------------------------------------------


def solve(problem: Problem) -> Run:
    """Run a problem with a timing on SimPy.

    Parameters
    ----------
    problem : Problem
        Its ``timing`` is an Asynchronous; from :func:`eqchip.emulator.problem.pose.pose`.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        If SimPy is not installed, the problem has no timing, or more messages are in flight than
        the timing allows.
    """
    BACKENDS["discrete"].check(problem)
    timing, simpy = problem.timing, SIMPY.require()
    assert timing is not None  # see the registry
    chip = Chip(problem, timing)
    rows = -(-chip.end // QUANTA)
    counts = Counts(chip, rows)
    calibrated = timing.clocks.calibrated and timing.clocks.spread > 0
    longest = rows * QUANTA // min(chip.periods) + 2  # steps of the fastest clock, at most
    arithmetic = FloatUnits if problem.fixed is None else ChipUnits
    units = arithmetic(problem, chip.periods if calibrated else None, longest)
    if problem.input == "current":
        count_injection(counts.activity, problem, units)

    events = []
    for index in range(len(problem.x)):
        sample = Sample(chip, units, counts, index, simpy)
        sample.run()
        events.append(np.array(sample.events, EVENT))
    saturations = np.zeros((len(problem.phases), len(chip.sizes)), np.int64)
    if isinstance(units, ChipUnits):
        saturations = units.saturations
        check_saturations(problem, saturations)

    def shaped(arrays: list[np.ndarray]) -> list[np.ndarray]:
        shapes = problem.network.layers
        return [a.reshape(*a.shape[:-1], *s) for a, s in zip(arrays, shapes, strict=True)]

    return Run(
        phases=problem.phases,
        bits=shaped(counts.bits) if "bits" in problem.record else None,
        potentials=shaped(counts.potentials) if "potentials" in problem.record else None,
        ends=[shaped(end) for end in counts.ends],
        activity=replace(counts.activity, samples=len(problem.x)),
        part_spikes=counts.spikes if problem.parts else None,
        saturations=saturations,
        timed=Timed(
            end=chip.end / QUANTA,
            messages=counts.messages,
            left=counts.left,
            in_flight=counts.in_flight,
            backlog=counts.backlog,
            link_backlog=counts.link_backlog,
            updates=counts.updates,
            received=counts.received,
            spikes=counts.spikes,
            periods=np.array(chip.periods, np.float64) / QUANTA,
            events=events if "events" in problem.record else None,
        ),
    )


def count_injection(activity: Activity, problem: Problem, units: Any) -> None:
    """Count the injection of the input as a current, as the reference does."""
    reference.count_injection(activity, units.clamped(), reference.constants(problem))
