"""From a replay to its accounts: what was counted, what it costs, how long it takes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from eqchip.hw_reports.counting.replay import Replay
from eqchip.hw_reports.pricing import injection, processors, readout, simulated, timing
from eqchip.hw_reports.pricing.account_types import Accounts, Cores, Simulated
from eqchip.hw_reports.pricing.entries import PARTIAL_SUM, Counts, core_counts
from eqchip.hw_reports.pricing.injection import INPUT_MESSAGE, Injected
from eqchip.hw_reports.pricing.onchip_update import learning_of, update_on_chip
from eqchip.hw_reports.pricing.phases import (
    barriers_of,
    inject,
    periods_of,
    rows_of,
    step_counts_of,
)
from eqchip.hw_reports.pricing.readout import READ_OUT_MESSAGE, Told
from eqchip.hw_reports.pricing.settle import Aside, settle
from eqchip.hw_reports.pricing.signals import SIGNAL, Signals, signals
from eqchip.hw_reports.pricing.simulated import Work
from eqchip.hw_reports.pricing.timing import PhaseTime
from eqchip.hw_reports.pricing.without_cores import by_events, of_arithmetic
from eqchip.mapping.activity.cores import CoreActivity, core_activity
from eqchip.mapping.kinds import FREE, INFERENCE, NUDGED, UPDATE
from eqchip.mapping.placement.mapped import MappedNetwork


def account(replay: Replay) -> Accounts:
    """Count and price a replay."""
    in_steps = None if replay.step_time is None else account(replay.step_time)
    if replay.mapped is not None:
        return _on_cores(replay, replay.mapped, in_steps)
    if replay.chip.model == "arithmetic":
        return of_arithmetic(replay, replay.chip)
    return by_events(replay, in_steps)


def _on_cores(replay: Replay, mapped: MappedNetwork, in_steps: Accounts | None) -> Accounts:
    mode = replay.config.input
    training, inference = replay.once(
        "cores",
        lambda: [
            core_activity(mapped, one.run, mode) for one in (replay.training, replay.inference)
        ],
    )
    update = (
        update_on_chip(replay, mapped) if replay.written is None else learning_of(replay, mapped)
    )
    cores, barriers = mapped.cores, barriers_of(replay)
    counts: dict[str, Counts] = {
        FREE: core_counts(training, FREE),
        NUDGED: core_counts(training, NUDGED),
        UPDATE: update.counts,
        INFERENCE: core_counts(inference),
    }
    exchanged, once = readout.on_cores(replay, mapped), injection.on_cores(replay, mapped)
    found = None if replay.written is None else signals(replay.config, mapped)
    verdict = None if found is None else found.verdict
    for phase, kinds in counts.items():
        more = update.barriers if phase == UPDATE else 0.0
        if verdict is not None and phase == FREE:
            more += 1.0
            kinds["update_inactive"] = kinds["update_inactive"] + verdict.compared
        more += exchanged[phase].steps if phase in exchanged else 0
        more += phase in once  # the step in which the input is sent
        kinds["barrier"] = np.array([float(barriers[phase]) + more])
        if phase in (FREE, INFERENCE):  # every sample starts from states of 0
            kinds["reset"] = np.ones(cores)
        kinds |= processors.beside(replay, mapped, phase, kinds["barrier"])
    if not once:
        inject(replay, counts)
    if in_steps is None:
        relaxing, told = _step_times(replay, mapped), None
    else:
        relaxing, told = _simulated_times(replay, mapped, in_steps)
    times = {phase: update.time if phase == UPDATE else relaxing[phase] for phase in counts}
    asides = _asides(found, exchanged, once)
    settled = settle(counts, times, replay.chip, mapped.chips, asides)
    if mapped.gatherers:
        _count_sums(counts, training, inference)
    return Accounts(
        counts,
        settled.entries,
        settled.seconds,
        settled.critical,
        Cores(training, inference, update.updates, times),
        told,
        update.learned,
        found,
        exchanged,
    )


def _count_sums(counts: dict[str, Counts], training: CoreActivity, inference: CoreActivity) -> None:
    """Add the partial sums: priced among spikes, messages, updates and synaptic events."""
    phases = np.array(training.phases)
    for phase, found, rows in (
        (FREE, training, phases == FREE),
        (NUDGED, training, phases == NUDGED),
        (INFERENCE, inference, np.ones(len(inference.phases), bool)),
    ):
        counts[phase][PARTIAL_SUM] = found.partial_sums[rows].sum(axis=0) / found.samples


def _asides(
    told: Signals | None, exchanged: Mapping[str, Told], once: Mapping[str, Injected]
) -> list[Aside]:
    """Signals of phases, what a read-out exchanges, and an input that is injected."""
    found = []
    if told is not None:
        for phase in told.rounds:
            found.append(Aside(phase, SIGNAL, told.time_of(phase), [told.entry(phase)]))
    for phase, one in exchanged.items():
        found.append(Aside(phase, READ_OUT_MESSAGE, one.time, one.entries(phase)))
    for phase, sent in once.items():
        found.append(Aside(phase, INPUT_MESSAGE, sent.time, sent.entries(phase)))
    return found


def _step_times(replay: Replay, mapped: MappedNetwork) -> dict[str, PhaseTime]:
    tiles, routes = mapped.tiles, mapped.routes
    counts, rows = step_counts_of(replay, mapped), rows_of(replay)
    return {
        phase: timing.relaxation(counts[phase], routes, replay.chip, tiles, rows[phase])
        for phase in counts
    }


def _simulated_times(
    replay: Replay, mapped: MappedNetwork, in_steps: Accounts
) -> tuple[dict[str, PhaseTime], Simulated]:
    assert replay.step_time is not None and replay.timing is not None
    works, step_works = _works(replay, mapped), _works(replay.step_time, mapped)
    periods, rows = periods_of(replay), rows_of(replay)
    period = simulated.period_of(works, periods, replay.timing.period)
    times = {
        phase: simulated.phase_time(done, periods[phase], period, rows[phase])
        for phase, done in works.items()
    }
    return times, Simulated(period, periods, works, step_works, in_steps)


def _works(replay: Replay, mapped: MappedNetwork) -> dict[str, Work]:
    counts, rows = step_counts_of(replay, mapped), rows_of(replay)
    return {
        phase: simulated.work(counts[phase], mapped.routes, replay.chip, rows[phase])
        for phase in counts
    }
