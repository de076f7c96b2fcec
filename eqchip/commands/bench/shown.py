"""How figures of a benchmark are written on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


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


def verdict(value: float, floor: float) -> str:
    """Whether a floor is reached."""
    return "reached" if value >= floor else "missed"
