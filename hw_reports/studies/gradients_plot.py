"""The figure of a gradient study, drawn from its JSON document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from eqchip.hw_reports.plots.style import (
    BLUE,
    QUIET,
    SKY,
    SMALL,
    VERMILION,
    new_figure,
    saver,
    title_and_foot,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALE_RED = "#f0a884"
COLOURS = {
    ("average", "real-valued"): SKY,
    ("average", "spiking"): BLUE,
    ("maximum", "real-valued"): PALE_RED,
    ("maximum", "spiking"): VERMILION,
}
MARKERS = {"real-valued": "o", "spiking": "s"}
RIGHT_ANGLE = 90.0
WIDTH, HEIGHT, DPI = 10.0, 3.9, 160


def figure(document: Mapping[str, Any]) -> Figure:
    """Angles per connection, and over the nudge and the steps, of the networks trained most.

    Parameters
    ----------
    document : dict
        From :func:`eqchip.hw_reports.studies.gradients.document`, or read from its file.
    """
    state = document["networks"][-1]["state"]
    shown = [network for network in document["networks"] if network["state"] == state]
    drawn = new_figure(HEIGHT, WIDTH)
    panels = drawn.subplots(1, 3, width_ratios=(1.25, 1, 1), sharey=True)
    _bars(panels[0], shown)
    settings = document["settings"]
    _curves(panels[1], shown, "over_beta", "beta", settings["beta"])
    panels[1].set_xlabel("strength of the nudge, β")
    _curves(panels[2], shown, "over_steps", "nudged_steps", settings["nudged_steps"])
    panels[2].set_xlabel("nudged steps")
    highest = max(100.0, *(ax.dataLim.y1 for ax in panels))
    top = min(highest * 1.05, 180.0)
    panels[0].set_ylim(0, top)
    panels[0].set_yticks(np.arange(0, top + 1, 30))
    panels[0].set_ylabel("angle to the gradient of BPTT, degrees")
    for ax in panels:
        ax.axhline(RIGHT_ANGLE, color=QUIET, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        ax.grid(axis="y")
        ax.tick_params(labelsize=SMALL)
    handles, labels = panels[0].get_legend_handles_labels()
    # In a strip of its own below the title, which the layout knows nothing of.
    drawn.legend(
        handles, labels, loc="upper left", ncols=4, handlelength=1.2,
        bbox_to_anchor=(0.003, 0.935), borderaxespad=0.0,
    )  # fmt: skip
    for ax in panels:
        ax.set_title(" ", fontsize=SMALL)
    title_and_foot(
        drawn,
        f"Equilibrium Propagation beside BPTT: {state} network, {document['subject']}",
        f"β = {settings['beta']:g}, {settings['free_steps']} + 2 × {settings['nudged_steps']} "
        f"steps, {settings['samples']} samples · dashed: no better than chance "
        f"· eqchip {document['provenance']['eqchip']}",
    )
    return drawn


def _bars(ax: Axes, networks: list[dict[str, Any]]) -> None:
    """A group per connection, a bar per pooling and coding."""
    groups = [*networks[0]["connections"], "all"]
    kinds = [(network, row) for network in networks for row in network["rows"]]
    width = 0.8 / len(kinds)
    for n, (network, row) in enumerate(kinds):
        places = np.arange(len(groups)) + (n - (len(kinds) - 1) / 2) * width
        heights = [np.nan if angle is None else angle for angle in row["angle"]]
        ax.bar(
            places, heights, 0.92 * width, zorder=2,
            color=COLOURS[network["pooling"], row["coding"]],
            label=f"{network['pooling']} pooling, {row['coding']}",
        )  # fmt: skip
    ax.set_xticks(range(len(groups)), groups)
    ax.tick_params(axis="x", length=0)


def _curves(ax: Axes, networks: list[dict[str, Any]], name: str, along: str, used: float) -> None:
    """A line per pooling and coding over one setting; a tick marks that of the bars."""
    for network in networks:
        for coding in MARKERS:
            points = [point for point in network[name] if point["coding"] == coding]
            ax.plot(
                [point[along] for point in points],
                [np.nan if point["angle"] is None else point["angle"] for point in points],
                color=COLOURS[network["pooling"], coding], marker=MARKERS[coding],
                markersize=4, linewidth=1.4,
            )  # fmt: skip
    ax.set_xscale("log")
    values = sorted({point[along] for network in networks for point in network[name]})
    ax.set_xticks(values, [f"{value:g}" for value in values])
    ax.set_xticks([], minor=True)
    ax.axvline(used, color=QUIET, linewidth=0.6, linestyle=":", zorder=1)


MEGABYTE = 1e6
MEMORY_COLOURS = {"ep-spiking": BLUE, "ep-real-valued": SKY, "bptt": VERMILION}


def memory_figure(document: Mapping[str, Any]) -> Figure:
    """Peak bytes of arrays over free steps, a line per way to learn, both axes logarithmic.

    Parameters
    ----------
    document : dict
        ``rows`` with ``way``, ``free_steps``, ``arrays``; ``ways``, a label each.
    """
    drawn = new_figure(3.6, 6.4)
    ax = drawn.subplots()
    for way, label in document["ways"].items():
        points = [row for row in document["rows"] if row["way"] == way]
        ax.plot(
            [row["free_steps"] for row in points], [row["arrays"] / MEGABYTE for row in points],
            color=MEMORY_COLOURS[way], marker="o", label=label,
            # Two lines that coincide are both seen.
            markersize=8 if way == "ep-spiking" else 4,
            linewidth=4.0 if way == "ep-spiking" else 1.4,
        )  # fmt: skip
    ax.set_xscale("log")
    ax.set_yscale("log")
    steps = sorted({row["free_steps"] for row in document["rows"]})
    ax.set_xticks(steps, [str(count) for count in steps])
    ax.set_xticks([], minor=True)
    most = max(row["arrays"] for row in document["rows"]) / MEGABYTE
    ticks = [n * 10.0**k for k in range(-1, 5) for n in (1, 2, 5)]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_yticks([], minor=True)
    ax.set_ylim(min(row["arrays"] for row in document["rows"]) / MEGABYTE / 2, 1.5 * most)
    ax.set_xlabel("free steps")
    ax.set_ylabel("peak memory of a minibatch, MB")
    ax.grid()
    ax.legend(loc="upper left")
    title_and_foot(
        drawn,
        "Memory of learning, Equilibrium Propagation and BPTT",
        f"{document['network']}, {document['minibatch']} samples, {document['precision']} "
        f"· eqchip {document['provenance']['eqchip']}",
    )
    return drawn


save, save_memory = saver(figure, DPI), saver(memory_figure, DPI)
