"""Brian2 as a contestant: it runs what we run, is timed by its own clock, and leaves nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eqchip.backends import packages
from eqchip.backends.brian2.solve import Target
from eqchip.bench.brian2 import (
    Brian2Process,
    brian2_contestants,
    check_spikes,
    in_float64,
)
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem

pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


def small_problem() -> Problem:
    rng = np.random.default_rng(4)
    target = np.eye(3)[[0, 2]]
    return pose(
        Network.dense([6, 5, 3], seed=1),
        rng.random((2, 6)),
        coding=Coding(),
        phases=[Free(30), Nudged(10, target, beta=0.5)],
    )


@pytest.mark.parametrize(
    "target", ["cpp_standalone", pytest.param("cython", marks=pytest.mark.long)]
)
def test_a_contestant_counts_our_spikes_and_is_timed_by_its_own_clock(target: Target):
    problem = small_problem()
    (contestant,) = brian2_contestants(problem, [target])
    with contestant.process as process:
        run = solve(in_float64(problem))
        assert contestant.events == run.activity.synaptic_events.sum() > 0
        before = contestant.clock()
        loops = [contestant.work() for _ in range(2)]
        spikes = np.concatenate([b.sum(axis=(0, 1)) for b in run.bits])
        for loop in loops:  # the second starts from the beginning again
            np.testing.assert_array_equal(loop.spikes, spikes)
            assert loop.wall > 0
        assert contestant.clock()[0] - before[0] == pytest.approx(sum(loop.wall for loop in loops))
        # To compile takes seconds, these 80 steps less than one.
        assert max(loop.wall for loop in loops) < contestant.setup_seconds
        folder, child = Path(process._folder.name), process._process
        assert folder.exists() and child.is_alive()
    assert not folder.exists() and not child.is_alive()


def test_other_spikes_are_refused():
    with pytest.raises(InputError, match=r"Brian2: 1 of 3 units .* unit 1, 5 times; expected 4"):
        check_spikes("Brian2", np.array([1, 5, 2]), np.array([1, 4, 2]))


def test_a_failure_in_the_process_is_told_in_one_line(monkeypatch):
    problem = small_problem()
    broken = Coding(quantizer="bernoulli", prediction=None)
    object.__setattr__(broken, "quantizer", "ternary")  # passes through no check
    object.__setattr__(problem, "coding", broken)
    with pytest.raises(InputError, match=r"Brian2 Cython stopped: .*ternary") as error:
        Brian2Process(problem, "cython")
    assert "\n" not in str(error.value)


def test_without_brian2_it_is_said_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "brian2", None)
    with pytest.raises(InputError, match=r"pip install 'eqchip\[brian2\]'"):
        packages.BRIAN2.require()
