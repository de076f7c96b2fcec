"""What the synapses of a weight come to together: sums over the places of a kernel, exact."""

from __future__ import annotations

import numpy as np

from eqchip.emulator.description.network import Network
from eqchip.emulator.engine.lowering import gather_weights, lower
from eqchip.emulator.kernels import learning as kernels
from eqchip.emulator.kernels.lowered import weight_rows


class WeightSums:
    """Sums of products over the synapses of every weight of a network's connections."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._lowered = lower(network, np.dtype(np.float64))

    def __call__(self, k: int, below: np.ndarray, above: np.ndarray) -> np.ndarray:
        """Of connection k, the sum of below[i] above[j] over the synapses of each weight.

        Parameters
        ----------
        k : int
            A connection without a pooling.
        below, above : ndarray of int, shape (units,)
            Products and their sums must stay below 2**53.

        Returns
        -------
        ndarray of int64, of the shape of the weights
        """
        lowered, connection = self._lowered, self._network.connections[k]
        rows = np.empty_like(weight_rows(lowered, k))
        pre, post = (one[None].astype(np.float64) for one in (below, above))
        nothing = np.zeros((0, 0))
        if connection.shares_weights:
            kernels.shared_rows(rows, lowered.forward, k, pre, nothing, post, post, 0, len(rows))
        else:
            kernels.own_rows(rows, lowered.forward, k, pre, nothing, post, post, 0, len(below))
        return np.rint(gather_weights(lowered, k, connection, rows)).astype(np.int64)
