"""Draw ``frontier.png`` and ``conv-frontier.png`` in ``benchmarks/results``.

Run it as ``python benchmarks/plots.py``.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

from matplotlib.figure import Figure
from tables import CONVOLUTIONS

from eqchip.hw_reports.curves import BLUE, ORANGE

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
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    widest = max(max(point["test_events_per_sample"]) for point in points)
    for point in points:
        errors, events = point["test_error"], point["test_events_per_sample"]
        mean = sum(errors) / len(errors)
        spread = 100 * math.sqrt(mean / 100 * (1 - mean / 100) / TEST)
        real = point["coding"].startswith("none")
        x = sum(events) / len(events)
        axes.errorbar(x, mean, spread, color=ORANGE if real else BLUE, marker="s" if real else "o",
                      capsize=3)  # fmt: skip
        steps = point["steps"]
        text = f"{point['network'].removeprefix('28x28-')}\n{steps['free']} steps"
        last = x == widest  # its label stands inside the frame
        axes.annotate(text, (x, mean), (-8, -8) if last else (6, 8), textcoords="offset points",
                      ha="right" if last else "left", fontsize=8)  # fmt: skip
    axes.set_xscale("log")
    axes.margins(x=0.3)
    axes.set_ylim(0, 1.5 * max(max(p["test_error"]) for p in points))
    axes.set_xlabel("synaptic events and multiply-accumulates per classification")
    axes.set_ylabel("test error (%) and its standard error")
    axes.set_title("Convolutions on MNIST; blue: bits, orange: real values in their place",
                   loc="left", fontsize=10)  # fmt: skip
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
