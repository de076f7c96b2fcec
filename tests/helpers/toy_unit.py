"""A kind of unit that eqchip does not have: its description, its numpy twin, its kernel functions.

Importing this module puts its rows into the tables; nothing else knows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from eqchip.backends.reference.floating import TWINS
from eqchip.backends.reference.kinds import At, Twin
from eqchip.emulator.description.units import Unit
from eqchip.emulator.engine.units import UNITS, LoweredUnit
from eqchip.emulator.errors import InputError, check_number
from eqchip.emulator.kernels.jit import inlined
from eqchip.emulator.kernels.kinds import KINDS, Kind
from eqchip.emulator.kernels.state import Kept
from eqchip.emulator.kernels.units import copy, span
from eqchip.emulator.problem.problem import Problem

# --- the description ----------------------------------------------------------------------


@dataclass(frozen=True)
class ToyUnit(Unit):
    """A leaky integrate-and-fire unit that is reset when it fires, and tires.

    With the potential s, its threshold h, which begins at `threshold`, and the weighted bits u::

        s = (1 - leak) s + (u + b) + 2 beta (y - s)        (the nudge: output layer only)
        q = [s > h],   s = 0 where it fires
        h = recovery h + (1 - recovery) threshold + jump q

    An input unit integrates what is clamped, without a leak: c = c + x, q = [c > threshold], and
    c = 0 where it fires.
    """

    leak: float = 0.25
    threshold: float = 0.5
    jump: float = 0.125
    recovery: float = 0.75

    def __post_init__(self) -> None:
        check_number("ToyUnit: threshold", self.threshold)
        if not self.threshold > 0:
            raise InputError(f"ToyUnit: threshold is {self.threshold!r}; expected above 0")


# --- the twin -----------------------------------------------------------------------------


@dataclass
class ToyLayer:
    """What changes in one layer, shape (batch, units) each."""

    s: np.ndarray
    q: np.ndarray
    h: np.ndarray
    c: np.ndarray


def _numbers(problem: Problem) -> dict[str, Any]:
    """The parameters in the precision of the run."""
    scalar, unit = problem.dtype.type, problem.coding
    one = scalar(1)
    return {
        "keep": one - scalar(unit.leak),
        "threshold": scalar(unit.threshold),
        "jump": scalar(unit.jump),
        "recovery": scalar(unit.recovery),
        "rest": (one - scalar(unit.recovery)) * scalar(unit.threshold),
    }


def _tables(problem: Problem, steps: int) -> dict[str, Any]:
    return _numbers(problem)


def _begin(problem: Problem, shape: tuple[int, ...]) -> ToyLayer:
    s, q, h, c = (np.zeros(shape, problem.dtype) for _ in range(4))
    return ToyLayer(s, q, h + problem.dtype.type(problem.coding.threshold), c)


def _advance_twin(run: Any, layer: ToyLayer, u: np.ndarray, target: Any, beta: Any, at: At) -> None:
    scalar, before = u.dtype.type, layer.s
    layer.s = run.unit["keep"] * before + (u + run.offsets[at.layer - 1])
    if target is not None and beta is not None:
        layer.s = layer.s + scalar(2) * scalar(beta) * (target - before)


def _emit_twin(run: Any, layer: ToyLayer, s_previous: Any, uniform: Any, at: At) -> None:
    unit, dtype = run.unit, layer.s.dtype
    if at.layer == 0:
        layer.c = layer.c + layer.s
        layer.q = (layer.c > unit["threshold"]).astype(dtype)
        layer.c = np.where(layer.q != 0, dtype.type(0), layer.c)
        return
    layer.q = (layer.s > layer.h).astype(dtype)
    layer.s = np.where(layer.q != 0, dtype.type(0), layer.s)
    layer.h = unit["recovery"] * layer.h + unit["rest"] + unit["jump"] * layer.q


# --- kernels ------------------------------------------------------------------------------


class ToyRules(NamedTuple):
    """The parameters, numbers of the run, shape (1,) each."""

    keep: np.ndarray
    threshold: np.ndarray
    jump: np.ndarray
    recovery: np.ndarray
    rest: np.ndarray


class ToyState(NamedTuple):
    """s: potentials; h: thresholds; c: what the input has integrated."""

    s: np.ndarray
    h: np.ndarray
    c: np.ndarray


@inlined
def _advance(rules, unit, scratch, record, first, n, layer, t, two_beta, b, phase):  # type: ignore[no-untyped-def]
    keep = rules.unit.keep[0]
    copy(scratch.previous, unit.s, first, n)
    for j in span(first, n):
        unit.s[j] = keep * unit.s[j] + (scratch.u[j] + scratch.b[j])
    if two_beta != 0:
        for j in span(first, n):
            unit.s[j] += two_beta * (scratch.y[j] - scratch.previous[j])


@inlined
def _emit(rules, unit, scratch, record, a, s, previous, uniforms, first, n, layer, t, b, phase):  # type: ignore[no-untyped-def]
    toy, zero, one = rules.unit, unit.s.dtype.type(0), unit.s.dtype.type(1)
    if layer == 0:
        for j in span(first, n):
            unit.c[j] += s[j]
            fires = unit.c[j] > toy.threshold[0]
            scratch.q[j] = fires
            if fires:
                unit.c[j] = zero
        return
    for j in span(first, n):
        fires = unit.s[j] > unit.h[j]
        scratch.q[j] = fires
        if fires:
            unit.s[j] = zero
        bit = one if fires else zero
        unit.h[j] = toy.recovery[0] * unit.h[j] + toy.rest[0] + toy.jump[0] * bit


@inlined
def _may_fire(rules, unit, j):  # type: ignore[no-untyped-def]
    return unit.s[j] > 0


def _lower(problem: Problem) -> LoweredUnit:
    numbers = {name: np.array([x], problem.dtype) for name, x in _numbers(problem).items()}
    begin = {"s": 0.0, "h": problem.coding.threshold, "c": 0.0}
    return LoweredUnit(ToyRules(**numbers), Kept(ToyState, begin))


# --- the rows -----------------------------------------------------------------------------

KINDS[ToyRules] = Kind(advance=_advance, emit=_emit, may_fire=_may_fire)
UNITS[ToyUnit] = _lower
TWINS[ToyUnit] = Twin(_tables, _begin, _advance_twin, _emit_twin)
