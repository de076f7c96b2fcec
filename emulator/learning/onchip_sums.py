"""What the synapses of a weight come to together: sums over the places of a kernel, exact."""

from __future__ import annotations

import math

import numpy as np

from eqchip.emulator.description.connections import Connection
from eqchip.emulator.engine.lowering import synapses_of


def weight_sums(connection: Connection, below: np.ndarray, above: np.ndarray) -> np.ndarray:
    """The sum of below[i] above[j] over the synapses of each weight of a connection.

    Parameters
    ----------
    connection : Connection
        Without a pooling.
    below, above : ndarray of int, shape (units,)
        Products and their sums must stay below 2**53.

    Returns
    -------
    ndarray of int64, of the shape of the weights

    Examples
    --------
    Three places below, of which every second is seen above, by a kernel of one weight:

    >>> from eqchip.emulator.description.connections import Conv2d
    >>> kernel = Conv2d((1, 3, 1), 1, 1, stride=2)
    >>> weight_sums(kernel, np.array([5, 7, 11]), np.array([1, 10])).ravel().tolist()
    [115]
    """
    synapses, shape = synapses_of(connection), connection.synapse_weight_shape
    products = below[synapses.pre].astype(np.float64) * above[synapses.post]
    found = np.bincount(synapses.weight, products, math.prod(shape))
    return np.rint(found).astype(np.int64).reshape(shape)
