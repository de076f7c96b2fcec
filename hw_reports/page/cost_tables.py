"""The page's tables of cost: of training, by kind, beside others, and of reports side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eqchip.hw_reports.document.compare import columns, ratio_heads
from eqchip.hw_reports.document.readable import (
    UNKNOWN,
    accuracy,
    amount,
    beside_measured,
    compared,
    count,
    digits,
    lacking,
    name_of,
    nominal,
    per_sample,
    percent,
)
from eqchip.hw_reports.page.cells import (
    NONE,
    Cell,
    Document,
    PageTable,
    capital,
    figure_cell,
    layers_text,
    number,
    numbers,
    total_cell,
)
from eqchip.hw_reports.plots.energy import is_unknown

MEANS = {
    "mean": "Training sample, mean over the training",
    "last_epoch": "Training sample, last epoch",
}


def training_cost(document: Document) -> PageTable:
    """Energy, time and memory of the phases, a sample, and the whole training."""
    cost, labels = document["training_cost"], document["labels"]
    sample = document["energy"]["training"]["figure"]
    rows: list[list[Cell]] = []
    strong: list[int] = []
    for row in cost["rows"]:
        figure = row["energy"]["figure"]
        whole = row["phase"] in ("sample", "whole")
        share = None
        if not whole and figure and sample and sample["value"]:
            share = figure["value"] / sample["value"]
        if whole:
            strong.append(len(rows))
        label = row["label"] if whole else name_of(row["phase"], labels)
        under = "with the network as it is after training" if row["phase"] == "sample" else ""
        rows.append(
            [
                Cell(capital(label), under),
                total_cell(row["energy"]),
                total_cell(row["time"]),
                number(NONE if share is None else percent(share)),
                number(NONE) if row["memory"] is None and not whole else figure_cell(row["memory"]),
            ]
        )
    for key, label in MEANS.items():
        if key in cost:
            cells = [total_cell(cost[key][what]) for what in ("energy", "time")]
            rows.insert(strong[-1], [Cell(label), *cells, number(NONE), number(NONE)])
            strong.append(strong[-1] + 1)
    seldom = cost.get("whole_minibatch")
    if seldom:
        label = Cell("Whole training, other writing", seldom["label"])
        cells = [total_cell(seldom[what]) for what in ("energy", "time")]
        rows.append([label, *cells, number(NONE), number(NONE)])
    lacks = lacking(document["energy"]["training"]), lacking(document["time"]["training"])
    notes = [
        f"{what} {text}: unknown in the chip file, so the sums are lower bounds (≥)."
        for what, text in zip(("Energies", "Times"), lacks, strict=True)
        if text
    ]
    return PageTable(
        "training-cost", "Training cost per sample, by phase, and of the whole training",
        [Cell("Phase"), *numbers("Energy", "Time", "Share of energy", "Memory")], rows, notes,
        strong,
    )  # fmt: skip


def energy_by_kind(document: Document) -> PageTable:
    """Energy by kind and phase; kinds that cost nothing are named below."""
    energy, labels = document["energy"], document["labels"]
    phases = list(energy["by_phase"])
    table = {(row["kind"], row["phase"]): row for row in energy["table"]}
    whole = energy["training"]["figure"]
    rows, free, why = [], [], {}
    for kind, groups in energy["by_kind"].items():
        entries = [table.get((kind, phase)) for phase in phases]
        found = [entry for entry in entries if entry is not None]
        for entry in found:
            lacks = ", ".join(entry.get("lacks") or ())
            if is_unknown(entry):
                why[kind] = (
                    f"{UNKNOWN}: {entry['unknown']}" if entry["unknown"] else f"lacks {lacks}"
                )
        if found and all(entry["figure"] and entry["figure"]["high"] == 0 for entry in found):
            free.append(name_of(kind, labels))
            continue
        training, share = groups["training"], NONE
        if training and whole and whole["value"]:
            share = percent(training["value"] / whole["value"], 1)
            if kind in why and not training["high"]:
                share = UNKNOWN  # what is known of it is 0
        cells = [
            number(NONE) if entry is None else figure_cell(entry["figure"]) for entry in entries
        ]
        rows.append([Cell(capital(name_of(kind, labels))), *cells, number(share)])
    rows.append(
        [
            Cell("Sum"),
            *(total_cell(energy["by_phase"][phase]) for phase in phases),
            number("100.0 %" if whole else UNKNOWN),
        ]
    )
    notes = [f"{capital(name_of(kind, labels))}: {reason}." for kind, reason in why.items()]
    if free:
        notes.append(
            f"No energy of their own (none occurred, or another figure includes them): "
            f"{', '.join(free)}."
        )
    cores_alone = energy.get("static_of_cores")
    if cores_alone and cores_alone["training"]["figure"]:
        power = nominal(cores_alone["training"]["figure"])
        notes.append(f"Static power would take {power} a training sample {cores_alone['label']}.")
    for alternative in (energy["update_alternatives"] or {}).values():
        if alternative["figure"] is None:
            continue
        text = f"Weight updates would take {nominal(alternative['figure'])} a sample"
        notes.append(f"{text} {alternative['label']}.")
    heads = [capital(name_of(phase, labels)) for phase in phases]
    return PageTable(
        "energy-by-kind", "Energy per sample by kind and phase: nominal, and low to high",
        [Cell("Kind"), *numbers(*heads, "Of training")], rows, notes, [len(rows) - 1],
    )  # fmt: skip


def anchors(document: Document) -> PageTable:
    """The run beside processors and publications."""
    run, (joules, seconds, _) = document["run"], per_sample(document)
    reached, _, numbers_of = accuracy(document).partition(" in ")
    mine = [
        Cell("This run", f"{document['chip']['name']}, {document['statement']}"),
        Cell(f"{run['dataset']} {layers_text(run)}"),
        number(reached, f"in {numbers_of}" if numbers_of else ""),
        *map(total_cell, (joules, seconds)),
        *(total_cell(document[what]["inference"]) for what in ("energy", "time")),
        Cell("this report"),
    ]
    rows = [mine]
    notes: dict[str, list[str]] = {}
    for base in document["baselines"]:
        notes.setdefault(base["note"], []).append(base["title"])
        time = number(UNKNOWN) if base["time"] is None else total_cell(base["time"])
        rows.append(
            [
                Cell(base["title"], "processor, modelled"), Cell("the same network, real-valued"),
                number(NONE), total_cell(base["training"]), time, total_cell(base["inference"]),
                number(UNKNOWN), Cell(f"chip file {base['name']}"),
            ]
        )  # fmt: skip
    for anchor in compared(document):
        how = ", ".join(filter(None, (anchor["hardware"], anchor.get("status"))))
        task = " ".join(filter(None, (anchor["task"], anchor.get("network"))))
        keys = ("training_energy", "training_time", "inference_energy", "inference_time")
        rows.append(
            [
                Cell(anchor["name"], how), Cell(task, anchor.get("method") or ""),
                number(_accuracy(anchor["accuracy"])),
                *(number(*beside_measured(anchor, key)) for key in keys),
                Cell(anchor["source"], anchor["note"]),
            ]
        )  # fmt: skip
    heads = ("Accuracy", "Training energy", "Training time", "Inference energy", "Inference time")
    return PageTable(
        "anchors", "Per sample: this run, processors at the least, and chips that learn: measured, "
        "with what this chip file says of the same run, and their ratio",
        [Cell("What"), Cell("Network"), *numbers(*heads), Cell("Source")], rows,
        [f"{'; '.join(titles)}: {note}" for note, titles in notes.items() if note], [0],
    )  # fmt: skip


def comparison(document: Document) -> PageTable:
    """Reports side by side, row by row."""
    rows, names = [], document["names"]
    for row in document["rows"]:
        values, over = columns(row)
        cells = [_either(value, row["unit"]) for value in values]
        ratios = [number(NONE if ratio is None else f"× {digits(ratio)}") for ratio in over]
        rows.append([Cell(capital(row["name"])), *cells, *ratios])
    heads = [Cell("Figure"), *numbers(*names, *map(capital, ratio_heads(names)))]
    return PageTable("comparison", "Side by side, per sample unless it says otherwise", heads, rows)


def _either(found: Any, unit: str) -> Cell:
    if found is None:
        return number(UNKNOWN)
    if isinstance(found, Mapping):
        return total_cell({"figure": found, "lacks": found.get("lacks", ())})
    if unit in ("J", "s", "W", "B"):
        return number(amount(found, unit))
    return number(f"{digits(found)} {unit}" if unit else count(found))


def _accuracy(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.1f} %"
