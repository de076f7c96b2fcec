"""From what happened in every phase to its energy and time: the last step of every account.

Our own runs and the measured runs of others (:mod:`eqchip.hw_reports.pricing.census`) come through
here, so that one model prices both::

    time of a phase = its steps or its update on the cores           (``timing``)
                    + reset + products of an input current
                    + what processors and host do, one after the other
                    + what comes with its own time (signals of phases, a read-out)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from eqchip.hw_reports.pricing.entries import Counts, Entry, entries
from eqchip.hw_reports.pricing.timing import PhaseTime, time_of_one
from eqchip.hw_reports.pricing.totals import Sum, total
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.kinds import HOST, PROCESSORS, names_of

AT_ONCE = "reset"  # of all cores together: it takes the time of one
MACS = "mac"
IN_TURN = (AT_ONCE, MACS, *names_of(PROCESSORS, HOST))


class Aside(NamedTuple):
    """What comes with its energy and its time, beside the events of a phase."""

    phase: str
    kind: str  # that its time is laid on
    time: Sum
    entries: list[Entry]


class Settled(NamedTuple):
    """Energy by kind and phase, time of each phase, and what of it is spent on each kind."""

    entries: list[Entry]
    seconds: dict[str, Sum]
    critical: dict[str, dict[str, float]]


def settle(
    counts: dict[str, Counts],
    times: Mapping[str, PhaseTime],
    chip: Chip,
    chips: int = 1,
    asides: Sequence[Aside] = (),
) -> Settled:
    """Price all phases on a chip of cores.

    Parameters
    ----------
    counts : dict of phase to Counts
        Per sample. What comes with its energy is added to them.
    times : mapping of phase to PhaseTime
        On the cores.
    chip : Chip
    chips : int
    asides : sequence of Aside
    """
    seconds: dict[str, Sum] = {}
    critical: dict[str, dict[str, float]] = {}
    for phase, kinds in counts.items():
        alone = in_turn(kinds, chip)
        seconds[phase] = total([times[phase].total, *alone.values()])
        spent = {kind: one.figure.value for kind, one in alone.items() if one.figure}
        critical[phase] = {**times[phase].critical, **{k: v for k, v in spent.items() if v}}
    for one in asides:
        seconds[one.phase] += one.time
        if one.time.figure is not None:
            critical[one.phase][one.kind] = one.time.figure.value
    priced = [entry for one in asides for entry in one.entries]
    listed = entries(counts, seconds, chip, chips, priced)
    count_kinds(priced, counts)
    return Settled(listed, seconds, critical)


def in_turn(kinds: Counts, chip: Chip) -> dict[str, Sum]:
    """The time of what happens while no core works on a step, by kind; of what takes any."""
    found = {}
    for kind in IN_TURN:
        if kind not in kinds or not kinds[kind].any() or chip.why_free(f"time.{kind}") is not None:
            continue
        times = 1.0 if kind == AT_ONCE else float(kinds[kind].sum())
        found[kind] = time_of_one(chip, kind) * times
    return found


def count_kinds(told: Sequence[Entry], counts: dict[str, Counts]) -> None:
    """Add what came with its energy to the counts that had to be priced."""
    for entry in told:
        counts[entry.phase][entry.kind] = np.array([entry.count])
