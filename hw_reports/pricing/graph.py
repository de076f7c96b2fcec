"""What a mapped graph costs: of spikes that were counted somewhere, step by step, or of rates.

Nothing is simulated: spikes times synapses are events, spikes times cores messages. Of what
happens in a step, energy and time follow as for networks (:mod:`eqchip.hw_reports.pricing.settle`);
of rates, a step is the mean one, whose busiest core is less busy than the mean of the busiest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from eqchip.hw_reports.pricing import timing
from eqchip.hw_reports.pricing.entries import Counts, Entry
from eqchip.hw_reports.pricing.settle import settle
from eqchip.hw_reports.pricing.totals import Sum
from eqchip.mapping.activity.steps import StepCounts
from eqchip.mapping.kinds import EAST_WEST, INFERENCE, NORTH_SOUTH
from eqchip.mapping.placement.graph import MappedGraph
from eqchip.mapping.placement.route import DIRECTIONS, Routes, hops, routes


class GraphCost(NamedTuple):
    """What one sample costs: counts and energy by kind, and its time.

    steps: of the sample; totals: events by kind; seconds: of all steps together, with the reset
    before the sample.
    """

    steps: int
    totals: dict[str, float]
    entries: list[Entry]
    seconds: Sum


def cost_of(mapped: MappedGraph, sent: Sequence[np.ndarray], steps: int) -> GraphCost:
    """Price the spikes of a graph.

    Parameters
    ----------
    mapped : MappedGraph
    sent : sequence of ndarray, shape (rows, batch, units)
        Per population, the spikes of each unit in each step, of each sample; or, in one row, the
        mean ones of all steps.
    steps : int
        Of a sample.

    Returns
    -------
    GraphCost
        The mean over the batch.
    """
    chip, tiles = mapped.chip, len(np.unique(mapped.tiles))
    counted, directed, ways = _step_counts(mapped, sent)
    rows = len(counted.phase)
    times = steps / rows  # a row stands for so many steps
    relaxing = timing.relaxation(counted, ways, chip, tiles, np.ones(rows, bool))
    counts: Counts = {
        kind: count.sum(axis=0).mean(axis=0) * times
        for kind, count in timing.core_counts(counted).items()
    }
    counts["hop_east_west"] = directed[:, EAST_WEST].sum(axis=1) * times
    counts["hop_north_south"] = directed[:, NORTH_SOUTH].sum(axis=1) * times
    crossings = counted.links[..., ways.crossing].sum(axis=(0, 2)).mean() * times
    counts["chip_crossing"] = np.array([crossings])
    counts["barrier"], counts["reset"] = np.array([float(steps)]), np.ones(mapped.cores)
    critical = {kind: seconds * times for kind, seconds in relaxing.critical.items()}
    lasting = replace(relaxing, total=relaxing.total * times, critical=critical)
    settled = settle({INFERENCE: counts}, {INFERENCE: lasting}, chip, mapped.mesh.chips)
    totals = {kind: float(count.sum()) for kind, count in counts.items()}
    return GraphCost(steps, totals, settled.entries, settled.seconds[INFERENCE])


def _step_counts(
    mapped: MappedGraph, sent: Sequence[np.ndarray]
) -> tuple[StepCounts, np.ndarray, Routes]:
    """What cores and links do in each row, hops of each core's messages, and the ways.

    Hops: (cores, 4), summed over rows, the mean over samples.
    """
    rows, batch = sent[0].shape[:2]
    shape = (rows, batch, mapped.cores)
    active, events = np.zeros(shape), np.zeros(shape)
    messages = np.zeros((rows, batch, mapped.cores, mapped.cores))
    computes = np.zeros(mapped.cores)
    for core, part in enumerate(mapped.parts):
        spikes = sent[part.layer][..., part.first : part.end].astype(np.float64)
        reached = mapped.reached[part.layer]
        if len(reached) == 1:
            all_of_them = spikes.sum(axis=-1, keepdims=True)
            events += all_of_them * reached[0]
            messages[..., core, :] = all_of_them * (reached[0] > 0)
        else:
            own = reached[part.first : part.end]
            events += spikes @ own
            messages[..., core, :] = spikes @ (own > 0)
        if mapped.graph.populations[part.layer].unit.receives:
            active[..., core], computes[core] = spikes.sum(axis=-1), part.units
    pairs = np.nonzero(messages.any(axis=(0, 1)))
    x, y = mapped.mesh.tile_x[mapped.tiles], mapped.mesh.tile_y[mapped.tiles]
    to = np.zeros((len(pairs[0]), mapped.cores), bool)
    to[np.arange(len(to)), pairs[1]] = True
    ways = routes(x, y, to, pairs[0], mapped.mesh)
    flows = messages[..., pairs[0], pairs[1]]
    directed = np.zeros((mapped.cores, len(DIRECTIONS)))
    np.add.at(directed, pairs[0], hops(x, y)[pairs] * flows.sum(axis=0).mean(axis=0)[:, None])
    counted = StepCounts(
        np.zeros(rows, np.int64),
        active,
        computes - active,
        events,
        messages.sum(axis=-1),
        messages.sum(axis=-2),
        flows @ ways.crossed,
    )
    return counted, directed, ways
