"""Figures of a report on memory: what stands on the chip, and learning against BPTT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from eqchip.hw_reports.document.readable import amount, digits, name_of, percent
from eqchip.hw_reports.plots.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    QUIET,
    SKY,
    SMALL,
    VERMILION,
    head,
    label_rows,
    new_figure,
    short,
    si_axis,
    write_unknown,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROOM = 10.0  # the words beside a mark take so much of a logarithmic axis
COLOURS = {
    "weights": BLUE, "mirrored_weights": SKY, "routing": GREEN, "state": GREY, "learning": ORANGE,
}  # fmt: skip


def memory_by_use(document: Mapping[str, Any]) -> Figure:
    """Bytes on all cores, by what they hold."""
    by_use, labels = document["memory"]["by_use"], document["labels"]
    figure = new_figure(1.25 + 0.32 * len(by_use))
    ax = figure.subplots()
    head(figure, "Memory on the chip by use", document)
    label_rows(ax, [name_of(use, labels) for use in by_use])
    values = {use: found["value"] for use, found in by_use.items() if found is not None}
    whole = sum(values.values())
    most = 1.45 * max(values.values(), default=0.0) or 1.0
    for row, use in enumerate(by_use):
        if use not in values:
            write_unknown(ax, 0.0, row)
            continue
        ax.barh(row, values[use], 0.58, color=COLOURS.get(use, GREY))
        share = percent(values[use] / whole) if whole else "0 %"
        ax.annotate(
            f"{amount(values[use], 'B')}, {share}", (values[use], row), xytext=(5, 0),
            textcoords="offset points", va="center", fontsize=SMALL,
        )  # fmt: skip
    ax.set_xlim(0, most)
    ax.set_xlabel(f"bytes on all cores ({si_axis(ax.xaxis, most, 'B')})")
    return figure


def memory_over_steps(document: Mapping[str, Any]) -> Figure:
    """Memory for learning over the number of time steps: EP against BPTT."""
    memory = document["memory"]
    figure = new_figure(3.6)
    ax = figure.subplots()
    head(figure, "Memory for learning over time steps", document)
    curves = (
        ("bptt", "BPTT", VERMILION, "-"),
        ("bptt_checkpointed", "BPTT, checkpointed", VERMILION, (0, (4, 2))),
        ("ep", "equilibrium propagation", BLUE, "-"),
    )
    ax.set_xscale("log")
    ax.set_yscale("log", base=2)
    for key, label, colour, style in curves:
        if memory.get(key):
            ax.plot(memory["steps"], memory[key], color=colour, ls=style, lw=1.8, label=label)
        else:
            ax.plot([], [], color=colour, ls=style, label=f"{label}: unknown")
    _mark_run(ax, memory)
    _byte_axis(ax, memory)
    ax.set_xlabel("time steps per sample")
    ax.set_ylabel("memory beside the weights")
    ax.grid()
    ax.legend(loc="upper left")
    return figure


def _mark_run(ax: Axes, memory: Mapping[str, Any]) -> None:
    """The number of steps of this run, and how much more BPTT would need there."""
    if not all(memory.get(key) for key in ("at_steps", "ep_bytes", "bptt_bytes")):
        return
    steps, ends = memory["at_steps"], (memory["ep_bytes"], memory["bptt_bytes"])
    ax.plot([steps, steps], ends, color=QUIET, lw=1.0, ls=":")
    ax.plot([steps], ends[:1], "o", color=BLUE, ms=6)
    ax.plot([steps], ends[1:], "o", color=VERMILION, ms=6)
    text = f"this run, {steps} steps: {amount(ends[0], 'B')}\nagainst {amount(ends[1], 'B')}"
    if memory.get("ratio"):
        text += f" ({digits(memory['ratio'])} times)"
    side = "left" if steps * ROOM <= max(memory["steps"]) else "right"
    ax.annotate(
        text, (steps, ends[0]), xytext=(8 if side == "left" else -8, 5), ha=side, va="bottom",
        textcoords="offset points", fontsize=SMALL, linespacing=1.3,
    )  # fmt: skip


def _byte_axis(ax: Axes, memory: Mapping[str, Any]) -> None:
    """Powers of two as byte units; steps written out."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, StrMethodFormatter

    ax.yaxis.set_major_locator(LogLocator(2, numticks=7))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value, "B")))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlim(min(memory["steps"]), max(memory["steps"]))
