"""Units as kernels take them: rules, and what they keep, from the description of a kind of unit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator import philox
from eqchip.emulator.description.coding import COARSEST, Coding
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Nudged
from eqchip.emulator.description.units import unit_row
from eqchip.emulator.kernels.carried import Carried, new_carried
from eqchip.emulator.kernels.ep import EPRules, EPState
from eqchip.emulator.kernels.ep_fixed import EPFixedRules
from eqchip.emulator.kernels.lowered import Lowered
from eqchip.emulator.kernels.state import (
    Kept,
    Links,
    Rules,
    Uncarried,
    Unlinked,
    Unplastic,
    Unstreamed,
)
from eqchip.emulator.kernels.streams import Streamed
from eqchip.emulator.problem.problem import Problem, two_beta

FOLLOWER = ("held", "mean", "size")  # of an adapted prediction coefficient, beside it
STATISTICS = {"nu": 1.0, "theta": 0.0, "bias": 0.0, "square": 0.0, "spread": 0.0}


class LoweredUnit(NamedTuple):
    """A kind of unit as kernels take it: its rules, of a type in `kernels.kinds`; what it keeps."""

    rules: Any
    kept: Kept


def lower_unit(problem: Problem) -> LoweredUnit:
    """The problem's units as kernels take them.

    Raises
    ------
    InputError
        If their kind has no row in UNITS.
    """
    return unit_row(UNITS, problem.coding, "emulator")(problem)


def rules_of(
    problem: Problem, unit: LoweredUnit, average_steps: int, plasticity: Any = None
) -> Rules:
    """What is asked of a relaxation, in the run's numbers.

    average_steps: the last steps of a phase over which its end is summed. plasticity: as kernels
    take it; None: weights stay.
    """
    fixed, phases = problem.fixed, problem.phases
    return Rules(
        unit=unit.rules,
        current=problem.input == "current",
        real_valued=not problem.coding.sends_bits,
        draws=problem.coding.draws,
        phase_steps=np.array([phase.steps for phase in phases], np.int64),
        phase_from_free=np.array([phase.from_free for phase in phases], np.int64),
        phase_input=np.array(problem.input_of_phase, np.int64) * problem.network.sizes[0],
        two_beta=pulls_of(problem),
        seed=seed_of(problem),
        average=average_steps,
        cross_entropy=problem.readout == "cross-entropy",
        one=1 if fixed is None else fixed.one,
        low=0 if fixed is None else fixed.lowest_state,
        high=0 if fixed is None else fixed.highest_state,
        coefficient_bits=0 if fixed is None else fixed.coefficient_bits,
        fraction_bits=0 if fixed is None else fixed.fraction_bits,
        tolerance=float(problem.skip_right),
        plasticity=Unplastic() if plasticity is None else plasticity,
        links=links_of(problem.network),
        stream=stream_of(problem),
        carried=Uncarried() if problem.carried is None else problem.carried,
    )


def at_rest(problem: Problem, lowered: Lowered, samples: int) -> Carried:
    """The states of so many samples before their step 1, to be carried on: `Problem.carried`."""
    return new_carried(lowered, lower_unit(problem).kept, samples, problem.latest_step)


def links_of(network: Network) -> Links | Unlinked:
    """Connections beside the chain, as kernels take them."""
    if not network.links:
        return Unlinked()
    below, above = np.array(network.joined, np.int64).T.copy()
    of_input = bool((below[network.chain_length :] == 0).any())
    return Links(network.chain_length, below, above, of_input)


def stream_of(problem: Problem) -> Unstreamed | Streamed:
    """What the input sends by itself as kernels take it."""
    found = problem.stream
    if found is None:
        return Unstreamed()
    if problem.fixed is None:
        gain = problem.trace_table.copy()  # writable, as all arrays of kernels are
        keep = gain.dtype.type(1) - gain
    else:
        gain = problem.trace_gains
        keep = (1 << problem.fixed.coefficient_bits) - gain
    return Streamed(found.rows, found.first, found.places, found.begin, found.active, gain, keep)


def pulls_of(problem: Problem) -> np.ndarray:
    """2 beta of every phase in the run's numbers, 0 of a free one, shape (phases,)."""
    fixed, phases = problem.fixed, problem.phases
    if fixed is None:
        betas = [2 * phase.beta if isinstance(phase, Nudged) else 0 for phase in phases]
        return np.array(betas, problem.dtype)
    numbers = [two_beta(phase, fixed) if isinstance(phase, Nudged) else 0 for phase in phases]
    return np.array(numbers, np.int64)


def seed_of(problem: Problem) -> np.ndarray:
    """The seed as kernels take it, uint64, shape (2,)."""
    return np.array(philox.split_seed(problem.seed), np.uint64)


def _ep(problem: Problem) -> LoweredUnit:
    begin = {"s": 0.0, "phi": 0.0, "r": 0.0}
    dtype, coding, fixed = problem.dtype, problem.coding, problem.fixed
    if coding.follower is not None:
        coarsest = 2.0**-COARSEST if fixed is None else float(COARSEST)
        begin |= {"lam": coarsest} | dict.fromkeys(FOLLOWER, 0.0)
    if fixed is not None:
        return LoweredUnit(_ep_fixed_rules(problem), Kept(EPState, begin))
    one, none = dtype.type(1), np.zeros(0, dtype)
    # Copies are writable, as `none` is: one type for numba, so one compilation for all codings.
    eps = none if problem.step_table is None else problem.step_table.copy()
    lam = none if problem.prediction_table is None else problem.prediction_table.copy()
    adaptive, follower = coding.adaptive, coding.follower
    rules = EPRules(
        adaptive=adaptive is not None,
        predictive=coding.schedule is not None,
        follows=follower is not None,
        eps=eps,
        eps_keep=one - eps,
        lam=lam,
        lam_keep=one - lam,
        nu_bar=np.array([adaptive.nu_bar if adaptive else 0], dtype),
        regularizer=np.array([adaptive.regularizer if adaptive else 0], dtype),
        threshold=np.array([follower.threshold if follower else 0], dtype),
        finest=np.array([2.0**-follower.finest if follower else 0], dtype),
    )
    return LoweredUnit(rules, Kept(EPState, begin | (STATISTICS if adaptive else {})))


def _ep_fixed_rules(problem: Problem) -> EPFixedRules:
    assert problem.fixed is not None
    coding, follower = problem.coding, problem.coding.follower
    lam = np.zeros(0, np.int64) if problem.prediction_gains is None else problem.prediction_gains
    return EPFixedRules(
        predictive=coding.schedule is not None,
        follows=follower is not None,
        eps=problem.step_gains,
        lam=lam,
        inverse=problem.fixed.inverse_gains(lam),
        threshold=problem.fixed.gain(follower.threshold) if follower else 0,
        finest=follower.finest if follower else 0,
    )


# How the description of each kind of unit becomes what kernels take.
UNITS: dict[type, Callable[[Problem], LoweredUnit]] = {Coding: _ep}
