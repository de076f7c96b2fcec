"""Tables of training on streams whose states are never reset."""

from __future__ import annotations

from collections.abc import Callable
from statistics import mean
from typing import Any

from cells import NOTHING, spread, table

Row = dict[str, Any]


def alike(rows: list[Row]) -> dict[tuple[Any, ...], list[Row]]:
    """Trainings that differ in their seed alone, in their order."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        key = (row["dataset"], row["free_steps"], row["nudged_steps"], row["input"], row["way"])
        found.setdefault(key, []).append(row)
    return found


def streams(results: dict[str, Any]) -> str:
    """What is learned, by steps, input and coding."""
    rows = [row for row in results.get("streams.json", {}).get("rows", []) if not row["chip"]]
    if not rows:
        return NOTHING
    cells = []
    grouped = sorted(alike(rows).items(), key=lambda one: (one[0][0], -one[0][1], one[0][3]))
    for (dataset, free, nudged, given, _), of_seeds in grouped:
        others = [
            spread([row["others"].get(name) for row in of_seeds], 1)
            for name in ("stream", "integers")
        ]
        cells.append(
            [
                dataset,
                f"{free} + 2 x {nudged}",
                given,
                of_seeds[0]["label"],
                len(of_seeds),
                spread([row["error"] for row in of_seeds], 1),
                spread([row["train_error"] for row in of_seeds], 1),
                *others,
                f"{mean(row['spikes'] for row in of_seeds):,.0f}",
                f"{mean(row['spikes_classified'] for row in of_seeds):,.0f}",
            ]
        )
    heads = [
        "data", "steps", "input", "samples begin; coding", "seeds >", "validation error, % >",
        "training error, % >", "on a stream, % >", "in integers, % >",
        "spikes, trained >", "spikes, classified >",
    ]  # fmt: skip
    epochs = {row["dataset"]: row["epochs"] for row in rows}
    trained = ", ".join(f"{n} epochs of {dataset}" for dataset, n in epochs.items())
    note = (
        "Errors of samples that were set aside, shown as in training; the training error is a "
        "running one of the last epoch. *On a stream*: a network that was trained from rest, "
        "its samples shown one after the other (an annealed coefficient announced). *In integers*: "
        "the network shown so in a chip's integers, of 8-bit weights. Spikes are of a "
        f"sample, the input's included. {trained}."
    )
    return table(heads, cells) + "\n\n" + note


def on_chip(results: dict[str, Any]) -> str:
    """What a chip learns online from one stream."""
    rows = [row for row in results.get("streams.json", {}).get("rows", []) if row["chip"]]
    if not rows:
        return NOTHING
    cells = [
        [
            f"{free} + 2 x {nudged}", given, of_seeds[0]["label"], len(of_seeds),
            spread([row["error"] for row in of_seeds], 1),
            spread([row["train_error"] for row in of_seeds], 1),
            f"{mean(row['spikes'] for row in of_seeds):,.0f}",
        ]
        for (_, free, nudged, given, _), of_seeds in alike(rows).items()
    ]  # fmt: skip
    heads = [
        "steps", "input", "samples begin; coding", "seeds >", "validation error, % >",
        "training error, % >", "spikes, trained >",
    ]  # fmt: skip
    note = "Digits, 64-100-10, learned on loihi2: 8-bit weights, online, one stream."
    return table(heads, cells) + "\n\n" + note


TABLES: dict[str, Callable[[dict[str, Any]], str]] = {
    "streams": streams,
    "streams-chip": on_chip,
}
