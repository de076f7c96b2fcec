"""The page of a report on a run by a rule of spikes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eqchip.emulator.kernels.spiking.arrays import WRITE_COUNTS
from eqchip.hw_reports.document.labels import KEPT_OF
from eqchip.hw_reports.document.readable import amount, count
from eqchip.hw_reports.page import graph, tables
from eqchip.hw_reports.page.cells import NONE, Cell, PageTable, capital, number, numbers, total_cell
from eqchip.hw_reports.page.headline import Card, card
from eqchip.hw_reports.page.write import encodable, write_template
from eqchip.hw_reports.plots.rule import RULE_PLOTS
from eqchip.mapping.kinds import INFERENCE

Document = Mapping[str, Any]


def write_rule_page(
    document: Document, folder: Path, beside: Mapping[str, str] | None = None
) -> list[Path]:
    """Write report.html and its pictures; as :func:`eqchip.hw_reports.page.write.write_page`."""
    report = encodable({
        **document,
        "time": {"by_core": {INFERENCE: document["price"]["time_parts"]["by_core"]}},
        "activity": {"by_core": None},
    })  # fmt: skip
    found = (
        cost(report), counts(report), writes(report), floors(report), memory(report),
        graph.energy(report), graph.time(report), graph.populations(report),
        tables.resources(report), tables.coefficients(report), tables.sensitivity(report),
    )  # fmt: skip
    context = {
        "tables": {table.name: table for table in found if table is not None},
        "cards": cards(report),
        "facts": facts(report),
        "phases": ", ".join(f"{one['phase']} {count(one['steps'])}" for one in report["phases"]),
    }
    return write_template(report, folder, "rule.html", RULE_PLOTS, context, beside or {})


def cards(document: Document) -> list[Card]:
    """What is to be seen from afar."""
    cost, counted = document["training_cost"], {r["name"]: r["mean"] for r in document["counts"]}
    reached = cost["reached"]
    return [
        card("Energy of a training sample", cost["mean"]["energy"], "mean over the training"),
        card("Time of a training sample", cost["mean"]["time"], "mean over the training"),
        card("Energy of the whole training", cost["whole"]["energy"],
             f"{cost['whole']['samples']:,} samples"),
        Card("Error reached", f"{reached['error']:.3g} %", note=f"{reached['of']} samples"),
        Card("Weights attempted", count(counted["weights_attempted"]), note="of a sample"),
        Card("What learning keeps", amount(document["memory"]["learning_bytes"], "B")),
    ]  # fmt: skip


def facts(document: Document) -> list[tuple[str, str]]:
    """Where it comes from."""
    made, run = document["provenance"], document["run"]
    settings = ", ".join(f"{k} {v}" for k, v in run["rule_settings"].items() if k != "name")
    return [
        ("Run", str(run["path"])),
        ("Rule", f"{run['rule']}: {settings or 'no settings'}; input {run['input']}"),
        ("Chip file", f"{document['chip']['file']} {document['chip']['digest']}"),
        ("Versions", f"eqchip {made['eqchip']}, python {made['python']}, numpy {made['numpy']}; "
         f"{made['machine']}"),
        ("Command", str(made["command"])),
        ("Made", str(made["created"])),
    ]  # fmt: skip


def cost(document: Document) -> PageTable:
    """Energy and time of a sample and of the training."""
    found = document["training_cost"]
    rows = [
        [Cell(capital(part["label"])), total_cell(part["energy"]), total_cell(part["time"])]
        for part in found["parts"]
    ]
    for label, one in (
        ("Training sample, mean over the training", found["mean"]),
        ("Whole training", found["whole"]),
    ):
        rows.append([Cell(label), total_cell(one["energy"]), total_cell(one["time"])])
    columns = [Cell("Part"), *numbers("Energy", "Time")]
    strong = [len(rows) - 2, len(rows) - 1]
    return PageTable("training-cost", "Training cost per sample", columns, rows, (), strong)


def counts(document: Document) -> PageTable:
    """What a training sample does."""
    rows = []
    for row in document["counts"]:
        layers = NONE if row["by_layer"] is None else ", ".join(map(count, row["by_layer"]))
        rows.append([Cell(capital(row["label"])), *numbers(count(row["mean"]),
                    count(row["last_epoch"]), layers)])  # fmt: skip
    columns = [Cell("Counted"), *numbers("Mean", "Last epoch", "By layer, mean")]
    return PageTable("counts", "What a training sample does", columns, rows)


def writes(document: Document) -> PageTable:
    """What is written of each connection."""
    rows = [
        [Cell(f"{row['connection']}, {row['copy']}"),
         *numbers(*(count(row[name]) for name in WRITE_COUNTS))]
        for row in document["writes"]
        if any(row[name] for name in WRITE_COUNTS)
    ]  # fmt: skip
    columns = [Cell("Connection"), *numbers(*map(capital, WRITE_COUNTS))]
    return PageTable("writes", "Weights of a training sample, by connection and copy", columns,
                     rows)  # fmt: skip


def floors(document: Document) -> PageTable:
    """Processors beside it, at the least, and by the clock."""
    rows = [[Cell("This run", f"{document['chip']['name']}, {document['statement']}"),
             total_cell(document["training_cost"]["mean"]["energy"])]]  # fmt: skip
    for one in document["beside"]["floors"]:
        how = f"exact backpropagation, minibatches of {one['minibatch']}, Adam; at the least"
        rows.append([Cell(one["title"], how), total_cell(one["training"])])
    trained, notes = document["beside"]["trained_by"], []
    if trained is not None and trained["even_power"] is not None:
        notes.append(
            f"{trained['title']} took {amount(trained['time'], 's')} a sample, measured: it breaks "
            f"even with the chip where it draws {amount(trained['even_power'], 'W')}."
        )
    columns = [Cell("What"), number("Training energy per sample")]
    return PageTable("floors", "Beside training on processors", columns, rows, notes, [0])


def memory(document: Document) -> PageTable:
    """Bits of what learning keeps."""
    found = document["memory"]
    rows = [
        [Cell(capital(KEPT_OF[of])), number(f"{bits} bits")] for of, bits in found["bits"].items()
    ]
    rows.append([Cell("All that learns"), number(amount(found["learning_bytes"], "B"))])
    stored = amount(found["synapse_memory_bytes"], "B")
    rows.append([Cell("Synapse memory of the cores"), number(stored)])
    return PageTable("memory", "What learning keeps", [Cell("Of what"), number("Memory")], rows)
