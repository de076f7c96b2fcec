"""Reports side by side: two runs on a chip, or a run on two chips or more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from eqchip.hw_reports.document.read import COMPARISON
from eqchip.hw_reports.document.readable import per_sample
from eqchip.mapping.kinds import FREE, NUDGED, TRAINING

Document = Mapping[str, Any]


def compare(*reports: dict[str, Any]) -> dict[str, Any]:
    """The document of a comparison.

    Each row has the ``values`` of all reports, and ``ratios`` over the first: None if either is
    unknown, lacks a term that the other has, or if the first is 0. ``a``, ``b`` and ``ratio`` are
    those of the first two.

    Parameters
    ----------
    reports : dict
        Two or more, from :func:`eqchip.hw_reports.document.report.report`.
    """
    words = {name: text for one in reversed(reports) for name, text in one["labels"].items()}
    rows = [_row(name, group, unit, map(of, reports)) for name, group, unit, of in _ROWS]
    for phase in TRAINING:
        for what, unit in (("energy", "J"), ("time", "s")):
            label = f"{words[phase]}, {what}"
            rows.append(
                _row(label, "phases", unit, (_summed(r[what]["by_phase"][phase]) for r in reports))
            )
    for kind in dict.fromkeys(kind for one in reports for kind in one["energy"]["by_kind"]):
        found = [one["energy"]["by_kind"].get(kind, {}).get("training") for one in reports]
        if not all(figure is not None and figure["high"] == 0 for figure in found):
            rows.append(_row(f"energy of {words[kind]}", "kinds", "J", found))
    return {
        "format": COMPARISON,
        "title": _title(reports),
        "statement": reports[0]["statement"],
        "names": _names(reports),
        "rows": rows,
        "notes": _notes(reports),
        "reports": list(reports),
    }


def _notes(reports: Sequence[Document]) -> list[str]:
    """Why figures may not compare."""

    def differ(of: Callable[[Document], Any]) -> bool:
        return any(of(one) != of(reports[0]) for one in reports[1:])

    notes = []
    if differ(lambda one: one["run"]["dataset"]):
        notes.append("The runs are of different data sets: accuracies do not compare.")
    if differ(lambda one: one["chip"]["digest"]):
        notes.append("The chip files differ: energies and times differ by their coefficients, too.")
    if differ(lambda one: "asynchronous" in one):
        notes.append("One time is simulated, that of an asynchronous run; the other is in steps.")
    if differ(lambda one: set(one["energy"]["training"]["lacks"])):
        notes.append("The energies lack different terms and are no fair comparison.")
    return notes


def _title(reports: Sequence[Document]) -> str:
    """What they have in common once, if it is the run."""
    titles, chips = [one["title"] for one in reports], [one["chip"]["name"] for one in reports]
    subjects = {
        title.removesuffix(f" on {chip}") for title, chip in zip(titles, chips, strict=True)
    }
    same = len(subjects) == 1 and len({one["run"]["path"] for one in reports}) == 1
    return f"{subjects.pop()} on {listed(chips)}" if same else listed(titles)


def listed(names: Sequence[str]) -> str:
    """Names as one lists them.

    Examples
    --------
    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return f"{', '.join(names[:-1])} and {names[-1]}"


def columns(row: Document) -> tuple[list[Any], list[float | None]]:
    """The values of a row, and their ratios over the first; older documents have two."""
    if "values" in row:
        return row["values"], row["ratios"]
    return [row["a"], row["b"]], [row["ratio"]]


def ratio_heads(names: Sequence[str], over: str = " over ") -> list[str]:
    """What ratios of a row are; two reports go by their numbers.

    Examples
    --------
    >>> ratio_heads(["a", "b"]), ratio_heads(["a", "b", "c"])
    (['second over first'], ['b over a', 'c over a'])
    """
    if len(names) == 2:
        return [f"second{over}first"]
    return [f"{name}{over}{names[0]}" for name in names[1:]]


def _names(reports: Sequence[Document]) -> list[str]:
    """What tells them apart: the run's directory, the chip, or both."""
    paths = [Path(one["run"]["path"]) for one in reports]
    same_name = len(set(paths)) > len({path.name for path in paths})
    names = [str(path) if same_name else path.name or str(path) for path in paths]
    chips = [one["chip"]["name"] for one in reports]
    if len(set(chips)) == 1:
        return names
    if len(set(paths)) == 1:  # which the title names
        return chips
    return [f"{name} on {chip}" for name, chip in zip(names, chips, strict=True)]


def _summed(total: Document) -> dict[str, Any] | None:
    if total["figure"] is None:
        return None
    return {**total["figure"], "lacks": list(total["lacks"])}


def _row(name: str, group: str, unit: str, found: Iterable[Any]) -> dict[str, Any]:
    values = list(found)
    ratios = [_ratio(values[0], other) for other in values[1:]]
    first = {"a": values[0], "b": values[1], "ratio": ratios[0]}
    return {"name": name, "unit": unit, "group": group, **first, "values": values, "ratios": ratios}


def _ratio(one: Any, other: Any) -> float | None:
    values = [each["value"] if isinstance(each, Mapping) else each for each in (one, other)]
    lacks = [
        set(each.get("lacks", ())) if isinstance(each, Mapping) else set() for each in (one, other)
    ]
    known = values[0] is not None and values[1] is not None and lacks[0] == lacks[1]
    return values[1] / values[0] if known and values[0] else None


def _activity(name: str) -> Callable[[Document], float | None]:
    def counted(one: Document) -> float | None:
        phases = one["activity"]["by_phase"]
        found = [phases[phase][name] for phase in (FREE, NUDGED) if phase in phases]
        known = [count for count in found if count is not None]
        return sum(known) if known else None  # a processor counts neither

    return counted


_ROWS: tuple[tuple[str, str, str, Callable[[Document], Any]], ...] = (
    ("training sample, energy", "training", "J", lambda d: _summed(per_sample(d)[0])),
    ("training sample, energy without static power", "training", "J",
     lambda d: _summed(d["energy"]["dynamic"]["training"])),
    ("training sample, time", "training", "s", lambda d: _summed(per_sample(d)[1])),
    ("whole training, energy", "training", "J",
     lambda d: _summed(d["training_cost"]["whole"]["energy"])),
    ("whole training, time", "training", "s",
     lambda d: _summed(d["training_cost"]["whole"]["time"])),
    ("inference, energy", "inference", "J", lambda d: _summed(d["energy"]["inference"])),
    ("inference, time", "inference", "s", lambda d: _summed(d["time"]["inference"])),
    ("error in the replay", "accuracy", "%", lambda d: d["replay"]["error"]),
    ("error reached in training", "accuracy", "%",
     lambda d: d["training_cost"]["reached"]["error"]),
    ("spikes per training sample", "activity", "", _activity("spikes")),
    ("synaptic events per training sample", "activity", "", _activity("synaptic_events")),
    ("memory", "memory", "B", lambda d: _summed(d["memory"]["total"])),
    ("memory that learning keeps (EP)", "memory", "B", lambda d: float(d["memory"]["ep_bytes"])),
    ("memory that BPTT would keep", "memory", "B", lambda d: float(d["memory"]["bptt_bytes"])),
)  # fmt: skip
