"""What an event costs the asynchronous engine, for ``eqchip bench events``.

A chain of layers of WIDTH units, a clock per unit. All weights are WEIGHT and the biases such
that the fixed point of every unit is ACTIVITY: b = s - (inputs) WEIGHT s; the clamped input is
ACTIVITY too. So all units are equally active, and the work per event is the same at any size.

Beside it the queue alone, with the same clocks: the engine's time wheel and a binary heap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from eqchip.bench.contest import Contestant, Ratio, Stopwatch, Timing, Watched
from eqchip.bench.machine import made_here, plain
from eqchip.bench.setting import SILENT, first_samples
from eqchip.emulator.description.asynchronous import QUANTA, Asynchronous, Clocks
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free
from eqchip.emulator.engine.asynchronous import Memory, chip_of
from eqchip.emulator.engine.synchronous import ask, lower_problem, solve
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels.timed import queues as queuebench
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.progress import Progress

WIDTH = 16
ACTIVITY, WEIGHT = 0.25, 1 / 128
STEPS = 8
EVENTS = 2_000_000  # of a turn, about; the largest networks take as many as a sample has
SETTLED = 2 * QUANTA  # of a queue: from then on as many messages arrive as are sent
UNITS = (1_000, 10_000, 100_000, 1_000_000)
PRECISION = "float32"
FORMAT = "eqchip-bench-events 1"
NANO = 1e9
ENGINE, WHEEL, HEAP = "asynchronous engine", "time wheel alone", "binary heap alone"


@dataclass(frozen=True)
class EventCost:
    """The cost of an event at one size.

    Attributes
    ----------
    units : int
    events : float
        Ticks and messages of a turn of the engine.
    messages_per_tick : float
    timings : dict of Timing
        Seconds per event of the engine, the wheel and the heap, by name.
    heap : Ratio
        How many times faster the wheel is than the heap.
    bytes_per_unit : float
        Memory of one sample: messages, clocks, states and weights.
    """

    units: int
    events: float
    messages_per_tick: float
    timings: dict[str, Timing]
    heap: Ratio
    bytes_per_unit: float


def bench_events(
    units: Sequence[int] = UNITS, rounds: int = 9, progress: Progress = SILENT
) -> dict[str, Any]:
    """Measure what an event costs.

    Parameters
    ----------
    units : sequence of int
        The sizes, rounded down to whole layers.
    rounds : int
    progress : Progress

    Returns
    -------
    dict
        A document of format ``eqchip-bench-events 1``; costs are of processor time.

    Raises
    ------
    InputError
        If a size has no two layers, or wheel and heap disagree about the order of events.
    """
    return {
        "format": FORMAT,
        "kind": "event-cost",
        "rounds": rounds,
        "clock": "processor time",
        "event_cost": cost_document(event_costs(units, rounds, progress)),
        **made_here(),
    }


def cost_document(costs: Sequence[EventCost]) -> dict[str, Any]:
    """The costs of events, as JSON holds them."""
    return {
        "layer_units": WIDTH,
        "steps": STEPS,
        "precision": PRECISION,
        "points": [
            {
                **plain(cost),
                "nanoseconds_per_event": {
                    name: NANO * median(timing.cpu) for name, timing in cost.timings.items()
                },
            }
            for cost in costs
        ],
    }


def event_costs(units: Sequence[int], rounds: int, progress: Progress = SILENT) -> list[EventCost]:
    """Measure the cost of an event at these sizes, rounded down to whole layers.

    Raises
    ------
    InputError
        If a size has no two layers, or wheel and heap disagree about the order of events.
    """
    return [_event_cost(n, rounds, progress) for n in units]


def chain(units: int, samples: int) -> Problem:
    """The chain of about so many units, all equally active.

    Raises
    ------
    InputError
        If that is fewer than two layers.
    """
    layers = units // WIDTH
    if layers < 2:
        raise InputError(f"units is {units}; expected at least {2 * WIDTH}, two layers of {WIDTH}")
    inner = ACTIVITY - 2 * WIDTH * WEIGHT * ACTIVITY  # of a layer between two others
    last = ACTIVITY - WIDTH * WEIGHT * ACTIVITY
    weights = [np.full((WIDTH, WIDTH), WEIGHT)] * (layers - 1)
    biases = [np.full(WIDTH, inner)] * (layers - 2) + [np.full(WIDTH, last)]
    return pose(
        Network.dense([WIDTH] * layers, weights=weights, biases=biases),
        np.full((samples, WIDTH), ACTIVITY),
        coding=Coding(),
        phases=[Free(STEPS)],
        timing=Asynchronous(clocks=Clocks(spread=0.1, offset=1.0)),
    )


def _event_cost(units: int, rounds: int, progress: Progress) -> EventCost:
    per_sample = 1.5 * units * STEPS
    problem = chain(units, 1 + max(1, round(EVENTS / per_sample)))
    lowered = lower_problem(problem)
    few = first_samples(problem, 1)
    # These runs also make the chip and warm the caches.
    found = [solve(one, threads=1, lowered=lowered).timed for one in (few, problem)]
    ticks, messages = (
        float(sum(sign * total(run) for sign, run in zip((-1, 1), found, strict=True)))
        for total in (_ticks, _delivered)
    )
    watch = Stopwatch()

    def work() -> None:
        """Time what further samples take: preparing a run is in no figure."""
        watch.time(lambda: solve(few, threads=1, lowered=lowered), -1)
        watch.time(lambda: solve(problem, threads=1, lowered=lowered))

    chip = chip_of(problem, ask(problem, lowered))
    arrays = [chip.clockwork, *_arrays(Memory(chip, lowered, windowed=True)), lowered]
    engine = Watched(ENGINE, work, ticks + messages, watch=watch)
    queues = _queues(chip.clockwork.period, chip.slots, chip.shift)
    timings = _take_turns([engine, *queues], rounds, progress)
    return EventCost(
        len(chip.clockwork.period),
        ticks + messages,
        messages / ticks,
        timings,
        Ratio.of(timings[WHEEL], timings[HEAP]),
        sum(_bytes(of) for of in arrays) / chip.units,
    )


def _take_turns(
    contestants: Sequence[Contestant], rounds: int, progress: Progress
) -> dict[str, Timing]:
    """As `contest.measure`, with no call but those timed: a million units take a minute."""
    seconds: dict[str, list[tuple[float, float]]] = {c.name: [] for c in contestants}
    with progress.bar("timing", rounds * len(contestants)) as bar:
        for number in range(rounds):
            for contestant in contestants:
                before = contestant.clock()
                contestant.work()
                wall, cpu = (b - a for a, b in zip(before, contestant.clock(), strict=True))
                seconds[contestant.name].append((wall / contestant.events, cpu / contestant.events))
                bar.advance(round=number + 1)
    return {
        name: Timing(name, 1, tuple(wall for wall, _ in found), tuple(cpu for _, cpu in found))
        for name, found in seconds.items()
    }


def _ticks(timed: Any) -> int:
    return int(timed.updates.sum())


def _delivered(timed: Any) -> int:
    return int(timed.messages.delivered.sum())


def _arrays(memory: Memory) -> list[Any]:
    return [
        memory.state, memory.scratch, memory.cores, memory.queue, memory.buffer, memory.window,
    ]  # fmt: skip


def _bytes(arrays: Any) -> int:
    return sum(array.nbytes for array in arrays if isinstance(array, np.ndarray))


def _queues(period: np.ndarray, slots: int, shift: int) -> list[Contestant]:
    """The wheel and the heap with the load of these clocks, going on from turn to turn."""
    start = 1 + (period * np.random.default_rng(0).random(len(period))).astype(np.int64)
    loads = [queuebench.new_load(period, start) for _ in range(2)]
    wheel, heap = queuebench.new_wheel(len(period), slots, shift), queuebench.new_heap(len(period))
    queuebench.start_wheel(wheel, loads[0])
    queuebench.start_heap(heap, loads[1])
    turn = max(1, round(EVENTS / (1.5 * len(period)))) * QUANTA

    def one(run: Callable[..., Any], queue: Any, load: queuebench.Load, name: str) -> Contestant:
        until = SETTLED
        run(queue, load, until)

        def work() -> Any:
            nonlocal until
            until += turn
            return run(queue, load, until)

        seen.append(work())
        return Contestant(name, work, float(seen[-1][0]))

    seen: list[Any] = []
    contestants = [
        one(queuebench.run_wheel, wheel, loads[0], WHEEL),
        one(queuebench.run_heap, heap, loads[1], HEAP),
    ]
    if seen[0] != seen[1]:
        raise InputError(
            f"queues: wheel and heap hand out other events at {len(period)} clocks: {seen[0]} and "
            f"{seen[1]}; expected the same number and checksum"
        )
    return contestants
