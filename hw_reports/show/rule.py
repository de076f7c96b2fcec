"""The tables and the CSV of a report on a run by a rule of spikes, of its document alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from eqchip.emulator.kernels.spiking.arrays import WRITE_COUNTS
from eqchip.hw_reports.document.labels import KEPT_OF, RULE_PARTS
from eqchip.hw_reports.document.readable import (
    amount,
    band,
    count,
    name_of,
    nominal,
    short_total,
)
from eqchip.hw_reports.show.csv import Row, band_of, csv_of, lasting, of_sensitivity
from eqchip.hw_reports.show.table import Table
from eqchip.hw_reports.show.terminal import marks_of, sensitivity
from eqchip.mapping.chip_file.figures import marks_in_words
from eqchip.mapping.kinds import INFERENCE, UPDATE

Document = Mapping[str, Any]


def tables(document: Document) -> list[Table]:
    """All tables, the cost of training first."""
    found = [training(document), counts(document), writes(document), energy(document)]
    return [*found, sensitivity(document), memory(document)]


def training(document: Document) -> Table:
    """What a training sample and the whole training cost."""
    cost = document["training_cost"]
    rows = [_cost(one["label"], one["energy"], one["time"]) for one in cost["parts"]]
    mean, whole = cost["mean"], cost["whole"]
    rows.append(_cost(f"training sample, mean over {whole['epochs']} epochs", mean["energy"],
                      mean["time"]))  # fmt: skip
    rows.append(_cost("whole training", whole["energy"], whole["time"]))
    return Table(
        f"Training cost of {document['title']}: {document['statement']}",
        ("per sample", "energy", "low – high", "time", "low – high"),
        rows,
    )


def _cost(label: str, energy: Document, time: Document) -> list[str]:
    return [label, short_total(energy), band(energy["figure"]), short_total(time),
            band(time["figure"])]  # fmt: skip


def counts(document: Document) -> Table:
    """What a training sample does."""
    steps = ", ".join(f"{one['phase']} {count(one['steps'])}" for one in document["phases"])
    return Table(
        f"What a training sample does; time steps: {steps}",
        ("counted", "mean", "last epoch", "by layer"),
        [
            [row["label"], count(row["mean"]), count(row["last_epoch"]),
             "" if row["by_layer"] is None else " ".join(map(count, row["by_layer"]))]
            for row in document["counts"]
        ],
    )  # fmt: skip


def writes(document: Document) -> Table:
    """What is written of each connection."""
    return Table(
        "Weights of a training sample, by connection and copy",
        ("connection", "copy", *WRITE_COUNTS),
        [
            [str(row["connection"]), row["copy"], *(count(row[name]) for name in WRITE_COUNTS)]
            for row in document["writes"]
            if any(row[name] for name in WRITE_COUNTS)
        ],
    )


def energy(document: Document) -> Table:
    """Energy by kind of event."""
    rows = [
        [name_of(row["kind"], document["labels"]), RULE_PARTS[phase],
         "" if row["count"] is None else count(row["count"]), nominal(row["figure"]),
         band(row["figure"])]
        for phase, row in price_rows(document["price"])
        if row["figure"] is None or row["figure"]["high"]
    ]  # fmt: skip
    return Table(
        f"Energy per training sample, by kind ({document['chip']['title']})",
        ("kind", "in", "count", "energy", "low – high"),
        rows,
    )


def memory(document: Document) -> Table:
    """Bits of what learning keeps."""
    found = document["memory"]
    rows = [[KEPT_OF[of], f"{bits} bits"] for of, bits in found["bits"].items()]
    rows.append(["all that learns", amount(found["learning_bytes"], "B")])
    rows.append(["synapse memory of the cores", amount(found["synapse_memory_bytes"], "B")])
    return Table("What learning keeps", ("of what", "memory"), rows)


def sentences(document: Document) -> list[str]:
    """What the tables leave out."""
    weakest = document["chip"]["weakest"]
    lines = [*document["notes"]]
    lines += [f"Weak: {row['name']} ({row['confidence']}), {row['why']}." for row in weakest]
    return [*lines, marks_of(document)] if weakest else lines


def csv_text(document: Document) -> str:
    """One row per quantity and kind, per sample; columns as those of other reports."""
    return csv_of(_rows(document))


def _rows(document: Document) -> Iterator[Row]:
    priced_by = {row["name"]: row for row in document["chip"]["coefficients"]}
    for phase, row in price_rows(document["price"]):
        of = priced_by.get(f"energy.{row['kind']}", {"status": "", "confidence": ""})
        unit = "" if row["figure"] is None else "J"
        lacks = "; ".join(row["lacks"])
        yield ("energy", RULE_PARTS[phase], row["kind"], "", "", "" if row["count"] is None else
               row["count"], *band_of(row["figure"]), unit, lacks, of["status"],
               marks_in_words(of["confidence"]) if of["confidence"] else "")  # fmt: skip
    for part in document["training_cost"]["parts"]:
        yield ("time", part["label"], "", "", "", "", *lasting(part["time"]))
    for row in document["counts"]:
        yield ("count", "mean", row["name"], "", "", row["mean"])
        yield ("count", "last_epoch", row["name"], "", "", row["last_epoch"])
        for layer, number in enumerate(row["by_layer"] or ()):
            yield ("count", "mean", row["name"], "", layer, number)
    for row in document["writes"]:
        for name in WRITE_COUNTS:
            yield ("writes", row["copy"], name, "", row["connection"], row[name])
    for name in ("energy", "time"):
        one = document["training_cost"]["mean"][name]
        unit = "" if one["figure"] is None else one["figure"]["unit"]
        yield ("training sample", "mean", name, "", "", "", *band_of(one["figure"]), unit,
               "; ".join(one["lacks"]))  # fmt: skip
    reached = document["training_cost"]["reached"]
    yield ("error", reached["of"], "", "", "", "", *(reached["error"],) * 3, "%", "")
    yield from of_sensitivity(document["sensitivity"])


def price_rows(price: Document) -> Iterator[tuple[str, Document]]:
    """The energy of each kind of event, of a sample's phases and of its update."""
    yield from ((INFERENCE, row) for row in price["energy_by_kind"])
    update = price["update"]
    yield from ((UPDATE, row) for row in (update["energy_by_kind"] if update else ()))
