"""The section of a report on what was counted: by phase, layer and core, and a raster."""

from __future__ import annotations

from typing import Any

import numpy as np

from eqchip.hw_reports.counting.replay import Replay
from eqchip.hw_reports.pricing.account_types import Accounts
from eqchip.hw_reports.pricing.entries import PARTIAL_SUM, Counts
from eqchip.hw_reports.pricing.injection import INPUT_MESSAGE
from eqchip.mapping.activity.cores import per_sample
from eqchip.mapping.kinds import (
    GROUPS,
    INJECTED,
    READ_OUT,
    RECEIVED,
    SENT,
    SIGNALS,
    SPIKES,
    SUMS,
    SYNAPSES,
    of_groups,
)

BY_CORE = (SPIKES, SYNAPSES, SENT, RECEIVED)  # groups of events that are told core by core
SPIKE = "spike"
RASTER_UNITS = 100  # of a layer in a raster, evenly spaced


def section(replay: Replay, accounts: Accounts) -> dict[str, Any]:
    """What was counted, per sample."""
    cores, written = accounts.cores, None
    absent = {
        SIGNALS: accounts.signals is None,
        READ_OUT: not accounts.readout,
        INJECTED: not any(INPUT_MESSAGE in kinds for kinds in accounts.counts.values()),
        SUMS: replay.mapped is None or not replay.mapped.gatherers,
    }
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
            phase: {name: _shown(kinds, kind) for name, kind in shown.items()}
            for phase, kinds in accounts.counts.items()
        },
        "weight_updates": written,
        "by_layer": _by_layer(replay),
        "by_core": None
        if cores is None
        else {
            **{
                row.field: per_sample(cores.training, row.field).tolist()
                for row in of_groups(*BY_CORE)
                if row.field is not None
            },
            "weight_updates": (cores.updates.attempted / len(replay.training.indices)).tolist(),
        },
        "raster": _raster(replay),
    }


def _shown(kinds: Counts, kind: str) -> float | None:
    """How many there were; of spikes, those that are no partial sums."""
    if kind not in kinds:
        return None
    sums = float(kinds[PARTIAL_SUM].sum()) if kind == SPIKE and PARTIAL_SUM in kinds else 0.0
    return float(kinds[kind].sum()) - sums


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
        "label": replay.training.labels[0].tolist(),
        "steps": first,
        "phases": phases,
        "layers": layers,
    }
