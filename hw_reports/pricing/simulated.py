"""The time of an asynchronous run: simulated time, and what it rests on.

A run says how many nominal periods each phase took; seconds come from the period alone::

    phase  = nominal periods simulated x seconds of a nominal period
    period = as the user gives it, or else
             max over phases of (work of the busiest core or link in the phase / its periods)
    work   = sum over kinds of count x time of one, over all of a phase (the kinds of `timing`)
    load   = work / phase

The default is :func:`eqchip.mapping.placement.clocks.nominal_period` with the counts of the run
itself in place of rates: the shortest period that the busiest core keeps in every phase. Its low,
nominal and high value are computed each with the low, nominal and high times. There is no barrier
in it and no maximum over single steps; what these take in the synchronous model is told apart::

    time in steps = sum over steps of (max(core, link) + barrier)
                  = work + waiting for the slowest of each step + barriers
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from eqchip.hw_reports.pricing.figure import Figure
from eqchip.hw_reports.pricing.timing import (
    NOMINAL,
    SECONDS,
    PhaseTime,
    core_counts,
    time_of_one,
)
from eqchip.hw_reports.pricing.totals import Sum, banded
from eqchip.mapping.activity.steps import StepCounts
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.placement.clocks import (
    HOP_KINDS,
    LEVELS,
    busy,
    by_stage,
    link_seconds,
    seconds_of,
    stage_of,
)
from eqchip.mapping.placement.route import Routes

PERIOD_TIME = "nominal period time"  # the name of what is not known
IDLE, PERIOD = "idle", "period"  # what a simulated time is spent on, beside events
# Where the seconds of a period are from: the user, the busiest core or link of the run, the chip's
# own time step, or nowhere, since the chip handles events one after the other.
Origin = Literal["given", "busiest", "step", "events", "unknown"]


@dataclass(frozen=True, eq=False)
class Work:
    """What the busiest core and the busiest link of a phase have to do; for one sample, the mean.

    Attributes
    ----------
    core, link : Figure
        Seconds; low, nominal and high each of its own busiest.
    busiest : int or None
        The core with the most nominal work.
    cores : ndarray of float64, shape (cores,)
        Nominal seconds of each core.
    kinds : dict of str to float
        Nominal seconds of the busiest core by kind of event; of the busiest link if that has
        more to do.
    lacks : tuple of str
        Times of events that happened and that nobody knows.
    """

    core: Figure
    link: Figure
    busiest: int | None
    cores: np.ndarray
    kinds: dict[str, float]
    lacks: tuple[str, ...]

    @property
    def most(self) -> Figure:
        """The larger of core and link."""
        return banded(
            [max(getattr(self.core, x), getattr(self.link, x)) for x in ("low", "value", "high")],
            SECONDS,
        )


@dataclass(frozen=True, eq=False)
class Period:
    """The seconds of a nominal period; `phase`: the one whose work it is, if it is one's."""

    seconds: Sum
    origin: Origin
    phase: str | None = None


def work(counts: StepCounts, routes: Routes, chip: Chip, rows: np.ndarray) -> Work:
    """What there is to do in those rows of a run; arguments as for `timing.relaxation`."""
    samples = counts.updates_active.shape[1]
    kinds = {
        kind: count[rows].sum(axis=(0, 1)) / samples for kind, count in core_counts(counts).items()
    }
    crossed = counts.links[rows].sum(axis=(0, 1)) / samples
    hop_kinds = [HOP_KINDS[link.direction] for link in routes.links]
    core, link = np.zeros(3), np.zeros(3)
    for level in LEVELS:
        by_core = busy(kinds, chip, level)
        by_link = crossed * link_seconds(routes, chip, level)
        core[level], link[level] = by_core.max(), by_link.max(initial=0.0)
        if level == NOMINAL:
            cores, first = by_core, int(by_core.argmax())
            stages = by_stage(kinds, chip, level)
            longest = max(stages, key=lambda stage: stages[stage][first])
            spent = {
                kind: n[first] * seconds_of(chip, kind).value
                for kind, n in kinds.items()
                if stage_of(chip, kind) == longest
            }
            if link[level] > core[level]:
                spent = {hop_kinds[int(by_link.argmax())]: float(link[level])}
    happened = [kind for kind, count in kinds.items() if count.any()]
    happened += sorted({kind for kind, n in zip(hop_kinds, crossed, strict=True) if n})
    happened += ["chip_crossing"] if crossed[routes.crossing].any() else []
    return Work(
        banded(core, SECONDS),
        banded(link, SECONDS),
        first if cores.any() else None,
        cores,
        {kind: float(seconds) for kind, seconds in spent.items() if seconds},
        tuple(name for kind in happened for name in time_of_one(chip, kind).lacks),
    )


def period_of(
    works: Mapping[str, Work], periods: Mapping[str, float], given: float | None
) -> Period:
    """The nominal period in seconds.

    Parameters
    ----------
    works : mapping of phase to Work
    periods : mapping of phase to float
        Nominal periods simulated in each, above 0.
    given : float or None
        Seconds, if the user says.
    """
    if given is not None:
        return Period(Sum(banded([given] * 3, SECONDS)), "given")
    lacks = tuple(dict.fromkeys(name for one in works.values() for name in one.lacks))
    each = {phase: one.most * (1.0 / periods[phase]) for phase, one in works.items()}
    busiest = max(each, key=lambda phase: each[phase].value)
    if not each[busiest].value:
        return Period(Sum(None, (PERIOD_TIME,)), "unknown")
    levels = [max(getattr(one, x) for one in each.values()) for x in ("low", "value", "high")]
    return Period(Sum(banded(levels, SECONDS), lacks), "busiest", busiest)


def phase_time(done: Work, periods: float, period: Period, rows: np.ndarray) -> PhaseTime:
    """The time of a phase; in `critical`, what the time of its busiest core goes into.

    Of a given period nothing is laid on kinds of events: it does not follow from them.
    """
    total = period.seconds * periods
    critical: dict[str, float] = {}
    if total.figure is not None:
        critical = {PERIOD: total.figure.value}
        if period.origin == "busiest":
            idle = max(total.figure.value - done.most.value, 0.0)
            critical = {**done.kinds, **({IDLE: idle} if idle else {})}
    return PhaseTime(
        total, done.core, done.link, None, {}, critical, done.busiest, done.cores, {}, rows
    )
