"""The asynchronous, event-driven engine: no global clock, bits in flight."""

from __future__ import annotations

import math
import threading
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.description.asynchronous import QUANTA, Asynchronous, quanta
from eqchip.emulator.description.parts import whole_layers
from eqchip.emulator.description.timed import EVENT, Messages, Timed
from eqchip.emulator.engine.clocks import draw_periods, key_of_run, list_units, lower_timing
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels import state as arrays
from eqchip.emulator.kernels.lowered import Lowered
from eqchip.emulator.kernels.timed import state as timed_state
from eqchip.emulator.kernels.timed.relax import relax_timed
from eqchip.emulator.kernels.timed.wheel import (
    IN_FLIGHT,
    LOG_FULL,
    LOGGED,
    MESSAGES,
    OVERFLOW,
    POSITION,
    new_queue,
)
from eqchip.emulator.kernels.timed.window import new_window
from eqchip.emulator.kernels.timed.windows import relax_windows
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.problem.run import Run

QUANTA_BITS = 20
FEWEST_NODES = 1024
EVENTS_PER_SLOT = 2  # of the wheel; measured: fewer and the empty slots cost more
MOST_SLOTS = 2**22
FIRST_LOG = 2**16
MOST_WINDOWS = 2**8  # of a period: shorter ones cost more than a queue of events
NAMES = EVENT.names or ()
LOGS = {name: f"log_{name}" for name in NAMES}  # of `Counts`, by the names of EVENT


class Overflow(InputError):
    """More messages in flight than allowed in ``sample``; ``run`` holds what was computed."""

    sample: int
    run: Run | None = None


class Asked(NamedTuple):
    """A problem as the kernels are given it; see `relax.relax`. kept: what its units keep."""

    lowered: Lowered
    rules: arrays.Rules
    kept: arrays.Kept
    given: np.ndarray
    x: np.ndarray
    targets: np.ndarray
    samples: np.ndarray


class Chip:
    """One timing of networks of one shape, lowered: what every minibatch of a training shares."""

    def __init__(self, problem: Problem, asked: Asked) -> None:
        assert problem.timing is not None
        lowered = asked.lowered
        self.timing: Asynchronous = problem.timing
        self.parts = problem.parts or whole_layers(problem.network.sizes)
        self.paths = problem.paths
        self.key = self._key(problem, asked)
        self.kept = asked.kept
        self.dtype = lowered.biases.dtype  # of states
        self.units, self.layers = int(lowered.offsets[-1]), len(lowered.sizes)
        self.clockwork = lower_timing(
            self.timing, problem.paths, self.parts, lowered, problem.phases, problem.fixed
        )
        self.slots, self.shift = self._wheel()
        self.windows = self._windows()

    def suits(self, problem: Problem, asked: Asked) -> bool:
        """Whether it is the chip of this problem as well."""
        return self.paths is problem.paths and self.key == self._key(problem, asked)

    @staticmethod
    def _key(problem: Problem, asked: Asked) -> tuple[Any, ...]:
        return (
            asked.kept,
            problem.timing,
            problem.parts,
            problem.fixed,
            problem.network.connections,
            tuple(phase.steps for phase in problem.phases),
            asked.lowered.biases.dtype,
            asked.lowered.offsets.tobytes(),
        )

    def _wheel(self) -> tuple[int, int]:
        """How many slots, and how long: as long as EVENTS_PER_SLOT events take."""
        work = self.clockwork
        routes = np.diff(work.route_starts)
        events = len(work.period) + int((work.part_units * routes).sum()) / 4  # a quarter spikes
        per_period = 2 ** max(0, math.ceil(math.log2(max(events, 1) / EVENTS_PER_SLOT)))
        per_period = min(per_period, QUANTA)
        most_hops = int(work.route_hops.max(initial=0)) * work.hop
        horizon = max(
            int(work.period.max()) + work.jitter,
            work.fixed_delay + work.delay_jitter + most_hops,
        )
        periods = horizon / QUANTA + 1
        slots = 2 ** math.ceil(math.log2(per_period * periods + 1))
        return min(slots, MOST_SLOTS), QUANTA_BITS - int(math.log2(per_period))

    def _windows(self) -> tuple[int, int] | None:
        """How many windows ahead, and how many in a period; None: events go one by one.

        A window is as long as no message arrives in the one in which it is sent, and no clock
        ticks twice.
        """
        work = self.clockwork
        if (work.clock_units > 1).any() or work.event_time or work.link_time:
            return None
        longest = min(max(work.fixed_delay, 1), int(work.period.min()) - work.jitter, QUANTA)
        if longest < QUANTA // MOST_WINDOWS:
            return None
        rate = -(-QUANTA // longest)
        most_hops = int(work.route_hops.max(initial=0)) * work.hop
        horizon = work.fixed_delay + work.delay_jitter + most_hops
        ahead = 2 ** math.ceil(math.log2(horizon * rate // QUANTA + 3))
        return min(ahead, MOST_SLOTS), rate

    def first_nodes(self) -> int:
        """Room for messages to begin with; it grows when it is too small."""
        work = self.clockwork
        routes = np.diff(work.route_starts)
        most = int((work.part_units * routes).sum())
        return min(max(FEWEST_NODES, most), self.timing.most_in_flight)


class Memory:
    """What one thread needs: kernels allocate nothing."""

    def __init__(self, chip: Chip, lowered: Lowered, windowed: bool = False) -> None:
        self.chip, self.windowed = chip, windowed
        self.state, self.free = (
            arrays.new_state(chip.kept, chip.units, chip.layers, chip.dtype) for _ in range(2)
        )
        self.scratch = arrays.new_scratch(lowered, chip.dtype)
        self.cores = timed_state.new_cores(chip.clockwork, chip.dtype)
        self.idle = np.zeros(len(chip.clockwork.period), np.int64)
        self.grow_events(chip.first_nodes())
        self.grow_log(FIRST_LOG)

    def grow_events(self, messages: int) -> None:
        """Room for so many messages."""
        chip = self.chip
        self.messages = messages
        clocks, dtype = len(chip.clockwork.period), chip.dtype
        if self.windowed and chip.windows is not None:
            ahead, rate = chip.windows
            queue = new_queue(clocks, messages, ahead, QUANTA_BITS, dtype, rate)
            self.queue = queue._replace(  # no slot is opened
                open_time=queue.open_time[:0].copy(),
                open_key=queue.open_key[:0].copy(),
                open_node=queue.open_node[:0].copy(),
            )
            self.window = new_window(chip.clockwork, chip.units, messages, dtype)
        else:
            self.queue = new_queue(clocks, messages, chip.slots, chip.shift, dtype)
        self.saved = timed_state.new_saved(chip.clockwork, messages, chip.dtype)
        self.buffer = timed_state.new_buffer(messages, chip.dtype)

    def grow_log(self, logged: int) -> None:
        """Room for so many recorded events."""
        self.logged = logged
        self.log = {log: np.zeros(logged, EVENT[name]) for name, log in LOGS.items()}

    def events(self) -> np.ndarray:
        """The recorded events of the sample that was run last, as an array of EVENT."""
        found = np.zeros(int(self.queue.counters[LOGGED]), EVENT)
        for name, log in LOGS.items():
            found[name] = self.log[log][: len(found)]
        return found


def chip_of(problem: Problem, asked: Asked) -> Chip:
    """The chip of a problem: the last one, if it suits."""
    if not _chips or not _chips[-1].suits(problem, asked):
        _chips[:] = [Chip(problem, asked)]
    return _chips[-1]


def new_counts(problem: Problem, chip: Chip, samples: int | None = None) -> timed_state.Counts:
    """Zeroed counts of a run, or of so many samples of it."""
    batch = len(problem.x) if samples is None else samples
    phases, layers = len(problem.phases), chip.layers
    rows, parts = rows_of(problem), len(chip.parts)
    by_part = {
        name: np.zeros((rows, batch, parts), np.int32)
        for name in ("backlog", "part_updates", "received", "spikes")
    }
    return timed_state.Counts(
        messages=np.zeros((batch, phases, 5), np.int64),
        left=np.zeros(batch, np.int64),
        updates=np.zeros((batch, phases, layers), np.int64),
        in_flight=np.zeros((rows, batch), np.int32),
        link_backlog=np.zeros((rows, batch), np.int32),
        **by_part,
        **{log: np.zeros(0, EVENT[name]) for name, log in LOGS.items()},
    )


def rows_of(problem: Problem) -> int:
    """Nominal periods of run time, the last perhaps cut short."""
    assert problem.timing is not None
    stop = problem.timing.stop
    return problem.steps if stop is None else min(problem.steps, -(-quanta(stop) // QUANTA))


def run_samples(
    chip: Chip, asked: Asked, record: arrays.Record, counts: timed_state.Counts,
    events: list[np.ndarray] | None, seed: int, first: int, last: int,
) -> Overflow | None:  # fmt: skip
    """Run samples on this thread. More room is made, and the sample run again, where needed.

    Returns what was too much: the samples before are done, and that one as far as it came.
    """
    clockwork = chip.clockwork._replace(seed=key_of_run(chip.timing, seed))
    windowed = chip.windows is not None and events is None
    while first < last:
        memory = _memory(chip, asked.lowered, windowed)
        logged = counts if events is None else counts._replace(**memory.log)
        stopped = _relax(
            memory, asked, clockwork, record, logged, first, last if events is None else first + 1
        )
        overflow = int(memory.queue.counters[OVERFLOW])
        if overflow == 0:
            if events is not None:
                events[first] = memory.events()
            first = stopped
            continue
        first = stopped
        if overflow == LOG_FULL:
            memory.grow_log(2 * memory.logged)
        elif memory.messages < chip.timing.most_in_flight:
            memory.grow_events(min(2 * memory.messages, chip.timing.most_in_flight))
        elif windowed:
            windowed = False  # whether there really were too many, only events in order tell
        else:
            if events is not None:
                events[first] = memory.events()
            return _overflow(memory, counts, first)
        forget(record, counts, events, first)
    return None


def _relax(
    memory: Memory, asked: Asked, clockwork: timed_state.Clockwork, record: arrays.Record,
    counts: timed_state.Counts, first: int, last: int,
) -> int:  # fmt: skip
    """Run samples by the kernel of the memory; returns as that does."""
    given = (
        asked.lowered, asked.rules, clockwork, record, counts, asked.given, asked.x, asked.targets,
        asked.samples, memory.state, memory.free, memory.scratch, memory.cores, memory.queue,
        memory.saved, memory.buffer, memory.idle,
    )  # fmt: skip
    if memory.windowed:
        most = memory.chip.timing.most_in_flight
        return int(relax_windows(*given, memory.window, most, first, last))
    return int(relax_timed(*given, first, last))


def timed(chip: Chip, counts: timed_state.Counts, events: list[np.ndarray] | None) -> Timed:
    """What an asynchronous run shows beyond a synchronous one."""
    messages = Messages(*np.ascontiguousarray(counts.messages.sum(0).T))
    return Timed(
        float(chip.clockwork.phase_ends[-1] / QUANTA),
        messages,
        int(counts.left.sum()),
        counts.in_flight,
        counts.backlog,
        counts.link_backlog,
        counts.part_updates,
        counts.received,
        counts.spikes,
        draw_periods(chip.timing, list_units(chip.parts)) / QUANTA,
        events,
    )


_chips: list[Chip] = []
_own = threading.local()


def _memory(chip: Chip, lowered: Lowered, windowed: bool) -> Memory:
    """The memory of this thread for the chip; it is kept for the next minibatch."""
    memory: Memory | None = getattr(_own, "memory", None)
    if memory is None or memory.chip is not chip or memory.windowed != windowed:
        memory = _own.memory = Memory(chip, lowered, windowed)
    return memory


def forget(
    record: arrays.Record, counts: timed_state.Counts, events: list[np.ndarray] | None, b: int
) -> None:
    """Clear what a sample has counted: as if it had not been run."""
    if events is not None:
        events[b] = np.zeros(0, EVENT)
    for array in (record.active, record.arrivals, record.injected, record.saturations):
        array[b] = 0
    for array in (record.ends, record.bits, record.potentials):
        array[:, b] = 0
    for array in (counts.messages, counts.left, counts.updates):
        array[b] = 0
    for array in (
        counts.in_flight, counts.link_backlog, counts.backlog, counts.part_updates,
        counts.received, counts.spikes,
    ):  # fmt: skip
        array[:, b] = 0


def _overflow(memory: Memory, counts: timed_state.Counts, b: int) -> Overflow:
    queue, cores = memory.queue, memory.cores
    counts.left[b] = queue.counters[IN_FLIGHT]
    limit = memory.chip.timing.most_in_flight
    now = int(queue.open_time[max(int(queue.counters[POSITION]) - 1, 0)]) / QUANTA
    busiest = int(cores.backlog.argmax())
    backlog = (
        f"; the backlog is {int(cores.backlog[busiest])} messages at core {busiest}"
        if cores.backlog[busiest]
        else ""
    )
    overflow = Overflow(
        f"run: sample {b} has {int(queue.counters[MESSAGES])} messages in flight, waiting or "
        f"unread at time {now:.3f}, and most_in_flight is {limit}{backlog}; expected shorter "
        "delays or faster queues, or a larger most_in_flight"
    )
    overflow.sample = b
    return overflow
