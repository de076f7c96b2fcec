"""The cost of learning one sample beside measured chips, modelled too, and the arithmetic floor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from eqchip.hw_reports.document.readable import compared, per_sample
from eqchip.hw_reports.plots.style import (
    BLUE,
    INK,
    PALE,
    QUIET,
    SMALL,
    VERMILION,
    at_least,
    head,
    key_below,
    label_rows,
    log_si_axis,
    new_figure,
    whiskers,
    write_unknown,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROW, FEWEST = 0.25, 3  # inches; rows that there is room for at least


class Row(NamedTuple):
    """One row: what it is, its total (None: unknown), and how its figure came about."""

    name: str
    total: Mapping[str, Any] | None
    origin: Literal["this run", "floor", "measured", "others"]


LOOKS: dict[str, dict[str, Any]] = {
    "this run": {"marker": "D", "ms": 8, "color": BLUE},
    "floor": {"marker": "D", "ms": 6.5, "color": BLUE, "mfc": "white"},
    "measured": {"marker": "o", "ms": 7, "color": VERMILION},
    "others": {"marker": "D", "ms": 6.5, "color": VERMILION, "mfc": "white"},
}
MEANING = {
    "this run": "this run, modelled",
    "floor": "processor floor, modelled",
    "measured": "published, measured",
    "others": "the same, modelled",
}


def energy_beside_others(document: Mapping[str, Any]) -> Figure:
    """Energy of one training sample, beside the published anchors and the floors."""
    title = "Energy per training sample, beside others"
    return _beside(document, rows_of(document, "energy"), title, "J")


def time_beside_others(document: Mapping[str, Any]) -> Figure:
    """Time of one training sample, beside the published anchors."""
    rows = rows_of(document, "time")
    return _beside(document, rows, "Time per training sample, beside others", "s")


def rows_of(document: Mapping[str, Any], what: Literal["energy", "time"]) -> list[Row]:
    """The run, then floors, then chips that learn from cheap to dear, measured and modelled."""
    energy, time, _ = per_sample(document)
    mean = energy if what == "energy" else time
    mine = Row(f"this run on {document['chip']['name']}", mean, "this run")
    key = "training" if what == "energy" else "time"
    floors = [
        Row(base["title"], base[key], "floor")
        for base in document["baselines"]
        if base[key] is not None
    ]
    pairs = []
    for anchor in compared(document):
        name, of = f"{anchor['name']}, {anchor['hardware']}", f"training_{what}"
        if anchor["modelled"][of] is None:
            continue
        pair = [Row(f"{name}, modelled", anchor["modelled"][of], "others")]
        if anchor["ratio"][of] is not None:
            pair.insert(0, Row(name, {"figure": anchor[of], "lacks": []}, "measured"))
        pairs.append(pair)
    pairs.sort(key=lambda pair: pair[-1].total["figure"]["value"] if pair[-1].total else 0.0)
    return [mine, *floors, *(row for pair in pairs for row in pair)]


def _beside(document: Mapping[str, Any], rows: list[Row], title: str, unit: str) -> Figure:
    from matplotlib.lines import Line2D

    room = ROW * max(len(rows), FEWEST)
    figure = new_figure(1.35 + room)
    ax = figure.subplots()
    head(figure, title, document)
    label_rows(ax, [row.name for row in rows])
    ax.tick_params(axis="y", labelsize=SMALL)
    known = [row.total["figure"] for row in rows if row.total and row.total["figure"]]
    positive = [figure[side] for figure in known for side in ("low", "high") if figure[side] > 0]
    low, high = min(positive, default=1.0), max(positive, default=1.0)
    ax.set_xscale("log")
    ax.set_xlim(low / 2.5, high * 12)  # room for the words behind the last mark
    log_si_axis(ax.xaxis, unit)
    for y, row in enumerate(rows):
        if row.total is None or row.total["figure"] is None:
            write_unknown(ax, ax.get_xlim()[0], y)
            continue
        found, look = row.total["figure"], LOOKS[row.origin]
        ax.errorbar(found["value"], y, xerr=whiskers(found), capsize=3, lw=1.3, **look)
        ax.annotate(
            at_least(row.total), (found["high"], y), xytext=(8, 0), textcoords="offset points",
            va="center", fontsize=SMALL, color=INK,
            fontweight="bold" if row.origin == "this run" else "normal",
        )  # fmt: skip
    for y in range(1, len(rows)):
        if (rows[y].origin in ("this run", "floor")) != (
            rows[y - 1].origin in ("this run", "floor")
        ):
            ax.axhline(y - 0.5, color=PALE, lw=0.8, ls=(0, (4, 3)))
    ax.get_yticklabels()[0].set_fontweight("bold")
    origins = dict.fromkeys(row.origin for row in rows)
    handles = [
        Line2D([], [], ls="", label=MEANING[origin], **{**LOOKS[origin], "ms": 6})
        for origin in origins
    ]
    key_below(
        ax, handles, room, 0.36, x=1.0, loc="upper right", ncols=2, handletextpad=0.3,
        labelcolor=QUIET,
    )  # fmt: skip
    return figure
