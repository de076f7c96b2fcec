"""Figures of a report on energy: by kind and phase, and against accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from eqchip.hw_reports.document.readable import UNKNOWN, amount, name_of, percent
from eqchip.hw_reports.plots.style import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PALE,
    QUIET,
    SMALL,
    at_least,
    colour_of_kind,
    head,
    key_below,
    label_rows,
    new_figure,
    say,
    shortened,
    si_axis,
    whiskers,
    write_unknown,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Document = Mapping[str, Any]
STATIC, STATIC_HIDES = "static", 0.5  # share from which the rest is drawn apart, too
ROW = 0.42  # inches
ABREAST = 30  # letters of an entry of the key up to which two stand side by side
NAMED = 0.01  # share of the training's or the inference's energy from which a kind is named
ERROR_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)  # percent
MOST_UNKNOWN = 2  # kinds whose energy is unknown that are named
MOST_MARKED = 30  # epochs with a mark of their own


def energy_by_kind_and_phase(document: Document) -> Figure:
    """Energy of a sample in every phase, stacked by kind; whiskers from low to high."""
    phases = list(document["energy"]["by_phase"])
    share = document["energy"]["static_share"] or 0.0
    panels = 2 if STATIC_HIDES < share < 1 else 1
    handles, height = _kind_key(document), ROW * len(phases)
    abreast = 1 if max(len(one.get_label()) for one in handles) > ABREAST else 2
    key = 0.2 + 0.19 * -(-len(handles) // abreast)
    figure = new_figure(0.95 + (height + 0.45) * panels + key)
    axes = figure.subplots(panels, 1, squeeze=False)[:, 0]
    head(figure, "Energy per sample by phase and kind", document)
    for ax, leave_out in zip(axes, ((), (STATIC,)), strict=False):
        label_rows(ax, [name_of(phase, document["labels"]) for phase in phases])
        most = 1.3 * stack_phases(ax, document, phases, leave_out) or 1.0
        ax.set_xlim(0, most)
        words = "energy per sample without static power" if leave_out else "energy per sample"
        ax.set_xlabel(f"{words} ({si_axis(ax.xaxis, most, 'J')})")
        if "inference" in phases[1:]:
            ax.axhline(phases.index("inference") - 0.5, color=PALE, lw=0.8, ls=(0, (4, 3)))
    key_below(
        axes[-1], handles, height, 0.55, x=-0.1, loc="upper left", ncols=abreast,
        title="share of the training sample's energy",
    )  # fmt: skip
    return figure


def stack_phases(
    ax: Axes, document: Document, phases: list[str], leave_out: tuple[str, ...] = ()
) -> float:
    """Stack the kinds of every phase, a phase a row, with the total behind it.

    Returns
    -------
    float
        The highest energy drawn, in J.
    """
    kinds = list(document["energy"]["by_kind"])
    named, _ = named_kinds(document)
    most = 0.0
    for row, phase in enumerate(phases):
        entries = [
            entry for entry in document["energy"]["table"]
            if entry["phase"] == phase and entry["kind"] not in leave_out
        ]  # fmt: skip
        found = {e["kind"]: e["figure"] for e in entries if e["figure"] is not None}
        if not found:
            write_unknown(ax, 0.0, row)
            continue
        left = 0.0
        for kind in [*named, *(kind for kind in kinds if kind not in named)]:
            if kind in found and found[kind]["value"] > 0:
                colour = colour_of_kind(kind, kinds) if kind in named else PALE
                ax.barh(
                    row, found[kind]["value"], 0.56, left=left, color=colour, ec="white", lw=0.5
                )
                left += found[kind]["value"]
        whole: dict[str, Any] = {
            side: sum(figure[side] for figure in found.values())
            for side in ("low", "value", "high")
        }
        lacks = [entry["kind"] for entry in entries if is_unknown(entry)]
        total = {"figure": {**whole, "unit": "J"}, "lacks": lacks}
        ax.errorbar(whole["value"], row, xerr=whiskers(whole), color=INK, lw=1.1, capsize=3)
        ax.annotate(
            at_least(total), (whole["high"], row), xytext=(6, 0), textcoords="offset points",
            va="center", fontsize=SMALL,
        )  # fmt: skip
        most = max(most, whole["high"])
    return most


def is_unknown(entry: Mapping[str, Any]) -> bool:
    """Whether a row of the energy table lacks its figure, or some term of it."""
    return entry["figure"] is None or bool(entry.get("lacks"))


def named_kinds(document: Document) -> tuple[list[str], list[str]]:
    """The kinds that a chart names, largest first, and those that it puts together."""
    by_kind = document["energy"]["by_kind"]
    shares = {
        kind: [
            _share(by_kind[kind][of], document["energy"][of]) for of in ("training", "inference")
        ]
        for kind in by_kind
    }
    order = sorted(by_kind, key=lambda kind: shares[kind], reverse=True)
    named = [kind for kind in order if max(shares[kind]) >= NAMED]
    small = [kind for kind in order if 0 < max(shares[kind]) < NAMED]
    # One small kind alone needs as much room as the words "other kinds".
    return (named + small, []) if len(small) == 1 else (named, small)


def _share(part: Mapping[str, Any] | None, total: Mapping[str, Any] | None) -> float:
    if part is None or total is None or not total["figure"] or not total["figure"]["value"]:
        return 0.0
    return float(part["value"] / total["figure"]["value"])


def _kind_key(document: Document) -> list[Any]:
    """The kinds with their share of the training; unknown ones as empty boxes."""
    from matplotlib.patches import Patch

    energy, labels = document["energy"], document["labels"]
    kinds = list(energy["by_kind"])
    named, small = named_kinds(document)
    handles = []
    for kind in named:
        share = _share(energy["by_kind"][kind]["training"], energy["training"])
        text = f"{shortened(name_of(kind, labels))}, {percent(share)}"
        handles.append(Patch(facecolor=colour_of_kind(kind, kinds), label=text))
    if small:
        handles.append(Patch(facecolor=PALE, label=f"{len(small)} other kinds, < 1 % each"))
    unknown = unknown_kinds(document)
    texts = [f"{len(unknown)} kinds: {UNKNOWN}"]
    if len(unknown) <= MOST_UNKNOWN:
        texts = [
            f"{shortened(name_of(kind, labels))}: "
            f"{'partly ' if kind in named + small else ''}{UNKNOWN}"
            for kind in unknown
        ]
    return handles + [
        Patch(facecolor="white", edgecolor=QUIET, hatch="////", label=text) for text in texts
    ]


def unknown_kinds(document: Document) -> list[str]:
    """Kinds of which some phase's energy is unknown, in the document's order."""
    table = document["energy"]["table"]
    return list(dict.fromkeys(entry["kind"] for entry in table if entry["figure"] is None))


def energy_against_error(document: Document) -> Figure:
    """Classification error over the energy spent since the first sample, epoch by epoch."""
    figure = new_figure(3.5)
    ax = figure.subplots()
    head(figure, "Error against training energy", document)
    cost = document["training_cost"]
    known = [row for row in cost["epochs"] if row["cumulative"]["figure"] is not None]
    if not known:
        say(ax, "The energy of the epochs is unknown.")
        return figure
    most = max(row["cumulative"]["figure"]["high"] for row in known)
    draw_epochs(ax, known)
    _mark_epochs(ax, known)
    if cost["reached"]["of"] == "test":
        error = cost["reached"]["error"]
        ax.axhline(
            error, color=GREEN, ls="--", lw=1.2, label=f"test, after training: {error:.3g} %"
        )
    error_axis(ax, [*_errors(known), cost["reached"]["error"]])
    ax.set_xlim(0, 1.04 * most or 1.0)
    words = "energy since the first sample, at least" if known[-1]["cumulative"]["lacks"] else (
        "energy since the first sample")  # fmt: skip
    ax.set_xlabel(f"{words} ({si_axis(ax.xaxis, 1.04 * most, 'J')})")
    ax.legend(loc="upper right")
    return figure


def draw_epochs(ax: Axes, rows: list[Any]) -> None:
    """Training and validation error of each epoch; whiskers at the last, from low to high."""
    spent = [row["cumulative"]["figure"] for row in rows]
    x = [found["value"] for found in spent]
    curves = {
        "train_error": ("training (running)", ORANGE),
        "validation_error": ("validation", BLUE),
    }
    for key, (label, colour) in curves.items():
        if any(row.get(key) is None for row in rows):
            continue
        errors = [row[key] for row in rows]
        mark = "o" if len(rows) <= MOST_MARKED else None
        # A band along the curve would fold over itself wherever the error rises again.
        ax.errorbar(x[-1], errors[-1], xerr=whiskers(spent[-1]), color=colour, lw=1.0, capsize=3)
        ax.plot(x, errors, color=colour, marker=mark, ms=3.5, lw=1.4, label=label)


def _errors(rows: list[Any]) -> list[float]:
    keys = ("train_error", "validation_error")
    return [row[key] for row in rows for key in keys if row.get(key) is not None]


def error_axis(ax: Axes, errors: list[float]) -> None:
    """Errors in percent on an axis that shows small ones, too."""
    from matplotlib.ticker import NullLocator, StrMethodFormatter

    # An error of exactly 0 has no place on a log axis.
    ax.set_yscale("symlog", linthresh=ERROR_TICKS[0])
    positive = [error for error in errors if error > 0]
    low = 0.6 * min(positive, default=1.0) if len(positive) == len(errors) else 0.0
    top = 1.25 * max(positive, default=1.0)
    ax.set_ylim(low, top)
    ax.set_yticks([tick for tick in ERROR_TICKS if low <= tick <= top])
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.set_ylabel("classification error (%)")
    ax.grid()


def _mark_epochs(ax: Axes, rows: list[Any]) -> None:
    """Write the first and the last epoch at their points, where no curve runs."""
    for row, pick in ((rows[0], max), (rows[-1], min))[: len(rows)]:
        spent, last = row["cumulative"]["figure"], pick is min
        ax.annotate(
            f"epoch {row['epoch']}: {amount(spent['value'], spent['unit'])}",
            (spent["value"], pick(_errors([row]))), xytext=(0, -7) if last else (12, 0),
            textcoords="offset points", ha="right" if last else "left",
            va="top" if last else "center", fontsize=SMALL, color=QUIET,
        )  # fmt: skip
