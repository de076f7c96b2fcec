"""Draw ``frontier.png`` and ``conv-frontier.png`` in ``benchmarks/results``.

Run it as ``python benchmarks/plots.py``.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from statistics import fmean

from accuracy_tables import CONVOLUTIONS
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from eqchip.hw_reports.studies.learning_curves import BLUE, GREEN, ORANGE

VALIDATION, TEST = 5000, 10000  # samples; the first as in the preset
RESULTS = Path(__file__).resolve().parent / "results"
SERIES = {"spikes": (BLUE, "o", "input as spikes"), "current": (ORANGE, "s", "input as a current")}


def main() -> None:
    """Both plots, as far as there are results."""
    frontier()
    if (RESULTS / "conv-frontier.json").exists():
        conv_frontier()


def conv_frontier() -> None:
    """Test error against events of a classification, a point per network."""
    points = json.loads((RESULTS / "conv-frontier.json").read_text())
    for name in CONVOLUTIONS:
        if (RESULTS / f"{name}.json").exists():
            points.append(json.loads((RESULTS / f"{name}.json").read_text()))
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    points.sort(key=lambda point: fmean(point["test_events_per_sample"]))
    for k, point in enumerate(points):
        error, events = fmean(point["test_error"]), fmean(point["test_events_per_sample"])
        spread = 100 * math.sqrt(error / 100 * (1 - error / 100) / TEST)
        real, pooled = point["coding"].startswith("none"), "p" in point["network"]
        colour, marker = (ORANGE, "s") if real else (BLUE, "o") if pooled else (GREEN, "^")
        axes.errorbar(events, error, spread, color=colour, marker=marker, capsize=3)
        text = f"{point['network'].removeprefix('28x28-')}\n{point['steps']['free']} steps"
        above = k % 2 == 1  # neighbours are named on opposite sides
        axes.annotate(text, (events, error), (0, 12 if above else -12), fontsize=8, ha="center",
                      textcoords="offset points", va="bottom" if above else "top")  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.margins(x=0.15, y=0.3)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("synaptic events and multiply-accumulates per classification")
    axes.set_ylabel("test error (%) and its standard error")
    title = "Convolutions on MNIST. Green: strided, weak feedback; blue: pooled, full feedback;"
    axes.set_title(f"{title}\norange: the same with real values in place of bits", loc="left",
                   fontsize=10)  # fmt: skip
    axes.grid(alpha=0.25, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(RESULTS / "conv-frontier.png", dpi=150)


def frontier() -> None:
    """Error against events, a line per way to clamp the input, a label per number of steps."""
    points = json.loads((RESULTS / "frontier.json").read_text())
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    for mode, (colour, marker, label) in SERIES.items():
        line = sorted(
            (p["events_per_sample"][0], p["validation_error"][0], p["steps"])
            for p in points
            if p["settings"]["input"] == mode
        )
        errors = [y for _, y, _ in line]
        spread = [100 * math.sqrt(y / 100 * (1 - y / 100) / VALIDATION) for y in errors]
        axes.errorbar([x for x, _, _ in line], errors, spread, color=colour, marker=marker,
                      capsize=3, label=label)  # fmt: skip
        for x, y, steps in line:
            text = f"{steps['free']} + {len(steps['nudged'])} x {steps['nudged'][0]}"
            axes.annotate(
                text, (x, y), (4, 24), textcoords="offset points", fontsize=8, rotation=30
            )
    axes.set_xscale("log")
    axes.set_ylim(0, 1.25 * max(p["validation_error"][0] for p in points))
    axes.set_xlabel("synaptic events and multiply-accumulates per training sample")
    axes.set_ylabel("validation error (%) and its standard error")
    axes.set_title(f"784-500-10 on MNIST after {points[0]['epochs']} epochs; labels: free + nudged "
                   "time steps", loc="left", fontsize=10)  # fmt: skip
    axes.grid(alpha=0.25, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(RESULTS / "frontier.png", dpi=150)


if __name__ == "__main__":
    main()
