"""The errors that users see."""

from __future__ import annotations

import sys
from numbers import Integral, Real
from typing import Any

import numpy as np

from eqchip.emulator.text import harmless, shortened

LONGEST = 1000  # characters of an error; one that lists every setting has some 400
MOST_DIGITS = 40  # of a number in a message


class InputError(ValueError):
    """Something given from outside is wrong: an argument, a file, a setting.

    The text is one line: what, where, which value, what would be right. The
    command line prints it behind ``eqchip: error:`` and exits with status 2.

    Values in it may come from a file: what a terminal would obey is shown as text, and the
    middle of what does not end is left out.
    """

    def __init__(self, text: str) -> None:
        super().__init__(shortened(harmless(" ".join(text.splitlines())), LONGEST))


def check_number(what: str, value: Any) -> None:
    """Refuse what is no real number, and a whole one that no float holds.

    NaN and infinity are left to the caller's bounds.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InputError(f"{what} is {value!r}; expected a number")
    if isinstance(value, Integral) and abs(int(value)) > sys.float_info.max:
        raise InputError(f"{what} is {_written(value)}; expected a number that a float can hold")


def _written(value: Any) -> str:
    """A value in a message; Python writes no number of thousands of digits."""
    try:
        text = repr(value)
    except ValueError:
        return "a number of thousands of digits"
    return text if len(text) <= MOST_DIGITS else f"{text[:MOST_DIGITS]}... ({len(text)} letters)"


def check_whole(what: str, value: Any, least: int, below: int | None = None) -> None:
    """Refuse what is no whole number in [least, below)."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value < least or (below is not None and value >= below):
        bound = ""
        if below is not None:
            power = below.bit_length() - 1
            bound = f", below 2**{power}" if below == 2**power else f", below {below}"
        raise InputError(
            f"{what} is {_written(value)}; expected a whole number of at least {least}{bound}"
        )


def is_amount(value: Any) -> bool:
    """Whether a value read from a file is a number of at least 0 that a float can hold.

    Examples
    --------
    >>> is_amount(3), is_amount(float("nan")), is_amount(10**400), is_amount(True)
    (True, False, False, False)
    """
    return type(value) in (int, float) and 0 <= value <= sys.float_info.max


def check_unmasked(what: str, values: Any) -> None:
    """Refuse a masked array: its mask would be ignored, and what it hides be used."""
    if isinstance(values, np.ma.MaskedArray):
        raise InputError(f"{what} is a masked array; expected a plain one, e.g. values.filled(0)")


def whole_numbers(what: str, values: Any, dtype: type = np.int64) -> np.ndarray:
    """A private, read-only copy of a row of whole numbers; anything else is refused."""
    check_unmasked(what, values)
    array = np.asarray(values)
    if array.ndim != 1 or (array.dtype.kind not in "iu" and array.size):
        raise InputError(
            f"{what} has shape {array.shape} and type {array.dtype}; "
            "expected a row of whole numbers"
        )
    limits: np.iinfo = np.iinfo(dtype)
    wide = array.size and not np.can_cast(array.dtype, dtype)
    if wide and not (array.min() >= limits.min and array.max() <= limits.max):
        outside = array[(array < limits.min) | (array > limits.max)]
        raise InputError(f"{what} hold {outside[0]}; expected numbers of {limits.bits} bits")
    array = array.astype(dtype)
    array.setflags(write=False)
    return array


def as_floats(what: str, values: Any, copy: bool = False) -> np.ndarray:
    """The values as a float32 or float64 array; what is neither real nor whole is refused."""
    check_unmasked(what, values)
    try:
        array = np.array(values) if copy else np.asarray(values)
        if array.dtype.kind not in "biuf":
            raise InputError(f"{what}: type is {array.dtype}; expected real numbers")
        return array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{what}: {type(values).__name__} is no array of numbers") from None
