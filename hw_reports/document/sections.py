"""The sections of a report that say what was counted: mapping, activity, energy and time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from eqchip.hw_reports.counting.replay import Replay
from eqchip.hw_reports.pricing.account_types import Accounts
from eqchip.hw_reports.pricing.entries import STATIC, by_core, drawn, energy_of, kinds_of
from eqchip.hw_reports.pricing.figure import Figure
from eqchip.hw_reports.pricing.timing import RESOURCES, PhaseTime
from eqchip.hw_reports.pricing.totals import figure_dict, total
from eqchip.mapping.activity.cores import CoreActivity
from eqchip.mapping.kinds import (
    GROUPS,
    INFERENCE,
    PHASES,
    READ_OUT,
    RECEIVED,
    SENT,
    SIGNALS,
    SPIKES,
    SYNAPSES,
    TRAINING,
    UPDATE,
    of_groups,
)
from eqchip.mapping.placement.mapped import MappedNetwork

OF: tuple[tuple[str, Sequence[str]], ...] = (
    ("training", TRAINING),
    ("inference", (INFERENCE,)),
)
BY_CORE = (SPIKES, SYNAPSES, SENT, RECEIVED)  # groups of events that are told core by core
RASTER_UNITS = 100  # of a layer in a raster, evenly spaced


def mapping(mapped: MappedNetwork, accounts: Accounts) -> dict[str, Any]:
    """Where the parts stand, what they use, and what the links carry, per sample."""
    limits, description = mapped.limits, mapped.to_dict()
    cores = []
    for core in description["cores"]:
        shares = {name: core["use"][name] / limit for name, limit in limits.items() if limit}
        tightest = max(shares, key=shares.__getitem__)
        use = {
            name: {"used": used, "limit": limits.get(name)} for name, used in core["use"].items()
        }
        cores.append({**core, "use": use, "utilisation": shares[tightest], "tightest": tightest})
    mesh = mapped.mesh
    return {
        "tiles_x": mesh.tiles_x,
        "tiles_y": mesh.tiles_y,
        "cores_per_tile": mesh.cores_per_tile,
        "chips": mapped.chips,
        "cores": cores,
        "links": _links(mapped, accounts),
        "cores_used": len(mapped.parts),
        "cores_available": mesh.sites,
        "tightest": mapped.tightest._asdict(),
        "hops": mapped.hops._asdict(),
        "connections": description["connections"],
    }


def _links(mapped: MappedNetwork, accounts: Accounts) -> list[dict[str, Any]]:
    assert accounts.cores is not None
    loads = {
        "training": _per_sample(accounts.cores.training, "links"),
        "inference": _per_sample(accounts.cores.inference, "links"),
    }
    return [
        {
            "from": [link.x, link.y],
            "to": list(link.end),
            "direction": link.direction,
            "load": {name: float(load[k]) for name, load in loads.items()},
        }
        for k, link in enumerate(mapped.routes.links)
    ]


def _per_sample(activity: CoreActivity, name: str) -> np.ndarray:
    """Counts of all phases, per sample."""
    return getattr(activity, name).sum(axis=0) / activity.samples


def activity(replay: Replay, accounts: Accounts) -> dict[str, Any]:
    """What was counted, per sample."""
    cores, written = accounts.cores, None
    absent = {SIGNALS: accounts.signals is None, READ_OUT: not accounts.readout}
    shown = {
        row.shown: row.name
        for row in of_groups(*GROUPS)
        if row.shown is not None and not absent.get(row.group)
    }
    if cores is not None:
        updates = len(replay.training.indices)
        written = {name: float(n.sum()) / updates for name, n in cores.updates._asdict().items()}
    return {
        "by_phase": {
            phase: {
                name: float(kinds[kind].sum()) if kind in kinds else None
                for name, kind in shown.items()
            }
            for phase, kinds in accounts.counts.items()
        },
        "weight_updates": written,
        "by_layer": _by_layer(replay),
        "by_core": None
        if cores is None
        else {
            **{
                row.field: _per_sample(cores.training, row.field).tolist()
                for row in of_groups(*BY_CORE)
                if row.field is not None
            },
            "weight_updates": (cores.updates.attempted / len(replay.training.indices)).tolist(),
        },
        "raster": _raster(replay),
    }


def _by_layer(replay: Replay) -> list[dict[str, Any]]:
    found = []
    runs = {"training": replay.training.run, "inference": replay.inference.run}
    for layer, units in enumerate(replay.config.sizes):
        spikes = {
            name: float(run.activity.spikes[:, layer].sum()) / run.activity.samples
            for name, run in runs.items()
        }
        rate = {
            name: spikes[name] / units / sum(phase.steps for phase in run.phases)
            for name, run in runs.items()
        }
        found.append({"layer": layer, "units": units, "spikes": spikes, "rate": rate})
    return found


def _raster(replay: Replay) -> dict[str, Any]:
    """The bits of one training sample."""
    run = replay.training.run
    assert run.bits is not None
    layers, first, phases = [], 0, []
    for name, phase in zip(run.activity.phases, run.phases, strict=True):
        phases.append({"name": name, "first": first, "steps": phase.steps})
        first += phase.steps
    for layer, bits in enumerate(run.bits):
        units = int(np.prod(bits.shape[2:]))
        shown = np.linspace(0, units - 1, min(units, RASTER_UNITS)).round().astype(int)
        spikes = np.argwhere(bits[:, 0].reshape(len(bits), units)[:, shown])
        layers.append(
            {"layer": layer, "units": units, "shown": shown.tolist(), "spikes": spikes.tolist()}
        )
    return {
        "sample": int(replay.training.indices[0]),
        "label": int(replay.training.labels[0]),
        "steps": first,
        "phases": phases,
        "layers": layers,
    }


def energy(replay: Replay, accounts: Accounts) -> dict[str, Any]:
    """Joules per sample: in all, by phase, kind and core."""
    found = accounts.entries
    groups = {name: energy_of(found, phases) for name, phases in OF}
    cores = len(replay.mapped.parts) if replay.mapped is not None else 0
    whole = groups["training"].figure
    static = energy_of(found, TRAINING, STATIC).figure
    return {
        **{name: sum_.to_dict() for name, sum_ in groups.items()},
        "dynamic": {
            name: total(e.energy for e in found if e.phase in phases and e.kind != STATIC).to_dict()
            for name, phases in OF
        },
        "by_phase": {phase: energy_of(found, (phase,)).to_dict() for phase in PHASES},
        "by_kind": {
            kind: {name: figure_dict(energy_of(found, phases, kind).figure) for name, phases in OF}
            for kind in kinds_of(found)
        },
        "table": [
            {
                "kind": entry.kind,
                "phase": entry.phase,
                "count": entry.count,
                "figure": figure_dict(entry.energy.figure),
                "lacks": list(entry.energy.lacks),
                "unknown": entry.why if entry.energy.figure is None else None,
                "included": None if entry.energy.figure is None else entry.why,
            }
            for entry in found
        ],
        "by_core": {
            name: by_core(found, phases, replay.chip, cores).tolist() for name, phases in OF
        }
        if cores
        else None,
        "static_share": static.value / whole.value if static and whole and whole.value else None,
        "static_of_cores": _static_of_cores(replay, accounts),
        "update_alternatives": _alternatives(replay, accounts),
    }


def _static_of_cores(replay: Replay, accounts: Accounts) -> dict[str, Any] | None:
    """Static energy, did only the cores in use draw any: the others could hold other networks."""
    power = replay.chip.static_power.get("core")
    if power is None or replay.mapped is None:
        return None
    cores = len(replay.mapped.parts)
    found: dict[str, Any] = {
        name: drawn(
            total(accounts.seconds[phase] for phase in phases), Figure.of(power.si, "W") * cores
        ).to_dict()
        for name, phases in OF
    }
    return {**found, "label": f"did only the {cores} cores in use draw static power"}


def _alternatives(replay: Replay, accounts: Accounts) -> dict[str, Any] | None:
    """The energy of the weight updates, were they written more seldom than after every sample."""
    written = energy_of(accounts.entries, (UPDATE,), "weight_update").figure
    size = replay.config.descent.minibatch
    if "weight_update" not in accounts.counts[UPDATE]:
        return None
    attempted = float(accounts.counts[UPDATE]["weight_update"].sum())
    found: dict[str, Any] = {}
    if replay.written is None:
        found["minibatch"] = {
            "size": size,
            "figure": figure_dict(None if written is None else written * (1 / size)),
            "label": f"if changes were accumulated and written once per minibatch of {size}",
        }
    if accounts.cores is not None:
        applied = float(accounts.cores.updates.applied.sum()) / len(replay.training.indices)
        share = applied / attempted if attempted else 0.0
        found["applied"] = {
            "figure": figure_dict(None if written is None else written * share),
            "label": "if only the codes that change were written",
        }
    return found


def time(accounts: Accounts) -> dict[str, Any]:
    """Seconds per sample, and what decides them."""
    cores, seconds = accounts.cores, accounts.seconds
    document: dict[str, Any] = {
        **{name: total(seconds[p] for p in phases).to_dict() for name, phases in OF},
        "by_phase": {phase: seconds[phase].to_dict() for phase in PHASES},
        "critical": accounts.critical,
        **dict.fromkeys(
            ("bottleneck", "parts", "by_core", "busiest_core", "steps", "steps_per_second")
        ),
    }
    if cores is None:
        return document
    times = cores.times
    lasting = seconds[INFERENCE].figure
    steps = len(times[INFERENCE].rows)
    found = {
        **document,
        "by_core": {
            name: sum(times[phase].cores for phase in phases).tolist()  # type: ignore[union-attr]
            for name, phases in OF
        },
        "busiest_core": {phase: times[phase].busiest for phase in PHASES},
        "steps_per_second": steps / lasting.value if lasting and lasting.value else None,
    }
    if accounts.simulated is not None:  # no step that anything could decide
        return found
    return {
        **found,
        "bottleneck": {phase: times[phase].decided for phase in PHASES},
        "parts": {
            phase: {name: figure_dict(getattr(times[phase], name)) for name in RESOURCES}
            for phase in PHASES
        },
        "steps": {name: _steps([times[p] for p in phases if p != UPDATE]) for name, phases in OF},
    }


def _steps(times: Sequence[PhaseTime]) -> dict[str, list[float]]:
    """Seconds of every step, in the order in which the steps were run."""
    order = np.argsort(np.concatenate([time.rows for time in times]))
    return {
        part: np.concatenate([time.steps[part] for time in times])[order].tolist()
        for part in RESOURCES
    }
