"""Means over repeated experiments, and how sure they are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class Interval:
    """Means over networks, and between which bounds the true ones lie."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def interval(values: np.ndarray) -> Interval:
    """Mean over the first axis with its 95 % interval (Student's t), kept at or above 0.

    Examples
    --------
    >>> found = interval(np.array([1.0, 2.0, 3.0]))
    >>> found.mean.item(), round(found.low.item(), 3), round(found.high.item(), 3)
    (2.0, 0.0, 4.484)
    """
    mean, half = values.mean(0), _half_width(values)
    return Interval(mean, np.maximum(mean - half, 0.0), mean + half)


def ratio(values: np.ndarray, others: np.ndarray) -> Interval:
    """How many times as large values are as others, pair by pair: geometric mean, 95 % interval.

    The same networks stand behind both, so what they have in common cancels.
    """
    logs = np.log(values / others)
    half = _half_width(logs)
    return Interval(*(np.exp(logs.mean() + k * half) for k in (0, -1, 1)))


def _half_width(values: np.ndarray) -> np.ndarray:
    """Half the width of the 95 % interval of the mean over the first axis (Student's t)."""
    from scipy.special import stdtrit  # type: ignore[import-untyped]  # slow to load

    n = len(values)
    quantile = float(stdtrit(n - 1, 0.5 + CONFIDENCE / 2))
    return np.asarray(quantile * values.std(0, ddof=1) / math.sqrt(n))


def steps_to(curve: np.ndarray, level: float) -> int | None:
    """The first step, from 1, from which a curve stays at most at a level; None if none.

    Examples
    --------
    >>> steps_to(np.array([3.0, 1.0, 2.0, 0.5]), 1.0), steps_to(np.array([3.0]), 1.0)
    (4, None)
    """
    above = np.flatnonzero(curve > level)
    first = int(above[-1]) + 2 if len(above) else 1
    return first if first <= len(curve) else None
