"""One question to an engine, checked once for all of them, and its answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np

from eqchip.emulator.description.asynchronous import Asynchronous, Paths
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.modes import InputMode, Precision, Readout, Recordable
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.parts import Part
from eqchip.emulator.description.phases import Free, Nudged, Phase
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.stream import Stream


@dataclass(frozen=True, eq=False)
class Problem:
    """Everything that determines a run, checked. Made by :func:`pose`.

    Attributes
    ----------
    x : ndarray, shape (batch, n_in)
        The clamped input, in the run's precision (float64 for a chip, which rounds it).
    coding : Unit
        The description of the units, of any kind. The tables and gains below are the EP unit's.
    targets : tuple
        Per phase: ndarray of shape (batch, n_out) as for x, or None. What is read of a phase is all
        but its own target.
    fixed : FixedPoint or None
        The chip's arithmetic; None unless the precision is ``"chip"``.
    strict : bool
        Whether a state that leaves the chip's range is an error.
    parts : tuple of Part
        Whose spikes to count at every step; may be empty.
    uniforms : tuple of ndarray or None
        Per layer, shape (steps, batch, units), float64: Bernoulli's numbers by
        hand. Row k belongs to the k-th step run, whatever its t.
    samples : ndarray of int64, shape (batch,)
        The identity of each sample for the random numbers.
    timing : Asynchronous or None
        The clocks, delays and faults of an asynchronous chip; None: one clock for all.
    paths : Paths or None
        Its ways between parts, where it has a mesh.
    readout : {"squared-error", "cross-entropy"}
        What the last layer is; see :func:`eqchip.run`.
    skip_right : float
        A sample of which all outputs end the first phase nearer to their targets runs no further;
        0: every sample runs all phases.
    later_x : tuple of ndarray
        What is clamped after x, as x, in the order of the phases that have an `x` of their own.
    stream : Stream or None
        The bits that the input sends; `x`, its potentials before step 1, is then 0. None: the input
        is clamped to x.
    carried : object or None
        The states in which samples begin, as a backend keeps them, and in which it leaves those
        that they reach: at the end of the last phase that is not `from_free`. None: rest.
    latest_step : int
        What is left of the step number t there is at most this: 0 starts all schedules again.
    """

    network: Network
    coding: Any
    phases: tuple[Phase, ...]
    x: np.ndarray
    targets: tuple[np.ndarray | None, ...]
    input: InputMode
    precision: Precision
    record: frozenset[Recordable]
    uniforms: tuple[np.ndarray, ...] | None
    seed: int
    samples: np.ndarray
    fixed: FixedPoint | None = None
    strict: bool = False
    parts: tuple[Part, ...] = ()
    timing: Asynchronous | None = None
    paths: Paths | None = None
    readout: Readout = "squared-error"
    skip_right: float = 0.0
    later_x: tuple[np.ndarray, ...] = ()
    stream: Stream | None = None
    carried: Any = None
    latest_step: int = 0

    @property
    def dtype(self) -> np.dtype:
        """The floating-point type of the run, and of what a chip's integers stand for."""
        return np.dtype(np.float64 if self.precision == "chip" else self.precision)

    @property
    def steps(self) -> int:
        """Time steps run over all phases."""
        return sum(phase.steps for phase in self.phases)

    @property
    def input_of_phase(self) -> tuple[int, ...]:
        """Which input is clamped in each phase: 0 for x, then those of `later_x`."""
        own = (isinstance(phase, Free) and phase.x is not None for phase in self.phases)
        return tuple(accumulate(int(one) for one in own))

    @property
    def updates_input(self) -> bool:
        """Whether input units step.

        Injected, they do not; given a stream of events, they keep an average that learning reads.
        """
        learned = any(isinstance(phase, Nudged) for phase in self.phases)
        return self.input != "current" and (self.stream is None or learned)

    @property
    def first_steps(self) -> tuple[int, ...]:
        """The step number t at which each phase starts, at the latest."""
        first = 1 if self.carried is None else 1 + self.latest_step
        starts, t, free_end = [], first, first
        for phase in self.phases:
            t = free_end if phase.from_free else t
            starts.append(t)
            t += phase.steps
            if isinstance(phase, Free) and not phase.from_free:
                free_end = t
        return tuple(starts)

    @property
    def last_step(self) -> int:
        """The largest step number t: how long the tables of the schedules must be."""
        if self.timing is not None:  # a fast clock takes more steps
            return self.timing.most_ticks(self.steps)
        return max(
            t + phase.steps - 1 for t, phase in zip(self.first_steps, self.phases, strict=True)
        )

    @cached_property
    def step_table(self) -> np.ndarray | None:
        """Step sizes at t = 1 ... last_step in the run's precision; None if units adapt them."""
        if self.coding.adaptive is not None:
            return None
        return self.coding.step_size.table(self.last_step, self.dtype)

    @cached_property
    def prediction_table(self) -> np.ndarray | None:
        """Prediction coefficients at t = 1 ... last_step; None where they are no schedule."""
        if self.coding.schedule is None:
            return None
        return self.coding.schedule.table(self.last_step, self.dtype)

    @cached_property
    def step_gains(self) -> np.ndarray:
        """Step sizes at t = 1 ... last_step as a chip multiplies by them; int64."""
        assert self.fixed is not None
        return self.fixed.gains(self.coding.step_size, self.last_step)

    @cached_property
    def prediction_gains(self) -> np.ndarray | None:
        """Prediction coefficients as a chip multiplies by them; None where they are no schedule."""
        assert self.fixed is not None
        if self.coding.schedule is None:
            return None
        return self.fixed.gains(self.coding.schedule, self.last_step)

    @property
    def trace_table(self) -> np.ndarray:
        """How fast an input's potentials follow its stream, at t = 1 ... last_step."""
        table = self.step_table if self.prediction_table is None else self.prediction_table
        assert table is not None
        return table

    @property
    def trace_gains(self) -> np.ndarray:
        """The same as a chip multiplies by it; int64."""
        return self.step_gains if self.prediction_gains is None else self.prediction_gains

    @property
    def phase_names(self) -> tuple[str, ...]:
        """The names under which activity is counted."""
        return tuple("nudged" if isinstance(p, Nudged) else "free" for p in self.phases)


def two_beta(phase: Nudged, fixed: FixedPoint) -> int:
    """The nudge 2 beta over 2**coefficient_bits, nearest, ties to even; 0 from 2**30 on."""
    number = round(2.0 * phase.beta * (1 << fixed.coefficient_bits))
    return number if abs(number) < 2**30 else 0


def check_saturations(problem: Problem, saturations: np.ndarray) -> None:
    """In strict mode, refuse a run whose states, counts (phases, layers), left the range."""
    if not problem.strict or not saturations.any():
        return
    assert problem.fixed is not None
    phase, layer = (int(index) for index in np.argwhere(saturations)[0])
    fixed = problem.fixed
    raise InputError(
        f"run: {int(saturations.sum())} states left the range of {fixed.state_bits} bits with "
        f"{fixed.fraction_bits} below the point, first in phase {phase}, layer {layer}; "
        "expected none in strict mode: more state_bits, or smaller weights"
    )
