"""Units of graphs as kernels take them: the rules of every kind that is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.description.graph.graph import Population
from eqchip.emulator.description.graph.integers import LIMIT, UNITY, state_codes
from eqchip.emulator.description.graph.parameters import COUNT, DECAY, bounds_of
from eqchip.emulator.description.graph.units import (
    IF,
    LI,
    LIF,
    AdaptiveLIF,
    CubaLI,
    CubaLIF,
    Input,
    TwoCompartmentLIF,
)
from eqchip.emulator.description.units import unit_row
from eqchip.emulator.kernels.graph import units
from eqchip.emulator.problem.graph import GraphProblem

NEVER = -(1 << 62)  # no state is below


class Group:
    """The populations of one kind of rules, side by side: number per unit, from the first's on."""

    def __init__(
        self, problem: GraphProblem, numbers: list[int], first: np.ndarray, end: int
    ) -> None:
        self.problem = problem
        self.numbers = np.array(numbers, np.int64)
        self.populations: list[Population] = [problem.graph.populations[k] for k in numbers]
        self.first = first[self.numbers]
        self.base, self.units = int(self.first[0]), end - int(self.first[0])

    def per_unit(self, name: str, missing: float = 0) -> np.ndarray:
        """A parameter in the run's numbers, of a decay what is kept; missing: what has none."""
        found = np.zeros(self.units, self.problem.dtype)
        for population, first in zip(self.populations, self.first, strict=True):
            values: Any = missing
            if name in population.unit.parameters():
                values = self._numbers(population, name)
            found[first - self.base : first - self.base + population.size] = values
        return found

    def _numbers(self, population: Population, name: str) -> np.ndarray:
        bounds, dtype = bounds_of(population.unit, name), self.problem.dtype
        if bounds is COUNT:
            return population.per_unit(name)
        if self.problem.integers:
            codes = state_codes(population, name)
            return UNITY - codes if bounds is DECAY else codes
        values = population.per_unit(name).astype(dtype)
        return dtype.type(1) - values if bounds is DECAY else values

    def per_population(self, name: str) -> np.ndarray:
        """Whether a choice is so, per population."""
        return np.array([bool(getattr(p.unit, name)) for p in self.populations])


def _common(group: Group) -> units.Common:
    integers = group.problem.integers
    return units.Common(
        group.numbers,
        group.base,
        group.per_unit("decay", UNITY if integers else 1),  # nothing decays
        group.per_unit("bias"),
        group.per_unit("initial"),
        group.per_unit("floor", 1 - LIMIT if integers else -np.inf),
    )


def _firing(group: Group) -> units.Firing:
    threshold = group.per_unit("threshold")
    low = np.full_like(threshold, NEVER if group.problem.integers else -np.inf)
    refractory = group.per_unit("refractory").astype(np.int32)
    for population, first in zip(group.populations, group.first, strict=True):
        if population.unit.valued:
            own = slice(first - group.base, first - group.base + population.size)
            low[own] = -threshold[own]
    return units.Firing(
        threshold,
        low,
        refractory,
        np.array([getattr(p.unit, "reset", "zero") == "subtract" for p in group.populations]),
        np.array([bool(np.any(p.per_unit("refractory"))) for p in group.populations]),
        group.per_population("signed"),
    )


def _lif(group: Group) -> units.LIFRules:
    return units.LIFRules(_common(group), _firing(group))


def _cuba(group: Group) -> units.CubaRules:
    return units.CubaRules(_common(group), _firing(group), group.per_unit("current_decay"))


def _adaptive(group: Group) -> units.AdaptiveRules:
    return units.AdaptiveRules(
        _common(group),
        _firing(group),
        group.per_unit("adaptation_decay"),
        group.per_unit("jump"),
    )


def _two_compartment(group: Group) -> units.TwoCompartmentRules:
    return units.TwoCompartmentRules(
        _common(group),
        _firing(group),
        group.per_unit("dendrite_decay"),
        group.per_unit("coupling"),
    )


def _leaky(group: Group) -> units.LeakyRules:
    return units.LeakyRules(_common(group))


def _cuba_leaky(group: Group) -> units.CubaLeakyRules:
    return units.CubaLeakyRules(_common(group), group.per_unit("current_decay"))


class Lowering(NamedTuple):
    """How a kind becomes rules; own: how many numbers per unit it keeps beside v."""

    rules: Callable[[Group], Any]
    own: int = 0


LIF_UNITS = Lowering(_lif)
# An input computes nothing: it has no rules.
GRAPH_UNITS: dict[type, Lowering] = {
    IF: LIF_UNITS,
    LIF: LIF_UNITS,
    CubaLIF: Lowering(_cuba, own=1),
    AdaptiveLIF: Lowering(_adaptive, own=1),
    TwoCompartmentLIF: Lowering(_two_compartment),
    LI: Lowering(_leaky),
    CubaLI: Lowering(_cuba_leaky, own=1),
}
INPUTS: tuple[type, ...] = (Input,)


class Groups(NamedTuple):
    """The populations of a graph by their rules; order: as their units stand in memory."""

    members: list[tuple[Lowering, list[int]]]
    order: list[int]


def group_populations(problem: GraphProblem) -> Groups:
    """Sort populations by how they are lowered, in the order of the table; inputs come last.

    Raises
    ------
    InputError
        For a kind without a row.
    """
    populations = problem.graph.populations
    by_lowering: dict[Lowering, list[int]] = {one: [] for one in GRAPH_UNITS.values()}
    inputs = []
    for k, population in enumerate(populations):
        if type(population.unit) in INPUTS:
            inputs.append(k)
        else:
            where = f"run: population {population.name!r}"
            by_lowering[unit_row(GRAPH_UNITS, population.unit, where)].append(k)
    members = [(one, numbers) for one, numbers in by_lowering.items() if numbers]
    return Groups(members, [k for _, numbers in members for k in numbers] + inputs)


def lower_groups(problem: GraphProblem, groups: Groups, first: np.ndarray) -> tuple[Any, ...]:
    """The rules of every group; first: where each population starts in memory."""
    sizes = problem.graph.sizes
    return tuple(
        lowering.rules(
            Group(problem, numbers, first, max(int(first[k]) + sizes[k] for k in numbers))
        )
        for lowering, numbers in groups.members
    )


def kept_of(problem: GraphProblem, groups: Groups, rules: tuple[Any, ...]) -> tuple[Any, ...]:
    """What every group keeps beside v, of one thread."""
    return tuple(
        units.Kept(np.zeros(lowering.own * len(own.common.keep), problem.dtype))
        for (lowering, _), own in zip(groups.members, rules, strict=True)
    )
