"""Words and the document of tasks learned by a gradient through spikes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from eqchip.emulator.studies.dynamics.gradients import Descended, GradientTask
from eqchip.emulator.studies.dynamics.problems import Posed
from eqchip.hw_reports.document.readable import amount, band
from eqchip.hw_reports.studies.dynamics import at_least, goal_row, spread, spreads, static_share

FORMAT = "eqchip-dynamics-gradient 1"
TRIALS = 3  # that are shown


def document(
    name: str, task: GradientTask, found: Sequence[Descended], price: Any,
    provenance: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """All of it as one dictionary; see :func:`eqchip.dynamics`."""
    first = found[0]
    return {
        "format": FORMAT,
        "task": name,
        "title": task.title,
        "source": task.source,
        "settings": _settings(task, first),
        "seeds": [
            {
                "seed": one.seed, "before": one.before, "after": one.after, "curve": one.curve,
                "skipped": one.skipped, "seconds_learned": one.steps * task.dt,
                "testing_per_second": per_second(one),
            }
            for one in found
        ],
        "before": spreads([one.before for one in found]),
        "after": spreads([one.after for one in found]),
        "seconds_learned": spread([one.steps * task.dt for one in found]),
        "testing_per_second": spreads([per_second(one) for one in found]),
        "goals": [
            goal_row(goal, [one.after[goal.measure] for one in found]) for goal in task.goals
        ],
        "price": price,
        "shown": _shown(first.posed, first),
        "provenance": dict(provenance),
    }  # fmt: skip


def per_second(one: Descended) -> dict[str, float]:
    """Counts in a second of the trials that are shown, with spikes alone."""
    run, layer = one.shown, one.layer
    spikes = float(run.resets.sum()) / (run.dt * run.x.shape[0] * run.x.shape[1])
    return {
        "spikes": spikes,
        "synaptic_events": spikes * layer.units,
        "input_macs": layer.channels * layer.units / run.dt,
    }


def _settings(task: GradientTask, first: Descended) -> dict[str, Any]:
    layer = first.layer
    return {
        "units": layer.units, "channels": layer.channels, "outputs": layer.outputs, "dt": task.dt,
        "tau": layer.tau, "leak": layer.leak, "width": layer.width, "floor": layer.floor,
        "updates": task.updates, "trials": task.trials, "rates": task.rates,
        "longest_gradient": task.longest, "cost": task.cost, "problem": repr(task.problem),
    }  # fmt: skip


def _shown(posed: Posed, one: Descended) -> dict[str, Any]:
    run = one.shown
    when = np.argwhere(run.resets[:, 0] > 0)
    return {
        "dt": run.dt,
        "t": ((np.arange(len(run.x)) + 1) * run.dt).tolist(),
        "trials": [
            {
                "x": run.x[:, b].tolist(), "y": run.y[:, b].tolist(),
                "wanted": posed.wanted[:, b].tolist(), "weight": posed.weight[:, b, 0].tolist(),
            }
            for b in range(min(TRIALS, run.x.shape[1]))
        ],
        "spikes": when.tolist(),
    }  # fmt: skip


def price_lines(made: Mapping[str, Any]) -> list[str]:
    """What learning costs off the chip, and a second of signal on it."""
    price = made["price"]
    training, testing = price["training"], price["testing"]
    floor = training["energy"]
    second = testing.get("refused") or (
        f"{_energy(testing['energy'])}, of which {static_share(testing)}"
    )
    return [
        f"Learning, off the chip: at least {training['macs']:.3g} multiply-accumulates, "
        f"{amount(training['bytes'], 'B')} kept at once: {_energy(floor)} on a processor, a floor "
        f"by the prices of {price['processor']}",
        f"Its codes are written once: {training['codes']:.3g} bytes, without a price",
        f"A second of signal on {price['chip']}, modelled, spikes alone: {second}",
        *price["notes"],
    ]


def _energy(total: Mapping[str, Any]) -> str:
    figure = total["figure"]
    if figure is None:
        return "an energy without a price"
    return f"{at_least(total)}{amount(figure['value'], 'J')} ({band(figure)})"
