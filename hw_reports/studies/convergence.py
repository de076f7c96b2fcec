"""What a convergence study found: table, sentences, JSON document and CSV, all from one study."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

import numpy as np

from eqchip.emulator.studies.convergence import Measured, Study
from eqchip.emulator.studies.convergence_search import KINDS, Objective, Parameters
from eqchip.emulator.studies.fixed_points import REFERENCE_STEP_SIZE
from eqchip.emulator.studies.intervals import Interval, interval, ratio

FORMAT = "eqchip-convergence 1"
# Compared network by network: the first of each pair changes one thing of the second.
COMPARISONS = (
    ("sigma-delta", "bernoulli"),
    ("bernoulli-prediction", "bernoulli"),
    ("sigma-delta-constant-prediction", "sigma-delta"),
    ("sigma-delta-annealed-prediction", "sigma-delta-constant-prediction"),
    ("sigma-delta-annealed-prediction", "sigma-delta-annealed-prediction-constant-step"),
    ("osa", "sigma-delta"),
    ("osa-prediction", "sigma-delta-annealed-prediction"),
)
MEASURES = {
    "early": "early",
    "free_end": "free end",
    "nudged_end": "nudged end",
    "overall": "all steps",
}
SCORE_NAMES = {"end": "error at the end of the halves", "mean": "mean error of all steps"}


def error_columns(study: Study) -> list[str]:
    """The titles of the table of errors."""
    return ["coding", f"step {study.experiment.early_step}", *list(MEASURES.values())[1:], "spikes"]


def error_rows(study: Study) -> list[list[str]]:
    """One row per coding: errors in thousandths with 95 % intervals, spikes per unit and step."""
    return [
        [
            KINDS[name].label,
            *(_plus_minus(interval(getattr(found, measure))) for measure in MEASURES),
            f"{found.spikes_overall.mean():.3f}",
        ]
        for name, found in study.measured.items()
    ]


def setting_rows(parameters: dict[str, Parameters]) -> list[list[str]]:
    """One row per coding: its parameters."""
    return [[KINDS[name].label, KINDS[name].describe(v)] for name, v in parameters.items()]


def score(found: Measured, objective: Objective) -> np.ndarray:
    """The error by which codings are compared, per network."""
    return found.overall if objective == "mean" else (found.free_end + found.nudged_end) / 2


def findings(study: Study, objective: Objective) -> list[str]:
    """What the numbers say, in sentences.

    Two codings are told apart by the ratio of their errors, network by network: one is
    called faster only if the 95 % interval of the ratio leaves 1 out.
    """
    lines = []
    for measure, title in (
        ("overall", "Mean of all steps"),
        ("free_end", "End of the free half"),
        ("nudged_end", "End of the nudged half"),
    ):
        means = {name: getattr(m, measure).mean() for name, m in study.measured.items()}
        best, worst = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
        words = ("fastest", "slowest") if measure == "overall" else ("closest", "farthest")
        times = f", {means[worst] / means[best]:.1f} times as far" if means[best] > 0 else ""
        lines.append(
            f"{title}: {words[0]} is {KINDS[best].label} (error {means[best]:.2g}); "
            f"{words[1]} is {KINDS[worst].label} ({means[worst]:.2g}{times})."
        )
    for first, second, found in _comparisons(study, objective):
        word = "faster" if found.high < 1 else "slower" if found.low > 1 else "no clear difference"
        lines.append(
            f"{KINDS[first].label} against {KINDS[second].label}: {word}, {found.mean:.3f} times "
            f"the {SCORE_NAMES[objective]} [{found.low:.3f}, {found.high:.3f}]."
        )
    lines += [_steps_to_goal(study), _published(study, objective)]
    spikes = [found.spikes_overall.mean() for found in study.measured.values()]
    lines.append(
        f"Spikes per unit and step: {min(spikes):.3f} to {max(spikes):.3f} over all codings."
    )
    return lines


def document(
    study: Study,
    parameters: dict[str, Parameters],
    *,
    objective: Objective,
    settings: str,
    provenance: dict[str, Any],
) -> dict[str, Any]:
    """Everything needed to draw the figure again, as plain values for JSON."""
    experiment = study.experiment
    return {
        "format": FORMAT,
        "provenance": provenance,
        "experiment": {
            "layers": list(experiment.layers),
            "steps": experiment.steps,
            "free_steps": experiment.free_steps,
            "early_step": experiment.early_step,
            "beta": experiment.beta,
            "inputs": experiment.inputs,
            "networks": len(next(iter(study.measured.values())).errors),
            "precision": experiment.precision,
            "seed": experiment.seed,
        },
        "fixed_points": {
            "step_size": REFERENCE_STEP_SIZE,
            "steps_per_phase": experiment.reference_steps,
            "steps_per_phase_of_slowest": study.reference_steps,
            "precision": "float64",
            "largest_residual": study.residual,
        },
        "objective": objective,
        "settings": settings,
        "findings": findings(study, objective),
        "comparisons": [
            {"coding": first, "against": second, "error_ratio": _numbers(found)}
            for first, second, found in _comparisons(study, objective)
        ],
        "codings": [
            {
                "name": name,
                "label": KINDS[name].label,
                "parameters": parameters[name],
                **{key: _summary(getattr(found, key)) for key in MEASURES},
                "decay_exponent": _finite(found.decay_exponent),
                "spikes_per_unit_and_step": _round(found.spikes_overall.mean()),
                "spikes_per_unit_and_step_by_layer": _numbers_of(found.spikes.mean(0)),
                "error": {
                    "mean": _numbers_of(found.curve.mean),
                    "low": _numbers_of(found.curve.low),
                    "high": _numbers_of(found.curve.high),
                },
            }
            for name, found in study.measured.items()
        ],
    }


def to_csv(document: dict[str, Any]) -> str:
    """The curves of a document: a line per coding and step."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["coding", "step", "phase", "error", "low", "high"])
    free_steps = document["experiment"]["free_steps"]
    for coding in document["codings"]:
        error = coding["error"]
        for k, values in enumerate(zip(error["mean"], error["low"], error["high"], strict=True)):
            phase = "free" if k < free_steps else "nudged"
            writer.writerow([coding["name"], k + 1, phase, *values])
    return text.getvalue()


def _comparisons(study: Study, objective: Objective) -> list[tuple[str, str, Interval]]:
    found = []
    for first, second in COMPARISONS:
        if first in study.measured and second in study.measured:
            values = [score(study.measured[name], objective) for name in (first, second)]
            if all((value > 0).all() for value in values):
                found.append((first, second, ratio(*values)))
    return found


def _steps_to_goal(study: Study) -> str:
    slowest = max(study.measured, key=lambda name: study.measured[name].free_end.mean())
    goal = float(study.measured[slowest].free_end.mean())
    steps = {
        name: found.steps_to(goal) for name, found in study.measured.items() if name != slowest
    }
    ordered = sorted(
        ((count, name) for name, count in steps.items() if count is not None),
        key=lambda pair: pair[0],
    )
    parts = [f"{KINDS[name].label} {count}" for count, name in ordered]
    return (
        f"Steps until the error stays below that of {KINDS[slowest].label} at the end of the free "
        f"half ({goal:.2g}): {'; '.join(parts)}."
    )


def _published(study: Study, objective: Objective) -> str:
    """What O'Connor, Gavves and Welling (2018) found, and whether it is found here."""
    scores = {name: score(found, objective) for name, found in study.measured.items()}
    means = {name: float(values.mean()) for name, values in scores.items()}
    annealed = {name for name in scores if KINDS[name].anneals_prediction}

    def best(names: set[str]) -> str:
        return min(sorted(names), key=means.__getitem__)

    def surely_less(name: str, other: str) -> bool:
        if not ((scores[name] > 0).all() and (scores[other] > 0).all()):
            return means[name] < means[other]
        return float(ratio(scores[name], scores[other]).high) < 1

    claims = {
        "the stochastic coding is slowest": max(means, key=means.__getitem__) == "bernoulli",
        "sigma-delta is faster": surely_less("sigma-delta", "bernoulli"),
        "the fastest coding anneals the prediction coefficient": surely_less(
            best(annealed), best(set(scores) - annealed)
        ),
    }
    told = [f"{claim}: {'yes' if holds else 'no'}" for claim, holds in claims.items()]
    return f"Published (O'Connor et al., 2018), and found here: {'; '.join(told)}."


def _plus_minus(found: Interval) -> str:
    """The mean and the half width of its interval, in thousandths."""
    mean, half = (1000.0 * float(value) for value in (found.mean, found.high - found.mean))
    digits = 1 if mean >= 9.95 or half >= 0.95 else 2
    return f"{mean:.{digits}f}\N{NO-BREAK SPACE}±{half:.{digits}f}"  # never torn apart


def _summary(values: np.ndarray) -> dict[str, Any]:
    return {**_numbers(interval(values)), "networks": _numbers_of(values)}


def _numbers(found: Interval) -> dict[str, float]:
    return {
        "mean": _round(found.mean),
        "low": _round(found.low),
        "high": _round(found.high),
    }


def _numbers_of(values: np.ndarray) -> list[float]:
    return [_round(value) for value in values]


def _round(value: Any) -> float:
    """Four digits: more than the intervals bear out, and files stay small."""
    return float(f"{float(value):.4g}")


def _finite(value: float) -> float | None:
    """JSON knows no NaN."""
    return _round(value) if math.isfinite(value) else None
