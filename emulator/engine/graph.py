"""The event-driven engine of graphs: a whole run of a minibatch in one compiled call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.engine.graph_lowering import given_of, wire
from eqchip.emulator.engine.graph_units import Groups, group_populations, kept_of, lower_groups
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels.graph.arrays import Record, State, Wiring
from eqchip.emulator.kernels.graph.relax import relax_graph
from eqchip.emulator.kernels.lowered import CACHE_LINE, aligned_zeros
from eqchip.emulator.problem.graph import GraphActivity, GraphProblem, GraphRun, sent_by
from eqchip.emulator.threads import resolve_threads, share


def solve(problem: GraphProblem, threads: int | None = None) -> GraphRun:
    """Run a graph on the event-driven engine.

    Parameters
    ----------
    problem : GraphProblem
        From :func:`eqchip.emulator.problem.graph.pose_graph`.
    threads : int, optional
        Samples run side by side on this many threads. Default: all processors. The result does
        not depend on it.

    Raises
    ------
    InputError
        For a kind of unit or connection that the engine does not know, and a graph in which
        nothing computes.
    """
    return run_lowered(lower_graph(problem), problem, threads)


def run_lowered(lowered: LoweredGraph, problem: GraphProblem, threads: int | None) -> GraphRun:
    """Run all samples of a problem on a graph that is lowered for it."""
    given, record = given_of(problem), new_record(problem, lowered.net)

    def work(first: int, last: int) -> None:
        relax_graph(
            lowered.net, lowered.rules, lowered.sends, given, record, *lowered.memory(), 0,
            problem.steps, first, last,
        )  # fmt: skip

    share(work, problem.batch, resolve_threads(threads))
    return answer(problem, lowered.net, record)


def advance_graph(
    lowered: LoweredGraph, problem: GraphProblem, memory: Sequence[Memory], start: int
) -> GraphRun:
    """Run the samples of a problem on from step `start`, each in its own memory."""
    given, record = given_of(problem), new_record(problem, lowered.net)
    for b, own in enumerate(memory):
        relax_graph(
            lowered.net, lowered.rules, lowered.sends, given, record, *own, start, problem.steps,
            b, b + 1,
        )  # fmt: skip
    return answer(problem, lowered.net, record)


class Memory(NamedTuple):
    """What one thread changes: a sample at one step, and what every group keeps."""

    state: State
    kept: tuple[Any, ...]


class LoweredGraph(NamedTuple):
    """A graph as the kernel takes it; sends: (p,) bool, whether a population fires."""

    problem: GraphProblem
    groups: Groups
    net: Wiring
    rules: tuple[Any, ...]
    sends: np.ndarray

    def memory(self) -> Memory:
        """Room for a sample."""
        return Memory(
            _new_state(self.problem, self.net), kept_of(self.problem, self.groups, self.rules)
        )


def lower_graph(problem: GraphProblem) -> LoweredGraph:
    """Lower a graph in the numbers of a problem.

    Raises
    ------
    InputError
        As :func:`solve`.
    """
    groups = group_populations(problem)
    if not groups.members:
        raise InputError("run: every population is an input; expected one that computes")
    net = wire(problem, groups.order)
    rules = lower_groups(problem, groups, net.first)
    sends = np.array([p.unit.sends and p.unit.receives for p in problem.graph.populations])
    return LoweredGraph(problem, groups, net, rules, sends)


def _units(net: Wiring) -> int:
    """Units of all populations as they stand in memory, with the room that whole rows take."""
    line = CACHE_LINE // net.weights.itemsize
    return int((net.rooms + -(-net.sizes // line) * line).max())


def new_record(problem: GraphProblem, net: Wiring) -> Record:
    """Zeroed results of a run."""
    units, batch = _units(net), problem.batch
    spikes, potentials = (
        problem.steps if name in problem.record else 0 for name in ("spikes", "potentials")
    )
    return Record(
        sent=np.zeros((batch, len(net.sizes)), np.int64),
        arrivals=np.zeros((batch, len(problem.graph.projections)), np.int64),
        counts=np.zeros((batch, units), np.int64),
        ends=np.zeros((batch, units), problem.dtype),
        spikes=np.zeros((spikes, batch, units), np.int8),
        potentials=np.zeros((potentials, batch, units), problem.dtype),
    )


def _new_state(problem: GraphProblem, net: Wiring) -> State:
    units = _units(net)
    kept = int((net.depth * net.sizes).sum())
    number = np.dtype(np.int32) if problem.integers else problem.dtype
    return State(
        v=aligned_zeros(units, problem.dtype),
        wait=np.zeros(units, np.int32),
        incoming=aligned_zeros(units, problem.dtype),
        sums=aligned_zeros(units if problem.integers else 0, np.dtype(np.int32)),
        q=aligned_zeros(units, np.dtype(np.int8)),
        rows=aligned_zeros(kept, np.dtype(np.int32)),
        values=np.zeros(kept, number),
        counts=np.zeros(int(net.depth.sum()), np.int64),
    )


def answer(
    problem: GraphProblem, net: Wiring, record: Record, updates: np.ndarray | None = None
) -> GraphRun:
    """What was recorded, by population; updates: of each, where clocks differ."""
    counts, ends = {}, {}
    spikes: dict[str, np.ndarray] = {}
    potentials: dict[str, np.ndarray] = {}
    for k, population in enumerate(problem.graph.populations):
        name = population.name

        def shaped(array: np.ndarray, k: int = k, room: int = 0) -> np.ndarray:
            first, shape = int(net.rooms[room, k]), problem.graph.populations[k].shape
            own = slice(first, first + int(net.sizes[k]))
            return array[..., own].reshape(*array.shape[:-1], *shape)

        counts[name] = shaped(record.counts)
        if population.unit.receives:
            for room, membrane in enumerate(population.membranes):
                ends[membrane] = shaped(record.ends, room=room)
                potentials[membrane] = shaped(record.potentials, room=room)
        if "spikes" in problem.record:
            spikes[name] = (
                shaped(record.spikes) if population.unit.receives else sent_by(problem, population)
            )
    return GraphRun(
        spikes if "spikes" in problem.record else None,
        potentials if "potentials" in problem.record else None,
        counts,
        ends,
        GraphActivity.of(problem, record.sent.sum(0), record.arrivals.sum(0), updates),
    )
