"""A sample of a chip that learns without a clock, for the reference of learning on the chip.

What cores know and write when its phases are over is :mod:`eqchip.backends.reference.onchip`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from eqchip.backends.discrete.solve import solve
from eqchip.backends.reference.fixed import Constants
from eqchip.backends.reference.onchip import Shown
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.problem import Problem


def show(problem: Problem, integers: Constants, average_steps: int, adjoint: bool = False) -> Shown:
    """Run the phases of a problem of one sample; a step of what is shown is a nominal period.

    Bits are how often a unit fired in a period, potentials those at its end.

    Raises
    ------
    InputError
        For nudged phases over the other copy, which take one clock.
    """
    if adjoint:
        raise InputError(
            "discrete: nudged phases that cross the other copy take one clock; expected adjoint "
            "False"
        )
    run = solve(replace(problem, record=frozenset(("bits", "potentials"))), integers)
    assert run.bits is not None and run.potentials is not None and run.saturations is not None
    ends = np.cumsum([phase.steps for phase in problem.phases])[:-1]

    def by_phase(layers: list[np.ndarray]) -> list[list[np.ndarray]]:
        parts = [np.split(layer[:, 0].reshape(len(layer), -1), ends) for layer in layers]
        return [list(phase) for phase in zip(*parts, strict=True)]

    states = [integers.fixed.states(layer) for layer in run.potentials]
    bits = [layer.astype(np.int64) for layer in run.bits]
    return Shown(by_phase(states), by_phase(bits), int(run.saturations.sum()))
