"""Networks that both simulators run, and where their counts differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from eqchip.backends.sanafe.peer import FORCED, SanafeProcess, Timing, problem_of, trains_of
from eqchip.emulator.description.coding import Coding, Polynomial
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.run import Run
from eqchip.mapping.activity.cores import core_activity, step_counts
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.placement.mapped import MappedNetwork, map_network

ROUNDING = 1e-10  # relative; both add up the same terms, in another order
FIXED = Polynomial(1.0, 0.0)  # a coefficient that stays 1


@dataclass(frozen=True, eq=False)
class Case:
    """A mapped network and a run of it."""

    mapped: MappedNetwork
    run: Run

    @property
    def samples(self) -> int:
        return self.run.ends[0][0].shape[0]

    @property
    def steps(self) -> int:
        return sum(phase.steps for phase in self.run.phases)


def with_units(chip: Chip, units: int) -> Chip:
    """The same chip with room for fewer units on a core: a small network takes many cores."""
    assert chip.cores is not None
    limit = chip.cores.units.model_copy(update={"value": units})
    return chip.model_copy(update={"cores": chip.cores.model_copy(update={"units": limit})})


def scattered(mapped: MappedNetwork, seed: int) -> MappedNetwork:
    """The same parts on cores drawn at random: hops in all directions."""
    rng = np.random.default_rng(seed)
    sites = rng.choice(mapped.mesh.sites, len(mapped.parts), replace=False)
    return replace(mapped, sites=sites)


def learning_case(
    chip: Chip, sizes: tuple[int, ...], units: int, seed: int, level: float = 1.0
) -> Case:
    """A free and a nudged phase of two samples, with sigma-delta spikes in both directions.

    `level` scales what drives the network: few spikes where it is small.
    """
    rng = np.random.default_rng(seed)
    network = Network.dense(
        sizes,
        weights=[rng.normal(0.0, 2.0 / np.sqrt(a), (a, b)) for a, b in pairwise(sizes)],
        biases=[level * rng.uniform(0.0, 0.3, b) for b in sizes[1:]],
    )
    mapped = scattered(map_network(network, with_units(chip, units)), seed)
    x, y = level * rng.random((2, sizes[0])), level * rng.random((2, sizes[-1]))
    phases = [Free(12), Nudged(6, y, 0.5)]
    return Case(mapped, _run(mapped, x, Coding(), phases))


def integrating_case(chip: Chip, sizes: tuple[int, ...], units: int, seed: int) -> Case:
    """A network that SANA-FE's integrate-and-fire units compute exactly as ours do.

    With a step size of 1 and no prediction, s = u + b while that stays in [0, 1], and the
    residue phi' = phi + s fires above 1/2 and loses 1. So does a potential v = phi + 1/2 with
    threshold 1, which is subtracted. All numbers are multiples of 1/64, which SANA-FE rounds
    potentials to, and no sum leaves [0, 1], so that nothing is clipped or rounded anywhere.
    """
    rng = np.random.default_rng(seed)
    grid = 64
    weights = [np.zeros((a, b)) for a, b in pairwise(sizes)]
    biases = [np.zeros(b) for b in sizes[1:]]
    positive = [np.zeros(n) for n in sizes]  # the largest and the least sum that can arrive
    negative = [np.zeros(n) for n in sizes]
    reach = [grid // 2] * len(sizes)
    for _ in range(20 * sum(w.size for w in weights)):
        k = int(rng.integers(len(weights)))
        i, j = int(rng.integers(sizes[k])), int(rng.integers(sizes[k + 1]))
        if weights[k][i, j]:
            continue
        w = int(rng.integers(1, 9)) * int(rng.choice([-1, 1, 1]))
        sums = positive if w > 0 else negative
        heard = [(k + 1, j)] + ([(k, i)] if k > 0 else [])  # the input hears no feedback
        if all(sums[layer][unit] + abs(w) <= reach[layer] for layer, unit in heard):
            weights[k][i, j] = w
            for layer, unit in heard:
                sums[layer][unit] += abs(w)
    for layer in range(1, len(sizes)):  # lifted, so that the least sum is 0
        biases[layer - 1][:] = negative[layer]
    network = Network.dense(
        sizes, weights=[w / grid for w in weights], biases=[b / grid for b in biases]
    )
    mapped = scattered(map_network(network, with_units(chip, units)), seed)
    x = rng.integers(0, grid + 1, (1, sizes[0])) / grid
    return Case(mapped, _run(mapped, x, Coding(step_size=FIXED, prediction=None), [Free(40)]))


def _run(mapped: MappedNetwork, x: np.ndarray, coding: Coding, phases: list[Any]) -> Run:
    return solve(
        pose(
            mapped.network,
            x,
            coding=coding,
            phases=phases,
            precision="float64",
            record=("bits",),
            parts=mapped.parts,
        )
    )


def replayed(
    sanafe: SanafeProcess, case: Case, sample: int, timing: Timing = "simple"
) -> dict[str, Any]:
    """SANA-FE with the spikes of the case forced upon its units, traced step by step."""
    assert case.run.bits is not None
    drives = [
        {"kind": FORCED, "spikes": trains_of(case.run.bits, sample, part)}
        for part in case.mapped.parts
    ]
    sanafe.load(problem_of(case.mapped, drives))
    return sanafe.run(case.steps, timing, trace=True)


@dataclass(frozen=True, eq=False)
class Traffic:
    """What SANA-FE reports of one sample, in the order of our cores and steps.

    It books what a spike causes in the step that fires it; we, in the next, in which it
    arrives. Here all is booked as ours: arrays of shape (steps, cores), ``hops`` (steps, 4).
    Its last step is left out, whose spikes arrive after the end of the run.
    """

    sent: np.ndarray
    received: np.ndarray
    events: np.ndarray
    hops: np.ndarray

    @classmethod
    def of(cls, mapped: MappedNetwork, reply: dict[str, Any]) -> Traffic:
        steps, cores = reply["steps"], len(mapped.parts)
        core_at = {
            (int(x), int(y), int(slot)): core
            for core, (x, y, slot) in enumerate(zip(mapped.x, mapped.y, mapped.slot, strict=True))
        }
        sent, received, events = np.zeros((3, steps, cores), np.int64)
        hops = np.zeros((steps, 4), np.int64)
        for row, messages in enumerate(reply["messages"][:-1], start=1):
            for *ends, count, met, crossed in messages:
                (x, y, _), (to_x, to_y, _) = source, target = tuple(ends[:3]), tuple(ends[3:])
                sent[row, core_at[source]] += count
                received[row, core_at[target]] += count
                events[row, core_at[target]] += met
                way = np.maximum([to_x - x, x - to_x, y - to_y, to_y - y], 0)
                assert way.sum() * count == crossed, "SANA-FE stands elsewhere on the mesh"
                hops[row] += way * count
        return cls(sent, received, events, hops)


def differences(case: Case, replies: list[dict[str, Any]]) -> list[str]:
    """Every count in which the two differ, by name, over all samples.

    Fired and updated units, messages, synaptic events and hops of every step and core
    against `step_counts`; of every phase and core, and hops by direction, against
    `core_activity`.
    """
    return sorted({name for name, ours, theirs in _pairs(case, replies) if (ours != theirs).any()})


def _pairs(
    case: Case, replies: list[dict[str, Any]]
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    mapped, counts = case.mapped, step_counts(case.mapped, case.run)
    activity = core_activity(case.mapped, case.run)
    all_traffic = [Traffic.of(mapped, reply) for reply in replies]
    starts = np.cumsum([0, *activity.steps[:-1]])
    for b, (reply, traffic) in enumerate(zip(replies, all_traffic, strict=True)):
        rows = reply["rows"]
        fired, updated, events, packets, hops = (
            np.array([row[name] for row in rows])
            for name in ("fired", "updated", "events", "packets", "hops")
        )
        active, inactive = counts.updates_active[:, b], counts.updates_inactive[:, b]
        yield "fired", active.sum(axis=1), fired
        yield "updated", (active + inactive).sum(axis=1), updated
        yield "fired per core", active, fired_per_core(mapped, reply)
        yield "synaptic events", counts.synaptic_events[1:, b].sum(axis=1), events[:-1]
        yield "messages", counts.messages_sent[1:, b].sum(axis=1), packets[:-1]
        yield "hops", counts.links[1:, b].sum(axis=1), hops[:-1]
        yield "synaptic events per core", counts.synaptic_events[:, b], traffic.events
        yield "messages sent per core", counts.messages_sent[:, b], traffic.sent
        yield "messages received per core", counts.messages_received[:, b], traffic.received

    def by_phase(name: str) -> np.ndarray:
        return sum(np.add.reduceat(getattr(one, name), starts) for one in all_traffic)

    yield (
        "spikes of phases",
        activity.spikes,
        np.add.reduceat(sum(fired_per_core(mapped, reply) for reply in replies), starts),
    )
    yield "synaptic events of phases", activity.synaptic_events, by_phase("events")
    yield "messages of phases", activity.messages_sent, by_phase("sent")
    yield "messages of phases", activity.messages_received, by_phase("received")
    yield "hops by direction", activity.hops, by_phase("hops")


def fired_per_core(mapped: MappedNetwork, reply: dict[str, Any]) -> np.ndarray:
    """Units that fired, shape (steps, cores)."""
    found = np.zeros((reply["steps"], len(mapped.parts)), np.int64)
    for row, step in enumerate(reply["rows"]):
        for core, units in step["fired_units"].items():
            found[row, int(core)] = len(units)
    return found


def fired_bits(mapped: MappedNetwork, reply: dict[str, Any]) -> list[np.ndarray]:
    """The bits that SANA-FE's units emitted, per layer, shape (steps, units)."""
    bits = [np.zeros((reply["steps"], n), np.uint8) for n in mapped.network.sizes]
    for row, step in enumerate(reply["rows"]):
        for core, units in step["fired_units"].items():
            part = mapped.parts[int(core)]
            bits[part.layer][row, part.first + np.array(units)] = 1
    return bits
