r"""A layer of units in balance: lateral spikes cancel what the layer has told already.

J channels drive N units that leak, fire above a threshold and inhibit one another so that the
read-out follows a signal (Boerlin, Machens and Deneve, PLOS Comput. Biol. 9:e1003258, 2013)::

    dV/dt = -leak V + F c + sum_k fast_k o_k + slow r + gain F e
    dr/dt = -leak r + o                            traces of the spikes o
    y     = D r                                    the read-out;  e = x - y

A spike of unit k adds row k of `fast` to all potentials one step later, its own among them: that is
its reset. It is in balance where ``fast = -(F F^T + cost I)`` and ``D = F^T``; dynamics
``dx/dt = A x + c`` are in its slow weights where ``slow = F (A + leak I) D``. Order and arithmetic
of a step are those of :mod:`eqchip.backends.reference.dynamics`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from eqchip.emulator.description.dynamics.numbers import array_of, check_shape
from eqchip.emulator.errors import InputError, check_number, check_whole


@dataclass(frozen=True, eq=False)
class Dendrites:
    """Random rectified dendrites: ``[mixing y + offset]_+``, by which slow weights act.

    After Alemi, Machens, Deneve and Slotine (AAAI 2018; arXiv 1705.08026), for dynamics that are
    not linear.

    Parameters
    ----------
    mixing : array_like, shape (B, J)
    offset : array_like, shape (B,)
    every : int
        Steps between two looks at the read-out.

    Examples
    --------
    >>> Dendrites.random(100, 2, reach=3.0, seed=0).mixing.shape
    (100, 2)
    """

    mixing: np.ndarray
    offset: np.ndarray
    every: int = 50

    def __post_init__(self) -> None:
        check_whole("Dendrites: every", self.every, 1, 2**31)
        for name, dimensions in (("mixing", 2), ("offset", 1)):
            object.__setattr__(
                self, name, array_of(f"Dendrites: {name}", getattr(self, name), dimensions)
            )
        check_shape("Dendrites: offset", self.offset, (len(self.mixing),))

    @classmethod
    def random(
        cls, dendrites: int, channels: int, *, reach: float, every: int = 50, seed: int
    ) -> Dendrites:
        """Directions of length 1 drawn alike, offsets uniform in (-reach, reach)."""
        check_whole("Dendrites: dendrites", dendrites, 1, 2**20)
        check_whole("Dendrites: channels", channels, 1, 2**10)
        rng = np.random.default_rng(seed)
        mixing = rng.standard_normal((dendrites, channels))
        mixing /= np.linalg.norm(mixing, axis=1, keepdims=True)
        return cls(mixing, rng.uniform(-reach, reach, dendrites), every)


@dataclass(frozen=True, eq=False)
class BalancedLayer:
    """A layer of N units that codes J channels; see the module for its equations.

    Parameters
    ----------
    feedforward : array_like, shape (J, N)
        F transposed: row d is what channel d does to the units.
    decoder : array_like, shape (N, J)
        D transposed: row k is what a spike of unit k adds to the read-out.
    fast : array_like, shape (N, N)
        Row k is what a spike of unit k adds to the potentials.
    threshold : array_like, shape (N,)
        Above 0.
    leak : float
        1/s, of potentials, traces and read-out.
    slow : array_like, shape (N, N), or (B, N) with dendrites; optional
        Row k is what the trace of unit k, or dendrite k, does to the units. Default: 0.
    dendrites : Dendrites, optional
    cost : float
        Of a spike, beside the error that it mends: at least 0.

    Raises
    ------
    InputError
        For shapes that do not fit, values that are not finite, a threshold or leak that is not
        above 0.

    Examples
    --------
    >>> layer = BalancedLayer.tight(50, 2, leak=50.0, norm=0.5, width=1.6, seed=0)
    >>> layer
    BalancedLayer(units=50, channels=2, leak=50)
    >>> round(layer.distance(), 3), round(layer.weak(seed=1).distance(), 3) > 0.9
    (0.0, True)
    """

    feedforward: np.ndarray
    decoder: np.ndarray
    fast: np.ndarray
    threshold: np.ndarray
    leak: float
    slow: np.ndarray = None  # type: ignore[assignment]  # becomes zeros of the right shape
    dendrites: Dendrites | None = None
    cost: float = 0.0
    units: int = field(init=False)
    channels: int = field(init=False)

    def __post_init__(self) -> None:
        for name, dimensions in (
            ("feedforward", 2), ("decoder", 2), ("fast", 2), ("threshold", 1),
        ):  # fmt: skip
            object.__setattr__(
                self, name, array_of(f"BalancedLayer: {name}", getattr(self, name), dimensions)
            )
        channels, units = self.feedforward.shape
        object.__setattr__(self, "units", units)
        object.__setattr__(self, "channels", channels)
        if self.dendrites is not None:
            check_shape(
                "BalancedLayer: mixing of its dendrites", self.dendrites.mixing,
                (len(self.dendrites.offset), channels),
            )  # fmt: skip
        rows = units if self.dendrites is None else len(self.dendrites.offset)
        slow = np.zeros((rows, units)) if self.slow is None else self.slow
        object.__setattr__(self, "slow", array_of("BalancedLayer: slow", slow, 2))
        for name, shape in (
            ("decoder", (units, channels)), ("fast", (units, units)), ("threshold", (units,)),
            ("slow", (rows, units)),
        ):  # fmt: skip
            check_shape(f"BalancedLayer: {name}", getattr(self, name), shape)
        if not (self.threshold > 0).all():
            i = int(np.argmin(self.threshold))
            raise InputError(
                f"BalancedLayer: threshold of unit {i} is {self.threshold[i]:g}; "
                "expected more than 0"
            )
        for name in ("leak", "cost"):
            value = getattr(self, name)
            check_number(f"BalancedLayer: {name}", value)
            if not (math.isfinite(value) and value >= 0 and (name == "cost" or value > 0)):
                least = "at least 0" if name == "cost" else "more than 0, in 1/s"
                raise InputError(f"BalancedLayer: {name} is {value!r}; expected {least}")

    def __repr__(self) -> str:
        return f"BalancedLayer(units={self.units}, channels={self.channels}, leak={self.leak:g})"

    @classmethod
    def tight(
        cls,
        units: int,
        channels: int,
        *,
        leak: float,
        norm: float,
        spread: float = 0.0,
        width: float = 1.0,
        cost: float = 0.0,
        seed: int,
    ) -> BalancedLayer:
        """A layer of random directions whose fast weights are the best.

        Parameters
        ----------
        units, channels : int
        leak : float
            1/s.
        norm : float
            Length of what a unit hears, of which it draws uniformly the `spread`-th part more or
            less.
        spread : float, in [0, 1)
        width : float
            Threshold over half of what a spike takes. Above 1 units of opposite sign do not answer
            one another (a "wide box": Calaim, Dehmelt, Goncalves and Machens, eLife 11:e73276,
            2022).
        cost : float
        seed : int
        """
        check_whole("BalancedLayer: units", units, 1, 2**16)
        check_whole("BalancedLayer: channels", channels, 1, 2**10)
        if not 0 <= spread < 1:
            raise InputError(f"BalancedLayer: spread is {spread!r}; expected 0 to below 1")
        for name, value in (("norm", norm), ("width", width)):
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"BalancedLayer: {name} is {value!r}; expected more than 0")
        rng = np.random.default_rng(seed)
        f = rng.standard_normal((units, channels))
        f *= norm / np.linalg.norm(f, axis=1, keepdims=True)
        f *= 1 - spread + 2 * spread * rng.random((units, 1))
        full = (f**2).sum(1) + cost
        return cls(f.T, f, best_fast(f.T, cost), width * full / 2, leak, cost=cost)

    def weak(self, *, seed: int, share: float = 0.05) -> BalancedLayer:
        """The layer before it has learned: weak random inhibition, and the resets of now."""
        rng = np.random.default_rng(seed)
        full = -np.diag(self.fast)
        fast = -share * full.mean() * np.abs(rng.standard_normal(self.fast.shape))
        np.fill_diagonal(fast, -full)
        return replace(self, fast=fast)

    def best_slow(self, matrix: Any) -> np.ndarray:
        """The slow weights whose read-out follows ``dx/dt = matrix x + c``, shape (N, N)."""
        dynamics = np.asarray(matrix, np.float64) + self.leak * np.eye(self.channels)
        return (self.feedforward.T @ dynamics @ self.decoder.T).T

    def distance(self) -> float:
        """Squared distance of the fast weights from the best of its F, over the square of these."""
        best = best_fast(self.feedforward, self.cost)
        return float(((self.fast - best) ** 2).sum() / (best**2).sum())


def best_fast(feedforward: np.ndarray, cost: float = 0.0) -> np.ndarray:
    """Fast weights in balance with F (Bourdoukan, Barrett, Machens and Deneve, NIPS 2012).

    Parameters
    ----------
    feedforward : ndarray, shape (J, N)
    cost : float

    Returns
    -------
    ndarray, shape (N, N)
        ``-(F F^T + cost I)``.
    """
    best: np.ndarray = -(feedforward.T @ feedforward + cost * np.eye(feedforward.shape[1]))
    return best
