"""Which units above their threshold may fire in a step.

In the papers at most one does, the one that is furthest above: a decision over the whole layer. On
a chip with a clock all do that are above, and answer the same error together, a step before any
hears of the others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from eqchip.emulator.description.asynchronous import Clocks
from eqchip.emulator.errors import InputError, check_number, check_whole

ANY_PHASE = Clocks(offset=1.0)


class Turns:
    """The base of who may fire.

    Attributes
    ----------
    slots : int
        A unit may fire where the step's number modulo this is its slot.
    chance : float
        By which a unit ticks in a step of its slot.
    one : bool
        Whether only the unit furthest above its threshold fires.
    period : float
        s, of clocks of units; 0: there are none.
    clocks : Clocks
    """

    slots: int = 1
    chance: float = 1.0
    one: bool = False
    period: float = 0.0
    clocks: Clocks = Clocks()


@dataclass(frozen=True)
class Together(Turns):
    """All units that are above their threshold: a chip with one clock.

    Examples
    --------
    >>> Together().slots
    1
    """


@dataclass(frozen=True)
class OneUnit(Turns):
    """The unit furthest above its threshold: what papers compute, and no chip does.

    Examples
    --------
    >>> OneUnit().one
    True
    """

    one = True


@dataclass(frozen=True)
class Slots(Turns):
    """Units take turns: each may fire in one step of so many, drawn once.

    Parameters
    ----------
    slots : int

    Examples
    --------
    >>> Slots(25).slots
    25
    """

    slots: int

    def __post_init__(self) -> None:
        check_whole("Slots: slots", self.slots, 1, 2**20)


@dataclass(frozen=True)
class Ticks(Turns):
    """Units tick at random: each may fire in a step by this chance, as if by clocks of their own.

    Parameters
    ----------
    chance : float, in (0, 1]

    Examples
    --------
    >>> Ticks(0.1).chance
    0.1
    """

    chance: float

    def __post_init__(self) -> None:
        check_number("Ticks: chance", self.chance)
        if not (math.isfinite(self.chance) and 0 < self.chance <= 1):
            raise InputError(f"Ticks: chance is {self.chance!r}; expected more than 0, at most 1")


@dataclass(frozen=True)
class OwnClocks(Turns):
    """Units, or cores, tick by clocks of their own: a chip without a global one.

    A unit hears what arrives when it arrives, and fires at its ticks. Steps are the grid on which
    time is told: a tick falls into the first one that ends at it or later.

    Parameters
    ----------
    period : float
        s, the mean of the clocks.
    clocks : Clocks
        Their spread, offset and jitter in periods, as of the asynchronous engine. Default: alike,
        of any phase.

    Examples
    --------
    >>> OwnClocks(1e-3, Clocks(spread=0.1, offset=1.0)).clocks.spread
    0.1
    """

    period: float
    clocks: Clocks = ANY_PHASE

    def __post_init__(self) -> None:
        check_number("OwnClocks: period", self.period)
        if not (math.isfinite(self.period) and self.period > 0):
            raise InputError(f"OwnClocks: period is {self.period!r}; expected more than 0, in s")
        for name, usual in (("restarted", False), ("calibrated", True)):
            if getattr(self.clocks, name) is not usual:
                raise InputError(
                    f"OwnClocks: clocks are {name}={not usual}; expected {usual}, for a layer has "
                    "neither phases nor decoders"
                )
