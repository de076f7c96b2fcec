"""A network on the engines of others: ``eqchip.crosscheck``, of a run or of a graph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eqchip.backends.crosscheck import Checked
from eqchip.backends.crosscheck_graph import GraphCrosscheck, crosscheck_graph
from eqchip.backends.crosscheck_run import SAMPLES, Crosscheck, crosscheck_run
from eqchip.emulator.description.graph.graph import Graph
from eqchip.emulator.description.graph.units import Reset
from eqchip.emulator.errors import InputError
from eqchip.emulator.progress import Progress
from eqchip.emulator.training.runs import RunDirectory
from eqchip.graph_import import import_graph


def crosscheck(
    run: RunDirectory | Graph | str | Path,
    *,
    against: Sequence[str] | None = None,
    samples: int | None = None,
    free_steps: int | None = None,
    precision: Checked | None = None,
    data: str | Path | None = None,
    x: Any = None,
    steps: int | None = None,
    rates: float | None = None,
    dt: float | None = None,
    reset: Reset = "zero",
    threads: int | None = None,
    progress: Progress | None = None,
) -> Crosscheck | GraphCrosscheck:
    """Run a network on other engines: bits and potentials, step by step.

    Of a trained network, test samples go through the phases of training on the emulator and on each
    other engine; of a graph, what it is given goes through it, in float64 and in the integers that
    :func:`eqchip.quantize` makes of it, unless it is made of such integers already.

    Parameters
    ----------
    run : RunDirectory, Graph or path
        A run, a graph, or the file of one.
    against : sequence of str, optional
        Engines to compare with. Default: all that run here.
    samples : int, optional
        Of the test set; default 10. Of a graph, to draw; default 1.
    free_steps : int, optional
        Of a run, steps of the free phase. Default: as in training.
    precision : {"float64", "chip"}, optional
        Numbers to compute in. Default: both.
    data : path, optional
        Of a run, directory of the IDX files. Default: EQCHIP_DATA, or a download.
    x : mapping or path, optional
        Of a graph, what it is given, as to :func:`eqchip.run`, or the ``.npz`` file of arrays by
        input. Default: drawn spikes.
    steps : int, optional
        Of a graph. Default: those of x, or 100.
    rates : float, optional
        Of a graph, the chance of a drawn spike. Default: 0.1.
    dt, reset : optional
        Of a file, as for :func:`eqchip.import_graph`.
    threads : int, optional
        Of the emulator. Default: all processors.
    progress : Progress, optional

    Returns
    -------
    Crosscheck, or GraphCrosscheck of a graph

    Raises
    ------
    InputError
        If there is no trained network, an engine that is named cannot run, or a setting is wrong.

    Examples
    --------
    >>> from eqchip import IF, Input, Population, Projection
    >>> graph = Graph(
    ...     [Population("in", Input(), 2), Population("out", IF(threshold=1.0), 1)],
    ...     [Projection("in", "out", [[0.6], [0.5]])],
    ...     outputs=["out"],
    ... )
    >>> found = crosscheck(graph, steps=20, rates=0.5, against=["reference"])
    >>> found.equal, [one.engine for one in found.checkups]
    (True, ['emulator', 'reference', 'emulator', 'reference'])
    """
    shared: dict[str, Any] = {
        "against": against, "precision": precision, "threads": threads, "progress": progress
    }  # fmt: skip
    of_file: dict[str, Any] = {"dt": dt, "reset": None if reset == "zero" else reset}
    of_graph: dict[str, Any] = {"x": x, "steps": steps, "rates": rates}
    of_run: dict[str, Any] = {"free_steps": free_steps, "data": data}
    if isinstance(run, Graph):
        _refuse({**of_run, **of_file}, "a graph in memory")
        return crosscheck_graph(run, samples=samples, **of_graph, **shared)
    if isinstance(run, (str, Path)) and Path(run).is_file():
        _refuse(of_run, "the file of a graph")
        graph = import_graph(run, dt=dt, reset=reset).graph
        return crosscheck_graph(graph, str(run), samples=samples, **of_graph, **shared)
    _refuse({**of_graph, **of_file}, "a run")
    return crosscheck_run(run, samples=SAMPLES if samples is None else samples, **of_run, **shared)


def _refuse(settings: dict[str, Any], beside: str) -> None:
    """Refuse settings that say nothing of what is checked."""
    for name, value in settings.items():
        if value is not None:
            raise InputError(f"crosscheck: {name} is {value!r} with {beside}; expected none there")
