"""Figures of a report on time: what a step takes in each phase, and step by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from eqchip.hw_reports.document.readable import amount, name_of, percent
from eqchip.hw_reports.plots.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PALE,
    QUIET,
    SMALL,
    head,
    label_rows,
    new_figure,
    say,
    si_axis,
    whiskers,
    write_unknown,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Who may decide how long a step takes.
DECIDERS = {"core": "busiest core", "mesh": "busiest link", "barrier": "barrier"}
COLOURS = {"core": BLUE, "mesh": ORANGE, "barrier": GREY}


def steps_of(document: Mapping[str, Any], phase: str) -> int | None:
    """Time steps of a cost phase for one sample; None for the update, which has none."""
    of = "inference" if phase == "inference" else "training"
    found = [
        one["steps"] for one in document["phases"]
        if one["of"] == of and (of == "inference" or one["name"] == phase)
    ]  # fmt: skip
    return sum(found) if found and None not in found else None


def time_by_phase(document: Mapping[str, Any]) -> Figure:
    """Busiest core, busiest link and barrier per time step of each phase, and the update."""
    parts = document["time"]["parts"] or {}
    stepped = [phase for phase in parts if steps_of(document, phase)]
    others = [phase for phase in parts if phase not in stepped]
    figure = new_figure(1.3 + 0.72 * len(parts) + 0.5 * bool(others))
    ratios = [max(len(stepped), 0.6), len(others)] if others else [1]
    panels = np.atleast_1d(figure.subplots(len(ratios), 1, height_ratios=ratios))
    head(figure, "What a time step waits for", document)
    if stepped:
        _bars(panels[0], document, stepped, "time per step")
    else:
        say(panels[0], "The parts of a time step are unknown.")
    if others:
        _bars(panels[1], document, others, "time of the whole phase, per sample")
    return figure


def _bars(ax: Axes, document: Mapping[str, Any], phases: list[str], what: str) -> None:
    from matplotlib.patches import Patch

    time = document["time"]
    label_rows(ax, [_label(document, phase) for phase in phases])
    known = []
    for row, phase in enumerate(phases):
        steps = steps_of(document, phase) or 1
        for k, part in enumerate(DECIDERS):
            y = row + 0.25 * (k - 1)
            figure = (time["parts"][phase] or {}).get(part)
            if figure is None:
                write_unknown(ax, 0.0, y)
                continue
            one = {side: figure[side] / steps for side in ("low", "value", "high")}
            known.append(one["high"])
            ax.barh(y, one["value"], 0.2, color=COLOURS[part])
            ax.errorbar(one["value"], y, xerr=whiskers(one), color=INK, lw=0.9, capsize=2)
            share = (time["bottleneck"][phase] or {}).get(part)
            text = amount(one["value"], "s")
            text += f" · decides {percent(share)}" if share else ""
            ax.annotate(
                text, (one["high"], y), xytext=(5, 0), textcoords="offset points", va="center",
                fontsize=7.5, color=INK if share else QUIET,
            )  # fmt: skip
    most = 1.55 * max(known, default=0.0) or 1.0
    ax.set_xlim(0, most)
    ax.set_xlabel(f"{what} ({si_axis(ax.xaxis, most, 's')})")
    for row in range(1, len(phases)):
        ax.axhline(row - 0.5, color=PALE, lw=0.7)
    if ax.get_subplotspec().rowspan.start == 0:  # type: ignore[union-attr]
        handles = [Patch(facecolor=COLOURS[part], label=DECIDERS[part]) for part in DECIDERS]
        ax.legend(
            handles=handles, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3,
            handlelength=1.2, borderaxespad=0.2,
        )  # fmt: skip


def _label(document: Mapping[str, Any], phase: str) -> str:
    steps = steps_of(document, phase)
    name = name_of(phase, document["labels"])
    return f"{name}\n{steps} steps" if steps else name


def time_of_steps(document: Mapping[str, Any]) -> Figure:
    """Busiest core, busiest link and barrier in each time step of a training sample."""
    figure = new_figure(3.1)
    ax = figure.subplots()
    head(figure, "Step by step through a training sample", document)
    steps = (document["time"]["steps"] or {}).get("training")
    if not steps:
        say(ax, "The time of single steps is unknown.")
        return figure
    most = max((max(values) for values in steps.values() if values), default=0.0) or 1.0
    for part, label in DECIDERS.items():
        if not steps.get(part):
            ax.plot([], [], color=COLOURS[part], label=f"{label}: unknown")
            continue
        rows = np.arange(1, len(steps[part]) + 1)
        ax.plot(rows, steps[part], color=COLOURS[part], lw=1.4, label=label, drawstyle="steps-mid")
    ax.set_ylim(0, 1.18 * most)
    ax.set_ylabel(f"time ({si_axis(ax.yaxis, 1.18 * most, 's')})")
    ax.tick_params(axis="y", labelsize=SMALL)
    ax.set_xlabel("time step")
    ax.grid(axis="y")
    shade_phases(ax, document, offset=1)
    ax.legend(loc="upper left", bbox_to_anchor=(0.0, -0.22), ncols=3, borderaxespad=0.0)
    return figure


def shade_phases(
    ax: Axes, document: Mapping[str, Any], offset: int = 0, words: bool = True
) -> None:
    """Mark where the phases of a training sample begin; every other one is shaded."""
    first = 0
    stepped = [
        one for one in document["phases"] if one["of"] == "training" and one["steps"] is not None
    ]
    for number, one in enumerate(stepped):
        left, right = first + offset - 0.5, first + offset + one["steps"] - 0.5
        if number % 2:
            ax.axvspan(left, right, color="#f1f3f5", lw=0, zorder=0)
        if number:
            ax.axvline(left, color=PALE, lw=0.8)
        if words:
            ax.annotate(
                one["name"], (left, 1.0), xytext=(4, -3),
                xycoords=("data", "axes fraction"), textcoords="offset points", va="top",
                fontsize=SMALL, color=QUIET,
            )  # fmt: skip
        first += one["steps"]
    ax.set_xlim(offset - 0.5, first + offset - 0.5)
