"""A network, written for another tool: ``eqchip.export``.

A tool is a row of `TARGETS`. For trained networks its module has a function ``export_run(run, path,
progress, **settings)`` that returns the files it wrote, for graphs another has
``export_graph(graph, path, progress, **settings)``, and the row names the settings that each takes.
Where a graph goes with what it is given, it is a :class:`GraphProblem`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from eqchip.backends.crosscheck_graph import in_integers, what_is_given
from eqchip.emulator.description.graph.graph import Graph
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.graph import GraphProblem
from eqchip.emulator.problem.pose_graph import pose_graph
from eqchip.emulator.progress import Progress
from eqchip.emulator.training.runs import RunDirectory


class Target(NamedTuple):
    """Where a tool's files are written, and what can be said of them.

    module: of trained networks; graphs: of graphs. None: it knows none. given: whether a graph is
    written with what it is given.
    """

    module: str | None
    settings: tuple[str, ...]
    graphs: str | None = None
    of_graphs: tuple[str, ...] = ()
    given: bool = False


INPUTS = ("x", "steps", "rates", "samples")
TARGETS = {
    "brian2": Target(None, (), "eqchip.backends.brian2.graph", INPUTS, given=True),
    "lava": Target(
        "eqchip.backends.lava.export",
        ("precision", "samples", "free_steps", "data"),
        "eqchip.backends.lava.graph",
        ("precision", *INPUTS),
        given=True,
    ),
    "nir": Target("eqchip.backends.nir.write", (), "eqchip.backends.nir.graph_write", ("dt",)),
}


def export_run(
    run: RunDirectory | str | Path,
    path: str | Path,
    *,
    to: str,
    progress: Progress | None = None,
    **settings: Any,
) -> list[Path]:
    """Write the trained network of a run; see :func:`eqchip.export`."""
    target = target_of(to)
    if target.module is None:
        known = ", ".join(name for name, one in TARGETS.items() if one.module is not None)
        raise InputError(f"export: {to!r} takes graphs alone; expected one of {known} for a run")
    given = chosen(to, settings, {name: one.settings for name, one in TARGETS.items()})
    write: Callable[..., list[Path]] = import_module(target.module).export_run
    return write(RunDirectory.of(run), Path(path), progress, **given)


def export_graph(
    graph: Graph,
    path: str | Path,
    *,
    to: str,
    progress: Progress | None = None,
    **settings: Any,
) -> list[Path]:
    """Write a graph; see :func:`eqchip.export`."""
    target = target_of(to)
    assert target.graphs is not None, "every tool takes graphs"
    given = chosen(to, settings, {name: one.of_graphs for name, one in TARGETS.items()})
    what: Graph | GraphProblem = graph
    if target.given:
        steps = given.pop("steps", None)
        inputs = {name: given.pop(name, None) for name in ("x", "samples", "rates")}
        x = what_is_given(graph, steps=steps, **inputs)
        precision = given.pop("precision", "float64")
        asked = in_integers(graph) if precision == "chip" else graph
        what = pose_graph(asked, x, steps=steps, precision=precision)
    write: Callable[..., list[Path]] = import_module(target.graphs).export_graph
    return write(what, Path(path), progress, **given)


def target_of(to: str) -> Target:
    """The row of a tool.

    Raises
    ------
    InputError
        If there is none.
    """
    if to not in TARGETS:
        raise InputError(f"export: to is {to!r}; expected one of {', '.join(TARGETS)}")
    return TARGETS[to]


def chosen(
    to: str, settings: Mapping[str, Any], known: Mapping[str, tuple[str, ...]]
) -> dict[str, Any]:
    """The settings that were given, each of which the tool must know."""
    given = {name: value for name, value in settings.items() if value is not None}
    for name in given:
        if name not in known[to]:
            others = [other for other, one in known.items() if name in one]
            wanted = f"it with --to {' or '.join(others)}" if others else "none there"
            raise InputError(
                f"--{name.replace('_', '-')} is given with --to {to}; expected {wanted}"
            )
    return given
