"""What a run costs, without a report: of a training run, and of a loop of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eqchip.emulator.errors import InputError
from eqchip.emulator.learning.contrast import Changes
from eqchip.emulator.problem.run import Run
from eqchip.emulator.progress import Progress
from eqchip.emulator.training.runs import RunDirectory
from eqchip.hw_reports.document.run import epochs_of
from eqchip.hw_reports.make import Request, replay_of
from eqchip.hw_reports.pricing import timing
from eqchip.hw_reports.pricing.accounts import account
from eqchip.hw_reports.pricing.costs import Cost, Costs, costs, entry_record
from eqchip.hw_reports.pricing.entries import Counts, Entry, core_counts, energy_of
from eqchip.hw_reports.pricing.onchip_update import together, writes
from eqchip.hw_reports.pricing.settle import settle
from eqchip.hw_reports.pricing.timing import PhaseTime
from eqchip.hw_reports.pricing.totals import total
from eqchip.mapping.activity.cores import step_counts
from eqchip.mapping.activity.steps import phase_of_steps
from eqchip.mapping.activity.writes import weight_updates
from eqchip.mapping.kinds import FREE, NUDGED, UPDATE
from eqchip.mapping.placement.mapped import MappedNetwork


def cost_of_training(
    run: RunDirectory, request: Request, progress: Progress | None = None
) -> Costs:
    """What the training of a run cost on a chip; errors as of :func:`eqchip.report`."""
    replayed = replay_of(run, request, progress)
    return costs(replayed, account(replayed), epochs_of(run).rows)


@dataclass(frozen=True, repr=False)
class SampleCost(Cost):
    """The energy and time of a sample of a run, and what they are made of.

    Attributes
    ----------
    energy, seconds : Sum
    entries : list of Entry
        Energy by kind and phase.
    """

    entries: list[Entry]

    def records(self) -> list[dict[str, Any]]:
        """A flat dictionary per figure, for pandas; as :meth:`Costs.records`."""
        return [*self.records_of("sample"), *map(entry_record, self.entries)]


def cost(mapped: MappedNetwork, run: Run, changes: Changes | None = None) -> SampleCost:
    """What a sample of a run costs on the cores of a chip: modelled, not measured.

    Parameters
    ----------
    mapped : MappedNetwork
        From :func:`eqchip.map_network`.
    run : Run
        What :func:`eqchip.run` found of it, in steps of one clock, its input as spikes.
    changes : Changes, optional
        What :func:`eqchip.contrast` made of the run: written once, in every copy of a weight, and
        shared by its samples. Default: nothing is written.

    Returns
    -------
    SampleCost
        Of the mean sample. Nothing that processors do beside the cores is in it.

    Raises
    ------
    InputError
        If the run is that of another network, or has no count of cores.

    Examples
    --------
    >>> import eqchip as eq
    >>> mapped = eq.map_network(eq.Network.dense([8, 6, 4], seed=0), "loihi1-davies")
    >>> run = eq.run(mapped, [[0.5] * 8], coding=eq.Coding(), phases=[eq.Free(10)])
    >>> round(eq.cost(mapped, run).energy.figure.value * 1e6, 1)  # microjoules
    0.4
    """
    if not isinstance(mapped, MappedNetwork):
        raise InputError(
            f"cost: mapped is {type(mapped).__name__}; expected a network on a chip, from "
            "eqchip.map_network"
        )
    if not isinstance(run, Run) or run.cores is None or run.timed is not None:
        raise InputError(
            "cost: the run does not count cores in steps; expected eqchip.run(mapped, ...) of a "
            "mapped network, without timing"
        )
    if run.cores.spikes.shape[1] != mapped.cores:
        raise InputError(
            f"cost: the run counts {run.cores.spikes.shape[1]} cores; expected the "
            f"{mapped.cores} of the mapped network"
        )
    counts, times = _relaxed(mapped, run)
    if changes is not None:
        counts[UPDATE], times[UPDATE] = _written(mapped, changes, run.cores.samples)
    settled = settle(counts, times, mapped.chip, mapped.chips)
    return SampleCost(energy_of(settled.entries), total(settled.seconds.values()), settled.entries)


def _relaxed(mapped: MappedNetwork, run: Run) -> tuple[dict[str, Counts], dict[str, PhaseTime]]:
    """The phases of relaxation."""
    each = step_counts(mapped, run)
    names = np.array(run.activity.phases)[phase_of_steps(run.phases)]
    counts: dict[str, Counts] = {}
    times: dict[str, PhaseTime] = {}
    for phase in (FREE, NUDGED):
        rows = names == phase
        if not rows.any():
            continue
        counts[phase] = core_counts(run.cores, phase)
        counts[phase]["barrier"] = np.array([float(rows.sum() * each.substeps)])
        times[phase] = timing.relaxation(each, mapped.routes, mapped.chip, mapped.tiles, rows)
    first = next(iter(counts))
    counts[first]["reset"] = np.ones(mapped.cores)  # a sample starts from states of 0
    return counts, times


def _written(mapped: MappedNetwork, changes: Changes, samples: int) -> tuple[Counts, PhaseTime]:
    """An update of all weights, a share of it for each sample."""
    done = weight_updates(mapped, changes)
    whole = writes(done.attempted, done.attempted, done.applied)
    lasting = together([timing.update(whole, mapped.chip, mapped.tiles)], 1.0 / samples)
    counts: Counts = {kind: count / samples for kind, count in whole.items()}
    counts["barrier"] = np.array([1.0 / samples])
    return counts, lasting
