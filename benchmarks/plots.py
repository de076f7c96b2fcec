"""Draw ``frontier.png`` and ``conv-frontier.png`` in ``benchmarks/results``.

Run it as ``python benchmarks/plots.py``.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from accuracy_tables import CONVOLUTIONS, messages
from exits_table import between
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from eqchip.hw_reports.studies.learning_curves import BLUE, GREEN, ORANGE

VALIDATION, TEST = 5000, 10000  # samples; the first as in the preset
RESULTS = Path(__file__).resolve().parent / "results"
PRICED_BY = "loihi1-davies"  # which has priced all of them
SERIES = {"spikes": (BLUE, "o", "input as spikes"), "current": (ORANGE, "s", "input as a current")}


def main() -> None:
    """Both plots, as far as there are results."""
    frontier()
    if (RESULTS / "conv-frontier.json").exists():
        conv_frontier()


def conv_frontier() -> None:
    """Test error of convolutions against events of a classification, and against its energy."""
    results = {path.name: json.loads(path.read_text()) for path in RESULTS.glob("*.json")}
    figure = Figure(figsize=(14, 5), layout="constrained")
    mnist, fashion, energy = figure.subplots(1, 3, width_ratios=(1.9, 1, 1))
    studies = [results[f"{name}.json"] for name in CONVOLUTIONS if f"{name}.json" in results]
    points = [*studies, *results["conv-frontier.json"]]
    points.sort(key=lambda point: fmean(point["test_events_per_sample"]))
    named = []
    for k, point in enumerate(points, start=1):
        real, pooled = point["coding"].startswith("none"), "p" in point["network"]
        colour, marker = (ORANGE, "s") if real else (BLUE, "o") if pooled else (GREEN, "^")
        events = fmean(point["test_events_per_sample"])
        named.append(f"{k}  {point['network'].removeprefix('28x28-')}: {_told(point)}")
        error = fmean(point["test_error"])
        _point(mnist, events, error, colour, marker)
        mnist.annotate(str(k), (events, error), (5, 0), fontsize=8, textcoords="offset points")
    mnist.text(0.2, 0.98, "\n".join(named), fontsize=8, va="top", transform=mnist.transAxes)
    for one in _of_fashion(results):
        for axes, x in ((fashion, one.events / 1e6), (energy, one.energy)):
            end = _point(axes, x, one.error, GREEN, one.marker)
            axes.annotate(one.label, (x, end), (0, 5), fontsize=7, ha="center",
                          textcoords="offset points")  # fmt: skip
    mnist.set_xlabel("synaptic events and multiply-accumulates per classification")
    fashion.set_xlabel("the same, in millions")
    energy.set_xlabel(f"energy by {PRICED_BY} (µJ)")
    mnist.set(xscale="log", yscale="log")
    mnist.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    mnist.yaxis.set_major_formatter(ScalarFormatter())
    mnist.yaxis.set_minor_formatter(NullFormatter())
    for axes, title, margins in (
        (mnist, "MNIST. Green: strided, weak feedback; blue: pooled, full feedback;\n"
         "orange: the same with real values in place of bits", (0.12, 0.25)),
        (fashion, "FashionMNIST, 24c6s2z2-80c4s2z1-128-10;\n"
         "diamond: a sample ends when an output leads", (0.3, 0.2)),
        (energy, "The same: energy of a classification, modelled,\nnot measured; lower bounds",
         (0.3, 0.2)),
    ):  # fmt: skip
        axes.margins(*margins)
        axes.set_ylabel("test error (%) and its standard error")
        axes.set_title(title, loc="left", fontsize=9)
        axes.grid(alpha=0.25, which="both")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(RESULTS / "conv-frontier.png", dpi=130)


class _Ends(NamedTuple):
    """A point of FashionMNIST: how a sample ends, its events, its energy in microjoules."""

    label: str
    events: float
    error: float
    energy: float
    marker: str


def _of_fashion(results: dict[str, Any]) -> list[_Ends]:
    preset, exits = results["fashion-mnist-conv.json"], results["fashion-exits.json"]
    found = [
        _Ends(
            _told(preset).replace(", ", "\n"), fmean(preset["test_events_per_sample"]),
            fmean(preset["test_error"]), 1e6 * _by(PRICED_BY, results["fashion-cost.json"]), "^",
        )
    ]  # fmt: skip
    for point in exits["points"]:
        if not point["test"] or "precision" in point:  # not read, or in a chip's integers
            continue
        steps = fmean(one["steps"] for one in point["test"])
        priced = between(exits["prices"], PRICED_BY, steps, "energy")["figure"]["value"]
        ends = f"--sure {point['sure']:g}\n{steps:.1f} steps" if "sure" in point else "12 steps"
        label = f"{ends}\n{exits['epochs']} epochs"
        found.append(
            _Ends(
                label, fmean(one["events"] for one in point["test"]),
                fmean(one["error"] for one in point["test"]), 1e6 * priced,
                "D" if "sure" in point else "^",
            )
        )  # fmt: skip
    return found


def _told(point: dict[str, Any]) -> str:
    weaker = messages(point).partition(",")[2]
    return f"{point['steps']['free']} steps, {point['epochs']} epochs" + f",{weaker}" * bool(weaker)


def _by(chip: str, cost: dict[str, Any]) -> float:
    """The energy of a classification on the fewest cores of a chip, in J."""
    first = next(point for point in cost["points"] if point["chip"] == chip)
    return float(first["inference"]["energy"]["figure"]["value"])


def _point(axes: Axes, x: float, error: float, colour: str, marker: str) -> float:
    """A point with the standard error of its test set; the upper end of that."""
    spread = 100 * math.sqrt(error / 100 * (1 - error / 100) / TEST)
    axes.errorbar(x, error, spread, color=colour, marker=marker, capsize=3)
    return error + spread


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
