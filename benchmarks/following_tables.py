"""Tables of codings that follow an input that switches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cells import NOTHING, table

SHOWN = (5, 10, 20, 50, 100, 150)


def followed(results: dict[str, Any]) -> str:
    """Distance by steps since a switch, on every chip."""
    found = results.get("following.json")
    if not found or not found["studies"]:
        return NOTHING
    rows = []
    for name, study in found["studies"].items():
        for coding in study["codings"]:
            later = coding["later"]["mean"]
            within = coding["steps_to"]["0.02"]
            rows.append(
                [
                    name,
                    coding["label"],
                    *(f"{1000 * later[t - 1]:.1f}" for t in SHOWN),
                    f"{1000 * coding['mean']['mean']:.1f}",
                    "-" if within is None else str(within),
                    f"{coding['spikes']:.3f}",
                ]
            )
            name = ""
    stream = next(iter(found["studies"].values()))["stream"]
    layers = "-".join(map(str, stream["layers"]))
    note = (
        f"{layers}, {stream['networks']} random networks x {stream['streams']} streams of "
        f"{stream['pictures']} inputs, {stream['steps']} steps each on average. 1000 x mean "
        "|s - s*| by periods since a switch; *all*: mean of all these; *to 20*: periods from which "
        "it stays below 20; spikes per hidden or output unit and step."
    )
    numbers = [*map(str, SHOWN), "all", "to 20", "spikes"]
    return table(["chip", "coding", *(f"{one} >" for one in numbers)], rows) + "\n\n" + note


def tried(results: dict[str, Any]) -> str:
    """All settings that were tried, on other networks."""
    found = results.get("following.json", {}).get("tried")
    if not found:
        return NOTHING
    rows = [
        [
            one["name"],
            *(
                f"{1000 * of[key]:.1f}"
                for of in (one, other)
                for key in ("mean", "end")
            ),
        ]
        for one, other in zip(found["spikes"], found["current"], strict=True)
    ]  # fmt: skip
    numbers = ["input as spikes: all", "at the end", "as a current: all", "at the end"]
    return table(["coding", *(f"{one} >" for one in numbers)], rows)


def sketched(results: dict[str, Any]) -> str:
    """Other rules, in a sketch."""
    found = results.get("following-sketch.json")
    if not found:
        return NOTHING
    shown = [name for name in found["rules"][0] if name.isdigit()]
    rows = [
        [
            one["rule"],
            one["input"],
            *(f"{1000 * one[t]:.1f}" for t in shown),
            f"{1000 * one['mean']:.1f}",
        ]
        for one in found["rules"]
    ]
    return table(["rule", "input as", *(f"{t} >" for t in [*shown, "all"])], rows)


TABLES: dict[str, Callable[[dict[str, Any]], str]] = {
    "following": followed,
    "following-tried": tried,
    "following-sketch": sketched,
}
