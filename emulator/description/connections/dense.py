"""All of a layer joined to all of the next."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from eqchip.emulator.description.connections.kind import Connection


@dataclass(frozen=True)
class Dense(Connection):
    """Every unit of one layer joined to every unit of the next by one symmetric weight.

    Forward ``u_post = q_pre W``, feedback ``u_pre = q_post W^T``, with W of shape
    (n_pre, n_post).
    """

    n_pre: int
    n_post: int

    all_to_all: ClassVar[bool] = True

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """The shape of the stored weights."""
        return (self.n_pre, self.n_post)

    @property
    def pre_shape(self) -> tuple[int, ...]:
        """The shape of the presynaptic layer."""
        return (self.n_pre,)

    @property
    def post_shape(self) -> tuple[int, ...]:
        """The shape of the postsynaptic layer."""
        return (self.n_post,)

    def initial_limit(self) -> float:
        """Bound of the uniform initial weights: sqrt(6 / (fan in + fan out)) (Glorot 2010)."""
        return math.sqrt(6.0 / (self.n_pre + self.n_post))

    def __str__(self) -> str:
        return f"{self.n_pre} -> {self.n_post}"
