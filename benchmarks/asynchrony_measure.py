"""A trained network on an asynchronous chip: how far from its fixed point, for how many spikes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.asynchronous import Asynchronous
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.modes import Precision
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free
from eqchip.emulator.description.task import one_hot
from eqchip.emulator.engine.lowering import lower
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.kernels.lowered import Lowered
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.studies.fixed_points import fixed_points
from eqchip.emulator.training.presets import preset
from eqchip.emulator.training.trainer import Trainer

STEPS = 200
TIMES = (20, 50, 100, 200)  # at which results are stored
# Of the curve of distance against spikes.
CURVE = tuple(sorted({round(t) for t in np.geomspace(1, STEPS, 30)}))
SETTLING = 2000  # steps of the real-valued network; samples that still move get more
SAMPLES = 50  # of each network
DISTANCES = (0.1, 0.05, 0.03, 0.02, 0.01, 0.005)
NEAR = 1.5  # percentage points of classification error above that of the fixed point


class Subject(NamedTuple):
    """A trained network, samples it has not seen, and where they bring it to rest.

    x: shape (n, inputs); labels: shape (n,); goal: potentials of all units behind the input,
    shape (n, units), float64; seed: of its training, and of the chip that it is put on.
    """

    network: Network
    x: np.ndarray
    labels: np.ndarray
    goal: np.ndarray
    residual: float
    seed: int

    @property
    def error(self) -> float:
        """Classification error of the real-valued network at rest, in percent."""
        classes = self.network.sizes[-1]
        return float(100 * (self.goal[:, -classes:].argmax(1) != self.labels).mean())


def make_subject(seed: int) -> Subject:
    """Train a network on digits, with one clock, and find its free fixed points."""
    config = preset("digits", seed=seed)
    data = load(config.dataset)
    trainer = Trainer(config, data, threads=1)
    while not trainer.done:
        for _ in trainer.train_epoch():
            pass
        trainer.end_epoch()
    held_out = np.random.default_rng(seed).permutation(trainer.validation_indices)[:SAMPLES]
    x, labels = data.train_x[held_out], data.train_y[held_out]
    target = one_hot(labels, data.classes)
    found = fixed_points(trainer.network, x, target, beta=0.5, steps=SETTLING, threads=1)
    goal = np.concatenate(found.free[1:], axis=1)
    return Subject(trainer.network, x, labels, goal, found.residual, seed)


class Seen(NamedTuple):
    """One subject over time, a row per nominal period.

    distance: mean over units, shape (steps, samples); wrong: shape (steps, samples), bool;
    spikes: emitted so far per unit, all layers, shape (steps, samples).
    """

    distance: np.ndarray
    wrong: np.ndarray
    spikes: np.ndarray


def watch(
    subject: Subject, coding: Coding, timing: Asynchronous, *, goal: np.ndarray | None = None,
    steps: int = STEPS, precision: Precision = "float32", lowered: Lowered | None = None,
) -> Seen:  # fmt: skip
    """Relax a subject on a chip and compare every period with the fixed point (or a goal)."""
    goal = subject.goal if goal is None else goal
    network = subject.network
    lowered = lowered or lower(network, np.dtype(precision))
    classes, units = network.sizes[-1], sum(network.sizes)
    problem = pose(
        network, subject.x, coding=coding, phases=[Free(steps)], precision=precision,
        record=("potentials",), seed=subject.seed, timing=replace(timing, seed=subject.seed),
    )  # fmt: skip
    run = solve(problem, threads=1, lowered=lowered)
    assert run.potentials is not None and run.timed is not None
    s = np.concatenate(run.potentials[1:], axis=2)
    return Seen(
        np.abs(s - goal).mean(2),
        s[:, :, -classes:].argmax(2) != subject.labels,
        run.timed.spikes.sum(2).cumsum(0) / units,
    )


def summary(
    seen: Sequence[Seen], subjects: Sequence[Subject], *, curve: bool = False
) -> dict[str, Any]:
    """What is stored of one point: per time a list over seeds; if asked, curves over all."""
    steps = len(seen[0].distance)
    distance = np.mean([one.distance.mean(1) for one in seen], axis=0)
    wrong = np.mean([100 * one.wrong.mean(1) for one in seen], axis=0)
    spikes = np.mean([one.spikes.mean(1) for one in seen], axis=0)
    goal_error = float(np.mean([subject.error for subject in subjects]))
    times = [t for t in TIMES if t <= steps]
    reached = {f"{d:g}": _from(distance <= d) for d in DISTANCES}
    accurate = _from(wrong <= goal_error + NEAR)
    found: dict[str, Any] = {
        "distance": {str(t): _each(one.distance[t - 1].mean() for one in seen) for t in times},
        "median_distance": {
            str(t): _short(np.median(np.concatenate([one.distance[t - 1] for one in seen])))
            for t in times
        },
        "error": {str(t): _each(100 * one.wrong[t - 1].mean() for one in seen) for t in times},
        "spikes_per_unit": {str(t): _each(one.spikes[t - 1].mean() for one in seen) for t in times},
        "periods_to_distance": reached,
        "spikes_to_distance": {d: _at(spikes, t) for d, t in reached.items()},
        "periods_to_accuracy": accurate,
        "spikes_to_accuracy": _at(spikes, accurate),
    }
    if curve:
        found["curve"] = {
            "periods": [t for t in CURVE if t <= steps],
            "distance": [_short(distance[t - 1]) for t in CURVE if t <= steps],
            "spikes_per_unit": [_short(spikes[t - 1]) for t in CURVE if t <= steps],
        }
    return found


def _from(holds: np.ndarray) -> int | None:
    """The period from which on it holds; None if it does not at the end."""
    fails = np.flatnonzero(~holds)
    first = int(fails[-1]) + 2 if len(fails) else 1
    return first if first <= len(holds) else None


def _at(spikes: np.ndarray, period: int | None) -> float | None:
    return None if period is None else _short(spikes[period - 1])


def _each(values: Any) -> list[float]:
    return [_short(value) for value in values]


def _short(value: Any) -> float:
    return float(f"{float(value):.4g}")
