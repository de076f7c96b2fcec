"""Where the panels of a watched sample stand: alone for a page, together for one picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from eqchip.emulator.description.asynchronous import OF_SYNAPSES
from eqchip.hw_reports.page.svg import inline, png
from eqchip.hw_reports.plots.style import INK, QUIET, TEXT, figure_style
from eqchip.hw_reports.watch.axes import Document
from eqchip.hw_reports.watch.panels import LEFT, Panel, panels_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Inches. Margins are fixed, not fitted: so that all panels of a column share one time axis.
COLUMN, PAGE_COLUMN = 6.2, 5.4
BEFORE, AFTER = 0.86, 0.92  # left of the axes: names; right: names of lines
TITLE, PHASES, BETWEEN, BELOW = 0.3, 0.22, 0.07, 0.48
HEADING, FOOT = 0.62, 0.25


def picture(document: Document) -> Figure:
    """All panels in two columns, under one heading."""
    panels = panels_of(document)
    columns = [
        [panel for panel in panels if (panel.name in LEFT) == left] for left in (True, False)
    ]
    figure = _sheet(document, columns, COLUMN, HEADING)
    height = figure.get_figheight()
    predicted, subject = document["predictions"], document["subject"]
    figure.text(
        0.12 / figure.get_figwidth(), 1 - 0.1 / height, document["title"], va="top", ha="left",
        fontsize=TEXT + 4, fontweight="bold", color=INK,
    )  # fmt: skip
    figure.text(
        0.12 / figure.get_figwidth(), 1 - 0.36 / height,
        f"{timing_text(document)}. Predicted: {predicted['asynchronous']} asynchronous, "
        f"{predicted['synchronous']} synchronous, {predicted['fixed_point']} at the fixed point; "
        f"label {subject['label']}.",
        va="top", ha="left", fontsize=TEXT, color=QUIET,
    )  # fmt: skip
    figure.text(
        1 - 0.12 / figure.get_figwidth(), 0.08 / height,
        f"{document['statement']} · eqchip {document['provenance']['eqchip']}",
        va="bottom", ha="right", fontsize=7, color=QUIET,
    )  # fmt: skip
    return figure


def picture_png(document: Document) -> bytes:
    """`picture` as a PNG."""
    with figure_style():
        return png(picture(document))


def page_figures(document: Document) -> dict[str, str]:
    """Markup of every panel by itself, by its name."""
    found = {}
    with figure_style():
        for panel in panels_of(document):
            figure = _sheet(document, [[panel]], PAGE_COLUMN)
            found[panel.name] = inline(figure, f"watch-{panel.name}", panel.alt)
    return found


def _sheet(
    document: Document,
    columns: Sequence[Sequence[Panel]],
    column_width: float,
    heading: float = 0.0,
) -> Figure:
    from matplotlib.figure import Figure  # no pyplot: it would want a display, and keep state

    heights = [[list(panel.heights(document)) for panel in column] for column in columns]
    needed = [
        sum(TITLE + PHASES + sum(rows) + BETWEEN * (len(rows) - 1) + BELOW for rows in column)
        for column in heights
    ]
    whole = max(needed) + heading + (FOOT if heading else 0.0)
    width = column_width * len(columns)
    figure = Figure(figsize=(width, whole), facecolor="white")
    for number, (column, rows_of) in enumerate(zip(columns, heights, strict=True)):
        # The shorter column is stretched: both end at the same height.
        stretch = (max(needed) - needed[number]) / sum(map(sum, rows_of))
        top, left = whole - heading, column_width * number + BEFORE
        for panel, rows in zip(column, rows_of, strict=True):
            figure.text(
                (column_width * number + 0.12) / width, (top - 0.06) / whole, panel.title, va="top",
                ha="left", fontsize=TEXT + 1, fontweight="bold", color=INK,
            )  # fmt: skip
            top -= TITLE + PHASES
            axes: list[Any] = []
            for row in rows:
                height = row * (1 + stretch)
                top -= height
                box = (left / width, top / whole)
                size = ((column_width - BEFORE - AFTER) / width, height / whole)
                axes.append(figure.add_axes((*box, *size)))
                top -= BETWEEN
            top += BETWEEN - BELOW
            panel.draw(axes, document)
    return figure


def timing_text(document: Document) -> str:
    """Clocks, delays, queues and faults in a few words."""
    timing = document["timing"]
    clocks, delays, queues, faults = (
        timing[name] for name in ("clocks", "delays", "queues", "faults")
    )
    spread = f"± {100 * clocks['spread']:g} %" if clocks["spread"] else "all the same"
    parts = [f"a clock per {clocks['per']}, periods {spread}"]
    if clocks["offset"]:
        parts.append(f"offsets up to {clocks['offset']:g}")
    if clocks["jitter"]:
        parts.append(f"jitter {clocks['jitter']:g}")
    if clocks["spread"] and not clocks["calibrated"]:
        parts.append("decoders not calibrated")
    delay = f"delay {delays['fixed']:g}"
    delay += f" to {delays['fixed'] + delays['jitter']:g}" if delays["jitter"] else ""
    delay += f" and {delays['hop']:g} a hop" if delays["hop"] else ""
    parts.append(delay)
    if queues["synaptic_event"] or queues["link"]:
        parts.append("queues")
    if faults["loss"]:
        parts.append(f"{100 * faults['loss']:g} % of messages lost")
    for name in ("stuck_at_0", "stuck_at_1"):
        if faults[name]:
            share = faults[name]
            some = f"{100 * share:g} % of" if isinstance(share, float) else f"{len(share)}"
            parts.append(f"{some} units {name.replace('_', ' ')}")
    for name in OF_SYNAPSES:
        if faults.get(name):
            parts.append(f"{100 * faults[name]:g} % of {name.replace('_', ' ')}")
    if faults["stopped"]:
        parts.append(f"{len(faults['stopped'])} cores stop")
    return ", ".join(parts)
