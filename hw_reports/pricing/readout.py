"""What a read-out by cross-entropy costs beside the cores' own work.

Its units are neurons that integrate the spikes which reach them and send none. A processor at the
corner of the mesh reads their potentials once the free phase is over, computes the softmax, and at
the start of each nudged phase sends every error other than 0 to each core that hosts part of a
layer that the read-out hears, where it crosses the synapses of the mirrored copy once::

    free    a message from each unit of the read-out to the processor
    nudged  of each error other than 0, a message to each of these cores, and as many synaptic
            events there as one spike of that unit would cause

A message is priced as a spike's, received by the processor or sent by it as by a core, and a
synapse crossed as a synaptic event: as graded messages are that learning on the chip takes. Each
exchange has a time step of its own, with its barrier, since nothing can go on before it is over.
On a chip without a model of its cores, messages are not counted, here as elsewhere.

Left out: the softmax and the time that it takes; telling the read-out's own cores their errors, of
which only the weight update makes use; and, in inference, reading the class. The current that
its errors leave in these layers through a nudged phase is memory of learning
(:mod:`eqchip.hw_reports.pricing.learning_memory`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eqchip.emulator.description.phases import Nudged
from eqchip.emulator.problem.run import Run
from eqchip.hw_reports.counting.replay import Replay
from eqchip.hw_reports.pricing import timing
from eqchip.hw_reports.pricing.entries import Entry
from eqchip.hw_reports.pricing.signals import message_energy
from eqchip.hw_reports.pricing.totals import Sum, priced, total
from eqchip.mapping.activity.exchange import Exchange, from_corner, to_corner
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.kinds import FREE, NUDGED
from eqchip.mapping.placement.mapped import MappedNetwork
from eqchip.mapping.placement.wiring import FEEDBACK, fans

# Graded messages, and synapses that errors cross.
READ_OUT_MESSAGE, READ_OUT_EVENT = "readout_message", "readout_event"


class Told(NamedTuple):
    """What a read-out and the processor tell each other in the phases of one name, per sample.

    ``steps``: time steps that exchanges take. ``errors``: those other than 0. ``messages``: to
    all destinations, and their ``hops``, None where they are not counted; their ``energy`` and
    ``time``.
    ``events``: synapses that errors cross, and their energy as ``crossing``; their time is in
    ``time``.
    """

    steps: int
    errors: float
    messages: float | None
    hops: float | None
    events: float
    energy: Sum
    crossing: Sum
    time: Sum

    def entries(self, phase: str) -> list[Entry]:
        """Their rows in the table of energy, in one phase."""
        found = [
            Entry.of(READ_OUT_MESSAGE, phase, self.messages, self.energy),
            Entry.of(READ_OUT_EVENT, phase, self.events, self.crossing),
        ]
        return [entry for entry in found if entry.count]


def on_cores(replay: Replay, mapped: MappedNetwork) -> dict[str, Told]:
    """What is told in each phase, counted and priced; nothing of a read-out in the dynamics."""
    if replay.config.learning.readout != "cross-entropy":
        return {}
    read, told = replay.once("read out", lambda: _exchanges(replay, mapped))
    found = {FREE: _told(mapped, read)}
    if told:
        found[NUDGED] = _together([_told(mapped, *one) for one in told])
    return found


def _exchanges(
    replay: Replay, mapped: MappedNetwork
) -> tuple[Exchange, list[tuple[Exchange, float]]]:
    """What the processor reads, and what it tells in each nudged phase, with the mean of errors."""
    run, last = replay.training.run, len(replay.config.sizes) - 1
    samples = len(replay.training.indices)
    read = to_corner(
        mapped, np.tile(np.where(mapped.layer_of == last, mapped.units, 0), (samples, 1))
    )
    bundles = [b for b, bundle in enumerate(mapped.bundles) if bundle.layer == last]
    if not mapped.synapses[bundles].any():  # below is the clamped input: nobody is told
        return read, []
    firsts = [mapped.bundles[b].first for b in bundles]
    told = []
    for errors in _errors(run):
        sent = np.add.reduceat((errors != 0).astype(np.int64), firsts, axis=1)
        exchange = from_corner(mapped, sent @ (mapped.synapses[bundles] > 0))
        events = np.append(sent @ mapped.synapses[bundles], np.zeros((samples, 1)), axis=1)
        crossing = exchange._replace(steps=exchange.steps._replace(synaptic_events=events[None]))
        told.append((crossing, float(sent.sum()) / samples))
    return read, told


def by_events(replay: Replay) -> dict[str, Told]:
    """As :func:`on_cores` where nothing is known of cores; time is left to whoever knows of it."""
    if replay.config.learning.readout != "cross-entropy":
        return {}
    unknown = Sum(None)
    found = {FREE: Told(1, 0.0, None, None, 0.0, unknown, unknown, unknown)}
    network, last = replay.network, len(replay.network.layers) - 1
    told = [
        fans(network.connections[k], FEEDBACK, np.ones(network.connections[k].weight_shape, bool))
        for k, (_, above) in enumerate(network.joined)
        if above == last and network.sends_back(k)
    ]
    if not told:  # below is the clamped input
        return found
    fan_out = sum(told)
    nudges = []
    for errors in _errors(replay.training.run):
        sent = (errors != 0).mean(axis=0)
        events = float(sent @ fan_out)
        crossing = _crossing(events, replay.chip)
        nudges.append(Told(1, float(sent.sum()), None, None, events, unknown, crossing, unknown))
    return {**found, NUDGED: _together(nudges)}


def _errors(run: Run) -> list[np.ndarray]:
    """The errors that the read-out holds in each nudged phase, shape (samples, units)."""
    return [
        ends[-1] for phase, ends in zip(run.phases, run.ends, strict=True)
        if isinstance(phase, Nudged)
    ]  # fmt: skip


def _told(mapped: MappedNetwork, sent: Exchange, errors: float = 0.0) -> Told:
    """One exchange, in a time step of its own."""
    samples, chip = len(sent.hops), mapped.chip
    events = float(sent.steps.synaptic_events.sum()) / samples
    tiles = mapped.tiles
    return Told(
        1,
        errors,
        float(sent.steps.messages_sent.sum()) / samples,
        float(sent.hops.sum()) / samples,
        events,
        message_energy(sent, chip),
        _crossing(events, chip),
        timing.relaxation(sent.steps, sent.routes, chip, tiles, np.ones(1, bool)).total,
    )


def _crossing(events: float, chip: Chip) -> Sum:
    return priced({"synaptic_event": events}, chip)


def _together(nudges: list[Told]) -> Told:
    return Told(
        sum(one.steps for one in nudges),
        sum(one.errors for one in nudges),
        _summed([one.messages for one in nudges]),
        _summed([one.hops for one in nudges]),
        sum(one.events for one in nudges),
        total(one.energy for one in nudges),
        total(one.crossing for one in nudges),
        total(one.time for one in nudges),
    )


def _summed(counts: list[float | None]) -> float | None:
    counted = [count for count in counts if count is not None]
    return sum(counted) if counted else None
