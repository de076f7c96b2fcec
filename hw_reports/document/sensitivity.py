"""The section of a report on how far its totals move with the coefficients of the chip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eqchip.hw_reports.pricing.costs import Costs
from eqchip.hw_reports.pricing.sensitivity import (
    DISTRIBUTION,
    DRAWS,
    QUANTILES,
    SEED,
    Moved,
    Sensitivity,
    Totals,
)
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.chip_file.figures import Area, Limit

UNITS = {"training_energy": "J", "training_time": "s", "inference_energy": "J",
         "inference_time": "s"}  # fmt: skip


def totals(found: Costs) -> Totals:
    """The totals that are moved, nominal: the mean over the training, and an inference."""
    told = {"training": found.training, "inference": found.inference}
    return {
        f"{of}_{what}": None if total.figure is None else total.figure.value
        for of, cost in told.items()
        for what, total in (("energy", cost.energy), ("time", cost.seconds))
    }


def section(chip: Chip, found: Sensitivity) -> dict[str, Any]:
    """Each coefficient by itself, the widest first, and all of them together."""
    rows = [_row(one, found.nominal) for one in found.moved]
    return {
        "nominal": dict(found.nominal),
        "units": UNITS,
        "coefficients": sorted(rows, key=lambda row: -max(row["swing"].values(), default=0.0)),
        "without_band": [
            name
            for name, one in chip.figures()
            if not isinstance(one, (Limit, Area)) and one.low == one.high
        ],
        "together": {name: one._asdict() for name, one in found.together.items()},
        "distribution": DISTRIBUTION,
        "draws": DRAWS,
        "seed": SEED,
        "quantiles": QUANTILES,
    }


def _row(one: Moved, nominal: Totals) -> dict[str, Any]:
    """A coefficient, the totals at both ends of its band, and the swing between over nominal."""
    known = [name for name, value in nominal.items() if value is not None]
    ends = {name: {"low": one.low[name], "high": one.high[name]} for name in known}
    return {
        "name": one.name,
        **one.figure.model_dump(include={"low", "value", "high", "unit", "status", "confidence"}),
        "totals": ends,
        "swing": {name: _swing(end, nominal[name]) for name, end in ends.items()},
    }


def _swing(end: Mapping[str, float | None], nominal: float | None) -> float:
    if end["low"] is None or end["high"] is None or not nominal:
        return 0.0
    return abs(end["high"] - end["low"]) / nominal
