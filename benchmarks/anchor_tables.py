"""Tables of measured runs: what the model says beside what was measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cells import NOTHING, table
from cost_tables import figure

from eqchip.hw_reports.document.readable import UNKNOWN, amount
from eqchip.hw_reports.studies.anchors_words import CONTAINS, ratio

Results = dict[str, Any]  # file name -> document

CALIBRATED, PUBLISHED = "loihi1-calibrated", "loihi1-davies"


def anchors(results: Results) -> str:
    """Every measured run by the calibrated chip and by published costs: ``anchors.json``."""
    found = results.get("anchors.json")
    if found is None:
        return NOTHING
    ours, published = (found["chips"][chip] for chip in (CALIBRATED, PUBLISHED))
    rows = []
    for row, other in zip(ours["rows"], published["rows"], strict=True):
        if row["ratio"] is None:
            continue
        unit = "J" if row["what"] == "energy" else "s"
        rows.append([
            row["run"], CONTAINS.get(row["contains"] or "", row["what"]),
            amount(row["measured"], unit), figure(row["modelled"]), ratio(row), row["role"],
            ratio(other),
        ])  # fmt: skip
    shown = table(
        ["measured on a chip", "per sample", "measured >", f"modelled by {CALIBRATED} >",
         "modelled / measured >", "", f"the same by {PUBLISHED} >"],
        rows,
    )  # fmt: skip
    told = ours["held_out"]
    far = [f"{one['run']}, {one['what']}: {one['off']}" for one in told["far"]]
    return (
        f"{shown}\n\nNominal (low to high); ≥: terms are {UNKNOWN}. Held out, "
        f"{told['near']} of {told['tested']} are within a factor of {told['factor']:g}. "
        f"Not within it: {'; '.join(far)}."
    )


TABLES: dict[str, Callable[[Results], str]] = {"anchors": anchors}
