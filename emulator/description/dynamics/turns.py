"""Which units above their threshold may fire in a step.

In the papers at most one does, the one that is furthest above: a decision over the whole layer. On
a chip with a clock all do that are above, and answer the same error together, a step before any
hears of the others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from eqchip.emulator.errors import InputError, check_number, check_whole


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
    """

    slots: int = 1
    chance: float = 1.0
    one: bool = False


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
