"""Tables of classifications that end as soon as an output leads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import ceil, floor
from statistics import mean
from typing import Any

from cells import NOTHING, spread, table, thousands
from cost_tables import figure

Result = dict[str, Any]
Results = dict[str, Any]  # file name -> document


def exits(results: Results, file: str) -> str:
    """Errors, events and modelled costs by how a sample ends."""
    found = results.get(file)
    if found is None:
        return NOTHING
    chips = list(dict.fromkeys(price["chip"] for price in found["prices"]))
    cores = {price["chip"]: price["cores"] for price in found["prices"]}
    rows = []
    for point in found["points"]:
        held, test = point["validation"], point["test"]
        steps = mean(one["steps"] for one in held)
        costs = [
            "" if "weight_bits" in point else figure(between(found["prices"], chip, steps, what))
            for chip in chips
            for what in ("energy", "time")
        ]
        rows.append([
            _ends(point, found["steps"]), f"{steps:.1f}",
            thousands(mean(one["events"] for one in held)),
            thousands(mean(one["spikes"] for one in held)),
            spread([one["error"] for one in held]),
            spread([one["error"] for one in test]) if test else "",
            *costs,
        ])  # fmt: skip
    heads = [f"{what} by {chip}, {cores[chip]} cores >" for chip in chips
             for what in ("energy", "time")]  # fmt: skip
    shown = table(
        ["a sample ends", "steps >", "events >", "spikes >", "validation error, % >",
         "test error, % >", *heads],
        rows,
    )  # fmt: skip
    seeds, of = len(found["seeds"]), found["epochs"]
    when = f"after {found['trained']} of {of} epochs" if found["trained"] < of else "trained"
    which = f"{seeds} seed{'s' * (seeds > 1)}, {when}"
    return (
        f"{shown}\n\n{found['network']} on {found['dataset']}, {which}, in floating point where "
        "nothing else is said; steps, events and spikes of the validation samples. Energy and time "
        f"of a classification: **modelled, not measured**, {found['replayed']} samples replayed in "
        "the chip's integers for the whole numbers of steps next to the mean, and a straight line "
        "between them; reading and comparing the outputs after every step is not in them. ≥: terms "
        "are unknown."
    )


def _ends(point: Result, whole: int) -> str:
    if "sure" in point:
        return f"with a lead above {point['sure']:g}"
    bits = point.get("weight_bits")
    by = ", rounded by activity" if point.get("rounding") == "activity" else ""
    integers = "" if bits is None else f", weights of {bits} bits{by}"
    return f"after {point.get('free_steps', whole)} steps{integers}"


def between(prices: list[Result], chip: str, steps: float, what: str) -> Result:
    """What so many steps cost, on the line between the whole numbers next to it."""
    of = {price["steps"]: price[what] for price in prices if price["chip"] == chip}
    low, high = of[floor(steps)], of[ceil(steps)]
    share = steps - floor(steps)
    if low["figure"] is None or high["figure"] is None:
        return dict(low)
    kept = {
        key: (1 - share) * low["figure"][key] + share * high["figure"][key]
        for key in ("low", "value", "high")
    }
    return {"figure": {**low["figure"], **kept}, "lacks": low["lacks"]}


TABLES: dict[str, Callable[[Results], str]] = {
    "fashion-exits": partial(exits, file="fashion-exits.json"),
}
