"""A report as a table for other programs: one row per quantity, phase, kind and core.

Made from its document alone.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from eqchip.emulator.description.timed import Messages
from eqchip.emulator.text import harmless
from eqchip.mapping.chip_file.figures import marks_in_words
from eqchip.mapping.chip_file.units import SI
from eqchip.mapping.kinds import PHASES

COLUMNS = (
    "quantity", "phase", "kind", "core", "layer", "count", "low", "value", "high", "unit",
    "unknown", "status", "marks",
)  # fmt: skip
Document = Mapping[str, Any]
Row = tuple[object, ...]
LEVELS = ("low", "value", "high")
PRICE_OF = {"static": "static_power.chip"}  # kinds priced by no energy of their own
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how cells begin that spreadsheets compute


def csv_text(document: Document) -> str:
    """The CSV of a report; per sample.

    ``core`` is empty where a quantity belongs to no core: for static power, barriers, the time
    of a phase, and on a chip without a model of its cores. A figure that is not known is left
    empty, and ``unknown`` says why. ``status`` and ``marks`` are those of the coefficient that
    prices a row, the marks in words. A text that a spreadsheet would compute stands behind a quote.

    Parameters
    ----------
    document : mapping
        From :func:`eqchip.hw_reports.document.report.report`. One of an older version, without
        ``counts``, has energies of all cores together.
    """
    return csv_of(_rows(document))


def csv_of(rows: Iterable[Row]) -> str:
    """Rows under the columns; those that are shorter end in empty cells."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow(inert((*row, *[""] * (len(COLUMNS) - len(row)))))
    return text.getvalue()


def inert(row: Row) -> Row:
    """A row whose texts are texts to every program, whoever wrote the chip file they are from."""
    return tuple(_quoted(harmless(cell)) if isinstance(cell, str) else cell for cell in row)


def _quoted(text: str) -> str:
    """A text behind a quote where a spreadsheet would take it for a formula, and compute it."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _rows(document: Document) -> Iterator[Row]:
    """All rows; those without a status and marks are shorter."""
    found = document["mapping"]
    layers = [] if found is None else [core["layer"] for core in found["cores"]]
    yield from _energy(document, layers)
    for phase in PHASES:
        time = document["time"]["by_phase"][phase]
        yield ("time", phase, "", "", "", "", *lasting(time))
    yield from _memory(document["memory"], layers)
    if "asynchronous" in document:
        yield from _asynchronous(document["asynchronous"])
    yield from _of_training(document)
    if "sensitivity" in document:
        yield from of_sensitivity(document["sensitivity"])


def _of_training(document: Document) -> Iterator[Row]:
    """A training sample, the mean over the training and of the last epoch; and the error."""
    cost, replay = document["training_cost"], document["replay"]
    for key in ("mean", "last_epoch"):
        for what in ("energy", "time", "energy_delay") if key in cost else ():
            one = cost[key][what]
            unit = "" if one["figure"] is None else one["figure"]["unit"]
            lacks = "; ".join(one["lacks"])
            yield ("training sample", key, what, "", "", "", *band_of(one["figure"]), unit, lacks)
    yield (
        "error", "inference", f"of samples of the {replay['split']} set, precision "
        f"{replay['precision']}", "", "", replay["inference_samples"], "", replay["error"], "", "%",
    )  # fmt: skip


def of_sensitivity(section: Document) -> Iterator[Row]:
    """Totals at both ends of each coefficient's band, and quantiles with all of them drawn."""
    units, nominal = section["units"], section["nominal"]
    for row in section["coefficients"]:
        origin = (row["status"], marks_in_words(row["confidence"]))
        for name, ends in row["totals"].items():
            band = (ends["low"], nominal[name], ends["high"])
            yield ("sensitivity", name, row["name"], "", "", "", *band, units[name], "", *origin)
    for name, one in section["together"].items():
        quantiles = (one["low"], one["median"], one["high"])
        yield ("sensitivity", name, "all, drawn", "", "", "", *quantiles, units[name])


def _energy(document: Document, layers: list[int]) -> Iterator[Row]:
    chip, counts = document["chip"], document.get("counts") or {}
    included = {row["name"] for row in chip["included"]}
    prices = {row["name"]: row for row in chip["coefficients"]}
    for entry in document["energy"]["table"]:
        name = ("energy", entry["phase"], entry["kind"])
        figure, address = entry["figure"], f"energy.{entry['kind']}"
        unknown = entry["unknown"] or "" if figure is None else "; ".join(entry["lacks"])
        price = prices.get(address, prices.get(PRICE_OF.get(entry["kind"], "")))
        origin: Row = (
            () if price is None else (price["status"], marks_in_words(price["confidence"]))
        )
        cores = counts.get(entry["phase"], {}).get(entry["kind"])
        if cores is None:
            count = "" if entry["count"] is None else entry["count"]
            yield (*name, "", "", count, *band_of(figure), "J", unknown, *origin)
            continue
        one = _joules(prices.get(address))
        for core, count in enumerate(cores):
            levels: Row = ("", "", "") if one is None else tuple(level * count for level in one)
            levels = (0.0, 0.0, 0.0) if address in included or not count else levels
            said = unknown if count else ""
            yield (*name, core, layers[core], count, *levels, "J", said, *origin)


def _joules(price: Document | None) -> tuple[float, ...] | None:
    """Low, nominal and high energy of one event."""
    if price is None:
        return None
    size = SI["energy"][price["unit"]]
    return tuple(price[level] * size for level in LEVELS)


def _asynchronous(section: Document) -> Iterator[Row]:
    """The nominal period, the same run in step time, and what became of its messages."""
    period = section["period"]
    yield ("nominal period", "", period["origin"], "", "", "", *lasting(period["time"]))
    for phase, one in section["phases"].items():
        yield ("nominal periods", phase, "", "", "", one["periods"], "", "", "", "", "")
    for phase, time in _in_steps(section["same_run"]).items():
        yield ("time in steps", phase, "", "", "", "", *lasting(time))
    for name, messages in section["messages"].items():
        for what in (*Messages._fields, "left"):
            yield ("messages", name, what, "", "", messages[what], "", "", "", "", "")


def _in_steps(same_run: Document) -> Document:
    """The time in steps of each phase; of an older version, of those that differ."""
    if "by_phase" in same_run:
        return same_run["by_phase"]
    return {phase: one["step_time"] for phase, one in (same_run["time"] or {}).items()}


def _memory(memory: Document, layers: list[int]) -> Iterator[Row]:
    if memory["by_core"] is None:
        for use, figure in memory["by_use"].items():
            yield _stored(use, "", "", None if figure is None else figure["value"])
        return
    for row in memory["by_core"]:
        for use in (name for name in row if name != "core"):
            yield _stored(use, row["core"], layers[row["core"]], row[use])


def _stored(use: str, core: object, layer: object, stored: float | None) -> Row:
    band = ("", "", "") if stored is None else (float(stored),) * 3
    return (
        "memory",
        "",
        use,
        core,
        layer,
        "",
        *band,
        "B",
        "not published" if stored is None else "",
    )


def lasting(time: Document) -> Row:
    """The last columns of a row on time."""
    return (*band_of(time["figure"]), "s", "; ".join(time["lacks"]))


def band_of(figure: Document | None) -> Row:
    """Low, nominal and high of a figure; empty cells of one that is unknown."""
    return ("", "", "") if figure is None else tuple(figure[level] for level in LEVELS)
