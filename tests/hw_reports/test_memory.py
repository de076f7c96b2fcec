"""Memory does not grow with the number of steps."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from eqchip.emulator.description.coding import Coding, OptimalStepSize, Polynomial
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.problem.pose import pose

CODINGS = {
    "sigma-delta": Coding(),
    "bernoulli": Coding("bernoulli"),
    "real-valued": Coding.real_valued(),
    "adaptive": Coding("sigma-delta", step_size=OptimalStepSize(0.03), prediction=None),
    "constant": Coding("sigma-delta", step_size=Polynomial(0.5), prediction=None),
}
FEW, MANY = 10, 1000
# The only thing that has a number per step is the tables of the schedules: the step size and
# the prediction coefficient with their complements, and what is computed on the way to them.
TABLE_BYTES_PER_STEP = 6 * 8
SLACK = 4096  # bytes of small Python objects


def peak(steps: int, coding: Coding) -> int:
    """The most memory in bytes that a run of that many steps holds at once, beside before."""
    rng = np.random.default_rng(0)
    x, y = rng.random((8, 30)), rng.random((8, 5))
    problem = pose(
        Network.dense([30, 40, 5], seed=0),
        x,
        coding=coding,
        phases=[Free(steps), Nudged(steps, y, 0.5), Free(steps, from_free=True)],
    )
    tracemalloc.start()
    try:
        solve(problem, threads=1)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", CODINGS)
def test_a_run_of_a_thousand_steps_takes_the_memory_of_one_of_ten(name):
    coding = CODINGS[name]
    peak(FEW, coding)  # compiles
    grown = peak(MANY, coding) - peak(FEW, coding)
    assert grown < TABLE_BYTES_PER_STEP * 2 * (MANY - FEW) + SLACK


def test_a_step_of_all_samples_is_never_held_without_being_recorded():
    # One byte per unit, sample and step would be 600 kB; a thousand steps take less than a tenth.
    coding = CODINGS["real-valued"]
    peak(FEW, coding)
    assert peak(MANY, coding) - peak(FEW, coding) < MANY * 8 * 75 / 10
