"""The metrics that NeuroBench defines, under its names, for an inference.

Definitions as in NeuroBench 2.x (``neurobench/metrics``; Yik et al., "The NeuroBench
framework", Nature Communications 16, 2025). A layer here has one state of potentials and a
connection works in both directions, so a time step executes every connection forward, and all
but the one from the clamped input once more as feedback. The weights are those that the synapses
hold: of a convolution with average pooling, the merged kernel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.description.fixedpoint import quantize
from eqchip.emulator.description.topology import Topology
from eqchip.hw_reports.counting.replay import Replay
from eqchip.hw_reports.document.readable import NEUROBENCH
from eqchip.hw_reports.pricing.learning_memory import states_of_unit
from eqchip.mapping.placement.wiring import FEEDBACK, FORWARD, fans, synapse_count

SPARSITY_DECIMALS = 4  # NeuroBench rounds connection_sparsity to as many
SOURCE = "NeuroBench 2.x, neurobench/metrics/{static,workload}; Yik et al., Nat. Commun. 16, 2025"
DEFINITIONS = {
    "footprint": "bytes of all parameters and buffers of the model; here each weight once, that of "
    "a kernel as well, merged with its average pooling; the biases, and the state of every unit",
    "parameter_count": "weights that are trained, and biases; each symmetric weight once",
    "connection_sparsity": "weights that are zero over all weights, rounded to 4 decimals",
    "activation_sparsity": "activations that are zero over all activations: over all units but "
    "the input's, all time steps and samples",
    "synaptic_operations": "per sample: Effective_ACs of inputs that are 0 or 1, Effective_MACs "
    "of all other inputs, both without zero activations and zero weights and without biases; "
    "Dense counts the zeros as well",
    "classification_accuracy": "share of the samples that are classified rightly",
    "r2": "share of the variance of the targets that is explained",
}


class SynapticOperations(NamedTuple):
    """Operations per sample, by the names of NeuroBench."""

    effective_macs: float
    effective_acs: float
    dense: float

    def to_dict(self) -> dict[str, float]:
        """The three numbers under NeuroBench's names."""
        return {
            "Effective_MACs": self.effective_macs,
            "Effective_ACs": self.effective_acs,
            "Dense": self.dense,
        }


def footprint(weights: Sequence[np.ndarray], weight_bits: int, units: int, state_bits: int,
              states: int) -> int:  # fmt: skip
    """Bytes of parameters and buffers.

    Parameters
    ----------
    weights : sequence of ndarray
        One per connection; each is counted once.
    weight_bits, state_bits : int
        Of a weight, and of a bias or a state.
    units : int
        Units but for the input's; each has a bias.
    states : int
        Numbers that a unit carries from one time step to the next.
    """
    bits = sum(w.size for w in weights) * weight_bits + units * (1 + states) * state_bits
    return -(-bits // 8)


def connection_sparsity(weights: Sequence[np.ndarray]) -> float:
    """Weights that are zero over all weights.

    Examples
    --------
    >>> connection_sparsity([np.array([[0, 3], [1, 0]]), np.array([[5, 7]])])
    0.3333
    """
    zeros = sum(int(np.count_nonzero(w == 0)) for w in weights)
    return round(zeros / sum(w.size for w in weights), SPARSITY_DECIMALS)


def activation_sparsity(bits: Sequence[np.ndarray], read_out: bool = False) -> float:
    """Activations that are zero over all, of every layer but the input.

    Parameters
    ----------
    bits : sequence of ndarray
        Per layer, shape (steps, batch, units), the input first.
    read_out : bool
        The last layer sends nothing: it has no activations, unless no other layer has any.
    """
    sending = bits[1:-1] if read_out and len(bits) > 2 else bits[1:]
    total = sum(q.size for q in sending)
    return float(total - sum(int(np.count_nonzero(q)) for q in sending)) / total


def synaptic_operations(
    bits: Sequence[np.ndarray],
    network: Topology,
    weights: Sequence[np.ndarray],
    current: np.ndarray | None = None,
    read_out: bool = False,
) -> SynapticOperations:
    """Operations per sample.

    Parameters
    ----------
    bits : sequence of ndarray
        Per layer, shape (steps, batch, units), the input first. What a layer sends at a step is
        the input of a connection at the next, so the last row meets no synapse, and at the
        first step the inputs are all zero.
    network : Topology
    weights : sequence of ndarray
        Per connection, what its synapses hold.
    current : ndarray, shape (batch, n_in), optional
        The input, if it is injected as a current: it meets its connections once, with
        multiplications.
    read_out : bool
        The last layer sends nothing, so what leads to it has no feedback.
    """
    steps, batch = bits[0].shape[:2]
    macs, acs, dense = 0, 0, 0
    last = len(network.layers) - 1
    for k, (connection, w) in enumerate(zip(network.connections, weights, strict=True)):
        present, synapses = w != 0, synapse_count(connection)
        below, above = network.joined[k]
        injected = current is not None and below == 0
        ways = [] if injected else [(bits[below], FORWARD)]
        if network.sends_back(k) and not (read_out and above == last):
            ways.append((bits[above], FEEDBACK))
        for sent, forward in ways:
            fan_out = fans(connection, forward, present)
            acs += int(sent[:-1].sum(axis=(0, 1), dtype=np.int64) @ fan_out)
            dense += steps * batch * synapses
        if current is not None and injected:
            fan_out = fans(connection, FORWARD, present)
            macs += int(np.count_nonzero(current, axis=0) @ fan_out)
            dense += batch * synapses
    return SynapticOperations(macs / batch, acs / batch, dense / batch)


def metrics(
    *,
    bits: Sequence[np.ndarray],
    network: Topology,
    weights: Sequence[np.ndarray],
    weight_bits: int,
    state_bits: int,
    states: int,
    accuracy: float,
    judged: str = "classification_accuracy",
    current: np.ndarray | None = None,
    read_out: bool = False,
) -> dict[str, Any]:
    """All of them for one set of samples, as a plain dictionary.

    Parameters
    ----------
    bits, network, weights, current, read_out
        As for :func:`synaptic_operations`.
    weight_bits, state_bits, states : int
        As for :func:`footprint`.
    accuracy : float
        Share of the samples that were classified rightly, or of the variance that was explained.
    judged : str
        What NeuroBench calls that.
    """
    units = sum(q.shape[2] for q in bits[1:])
    once = [  # of the two synapses of a pair within a layer, one
        w[np.triu_indices(len(w), 1)] if one.lateral else w
        for one, w in zip(network.connections, weights, strict=True)
    ]
    return {
        "footprint": footprint(once, weight_bits, units, state_bits, states),
        "parameter_count": sum(math.prod(c.weight_shape) for c in network.connections) + units,
        "connection_sparsity": connection_sparsity(once),
        "activation_sparsity": activation_sparsity(bits, read_out),
        "synaptic_operations": synaptic_operations(
            bits, network, weights, current, read_out
        ).to_dict(),
        judged: accuracy,
        "definitions": {
            name: text
            for name, text in DEFINITIONS.items()
            if name == judged or name not in NEUROBENCH.values()
        },
        "source": SOURCE,
    }


def section(replay: Replay, weight_bits: int, state_bits: int) -> dict[str, Any]:
    """The metrics of the samples of an inference, with the numbers that they ran in."""
    problem, run = replay.inference.problem, replay.inference.run
    assert run.bits is not None
    bits = [q.reshape(*q.shape[:2], -1) for q in run.bits]
    network = replay.network
    weights = [
        one.synapse_weights(np.asarray(w, np.float64))
        for one, w in zip(network.connections, replay.network.weights, strict=True)
    ]
    if replay.precision == "chip":
        stored = replay.mapped.weights if replay.mapped is not None else None
        weights = [
            quantize(w, replay.fixed).codes if stored is None else stored[k].codes
            for k, w in enumerate(weights)
        ]
    return metrics(
        bits=bits,
        network=network,
        weights=weights,
        weight_bits=weight_bits,
        state_bits=state_bits,
        states=sum(states_of_unit(replay.config.coding).values()),
        accuracy=1.0 - replay.error / 100.0,
        judged=NEUROBENCH[replay.task],
        current=problem.x if problem.input == "current" else None,
        read_out=problem.readout == "cross-entropy",
    )
