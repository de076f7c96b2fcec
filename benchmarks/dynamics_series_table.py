"""Tables of gradients through spikes and of coded series, from their results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cells import NOTHING, table

Results = dict[str, Any]  # file name -> document


def gradients(results: Results) -> str:
    """What each task reached by the gradient, and what that cost."""
    found = results.get("dynamics-gradient.json")
    if found is None:
        return NOTHING
    rows = []
    for one in found["tasks"]:
        stem = "error" if "error" in one["after"] else "accuracy"
        training, testing = one["price"]["training"], one["price"]["testing"]
        rows.append(
            [
                f"`{one['task']}`", "error" if stem == "error" else "share right",
                *(_said(one["after"][stem + end]) for end in ("", "_spikes", "_8_bits")),
                _said(one["after"].get("delay")), _said(one["after"]["rate"]),
                f"{training['macs']:.2g}", _energy(training["energy"]),
                _energy(testing["energy"]) if "energy" in testing else "–",
            ]
        )  # fmt: skip
    columns = [
        "task", "measure", "as trained >", "spikes alone >", "8-bit weights >",
        "delay reached, s >", "rate, Hz >", "products of learning >", "learning, J >",
        "a second, J >",
    ]  # fmt: skip
    return table(columns, rows)


def series(results: Results) -> str:
    """Errors of coders, and what a second of them costs."""
    found = results.get("dynamics-series.json")
    if found is None:
        return NOTHING
    rows = []
    for one in found["tasks"]:
        for kind, coder in one["coders"].items():
            counts, price = coder["per_second"], one["price"]["coders"][kind]
            products = [counts[name]["mean"] for name in WORK if name in counts]
            coded = price.get("chip", {}).get("energy") or price["processor"]
            rows.append(
                [
                    f"`{one['task']}`", kind, _said(coder["test"]["error"]),
                    _said(coder["validation"]), _count(counts, "spikes"),
                    _count(counts, "synaptic_events"), f"{sum(products):.2g}",
                    "–" if coded is None else _energy(coded), _energy(price["readout"]),
                ]
            )  # fmt: skip
    columns = [
        "task", "coder", "error of the test >", "of validation >", "spikes/s >", "events/s >",
        "products/s >", "a second coded, J >", "its read-out, J >",
    ]  # fmt: skip
    return table(columns, rows)


WORK = ("input_macs", "macs", "readout_macs")


def _count(counts: Mapping[str, Any], name: str) -> str:
    return f"{counts[name]['mean']:.2g}" if name in counts else "–"


def _said(figures: Mapping[str, float | None] | None) -> str:
    if figures is None or figures["mean"] is None:
        return "–"
    if not figures["sd"]:
        return f"{figures['mean']:.3g}"
    return f"{figures['mean']:.3g} ± {figures['sd']:.1g}"


def _energy(total: Mapping[str, Any]) -> str:
    figure = total["figure"]
    least = "≥ " if total["lacks"] else ""
    return f"{least}{figure['value']:.2g} ({figure['low']:.2g} to {figure['high']:.2g})"


TABLES: dict[str, Callable[[Results], str]] = {
    "dynamics-gradient": gradients,
    "dynamics-series": series,
}
