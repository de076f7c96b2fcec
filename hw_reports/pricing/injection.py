"""What an input costs that is injected as a current, on a chip whose spikes carry numbers.

It is sent once a sample, before the first step: each unit of it that is not 0 sends a graded spike
with its value, as a spike of it would go, to the same cores and over the same synapses; a core adds
value times weight to what its units hold as a constant drive. That takes a time step of its own,
with its barrier. A graded message is priced as a spike's, and a synapse that it crosses as a
synaptic event: no chip file has a figure for its product, as for any graded message here.

Where spikes carry no numbers, or fewer bits, or where fan-in is summed on several cores, the
products are counted as multiply-accumulates, which no chip of cores prices: totals name them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eqchip.emulator.problem.run import Run
from eqchip.hw_reports.counting.replay import Replay
from eqchip.hw_reports.pricing import timing
from eqchip.hw_reports.pricing.entries import Entry
from eqchip.hw_reports.pricing.totals import Sum, priced
from eqchip.mapping.activity.steps import StepCounts
from eqchip.mapping.kinds import FREE, INFERENCE, MESSAGES, counts_of
from eqchip.mapping.placement.mapped import MappedNetwork

INPUT_MESSAGE, INPUT_EVENT = "input_message", "input_event"


class Injected(NamedTuple):
    """What is sent of the input of a sample, in the mean, and over how many synapses.

    ``messages`` to all destinations with their ``energy``, ``events`` with theirs, ``crossing``;
    ``time``: of the step.
    """

    messages: float
    events: float
    energy: Sum
    crossing: Sum
    time: Sum

    def entries(self, phase: str) -> list[Entry]:
        """Their rows in the table of energy, in one phase."""
        return [
            Entry.of(INPUT_MESSAGE, phase, self.messages, self.energy),
            Entry.of(INPUT_EVENT, phase, self.events, self.crossing),
        ]


class _Sent(NamedTuple):
    """Of a run, per sample: as a message's counts are named; and all of it as one ``step``."""

    messages_sent: np.ndarray
    messages_received: np.ndarray
    core_hops: np.ndarray
    chip_crossings: np.ndarray
    step: StepCounts


def on_cores(replay: Replay, mapped: MappedNetwork) -> dict[str, Injected]:
    """What is injected in each phase; nothing where the input is spikes, or goes another way."""
    if replay.config.input != "current" or not _carries(replay, mapped):
        return {}
    runs = {FREE: replay.training.run, INFERENCE: replay.inference.run}
    counted = replay.once("injected", lambda: {p: _sent(mapped, run) for p, run in runs.items()})
    return {phase: _injected(mapped, sent) for phase, sent in counted.items()}


def _carries(replay: Replay, mapped: MappedNetwork) -> bool:
    """Whether a spike of the chip carries a state of the input, and its cores hold whole sums."""
    found, onchip = mapped.chip.capabilities.get("graded_payload"), replay.config.on_chip
    fixed = mapped.chip.arithmetic if onchip is None else onchip.fixed
    if found is None or fixed is None or mapped.gatherers:
        return False
    return int(found.value) >= fixed.fraction_bits


def _sent(mapped: MappedNetwork, run: Run) -> _Sent:
    x = run.ends[0][0]  # the clamped input does not change
    sends = (x.reshape(len(x), -1) != 0).astype(np.int64)
    bundles = [b for b, bundle in enumerate(mapped.bundles) if bundle.layer == 0]
    sent = np.zeros((len(x), len(mapped.bundles)), np.int64)
    firsts = [mapped.bundles[b].first for b in bundles]
    sent[:, bundles] = np.add.reduceat(sends, firsts, axis=1)
    routes = mapped.routes
    events, received = sent @ mapped.synapses, sent @ (mapped.synapses > 0)
    from_cores = mapped.by_core(sent * mapped.destinations)
    links = sent @ routes.crossed
    hops = mapped.by_core(sent[:, :, None] * mapped.hops_per_spike, axis=1)
    nothing = np.zeros_like(events[None])
    step = StepCounts(
        np.zeros(1, np.int64), nothing, nothing, events[None], from_cores[None], received[None],
        links[None],
    )  # fmt: skip
    return _Sent(from_cores, received, hops, links @ routes.crossing, step)


def _injected(mapped: MappedNetwork, sent: _Sent) -> Injected:
    chip, samples = mapped.chip, len(sent.messages_sent)
    each = counts_of(sent, MESSAGES, per=lambda n: n.sum(axis=0) / samples)
    crossed = float(sent.step.synaptic_events.sum()) / samples
    time = timing.relaxation(sent.step, mapped.routes, chip, mapped.tiles, np.ones(1, bool))
    return Injected(
        float(sent.messages_sent.sum()) / samples,
        crossed,
        priced({kind: float(np.sum(count)) for kind, count in each.items()}, chip),
        priced({"synaptic_event": crossed}, chip),
        time.total,
    )
