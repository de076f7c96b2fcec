"""The energy of a sample: by kind of event, by phase and by core.

::

    energy = sum over kinds of count x marginal energy
           + static power of all chips x time
           + reset of all cores in use, once per sample
           + barrier, once per time step, where its energy is known

A kind that happened and has no price in the chip file is unknown: it is named by every total
that lacks it. Low, nominal and high values are summed each by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eqchip.emulator.activity import Activity
from eqchip.hw_reports.pricing.figure import Figure, price, static_power
from eqchip.hw_reports.pricing.timing import TIME
from eqchip.hw_reports.pricing.totals import Sum, banded, lacking, total
from eqchip.mapping import kinds
from eqchip.mapping.activity.cores import CoreActivity
from eqchip.mapping.chip_file.addresses import StaticPart
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.kinds import INFERENCE, PHASES, TRAINING, counts_of

STATIC, MANAGEMENT_POWER = "static", "management_power"  # powers, and no events
PARTIAL_SUM = "partial_sum"  # made of other kinds, which have its prices
MANAGED = "management"  # the kind of the steps in which embedded processors take part
# What costs are summed over: a training sample, and an inference.
SUMS: tuple[tuple[str, Sequence[str]], ...] = (
    ("training", TRAINING),
    ("inference", (INFERENCE,)),
)

Counts = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Entry:
    """The energy of one kind of event in one phase, for one sample.

    Attributes
    ----------
    kind, phase : str
    count : float or None
        Events per sample; None for static power, which is counted in time.
    energy : Sum
    why : str or None
        Why the energy is not known, or which figure contains it already.
    cores : ndarray of float or None
        Events per core; None where they belong to no core.
    """

    kind: str
    phase: str
    count: float | None
    energy: Sum
    why: str | None = None
    cores: np.ndarray | None = None

    @classmethod
    def of(cls, kind: str, phase: str, count: float | None, energy: Sum) -> Entry:
        """An entry that says what its energy lacks, where it is not known."""
        why = None if energy.figure is not None else ", ".join(energy.lacks)
        return cls(kind, phase, count, energy, why)


def core_counts(activity: CoreActivity, name: str | None = None) -> Counts:
    """What every core did in the phases of one name, per sample: kind -> count per core.

    ``name`` None: in all phases. A message and its hops belong to the core that sends it.
    Crossings to another chip are not counted per core: theirs is an array of length 1. A partial
    sum is sent as a spike is, and counts as one.
    """
    rows = _rows(activity.phases, name)
    found = counts_of(activity, per=lambda n: n[rows].sum(axis=0) / activity.samples)
    found["spike"] = found["spike"] + found.pop(PARTIAL_SUM)
    return {kind: np.atleast_1d(count) for kind, count in found.items()}


def layer_counts(activity: Activity, name: str | None = None) -> Counts:
    """As :func:`core_counts` for a chip without a model of its cores, in one number per kind."""
    rows = _rows(activity.phases, name)
    return counts_of(activity, per=lambda n: np.array([n[rows].sum() / activity.samples]))


def _rows(phases: Sequence[str], name: str | None) -> list[int]:
    return [k for k, phase in enumerate(phases) if name in (None, phase)]


def entries(
    counts: Mapping[str, Counts],
    times: Mapping[str, Sum],
    chip: Chip,
    chips: int = 1,
    priced: Iterable[Entry] = (),
) -> list[Entry]:
    """The energy of every kind in every phase.

    Parameters
    ----------
    counts : mapping of phase to Counts
        Per sample.
    times : mapping of phase to Sum
        Seconds per sample.
    chip : Chip
    chips : int
        All of them draw static power.
    priced : iterable of Entry
        What has its energy already, to be listed with the rest.

    Raises
    ------
    InputError
        For a kind that :mod:`eqchip.mapping.kinds` does not have.
    """
    found = list(priced)
    for phase, counted in counts.items():
        for kind, count in counted.items():
            if (
                "energy" in kinds.event(kind).prices
            ):  # what only takes time has no energy of its own
                found.append(_marginal(kind, phase, count, chip))
        found += _standing(phase, times[phase], chip, chips)
        if MANAGED in counted:
            found += _power(MANAGEMENT_POWER, "management", phase, times[phase], chip, chips)
    return sorted(found, key=lambda one: (kinds.order(one.kind), PHASES.index(one.phase)))


def energy_of(
    found: Iterable[Entry], phases: Sequence[str] = PHASES, kind: str | None = None
) -> Sum:
    """The energy of some phases, of one kind or of all."""
    return total(
        entry.energy for entry in found if entry.phase in phases and kind in (None, entry.kind)
    )


def kinds_of(found: Iterable[Entry]) -> list[str]:
    """The kinds in the order of tables."""
    return sorted({entry.kind for entry in found}, key=kinds.order)


def by_core(found: Iterable[Entry], phases: Sequence[str], chip: Chip, cores: int) -> np.ndarray:
    """Nominal joules per core and sample: what belongs to a core, without static power."""
    joules = np.zeros(cores)
    for entry in found:
        coefficient = chip.energy.get(entry.kind)
        if entry.phase not in phases or entry.cores is None or coefficient is None:
            continue
        if len(entry.cores) == cores:
            joules += entry.cores * coefficient.si.value
    return joules


def _marginal(kind: str, phase: str, count: np.ndarray, chip: Chip) -> Entry:
    events = float(count.sum())
    figure = price({kind: events}, chip)[kind]
    if figure is None:
        lacks = Sum(None, (lacking(kind, "energy"),))
        return Entry(kind, phase, events, lacks, chip.why_unknown(f"energy.{kind}"), count)
    return Entry(kind, phase, events, Sum(figure), chip.why_free(f"energy.{kind}"), count)


def _standing(phase: str, time: Sum, chip: Chip, chips: int) -> list[Entry]:
    """What is drawn as long as a phase lasts: static power, and the cycles of a clock."""
    found = _power(STATIC, "chip", phase, time, chip, chips)
    cycle = chip.energy.get("clock_cycle")
    if cycle is not None and chip.clock is not None:
        clock = chip.clock.si
        watts = banded(np.multiply(cycle.si, clock), "W") * chips
        cycles = None if time.figure is None else time.figure.value * clock.value
        found.append(_standing_entry("clock_cycle", phase, cycles, time, watts))
    return found


def _power(
    kind: str, part: StaticPart, phase: str, time: Sum, chip: Chip, chips: int
) -> list[Entry]:
    """A power that is drawn all the time; none where it is part of another, or there is none."""
    power, address = static_power(chip, chips, part), f"static_power.{part}"
    if power is not None:
        return [_standing_entry(kind, phase, None, time, power)]
    if chip.why_free(address) is not None:
        return []
    lacks = Sum(None, (lacking(kind.removesuffix("_power"), "energy"),))
    return [Entry(kind, phase, None, lacks, chip.why_unknown(address))]


def _standing_entry(kind: str, phase: str, count: float | None, time: Sum, power: Figure) -> Entry:
    energy = drawn(time, power, kind.removesuffix("_power").replace("_", " "))
    return Entry(kind, phase, count, energy, None if energy.figure else "the time is not known")


def drawn(time: Sum, power: Figure, label: str = STATIC) -> Sum:
    """The energy of a power over a time: lows with lows, highs with highs."""
    lacks = tuple(f"{label} energy during {name.removesuffix(' time')}" for name in time.lacks)
    if time.figure is None:
        return Sum(None, (f"{label} energy",) if time.lacks == (TIME,) else lacks)
    joules = Figure(
        power.low * time.figure.low,
        power.value * time.figure.value,
        power.high * time.figure.high,
        "J",
    )
    return Sum(joules, lacks)
