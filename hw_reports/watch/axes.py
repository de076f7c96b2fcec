"""What the panels of a watched sample share: the axis of time, names, legends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from eqchip.hw_reports.plots.mesh import LAYER_COLOURS
from eqchip.hw_reports.plots.style import GREY, QUIET, SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Document = Mapping[str, Any]
TIME = "time (nominal periods)"
SHADE = "#f1f3f5"  # of every other phase
ROOM = 0.2  # of the time axis: a shorter phase has no room for its whole name
SMALLEST_ROOM = 0.08  # nor one shorter than this for its last word
TINY = 7.5  # points
KEY_PLACE = (0.8, 0.29)  # inches, of the legend right of and above the corner of its axes
# Names of axes: level, of a layer; upright, of a quantity.
FLAT: dict[str, Any] = {
    "rotation": 0, "ha": "right", "va": "center", "fontsize": SMALL, "labelpad": 6
}  # fmt: skip
UPRIGHT: dict[str, Any] = {"fontsize": SMALL, "labelpad": 4}


def role(document: Document, layer: int) -> str:
    """What a layer is called."""
    last = len(document["subject"]["layers"]) - 1
    hidden = "hidden" if last == 2 else f"hidden {layer}"
    return {0: "input", last: "output"}.get(layer, hidden)


def name_of(document: Document, unit: Mapping[str, Any]) -> str:
    """What a unit is called: ``hidden 37``; ``hidden 2, 37`` where there are several layers."""
    layer = role(document, unit["layer"])
    return f"{layer}{',' if layer[-1].isdigit() else ''} {unit['unit']}"


def colour_of(layer: int) -> str:
    """The colour of a layer, the same in all reports."""
    return LAYER_COLOURS[layer % len(LAYER_COLOURS)]


def darker(colour: str) -> tuple[float, ...]:
    """A shade of a colour for a thin line upon it."""
    from matplotlib.colors import to_rgb

    return tuple(0.55 * part for part in to_rgb(colour))


def end_of(document: Document) -> float:
    """The run time of all phases."""
    return float(document["phases"][-1]["end"])


def time_axis(ax: Axes, document: Document, words: bool = True) -> None:
    """Time from 0 to the end, every other phase shaded, and a line where one begins."""
    for number, phase in enumerate(document["phases"]):
        if number % 2:
            ax.axvspan(phase["start"], phase["end"], color=SHADE, lw=0, zorder=0)
        if number:
            ax.axvline(phase["start"], color=GREY, lw=0.8, zorder=0.5)
    ax.set_xlim(0, end_of(document))
    ax.tick_params(labelsize=SMALL)
    if words:
        ax.set_xlabel(TIME)
    else:
        ax.tick_params(axis="x", length=0, labelbottom=False)


def name_phases(ax: Axes, document: Document) -> None:
    """Write the phases above the axes, shortened where there is little room."""
    for phase in document["phases"]:
        share = (phase["end"] - phase["start"]) / end_of(document)
        words = phase["name"].split(" ")
        name = phase["name"] if share >= ROOM else words[-1] if share >= SMALLEST_ROOM else ""
        ax.annotate(
            name, (phase["start"], 1.0), xycoords=("data", "axes fraction"),
            xytext=(2, 2), textcoords="offset points", va="bottom", fontsize=TINY, color=QUIET,
        )  # fmt: skip


def name_line(ax: Axes, y: float, text: str, colour: str, side: int) -> None:
    """A name right of the axes, a little above (side 1) or below (-1) a height."""
    ax.annotate(
        text, (1.0, y), xycoords=("axes fraction", "data"), xytext=(4, 2 * side),
        textcoords="offset points", va="center", fontsize=TINY, color=colour,
    )  # fmt: skip


def stairs(ax: Axes, values: np.ndarray, **look: Any) -> None:
    """A level for each nominal period."""
    ax.stairs(values, np.arange(len(values) + 1), baseline=None, **look)


def say(ax: Axes, text: str) -> None:
    """A remark in the middle of the axes."""
    ax.text(
        0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", fontsize=SMALL,
        fontstyle="italic", color=QUIET,
    )  # fmt: skip


def key(ax: Axes, **options: Any) -> None:
    """A legend at the right of the panel's title, above the names of phases."""
    from matplotlib.transforms import ScaledTranslation

    figure = ax.get_figure()
    assert figure is not None
    above = ax.transAxes + ScaledTranslation(*KEY_PLACE, figure.dpi_scale_trans)
    ax.legend(
        loc="lower right", bbox_to_anchor=(1.0, 1.0), bbox_transform=above, ncols=4,
        borderaxespad=0.0, borderpad=0.0, handlelength=1.4, columnspacing=1.1, handletextpad=0.5,
        fontsize=TINY, **options,
    )  # fmt: skip
