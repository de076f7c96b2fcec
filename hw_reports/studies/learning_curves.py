"""Learning curves as a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from eqchip.hw_reports.plots.style import plain_log_axis

# Okabe and Ito's palette: told apart by colour-blind readers, too.
BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"


def learning_curves(rows: Sequence[dict[str, Any]], title: str, path: Path) -> None:
    """Draw error and spikes per sample over the epochs of a run, and what else its lines tell.

    Parameters
    ----------
    rows : sequence of dict
        The lines of ``metrics.jsonl``.
    title : str
    path : Path
        Of the PNG; replaced as a whole.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    from eqchip.emulator.files import replacing

    epochs = [row for row in rows if "train_error" in row]
    number = [row["epoch"] for row in epochs]
    below = [draw for name, draw in _PANELS.items() if epochs and name in epochs[0]]
    figure = Figure(figsize=(7, 5.6 + 1.7 * len(below)), layout="constrained")
    ratios = (2, 1, *(1 for _ in below))
    error, activity, *more = figure.subplots(len(ratios), 1, sharex=True, height_ratios=ratios)
    marker = "o" if len(epochs) < 30 else None
    for name, label, colour in (
        ("train_error", "training (running)", ORANGE),
        ("validation_error", "validation", BLUE),
    ):
        if epochs and epochs[0].get(name) is not None:
            values = [row[name] for row in epochs]
            error.plot(number, values, color=colour, marker=marker, ms=4, label=label)
    for row in rows:
        if "test_error" in row:
            text = f"test, read once: {row['test_error']:.2f} %"
            error.axhline(row["test_error"], color=GREEN, ls="--", lw=1.2, label=text)
    # An error of exactly 0 has no place on a log axis.
    error.set_yscale("symlog", linthresh=0.1)
    error.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    shown = [v for row in epochs for v in (row["train_error"], row["validation_error"]) if v]
    if shown:
        error.set_ylim(0.8 * min([*shown, *(r["test_error"] for r in rows if r.get("test_error"))]))
        top = max(shown)
        ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if t <= 1.3 * top]
        error.set_yticks(ticks)
    error.set_ylabel("classification error (%)")
    error.set_title(title, loc="left", fontsize=11)
    error.legend(frameon=False)
    spikes = [row["spikes_per_sample"] for row in epochs]
    activity.plot(number, spikes, color=BLUE, marker=marker, ms=4)
    activity.set_ylabel("spikes per\ntraining sample")
    activity.set_ylim(0, 1.15 * max(spikes, default=1.0) or 1.0)
    activity.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    for axes, draw in zip(more, below, strict=True):
        draw(axes, epochs, marker)
    lowest = [error, activity, *more][-1]
    lowest.set_xlabel("epoch")
    lowest.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in (error, activity, *more):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    with replacing(path) as file:
        figure.savefig(file, dpi=150, format="png")


def _writes(axes: Any, epochs: Sequence[dict[str, Any]], marker: str | None) -> None:
    """How many weights a sample tried to change, and how many it changed."""
    number = [row["epoch"] for row in epochs]
    for name, label, colour in (
        ("weights_attempted_per_sample", "attempted", BLUE),
        ("weights_applied_per_sample", "applied", ORANGE),
    ):
        axes.plot(number, [row[name] for row in epochs], color=colour, marker=marker, ms=4,
                  label=label)  # fmt: skip
    axes.set_yscale("symlog", linthresh=1.0)
    axes.set_ylim(0)
    axes.set_ylabel("weights written\nper sample")
    axes.legend(frameon=False)


def _drift(axes: Any, epochs: Sequence[dict[str, Any]], marker: str | None) -> None:
    """How far the two copies of every connection have come apart."""
    number = [row["epoch"] for row in epochs]
    for k, colour in zip(range(len(epochs[0]["drift"])), (BLUE, ORANGE, GREEN), strict=False):
        drifts = [100 * row["drift"][k] for row in epochs]
        axes.plot(number, drifts, color=colour, marker=marker, ms=4, label=f"connection {k + 2}")
    axes.set_ylim(0, max(5.0, 1.1 * max(100 * d for row in epochs for d in row["drift"] or [0.0])))
    axes.set_ylabel("drift of the\ncopies (%)")
    if epochs[0]["drift"]:
        axes.legend(frameon=False)


def _nudged(axes: Any, epochs: Sequence[dict[str, Any]], marker: str | None) -> None:
    """What a nudge changes of the potentials of each layer; runs of earlier versions stop short."""
    from matplotlib import colormaps

    told = [row for row in epochs if "nudged_change_by_layer" in row]
    layers = len(told[0]["nudged_change_by_layer"])
    colours = colormaps["viridis"].resampled(layers + 1)
    for k in range(layers):
        changes = [row["nudged_change_by_layer"][k] or None for row in told]
        number = [row["epoch"] for row in told]
        axes.plot(number, changes, color=colours(k), marker=marker, ms=4, label=f"layer {k + 1}")
    if not any(any(row["nudged_change_by_layer"]) for row in told):
        axes.text(
            0.5, 0.5, "0 in every layer: nothing is learned", transform=axes.transAxes, ha="center"
        )
    axes.set_yscale("log")
    plain_log_axis(axes.yaxis)
    axes.set_ylabel("change by\nthe nudge")
    axes.legend(frameon=False)


# Panels below error and spikes, by the field of an epoch's line that they show.
_PANELS: dict[str, Callable[[Any, Sequence[dict[str, Any]], str | None], None]] = {
    "nudged_change_by_layer": _nudged,
    "weights_attempted_per_sample": _writes,
    "drift": _drift,
}
