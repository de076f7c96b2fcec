"""Markdown tables of an asynchronous chip, from ``benchmarks/results/asynchrony-*.json``.

``python benchmarks/asynchrony_tables.py`` prints them; TABLES is for ``tables.py``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from cells import NOTHING, table

RESULTS = Path(__file__).resolve().parent / "results"
LAST = "200"  # periods, the longest run
LABELS = {
    "bernoulli": "Bernoulli",
    "sigma-delta": "sigma-delta",
    "constant": "sigma-delta + constant λ",
    "annealed": "sigma-delta + annealed λ (preset)",
    "osa": "OSA",
    "osa-annealed": "OSA + annealed λ",
}
CHIPS = ("one clock", "usual", "harsh")
NEAR = "0.01"  # distance that a coding is to reach
RULES = {
    "ticks": "λ by the unit's own ticks (preset)",
    "time": "λ by a common time",
    "adaptive": "λ adapted to the unit's own input",
}

Results = dict[str, Any]  # file name -> document


def thousandths(values: Sequence[float], *, spread: bool = False) -> str:
    """The mean of distances in thousandths, if asked with the standard deviation over seeds."""
    middle = 1000 * mean(values)
    digits = 2 if middle < 10 else 1
    shown = f"{middle:.{digits}f}"
    return f"{shown} ± {1000 * stdev(values):.{digits}f}" if spread and len(values) > 1 else shown


def times(values: Sequence[float], others: Sequence[float]) -> str:
    """How many times as large, seed by seed."""
    return f"{mean(a / b for a, b in zip(values, others, strict=True)):.2g}"


def chips(results: Results) -> str:
    """Distance, bits and error of each coding on three chips."""
    found = _found(results, "knobs")
    if not found:
        return NOTHING
    rows = []
    for coding, label in LABELS.items():
        points = [found.get(f"{coding}, {chip}") for chip in CHIPS]
        if not all(points):
            continue
        row = [label]
        row += [thousandths(p["distance"][LAST], spread=True) for p in points]
        for what in (("spikes_to_distance", NEAR), ("spikes_to_accuracy",)):
            row += [_spikes(_dig(p, what)) for p in points]
        rows.append(row)
    chip = [f"{name} >" for name in CHIPS]
    note = (
        "Distance: thousandths, after 200 periods, mean ± standard deviation over three networks "
        f"and chips. To {NEAR}: spikes per unit until the mean distance stays below {NEAR}. To "
        "accuracy: until the error stays within 1.5 points of that at the fixed point. "
        "Usual: clock spread 0.1, any phase, jitter 0.1, delay 1. Harsh: spread 0.3, jitter 0.3, "
        "delay 4 to 6. A dash: not in 200 periods."
    )
    heads = [f"{what}: {name}" for what in ("distance", f"to {NEAR}", "to accuracy")
             for name in chip]  # fmt: skip
    return f"{table(['coding', *heads], rows)}\n\n{note}"


def knobs(results: Results) -> str:
    """What each thing that is wrong does to each coding: times the distance with one clock."""
    found = _found(results, "knobs")
    if not found:
        return NOTHING
    rows: dict[str, list[str]] = {}
    for point in found.values():
        clocked = found.get(f"{point['coding']}, one clock")
        if point["value"] is None or clocked is None:
            continue
        name = f"{point['knob']} {point['value']:g}"
        rows.setdefault(name, []).append(times(point["distance"][LAST], clocked["distance"][LAST]))
    whole = [[name, *row] for name, row in rows.items() if len(row) == len(LABELS)]
    heads = [f"{label} >" for label in LABELS.values()]
    return (
        f"{table(['one thing wrong', *heads], whole)}\n\nDistance after 200 periods, over that of "
        "the same coding with one clock, seed by seed, mean of three."
    )


def biases(results: Results) -> str:
    """Faults that make another network: the distance from where that one rests."""
    found, explained = _found(results, "knobs"), _found(results, "why")
    rows = []
    for name, point in explained.items():
        if "rest_moved" not in point or point["coding"] not in ("bernoulli", "annealed"):
            continue
        rows.append(
            [
                f"{point['knob']} {point['value']:g}",
                LABELS[point["coding"]],
                thousandths(found[name]["distance"][LAST]) if name in found else "",
                thousandths(point["rest_moved"]),
                thousandths(point["distance_from_explained"][LAST]),
                thousandths(found[f"{point['coding']}, one clock"]["distance"][LAST]),
            ]
        )
    if not rows:
        return NOTHING
    return table(
        ["fault", "coding", "distance >", "the fault moves the fixed point by >",
         "distance from the moved one >", "with one clock, no fault >"],
        rows,
    )  # fmt: skip


def loops(results: Results) -> str:
    """Delays and step sizes: the decay of the slowest loop, predicted and measured."""
    rows = []
    for point in _found(results, "why").values():
        if "decay_predicted" not in point:
            continue
        predicted, measured = point["decay_predicted"], point["decay_measured"]
        apart = max((abs(a - b) for a, b in zip(predicted, measured, strict=True)), default=0.0)
        slow = max(range(len(predicted)), key=predicted.__getitem__)
        rows.append(
            [
                point["delay"],
                f"{point['step_size']:.2g}",
                f"{predicted[slow]:.3f}",
                f"{measured[slow]:.3f}",
                f"{apart:.3f}",
                *(thousandths([point["distance"][t]]) for t in ("20", "50", "100", "200")),
                point["samples_still_away"],
            ]
        )
    if not rows:
        return NOTHING
    return table(
        ["delay >", "step size >", "decay a period, predicted >", "measured >", "differ by >",
         *(f"distance at {t} >" for t in (20, 50, 100, 200)), "samples still 0.001 away at 300 >"],
        rows,
    )  # fmt: skip


def real_valued(results: Results) -> str:
    """The real-valued network on the same chips."""
    rows: dict[str, list[str]] = {}
    for point in _found(results, "why").values():
        if "decay_predicted" in point or "coding" in point:
            continue
        name = point["knob"] if point["value"] is None else f"{point['knob']} {point['value']:g}"
        rows.setdefault(name, []).append(thousandths(point["distance"][LAST]))
    if not rows:
        return NOTHING
    return table(
        ["real-valued network", "step size 0.8 >", "step size 0.1 >"],
        [[name, *row] for name, row in rows.items() if len(row) == 2],
    )


def remedies(results: Results) -> str:
    """What units could do by themselves: distances, on the chips where it matters."""
    found, sketched = _found(results, "remedies"), _found(results, "sketch")
    chips = list(dict.fromkeys(p["trouble"] for p in found.values()))
    chips = [chip for chip in chips if f"preset, {chip}" in found]
    if not chips:
        return NOTHING
    rows = []
    for name in dict.fromkeys(p["remedy"] for p in found.values()):
        points = [found.get(f"{name}, {chip}") for chip in chips]
        if "weights" not in name and all(points):
            rows.append([name, *(_course(p) for p in points)])
    for rule, label in RULES.items():
        points = [sketched.get(f"{rule}, {chip}") for chip in chips]
        if all(points):
            rows.append([f"{label}, numpy", *(_course(p) for p in points)])
    return (
        f"{table(['', *(f'{chip} >' for chip in chips)], rows)}\n\nDistance in thousandths after "
        "50 and after 200 periods."
    )


def losses(results: Results) -> str:
    """Weights that make up for lost messages."""
    found = _found(results, "remedies")
    plain = _found(results, "knobs")
    rows = []
    for point in found.values():
        if "weights" not in point["remedy"]:
            continue
        coding = point["remedy"].split(",")[0]
        before = plain.get(f"{coding}, {point['trouble']}")
        clocked = plain.get(f"{coding}, one clock")
        if before and clocked:
            rows.append(
                [point["trouble"], LABELS[coding],
                 *(thousandths(p["distance"][LAST]) for p in (before, point, clocked))]
            )  # fmt: skip
    if not rows:
        return NOTHING
    return table(["", "coding", "distance >", "weights / (1 - loss) >", "no loss >"], rows)


def training(results: Results) -> str:
    """Test errors of networks trained without a clock: ``asynchrony-DATASET.json``."""
    rows = []
    for dataset in ("digits", "mnist"):
        document = results.get(f"asynchrony-{dataset}.json")
        for point in document["points"] if document else []:
            clocked = point["timing"] == "one clock"
            rows.append(
                [
                    dataset,
                    "one clock" if clocked else f"{100 * point['clock_spread']:g} %",
                    "1" if clocked else f"{point['delay']:g}",
                    _helped(point),
                    _errors(point["test_error"]),
                    _errors(point["validation_error"]),
                    len(point["seeds"]),
                ]
            )
    if not rows:
        return NOTHING
    return table(
        ["", "clock spread", "delay >", "help", "test error, % >", "validation error, % >",
         "seeds >"],
        rows,
    )  # fmt: skip


def _helped(point: dict[str, Any]) -> str:
    if not point.get("remedied"):
        return ""
    return "averaged" if point["timing"] == "one clock" else "clocks restart, averaged"


def gradient(results: Results) -> str:
    """What clocks do to an update: ``asynchrony-gradient.json``."""
    found = results.get("asynchrony-gradient.json")
    if not found:
        return NOTHING
    cells: dict[str, list[str]] = {}
    heads = []
    for row in found["rows"]:
        head = f"{row['free_steps']} + 2 x {row['nudged_steps']}"
        if row["average_steps"] > 1:
            head += f", mean of {row['average_steps']}"
        heads += [head] if head not in heads else []
        middle = [mean(seed[k] for seed in row["cosine"]) for k in range(len(row["cosine"][0]))]
        cells.setdefault(row["timing"], []).append(", ".join(f"{value:.2f}" for value in middle))
    return table(["", *(f"{head} >" for head in heads)], [[k, *v] for k, v in cells.items()])


def _found(results: Results, part: str) -> dict[str, Any]:
    found: dict[str, Any] = results.get("asynchrony-distance.json", {}).get(part, {})
    return found


def _dig(point: dict[str, Any], path: Sequence[str]) -> Any:
    for name in path:
        point = point[name]
    return point


def _spikes(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _course(point: dict[str, Any]) -> str:
    return f"{thousandths(point['distance']['50'])} → {thousandths(point['distance'][LAST])}"


def _errors(values: Sequence[float]) -> str:
    shown = f"{mean(values):.2f}"
    return shown if len(values) < 2 else f"{shown} ± {stdev(values):.2f}"


TABLES: dict[str, Callable[[Results], str]] = {
    "asynchrony-chips": chips,
    "asynchrony-knobs": knobs,
    "asynchrony-biases": biases,
    "asynchrony-loops": loops,
    "asynchrony-real-valued": real_valued,
    "asynchrony-remedies": remedies,
    "asynchrony-losses": losses,
    "asynchrony-training": training,
    "asynchrony": training,
    "asynchrony-gradient": gradient,
}


def main() -> None:
    """Print all tables."""
    results = {
        path.name: json.loads(path.read_text()) for path in RESULTS.glob("asynchrony-*.json")
    }
    for name, made in TABLES.items():
        print(f"<!-- results:{name} -->\n{made(results)}\n<!-- /results:{name} -->\n")


if __name__ == "__main__":
    main()
