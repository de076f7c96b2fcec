"""The figure of a study of following, drawn from its JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from eqchip.hw_reports.plots.style import apart

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by colour-blind readers.
STYLES = {
    "constant": "#56B4E9",
    "schedule": "#000000",
    "oracle": "#E69F00",
    "osa": "#009E73",
    "adapted": "#D55E00",
    "both": "#CC79A7",
    "real-valued": "#8c8c8c",
}
WIDTH, HEIGHT, DPI = 8.0, 4.8, 200
TEXT = 9
LABEL_GAP = 0.05  # least distance of two labels, in shares of the axis


def figure(document: dict[str, Any]) -> Figure:
    """Distance against steps since the switch, a line per coding with its 95 % band.

    Parameters
    ----------
    document : dict
        From :func:`eqchip.hw_reports.studies.following.document`, or read from its file.
    """
    from matplotlib.figure import Figure  # no pyplot: it would want a display, and keep state

    stream, codings = document["stream"], document["codings"]
    drawn = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, layout="constrained")
    axes = drawn.add_subplot()
    t = np.arange(1, stream["horizon"] + 1)
    # The real-valued network may come as near as it likes: bits set the lowest distance shown.
    bits = [coding["later"]["mean"] for coding in codings if coding["name"] != "real-valued"]
    means = np.array(bits)
    low = means[means > 0].min() if (means > 0).any() else 1e-3
    bottom, top = low / 1.5, max(float(means.max()), low) * 1.2
    axes.set_yscale("log")
    axes.set_ylim(bottom, top)
    axes.set_xlim(1, stream["horizon"])
    heights = []
    for coding in codings:
        later, colour = coding["later"], STYLES.get(coding["name"], "#8c8c8c")
        below, above = (np.maximum(later[side], bottom / 10) for side in ("low", "high"))
        mean = np.maximum(later["mean"], bottom / 10)
        axes.fill_between(t, below, above, color=colour, alpha=0.15, linewidth=0)
        axes.plot(t, mean, color=colour, linewidth=1.4)
        heights.append(np.log(max(mean[-1], bottom) / bottom) / np.log(top / bottom))
    order = np.argsort(heights, kind="stable")
    for k, place in zip(order, apart(np.array(heights)[order], LABEL_GAP), strict=True):
        colour = STYLES.get(codings[k]["name"], "#8c8c8c")
        axes.plot(
            [1.005, 1.03], [heights[k], place], color=colour, linewidth=0.7, clip_on=False,
            transform=axes.transAxes,
        )  # fmt: skip
        axes.text(
            1.037, place, codings[k]["label"], color=colour, fontsize=TEXT, va="center",
            transform=axes.transAxes,
        )  # fmt: skip
    axes.set_xlabel("steps since the input switched", fontsize=TEXT + 1)
    axes.set_ylabel("mean |s − s*| over units", fontsize=TEXT + 1)
    axes.tick_params(labelsize=TEXT)
    axes.grid(axis="y", which="major", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(
        "Distance to the fixed point of the picture of now\n",
        fontsize=TEXT + 2, loc="left",
    )  # fmt: skip
    layers = "-".join(map(str, stream["layers"]))
    axes.annotate(
        f"{layers}, {stream['networks']} random networks × {stream['streams']} streams of "
        f"{stream['pictures']} inputs, {stream['steps']} steps each on average; "
        f"{stream['precision']}, input as {stream['input']}; {stream['timing']}.",
        (0.0, 1.0), xycoords="axes fraction", xytext=(0, 5), textcoords="offset points",
        fontsize=TEXT - 1.5, color="#555555",
    )  # fmt: skip
    return drawn
