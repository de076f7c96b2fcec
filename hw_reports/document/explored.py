"""The document of an exploration: its points, and those that no other beats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

FORMAT = "eqchip-explored 1"
STATEMENT = "modelled, not measured"
OBJECTIVES = ("energy", "time", "error")  # of which less is better


def explored(
    asked: Mapping[str, Any],
    axes: Mapping[str, Sequence[Any]],
    rows: Sequence[Mapping[str, Any]],
    provenance: Mapping[str, Any],
) -> dict[str, Any]:
    """What explore.json holds.

    Parameters
    ----------
    asked : mapping
        The subject, and the settings that all points share.
    axes : mapping of str to sequence
        The values of each setting of a point.
    rows : sequence of mapping
        A point each, in the order of the grid.
    provenance : mapping
    """
    found = [{name: value for name, value in row.items() if name != "eqchip"} for row in rows]
    totals = [row[what] for row in found for what in ("energy", "time") if row[what]]
    lacks = dict.fromkeys(name for total in totals for name in total["lacks"])
    differ = len({tuple(row["energy"]["lacks"]) for row in found if row["energy"]}) > 1
    notes = []
    if lacks:
        notes.append(f"Unknown, so that figures are lower bounds: {', '.join(lacks)}.")
    if differ:
        notes.append("Energies of some points lack other terms: those are no fair comparison.")
    of_run = asked["of"] == "run"
    return {
        "format": FORMAT,
        "title": f"{Path(asked['subject']).name}: {len(found):,} points",
        "statement": STATEMENT,
        "subject": asked["subject"],
        "sample": "training sample, mean over the training" if of_run else "sample",
        "settings": asked["settings"],
        "axes": {name: list(values) for name, values in axes.items()},
        "varied": [name for name, values in axes.items() if len(values) > 1],
        "rows": found,
        "front": front(found),
        "notes": notes,
        "provenance": dict(provenance),
    }


def value_of(row: Mapping[str, Any], what: str) -> float | None:
    """The nominal value of an objective of a point; None where it is unknown."""
    found = row[what]
    if isinstance(found, Mapping):
        found = None if found["figure"] is None else found["figure"]["value"]
    return None if found is None else float(found)


def front(rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """The points that no other beats, cheapest first.

    A point beats another if it is no worse in energy, time and, of a run, error, and better in one
    of them. Points of which energy or time is unknown take no part.

    Examples
    --------
    >>> def row(energy, time):
    ...     figures = {"energy": energy, "time": time}
    ...     return {**{k: {"figure": {"value": v}} for k, v in figures.items()}, "error": None}
    >>> front([row(2.0, 1.0), row(1.0, 3.0), row(2.0, 2.0), row(3.0, 3.0)])
    [1, 0]
    """
    known = {
        k: [value_of(row, what) or 0.0 for what in OBJECTIVES]
        for k, row in enumerate(rows)
        if None not in (value_of(row, "energy"), value_of(row, "time"))
    }

    def beats(one: list[float], other: list[float]) -> bool:
        return one != other and all(a <= b for a, b in zip(one, other, strict=True))

    best = [k for k, own in known.items() if not any(beats(other, own) for other in known.values())]
    return sorted(best, key=lambda k: known[k])
