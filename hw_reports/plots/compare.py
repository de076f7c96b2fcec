"""Figures that set reports side by side."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING, Any

from eqchip.hw_reports.document.compare import columns, listed
from eqchip.hw_reports.document.readable import digits, name_of
from eqchip.hw_reports.plots.energy import error_axis
from eqchip.hw_reports.plots.style import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PALE,
    PURPLE,
    QUIET,
    SKY,
    SMALL,
    SPARE_COLOURS,
    VERMILION,
    at_least,
    colour_of_kind,
    key_below,
    label_rows,
    log_si_axis,
    new_figure,
    say,
    shortened,
    si_axis,
    title_and_foot,
    whiskers,
    write_unknown,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Document = Mapping[str, Any]
SIDES = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, *SPARE_COLOURS)
IN_DETAIL = ("phases", "kinds")  # groups of rows that only the table has
LINEAR = 20.0  # ratio of the energies of two trainings up to which a linear axis shows both
LONGEST = 30  # letters of a name
ROW = 0.25  # inches
NAMED = 0.01  # share of either energy from which a kind is named


def ratios(document: Document) -> Figure:
    """Each figure of the other reports over the first's; unknown ones say so."""
    rows = [row for row in document["rows"] if row["group"] not in IN_DETAIL]
    others = document["names"][1:]
    height = ROW * len(rows) * (1 if len(others) == 1 else 0.5 + 0.5 * len(others))
    figure = new_figure(1.2 + height + 0.2 * (len(others) > 1) * len(others))
    ax = figure.subplots()
    what = "Second over first" if len(others) == 1 else f"Over {_short(document['names'][0])}"
    title_and_foot(figure, what, _foot(document))
    label_rows(ax, [row["name"] for row in rows])
    ax.tick_params(axis="y", labelsize=SMALL)
    known = [ratio for row in rows for ratio in columns(row)[1] if ratio]
    ax.set_xscale("log")
    low, high = min([0.5, *known]), max([2.0, *known])
    room = (high / low) ** 0.28  # for the words behind the marks
    ax.set_xlim(low / room, high * room)
    _plain_log(ax.xaxis, high / low < LINEAR)
    ax.axvline(1.0, color=INK, lw=0.9)
    for y, row in enumerate(rows):
        for k, ratio in enumerate(columns(row)[1]):
            side = SIDES[(k + 1) % len(SIDES)] if len(others) > 1 else None
            _ratio(ax, y + (k - (len(others) - 1) / 2) * 0.8 / len(others), ratio, side)
    ax.set_xlabel(f"{what.lower() if len(others) == 1 else 'ratio'}; 1: the same")
    if len(others) > 1:
        from matplotlib.lines import Line2D

        handles = [
            Line2D([], [], ls="", marker="o", ms=6, color=SIDES[(k + 1) % len(SIDES)],
                   label=_short(name))
            for k, name in enumerate(others)
        ]  # fmt: skip
        key_below(ax, handles, height, 0.5, x=1.0, loc="upper right", labelcolor=QUIET)
    return figure


def _ratio(ax: Axes, y: float, ratio: float | None, side: str | None) -> None:
    """A mark from 1 to a ratio, in the colour of its report, or of its direction."""
    if not ratio:
        write_unknown(ax, 1.0, y, "0" if ratio == 0 else "does not compare")
        return
    more = ratio >= 1
    ax.plot([1.0, ratio], [y, y], color=PALE, lw=2.5, zorder=1)
    ax.plot(ratio, y, "o", color=side or (SIDES[1] if more else SIDES[0]), ms=6)
    ax.annotate(
        f"× {digits(ratio)}", (ratio, y), xytext=(7 if more else -7, 0),
        textcoords="offset points", ha="left" if more else "right", va="center", fontsize=SMALL,
    )  # fmt: skip


def _plain_log(axis: Any, narrow: bool) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axis.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0) if narrow else (1.0,), numticks=9))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def energies_compared(document: Document) -> Figure:
    """Energy of a training sample of each, and of an inference, stacked by kind."""
    from matplotlib.patches import Patch

    reports = document["reports"]
    groups = [(of, k) for of in ("training", "inference") for k in range(len(reports))]
    kinds = list(dict.fromkeys(kind for one in reports for kind in one["energy"]["by_kind"]))
    height = 0.42 * len(groups)
    figure = new_figure(2.15 + height)
    ax = figure.subplots()
    title_and_foot(figure, "Energy per sample by kind", _foot(document))
    label_rows(ax, [f"{of}\n{_short(document['names'][k])}" for of, k in groups])
    ax.tick_params(axis="y", labelsize=SMALL)
    shown: list[str] = []
    most = 0.0
    for row, (of, k) in enumerate(groups):
        energy = reports[k]["energy"]
        whole = energy[of]["figure"]
        if whole is None:
            write_unknown(ax, 0.0, row)
            continue
        left = 0.0
        for kind in kinds:
            part = (energy["by_kind"].get(kind) or {}).get(of)
            if not part or not part["value"]:
                continue
            named = part["value"] >= NAMED * whole["value"]
            if named and kind not in shown:
                shown.append(kind)
            colour = colour_of_kind(kind, kinds) if kind in shown else PALE
            ax.barh(row, part["value"], 0.58, left=left, color=colour, ec="white", lw=0.5)
            left += part["value"]
        ax.errorbar(whole["value"], row, xerr=whiskers(whole), color=INK, lw=1.1, capsize=3)
        ax.annotate(
            at_least(energy[of]), (whole["high"], row), xytext=(6, 0), va="center",
            textcoords="offset points", fontsize=SMALL,
        )  # fmt: skip
        most = max(most, whole["high"])
    ax.set_xlim(0, 1.35 * most or 1.0)
    ax.set_xlabel(f"energy per sample ({si_axis(ax.xaxis, 1.35 * most or 1.0, 'J')})")
    ax.axhline(len(reports) - 0.5, color=PALE, lw=0.8, ls=(0, (4, 3)))
    labels = {key: text for one in reversed(reports) for key, text in one["labels"].items()}
    handles = [
        Patch(facecolor=colour_of_kind(kind, kinds), label=shortened(name_of(kind, labels)))
        for kind in shown
    ]
    key_below(ax, handles, height, 0.62, x=1.0, loc="upper right", ncols=2)
    return figure


def errors_compared(document: Document) -> Figure:
    """Validation error (training error, where there is none) over the energy of each."""
    figure = new_figure(3.4)
    ax = figure.subplots()
    title_and_foot(figure, "Error against training energy", _foot(document))
    errors: list[float] = []
    ends: list[float] = []
    most = 0.0
    for report, name, colour in zip(
        document["reports"], document["names"], cycle(SIDES), strict=False
    ):
        rows = [
            row for row in report["training_cost"]["epochs"]
            if row["cumulative"]["figure"] is not None
        ]  # fmt: skip
        if not rows:
            ax.plot([], [], color=colour, label=f"{_short(name)}: energy unknown")
            continue
        key = "train_error" if any(row["validation_error"] is None for row in rows) else (
            "validation_error")  # fmt: skip
        spent = [row["cumulative"]["figure"] for row in rows]
        x = [found["value"] for found in spent]
        y = [row[key] for row in rows]
        words = "training" if key == "train_error" else "validation"
        ax.errorbar(x[-1], y[-1], xerr=whiskers(spent[-1]), color=colour, lw=1.0, capsize=3)
        ax.plot(x, y, color=colour, marker="o", ms=3.5, lw=1.4, label=f"{_short(name)}, {words}")
        errors += y
        ends.append(x[-1])
        most = max(most, spent[-1]["high"])
    if not errors:
        say(ax, "The energy of the epochs is unknown.")
        return figure
    error_axis(ax, errors)
    words = "energy since the first sample"
    if len(ends) > 1 and min(ends) > 0 and max(ends) / min(ends) > LINEAR:
        ax.set_xscale("log")
        log_si_axis(ax.xaxis, "J")
        ax.set_xlabel(words)
    else:
        ax.set_xlim(0, 1.04 * most or 1.0)
        ax.set_xlabel(f"{words} ({si_axis(ax.xaxis, 1.04 * most or 1.0, 'J')})")
    ax.legend(loc="upper right", labelcolor=QUIET)
    return figure


def _foot(document: Document) -> str:
    return f"{document['statement']} · {listed([_short(name) for name in document['names']])}"


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else "…" + name[1 - LONGEST :]
