"""From a replay to its accounts: what was counted, what it costs, how long it takes."""

from __future__ import annotations

import numpy as np

from eqchip.hw_reports.counting.replay import Replay
from eqchip.hw_reports.pricing import readout, simulated, timing
from eqchip.hw_reports.pricing.account_types import Accounts, Cores, Simulated
from eqchip.hw_reports.pricing.entries import Counts, Entry, core_counts, entries
from eqchip.hw_reports.pricing.onchip_update import learning_of, update_on_chip
from eqchip.hw_reports.pricing.phases import (
    barriers_of,
    count_kinds,
    inject,
    periods_of,
    rows_of,
    step_counts_of,
)
from eqchip.hw_reports.pricing.readout import READ_OUT_MESSAGE
from eqchip.hw_reports.pricing.signals import SIGNAL, signals
from eqchip.hw_reports.pricing.simulated import Work
from eqchip.hw_reports.pricing.timing import PhaseTime
from eqchip.hw_reports.pricing.without_cores import by_events, of_arithmetic
from eqchip.mapping.activity.cores import core_activity
from eqchip.mapping.kinds import FREE, INFERENCE, NUDGED, UPDATE
from eqchip.mapping.placement.mapped import MappedNetwork


def account(replay: Replay) -> Accounts:
    """Count and price a replay."""
    if replay.mapped is not None:
        return _on_cores(replay, replay.mapped)
    if replay.chip.model == "arithmetic":
        return of_arithmetic(replay, replay.chip)
    return by_events(replay)


def _on_cores(replay: Replay, mapped: MappedNetwork) -> Accounts:
    mode = replay.config.input
    training = core_activity(mapped, replay.training.run, mode)
    inference = core_activity(mapped, replay.inference.run, mode)
    update = (
        update_on_chip(replay, mapped) if replay.written is None else learning_of(replay, mapped)
    )
    cores, barriers = len(mapped.parts), barriers_of(replay)
    counts: dict[str, Counts] = {
        FREE: core_counts(training, FREE),
        NUDGED: core_counts(training, NUDGED),
        UPDATE: update.counts,
        INFERENCE: core_counts(inference),
    }
    exchanged = readout.on_cores(replay, mapped)
    for phase, kinds in counts.items():
        more = update.barriers if phase == UPDATE else 0.0
        more += exchanged[phase].steps if phase in exchanged else 0
        kinds["barrier"] = np.array([float(barriers[phase]) + more])
        if phase in (FREE, INFERENCE):  # every sample starts from states of 0
            kinds["reset"] = np.ones(cores)
    if replay.timing is None:
        relaxing, told = _step_times(replay, mapped), None
    else:
        relaxing, told = _simulated_times(replay, mapped, replay.timing.period)
    times = {phase: update.time if phase == UPDATE else relaxing[phase] for phase in counts}
    before = timing.reset(replay.chip)
    seconds = {
        phase: time.total + before if phase in (FREE, INFERENCE) else time.total
        for phase, time in times.items()
    }
    inject(replay, counts, seconds)
    critical = {phase: dict(time.critical) for phase, time in times.items()}
    if before.figure is not None:
        critical[FREE]["reset"] = critical[INFERENCE]["reset"] = before.figure.value
    found = None if replay.written is None else signals(replay.config, mapped)
    told_of: list[Entry] = []
    if found is not None:
        for phase, rounds in found.rounds.items():
            seconds[phase] += found.time * rounds
            if found.time.figure is not None:
                critical[phase][SIGNAL] = found.time.figure.value * rounds
            told_of.append(found.entry(phase))
    for phase, one in exchanged.items():
        seconds[phase] += one.time
        if one.time.figure is not None:
            critical[phase][READ_OUT_MESSAGE] = one.time.figure.value
        told_of += one.entries(phase)
    listed = entries(counts, seconds, replay.chip, mapped.chips, told_of)
    count_kinds(told_of, counts)
    return Accounts(
        counts,
        listed,
        seconds,
        critical,
        Cores(training, inference, update.updates, times),
        told,
        update.learned,
        found,
        exchanged,
    )


def _step_times(replay: Replay, mapped: MappedNetwork) -> dict[str, PhaseTime]:
    tiles, routes = mapped.tiles, mapped.routes
    counts, rows = step_counts_of(replay, mapped), rows_of(replay)
    return {
        phase: timing.relaxation(counts[phase], routes, replay.chip, tiles, rows[phase])
        for phase in counts
    }


def _simulated_times(
    replay: Replay, mapped: MappedNetwork, given: float | None
) -> tuple[dict[str, PhaseTime], Simulated]:
    assert replay.step_time is not None
    works, step_works = _works(replay, mapped), _works(replay.step_time, mapped)
    periods, rows = periods_of(replay), rows_of(replay)
    period = simulated.period_of(works, periods, given)
    times = {
        phase: simulated.phase_time(done, periods[phase], period, rows[phase])
        for phase, done in works.items()
    }
    return times, Simulated(period, periods, works, step_works, account(replay.step_time))


def _works(replay: Replay, mapped: MappedNetwork) -> dict[str, Work]:
    counts, rows = step_counts_of(replay, mapped), rows_of(replay)
    return {
        phase: simulated.work(counts[phase], mapped.routes, replay.chip, rows[phase])
        for phase in counts
    }
