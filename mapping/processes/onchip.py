"""A process graph that learns as a chip does: in its integers, every core from what it knows.

See :mod:`eqchip.emulator.description.onchip`. A connection becomes two processes ``OneWay``: the
forward copy of its weights stands where the layer above is, the mirrored copy where the layer below
is. Each is written from the bits that arrive at it, and from what units tell at the end of a
sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.onchip import TRACE_SHIFT, OnChip
from eqchip.emulator.description.sight import ACTIVITY, CHANGE, SIGHTS, TRACE, Sight
from eqchip.emulator.description.upkeep import (
    COPIES,
    FORWARD,
    MIRROR,
    UPKEEPS,
    Send,
    Shrink,
    Tending,
    Upkeep,
)
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels.random_rounding import BIAS_STREAM, DECAY_STREAM
from eqchip.emulator.learning.onchip_lowering import (
    Term,
    check_rates,
    initial_store,
    lower_bias_rates,
    lower_terms,
    terms_of,
    window,
)
from eqchip.emulator.problem.problem import Problem
from eqchip.mapping.processes.graph import ConnectionNode, Edge, ProcessGraph

KNOWN = (ACTIVITY, CHANGE, TRACE)  # what the processes form
TOLD = (ACTIVITY.name, CHANGE.name)  # by units; their spikes are counted where they arrive


def with_on_chip_learning(
    graph: ProcessGraph,
    problem: Problem,
    *,
    onchip: OnChip,
    learning: Learning,
    rates: Sequence[float],
    seed: int,
) -> ProcessGraph:
    """The graph of a problem, whose cores write weights and biases after every sample.

    Parameters
    ----------
    graph : ProcessGraph
        Of the problem, in precision chip and the integers of `onchip`.
    problem : Problem
        With the phases of `learning`; its weights are those learned from, at first.
    onchip : OnChip
    learning : Learning
    rates : sequence of float
        Learning rates, one per connection.
    seed : int
        Of the rounding of initial weights and of all that is written.

    Returns
    -------
    ProcessGraph
        ``learning`` holds ``rule``, and in ``processes`` by name what each learns by: see
        :class:`~eqchip.backends.lava.processes.one_way.OneWay` and ``EPLayer``.

    Raises
    ------
    InputError
        For what the processes do not do: sees ``"loihi-engine"`` or ``"signed-spikes"``, changes
        in few bits, copies that need spikes beside those of samples, an injected current, samples
        that are skipped, convolutions. And for rates that would never change a weight.
    """
    _check_matrices(problem.network)
    _check(graph, onchip, learning)
    check_rates(onchip, learning, rates)
    connections = len(graph.connections)
    terms = terms_of(onchip, connections)
    common = _common(problem, onchip, learning, seed)
    processes = _layers(graph, common, onchip, learning, rates)
    nodes: list[ConnectionNode] = []
    forward: list[Edge] = []
    other: list[Edge] = []
    for k, exponent in enumerate(onchip.exponents(connections)):
        stored = initial_store(problem.network.weights[k], exponent, onchip, seed, k)
        for copy in COPIES:
            of_copy = [term for term in terms if (term.connection, term.copy) == (k, copy)]
            if not of_copy:  # nothing is fed back to the clamped input
                continue
            mirror = copy == MIRROR
            name = name_of(k, mirror)
            weights = np.ascontiguousarray(stored.T if mirror else stored, np.int64)
            nodes.append(ConnectionNode(name, k, weights, exponent, False, process="OneWay"))
            lowered = lower_terms(of_copy, onchip, learning, [exponent] * connections, rates)
            products = [
                _product(term, mirror, int(mantissa), int(shift))
                for term, mantissa, shift in zip(
                    of_copy, lowered.mantissa, lowered.shift, strict=True
                )
            ]
            processes[name] = {
                **common,
                "connection": k,
                "mirror": mirror,
                "accumulator_bits": onchip.accumulator_bits,
                "limit": onchip.fixed.highest_code << onchip.accumulator_bits,
                "products": products,
                "upkeep": _upkeep(onchip, copy) if k > 0 else None,
            }
            (other if mirror else forward).extend(_edges(name, k, mirror, products))
        if isinstance(onchip.upkeep.tending, Send) and k > 0:
            other.append(Edge(name_of(k, False), "copy_out", name_of(k, True), "copy_in"))
    return replace(
        graph,
        connections=tuple(nodes),
        edges=(*forward, *other),
        learning={"rule": "on-chip", "processes": processes},
    )


def name_of(k: int, mirror: bool) -> str:
    """The process of one copy of connection k."""
    return f"dense_{k + 1}_{'mirror' if mirror else 'forward'}"


def knows(sight: Sight) -> bool:
    """Whether the processes form all that a core sees."""
    return sight.sources <= set(KNOWN)


def tends(upkeep: Upkeep) -> bool:
    """Whether the processes keep copies alike in this way."""
    if upkeep.adjoint:
        return False
    return upkeep.tending is None or type(upkeep.tending) in _TENDED


def _usual_first(names: Iterable[str], usual: str) -> list[str]:
    return sorted(names, key=lambda name: name != usual)


def _check_matrices(network: Network) -> None:
    for k, connection in enumerate(network.connections, start=1):
        if not connection.all_to_all:
            raise InputError(
                f"process graph: learning on the chip with connection {k} ({connection}), whose "
                f"{connection.label} weights no process keeps; expected Dense"
            )


def _check(graph: ProcessGraph, onchip: OnChip, learning: Learning) -> None:
    if learning.skip_right:
        raise InputError(
            f"process graph: skip_right is {learning.skip_right!r}; expected 0: "
            "its processes run all phases of every sample"
        )
    if onchip.change_bits:
        raise InputError(
            f"process graph: change_bits is {onchip.change_bits}; expected 0: "
            "its processes hand on every change exact"
        )
    if not knows(onchip.sight):
        able = [repr(name) for name in _usual_first(SIGHTS, OnChip.sees) if knows(SIGHTS[name])]
        raise InputError(
            f"process graph: sees {onchip.sees!r}; expected {' or '.join(able)}: "
            "its processes keep no traces that decay, and tell of no change by spikes"
        )
    if not tends(onchip.upkeep):
        able = [name for name in _usual_first(UPKEEPS, OnChip.copies) if tends(UPKEEPS[name])]
        raise InputError(
            f"process graph: copies {onchip.copies!r}; expected one of {', '.join(able)}: "
            "its processes send no spikes but those of samples, one way over a copy"
        )
    if graph.current is not None:
        raise InputError(
            "process graph: learning with input 'current'; expected 'spikes': "
            "no process holds the weights of the current"
        )


def _common(problem: Problem, onchip: OnChip, learning: Learning, seed: int) -> dict[str, Any]:
    """What every process knows: rows of the tables, and how numbers are told and drawn."""
    _, plus, minus = np.cumsum([phase.steps for phase in problem.phases]).tolist()
    average, trace = learning.average_steps, window(onchip, learning)
    return {
        "seed": seed,
        "told": 2 if onchip.sight.graded else 1,
        "threshold": int(onchip.threshold * onchip.fixed.one * average),
        "plus": list(range(plus - average, plus)),
        "minus": list(range(minus - average, minus)),
        "counted": [*range(plus - trace, plus), *range(minus - trace, minus)],
        "most": (1 << onchip.trace_bits) - 1,
    }


def _layers(
    graph: ProcessGraph,
    common: dict[str, Any],
    onchip: OnChip,
    learning: Learning,
    rates: Sequence[float],
) -> dict[str, Any]:
    """What the layers learn by; the clamped one only tells."""
    mantissas, shifts = lower_bias_rates(onchip, learning, rates)
    found = {}
    for node in graph.layers:
        found[node.name] = dict(common)
        if not node.clamped:
            k = node.layer - 1
            rate = {"mantissa": int(mantissas[k]), "shift": int(shifts[k])}
            found[node.name] |= {"connection": k, "stream": BIAS_STREAM, **rate}
    return found


def _product(term: Term, mirror: bool, mantissa: int, shift: int) -> dict[str, Any]:
    """A product in the words of a core: of those that send to it, and of its own units."""
    pre, post = term.pre.name, term.post.name
    sent, own = (post, pre) if mirror else (pre, post)
    rate = {"mantissa": mantissa, "shift": shift}
    return {"sent": sent, "own": own, "stream": term.stream, **rate}


def _upkeep(onchip: OnChip, copy: int) -> dict[str, Any] | None:
    """What keeps a copy like the other."""
    tending = onchip.upkeep.tending
    return None if tending is None else _TENDED[type(tending)](onchip, copy)


def _shrinks(onchip: OnChip, copy: int) -> dict[str, Any]:
    share = int(onchip.decay_rate * 2**TRACE_SHIFT)
    stream = DECAY_STREAM + copy
    return {"kind": "shrink", "every": onchip.every, "share": share, "stream": stream}


def _sends(onchip: OnChip, copy: int) -> dict[str, Any]:
    return {"kind": "send" if copy == FORWARD else "receive", "every": onchip.every}


# What a process does to its copy, by the kind of tending.
_TENDED: dict[type[Tending], Callable[[OnChip, int], dict[str, Any]]] = {
    Shrink: _shrinks,
    Send: _sends,
}


def _edges(name: str, k: int, mirror: bool, products: Sequence[dict[str, Any]]) -> list[Edge]:
    """What a copy is joined to: only to what its products need."""
    below, above = f"layer_{k}", f"layer_{k + 1}"
    sender, own = (above, below) if mirror else (below, above)
    found = [Edge(sender, "q_out", name, "q_sent"), Edge(name, "a_own", own, "a_in")]
    if any(product["own"] == TRACE.name for product in products):
        found.append(Edge(own, "q_out", name, "q_own"))
    for end, layer in (("sent", sender), ("own", own)):
        if any(product[end] in TOLD for product in products):
            found.append(Edge(layer, "told_out", name, f"{end}_told"))
    return found
