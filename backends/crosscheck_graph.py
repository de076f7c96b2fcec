"""A graph on other engines, step by step: ``eqchip.crosscheck`` of a graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from eqchip.backends.comparison_graph import compare_graphs
from eqchip.backends.crosscheck import CHECKED, Checked, Checkup, check_engines, choose
from eqchip.backends.crosscheck_entry import all_equal, entry, left_out
from eqchip.backends.registry import BACKENDS, EMULATOR, Backend
from eqchip.emulator.arrays import open_foreign_arrays
from eqchip.emulator.description.graph.graph import Graph, Population
from eqchip.emulator.description.graph.integers import check_integers
from eqchip.emulator.description.graph.quantize import quantize
from eqchip.emulator.errors import InputError, check_number, check_whole
from eqchip.emulator.problem.graph import RECORDABLE, GraphProblem
from eqchip.emulator.problem.pose_graph import pose_graph
from eqchip.emulator.progress import Progress, Silent

FORMAT = "eqchip-crosscheck-graph 1"
STEPS, SAMPLES, RATES = 100, 1, 0.1
LARGEST_FRAME = 7  # of drawn frames, whole numbers, which a chip holds too


@dataclass(frozen=True)
class GraphCrosscheck:
    """A graph on every engine, compared with the emulator.

    Attributes
    ----------
    name : str
    samples, steps : int
    spikes : int
        That the emulator's units fired, in the first precision: of silence nothing follows.
    checkups : tuple of Checkup
        Of each precision the emulator's first.
    """

    name: str
    samples: int
    steps: int
    spikes: int
    checkups: tuple[Checkup, ...]

    @property
    def equal(self) -> bool:
        """Whether no engine that ran differs from the emulator."""
        return all_equal(self.checkups)

    @property
    def title(self) -> str:
        """What was compared."""
        many = "s" * (self.samples > 1)
        return (
            f"{self.name}: {self.samples} sample{many}, {self.steps} steps each, "
            f"{self.spikes:,} spikes of its units"
        )

    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON takes it."""
        return {
            "format": FORMAT,
            "graph": self.name,
            "samples": self.samples,
            "steps": self.steps,
            "spikes": self.spikes,
            "equal": self.equal,
            "engines": [entry(one) for one in self.checkups],
        }


def graph_engines() -> list[Backend]:
    """What is compared with the emulator: every other backend that runs graphs."""
    return [one for one in BACKENDS.values() if one.name != EMULATOR and one.graphs is not None]


def check_graph(
    problem: GraphProblem, others: Sequence[Backend] | None = None, threads: int | None = None
) -> Iterator[Checkup]:
    """Run a graph on the emulator, then on each engine that computes in its precision.

    Yields
    ------
    Checkup
        The emulator's first; each as soon as it is known.
    """
    problem = replace(problem, record=frozenset(RECORDABLE))
    yield from check_engines(
        "chip" if problem.integers else "float64",
        lambda one, threads: one.solve_graph(problem, threads),
        lambda found, expected, tolerance: compare_graphs(problem, found, expected, tolerance),
        graph_engines() if others is None else others,
        threads,
    )


def crosscheck_graph(
    graph: Graph,
    name: str = "Graph",
    *,
    x: Any = None,
    steps: int | None = None,
    samples: int | None = None,
    rates: float | None = None,
    seed: int = 0,
    against: Sequence[str] | None = None,
    precision: Checked | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> GraphCrosscheck:
    """Run a graph on other engines; see :func:`eqchip.crosscheck`.

    In a chip's integers it is the graph that :func:`eqchip.quantize` makes of it, unless it is made
    of such integers already.
    """
    listener = progress or Silent()
    if against is not None and not against:
        known = ", ".join(one.name for one in graph_engines())
        raise InputError(f"crosscheck: no engine is named; expected some of {known}")
    chosen = choose(against, precision, graph_engines())
    given = what_is_given(graph, x, steps, samples, rates, seed)
    problems: list[GraphProblem] = []
    for one in CHECKED if precision is None else (precision,):
        if not any(one in engine.tolerances for engine in chosen):
            continue
        try:
            asked = in_integers(graph) if one == "chip" else graph
            problems.append(pose_graph(asked, given, steps=steps, precision=one))
        except InputError as error:  # what no chip holds is still checked in floats
            if not problems:
                raise
            listener.message(f"precision {one!r} left out: {error}")
    found: list[Checkup] = []
    with listener.bar("Cross-checking", len(problems) * (1 + len(chosen))) as bar:
        for problem in problems:
            for checkup in check_graph(problem, chosen, threads):
                left_out(checkup, against, listener)
                found.append(checkup)
                bar.advance(engine=checkup.engine, precision=checkup.precision)
    spikes = _spikes(problems[0])
    if not spikes:
        listener.message("no unit fired: only potentials were compared")
    return GraphCrosscheck(name, problems[0].batch, problems[0].steps, spikes, tuple(found))


def in_integers(graph: Graph) -> Graph:
    """A graph of a chip's integers: itself, or what :func:`eqchip.quantize` makes of it."""
    try:
        check_integers(graph)
    except InputError:
        return quantize(graph).graph
    return graph


def _spikes(problem: GraphProblem) -> int:
    sent = BACKENDS[EMULATOR].solve_graph(problem).activity.spikes
    return sum(sent[p.name] for p in problem.graph.populations if p.unit.receives)


def what_is_given(
    graph: Graph,
    x: Any = None,
    steps: int | None = None,
    samples: int | None = None,
    rates: float | None = None,
    seed: int = 0,
) -> Any:
    """What a graph is given: x, the arrays of a file, or what is drawn."""
    if x is None:
        return drawn_input(
            graph,
            STEPS if steps is None else steps,
            SAMPLES if samples is None else samples,
            RATES if rates is None else rates,
            seed,
        )
    for name, value in (("samples", samples), ("rates", rates)):
        if value is not None:
            raise InputError(f"{name} is {value!r} beside x; expected one of the two")
    if not isinstance(x, (str, Path)):
        return x
    with open_foreign_arrays(Path(x), "arrays by population, .npz") as file:
        arrays = {name: file.values(name) for name in file.headers}
    return {name: values for name, values in arrays.items() if _is_given(graph, name)}


def _is_given(graph: Graph, name: str) -> bool:
    """Whether a recorded array is one to give: recorded spikes of units that compute are not."""
    return name not in graph.numbers or not graph.population(name).unit.receives


def drawn_input(
    graph: Graph, steps: int, samples: int, rates: float, seed: int
) -> Mapping[str, np.ndarray]:
    """Messages of all inputs drawn from a seed: of each unit and step with the chance `rates`.

    Raises
    ------
    InputError
        For steps or samples below 1, and rates that are no chance.
    """
    check_whole("steps", steps, 1)
    check_whole("samples", samples, 1)
    check_number("rates", rates)
    if not 0 <= rates <= 1:
        raise InputError(f"rates is {rates!r}; expected spikes of a unit in a step")
    rng = np.random.default_rng(seed)

    def of(population: Population) -> np.ndarray:
        shape = (steps, samples, *population.shape)
        unit: Any = population.unit
        sent = (rng.random(shape) < rates).astype(np.int64)
        if unit.graded:
            return sent * rng.integers(1, LARGEST_FRAME + 1, shape)
        return sent * rng.choice([-1, 1], shape) if unit.signed else sent

    return {p.name: of(p) for p in graph.populations if not p.unit.receives}
