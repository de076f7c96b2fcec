"""The tables of a report on an asynchronous run, for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eqchip.hw_reports.document.readable import (
    UNKNOWN,
    amount,
    band,
    count,
    digits,
    name_of,
    nominal,
    percent,
    short_total,
)
from eqchip.hw_reports.show.table import Table

Document = Mapping[str, Any]
MINUS, PLUS = "−", "+"
NOTHING = 1e-15  # seconds: below it a difference is that of rounding


def tables(document: Document) -> list[Table]:
    """Simulated time, what separates it from time in steps, and both runs side by side."""
    found = [simulated(document)]
    if document["asynchronous"]["same_run"]["time"] is not None:
        found.append(difference(document))
    return [*found, both(document)]


def simulated(document: Document) -> Table:
    """Periods and seconds of each phase, and how busy the busiest core is."""
    section, labels = document["asynchronous"], document["labels"]
    rows = []
    for phase, one in section["phases"].items():
        core = one["busiest_core"]
        rows.append(
            [
                name_of(phase, labels),
                f"{one['periods']:,.0f}",
                short_total(one["time"]),
                band(one["time"]["figure"]),
                nominal(one["work"]),
                UNKNOWN if one["load"] is None else percent(one["load"]),
                "" if core is None else str(core),
            ]
        )
    period = section["period"]["time"]
    return Table(
        f"Simulated time per sample, in nominal periods of {short_total(period)}",
        ("phase", "periods", "time", "low – high", "work of the busiest core", "load", "core"),
        rows,
    )


DIFFERENCES = (
    ("barrier", MINUS, "barriers"),
    ("waiting", MINUS, "waiting for the slowest of each step"),
    ("activity", PLUS, "more work in the asynchronous run"),
    ("idle", PLUS, "idle time of its busiest core"),
)


def difference(document: Document) -> Table:
    """From the time in steps to the simulated time, phase by phase."""
    by_phase, labels = document["asynchronous"]["same_run"]["time"], document["labels"]
    rows = [["time in steps", *(short_total(one["step_time"]) for one in by_phase.values())]]
    for name, sign, label in DIFFERENCES:
        rows.append([label, *(_signed(one[name], sign) for one in by_phase.values())])
    rows.append(["simulated time", *(short_total(one["simulated"]) for one in by_phase.values())])
    return Table(
        "The same run in step time, and what separates the two; per sample, nominal",
        ("", *(name_of(phase, labels) for phase in by_phase)),
        rows,
    )


def both(document: Document) -> Table:
    """Counts, energy and time of a training sample in steps and without them."""
    section = document["asynchronous"]
    messages = section["messages"]["training"]
    rows = []
    for row in section["same_run"]["totals"]:
        first, second = row["step_time"], row["simulated"]
        rows.append([row["name"], _shown(first, row["unit"]), _shown(second, row["unit"]),
                     _ratio(first, second)])  # fmt: skip
    inside = f"{count(messages['in_flight_mean'])}; {messages['in_flight_most']:,}"
    rows.append(["messages in flight, mean; most", "", inside, ""])
    if messages["lost"]:
        rows.append(["messages lost", "", count(messages["lost"]), ""])
    if messages["backlog_most"]:
        where = f"{messages['backlog_most']:,} (core {messages['backlog_core']})"
        rows.append(["most messages waiting at a core", "", where, ""])
    if messages["link_backlog_most"]:
        rows.append(
            ["most messages waiting for a link", "", f"{messages['link_backlog_most']:,}", ""]
        )
    return Table(
        "The same training sample in steps and without them",
        ("per training sample", "time steps", "asynchronous", "second / first"),
        rows,
    )


def _signed(seconds: float | None, sign: str) -> str:
    """A difference with the sign that it has in the sum."""
    if seconds is None:
        return UNKNOWN
    if abs(seconds) < NOTHING:
        return "0 s"
    opposite = {MINUS: PLUS, PLUS: MINUS}
    return f"{sign if seconds > 0 else opposite[sign]} {amount(abs(seconds), 's')}"


def _shown(found: Any, unit: str) -> str:
    if found is None:
        return UNKNOWN
    if isinstance(found, Mapping):
        return short_total(found)
    return f"{found:.3g} %" if unit == "%" else count(found)


def _ratio(first: Any, second: Any) -> str:
    values = []
    for one in (first, second):
        figure = one["figure"] if isinstance(one, Mapping) else one
        values.append(figure["value"] if isinstance(figure, Mapping) else figure)
    if isinstance(first, Mapping) and set(first["lacks"]) != set(second["lacks"]):
        return ""
    return digits(values[1] / values[0]) if values[0] and values[1] is not None else ""
