"""The sections of a report on what is set beside it: processors, and published chips."""

from __future__ import annotations

from typing import Any

from eqchip.hw_reports.counting.replay import Replay
from eqchip.hw_reports.document.energy import by_kind
from eqchip.hw_reports.pricing import baselines
from eqchip.hw_reports.pricing.entries import energy_of
from eqchip.hw_reports.pricing.totals import exactly, figure_dict
from eqchip.hw_reports.pricing.without_cores import of_arithmetic
from eqchip.mapping.anchors.anchor import load_anchors
from eqchip.mapping.chip_file.chip import chip_names, load_chip
from eqchip.mapping.kinds import INFERENCE, TRAINING


def floors(replay: Replay, samples: int) -> list[dict[str, Any]]:
    """The same sample on the arithmetic baselines; `samples` are those of the whole training."""
    found = []
    for chip in map(load_chip, chip_names()):
        if chip.model != "arithmetic":
            continue
        accounts = of_arithmetic(replay, chip)
        sample = energy_of(accounts.entries, TRAINING)
        found.append(
            {
                "name": chip.name,
                "title": chip.title,
                "model": chip.model,
                "training": sample.to_dict(),
                "inference": energy_of(accounts.entries, (INFERENCE,)).to_dict(),
                "whole": (sample * samples).to_dict(),
                "by_kind": by_kind(accounts.entries),
                "time": None,
                "note": baselines.note(replay.config),
                "statement": "modelled, not measured",
            }
        )
    return found


def anchors() -> list[dict[str, Any]]:
    """Published costs of learning on chips."""
    found = []
    for anchor in load_anchors():
        row = anchor.to_dict()
        for name, unit in (("energy", "J"), ("time", "s")):
            for of in ("training", "inference"):
                value = row[f"{of}_{name}"]
                row[f"{of}_{name}"] = None if value is None else figure_dict(exactly(value, unit))
        found.append(row)
    return found
