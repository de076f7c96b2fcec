"""Networks of other tools and of files, as graphs: ``eqchip import``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from eqchip.backends.nir.read import read_nir
from eqchip.emulator.arrays import open_foreign_arrays
from eqchip.emulator.description.graph.file import Imported, load_imported, save_graph
from eqchip.emulator.description.graph.graph import Population, Projection
from eqchip.emulator.description.graph.units import LIF, Neuron, Reset
from eqchip.emulator.description.graph.weights import WEIGHTS, read_weights, unit_of
from eqchip.emulator.errors import InputError
from eqchip.mapping.placement.reach import synapse_count

FORMAT = "eqchip-import 1"


def import_graph(
    source: str | Path,
    *,
    dt: float | None = None,
    reset: Reset = "zero",
    unit: Neuron | str | None = None,
    out: str | Path | None = None,
) -> Imported:
    """Read a spiking network: a NIR file, a graph of eqchip, or weights alone.

    Parameters
    ----------
    source : path-like
        By its ending: ``.nir``, ``.npz`` (a graph of eqchip; weights, dense or in compressed
        rows), or ``.csv``, a list of edges.
    dt : float, optional
        Of a NIR file, the length of a step in seconds.
    reset : {"zero", "subtract"}
        Of a NIR file, what a spike does.
    unit : Neuron or str, optional
        Of weights alone, what they lead to: ``"LIF:decay=0.1,threshold=1"``. Default: ``LIF()``.
    out : path-like, optional
        Where to write the graph, a ``.npz`` file.

    Returns
    -------
    Imported

    Raises
    ------
    InputError
        In one line, naming the file and the node; nothing is written then.
    """
    path = Path(source)
    found = _read(path, dt, reset, unit_of(unit) if isinstance(unit, str) else unit)
    if out is not None:
        if Path(out).suffix.lower() != ".npz":
            raise InputError(f"{out}: expected a file that ends in .npz")
        save_graph(out, found)
    return found


def _read(path: Path, dt: float | None, reset: Reset, unit: Neuron | None) -> Imported:
    kind = path.suffix.lower()
    if kind not in (".nir", ".npz", ".csv"):
        raise InputError(f"{path}: ends in {kind or 'nothing'}; expected .nir, .npz or .csv")
    if kind == ".npz":
        with open_foreign_arrays(path, WEIGHTS) as file:
            ours = "format" in file and "graph" in file
        if ours:
            _check_unused(path, unit=unit)
            return load_imported(path)
    if kind == ".nir":
        _check_unused(path, unit=unit)
        return read_nir(path, dt=dt, reset=reset)
    graph = read_weights(path, LIF() if unit is None else unit)
    notes = () if unit is not None else ("the units of weights alone are taken to be LIF()",)
    return Imported(graph, {}, {}, notes)


def _check_unused(path: Path, **settings: Any) -> None:
    for name, value in settings.items():
        if value is not None:
            raise InputError(f"{path}: {name} is given, but the file has its own; expected none")


def described(source: str | Path, imported: Imported) -> dict[str, Any]:
    """What an imported graph is, for ``eqchip import --json``."""
    graph = imported.graph
    synapses = [synapse_count(projection) for projection in graph.projections]
    return {
        "format": FORMAT,
        "graph": str(source),
        "units": sum(graph.sizes),
        "synapses": sum(synapses),
        "outputs": list(graph.outputs),
        "populations": [_population(one, imported) for one in graph.populations],
        "projections": [
            _projection(one, count) for one, count in zip(graph.projections, synapses, strict=True)
        ],
        "notes": list(imported.notes),
    }


def _population(population: Population, imported: Imported) -> dict[str, Any]:
    scales = {
        name: _range(found[population.name])
        for name, found in (("gain", imported.gains), ("offset", imported.offsets))
        if population.name in found
    }
    unit = population.unit
    parameters = {name: _range(value) for name, value in unit.parameters().items()}
    return {
        "name": population.name,
        "unit": type(unit).__name__,
        "shape": list(population.shape),
        "units": population.size,
        "parameters": parameters,
        **scales,
    }


def _projection(projection: Projection, synapses: int) -> dict[str, Any]:
    return {
        "name": projection.name,
        "pre": projection.pre,
        "post": projection.post,
        "connection": type(projection.connection).__name__,
        "synapses": synapses,
        "weights": _range(projection.weights),
        "stored": int(projection.weights.size),
        "delays": [projection.delays[0], projection.delays[-1]],
    }


def _range(value: Any) -> list[float | None]:
    """The least and the largest; None for no end."""
    ends = (float(np.min(value)), float(np.max(value)))
    return [end if np.isfinite(end) else None for end in ends]
