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
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, NamedTuple

from eqchip.emulator.description.coding import FORBID_EXTRA
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.notation import Entry
from eqchip.emulator.description.onchip import TRACE_SHIFT
from eqchip.emulator.description.spiking.feedback import FEEDBACKS, FeedbackPath
from eqchip.emulator.errors import InputError, check_number, check_whole

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
    trace_bits : int
        Of an eligibility trace that each synapse into a hidden layer keeps beside its weight.
    """

    __pydantic_config__ = FORBID_EXTRA

    name: ClassVar[str]
    feedbacks: ClassVar[tuple[str, ...]] = ()
    phases: ClassVar[tuple[str, ...]] = ("free",)
    graded: ClassVar[bool] = False
    tells: ClassVar[tuple[str, ...]] = ()
    trace_bits: ClassVar[int] = 0

    def inputs(self, sizes: Sequence[int]) -> int:
        """The numbers that a sample has."""
        return sizes[0]

    def wired(self, layers: Sequence[Entry]) -> tuple[Entry, ...]:
        """The layers as they are wired: all units that send to a hidden layer stand below it."""
        return tuple(layers)

    @property
    def refuses_current(self) -> str:
        """Why it cannot learn from an input that is injected once a sample; "": it can."""
        return "it learns from the spikes of its input"

    @property
    def nearest(self) -> float:
        """Its `skip_right`, if it has one: outputs nearer to their targets are right."""
        return float(getattr(self, "skip_right", 0.0))

    @property
    def skips(self) -> bool:
        """Whether samples that are right are not learned from."""
        return self.nearest > 0

    @property
    def path(self) -> FeedbackPath:
        """The path of its errors; the transposed weights, where there is no choice."""
        given = {name: getattr(self, f"feedback_{name}", None) for name in ("gain", "decay")}
        set_ = {name: value for name, value in given.items() if value is not None}
        return replace(FEEDBACKS[getattr(self, "feedback", "transpose")], **set_)

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
            check_whole(
                f"{self.name}: {name}", getattr(self, name), int(name == "steps"), MOST_STEPS
            )

    def _check_amounts(self, *names: str, most: float = 1024.0) -> None:
        for name in names:
            value = getattr(self, name)
            check_number(f"{self.name}: {name}", value)
            if not 0 <= value <= most:
                raise InputError(f"{self.name}: {name} is {value!r}; expected one in [0, {most:g}]")

    def _check_skipping(self) -> None:
        nearest = getattr(self, "skip_right", 0.0)
        check_number(f"{self.name}: skip_right", nearest)
        if not 0 <= nearest < 1:
            raise InputError(
                f"{self.name}: skip_right is {nearest!r}; expected a distance between output and "
                "target in [0, 1), 0 for none"
            )

    def _check_feedback(self) -> None:
        path = getattr(self, "feedback", None)
        if path not in self.feedbacks:
            known = ", ".join(self.feedbacks)
            beside = ", which this rule does not use" if path in FEEDBACKS else ""
            raise InputError(f"{self.name}: feedback is {path!r}{beside}; expected one of {known}")
        self._check_gain("feedback_gain", 2.0**-10, 16.0)
        self._check_gain("feedback_decay", 2.0**-TRACE_SHIFT, 0.5, or_none=True)

    def _check_gain(self, name: str, least: float, most: float, or_none: bool = False) -> None:
        value, path = getattr(self, name, None), getattr(self, "feedback", None)
        if value is None:
            return
        if not FEEDBACKS[str(path)].settable:
            able = " or ".join(repr(name) for name, row in FEEDBACKS.items() if row.settable)
            raise InputError(
                f"{self.name}: {name} is {value!r} with feedback {path!r}, which has none; "
                f"expected feedback {able}"
            )
        check_number(f"{self.name}: {name}", value)
        if not (least <= value <= most or (or_none and value == 0)):
            zero = "0 or " if or_none else ""
            raise InputError(
                f"{self.name}: {name} is {value!r}; expected {zero}one in [{least:g}, {most:g}]"
            )
