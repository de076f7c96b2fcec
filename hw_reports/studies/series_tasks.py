"""Words and the document of series that are coded in balance and read out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from eqchip.emulator.studies.dynamics.series import FRAME, SeriesTask, Tested, Tried
from eqchip.hw_reports.document.readable import amount, band
from eqchip.hw_reports.studies.dynamics import at_least, said_of_figures, spreads, static_share

FORMAT = "eqchip-dynamics-series 1"
COLUMNS = [
    "coder",
    "error of the test",
    "sMAPE",
    "of validation",
    "spikes/s",
    "events/s",
    "products/s",
]
WORK = ("input_macs", "macs", "readout_macs")  # products, wherever they are done


def document(
    name: str, task: SeriesTask, found: Mapping[str, Sequence[Tested]], price: Any,
    provenance: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """All of it as one dictionary; see :func:`eqchip.dynamics`."""
    return {
        "format": FORMAT,
        "task": name,
        "title": task.title,
        "source": task.source,
        "frame": FRAME,
        "coders": {kind: _coder(seeds) for kind, seeds in found.items()},
        "price": price,
        "shown": {kind: seeds[0].shown for kind, seeds in found.items()},
        "provenance": dict(provenance),
    }  # fmt: skip


def _coder(seeds: Sequence[Tested]) -> dict[str, Any]:
    return {
        "seeds": [
            {
                "seed": one.seed, "tried": [_tried(each) for each in one.tried],
                "chosen": _tried(one.best), "test": one.measures, "per_second": one.per_second,
            }
            for one in seeds
        ],
        "test": spreads([one.measures for one in seeds]),
        "validation": spreads([{"error": one.best.chosen.validation} for one in seeds])["error"],
        "per_second": spreads([one.per_second for one in seeds]),
    }  # fmt: skip


def _tried(one: Tried) -> dict[str, Any]:
    error = one.decoding_error
    return {
        "coder": repr(one.coder), "validation": one.chosen.validation, "ridge": one.chosen.ridge,
        "windows": one.chosen.windows, "per_second": one.per_second,
        "decoding_error": None if math.isnan(error) else error,
    }  # fmt: skip


def rows(made: Mapping[str, Any]) -> list[list[str]]:
    """Of each coder what validation chose, for the terminal."""
    found = []
    for kind, coder in made["coders"].items():
        counts = coder["per_second"]
        products = sum(counts[name]["mean"] for name in WORK if name in counts)
        found.append(
            [
                kind, said_of_figures(coder["test"]["error"]),
                said_of_figures(coder["test"]["smape"]) if "smape" in coder["test"] else "–",
                said_of_figures(coder["validation"]),
                *(
                    f"{counts[name]['mean']:.3g}" if name in counts else "–"
                    for name in ("spikes", "synaptic_events")
                ),
                f"{products:.3g}",
            ]
        )  # fmt: skip
    return found


def price_lines(made: Mapping[str, Any]) -> list[str]:
    """What a second of signal costs, coder by coder."""
    price, lines = made["price"], []
    for kind, of in price["coders"].items():
        parts = []
        if "chip" in of:
            energy = of["chip"]["energy"]
            parts.append(
                f"{_energy(energy)} on {price['chip']}, modelled, of which "
                f"{static_share(of['chip'])}"
            )
        if of["processor"] is not None:
            parts.append(f"{_energy(of['processor'])} on a processor")
        parts.append(f"{_energy(of['readout'])} of its read-out on a processor")
        lines.append(f"A second of signal, {kind}: {'; '.join(parts)}")
    lines.append(f"Of processors, floors by the prices of {price['processor']}")
    return [*lines, *price["notes"]]


def _energy(total: Mapping[str, Any]) -> str:
    figure = total["figure"]
    if figure is None:
        return "an energy without a price"
    return f"{at_least(total)}{amount(figure['value'], 'J')} ({band(figure)})"
