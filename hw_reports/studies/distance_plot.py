"""What figures of distances to a fixed point share: axes, bands, and names at the ends of lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from eqchip.hw_reports.plots.style import apart

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GREY = "#8c8c8c"
WIDTH, HEIGHT, DPI = 8.0, 4.8, 200
TEXT = 9
LABEL_GAP = 0.045  # least distance of two labels, in shares of the axis


def distance_axes(steps: int, means: np.ndarray, x: str) -> tuple[Figure, Axes]:
    """A figure with distances on a log axis that shows all of these, over so many steps."""
    from matplotlib.figure import Figure  # no pyplot: it would want a display, and keep state

    drawn = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, layout="constrained")
    axes = drawn.add_subplot()
    low = means[means > 0].min() if (means > 0).any() else 1e-3
    axes.set_yscale("log")
    axes.set_ylim(low / 1.5, max(float(means.max()), low) * 1.3)
    axes.set_xlim(1, steps)
    axes.set_xlabel(x, fontsize=TEXT + 1)
    axes.set_ylabel("mean |s − s*| over units", fontsize=TEXT + 1)
    axes.tick_params(labelsize=TEXT)
    axes.grid(axis="y", which="major", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return drawn, axes


def draw_band(axes: Axes, t: np.ndarray, found: Mapping[str, Sequence[float]], colour: str) -> None:
    """Means with their intervals, at steps t."""
    floor = axes.get_ylim()[0] / 10  # a log axis has no 0
    mean, low, high = (np.maximum(found[name], floor) for name in ("mean", "low", "high"))
    axes.fill_between(t, low, high, color=colour, alpha=0.17, linewidth=0)
    axes.plot(t, mean, color=colour, linewidth=1.3)


def label_ends(
    axes: Axes,
    codings: Sequence[Mapping[str, Any]],
    ends: Sequence[float],
    colours: Mapping[str, str],
) -> None:
    """The label of each coding at the end of its line, moved apart where lines meet."""
    bottom, top = axes.get_ylim()
    heights = np.log(np.maximum(ends, bottom) / bottom) / np.log(top / bottom)
    order = np.argsort(heights, kind="stable")
    for k, place in zip(order, apart(heights[order], LABEL_GAP), strict=True):
        colour = colours.get(codings[k]["name"], GREY)
        axes.plot(
            [1.005, 1.03], [heights[k], place], color=colour, linewidth=0.7, clip_on=False,
            transform=axes.transAxes,
        )  # fmt: skip
        axes.text(
            1.037, place, codings[k]["label"], color=colour, fontsize=TEXT, va="center",
            transform=axes.transAxes,
        )  # fmt: skip


def say_below_title(axes: Axes, title: str, text: str) -> None:
    """A title, and in small type below it what was measured."""
    axes.set_title(title, fontsize=TEXT + 2, loc="left", pad=8 + 12 * len(text.splitlines()))
    axes.annotate(
        text, (0.0, 1.0), xycoords="axes fraction", xytext=(0, 5), textcoords="offset points",
        fontsize=TEXT - 1.5, color="#555555", linespacing=1.35,
    )  # fmt: skip
