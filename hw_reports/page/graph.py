"""The price of a graph as a page, with its pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eqchip.emulator.training.runs import command_line, provenance
from eqchip.hw_reports.document.labels import labels
from eqchip.hw_reports.document.readable import amount, count, name_of, nominal, percent
from eqchip.hw_reports.page import tables
from eqchip.hw_reports.page.cells import (
    NONE,
    Cell,
    PageTable,
    capital,
    figure_cell,
    number,
    numbers,
    total_cell,
)
from eqchip.hw_reports.page.headline import Card, card
from eqchip.hw_reports.page.write import encodable, write_template
from eqchip.hw_reports.plots.graph import GRAPH_PLOTS
from eqchip.hw_reports.plots.time import DECIDERS
from eqchip.mapping.kinds import INFERENCE

Document = Mapping[str, Any]
BITS = 8
OF = {
    "rates": "the rates that were given",
    "spikes": "the spikes that were given",
    "events": "the events that were given",
    "run": "the spikes that the run counted",
}


def write_price(document: Document, folder: Path) -> list[Path]:
    """Write price.json, report.html and its pictures.

    Parameters
    ----------
    document : mapping
        Of :func:`eqchip.price`.
    folder : Path
        Made, if need be.
    """
    report = encodable(as_report(document, provenance(command_line())))
    found = (populations(report), energy(report), time(report), tables.resources(report),
             tables.coefficients(report))  # fmt: skip
    context = {
        "tables": {table.name: table for table in found if table is not None},
        "cards": cards(report["price"]),
        "facts": facts(report),
        "sentence": sentence(report["price"]),
    }
    beside = {"price.json": json.dumps(document, indent=1, allow_nan=False) + "\n"}
    return write_template(report, folder, "graph.html", GRAPH_PLOTS, context, beside)


def as_report(document: Mapping[str, Any], provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The document as plots and tables of reports read it."""
    populations = document["populations"]
    return {
        "title": f"{Path(document['graph']).name} on {document['chip']}",
        "statement": document["statement"],
        "provenance": provenance,
        "labels": labels(),
        "run": {
            "units": [p["units"] for p in populations],
            "names": [p["name"] for p in populations],
        },
        "chip": {
            "name": document["chip"],
            "coefficients": document["coefficients"],
            "weakest": [],
        },
        "mapping": document["mapping"],
        "time": {"by_core": {INFERENCE: document["time_parts"]["by_core"]}},
        "activity": {"by_core": None},
        "price": document,
    }


def sentence(document: Document) -> str:
    """The price in a sentence."""
    steps = f"{document['steps']:,} step{'s' * (document['steps'] != 1)}"
    where = f"{document['cores']:,} core{'s' * (document['cores'] != 1)}"
    least = "at least " if document["energy"]["lacks"] else ""
    return (
        f"A sample of {steps} takes {least}{nominal(document['energy']['figure'])} and "
        f"{nominal(document['time']['figure'])} on {where} of {document['chip']}, by "
        f"{OF[document['of']]}."
    )


def cards(document: Document) -> list[Card]:
    """What is to be seen from afar."""
    steps = f"{document['steps']:,} steps"
    found = [
        card("Energy of a sample", document["energy"], steps),
        card("Time of a sample", document["time"], steps),
    ]
    streaming, update = document["streaming"], document["update"]
    if streaming is not None:
        found.append(card("Power of a stream", streaming["power"], _pace(streaming)))
    if update is not None:
        each = f"writes per synapse: {update['writes_per_synapse']:.3g}"
        found.append(card("Energy of an update", update["energy"], each))
    bits = document["used"]["synapse_memory"]
    chips = f"on {document['chips']:,} chip{'s' * (document['chips'] != 1)}"
    return [
        *found,
        Card("Cores", f"{document['cores']:,}", note=chips),
        Card("Synapse memory", amount(bits / BITS, "B"), note=f"{document['synapses']:,} synapses"),
    ]


def _pace(streaming: Document) -> str:
    if streaming["keeps_up"] is None:
        return f"a step every {amount(streaming['dt'], 's')}"
    if streaming["keeps_up"]:
        return f"busy {percent(streaming['busy'])} of each step of {amount(streaming['dt'], 's')}"
    return (
        f"does not keep up: {streaming['busy']:.3g} times a step of {amount(streaming['dt'], 's')}"
    )


def facts(report: Document) -> list[tuple[str, str]]:
    """Where it comes from."""
    document, made = report["price"], report["provenance"]
    versions = ", ".join(f"{name} {made[name]}" for name in ("eqchip", "python", "numpy"))
    return [
        ("Network", str(document["graph"])),
        ("Chip file", str(document["chip"])),
        ("Spikes", f"{OF[document['of']]}, {document['steps']:,} steps a sample"),
        ("Versions", f"{versions}; {made['machine']}"),
        ("Command", str(made["command"])),
        ("Made", str(made["created"])),
    ]


def populations(report: Document) -> PageTable:
    """What is on how many cores."""
    rows = [
        [
            Cell(p["name"]),
            Cell(p["unit"]),
            number(f"{p['units']:,}"),
            number(f"{p['cores']:,}"),
        ]
        for p in report["price"]["populations"]
    ]
    columns = [Cell("Population"), Cell("Unit"), *numbers("Units", "Cores")]
    return PageTable("populations", "Populations", columns, rows)


def energy(report: Document) -> PageTable:
    """Energy by kind, of a sample and of its update."""
    document, named = report["price"], report["labels"]
    update = document["update"]
    whole = (document["energy"]["figure"] or {"value": 0.0})["value"]
    written = {row["kind"]: row for row in update["energy_by_kind"]} if update else {}
    there = {row["kind"]: row for row in document["energy_by_kind"]}
    rows, notes = [], []
    for kind in dict.fromkeys([*there, *written]):
        row, more = there.get(kind), written.get(kind)
        lacks = dict.fromkeys(name for one in (row, more) if one for name in one["lacks"])
        if lacks:
            notes.append(f"{capital(name_of(kind, named))}: unknown: {', '.join(lacks)}.")
        share = NONE
        if row and row["figure"] and whole:
            share = percent(row["figure"]["value"] / whole, 1)
        cells = [_count(row), _figure(row), number(share)]
        if update:
            cells += [_count(more), _figure(more)]
        rows.append([Cell(capital(name_of(kind, named))), *cells])
    last = [Cell("Sum"), number(NONE), total_cell(document["energy"]), number("100.0 %")]
    heads = ["Count", "Energy", "Share"]
    if update:
        heads += ["Count, update", "Energy, update"]
        last += [number(NONE), total_cell(update["energy"])]
    columns = [Cell("Kind"), *numbers(*heads)]
    table = [*rows, last]
    return PageTable(
        "energy", "Energy per sample, by kind", columns, table, list(dict.fromkeys(notes)),
        [len(rows)],
    )  # fmt: skip


def _count(row: Document | None) -> Cell:
    return number(NONE if row is None or row["count"] is None else count(row["count"]))


def _figure(row: Document | None) -> Cell:
    return number(NONE) if row is None else figure_cell(row["figure"])


def time(report: Document) -> PageTable:
    """What a step waits for, per sample."""
    document, named = report["price"], report["labels"]
    parts = document["time_parts"]
    rows = [
        [
            Cell(capital(DECIDERS[part])),
            figure_cell(parts[part]),
            number(percent(parts["decided"].get(part)) if parts["decided"] else NONE),
        ]
        for part in DECIDERS
    ]
    rows.append([Cell("A sample"), total_cell(document["time"]), number(NONE)])
    spent = sorted(parts["critical"].items(), key=lambda one: -one[1])
    notes = ["Busiest core and link, summed over steps; a step takes the slower, and the barrier."]
    if spent:
        told = ", ".join(f"{name_of(k, named)} {amount(v, 's')}" for k, v in spent[:4] if v)
        notes.append(f"Of which, where steps are decided: {told}.")
    if document["time"]["lacks"]:
        notes.append(f"A lower bound, without {', '.join(document['time']['lacks'])}.")
    if document["update"] is not None:
        rows.append([Cell("An update"), total_cell(document["update"]["time"]), number(NONE)])
    columns = [Cell("Part"), *numbers("Time per sample", "Decides")]
    return PageTable("time", "Time per sample, and what decides it", columns, rows, notes)
