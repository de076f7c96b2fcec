"""The Mackey-Glass series, from its equation (Mackey and Glass, Science 197:287, 1977)."""

from __future__ import annotations

import math

import numpy as np

from eqchip.emulator.errors import InputError

BETA, GAMMA, POWER = 0.2, 0.1, 10
# Of the series of delay 17 in NeuroBench's data set: its Lyapunov time, where it begins, points a
# Lyapunov time and how many times there are (data card of NeuroBench/mackey_glass).
DELAY, LYAPUNOV_TIME, START = 17.0, 197.0, 0.72066
POINTS_A_TIME, TIMES = 75, 50


def mackey_glass(
    points: int = POINTS_A_TIME * TIMES + 1,
    *,
    delay: float = DELAY,
    start: float = START,
    every: float = LYAPUNOV_TIME / POINTS_A_TIME,
    steps: int = 170,
) -> np.ndarray:
    """Points of ``dx/dt = beta x(t - delay) / (1 + x(t - delay)**n) - gamma x``.

    beta 0.2, gamma 0.1, n 10. By Runge and Kutta's method of fourth order; x at times between two
    steps is that of the cubic through their values and slopes. The series is chaotic: another
    solver gives other numbers after some Lyapunov times, so these are not NeuroBench's.

    Parameters
    ----------
    points : int
    delay : float
    start : float
        x at all times up to 0.
    every : float
        Time between two points.
    steps : int
        Of the solver in a delay.

    Returns
    -------
    ndarray, shape (points,)

    Raises
    ------
    InputError
        For numbers out of their range.

    Examples
    --------
    >>> series = mackey_glass(1000)
    >>> bool(0.4 < series[200:].min() < series[200:].max() < 1.4)
    True
    """
    for name, value in (("delay", delay), ("every", every), ("start", start)):
        if not (math.isfinite(value) and value > 0):
            raise InputError(f"mackey_glass: {name} is {value!r}; expected more than 0")
    for name, whole in (("points", points), ("steps", steps)):
        if whole < 1:
            raise InputError(f"mackey_glass: {name} is {whole!r}; expected at least 1")
    h, ahead = delay / steps, math.ceil((points - 1) * every / (delay / steps)) + 2
    x, slope = [start] * (steps + 1), [0.0] * steps

    def of(now: float, then: float) -> float:
        return BETA * then / (1 + then**POWER) - GAMMA * now

    for k in range(steps, steps + ahead):
        then, later = x[k - steps], x[k - steps + 1]
        # before 0 x is constant; at 0 its slope jumps, and the cubic after it takes the new one
        between = (then + later) / 2
        if k >= 2 * steps:
            between += h / 8 * (slope[k - steps] - slope[k - steps + 1])
        first = of(x[k], then)
        second = of(x[k] + h / 2 * first, between)
        third = of(x[k] + h / 2 * second, between)
        fourth = of(x[k] + h * third, later)
        slope.append(first)
        x.append(x[k] + h / 6 * (first + 2 * second + 2 * third + fourth))
    return _between(np.array(x[steps:]), np.array([*slope[steps:], 0.0]), h, points, every)


def _between(x: np.ndarray, slope: np.ndarray, h: float, points: int, every: float) -> np.ndarray:
    """Values at the points, of the cubic through two steps."""
    place = np.arange(points) * every / h
    k = place.astype(np.int64)
    a = place - k
    found: np.ndarray = (
        (2 * a**3 - 3 * a**2 + 1) * x[k]
        + (a**3 - 2 * a**2 + a) * h * slope[k]
        + (3 * a**2 - 2 * a**3) * x[k + 1]
        + (a**3 - a**2) * h * slope[k + 1]
    )
    return found
