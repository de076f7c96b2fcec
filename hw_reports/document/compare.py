"""Two reports side by side: two runs on a chip, or a run on two."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from eqchip.hw_reports.document.read import COMPARISON
from eqchip.hw_reports.document.readable import per_sample
from eqchip.mapping.kinds import FREE, NUDGED, TRAINING

Document = Mapping[str, Any]


def compare(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    """The document of a comparison.

    ``ratio`` is the second over the first, and None if either is unknown, lacks a term that
    the other has, or if the first is 0.

    Parameters
    ----------
    a, b : dict
        From :func:`eqchip.hw_reports.document.report.report`.
    """
    rows, words = [], {**b["labels"], **a["labels"]}
    for name, group, unit, of in _ROWS:
        rows.append(_row(name, group, unit, of(a), of(b)))
    for phase in TRAINING:
        for what, unit in (("energy", "J"), ("time", "s")):
            label = f"{words[phase]}, {what}"
            pair = [_summed(one[what]["by_phase"][phase]) for one in (a, b)]
            rows.append(_row(label, "phases", unit, *pair))
    for kind in dict.fromkeys([*a["energy"]["by_kind"], *b["energy"]["by_kind"]]):
        pair = [one["energy"]["by_kind"].get(kind, {}).get("training") for one in (a, b)]
        if not all(figure is not None and figure["high"] == 0 for figure in pair):
            rows.append(_row(f"energy of {words[kind]}", "kinds", "J", *pair))
    notes = []
    if a["run"]["dataset"] != b["run"]["dataset"]:
        notes.append("The runs are of different data sets: accuracies do not compare.")
    if a["chip"]["digest"] != b["chip"]["digest"]:
        notes.append("The chip files differ: energies and times differ by their coefficients, too.")
    if ("asynchronous" in a) != ("asynchronous" in b):
        notes.append("One time is simulated, that of an asynchronous run; the other is in steps.")
    lacking = [set(one["energy"]["training"]["lacks"]) for one in (a, b)]
    if lacking[0] != lacking[1]:
        notes.append("The energies lack different terms and are no fair comparison.")
    return {
        "format": COMPARISON,
        "title": f"{a['title']} and {b['title']}",
        "statement": a["statement"],
        "names": _names(a, b),
        "rows": rows,
        "notes": notes,
        "reports": [a, b],
    }


def _names(a: Document, b: Document) -> list[str]:
    """What tells the two apart: the run's directory, and the chip if it differs."""
    paths = [Path(one["run"]["path"]) for one in (a, b)]
    same_name = paths[0] != paths[1] and paths[0].name == paths[1].name
    names = [str(path) if same_name else path.name or str(path) for path in paths]
    chips = [one["chip"]["name"] for one in (a, b)]
    if chips[0] == chips[1]:
        return names
    return [f"{name} on {chip}" for name, chip in zip(names, chips, strict=True)]


def _summed(total: Document) -> dict[str, Any] | None:
    if total["figure"] is None:
        return None
    return {**total["figure"], "lacks": list(total["lacks"])}


def _row(name: str, group: str, unit: str, a: Any, b: Any) -> dict[str, Any]:
    values = [one["value"] if isinstance(one, Mapping) else one for one in (a, b)]
    lacks = [set(one.get("lacks", ())) if isinstance(one, Mapping) else set() for one in (a, b)]
    known = values[0] is not None and values[1] is not None and lacks[0] == lacks[1]
    ratio = values[1] / values[0] if known and values[0] else None
    return {"name": name, "unit": unit, "group": group, "a": a, "b": b, "ratio": ratio}


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
    ("samples wrong in the replay", "accuracy", "%", lambda d: d["replay"]["error"]),
    ("error reached in training", "accuracy", "%",
     lambda d: d["training_cost"]["reached"]["error"]),
    ("spikes per training sample", "activity", "", _activity("spikes")),
    ("synaptic events per training sample", "activity", "", _activity("synaptic_events")),
    ("memory", "memory", "B", lambda d: _summed(d["memory"]["total"])),
    ("memory that learning keeps (EP)", "memory", "B", lambda d: float(d["memory"]["ep_bytes"])),
    ("memory that BPTT would keep", "memory", "B", lambda d: float(d["memory"]["bptt_bytes"])),
)  # fmt: skip
