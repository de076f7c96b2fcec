"""What a kind of connection says of itself, and how a table of kinds is read.

Nobody asks a connection for its kind: what depends on it is a member here, or a row of one table
per concern, keyed by the type: the engine's in `engine/lowering.py`, the reference's matrix, the
mapping's in `placement/wiring.py`. A table without the row refuses the kind by name.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from eqchip.emulator.errors import InputError

T = TypeVar("T")


class Connection(ABC):
    """A linear operator A from a layer to the next, over stored weights; feedback takes A^T.

    A kind is a frozen dataclass derived from this.

    Attributes
    ----------
    pre_shape : tuple of int
        The shape of the presynaptic layer; of length 1, it is one of any shape, read as one row.
    label : str
        One word for it, where connections are numbered: ``dense 1``. Default: its class's name.
    all_to_all : bool
        Whether every unit has a synapse with every unit of the other side, with a weight of its
        own: the stored weights are the matrix (n_pre, n_post).
    shares_weights : bool
        Whether synapses have weights in common. Else each stored weight is that of one synapse.
    lateral : bool
        Whether it joins the units of one layer.
    """

    label: ClassVar[str]
    all_to_all: ClassVar[bool] = False
    shares_weights: ClassVar[bool] = False
    lateral: ClassVar[bool] = False

    if TYPE_CHECKING:  # a dataclass would take a property of its base for a field's default

        @property
        def pre_shape(self) -> tuple[int, ...]:
            """The shape of the presynaptic layer."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "label" not in vars(cls):
            cls.label = cls.__name__.lower()

    @property
    @abstractmethod
    def post_shape(self) -> tuple[int, ...]:
        """The shape of the postsynaptic layer."""

    @property
    @abstractmethod
    def weight_shape(self) -> tuple[int, ...]:
        """The shape of the stored weights; shared ones are stored once."""

    @abstractmethod
    def initial_limit(self) -> float:
        """Bound of the uniform initial weights."""

    def initial_weights(self, rng: np.random.Generator) -> np.ndarray:
        """The weights before training: uniform within the bound."""
        drawn: np.ndarray = rng.uniform(-1.0, 1.0, self.weight_shape)
        return drawn * self.initial_limit()

    @abstractmethod
    def __str__(self) -> str:
        """What it joins, for errors: ``784 -> 500``."""

    @property
    def pool(self) -> Any:
        """The pooling between the synapses and the units above; None: there is none."""
        return None

    @property
    def max_window(self) -> int:
        """Places along a side of the windows of a maximum pooling; 0: there is none."""
        return 0

    @property
    def synapse_shape(self) -> tuple[int, ...]:
        """The shape that synapses lead to: of the layer above, or of what a maximum is taken of."""
        return self.post_shape

    @property
    def synapse_weight_shape(self) -> tuple[int, ...]:
        """The shape of what :meth:`synapse_weights` returns."""
        return self.weight_shape

    @property
    def different_weights(self) -> int:
        """How many numbers all synapses together hold, one that several hold in common once."""
        return math.prod(self.synapse_weight_shape)

    @property
    def bias_groups(self) -> int:
        """Different biases of the layer above: those of units j and j + bias_groups are one."""
        return math.prod(self.post_shape)

    def joins(self, pre: tuple[int, ...], post: tuple[int, ...]) -> bool:
        """Whether it joins layers of these shapes."""
        fits = pre == self.pre_shape
        if len(self.pre_shape) == 1:
            fits = math.prod(pre) == self.pre_shape[0]
        return fits and post == self.post_shape

    def synapse_weights(self, weights: np.ndarray) -> np.ndarray:
        """What the synapses hold; by default the stored weights themselves."""
        return weights

    def fold(self, gradient: np.ndarray) -> np.ndarray:
        """The transpose of :meth:`synapse_weights`: of a gradient, that of the stored weights."""
        return gradient


def kind_of(connection: Connection) -> str:
    """The name of a connection's kind, for errors."""
    return type(connection).__name__


def row_of(table: Mapping[type, T], connection: Connection, where: str) -> T:
    """The row of a connection's kind in a table.

    Parameters
    ----------
    table : mapping from type
    connection : Connection
    where : str
        Whose table it is, and which connection; begins the error.

    Raises
    ------
    InputError
        If the kind has no row.

    Examples
    --------
    >>> from eqchip.emulator.description.connections import Conv2d, Dense
    >>> row_of({Conv2d: "kernel"}, Dense(3, 2), "nir: connection 1")
    Traceback (most recent call last):
    eqchip.emulator.errors.InputError: nir: connection 1 (3 -> 2) is Dense; expected Conv2d
    """
    if type(connection) not in table:
        known = " or ".join(kind.__name__ for kind in table)
        raise InputError(f"{where} ({connection}) is {kind_of(connection)}; expected {known}")
    return table[type(connection)]
