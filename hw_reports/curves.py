"""Learning curves as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Okabe and Ito's palette: told apart by colour-blind readers, too.
BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"


def learning_curves(rows: Sequence[dict[str, Any]], title: str, path: Path) -> None:
    """Draw error and spikes per sample over the epochs of a run.

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
    figure = Figure(figsize=(7, 5.6), layout="constrained")
    error, activity = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
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
    activity.set_xlabel("epoch")
    activity.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in (error, activity):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    with replacing(path) as file:
        figure.savefig(file, dpi=150, format="png")
