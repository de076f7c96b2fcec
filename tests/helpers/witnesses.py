"""Asynchronous runs, witnessed by a second engine."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import optional_packages
from equal_runs import assert_equal_runs
from timing_strategies import EVERYTHING

from eqchip.backends.discrete import solve as discrete
from eqchip.emulator.description.timed import Messages, Timed
from eqchip.emulator.engine import synchronous as engine
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.problem.run import Run


def assert_witnessed(problem: Problem) -> None:
    """The engine's run is the witness's: bits, potentials, counts and every event.

    Without a record of events the engine may deliver messages in groups, with the same result.
    """
    expected = witness_solve(problem)
    for record, events in [(EVERYTHING, expected.timed.events), (EVERYTHING - {"events"}, None)]:
        got = engine_solve(replace(problem, record=record))
        assert_equal_timed(got.timed, replace(expected.timed, events=events))
        assert_equal_runs(got, expected)


def engine_solve(problem: Problem) -> Run:
    """The engine in one thread."""
    return engine.solve(problem, threads=1)


def witness_solve(problem: Problem) -> Run:
    """The witness, where it is installed."""
    optional_packages.need("simpy", "pip install 'eqchip[simpy]'")
    return discrete.solve(problem)


def assert_equal_timed(got: Timed, expected: Timed) -> None:
    """Every count and every event equal."""
    for f in fields(Timed):
        one, other = getattr(got, f.name), getattr(expected, f.name)
        if f.name == "events":
            assert (one is None) == (other is None)
            for sample, (events, wanted) in enumerate(zip(one or [], other or [], strict=True)):
                assert_equal_events(events, wanted, sample)
        elif f.name == "messages":
            for name in Messages._fields:
                assert getattr(one, name).dtype == np.int64
                np.testing.assert_array_equal(
                    getattr(one, name), getattr(other, name), err_msg=name
                )
        else:
            assert np.asarray(one).dtype == np.asarray(other).dtype, f.name
            np.testing.assert_array_equal(one, other, err_msg=f.name)


def assert_equal_events(events: np.ndarray, wanted: np.ndarray, sample: int) -> None:
    """The first event that differs is shown, with its neighbours."""
    assert events.dtype == wanted.dtype
    shorter = min(len(events), len(wanted))
    differ = np.flatnonzero(events[:shorter] != wanted[:shorter])
    if len(differ) or len(events) != len(wanted):
        first = int(differ[0]) if len(differ) else shorter
        near = slice(max(first - 2, 0), first + 3)
        raise AssertionError(
            f"event {first} of sample {sample} differs: {events[near]}, expected {wanted[near]}"
        )
