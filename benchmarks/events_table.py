"""Tables of recordings of an event camera: streams beside counts, and how near to rest they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from cells import NOTHING, table
from cost_tables import figure

Results = dict[str, Any]  # file name -> document
SHOWN = {"moving-digits": "stream of events", "moving-digits-counted": "counts, as numbers"}


def events(results: Results) -> str:
    """Test errors over seeds, ``events.json``."""
    found = results.get("events.json")
    if found is None:
        return NOTHING
    rows = []
    for data, shown in SHOWN.items():
        for kind in ("dense", "conv"):
            of = [one for one in found["rows"] if (one["data"], one["kind"]) == (data, kind)]
            if not of:
                continue
            mean = {
                name: float(np.mean([one[name] for one in of]))
                for name in ("input_spikes", "synaptic_events", "train_synaptic_events")
            }
            rows.append(
                [
                    shown, f"`{of[0]['network']}`", str(len(of)),
                    *(_over([one[f"{part}_error"] for one in of]) for part in PARTS),
                    *(f"{mean[name]:,.0f}" for name in mean),
                ]
            )  # fmt: skip
    columns = [
        "input", "network", "seeds >", "validation error, % >", "test error, % >", "input spikes >",
        "synaptic events, classified >", "synaptic events, trained >",
    ]  # fmt: skip
    return table(columns, rows)


PARTS = ("validation", "test")


def limit(results: Results) -> str:
    """How near streams are to rest, ``events.json``."""
    found = results.get("events.json")
    if found is None:
        return NOTHING
    rows = []
    for kind, of in found["limit"].items():
        for name, shown in (("stream", SHOWN["moving-digits"]), ("numbers", "its mean, a current")):
            cosines = ", ".join(f"{one:.2f}" for one in of[name]["cosines"])
            rows.append([kind, shown, f"{of[name]['distance']:.2f}", cosines])
    columns = ["network", "input", "distance from rest >", "cosine with the contrast at rest"]
    return table(columns, rows)


def _over(errors: list[float]) -> str:
    """Mean and standard deviation over seeds."""
    spread = f" ± {np.std(errors, ddof=1):.1f}" if len(errors) > 1 else ""
    return f"{np.mean(errors):.1f}{spread}"


def cost(results: Results) -> str:
    """Modelled prices of streams and counts, ``events-cost.json``."""
    found = results.get("events-cost.json")
    if found is None:
        return NOTHING
    rows = []
    for one in found["rows"]:
        for priced in one["points"]:
            sample, inference = priced["rows"]["sample"], priced["inference"]
            rows.append(
                [
                    SHOWN[one["data"]], f"`{one['network']}`", priced["chip"], priced["cores"],
                    *(figure(part[what]) for part in (sample, inference) for what in MEASURED),
                ]
            )  # fmt: skip
    columns = [
        "input", "network", "chip", "cores >", "energy, a training sample >",
        "time, a training sample >", "energy, a classification >", "time, a classification >",
    ]  # fmt: skip
    note = (
        f"**Modelled, not measured**: {found['replayed']} samples of each replayed in the chip's "
        "integers after training, one seed, on the fewest cores; every weight written after every "
        "sample. ≥: terms are unknown."
    )
    return f"{table(columns, rows)}\n\n{note}"


MEASURED = ("energy", "time")

TABLES: dict[str, Callable[[Results], str]] = {
    "events": events, "events-limit": limit, "events-cost": cost,
}  # fmt: skip
