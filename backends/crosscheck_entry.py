"""What a cross-check says of one engine: its row of the document, and why it was left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

from eqchip.backends.crosscheck import Checkup
from eqchip.emulator.errors import InputError
from eqchip.emulator.progress import Progress


def entry(one: Checkup) -> dict[str, Any]:
    """A row of the JSON document."""
    row: dict[str, Any] = {"engine": one.engine, "precision": one.precision}
    if one.refusal:
        return {**row, "left_out": one.refusal}
    row["seconds"] = one.seconds
    if one.comparison is None:
        return row
    first, largest = one.comparison.first, one.comparison.largest
    return {
        **row,
        "bits": one.comparison.bits,
        "mismatches": one.comparison.mismatches,
        "largest_difference": largest if isfinite(largest) else None,
        "tolerance": one.tolerance,
        "equal": one.comparison.equal,
        "first_difference": None if first is None else asdict(first),
    }


def all_equal(checkups: Sequence[Checkup]) -> bool:
    """Whether no engine that ran differs from the emulator."""
    return all(one.comparison is None or one.comparison.equal for one in checkups)


def left_out(one: Checkup, against: Sequence[str] | None, listener: Progress) -> None:
    """Say of an engine that it could not run; refuse where it was asked for by name."""
    if one.refusal and against is not None:
        raise InputError(one.refusal)
    if one.refusal:
        listener.message(f"{one.engine}, {one.precision}, left out: {one.refusal}")
