"""Markdown tables and what stands in their cells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from statistics import mean, stdev
from typing import Any

NOTHING = "*Not measured yet.*"
# Stands at every table that shows modelled costs by published marginal figures alone.
MARGINAL = (
    "loihi1-davies and loihi1-sanafe are lower bounds: sums of published energies and times of "
    "single events and of static power, 10 to 40 times below what a training was measured to take "
    "on the chip: `eqchip anchors --chip loihi1-davies` sets them beside it."
)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; columns whose name ends in `>` stand to the right."""
    names = [name.removesuffix(">").strip() for name in columns]
    rules = ["---:" if name.endswith(">") else "---" for name in columns]
    lines = [names, rules, *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def spread(found: Sequence[float | None] | None, digits: int = 2) -> str:
    """Mean ± sample standard deviation; of one value, the value; of none, nothing."""
    values = [value for value in found or () if value is not None]
    if not values:
        return ""
    middle = f"{mean(values):.{digits}f}"
    return middle if len(values) < 2 else f"{middle} ± {stdev(values):.{digits}f}"


def between(ratio: dict[str, Any]) -> str:
    """A ratio's median with its extremes."""
    return f"{ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})"


def thousands(number: float) -> str:
    """A count with thin digits: 1.23e+09 as 1.23e9."""
    return re.sub(r"e\+0*", "e", f"{number:.3g}")
