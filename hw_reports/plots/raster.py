"""The spikes of one replayed sample, unit by unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from eqchip.hw_reports.plots.mesh import LAYER_COLOURS
from eqchip.hw_reports.plots.style import FAINT, SMALL, head, new_figure
from eqchip.hw_reports.plots.time import shade_phases

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT = 5.4  # inches of the whole figure
LEAST = 12  # units' worth of height that even a small layer gets


def spike_raster(document: Mapping[str, Any]) -> Figure:
    """Every spike of one sample through the training phases; one panel a layer.

    Of a large layer only some units are drawn; their number is written at the panel.
    """
    raster = document["activity"]["raster"]
    layers = raster["layers"][::-1]  # the output on top, as networks are drawn
    figure = new_figure(HEIGHT)
    ratios = [max(len(layer["shown"]), LEAST) ** 0.7 for layer in layers]
    panels = figure.subplots(len(layers), 1, sharex=True, height_ratios=ratios, squeeze=False)[:, 0]
    of = f"sample {raster['sample']}, label {raster['label']}"
    head(figure, f"Spikes of one training sample ({of})", document)
    last = max(one["layer"] for one in layers)
    for ax, layer in zip(panels, layers, strict=True):
        _draw_layer(ax, layer, raster["steps"], last)
        shade_phases(ax, document, offset=1, words=False)
    _name_phases(panels[0], raster)
    panels[-1].set_xlabel("time step")
    return figure


def _draw_layer(ax: Axes, layer: Mapping[str, Any], steps: int, last: int) -> None:
    spikes = np.array(layer["spikes"], dtype=np.int64).reshape(-1, 2)
    rows, shown = spikes[:, 0], len(layer["shown"])
    colour = LAYER_COLOURS[layer["layer"] % len(LAYER_COLOURS)]
    grid = np.zeros((max(shown, 1), steps), bool)
    grid[spikes[:, 1], rows] = True
    # A cell a spike: at any number of units every spike is seen, none covers another.
    at, step = np.nonzero(grid)
    left = step + 1 - 0.34
    ax.hlines(at, left, left + 0.68, color=colour, lw=_thickness(shown), capstyle="butt")
    ax.set_ylim(max(shown, 1) - 0.3, -0.7)
    ax.set_yticks([])
    ax.tick_params(axis="x", length=0)
    ax.spines["left"].set_color(FAINT)
    role = {0: "input", last: "output"}.get(layer["layer"], f"layer {layer['layer']}")
    some = f"{shown} of {layer['units']:,}" if shown < layer["units"] else f"{shown}"
    ax.set_ylabel(
        f"{role}\n{some} units", rotation=0, ha="right", va="center", fontsize=SMALL, labelpad=6
    )
    if not len(spikes):
        ax.text(
            0.5, 0.5, "no spikes", transform=ax.transAxes, ha="center", va="center",
            fontsize=SMALL, fontstyle="italic",
        )  # fmt: skip


def _thickness(units: int) -> float:
    """Of a spike, in points: thin where many units share a panel."""
    return float(np.clip(110 / max(units, 1), 1.0, 4.0))


def _name_phases(ax: Axes, raster: Mapping[str, Any]) -> None:
    for phase in raster["phases"]:
        ax.annotate(
            phase["name"], (phase["first"] + 0.5, 1.0), xycoords=("data", "axes fraction"),
            xytext=(3, 2), textcoords="offset points", va="bottom", fontsize=SMALL,
        )  # fmt: skip
