"""The figure of a report on what learning went by: layer by layer, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from eqchip.hw_reports.plots.style import SMALL, head, new_figure, plain_log_axis, say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANELS = {
    "potential_by_layer": ("potential", "layer"),
    "nudged_change_by_layer": ("change by\nthe nudge", "layer"),
    "contrast_by_connection": ("contrast over\nweights", "connection"),
}


def learning_by_layer(document: Mapping[str, Any]) -> Figure:
    """Potentials, what a nudge changes of them, and what that asks of the weights."""
    from matplotlib import colormaps
    from matplotlib.ticker import MaxNLocator

    found = document.get("learning_by_layer") or {}  # earlier versions did not write it
    known = {name: found[name] for name in PANELS if all(found.get(name, [[]]))}
    figure = new_figure(1.3 + 1.35 * max(len(known), 1))
    panels = figure.subplots(max(len(known), 1), 1, sharex=True, squeeze=False)[:, 0]
    head(figure, "What learning went by, layer by layer", document)
    if not known:
        say(panels[0], "The run's metrics do not tell it.")
        return figure
    marker = "o" if len(found["epochs"]) < 30 else None
    for axes, (name, rows) in zip(panels, known.items(), strict=True):
        label, part = PANELS[name]
        colours = colormaps["viridis"].resampled(len(rows[0]) + 1)
        for k in range(len(rows[0])):
            values = [row[k] if row[k] > 0 else None for row in rows]
            axes.plot(found["epochs"], values, color=colours(k), marker=marker, ms=3,
                      label=f"{part} {k + 1}")  # fmt: skip
        if not any(map(any, rows)):
            axes.text(0.5, 0.5, "0 throughout", transform=axes.transAxes, ha="center", va="center")
        axes.set_yscale("log")
        plain_log_axis(axes.yaxis)
        axes.set_ylabel(label)
        axes.tick_params(axis="y", labelsize=SMALL)
        axes.grid(axis="y")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), borderaxespad=0.2)
    panels[-1].set_xlabel("epoch")
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure
