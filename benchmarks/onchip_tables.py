"""Tables of what learning on the chip reaches: sweeps, and its cost beside measured chips."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import mean
from typing import Any

from cells import NOTHING, spread, table, thousands
from cost_tables import by_calibrated, figure
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


SPREAD = 10  # times the fewest cores, at which both levels were priced

# What is shown of a training to the end: its file, what a core sees, and of a change.
TRAINED = (
    ("mnist-on-chip", "traces", "exact"),
    ("mnist-on-chip-larger-steps", "traces", "exact"),
    ("mnist-on-chip-periodic", "traces, copies `periodic`", "exact"),
    ("mnist-on-chip-change-7", "traces", "7 bits and a sign"),
    ("mnist-on-chip-signed-spikes", "signed-spikes", "up to {change_spikes} spikes"),
    ("mnist-on-chip-loihi-engine", "loihi-engine, copies `periodic`", "in no way"),
)


def trained(results: Results) -> str:
    """Errors of trainings to the end, by what a core sees, and what they wrote."""
    rows = []
    for study, sees, change in TRAINED:
        found = results.get(f"{study}.json")
        if found is None:
            return NOTHING
        epochs = range(found["epochs"])
        writes, moved = (
            thousands(mean(curve[n] for curve in found[name] for n in epochs))
            if name in found
            else ""  # files of earlier versions
            for name in ("weights_attempted_curves", "weights_applied_curves")
        )
        rows.append([
            sees, change.format(**found["settings"]["on_chip"]),
            found["settings"]["coding"]["step_size"]["value"],
            spread(found["validation_error"]), spread(found["test_error"]),
            len(found["seeds"]), writes, moved,
        ])  # fmt: skip
    shown = table(
        ["sees", "a change is told", "step size >", "validation error, % >", "test error, % >",
         "seeds >", "weights attempted a sample >", "changed >"],
        rows,
    )  # fmt: skip
    return (
        f"{shown}\n\n784-500-10 on MNIST, {found['epochs']} epochs, each with its own settings, "
        "chosen on validation data; the test set was read once, at the end. Mean ± standard "
        "deviation of the seeds; that a test set has 10,000 samples adds 0.15 points. Writes: mean "
        "over the training."
    )


# Trainings of kernels: their file, what they learned, and what a weight holds below its code.
CONVOLVED_COSTS = ("mnist-on-chip-conv-cost.json", "fashion-on-chip-conv-cost.json")
CONVOLVED = (
    ("mnist-on-chip-conv", "MNIST"),
    ("mnist-on-chip-conv-accumulators", "MNIST"),
    ("fashion-mnist-on-chip-conv", "FashionMNIST"),
    ("fashion-mnist-on-chip-conv-accumulators", "FashionMNIST"),
)


def convolved(results: Results) -> str:
    """Errors of trainings with convolutions on the chip, their events and writes."""
    rows = []
    for study, task in CONVOLVED:
        found = results.get(f"{study}.json")
        if found is None:
            return NOTHING
        epochs = range(found["epochs"])
        rows.append([
            task, found["settings"]["on_chip"]["accumulator_bits"], found["epochs"],
            spread(found["validation_error"]), spread(found["test_error"]), len(found["seeds"]),
            thousands(mean(found["events_per_sample"])),
            *(thousands(mean(curve[n] for curve in found[name] for n in epochs))
              for name in ("weights_attempted_curves", "weights_applied_curves")),
        ])  # fmt: skip
    shown = table(
        ["", "bits below a code >", "epochs >", "validation error, % >", "test error, % >",
         "seeds >", "events a training sample >", "weights attempted >", "changed >"],
        rows,
    )  # fmt: skip
    return (
        f"{shown}\n\n{found['network']}. Mean ± standard deviation of the seeds; the test set was "
        "read once a run, at the end. Events of the last epoch; writes: mean over the training."
    )


def convolved_cost(results: Results) -> str:
    """What these trainings cost, by the calibrated chip file and that of Loihi 2."""
    anchors = results.get("anchors.json")
    priced = [results[name] for name in CONVOLVED_COSTS if name in results]
    if not priced or anchors is None:
        return NOTHING
    return f"{by_calibrated(priced, anchors)}; Loihi 1 could not run this rule."


def windows(results: Results) -> str:
    """What spikes that tell of changes cost, beside a run without."""
    files = {"traces": "onchip-one-model.json", "signed-spikes": "onchip-signed-cost.json"}
    if any(name not in results for name in files.values()):
        return NOTHING
    rows, chips = [], ("loihi1-calibrated", "loihi2")
    for sees, name in files.items():
        for row in ("update", "sample"):
            cells = []
            for chip in chips:
                points = [p for p in results[name]["points"] if p["chip"] == chip]
                (point,) = (p for p in points if p["spread"] == SPREAD)
                cells += [figure(point["rows"][row][what]) for what in ("energy", "time")]
            rows.append(
                [sees, {"update": "weight update", "sample": "training sample"}[row], *cells]
            )
    heads = [f"{what} by {chip} >" for chip in chips for what in ("energy", "time")]
    return table(["sees", "modelled, not measured", *heads], rows)


def grid(results: Results, files: tuple[str, ...], axes: dict[str, str]) -> str:
    """Validation errors and writes of sweeps, a row a point; axes: setting -> its column."""
    if any(name not in results for name in files):
        return NOTHING
    found: dict[str, list[str]] = {}
    for name in files:
        for point in results[name]["points"]:
            settings = {**results[name]["settings"], **point}
            cells = [_setting(settings[axis]) for axis in axes]
            found["; ".join(cells)] = [
                *cells, f"{point['validation_error']:.2f}",
                thousands(point["weights_attempted"]), thousands(point["weights_applied"]),
            ]  # fmt: skip
    heads = [f"{column} >" for column in axes.values()]
    return table(
        [*heads, "validation error, % >", "weights attempted a sample >", "changed >"],
        found.values(),
    )


def _setting(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_setting(part) for part in value)
    return value if isinstance(value, str) else f"{value:g}"


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
    "on-chip-conv": convolved,
    "on-chip-conv-cost": convolved_cost,
    "on-chip-copies": copies,
    "on-chip-levels": levels,
    "on-chip-trained": trained,
    "on-chip-windows": windows,
    "on-chip-engine": partial(
        grid,
        files=tuple(
            f"onchip-engine-{name}.json" for name in ("rates", "ranges", "fine", "finest", "cut")
        ),
        axes={"copies": "copies", "weight_range": "range", "lr_scale": "rates x"},
    ),
    "on-chip-spikes": partial(
        grid,
        files=tuple(
            f"onchip-spikes-{name}.json" for name in ("counts", "number", "ranges", "fine")
        ),
        axes={
            "trace_bits": "bits of a count",
            "change_spikes": "spikes at most",
            "weight_range": "range",
            "lr_scale": "rates x",
        },
    ),
    "on-chip-threshold": threshold,
    "on-chip-minibatches": minibatches,
}
