"""What the description of a kind of unit says: what runs, counters and errors ask of every kind.

A kind is a frozen dataclass derived from :class:`Unit`, equations in its docstring; the EP unit
is :class:`eqchip.emulator.description.coding.Coding`. What computes with units has a table from
the type of a description to what belongs to that kind there, and takes it by :func:`unit_row`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar, TypeVar

import numpy as np

from eqchip.emulator.description.modes import Precision
from eqchip.emulator.errors import InputError

T = TypeVar("T")


class Unit:
    """The base of every description of a kind of unit.

    Attributes
    ----------
    precisions : tuple of str
        In which the kind is known. Default: in floating point.
    reads_out : bool
        Whether a layer of it can be a read-out outside the dynamics (readout ``"cross-entropy"``).
    follows_streams : bool
        Whether an input of it that sends given bits has potentials which follow them.
    sends_bits : bool
        Whether messages are bits; else a unit sends its potential at every step.
    draws : bool
        Whether a unit takes a uniform number at every step.
    adapts_prediction : bool
        Whether a unit adapts a prediction coefficient to its own input.
    """

    precisions: ClassVar[tuple[Precision, ...]] = ("float32", "float64")
    reads_out: ClassVar[bool] = False
    follows_streams: ClassVar[bool] = False

    @property
    def sends_bits(self) -> bool:
        """Whether messages are bits; else a unit sends its potential at every step."""
        return True

    @property
    def draws(self) -> bool:
        """Whether a unit takes a uniform number at every step."""
        return False

    @property
    def adapts_prediction(self) -> bool:
        """Whether a unit adapts a prediction coefficient to its own input."""
        return False

    def check_precision(self, precision: Precision) -> None:
        """Refuse a precision that the kind, or this one of it, is not known in.

        Raises
        ------
        InputError
        """
        if precision not in self.precisions:
            raise InputError(
                f"run: precision is {precision!r} with {type(self).__name__}; "
                f"expected one of {', '.join(self.precisions)}"
            )

    def check_numbers(self, steps: int, dtype: np.dtype) -> None:
        """Refuse parameters that vanish or overflow within so many steps in this type.

        Raises
        ------
        InputError
        """

    def check_uniforms(self) -> None:
        """Refuse uniform numbers given by hand, where none are taken.

        Raises
        ------
        InputError
        """
        if not self.draws:
            raise InputError(
                f"run: uniforms are given with {type(self).__name__}, which draws no numbers; "
                "expected none"
            )


def unit_row(table: Mapping[type, T], unit: Unit, where: str) -> T:
    """The row of a table by kind of unit; where: whose table it is, for the error.

    Raises
    ------
    InputError
        If the kind has no row there.

    Examples
    --------
    >>> class Toy(Unit):
    ...     pass
    >>> unit_row({Unit: "the row"}, Toy(), "lava")
    Traceback (most recent call last):
    eqchip.emulator.errors.InputError: lava: units are Toy; expected Unit
    """
    check_kind(unit, table, where)
    return table[type(unit)]


def check_kind(unit: Unit, known: Collection[type], where: str) -> None:
    """Refuse a kind of unit by name that is not among those known; where: to whom.

    Raises
    ------
    InputError
    """
    if type(unit) not in known:
        names = " or ".join(kind.__name__ for kind in known)
        raise InputError(f"{where}: units are {type(unit).__name__}; expected {names}")
