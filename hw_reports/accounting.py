"""From a replay to its accounts: what was counted, what it costs, how long it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np

from eqchip.emulator.network import Network
from eqchip.hw_reports import baselines, timing
from eqchip.hw_reports.cost import (
    FREE,
    INFERENCE,
    NUDGED,
    UPDATE,
    Counts,
    Entry,
    core_counts,
    entries,
    layer_counts,
)
from eqchip.hw_reports.replay import Replay
from eqchip.hw_reports.timing import TIME, PhaseTime
from eqchip.hw_reports.totals import Sum
from eqchip.mapping.activity import (
    CoreActivity,
    StepCounts,
    WeightUpdates,
    core_activity,
    step_counts,
    weight_updates,
)
from eqchip.mapping.chip import Chip
from eqchip.mapping.mapped import MappedNetwork


@dataclass(frozen=True, eq=False)
class Cores:
    """What a mapped network did, core by core.

    Attributes
    ----------
    training, inference : CoreActivity
    updates : WeightUpdates
        Of all training samples together, one update of all weights for each.
    times : dict of phase to PhaseTime
    """

    training: CoreActivity
    inference: CoreActivity
    updates: WeightUpdates
    times: dict[str, PhaseTime]


@dataclass(frozen=True, eq=False)
class Accounts:
    """The costs of a sample.

    Attributes
    ----------
    counts : dict of phase to Counts
        Per sample.
    entries : list of Entry
        Energy by kind and phase.
    seconds : dict of phase to Sum
    critical : dict of phase to kind to seconds
        What decides the time; see :class:`eqchip.hw_reports.timing.PhaseTime`.
    cores : Cores or None
    """

    counts: dict[str, Counts]
    entries: list[Entry]
    seconds: dict[str, Sum]
    critical: dict[str, dict[str, float]]
    cores: Cores | None


def account(replay: Replay) -> Accounts:
    """Count and price a replay."""
    if replay.mapped is not None:
        return _on_cores(replay, replay.mapped)
    if replay.chip.model == "arithmetic":
        return of_arithmetic(replay, replay.chip)
    return _by_events(replay)


def _on_cores(replay: Replay, mapped: MappedNetwork) -> Accounts:
    mode = replay.config.input
    training = core_activity(mapped, replay.training.run, mode)
    inference = core_activity(mapped, replay.inference.run, mode)
    written = [weight_updates(mapped, changes) for changes in replay.changes]
    updates = reduce(
        lambda a, b: WeightUpdates(*(x + y for x, y in zip(a, b, strict=True))), written
    )
    attempted = updates.attempted / len(written)
    cores, steps = len(mapped.parts), _steps(replay)
    counts: dict[str, Counts] = {
        FREE: core_counts(training, FREE),
        NUDGED: core_counts(training, NUDGED),
        UPDATE: {"weight_update": attempted},
        INFERENCE: core_counts(inference),
    }
    for phase, kinds in counts.items():
        kinds["barrier"] = np.array([float(steps[phase])])
        if phase in (FREE, INFERENCE):  # every sample starts from states of 0
            kinds["reset"] = np.ones(cores)
    times = _core_times(replay, mapped, attempted)
    before = timing.reset(replay.chip)
    seconds = {
        phase: time.total + before if phase in (FREE, INFERENCE) else time.total
        for phase, time in times.items()
    }
    _inject(replay, counts, seconds)
    critical = {phase: dict(time.critical) for phase, time in times.items()}
    if before.figure is not None:
        critical[FREE]["reset"] = critical[INFERENCE]["reset"] = before.figure.value
    return Accounts(
        counts,
        entries(counts, seconds, replay.chip, mapped.chips),
        seconds,
        critical,
        Cores(training, inference, updates, times),
    )


def _core_times(
    replay: Replay, mapped: MappedNetwork, attempted: np.ndarray
) -> dict[str, PhaseTime]:
    mode, chip = replay.config.input, replay.chip
    tiles, routes = len(np.unique(mapped.tile)), mapped.routes

    def relaxation(steps: StepCounts, rows: np.ndarray) -> PhaseTime:
        return timing.relaxation(steps, routes, chip, tiles, rows)

    training = step_counts(mapped, replay.training.run, mode)
    names = np.array(replay.training.run.activity.phases)[training.phase]
    inference = step_counts(mapped, replay.inference.run, mode)
    return {
        FREE: relaxation(training, names == FREE),
        NUDGED: relaxation(training, names == NUDGED),
        UPDATE: timing.update(attempted, chip, tiles),
        INFERENCE: relaxation(inference, np.ones(len(inference.phase), bool)),
    }


def _by_events(replay: Replay) -> Accounts:
    training, inference = replay.training.run.activity, replay.inference.run.activity
    written = float(copies_written(replay.network, replay.chip))
    counts: dict[str, Counts] = {
        FREE: layer_counts(training, FREE),
        NUDGED: layer_counts(training, NUDGED),
        UPDATE: {"weight_update": np.array([written])},
        INFERENCE: layer_counts(inference),
    }
    steps = _steps(replay)
    seconds = {
        phase: timing.by_events(replay.chip, steps[phase], float(kinds["synaptic_event"].sum()))
        for phase, kinds in counts.items()
        if phase != UPDATE
    }
    seconds[UPDATE] = timing.serial_update(replay.chip, written)
    _inject(replay, counts, seconds)
    decides = "step" if "step" in replay.chip.time else "synaptic_event"
    return Accounts(
        counts,
        entries(counts, seconds, replay.chip),
        seconds,
        _all_by(decides, seconds),
        None,
    )


def of_arithmetic(replay: Replay, chip: Chip) -> Accounts:
    """The same sample on a processor that knows only operations and memory accesses."""
    counts = baselines.dense_counts(replay.config, chip)
    seconds = {phase: Sum(None, (TIME,)) for phase in counts}
    return Accounts(
        counts, entries(counts, seconds, chip), seconds, {phase: {} for phase in counts}, None
    )


def _inject(replay: Replay, counts: dict[str, Counts], seconds: dict[str, Sum]) -> None:
    """Add the products of an input current, x W_0, which somebody has to compute."""
    runs = {FREE: replay.training.run, INFERENCE: replay.inference.run}
    for phase, run in runs.items():
        macs = float(run.activity.macs.sum()) / run.activity.samples
        if macs:
            counts[phase]["mac"] = np.array([macs])
            seconds[phase] += timing.time_of_one(replay.chip, "mac") * macs


def copies_written(network: Network, chip: Chip) -> int:
    """Weights that one update writes: every copy of every synapse."""
    sizes = [weights.size for weights in network.weights]
    return sum(sizes) + (sum(sizes[1:]) if chip.copies == 2 else 0)


def _steps(replay: Replay) -> dict[str, int]:
    """Time steps of each phase; an update takes one, as its barrier."""
    steps = {FREE: 0, NUDGED: 0, UPDATE: 1, INFERENCE: replay.inference.problem.steps}
    run = replay.training.run
    for phase, name in zip(run.phases, run.activity.phases, strict=True):
        steps[name] += phase.steps
    return steps


def _all_by(kind: str, seconds: Mapping[str, Sum]) -> dict[str, dict[str, float]]:
    """The time of each phase laid on one kind."""
    return {
        phase: {} if time.figure is None else {kind: time.figure.value}
        for phase, time in seconds.items()
    }
