"""Tables of what training costs on a chip, modelled."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from cells import MARGINAL, NOTHING, table

Result = dict[str, Any]
Results = dict[str, Any]  # file name -> document


SAMPLE = "replayed after training"  # the whole training has each epoch by what it counted


def cost(results: Results, file: str = "cost.json") -> str:
    """What training costs on a chip, on the fewest cores and on the cheapest: ``cost.json``."""
    found = results.get(file)
    if found is None:
        return NOTHING
    points = [p for p in found["points"] if p["chip"] == "loihi1-davies"]
    fewest = points[0]
    best = min(points, key=lambda p: p["rows"]["sample"]["energy"]["figure"]["value"])
    other = next(
        p for p in found["points"] if p["chip"] == "loihi1-sanafe" and p["spread"] == best["spread"]
    )
    columns = [fewest, *([best] if best is not fewest else []), other]
    rows = []
    for phase, label in (
        ("free", "free phase"), ("nudged", "two nudged phases"), ("update", "weight update"),
        ("sample", f"**training sample**, {SAMPLE}"), ("whole", "whole training"),
    ):  # fmt: skip
        for what in ("energy", "time"):
            cells = [
                "unknown" if f"{label} {what}" in p["rows"][phase][what]["lacks"]
                else figure(p["rows"][phase][what])
                for p in columns
            ]  # fmt: skip
            rows.append([f"{label}, {what}", *cells])
    rows.append(["inference, energy", *(figure(p["inference"]["energy"]) for p in columns)])
    rows.append(["inference, time", *(figure(p["inference"]["time"]) for p in columns)])
    kib = [f"{p['memory_bytes'] / 1024:.0f} KiB" for p in columns]
    rows.append(["memory on the chip", *kib])
    heads = [f"{p['chip']}, {p['cores']} cores >" for p in columns]
    compared = table(["modelled, not measured", *heads], rows)
    steps = f"{found['steps']['free']} + 2 x {found['steps']['nudged']}"
    return (
        f"{compared}\n\n{found['network']} on {found['dataset']}, {steps} steps, test error "
        f"{found['test_error']:.2f} % (trained in floating point), {found['samples']} samples "
        "replayed in the chip's integers; every weight written after every sample, both copies of "
        "symmetric ones. Nominal (low to high); ≥: terms are unknown, such as the energy of "
        f"barriers.\n\n{MARGINAL}"
    )


PHASES = (("free", "free phase"), ("nudged", "two nudged phases"), ("update", "weight update"))


def by_calibrated(priced: list[Result], anchors: Result, phases: bool = False) -> str:
    """What trainings cost by chip files that were held against what was measured.

    With `phases`, those of a sample that was replayed after the training as well. Below the table,
    how near the calibrated model came to runs that it was not fitted to.
    """
    points = [(found, point) for found in priced for point in found["points"]]
    rows = [
        [f"{label}, {what}", *(figure(point["rows"][phase][what]) for _, point in points)]
        for phase, label in (PHASES if phases else ())
        for what in ("energy", "time")
    ]
    for label, read in (
        ("training sample, mean", lambda point: point["mean"]),
        ("whole training", lambda point: point["rows"]["whole"]),
        ("inference", lambda point: point["inference"]),
    ):
        for what in ("energy", "time"):
            rows.append([f"{label}, {what}", *(figure(read(point)[what]) for _, point in points)])
    heads = [
        f"{found['dataset']} ({found['test_error']:.2f} %), {point['chip']}, "
        f"{point['cores']} cores >"
        for found, point in points
    ]
    held = anchors["chips"]["loihi1-calibrated"]["held_out"]
    samples = " and ".join(dict.fromkeys(str(found["samples"]) for found in priced))
    return (
        f"{table(['modelled, not measured', *heads], rows)}\n\n{priced[0]['network']}, seed 0, "
        f"{samples} samples replayed; every synapse in its place. (low to high); ≥: terms are "
        "unknown, such as the energy of barriers. Of figures that loihi1-calibrated was not fitted "
        f"to, {held['near']} of {held['tested']} are within a factor of {held['factor']:g} of what "
        "was measured ([one by one](anchors.md))"
    )


def colour(results: Results) -> str:
    """What a training on CIFAR-10 costs: ``cifar-10-cost.json``."""
    found, anchors = results.get("cifar-10-cost.json"), results.get("anchors.json")
    if found is None or anchors is None:
        return NOTHING
    steps = f"{found['steps']['free']} + 2 x {found['steps']['nudged']}"
    return (
        f"{by_calibrated([found], anchors, phases=True)}. {steps} steps; trained in floating "
        "point, every weight written after every sample, both copies of symmetric ones."
    )


def figure(total: Result) -> str:
    """An energy or time with its band: ``≥ 145 (119 to 295) µJ``."""
    figure = total["figure"]
    if figure is None:
        return "unknown"
    if figure["unit"] == "s" and figure["value"] >= 120:
        figure = {k: v if k == "unit" else v / 60 for k, v in figure.items()} | {"unit": "min"}
    size, name = next(
        (size, prefix + figure["unit"])
        for size, prefix in ((1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))
        if figure["value"] >= 0.9 * size or size == 1e-9
    )
    low, middle, high = (_three(figure[k] / size) for k in ("low", "value", "high"))
    return f"{'≥ ' if total['lacks'] else ''}{middle} ({low} to {high}) {name}"


def _three(number: float) -> str:
    """Three digits, and none of them in an exponent."""
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"


TABLES: dict[str, Callable[[Results], str]] = {
    "cost": cost,
    "cifar-cost": colour,
    "conv-cost": partial(cost, file="conv-cost.json"),
    "fashion-cost": partial(cost, file="fashion-cost.json"),
}
