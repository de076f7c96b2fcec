"""Figures of tasks learned by a gradient through spikes, drawn from their documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from eqchip.hw_reports.plots.style import (
    BLUE,
    INK,
    ORANGE,
    QUIET,
    SMALL,
    VERMILION,
    new_figure,
    saver,
    say,
    title_and_foot,
)
from eqchip.hw_reports.studies.dynamics_plot import DPI, WIDTH, short_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT = 6.4
COLOURS = (BLUE, VERMILION)
# Of a curve: the measure, what it is called, and whether its axis is logarithmic.
MEASURES = {
    "error_spikes": ("error", "log"),
    "accuracy_spikes": ("share right", "linear"),
}


def figure(document: Mapping[str, Any]) -> Figure:
    """Signals and read-out, spikes, learning, and how hard the trials were that were learned from.

    Parameters
    ----------
    document : dict
        From :func:`eqchip.hw_reports.studies.gradient_tasks.document`, or read from its file.
    """
    drawn = new_figure(HEIGHT, WIDTH)
    panels = drawn.subplots(3, 2, width_ratios=(1.7, 1))
    shown = document["shown"]
    for ax, trial in zip(panels[:2, 0], shown["trials"], strict=False):
        _trial(ax, shown["t"], trial)
    panels[0, 0].legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=4, borderaxespad=0.2)
    _raster(panels[2, 0], document)
    _curve(panels[0, 1], document)
    _hard(panels[1, 1], document)
    _after(panels[2, 1], document)
    one = document["seeds"][0]["seed"]
    title_and_foot(
        drawn, f"{document['task']}: {document['title']}",
        f"{document['source']}; trials of seed {one} with spikes alone, curves of all "
        f"{len(document['seeds'])}",
    )  # fmt: skip
    return drawn


def _trial(ax: Axes, t: list[float], trial: Mapping[str, Any]) -> None:
    x, y, wanted = (np.array(trial[name]) for name in ("x", "y", "wanted"))
    counts = np.array(trial["weight"]) > 0
    coded = x.shape == wanted.shape and (x == wanted).all()
    if not coded:
        ax.plot(t, x[:, 0], color=INK, linewidth=0.8, label="pulses")
        ax.plot(t, x[:, 1], color=ORANGE, linewidth=0.8, label="cue")
    for k in range(wanted.shape[1]):
        target = np.where(counts, wanted[:, k], np.nan)
        ax.plot(t, target, color=QUIET, linewidth=2.4, label="wanted" if k == 0 else None)
        ax.plot(t, y[:, k], color=COLOURS[k % 2], linewidth=0.9, label=f"read-out {k + 1}")
    room = 0.35 * max(float(np.ptp(wanted)), 1.0)
    low, high = min(x.min(), wanted.min()), max(x.max(), wanted.max())
    ax.set_ylim(low - room, high + room)
    ax.set_xlim(t[0], t[-1])
    ax.set_ylabel("a trial")


def _raster(ax: Axes, document: Mapping[str, Any]) -> None:
    shown = document["shown"]
    spikes = np.array(shown["spikes"], float).reshape(-1, 2)
    if len(spikes) == 0:
        say(ax, "no unit fires")
        return
    ax.plot((spikes[:, 0] + 1) * shown["dt"], spikes[:, 1], "|", color=INK, markersize=3)
    ax.set_xlim(shown["t"][0], shown["t"][-1])
    ax.set_ylim(-1, document["settings"]["units"])
    ax.set_ylabel("unit, first trial")
    ax.set_xlabel("time, s")


def _curve(ax: Axes, document: Mapping[str, Any]) -> None:
    curves = [seed["curve"] for seed in document["seeds"]]
    measure = next(name for name in MEASURES if name in curves[0][0])
    for curve in curves:
        updates, values = ([point[name] for point in curve] for name in ("updates", measure))
        ax.plot(updates, values, "o-", color=BLUE, markersize=3)
    for goal in document["goals"]:
        if goal["measure"] == measure:
            ax.axhline(goal["bound"], color=QUIET, linestyle=(0, (4, 3)), linewidth=0.8)
            ax.annotate(
                "goal", (0, goal["bound"]), fontsize=SMALL, color=QUIET, va="bottom",
                xytext=(2, 1), textcoords="offset points",
            )  # fmt: skip
    text, scale = MEASURES[measure]
    ax.set_yscale(scale)
    if scale == "log":
        short_ticks(ax.yaxis)
    ax.set_xlim(left=0)
    ax.set_ylabel(text)


def _hard(ax: Axes, document: Mapping[str, Any]) -> None:
    curves = [seed["curve"] for seed in document["seeds"]]
    if len({point["hard"] for curve in curves for point in curve}) == 1:
        say(ax, "all trials alike")
        return
    for curve in curves:
        updates, values = ([point[name] for point in curve] for name in ("updates", "hard"))
        ax.plot(updates, values, "o-", color=BLUE, markersize=3)
    ax.set_xlim(left=0)
    ax.set_ylabel("longest delay, s")
    ax.set_xlabel("updates")


def _after(ax: Axes, document: Mapping[str, Any]) -> None:
    """The measure as trained, of spikes alone and in 8-bit weights, each seed a dot."""
    seeds = [seed["after"] for seed in document["seeds"]]
    stem = "error" if "error" in seeds[0] else "accuracy"
    names = [stem, f"{stem}_spikes", f"{stem}_8_bits"]
    for place, name in enumerate(names):
        values = [one[name] for one in seeds]
        ax.plot([place] * len(values), values, "o", color=BLUE, markersize=4)
    ax.set_xticks(range(3), ["as trained", "spikes alone", "8-bit weights"])
    ax.set_xlim(-0.5, 2.5)
    ax.set_ylim(0.0 if stem == "error" else 0.4, None if stem == "error" else 1.03)
    ax.set_ylabel("error" if stem == "error" else "share right")


save = saver(figure, DPI)
