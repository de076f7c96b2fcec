"""Spikes as a list of events: who fires at which step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eqchip.emulator.errors import InputError, check_unmasked, check_whole, whole_numbers


@dataclass(frozen=True, eq=False, repr=False)
class Events:
    """Messages of an input, of a graph's or of a network's, one entry each (address events, AER).

    Parameters
    ----------
    steps : array_like of int, shape (n,)
        When: 0 is the first time step of the run. Of each sample they ascend.
    units : array_like of int, shape (n,)
        Who, counted in the flattened population.
    samples : array_like of int, shape (n,), optional
        Of which sample of the batch, ascending. Default: 0 for all.
    values : array_like, shape (n,), optional
        What is sent, where messages are valued. Default: 1.
    batch : int, default 1
        How many samples there are.

    Raises
    ------
    InputError
        For lists of different lengths, negative or unsorted steps, negative units, samples that
        are not there.

    Examples
    --------
    >>> Events(steps=[0, 0, 7], units=[3, 1, 3])
    Events(3 in 1 sample)
    >>> Events(steps=[4, 2], units=[0, 0])
    Traceback (most recent call last):
    eqchip.emulator.errors.InputError: Events: step 2 of event 1 comes after step 4 of the same sample; expected ascending steps
    """  # noqa: E501

    steps: Any
    units: Any
    samples: Any = None
    values: Any = None
    batch: int = 1

    def __post_init__(self) -> None:
        check_whole("Events: batch", self.batch, 1, 2**31)
        steps = _not_negative("steps", self.steps)
        units = _not_negative("units", self.units)
        samples = (
            np.zeros_like(steps) if self.samples is None else _not_negative("samples", self.samples)
        )
        for name, array in (("units", units), ("samples", samples)):
            if len(array) != len(steps):
                raise InputError(
                    f"Events: {len(steps)} steps and {len(array)} {name}; expected as many"
                )
        if len(samples) and samples.max() >= self.batch:
            raise InputError(
                f"Events: samples hold {int(samples.max())} with a batch of {self.batch}; expected "
                f"at most {self.batch - 1}"
            )
        if (np.diff(samples) < 0).any():
            raise InputError("Events: samples are not sorted; expected ascending ones")
        late = (np.diff(steps) < 0) & (np.diff(samples) == 0)
        if late.any():
            k = int(np.argmax(late)) + 1
            raise InputError(
                f"Events: step {steps[k]} of event {k} comes after step {steps[k - 1]} of the same "
                "sample; expected ascending steps"
            )
        for name, array in (("steps", steps), ("units", units), ("samples", samples)):
            object.__setattr__(self, name, array)
        if self.values is not None:
            object.__setattr__(self, "values", self._numbers())

    def until(self, steps: int) -> Events:
        """Those of the first so many steps.

        Examples
        --------
        >>> Events(steps=[0, 2, 5], units=[1, 0, 1]).until(3)
        Events(2 in 1 sample)
        """
        sooner = self.steps < steps
        return Events(
            self.steps[sooner],
            self.units[sooner],
            self.samples[sooner],
            None if self.values is None else self.values[sooner],
            self.batch,
        )

    def _numbers(self) -> np.ndarray:
        check_unmasked("Events: values", self.values)
        values = np.array(self.values)
        if values.shape != self.steps.shape or values.dtype.kind not in "iuf":
            raise InputError(
                f"Events: values have shape {values.shape} and type {values.dtype}; expected "
                f"{len(self.steps)} numbers"
            )
        values = values.astype(np.float64)
        values.setflags(write=False)
        return values

    def __repr__(self) -> str:
        return f"Events({len(self.steps)} in {self.batch} sample{'s' * (self.batch > 1)})"


def _not_negative(name: str, values: Any) -> np.ndarray:
    array = whole_numbers(f"Events: {name}", values)
    if (array < 0).any():
        k = int(np.argmax(array < 0))
        raise InputError(f"Events: {name} hold {array[k]} at {k}; expected none below 0")
    return array
