"""Kernels whose places keep weights of their own for a while, and are averaged then.

For learning, a convolution is the list of its synapses, each with a weight. What comes of a
stretch of samples is the mean, weight by weight, rounded up or down at random: then all places
are alike again, and the kernel is what any of them holds. The twin that is written to be read is
in `eqchip.backends.reference.onchip`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eqchip.emulator.description.connections import Connection, Sparse
from eqchip.emulator.description.network import Network
from eqchip.emulator.engine.lowering import synapses_of


class Apart(NamedTuple):
    """A kernel, synapse by synapse.

    connection: its synapses, as a list; weight: int64, (synapses,), which weight of the kernel each
    has; counts: int64, (weights,), how many have each.
    """

    connection: Sparse
    weight: np.ndarray
    counts: np.ndarray


def apart_of(connection: Connection) -> Apart | None:
    """The places of a kernel; None of a connection that shares no weights.

    Examples
    --------
    >>> from eqchip.emulator.description.connections import Conv2d
    >>> found = apart_of(Conv2d((1, 3, 1), 1, 1))
    >>> found.connection, found.weight.tolist(), found.counts.tolist()
    (Sparse(3 -> 3 over 3 synapses), [0, 0, 0], [3])
    """
    if not connection.shares_weights:
        return None
    found = synapses_of(connection)
    n_pre, n_post = (int(np.prod(shape)) for shape in (connection.pre_shape, connection.post_shape))
    weight = found.weight[np.lexsort((found.post, found.pre))]
    counts = np.bincount(weight, minlength=int(np.prod(connection.synapse_weight_shape)))
    return Apart(Sparse.from_edges(n_pre, n_post, found.pre, found.post), weight, counts)


def network_apart(network: Network, kernels: list[Apart | None]) -> Network:
    """The network with every synapse of these kernels for itself."""
    connections, weights = [], []
    for connection, own, apart in zip(network.connections, network.weights, kernels, strict=True):
        connections.append(connection if apart is None else apart.connection)
        weights.append(own if apart is None else own.reshape(-1)[apart.weight])
    return Network.chain(
        connections,
        weights=weights,
        biases=[biases.reshape(-1) for biases in network.biases],
        feedback_shifts=network.feedback_shifts,
    )


def averaged(stored: np.ndarray, apart: Apart, draws: np.random.Generator) -> np.ndarray:
    """What the synapses of a kernel hold, each the mean of those that share its weight.

    stored: (synapses,) whole numbers; the mean is rounded down after a random part of it is added.
    """
    counts = np.maximum(apart.counts, 1)
    sums = np.zeros(len(counts), np.int64)
    np.add.at(sums, apart.weight, stored.astype(np.int64))
    means = (sums + draws.integers(0, counts)) // counts
    return np.asarray(means[apart.weight])


def folded(values: np.ndarray, apart: Apart, kernel: np.ndarray) -> np.ndarray:
    """The kernel that all places hold; what none has stays as in `kernel`."""
    found = kernel.reshape(-1).copy()
    found[apart.weight] = values
    return found.reshape(kernel.shape)
