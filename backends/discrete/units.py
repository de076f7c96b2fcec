"""What a unit computes at a tick of its clock: the step of the reference, one unit at a time.

A unit is a layer of the reference with one sample and one unit, so every equation of a step is
the reference's own. What is written here is how a message weighs: by the period of its sender,
and once more by that of the receiver, where clocks are calibrated.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from eqchip.backends.reference import fixed as reference_fixed
from eqchip.backends.reference import floating as reference
from eqchip.backends.reference.arithmetic import rescale, scale
from eqchip.backends.reference.kinds import At
from eqchip.emulator.description.asynchronous import QUANTA
from eqchip.emulator.description.parts import Part
from eqchip.emulator.description.phases import Nudged
from eqchip.emulator.problem.problem import Problem, two_beta

CHIP_GAIN_BITS = 7  # of the gain of a sender, below the point


class Unit(NamedTuple):
    """A unit: its number over all layers, its layer and place there, its core and its clock."""

    number: int
    layer: int
    place: int
    core: int
    clock: int


class Moment(NamedTuple):
    """When and for whom a step is taken: sample, phase, nominal step, and the unit's own t."""

    sample: int
    phase: int
    row: int
    t: int


class FloatUnits:
    """Units in floating point.

    ``periods``: of every unit's clock, in quanta; None unless decoders are calibrated.
    ``longest``: the largest step number that a unit may reach.
    """

    _model: Any = reference

    def __init__(self, problem: Problem, periods: list[int] | None, longest: int) -> None:
        self.problem, self.periods, self.longest = problem, periods, longest
        self.twin = reference.twin_of(problem)
        self.drawn: dict[tuple[int, int, int], np.ndarray | None] = {}

    @cached_property
    def fixed(self) -> Any:  # reference.Constants, or reference_fixed.Constants in ChipUnits
        """The reference's constants, with schedules as long as the fastest clock needs them."""
        found = reference.constants(self.problem)
        return replace(found, unit=self.twin.tables(self.problem, self.longest))

    def new_state(self) -> Any:
        """A unit before its first step."""
        return self.twin.begin(self.problem, (1,))

    def new_sums(self, part: Part) -> np.ndarray:
        """The accumulators of a core, shape (units,)."""
        return np.zeros(part.units, self.problem.dtype)

    def add(self, sums: np.ndarray, part: Part, source: Unit, value: float) -> None:
        """Add a message to the accumulators of a core."""
        scalar = self.problem.dtype.type
        gain = scalar(1) if self.periods is None else scalar(self.periods[source.number] / QUANTA)
        if source.layer > part.layer:
            gain *= scalar(self.problem.network.feedback_gains[part.layer])
        sums += (gain * scalar(value)) * weights(self.fixed.matrices, part, source)

    def read(self, sums: np.ndarray, unit: Unit, part: Part, moment: Moment) -> np.ndarray:
        """Point 1: take what the accumulator of a unit holds, shape (1,)."""
        here = unit.place - part.first
        u = sums[here : here + 1].copy()
        sums[here] = 0
        if self.periods is not None:
            u = u * self.problem.dtype.type(QUANTA / self.periods[unit.number])
        return u

    def step(self, state: Any, unit: Unit, u: np.ndarray | None, at: Moment) -> None:
        """Points 2 to 5; u is None in the clamped input."""
        run, s_previous, here = self.fixed, state.s, At(at.t, unit.layer, at.phase)
        one = slice(unit.place, unit.place + 1)
        if u is None:
            state.s = self._x[at.sample, one]
        else:
            phase, target, pull = self.problem.phases[at.phase], None, None
            is_output = unit.layer == len(self.problem.network.sizes) - 1
            if is_output and isinstance(phase, Nudged):
                target, pull = self._targets[at.phase][at.sample, one], self._pull(phase)
            own = replace(
                run, offsets=[self._offset(o, at.sample)[one] for o in run.offsets]
            )  # of this unit alone; only those of its layer are read
            self.twin.advance(own, state, u, target, pull, here)
        uniform = self.uniform(self._model, unit, at)
        self.twin.emit(run, state, s_previous, uniform, here)

    @property
    def _x(self) -> np.ndarray:
        """What is clamped, in the numbers of the run."""
        return self.problem.x

    @property
    def _targets(self) -> Any:
        return self.problem.targets

    def _pull(self, phase: Nudged) -> Any:
        return phase.beta

    def real(self, s: np.ndarray) -> np.ndarray:
        """Potentials as real numbers."""
        return s

    def clamped(self) -> np.ndarray:
        """The potentials of the input, shape (batch, n_in)."""
        return self.problem.x

    def uniform(self, model: Any, unit: Unit, at: Moment) -> np.ndarray | None:
        """The number that Bernoulli compares with, shape (1,), drawn for a whole layer at once."""
        key = (unit.layer, at.t, at.row)
        if key not in self.drawn:
            self.drawn[key] = model.uniform_numbers(self.problem, *key)
        numbers = self.drawn[key]
        return None if numbers is None else numbers[at.sample, unit.place : unit.place + 1]

    @staticmethod
    def _offset(offset: np.ndarray, sample: int) -> np.ndarray:
        """Bias and injected current of a layer: one row for all samples, or one for each."""
        return offset if offset.ndim == 1 else offset[sample]


class ChipUnits(FloatUnits):
    """Units in a chip's integers.

    ``integers``: what the chip stores, both copies of each weight; by default, of the network.
    """

    _model = reference_fixed

    def __init__(
        self,
        problem: Problem,
        periods: list[int] | None,
        longest: int,
        integers: reference_fixed.Constants | None = None,
    ) -> None:
        super().__init__(problem, periods, longest)
        self.integers = integers

    @cached_property
    def fixed(self) -> Any:
        """The reference's constants, with schedules as long as the fastest clock needs them."""
        found = self.integers
        if found is None:
            found = reference_fixed.constants(self.problem, reference.rows)
        return replace(found, unit=self.twin.tables(self.problem, self.longest))

    def new_sums(self, part: Part) -> np.ndarray:
        """The accumulators of a core, forward and feedback apart, shape (2, units)."""
        return np.zeros((2, part.units), np.int64)

    def add(self, sums: np.ndarray, part: Part, source: Unit, value: float) -> None:
        """Add a spike to the accumulators of a core."""
        gain = 1
        if self.periods is not None:
            gain = round(self.periods[source.number] * 2**CHIP_GAIN_BITS / QUANTA)
        way = 0 if source.layer < part.layer else 1
        copy = (self.fixed.codes, self.fixed.back)[way]
        sums[way] += gain * weights(copy, part, source)

    def read(self, sums: np.ndarray, unit: Unit, part: Part, moment: Moment) -> np.ndarray:
        """Point 1: take what the two accumulators of a unit hold, shape (1,)."""
        here, exponents = unit.place - part.first, self.fixed.exponents
        below, above = sums[:, here : here + 1].copy()
        sums[:, here] = 0
        point = 0 if self.periods is None else CHIP_GAIN_BITS
        u = scale(below, exponents[unit.layer - 1] - point)
        if unit.layer < len(exponents):
            u = u + scale(above, self.fixed.back_exponents[unit.layer] - point)
        u = self.fixed.range.clip(u, moment.phase, unit.layer)
        if self.periods is not None:
            bits = self.fixed.fixed.coefficient_bits
            rate = round(2**bits * QUANTA / self.periods[unit.number])
            u = rescale(u * rate, bits)
            u = self.fixed.range.clip(u, moment.phase, unit.layer)
        return u

    @property
    def _x(self) -> np.ndarray:
        found: np.ndarray = self.fixed.x
        return found

    @property
    def _targets(self) -> Any:
        return self.fixed.targets

    def _pull(self, phase: Nudged) -> Any:
        return two_beta(phase, self.fixed.fixed)

    def real(self, s: np.ndarray) -> np.ndarray:
        """Potentials as real numbers."""
        return self.fixed.fixed.reals(s)

    def clamped(self) -> np.ndarray:
        """The potentials of the input, shape (batch, n_in)."""
        return self.real(self.fixed.x)

    @property
    def saturations(self) -> np.ndarray:
        """States clipped, shape (phases, layers)."""
        return self.fixed.range.saturations


def weights(matrices: list[np.ndarray], part: Part, source: Unit) -> np.ndarray:
    """What the units of a core add for a spike of a unit of a layer beside theirs."""
    if source.layer < part.layer:
        return matrices[source.layer][source.place, part.first : part.end]
    return matrices[part.layer][part.first : part.end, source.place]
