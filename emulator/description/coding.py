"""Codings: how potentials become bits, and bits become potentials again.

A coding is an encoder (quantizer, with or without prediction), the decoder that
belongs to it, and a step size. These classes describe; they compute nothing but
the tables of their schedules.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from types import NoneType
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from eqchip.emulator.description.modes import Precision
from eqchip.emulator.description.units import Unit
from eqchip.emulator.errors import InputError, check_number, check_whole
from eqchip.emulator.memory import check_memory

# Read by pydantic where these classes are part of a configuration file.
FORBID_EXTRA = {"extra": "forbid"}

Quantizer = Literal["sigma-delta", "bernoulli", "none"]


@dataclass(frozen=True)
class Polynomial:
    """A schedule that falls as a power of the step: ``value / t**exponent``, t = 1, 2, ...

    Parameters
    ----------
    value : float
        The value at t = 1, in (0, 1].
    exponent : float, default 0
        The annealing rate, at least 0. With 0 the schedule is constant.

    Raises
    ------
    InputError
        If the schedule leaves (0, 1] at any step.

    Examples
    --------
    >>> Polynomial(0.8, 0.5).table(4).round(3).tolist()
    [0.8, 0.566, 0.462, 0.4]
    """

    __pydantic_config__ = FORBID_EXTRA

    value: float
    exponent: float = 0.0

    def __post_init__(self) -> None:
        check_number("Polynomial: value", self.value)
        check_number("Polynomial: exponent", self.exponent)
        if not 0.0 < self.value <= 1.0:
            raise InputError(
                f"Polynomial: value {self.value!r} leaves (0, 1] at t = 1; "
                "expected a value above 0 and at most 1"
            )
        if not 0.0 <= self.exponent < math.inf:
            raise InputError(
                f"Polynomial: exponent {self.exponent!r} makes the schedule leave (0, 1]; "
                "expected a finite number of at least 0"
            )

    def table(self, steps: int, dtype: Any = np.float64) -> np.ndarray:
        """The schedule at t = 1 ... steps, shape (steps,), computed in float64.

        Raises
        ------
        InputError
            If it rounds to 0 in `dtype`.
        """
        return _table(self, steps, np.dtype(dtype))


def _as_schedule(value: Any) -> str:
    """What a number was meant as, where a schedule is expected."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return f", e.g. Polynomial({value!r})" if number else ""


TABLE_BYTES = 3 * 8  # of a step while a table is made, besides the number that is kept


@lru_cache(maxsize=64)  # a training asks for the same table at every minibatch
def _table(schedule: Polynomial, steps: int, dtype: np.dtype) -> np.ndarray:
    size = steps * (TABLE_BYTES + dtype.itemsize)
    check_memory(f"a schedule of {steps:,} steps", size, "fewer steps")
    t = np.arange(1, steps + 1, dtype=np.float64)
    with np.errstate(over="ignore", under="ignore"):  # what becomes 0 is refused below
        values = (schedule.value / t**schedule.exponent).astype(dtype)
    if steps and not values[-1] > 0.0:
        raise InputError(
            f"Polynomial: {schedule.value!r} / t**{schedule.exponent!r} leaves (0, 1] by "
            f"t = {steps} (it rounds to 0 in {dtype}); expected a larger value or smaller exponent"
        )
    values.setflags(write=False)
    return values


@dataclass(frozen=True)
class OptimalStepSize:
    """Optimal step-size annealing (OSA): each unit adapts its step to its own drive.

    The step is 1 minus the share of noise in the squared error of a running
    estimate ``theta`` of the drive ``p``, so it opens when the drive moves and
    closes when the drive only fluctuates. Per unit and sample, from ``nu = 1``
    and ``theta = b = d = L = 0``::

        e     = p - theta
        nu    = nu / (1 + nu - nu_bar)
        b     = (1 - nu) b + nu e
        d     = (1 - nu) d + nu e^2
        var   = (d - b^2) / (1 + L)
        eps   = 1 - (var + regularizer) / (d + regularizer)     (1 at t = 1)
        L     = (1 - eps)^2 L + eps^2
        theta = (1 - eps) theta + eps p

    Parameters
    ----------
    nu_bar : float
        The limit of the statistics' own step size, in [0, 1).
    regularizer : float, default 1e-15
        Keeps the quotient defined when the drive does not vary; above 0.

    References
    ----------
    George and Powell, Machine Learning 65 (2006), 10.1007/s10994-006-8365-9, as
    used by O'Connor, Gavves and Welling (AISTATS 2019).
    """

    __pydantic_config__ = FORBID_EXTRA

    nu_bar: float
    regularizer: float = 1e-15

    def __post_init__(self) -> None:
        check_number("OptimalStepSize: nu_bar", self.nu_bar)
        check_number("OptimalStepSize: regularizer", self.regularizer)
        if not 0.0 <= self.nu_bar < 1.0:
            raise InputError(
                f"OptimalStepSize: nu_bar is {self.nu_bar!r}; expected at least 0 and below 1"
            )
        if not 0.0 < self.regularizer < math.inf:
            raise InputError(
                f"OptimalStepSize: regularizer is {self.regularizer!r}; "
                "expected a finite number above 0"
            )


COARSEST = 1  # k of the largest adapted coefficient, 2**-k: 1/2
MOST_LEVELS = 8  # so that 1.0 / 2**-k stays within a chip's products
MOST_THRESHOLD = 8.0


@dataclass(frozen=True)
class AdaptivePrediction:
    """A prediction coefficient that each unit adapts to its own input, in powers of two.

    At rest what sigma-delta bits add to an input is paid back within a few steps: a mean of few
    steps tells a change from that noise. Where such a mean of the error e of the decoder stands
    out from the mean size of e, the input has moved, and the coefficient opens to 1/2 at once;
    else it halves when it has been held for ``2 / lambda`` steps, and so falls about as 1/t. The
    encoder uses the same coefficient, and where its residue phi would pass 2, more than bits can
    tell soon, it opens it, too. Per unit and sample, from ``k = 1`` and ``n = B = D = r = 0``, with
    ``lambda = 2**-k``::

        e  = u - r                                  before r of the step
        B  = B + (e - B / 4)                        4 times a mean of 4 steps
        D  = D + (|e| - D / 16)                     16 times a mean size of 16 steps
        n  = n + 1
        4 |B| > threshold D:                        k = 1, n = 0
        else if n lambda >= 2 and k < finest:       k = k + 1, n = 0
        r  = r + lambda e
        a  = s_prev + (s - s_prev) / lambda
        |phi + a| > 2 and k > 1:                    k = 1, n = 0, and a again

    Clamped input units, which receive nothing, take the lines without e. Only shifts, sums,
    comparisons and one product, with the threshold: nothing divides.

    Parameters
    ----------
    threshold : float, default 0.7
        How far a mean of 4 steps has to stand out from the mean size to be a change, above 0 and
        at most 8.
    finest : int, default 6
        The smallest coefficient is ``2**-finest``, 1 to 8.

    Raises
    ------
    InputError

    References
    ----------
    The aim is that of O'Connor, Gavves and Welling (2018 poster): units that go by themselves
    between a dynamic, coarse and a static, fine regime. Opening where bits cannot follow the slope
    is that of adaptive delta modulation (Jayant, Bell System Technical Journal 49(3), 1970).
    """

    __pydantic_config__ = FORBID_EXTRA

    threshold: float = 0.7
    finest: int = 6

    def __post_init__(self) -> None:
        check_number("AdaptivePrediction: threshold", self.threshold)
        check_whole("AdaptivePrediction: finest", self.finest, COARSEST, MOST_LEVELS + 1)
        if not 0.0 < self.threshold <= MOST_THRESHOLD:
            raise InputError(
                f"AdaptivePrediction: threshold is {self.threshold!r}; "
                f"expected above 0 and at most {MOST_THRESHOLD:g}"
            )


@dataclass(frozen=True)
class Coding(Unit):
    """The EP unit: encoder, decoder and step size of all units of a network.

    With the potential s, the prediction coefficient lambda and the step size eps
    at step t, a unit receives the weighted bits u and computes::

        r   = (1 - lambda) r + lambda u              predictive decoder   (r = u without)
        s   = clip((1 - eps) s + eps p, 0, 1)        p: the drive, from r
        a   = (s - (1 - lambda) s_prev) / lambda     predictive encoder   (a = s without)
        q   = [phi + a > 1/2], phi = phi + a - q     quantizer "sigma-delta"
        q   = [a > uniform]                          quantizer "bernoulli"
        q   = s                                      quantizer "none": the real-valued network

    Parameters
    ----------
    quantizer : {"sigma-delta", "bernoulli", "none"}
    step_size : Polynomial or OptimalStepSize
    prediction : Polynomial, AdaptivePrediction or None
        The prediction coefficient; None switches prediction off.

    Raises
    ------
    InputError
        For an unknown quantizer, a step size or prediction of another type, a prediction
        without bits to predict (``quantizer="none"``), or one that adapts to the noise of
        sigma-delta with another quantizer.

    References
    ----------
    O'Connor, Gavves and Welling, Training a Spiking Neural Network with
    Equilibrium Propagation, AISTATS 2019.
    """

    __pydantic_config__ = FORBID_EXTRA

    precisions: ClassVar[tuple[Precision, ...]] = ("float32", "float64", "chip")
    reads_out: ClassVar[bool] = True
    follows_streams: ClassVar[bool] = True

    quantizer: Quantizer = "sigma-delta"
    step_size: Polynomial | OptimalStepSize = Polynomial(0.8)
    prediction: Polynomial | AdaptivePrediction | None = Polynomial(0.83, 0.58)

    def __post_init__(self) -> None:
        known = get_args(Quantizer)
        if self.quantizer not in known:
            raise InputError(
                f"Coding: unknown quantizer {self.quantizer!r}; expected one of {', '.join(known)}"
            )
        if not isinstance(self.step_size, (Polynomial, OptimalStepSize)):
            raise InputError(
                f"Coding: step_size is {self.step_size!r}; expected Polynomial or "
                f"OptimalStepSize{_as_schedule(self.step_size)}"
            )
        if not isinstance(self.prediction, (Polynomial, AdaptivePrediction, NoneType)):
            raise InputError(
                f"Coding: prediction is {self.prediction!r}; expected Polynomial, "
                f"AdaptivePrediction or None{_as_schedule(self.prediction)}"
            )
        if self.quantizer == "none" and self.prediction is not None:
            raise InputError(
                "Coding: prediction is given with quantizer 'none', where messages are exact; "
                "expected prediction=None"
            )
        if self.follower is not None and self.quantizer != "sigma-delta":
            raise InputError(
                f"Coding: prediction is AdaptivePrediction with quantizer {self.quantizer!r}, "
                "whose noise it does not know; expected 'sigma-delta'"
            )

    @classmethod
    def real_valued(cls, step_size: float = 0.5) -> Coding:
        """The continuous-valued network with a constant step size."""
        return cls(quantizer="none", step_size=Polynomial(step_size), prediction=None)

    @property
    def adaptive(self) -> OptimalStepSize | None:
        """How each unit adapts its step size; None where it follows a schedule."""
        return self.step_size if isinstance(self.step_size, OptimalStepSize) else None

    @property
    def schedule(self) -> Polynomial | None:
        """The prediction coefficients as a schedule; None where there is none."""
        return self.prediction if isinstance(self.prediction, Polynomial) else None

    @property
    def follower(self) -> AdaptivePrediction | None:
        """How each unit adapts its prediction coefficient; None where it does not."""
        return self.prediction if isinstance(self.prediction, AdaptivePrediction) else None

    @property
    def anneals(self) -> bool:
        """Whether a schedule falls with the step number t, so that units have to know it."""
        given = (self.step_size, self.prediction)
        return any(isinstance(one, Polynomial) and one.exponent > 0 for one in given)

    @property
    def adapts_prediction(self) -> bool:
        """Whether each unit adapts its prediction coefficient to its own input."""
        return self.follower is not None

    @property
    def sends_bits(self) -> bool:
        """Whether messages are bits; without a quantizer they are potentials."""
        return self.quantizer != "none"

    @property
    def draws(self) -> bool:
        """Whether a unit takes a uniform number at every step: the quantizer is Bernoulli's."""
        return self.quantizer == "bernoulli"

    def check_precision(self, precision: Precision) -> None:
        """Refuse what no core of a chip computes: real-valued messages, and quotients.

        Raises
        ------
        InputError
        """
        super().check_precision(precision)
        if precision == "chip" and not self.sends_bits:
            raise InputError(
                "run: quantizer 'none' sends real values; precision 'chip' has spikes only: "
                "expected 'sigma-delta' or 'bernoulli'"
            )
        if precision == "chip" and self.adaptive is not None:
            raise InputError(
                "run: OptimalStepSize divides at every step, which no core of precision 'chip' "
                "can; expected a Polynomial step size"
            )

    def check_numbers(self, steps: int, dtype: np.dtype) -> None:
        """Refuse schedules and a regularizer that round to 0.

        Raises
        ------
        InputError
        """
        if not isinstance(self.step_size, OptimalStepSize):
            self.step_size.table(steps, dtype)
        if self.schedule is not None:
            self.schedule.table(steps, dtype)
        if self.adaptive is not None and not dtype.type(self.adaptive.regularizer) > 0:
            raise InputError(
                f"run: regularizer {self.adaptive.regularizer!r} rounds to 0 in {dtype}; "
                "expected a larger one"
            )

    def check_uniforms(self) -> None:
        """Refuse uniform numbers given by hand, unless the quantizer is Bernoulli's.

        Raises
        ------
        InputError
        """
        if not self.draws:
            raise InputError(
                f"run: uniforms are given with quantizer {self.quantizer!r}; expected 'bernoulli'"
            )
