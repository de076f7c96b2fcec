"""Two runs of one problem, compared step by step."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from eqchip.emulator.activity import Activity
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.problem.run import Run


@dataclass(frozen=True)
class Difference:
    """Where two runs part, and both values.

    Attributes
    ----------
    what : str
        ``"potential"`` or ``"bit"`` of a step, ``"end potential"`` of a phase, or the name
        of a count.
    phase : int
    layer : int
        Of a count over connections: the connection, from 0.
    t : int or None
        The step number in the equations; None for ends and counts.
    row : int or None
        Steps run before it, over all phases.
    sample, unit : int or None
        None for counts.
    found, expected : float
    """

    what: str
    phase: int
    layer: int
    t: int | None
    row: int | None
    sample: int | None
    unit: int | None
    found: float
    expected: float

    def __str__(self) -> str:
        where = [f"phase {self.phase}"]
        where += [] if self.t is None else [f"step t = {self.t}"]
        where += [f"layer {self.layer}"]
        where += [] if self.unit is None else [f"unit {self.unit}, sample {self.sample}"]
        return f"{', '.join(where)}: {self.what} is {self.found!r}; expected {self.expected!r}"


@dataclass(frozen=True)
class Comparison:
    """How a run compares with another.

    Attributes
    ----------
    bits, mismatches : int
        How many bits were compared, and how many of them differ.
    largest : float
        The largest difference of two potentials; infinite if one is no number.
    first : Difference, GraphDifference of a graph, or None
        None if the runs are equal, potentials up to the tolerance.
    """

    bits: int
    mismatches: int
    largest: float
    first: Any

    @property
    def equal(self) -> bool:
        """Whether nothing differs by more than the tolerance."""
        return self.first is None


def compare(problem: Problem, found: Run, expected: Run, tolerance: float = 0.0) -> Comparison:
    """Compare a run with another of the same problem, all of both recorded.

    The first difference is that of the earliest step run, in it of the lowest layer; there a
    potential comes before a bit, which follows from it, then samples and units count. If no
    step differs, the potentials at the ends of phases and the counts are compared.

    Parameters
    ----------
    problem : Problem
        With bits and potentials in its record.
    found, expected : Run
    tolerance : float
        How far apart two potentials may be. Bits and counts are equal or not.

    Raises
    ------
    ValueError
        If the runs have recordings of different shapes.
    """
    assert found.bits is not None and expected.bits is not None
    assert found.potentials is not None and expected.potentials is not None
    steps: list[tuple[tuple[int, int, int], Difference]] = []
    bits = mismatches = 0
    largest = 0.0
    for layer in range(len(problem.network.layers)):
        apart = distance(found.potentials[layer], expected.potentials[layer])
        largest = max(largest, float(apart.max(initial=0.0)))
        differ = found.bits[layer] != expected.bits[layer]
        if problem.coding.sends_bits:  # else messages are potentials, and bits are 0
            bits += differ.size
        mismatches += int(np.count_nonzero(differ))
        for rank, (what, wrong, ours, theirs) in enumerate(
            (
                ("potential", apart > tolerance, found.potentials, expected.potentials),
                ("bit", differ, found.bits, expected.bits),
            )
        ):
            index = first_of(wrong)
            if index is not None:
                row, sample, unit = index
                at = _place(problem, row)
                ours_there = float(_flat(ours[layer])[index])
                theirs_there = float(_flat(theirs[layer])[index])
                difference = Difference(
                    what, at[0], layer, at[1], row, sample, unit, ours_there, theirs_there
                )
                steps.append(((row, layer, rank), difference))
    if steps:
        first: Difference | None = min(steps, key=lambda entry: entry[0])[1]
    else:
        first = _ends(found, expected, tolerance) or _counts(found.activity, expected.activity)
    return Comparison(bits, mismatches, largest, first)


def _flat(values: np.ndarray) -> np.ndarray:
    """(steps, batch, units), whatever the shape of the layer."""
    return values.reshape(len(values), values.shape[1], -1)


def distance(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """|found - expected|, infinite where it is no number."""
    if found.shape != expected.shape:
        raise ValueError(f"a recording has shape {found.shape}; expected {expected.shape}")
    with np.errstate(invalid="ignore"):
        apart = np.abs(found.astype(np.float64) - expected.astype(np.float64))
    return np.where(np.isnan(apart), math.inf, apart)


def first_of(wrong: np.ndarray) -> tuple[int, int, int] | None:
    """The first true place of (steps, batch, units)."""
    if not wrong.any():
        return None
    flat = _flat(wrong)
    row, sample, unit = np.unravel_index(int(flat.argmax()), flat.shape)
    return int(row), int(sample), int(unit)


def _place(problem: Problem, row: int) -> tuple[int, int]:
    """The phase of the step that so many steps ran before, and its number t."""
    for k, (phase, start) in enumerate(zip(problem.phases, problem.first_steps, strict=True)):
        if row < phase.steps:
            return k, start + row
        row -= phase.steps
    raise IndexError(row)


def _ends(found: Run, expected: Run, tolerance: float) -> Difference | None:
    for phase, (ours, theirs) in enumerate(zip(found.ends, expected.ends, strict=True)):
        for layer, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            index = first_of((distance(one, other) > tolerance)[np.newaxis])
            if index is not None:
                _, sample, unit = index
                values = (float(a.reshape(len(a), -1)[sample, unit]) for a in (one, other))
                return Difference("end potential", phase, layer, None, None, sample, unit, *values)
    return None


def _counts(found: Activity, expected: Activity) -> Difference | None:
    for field in fields(Activity):
        if field.name in ("phases", "samples"):
            continue
        ours, theirs = getattr(found, field.name), getattr(expected, field.name)
        wrong: Any = np.argwhere(ours != theirs)
        if len(wrong):
            at = tuple(wrong[0])
            phase, layer = int(at[0]), int(at[1])
            values = float(ours[at]), float(theirs[at])
            return Difference(field.name, phase, layer, None, None, None, None, *values)
    return None
