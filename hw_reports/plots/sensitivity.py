"""Figures of a report on what its totals move with: a tornado each of energy and of time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from eqchip.hw_reports.document.moves import TOTALS, widest
from eqchip.hw_reports.document.readable import amount
from eqchip.hw_reports.plots.style import (
    BLUE,
    INK,
    ORANGE,
    PALE,
    QUIET,
    SMALL,
    head,
    key_below,
    label_rows,
    linear_si_axis,
    new_figure,
    say,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Document = Mapping[str, Any]
ROW = 0.25  # inches
SHOWN, LEAST_ROWS = 8, 3  # coefficients of a panel, and the rows that it has room for at least


def moves_of_energy(document: Document) -> Figure:
    """Energy of a training sample and of an inference, over the band of each coefficient."""
    return _tornados(document, "energy")


def moves_of_time(document: Document) -> Figure:
    """The same of time."""
    return _tornados(document, "time")


def _tornados(document: Document, what: str) -> Figure:
    section = document.get("sensitivity")
    if section is None:
        figure = new_figure(1.5)
        head(figure, f"What the {what} moves with", document)
        say(figure.subplots(), "A report of an older version does not tell.")
        return figure
    names = [f"{of}_{what}" for of in ("training", "inference")]
    names = [name for name in names if name in section["nominal"]]
    rows = [max(len(widest(section, name, SHOWN)) + 1, LEAST_ROWS) for name in names]
    figure = new_figure(2.6 + ROW * sum(rows))
    head(figure, f"What the {what} moves with", document)
    panels = figure.subplots(len(names), 1, height_ratios=rows, squeeze=False)[:, 0]
    for ax, name in zip(panels, names, strict=True):
        _tornado(ax, section, name)
    _key(panels[-1], ROW * rows[-1], section)
    return figure


def _tornado(ax: Axes, section: Document, name: str) -> None:
    """A bar a coefficient from low to high end around the nominal total; below, all of them."""
    nominal, unit = section["nominal"][name], section["units"][name]
    if nominal is None:
        say(ax, f"The {TOTALS[name]} is unknown.")
        return
    rows, together = widest(section, name, SHOWN), section["together"][name]
    label_rows(ax, [f"{row['name']}, {row['status']}" for row in rows] + ["all together"])
    ax.tick_params(axis="y", labelsize=SMALL)
    ends = [nominal, together["low"], together["high"]]
    for y, row in enumerate(rows):
        for end, colour in (("low", BLUE), ("high", ORANGE)):
            at = row["totals"][name][end]
            ax.barh(y, at - nominal, 0.62, left=nominal, color=colour)
            ends.append(at)
    width = together["high"] - together["low"]
    ax.barh(len(rows), width, 0.62, left=together["low"], color=PALE)
    ax.plot([together["median"]] * 2, [len(rows) - 0.31, len(rows) + 0.31], color=INK, lw=1.4)
    ax.axvline(nominal, color=INK, lw=0.9)
    room = 0.06 * (max(ends) - min(ends)) or 0.1 * nominal or 1.0
    ax.set_xlim(max(min(ends) - room, 0.0), max(ends) + room)
    ax.set_xlabel(f"{TOTALS[name]} ({linear_si_axis(ax, unit)})")
    ax.annotate(
        amount(nominal, unit), (nominal, -0.6), xytext=(0, 2), textcoords="offset points",
        ha="center", va="bottom", fontsize=SMALL, color=QUIET,
    )  # fmt: skip


def _key(ax: Axes, height: float, section: Document) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    within = section["quantiles"]["high"] - section["quantiles"]["low"]
    handles = [
        Patch(color=BLUE, label="at the low end of its band"),
        Patch(color=ORANGE, label="at the high end"),
        Patch(color=PALE, label=f"{100 * within:.0f} % of {section['draws']} draws"),
        Line2D([], [], color=INK, lw=0.9, label="nominal; short: median"),
    ]
    key_below(ax, handles, height, 0.5, x=1.0, loc="upper right", ncols=2, labelcolor=QUIET)
