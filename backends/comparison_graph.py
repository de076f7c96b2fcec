"""Two runs of one graph, compared step by step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eqchip.backends.comparison import Comparison, distance, first_of
from eqchip.emulator.problem.graph import GraphProblem, GraphRun


@dataclass(frozen=True)
class GraphDifference:
    """Where two runs part, and both values.

    Attributes
    ----------
    what : str
        ``"potential"``, ``"spike"``, or the name of a count.
    population : str
        Of a count over synapses: the projection.
    step, sample, unit : int or None
        Steps from 1, as in the equations; None for counts.
    found, expected : float
    """

    what: str
    population: str
    step: int | None
    sample: int | None
    unit: int | None
    found: float
    expected: float

    def __str__(self) -> str:
        where = [] if self.step is None else [f"step t = {self.step}"]
        where += [self.population]
        where += [] if self.unit is None else [f"unit {self.unit}, sample {self.sample}"]
        return f"{', '.join(where)}: {self.what} is {self.found!r}; expected {self.expected!r}"


def compare_graphs(
    problem: GraphProblem, found: GraphRun, expected: GraphRun, tolerance: float = 0.0
) -> Comparison:
    """Compare a run with another of the same graph, all of both recorded.

    The first difference is that of the earliest step, in it of the first population; there a
    potential comes before a spike, which follows from it. If no step differs, counts are compared.

    Parameters
    ----------
    problem : GraphProblem
        With spikes and potentials in its record.
    found, expected : GraphRun
    tolerance : float
        How far apart two potentials may be, beside 1 or the largest of the population.
    """
    assert found.spikes is not None and expected.spikes is not None
    assert found.potentials is not None and expected.potentials is not None
    steps: list[tuple[tuple[int, int, int], GraphDifference]] = []
    bits = mismatches = 0
    largest = 0.0
    order = {name: k for k, name in enumerate(dict.fromkeys([*found.potentials, *found.spikes]))}
    for rank, ours, theirs in (
        (0, found.potentials, expected.potentials),
        (1, found.spikes, expected.spikes),
    ):
        for name in theirs:
            apart, allowed = distance(ours[name], theirs[name]), 0.0
            if rank == 0:
                most = float(np.abs(theirs[name]).max(initial=1.0))
                largest, allowed = max(largest, float(apart.max(initial=0.0))), tolerance * most
            else:
                bits += apart.size
                mismatches += int(np.count_nonzero(apart))
            index = first_of(apart > allowed)
            if index is not None:
                row, sample, unit = index
                values = (
                    float(one[name].reshape(*apart.shape[:2], -1)[index]) for one in (ours, theirs)
                )
                what = ("potential", "spike")[rank]
                difference = GraphDifference(what, name, row + 1, sample, unit, *values)
                steps.append(((row, order[name], rank), difference))
    if steps:
        first: GraphDifference | None = min(steps, key=lambda entry: entry[0])[1]
    else:
        first = _counts(found, expected)
    return Comparison(bits, mismatches, largest, first)


def _counts(found: GraphRun, expected: GraphRun) -> GraphDifference | None:
    ours, theirs = found.activity.to_dict(), expected.activity.to_dict()
    for name, values in theirs.items():
        for key, value in values.items() if isinstance(values, dict) else ():
            if ours[name][key] != value:
                return GraphDifference(name, key, None, None, None, ours[name][key], value)
    return None
