"""The page's tables beside those of cost: time, counts, memory, metrics and coefficients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eqchip.hw_reports.document.labels import of_count
from eqchip.hw_reports.document.moves import LEAST, TOTALS, between, over_band
from eqchip.hw_reports.document.readable import (
    NEUROBENCH,
    UNKNOWN,
    amount,
    count,
    digits,
    name_of,
    nominal,
    percent,
)
from eqchip.hw_reports.page.cells import (
    NONE,
    Cell,
    Document,
    PageTable,
    capital,
    figure_cell,
    number,
    numbers,
    total_cell,
)
from eqchip.hw_reports.plots.time import DECIDERS
from eqchip.mapping.chip_file.figures import STATUSES, marks_in_words

LARGE = 1000  # from here on, decimals of a metric tell nothing


def time(document: Document) -> PageTable | None:
    """Busiest core, busiest link and barrier of each phase, and which decided."""
    found, labels = document["time"], document["labels"]
    if not found["parts"]:
        return None
    rows = []
    for phase, parts in found["parts"].items():
        decided = {k: v for k, v in (found["bottleneck"].get(phase) or {}).items() if v}
        words = ", ".join(
            f"{DECIDERS.get(part, part)} {percent(share)}"
            for part, share in sorted(decided.items(), key=lambda one: -one[1])
        )
        spent = sorted((found["critical"].get(phase) or {}).items(), key=lambda one: -one[1])
        kinds = ", ".join(f"{name_of(k, labels)} {amount(v, 's')}" for k, v in spent[:3] if v)
        core = (found["busiest_core"] or {}).get(phase)
        rows.append(
            [
                Cell(capital(name_of(phase, labels))), total_cell(found["by_phase"][phase]),
                *(figure_cell((parts or {}).get(part)) for part in DECIDERS),
                Cell(words or UNKNOWN, f"mostly {kinds}" if kinds else ""),
                number(NONE if core is None else str(core)),
            ]
        )  # fmt: skip
    heads = ("Time", "Busiest core", "Busiest link", "Barrier")
    columns = [
        Cell("Phase"),
        *numbers(*heads),
        Cell("Steps wait for"),
        *numbers("On core"),
    ]
    note = (
        "Sums over the steps of a phase; a step takes the slower of core and link, and the barrier."
    )
    return PageTable("time", "Time per sample, and what decides it", columns, rows, [note])


def activity(document: Document) -> PageTable | None:
    """What was counted, per sample; nothing for a chip model that counts arithmetic."""
    by_phase, labels = document["activity"]["by_phase"], document["labels"]
    names = dict.fromkeys(
        name for counts in by_phase.values() for name, value in counts.items() if value is not None
    )
    if not names:
        return None
    rows = [
        [Cell(capital(of_count(name) or name_of(name, labels))),
         *(number(NONE if c.get(name) is None else count(c[name])) for c in by_phase.values())]
        for name in names
    ]  # fmt: skip
    notes = []
    written = document["activity"]["weight_updates"]
    if written:
        notes.append(
            f"Of {count(written['attempted'])} weight updates, {count(written['applied'])} changed "
            f"the stored code and {count(written['saturated'])} were clipped at its range."
        )
    heads = [capital(name_of(phase, labels)) for phase in by_phase]
    columns = [Cell("Count"), *numbers(*heads)]
    return PageTable("activity", "What was counted, per sample", columns, rows, notes)


def layers(document: Document) -> PageTable:
    """Spikes of every layer."""
    rows = [
        [
            Cell(f"Layer {row['layer']}"), number(f"{row['units']:,}"),
            *(number(count(row["spikes"][of])) for of in ("training", "inference")),
            *(number(digits(row["rate"][of])) for of in ("training", "inference")),
        ]
        for row in document["activity"]["by_layer"]
    ]  # fmt: skip
    heads = ("Units", "Spikes, training", "Spikes, inference", "Rate, training", "Rate, inference")
    note = "Rate: spikes per unit and time step."
    return PageTable(
        "layers", "Spikes per sample by layer", [Cell("Layer"), *numbers(*heads)], rows, [note]
    )


def resources(document: Document) -> PageTable | None:
    """The fullest core for each resource."""
    mapping, labels = document["mapping"], document["labels"]
    if not mapping:
        return None
    rows = []
    for name in dict.fromkeys(name for core in mapping["cores"] for name in core["use"]):
        cores = [core for core in mapping["cores"] if name in core["use"]]
        most = max(cores, key=lambda core: core["use"][name]["used"])
        used, limit = most["use"][name]["used"], most["use"][name]["limit"]
        rows.append(
            [
                Cell(capital(name_of(name, labels)) + _unit(name)), number(f"{used:,.0f}"),
                number("none known" if limit is None else f"{limit:,.0f}"),
                number(percent(used / limit) if limit else NONE), number(str(most["core"])),
            ]
        )  # fmt: skip
    columns = [Cell("Resource"), *numbers("Most used", "Limit", "Share", "On core")]
    return PageTable("resources", "The fullest core, resource by resource", columns, rows)


def memory(document: Document) -> PageTable:
    """Bytes by use, and what learning keeps under EP and BPTT."""
    found, labels = document["memory"], document["labels"]
    rows = [
        [Cell(capital(name_of(use, labels))), number(nominal(stored))]
        for use, stored in found["by_use"].items()
    ]
    rows.append([Cell("Sum"), total_cell(found["total"])])
    return PageTable(
        "memory",
        "Memory on all cores",
        [Cell("Use"), *numbers("Bytes")],
        rows,
        (),
        [len(rows) - 1],
    )


def memory_terms(document: Document) -> PageTable:
    """What each method keeps for learning."""
    names = {"ep": "Equilibrium propagation", "bptt": "BPTT"}
    rows = [
        [
            Cell(names.get(term["method"], term["method"])), Cell(term["name"], term["why"]),
            number(f"{term['bits_per_unit']:g}"), number(f"{term['units']:,}"),
            Cell("every step" if term["per_step"] else "once"),
        ]
        for term in document["memory"]["terms"]
    ]  # fmt: skip
    columns = [Cell("Method"), Cell("Keeps"), *numbers("Bits per unit", "Units"), Cell("Stored")]
    return PageTable("memory-terms", "What learning keeps beside the weights", columns, rows)


def neurobench(document: Document) -> PageTable:
    """NeuroBench's metrics under its names."""
    found, replay = document["neurobench"], document["replay"]
    rows: list[list[Cell]] = []
    defined = found["definitions"]
    for name, value in found.items():
        if name in ("definitions", "source"):
            continue
        parts = value.items() if isinstance(value, Mapping) else [("", value)]
        for part, single in parts:
            full = f"{name}.{part}" if part else name
            text = UNKNOWN if single is None else _plain(single)
            meaning = defined.get(part) or defined.get(name) or ""
            if name in NEUROBENCH.values():
                meaning += f", here of {replay['inference_samples']:,}, {replay['split']} samples"
            if name == "footprint" and single is not None:
                text += " B"
            said = any(meaning == row[2].text for row in rows)
            rows.append([Cell(full), number(text), Cell("as above" if said else meaning)])
    columns = [Cell("Metric"), *numbers("Value"), Cell("Definition")]
    return PageTable("neurobench", "NeuroBench's metrics", columns, rows, [found["source"]])


def coefficients(document: Document) -> PageTable:
    """Every coefficient with its status and source, the weakest first."""
    weakest = [row["name"] for row in document["chip"]["weakest"]]

    def order(row: Mapping[str, Any]) -> tuple[int, int, float]:
        place = weakest.index(row["name"]) if row["name"] in weakest else len(weakest)
        status = STATUSES.index(row["status"]) if row["status"] in STATUSES else len(STATUSES)
        return place, -status, -(row["share"] or 0.0)

    rows = []
    for row in sorted(document["chip"]["coefficients"], key=order):
        low, high = (f"{row[side]:g}" for side in ("low", "high"))
        share = NONE if row["share"] is None else percent(row["share"], 1)
        rows.append(
            [
                Cell(row["name"]),
                number(f"{row['value']:g} {row['unit']}", "" if low == high else f"{low} – {high}"),
                number(share, f"of {row['share_of']}" if row["share"] else ""),
                Cell(row["status"], marks_in_words(row["confidence"])),
                Cell(row["source"], row["note"]),
            ]
        )  # fmt: skip
    columns = [
        Cell("Coefficient"), *numbers("Value", "Decides"), Cell("Status, and how we have it"),
        Cell("Source"),
    ]  # fmt: skip
    return PageTable(
        "coefficients", "Coefficients of the chip file, the weakest first", columns, rows
    )


def sensitivity(document: Document) -> PageTable | None:
    """The totals at both ends of every coefficient's band, and with all drawn."""
    section = document.get("sensitivity")
    if section is None:
        return None
    units, names = section["units"], [name for name in TOTALS if name in section["nominal"]]
    rows = [
        [
            Cell(row["name"], row["status"]),
            number(f"{row['low']:g} – {row['high']:g} {row['unit']}"),
            *(_ends(row, name, units[name]) for name in names),
        ]
        for row in section["coefficients"]
    ]
    drawn = [Cell("All together", section["distribution"]), number(NONE)]
    for name in names:
        one = section["together"].get(name)
        drawn.append(
            number(UNKNOWN)
            if one is None
            else number(
                between(one["low"], one["high"], units[name]),
                f"median {amount(one['median'], units[name])}",
            )
        )
    heads = (f"{capital(TOTALS[name])}" for name in names)
    quantiles = section["quantiles"]
    notes = [
        f"All together: the {100 * quantiles['low']:g} % and {100 * quantiles['high']:g} % "
        f"quantiles of {section['draws']} draws (Latin hypercube, seed {section['seed']}). Where "
        "the nominal value stands at one end of its band, the draws lie to one side of it."
    ]
    if section["without_band"]:
        notes.append(
            "No band is known, so nothing moves, of: " + ", ".join(section["without_band"]) + "."
        )
    return PageTable(
        "sensitivity", "What the totals move with, over each coefficient's band",
        [Cell("Coefficient"), *numbers("Band", *heads)], [*rows, drawn], notes, [len(rows)],
    )  # fmt: skip


def _ends(row: Mapping[str, Any], name: str, unit: str) -> Cell:
    """A total at both ends of a band, if it moves."""
    if row["swing"].get(name, 0.0) < LEAST:
        return number(NONE)
    return number(over_band(row, name, unit), f"{percent(row['swing'][name], 1)}")


def _unit(resource: str) -> str:
    return " (bits)" if resource.endswith("memory") else ""


def _plain(value: float) -> str:
    """A number as it is: whole ones whole, others to four digits."""
    return f"{value:,.0f}" if value == int(value) or value >= LARGE else f"{value:.4g}"
