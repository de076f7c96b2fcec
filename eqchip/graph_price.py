"""What a spiking network costs on a chip, of spikes that were counted elsewhere: nothing runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from eqchip.backends.nir.read import read_nir
from eqchip.emulator.arrays import open_foreign_arrays
from eqchip.emulator.description.graph.graph import Graph, Population
from eqchip.emulator.description.graph.units import Reset
from eqchip.emulator.errors import InputError, check_number, check_whole
from eqchip.hw_reports.pricing.graph import GraphCost, cost_of
from eqchip.hw_reports.pricing.totals import figure_dict, total
from eqchip.mapping.chip_file.chip import USUAL, load_chip
from eqchip.mapping.placement.graph import MappedGraph, map_graph
from eqchip.mapping.placement.place import Placement

FORMAT = "eqchip-price 1"
DEFAULT_STEPS = 100


def price(
    graph: Graph | Path | str,
    *,
    chip: str = USUAL,
    rates: float | None = None,
    spikes: Any = None,
    steps: int | None = None,
    dt: float | None = None,
    reset: Reset = "zero",
    placement: Placement = "hops",
) -> dict[str, Any]:
    """Map a spiking network onto a chip, and price what its spikes do there, without running it.

    A time step's events follow from its spikes: over how many synapses each arrives, on how many
    cores, how many hops away. Given rates, all steps are alike, and the busiest core of the mean
    step is less busy than that of a step in the mean; given spikes, every step counts by itself.

    Parameters
    ----------
    graph : Graph or path-like
        A graph, or a NIR file.
    chip : str
        Name of a chip with cores, or a chip file.
    rates : float, optional
        Spikes of a unit in a step, of all units alike.
    spikes : mapping, GraphRun or path-like, optional
        What each population sent, (steps, batch, *units) or (steps, *units): by name, or the
        ``.npz`` file of such arrays; a run with ``record="spikes"`` has them. One of the two is
        needed.
    steps : int, optional
        Of a sample. Default: those of the spikes, or 100.
    dt : float, optional
        Of a NIR file, the length of a step in seconds.
    reset : {"zero", "subtract"}
        Of a NIR file, what a spike does.
    placement : {"hops", "energy", "time", "naive"}
        What messages spend on their ways, made small; naive: cores in the order of populations.

    Returns
    -------
    dict
        What ``eqchip price --json`` prints: cores, memory, and per sample events, energy and time
        with low, nominal and high values.

    Raises
    ------
    InputError
        For rates and spikes that are both given or both missing, spikes of populations or units
        that are not there, a graph that does not fit.

    Examples
    --------
    >>> import eqchip as eq
    >>> graph = eq.Graph(
    ...     [eq.Population("in", eq.Input(), 784), eq.Population("hidden", eq.LIF(), 500)],
    ...     [eq.Projection("in", "hidden", np.ones((784, 500)))],
    ... )
    >>> found = price(graph, chip="loihi1-davies", rates=0.1, steps=10)
    >>> found["cores"], found["events"]["synaptic_event"]
    (5, 392000.0)
    """
    notes: tuple[str, ...] = ()
    name = "Graph"
    if not isinstance(graph, Graph):
        name = str(graph)
        imported = read_nir(Path(graph), dt=dt, reset=reset)
        graph, notes = imported.graph, imported.notes
    if (rates is None) == (spikes is None):
        given = "neither" if rates is None else "both"
        raise InputError(f"price: {given} of rates and spikes given; expected one of the two")
    if spikes is None:
        sent, steps = _of_rates(graph, rates), DEFAULT_STEPS if steps is None else steps
    else:
        sent = _of_spikes(graph, spikes)
        steps = len(sent[0]) if steps is None else steps
        if steps != len(sent[0]):
            raise InputError(
                f"price: steps is {steps!r}, but the spikes have {len(sent[0])}; expected as many"
            )
    check_whole("price: steps", steps, 1)
    mapped = map_graph(
        graph, load_chip(chip), sent=[one.mean(axis=(0, 1)) for one in sent], placement=placement
    )
    cost = cost_of(mapped, sent, steps)
    return _document(name, mapped, cost, notes, "rates" if spikes is None else "spikes")


def _of_rates(graph: Graph, rates: Any) -> list[np.ndarray]:
    """One mean step of all populations that send."""
    check_number("price: rates", rates)
    if not 0 <= rates <= 1:
        raise InputError(f"price: rates is {rates!r}; expected spikes of a unit in a step, 0 to 1")
    return [
        np.full((1, 1, p.size), float(rates) if p.unit.sends else 0.0) for p in graph.populations
    ]


def _of_spikes(graph: Graph, spikes: Any) -> list[np.ndarray]:
    """What every population sent, (steps, batch, units): how many messages."""
    if isinstance(spikes, (str, Path)):
        where, given = f"{spikes}", _arrays(Path(spikes))
    else:
        where, given = "price: spikes", getattr(spikes, "spikes", spikes)
    if not isinstance(given, Mapping):
        raise InputError(
            f"{where}: {type(given).__name__} holds no spikes; expected arrays by population, or a "
            "run with record='spikes'"
        )
    for name in given:
        if name not in graph.numbers:
            known = ", ".join(map(repr, graph.numbers))
            raise InputError(f"{where}: spikes of {name!r}; expected one of {known}")
    found: dict[str, np.ndarray] = {}
    for population in graph.populations:
        if population.name in given:
            found[population.name] = _messages(
                where, population, np.asarray(given[population.name])
            )
        elif population.unit.sends:
            raise InputError(f"{where}: no spikes of {population.name!r}; expected its array")
    shapes = {one.shape[:2] for one in found.values()}
    if len(shapes) != 1:
        listed = ", ".join(f"{name!r} {one.shape[:2]}" for name, one in found.items())
        raise InputError(f"{where}: steps and samples differ: {listed}; expected the same of all")
    (shape,) = shapes
    return [found.get(p.name, np.zeros((*shape, p.size))) for p in graph.populations]


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file; nothing is unpickled."""
    with open_foreign_arrays(path, "arrays of spikes, .npz") as file:
        return {name: file.values(name) for name in file.headers}


def _messages(where: str, population: Population, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "biuf":
        raise InputError(
            f"{where}: spikes of {population.name!r} are {array.dtype}; expected numbers"
        )
    for shape in (population.shape, (population.size,)):
        lead = array.shape[: array.ndim - len(shape)]
        if array.shape[len(lead) :] == shape and len(lead) in (1, 2) and 0 not in lead:
            sent = array.reshape(lead[0], lead[1] if len(lead) == 2 else 1, population.size)
            return (sent != 0).astype(np.float64)
    raise InputError(
        f"{where}: spikes of {population.name!r} have shape {array.shape}; expected (steps, batch, "
        f"*{population.shape}) or (steps, *{population.shape})"
    )


def _document(
    name: str, mapped: MappedGraph, cost: GraphCost, notes: tuple[str, ...], of: str
) -> dict[str, Any]:
    whole = total(entry.energy for entry in cost.entries)
    used = {key: sum(use[key] for use in mapped.use) for key in ("units", "synapse_memory")}
    populations = [
        {
            "name": p.name,
            "unit": type(p.unit).__name__,
            "units": p.size,
            "cores": sum(part.layer == k for part in mapped.parts),
        }
        for k, p in enumerate(mapped.graph.populations)
    ]
    return {
        "format": FORMAT,
        "graph": name,
        "chip": mapped.chip.name,
        "chips": mapped.mesh.chips,
        "cores": mapped.cores,
        "populations": populations,
        "synapses": mapped.synapses,
        "used": used,
        "steps": cost.steps,
        "of": of,
        "events": cost.totals,
        "energy": whole.to_dict(),
        "energy_by_kind": [
            {
                "kind": entry.kind,
                "count": entry.count,
                "figure": figure_dict(entry.energy.figure),
                "lacks": list(entry.energy.lacks),
            }
            for entry in cost.entries
        ],
        "time": cost.seconds.to_dict(),
        "step_seconds": None
        if cost.seconds.figure is None or math.isclose(cost.seconds.figure.value, 0)
        else cost.seconds.figure.value / cost.steps,
        "notes": list(notes),
    }
