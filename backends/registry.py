"""Every backend: a name, a module, how near it comes in which precision, and what it knows.

A backend is a row of ``BACKENDS``. :func:`eqchip.run`, the cross-check, the fuzzer and the docs
read the row; what it lacks is refused in the sentence of :mod:`eqchip.emulator.problem.needs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module

from eqchip.backends import packages
from eqchip.backends.packages import Package
from eqchip.emulator.description.modes import Precision
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.graph import GraphProblem, GraphRun
from eqchip.emulator.problem.needs import Feature, Need, check_needs, check_precision, of_problem
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.problem.run import Run
from eqchip.mapping.processes import graph


@dataclass(frozen=True)
class Backend:
    """An engine that runs a problem.

    Attributes
    ----------
    name : str
    module : str
        With a function ``solve(problem)``, imported when it is first asked; with the feature
        "threads", ``solve(problem, threads=...)``.
    tolerances : mapping
        The precisions that it computes in, and how far its potentials may be from the
        emulator's in each.
    features : sequence of str
        What it knows beyond networks with average pooling, full feedback and spikes.
    package : Package, optional
        That has to be installed.
    graphs, timed_graphs : str, optional
        A module with a function ``solve(problem)`` of graphs, and of those that have a timing; with
        the feature "threads", ``solve(problem, threads=...)``.
    """

    name: str
    module: str
    tolerances: Mapping[Precision, float]
    features: Sequence[Feature] = ("global clock",)
    package: Package | None = None
    graphs: str | None = None
    timed_graphs: str | None = None

    def check(self, problem: Problem) -> None:
        """Refuse a problem that the backend cannot compute.

        Raises
        ------
        InputError
            Naming what it lacks, where the problem needs it, and who has it.
        """
        self._check(of_problem(problem))
        self.check_precision(problem.precision)

    def check_precision(self, precision: Precision, where: str = "run") -> None:
        """Refuse a precision that the backend does not compute in.

        Raises
        ------
        InputError
        """
        others = {name: one.tolerances for name, one in BACKENDS.items()}
        check_precision(f"{where}: backend {self.name!r}", precision, self.tolerances, others)

    def solve(self, problem: Problem, threads: int | None = None) -> Run:
        """Run a problem.

        Raises
        ------
        InputError
            If the backend cannot: not here, or not this problem.
        """
        self.check(problem)
        if threads is not None:
            self._check([Need("threads", f"threads is {threads!r}", "None")])
        if self.package is not None:
            self.package.require()
        solve: Callable[..., Run] = import_module(self.module).solve
        return solve(problem) if threads is None else solve(problem, threads=threads)

    def solve_graph(self, problem: GraphProblem, threads: int | None = None) -> GraphRun:
        """Run a graph.

        Raises
        ------
        InputError
            If the backend knows no graphs, or not this one.
        """
        if self.graphs is None:
            has = ", ".join(repr(name) for name, one in BACKENDS.items() if one.graphs is not None)
            raise InputError(f"run: backend {self.name!r} runs no graphs; expected one of {has}")
        module = self.graphs if problem.timing is None else self.timed_graphs
        if module is None:
            timed = [repr(name) for name, one in BACKENDS.items() if one.timed_graphs is not None]
            raise InputError(
                f"run: backend {self.name!r} has one clock for all units of a graph; expected no "
                f"timing, or one of {', '.join(timed)}"
            )
        self.check_precision(problem.precision)
        if threads is not None:
            self._check([Need("threads", f"threads is {threads!r}", "None")])
        if self.package is not None:
            self.package.require()
        solve: Callable[..., GraphRun] = import_module(module).solve
        return solve(problem) if threads is None else solve(problem, threads=threads)

    def _check(self, needs: Iterable[Need]) -> None:
        others = {name: one.features for name, one in BACKENDS.items()}
        check_needs(f"run: backend {self.name!r}", needs, self.features, others)


EMULATOR = "emulator"  # what all others are compared with
BACKENDS = {
    one.name: one
    for one in (
        Backend(
            EMULATOR,
            "eqchip.emulator.engine.synchronous",
            {"float32": 0.0, "float64": 0.0, "chip": 0.0},
            (
                "global clock",
                "asynchronous timing",
                "maximum pooling",
                "weaker feedback",
                "skip and lateral connections",
                "real-valued messages",
                "adapted prediction",
                "input that switches",
                "read-out outside the dynamics",
                "spikes per core",
                "skipping of right samples",
                "streams of events",
                "states that are carried on",
                "threads",
            ),
            graphs="eqchip.emulator.engine.graph",
            timed_graphs="eqchip.emulator.engine.graph_timed",
        ),
        Backend(
            "reference",
            "eqchip.backends.reference.floating",
            {"float32": 1e-5, "float64": 0.0, "chip": 0.0},
            (
                "global clock",
                "maximum pooling",
                "weaker feedback",
                "skip and lateral connections",
                "real-valued messages",
                "adapted prediction",
                "input that switches",
                "read-out outside the dynamics",
                "spikes per core",
                "skipping of right samples",
                "streams of events",
                "states that are carried on",
            ),
            graphs="eqchip.backends.reference.graph",
            timed_graphs="eqchip.backends.reference.graph_timed",
        ),
        Backend(
            "brian2",
            "eqchip.backends.brian2.solve",
            {"float64": 0.0},
            ("global clock", "real-valued messages", "spikes per core"),
            packages.BRIAN2,
            graphs="eqchip.backends.brian2.graph",
        ),
        # A port of Lava adds two sums, forward and feedback, where the contract is one running
        # sum: in floating point the last bits of a potential may differ.
        Backend(
            "lava",
            "eqchip.backends.lava.solve",
            {"float64": 1e-12, "chip": 0.0},
            graph.FEATURES,
            packages.LAVA,
            graphs="eqchip.backends.lava.graph",
        ),
        Backend(
            "discrete",
            "eqchip.backends.discrete.solve",
            {"float32": 0.0, "float64": 0.0, "chip": 0.0},
            (
                "asynchronous timing",
                "weaker feedback",
                "real-valued messages",
                "adapted prediction",
                "spikes per core",
            ),
            packages.SIMPY,
        ),
    )
}


def backend(name: str) -> Backend:
    """The backend of a name.

    Raises
    ------
    InputError
        If there is none.

    Examples
    --------
    >>> backend("brian2").tolerances
    {'float64': 0.0}
    """
    if name not in BACKENDS:
        known = ", ".join(BACKENDS)
        raise InputError(f"run: unknown backend {name!r}; expected one of {known}")
    return BACKENDS[name]
