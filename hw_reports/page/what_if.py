"""What a page reckons with: its data, and the sliders of its section on what if."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from eqchip.hw_reports.document.moves import in_words
from eqchip.hw_reports.document.readable import per_sample

if TYPE_CHECKING:
    from markupsafe import Markup

Document = Mapping[str, Any]

FIRST = (
    "energy.synaptic_event", "energy.weight_update", "energy.message", "static_power.chip",
    "time.synaptic_event", "time.weight_update",
)  # fmt: skip
TENFOLDS = 2  # that a slider reaches below and above a coefficient
LINEAR = 100.0  # units that it reaches where the coefficient is 0
NS = 1e-9
MOST_SAMPLES = 9  # as a power of ten


class Knob(NamedTuple):
    """A slider with its box: what it sets, in which unit, and from where to where."""

    name: str
    label: str
    unit: str
    value: str
    low: float
    high: float
    step: float
    at: float


class WhatIf(NamedTuple):
    """The section: data as JSON that may stand in a script element, and its sliders."""

    data: Markup
    first: list[Knob]
    more: list[Knob]


def what_if(document: Document) -> WhatIf | None:
    """What the section is made of; None of a report that has none."""
    found = document.get("what_if")
    if not found:
        return None
    chip, (energy, time, _) = document["chip"], per_sample(document)
    words = {
        row["name"]: in_words(row["name"], document["labels"]) for row in found["coefficients"]
    }
    others: list[dict[str, Any]] = [
        {
            "title": base["title"],
            "energy": base["training"]["figure"]["value"],
            "lower": bool(base["training"]["lacks"]),
        }
        for base in document["baselines"]
        if base["training"]["figure"] is not None
    ]
    by = document.get("trained_by")
    if by is not None:
        others.insert(0, {"title": by["title"], "seconds": by["time"]})
    data = {
        **found,
        "chip": chip["name"],
        "base": chip["file"],
        "labels": words,
        "lower": {"energy": bool(energy["lacks"]), "time": bool(time["lacks"])},
        "others": others,
    }
    by_name = {row["name"]: _knob(row, words) for row in found["coefficients"]}
    # A barrier is a table of rows, which a chip file has whole: see its section of the page.
    free = {name: knob for name, knob in by_name.items() if not name.startswith("barrier.")}
    first = [free.pop(name) for name in FIRST if name in free]
    return WhatIf(_of_script(data), [*first, *_others(found)], [*free.values()])


def _of_script(data: Mapping[str, Any]) -> Markup:
    """JSON that ends no script element."""
    from markupsafe import Markup

    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)


def _knob(row: Mapping[str, Any], words: Mapping[str, str]) -> Knob:
    name, value = row["name"], f"{row['value']:.12g}"
    if row["value"] == 0:
        return Knob(name, words[name], row["unit"], value, 0.0, LINEAR, LINEAR / 1000, 0.0)
    return Knob(name, words[name], row["unit"], value, -TENFOLDS, TENFOLDS, 0.01, 0.0)


def _others(found: Mapping[str, Any]) -> list[Knob]:
    """The floor of a step, the cores, the samples."""
    knobs = []
    mapping = found["mappings"][0]
    if mapping["steps"]:
        floor = found["floor"] / NS
        sizes = {row["name"]: row["value"] * row["size"] for row in found["coefficients"]}
        longest = max(
            sum(
                count * sizes.get(name, 0.0)
                for name, count in zip(phase["columns"], counts, strict=True)
            )
            for phase in mapping["steps"]
            for counts in phase["counts"]
        )
        most = float(f"{max(2 * longest / NS, 4 * floor):.1g}")
        knobs.append(
            Knob("step_floor", "least time of a step", "ns", f"{floor:.6g}", 0, most, most / 1000,
                 floor)
        )  # fmt: skip
    if len(found["mappings"]) > 1:
        last, cores = len(found["mappings"]) - 1, mapping["cores"]
        knobs.append(Knob("cores", "cores in use", "", str(cores), 0, last, 1, 0))
    samples = found["samples"]
    knobs.append(
        Knob("samples", "samples to train on", "", str(samples), 0, MOST_SAMPLES, 0.01,
             len(str(samples)) - 1)
    )  # fmt: skip
    return knobs
