"""Figures of the price of a graph: energy by kind, what a step waits for, and the mesh."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from eqchip.hw_reports.document.readable import amount, name_of, percent
from eqchip.hw_reports.plots.mesh_maps import traffic_map, utilisation_map
from eqchip.hw_reports.plots.registry import Plot
from eqchip.hw_reports.plots.style import (
    INK,
    SMALL,
    colour_of_kind,
    head,
    label_rows,
    new_figure,
    say,
    si_axis,
    whiskers,
    write_unknown,
)
from eqchip.hw_reports.plots.time import COLOURS, DECIDERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW = 0.36  # inches


def energy_by_kind(document: Mapping[str, Any]) -> Figure:
    """Energy of a sample by kind, the largest first; whiskers from low to high."""
    rows = [
        row
        for row in document["price"]["energy_by_kind"]
        if row["figure"] is None or row["figure"]["high"] > 0
    ]
    rows.sort(key=lambda row: -(row["figure"] or {"value": 0.0})["value"])
    figure = new_figure(1.15 + ROW * max(len(rows), 1))
    ax = figure.subplots()
    head(figure, "Energy per sample by kind", document)
    if not rows:
        say(ax, "No energy is known.")
        return figure
    kinds = [row["kind"] for row in rows]
    label_rows(ax, [name_of(kind, document["labels"]) for kind in kinds])
    _bars(ax, [row["figure"] for row in rows], [colour_of_kind(kind, kinds) for kind in kinds], "J")
    ax.set_xlabel(f"energy per sample ({_axis(ax, 'J')})")
    return figure


def step_waits_for(document: Mapping[str, Any]) -> Figure:
    """The busiest core, the busiest link and the barrier, per time step."""
    price = document["price"]
    found, steps = price["time_parts"], price["steps"]
    figure = new_figure(1.15 + ROW * len(DECIDERS))
    ax = figure.subplots()
    head(figure, "What a time step waits for", document)
    per_step = [
        None if one is None else {**one, **{k: one[k] / steps for k in ("low", "value", "high")}}
        for one in (found[part] for part in DECIDERS)
    ]
    if not any(per_step):
        say(ax, "The parts of a time step are unknown.")
        return figure
    label_rows(ax, list(DECIDERS.values()))
    notes = [
        f" · decides {percent(found['decided'][part])}" if found["decided"].get(part) else ""
        for part in DECIDERS
    ]
    _bars(ax, per_step, [COLOURS[part] for part in DECIDERS], "s", notes)
    ax.set_xlabel(f"time per step ({_axis(ax, 's')})")
    return figure


def _bars(
    ax: Axes, figures: list[Any], colours: list[str], unit: str, notes: list[str] | None = None
) -> None:
    """A bar a row, its value behind it."""
    known = [one["high"] for one in figures if one is not None]
    for row, (one, colour) in enumerate(zip(figures, colours, strict=True)):
        if one is None:
            write_unknown(ax, 0.0, row)
            continue
        ax.barh(row, one["value"], 0.56, color=colour)
        ax.errorbar(one["value"], row, xerr=whiskers(one), color=INK, lw=1.0, capsize=3)
        ax.annotate(
            amount(one["value"], unit) + (notes[row] if notes else ""), (one["high"], row),
            xytext=(6, 0), textcoords="offset points", va="center", fontsize=SMALL,
        )  # fmt: skip
    ax.set_xlim(0, (1.45 if notes is None else 1.8) * max(known, default=0.0) or 1.0)


def _axis(ax: Axes, unit: str) -> str:
    return si_axis(ax.xaxis, ax.get_xlim()[1], unit)


GRAPH_PLOTS = (
    Plot("energy-by-kind", "Bars: energy per sample of each kind of event, with whiskers from low "
         "to high", energy_by_kind, "energy"),
    Plot("step-waits-for", "Bars: time of the busiest core, the busiest link and the barrier in a "
         "time step", step_waits_for, "energy"),
    Plot("utilisation", "Map of the mesh: every core coloured by the largest share of a limit "
         "that it uses", utilisation_map, "mesh"),
    Plot("traffic", "Map of the mesh: every core coloured by its busy time, every link by the "
         "messages that cross it per sample", lambda document: traffic_map(document, "inference"),
         "mesh"),
)  # fmt: skip
