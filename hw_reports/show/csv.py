"""A report as a table for other programs: one row per quantity, phase, kind and core.

Made from its document alone.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from eqchip.emulator.description.timed import Messages
from eqchip.mapping.chip_file.units import SI
from eqchip.mapping.kinds import PHASES

COLUMNS = (
    "quantity", "phase", "kind", "core", "layer", "count", "low", "value", "high", "unit",
    "unknown",
)  # fmt: skip
Document = Mapping[str, Any]
Row = tuple[object, ...]
LEVELS = ("low", "value", "high")


def csv_text(document: Document) -> str:
    """The CSV of a report; per sample.

    ``core`` is empty where a quantity belongs to no core: for static power, barriers, the time
    of a phase, and on a chip without a model of its cores. A figure that is not known is left
    empty, and ``unknown`` says why.

    Parameters
    ----------
    document : mapping
        From :func:`eqchip.hw_reports.document.report.report`. One of an older version, without
        ``counts``, has energies of all cores together.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    found = document["mapping"]
    layers = [] if found is None else [core["layer"] for core in found["cores"]]
    writer.writerows(_energy(document, layers))
    for phase in PHASES:
        time = document["time"]["by_phase"][phase]
        writer.writerow(("time", phase, "", "", "", "", *_lasting(time)))
    writer.writerows(_memory(document["memory"], layers))
    if "asynchronous" in document:
        writer.writerows(_asynchronous(document["asynchronous"]))
    return text.getvalue()


def _energy(document: Document, layers: list[int]) -> Iterator[Row]:
    chip, counts = document["chip"], document.get("counts") or {}
    included = {row["name"] for row in chip["included"]}
    prices = {row["name"]: row for row in chip["coefficients"]}
    for entry in document["energy"]["table"]:
        name = ("energy", entry["phase"], entry["kind"])
        figure, address = entry["figure"], f"energy.{entry['kind']}"
        unknown = entry["unknown"] or "" if figure is None else "; ".join(entry["lacks"])
        cores = counts.get(entry["phase"], {}).get(entry["kind"])
        if cores is None:
            count = "" if entry["count"] is None else entry["count"]
            yield (*name, "", "", count, *_band(figure), "J", unknown)
            continue
        one = _joules(prices.get(address))
        for core, count in enumerate(cores):
            levels: Row = ("", "", "") if one is None else tuple(level * count for level in one)
            levels = (0.0, 0.0, 0.0) if address in included or not count else levels
            yield (*name, core, layers[core], count, *levels, "J", unknown if count else "")


def _joules(price: Document | None) -> tuple[float, ...] | None:
    """Low, nominal and high energy of one event."""
    if price is None:
        return None
    size = SI["energy"][price["unit"]]
    return tuple(price[level] * size for level in LEVELS)


def _asynchronous(section: Document) -> Iterator[Row]:
    """The nominal period, the same run in step time, and what became of its messages."""
    period = section["period"]
    yield ("nominal period", "", period["origin"], "", "", "", *_lasting(period["time"]))
    for phase, one in section["phases"].items():
        yield ("nominal periods", phase, "", "", "", one["periods"], "", "", "", "", "")
    for phase, time in _in_steps(section["same_run"]).items():
        yield ("time in steps", phase, "", "", "", "", *_lasting(time))
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


def _lasting(time: Document) -> Row:
    """The last columns of a row on time."""
    return (*_band(time["figure"]), "s", "; ".join(time["lacks"]))


def _band(figure: Document | None) -> Row:
    return ("", "", "") if figure is None else tuple(figure[level] for level in LEVELS)
