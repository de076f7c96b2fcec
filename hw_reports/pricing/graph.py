"""What a mapped graph costs: of spikes that were counted somewhere, step by step, or of rates.

Nothing is simulated: spikes times synapses are events, spikes times cores messages. Of what
happens in a step, energy and time follow as for networks (:mod:`eqchip.hw_reports.pricing.settle`);
of rates, a step is the mean one, whose busiest core is less busy than the mean of the busiest.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.memory import check_memory
from eqchip.hw_reports.pricing import timing
from eqchip.hw_reports.pricing.entries import Counts, Entry, energy_of, entries
from eqchip.hw_reports.pricing.graph_spikes import Sent
from eqchip.hw_reports.pricing.onchip_update import together, writes
from eqchip.hw_reports.pricing.settle import Settled, settle
from eqchip.hw_reports.pricing.timing import PhaseTime
from eqchip.hw_reports.pricing.totals import Sum, banded
from eqchip.mapping.activity.steps import StepCounts
from eqchip.mapping.chip_file.learning import check_learns
from eqchip.mapping.kinds import EAST_WEST, INFERENCE, NORTH_SOUTH, UPDATE
from eqchip.mapping.placement.graph import MappedGraph
from eqchip.mapping.placement.route import DIRECTIONS, Routes, hops, routes

PER_SAMPLE = ("reset",)  # what a stream of one endless sample does not do
NUMBER = 8  # bytes


class GraphCost(NamedTuple):
    """What one sample costs, the mean over the batch.

    Attributes
    ----------
    steps : int
        Of the sample.
    counts : dict of phase to Counts
        Events by kind; of those that belong to cores, an array.
    settled : Settled
        Energy by kind and phase; the time of all steps together, with the reset before them.
    times : dict of phase to PhaseTime
        On the cores.
    ways : Routes
    links : ndarray of float, shape (links,)
        Messages over each link of ``ways``.
    """

    steps: int
    counts: dict[str, Counts]
    settled: Settled
    times: dict[str, PhaseTime]
    ways: Routes
    links: np.ndarray

    @property
    def totals(self) -> dict[str, float]:
        """Events of an inference by kind."""
        return {kind: float(count.sum()) for kind, count in self.counts[INFERENCE].items()}

    @property
    def seconds(self) -> Sum:
        """The time of a sample."""
        return self.settled.seconds[INFERENCE]


def cost_of(
    mapped: MappedGraph,
    sent: Sent,
    steps: int,
    writes_each: float = 0.0,
    update: tuple[Counts, PhaseTime] | None = None,
) -> GraphCost:
    """Price the spikes of a graph.

    Parameters
    ----------
    mapped : MappedGraph
    sent : Sent
    steps : int
        Of a sample.
    writes_each : float
        How often a sample's learning writes each synapse; see :func:`update_of`.
    update : tuple of Counts and PhaseTime, optional
        Or what it writes, as it was counted.

    Returns
    -------
    GraphCost
    """
    chip, tiles = mapped.chip, len(np.unique(mapped.tiles))
    counted, directed, ways = _step_counts(mapped, sent)
    times = steps / sent.rows  # a row stands for so many steps
    counts: Counts = {
        kind: count.sum(axis=0).mean(axis=0) * times
        for kind, count in timing.core_counts(counted).items()
    }
    counts["hop_east_west"] = directed[:, EAST_WEST].sum(axis=1) * times
    counts["hop_north_south"] = directed[:, NORTH_SOUTH].sum(axis=1) * times
    links = counted.links.sum(axis=0).mean(axis=0) * times
    counts["chip_crossing"] = np.array([links[ways.crossing].sum()])
    for kind in ("barrier", "management"):
        counts[kind] = np.array([float(steps)])
    counts["reset"] = np.ones(mapped.cores)
    relaxing = timing.relaxation(counted, ways, chip, tiles, np.ones(sent.rows, bool))
    phases, lasting = {INFERENCE: counts}, {INFERENCE: _times(relaxing, times)}
    if writes_each:
        update = update_of(mapped, writes_each)
    if update is not None:
        phases[UPDATE], lasting[UPDATE] = update
    settled = settle(phases, lasting, chip, mapped.mesh.chips)
    return GraphCost(steps, phases, settled, lasting, ways, links)


def update_of(mapped: MappedGraph, writes_each: float) -> tuple[Counts, PhaseTime]:
    """Writing all synapses so many times: every core its own, one after the other.

    Each time the learning engine visits all of them, in an epoch that a barrier ends. What a rule
    needs besides (errors on their way back, traces, a second copy) is not in it.

    Raises
    ------
    InputError
        If the chip does not learn.
    """
    check_learns(mapped.chip)
    each = np.zeros(mapped.cores)
    for rows, units in zip(mapped.reached, mapped.graph.sizes, strict=True):
        each += rows.sum(axis=0) * (units if len(rows) == 1 else 1)
    once = writes(each, each, each)
    time = timing.update(once, mapped.chip, len(np.unique(mapped.tiles)))
    counts = {kind: count * writes_each for kind, count in once.items()}
    for kind in ("barrier", "management", "learning_epoch"):
        counts[kind] = np.array([writes_each])
    return counts, together([time], writes_each)


def stream_of(mapped: MappedGraph, cost: GraphCost, dt: float) -> Sum:
    """Watts while a signal streams in, a step in every `dt` seconds.

    No state is reset; the chip waits where it is done early, and where it is not, a second of
    signal takes it longer.
    """
    chip, per_second = mapped.chip, 1.0 / (cost.steps * dt)
    counts = {
        kind: count * per_second
        for kind, count in cost.counts[INFERENCE].items()
        if kind not in PER_SAMPLE
    }
    lasts = cost.times[INFERENCE].total
    if lasts.figure is None:
        one = Sum(banded((1.0, 1.0, 1.0), "s"))
    else:
        ends = (lasts.figure.low, lasts.figure.value, lasts.figure.high)
        one = Sum(banded([max(1.0, end * per_second) for end in ends], "s"))
    found = entries({INFERENCE: counts}, {INFERENCE: one}, chip, mapped.mesh.chips)
    energy = energy_of(found)
    if energy.figure is None:
        return energy
    return Sum(replace(energy.figure, unit="W"), energy.lacks)


def entries_of(cost: GraphCost, phase: str) -> list[Entry]:
    """The energy of one phase by kind."""
    return [entry for entry in cost.settled.entries if entry.phase == phase]


def _times(time: PhaseTime, factor: float) -> PhaseTime:
    """The time of so many steps alike: what is told of a step is left as it is."""
    parts: dict[str, Any] = {
        name: None if (figure := getattr(time, name)) is None else figure * factor
        for name in timing.RESOURCES
    }
    return replace(
        time,
        total=time.total * factor,
        critical={kind: seconds * factor for kind, seconds in time.critical.items()},
        cores=time.cores * factor,
        **parts,
    )


def _step_counts(mapped: MappedGraph, sent: Sent) -> tuple[StepCounts, np.ndarray, Routes]:
    """What cores and links do in each row, hops of each core's messages, and the ways.

    Hops: (cores, 4), summed over rows, the mean over samples.
    """
    sender, goes_to = np.nonzero(mapped.traffic([np.ones(n) for n in mapped.graph.sizes]))
    x, y = mapped.mesh.tile_x[mapped.tiles], mapped.mesh.tile_y[mapped.tiles]
    ways, way_of = _ways(mapped, sender, goes_to)
    by_way = np.argsort(way_of, kind="stable")
    first_of_way = np.searchsorted(way_of[by_way], np.arange(len(ways.crossed)))
    shape = (sent.rows, sent.batch, mapped.cores)
    check_memory(
        f"price: {sent.rows:,} steps of {sent.batch:,} samples on {mapped.cores:,} cores",
        NUMBER * sent.rows * sent.batch * (12 * mapped.cores + 3 * len(ways.links)),
        "fewer at a time",
    )
    active, events, out, into = (np.zeros(shape) for _ in range(4))
    links = np.zeros((sent.rows, sent.batch, len(ways.links)))
    of_pair = np.zeros(len(sender))
    starts = np.searchsorted(sender, np.arange(mapped.cores + 1))
    first = 0
    for block in sent.blocks(more=len(sender)):
        rows = slice(first, first + len(block[0]))
        flows = np.zeros((*block[0].shape[:2], len(sender)))
        for core, part in enumerate(mapped.parts):
            spikes = block[part.layer][..., part.first : part.end]
            reached, here = mapped.reached[part.layer], slice(starts[core], starts[core + 1])
            own = reached[part.first : part.end] if len(reached) > 1 else reached
            weighed = spikes if len(reached) > 1 else spikes.sum(axis=-1, keepdims=True)
            events[rows] += weighed @ own
            flows[..., here] = weighed @ (own[:, goes_to[here]] > 0)
            out[rows, :, core] = flows[..., here].sum(axis=-1)
            into[rows][..., goes_to[here]] += flows[..., here]
            if mapped.graph.populations[part.layer].unit.receives:
                active[rows, :, core] = spikes.sum(axis=-1)
        if len(sender):
            links[rows] = np.add.reduceat(flows[..., by_way], first_of_way, axis=-1) @ ways.crossed
        of_pair += flows.sum(axis=0).mean(axis=0)
        first = rows.stop
    directed = np.zeros((mapped.cores, len(DIRECTIONS)))
    np.add.at(directed, sender, hops(x, y)[sender, goes_to] * of_pair[:, None])
    computes = np.array([
        part.units * mapped.graph.populations[part.layer].unit.receives for part in mapped.parts
    ])  # fmt: skip
    phase = np.zeros(sent.rows, np.int64)
    counted = StepCounts(phase, active, computes - active, events, out, into, links)
    return counted, directed, ways


def _ways(
    mapped: MappedGraph, sender: np.ndarray, goes_to: np.ndarray
) -> tuple[Routes, np.ndarray]:
    """The ways between pairs of tiles, and which of them each pair of cores takes.

    Cores of a tile share their ways, of which there are so many fewer.
    """
    used, place = np.unique(mapped.tiles, return_inverse=True)
    pairs, way_of = np.unique(place[sender] * len(used) + place[goes_to], return_inverse=True)
    to = np.zeros((len(pairs), len(used)), bool)
    to[np.arange(len(pairs)), pairs % len(used)] = True
    x, y = mapped.mesh.tile_x[used], mapped.mesh.tile_y[used]
    return routes(x, y, to, pairs // len(used), mapped.mesh), way_of
