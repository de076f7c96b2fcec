"""The signals that a network needs to learn on the chip: who is told what phase it is.

A processor at the corner of the mesh counts steps and samples, and tells every core when a phase
starts, when to write, and now and then its rates
(:func:`eqchip.emulator.learning.onchip_traffic.signals_of`). A signal is a message to each core,
priced as a spike's: it is sent, crosses links and is received. It is sent in the last step before
it is needed and heard in the next, as spikes are, so that step's barrier is its own; its time is
added to that of the phase that it starts, though some of it would pass while cores are busy.

Where samples that are right are skipped (``Learning.skip_right``), every output unit compares its
potential with its target when the free phase is over, and each core of the output layer tells the
processor in one message whether all of its units are near enough. That is the *verdict*: a time
step of its own, with its barrier, in which each output unit takes one update for its comparison,
after which the processor starts the nudged phases, or the next sample.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eqchip.emulator.description.config import Config
from eqchip.emulator.learning.onchip_traffic import signals_of
from eqchip.hw_reports.pricing import timing
from eqchip.hw_reports.pricing.entries import Entry
from eqchip.hw_reports.pricing.totals import Sum, priced
from eqchip.mapping.activity.exchange import Exchange, broadcast, to_corner
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.kinds import FREE, MESSAGES, counts_of
from eqchip.mapping.placement.mapped import MappedNetwork

SIGNAL = "signal"


class Verdict(NamedTuple):
    """Whether a sample is right, as the cores of the output layer tell the processor.

    ``messages``, their ``energy``, and the ``time`` of the step in which they are sent;
    ``compared``: output units of each core, each of which takes an update.
    """

    messages: float
    energy: Sum
    time: Sum
    compared: np.ndarray


class Signals(NamedTuple):
    """The signals of one training sample.

    ``rounds``: by phase, how often every core is told something. Of one round ``messages``, their
    ``hops``, and their ``energy`` and ``time``. ``verdict``: once, at the end of the free phase,
    where samples may be skipped.
    """

    rounds: dict[str, float]
    messages: float
    hops: float
    energy: Sum
    time: Sum
    verdict: Verdict | None = None

    def entry(self, phase: str) -> Entry:
        """Their row in the table of energy, in one phase."""
        rounds = self.rounds[phase]
        count, energy = rounds * self.messages, self.energy * rounds
        if self.verdict is not None and phase == FREE:
            count, energy = count + self.verdict.messages, energy + self.verdict.energy
        return Entry.of(SIGNAL, phase, count, energy)

    def time_of(self, phase: str) -> Sum:
        """What they take in one phase."""
        told = self.time * self.rounds[phase]
        return told + self.verdict.time if self.verdict is not None and phase == FREE else told


def signals(config: Config, mapped: MappedNetwork) -> Signals:
    """Count and price the signals of a network that learns on the chip."""
    told = broadcast(mapped)
    messages, tiles = float(told.steps.messages_sent.sum()), mapped.tiles
    time = timing.relaxation(
        told.steps, told.routes, mapped.chip, tiles, np.ones(1, bool), waits=False
    )
    return Signals(
        signals_of(config),
        messages,
        float(told.hops.sum()),
        message_energy(told, mapped.chip),
        time.total,
        _verdict(mapped) if config.learning.skip_right else None,
    )


def _verdict(mapped: MappedNetwork) -> Verdict:
    outputs = mapped.layer_of == len(mapped.network.layers) - 1
    sent = to_corner(mapped, outputs[None].astype(np.float64))
    compared = np.where(outputs, mapped.units, 0).astype(np.float64)
    updates = np.append(compared, 0.0)[None, None]  # the last "core" is the processor
    steps = sent.steps._replace(updates_inactive=updates)
    time = timing.relaxation(steps, sent.routes, mapped.chip, mapped.tiles, np.ones(1, bool))
    return Verdict(float(outputs.sum()), message_energy(sent, mapped.chip), time.total, compared)


def message_energy(told: Exchange, chip: Chip) -> Sum:
    """The energy of an exchange, the mean over samples: messages sent and received, and hops."""
    samples = len(told.hops)

    def mean(counts: np.ndarray) -> np.ndarray:
        return counts.sum(axis=tuple(range(min(counts.ndim, 2)))) / samples

    counts = counts_of(told, MESSAGES, per=mean)
    return priced({kind: float(count) for kind, count in counts.items()}, chip)
