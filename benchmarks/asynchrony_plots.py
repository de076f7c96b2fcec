"""Draw ``benchmarks/results/asynchrony-{distance,spikes,training}.png`` from the files beside.

Run it as ``python benchmarks/asynchrony_plots.py``. Colours and type are those of the reports.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from eqchip.hw_reports.plots.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    SMALL,
    VERMILION,
    figure_style,
    new_figure,
    title_and_foot,
)

RESULTS = Path(__file__).resolve().parent / "results"
LAST = "200"
STYLES = {
    "bernoulli": (GREY, "v", "Bernoulli"),
    "sigma-delta": (ORANGE, "s", "sigma-delta"),
    "constant": (GREEN, "^", "sigma-delta + constant λ"),
    "annealed": (BLUE, "o", "sigma-delta + annealed λ (preset)"),
    "osa": (VERMILION, "D", "OSA"),
    "osa-annealed": (PURPLE, "P", "OSA + annealed λ"),
}
CHIPS = {
    "one clock": "one clock",
    "usual": "usual: spread 0.1, jitter 0.1, delay 1",
    "harsh": "harsh: spread 0.3, jitter 0.3, delay 4 to 6",
}
COLUMNS = 3
SPREADS, DELAYS = (0, 0.1, 0.3), (0.25, 1, 2, 4, 8)  # of `asynchrony_training.py`


def draw_distance(found: dict[str, Any], path: Path) -> None:
    """Distance to the fixed point over each thing that is wrong, a line per coding."""
    points = list(found["knobs"].values())
    knobs = list(dict.fromkeys(p["knob"] for p in points if p["value"] is not None))
    rows = -(-(len(knobs) + 1) // COLUMNS)
    with figure_style():
        figure = new_figure(2.5 * rows, 10.5)
        grid = np.atleast_2d(figure.subplots(rows, COLUMNS, sharey=True)).ravel()
        for axes, knob in zip(grid, knobs, strict=False):
            _panel(axes, found["knobs"], knob)
        for axes in grid[len(knobs) :]:
            axes.axis("off")
        handles, labels = grid[0].get_legend_handles_labels()
        grid[len(knobs)].legend(handles, labels, loc="center left", fontsize=SMALL + 1)
        title = "Distance to the fixed point after 200 periods, one thing wrong at a time"
        foot = _foot(found, "bars: standard deviation over networks; ")
        title_and_foot(figure, title, foot)
        figure.savefig(path, dpi=150)


def _panel(axes: Any, points: dict[str, Any], knob: str) -> None:
    ticks: list[str] = []
    for coding, (colour, marker, label) in STYLES.items():
        mine = [p for p in points.values() if p["coding"] == coding and p["knob"] == knob]
        clocked = points.get(f"{coding}, one clock")
        if not mine or clocked is None:
            continue
        mine = [clocked, *sorted(mine, key=lambda p: p["value"])]
        distance = 1000 * np.array([p["distance"][LAST] for p in mine])
        ticks = ["one\nclock", *(f"{p['value']:g}" for p in mine[1:])]
        axes.errorbar(
            range(len(mine)), distance.mean(1), distance.std(1, ddof=1), color=colour,
            marker=marker, ms=4, lw=1.2, elinewidth=0.8, label=label,
        )  # fmt: skip
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xticks(range(len(ticks)), ticks)
    axes.set_title(knob, loc="left", fontsize=SMALL + 1, color=INK)
    axes.grid(axis="y")
    if axes.get_subplotspec().is_first_col():
        axes.set_ylabel("distance / 1000", fontsize=SMALL)


def draw_spikes(found: dict[str, Any], path: Path) -> None:
    """Distance over spikes spent per unit, a panel per chip."""
    with figure_style():
        figure = new_figure(4.2, 10.5)
        grid = figure.subplots(1, len(CHIPS), sharex=True, sharey=True)
        for axes, (chip, text) in zip(grid, CHIPS.items(), strict=True):
            for coding, (colour, marker, label) in STYLES.items():
                point = found["knobs"].get(f"{coding}, {chip}")
                if point is None:
                    continue
                curve = point["curve"]
                axes.plot(
                    curve["spikes_per_unit"], 1000 * np.array(curve["distance"]), color=colour,
                    marker=marker, ms=3, lw=1.2, label=label,
                )  # fmt: skip
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.xaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_major_formatter("{x:g}")
            axes.set_title(text, loc="left", fontsize=SMALL + 1, color=INK)
            axes.set_xlabel("spikes per unit so far", fontsize=SMALL + 1)
            axes.grid()
        grid[0].set_ylabel("distance to the fixed point / 1000", fontsize=SMALL + 1)
        grid[0].legend(loc="lower left")
        title = "What a coding pays in spikes to come near the fixed point"
        title_and_foot(figure, title, _foot(found))
        figure.savefig(path, dpi=150)


def draw_training(found: dict[str, dict[str, Any]], path: Path) -> None:
    """Test error over clock spread and over delay, a row per data set that was studied."""
    with figure_style():
        figure = new_figure(3.1 * len(found) + 0.4, 9.0)
        grid = figure.subplots(len(found), 2, squeeze=False, sharey="row")
        for row, (dataset, document) in zip(grid, found.items(), strict=True):
            points = document["points"]
            clocked = next(
                (p for p in points if p["timing"] == "one clock" and not p.get("remedied")), None
            )
            most = 0.0
            for axes, varies, fixed, series, colours in (
                (row[0], "clock_spread", "delay", (1.0, 4.0), (BLUE, SKY)),
                (row[1], "delay", "clock_spread", (0.1, 0.3), (BLUE, SKY)),
            ):
                for value, colour in zip(series, colours, strict=True):
                    line = [p for p in points if p["timing"] != "one clock" and p[fixed] == value]
                    most = max([most, *(max(p["test_error"]) for p in line)])
                    name = f"delay {value:g}" if fixed == "delay" else f"spread {100 * value:g} %"
                    remedied = [p for p in line if p.get("remedied")]
                    _line(axes, [p for p in line if p not in remedied], varies, colour, name)
                    _line(axes, remedied, varies, GREEN, f"{name}, clocks restart, averaged", "s--")
                if clocked is not None:
                    _one_clock(axes, clocked["test_error"])
                    most = max([most, *clocked["test_error"]])
                axes.grid(axis="y")
                axes.set_title(
                    f"{dataset}: over {varies.replace('_', ' ')}", loc="left", fontsize=SMALL + 1
                )
                axes.set_xlabel(
                    "clock spread" if varies == "clock_spread" else "delay in periods",
                    fontsize=SMALL + 1,
                )
            row[0].set_xlim(-0.02, 0.32)
            row[0].set_xticks(SPREADS)
            row[1].set_xscale("log", base=2)
            row[1].set_xlim(0.9 * DELAYS[0], 1.1 * DELAYS[-1])
            row[1].set_xticks(DELAYS, [f"{delay:g}" for delay in DELAYS])
            row[0].set_ylabel("test error (%)", fontsize=SMALL + 1)
            row[0].set_ylim(0, 1.2 * most or 1.0)
            row[0].legend(loc="lower right")
            row[1].legend(loc="lower right")
        document = next(iter(found.values()))
        foot = f"each dot a seed; eqchip {document['provenance']['eqchip']}"
        title_and_foot(figure, "Training without a global clock", foot)
        figure.savefig(path, dpi=150)


def _line(
    axes: Any,
    points: list[dict[str, Any]],
    varies: str,
    colour: str,
    label: str,
    style: str = "o-",
) -> None:
    if not points:
        return
    points = sorted(points, key=lambda p: p[varies])
    x = [p[varies] for p in points]
    middle = [np.mean(p["test_error"]) for p in points]
    axes.plot(x, middle, style, color=colour, lw=1.4, ms=4, label=label)
    for at, point in zip(x, points, strict=True):
        errors = point["test_error"]
        axes.plot([at] * len(errors), errors, style[0], color=colour, ms=3, alpha=0.5)


def _one_clock(axes: Any, errors: list[float]) -> None:
    axes.axhline(np.mean(errors), color=ORANGE, lw=1.4, label="one clock")
    if len(errors) > 1:
        axes.axhspan(min(errors), max(errors), color=ORANGE, alpha=0.15, lw=0)


def _foot(found: dict[str, Any], bars: str = "") -> str:
    network = found["network"]
    return (
        f"{'-'.join(map(str, network['layers']))} on {network['dataset']}, "
        f"{len(network['seeds'])} networks and chips x {network['samples'][0]} samples; "
        f"{bars}eqchip {found['provenance']['eqchip']}"
    )


def main() -> None:
    """Draw what there is."""
    distance = RESULTS / "asynchrony-distance.json"
    if distance.exists():
        found = json.loads(distance.read_text())
        draw_distance(found, RESULTS / "asynchrony-distance.png")
        draw_spikes(found, RESULTS / "asynchrony-spikes.png")
    trained = {}
    for dataset in ("digits", "mnist"):
        path = RESULTS / f"asynchrony-{dataset}.json"
        if path.exists():
            trained[dataset] = json.loads(path.read_text())
    if trained:
        draw_training(trained, RESULTS / "asynchrony-training.png")


if __name__ == "__main__":
    main()
