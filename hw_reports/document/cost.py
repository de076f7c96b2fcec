"""The section of a report on the cost of training: the phases, a sample, and the whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eqchip.hw_reports.counting.replay import Replay
from eqchip.hw_reports.document.labels import COST_ROWS
from eqchip.hw_reports.pricing.costs import Cost, Costs
from eqchip.hw_reports.pricing.entries import drawn, energy_of
from eqchip.hw_reports.pricing.epochs import EXPLANATION, EXPLANATION_ON_CHIP, Epoch
from eqchip.hw_reports.pricing.figure import static_power
from eqchip.hw_reports.pricing.totals import Sum, banded, total
from eqchip.mapping.kinds import TRAINING


def section(
    replay: Replay, costs: Costs, memory: dict[str, Any], reached: dict[str, Any]
) -> dict[str, Any]:
    """The headline: what a training sample, and the whole training, costs."""
    accounts, epochs = costs.accounts, costs.epochs
    whole, samples = total(e.energy for e in epochs), sum(e.samples for e in epochs)
    lasting = total(e.seconds for e in epochs)
    rows = [
        _row(phase, energy_of(accounts.entries, (phase,)), accounts.seconds[phase], None)
        for phase in TRAINING
    ]
    sample = total(accounts.seconds[phase] for phase in TRAINING)
    kept = memory["total"]["figure"]
    rows.append(_row("sample", energy_of(accounts.entries, TRAINING), sample, kept))
    rows.append(_row("whole", whole, lasting, kept))
    size = replay.config.descent.minibatch
    return {
        "mean": costs.training.to_dict(),
        "last_epoch": costs.last.to_dict(),
        "inference": costs.inference.to_dict(),
        "static": _static(replay, costs.training),
        "rows": rows,
        "epochs": _epochs(epochs),
        "whole": {
            "energy": whole.to_dict(),
            "time": lasting.to_dict(),
            "epochs": len(epochs),
            "samples": samples,
        },
        "reached": reached,
        # What the chip learned by, it wrote after every sample.
        "whole_minibatch": None
        if replay.written is not None
        else {
            "energy": total(e.minibatch_energy for e in epochs).to_dict(),
            "time": total(e.minibatch_seconds for e in epochs).to_dict(),
            "label": f"if changes were accumulated and written once per minibatch of {size}",
        },
        "explanation": list(EXPLANATION if replay.written is None else EXPLANATION_ON_CHIP),
    }


def _static(replay: Replay, mean: Cost) -> dict[str, Any] | None:
    """Of the mean sample, the share of static power, and the energy without that of idle cores.

    Without it: did each core in use draw its share of the chips' power, and no other any.
    """
    chip, mapped = replay.chip, replay.mapped
    power = static_power(chip, 1 if mapped is None else mapped.chips)
    joules = None if power is None else drawn(mean.seconds, power).figure
    whole = mean.energy.figure
    if joules is None or whole is None or not whole.value:
        return None
    gated = None
    if mapped is not None:
        idle = 1.0 - mapped.cores / mapped.mesh.sites
        levels = [getattr(whole, x) - idle * getattr(joules, x) for x in ("low", "value", "high")]
        gated = Sum(banded(levels, "J"), mean.energy.lacks).to_dict()
    return {"share": joules.value / whole.value, "gated": gated}


def _row(phase: str, energy: Sum, seconds: Sum, memory: Any) -> dict[str, Any]:
    return {
        "phase": phase,
        "label": COST_ROWS[phase],
        "energy": energy.to_dict(),
        "time": seconds.to_dict(),
        "memory": memory,
    }


def _epochs(epochs: Sequence[Epoch]) -> list[dict[str, Any]]:
    found = []
    spent, passed = Sum(None), Sum(None)
    for epoch in epochs:
        spent, passed = spent + epoch.energy, passed + epoch.seconds
        found.append(
            {
                "epoch": epoch.number,
                "samples": epoch.samples,
                "train_error": epoch.train_error,
                "validation_error": epoch.validation_error,
                "energy": epoch.energy.to_dict(),
                "cumulative": spent.to_dict(),
                "time": epoch.seconds.to_dict(),
                "cumulative_time": passed.to_dict(),
                "spikes_per_sample": epoch.spikes_per_sample,
                "synaptic_events_per_sample": epoch.events_per_sample,
            }
        )
    return found
