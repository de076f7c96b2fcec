"""What outputs are for: to tell classes apart, or to give numbers.

A task says what targets are, how outputs are judged, and in which words. Its *error* is in percent:
of samples that are classified wrongly, or of the variance of the targets that is left unexplained,
so that 100 is no better than always giving their mean.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from eqchip.emulator.errors import InputError, check_unmasked


class Score(ABC):
    """How some samples were judged; scores of other samples are added to it."""

    @abstractmethod
    def error(self, samples: int) -> float:
        """The error in percent; NaN of no sample."""

    @abstractmethod
    def figures(self, samples: int) -> dict[str, float]:
        """What else there is to say, by name."""

    @abstractmethod
    def whole(self) -> list[int]:
        """What of it is whole numbers, for a checkpoint."""

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """What of it is real, for a checkpoint."""

    @abstractmethod
    def restored(self, whole: list[int], arrays: dict[str, np.ndarray]) -> Score:
        """One that was kept."""

    @abstractmethod
    def __add__(self, other: Any) -> Any:
        """Of the samples of both."""


@dataclass(frozen=True)
class Wrong(Score):
    """Samples that were classified wrongly."""

    errors: int

    def error(self, samples: int) -> float:
        """Of all samples."""
        return 100.0 * self.errors / samples if samples else math.nan

    def figures(self, samples: int) -> dict[str, float]:
        """Nothing beside the error."""
        return {}

    def whole(self) -> list[int]:
        """Their number."""
        return [self.errors]

    def arrays(self) -> dict[str, np.ndarray]:
        """None."""
        return {}

    def restored(self, whole: list[int], arrays: dict[str, np.ndarray]) -> Wrong:
        """One that was kept."""
        return Wrong(*whole)

    def __add__(self, other: Wrong) -> Wrong:
        return Wrong(self.errors + other.errors)


@dataclass(frozen=True, eq=False)
class Squares(Score):
    """Sums over samples, an entry for each output: of squared distances, targets, their squares.

    ::

        mse = mean over outputs of sum (y - s)^2 / n
        R2  = mean over outputs of 1 - sum (y - s)^2 / sum (y - mean y)^2
    """

    missed: np.ndarray
    sums: np.ndarray
    squares: np.ndarray

    def mse(self, samples: int) -> float:
        """Mean squared error of targets in [0, 1]."""
        return float(self.missed.mean()) / samples if samples else math.nan

    def r2(self, samples: int) -> float:
        """Coefficient of determination; of a target that does not vary, 1 if met, else 0."""
        if not samples:
            return math.nan
        spread = self.squares - self.sums**2 / samples
        varies = spread > _ROUNDING * np.maximum(self.squares, 1.0)
        share = np.divide(self.missed, spread, out=(self.missed > 0).astype(float), where=varies)
        return 1.0 - float(share.mean())

    def error(self, samples: int) -> float:
        """Variance that is left unexplained."""
        return 100.0 * (1.0 - self.r2(samples))

    def figures(self, samples: int) -> dict[str, float]:
        """Mean squared error and R2."""
        return {"mse": self.mse(samples), "r2": self.r2(samples)}

    def whole(self) -> list[int]:
        """None."""
        return []

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it."""
        return dict(vars(self))

    def restored(self, whole: list[int], arrays: dict[str, np.ndarray]) -> Squares:
        """One that was kept."""
        return Squares(**arrays)

    def __add__(self, other: Squares) -> Squares:
        return Squares(
            self.missed + other.missed, self.sums + other.sums, self.squares + other.squares
        )


_ROUNDING = 1e-12  # of a difference of sums of squares


class Task(ABC):
    """What outputs are for. A row of :data:`TASKS`."""

    name: ClassVar[str]
    outputs_are: ClassVar[str]  # in the plural
    read_outs: ClassVar[tuple[str, ...]]  # that it can learn by

    @abstractmethod
    def check(self, what: str, y: np.ndarray, samples: int, outputs: int) -> None:
        """Refuse targets that do not fit.

        Raises
        ------
        InputError
        """

    @abstractmethod
    def targets(self, y: np.ndarray, outputs: int) -> np.ndarray:
        """What the outputs are pulled towards, float32, shape (n, outputs)."""

    @abstractmethod
    def strata(self, y: np.ndarray) -> np.ndarray:
        """Of each sample, the group that gives its share when some are set aside."""

    @abstractmethod
    def nothing(self, outputs: int) -> Score:
        """The score of no sample."""

    @abstractmethod
    def score(self, outputs: np.ndarray, y: np.ndarray) -> Score:
        """Judge outputs, shape (n, outputs)."""


class Classification(Task):
    """The class of a sample is the output that ends largest; y are whole numbers from 0."""

    name = "classification"
    outputs_are = "classes"
    read_outs = ("squared-error", "cross-entropy")

    def check(self, what: str, y: np.ndarray, samples: int, outputs: int) -> None:
        """Labels are whole numbers in [0, outputs)."""
        if y.dtype.kind not in "iu" or y.ndim != 1 or len(y) != samples:
            raise InputError(
                f"{what} is {y.dtype} of shape {y.shape}; expected {samples} whole numbers"
            )
        check_labels(what, y, outputs)

    def targets(self, y: np.ndarray, outputs: int) -> np.ndarray:
        """One-hot rows."""
        return one_hot(y, outputs)

    def strata(self, y: np.ndarray) -> np.ndarray:
        """The classes."""
        return y

    def nothing(self, outputs: int) -> Wrong:
        """None wrong."""
        return Wrong(0)

    def score(self, outputs: np.ndarray, y: np.ndarray) -> Wrong:
        """Those whose largest output is another."""
        return Wrong(int((outputs.argmax(1) != y).sum()))


class Regression(Task):
    """An output gives a number; y are rows of them in [0, 1]."""

    name = "regression"
    outputs_are = "numbers"
    read_outs = ("squared-error",)

    def check(self, what: str, y: np.ndarray, samples: int, outputs: int) -> None:
        """Targets are numbers in [0, 1]."""
        if y.dtype.kind != "f" or y.shape != (samples, outputs):
            raise InputError(
                f"{what} is {y.dtype} of shape {y.shape}; expected real numbers of shape "
                f"({samples}, {outputs})"
            )
        if y.size and not (y.min() >= 0 and y.max() <= 1):  # NaN is the least and the largest
            place = tuple(np.argwhere(~((y >= 0) & (y <= 1)))[0].tolist())
            raise InputError(f"{what} holds {y[place]} at {place}; expected targets in [0, 1]")

    def targets(self, y: np.ndarray, outputs: int) -> np.ndarray:
        """Themselves."""
        return y.astype(np.float32, copy=False)

    def strata(self, y: np.ndarray) -> np.ndarray:
        """All are one group."""
        return np.zeros(len(y), np.int64)

    def nothing(self, outputs: int) -> Squares:
        """Sums of nothing."""
        return Squares(*(np.zeros(outputs) for _ in range(3)))

    def score(self, outputs: np.ndarray, y: np.ndarray) -> Squares:
        """Sums in float64."""
        y = y.astype(np.float64)
        away = outputs.reshape(y.shape).astype(np.float64) - y
        return Squares((away**2).sum(0), y.sum(0), (y**2).sum(0))


TASKS: dict[str, Task] = {one.name: one for one in (Classification(), Regression())}


def task_of(name: str) -> Task:
    """The task of a name.

    Raises
    ------
    InputError
        If there is none.
    """
    if name not in TASKS:
        raise InputError(f"task {name!r} is unknown; expected one of {', '.join(TASKS)}")
    return TASKS[name]


def one_hot(labels: Any, classes: int) -> np.ndarray:
    """A row per label: 1 in the label's column, else 0.

    Parameters
    ----------
    labels : array-like of int, shape (n,)
    classes : int

    Returns
    -------
    ndarray of float32, shape (n, classes)

    Raises
    ------
    InputError
        If a label is not in [0, classes).

    Examples
    --------
    >>> one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    check_unmasked("one_hot: labels", labels)
    labels = np.asarray(labels)
    if labels.ndim != 1 or (labels.dtype.kind not in "iu" and labels.size):
        raise InputError(
            f"one_hot: labels have shape {labels.shape} and type {labels.dtype}; "
            "expected a list of whole numbers"
        )
    check_labels("one_hot", labels, classes)
    rows = np.zeros((len(labels), classes), dtype=np.float32)
    rows[np.arange(len(labels)), labels.astype(np.int64)] = 1.0
    return rows


def check_labels(what: str, labels: np.ndarray, classes: int) -> None:
    """Refuse labels that are not in [0, classes).

    Raises
    ------
    InputError
    """
    bad = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(bad):
        raise InputError(
            f"{what}: label {labels[bad[0]]} at index {bad[0]}; expected 0 to {classes - 1}"
        )
