"""What a layer is driven by, what it shall follow, and how the drive reaches it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from eqchip.emulator.errors import InputError, check_number, check_unmasked, check_whole


class Signal:
    """The base of drives c, one value per channel and step."""


@dataclass(frozen=True)
class Noise(Signal):
    """Filtered noise, made as it is needed: a run of any length takes no memory for it.

    A number of mean 0 and variance 1 for each channel and step, the sum of four uniform ones,
    behind two equal low-passes; a function of the seed and of the step alone.

    Parameters
    ----------
    rms : float
        Of each channel, once the filters have filled.
    smoothing : float
        s: standard deviation of the filters' response, 1.41 of their time constants.
    seed : int

    Examples
    --------
    >>> Noise(rms=25.0, smoothing=0.03, seed=1)
    Noise(rms=25.0, smoothing=0.03, seed=1)
    """

    rms: float
    smoothing: float
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("rms", "smoothing"):
            value = getattr(self, name)
            check_number(f"Noise: {name}", value)
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"Noise: {name} is {value!r}; expected more than 0")
        check_whole("Noise: seed", self.seed, 0, 2**63)


@dataclass(frozen=True, eq=False)
class Samples(Signal):
    """Values that are given, each held for so many steps; then 0.

    Parameters
    ----------
    values : array_like, shape (frames, J)
    hold : int
        Steps of a frame.

    Raises
    ------
    InputError

    Examples
    --------
    >>> Samples([[1.0, 0.0], [0.0, 1.0]], hold=100).values.shape
    (2, 2)
    """

    values: np.ndarray
    hold: int = 1

    def __post_init__(self) -> None:
        check_unmasked("Samples: values", self.values)
        values = np.array(self.values, np.float64)
        if values.ndim != 2 or values.shape[1] == 0:
            raise InputError(f"Samples: values has shape {values.shape}; expected (frames, J)")
        if not np.isfinite(values).all():
            place = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
            raise InputError(f"Samples: values holds {values[place]} at {place}; expected finite")
        values.setflags(write=False)
        object.__setattr__(self, "values", values)
        check_whole("Samples: hold", self.hold, 1, 2**31)


@dataclass(frozen=True, eq=False)
class Teacher:
    """The dynamics to be followed, ``dx_d/dt = c_d + sum of terms``, by Euler steps.

    Parameters
    ----------
    terms : sequence of (int, float, tuple of int)
        Channel d, coefficient, and the power of each x in the product.
    name : str

    Raises
    ------
    InputError
        For no terms, a channel or power that is none.

    Examples
    --------
    >>> Teacher.linear([[0.0, 1.0], [-1.0, 0.0]])
    Teacher(linear, 2 channels)
    >>> Teacher.van_der_pol(rate=6.0).slope(np.array([1.0, 0.5]))
    array([ 3., -6.])
    """

    terms: tuple[tuple[int, float, tuple[int, ...]], ...]
    name: str = "teacher"

    def __post_init__(self) -> None:
        if not self.terms:
            raise InputError("Teacher: no terms; expected at least one")
        channels = len(self.terms[0][2])
        for channel, coefficient, powers in self.terms:
            if channel not in range(channels):
                raise InputError(
                    f"Teacher: channel of a term is {channel!r}; expected 0 to {channels - 1}"
                )
            check_number("Teacher: coefficient", coefficient)
            if len(powers) != channels:
                raise InputError(f"Teacher: powers are {powers}; expected {channels} numbers")
            for power in powers:
                check_whole("Teacher: power", power, 0, 2**4)

    def __repr__(self) -> str:
        return f"Teacher({self.name}, {self.channels} channels)"

    @property
    def channels(self) -> int:
        """J."""
        return len(self.terms[0][2])

    @classmethod
    def linear(cls, matrix: Any) -> Teacher:
        """``dx/dt = matrix x + c``; matrix: (J, J)."""
        values = np.array(matrix, np.float64)
        if values.ndim != 2 or values.shape[0] != values.shape[1]:
            raise InputError(f"Teacher: matrix has shape {values.shape}; expected (J, J)")
        ones = np.eye(len(values), dtype=int)
        return cls(
            tuple(
                (d, float(values[d, q]), tuple(map(int, ones[q])))
                for d in range(len(values)) for q in range(len(values))
            ),
            "linear",
        )  # fmt: skip

    @classmethod
    def leaky(cls, leak: float, channels: int) -> Teacher:
        """``dx/dt = -leak x + c``: what a layer without slow weights codes."""
        ones = np.eye(channels, dtype=int)
        return cls(tuple((d, -leak, tuple(map(int, ones[d]))) for d in range(channels)), "leaky")

    @classmethod
    def oscillator(cls, frequency: float, damping: float) -> Teacher:
        """A damped oscillator of so many Hz that loses `damping` of itself in a second."""
        w = 2 * math.pi * frequency
        return cls(cls.linear([[-damping, -w], [w, -damping]]).terms, "oscillator")

    @classmethod
    def van_der_pol(cls, rate: float, mu: float = 1.0) -> Teacher:
        """``dx/dt = rate y``, ``dy/dt = rate (mu (1 - x^2) y - x)``."""
        terms = (
            (0, rate, (0, 1)),
            (1, rate * mu, (0, 1)),
            (1, -rate * mu, (2, 1)),
            (1, -rate, (1, 0)),
        )
        return cls(terms, "van der Pol")

    @classmethod
    def lorenz(
        cls, rate: float, sigma: float = 10.0, rho: float = 28.0, beta: float = 8 / 3
    ) -> Teacher:
        """Lorenz's three equations (J. Atmos. Sci. 20:130, 1963), `rate` times as fast."""
        terms = (
            (0, -rate * sigma, (1, 0, 0)),
            (0, rate * sigma, (0, 1, 0)),
            (1, rate * rho, (1, 0, 0)),
            (1, -rate, (0, 1, 0)),
            (1, -rate, (1, 0, 1)),
            (2, rate, (1, 1, 0)),
            (2, -rate * beta, (0, 0, 1)),
        )
        return cls(terms, "Lorenz")

    @property
    def matrix(self) -> np.ndarray | None:
        """A where the slope is A x, shape (J, J); None where it is not."""
        found = np.zeros((self.channels, self.channels))
        for channel, coefficient, powers in self.terms:
            if sum(powers) != 1:
                return None
            found[channel, powers.index(1)] += coefficient
        return found

    def slope(self, x: np.ndarray) -> np.ndarray:
        """dx/dt without the drive at x, shape (J,)."""
        found = np.zeros(self.channels)
        for channel, coefficient, powers in self.terms:
            product = coefficient
            for value, power in zip(x, powers, strict=True):
                for _ in range(power):
                    product = product * value
            found[channel] = found[channel] + product
        return found


@dataclass(frozen=True)
class Current:
    """The drive as a current: a product for each channel, unit and step.

    Examples
    --------
    >>> Current().quantum
    0.0
    """

    quantum: float = 0.0


@dataclass(frozen=True)
class SigmaDelta:
    """The drive as spikes of both signs: a channel sends one when what it owes is half a quantum.

    Parameters
    ----------
    quantum : float
        What a spike stands for, in units of the drive: at least its largest value, or spikes of one
        a step cannot follow.

    Examples
    --------
    >>> SigmaDelta(quantum=600.0)
    SigmaDelta(quantum=600.0)
    """

    quantum: float

    def __post_init__(self) -> None:
        check_number("SigmaDelta: quantum", self.quantum)
        if not (math.isfinite(self.quantum) and self.quantum > 0):
            raise InputError(f"SigmaDelta: quantum is {self.quantum!r}; expected more than 0")


Coder = Current | SigmaDelta
