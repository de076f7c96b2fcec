"""Chips without cores: priced by totals of events or of arithmetic."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from eqchip.hw_reports.counting.replay import Replay
from eqchip.hw_reports.pricing import baselines, readout, simulated, timing
from eqchip.hw_reports.pricing.account_types import Accounts, Simulated
from eqchip.hw_reports.pricing.entries import Counts, entries, layer_counts
from eqchip.hw_reports.pricing.phases import (
    copies_written,
    inject,
    periods_of,
    steps_of,
)
from eqchip.hw_reports.pricing.settle import count_kinds, in_turn
from eqchip.hw_reports.pricing.simulated import PERIOD, PERIOD_TIME, Period
from eqchip.hw_reports.pricing.timing import TIME
from eqchip.hw_reports.pricing.totals import Sum, total
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.kinds import FREE, INFERENCE, NUDGED, UPDATE


def by_events(replay: Replay, in_steps: Accounts | None = None) -> Accounts:
    """The account of a chip whose file knows totals of events only.

    ``in_steps``: with a timing, that of the same samples in time steps.
    """
    training, inference = replay.training.run.activity, replay.inference.run.activity
    written = float(copies_written(replay.config, replay.chip))
    counts: dict[str, Counts] = {
        FREE: layer_counts(training, FREE),
        NUDGED: layer_counts(training, NUDGED),
        UPDATE: {"weight_update": np.array([written])},
        INFERENCE: layer_counts(inference),
    }
    exchanged, seconds = readout.by_events(replay), {}
    for phase, steps in steps_of(replay).items():
        if phase == UPDATE:
            continue
        events = float(counts[phase]["synaptic_event"].sum())
        if phase in exchanged:
            steps, events = steps + exchanged[phase].steps, events + exchanged[phase].events
        seconds[phase] = timing.by_events(replay.chip, steps, events)
    seconds[UPDATE] = timing.serial_update(replay.chip, written)
    decides = "step" if "step" in replay.chip.time else "synaptic_event"
    told = None
    if in_steps is not None:
        assert replay.timing is not None
        periods = periods_of(replay)
        period = _period_of_events(replay.chip, replay.timing.period)
        if period.origin == "given":
            seconds |= {phase: period.seconds * n for phase, n in periods.items()}
            decides = PERIOD
        told = Simulated(period, periods, {}, {}, in_steps)
    inject(replay, counts)
    for phase, kinds in counts.items():
        seconds[phase] = total([seconds[phase], *in_turn(kinds, replay.chip).values()])
    critical = _all_by(decides, seconds)
    told_of = [entry for phase, one in exchanged.items() for entry in one.entries(phase)]
    listed = entries(counts, seconds, replay.chip, priced=told_of)
    count_kinds(told_of, counts)
    return Accounts(counts, listed, seconds, critical, None, told, readout=exchanged)


def _period_of_events(chip: Chip, given: float | None) -> Period:
    """The nominal period of a chip without a model of its cores."""
    if given is not None:
        return simulated.period_of({}, {}, given)
    if "step" in chip.time:
        return Period(timing.time_of_one(chip, "step"), "step")
    return Period(
        Sum(None, (PERIOD_TIME,)), "events" if "synaptic_event" in chip.time else "unknown"
    )


def of_arithmetic(replay: Replay, chip: Chip) -> Accounts:
    """The same sample on a processor that knows only operations and memory accesses."""
    counts = baselines.dense_counts(replay.config, chip)
    seconds = {phase: Sum(None, (TIME,)) for phase in counts}
    return Accounts(
        counts, entries(counts, seconds, chip), seconds, {phase: {} for phase in counts}, None
    )


def _all_by(kind: str, seconds: Mapping[str, Sum]) -> dict[str, dict[str, float]]:
    """The time of each phase laid on one kind."""
    return {
        phase: {} if time.figure is None else {kind: time.figure.value}
        for phase, time in seconds.items()
    }
