"""What learning has to remember: Equilibrium Propagation against backpropagation through time.

EP contrasts the potentials at the end of two phases: what it keeps does not depend on the
number of time steps. Backpropagation through time (BPTT) runs back through every step of the
relaxation, and keeps what its adjoint needs of each. Both are counted for the same network,
coding and width of state; weights are the same for both and left out.

Sources: Scellier and Bengio, Front. Comput. Neurosci. 11:24 (2017), for EP; Neftci, Mostafa
and Zenke, IEEE Signal Process. Mag. 36(6) (2019), for BPTT in spiking networks with surrogate
derivatives; Chen et al., arXiv 1604.06174 (2016), for checkpoints.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.description.coding import Coding, OptimalStepSize
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.description.parts import Part, whole_layers
from eqchip.emulator.description.topology import Topology
from eqchip.emulator.description.upkeep import COPIES, FORWARD, MIRROR
from eqchip.emulator.learning.onchip_lowering import sum_bits, synapses_of_a_weight, terms_of
from eqchip.mapping.placement.ways import arriving, incoming

ADAPTIVE_STATISTICS = 5  # nu, theta, b, d, L of OptimalStepSize
ADAPTED_PREDICTION = 3  # B and D of AdaptivePrediction; k and n together are one number
FURTHEST = 1000  # steps on the plot's axis, at least
SOURCES = (
    "EP: Scellier and Bengio, Front. Comput. Neurosci. 11:24 (2017)",
    "BPTT: Neftci, Mostafa and Zenke, IEEE Signal Process. Mag. 36(6) (2019)",
    "BPTT with checkpoints: Chen et al., arXiv 1604.06174 (2016)",
)


class Term(NamedTuple):
    """Something to remember: `bits` for each of so many units, once or for every time step."""

    method: str
    name: str
    bits: int
    units: int
    per_step: bool
    why: str
    layers: Collection[int] | None = None  # whose units these are; None: on no layer's account

    @property
    def total_bits(self) -> int:
        """Bits over all units, for one step if it is one of every step."""
        return self.bits * self.units

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "method": self.method,
            "name": self.name,
            "bits_per_unit": self.bits,
            "per_step": self.per_step,
            "units": self.units,
            "why": self.why,
        }


def states_of_unit(coding: Coding) -> dict[str, int]:
    """What a unit carries from one time step to the next: name -> how many numbers.

    Examples
    --------
    >>> states_of_unit(Coding())
    {'potential': 1, 'residue': 1, 'decoder': 1}
    """
    states = {"potential": 1}
    if coding.quantizer == "sigma-delta":
        states["residue"] = 1
    if coding.prediction is not None:
        states["decoder"] = 1
    if coding.adapts_prediction:
        states["prediction statistics"] = ADAPTED_PREDICTION
    if isinstance(coding.step_size, OptimalStepSize):
        states["step-size statistics"] = ADAPTIVE_STATISTICS
    return states


def terms(config: Config, state_bits: int, parts: Sequence[Part] | None = None) -> list[Term]:
    """All that EP and BPTT remember beside the weights and the state of now.

    The clamped input is known throughout and needs no memory; nor do its bits, which can be
    computed from it again. That spares BPTT a bit for every input and step.

    Of a network that learned on the chip EP's are those of its cores as well: `parts`, or its
    layers where nothing is mapped.

    A read-out by cross-entropy takes no part in the dynamics: it has nothing to go back to, nor
    has BPTT anything to run back through in it; the layers that it hears hold the current of its
    error.
    Where it is the only layer, it counts as any other.
    """
    coding, learning, layers = config.coding, config.learning, len(config.sizes)
    outside = learning.readout == "cross-entropy" and layers > 2
    all_units, relaxing = range(1, layers), range(1, layers - outside)
    units = sum(config.sizes[layer] for layer in relaxing)
    states = sum(states_of_unit(coding).values())
    found = [
        Term("ep", "end states s- and s+", 2 * state_bits, sum(config.sizes[1:]), False,
             "the rule contrasts the potentials at the end of two phases", all_units)
    ]  # fmt: skip
    if outside:
        network = config.topology
        told = {
            below for k, (below, above) in enumerate(network.joined)
            if above == layers - 1 and network.sends_back(k)
        }  # fmt: skip
        found.append(
            Term("ep", "current of the read-out's error", state_bits,
                 sum(config.sizes[layer] for layer in told), False,
                 "it lasts through a nudged phase", told)
        )  # fmt: skip
    target = np.zeros((1, config.sizes[-1]))
    if any(phase.from_free for phase in learning.phases(target)):
        found.append(
            Term("ep", "state at the end of the free phase", states * state_bits, units, False,
                 "two phases start from it", relaxing)
        )  # fmt: skip
        if config.input == "spikes" and coding.quantizer == "sigma-delta":
            found.append(
                Term("ep", "input residues at the end of the free phase", state_bits,
                     config.sizes[0], False, "two phases start from them", range(1))
            )  # fmt: skip
    found += on_chip_terms(config, whole_layers(config.sizes) if parts is None else parts)
    found.append(
        Term("bptt", "potential", state_bits, units, True,
             "whether the clip to [0, 1] lets the adjoint through")
    )  # fmt: skip
    if coding.quantizer != "none":
        found.append(
            Term("bptt", "quantizer's argument", state_bits, units, True,
                 "where the surrogate derivative is taken")
        )  # fmt: skip
        found.append(
            Term("bptt", "bit", 1, units, True, "the gradient of the weights that it crossed")
        )
    if isinstance(coding.step_size, OptimalStepSize):
        found.append(
            Term("bptt", "step size", state_bits, units, True, "it scales the adjoint")
        )  # fmt: skip
    return found


def on_chip_terms(config: Config, parts: Sequence[Part]) -> list[Term]:
    """What cores that learn keep of spikes, and of weights below those that spikes read.

    Every core counts by itself: the spikes of each unit that reaches it, and of each of its own,
    where a product that it writes takes them. Potentials and changes that arrive as messages are
    used as they come, and need no memory.
    """
    onchip = config.on_chip
    if onchip is None:
        return []
    below, above, hidden, upper_units, synapses, injected, driven = 0, 0, 0, 0, 0, 0, 0
    last, network = len(config.sizes) - 1, config.topology
    for part in (part for part in parts if part.layer > 0):
        fed_back = part.layer < last
        lower, upper = axons_of(network, part)
        if part.layer == 1 and config.input == "current":  # of it no spikes are counted
            injected, driven = injected + lower, driven + part.units
        else:
            below += lower
        above += upper
        hidden, upper_units = hidden + part.units * fed_back, upper_units + part.units
        synapses += sum(synapses_of(network, part, False))
    forward, mirrored = (_trace_bits(onchip, copy) for copy in COPIES)
    own = (forward.own, upper_units) if forward.own else (mirrored.own, hidden)
    found = [
        Term("ep", "traces of input axons from below", forward.axon, below, False,
             "each core counts the spikes of every unit that reaches it"),
        Term("ep", "traces of input axons from above", mirrored.axon, above, False,
             "the copy that feedback crosses is written from the spikes above"),
        Term("ep", "numbers of an injected input", onchip.fixed.fraction_bits + 1, injected, False,
             "each core keeps what its axons were sent, to write by"),
        Term("ep", "drive of an injected input", onchip.fixed.state_bits, driven, False,
             "its sum is held through all phases"),
        Term("ep", "traces of own units", *own, False, "a product takes the spikes of both ends"),
        *change_terms(onchip, upper_units),
        Term("ep", "accumulators", onchip.accumulator_bits, synapses, False,
             "bits of every copy of a weight below those that a spike reads"),
        *_sum_terms(config, network, parts),
    ]  # fmt: skip
    return [term for term in found if term.total_bits]


def axons_of(network: Topology, part: Part) -> tuple[int, int]:
    """The units below and above that reach a part."""
    wires = incoming(network, part.layer)
    met = {layer: sum(n for _, n in one.axons(part)) for layer, one in wires.items()}
    return met.get(part.layer - 1, 0), met.get(part.layer + 1, 0)


def synapses_of(network: Topology, part: Part, shared: bool) -> tuple[int, int]:
    """Synapses that a part stores of forward and of mirrored copies.

    shared: whether the chip has each weight of a kernel once.
    """
    held = {FORWARD: 0, MIRROR: 0}
    for _, _, wires in arriving(network, part.layer):
        held[FORWARD if wires.forward else MIRROR] += sum(
            m * n for m, n in wires.rows(part, shared)
        )
    return held[FORWARD], held[MIRROR]


def _sum_terms(config: Config, network: Topology, parts: Sequence[Part]) -> list[Term]:
    """What is kept of a kernel beside its synapses, where its places are summed.

    A sum for every weight of which a core has a synapse, in each copy: of products, where copies
    that are written by the same ones have it once, and the kernel itself once more at its keeper;
    or, where places are averaged, of what they hold.
    """
    onchip, found = config.on_chip, []
    if onchip is None or not (onchip.sharing.summed or onchip.sharing.apart):
        return []
    copies = (FORWARD,) if onchip.upkeep.keeps_equal and onchip.sharing.summed else COPIES
    first = {part.layer: part for part in reversed(parts)}
    for k, connection in enumerate(network.connections):
        if not connection.shares_weights:
            continue
        bits = sum_bits(config, k, synapses_of_a_weight(connection))
        for copy in copies if k > 0 else (FORWARD,):
            layer = k + 1 if copy == FORWARD else k
            held = [synapses_of(network, part, True)[copy] for part in parts if part.layer == layer]
            what = "products" if onchip.sharing.summed else "weights"
            why = f"each core adds up the {what} of its places"
            found.append(Term("ep", "sums of a kernel", bits, sum(held), False, why))
            if onchip.sharing.apart:
                continue
            kept = held and parts and first[layer].first == 0
            weights = math.prod(connection.weight_shape) if kept else 0
            stored = onchip.fixed.weight_bits + onchip.accumulator_bits
            why = "a core keeps the kernel that all places are sent"
            found.append(Term("ep", "kernel of a keeper", stored, weights, False, why))
    return found


def change_terms(onchip: OnChip, units: int) -> list[Term]:
    """What a unit keeps of its change for its synapses, where it is not handed exact."""
    bits = onchip.largest_factor.bit_length()
    if not bits:
        return []
    if onchip.sight.spikes:
        return [
            Term("ep", "spikes left to tell a change by", bits + 1, units, False,
                 "a unit fires so often after the phases, in the window of its sign")
        ]  # fmt: skip
    return [
        Term("ep", "changes as synapses are handed them", bits + 1, units, False,
             "a third factor of so many bits and a sign, one for all synapses of a unit")
    ]  # fmt: skip


class _Traces(NamedTuple):
    """Bits of the trace of a unit that reaches a core, and of one of its own."""

    axon: int
    own: int


def _trace_bits(onchip: OnChip, copy: int) -> _Traces:
    """Which traces the products of a copy take; one is kept at a time."""
    axon, own = 0, 0
    for term in terms_of(onchip, 2):  # the second connection has both copies
        if (term.connection, term.copy) == (1, copy):
            ends = (term.pre, term.post) if copy == FORWARD else (term.post, term.pre)
            of_axon, of_own = (onchip.trace_bits if end.is_trace else 0 for end in ends)
            axon, own = max(axon, of_axon), max(own, of_own)
    return _Traces(axon, own)


def ep_bytes(found: list[Term]) -> int:
    """Bytes that EP keeps, whatever the number of steps."""
    return _bytes(sum(t.total_bits for t in found if t.method == "ep"))


def bptt_bytes(found: list[Term], steps: int) -> int:
    """Bytes that BPTT keeps of so many steps."""
    return _bytes(_bits_per_step(found) * steps)


def checkpointed_bytes(found: list[Term], steps: int) -> int:
    """Bytes that BPTT keeps if it computes the steps between checkpoints once more.

    A checkpoint after every ceil(sqrt(T)) steps, and the steps of one stretch between them:
    the least over evenly spaced checkpoints, for one more forward run. A checkpoint is taken
    to be as large as what is kept of a step.
    """
    stretch = math.isqrt(steps - 1) + 1
    return _bytes(_bits_per_step(found) * min(stretch + -(-steps // stretch), steps))


def crossover(found: list[Term]) -> int:
    """The least number of steps for which BPTT keeps more than EP."""
    ep = sum(t.total_bits for t in found if t.method == "ep")
    return ep // _bits_per_step(found) + 1


def compared(
    config: Config, state_bits: int, parts: Sequence[Part] | None = None
) -> dict[str, Any]:
    """The comparison over the number of steps, as a plain dictionary; `parts` as for `terms`."""
    found = terms(config, state_bits, parts)
    at = config.learning.free_steps
    steps = _steps_shown(at)
    ep, bptt = ep_bytes(found), bptt_bytes(found, at)
    return {
        "terms": [term.to_dict() for term in found],
        "steps": steps,
        "ep": [ep] * len(steps),
        "bptt": [bptt_bytes(found, t) for t in steps],
        "bptt_checkpointed": [checkpointed_bytes(found, t) for t in steps],
        "at_steps": at,
        "ep_bytes": ep,
        "bptt_bytes": bptt,
        "ratio": bptt / ep,
        "crossover": crossover(found),
        "sources": list(SOURCES),
        "note": "Memory of learning alone, for one sample at a time; weights and the state of "
        "the units are the same for both. BPTT unrolls the free phase only, and accumulates "
        "the gradient of every weight over the steps, which is left out.",
    }


def _steps_shown(at: int) -> list[int]:
    """1, 2, 5, 10, ... to ten times the run's steps, with these among them."""
    furthest, shown, decade = max(FURTHEST, 10 * at), {at}, 1
    while decade <= furthest:
        shown |= {m * decade for m in (1, 2, 5) if m * decade <= furthest}
        decade *= 10
    return sorted(shown)


def _bits_per_step(found: list[Term]) -> int:
    return sum(t.total_bits for t in found if t.method == "bptt" and t.per_step)


def _bytes(bits: int) -> int:
    return -(-bits // 8)
