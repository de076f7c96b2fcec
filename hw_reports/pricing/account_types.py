"""What an account of a run on a chip holds."""

from __future__ import annotations

from dataclasses import dataclass, field

from eqchip.hw_reports.pricing.entries import (
    Counts,
    Entry,
)
from eqchip.hw_reports.pricing.epochs import Learned
from eqchip.hw_reports.pricing.readout import Told
from eqchip.hw_reports.pricing.signals import Signals
from eqchip.hw_reports.pricing.simulated import Period, Work
from eqchip.hw_reports.pricing.timing import PhaseTime
from eqchip.hw_reports.pricing.totals import Sum
from eqchip.mapping.activity.cores import CoreActivity
from eqchip.mapping.activity.writes import WeightUpdates


@dataclass(frozen=True, eq=False)
class Cores:
    """What a mapped network did, core by core.

    Attributes
    ----------
    training, inference : CoreActivity
    updates : WeightUpdates
        Of all training samples together, one update of all weights for each. Where the chip
        learned, the synapses that its products are written to; those applied and saturated are
        shares of them, as counted in the last epoch.
    times : dict of phase to PhaseTime
    """

    training: CoreActivity
    inference: CoreActivity
    updates: WeightUpdates
    times: dict[str, PhaseTime]


@dataclass(frozen=True, eq=False)
class Simulated:
    """How the times of an asynchronous run were got, and the same run in step time.

    Attributes
    ----------
    period : Period
    periods : dict of phase to float
        Nominal periods simulated, of one sample.
    works : dict of phase to Work
        Empty where nothing is known of cores, as `step_works`.
    step_works : dict of phase to Work
        Of the synchronous run.
    step_time : Accounts
        All of the synchronous run.
    """

    period: Period
    periods: dict[str, float]
    works: dict[str, Work]
    step_works: dict[str, Work]
    step_time: Accounts


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
        What decides the time; see :class:`eqchip.hw_reports.pricing.timing.PhaseTime`.
    cores : Cores or None
    simulated : Simulated or None
        Of an asynchronous run.
    learned : Learned or None
        Of a run that learned on the chip.
    signals : Signals or None
        Of such a run, too.
    readout : dict of phase to Told
        What a read-out outside the dynamics exchanges; empty if there is none.
    """

    counts: dict[str, Counts]
    entries: list[Entry]
    seconds: dict[str, Sum]
    critical: dict[str, dict[str, float]]
    cores: Cores | None
    simulated: Simulated | None = None
    learned: Learned | None = None
    signals: Signals | None = None
    readout: dict[str, Told] = field(default_factory=dict)
