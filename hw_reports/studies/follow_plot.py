"""The figure of a study of following, drawn from its JSON document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from eqchip.hw_reports.studies.distance_plot import (
    GREY,
    distance_axes,
    draw_band,
    label_ends,
    say_below_title,
)

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
    "real-valued": GREY,
}


def figure(document: Mapping[str, Any]) -> Figure:
    """Distance against steps since the switch, a line per coding with its 95 % band.

    Parameters
    ----------
    document : dict
        From :func:`eqchip.hw_reports.studies.following.document`, or read from its file.
    """
    stream, codings = document["stream"], document["codings"]
    # The real-valued network may come as near as it likes: bits set the lowest distance shown.
    bits = [coding["later"]["mean"] for coding in codings if coding["name"] != "real-valued"]
    drawn, axes = distance_axes(
        stream["horizon"], np.array(bits), "steps since the input switched"
    )  # fmt: skip
    t = np.arange(1, stream["horizon"] + 1)
    for coding in codings:
        draw_band(axes, t, coding["later"], STYLES.get(coding["name"], GREY))
    label_ends(axes, codings, [coding["later"]["mean"][-1] for coding in codings], STYLES)
    layers = "-".join(map(str, stream["layers"]))
    say_below_title(
        axes,
        "Distance to the fixed point of the picture of now",
        f"{layers}, {stream['networks']} random networks × {stream['streams']} streams of "
        f"{stream['pictures']} inputs, {stream['steps']} steps each on average; "
        f"{stream['precision']}, input as {stream['input']}; {stream['timing']}.",
    )
    return drawn


def save(document: Mapping[str, Any], file: Any) -> None:
    """Draw the figure into an open PNG file; its names may be formulas."""
    figure(document).savefig(file, format="png")
