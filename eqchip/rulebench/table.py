"""The table of the benchmark: a row for each entry, and who is on the Pareto front of what."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any, NamedTuple

from eqchip.hw_reports.document.readable import amount, band, short_total
from eqchip.hw_reports.studies.sweep_plot import pareto
from eqchip.rulebench.entry import Cost, Entry

FORMAT = "eqchip-rules-table 1"
COLUMNS = (
    "rule", "way", "dataset", "network", "seeds", "epochs", "trials", "test_error",
    "test_error_deviation", "validation_error", "chip", "kind", "energy_J", "energy_low_J",
    "energy_high_J", "energy_lacks", "time_s", "time_low_s", "time_high_s", "time_lacks", "cores",
    "learning_epochs", "memory_bytes", "steps", "spikes", "synaptic_events", "error_events",
    "weights_visited", "weights_attempted", "weights_changed", "macs", "can_run", "processor",
    "by", "name", "fronts",
)  # fmt: skip


class Axis(NamedTuple):
    """What errors are set against: its name, its unit, and what a label says."""

    name: str
    unit: str
    label: str


AXES = (
    Axis("energy", "J", "energy of a training sample, modelled"),
    Axis("time", "s", "time of a training sample, modelled"),
    Axis("memory", "B", "memory of weights, counts and states"),
    Axis("writes", "", "weights attempted of a training sample"),
)
Row = dict[str, Any]


def table_of(entries: Sequence[Entry], provenance: Mapping[str, Any]) -> dict[str, Any]:
    """All rows, a row for each entry and chip, and the fronts among those of one task and chip.

    An entry is on a front of a cost if no other of the same data set, priced by the same chip, is
    no worse in test error and in that cost, and better in one of them. A row that was measured is
    on a front of none: its model's error stands beside it.
    """
    rows = [_row(entry, cost) for entry in entries for cost in entry.costs]
    for dataset, chip in dict.fromkeys((row["dataset"], row["chip"]) for row in rows):
        beside = [
            row
            for row in rows
            if (row["dataset"], row["chip"], row["kind"]) == (dataset, chip, "modelled")
        ]
        for axis in AXES:
            known = [row for row in beside if value_of(row, axis) is not None]
            costs = [value_of(row, axis) or 0.0 for row in known]
            for n in pareto(costs, [row["test_error"] for row in known]):
                known[n]["fronts"].append(axis.name)
    return {"format": FORMAT, "rows": rows, "provenance": dict(provenance)}


def value_of(row: Mapping[str, Any], axis: Axis) -> float | None:
    """The nominal value of a row on an axis; None: it is not known."""
    found: Any = {
        "energy": row["energy"]["figure"] and row["energy"]["figure"]["value"],
        "time": row["time"]["figure"] and row["time"]["figure"]["value"],
        "memory": row["memory_bytes"],
        "writes": row["counts"]["weights_attempted"],
    }[axis.name]
    return None if found is None else float(found)


def _row(entry: Entry, cost: Cost) -> Row:
    errors = [seed.test_error for seed in entry.seeds]
    return {
        "name": entry.name,
        "by": entry.by,
        "rule": entry.rule,
        "way": entry.way,
        "where": entry.where,
        "dataset": entry.task.dataset,
        "network": entry.task.network,
        "epochs": entry.task.epochs,
        "trials": entry.tuning.trials,
        "tuning": entry.tuning.model_dump(mode="json"),
        "seeds": len(errors),
        "test_errors": errors,
        "test_error": mean(errors),
        "test_error_deviation": stdev(errors) if len(errors) > 1 else None,
        "validation_error": mean(seed.validation_error for seed in entry.seeds),
        "counts": entry.counts.model_dump(mode="json"),
        "memory_bytes": entry.memory_bytes,
        "needs": list(entry.needs),
        "processor": entry.processor,
        "runs_on": {one.chip: one.can for one in entry.runs_on},
        "notes": list(entry.notes),
        "fronts": [],
        **cost.model_dump(mode="json"),
    }


def to_csv(document: Mapping[str, Any]) -> str:
    """The rows as CSV, units in the names of columns; an empty cell is not known."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in document["rows"]:
        flat = {**row, **row["counts"], **_flat(row, "energy", "J"), **_flat(row, "time", "s")}
        flat["can_run"] = " ".join(chip for chip, can in row["runs_on"].items() if can)
        flat["fronts"] = " ".join(row["fronts"])
        writer.writerow(["" if flat[name] is None else flat[name] for name in COLUMNS])
    return text.getvalue()


def _flat(row: Mapping[str, Any], name: str, unit: str) -> dict[str, Any]:
    figure = row[name]["figure"] or dict.fromkeys(("low", "value", "high"))
    return {
        f"{name}_{unit}": figure["value"],
        f"{name}_low_{unit}": figure["low"],
        f"{name}_high_{unit}": figure["high"],
        f"{name}_lacks": "; ".join(row[name]["lacks"]),
    }


HEADS = (
    "rule", "test error", "energy", "low – high", "time", "memory", "events", "writes", "front of",
)  # fmt: skip


def shown(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Rows of one data set and chip for people, the smallest error first."""
    return [
        (
            title_of(row), error_text(row), short_total(row["energy"]),
            band(row["energy"]["figure"]), short_total(row["time"]),
            amount(row["memory_bytes"], "B"), _count(row["counts"]["synaptic_events"]),
            _count(row["counts"]["weights_attempted"]), ", ".join(row["fronts"]),
        )
        for row in sorted(rows, key=lambda row: float(row["test_error"]))
    ]  # fmt: skip


def title_of(row: Mapping[str, Any]) -> str:
    """An entry by its rule, its way and its network."""
    where = "" if row["where"] == "on chip" else ", off chip"
    return f"{row['rule']}{where}, {row['way']}, {row['network']}"


def error_text(row: Mapping[str, Any]) -> str:
    """Mean and deviation of the test errors over seeds."""
    spread = row["test_error_deviation"]
    one = "1 seed" if row["seeds"] == 1 else f"{row['seeds']} seeds"
    return f"{row['test_error']:.2f} " + (f"({one})" if spread is None else f"± {spread:.2f}")


def can_text(row: Mapping[str, Any]) -> str:
    """Which of the chips that were asked could run it."""
    return ", ".join(chip for chip, can in row["runs_on"].items() if can) or "–"


def _count(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if value < 1e5 else f"{value:.2e}"
