"""The phases of relaxation, core by core."""

from __future__ import annotations

import numpy as np

from eqchip.emulator.description.config import Config
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
    """Count the products of an input current, x W_0 and over links, which somebody computes."""
    runs = {FREE: replay.training.run, INFERENCE: replay.inference.run}
    of_input = [below == 0 for below, _ in replay.network.joined]
    for phase, run in runs.items():
        macs = float(run.activity.macs[:, of_input].sum()) / run.activity.samples
        if macs:
            counts[phase]["mac"] = np.array([macs])


def copies_written(config: Config, chip: Chip) -> int:
    """Weights that one update writes: every copy of every synapse, as if none were shared."""
    network, learns = config.topology, learning_connections(config)
    copies = [1 + (network.sends_back(k) and chip.copies == 2) for k in range(len(learns))]
    sizes = [synapse_count(connection) for connection in network.connections]
    return sum(n * m for n, m, one in zip(copies, sizes, learns, strict=True) if one)


def learning_connections(config: Config) -> list[bool]:
    """Of each connection, whether an update writes it: one whose rate is 0 stays as it is."""
    return [rate != 0.0 for rate in config.descent.lr]


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
