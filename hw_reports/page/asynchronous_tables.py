"""Tables of a run without a clock, for the page."""

from __future__ import annotations

from eqchip.hw_reports.page.cells import Cell, PageTable, capital, number, numbers
from eqchip.hw_reports.show.asynchronous import (
    DIFFERENCES,
    Document,
    both,
    difference,
    simulated,
)


def page_tables(document: Document) -> list[PageTable]:
    """The same for the page."""
    section = document["asynchronous"]
    names = ("simulated", "step-time", "both-runs")
    made = {"simulated": simulated(document), "both-runs": both(document)}
    if section["same_run"]["time"] is not None:
        made["step-time"] = difference(document)
    strong: dict[str, list[int]] = {
        "simulated": [],
        "step-time": [0, len(DIFFERENCES) + 1],
        "both-runs": [],
    }
    return [
        PageTable(
            name,
            made[name].title,
            [Cell(capital(made[name].columns[0])), *numbers(*map(capital, made[name].columns[1:]))],
            [
                [Cell(capital(row[0])), *(number(text) for text in row[1:])]
                for row in made[name].rows
            ],
            (),
            strong[name],
        )
        for name in names
        if name in made
    ]
