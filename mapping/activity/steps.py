"""What every core did at every step."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.description.modes import InputMode
from eqchip.emulator.description.phases import Free, Phase
from eqchip.emulator.description.timed import Timed
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.run import Run
from eqchip.mapping.placement.mapped import MappedNetwork


class StepCounts(NamedTuple):
    """What every core and link did in every step, for every sample: what time is made of.

    Shapes (steps, batch, cores), int64, and of ``links`` (steps, batch, links). ``phase``:
    int64, shape (steps,), the phase of each step. ``substeps``: how many steps of the chip a time
    step of the network takes; then there are so many rows for each, one after the other.
    """

    phase: np.ndarray
    updates_active: np.ndarray
    updates_inactive: np.ndarray
    synaptic_events: np.ndarray
    messages_sent: np.ndarray
    messages_received: np.ndarray
    links: np.ndarray
    substeps: int = 1

    @property
    def spikes(self) -> np.ndarray:
        """As many as there are active updates."""
        return self.updates_active


def phase_of_steps(phases: tuple[Phase, ...]) -> np.ndarray:
    """The phase of every step run, int64, shape (steps,)."""
    return np.repeat(np.arange(len(phases)), [phase.steps for phase in phases])


def sources(phases: tuple[Phase, ...]) -> np.ndarray:
    """For every step run, the one whose spikes arrive in it; -1: none. int64, shape (steps,)."""
    found, row, free_end = [], 0, -1
    for phase in phases:
        found += [free_end if phase.from_free else row - 1, *range(row, row + phase.steps - 1)]
        row += phase.steps
        if isinstance(phase, Free) and not phase.from_free:
            free_end = row - 1
    return np.array(found)


def arriving_at(emitted: np.ndarray, phases: tuple[Phase, ...]) -> np.ndarray:
    """Spikes of each bundle that arrive in each step, (steps, batch, bundles)."""
    source = sources(phases)
    return np.where(source[:, None, None] >= 0, emitted[source], 0)


def partial_sums(mapped: MappedNetwork, arriving: np.ndarray) -> np.ndarray:
    """Partial sums that each gatherer sends in each step, int64, (steps, batch, gatherers).

    One for each unit that it sums for, in every step in which any spike arrives at it: which units
    a spike reaches, it does not tell apart.

    Parameters
    ----------
    mapped : MappedNetwork
    arriving : ndarray of int64, shape (steps, batch, bundles)
        From :func:`arriving_at`.
    """
    at_gatherers = mapped.synapses[: len(mapped.bundles), mapped.gathers] > 0
    return (product_of(arriving, at_gatherers) > 0) * mapped.units[mapped.gathers]


def product_of(counts: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """A product of whole numbers; as floats, exact up to 2**53, it is some ten times faster."""
    return np.rint(counts.astype(np.float64) @ matrix.astype(np.float64)).astype(np.int64)


def delivered_to(emitted: np.ndarray, timed: Timed) -> np.ndarray:
    """Spikes delivered to each part in each period of an asynchronous run, as `arriving_at`.

    The messages of a real-valued network carry no spikes: none is emitted, so none arrives.
    """
    received = timed.received.astype(np.int64)
    return received if emitted.any() else np.zeros_like(received)


def synapses_met(mapped: MappedNetwork) -> np.ndarray:
    """Synapses that a message meets on each core, int64, (cores,).

    What a core received is not told apart by sender, nor need it be: without a clock networks on
    cores are dense (`placement.checks.check_alike`), and a message meets every unit of the core.
    """
    met = mapped.synapses.max(axis=0)
    assert ((mapped.synapses == 0) | (mapped.synapses == met)).all()
    return met


def neuron_updates(
    mapped: MappedNetwork, run: Run, spikes: np.ndarray, steps: Any, input_mode: InputMode
) -> np.ndarray:
    """Neuron updates of each core, int64, shape as of its spikes: (..., cores).

    steps: of samples, that the spikes are of. Where the run counts no step of the input without a
    spike, its updates are its spikes: of a stream of events that nothing learns from.
    """
    counted = run.activity
    idle = counted.samples > 0 and not counted.updates_inactive[:, 0].any()
    by_spikes = (mapped.layer_of == 0) & (idle or input_mode == "current")
    return np.where(by_spikes, spikes, mapped.units * steps)


def bundle_spikes(mapped: MappedNetwork, run: Run, who: str) -> np.ndarray:
    """The spikes of the bundles, int64, (steps, batch, bundles); `who` asks, for errors."""
    spikes = run.part_spikes
    steps = sum(phase.steps for phase in run.phases)
    if run.timed is not None:
        steps = len(run.timed.spikes)  # it may stop before its last phase is over
    if spikes is None:
        raise InputError(
            f"{who}: the run has no part_spikes; expected a run with parts=mapped.bundles"
        )
    if spikes.ndim != 3 or spikes.shape[::2] != (steps, len(mapped.bundles)):
        raise InputError(
            f"{who}: part_spikes has shape {spikes.shape}; expected {steps} steps and "
            f"{len(mapped.bundles)} parts, from a run with parts=mapped.bundles"
        )
    return spikes.astype(np.int64)
