"""The figure of a convergence study, drawn from its JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by colour-blind readers, without the yellow, which is
# too pale for a line; dashes tell the rest.
STYLES: dict[str, tuple[str, str]] = {
    "bernoulli": ("#000000", "-"),
    "bernoulli-prediction": ("#7a7a7a", "-"),
    "sigma-delta": ("#0072B2", "-"),
    "sigma-delta-constant-prediction": ("#56B4E9", "-"),
    "sigma-delta-annealed-prediction-constant-step": ("#E69F00", "-"),
    "sigma-delta-annealed-prediction": ("#D55E00", "-"),
    "osa": ("#009E73", "-"),
    "osa-prediction": ("#CC79A7", "-"),
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
        From :func:`eqchip.hw_reports.convergence_report.document`, or read from its file.
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
    axes.set_yscale("log")
    axes.set_ylim(bottom, top)
    axes.set_xlim(1, steps)
    for coding, mean in zip(codings, means, strict=True):
        colour, dashes = STYLES.get(coding["name"], (REFERENCE_COLOUR, "-"))
        bounds = [np.maximum(coding["error"][side], bottom / 10) for side in ("low", "high")]
        axes.fill_between(t, *bounds, color=colour, alpha=0.2, linewidth=0)
        axes.plot(t, np.maximum(mean, bottom / 10), dashes, color=colour, linewidth=1.3)
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
    layers = "-".join(map(str, experiment["layers"]))
    axes.set_title(
        f"Distance to the fixed point of the real-valued network: {layers}, "
        f"{experiment['networks']} random networks × {experiment['inputs']} inputs",
        fontsize=TEXT + 1,
        loc="left",
    )
    return drawn


def _references(axes: Axes, means: np.ndarray, free: int) -> None:
    """1/sqrt(t) and 1/t, both through the slowest coding's error early in the free half."""
    start = min(10, free)
    t = np.arange(start, free + 1)
    level = means[:, start - 1].max()
    if level <= 0 or len(t) < 2:
        return
    for exponent, name in ((0.5, "$1/\\sqrt{t}$"), (1.0, "$1/t$")):
        curve = level * (t / start) ** -exponent
        axes.plot(t, curve, color=REFERENCE_COLOUR, linewidth=0.9, linestyle=(0, (4, 3)))
        middle = int(0.62 * (len(t) - 1))
        axes.annotate(
            name,
            (t[middle], curve[middle]),
            xytext=(0, 3),
            textcoords="offset points",
            fontsize=TEXT,
            color="#6b6b6b",
        )


def _labels(axes: Axes, codings: list[dict[str, Any]], ends: np.ndarray, steps: int) -> None:
    """The name of each coding at the end of its line, moved apart where lines meet."""
    bottom, top = axes.get_ylim()
    heights = np.log(np.maximum(ends, bottom) / bottom) / np.log(top / bottom)
    order = np.argsort(heights)
    places = _apart(heights[order])
    for k, place in zip(order, places, strict=True):
        colour = STYLES.get(codings[k]["name"], (REFERENCE_COLOUR, "-"))[0]
        axes.annotate(
            codings[k]["label"],
            (steps, max(ends[k], bottom)),
            xytext=(1.03, place),
            textcoords="axes fraction",
            va="center",
            fontsize=TEXT,
            color=colour,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.7, "shrinkB": 0},
        )


def _apart(heights: np.ndarray) -> np.ndarray:
    """Ascending heights, moved as little as it takes to be a gap apart and stay in [0, 1]."""
    places = heights.copy()
    for k in range(1, len(places)):
        places[k] = max(places[k], places[k - 1] + LABEL_GAP)
    overlap = np.cumsum(np.full(len(places), LABEL_GAP)) - LABEL_GAP
    # The mean shift back keeps a cluster of labels around its lines, not above them.
    places -= np.mean(places - heights)
    places = np.maximum(places, overlap + 0.01)
    for k in range(1, len(places)):
        places[k] = max(places[k], places[k - 1] + LABEL_GAP)
    return places - max(places[-1] - 0.99, 0.0) if len(places) else places
