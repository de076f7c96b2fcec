"""Test error against what a training sample costs: a panel a cost, a mark an entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from eqchip.hw_reports.plots.style import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    QUIET,
    SKY,
    VERMILION,
    figure_style,
    linear_si_axis,
    log_si_axis,
    new_figure,
    title_and_foot,
)
from eqchip.rulebench.table import AXES, Axis, value_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT, DPI = 7.6, 6.4, 160
COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, INK, QUIET)
MARKERS = {"common": "o", "own best": "D"}
ROOM = 1.3  # beside the outermost marks
LINEAR = 6.0  # ratio up to which a linear axis shows them all


def draw(document: Mapping[str, Any], dataset: str, chip: str, image: Any) -> None:
    """Draw the rows of one data set and chip into an open PNG file."""
    rows = [r for r in document["rows"] if (r["dataset"], r["chip"]) == (dataset, chip)]
    kinds = list(dict.fromkeys(row["rule"] for row in document["rows"]))
    colours = {rule: COLOURS[n % len(COLOURS)] for n, rule in enumerate(kinds)}
    with figure_style():
        figure = new_figure(HEIGHT, WIDTH)
        panels = figure.subplots(2, 2, sharey=True)
        for n, (ax, axis) in enumerate(zip(panels.flat, AXES, strict=True)):
            _panel(ax, rows, axis, colours)
            if n % 2 == 0:
                ax.set_ylabel("test error (%)")
        _legend(panels.flat[0], rows, colours)
        title_and_foot(
            figure,
            f"Learning rules on {dataset}, priced by {chip}",
            f"modelled, not measured; bars: low to high, and deviation over seeds · "
            f"{near(document, chip)} · eqchip {document['provenance']['eqchip']}",
        )
        figure.savefig(image, format="png", dpi=DPI)


def near(document: Mapping[str, Any], chip: str) -> str:
    """How far the model of a chip is from what was measured."""
    found = document["residuals"].get(chip)
    if not found or not found["tested"]:
        return "of no measured run"
    return f"{found['near']} of {found['tested']} measured figures within a factor of 2"


def _panel(
    ax: Axes, rows: Sequence[Mapping[str, Any]], axis: Axis, colours: Mapping[str, str]
) -> None:
    known = [row for row in rows if (value_of(row, axis) or 0.0) > 0]
    values = [value_of(row, axis) or 0.0 for row in known]
    for row, value in zip(known, values, strict=True):
        ax.errorbar(
            value, row["test_error"], yerr=row["test_error_deviation"] or 0.0,
            xerr=_band(row, axis, value), fmt=MARKERS[row["way"]], color=colours[row["rule"]],
            ms=5.5, mfc=colours[row["rule"]] if row["where"] == "on chip" else "white",
            elinewidth=0.7, alpha=0.95, zorder=3,
        )  # fmt: skip
    front = sorted(
        (value, row["test_error"])
        for row, value in zip(known, values, strict=True)
        if axis.name in row["fronts"]
    )
    if front:
        ax.step(*zip(*front, strict=True), where="post", color=INK, lw=1.0, zorder=2)
    _scale(ax, axis, [end for row in known for end in _ends(row, axis)])


def _scale(ax: Axes, axis: Axis, ends: Sequence[float]) -> None:
    """From the lowest to the highest end of a band, and 0 where they are near one another."""
    if ends and max(ends) > LINEAR * min(ends):
        ax.set_xscale("log")
        log_si_axis(ax.xaxis, axis.unit)
        ax.set_xlim(min(ends) / ROOM, max(ends) * ROOM)
        ax.set_xlabel(axis.label)
        return
    ax.set_xlim(0.0, 1.1 * max(ends, default=1.0))
    unit = linear_si_axis(ax, axis.unit)
    ax.set_xlabel(f"{axis.label} ({unit})" if unit else axis.label)


def _ends(row: Mapping[str, Any], axis: Axis) -> tuple[float, ...]:
    figure = row[axis.name]["figure"] if axis.unit in ("J", "s") else None
    value = value_of(row, axis) or 0.0
    return (value,) if figure is None else (figure["low"] or value, figure["high"])


def _band(row: Mapping[str, Any], axis: Axis, value: float) -> list[list[float]] | None:
    figure = row[axis.name]["figure"] if axis.unit in ("J", "s") else None
    if figure is None:
        return None
    return [[value - figure["low"]], [figure["high"] - value]]


def _legend(ax: Axes, rows: Sequence[Mapping[str, Any]], colours: Mapping[str, str]) -> None:
    for rule, colour in colours.items():
        if any(row["rule"] == rule for row in rows):
            ax.plot([], [], "o", color=colour, label=rule)
    for way, marker in MARKERS.items():
        ax.plot([], [], marker, color=QUIET, mfc="none", label=way)
    ax.plot([], [], color=INK, lw=1.0, label="Pareto front")
    ax.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2, ncols=4, labelcolor=INK,
        handlelength=1.2, columnspacing=1.2,
    )  # fmt: skip
