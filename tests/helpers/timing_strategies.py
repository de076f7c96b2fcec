"""Random timings, as hypothesis strategies: those that are the synchronous engine's, and others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import strategies
from hypothesis import strategies as st

from eqchip.emulator.description.asynchronous import (
    QUANTA,
    Asynchronous,
    Clocks,
    Delays,
    Faults,
    Paths,
    Queues,
)
from eqchip.emulator.description.parts import whole_layers
from eqchip.emulator.problem.problem import Problem

EVERYTHING = frozenset(("bits", "potentials", "events"))
MOST_HOPS = 3
LINKS = 4  # few, so that routes meet
TINIEST = 1 / QUANTA  # one quantum: what is drawn below it is 0
SEEDS = st.sampled_from([0, 1, 2**32, 2**64 - 1]) | st.integers(0, 2**64 - 1)


def timed(problem: Problem, timing: Asynchronous, paths: Paths | None = None) -> Problem:
    """A problem with a timing; uniform numbers by hand are left out where clocks differ."""
    uniforms = None if timing.drawn_clocks else problem.uniforms
    return replace(problem, timing=timing, paths=paths, record=EVERYTHING, uniforms=uniforms)


@st.composite
def identical(draw: Any, **sizes: Any) -> tuple[Problem, Problem]:
    """A problem, and the same with a timing under which it must give the same.

    All periods are 1. A message of step k arrives after all units took step k, also those that
    were late, and before the first takes step k + 1: with clocks ahead by up to `offset`, after
    at least `offset` and at most ``1 - offset``.
    """
    problem = draw(strategies.problems(adapted=True, **sizes))
    # Of a quarter of a period, so that every sum of times is exact.
    offset = draw(st.sampled_from([0.0, 0.0, TINIEST, 0.25, 0.5]))
    fixed = draw(st.sampled_from([0.25, 0.5, 0.75, 1.0]).filter(lambda d: offset <= d))
    fixed = min(fixed, 1.0 - offset)
    room = 1.0 - offset - fixed
    jitter = draw(st.sampled_from([0.0, room / 2, room]))
    hop = draw(st.sampled_from([0.0, (room - jitter) / (MOST_HOPS + 1)]))
    if offset == 0.0:
        fixed = draw(st.sampled_from([fixed, 0.0]))
    clocks = Clocks(
        per=draw(st.sampled_from(["unit", "core"])),
        spread=draw(st.sampled_from([0.0, TINIEST / 4])),  # rounds to nothing, but is drawn
        jitter=draw(st.sampled_from([0.0, TINIEST])),
        offset=offset,
        restarted=draw(st.booleans()),
        calibrated=draw(st.booleans()),
    )
    timing = Asynchronous(clocks, Delays(fixed, hop, jitter), seed=draw(SEEDS))
    found = timed(problem, timing, draw(ways(problem)) if hop else None)
    return replace(problem, uniforms=found.uniforms), found


@st.composite
def timed_problems(
    draw: Any, *, batch: int | None = None, from_free: bool = True, **sizes: Any
) -> Problem:
    """Problems with any timing: clocks, delays, queues and faults; everything recorded."""
    problem = draw(strategies.problems(adapted=True, **sizes))
    if not from_free:
        phases = [replace(phase, from_free=False) for phase in problem.phases]
        problem = replace(problem, phases=tuple(phases))
    return draw(with_timing(problem))


@st.composite
def with_timing(draw: Any, problem: Problem) -> Problem:
    """A problem with any timing."""
    meshed = draw(st.booleans())
    timing = Asynchronous(
        draw(clocks()),
        Delays(
            fixed=draw(times(3.0)),
            hop=draw(times(0.5)) if meshed else 0.0,
            jitter=draw(times(2.0)),
        ),
        Queues(
            synaptic_event=draw(times(0.05)),
            link=draw(times(0.1)) if meshed else 0.0,
        ),
        draw(faults(problem)),
        seed=draw(SEEDS),
        stop=draw(stops(problem)),
    )
    needs = timing.delays.hop > 0 or timing.queues.link > 0
    return timed(problem, timing, draw(ways(problem)) if needs else None)


def times(most: float) -> st.SearchStrategy[float]:
    """Times of any length, with such that make events coincide."""
    return st.sampled_from([0.0, most / 4, TINIEST, most]) | st.floats(0.0, most)


@st.composite
def clocks(draw: Any) -> Clocks:
    """Clocks of any kind."""
    spread = draw(st.sampled_from([0.0, 0.1, 0.3, 0.5]) | st.floats(0.0, 0.5))
    shortest = Clocks(spread=spread).shortest_period
    return Clocks(
        per=draw(st.sampled_from(["unit", "core"])),
        spread=spread,
        offset=draw(st.sampled_from([0.0, 1.0, 0.5])),
        jitter=draw(st.sampled_from([0.0, shortest / 2, shortest])),
        restarted=draw(st.booleans()),
        calibrated=draw(st.booleans()),
    )


WINDOWED = [0.125, 0.3, 0.5, 1.0, 2.5]  # delays


@st.composite
def windowed_problems(draw: Any, **sizes: Any) -> Problem:
    """Problems whose units have clocks of their own and whose messages wait for nothing.

    Clocks tick at least half a period apart; everything recorded.
    """
    found = draw(timed_problems(**sizes))
    timing = found.timing
    assert timing is not None
    clocks = replace(timing.clocks, per="unit", jitter=draw(st.sampled_from([0.0, 0.1])))
    spread = draw(st.sampled_from([0.0, 0.1, 0.2]))
    timing = replace(
        timing,
        clocks=replace(clocks, spread=spread, offset=1.0),
        delays=replace(timing.delays, fixed=draw(st.sampled_from(WINDOWED))),
        queues=Queues(),
    )
    return timed(found, timing, found.paths)


@st.composite
def faults(draw: Any, problem: Problem) -> Faults:
    """None in half of all cases; else any mixture."""
    if draw(st.booleans()):
        return Faults()
    cores = len(problem.parts or problem.network.sizes)
    core = st.integers(0, cores - 1)
    until = st.floats(0.0, float(problem.steps)) | st.integers(0, problem.steps).map(float)
    layer = draw(st.integers(0, len(problem.network.sizes) - 1))
    unit = (layer, draw(st.integers(0, problem.network.sizes[layer] - 1)))
    shares = st.sampled_from([0.0, 0.2])
    return Faults(
        loss=draw(st.sampled_from([0.0, 0.2, 0.9])),
        stuck_at_0=draw(shares),
        stuck_at_1=draw(shares | st.just((unit,))),
        stopped=draw(st.just(()) | st.tuples(st.tuples(core, until))),
    )


def stops(problem: Problem) -> st.SearchStrategy[float | None]:
    """The end of the last phase, or a time within it."""
    begin, end = problem.steps - problem.phases[-1].steps, problem.steps
    within = st.integers(begin * QUANTA + 1, end * QUANTA).map(lambda time: time / QUANTA)
    return st.none() | within | st.integers(begin + 1, end).map(float)


@st.composite
def ways(draw: Any, problem: Problem) -> Paths:
    """Any ways between the cores of a problem, over few links."""
    cores = len(problem.parts or whole_layers(problem.network.sizes))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    routes = [rng.integers(0, LINKS, rng.integers(0, MOST_HOPS + 1)) for _ in range(cores**2)]
    return paths(routes, cores)


def paths(routes: Sequence[Any], cores: int) -> Paths:
    """The ways from core p to core c over the links ``routes[p * cores + c]``."""
    lengths = np.array([len(route) for route in routes], np.int64)
    return Paths(
        lengths.reshape(cores, cores),
        np.concatenate([[0], np.cumsum(lengths)]),
        np.concatenate([np.asarray(route, np.int32) for route in routes]),
        LINKS,
    )
