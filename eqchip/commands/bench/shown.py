"""How figures of a benchmark are written on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

ENOUGH = 0.9  # of a processor: with less, wall time is also that of other jobs


def steps_of(document: Mapping[str, Any]) -> str:
    """``784-500-10, 100 + 50 steps``."""
    setting = document["setting"]
    shape = "-".join(map(str, setting["layers"]))
    return f"{shape}, {setting['free_steps']} + {setting['nudged_steps']} steps"


def spread(ratio: Mapping[str, Any] | None, digits: int = 2, prefix: str = "") -> str:
    """A ratio's median with its extremes; of processor time with the prefix ``cpu_``."""
    if ratio is None:
        return ""
    middle, low, high = (ratio[prefix + name] for name in ("median", "low", "high"))
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def got(contestants: Iterable[Mapping[str, Any]], threads: int = 1) -> list[float]:
    """The processors that contestants of so many threads got, in every round."""
    return [
        cpu / wall
        for one in contestants if one["threads"] == threads
        for cpu, wall in zip(one["cpu"], one["wall"], strict=True)
    ]  # fmt: skip


def busy(document: Mapping[str, Any]) -> str:
    """Whether the machine had time for the contestants of one thread, by what they got of it.

    Examples
    --------
    >>> one = {"threads": 1, "cpu": [1.0, 1.0, 0.5], "wall": [2.0, 2.0, 2.0]}
    >>> busy({"contestants": [one]}).split(":")[0]
    'contestants of one thread got 0.50 of a processor (at worst 0.25)'
    """
    shares = got(document["contestants"])
    if not shares:
        return "no contestant of one thread tells how busy the machine was"
    told = (
        f"contestants of one thread got {median(shares):.2f} of a processor "
        f"(at worst {min(shares):.2f})"
    )
    if median(shares) >= ENOUGH:
        return told
    return (
        f"{told}: the machine was too busy for figures by wall time to mean much; those of "
        "processor time suffer less"
    )


def verdict(value: float, floor: float) -> str:
    """Whether a floor is reached."""
    return "reached" if value >= floor else "missed"
