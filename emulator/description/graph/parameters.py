"""Parameters of units: one number for a population, or one for each of its units."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.errors import InputError, check_unmasked, check_whole


class Bounds(NamedTuple):
    """What values a parameter may have: finite ones of [low, high], or whole ones.

    open_end: whether -infinity, "there is none", is one too.
    """

    low: float = -math.inf
    high: float = math.inf
    whole: bool = False
    open_end: bool = False

    def __str__(self) -> str:
        if self.whole:
            return f"a whole number of at least {self.low:g}"
        if math.isinf(self.low) and math.isinf(self.high):
            return "a finite number"
        if math.isinf(self.high):
            return f"a finite number of at least {self.low:g}"
        if math.isinf(self.low):
            return f"a number of at most {self.high:g}"
        return f"a number in [{self.low:g}, {self.high:g}]"


ANY, DECAY, COUNT = Bounds(), Bounds(0.0, 1.0), Bounds(0.0, whole=True)
SHARE = Bounds(0.0, 1.0)  # as a decay, but what is taken and not what is lost
ROUNDED = 2.0**-22  # what a decay of 1 may be beyond it: files keep time constants in float32
SHORTEST_STEP = 1e-12  # seconds of a step that files are read in: beyond, their numbers end
AT_LEAST_0, FLOOR = Bounds(0.0), Bounds(high=0.0, open_end=True)


def bounds_of(unit: Any, name: str) -> Bounds:
    """What values a parameter of a unit may have."""
    bounds: Bounds = unit.bounds[name]
    return bounds


def freeze(unit: Any) -> None:
    """Check every parameter of a frozen description, and keep a private copy of it.

    Raises
    ------
    InputError
        Naming the kind, the parameter, its first wrong value, and what would be right.
    """
    for name, bounds in unit.bounds.items():
        value = _checked(f"{type(unit).__name__}: {name}", getattr(unit, name), bounds)
        object.__setattr__(unit, name, value)


def _checked(what: str, value: Any, bounds: Bounds) -> Any:
    check_unmasked(what, value)
    try:
        array = np.array(value)
    except ValueError:
        array = np.array(None)
    if array.dtype.kind not in "iuf":
        raise InputError(f"{what} is {value!r}; expected {bounds}, or an array of them")
    if bounds.whole and array.ndim == 0:
        check_whole(what, value, int(bounds.low), 2**31)
    right = (array >= bounds.low) & (array <= bounds.high)
    right &= np.isfinite(array) | (bounds.open_end & (array == -np.inf))
    if bounds.whole:
        right &= array == np.floor(array)
    if not right.all():
        place = tuple(int(i) for i in np.argwhere(~right)[0]) if array.ndim else ()
        where = f" at {place}" if place else ""
        raise InputError(f"{what} is {array[place].item()!r}{where}; expected {bounds}")
    if array.ndim == 0:
        return int(array) if bounds.whole else float(array)
    array = array.astype(np.int64 if bounds.whole else np.float64)
    array.setflags(write=False)
    return array


def decay(tau: Any, dt: float) -> Any:
    """The decay of a step of length dt: dt / tau, that of an Euler step.

    A quantity with the time constant tau keeps ``1 - dt / tau`` of itself. (The exact solution of
    the equation would keep ``exp(-dt / tau)``.)

    Parameters
    ----------
    tau : float or array_like
        Time constants, in the unit of `dt`.
    dt : float
        The length of a time step.

    Raises
    ------
    InputError
        If dt or a tau is not above 0, or a decay is above 1: the step is too long.

    Examples
    --------
    >>> decay(tau=20e-3, dt=1e-3)
    0.05
    """
    times = np.asarray(tau, np.float64)
    if not (dt > 0 and math.isfinite(dt)):
        raise InputError(f"decay: dt is {dt!r}; expected a number above 0")
    if not (times > 0).all():
        raise InputError(f"decay: tau is {times[~(times > 0)].flat[0]!r}; expected it above 0")
    with np.errstate(over="ignore"):  # of a step beyond all bounds: refused here
        found = dt / times
    if (found > 1 + ROUNDED).any():
        shortest = float(times.min())
        raise InputError(
            f"decay: dt {dt!r} over tau {shortest!r} is a decay of {dt / shortest:g}; "
            "expected at most 1: a shorter time step"
        )
    found = np.minimum(found, 1.0)
    return found if found.ndim else float(found)
