"""Tables of what learning on the chip reaches: sweeps, and its cost beside measured chips."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import mean
from typing import Any

from cells import NOTHING, table, thousands
from one_model_table import by_one_model

Results = dict[str, Any]


def bits(results: Results, files: tuple[str, ...]) -> str:
    """Validation error over the bits of weights, accumulators and traces."""
    points = [p for f in files if f in results for p in results[f]["points"]]
    if not points:
        return NOTHING
    rows = []
    for weight in (8, 4, 2):
        for accumulator in (0, 8):
            cells = [f"{weight} + {accumulator}"]
            for trace in (7, 4, 2):
                found = [
                    p for p in points
                    if (p["weight_bits"], p["accumulator_bits"], p.get("trace_bits", 7))
                    == (weight, accumulator, trace)
                ]  # fmt: skip
                if not found:
                    cells.append("")
                    continue
                best = min(found, key=lambda p: p["validation_error"])
                largest = best["weight_range"][0]
                cells.append(f"{best['validation_error']:.2f} (± {largest:g})")
            rows.append(cells)
    return table(
        ["bits of a weight + accumulator", "trace of 7 bits >", "of 4 bits >", "of 2 bits >"], rows
    )


def copies(results: Results) -> str:
    """Validation error and drift by what keeps the copies alike: ``onchip-copies.json``."""
    found = results.get("onchip-copies.json")
    if found is None:
        return NOTHING
    rows = [
        [
            point["sees"], point["copies"], point["accumulator_bits"],
            f"{point['validation_error']:.2f}",
            ", ".join(f"{100 * drift:.0f} %" for drift in point["drift"]),
            thousands(point["weights_attempted"]), thousands(point["weights_applied"]),
        ]
        for point in found["points"]
    ]  # fmt: skip
    return table(
        ["sees", "copies", "accumulator bits >", "validation error, % >", "drift >",
         "weights attempted a sample >", "changed >"],
        rows,
    )  # fmt: skip


def levels(results: Results) -> str:
    """Validation error by what a core sees: ``onchip-levels.json``."""
    found = results.get("onchip-levels.json")
    if found is None:
        return NOTHING
    scales = sorted({p["lr_scale"] for p in found["points"]}, reverse=True)
    rows = []
    for sees in dict.fromkeys(p["sees"] for p in found["points"]):
        of = {p["lr_scale"]: p for p in found["points"] if p["sees"] == sees}
        rows.append([
            sees,
            *(f"{of[scale]['validation_error']:.2f}" for scale in scales),
            thousands(mean(p["weights_attempted"] for p in of.values())),
        ])  # fmt: skip
    heads = [f"rates x {scale:g}: validation error, % >" for scale in scales]
    return table(["sees", *heads, "weights attempted a sample >"], rows)


def threshold(results: Results) -> str:
    """Validation error and writes by the change that is too small: ``onchip-threshold.json``."""
    found = results.get("onchip-threshold.json")
    if found is None:
        return NOTHING
    rows = [
        [
            f"{found['settings']['weight_bits']} + {point['accumulator_bits']}",
            f"{point['threshold']:g}",
            f"{point['validation_error']:.2f}",
            thousands(point["weights_attempted"]), thousands(point["weights_applied"]),
            *(f"{units:.1f}" for units in point["units_changed"][1:]),
        ]
        for point in found["points"]
    ]  # fmt: skip
    return table(
        ["bits of a weight + accumulator", "threshold >", "validation error, % >",
         "weights attempted a sample >", "changed >", "hidden units changed a sample >",
         "outputs >"],
        rows,
    )  # fmt: skip


def minibatches(results: Results) -> str:
    """Validation error and writes by the size of a minibatch: ``onchip-minibatches.json``."""
    found = results.get("onchip-minibatches.json")
    if found is None:
        return NOTHING
    rows = [
        [
            str(point["minibatch"]), f"{point['rates_times']:g}",
            f"{point['validation_error']:.2f}",
            thousands(point["attempted"]), thousands(point["applied"]),
        ]
        for point in found["points"]
    ]  # fmt: skip
    return table(
        ["minibatch >", "rates x >", "validation error, % >", "weights attempted a sample >",
         "changed >"],
        rows,
    )  # fmt: skip


TABLES: dict[str, Callable[[Results], str]] = {
    "on-chip": by_one_model,
    "on-chip-bits": partial(bits, files=("onchip-bits.json", "onchip-few-bits.json")),
    "on-chip-copies": copies,
    "on-chip-levels": levels,
    "on-chip-threshold": threshold,
    "on-chip-minibatches": minibatches,
}
