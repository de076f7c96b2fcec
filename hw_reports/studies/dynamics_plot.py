"""Figures of tasks that are learned in time, drawn from their documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from eqchip.emulator.description.dynamics.layer import best_fast
from eqchip.hw_reports.plots.style import (
    BLUE,
    GREEN,
    INK,
    QUIET,
    SMALL,
    VERMILION,
    new_figure,
    saver,
    say,
    title_and_foot,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT, DPI = 9.6, 6.4, 150
CHANNELS = (BLUE, VERMILION, GREEN)
MOST_WEIGHTS = 2000  # dots of a scatter


def figure(document: Mapping[str, Any]) -> Figure:
    """Signal and read-out before and after, spikes, currents, learning, weights: of the first seed.

    Parameters
    ----------
    document : dict
        From :func:`eqchip.hw_reports.studies.dynamics.document`, or read from its file.
    """
    drawn = new_figure(HEIGHT, WIDTH)
    panels = drawn.subplots(3, 2, width_ratios=(1.7, 1))
    _signal(panels[0, 0], document["shown"]["before"], "before learning")
    _signal(panels[1, 0], document["shown"]["after"], "after")
    _raster(panels[2, 0], document)
    _curve(panels[0, 1], document)
    _currents(panels[1, 1], document["shown"]["after"])
    _weights(panels[2, 1], document["shown"])
    one = document["seeds"][0]["seed"]
    title_and_foot(
        drawn, f"{document['task']}: {document['title']}",
        f"{document['source']}; seed {one}, the learning curve of all {len(document['seeds'])}",
    )  # fmt: skip
    return drawn


def plain_ticks(axis: Any) -> None:
    """Numbers at the ticks of a logarithmic axis, without powers of ten."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def short_ticks(axis: Any) -> None:
    """As `plain_ticks`, but powers of ten of two digits and more as ``1e-04``."""
    from matplotlib.ticker import FuncFormatter

    plain_ticks(axis)
    axis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:g}" if 1e-3 <= value < 1e3 else f"{value:.0e}")
    )


def _signal(ax: Axes, shown: Mapping[str, Any], when: str) -> None:
    t, x, y = (np.array(shown[name]) for name in ("t", "x", "y"))
    for d in range(min(x.shape[1], len(CHANNELS))):
        ax.plot(t, x[:, d], color=QUIET, linewidth=2.2, label="signal" if d == 0 else None)
        ax.plot(t, y[:, d], color=CHANNELS[d], linewidth=0.9, label=f"read-out, channel {d + 1}")
    low, high = x.min(), x.max()
    room = 0.35 * max(high - low, 1e-9)
    ax.set_ylim(low - room, high + room)  # a read-out that runs away leaves the picture
    ax.set_xlim(t[0], t[-1])
    ax.set_ylabel(when)
    if when != "after":
        ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=4, borderaxespad=0.2)


def _raster(ax: Axes, document: Mapping[str, Any]) -> None:
    shown, units = document["shown"], document["settings"]["units"]
    spikes = np.array(shown["after"]["spikes"], float).reshape(-1, 2)
    t = shown["after"]["t"]
    if len(spikes) == 0:
        say(ax, "no unit fires")
        return
    ax.plot((spikes[:, 0] + 1) * shown["dt"], spikes[:, 1], "|", color=INK, markersize=3)
    ax.set_xlim(t[0], t[-1])
    ax.set_ylim(-1, units)
    ax.set_ylabel("unit, after")
    ax.set_xlabel("time, s")


def _curve(ax: Axes, document: Mapping[str, Any]) -> None:
    curves = [seed["curve"] for seed in document["seeds"]]
    measure = "error" if "error" in curves[0][0] else "period_error"
    for curve in curves:
        seconds = [point["seconds"] for point in curve]
        ax.plot(
            seconds,
            [np.nan if point[measure] is None else point[measure] for point in curve],
            "o-",
            color=BLUE,
            markersize=3,
        )
    for goal in document["goals"]:
        if goal["measure"] == measure:
            ax.axhline(goal["bound"], color=QUIET, linestyle=(0, (4, 3)), linewidth=0.8)
            ax.annotate(
                "goal", (0, goal["bound"]), fontsize=SMALL, color=QUIET, va="bottom",
                xytext=(2, 1), textcoords="offset points",
            )  # fmt: skip
    ax.set_xscale("symlog", linthresh=max(curves[0][1]["seconds"], 1.0))
    ax.set_yscale("log")
    plain_ticks(ax.xaxis)
    plain_ticks(ax.yaxis)
    ax.set_xlim(left=0)
    ax.set_xlabel("seconds learned")
    ax.set_ylabel("error" if measure == "error" else "error of the period")


def _currents(ax: Axes, shown: Mapping[str, Any]) -> None:
    t, currents = np.array(shown["t"]), np.array(shown["currents"])
    if not currents.any():
        say(ax, "currents are not probed in integers")
        return
    ax.plot(t, currents[:, 0], color=VERMILION, linewidth=0.9, label="excitation")
    ax.plot(t, currents[:, 1], color=BLUE, linewidth=0.9, label="inhibition, turned over")
    ax.set_xlim(t[0], t[-1])
    ax.set_xlabel("time, s")
    ax.set_ylabel("currents, unit 0")
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, borderaxespad=0.2)


def _weights(ax: Axes, shown: Mapping[str, Any]) -> None:
    slow = "slow" in shown  # where they learned, and it is known what from
    now = np.array(shown["slow" if slow else "fast"])
    best = np.array(shown["slow_best"]) if slow else _best_fast(shown)
    off = ~np.eye(len(now), dtype=bool)
    x, y = best[off], now[off]
    every = max(len(x) // MOST_WEIGHTS, 1)
    ax.plot(x[::every], y[::every], ".", color=BLUE, markersize=2)
    ends = [x.min(), x.max()]
    ax.plot(ends, ends, color=QUIET, linewidth=0.8)
    ax.set_xlabel("slow weight at its best" if slow else "fast weight in balance")
    ax.set_ylabel("slow weight, after" if slow else "fast weight, after")


def _best_fast(shown: Mapping[str, Any]) -> np.ndarray:
    return best_fast(np.array(shown["feedforward"]), shown["cost"])


def _of_any(document: Mapping[str, Any]) -> Figure:
    """The figure of a task, or of a comparison."""
    from eqchip.hw_reports.studies.dynamics_compared import FIGURES

    draw = figure if "rows" not in document else FIGURES[document.get("task", "turns")]
    return draw(document)


save = saver(_of_any, DPI)
