"""Figures of comparisons of layers that learn nothing, drawn from their documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from eqchip.hw_reports.plots.style import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    QUIET,
    VERMILION,
    new_figure,
    title_and_foot,
)
from eqchip.hw_reports.studies.dynamics_plot import WIDTH, plain_ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE = 22.0  # square points of a mark, a threshold of 1
POLICIES = {
    "one unit": GREEN,
    "slots": BLUE,
    "ticks": ORANGE,
    "together": VERMILION,
    "own clocks": ORANGE,
}
BY_TURNS = (("o", GREEN), ("s", BLUE), ("^", ORANGE), ("X", VERMILION))
MARKERS = {"one unit": "o", "slots": "s", "ticks": "^", "together": "X", "own clocks": "^"}


def turns_figure(document: Mapping[str, Any]) -> Figure:
    """Error against rate by policy, a panel for each step length.

    Parameters
    ----------
    document : dict
        From :func:`eqchip.hw_reports.studies.dynamics.compared_document`, or read from its file.
    """
    rows = document["rows"]
    lengths = sorted({row["dt"] for row in rows}, reverse=True)
    drawn = new_figure(3.6, WIDTH)
    panels = drawn.subplots(1, len(lengths), sharex=True, sharey=True, squeeze=False)[0]
    for ax, dt in zip(panels, lengths, strict=True):
        for policy, colour in POLICIES.items():
            own = [row for row in rows if row["policy"] == policy and row["dt"] == dt]
            if not own:
                continue
            own.sort(key=lambda row: row["width"])
            rates, errors = ([row[name]["mean"] for row in own] for name in ("rate", "error"))
            ax.plot(rates, errors, "-", color=colour, linewidth=0.9)
            ax.scatter(
                rates, errors, [SIZE * row["width"] for row in own], marker=MARKERS[policy],
                color=colour, label=policy, zorder=3,
            )  # fmt: skip
        ax.set_xscale("log")
        ax.set_yscale("log")
        plain_ticks(ax.xaxis)
        plain_ticks(ax.yaxis)
        ax.set_title(f"steps of {dt * 1e3:g} ms")
        ax.set_xlabel("rate of a unit, Hz")
        ax.grid(visible=True)
    panels[-1].legend(loc="upper left", bbox_to_anchor=(1.02, 1.0))
    panels[0].set_ylabel("error, of the signal's variance")
    title_and_foot(
        drawn, "Who may fire in a step decides whether the code holds",
        "weights in balance, read-out refitted; the larger a mark, the higher the threshold: 1, "
        "1.6 and 3 halves of what a spike takes",
    )  # fmt: skip
    return drawn


def cases_figure(document: Mapping[str, Any]) -> Figure:
    """Error and rate of every case, a line each.

    Parameters
    ----------
    document : dict
        From :func:`eqchip.hw_reports.studies.dynamics.compared_document`, or read from its file.
    """
    rows = document["rows"]
    drawn = new_figure(1.3 + 0.24 * len(rows), WIDTH)
    panels = drawn.subplots(1, 2, sharey=True, width_ratios=(1.6, 1))
    for ax, name, text in zip(
        panels, ("error", "rate"), ("error, of the signal's variance", "rate of a unit, Hz"),
        strict=True,
    ):  # fmt: skip
        for place, row in enumerate(rows):
            values, colour = row[name], POLICIES[row["policy"]]
            ax.plot([values["low"], values["high"]], [place, place], color=colour, linewidth=1.2)
            ax.plot(values["mean"], place, MARKERS[row["policy"]], color=colour, markersize=5)
        ax.set_xscale("log")
        plain_ticks(ax.xaxis)
        ax.set_xlabel(text)
        ax.grid(visible=True, axis="x")
    labels = [f"{row['label']}{_step(row)}" for row in rows]
    panels[0].set_yticks(range(len(rows)), labels)
    panels[0].set_ylim(len(rows) - 0.5, -0.5)
    title_and_foot(
        drawn, f"{document['title']}: does the code hold?",
        f"weights in balance, read-out refitted; {_seeds(rows)}: mean, least and largest",
    )  # fmt: skip
    return drawn


def price_figure(document: Mapping[str, Any]) -> Figure:
    """Error against what a second of signal costs, a mark for each length of a step.

    Parameters
    ----------
    document : dict
        From :func:`eqchip.hw_reports.studies.dynamics.compared_document`, with prices.
    """
    rows = document["rows"]
    drawn = new_figure(3.6, WIDTH)
    ax = drawn.subplots()
    kinds = list(dict.fromkeys(row["label"] for row in rows))
    for row in rows:
        figure, error = row["price"]["energy"]["figure"], row["error"]
        x, y = figure["value"], error["mean"]
        ax.plot([figure["low"], figure["high"]], [y, y], color=QUIET, linewidth=0.7)
        ax.plot([x, x], [error["low"], error["high"]], color=QUIET, linewidth=1.4)
        marker, colour = BY_TURNS[kinds.index(row["label"]) % len(BY_TURNS)]
        ax.plot(x, y, marker, color=colour, markersize=5, label=row["label"])
        worst = max(other["error"]["mean"] for other in rows if other["dt"] == row["dt"])
        if y == worst:
            ax.annotate(
                f"{row['dt'] * 1e3:g} ms", (x, y), color=INK, xytext=(6, 5),
                textcoords="offset points",
            )  # fmt: skip
    ax.set_xscale("log")
    ax.set_yscale("log")
    plain_ticks(ax.xaxis)
    plain_ticks(ax.yaxis)
    ax.set_xlabel(f"a second of signal on {rows[0]['price']['chip']}, J, modelled")
    ax.set_ylabel("error, of the signal's variance")
    ax.grid(visible=True)
    by_label = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    ax.legend(by_label.values(), by_label.keys(), loc="upper right")
    title_and_foot(
        drawn, "Longer steps are cheaper and code worse",
        f"weights in balance, read-out refitted; {_seeds(rows)}: mean, least and largest; "
        "across: low to high of the price",
    )  # fmt: skip
    return drawn


def _step(row: Mapping[str, Any]) -> str:
    return "" if "ms" in row["label"] else f", steps of {row['dt'] * 1e3:g} ms"


def _seeds(rows: Any) -> str:
    count = len(rows[0]["seeds"])
    return f"{count} seed{'s' if count > 1 else ''}"


# What draws each comparison. A new one: a row here.
FIGURES: dict[str, Callable[[Mapping[str, Any]], Figure]] = {
    "turns": turns_figure,
    "steps": price_figure,
    "cores": cases_figure,
    "clocks": cases_figure,
}
