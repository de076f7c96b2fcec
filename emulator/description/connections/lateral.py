"""The units of a layer joined to one another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eqchip.emulator.description.connections.kind import Connection
from eqchip.emulator.errors import check_whole


@dataclass(frozen=True)
class Lateral(Connection):
    """Every pair of units of a layer joined by one symmetric weight; none joins a unit to itself.

    ``u = q W`` with W = W^T and a diagonal of 0. Stored are the weights of the pairs i < j, in the
    order (0, 1), (0, 2), ..., (1, 2), ...; in the energy a pair stands once, so its weight changes
    as that of any connection, by what a rule makes of both of its ends.

    Parameters
    ----------
    units : int

    Examples
    --------
    >>> Lateral(3).synapse_weights(np.array([1.0, 2.0, 3.0])).tolist()
    [[0.0, 1.0, 2.0], [1.0, 0.0, 3.0], [2.0, 3.0, 0.0]]
    """

    units: int

    shares_weights: ClassVar[bool] = True
    lateral: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_whole("Lateral: units", self.units, 2)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """One weight per pair of units."""
        return (self.units * (self.units - 1) // 2,)

    @property
    def pre_shape(self) -> tuple[int, ...]:
        """The shape of the layer."""
        return (self.units,)

    @property
    def post_shape(self) -> tuple[int, ...]:
        """The shape of the layer."""
        return (self.units,)

    @property
    def synapse_weight_shape(self) -> tuple[int, ...]:
        """That of W."""
        return (self.units, self.units)

    @property
    def different_weights(self) -> int:
        """Those of the pairs."""
        return math.prod(self.weight_shape)

    def initial_limit(self) -> float:
        """As of Dense, sqrt(6 / (fan in + fan out)) (Glorot 2010)."""
        return math.sqrt(3.0 / (self.units - 1))

    def synapse_weights(self, weights: np.ndarray) -> np.ndarray:
        """W, of the weights of pairs."""
        found = np.zeros(self.synapse_weight_shape, weights.dtype)
        found[np.triu_indices(self.units, 1)] = weights
        return found + found.T

    def fold(self, gradient: np.ndarray) -> np.ndarray:
        """What pairs change by: the mean of what their two directions would."""
        upper = np.triu_indices(self.units, 1)
        both = gradient[upper] + gradient.T[upper]
        half: np.ndarray = both * both.dtype.type(0.5)
        return half

    def __str__(self) -> str:
        return f"{self.units} with one another"
