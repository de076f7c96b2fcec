"""What samples are to be, of data of one's own: classes, or numbers made fit for [0, 1].

A kind of target is a row of :data:`KINDS`, by the task that it is for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from eqchip.emulator.errors import InputError, check_unmasked

# Left free below the smallest and above the largest target of training, of a potential's range: a
# unit is seldom exactly at its ends. Chosen with the settings of [own-regression].
ROOM = 0.1
LARGEST = 1e30  # of an input or target: its square is still a float32


def check_finite(name: str, array: np.ndarray) -> None:
    """Refuse what is not finite, or so large that a square of it is not.

    Raises
    ------
    InputError
        With the first wrong value and its place.
    """
    if array.dtype.kind != "f":
        return
    bad = np.argwhere(~(np.abs(array.astype(np.float64, copy=False)) <= LARGEST))  # of float16, too
    if len(bad):
        place = tuple(bad[0].tolist())
        raise InputError(
            f"data: {name} holds {array[place]} at {place}; expected finite numbers, at most "
            f"{LARGEST:g}"
        )


class Targets(ABC):
    """What a kind of target knows of the training samples: ``targets(y)`` is what units are to be.

    Attributes
    ----------
    outputs : int
    labels : tuple of str
        What outputs are called; empty: by their numbers.
    text : str
        How targets came to lie in [0, 1]; empty for classes.
    """

    outputs: int
    labels: tuple[str, ...]
    text: str

    @abstractmethod
    def __call__(self, y: np.ndarray) -> np.ndarray:
        """Targets as the task takes them."""


class Kind(ABC):
    """How targets of a task are read."""

    @abstractmethod
    def read(self, name: str, values: Any) -> np.ndarray:
        """Values as an array, a row a sample; refuse what are none."""

    @abstractmethod
    def strata(self, y: np.ndarray) -> np.ndarray:
        """Of each sample, the group that gives its share to the test."""

    @abstractmethod
    def fit(self, y: np.ndarray, train: np.ndarray) -> Targets:
        """What is known of all samples that are no given test, and of those for training."""


# --- classes ------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Classes(Targets):
    """The classes of training, in ascending order."""

    values: np.ndarray
    text: str = ""

    @property
    def outputs(self) -> int:  # type: ignore[override]
        """A unit a class."""
        return len(self.values)

    @property
    def labels(self) -> tuple[str, ...]:  # type: ignore[override]
        """Their names."""
        return tuple(str(one) for one in self.values.tolist())

    def __call__(self, y: np.ndarray) -> np.ndarray:
        """Labels as their places among the classes."""
        classes = self.values
        if (y.dtype.kind == "U") != (classes.dtype.kind == "U"):
            raise InputError(
                f"data: y_test is of type {y.dtype}; expected that of y, {classes.dtype}"
            )
        places = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
        bad = np.flatnonzero(classes[places] != y)
        if len(bad):
            raise InputError(
                f"data: y_test holds {y[bad[0]].item()!r} at {bad[0]}, which y does not; expected "
                f"one of {', '.join(repr(one) for one in classes[:10].tolist())}"
            )
        return places.astype(np.int64)


class Labels(Kind):
    """Whole numbers, texts, or rows with one 1 each."""

    def read(self, name: str, values: Any) -> np.ndarray:
        """A row of labels."""
        check_unmasked(f"data: {name}", values)
        array = np.asarray(values)
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if array.ndim == 2 and array.dtype.kind in "biuf":
            hot = array != 0
            if not (hot.sum(axis=1) == 1).all() or not (array[hot] == 1).all():
                raise InputError(
                    f"data: {name} has shape {array.shape} and is not one 1 a row; expected a "
                    "label a sample, or one-hot rows; of numbers to be predicted, task='regression'"
                )
            return hot.argmax(axis=1)
        if array.dtype.kind == "O" and all(isinstance(one, str) for one in array.flat):
            array = array.astype(str)
        if array.ndim != 1 or array.dtype.kind not in "biufU":
            raise InputError(
                f"data: {name} has shape {array.shape} and type {array.dtype}; expected a label a "
                "sample: whole numbers, texts, or one-hot rows"
            )
        if array.dtype.kind == "f":
            bad = np.flatnonzero(~(array == np.round(array)) | (np.abs(array) >= 2**53))
            if len(bad):
                raise InputError(
                    f"data: {name} holds {array[bad[0]]} at {bad[0]}; expected classes: whole "
                    "numbers, texts, or one-hot rows; of numbers to be predicted, "
                    "task='regression'"
                )
            return array.astype(np.int64)
        return array.astype(np.int64) if array.dtype.kind == "b" else array

    def strata(self, y: np.ndarray) -> np.ndarray:
        """The classes."""
        classes, numbers = np.unique(y, return_inverse=True)
        _check_several(classes)
        return numbers

    def fit(self, y: np.ndarray, train: np.ndarray) -> Classes:
        """All classes."""
        classes = np.unique(y)
        _check_several(classes)
        return Classes(classes)


def _check_several(classes: np.ndarray) -> None:
    if len(classes) < 2:
        raise InputError(f"data: y holds {len(classes)} class; expected at least two")


# --- numbers ------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Range(Targets):
    """Numbers as potentials: ``ends[0] + (value - low) * gain``, an entry for each output."""

    low: np.ndarray
    gain: np.ndarray
    start: float
    text: str
    labels: tuple[str, ...] = ()

    @property
    def outputs(self) -> int:  # type: ignore[override]
        """A unit a number."""
        return len(self.low)

    def __call__(self, y: np.ndarray) -> np.ndarray:
        """Potentials; what lies beyond those of training is cut at 0 and 1."""
        rows = self.start + (y.astype(np.float64) - self.low) * self.gain
        return np.clip(rows, 0.0, 1.0).astype(np.float32)

    def values(self, potentials: np.ndarray) -> np.ndarray:
        """The numbers that potentials stand for, float64."""
        away = potentials.astype(np.float64) - self.start
        return self.low + np.divide(away, self.gain, out=np.zeros_like(away), where=self.gain > 0)


class Numbers(Kind):
    """Real numbers, one or several a sample."""

    def read(self, name: str, values: Any) -> np.ndarray:
        """Rows of finite numbers."""
        check_unmasked(f"data: {name}", values)
        array = np.asarray(values)
        if array.ndim == 1:
            array = array[:, None]
        if array.ndim != 2 or array.dtype.kind not in "biuf" or not array.size:
            raise InputError(
                f"data: {name} has shape {array.shape} and type {array.dtype}; expected a number a "
                "sample, or a row of them"
            )
        check_finite(name, array)
        return array

    def strata(self, y: np.ndarray) -> np.ndarray:
        """All are one group."""
        return np.zeros(len(y), np.int64)

    def fit(self, y: np.ndarray, train: np.ndarray) -> Range:
        """The range of training; of targets that lie in [0, 1], that."""
        low, high = train.min(axis=0).astype(np.float64), train.max(axis=0).astype(np.float64)
        if (low >= 0).all() and (high <= 1).all():
            ones = np.ones(len(low))
            return Range(0 * ones, ones, 0.0, "targets as given, in [0, 1]")
        gain = np.zeros(len(low))
        np.divide(1.0 - 2 * ROOM, high - low, out=gain, where=high > low)
        told = ", ".join(f"{a:g} to {b:g}" for a, b in zip(low[:3], high[:3], strict=True))
        more = ", ..." if len(low) > 3 else ""
        return Range(low, gain, ROOM, f"targets of {told}{more} as {ROOM:g} to {1 - ROOM:g}")


# By the name of the task.
KINDS: dict[str, Kind] = {"classification": Labels(), "regression": Numbers()}
