"""The pictures of one watched sample, drawn from its document."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from eqchip.hw_reports.plots.mesh import LAYER_COLOURS
from eqchip.hw_reports.plots.style import BLUE, FAINT, INK, PALE, QUIET, SMALL, VERMILION, apart
from eqchip.hw_reports.watch.axes import (
    FLAT,
    TIME,
    TINY,
    UPRIGHT,
    Document,
    colour_of,
    darker,
    end_of,
    key,
    name_line,
    name_of,
    name_phases,
    role,
    say,
    stairs,
    time_axis,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

UNIT_COLOURS = (LAYER_COLOURS[5], LAYER_COLOURS[0], LAYER_COLOURS[2])
LEAST_ROWS = 12  # units' worth of height that even a small layer gets
MOST_BACKLOGS = 8  # cores, those with the longest queues
LABEL_GAP = 0.28  # least distance of two names of lines, in potentials
GAP = 0.8  # between the layers of the close-up, in rows


class Panel(NamedTuple):
    """A picture: its name and title, its words, the heights of its axes in inches, who draws it."""

    name: str
    title: str
    alt: str
    caption: str
    heights: Callable[[Document], Sequence[float]]
    draw: Callable[[Sequence[Axes], Document], None]


def raster(panels: Sequence[Axes], document: Document) -> None:
    """Every spike at its time; the output on top, in each layer the slowest clock below."""
    layers = document["raster"][::-1]
    for ax, layer in zip(panels, layers, strict=True):
        shown = len(layer["shown"])
        rows = np.array(layer["row"])
        width = float(np.clip(110 / max(shown, 1), 1.1, 1.6))
        ax.vlines(
            layer["time"], rows - 0.42, rows + 0.42, color=colour_of(layer["layer"]), lw=width
        )
        ax.set_ylim(-0.7, max(shown, 1) - 0.3)
        ax.set_yticks([])
        some = f"{shown} of {layer['units']:,}" if shown < layer["units"] else f"{shown} units"
        ax.set_ylabel(f"{role(document, layer['layer'])}\n{some}", **FLAT)
        if not layer["time"]:
            say(ax, "no spikes")
        time_axis(ax, document, ax is panels[-1])
    name_phases(panels[0], document)


def _raster_heights(document: Document) -> list[float]:
    sizes = [max(len(layer["shown"]), LEAST_ROWS) for layer in document["raster"][::-1]]
    return [0.62 * (size / LEAST_ROWS) ** 0.45 for size in sizes]


def clocks(panels: Sequence[Axes], document: Document) -> None:
    """How many steps a clock is ahead of nominal time, at each of its ticks."""
    (ax,) = panels
    ends = []
    for clock in document["clocks"]["shown"]:
        ticks = np.array(clock["ticks"])
        ahead = np.arange(1, len(ticks) + 1) - ticks
        ax.plot(ticks, ahead, color=colour_of(clock["layer"]), lw=0.8, alpha=0.75)
        ends.append(ahead[-1] if len(ahead) else 0.0)
    ax.axhline(0.0, color=INK, lw=0.9)
    low, high = min(ends, default=0.0), max(ends, default=0.0)
    ax.set_ylim(min(1.15 * low, -1.3), max(1.15 * high, 1.3))
    ax.set_ylabel("steps ahead\nof nominal", **UPRIGHT)
    for at, unit, side in ((ends[-1], "fastest", 1), (ends[0], "slowest", -1)) if ends else ():
        if document["clocks"]["shortest"] < document["clocks"]["longest"]:
            name_line(ax, at, unit, QUIET, side)
    time_axis(ax, document)
    name_phases(ax, document)


def in_flight(panels: Sequence[Axes], document: Document) -> None:
    """Messages on their way, by the layer that sent them, and those of the synchronous engine."""
    (ax,) = panels
    found, end = document["in_flight"], end_of(document)
    times = np.append(found["time"], end)
    below = np.zeros(len(times))
    for layer, counts in enumerate(found["by_layer"]):
        if not any(counts):
            continue
        above = below + np.append(counts, counts[-1])
        ax.fill_between(
            times, below, above, step="post", color=colour_of(layer), alpha=0.65, lw=0,
            label=role(document, layer),
        )  # fmt: skip
        below = above
    synchronous = np.array(found["synchronous"])
    ax.step(
        np.arange(len(synchronous)), synchronous, where="post", color=INK, lw=0.7,
        label="synchronous",
    )  # fmt: skip
    ax.set_ylim(0, 1.12 * max(below.max(), synchronous.max(), 1))
    ax.set_ylabel("messages\nin flight", **UPRIGHT)
    time_axis(ax, document)
    name_phases(ax, document)
    key(ax)


def backlog(panels: Sequence[Axes], document: Document) -> None:
    """The most messages that waited at a core in each nominal period."""
    (ax,) = panels
    found = document["backlog"]
    counts = np.array(found["cores"])
    longest = np.argsort(-counts.max(1), kind="stable")[:MOST_BACKLOGS]
    several = len(set(found["layers"])) < len(found["layers"])
    for core in (core for core in np.sort(longest) if counts[core].any()):
        layer = found["layers"][core]
        name = f"core {core}" if several else role(document, layer)
        stairs(ax, counts[core], color=colour_of(layer), lw=1.1, label=name)
    if any(found["links"]):
        stairs(ax, np.array(found["links"]), color=INK, lw=0.8, label="busiest link")
    ax.set_ylim(0, 1.12 * max(counts.max(), 1))
    ax.set_ylabel("messages waiting\nor served", **UPRIGHT)
    time_axis(ax, document)
    name_phases(ax, document)
    key(ax)


def potentials(panels: Sequence[Axes], document: Document) -> None:
    """Hidden units above the outputs; both engines, and the fixed point of each phase."""
    from matplotlib.lines import Line2D

    last = len(document["subject"]["layers"]) - 1
    outputs = [unit for unit in document["potentials"] if unit["layer"] == last]
    hidden = [unit for unit in document["potentials"] if unit["layer"] < last]
    for ax, units in zip(panels, (hidden, outputs) if hidden else (outputs,), strict=True):
        named = units if units is hidden else [units[0], _rival(units)]
        for unit in sorted(units, key=lambda one: one in named):
            chosen = unit in named
            colour = UNIT_COLOURS[named.index(unit) % 3] if chosen else PALE
            _potential(ax, document, unit, colour, chosen)
        _names(ax, document, named)
        ax.set_ylim(-0.04, 1.04)
        ax.set_yticks([0, 0.5, 1])
        what = "output" if units is outputs else "hidden"
        ax.set_ylabel(f"potential,\n{what}", **UPRIGHT)
        time_axis(ax, document, ax is panels[-1])
    name_phases(panels[0], document)
    styles: dict[str, dict[str, Any]] = {
        "asynchronous": {"lw": 1.6}, "synchronous": {"lw": 0.7},
        "fixed point": {"lw": 1.1, "ls": (0, (1, 1.2))},
    }  # fmt: skip
    handles = [Line2D([], [], color=QUIET, label=name, **look) for name, look in styles.items()]
    key(panels[0], handles=handles)


def _potential(
    ax: Axes, document: Document, unit: Mapping[str, Any], colour: str, chosen: bool
) -> None:
    times = [*unit["time"], end_of(document)]
    values = [*unit["asynchronous"], unit["asynchronous"][-1]]
    ax.step(times, values, where="post", color=colour, lw=1.6 if chosen else 0.8)
    if not chosen:
        return
    # Thin, and darker than the line that it runs beside.
    steps = np.arange(len(unit["synchronous"]))
    ax.step(steps, unit["synchronous"], where="post", color=darker(colour), lw=0.7)
    for phase, level in zip(document["phases"], unit["fixed_point"], strict=True):
        ax.hlines(
            level, phase["start"], phase["end"], color=darker(colour), lw=1.1,
            linestyles=(0, (1, 1.2)),
        )  # fmt: skip


def _rival(outputs: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The largest output other than the label's, at the fixed point of the first phase."""
    return max(outputs[1:] or outputs, key=lambda unit: unit["fixed_point"][0])


def distance(panels: Sequence[Axes], document: Document) -> None:
    """Mean |s - s*| of both engines; it jumps where the fixed point does."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    (ax,) = panels
    curves = document["distance"]
    values = [
        v for one in curves for e in ("asynchronous", "synchronous") for v in one[e]["values"]
    ]
    positive = [value for value in values if value > 0]
    low, high = (min(positive), max(positive)) if positive else (1e-3, 1.0)
    for engine, colour, width in (("asynchronous", BLUE, 1.6), ("synchronous", INK, 0.7)):
        for one in curves:
            levels = np.maximum(one[engine]["values"], low)
            ax.step(one[engine]["time"], levels, where="post", color=colour, lw=width)
        ax.plot([], [], color=colour, lw=width, label=engine)
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_ylim(low / 1.5, 1.5 * high)
    ax.grid(axis="y")
    ax.set_ylabel("mean |s − s*|", **UPRIGHT)
    time_axis(ax, document)
    name_phases(ax, document)
    key(ax)


def close(panels: Sequence[Axes], document: Document) -> None:
    """Ticks, spikes and messages of a few units in the first periods, one by one."""
    from matplotlib.lines import Line2D

    (ax,) = panels
    found = document["close"]
    heights, bands = _rows_of(found["units"])
    for time in range(1, int(found["end"]) + 1):
        ax.axvline(time, color=FAINT, lw=0.7, zorder=0)
    for unit, y in zip(found["units"], heights, strict=True):
        colour = colour_of(unit["layer"])
        for message in unit["messages"]:
            low, high = bands.get(message["layer"], (y, y))
            goal = low if low > y else high
            ax.plot([message["sent"], message["ended"]], [y, goal], color=colour, lw=0.8, alpha=0.7)
            if message["lost"]:
                ax.plot(message["ended"], goal, "x", color=VERMILION, ms=5, zorder=5)
        ax.axhline(y, color=PALE, lw=0.7, zorder=0.5)
        ax.plot(unit["ticks"], [y] * len(unit["ticks"]), "|", color=INK, ms=7, mew=0.9, zorder=3)
        ax.plot(unit["spikes"], [y] * len(unit["spikes"]), "o", color=colour, ms=5.5, zorder=4)
    ax.set_yticks(heights, [name_of(document, unit) for unit in found["units"]], fontsize=SMALL)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_ylim(-0.6, heights[-1] + 0.6 if heights else 1.0)
    ax.set_xlim(0, found["end"])
    ax.set_xlabel(TIME)
    looks: dict[str, dict[str, Any]] = {
        "tick": {"marker": "|", "ls": "", "ms": 7}, "spike": {"marker": "o", "ls": "", "ms": 5.5},
        "message": {"lw": 0.8},
    }  # fmt: skip
    handles = [Line2D([], [], color=INK, label=name, **look) for name, look in looks.items()]
    if any(message["lost"] for unit in found["units"] for message in unit["messages"]):
        handles.append(Line2D([], [], color=VERMILION, marker="x", ls="", label="lost"))
    key(ax, handles=handles)


def _rows_of(
    units: Sequence[Mapping[str, Any]],
) -> tuple[list[float], dict[int, tuple[float, float]]]:
    """The height of each unit, the input below, and the lower and upper edge of each layer."""
    heights: list[float] = []
    bands: dict[int, tuple[float, float]] = {}
    y, layer = 0.0, None
    for unit in units:
        y += GAP * (layer is not None and unit["layer"] != layer)
        layer = unit["layer"]
        heights.append(y)
        bands[layer] = (bands.get(layer, (y - 0.4, y))[0], y + 0.4)
        y += 1.0
    return heights, bands


def _close_heights(document: Document) -> list[float]:
    return [0.35 + 0.25 * len(document["close"]["units"])]


PANELS = (
    Panel(
        "close", "A few units, tick by tick",
        "Space-time diagram: ticks, spikes and messages of some units in the first periods",
        "The first periods. Each unit ticks by its own clock, off the grid of nominal periods; a "
        "spike's message slants upwards or downwards for as long as it travels, and is read at "
        "the receiver's next tick.",
        _close_heights, close,
    ),
    Panel(
        "raster", "Spikes in continuous time",
        "Dashes: every spike at its time, a panel for each layer",
        "One dash a spike. In each layer the unit with the slowest clock is at the bottom. Of a "
        "large layer some units are shown, evenly chosen over the clocks.",
        _raster_heights, raster,
    ),
    Panel(
        "clocks", "Clocks drift apart",
        "Lines that fan out: how many steps each clock is ahead of nominal time",
        "A line a clock, of hidden and output units: its own number of ticks less nominal time. "
        "Synchronous clocks would all lie on the black line.",
        lambda _: [1.25], clocks,
    ),
    Panel(
        "in-flight", "Messages in flight",
        "Stacked areas: messages in flight over time, by the layer that sent them",
        "Sent, and neither delivered nor lost, by the layer that sent them. A spike sends one "
        "message to each destination core. The synchronous engine's, all layers together, take "
        "one step each.",
        lambda _: [1.35], in_flight,
    ),
    Panel(
        "backlog", "Backlog of the cores",
        "Stairs: the most messages that waited at each core in each nominal period",
        "The most messages that waited or were served at once in each nominal period.",
        lambda _: [1.25], backlog,
    ),
    Panel(
        "potentials", "Potentials and fixed points",
        "Curves: potentials of some hidden units and of the outputs, and where they come to rest",
        "Above, hidden units, if possible such as come to rest inside (0, 1): with the slowest, "
        "the middle and the fastest clock, or, where all clocks are alike, with the lowest, middle "
        "and highest fixed point. Below, the outputs: the label's, the strongest other, and the "
        "rest in grey.",
        lambda document: [1.25] * (1 + (len(document["subject"]["layers"]) > 2)), potentials,
    ),
    Panel(
        "distance", "Distance to the fixed point",
        "Curves on a logarithmic axis: distance of both engines to the fixed point of each phase",
        "Mean |s − s*| over hidden and output units, with s* the fixed point of the real-valued "
        "network in that phase.",
        lambda _: [1.6], distance,
    ),
)  # fmt: skip
# What has to do with time on the left, what comes of it on the right.
LEFT = ("close", "raster", "clocks")


def panels_of(document: Document) -> list[Panel]:
    """The panels that a document has something to show in."""
    return [one for one in PANELS if one.name != "backlog" or document["backlog"] is not None]


def _names(ax: Axes, document: Document, units: Sequence[Mapping[str, Any]]) -> None:
    """The names of units right of the ends of their lines, moved apart where these meet."""
    order = sorted(range(len(units)), key=lambda k: units[k]["asynchronous"][-1])
    heights = np.array([units[k]["asynchronous"][-1] for k in order])
    places = apart(heights, LABEL_GAP)
    places += max(0.0, 0.1 - places[0]) - max(0.0, places[-1] - 0.9)  # within the panel
    for k, y in zip(order, places, strict=True):
        unit = units[k]
        if unit["why"] in ("label", "output"):
            why = "\n(label)" if unit["why"] == "label" else ""
        else:
            why = "\n" + unit["why"].replace("fixed point", "s*")
        text = name_of(document, unit) + why
        ax.annotate(
            text, (1.0, y), xycoords=("axes fraction", "data"), xytext=(4, 0),
            textcoords="offset points", va="center", fontsize=TINY, linespacing=0.95,
            color=UNIT_COLOURS[k % 3], annotation_clip=False,
        )  # fmt: skip
