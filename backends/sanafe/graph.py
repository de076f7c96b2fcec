"""A graph on a chip in SANA-FE's words, and what SANA-FE's own units do of it.

SANA-FE rounds potentials to 1/64 and knows no delays, so its integrate-and-fire units compute as
ours where all numbers are multiples of 1/64: `IF`, reset to zero or by subtraction. What it cannot
carry is refused by the name of the population or projection. Of any other graph it can be given the
spikes, to count its messages, hops and synaptic events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from eqchip.backends.graphs import given_to, listed
from eqchip.backends.sanafe.peer import FORCED, INTEGRATE, TRAINS, chip_of
from eqchip.emulator.description.graph.graph import Population
from eqchip.emulator.description.graph.units import IF, Input
from eqchip.emulator.description.parts import Part
from eqchip.emulator.description.units import unit_row
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.graph import GraphProblem
from eqchip.mapping.placement.graph import MappedGraph

GRID = 64  # potentials of SANA-FE are multiples of one over it


def problem_of_graph(
    mapped: MappedGraph, drives: list[dict[str, Any]], *, weights: bool = True
) -> dict[str, Any]:
    """A mapped graph for :meth:`SanafeProcess.load`.

    Parameters
    ----------
    mapped : MappedGraph
    drives : list of dict
        What makes the units of each part fire: :func:`forced`, or :func:`own_units`.
    weights : bool
        Hand over the weights; else all are 0 there (the traffic is the same).
    """
    mesh, tiles = mapped.mesh, mapped.tiles
    slots = mesh.slot_of_site[mapped.sites]
    groups = [
        {
            "units": part.units,
            "x": int(mesh.tile_x[tiles[p]]),
            "y": int(mesh.tile_y[tiles[p]]),
            "slot": int(slots[p]),
            "drive": drives[p],
        }
        for p, part in enumerate(mapped.parts)
    ]
    return {"chip": chip_of(mapped), "groups": groups, "connections": _joined(mapped, weights)}


def _joined(mapped: MappedGraph, weights: bool) -> list[dict[str, Any]]:
    """The synapses between every two parts, as pairs of their units."""
    found = []
    for projection in mapped.graph.projections:
        pre, post, values, _ = listed(projection)
        ends = [mapped.graph.numbers[name] for name in (projection.pre, projection.post)]
        for p, source in enumerate(mapped.parts):
            for c, target in enumerate(mapped.parts):
                if (source.layer, target.layer) != tuple(ends):
                    continue
                here = _within(pre, source) & _within(post, target)
                if here.any():
                    pairs = np.stack([pre[here] - source.first, post[here] - target.first], axis=1)
                    held = values[here] if weights else np.zeros(here.sum())
                    found.append(
                        {"pre": p, "post": c, "weights": held.tolist(), "pairs": pairs.tolist()}
                    )
    return found


def _within(units: np.ndarray, part: Part) -> np.ndarray:
    inside: np.ndarray = (units >= part.first) & (units < part.end)
    return inside


def forced(mapped: MappedGraph, spikes: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """Drives that make every unit fire as it did: spikes (steps, *units) by population."""
    return [
        {"kind": FORCED, "spikes": _trains(spikes[mapped.graph.populations[part.layer].name], part)}
        for part in mapped.parts
    ]


def _trains(spikes: np.ndarray, part: Part) -> list[str]:
    units = spikes.reshape(len(spikes), -1)[:, part.first : part.end]
    return ["".join("1" if bit else "0" for bit in train) for train in units.T]


def own_units(mapped: MappedGraph, problem: GraphProblem, sample: int = 0) -> list[dict[str, Any]]:
    """Drives by which SANA-FE's own units compute the graph.

    Raises
    ------
    InputError
        Naming the population or projection, and what SANA-FE does not compute of it.
    """
    for projection in mapped.graph.projections:
        if projection.delays != (0,):
            raise InputError(f"sanafe: {projection} has a delay; expected none")
        _check_grid(f"{projection}: weights hold", projection.weights)
    given = given_to(problem)
    for name in problem.currents:
        raise InputError(f"sanafe: population {name!r} is given a current; expected none")
    drives = []
    for part in mapped.parts:
        population = mapped.graph.populations[part.layer]
        make = unit_row(DRIVES, population.unit, f"sanafe: population {population.name!r}")
        sent = given.get(population.name)
        drives.append(make(population, part, None if sent is None else sent[:, sample]))
    return drives


def _source(population: Population, part: Part, sent: Any) -> dict[str, Any]:
    if population.unit.valued:
        raise InputError(
            f"sanafe: population {population.name!r} sends numbers; expected plain spikes"
        )
    return {"kind": TRAINS, "spikes": _trains(sent, part)}


def _integrating(population: Population, part: Part, sent: Any) -> dict[str, Any]:
    unit: Any = population.unit
    where = f"sanafe: population {population.name!r}"
    for name, wrong in (
        ("refractory", np.any(unit.refractory)),
        ("floor", np.any(np.isfinite(unit.floor))),
        ("signed", unit.signed),
    ):
        if wrong:
            raise InputError(f"{where}: {name} is given; expected none")
    one = {}
    for name in ("threshold", "initial"):
        values = population.per_unit(name)
        if (values != values[0]).any():
            raise InputError(f"{where}: {name} differs by unit; expected the same for all")
        _check_grid(f"{where}: {name} is", values)
        one[name] = float(values[0])
    bias = population.per_unit("bias").astype(float)
    _check_grid(f"{where}: bias is", bias)
    return {
        "kind": INTEGRATE,
        "bias": bias[part.first : part.end].tolist(),
        "threshold": one["threshold"],
        "potential": one["initial"],
        "reset": {"zero": "hard", "subtract": "soft"}[unit.reset],
    }


DRIVES: dict[type, Callable[[Population, Part, Any], dict[str, Any]]] = {
    IF: _integrating,
    Input: _source,
}


def _check_grid(what: str, values: Any) -> None:
    off = np.asarray(values) * GRID != np.rint(np.asarray(values) * GRID)
    if off.any():
        raise InputError(
            f"{what} {np.asarray(values)[off].flat[0].item()!r}; expected multiples of 1/{GRID}, "
            "to which SANA-FE rounds potentials"
        )


def fired(mapped: MappedGraph, reply: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """What the units of every population fired, (steps, units)."""
    steps = reply["steps"]
    found = {p.name: np.zeros((steps, p.size), np.int8) for p in mapped.graph.populations}
    for row, step in enumerate(reply["rows"]):
        for core, units in step["fired_units"].items():
            part = mapped.parts[int(core)]
            name = mapped.graph.populations[part.layer].name
            found[name][row, part.first + np.array(units)] = 1
    return found
