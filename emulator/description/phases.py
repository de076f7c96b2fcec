"""The phases of a run: free and nudged relaxation."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from eqchip.emulator.errors import InputError, check_number, check_whole


@dataclass(frozen=True, eq=False)
class Free:
    """Relax with only the input clamped.

    Parameters
    ----------
    steps : int
        Time steps, at least 1.
    from_free : bool, default False
        Start again from the state and step number at the end of the last phase
        that was a plain ``Free`` one, instead of where the previous phase ended.
        ``Free(n, from_free=True)`` is the split stream: the free phase continued
        beside a nudged phase of n steps.
    x : array_like, shape (batch, n_in), optional
        What is clamped from this phase on, as `x` of :func:`eqchip.run`: states, messages and the
        step number stay. Default: what was clamped before.

    Raises
    ------
    InputError
        For steps that are none, and an `x` that would be clamped going back.
    """

    steps: int
    from_free: bool = False
    x: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_whole("Free: steps", self.steps, 1)
        if self.from_free and self.x is not None:
            raise InputError(
                "Free: x is given with from_free, which goes back to what was clamped then; "
                "expected x=None, or from_free=False"
            )


@dataclass(frozen=True, eq=False)
class Nudged:
    """Relax with the output layer pulled towards a target: drive += 2 beta (y - s).

    Parameters
    ----------
    steps : int
        Time steps, at least 1.
    target : array_like, shape (batch, n_out)
        The target y of the output layer, each value in [0, 1].
    beta : float
        The strength of the nudge; negative pushes away. Not 0.
    from_free : bool, default False
        As for :class:`Free`.
    """

    steps: int
    target: Any = field(repr=False)
    beta: float
    from_free: bool = False

    def __post_init__(self) -> None:
        check_whole("Nudged: steps", self.steps, 1)
        check_number("Nudged: beta", self.beta)
        if not math.isfinite(self.beta) or self.beta == 0.0:
            raise InputError(
                f"Nudged: beta is {self.beta!r}; expected a finite number other than 0"
            )


Phase = Free | Nudged
