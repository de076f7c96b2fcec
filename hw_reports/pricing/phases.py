"""The phases of relaxation, core by core."""

from __future__ import annotations

import numpy as np

from eqchip.emulator.description.network import Network
from eqchip.hw_reports.counting.replay import Replay
from eqchip.hw_reports.pricing.entries import Counts
from eqchip.mapping.activity.cores import step_counts
from eqchip.mapping.activity.steps import StepCounts, phase_of_steps
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.kinds import FREE, INFERENCE, NUDGED, UPDATE
from eqchip.mapping.placement.mapped import MappedNetwork
from eqchip.mapping.placement.wiring import synapse_count


def step_counts_of(replay: Replay, mapped: MappedNetwork) -> dict[str, StepCounts]:
    """Of the run that holds each phase but the update."""
    mode, runs = replay.config.input, (replay.training.run, replay.inference.run)
    training, inference = replay.once(
        "steps", lambda: [step_counts(mapped, run, mode) for run in runs]
    )
    return {FREE: training, NUDGED: training, INFERENCE: inference}


def rows_of(replay: Replay) -> dict[str, np.ndarray]:
    """Which steps of its run belong to each phase, bool, (steps,)."""
    run = replay.training.run
    names = np.array(run.activity.phases)[phase_of_steps(run.phases)]
    of_inference = np.ones(replay.inference.problem.steps, bool)
    return {FREE: names == FREE, NUDGED: names == NUDGED, INFERENCE: of_inference}


def inject(replay: Replay, counts: dict[str, Counts]) -> None:
    """Count the products of an input current, x W_0, which somebody has to compute."""
    runs = {FREE: replay.training.run, INFERENCE: replay.inference.run}
    for phase, run in runs.items():
        macs = float(run.activity.macs[:, 0].sum()) / run.activity.samples
        if macs:
            counts[phase]["mac"] = np.array([macs])


def copies_written(network: Network, chip: Chip) -> int:
    """Weights that one update writes: every copy of every synapse, as if none were shared."""
    sizes = [synapse_count(connection) for connection in network.connections]
    return sum(sizes) + (sum(sizes[1:]) if chip.copies == 2 else 0)


def steps_of(replay: Replay) -> dict[str, int]:
    """Time steps of each phase; an update takes one, as its barrier."""
    steps = {FREE: 0, NUDGED: 0, UPDATE: 1, INFERENCE: replay.inference.problem.steps}
    run = replay.training.run
    for phase, name in zip(run.phases, run.activity.phases, strict=True):
        steps[name] += phase.steps
    return steps


def periods_of(replay: Replay) -> dict[str, float]:
    """Nominal periods simulated: a phase of n steps lasts n of them."""
    return {phase: float(n) for phase, n in steps_of(replay).items() if phase != UPDATE}


def barriers_of(replay: Replay) -> dict[str, int]:
    """Barriers of each phase; without a global clock there is only that of the update."""
    steps = steps_of(replay)
    if replay.mapped is not None and replay.mapped.gatherers:  # each step is two of the chip
        return {phase: n if phase == UPDATE else 2 * n for phase, n in steps.items()}
    return steps if replay.timing is None else {phase: int(phase == UPDATE) for phase in steps}
