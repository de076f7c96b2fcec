"""What a study of following found: table and JSON document, from one study."""

from __future__ import annotations

from typing import Any

from eqchip.emulator.description.asynchronous import describe
from eqchip.emulator.studies.following import Followed, Study
from eqchip.emulator.studies.intervals import interval

FORMAT = "eqchip-following 1"
SHOWN = (5, 10, 20, 50, 100, 150)  # steps since a switch, those that there are
GOALS = (0.05, 0.02, 0.01)


def document(study: Study, provenance: dict[str, Any]) -> dict[str, Any]:
    """Everything needed to draw the figure again, as plain values for JSON."""
    stream = study.stream
    return {
        "format": FORMAT,
        "provenance": provenance,
        "stream": {
            "layers": list(stream.layers),
            "pictures": stream.pictures,
            "steps": stream.steps,
            "horizon": stream.horizon,
            "streams": stream.streams,
            "networks": len(next(iter(study.followed.values())).later),
            "input": stream.input,
            "precision": stream.precision,
            "timing": describe(stream.timing),
            "seed": stream.seed,
        },
        "largest_residual": study.residual,
        "codings": [
            {"name": name, "label": study.followers[name].label, **_found(followed)}
            for name, followed in study.followed.items()
        ],
    }


def _found(followed: Followed) -> dict[str, Any]:
    curve = followed.curve()
    return {
        "spikes": _round(followed.spikes.mean()),
        "input_spikes": _round(followed.input_spikes.mean()),
        "steps_to": {f"{goal:g}": followed.steps_to(goal) for goal in GOALS},
        "mean": {name: _round(value) for name, value in _mean(followed).items()},
        "first": [_round(value) for value in followed.first.mean(0)],
        "later": {
            "mean": [_round(value) for value in curve.mean],
            "low": [_round(value) for value in curve.low],
            "high": [_round(value) for value in curve.high],
        },
    }


def _mean(followed: Followed) -> dict[str, Any]:
    """The mean distance over all steps since a switch, and its 95 % interval over networks."""
    found = interval(followed.later.mean(1))
    return {"mean": found.mean, "low": found.low, "high": found.high}


def columns(document: dict[str, Any]) -> list[str]:
    """The titles of the table."""
    shown = [f"{t}" for t in _shown(document)]
    goals = [f"to {1000 * goal:g}" for goal in GOALS]
    return ["coding", *shown, "all", *goals, "spikes"]


def rows(document: dict[str, Any]) -> list[list[str]]:
    """A row per coding: distance in thousandths by steps since a switch, steps to a distance."""
    found = []
    for coding in document["codings"]:
        later, steps = coding["later"]["mean"], coding["steps_to"]
        found.append(
            [
                coding["label"],
                *(f"{1000 * later[t - 1]:.1f}" for t in _shown(document)),
                f"{1000 * coding['mean']['mean']:.1f}",
                *("-" if steps[key] is None else str(steps[key]) for key in steps),
                f"{coding['spikes']:.3f}",
            ]
        )
    return found


def _shown(document: dict[str, Any]) -> list[int]:
    return [t for t in SHOWN if t <= document["stream"]["horizon"]]


def _round(value: Any) -> float:
    """Four digits: more than the intervals bear out, and files stay small."""
    return float(f"{float(value):.4g}")
