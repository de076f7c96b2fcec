"""Tables of tasks that are learned in time, from ``dynamics.json``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cells import NOTHING, table

from eqchip.hw_reports.studies.dynamics import said_of_turns

Results = dict[str, Any]  # file name -> document


def learned(results: Results) -> str:
    """What each task reached."""
    found = _learned(results)
    if found is None:
        return NOTHING
    rows = []
    for one in found:
        measure = "error" if "error" in one["after"] else "period_error"
        rows.append(
            [
                f"`{one['task']}`",
                _said(one["before"].get(measure)),
                _said(one["after"][measure]),
                _said(one["after"].get("error_refitted")),
                _said(one["after"]["rate"]),
                _said(one["after"].get("balance")),
                "; ".join(_goal(goal) for goal in one["goals"]) or "none",
            ]
        )
    columns = [
        "task", "error before >", "after >", "refitted >", "rate, Hz >", "balance >",
        "goals: of 5 seeds",
    ]  # fmt: skip
    return table(columns, rows)


def counted(results: Results) -> str:
    """Counts and prices of a second."""
    found = _learned(results)
    if found is None:
        return NOTHING
    rows = []
    for one in found:
        counts = one["learning_per_second"]
        price = one["price"]
        rows.append(
            [
                f"`{one['task']}`",
                f"{1 / one['settings']['dt'] * one['settings']['units']:.2g}",
                *(
                    f"{one['testing_per_second'][name]['mean']:.2g}"
                    for name in ("synaptic_events", "input_macs")
                ),
                f"{counts['weights_attempted']['mean'] + counts['slow_writes']['mean']:.2g}",
                *(_energy(price, part) for part in ("testing", "update")),
            ]
        )
    columns = [
        "task", "updates/s >", "events of spikes/s >", "products of the drive/s >",
        "writes/s, learning >", "a second, J >", "its writes, J >",
    ]  # fmt: skip
    return table(columns, rows)


def compared(study: str, *columns: str) -> Callable[[Results], str]:
    """The table of a comparison; columns beside error and rate."""

    def written(results: Results) -> str:
        found = _tasks(results) or []
        rows = [row for one in found if one["task"] == study for row in one["rows"]]
        if not rows:
            return NOTHING
        shown = [
            [
                row.get("label") or said_of_turns(row["turns"]),
                *(MORE[name](row) for name in columns if name in BEFORE),
                _said(row["error"]), _said(row["rate"]),
                *(MORE[name](row) for name in columns if name not in BEFORE),
            ]
            for row in rows
        ]  # fmt: skip
        return table(
            [
                "turns",
                *(f"{name} >" for name in columns if name in BEFORE),
                "error >", "rate, Hz >",
                *(f"{name} >" for name in columns if name not in BEFORE),
            ],
            shown,
        )  # fmt: skip

    return written


BEFORE = ("step, ms", "threshold")
# What more can be shown of a case. A new one: a row here.
MORE: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "step, ms": lambda row: f"{row['dt'] * 1e3:g}",
    "threshold": lambda row: f"{row['width']:g}",
    "looks/s": lambda row: f"{row['looks']['mean']:.2g}",
    "events/s": lambda row: f"{row['synaptic_events']['mean']:.2g}",
    "messages/s": lambda row: f"{row['messages']['mean']:.2g}",
    "a second, J": lambda row: _price(row["price"]),
}


def speed(results: Results) -> str:
    """Times real time."""
    found = results.get("dynamics.json")
    if found is None:
        return NOTHING
    rows = [
        [
            row["numbers"], row["case"], f"{row['times_real_time']:.0f}",
            f"{row['share_of_a_processor']:.2f}",
        ]
        for row in found["speed"]
    ]  # fmt: skip
    return table(["numbers", "", "times real time >", "share of a processor >"], rows)


def _tasks(results: Results) -> list[dict[str, Any]] | None:
    found = results.get("dynamics.json")
    return None if found is None else found["tasks"]


def _learned(results: Results) -> list[dict[str, Any]] | None:
    """The tasks that learn; policies do not."""
    found = _tasks(results)
    return None if found is None else [one for one in found if "rows" not in one]


def _said(figures: Mapping[str, float | None] | None) -> str:
    if figures is None or figures["mean"] is None:
        return "–"
    return f"{figures['mean']:.3g} ± {figures['sd']:.1g}"


def _goal(goal: Mapping[str, Any]) -> str:
    name = {"error": "error", "period_error": "period"}.get(goal["measure"], goal["measure"])
    side = "≤" if goal["at_most"] else "≥"
    return f"{name.replace('_', ' ')} {side} {goal['bound']:g}: {goal['reached']}"


def _energy(price: Mapping[str, Any], part: str) -> str:
    if "refused" in price:
        return "–"
    of = price["learning"]["update"] if part == "update" else price[part]
    return _price(of)


def _price(of: Mapping[str, Any]) -> str:
    figure = of["energy"]["figure"]
    least = "≥ " if of["energy"]["lacks"] else ""
    return f"{least}{figure['value']:.2g} ({figure['low']:.2g} to {figure['high']:.2g})"


TABLES: dict[str, Callable[[Results], str]] = {
    "dynamics": learned,
    "dynamics-second": counted,
    "dynamics-turns": compared("turns", "step, ms", "threshold"),
    "dynamics-steps": compared("steps", "step, ms", "looks/s", "events/s", "a second, J"),
    "dynamics-cores": compared("cores", "step, ms", "events/s", "messages/s"),
    "dynamics-clocks": compared("clocks", "looks/s", "events/s"),
    "dynamics-speed": speed,
}
