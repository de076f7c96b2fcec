"""The figure of a convergence study, drawn from its JSON document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from eqchip.hw_reports.studies.distance_plot import (
    GREY,
    TEXT,
    distance_axes,
    draw_band,
    label_ends,
    say_below_title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by colour-blind readers, without the yellow, which is
# too pale for a line.
STYLES = {
    "bernoulli": "#000000",
    "bernoulli-prediction": "#7a7a7a",
    "sigma-delta": "#0072B2",
    "sigma-delta-constant-prediction": "#56B4E9",
    "sigma-delta-annealed-prediction-constant-step": "#E69F00",
    "sigma-delta-annealed-prediction": "#D55E00",
    "osa": "#009E73",
    "osa-prediction": "#CC79A7",
}


def figure(document: Mapping[str, Any]) -> Figure:
    """Error against step, a line per coding with its 95 % band over networks.

    Parameters
    ----------
    document : dict
        From :func:`eqchip.hw_reports.studies.convergence.document`, or read from its file.
    """
    experiment, codings = document["experiment"], document["codings"]
    free, steps = experiment["free_steps"], experiment["steps"]
    means = np.array([coding["error"]["mean"] for coding in codings])
    drawn, axes = distance_axes(steps, means, "time step")
    t = np.arange(1, steps + 1)
    # The error jumps where the fixed point does: a line across would show nothing measured.
    halves = [half for half in (slice(0, free), slice(free, steps)) if half.start < half.stop]
    for coding in codings:
        for half in halves:
            part = {name: values[half] for name, values in coding["error"].items()}
            draw_band(axes, t[half], part, STYLES.get(coding["name"], GREY))
    _references(axes, means, free)
    axes.axvline(free + 0.5, color="#444444", linewidth=0.8)
    axes.annotate(
        f"nudge on (β = {experiment['beta']:g})",
        (free + 0.5, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(4, -4),
        textcoords="offset points",
        va="top",
        fontsize=TEXT,
        color="#444444",
    )
    label_ends(axes, codings, means[:, -1].tolist(), STYLES)
    layers = "-".join(map(str, experiment["layers"]))
    say_below_title(
        axes,
        "Distance to the fixed point of the real-valued network",
        f"{layers}, mean of {experiment['networks']} random networks × {experiment['inputs']} "
        "inputs; bands: 95 % intervals over networks.\n"
        "ε: step size, annealed where nothing else is said; λ: prediction coefficient; "
        "OSA: sigma-delta, adaptive ε.",
    )
    return drawn


def _references(axes: Axes, means: np.ndarray, free: int) -> None:
    """1/sqrt(t) and 1/t, both through the slowest coding's error early in the free half."""
    from matplotlib.patheffects import withStroke

    start = min(10, free)
    t = np.arange(start, free + 1)
    level = means[:, start - 1].max()
    if level <= 0 or len(t) < 2:
        return
    for exponent, name in ((0.5, "$1/\\sqrt{t}$"), (1.0, "$1/t$")):
        curve = level * (t / start) ** -exponent
        axes.plot(t, curve, color=GREY, linewidth=0.9, linestyle=(0, (4, 3)))
        place = int(0.95 * (len(t) - 1))
        axes.annotate(
            name,
            (t[place], curve[place]),
            xytext=(0, 2.5),
            textcoords="offset points",
            ha="right",
            fontsize=TEXT,
            color="#555555",
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
        )


def save(document: Mapping[str, Any], file: Any) -> None:
    """Draw the figure into an open PNG file; its names may be formulas."""
    figure(document).savefig(file, format="png")
