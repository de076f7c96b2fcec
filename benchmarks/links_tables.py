"""The table of what links do for a deep network: ``links-*.json``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from cells import NOTHING, spread, table, thousands

Results = dict[str, Any]  # file name -> document


def links(results: Results) -> str:
    """Errors, and how far a nudge moves each hidden layer, of every data set."""
    found = [one for name, one in results.items() if name.startswith("links-")]
    return "\n\n".join(_of_one(document) for document in found) or NOTHING


def _of_one(document: dict[str, Any]) -> str:
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for point in document["points"]:
        key = (
            point["readout"], str(point["shift"]), f"{point['beta']:g}", f"{point['step_size']:g}",
            point["name"], point["links"],
        )  # fmt: skip
        groups.setdefault(key, []).append(point)
    rows = []
    for (readout, shift, beta, step, name, written), group in groups.items():
        moved = np.mean([np.mean(p["nudged_change_by_layer"], axis=0) for p in group], axis=0)
        rows.append([
            readout,
            "1" if shift == "0" else f"1/{2 ** int(shift)}",
            beta,
            step,
            name,
            f"`{written}`" if written else "",
            spread([point["validation_error"] for point in group]),
            ", ".join(f"{1e3 * size:.2g}" for size in moved[:-1]),
            thousands(float(np.mean([point["synaptic_events"] for point in group]))),
        ])  # fmt: skip
    first = document["points"][0]
    seeds = len({point["seed"] for point in document["points"]})
    return (
        table(
            ["read-out", "feedback >", "beta >", "step size >", "links", "`--links`",
             "validation error, % >", "moved by the nudge, layer by layer, 1e-3 >",
             "synaptic events a sample >"],
            rows,
        )
        + f"\n\n{document['network']}, {first['epochs']} epochs, {seeds} "
        f"seed{'s' * (seeds > 1)}; moved: means over the epochs and seeds."
    )  # fmt: skip


TABLES: dict[str, Callable[[Results], str]] = {"links": links}
