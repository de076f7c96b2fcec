"""The report as a table for other programs: one row per quantity, phase, kind and core."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from eqchip.hw_reports.counting.replay import Replay
from eqchip.hw_reports.pricing.account_types import Accounts, Simulated
from eqchip.hw_reports.pricing.entries import Entry
from eqchip.hw_reports.pricing.figure import Figure
from eqchip.hw_reports.pricing.totals import exactly
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.kinds import PHASES

COLUMNS = (
    "quantity", "phase", "kind", "core", "layer", "count", "low", "value", "high", "unit",
    "unknown",
)  # fmt: skip
Row = tuple[object, ...]


def csv_text(replay: Replay, accounts: Accounts, memory: dict[str, Any]) -> str:
    """The CSV of a report; per sample.

    ``core`` is empty where a quantity belongs to no core: for static power, barriers, the time
    of a phase, and on a chip without a model of its cores. A figure that is not known is left
    empty, and ``unknown`` says why.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    layers = [part.layer for part in replay.mapped.parts] if replay.mapped is not None else []
    for entry in accounts.entries:
        writer.writerows(_energy(entry, replay.chip, layers))
    for phase in PHASES:
        time = accounts.seconds[phase]
        band = _band(time.figure)
        writer.writerow(
            ("time", phase, "", "", "", "", *band, "s", "; ".join(time.lacks)),
        )
    writer.writerows(_memory(memory, layers))
    if accounts.simulated is not None:
        writer.writerows(_asynchronous(accounts.simulated, replay))
    return text.getvalue()


def _energy(entry: Entry, chip: Chip, layers: list[int]) -> Iterator[Row]:
    name = ("energy", entry.phase, entry.kind)
    price = chip.energy.get(entry.kind)
    unknown = (entry.why or "") if entry.energy.figure is None else "; ".join(entry.energy.lacks)
    if entry.cores is None or len(entry.cores) != len(layers):
        count = "" if entry.count is None else entry.count
        band = _band(entry.energy.figure)
        yield (*name, "", "", count, *band, "J", unknown)
        return
    free = f"energy.{entry.kind}" in chip.included
    for core, count in enumerate(entry.cores):
        levels: Row = tuple(level * count for level in price.si) if price else ("", "", "")
        levels = (0.0, 0.0, 0.0) if free or not count else levels
        yield (*name, core, layers[core], count, *levels, "J", unknown if count else "")


def _asynchronous(told: Simulated, replay: Replay) -> Iterator[Row]:
    """The nominal period, the same run in step time, and what became of its messages."""
    period = told.period.seconds
    yield ("nominal period", "", told.period.origin, "", "", "", *_band(period.figure), "s",
           "; ".join(period.lacks))  # fmt: skip
    for phase, periods in told.periods.items():
        yield ("nominal periods", phase, "", "", "", periods, "", "", "", "", "")
    for phase in PHASES:
        time = told.step_time.seconds[phase]
        yield ("time in steps", phase, "", "", "", "", *_band(time.figure), "s",
               "; ".join(time.lacks))  # fmt: skip
    for name, one in (("training", replay.training), ("inference", replay.inference)):
        samples = len(one.indices)
        for what, counts in one.timed.messages._asdict().items():
            count = float(counts.sum()) / samples
            yield ("messages", name, what, "", "", count, "", "", "", "", "")
        yield ("messages", name, "left", "", "", one.timed.left / samples, "", "", "", "", "")


def _memory(memory: dict[str, Any], layers: list[int]) -> Iterator[Row]:
    if memory["by_core"] is None:
        for use, figure in memory["by_use"].items():
            yield _stored(use, "", "", None if figure is None else figure["value"])
        return
    for row in memory["by_core"]:
        for use in (name for name in row if name != "core"):
            yield _stored(use, row["core"], layers[row["core"]], row[use])


def _stored(use: str, core: object, layer: object, stored: float | None) -> Row:
    band = _band(None if stored is None else exactly(stored, "B"))
    why = "not published" if stored is None else ""
    return ("memory", "", use, core, layer, "", *band, "B", why)


def _band(figure: Figure | None) -> Row:
    return ("", "", "") if figure is None else (figure.low, figure.value, figure.high)
