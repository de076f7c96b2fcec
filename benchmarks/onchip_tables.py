"""Tables of what learning on the chip reaches: sweeps, and its cost beside published chips."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import mean
from typing import Any

from cells import NOTHING, UNCALIBRATED, spread, table, thousands

from eqchip.mapping.anchors.anchor import load_anchors

Results = dict[str, Any]

CHIP = "loihi1-davies"


def beside_measured(results: Results) -> str:
    """Ours beside what was measured on Loihi: ``mnist-on-chip.json``, ``onchip-cost.json``."""
    reached, priced = results.get("mnist-on-chip.json"), results.get("onchip-cost.json")
    if reached is None or priced is None:
        return NOTHING
    error = spread(reached["test_error"])
    rows = []
    for point in priced["points"]:
        if point["chip"] == CHIP:
            sample = point["rows"]["sample"]
            rows.append([
                f"**EP, {priced['network']}**, {point['cores']} cores", "modelled", f"{error}",
                _figure(sample["energy"], 1e6, "µJ"), _figure(sample["time"], 1e3, "ms"),
            ])  # fmt: skip
    for anchor in (one.to_dict() for one in load_anchors()):
        if anchor["hardware"] != "Loihi 1" or anchor["training_energy"] is None:
            continue
        rows.append([
            f"{anchor['method']}, {anchor['network']} ({anchor['name']})",
            anchor["status"],
            f"{100 - anchor['accuracy']:.1f}",
            _amount(anchor["training_energy"], 1e6, "µJ"),
            _amount(anchor["training_time"], 1e3, "ms"),
        ])  # fmt: skip
    shown = table(
        ["training on the chip, MNIST", "", "test error, % >", "energy a training sample >",
         "time >"],
        rows,
    )  # fmt: skip
    return (
        f"{shown}\n\nOurs: every sample learned from by itself, 8-bit weights, spike counts of "
        f"7 bits, {len(reached['test_error'])} seeds, emulated to the bit and priced by "
        f"{CHIP} from the counts of the first; nominal (low to high); ≥: the energy of barriers is "
        "unknown. Loihi 1 itself could not run this rule: its synapses are not told the change of "
        "their neuron, and its messages have no payload (those of this run, few, are priced as "
        "spikes). The others were measured on the chip.\n\n"
        f"{UNCALIBRATED}"
    )


def _figure(total: dict[str, Any], scale: float, unit: str) -> str:
    figure = total["figure"]
    low, middle, high = (f"{scale * figure[k]:.3g}" for k in ("low", "value", "high"))
    return f"{'≥ ' if total['lacks'] else ''}{middle} ({low} to {high}) {unit}"


def _amount(value: float | None, scale: float, unit: str) -> str:
    if value is None:
        return "unknown"
    shown = scale * value
    return f"{shown:,.0f} {unit}" if shown >= 1000 else f"{shown:.3g} {unit}"


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
    "on-chip": beside_measured,
    "on-chip-bits": partial(bits, files=("onchip-bits.json", "onchip-few-bits.json")),
    "on-chip-copies": copies,
    "on-chip-levels": levels,
    "on-chip-threshold": threshold,
    "on-chip-minibatches": minibatches,
}
