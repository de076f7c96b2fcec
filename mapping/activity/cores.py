"""What every core and link did in a run: exact counts, made from the spikes of the bundles.

All spikes of a bundle (:class:`eqchip.mapping.placement.mapped.MappedNetwork`) go to the same
cores and meet as many synapses there, so a count of spikes says all; places of a convolution differ
in that.

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

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.description.asynchronous import Timed
from eqchip.emulator.description.fixedpoint import quantize_at
from eqchip.emulator.description.phases import Free, Phase
from eqchip.emulator.errors import InputError
from eqchip.emulator.learning.contrast import Changes
from eqchip.emulator.learning.onchip_known import Messages
from eqchip.emulator.problem.problem import InputMode, Run
from eqchip.mapping.placement.mapped import MappedNetwork
from eqchip.mapping.placement.route import DIRECTIONS, Link, Routes, hops, routes
from eqchip.mapping.placement.wiring import FEEDBACK, FORWARD, wiring


class WeightUpdates(NamedTuple):
    """Writes of synapses by one update of all weights, int64, shape (cores,) each.

    ``attempted``: synapses on the core, of both copies. ``applied``: those whose stored code
    changed. ``saturated``: those whose new weight was clipped to the range of codes.
    """

    attempted: np.ndarray
    applied: np.ndarray
    saturated: np.ndarray


@dataclass(frozen=True, eq=False)
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
        Spikes arriving over the synapses stored on the core.
    messages_sent, messages_received : ndarray of int64, shape (phases, cores)
        One for every spike and destination core. As many are received as are sent, but in an
        asynchronous run.
    core_hops : ndarray of int64, shape (phases, cores, 4)
        Links crossed by the messages of each sender, in each of DIRECTIONS. A link to another
        chip is a hop as well.
    links : ndarray of int64, shape (phases, links)
        Messages over each directed link of `link_table`.
    chip_crossings : ndarray of int64, shape (phases,)
        Links to another chip crossed by messages.
    updates : int
        Updates of all weights counted in the next three.
    weight_updates_attempted, weight_updates_applied, weight_updates_saturated : ndarray
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
    messages_sent: np.ndarray
    messages_received: np.ndarray
    core_hops: np.ndarray
    links: np.ndarray
    chip_crossings: np.ndarray
    updates: int
    weight_updates_attempted: np.ndarray
    weight_updates_applied: np.ndarray
    weight_updates_saturated: np.ndarray
    link_table: tuple[Link, ...]

    @property
    def hops(self) -> np.ndarray:
        """Hops in each of DIRECTIONS, int64, shape (phases, 4)."""
        return self.core_hops.sum(axis=1)

    def with_updates(self, found: WeightUpdates) -> CoreActivity:
        """The same, and one more update of all weights."""
        return replace(
            self,
            updates=self.updates + 1,
            weight_updates_attempted=self.weight_updates_attempted + found.attempted,
            weight_updates_applied=self.weight_updates_applied + found.applied,
            weight_updates_saturated=self.weight_updates_saturated + found.saturated,
        )

    def __add__(self, other: CoreActivity) -> CoreActivity:
        """The counts of both; phases, steps and links must be the same."""
        for name in ("phases", "steps", "link_table"):
            if getattr(self, name) != getattr(other, name):
                raise ValueError(f"{name} differ; expected activity of the same phases and mapping")
        summed = {
            f.name: getattr(self, f.name) + getattr(other, f.name)
            for f in fields(self)
            if f.name not in ("phases", "steps", "link_table")
        }
        return replace(self, **summed)

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
            directions=list(DIRECTIONS),
            link_table=[link._asdict() for link in self.link_table],
        )
        return document


class StepCounts(NamedTuple):
    """What every core and link did in every step, for every sample: what time is made of.

    Shapes (steps, batch, cores), int64, and of ``links`` (steps, batch, links). ``phase``:
    int64, shape (steps,), the phase of each step.
    """

    phase: np.ndarray
    updates_active: np.ndarray
    updates_inactive: np.ndarray
    synaptic_events: np.ndarray
    messages_sent: np.ndarray
    messages_received: np.ndarray
    links: np.ndarray


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
    emitted = _bundle_spikes(mapped, run)
    phase = phase_of_steps(run.phases)[: len(emitted)]
    starts = np.flatnonzero(np.diff(phase, prepend=-1))

    def by_phase(counts: np.ndarray) -> np.ndarray:
        return np.add.reduceat(counts.sum(axis=1, dtype=np.int64), starts, axis=0)

    emitting = by_phase(emitted)
    spikes = mapped.by_core(emitting)
    samples, routes = emitted.shape[1], mapped.routes
    if (timed := run.timed) is None:
        sent = by_phase(_arriving(emitted, run.phases))
        received, events = sent @ (mapped.synapses > 0), sent @ mapped.synapses
        updates = _updates_per_step(mapped, input_mode) * np.bincount(phase)[:, None] * samples
    else:
        sent, received = emitting, by_phase(_delivered(run, timed))
        events = received * _synapses_met(mapped)
        updates = by_phase(timed.updates)
    none = np.zeros(len(mapped.parts), np.int64)
    links = sent @ routes.crossed
    return CoreActivity(
        phases=run.activity.phases,
        samples=samples,
        steps=tuple(np.bincount(phase).tolist()),
        spikes=spikes,
        updates_active=spikes,
        updates_inactive=updates - spikes,
        synaptic_events=events,
        messages_sent=mapped.by_core(sent * mapped.destinations),
        messages_received=received,
        core_hops=mapped.by_core(sent[:, :, None] * mapped.hops_per_spike, axis=1),
        links=links,
        chip_crossings=links @ routes.crossing,
        updates=0,
        weight_updates_attempted=none,
        weight_updates_applied=none,
        weight_updates_saturated=none,
        link_table=routes.links,
    )


def step_counts(mapped: MappedNetwork, run: Run, input_mode: InputMode = "spikes") -> StepCounts:
    """As :func:`core_activity`, step by step and sample by sample.

    A step of an asynchronous run is a nominal period.
    """
    emitted = _bundle_spikes(mapped, run)
    spikes = mapped.by_core(emitted)
    if (timed := run.timed) is None:
        sent = _arriving(emitted, run.phases)
        received, events = _product(sent, mapped.synapses > 0), _product(sent, mapped.synapses)
        updates = _updates_per_step(mapped, input_mode)
    else:
        sent, received = emitted, _delivered(run, timed)
        events = received * _synapses_met(mapped)
        updates = timed.updates.astype(np.int64)
    return StepCounts(
        phase_of_steps(run.phases)[: len(emitted)],
        spikes,
        updates - spikes,
        events,
        mapped.by_core(sent * mapped.destinations),
        received,
        _product(sent, mapped.routes.crossed),
    )


def weight_updates(mapped: MappedNetwork, changes: Changes) -> WeightUpdates:
    """What one update writes, in both copies of every weight.

    A weight of a kernel is written in each of its synapses, wherever its places stand; on a chip
    that shares kernels, once on each core that has it.

    Parameters
    ----------
    mapped : MappedNetwork
        With the network as it was before the update.
    changes : Changes
        From :func:`eqchip.emulator.learning.contrast.contrast`. A change is added to the real
        weight and the sum rounded to a code, at the exponent that the stored codes have; weights
        and changes that are stored as merged kernels are merged first.

    Raises
    ------
    InputError
        If there is not one array for every connection, of its shape.
    """
    fixed = mapped.chip.arithmetic
    assert fixed is not None
    if len(changes.weights) != len(mapped.weights):
        raise InputError(
            f"weight_updates: changes of {len(changes.weights)} connections; "
            f"expected {len(mapped.weights)}"
        )
    counts = np.zeros((3, len(mapped.parts)), np.int64)
    for k, change in enumerate(changes.weights):
        weights, stored = mapped.network.weights[k], mapped.weights[k]
        if np.shape(change) != weights.shape:
            raise InputError(
                f"weight_updates: change of connection {k} has shape {np.shape(change)}; "
                f"expected {weights.shape}"
            )
        merged = mapped.network.connections[k].synapse_weights
        wanted = merged(weights.astype(np.float64)) + merged(np.asarray(change, np.float64))
        codes = quantize_at(wanted, stored.exponent, fixed).codes
        unclipped = np.rint(np.ldexp(wanted, fixed.fraction_bits - stored.exponent))
        written = np.stack([np.ones(codes.shape, bool), codes != stored.codes, codes != unclipped])
        copies = mapped.copies(k)
        for cores, forward in ((copies.forward, FORWARD), (copies.mirrored, FEEDBACK)):
            wires = wiring(mapped.network, k, forward)
            if len(cores) and wires is not None:
                parts = [mapped.parts[core] for core in cores]
                counts[:, cores] += wires.stored(written, parts, mapped.chip.shares_kernels)
    return WeightUpdates(*counts)


def synapse_writes(mapped: MappedNetwork, k: int, forward: bool, counts: np.ndarray) -> np.ndarray:
    """How often each core writes a synapse of one copy of connection k, int64, shape (cores,).

    Parameters
    ----------
    mapped : MappedNetwork
    k : int
    forward : bool
        The forward copy, or the mirrored one; a chip that stores no mirrored copy writes none.
    counts : ndarray of int
        How often each synapse is written, in the shape of the synapse weights.
    """
    found = np.zeros(len(mapped.parts), np.int64)
    copies, wires = mapped.copies(k), wiring(mapped.network, k, forward)
    cores = copies.forward if forward else copies.mirrored
    if len(cores) == 0 or wires is None:
        return found
    parts = [mapped.parts[core] for core in cores]
    for times in range(int(counts.max(initial=0))):
        flags = (counts > times)[None]
        found[cores] += wires.stored(flags, parts, mapped.chip.shares_kernels)[0]
    return found


class Exchange(NamedTuple):
    """Graded messages between cores, which carry no spikes.

    ``steps``: as of one step, float64, with the samples as its batch and the links of ``routes``.
    ``hops``: float64, shape (samples, cores, 4), of each sender in each of DIRECTIONS.
    ``crossings``: float64, shape (samples,), links to another chip crossed.
    """

    steps: StepCounts
    routes: Routes
    hops: np.ndarray
    crossings: np.ndarray


def exchange(mapped: MappedNetwork, messages: Sequence[Sequence[Messages]]) -> Exchange:
    """Route messages from units to cores, as spikes are routed: once for every destination core.

    Parameters
    ----------
    mapped : MappedNetwork
    messages : sequence of sequence of Messages
        Of each sample.
    """
    cores = len(mapped.parts)
    between = np.zeros((len(messages), cores, cores))
    for sample, found in enumerate(messages):
        for one in found:
            senders, receivers = mapped.cores_of(one.sender), mapped.cores_of(one.receiver)
            of_units = np.asarray(one.each, np.float64)
            sent = np.add.reduceat(of_units, [mapped.parts[core].first for core in senders])
            heard = mapped.units[receivers] if one.per_unit else np.ones(len(receivers))
            between[sample][np.ix_(senders, receivers)] += np.outer(sent, heard)
    return _exchanged(between, mapped.x, mapped.y, mapped.mesh.tiles_x)


def broadcast(mapped: MappedNetwork) -> Exchange:
    """A message to every core of the network, one for each, from a processor at tile (0, 0).

    A host enters a mesh at a corner, so the processor stands at that of the first chip, beside
    whichever core of the network may be there. Nothing is copied on the way, as with spikes: the
    first links carry a message for each core behind them.

    Returns
    -------
    Exchange
        Of one sample; the last of its "cores" is the processor.
    """
    return from_corner(mapped, np.ones((1, len(mapped.parts))))


def from_corner(mapped: MappedNetwork, messages: np.ndarray) -> Exchange:
    """Messages from the processor of :func:`broadcast` to the cores, shape (samples, cores).

    The last of the "cores" of the exchange is the processor, as it is of :func:`to_corner`.
    """
    samples, cores = messages.shape
    between = np.zeros((samples, cores + 1, cores + 1))
    between[:, cores, :cores] = messages
    return _with_corner(mapped, between)


def to_corner(mapped: MappedNetwork, messages: np.ndarray) -> Exchange:
    """Messages from the cores to that processor, shape (samples, cores)."""
    samples, cores = messages.shape
    between = np.zeros((samples, cores + 1, cores + 1))
    between[:, :cores, cores] = messages
    return _with_corner(mapped, between)


def _with_corner(mapped: MappedNetwork, between: np.ndarray) -> Exchange:
    return _exchanged(between, np.append(mapped.x, 0), np.append(mapped.y, 0), mapped.mesh.tiles_x)


def _exchanged(between: np.ndarray, x: np.ndarray, y: np.ndarray, tiles_x: int) -> Exchange:
    """Messages (samples, senders, receivers) between cores on tiles x, y, shape (cores,)."""
    samples, cores = between.shape[:2]
    # A sender of its own for each pair of cores: who hears how many differs.
    source, destination = np.nonzero(between.any(axis=0))
    sends = destination[:, None] == np.arange(cores)
    ways = routes(x, y, sends, source, tiles_x)
    links = between[:, source, destination] @ ways.crossed
    nothing = np.zeros((1, samples, cores))
    return Exchange(
        StepCounts(
            np.zeros(1, np.int64),
            nothing,
            nothing,
            nothing,
            between.sum(axis=2)[None],
            between.sum(axis=1)[None],
            links[None],
        ),
        ways,
        np.einsum("sab,abd->sad", between, hops(x, y)),
        links @ ways.crossing,
    )


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


def _arriving(emitted: np.ndarray, phases: tuple[Phase, ...]) -> np.ndarray:
    """Spikes of each bundle that arrive in each step, (steps, batch, bundles)."""
    source = sources(phases)
    return np.where(source[:, None, None] >= 0, emitted[source], 0)


def _product(counts: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """A product of whole numbers; as floats, exact up to 2**53, it is some ten times faster."""
    return np.rint(counts.astype(np.float64) @ matrix.astype(np.float64)).astype(np.int64)


def _delivered(run: Run, timed: Timed) -> np.ndarray:
    """Spikes delivered to each part in each period of an asynchronous run, as `_arriving`.

    The messages of a real-valued network carry no spikes, here as there.
    """
    received = timed.received.astype(np.int64)
    return received if run.activity.synaptic_events.any() else np.zeros_like(received)


def _synapses_met(mapped: MappedNetwork) -> np.ndarray:
    """Synapses that a message meets on each core, int64, (cores,).

    What a core received is not told apart by sender, nor need it be: without a clock all
    connections are dense, and a message meets every unit of the core.
    """
    met = mapped.synapses.max(axis=0)
    assert ((mapped.synapses == 0) | (mapped.synapses == met)).all()
    return met


def _updates_per_step(mapped: MappedNetwork, input_mode: InputMode) -> np.ndarray:
    """Neuron updates of each core in one step of one sample, int64, shape (cores,)."""
    silent = (mapped.layer_of == 0) & (input_mode == "current")
    return np.where(silent, 0, mapped.units)


def _bundle_spikes(mapped: MappedNetwork, run: Run) -> np.ndarray:
    """The spikes of the bundles, int64, (steps, batch, bundles)."""
    spikes = run.part_spikes
    steps = sum(phase.steps for phase in run.phases)
    if run.timed is not None:
        steps = len(run.timed.spikes)  # it may stop before its last phase is over
    if spikes is None:
        raise InputError(
            "core_activity: the run has no part_spikes; expected a run with parts=mapped.bundles"
        )
    if spikes.ndim != 3 or spikes.shape[::2] != (steps, len(mapped.bundles)):
        raise InputError(
            f"core_activity: part_spikes has shape {spikes.shape}; expected {steps} steps and "
            f"{len(mapped.bundles)} parts, from a run with parts=mapped.bundles"
        )
    return spikes.astype(np.int64)
