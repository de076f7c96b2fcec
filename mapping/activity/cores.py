"""What every core and link did in a run: exact counts, made from the spikes of the bundles.

All spikes of a bundle (:class:`eqchip.mapping.placement.mapped.MappedNetwork`) go to the same
cores and meet as many synapses there, so a count of spikes says all; places of a convolution differ
in that.

Where fan-in is cut in slices (:mod:`eqchip.mapping.placement.slices`), a time step of the network
takes two of the chip. In the first the spikes arrive, and gatherers sum and send; in the second
the sums arrive, and the units that wait for them are updated. So all arrive within the time step of
the network, and its arithmetic is that of a network whose fan-in is whole. A partial sum is a
message, with its links, and meets one synapse; the update that sends it is an active one.

A spike of one time step is read by other cores in the next. What it causes is counted there,
in the step and phase in which it **arrives**: its messages, the links that they cross and the
synaptic events, as in :class:`eqchip.emulator.activity.Activity`. So in every step and phase
as many messages are received as are sent. Spikes and neuron updates are counted in the step
that made them. The spikes of the last step of a phase arrive in the first step of whichever
phase goes on from there: of several (``from_free``), or of none.

An asynchronous run has no step in which a message both leaves and arrives. There everything is
counted when it happens, by nominal periods: spikes, the messages that they send and the links that
these cross when a spike is emitted; messages received and their synaptic events when they are
delivered. So a lost message, or one that is still on its way when a phase or the run ends, has
crossed its links and caused no synaptic event; and one that was in flight at the end of the free
phase is delivered again in every phase that goes on from there, but sent once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from eqchip.emulator.description.modes import InputMode
from eqchip.emulator.problem.run import Run
from eqchip.mapping.activity.steps import (
    StepCounts,
    arriving_at,
    bundle_spikes,
    delivered_to,
    neuron_updates,
    partial_sums,
    phase_of_steps,
    product_of,
    synapses_met,
)
from eqchip.mapping.activity.writes import WeightUpdates
from eqchip.mapping.placement.checks import check_whole_fan_in
from eqchip.mapping.placement.mapped import MappedNetwork
from eqchip.mapping.placement.route import DIRECTIONS, Link


@dataclass(frozen=True, eq=False, repr=False)
class CoreActivity:
    """Exact counts per phase and core, summed over steps and samples.

    Attributes
    ----------
    phases : tuple of str
        ``"free"`` or ``"nudged"``.
    samples : int
    steps : tuple of int
        Time steps of each phase; of an asynchronous run, nominal periods begun.
    spikes : ndarray of int64, shape (phases, cores)
    updates_active, updates_inactive : ndarray of int64, shape (phases, cores)
        Neuron updates with and without a spike. An input injected as a current has none.
    synaptic_events : ndarray of int64, shape (phases, cores)
        Spikes, and partial sums, arriving over the synapses stored on the core.
    partial_sums : ndarray of int64, shape (phases, cores)
        Of the messages sent, those that are no spikes but sums of a gatherer.
    messages_sent, messages_received : ndarray of int64, shape (phases, cores)
        One for every spike or partial sum and destination core. As many are received as are
        sent, but in an asynchronous run.
    core_hops : ndarray of int64, shape (phases, cores, 4)
        Links crossed by the messages of each sender, in each of DIRECTIONS. A link to another
        chip is a hop as well.
    links : ndarray of int64, shape (phases, links)
        Messages over each directed link of `link_table`.
    crossings : ndarray of int64, shape (phases, 4)
        Links to another chip crossed by messages, in each of DIRECTIONS.
    updates : int or None
        Updates of all weights counted in the next three; None: none were, as of a run, which
        relaxes and writes nothing (see :meth:`with_updates`).
    weight_updates_attempted, weight_updates_applied, weight_updates_saturated : ndarray or None
        int64, shape (cores,); see :class:`WeightUpdates`.
    link_table : tuple of Link
    """

    phases: tuple[str, ...]
    samples: int
    steps: tuple[int, ...]
    spikes: np.ndarray
    updates_active: np.ndarray
    updates_inactive: np.ndarray
    synaptic_events: np.ndarray
    partial_sums: np.ndarray
    messages_sent: np.ndarray
    messages_received: np.ndarray
    core_hops: np.ndarray
    links: np.ndarray
    crossings: np.ndarray
    updates: int | None = field(default=None, kw_only=True)
    weight_updates_attempted: np.ndarray | None = field(default=None, kw_only=True)
    weight_updates_applied: np.ndarray | None = field(default=None, kw_only=True)
    weight_updates_saturated: np.ndarray | None = field(default=None, kw_only=True)
    link_table: tuple[Link, ...]

    @property
    def hops(self) -> np.ndarray:
        """Hops in each of DIRECTIONS, int64, shape (phases, 4)."""
        return self.core_hops.sum(axis=1)

    @property
    def chip_crossings(self) -> np.ndarray:
        """Crossings in all directions, int64, shape (phases,)."""
        return self.crossings.sum(axis=-1)

    def with_updates(self, found: WeightUpdates) -> CoreActivity:
        """The same, and one more update of all weights."""
        before = (
            self.weight_updates_attempted,
            self.weight_updates_applied,
            self.weight_updates_saturated,
        )
        attempted, applied, saturated = (
            more if counted is None else counted + more
            for counted, more in zip(before, found, strict=True)
        )
        return replace(
            self,
            updates=(self.updates or 0) + 1,
            weight_updates_attempted=attempted,
            weight_updates_applied=applied,
            weight_updates_saturated=saturated,
        )

    def __add__(self, other: CoreActivity) -> CoreActivity:
        """The counts of both; phases, steps and links must be the same."""
        for name in ("phases", "steps", "link_table"):
            if getattr(self, name) != getattr(other, name):
                raise ValueError(f"{name} differ; expected activity of the same phases and mapping")
        if (self.updates is None) != (other.updates is None):
            raise ValueError("updates of weights are counted in one of the two; expected in both")
        summed = {
            f.name: getattr(self, f.name) + getattr(other, f.name)
            for f in fields(self)
            if f.name not in ("phases", "steps", "link_table") and getattr(self, f.name) is not None
        }
        return replace(self, **summed)

    def __repr__(self) -> str:
        return (
            f"CoreActivity({', '.join(self.phases)}: {self.samples} samples, "
            f"{self.spikes.shape[1]} cores, {int(self.messages_sent.sum()):,} messages)"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, for JSON."""
        document: dict[str, Any] = {}
        for name in (f.name for f in fields(self)):
            value = getattr(self, name)
            document[name] = value.tolist() if isinstance(value, np.ndarray) else value
        document.update(
            phases=list(self.phases),
            steps=list(self.steps),
            hops=self.hops.tolist(),
            chip_crossings=self.chip_crossings.tolist(),
            directions=list(DIRECTIONS),
            link_table=[link._asdict() for link in self.link_table],
        )
        return document


def per_sample(activity: CoreActivity, name: str) -> np.ndarray:
    """Counts of all phases, per sample."""
    counts: np.ndarray = getattr(activity, name)
    return counts.sum(axis=0) / activity.samples


def core_activity(
    mapped: MappedNetwork, run: Run, input_mode: InputMode = "spikes"
) -> CoreActivity:
    """Count what every core and link did.

    Parameters
    ----------
    mapped : MappedNetwork
    run : Run
        Of ``mapped.network``, with ``parts=mapped.bundles``.
    input_mode : {"spikes", "current"}
        As in the run.

    Raises
    ------
    InputError
        If the run did not count the spikes of these bundles.
    """
    emitted = bundle_spikes(mapped, run, "core_activity")
    phase = phase_of_steps(run.phases)[: len(emitted)]
    starts = np.flatnonzero(np.diff(phase, prepend=-1))

    def by_phase(counts: np.ndarray) -> np.ndarray:
        return np.add.reduceat(counts.sum(axis=1, dtype=np.int64), starts, axis=0)

    emitting = by_phase(emitted)
    samples, routes = emitted.shape[1], mapped.routes
    nothing = np.zeros((len(emitting), len(mapped.gatherers)), np.int64)
    spikes = mapped.by_core(np.append(emitting, nothing, axis=1))
    if (timed := run.timed) is None:
        arriving = arriving_at(emitted, run.phases)
        sums = by_phase(partial_sums(mapped, arriving))
        sent = np.append(by_phase(arriving), sums, axis=1)
        received, events = sent @ (mapped.synapses > 0), sent @ mapped.synapses
        steps = np.bincount(phase)[:, None] * samples
        updates = neuron_updates(mapped, run, spikes, steps, input_mode)
    else:
        check_whole_fan_in(mapped, "core_activity")
        sums, sent, received = nothing, emitting, by_phase(delivered_to(emitted, timed))
        events = received * synapses_met(mapped)
        updates = by_phase(timed.updates)
    summed = mapped.by_core(np.append(np.zeros_like(emitting), sums, axis=1))
    links = sent @ routes.crossed
    return CoreActivity(
        phases=run.activity.phases,
        samples=samples,
        steps=tuple(np.bincount(phase).tolist()),
        spikes=spikes,
        updates_active=spikes + summed,
        updates_inactive=updates - spikes - summed,
        synaptic_events=events,
        partial_sums=summed,
        messages_sent=mapped.by_core(sent * mapped.destinations),
        messages_received=received,
        core_hops=mapped.by_core(sent[:, :, None] * mapped.hops_per_spike, axis=1),
        links=links,
        crossings=links @ routes.crossings,
        link_table=routes.links,
    )


def step_counts(mapped: MappedNetwork, run: Run, input_mode: InputMode = "spikes") -> StepCounts:
    """As :func:`core_activity`, step by step and sample by sample.

    A step of an asynchronous run is a nominal period. With gatherers, each step is two rows.
    """
    emitted = bundle_spikes(mapped, run, "step_counts")
    none = np.zeros((*emitted.shape[:2], len(mapped.gatherers)), np.int64)
    spikes = mapped.by_core(np.append(emitted, none, axis=2))
    if (timed := run.timed) is None:
        arriving = arriving_at(emitted, run.phases)
        sent = np.append(arriving, none, axis=2)
        received, events = product_of(sent, mapped.synapses > 0), product_of(sent, mapped.synapses)
        updates = neuron_updates(mapped, run, spikes, 1, input_mode)
    else:
        check_whole_fan_in(mapped, "step_counts")
        sent, received = emitted, delivered_to(emitted, timed)
        events = received * synapses_met(mapped)
        updates = timed.updates.astype(np.int64)
    found = StepCounts(
        phase_of_steps(run.phases)[: len(emitted)],
        spikes,
        updates - spikes,
        events,
        mapped.by_core(sent * mapped.destinations),
        received,
        product_of(sent, mapped.routes.crossed),
    )
    return found if not mapped.gatherers else _in_two(mapped, found, arriving)


def _in_two(mapped: MappedNetwork, first: StepCounts, arriving: np.ndarray) -> StepCounts:
    """The two steps of the chip in each: spikes arrive and are summed; sums arrive, units update.

    `first` holds what spikes do, and all updates.
    """
    sums = partial_sums(mapped, arriving)
    sent = np.append(np.zeros_like(arriving), sums, axis=2)
    summed = mapped.by_core(sent)
    waits = np.isin(np.arange(mapped.cores), mapped.home[mapped.gathers])  # homes with gatherers
    second = first._replace(
        updates_active=first.updates_active * waits,
        updates_inactive=first.updates_inactive * waits,
        synaptic_events=product_of(sent, mapped.synapses),
        messages_sent=mapped.by_core(sent * mapped.destinations),
        messages_received=product_of(sent, mapped.synapses > 0),
        links=product_of(sent, mapped.routes.crossed),
    )
    first = first._replace(
        updates_active=first.updates_active * ~waits + summed,
        updates_inactive=first.updates_inactive * ~waits - summed,
    )
    rows = [
        np.stack([one, other], axis=1).reshape(-1, *one.shape[1:])
        for one, other in zip(first[:-1], second[:-1], strict=True)
    ]
    return StepCounts._make([*rows, 2])
