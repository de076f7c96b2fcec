"""What is told of the section on sensitivity: which coefficients move a total most, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eqchip.hw_reports.document.readable import digits, scale

Document = Mapping[str, Any]
NAMED = 3  # coefficients that are named in a sentence
TOTALS = {
    "training_energy": "energy of a training sample",
    "training_time": "time of a training sample",
    "inference_energy": "energy of an inference",
    "inference_time": "time of an inference",
}
LEAST = 0.0005  # of the total: smaller swings are not told


def widest(section: Document, name: str, most: int) -> list[dict[str, Any]]:
    """The coefficients with which a total moves most, of those that move it at all.

    Parameters
    ----------
    section : mapping
        ``sensitivity`` of a report.
    name : str
        One of `TOTALS`.
    most : int
    """
    rows = [row for row in section["coefficients"] if row["swing"].get(name, 0.0) >= LEAST]
    return sorted(rows, key=lambda row: -row["swing"][name])[:most]


def in_words(name: str, labels: Mapping[str, str]) -> str:
    """A coefficient in words.

    Examples
    --------
    >>> in_words("energy.message", {"message": "messages"}), in_words("barrier.32", {})
    ('energy of messages', 'barrier of 32 tiles')
    >>> in_words("static_power.chip", {})
    'static power, chip'
    """
    table, _, key = name.partition(".")
    if table == "barrier":
        return f"barrier of {int(key):,} tile{'s' * (key != '1')}"
    if key in labels:
        return f"{table} of {labels[key]}"
    return ", ".join(part.replace("_", " ") for part in (table, key) if part)


def sentence(section: Document, name: str, labels: Mapping[str, str]) -> str:
    """Which coefficients a total moves most with, and where it lies with all of them drawn."""
    nominal, unit = section["nominal"][name], section["units"][name]
    if nominal is None:
        return f"The {TOTALS[name]} is unknown, so nothing can be said of what moves it."
    found = widest(section, name, NAMED)
    if not found:
        return f"The {TOTALS[name]} moves with no band of the chip file."
    named = [
        f"the {in_words(row['name'], labels)} ({row['low']:g} to {row['high']:g} {row['unit']}, "
        f"{row['status']}: {over_band(row, name, unit)})"
        for row in found
    ]
    last = "".join(f", then {one}" for one in named[1:])
    together = section["together"][name]
    share = section["quantiles"]["high"] - section["quantiles"]["low"]
    return (
        f"The {TOTALS[name]} moves most with {named[0]}{last}. All bands together: "
        f"{between(together['low'], together['high'], unit)} in {100 * share:.0f} % of "
        f"{section['draws']} draws."
    )


def over_band(row: Document, name: str, unit: str) -> str:
    """A total from one end to the other of the band of a coefficient; `row`: its."""
    ends = row["totals"][name]
    return between(ends["low"], ends["high"], unit)


def between(one: float, other: float, unit: str) -> str:
    """From the lesser to the greater, in one unit.

    Examples
    --------
    >>> between(2e-6, 1.5e-6, "J")
    '1.50 to 2.00 µJ'
    """
    low, high = sorted((one, other))
    size, name = scale(high, unit)
    return f"{digits(low / size)} to {digits(high / size)} {name}"
