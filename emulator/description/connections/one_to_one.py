"""Each unit joined to the one of its number, and the units of a window to the one above them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eqchip.emulator.description.connections.kind import Connection
from eqchip.emulator.errors import InputError, check_whole


@dataclass(frozen=True)
class OneToOne(Connection):
    """Unit i of one population joined to unit i of the other: ``u_post[i] = w[i] q_pre[i]``.

    Parameters
    ----------
    units : int

    Examples
    --------
    >>> OneToOne(3).weight_shape
    (3,)
    """

    units: int

    label: ClassVar[str] = "one-to-one"

    def __post_init__(self) -> None:
        check_whole("OneToOne: units", self.units, 1)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """One weight per unit."""
        return (self.units,)

    @property
    def pre_shape(self) -> tuple[int, ...]:
        """The shape of the presynaptic population."""
        return (self.units,)

    @property
    def post_shape(self) -> tuple[int, ...]:
        """The shape of the postsynaptic population."""
        return (self.units,)

    def initial_limit(self) -> float:
        """As of Dense, sqrt(6 / (fan in + fan out)), of 1 each."""
        return 3.0**0.5

    def initial_weights(self, rng: np.random.Generator) -> np.ndarray:
        """1: what a unit sends arrives as it is, as over a residual link."""
        return np.ones(self.weight_shape)

    def __str__(self) -> str:
        return f"{self.units} one to one"


@dataclass(frozen=True)
class SumPool2d(Connection):
    """The sum over windows of `size` x `size`, side by side, channel by channel, times one weight.

    Every synapse holds the one stored weight: 1 for a sum, ``1 / size**2`` for a mean.

    Parameters
    ----------
    pre_shape : tuple of 3 int
        Height, width and channels.
    size : int
        Divides height and width.

    Raises
    ------
    InputError
        If windows do not divide the map.

    Examples
    --------
    >>> SumPool2d((8, 8, 16), 2).post_shape
    (4, 4, 16)
    """

    pre_shape: tuple[int, int, int]
    size: int

    label: ClassVar[str] = "pool"
    shares_weights: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not isinstance(self.pre_shape, tuple) or len(self.pre_shape) != 3:
            raise InputError(
                f"SumPool2d: pre_shape is {self.pre_shape!r}; expected (height, width, channels)"
            )
        for name, places in zip(("height", "width", "channels"), self.pre_shape, strict=True):
            check_whole(f"SumPool2d: {name} of pre_shape", places, 1)
        check_whole("SumPool2d: size", self.size, 1)
        for name, places in zip(("height", "width"), self.pre_shape, strict=False):
            if places % self.size:
                raise InputError(
                    f"SumPool2d: windows of {self.size} do not divide the {name} {places}; "
                    "expected a size that does"
                )

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """One weight, of all synapses."""
        return (1,)

    @property
    def post_shape(self) -> tuple[int, ...]:
        """Height, width and channels of the pooled map."""
        height, width, channels = self.pre_shape
        return (height // self.size, width // self.size, channels)

    def initial_limit(self) -> float:
        """As of Conv2d, sqrt(3 / fan in)."""
        return 3.0**0.5 / self.size

    def __str__(self) -> str:
        return f"{'x'.join(map(str, self.pre_shape))} by windows of {self.size}x{self.size}"
