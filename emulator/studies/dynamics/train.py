"""A task learned from several seeds, tested before, between and after its stages."""

from __future__ import annotations

from dataclasses import dataclass, replace

from eqchip.emulator.description.dynamics.layer import BalancedLayer
from eqchip.emulator.errors import InputError
from eqchip.emulator.learning.balance import BalancedSimulation
from eqchip.emulator.learning.stretch import Stretch
from eqchip.emulator.progress import Progress, Silent
from eqchip.emulator.studies.dynamics.judges import Judged
from eqchip.emulator.studies.dynamics.tasks import TASKS, Task

TRAINING_SEED = 1000  # of the noise of a seed's first stage: tests have others
STAGES = 100  # at most


@dataclass(frozen=True, eq=False)
class Learned:
    """One seed of a task.

    before, after : Judged
    curve : list of dict
        Seconds learned and what the test measured then, before training first.
    learning : dict
        Counts in a second of signal while it learned, over all stages.
    layer : BalancedLayer
        As trained.
    """

    seed: int
    before: Judged
    after: Judged
    curve: list[dict[str, float]]
    learning: dict[str, float]
    layer: BalancedLayer


def task_of(name: str) -> Task:
    """The task of this name.

    Raises
    ------
    InputError
    """
    if name not in TASKS:
        raise InputError(f"task is {name!r}; expected one of {', '.join(TASKS)}")
    return TASKS[name]


def simulate(task: Task, layer: BalancedLayer, seed: int) -> BalancedSimulation:
    """A simulation of the task at rest."""
    return BalancedSimulation(
        layer, dt=task.dt, turns=task.turns, teacher=task.teacher, integers=task.integers,
        noise=task.noise, threshold_noise=task.threshold_noise, seed=seed,
    )  # fmt: skip


def learn(task: Task, seed: int, progress: Progress | None = None) -> Learned:
    """Train and test a task from one seed."""
    simulation = simulate(task, task.layer(seed), seed)

    def judge() -> Judged:
        return task.test.judge(simulate(task, simulation.layer, seed))

    before = judge()
    curve = [{"seconds": 0.0, **before.measures}]
    stretches: list[Stretch] = []
    with (progress or Silent()).bar(f"Seed {seed}", len(task.stages)) as bar:
        for n, stage in enumerate(task.stages):
            simulation.rest(task.start)
            noise = replace(task.training, seed=TRAINING_SEED + STAGES * seed + n)
            stretches.append(
                simulation.run(
                    noise, round(stage.seconds / task.dt), gain=task.gain,
                    fast=task.fast and task.fast.slower(stage.share),
                    slow=task.slow and task.slow.slower(stage.share),
                )
            )  # fmt: skip
            after = judge()
            seconds = curve[-1]["seconds"] + stage.seconds
            curve.append({"seconds": seconds, **after.measures})
            bar.advance(1, error=f"{after.measures.get('error', float('nan')):.3g}")
    if before.measures["rate"] > 0:
        after.measures["rate_ratio"] = after.measures["rate"] / before.measures["rate"]
    return Learned(seed, before, after, curve, _per_second(stretches), simulation.layer)


def _per_second(stretches: list[Stretch]) -> dict[str, float]:
    seconds = sum(stretch.seconds for stretch in stretches)
    return {
        name: sum(stretch.counts[name] for stretch in stretches) / seconds
        for name in stretches[0].counts
    }
