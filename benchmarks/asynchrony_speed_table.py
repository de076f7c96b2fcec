"""The speed of the asynchronous engine as Markdown tables, from ``asynchrony-speed.json``.

``python benchmarks/asynchrony_speed_table.py`` prints them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cells import NOTHING, table, thousands

NAME = "asynchrony-speed.json"
LABELS = {
    "asynchronous engine": "engine, ns >",
    "time wheel alone": "time wheel alone, ns >",
    "binary heap alone": "binary heap alone, ns >",
}

Result = dict[str, Any]


def between(ratio: Result) -> str:
    """A ratio of processor times: its median with its extremes."""
    return f"{ratio['cpu_median']:.3g} ({ratio['cpu_low']:.3g} to {ratio['cpu_high']:.3g})"


def asynchrony_speed(results: dict[str, Any]) -> str:
    """The engine without a clock: beside the one with a clock, over sizes, and beside SimPy."""
    found = results.get(NAME)
    if found is None:
        return NOTHING
    ratios = found["ratios"]
    compared = table(
        ["one thread", "synaptic events/s >", "of the synchronous engine: median (extremes) >"],
        [
            [
                contestant["name"],
                thousands(contestant["events_per_second"]),
                between(ratios[contestant["name"]]) if contestant["name"] in ratios else "",
            ]
            for contestant in found["contestants"]
        ],
    )
    cost = found["event_cost"]
    sizes = table(
        ["units >", *LABELS.values(), "wheel is times as fast as heap: median (extremes) >",
         "bytes per unit >"],
        [
            [
                f"{point['units']:,}",
                *(f"{point['nanoseconds_per_event'][name]:.0f}" for name in LABELS),
                between(point["heap"]),
                f"{point['bytes_per_unit']:.0f}",
            ]
            for point in cost["points"]
        ],
    )  # fmt: skip
    setting, machine = found["setting"], found["machine"]
    shape = "-".join(map(str, setting["layers"]))
    notes = [
        f"{shape}, {setting['free_steps']} + 2 x {setting['nudged_steps']} steps, "
        f"{setting['samples']} samples, {setting['rounds']} rounds, {found['clock']}; "
        f"{machine['cpu']}. Aim at identity: at least 0.2.",
        f"Cost per tick or message, {cost['precision']}: a chain of layers of "
        f"{cost['layer_units']} units, a clock per unit.",
    ]
    ratio = found["witness"]["ratio"]
    if ratio is not None:
        notes.append(f"SimPy: the engine is {between(ratio)} times as fast; aim: at least 50.")
    return "\n\n".join([compared, sizes, " ".join(notes)])


def main() -> None:
    """Print the tables of the committed result."""
    path = Path(__file__).resolve().parents[1] / "benchmarks" / "results" / NAME
    print(asynchrony_speed({NAME: json.loads(path.read_text())} if path.is_file() else {}))


if __name__ == "__main__":
    main()
