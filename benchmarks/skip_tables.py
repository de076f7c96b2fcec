"""The table of what it saves to skip samples that are right: ``skip-right-*.json``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cells import NOTHING, spread, table, thousands

Results = dict[str, Any]  # file name -> document


def skip_right(results: Results) -> str:
    """Errors, counts and modelled costs by the distance, of every data set."""
    found = [one for name, one in results.items() if name.startswith("skip-right-")]
    if not found:
        return NOTHING
    return "\n\n".join(_of_one(document) for document in found)


def _of_one(document: dict[str, Any]) -> str:
    rows = []
    for row in document["rows"]:
        where, distance = row["on_chip"], row["distance"]
        group = [
            point for point in document["points"]
            if (point["on_chip"], point["distance"]) == (where, distance)
        ]  # fmt: skip
        rows.append([
            "on the chip" if where else "in floating point",
            f"{distance:g}",
            spread([point["validation_error"] for point in group]),
            spread([point.get("test_error") for point in group]),
            f"{100 * row['nudged_share']:.1f} ({100 * row['nudged_share_last']:.1f})",
            thousands(row["synaptic_events"]),
            "" if row["weights_attempted"] is None else thousands(row["weights_attempted"]),
            f"{1e6 * row['energy']:.1f}",
            f"{1e3 * row['time']:.2f}",
        ])  # fmt: skip
    epochs = {str(point["epochs"]) for point in document["points"]}
    network = document["network"]
    return (
        table(
            ["trained", "distance >", "validation error, % >", "test error, % >",
             "nudged, % (last epoch) >", "synaptic events a sample >", "weights written >",
             "energy a sample, uJ >", "time a sample, ms >"],
            rows,
        )
        + f"\n\n{network}, {' and '.join(sorted(epochs))} epochs, {document['rows'][0]['seeds']} "
        f"seed{'s' * (document['rows'][0]['seeds'] > 1)}; energy and time modelled, on "
        f"{document['chip']}, means over the whole training."
    )  # fmt: skip


TABLES: dict[str, Callable[[Results], str]] = {"skip-right": skip_right}
