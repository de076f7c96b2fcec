"""Tasks that layers learn by the exact gradient through their spikes, off the chip.

After Huh and Sejnowski, "Gradient Descent for Spiking Neural Networks", NeurIPS 31, 2018. Settings
are ours, chosen on seeds 0 to 2 and on trials that no test uses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from eqchip.emulator.description.dynamics.gated import GatedLayer
from eqchip.emulator.learning.gated import Descent, GatedRun, gradient, run_gated
from eqchip.emulator.progress import Progress, Silent
from eqchip.emulator.studies.dynamics.problems import Codes, DelayedXor, Posed, Problem
from eqchip.emulator.studies.dynamics.tasks import Goal

VALIDATION_SEED, TEST_SEED = 920, 921
POINTS = 10  # of a learning curve, after the first


@dataclass(frozen=True, kw_only=True)
class GradientTask:
    """What is learned, how, and what it is judged by.

    Attributes
    ----------
    layer : function from a seed to the layer before training
    updates, trials : int
        Minibatches, and trials of each.
    rates : dict
        Of Adam, by array.
    longest : float
        Of a gradient in units of the rates; longer ones are scaled down.
    falls : float
        Share of the updates, at the end, in which the rates fall to 0.
    cost : float
        Of a trace's mean over units, steps and trials, in the loss.
    """

    title: str
    layer: Callable[[int], GatedLayer]
    problem: Problem
    dt: float
    updates: int
    trials: int
    rates: dict[str, float]
    longest: float
    falls: float
    cost: float = 0.0
    goals: tuple[Goal, ...] = ()
    source: str = "after Huh and Sejnowski, NeurIPS 31, 2018"


@dataclass(frozen=True, eq=False)
class Descended:
    """One seed of a task.

    before, after : dict
        Measures of the test's trials.
    curve : list of dict
        Updates done, how hard the trials were, and measures of the validation's trials.
    posed : Posed
    shown : GatedRun
        Trials of the test, and what they were with spikes alone.
    steps : int
        Of all trials learned from, summed.
    """

    seed: int
    before: dict[str, float]
    after: dict[str, float]
    curve: list[dict[str, float]]
    layer: GatedLayer
    posed: Posed
    shown: GatedRun
    steps: int
    skipped: int


def descend(task: GradientTask, seed: int, progress: Progress | None = None) -> Descended:
    """Train and test a task from one seed."""
    layer, problem = task.layer(seed), task.problem
    descent, rng = Descent(task.rates, task.longest), np.random.default_rng([seed, 1])
    before = problem.judge(layer, task.dt, TEST_SEED)[0]
    hard, seen, steps = problem.begins, [], 0  # type: float, list[float], int
    curve = [_point(task, layer, 0, hard)]
    with (progress or Silent()).bar(f"Seed {seed}", task.updates) as bar:
        for n in range(task.updates):
            posed = problem.draw(rng, task.trials, hard, task.dt)
            run = run_gated(layer, posed.x, dt=task.dt)
            of_y = (run.y - posed.wanted) * posed.weight / posed.weight.sum()
            slopes = gradient(run, of_y, task.cost / run.resets.size)
            share = min(1.0, (task.updates - n) / (task.falls * task.updates))
            layer = descent.step(layer, slopes, share)
            hard = problem.grown(hard, run, posed, seen)
            steps += posed.x.shape[0] * posed.x.shape[1]
            if (n + 1) % -(-task.updates // POINTS) == 0 or n + 1 == task.updates:
                curve.append(_point(task, layer, n + 1, hard))
            bar.advance(1)
    after, posed, shown = problem.judge(layer, task.dt, TEST_SEED)
    return Descended(seed, before, after, curve, layer, posed, shown, steps, descent.skipped)


def _point(task: GradientTask, layer: GatedLayer, updates: int, hard: float) -> dict[str, float]:
    measures = task.problem.glance(layer, task.dt, VALIDATION_SEED)
    return {"updates": updates, "hard": hard, **measures}


def coding_layer(seed: int) -> GatedLayer:
    """30 units that do not leak and do not hear one another."""
    rng = np.random.default_rng(seed)
    return GatedLayer(
        np.zeros((30, 30)), 30 * rng.standard_normal((2, 30)) / np.sqrt(2), np.zeros(30),
        0.01 * rng.standard_normal((30, 2)) / np.sqrt(30), tau=0.02, width=0.3,
    )  # fmt: skip


def remembering_layer(seed: int) -> GatedLayer:
    """80 units that do not leak, with slow synapses, at the edge of what holds itself."""
    rng = np.random.default_rng(seed)
    return GatedLayer(
        rng.standard_normal((80, 80)) / np.sqrt(80), 20 * rng.standard_normal((2, 80)),
        np.full(80, 2.0), 0.005 * rng.standard_normal((80, 1)), tau=0.1, width=0.5,
    )  # fmt: skip


def leaky_layer(seed: int) -> GatedLayer:
    """The same, forgetting in a tenth of a second what they were told."""
    return replace(remembering_layer(seed), leak=10.0, bias=np.full(80, 14.0), floor=-0.5)


XOR = GradientTask(
    title="whether two pulses differ, each up to 1 s ago, by a gradient through spikes",
    layer=remembering_layer,
    problem=DelayedXor(),
    dt=5e-3,
    updates=400,
    trials=48,
    rates={"recurrent": 1e-3, "feedforward": 0.04, "bias": 0.01, "decoder": 4e-5},
    longest=0.01,
    falls=0.3,
    goals=(Goal("accuracy_spikes", 0.95, most=False),),
)
# By the name on the command line. A new one: a row here.
GRADIENT_TASKS: dict[str, GradientTask] = {
    "autoencode-gradient": GradientTask(
        title="a code of two signals, by a gradient through spikes",
        layer=coding_layer,
        problem=Codes(),
        dt=1e-3,
        updates=4000,
        trials=8,
        rates={"recurrent": 0.02, "feedforward": 0.6, "bias": 0.6, "decoder": 2e-4},
        longest=0.1,
        falls=0.5,
        cost=1e-3,
        goals=(Goal("error_spikes", 0.05),),
    ),
    "delayed-xor": XOR,
    "delayed-xor-leaky": replace(
        XOR,
        title="the same with units that leak in 0.1 s: it does not learn",
        layer=leaky_layer,
        goals=(),
    ),
}
