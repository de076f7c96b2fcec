"""Figures of a sweep: accuracy against what a training sample costs, with the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from eqchip.emulator.training.sweep import shown_value
from eqchip.hw_reports.document.readable import amount, band
from eqchip.hw_reports.plots.energy import error_axis
from eqchip.hw_reports.plots.style import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    QUIET,
    SKY,
    SMALL,
    VERMILION,
    linear_si_axis,
    log_si_axis,
    new_figure,
    saver,
    say,
    shortened,
    title_and_foot,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Document = Mapping[str, Any]
COLOURS = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY)
MARKERS = ("o", "s", "^", "D", "v", "P")
WIDTH, HEIGHT, DPI = 7.2, 3.9, 160
LINE = 0.18  # inches, of the key of the front
LINEAR = 6.0  # ratio of costs up to which a linear axis shows them all
MOST_LISTED = 16  # points of a front with a line in the key
TICKS = (0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 70, 100)
# Names for narrow columns; others are written as they are.
SHORT = {
    "accumulator_bits": "accumulator",
    "quantizer": "coding",
    "average_steps": "averaged",
}
KEY_TEXT, KEY_WIDTH, GAP = 8.0, 455.0, 11.0  # points: type, width and gaps of the key


class Cost(NamedTuple):
    """What an axis shows: key of a row, unit, title of the figure, label of the axis."""

    key: str
    unit: str
    title: str
    label: str
    foot: str


COSTS = {
    "energy": Cost(
        "energy", "J", "Validation error against energy", "energy per training sample, modelled",
        "modelled: mean over the training, static power included",
    ),
    "memory": Cost(
        "memory", "B", "Validation error against memory", "memory of weights, traces and states",
        "counted: codes of weights, traces and states; without biases, routing and padding",
    ),
}  # fmt: skip

CROWDED = 12  # points between two numbers on the page, at least


def pareto(costs: Sequence[float], errors: Sequence[float]) -> list[int]:
    """The points that no other beats, cheapest first.

    A point beats another if it is no worse in cost and in error, and better in one of them. Of
    points that are equal in both, all are kept.

    Examples
    --------
    >>> pareto([1.0, 2.0, 3.0, 2.0], [9.0, 5.0, 6.0, 4.0])
    [0, 3]
    """
    order = sorted(range(len(costs)), key=lambda n: (costs[n], errors[n]))
    front: list[int] = []
    for n in order:
        best = errors[front[-1]] if front else math.inf
        equal = bool(front) and (costs[n], errors[n]) == (costs[front[-1]], best)
        if errors[n] < best or equal:
            front.append(n)
    return front


def figure(document: Document, cost: Cost) -> Figure:
    """Error over a cost, a mark per row, and the front as a line of steps with a key below.

    Parameters
    ----------
    document : dict
        ``rows`` with ``settings``, ``error``, ``energy`` and ``memory`` (figures as dictionaries,
        or None); ``varied``, the settings to tell points by; ``fronts``, indices of rows by cost;
        ``subject``, ``chip``, ``provenance``.
    cost : Cost
    """
    front = document["fronts"][cost.key]
    listed = front[:MOST_LISTED]
    key = LINE * (len(listed) + 2 + (len(front) > len(listed)))
    drawn = new_figure(HEIGHT + key, WIDTH)
    ax, below = drawn.subplots(2, 1, height_ratios=(HEIGHT, key))
    foot = f"chip file {shortened(document['chip']['name'])} · " if cost.key == "energy" else ""
    title_and_foot(
        drawn,
        f"{cost.title}: {document['subject']}",
        f"{cost.foot} · {foot}eqchip {document['provenance']['eqchip']}",
    )
    below.axis("off")
    rows = [row for row in document["rows"] if row[cost.key] is not None]
    if not rows:
        say(ax, f"The {cost.key} is unknown: the chip file lacks every figure of it.")
        return drawn
    _marks(ax, rows, cost, document["varied"])
    _front(ax, [document["rows"][n] for n in front], cost)
    _axes(ax, rows, cost)
    _number(ax, [document["rows"][n] for n in listed], cost)
    _key(below, [document["rows"][n] for n in listed], cost, document["varied"], len(front), key)
    return drawn


def _marks(ax: Axes, rows: list[Any], cost: Cost, varied: Sequence[str]) -> None:
    """A mark per row, of a kind per value of the first setting that varies."""
    name = varied[0] if varied else None
    values = [] if name is None else [row["settings"][name] for row in rows]
    kinds = [value for n, value in enumerate(values) if value not in values[:n]]
    for n, kind in enumerate(kinds or [None]):
        chosen = [row for row in rows if name is None or row["settings"][name] == kind]
        ax.plot(
            [row[cost.key]["value"] for row in chosen], [row["error"] for row in chosen],
            MARKERS[n % len(MARKERS)], color=COLOURS[n % len(COLOURS)], ms=4.5, mec="white",
            mew=0.5, zorder=3, label=None if name is None else _setting(name, kind),
        )  # fmt: skip


def _front(ax: Axes, front: list[Any], cost: Cost) -> None:
    """The front as steps, its points ringed.

    No whiskers: a figure of the chip file that is wrong moves all points alike.
    """
    x, y = [row[cost.key]["value"] for row in front], [row["error"] for row in front]
    ax.step(x, y, where="post", color=INK, lw=1.0, zorder=2, label="Pareto front")
    ax.plot(x, y, "o", ms=9, mfc="none", mec=INK, mew=1.0, zorder=4)


def _number(ax: Axes, listed: list[Any], cost: Cost) -> None:
    """Number the points of the front; neighbours whose numbers would run into one share them."""
    places = [(row[cost.key]["value"], row["error"]) for row in listed]
    on_page = ax.transData.transform(places) * 72 / ax.figure.dpi  # points, once the axes are set
    groups: list[list[int]] = []
    for n, place in enumerate(on_page):
        if groups and abs(place - on_page[groups[-1][0]]).max() < CROWDED:
            groups[-1].append(n)
        else:
            groups.append([n])
    for group in groups:
        first, last = group[0] + 1, group[-1] + 1
        ax.annotate(
            str(first) if first == last else f"{first}–{last}", places[group[0]], xytext=(-5, -5),
            textcoords="offset points", ha="right", va="top", fontsize=SMALL, color=INK, zorder=5,
        )  # fmt: skip


def _axes(ax: Axes, rows: list[Any], cost: Cost) -> None:
    costs = [row[cost.key]["value"] for row in rows]
    low, high = min(costs), max(costs)
    if low > 0 and high > LINEAR * low:
        ax.set_xscale("log")
        log_si_axis(ax.xaxis, cost.unit)
        ax.set_xlim(low / 1.25, high * 1.25)
        ax.set_xlabel(cost.label)
    else:
        room = 0.08 * (high - low) or 0.05 * high or 1.0
        ax.set_xlim(max(low - room, 0.0), high + room)
        ax.set_xlabel(f"{cost.label} ({linear_si_axis(ax, cost.unit)})")
    error_axis(ax, [row["error"] for row in rows])
    low, high = ax.get_ylim()
    ticks = [tick for tick in TICKS if low <= tick <= high]
    # Many ticks would run into one another.
    ax.set_yticks(ticks if len(ticks) <= 9 else [t for t in ticks if f"{t:g}".strip("0.") in "125"])
    ax.set_ylabel("validation error (%)")
    ax.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2, ncols=4, labelcolor=INK,
        handlelength=1.4, columnspacing=1.4,
    )  # fmt: skip


def _key(
    ax: Axes, rows: list[Any], cost: Cost, varied: Sequence[str], front: int, height: float
) -> None:
    """The points of the front as a table: number, error, cost, its band, settings."""
    lines = [["", "error", cost.key, "low – high", *(SHORT.get(n, _plain(n)) for n in varied)]]
    for n, row in enumerate(rows):
        figure, settings = row[cost.key], row["settings"]
        lines.append(
            [str(n + 1), f"{row['error']:.2f} %", amount(figure["value"], cost.unit), band(figure)]
            + [shown_value(settings[name]) for name in varied]
        )
    if not any(line[3] for line in lines[1:]):
        for line in lines:
            del line[3]
    widths = [max(_width(line[k]) for line in lines) for k in range(len(lines[0]))]
    # Where names are long, the type is small.
    size = KEY_TEXT * min(1.0, (KEY_WIDTH - GAP * len(widths)) / (KEY_TEXT * sum(widths)))
    ends = [sum(size * w + GAP for w in widths[: k + 1]) / KEY_WIDTH for k in range(len(widths))]
    if front > len(rows):
        lines.append(["…", f"and {front - len(rows)} more"])
    for n, line in enumerate(lines):
        y = 1.0 - (n + 0.5) * LINE / height
        for end, text in zip(ends, line, strict=False):
            ax.text(
                end, y, text, transform=ax.transAxes, va="center", ha="right", fontsize=size,
                color=INK if n else QUIET,
            )  # fmt: skip


def _width(text: str) -> float:
    """How wide a text is, in heights of its type."""
    from matplotlib.textpath import TextPath

    return float(TextPath((0, 0), text, size=1.0).get_extents().width) if text else 0.0


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _setting(name: str, value: Any) -> str:
    """A setting and its value, for the legend."""
    return f"{SHORT.get(name, _plain(name))} {shown_value(value)}"


save = saver(lambda document, cost: figure(document, COSTS[cost]), DPI)  # of COSTS
