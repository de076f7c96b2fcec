"""Figures of a report on an asynchronous run: its time beside that in steps, and its messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from eqchip.hw_reports.document.readable import amount, name_of
from eqchip.hw_reports.plots.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PALE,
    SMALL,
    VERMILION,
    head,
    label_rows,
    new_figure,
    say,
    si_axis,
)
from eqchip.hw_reports.plots.time import shade_phases

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PARTS = {
    "work": ("work of the busiest core or link", BLUE),
    "waiting": ("waiting for the slowest of each step", ORANGE),
    "barrier": ("barriers", GREY),
    "idle": ("idle time of the busiest core", PALE),
}
CURVES = {
    "in_flight": ("in flight", BLUE),
    "backlog": ("waiting at one core", ORANGE),
    "link_backlog": ("for one link", VERMILION),
}


def times_compared(document: Mapping[str, Any]) -> Figure:
    """Time in steps and simulated time of each phase, and what each is spent on."""
    from matplotlib.patches import Patch

    by_phase = document["asynchronous"]["same_run"]["time"]
    known = {
        phase: one for phase, one in (by_phase or {}).items()
        if one["step_time"]["figure"] is not None and one["idle"] is not None
    }  # fmt: skip
    figure = new_figure(1.5 + 0.75 * max(len(known), 1))
    ax = figure.subplots()
    head(figure, "The same run in steps and without them", document)
    if not known:
        say(ax, "What the times are spent on is unknown.")
        return figure
    label_rows(ax, [name_of(phase, document["labels"]) for phase in known])
    longest = 0.0
    for row, one in enumerate(known.values()):
        simulated = one["simulated"]["figure"]["value"]
        work = min(simulated - one["idle"], simulated)
        steps = one["step_time"]["figure"]["value"] - one["waiting"] - (one["barrier"] or 0.0)
        bars = (
            ("steps", {"work": steps, "waiting": one["waiting"], "barrier": one["barrier"] or 0.0}),
            ("simulated", {"work": work, "idle": max(one["idle"], 0.0)}),
        )
        for place, (name, parts) in zip((-0.2, 0.2), bars, strict=True):
            left = 0.0
            for part, seconds in parts.items():
                ax.barh(row + place, seconds, 0.34, left=left, color=PARTS[part][1])
                left += seconds
            longest = max(longest, left)
            ax.annotate(
                f"{name} {amount(left, 's')}", (left, row + place), xytext=(4, 0),
                textcoords="offset points", va="center", fontsize=SMALL, color=INK,
            )  # fmt: skip
    most = 1.5 * longest or 1.0
    ax.set_xlim(0, most)
    ax.set_xlabel(f"time per sample ({si_axis(ax.xaxis, most, 's')})")
    ax.legend(
        handles=[Patch(facecolor=colour, label=label) for label, colour in PARTS.values()],
        loc="lower left", bbox_to_anchor=(-0.2, 1.0), ncols=2, handlelength=1.2, borderaxespad=0.2,
    )  # fmt: skip
    return figure


def messages_in_flight(document: Mapping[str, Any]) -> Figure:
    """Messages in flight at the end of every nominal period, and the most that waited in it."""
    figure = new_figure(3.1)
    ax = figure.subplots()
    head(figure, "Messages in flight through a training sample", document)
    found = document["asynchronous"]["in_flight"]
    most = 0.0
    for name, (label, colour) in CURVES.items():
        values = np.array(found[name])
        if name != "in_flight" and not values.any():
            continue  # no queue, nothing to show
        ax.plot(np.arange(1, len(values) + 1), values, color=colour, lw=1.4, label=label)
        most = max(most, float(values.max()))
    ax.set_ylim(0, 1.18 * most or 1.0)
    ax.set_ylabel("messages")
    ax.tick_params(axis="y", labelsize=SMALL)
    ax.set_xlabel("nominal period")
    ax.grid(axis="y")
    shade_phases(ax, document, offset=1)
    ax.legend(loc="upper left", bbox_to_anchor=(0.0, -0.22), ncols=3, borderaxespad=0.0)
    return figure
