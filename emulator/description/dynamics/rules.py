"""What writes the weights of a balanced layer while it runs."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from typing import Any

from eqchip.emulator.errors import InputError, check_number, check_whole


class FastRule(ABC):
    """The base of what writes fast weights.

    Attributes
    ----------
    learns_reset : bool
        Whether a unit's own weight, its reset, is written as well.
    """

    learns_reset: bool = False

    @abstractmethod
    def slower(self, share: float) -> FastRule:
        """The rule at a share of its rates."""


@dataclass(frozen=True)
class VoltageRule(FastRule):
    """At a spike of k that reaches unit i: ``fast_ki -= rate (beta (V_i + cost r_i) + fast_ki)``.

    V is that before the spike's own weight arrives, and the new weight is what arrives. After
    Brendel, Bourdoukan, Vertechi, Machens and Deneve (PLOS Comput. Biol. 16:e1007692, 2020), whose
    greedy minimum of what is left before and after a spike it follows. With ``feedforward_rate``
    what unit k hears is drawn to the signal when it fires: ``F_k += feedforward_rate (scale x -
    F_k)``.

    Parameters
    ----------
    rate : float
    beta : float
    learns_reset : bool
        With it the cost is subtracted from the unit's own weight, too.
    feedforward_rate, scale : float

    Examples
    --------
    >>> VoltageRule(rate=2e-3, beta=1.25)
    VoltageRule(rate=0.002, beta=1.25, learns_reset=False, feedforward_rate=0.0, scale=0.0)
    """

    rate: float
    beta: float
    learns_reset: bool = False
    feedforward_rate: float = 0.0
    scale: float = 0.0

    def __post_init__(self) -> None:
        _check_amounts(self)

    def slower(self, share: float) -> VoltageRule:
        """The rule at a share of its rates."""
        feedforward_rate = self.feedforward_rate * share
        return replace(self, rate=self.rate * share, feedforward_rate=feedforward_rate)


@dataclass(frozen=True)
class SignRule(FastRule):
    """One addition, two comparisons: ``fast_ki -= step sign(beta V_i + fast_ki)``.

    Nothing is written where that sum is within `dead_zone` of 0. After Buechel, Kakon, Perez and
    Indiveri (arXiv 2010.14353), who have it as a circuit.

    Parameters
    ----------
    step : float
        In a chip's integers a write is one of what is stored, whatever the step.
    beta : float
    dead_zone : float
        In a chip's integers half a code, whatever it is here.

    Examples
    --------
    >>> SignRule(step=1e-4, beta=1.25)
    SignRule(step=0.0001, beta=1.25, dead_zone=0.0)
    """

    step: float
    beta: float
    dead_zone: float = 0.0

    def __post_init__(self) -> None:
        _check_amounts(self)

    def slower(self, share: float) -> SignRule:
        """Itself: it has a step, and no rate."""
        return self


@dataclass(frozen=True)
class ContinuousRule(FastRule):
    """In every step, every synapse: ``fast_ki -= rate V_i r_k``.

    Of Bourdoukan, Barrett, Machens and Deneve (NIPS 25, 2012): the gradient of the squared
    potentials, N**2 writes a step.

    Parameters
    ----------
    rate : float

    Examples
    --------
    >>> ContinuousRule(rate=1e-3)
    ContinuousRule(rate=0.001)
    """

    rate: float

    def __post_init__(self) -> None:
        _check_amounts(self)

    def slower(self, share: float) -> ContinuousRule:
        """The rule at a share of its rate."""
        return replace(self, rate=self.rate * share)


@dataclass(frozen=True)
class SlowRule:
    """Every so many steps, ``slow_ki += rate every dt r_k g_i``: trace times error current.

    g is the current of the error that is fed back, F e, behind a low-pass; of a layer with
    dendrites r is what they give. After Bourdoukan and Deneve (NIPS 28, 2015) and, with dendrites,
    Alemi, Machens, Deneve and Slotine (arXiv 1705.08026).

    Parameters
    ----------
    rate : float
        1/s.
    every : int
        Steps.
    smoothing : float
        1/s, of the low-pass.

    Examples
    --------
    >>> SlowRule(rate=1.0).every
    50
    """

    rate: float
    every: int = 50
    smoothing: float = 100.0

    def __post_init__(self) -> None:
        check_whole("SlowRule: every", self.every, 1, 2**31)
        _check_amounts(self)

    def slower(self, share: float) -> SlowRule:
        """The rule at a share of its rate."""
        return replace(self, rate=self.rate * share)


def _check_amounts(rule: Any) -> None:
    for f in fields(rule):
        value = getattr(rule, f.name)
        if isinstance(value, bool) or f.name == "every":
            continue
        check_number(f"{type(rule).__name__}: {f.name}", value)
        if not (math.isfinite(value) and value >= 0):
            raise InputError(
                f"{type(rule).__name__}: {f.name} is {value!r}; expected a finite number of at "
                "least 0"
            )
