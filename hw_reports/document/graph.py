"""The price of a graph as one plain dictionary, ``eqchip-price 1``.

docs/networks.md explains the fields.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from eqchip.hw_reports.document.chip import coefficients
from eqchip.hw_reports.pricing.entries import Entry
from eqchip.hw_reports.pricing.graph import GraphCost, entries_of, stream_of
from eqchip.hw_reports.pricing.timing import RESOURCES
from eqchip.hw_reports.pricing.totals import Sum, figure_dict, total
from eqchip.mapping.kinds import INFERENCE, UPDATE
from eqchip.mapping.placement.graph import MappedGraph
from eqchip.mapping.placement.use import limits

FORMAT = "eqchip-price 1"
STATEMENT = "modelled, not measured"


class Asked(NamedTuple):
    """What a price was asked of.

    of: ``rates``, ``spikes``, ``events`` or a ``run``; dt: seconds of a step, if known; writes: how
    often learning writes each synapse.
    """

    graph: str
    of: str
    dt: float | None
    writes: float
    notes: Sequence[str]


def price_document(mapped: MappedGraph, cost: GraphCost, asked: Asked) -> dict[str, Any]:
    """What ``eqchip price --json`` prints."""
    inference = entries_of(cost, INFERENCE)
    used = {key: sum(use[key] for use in mapped.use) for key in ("units", "synapse_memory")}
    step = _step(cost)
    return {
        "format": FORMAT,
        "statement": STATEMENT,
        "graph": asked.graph,
        "chip": mapped.chip.name,
        "chips": mapped.mesh.chips,
        "cores": mapped.cores,
        "populations": [
            {
                "name": p.name,
                "unit": type(p.unit).__name__,
                "units": p.size,
                "cores": sum(part.layer == k for part in mapped.parts),
            }
            for k, p in enumerate(mapped.graph.populations)
        ],
        "synapses": mapped.synapses,
        "used": used,
        "steps": cost.steps,
        "of": asked.of,
        "events": cost.totals,
        "energy": total(entry.energy for entry in inference).to_dict(),
        "energy_by_kind": _by_kind(inference),
        "time": cost.seconds.to_dict(),
        "step_seconds": step,
        "time_parts": _parts(cost),
        "streaming": None if asked.dt is None else _streaming(mapped, cost, asked.dt, step),
        "update": _update(cost, asked.writes) if asked.writes else None,
        "mapping": _mapping(mapped, cost),
        "coefficients": coefficients(
            mapped.chip,
            inference,
            [cost.settled.critical[INFERENCE]],
            len(np.unique(mapped.tiles)),
            (INFERENCE,),
        ),
        "notes": [*asked.notes, *_notes(mapped, cost, asked, step)],
    }


def _by_kind(found: Sequence[Entry]) -> list[dict[str, Any]]:
    return [
        {
            "kind": entry.kind,
            "count": entry.count,
            "figure": figure_dict(entry.energy.figure),
            "lacks": list(entry.energy.lacks),
        }
        for entry in found
    ]


def _step(cost: GraphCost) -> float | None:
    lasting = cost.seconds.figure
    if lasting is None or math.isclose(lasting.value, 0):
        return None
    return lasting.value / cost.steps


def _parts(cost: GraphCost) -> dict[str, Any]:
    """What a step waits for, per sample."""
    time = cost.times[INFERENCE]
    return {
        **{name: figure_dict(getattr(time, name)) for name in RESOURCES},
        "decided": time.decided,
        "critical": cost.settled.critical[INFERENCE],
        "busiest_core": time.busiest,
        "by_core": time.cores.tolist(),
    }


def _streaming(
    mapped: MappedGraph, cost: GraphCost, dt: float, step: float | None
) -> dict[str, Any]:
    """Per second of signal: watts, and whether the chip keeps up."""
    return {
        "dt": dt,
        "power": stream_of(mapped, cost, dt).to_dict(),
        "steps_per_second": 1.0 / dt,
        "keeps_up": None if step is None else step <= dt,
        "busy": None if step is None else step / dt,
    }


def _update(cost: GraphCost, writes: float) -> dict[str, Any]:
    """What writing the weights takes, per sample, beside the sample itself."""
    found = entries_of(cost, UPDATE)
    energy: Sum = total(entry.energy for entry in found)
    return {
        "writes_per_synapse": writes,
        "events": {kind: float(count.sum()) for kind, count in cost.counts[UPDATE].items()},
        "energy": energy.to_dict(),
        "energy_by_kind": _by_kind(found),
        "time": cost.settled.seconds[UPDATE].to_dict(),
    }


def _mapping(mapped: MappedGraph, cost: GraphCost) -> dict[str, Any]:
    """Where the parts stand, what they use, and what the links carry, as reports have it."""
    allowed, mesh = limits(mapped.chip), mapped.mesh
    cores: list[dict[str, Any]] = []
    for core, (part, use) in enumerate(zip(mapped.parts, mapped.use, strict=True)):
        shares = {name: use[name] / limit for name, limit in allowed.items() if limit}
        tightest = max(shares, key=shares.__getitem__, default=None)
        tile, site = mapped.tiles[core], mapped.sites[core]
        cores.append(
            {
                "core": core,
                "layer": part.layer,
                "first": part.first,
                "units": part.units,
                "chip": int(site // mesh.cores_per_chip),
                "x": int(mesh.tile_x[tile]),
                "y": int(mesh.tile_y[tile]),
                "slot": int(mesh.slot_of_site[site]),
                "use": {n: {"used": used, "limit": allowed.get(n)} for n, used in use.items()},
                "utilisation": shares[tightest] if tightest else 0.0,
                "tightest": tightest,
            }
        )
    fullest = max(cores, key=lambda core: core["utilisation"])
    return {
        "tiles_x": mesh.tiles_x,
        "tiles_y": mesh.tiles_y,
        "cores_per_tile": mesh.cores_per_tile,
        "chips": mesh.chips,
        "chips_x": mesh.across,
        "cores": cores,
        "links": [
            {
                "from": [link.x, link.y],
                "to": list(link.end),
                "direction": link.direction,
                "load": {INFERENCE: float(load)},
            }
            for link, load in zip(cost.ways.links, cost.links, strict=True)
        ],
        "cores_used": mapped.cores,
        "cores_available": mesh.sites,
        "tightest": fullest["tightest"]
        and {"resource": fullest["tightest"], **fullest["use"][fullest["tightest"]]},
    }


def _notes(mapped: MappedGraph, cost: GraphCost, asked: Asked, step: float | None) -> list[str]:
    found = []
    if asked.of in ("rates", "run"):
        found.append("All steps are taken to be alike: the time is a lower bound in that respect.")
    if any(len(rows) > 1 for rows in mapped.reached) and mapped.chip.shares_kernels:
        found.append("Synapses of convolutions are stored one by one; this chip can share kernels.")
    if asked.dt is not None and step is not None and step > asked.dt:
        found.append(
            f"A step takes {step:.3g} s and the signal {asked.dt:.3g} s: the chip does not keep up."
        )
    if asked.writes and asked.of != "run":
        found.append(
            "The update writes and visits every synapse as often as was said; what a rule needs "
            "besides (errors on their way back, traces, second copies of weights) is not in it."
        )
    return found
