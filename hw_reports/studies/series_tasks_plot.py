"""Figures of series that are coded and read out, drawn from their documents."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import mean
from typing import TYPE_CHECKING, Any

import numpy as np

from eqchip.hw_reports.plots.style import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    QUIET,
    VERMILION,
    new_figure,
    saver,
    title_and_foot,
)
from eqchip.hw_reports.studies.dynamics_plot import DPI, WIDTH, short_ticks
from eqchip.hw_reports.studies.series_tasks import WORK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT = 4.2
COLOURS = {"channels": QUIET, "echo state": GREEN, "balanced": BLUE, "balanced, spikes in": ORANGE}
MARKERS = {"channels": "s", "echo state": "^", "balanced": "o", "balanced, spikes in": "D"}


def figure(document: Mapping[str, Any]) -> Figure:
    """What was asked and answered, and error against work of every setting.

    Parameters
    ----------
    document : dict
        From :func:`eqchip.hw_reports.studies.series_tasks.document`, or read from its file.
    """
    drawn = new_figure(HEIGHT, WIDTH)
    left, right = drawn.subplots(1, 2, width_ratios=(1.3, 1))
    shown = document["shown"]
    if "wanted" in shown["balanced"]:
        _forecast(left, document)
    else:
        _case(left, document)
    _work(right, document)
    seeds = document["coders"]["balanced"]["seeds"]
    title_and_foot(
        drawn, f"{document['task']}: {document['title']}",
        f"{document['source']}; {len(seeds)} seeds: small marks a setting's mean error of "
        "validation, large ones the test of what validation chose",
    )  # fmt: skip
    return drawn


def _forecast(ax: Axes, document: Mapping[str, Any]) -> None:
    shown = document["shown"]
    wanted = np.array(shown["balanced"]["wanted"])
    t = np.arange(len(wanted)) * document["frame"]
    ax.plot(t, wanted, color=QUIET, linewidth=2.4, label="what came")
    for kind, colour in (("channels", VERMILION), ("balanced", BLUE)):
        ax.plot(t, shown[kind]["found"], color=colour, linewidth=0.9, label=f"foretold, {kind}")
    ax.set_xlim(t[0], t[-1])
    ax.set_xlabel("time, s")
    ax.set_ylabel("the series")
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, borderaxespad=0.2)


def _case(ax: Axes, document: Mapping[str, Any]) -> None:
    """Spikes of the first test case."""
    shown = document["shown"]["balanced"]
    spikes = np.array(shown["spikes"], float).reshape(-1, 2)
    seconds = shown["frames"] * document["frame"]
    steps = document["settings"]["steps_a_second"]
    ax.plot(spikes[:, 0] / steps, spikes[:, 1], "|", color=INK, markersize=3)
    ax.set_xlim(0, seconds)
    ax.set_ylim(-1, document["settings"]["units"])
    ax.set_xlabel("time, s")
    ax.set_ylabel("unit, first case of the test")


def _work(ax: Axes, document: Mapping[str, Any]) -> None:
    for kind, coder in document["coders"].items():
        seeds = coder["seeds"]
        readout = coder["per_second"]["readout_macs"]["mean"]
        for place in range(len(seeds[0]["tried"])):
            tried = [seed["tried"][place] for seed in seeds]
            work = mean(_events(one["per_second"]) for one in tried) + readout
            error = mean(one["validation"] for one in tried)
            ax.plot(work, error, MARKERS[kind], color=COLOURS[kind], markersize=3)
        ax.plot(
            mean(_events(seed["per_second"]) for seed in seeds), coder["test"]["error"]["mean"],
            MARKERS[kind], color=COLOURS[kind], markersize=7, label=kind, markeredgecolor=INK,
        )  # fmt: skip
    ax.set_xscale("log")
    ax.set_yscale("log")
    short_ticks(ax.xaxis)
    short_ticks(ax.yaxis)
    ax.grid(visible=True)
    ax.set_xlabel("synaptic events and products, a second")
    ax.set_ylabel("error")
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, borderaxespad=0.2)


def _events(counts: Mapping[str, float]) -> float:
    return sum(counts.get(name, 0.0) for name in ("synaptic_events", *WORK))


save = saver(figure, DPI)
