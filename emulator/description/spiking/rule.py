"""A rule that trains integrate-and-fire units on a chip: its phases, its error, what it writes.

A rule is a frozen description with its equations, and a row in each table that must know it:
:data:`~eqchip.emulator.description.spiking.rules.SPIKING_RULES` here,
:data:`~eqchip.emulator.learning.spiking.PROGRAMS` for what runs it, and
:data:`~eqchip.backends.reference.spiking.TWINS` for its plain numpy. ``docs/learning-rules.md``
tells of all of them, and how a new one is written.

What all have in common. A unit adds what arrives to its potential V, with its bias, clips it below
at a floor, fires where V is above the threshold, 1, and then loses 1 (or all). The output layer of
some rules only adds up. Every spike arrives a step later; the input, whose pixels are coded by
sigma-delta modulation, runs a step ahead. All is whole numbers: V in the chip's states, weights in
its codes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, NamedTuple, get_args

from eqchip.emulator.description.coding import FORBID_EXTRA
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.errors import InputError, check_number, check_whole

# The path that an error takes to a hidden layer: over the transposed weights, which are written
# like those that they copy; over fixed random ones of the layer above; over fixed random ones of
# the output layer, whatever lies between.
Feedback = Literal["transpose", "random", "direct"]
MOST_STEPS = 4096  # of a phase: counts of spikes are small whole numbers


class Kept(NamedTuple):
    """Bits that learning keeps: of each unit that learns, and of each input axon of a core."""

    unit: int
    axon: int


@dataclass(frozen=True)
class SpikingRule:
    """What a rule says of itself; a rule is a subclass of this one.

    Attributes
    ----------
    name : str
        In ``config.toml`` and on the command line.
    feedbacks : tuple of str
        The paths that its errors may take.
    phases : tuple of str
        Of a training sample, as counts name them: an inference is the first.
    graded : bool
        Whether errors travel as numbers; else as spikes of both signs.
    tells : tuple of str
        What else its kernel counts of a sample.
    """

    __pydantic_config__ = FORBID_EXTRA

    name: ClassVar[str]
    feedbacks: ClassVar[tuple[Feedback, ...]] = ()
    phases: ClassVar[tuple[str, ...]] = ("free",)
    graded: ClassVar[bool] = False
    tells: ClassVar[tuple[str, ...]] = ()

    @property
    def feedback_path(self) -> Feedback | None:
        """The path of its errors; None: it has no choice."""
        found: Feedback | None = getattr(self, "feedback", None)
        return found

    def feedback_limit(self, n_source: int, n: int) -> float:
        """The largest fixed weight of a path: as of initial ones (Glorot and Bengio 2010)."""
        return math.sqrt(6.0 / (n_source + n))

    def kept_bits(self, fixed: FixedPoint) -> Kept:
        """What a unit and an axon keep of a sample, in bits: here V alone."""
        return Kept(fixed.state_bits, 0)

    def check_network(self, sizes: Sequence[int]) -> None:
        """Refuse a network that the rule cannot train.

        Raises
        ------
        InputError
        """

    def settings(self) -> dict[str, Any]:
        """All of it, as a file holds it."""
        return {"name": self.name, **asdict(self)}

    def _check_steps(self, *names: str) -> None:
        for name in names:
            check_whole(f"{self.name}: {name}", getattr(self, name), name == "steps", MOST_STEPS)

    def _check_amounts(self, *names: str, most: float = 1024.0) -> None:
        for name in names:
            value = getattr(self, name)
            check_number(f"{self.name}: {name}", value)
            if not 0 <= value <= most:
                raise InputError(f"{self.name}: {name} is {value!r}; expected one in [0, {most:g}]")

    def _check_feedback(self) -> None:
        path = self.feedback_path
        if path not in self.feedbacks:
            known = ", ".join(self.feedbacks)
            beside = ", which this rule does not use" if path in get_args(Feedback) else ""
            raise InputError(f"{self.name}: feedback is {path!r}{beside}; expected one of {known}")
