"""A network, written for another tool: ``eqchip.export``, of a run or of a graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eqchip.backends.crosscheck import Checked
from eqchip.backends.export import export_graph, export_run
from eqchip.emulator.description.graph.graph import Graph
from eqchip.emulator.progress import Progress
from eqchip.emulator.training.runs import RunDirectory
from eqchip.graph_import import import_graph


def export(
    run: RunDirectory | Graph | str | Path,
    out: str | Path,
    *,
    to: str,
    precision: Checked | None = None,
    samples: int | None = None,
    free_steps: int | None = None,
    data: str | Path | None = None,
    x: Any = None,
    steps: int | None = None,
    rates: float | None = None,
    dt: float | None = None,
    reset: Any = "zero",
    progress: Progress | None = None,
) -> list[Path]:
    """Write a network for another tool: the trained network of a run, or a graph.

    Parameters
    ----------
    run : RunDirectory, Graph or path
        A run, a graph, or the file of one.
    out : path
        The directory or file to write.
    to : {"lava", "nir", "brian2"}
        lava: a directory with Processes, weights and a run script; of a graph, with its stock
        Processes. nir: one file. brian2: of a graph, a directory with a run script.
    precision : {"chip", "float64"}, optional
        lava: numbers to compute in. Default: of a run, a chip's integers; of a graph, float64. In a
        chip's integers a graph is what :func:`eqchip.quantize` makes of it, unless it is made of
        them already.
    samples : int, optional
        lava: test samples of a run to go with it; default 10. Of a graph, to draw; default 1.
    free_steps : int, optional
        lava, of a run: steps of the free phase. Default: as in training.
    data : path, optional
        lava, of a run: directory of the IDX files. Default: EQCHIP_DATA, or a download.
    x : mapping or path, optional
        lava and brian2, of a graph: what it is given, as for :func:`eqchip.crosscheck`.
        Default: drawn spikes.
    steps, rates : optional
        Of these. Default: 100 and 0.1.
    dt, reset : optional
        Of a NIR file that is read, as for :func:`eqchip.import_graph`; and the time step of one
        that is written, by default 1e-3 s.
    progress : Progress, optional

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    InputError
        If there is no trained network, the tool cannot say it (naming the population or
        projection), or it does not take a setting.
    """
    of_run: dict[str, Any] = {"free_steps": free_steps, "data": data}
    of_graph: dict[str, Any] = {"x": x, "steps": steps, "rates": rates}
    shared: dict[str, Any] = {"precision": precision, "samples": samples, **of_run, **of_graph}
    if isinstance(run, Graph):
        return export_graph(run, out, to=to, progress=progress, dt=dt, **shared)
    if isinstance(run, (str, Path)) and Path(run).is_file():
        graph = import_graph(run, dt=dt, reset=reset).graph
        written = dt if to == "nir" else None
        return export_graph(graph, out, to=to, progress=progress, dt=written, **shared)
    return export_run(run, out, to=to, progress=progress, dt=dt, **shared)
