"""One sample on the asynchronous chip, event by event, from its first event to its last.

Time is a whole number of quanta, so no sum of times is ever rounded; SimPy's queue orders what
happens by (time, network before ticks, unit, serial number of the message). A message goes
through::

    send -> reach_link -> reach_link -> ... -> arrive -> serve -> deliver -> read_in
            (where links have queues)          (where cores have them)
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType

from eqchip.backends.discrete.chip import JITTER, MESSAGE, OFFSET, Chip, Clock, random_words, share
from eqchip.backends.discrete.state import Counts, Leg, Message, State, Tick
from eqchip.backends.discrete.units import FloatUnits, Moment, Unit
from eqchip.emulator.activity import FEEDBACK, FORWARD
from eqchip.emulator.description.asynchronous import QUANTA, quanta
from eqchip.emulator.description.phases import Free
from eqchip.emulator.description.timed import DELIVERED, LOST, SPIKE, TICK
from eqchip.emulator.errors import InputError

NETWORK, CLOCK = 0, 1  # of two things at one time, what the network does comes first


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
