"""Words and the document of tasks that are learned in time: what ``eqchip dynamics`` writes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from eqchip.emulator.description.dynamics.layer import BalancedLayer
from eqchip.emulator.studies.dynamics.comparisons import Row
from eqchip.emulator.studies.dynamics.judges import shown
from eqchip.emulator.studies.dynamics.tasks import Goal, Task
from eqchip.emulator.studies.dynamics.train import Learned
from eqchip.hw_reports.document.readable import amount, band

FORMAT, TURNS_FORMAT = "eqchip-dynamics 1", "eqchip-turns 1"
# What a measure is called, its unit, and by what it is multiplied to be read.
MEASURES = {
    "error": "error, of the signal's variance",
    "error_refitted": "error, read-out refitted",
    "error_spikes": "error, of spikes alone",
    "error_8_bits": "error, of spikes alone in 8-bit weights",
    "weights_balance": "correlation of lateral weights with those in balance",
    "accuracy": "share of right answers",
    "accuracy_spikes": "share of right answers, of spikes alone",
    "accuracy_8_bits": "share of right answers, of spikes alone in 8-bit weights",
    "delay": "delay reached, s",
    "rate": "rate of a unit, Hz",
    "rate_ratio": "rate over that before",
    "balance": "correlation of excitation and inhibition",
    "voltage_variance": "variance of potentials",
    "largest_potential": "largest potential, whole numbers",
    "period": "period, s",
    "period_wanted": "period of the teacher, s",
    "period_error": "error of the period",
    "amplitude": "amplitude, rms",
    "amplitude_wanted": "amplitude of the teacher, rms",
}
COMPARED = {
    "turns": "Who may fire in a step",
    "steps": "How long a step is",
    "cores": "A layer over five cores",
    "clocks": "Clocks of their own",
}
# What a terminal shows of a case, where the cases differ in it. A new column: a row here.
COLUMNS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "": lambda row: str(row["label"]),
    "step, ms": lambda row: f"{row['dt'] * 1e3:g}",
    "threshold": lambda row: f"{row['width']:g}",
    "error": lambda row: said_of_figures(row["error"]),
    "rate, Hz": lambda row: said_of_figures(row["rate"]),
    "events/s": lambda row: f"{row['synaptic_events']['mean']:.2g}",
    "looks/s": lambda row: f"{row['looks']['mean']:.2g}",
    "a second": lambda row: said_of_energy(row["price"]) if "price" in row else "",
}
COUNTED = {
    "spikes": "spikes",
    "synaptic_events": "synaptic events of spikes",
    "input_spikes": "spikes of the channels",
    "input_macs": "products of the drive",
    "feedback_macs": "products of the error that is fed back",
    "dendrite_macs": "products of dendrites",
    "weights_attempted": "writes of fast weights",
    "weights_applied": "of these, that change a weight",
    "slow_writes": "writes of slow weights",
    "feedforward_writes": "writes of feed-forward weights",
}


def spread(values: Sequence[float]) -> dict[str, float | None]:
    """Mean, standard deviation (0 of one), least and largest; None where a value is none."""
    if not all(map(math.isfinite, values)):
        return dict.fromkeys(("mean", "sd", "low", "high"))
    return {
        "mean": mean(values), "sd": stdev(values) if len(values) > 1 else 0.0,
        "low": min(values), "high": max(values),
    }  # fmt: skip


def finite(measures: Mapping[str, float]) -> dict[str, float | None]:
    """The measures, None in place of what is no number."""
    return {name: value if math.isfinite(value) else None for name, value in measures.items()}


def document(
    name: str, task: Task, learned: Sequence[Learned], price: Any, provenance: Mapping[str, Any]
) -> dict[str, Any]:
    """All of it as one dictionary; see :func:`eqchip.dynamics`."""
    first = learned[0]
    return {
        "format": FORMAT,
        "task": name,
        "title": task.title,
        "source": task.source,
        "settings": _settings(task, first),
        "seeds": [
            {
                "seed": one.seed, "before": finite(one.before.measures),
                "after": finite(one.after.measures),
                "curve": [finite(point) for point in one.curve],
                "testing_per_second": one.after.per_second,
                "learning_per_second": one.learning,
            }
            for one in learned
        ],
        "before": spreads([one.before.measures for one in learned]),
        "after": spreads([one.after.measures for one in learned]),
        "testing_per_second": spreads([one.after.per_second for one in learned]),
        "learning_per_second": spreads([one.learning for one in learned]),
        "goals": [
            goal_row(goal, [one.after.measures[goal.measure] for one in learned])
            for goal in task.goals
        ],
        "price": price,
        "shown": {
            "before": shown(first.before), "after": shown(first.after),
            "fast": first.layer.fast.tolist(), "feedforward": first.layer.feedforward.tolist(),
            "cost": first.layer.cost, "dt": task.dt, **_slow_shown(task, first.layer),
        },
        "provenance": dict(provenance),
    }  # fmt: skip


def _slow_shown(task: Task, layer: BalancedLayer) -> dict[str, Any]:
    """Slow weights beside the best ones, where it is known which these are."""
    matrix = None if task.teacher is None else task.teacher.matrix
    if task.slow is None or matrix is None or layer.dendrites is not None:
        return {}
    return {"slow": layer.slow.tolist(), "slow_best": layer.best_slow(matrix).tolist()}


def _settings(task: Task, first: Learned) -> dict[str, Any]:
    integers = task.integers
    return {
        "units": first.layer.units,
        "channels": first.layer.channels,
        "dendrites": 0 if first.layer.dendrites is None else len(first.layer.dendrites.offset),
        "dt": task.dt,
        "leak": first.layer.leak,
        "turns": repr(task.turns),
        "fast_rule": repr(task.fast),
        "slow_rule": repr(task.slow),
        "feedback_gain": task.gain,
        "integers": None if integers is None else repr(integers),
        "noise": task.noise,
        "threshold_noise": task.threshold_noise,
        "stages": [[stage.seconds, stage.share] for stage in task.stages],
        "test": repr(task.test),
    }


def spreads(rows: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float | None]]:
    """`spread` of each measure that all rows have."""
    names = [name for name in rows[0] if all(name in row for row in rows)]
    return {name: spread([row[name] for row in rows]) for name in names}


def goal_row(goal: Goal, values: Sequence[float]) -> dict[str, Any]:
    """A goal, and how many seeds' values reach it."""
    return {
        "measure": goal.measure,
        "bound": goal.bound,
        "at_most": goal.most,
        "reached": sum(goal.reached(value) for value in values),
        "seeds": len(values),
    }


def rows(made: Mapping[str, Any]) -> list[list[str]]:
    """What was measured before and after, and the goals, for the terminal."""
    goals = {goal["measure"]: goal for goal in made["goals"]}
    found = []
    for name, text in MEASURES.items():
        if name not in made["after"]:
            continue
        before = made["before"].get(name)
        goal = goals.get(name)
        found.append(
            [
                text,
                "–" if before is None else said_of_figures(before),
                said_of_figures(made["after"][name]),
                "" if goal is None else said_of_goal(goal),
            ]
        )
    return found


def said_of_goal(goal: Mapping[str, Any]) -> str:
    """The bound, and of how many seeds it was reached."""
    side = "at most" if goal["at_most"] else "at least"
    return f"{side} {goal['bound']:g}: {goal['reached']} of {goal['seeds']}"


def count_rows(made: Mapping[str, Any]) -> list[list[str]]:
    """Counts in a second of signal, while it is tested and while it learns."""
    found = []
    for name, text in COUNTED.items():
        pair = [made[f"{part}_per_second"][name]["mean"] for part in ("testing", "learning")]
        if any(pair):
            found.append([text, *(f"{value:.3g}" for value in pair)])
    return found


def price_lines(made: Mapping[str, Any]) -> list[str]:
    """What a second of signal costs on the chip."""
    price = made["price"]
    if "refused" in price:
        return [f"No price: {price['refused']}"]
    lines = []
    for part in ("testing", "learning"):
        energy = price[part]["energy"]
        lines.append(
            f"A second of signal on {price['chip']}, modelled, {part}: "
            f"{at_least(energy)}{amount(energy['figure']['value'], 'J')} "
            f"({band(energy['figure'])}), of which {static_share(price[part])}"
        )
    writes = price["learning"]["update"]["energy"]
    lines.append(
        f"Its writes besides: {at_least(writes)}{amount(writes['figure']['value'], 'J')} "
        f"({band(writes['figure'])})"
    )
    return [*lines, *price["notes"]]


def at_least(total: Mapping[str, Any]) -> str:
    """A sign before a sum that lacks something."""
    return "≥ " if total["lacks"] else ""


def static_share(price: Mapping[str, Any]) -> str:
    """How much of it is static power, in words."""
    total = price["energy"]["figure"]["value"]
    static = sum(
        row["figure"]["value"] for row in price["energy_by_kind"] if row["kind"] == "static"
    )
    return f"{100 * static / total:.0f} % static power" if total else "nothing is static power"


def compared_document(
    study: str,
    found: Sequence[Row],
    prices: Sequence[Mapping[str, Any]] | None,
    provenance: Mapping[str, Any],
) -> dict[str, Any]:
    """The cases of a comparison; prices: of a second, where they are asked for."""
    return {
        "format": TURNS_FORMAT,
        "task": study,
        "title": COMPARED[study],
        "rows": [
            {
                "policy": row.case.policy, "turns": repr(row.case.turns),
                "label": row.case.label or said_of_turns(repr(row.case.turns)),
                "dt": row.case.dt, "width": row.case.width, "cores": repr(row.case.cores),
                "seeds": row.measures, **spreads(row.measures),
                **({} if prices is None else {"price": dict(prices[n])}),
            }
            for n, row in enumerate(found)
        ],
        "provenance": dict(provenance),
    }  # fmt: skip


def compared_rows(made: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """For the terminal: columns in which cases differ, and a row of each case."""
    shown = {name: [write(row) for row in made["rows"]] for name, write in COLUMNS.items()}
    columns = [name for name, texts in shown.items() if len(set(texts)) > 1]
    return columns, [list(row) for row in zip(*(shown[name] for name in columns), strict=True)]


def said_of_energy(price: Mapping[str, Any]) -> str:
    """Energy, and whether there is more of it."""
    energy = price["energy"]
    return f"{at_least(energy)}{amount(energy['figure']['value'], 'J')}"


def said_of_turns(written: str) -> str:
    """``Slots(slots=25)`` as ``Slots(25)``.

    Examples
    --------
    >>> said_of_turns("Slots(slots=25)"), said_of_turns("Together()")
    ('Slots(25)', 'Together')
    """
    name, _, inner = written.removesuffix(")").partition("(")
    return f"{name}({inner.partition('=')[2]})" if inner else name


def said_of_figures(figures: Mapping[str, float | None]) -> str:
    """Mean and standard deviation, in words."""
    if figures["mean"] is None:
        return "none"
    return (
        f"{figures['mean']:.3g} ± {figures['sd']:.1g}"
        if figures["sd"]
        else f"{figures['mean']:.3g}"
    )
