"""Checks of the arrays that layers are given."""

from __future__ import annotations

from typing import Any

import numpy as np

from eqchip.emulator.errors import InputError, check_unmasked


def array_of(what: str, value: Any, dimensions: int) -> np.ndarray:
    """A private, read-only copy in float64; anything but an array of finite numbers is refused."""
    check_unmasked(what, value)
    try:
        array = np.array(value, np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{what} is {value!r}; expected an array of numbers") from None
    if array.ndim != dimensions or 0 in array.shape:
        raise InputError(
            f"{what} has shape {array.shape}; expected {dimensions} axes, none of length 0"
        )
    if not np.isfinite(array).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise InputError(f"{what} holds {array[place]} at {place}; expected finite numbers")
    array.setflags(write=False)
    return array


def check_shape(what: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    """Refuse an array of another shape."""
    if array.shape != shape:
        raise InputError(f"{what} has shape {array.shape}; expected {shape}")
