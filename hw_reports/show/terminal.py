"""The tables that a terminal shows of a report, made from its document alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eqchip.hw_reports.document.compare import columns, listed, ratio_heads
from eqchip.hw_reports.document.moves import LEAST, between, over_band, widest
from eqchip.hw_reports.document.readable import (
    UNKNOWN,
    accuracy,
    amount,
    band,
    beside_measured,
    compared,
    digits,
    nominal,
    per_sample,
    percent,
    short_total,
    wrong,
)
from eqchip.hw_reports.show import asynchronous
from eqchip.hw_reports.show.table import Table
from eqchip.mapping.chip_file.figures import MARKS

SHOWN_OF_ANCHORS = ("training_energy", "training_time", "inference_energy")
SHOWN_MOVES = 8  # coefficients in the table of what moves the totals
# The totals that it shows, and their heads; the page and the CSV have those of inference, too.
SHORT = {"training_energy": "training energy", "training_time": "training time"}
SHARE_SHOWN = 0.0005  # of the training energy: kinds below it and uncounted ones are left out


def tables(document: Mapping[str, Any]) -> list[Table]:
    """All tables of a report, the cost of training first."""
    found = [training(document), energy(document)]
    if document["time"]["bottleneck"] is not None:
        found.append(time(document))
    if "asynchronous" in document:
        found += asynchronous.tables(document)
    if "sensitivity" in document:
        found.append(sensitivity(document))
    return [*found, memory(document), beside(document)]


def training(document: Mapping[str, Any]) -> Table:
    """What a training sample and the whole training cost."""
    cost, run = document["training_cost"], document["run"]
    epochs = f"{cost['whole']['epochs']} epochs"
    labels = {"sample": "sum, after training", "whole": f"whole training ({epochs})"}
    rows = []
    for key, label in (
        ("mean", f"training sample, mean over {epochs}"),
        ("last_epoch", "  in the last epoch"),
    ):
        if key in cost:
            rows.append(_cost_row(label, cost[key]["energy"], cost[key]["time"]))
    for row in cost["rows"]:
        label = labels.get(row["phase"], row["label"])
        rows.append(_cost_row(label, row["energy"], row["time"]))
        if row["phase"] == "sample":
            dynamic = document["energy"]["dynamic"]["training"]
            rows.append(
                ["  without static power", short_total(dynamic), band(dynamic["figure"]), "", ""]
            )
    seldom = cost["whole_minibatch"]
    if seldom is not None:
        rows.append(
            _cost_row(f"  if written once per {run['minibatch']}", seldom["energy"],
                      seldom["time"])
        )  # fmt: skip
    inference = document["energy"]["inference"], document["time"]["inference"]
    rows.append(_cost_row("inference, one sample", *inference))
    return Table(
        f"Training cost of {document['title']}: {document['statement']}; "
        f"{wrong(document['replay'])}",
        ("per sample", "energy", "low – high", "time", "low – high"),
        rows,
    )


def _cost_row(label: str, energy: Mapping[str, Any], time: Mapping[str, Any]) -> list[str]:
    return [
        label,
        short_total(energy),
        band(energy["figure"]),
        short_total(time),
        band(time["figure"]),
    ]


def energy(document: Mapping[str, Any]) -> Table:
    """Energy by kind of event."""
    found, labels = document["energy"], document["labels"]
    whole = found["training"]["figure"]
    counts: dict[str, float] = {}
    for row in found["table"]:
        if row["phase"] != "inference" and row["count"] is not None:
            counts[row["kind"]] = counts.get(row["kind"], 0.0) + row["count"]
    rows = []
    for kind, groups in found["by_kind"].items():
        of = groups["training"]
        share = of["value"] / whole["value"] if of and whole and whole["value"] else None
        if of is not None and (share or 0.0) < SHARE_SHOWN:
            continue
        rows.append(
            [
                labels[kind],
                f"{counts[kind]:,.0f}" if kind in counts else "",
                nominal(of),
                "" if share is None else percent(share, 1),
                band(of),
                nominal(groups["inference"]) if groups["inference"] or of is None else "",
            ]
        )
    return Table(
        f"Energy per training sample, by kind ({document['chip']['title']})",
        ("kind", "count", "energy", "share", "low – high", "inference"),
        rows,
    )


def time(document: Mapping[str, Any]) -> Table:
    """What decides the time of each phase."""
    found, labels = document["time"], document["labels"]
    rows = []
    for phase, parts in found["parts"].items():
        decided = found["bottleneck"][phase]
        name = max(decided, key=decided.__getitem__) if decided else None
        core = found["busiest_core"][phase]
        rows.append(
            [
                labels[phase],
                short_total(found["by_phase"][phase]),
                nominal(parts["core"]),
                nominal(parts["mesh"]),
                nominal(parts["barrier"]),
                UNKNOWN if name is None else f"{labels[name]} ({percent(decided[name])} of steps)",
                "" if core is None else str(core),
            ]
        )
    return Table(
        "Time per sample, and what decides it",
        ("phase", "time", "busiest core", "busiest link", "barrier", "decided by", "core"),
        rows,
    )


def sensitivity(document: Mapping[str, Any]) -> Table:
    """What a training sample costs over the band of each coefficient, and with all drawn."""
    section = document["sensitivity"]
    names, units = list(SHORT), section["units"]
    chosen = {row["name"]: row for name in names for row in widest(section, name, SHOWN_MOVES)}
    rows = [
        [
            row["name"],
            f"{row['status']} ({row['confidence']})",
            f"{row['low']:g} – {row['high']:g} {row['unit']}",
            *(
                over_band(row, name, units[name]) if row["swing"].get(name, 0.0) >= LEAST else ""
                for name in names
            ),
        ]
        for row in list(chosen.values())[:SHOWN_MOVES]
    ]
    within = section["quantiles"]["high"] - section["quantiles"]["low"]
    drawn = [f"all, in {100 * within:.0f} % of {section['draws']} draws", "", "all bands"]
    for name in names:
        one = section["together"].get(name)
        drawn.append(UNKNOWN if one is None else between(one["low"], one["high"], units[name]))
    return Table(
        "What the totals move with: each coefficient over its band, the others nominal; then all "
        f"drawn, {section['distribution']}",
        ("coefficient", "status (mark)", "band", *SHORT.values()),
        [*rows, drawn],
    )


def memory(document: Mapping[str, Any]) -> Table:
    """Bytes by use, and what BPTT would keep."""
    found, labels = document["memory"], document["labels"]
    rows = [[labels[use], nominal(stored)] for use, stored in found["by_use"].items()]
    rows.append(["total", short_total(found["total"])])
    rows.append(
        [f"BPTT would keep, over {found['at_steps']} steps", amount(found["bptt_bytes"], "B")]
    )
    return Table(
        f"Memory; to learn, BPTT would keep {found['ratio']:.1f} times as much as EP "
        f"(more from {found['crossover']} steps on)",
        ("use", "bytes"),
        rows,
    )


def beside(document: Mapping[str, Any]) -> Table:
    """The published costs of learning on chips, and the floors of processors."""
    run = document["run"]
    energy, time, _ = per_sample(document)
    rows = [
        [
            f"this run on {document['chip']['name']}", "modelled",
            f"{run['dataset']} {'-'.join(map(str, run['layers']))}", accuracy(document),
            short_total(energy), short_total(time), short_total(document["energy"]["inference"]),
        ]
    ]  # fmt: skip
    for anchor in compared(document):
        pairs = [beside_measured(anchor, key) for key in SHOWN_OF_ANCHORS]
        rows.append(
            [
                f"{anchor['name']} on {anchor['hardware']}",
                anchor["status"],
                f"{anchor['task']} {anchor['network']}",
                UNKNOWN if anchor["accuracy"] is None else f"{anchor['accuracy']:.1f} %",
                *("\n".join(filter(None, pair)) for pair in pairs),
            ]
        )
    for floor in document["baselines"]:
        rows.append(
            [
                floor["name"], "floor", "the same network, real-valued", "",
                short_total(floor["training"]), UNKNOWN, short_total(floor["inference"]),
            ]
        )  # fmt: skip
    return Table(
        "Beside it, per sample: chips that learn, measured and by this chip file; processors, at "
        "the least",
        ("what", "how", "network", "accuracy", "training", "time", "inference"),
        rows,
    )


def sentences(document: Mapping[str, Any]) -> list[str]:
    """What the tables leave out: notes, what is not known, the weakest coefficients."""
    lines = [*document["notes"], *document.get("asynchronous", {}).get("explanation", ())]
    weakest = document["chip"]["weakest"]
    for row in weakest:
        lines.append(f"Weak: {row['name']} ({row['confidence']}), {row['why']}.")
    if weakest:
        lines.append(marks_of(document))
    happened = _lacking(document)
    for row in document["chip"]["unknown"]:
        table, _, name = row["name"].partition(".")
        if f"{name.replace('_', ' ')} {table}" in happened:
            lines.append(f"Unknown: {row['name']}: {row['why']}.")
    return lines


def marks_of(document: Mapping[str, Any]) -> str:
    """The marks of the chip's figures, each explained."""
    marks = (row["confidence"].split(" + ") for row in document["chip"]["coefficients"])
    used = {mark for found in marks for mark in found}
    words = "; ".join(f"{mark} {text}" for mark, text in MARKS.items() if mark in used)
    return f"Marks, of how we have a figure: {words}."


def _lacking(document: Mapping[str, Any]) -> set[str]:
    groups = ("training", "inference")
    return {
        name
        for of in ("energy", "time")
        for group in groups
        for name in document[of][group]["lacks"]
    }


def comparison(document: Mapping[str, Any]) -> Table:
    """Reports side by side."""
    rows = []
    for row in document["rows"]:
        values, over = columns(row)
        if len(values) > 2:
            over = []  # many columns break the words of a terminal: the page has the ratios
        rows.append(
            [
                row["name"],
                *(_either(value, row["unit"]) for value in values),
                *("" if ratio is None else f"{ratio:.3g}" for ratio in over),
            ]
        )
    names = document["names"]
    heads = ("per sample", *names, *(ratio_heads(names, " / ") if len(names) == 2 else ()))
    return Table(f"{listed(names)}: {document['statement']}", heads, rows)


def _either(found: Any, unit: str) -> str:
    if found is None:
        return UNKNOWN
    if isinstance(found, Mapping):
        return short_total({"figure": found, "lacks": found.get("lacks", ())})
    return f"{digits(found)} {unit}".rstrip() if unit != "B" else amount(found, unit)
