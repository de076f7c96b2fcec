"""The picture of measured runs: what the model says against what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from eqchip.emulator.files import replacing
from eqchip.hw_reports.plots.style import BLUE, GREY, ORANGE
from eqchip.hw_reports.studies.anchors import FACTOR, FITTED, HELD_OUT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT, DPI, TEXT = 10.0, 4.8, 150, 8
SIZES = {"energy": (1e6, "µJ"), "time": (1e6, "µs")}
COLOURS = {FITTED: GREY, HELD_OUT: BLUE}
ROOM = 3.0  # beside the outermost point, as a factor
LABEL_WIDTH, LABEL_HEIGHT = 30.0, 1.6  # of a name, as factors on the axes


def draw(document: Mapping[str, Any], path: Path) -> None:
    """Write the picture of a document; the kind of file follows its name."""
    with replacing(path) as temporary:
        figure(document).savefig(temporary, dpi=DPI, format=path.suffix.lstrip(".") or "png")


def figure(document: Mapping[str, Any]) -> Figure:
    """Modelled against measured, energy and time, with the diagonal and the factor around it."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    for axes, what in zip(drawn.subplots(1, 2), SIZES, strict=True):
        shown = [r for r in document["rows"] if r["what"] == what and r["ratio"] is not None]
        _panel(axes, what, shown)
    drawn.suptitle(
        f"Measured runs, modelled by {document['chip']['name']}; bars: ranges of what is unknown, "
        "in the runs and in the chip file", x=0.01, ha="left", fontsize=TEXT + 2,
    )  # fmt: skip
    return drawn


def _panel(axes: Axes, what: str, rows: list[Mapping[str, Any]]) -> None:
    size, unit = SIZES[what]
    values = [size * r["measured"] for r in rows]
    values += [size * r["modelled"]["figure"][k] for r in rows for k in ("low", "high")]
    known = [value for value in values if value > 0] or [1.0]
    ends = [min(known) / ROOM, max(known) * ROOM]
    axes.fill_between(
        ends, [e / FACTOR for e in ends], [e * FACTOR for e in ends], color=GREY, alpha=0.2,
        linewidth=0, label=f"within a factor of {FACTOR:g}",
    )  # fmt: skip
    axes.plot(ends, ends, color="#444444", linewidth=0.8)
    points = [(size * r["measured"], size * r["modelled"]["figure"]["value"]) for r in rows]
    named: set[str] = set()
    for row in rows:
        found = {k: size * row["modelled"]["figure"][k] for k in ("low", "value", "high")}
        x, role = size * row["measured"], row["role"]
        error = [[found["value"] - found["low"]], [found["high"] - found["value"]]]
        axes.errorbar(
            x, found["value"], yerr=error, fmt="o" if row["learns"] else "s",
            color=COLOURS.get(role, ORANGE), markersize=5, elinewidth=1, capsize=2,
            label=None if role in named else role,
        )  # fmt: skip
        named.add(role)
        place, side = _beside(x, found["value"], points, ends[0])
        axes.annotate(
            row["run"], (x, found["value"]), xytext=place, textcoords="offset points", ha=side,
            fontsize=TEXT - 1,
        )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    axes.set_xlabel(f"measured {what} of a sample ({unit})", fontsize=TEXT + 1)
    axes.set_ylabel(f"modelled ({unit})", fontsize=TEXT + 1)
    axes.tick_params(labelsize=TEXT)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=TEXT, loc="upper left")


def _beside(
    x: float, y: float, points: list[tuple[float, float]], left: float
) -> tuple[tuple[int, int], Literal["left", "right"]]:
    """Where a point's name stands, in points of print: on the right, unless another point is."""
    taken = any(
        x < other < LABEL_WIDTH * x and 1 / LABEL_HEIGHT < height / y < LABEL_HEIGHT
        for other, height in points
    )
    if not taken:
        return (5, 4), "left"
    return ((-5, 4), "right") if x > LABEL_WIDTH * left else ((5, -11), "left")
