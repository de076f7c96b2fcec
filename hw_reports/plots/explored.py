"""The figure of an exploration: energy against time, and the front."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING, Any

from eqchip.hw_reports.document.explored import value_of
from eqchip.hw_reports.plots.registry import Plot
from eqchip.hw_reports.plots.style import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    QUIET,
    SKY,
    SMALL,
    SPARE_COLOURS,
    VERMILION,
    key_below,
    log_si_axis,
    new_figure,
    say,
    short,
    shortened,
    title_and_foot,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, *SPARE_COLOURS)
HEIGHT, MOST_NAMED = 4.0, 24


def energy_over_time(document: Mapping[str, Any]) -> Figure:
    """All points, a colour a chip; those of the front are filled, numbered as in the table."""
    from matplotlib.lines import Line2D

    figure = new_figure(HEIGHT)
    ax = figure.subplots()
    title_and_foot(
        figure, "Energy and time of a sample",
        f"{document['statement']} · {shortened(str(document['subject']))} · "
        f"eqchip {document['provenance']['eqchip']}",
    )  # fmt: skip
    rows, front = document["rows"], document["front"]
    known = [k for k, row in enumerate(rows) if value_of(row, "energy") and value_of(row, "time")]
    if not known:
        say(ax, "Of no point both energy and time are known.")
        return figure
    colours = dict(zip(document["axes"]["chip"], cycle(COLOURS), strict=False))
    at = {k: (value_of(rows[k], "time") or 0.0, value_of(rows[k], "energy") or 0.0) for k in known}
    for k in known:
        colour = colours[rows[k]["settings"]["chip"]]
        filled = {"color": colour} if k in front else {"color": colour, "mfc": "white"}
        ax.plot(*at[k], "o", ms=6 if k in front else 5, **filled)
    # From the cheapest on, in turn above and below: neighbours do not write over each other.
    for turn, k in enumerate([k for k in front if k in at][:MOST_NAMED]):
        ax.annotate(
            str(k + 1), at[k], xytext=(0, -14 if turn % 2 == 0 else 7), ha="center",
            textcoords="offset points", fontsize=SMALL, color=INK,
        )  # fmt: skip
    ax.set_xscale("log")
    ax.set_yscale("log")
    log_si_axis(ax.xaxis, "s")
    log_si_axis(ax.yaxis, "J")
    for axis, values in ((ax.set_xlim, [x for x, _ in at.values()]),
                         (ax.set_ylim, [y for _, y in at.values()])):  # fmt: skip
        low, high = min(values), max(values)
        room = max((high / low) ** 0.08, 1.3)
        axis(low / room, high * room)
    _plain(ax)
    ax.grid(which="both")
    ax.set_xlabel("time of a sample")
    ax.set_ylabel("energy of a sample")
    handles = [
        Line2D([], [], ls="", marker="o", color=colour, label=shortened(str(chip)))
        for chip, colour in colours.items()
    ]
    handles.append(
        Line2D([], [], ls="", marker="o", color=QUIET, mfc="white", label="beaten by another")
    )
    key_below(ax, handles, HEIGHT - 1.4, 0.5, loc="upper left", ncols=2, labelcolor=QUIET)
    return figure


def _plain(ax: Any) -> None:
    """Ticks between the decades where there are too few decades to read by."""
    from matplotlib.ticker import FuncFormatter, LogLocator

    for axis, (low, high), unit in (
        (ax.xaxis, ax.get_xlim(), "s"), (ax.yaxis, ax.get_ylim(), "J"),
    ):  # fmt: skip
        if high / low < 30:
            axis.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0), numticks=9))
            axis.set_major_formatter(FuncFormatter(lambda value, _, unit=unit: short(value, unit)))


EXPLORED_PLOTS = (
    Plot("pareto", "Dots on logarithmic axes: energy over time of each point, a colour a chip; "
         "those that no other beats are filled", energy_over_time),
)  # fmt: skip
