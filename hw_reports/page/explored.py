"""An exploration as a page, a table of comma-separated values and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eqchip.hw_reports.document.explored import value_of
from eqchip.hw_reports.document.readable import amount
from eqchip.hw_reports.page.cells import NONE, Cell, PageTable, number, numbers, total_cell
from eqchip.hw_reports.page.write import encodable, write_template
from eqchip.hw_reports.plots.explored import EXPLORED_PLOTS
from eqchip.hw_reports.show.csv import inert

Document = Mapping[str, Any]
MOST_ROWS = 400  # of the table of all points; the others are in the files
COUNTS = ("spread", "bits")  # settings that are numbers
LEVELS = ("low", "value", "high")


def write_explored(document: Document, folder: Path) -> list[Path]:
    """Write report.html, pareto.png, explore.json and explore.csv.

    Parameters
    ----------
    document : mapping
        Of :func:`eqchip.explore`.
    folder : Path
        Made, if need be.
    """
    shown = encodable(document)
    rows = shown["rows"]
    best = [(k, rows[k]) for k in shown["front"]]
    others = [(k, row) for k, row in enumerate(rows) if k not in shown["front"]]
    context = {
        "front": _table(shown, best, "front", "Points that no other beats"),
        "others": _table(shown, others[:MOST_ROWS], "others", "The other points"),
        "left_out": max(len(others) - MOST_ROWS, 0),
        "sentence": sentence(shown),
        "facts": _facts(shown),
    }
    beside = {
        "explore.csv": csv_text(document),
        "explore.json": json.dumps(document, indent=1, allow_nan=False) + "\n",
    }
    return write_template(shown, folder, "explored.html", EXPLORED_PLOTS, context, beside)


def sentence(document: Document) -> str:
    """The cheapest and the fastest of the points."""
    rows, front = document["rows"], document["front"]
    if not front:
        return "Of no point both energy and time are known."
    cheapest = min(front, key=lambda k: value_of(rows[k], "energy") or 0.0)
    fastest = min(front, key=lambda k: value_of(rows[k], "time") or 0.0)
    words = [
        f"{what} is {named(document, rows[k])}, with {amount(value_of(rows[k], 'energy'), 'J')} "
        f"and {amount(value_of(rows[k], 'time'), 's')} a {document['sample']}"
        for what, k in (("The cheapest", cheapest), ("the fastest", fastest))
    ]
    return f"{'; '.join(words if cheapest != fastest else words[:1])}."


def named(document: Document, row: Mapping[str, Any]) -> str:
    """A point in the words of what varies."""
    told = [f"{name} {row['settings'][name]}" for name in document["varied"]]
    return ", ".join(told) or str(row["settings"]["chip"])


def _table(
    document: Document, rows: list[tuple[int, Any]], name: str, caption: str
) -> PageTable | None:
    if not rows:
        return None
    axes = [axis for axis in document["axes"] if axis == "chip" or axis in document["varied"]]
    cells = [
        [
            Cell(str(k + 1)),
            *(_setting(row["settings"][axis]) for axis in axes),
            number(NONE if row["cores"] is None else f"{row['cores']:,}"),
            *(total_cell(row[what]) for what in ("energy", "time", "memory")),
            number(NONE if row["error"] is None else f"{row['error']:.3g} %"),
            Cell(row["refused"] or ""),
        ]
        for k, row in rows
    ]
    heads = [Cell("No."), *(Cell(axis, number=axis in COUNTS) for axis in axes)]
    columns = [
        *heads,
        *numbers("Cores", "Energy", "Time", "Memory", "Error in the replay"),
        Cell("Refused"),
    ]
    drop = [] if any(row["refused"] for _, row in rows) else [len(columns) - 1]
    keep = [k for k in range(len(columns)) if k not in drop]
    return PageTable(
        name, caption, [columns[k] for k in keep], [[one[k] for k in keep] for one in cells]
    )


def _setting(value: Any) -> Cell:
    text = NONE if value is None else str(value)
    return number(text) if isinstance(value, int) else Cell(text)


def _facts(document: Document) -> list[tuple[str, str]]:
    made = document["provenance"]
    given = {name: value for name, value in document["settings"].items() if value is not None}
    return [
        ("Subject", str(document["subject"])),
        ("Axes", "; ".join(
            f"{name} {', '.join(map(str, values))}" for name, values in document["axes"].items()
        )),
        ("Settings", ", ".join(f"{name} {value}" for name, value in given.items())),
        ("Versions", f"eqchip {made['eqchip']}, python {made['python']}; {made['machine']}"),
        ("Command", str(made["command"])),
        ("Made", str(made["created"])),
    ]  # fmt: skip


def csv_text(document: Document) -> str:
    """A row a point: its settings, figures in SI units, what they lack, and whether it is best."""
    axes = list(document["axes"])
    figures = [("energy", "J"), ("time", "s"), ("memory", "B")]
    heads = [f"{what}_{level}_{unit}" for what, unit in figures for level in LEVELS]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["number", *axes, "cores", "chips", *heads, "error_percent", "lacks", "front",
                     "refused"])  # fmt: skip
    for k, row in enumerate(document["rows"]):
        values: list[Any] = []
        lacks: dict[str, None] = {}
        for what, _ in figures:
            total = row[what]
            figure = None if total is None else total["figure"]
            values += [None if figure is None else figure[level] for level in LEVELS]
            lacks |= dict.fromkeys([] if total is None else total["lacks"])
        told = [row["settings"][axis] for axis in axes]
        cells = [k + 1, *told, row["cores"], row["chips"], *values, row["error"],
                 "; ".join(lacks), int(k in document["front"]), row["refused"]]  # fmt: skip
        writer.writerow(inert(tuple("" if cell is None else cell for cell in cells)))
    return file.getvalue()
