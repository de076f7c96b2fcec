"""The signals that a network needs to learn on the chip: who is told what phase it is.

A processor at the corner of the mesh counts steps and samples, and tells every core when a phase
starts, when to write, and now and then its rates
(:func:`eqchip.emulator.learning.onchip_traffic.signals_of`). A signal is a message to each core,
priced as a spike's: it is sent, crosses links and is received. It is sent in the last step before
it is needed and heard in the next, as spikes are, so that step's barrier is its own; its time is
added to that of the phase that it starts, though some of it would pass while cores are busy.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eqchip.emulator.description.config import Config
from eqchip.emulator.learning.onchip_traffic import signals_of
from eqchip.hw_reports.pricing import timing
from eqchip.hw_reports.pricing.entries import Entry
from eqchip.hw_reports.pricing.totals import Sum, priced
from eqchip.mapping.activity.exchange import Exchange, broadcast
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.kinds import MESSAGES, counts_of
from eqchip.mapping.placement.mapped import MappedNetwork

SIGNAL = "signal"


class Signals(NamedTuple):
    """The signals of one training sample.

    ``rounds``: by phase, how often every core is told something. Of one round ``messages``, their
    ``hops``, and their ``energy`` and ``time``.
    """

    rounds: dict[str, float]
    messages: float
    hops: float
    energy: Sum
    time: Sum

    def entry(self, phase: str) -> Entry:
        """Their row in the table of energy, in one phase."""
        rounds = self.rounds[phase]
        why = None if self.energy.figure is not None else ", ".join(self.energy.lacks)
        return Entry(SIGNAL, phase, rounds * self.messages, self.energy * rounds, why)


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
    )


def message_energy(told: Exchange, chip: Chip) -> Sum:
    """The energy of an exchange, the mean over samples: messages sent and received, and hops."""
    samples = len(told.hops)

    def mean(counts: np.ndarray) -> np.ndarray:
        return counts.sum(axis=tuple(range(min(counts.ndim, 2)))) / samples

    counts = counts_of(told, MESSAGES, per=mean)
    return priced({kind: float(count) for kind, count in counts.items()}, chip)
