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
from eqchip.emulator.learning.onchip_lowering import synapses_of_a_weight


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


def averaged(stored: np.ndarray, apart: Apart, draws: np.random.Generator) -> np.ndarray:
    """What the synapses of a kernel hold, each the mean of those that share its weight.

    stored: (synapses,) whole numbers; the mean is rounded down after a random part of it is added.
    """
    counts = np.maximum(apart.counts, 1)
    sums = np.zeros(len(counts), np.int64)
    np.add.at(sums, apart.weight, stored.astype(np.int64))
    means = (sums + draws.integers(0, counts)) // counts
    return np.asarray(means[apart.weight])


class Places:
    """The kernels of a network whose places keep weights of their own while they learn, or none.

    Parameters
    ----------
    kernels : Network
        As files have it: each kernel once.
    apart : bool
        Whether the places of its kernels learn apart; if not, it learns as it is.

    Attributes
    ----------
    kernels : Network
    apart : list of Apart or None
        Of each connection; None: it learns as it is.
    counts : list of int
        The most places that have a weight of each connection in common and learn apart; else 1.
    network : Network
        As it learns: every synapse of a kernel that is apart for itself.
    """

    def __init__(self, kernels: Network, apart: bool) -> None:
        connections = kernels.connections
        self.kernels = kernels
        self.apart = [apart_of(connection) if apart else None for connection in connections]
        self.counts = [
            1 if one is None else synapses_of_a_weight(connection)
            for one, connection in zip(self.apart, connections, strict=True)
        ]
        self.network = self._spread() if any(self.apart) else kernels

    def spread(self, k: int, values: np.ndarray) -> np.ndarray:
        """Values of the weights of connection k as the network that learns has them."""
        apart = self.apart[k]
        return values if apart is None else values.reshape(-1)[apart.weight]

    def folded(self, k: int, values: np.ndarray) -> np.ndarray:
        """Weights of connection k as files have them, if all places hold the same.

        What no place has stays as in the kernels that it began with.
        """
        apart = self.apart[k]
        if apart is None:
            return values
        kernel = self.kernels.weights[k]
        found = kernel.reshape(-1).copy()
        found[apart.weight] = values
        return found.reshape(kernel.shape)

    def _spread(self) -> Network:
        kernels = self.kernels
        return Network.chain(
            [
                connection if apart is None else apart.connection
                for connection, apart in zip(kernels.connections, self.apart, strict=True)
            ],
            weights=[self.spread(k, weights) for k, weights in enumerate(kernels.weights)],
            biases=[biases.reshape(-1) for biases in kernels.biases],
            feedback_shifts=kernels.feedback_shifts,
        )
