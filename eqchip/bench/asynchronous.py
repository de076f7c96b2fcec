"""The speed of the asynchronous engine, for ``eqchip bench asynchronous``.

In one run: the engine without a clock beside the one with a clock, from settings at which both
compute the same to a clock per unit; the cost of an event from a thousand units to a million;
and the engine beside the discrete-event simulation on SimPy that it is tested against.

All run on one thread. Processor time is what is compared, since other jobs on the machine
disturb it less; wall time is kept beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eqchip.backends.discrete import solve as discrete
from eqchip.bench.contest import Contestant, Ratio, Stopwatch, Timing, Watched, measure
from eqchip.bench.events import (
    UNITS,
    EventCost,
    cost_document,
    event_costs,
)
from eqchip.bench.machine import made_here, plain
from eqchip.bench.setting import BETA, SILENT, Given, Inputs, Setting, first_samples, inputs
from eqchip.emulator.description.asynchronous import Asynchronous, Clocks, Delays
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.description.task import one_hot
from eqchip.emulator.engine.synchronous import lower_problem, solve
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.progress import Progress

FORMAT = "eqchip-bench-asynchronous 1"
SYNCHRONOUS, IDENTITY = "synchronous", "asynchronous, identity"
TIMINGS: dict[str, Asynchronous | None] = {
    SYNCHRONOUS: None,
    IDENTITY: Asynchronous(),
    "a clock per core": Asynchronous(clocks=Clocks("core", spread=0.1, offset=1.0)),
    "a clock per unit": Asynchronous(clocks=Clocks("unit", spread=0.1, offset=1.0)),
    "a clock per unit, jitter": Asynchronous(
        clocks=Clocks("unit", spread=0.1, offset=1.0, jitter=0.1), delays=Delays(jitter=0.5)
    ),
}
PRECISIONS = ("float32", "chip")
SIMPY = "SimPy"
FEWER = 5  # times fewer steps beside SimPy, which takes 0.2 s for a step of 784-500-10
DEFAULT = Setting(free_steps=30, nudged_steps=15, samples=50)  # the steps of training


@dataclass(frozen=True)
class AsynchronousSpeed:
    """What was measured.

    Attributes
    ----------
    events_per_step : dict
        Synaptic events per sample and time step, by contestant.
    timings : dict of Timing
        Seconds per synaptic event, by contestant: timing and precision.
    ratios : dict of Ratio
        Of the rate of every asynchronous contestant to the synchronous one in its precision.
    costs : list of EventCost
        By number of units.
    witness : dict of Timing
        The asynchronous engine and SimPy on one sample; empty without SimPy.
    witness_ratio : Ratio or None
        How many times faster the engine is.
    """

    events_per_step: dict[str, float]
    timings: dict[str, Timing]
    ratios: dict[str, Ratio]
    costs: list[EventCost]
    witness: dict[str, Timing]
    witness_ratio: Ratio | None


def bench_asynchronous(
    setting: Setting = DEFAULT,
    units: Sequence[int] = UNITS,
    *,
    dataset: Inputs | None = None,
    data: str | None = None,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Measure the engine without a global clock.

    Parameters
    ----------
    setting : Setting
        Whose threads are not read: all run on one.
    units : sequence of int
        At which the cost of an event is measured.
    dataset, data
        See :func:`eqchip.bench.setting.inputs`.
    progress : Progress

    Returns
    -------
    dict
        A document of format ``eqchip-bench-asynchronous 1``.

    Raises
    ------
    InputError
        If the engines disagree about what they compute, or the inputs cannot be had.
    """
    given = inputs(setting, dataset, data, progress)
    return _document(setting, given, asynchronous_speed(setting, given.x, units, progress))


def asynchronous_speed(
    setting: Setting, x: np.ndarray, units: Sequence[int], progress: Progress = SILENT
) -> AsynchronousSpeed:
    """Measure the asynchronous engine beside the synchronous one, over sizes, and beside SimPy.

    Parameters
    ----------
    setting : Setting
        Two nudged phases of ``nudged_steps`` each follow the free one.
    x : ndarray, shape (setting.samples, setting.layers[0])
    units : sequence of int
        At which the cost of an event is measured.
    progress : Progress

    Raises
    ------
    InputError
        If the engines disagree about what they compute.
    """
    problems = {
        named(timing, precision): training_problem(setting, x, TIMINGS[timing], precision)
        for precision in PRECISIONS
        for timing in TIMINGS
    }
    contestants = [_contestant(name, problem) for name, problem in problems.items()]
    timings = measure(contestants, setting.rounds, setting.seconds, progress)
    steps = setting.free_steps + 2 * setting.nudged_steps
    events = {c.name: c.events / (steps * len(x)) for c in contestants}
    for precision in PRECISIONS:
        _check_equal(events, named(SYNCHRONOUS, precision), named(IDENTITY, precision))
    ratios = {
        named(timing, precision): Ratio.of(
            timings[named(timing, precision)], timings[named(SYNCHRONOUS, precision)]
        )
        for precision in PRECISIONS
        for timing in TIMINGS
        if timing != SYNCHRONOUS
    }
    progress.message("the cost of an event")
    costs = event_costs(units, setting.rounds, progress)
    fewer = _fewer_steps(setting)
    one = training_problem(fewer, x[:1], TIMINGS[IDENTITY], PRECISIONS[0])
    witness = _witness(one, setting, progress)
    return AsynchronousSpeed(
        events,
        timings,
        ratios,
        costs,
        witness,
        Ratio.of(witness[IDENTITY], witness[SIMPY]) if witness else None,
    )


def named(timing: str, precision: str) -> str:
    """The name of a contestant."""
    return f"{timing}, {precision}"


def training_problem(
    setting: Setting, x: np.ndarray, timing: Asynchronous | None, precision: str
) -> Problem:
    """A network with fixed random weights in the three phases of a training sample."""
    labels = np.random.default_rng([setting.seed, 1]).integers(0, setting.layers[-1], len(x))
    target = one_hot(labels, setting.layers[-1])
    return pose(
        Network.dense(setting.layers, seed=setting.seed),
        x,
        coding=Coding(),
        phases=[
            Free(setting.free_steps),
            *(Nudged(setting.nudged_steps, target, b, from_free=True) for b in (BETA, -BETA)),
        ],
        precision=precision,  # type: ignore[arg-type]
        fixed=FixedPoint() if precision == "chip" else None,
        seed=setting.seed,
        timing=timing,
    )


def _contestant(name: str, problem: Problem) -> Contestant:
    """An engine on a problem; lowering it, as training does once, is in no rate."""
    lowered = lower_problem(problem)
    first = first_samples(problem, 1)
    watch = Stopwatch()

    def work() -> None:
        solve(first, threads=1, lowered=lowered)
        watch.time(lambda: solve(problem, threads=1, lowered=lowered))

    events = solve(problem, threads=1, lowered=lowered).activity.synaptic_events.sum()
    return Watched(name, work, float(events), watch=watch)


def _fewer_steps(setting: Setting) -> Setting:
    return replace(
        setting,
        free_steps=-(-setting.free_steps // FEWER),
        nudged_steps=-(-setting.nudged_steps // FEWER),
    )


def _check_equal(events: dict[str, float], one: str, other: str) -> None:
    if events[one] != events[other]:
        raise InputError(
            f"{one} has {events[one]} synaptic events a step and {other} {events[other]}; "
            "expected the same"
        )


def _witness(problem: Problem, setting: Setting, progress: Progress) -> dict[str, Timing]:
    """The engine and SimPy on one sample; nothing if SimPy is not installed."""
    engine = _contestant(IDENTITY, problem)
    try:
        events = float(discrete.solve(problem).activity.synaptic_events.sum())
    except InputError as error:
        progress.message(f"SimPy is left out: {error}")
        return {}
    _check_equal({IDENTITY: engine.events, SIMPY: events}, IDENTITY, SIMPY)
    peer = Contestant(SIMPY, _simpy(problem), events)
    return measure([engine, peer], setting.rounds, setting.seconds, progress)


def _simpy(problem: Problem) -> Callable[[], object]:
    return lambda: discrete.solve(problem)


def _document(setting: Setting, given: Given, found: AsynchronousSpeed) -> dict[str, Any]:
    """What is saved and printed as JSON; rates and costs are of processor time."""
    return {
        "format": FORMAT,
        "kind": "asynchrony-speed",
        "inputs_source": given.source,
        "setting": plain(replace(setting, threads=1, batches=())),
        "clock": "processor time",
        "contestants": [
            {
                **plain(timing),
                "events_per_step": found.events_per_step[name],
                "events_per_second": timing.cpu_rate,
            }
            for name, timing in found.timings.items()
        ],
        "ratios": plain(found.ratios),
        "event_cost": cost_document(found.costs),
        "witness": {
            "samples": 1,
            "free_steps": _fewer_steps(setting).free_steps,
            "nudged_steps": _fewer_steps(setting).nudged_steps,
            "precision": PRECISIONS[0],
            "contestants": [
                {**plain(timing), "events_per_second": timing.cpu_rate}
                for timing in found.witness.values()
            ],
            "ratio": plain(found.witness_ratio),
        },
        **made_here(setting.seed),
    }
