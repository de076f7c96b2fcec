"""The section of a report on energy, in joules per sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eqchip.hw_reports.counting.replay import Replay
from eqchip.hw_reports.pricing.account_types import Accounts
from eqchip.hw_reports.pricing.entries import (
    STATIC,
    SUMS,
    Entry,
    by_core,
    drawn,
    energy_of,
    kinds_of,
)
from eqchip.hw_reports.pricing.figure import Figure
from eqchip.hw_reports.pricing.totals import figure_dict, total
from eqchip.mapping.kinds import PHASES, POWER, TRAINING, UPDATE, names_of

POWERS = names_of(POWER)  # drawn whatever happens


def section(replay: Replay, accounts: Accounts) -> dict[str, Any]:
    """Joules per sample: in all, by phase, kind and core."""
    found = accounts.entries
    groups = {name: energy_of(found, phases) for name, phases in SUMS}
    cores = replay.mapped.cores if replay.mapped is not None else 0
    whole = groups["training"].figure
    static = energy_of(found, TRAINING, STATIC).figure
    return {
        **{name: sum_.to_dict() for name, sum_ in groups.items()},
        "dynamic": {
            name: total(
                e.energy for e in found if e.phase in phases and e.kind not in POWERS
            ).to_dict()
            for name, phases in SUMS
        },
        "by_phase": {phase: energy_of(found, (phase,)).to_dict() for phase in PHASES},
        "by_kind": by_kind(found),
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
            name: by_core(found, phases, replay.chip, cores).tolist() for name, phases in SUMS
        }
        if cores
        else None,
        "static_share": static.value / whole.value if static and whole and whole.value else None,
        "static_of_cores": _static_of_cores(replay, accounts),
        "update_alternatives": _alternatives(replay, accounts),
    }


def by_kind(found: Sequence[Entry]) -> dict[str, dict[str, dict[str, Any] | None]]:
    """The figure of every kind, of a training sample and of an inference."""
    return {
        kind: {name: figure_dict(energy_of(found, phases, kind).figure) for name, phases in SUMS}
        for kind in kinds_of(found)
    }


def _static_of_cores(replay: Replay, accounts: Accounts) -> dict[str, Any] | None:
    """Static energy, did only the cores in use draw any: the others could hold other networks."""
    power = replay.chip.static_power.get("core")
    if power is None or replay.mapped is None:
        return None
    cores = replay.mapped.cores
    found: dict[str, Any] = {
        name: drawn(
            total(accounts.seconds[phase] for phase in phases), Figure.of(power.si, "W") * cores
        ).to_dict()
        for name, phases in SUMS
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


def counts(accounts: Accounts, cores: int) -> dict[str, dict[str, list[float]]]:
    """How often what belongs to single cores happened on each; by phase and kind."""
    found: dict[str, dict[str, list[float]]] = {phase: {} for phase in PHASES}
    for entry in accounts.entries:
        if entry.cores is not None and len(entry.cores) == cores:
            found[entry.phase][entry.kind] = entry.cores.tolist()
    return found
