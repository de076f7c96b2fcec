"""A measured run of others, priced as our own runs are.

What happened is counted from the anchor's description (:mod:`eqchip.mapping.anchors.census`), at
the low, nominal and high end of every range that is not known; each count is priced with the chip
file's figures of that end, so the band holds both::

    low  = low counts x low figures,    high = high counts x high figures
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eqchip.hw_reports.pricing import timing
from eqchip.hw_reports.pricing.entries import Counts, energy_of
from eqchip.hw_reports.pricing.onchip_update import together, writes
from eqchip.hw_reports.pricing.settle import Settled, settle
from eqchip.hw_reports.pricing.timing import PhaseTime
from eqchip.hw_reports.pricing.totals import Sum, banded, total
from eqchip.mapping import kinds
from eqchip.mapping.anchors.anchor import Contains
from eqchip.mapping.anchors.census import Census, census
from eqchip.mapping.anchors.described import HIGH, LOW, NOMINAL, Described
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.kinds import (
    CROSSINGS,
    FREE,
    HOPS,
    HOST,
    ON_CORES,
    PHASES,
    UPDATE,
    WRITES,
    counts_of,
    names_of,
)

# Kinds whose energy a measurement contains.
_CONTAINED: dict[Contains, tuple[str, ...]] = {
    "all": tuple(kinds.EVENTS),
    "dynamic": tuple(name for name in kinds.EVENTS if name != "static"),
    "cores": names_of(*ON_CORES, HOPS, CROSSINGS, WRITES),
}


class Priced(NamedTuple):
    """What the model says of a described run: a sample's energy, of what was measured, and time.

    ``by_kind``: nominal joules of each kind of event, and ``spent``: nominal seconds.
    """

    energy: Sum
    time: Sum
    by_kind: dict[str, float]
    spent: dict[str, float]


def price_run(described: Described, contains: Contains, chip: Chip) -> Priced:
    """Price a described run on a chip."""
    ends = [settled(census(described, chip, level), chip) for level in (LOW, NOMINAL, HIGH)]
    names = _CONTAINED[contains]
    energies = [energy_in(one, contains) for one in ends]
    times = [total(one.seconds.values()) for one in ends]
    by_kind: dict[str, float] = {}
    for entry in ends[NOMINAL].entries:
        if entry.energy.figure is not None and entry.kind in names:
            by_kind[entry.kind] = by_kind.get(entry.kind, 0.0) + entry.energy.figure.value
    spent: dict[str, float] = {}
    for of_phase in ends[NOMINAL].critical.values():
        for kind, seconds in of_phase.items():
            spent[kind] = spent.get(kind, 0.0) + seconds
    return Priced(_over(energies, "J"), _over(times, "s"), by_kind, spent)


def energy_in(done: Settled, contains: Contains) -> Sum:
    """The energy of an account, as far as a measurement contains it."""
    return total(energy_of(done.entries, PHASES, kind) for kind in _CONTAINED[contains])


def settled(found: Census, chip: Chip) -> Settled:
    """The account of a census: all its steps, then its learning epochs."""
    steps = np.ones(found.steps, bool)
    tiles = found.tiles * found.chips
    did = timing.relaxation(found.counts, found.sent.routes, chip, tiles, steps)
    of_cores = {
        **counts_of(found.counts, ON_CORES, per=lambda n: n.sum(axis=(0, 1))),
        **counts_of(found.sent, (HOPS, CROSSINGS), per=lambda n: n.sum(axis=0)),
    }
    running: Counts = {kind: np.atleast_1d(n) * found.chips for kind, n in of_cores.items()}
    running["barrier"] = np.array([float(found.steps)])
    running["management"] = np.array([found.managed])
    for kind, count in zip(names_of(HOST), (found.host_messages, found.host_bytes), strict=True):
        running[kind] = np.array([count])
    if found.resets:
        running["reset"] = np.ones(found.counts.updates_active.shape[-1] * found.chips)
    counts, times = {FREE: running}, {FREE: did}
    epochs = len(found.writes.visited)
    if epochs:
        counts[UPDATE], times[UPDATE] = _learning(found, chip, tiles)
    return settle(counts, times, chip, found.chips)


def _learning(found: Census, chip: Chip, tiles: int) -> tuple[Counts, PhaseTime]:
    """All learning epochs: they end with the step's own barrier."""
    each = [writes(*of_epoch) for of_epoch in zip(*found.writes, strict=True)]
    alone = [timing.update(one, chip, tiles, waits=False) for one in each]
    counts: Counts = {
        kind: np.sum([one[kind] for one in each], axis=0) * found.chips for kind in each[0]
    }
    counts["learning_epoch"] = np.array([float(len(each))])
    counts["management"] = np.zeros(1)  # that of the step
    return counts, together(alone, 1.0)


def _over(ends: list[Sum], unit: str) -> Sum:
    """The low of the low end, the nominal of the nominal, the high of the high."""
    lacks = tuple(dict.fromkeys(name for one in ends for name in one.lacks))
    low, middle, high = (one.figure for one in ends)
    if low is None or middle is None or high is None:
        return Sum(None, lacks)
    return Sum(banded((low.low, middle.value, high.high), unit), lacks)
