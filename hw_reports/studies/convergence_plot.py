"""The figure of a convergence study, drawn from its JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from eqchip.hw_reports.plots.style import apart

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
REFERENCE_COLOUR = "#8c8c8c"
WIDTH, HEIGHT, DPI = 8.0, 4.8, 200
TEXT = 9
LABEL_GAP = 0.045  # least distance of two labels, in shares of the axis


def figure(document: dict[str, Any]) -> Figure:
    """Error against step, a line per coding with its 95 % band over networks.

    Parameters
    ----------
    document : dict
        From :func:`eqchip.hw_reports.studies.convergence.document`, or read from its file.
    """
    from matplotlib.figure import Figure  # no pyplot: it would want a display, and keep state

    experiment, codings = document["experiment"], document["codings"]
    free, steps = experiment["free_steps"], experiment["steps"]
    drawn = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, layout="constrained")
    axes = drawn.add_subplot()
    t = np.arange(1, steps + 1)
    means = np.array([coding["error"]["mean"] for coding in codings])
    low = means[means > 0].min() if (means > 0).any() else 1e-3
    bottom, top = low / 1.5, max(means.max(), low) * 1.3
    floor = bottom / 10  # a log axis has no 0
    axes.set_yscale("log")
    axes.set_ylim(bottom, top)
    axes.set_xlim(1, steps)
    # The error jumps where the fixed point does: a line across would show nothing measured.
    halves = [half for half in (slice(0, free), slice(free, steps)) if half.start < half.stop]
    for coding, mean in zip(codings, means, strict=True):
        colour = STYLES.get(coding["name"], REFERENCE_COLOUR)
        below, above = (np.maximum(coding["error"][side], floor) for side in ("low", "high"))
        for half in halves:
            axes.fill_between(
                t[half], below[half], above[half], color=colour, alpha=0.2, linewidth=0
            )
            axes.plot(t[half], np.maximum(mean, floor)[half], color=colour, linewidth=1.3)
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
    _labels(axes, codings, means[:, -1], steps)
    axes.set_xlabel("time step", fontsize=TEXT + 1)
    axes.set_ylabel("mean |s − s*| over units", fontsize=TEXT + 1)
    axes.tick_params(labelsize=TEXT)
    axes.grid(axis="y", which="major", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    _title(axes, experiment)
    return drawn


def _title(axes: Axes, experiment: dict[str, Any]) -> None:
    layers = "-".join(map(str, experiment["layers"]))
    axes.set_title(
        "Distance to the fixed point of the real-valued network",
        fontsize=TEXT + 2,
        loc="left",
        pad=32,
    )
    axes.annotate(
        f"{layers}, mean of {experiment['networks']} random networks × {experiment['inputs']} "
        "inputs; bands: 95 % intervals over networks.\n"
        "ε: step size, annealed where nothing else is said; λ: prediction coefficient; "
        "OSA: sigma-delta, adaptive ε.",
        (0.0, 1.0),
        xycoords="axes fraction",
        xytext=(0, 5),
        textcoords="offset points",
        fontsize=TEXT - 1,
        color="#555555",
        linespacing=1.35,
    )


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
        axes.plot(t, curve, color=REFERENCE_COLOUR, linewidth=0.9, linestyle=(0, (4, 3)))
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


def _labels(axes: Axes, codings: list[dict[str, Any]], ends: np.ndarray, steps: int) -> None:
    """The name of each coding at the end of its line, moved apart where lines meet."""
    bottom, top = axes.get_ylim()
    heights = np.log(np.maximum(ends, bottom) / bottom) / np.log(top / bottom)
    order = np.argsort(heights, kind="stable")
    for k, place in zip(order, apart(heights[order], LABEL_GAP), strict=True):
        colour = STYLES.get(codings[k]["name"], REFERENCE_COLOUR)
        axes.plot(
            [1.005, 1.03],
            [heights[k], place],
            color=colour,
            linewidth=0.7,
            transform=axes.transAxes,
            clip_on=False,
        )
        axes.text(
            1.037,
            place,
            codings[k]["label"],
            color=colour,
            fontsize=TEXT,
            va="center",
            transform=axes.transAxes,
        )
