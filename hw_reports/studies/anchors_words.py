"""The table and the sentences of measured runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eqchip.hw_reports.document.readable import UNKNOWN, amount, band, digits, short_total
from eqchip.hw_reports.studies.anchors import FITTED, HELD_OUT

COLUMNS = (
    "measured on a chip", "per sample", "measured", "modelled", "low – high",
    "modelled / measured", "",
)  # fmt: skip
CONTAINS = {"all": "energy", "dynamic": "energy, dynamic", "cores": "energy of events on cores"}


def rows(document: Mapping[str, Any]) -> list[list[str]]:
    """A row for the energy and the time of each run."""
    found = []
    for row in document["rows"]:
        modelled = row["modelled"]
        unit = "J" if row["what"] == "energy" else "s"
        found.append([
            f"{row['run']}, {row['hardware']}",
            CONTAINS.get(row["contains"] or "", row["what"]),
            amount(row["measured"], unit),
            short_total(modelled),
            band(modelled["figure"]),
            "" if row["ratio"] is None else ratio(row),
            row["role"],
        ])  # fmt: skip
    return found


def ratio(row: Mapping[str, Any]) -> str:
    """Modelled over measured, with its range: ``0.78 (0.40 to 1.6)``."""
    low, high = row["ratio_band"]
    return f"{digits(row['ratio'])} ({digits(low)} to {digits(high)})"


def sentences(document: Mapping[str, Any]) -> list[str]:
    """What the ratios are worth."""
    found, chip = document["held_out"], document["chip"]["name"]
    fitted = [f"{r['run']} {r['what']}" for r in document["rows"] if r["role"] == FITTED]
    lines = [
        f"{chip}: fitted to {', '.join(fitted)}." if fitted
        else f"{chip}: no figure of it was fitted to any of these.",
        f"Held out: {found['near']} of {found['tested']} within a factor of {found['factor']:g}.",
    ]  # fmt: skip
    for far in found["far"]:
        why = f" ({far['off']})" if far["off"] else ""
        lines.append(f"Not: {far['run']}, {far['what']}, {digits(far['ratio'])} times{why}.")
    for row in document["rows"]:
        lacks = row["modelled"]["lacks"]
        if row["role"] == HELD_OUT and lacks and row["ratio"] is not None:
            lines.append(f"Lower bounds (≥): they lack {', '.join(lacks)}.")
            break
    lines.append(
        "Bands: low counts at low figures to high counts at high ones; ranges of counts are what "
        f"publications leave open. {UNKNOWN.capitalize()}: not measured, or not in what we read."
    )
    return lines
