"""Linear read-outs of features: settings by validation, the test read once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

LEAST = 0.01  # of the largest standard deviation of a feature: smaller ones are not blown up
RIDGES = (1e-8, 1e-6, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0, 1000.0)


class Linear(NamedTuple):
    """``(features - mean) / scale`` times weights (K + 1, outputs), the last row a bias."""

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Outputs, (rows, outputs)."""
        found: np.ndarray = (features - self.mean) / self.scale @ self.weights[:-1]
        return found + self.weights[-1]


def fitted(
    features: np.ndarray, targets: np.ndarray, ridges: Sequence[float] = RIDGES
) -> list[Linear]:
    """Least squares with each of some ridges, in features of variance 1; the bias has none.

    Features that hardly vary are left small.

    Parameters
    ----------
    features : ndarray, shape (rows, K)
    targets : ndarray, shape (rows, outputs)
    ridges : sequence of float

    Examples
    --------
    >>> x = np.linspace(-1, 1, 50)[:, None]
    >>> (line,) = fitted(x, 3 * x + 1, [1e-8])
    >>> bool(np.abs(line(x) - 3 * x - 1).max() < 1e-6)
    True
    """
    mean, spread, middle = features.mean(0), features.std(0), targets.mean(0)
    scale = np.maximum(spread, LEAST * spread.max())
    scale = np.where(scale > 0, scale, 1.0)
    rows, wanted = (features - mean) / scale, targets - middle
    wide = rows.shape[1] > len(rows)  # the smaller of the two ways to multiply rows
    values, vectors = np.linalg.eigh(rows @ rows.T if wide else rows.T @ rows)
    turned = vectors.T @ (wanted if wide else rows.T @ wanted)
    found = []
    for ridge in ridges:
        weights = vectors @ (turned / (np.maximum(values, 0.0) + ridge)[:, None])
        weights = rows.T @ weights if wide else weights
        found.append(Linear(mean, scale, np.vstack([weights, middle])))
    return found


def windowed(rows: np.ndarray, windows: int) -> np.ndarray:
    """Means of the rows in so many windows of equal length, one after the other.

    A row on an edge lies in both.

    Examples
    --------
    >>> windowed(np.array([[1.0], [2.0], [3.0], [4.0]]), 2)
    array([1.5, 3.5])
    """
    edges = np.linspace(0, len(rows), windows + 1)
    parts = [
        rows[int(a) : max(int(np.ceil(b)), int(a) + 1)].mean(0)
        for a, b in zip(edges[:-1], edges[1:], strict=True)
    ]
    return np.concatenate(parts)


@dataclass(frozen=True)
class Chosen:
    """Settings of a read-out, and its error on the validation's samples."""

    validation: float
    ridge: float
    windows: int = 1


@dataclass(frozen=True)
class Classifier:
    """The class of a case from means of its features in windows of its time.

    Parameters
    ----------
    windows : tuple of int
        Of which validation chooses.
    """

    windows: tuple[int, ...] = (1, 2, 3, 5)

    def choose(
        self, features: Sequence[np.ndarray], labels: np.ndarray, folds: np.ndarray
    ) -> Chosen:
        """What errs least on the cases of each fold by all others; of equals, the fewest windows.

        folds: the number of each case's.
        """
        found = []
        for windows in self.windows:
            rows = np.array([windowed(one, windows) for one in features])
            wrong = np.zeros(len(RIDGES))
            for fold in np.unique(folds):
                held = folds == fold
                for k, linear in enumerate(fitted(rows[~held], _one_hot(labels)[~held])):
                    wrong[k] += (linear(rows[held]).argmax(1) != labels[held]).sum()
            shares = wrong / len(labels)
            found += [
                Chosen(float(share), ridge, windows)
                for share, ridge in zip(shares, RIDGES, strict=True)
            ]
        return min(found, key=lambda one: one.validation)

    def test(
        self, chosen: Chosen, features: Sequence[np.ndarray], labels: np.ndarray,
        test: Sequence[np.ndarray], test_labels: np.ndarray,
    ) -> float:  # fmt: skip
        """The share of test cases that err, of a read-out of all others."""
        rows, others = (
            np.array([windowed(one, chosen.windows) for one in part]) for part in (features, test)
        )
        (linear,) = fitted(rows, _one_hot(labels), [chosen.ridge])
        return float((linear(others).argmax(1) != test_labels).mean())


def _one_hot(labels: np.ndarray) -> np.ndarray:
    return np.eye(int(labels.max()) + 1)[labels]


@dataclass(frozen=True)
class Predictor:
    """The value some frames ahead, from the features of a frame.

    Parameters
    ----------
    ahead : int
        Frames.
    """

    ahead: int

    def choose(self, features: np.ndarray, series: np.ndarray, train: slice, held: slice) -> Chosen:
        """What errs least on the frames that are held back."""
        targets = self.targets(series)
        found = [
            Chosen(relative(linear(features[held]), targets[held]), ridge)
            for ridge, linear in zip(RIDGES, fitted(features[train], targets[train]), strict=True)
        ]
        return min(found, key=lambda one: one.validation)

    def predicted(
        self, chosen: Chosen, features: np.ndarray, series: np.ndarray, known: slice, test: slice
    ) -> tuple[np.ndarray, np.ndarray]:
        """Predictions of the test's frames by a read-out of all before, and what came."""
        targets = self.targets(series)
        (linear,) = fitted(features[known], targets[known], [chosen.ridge])
        return linear(features[test])[:, 0], targets[test][:, 0]

    def targets(self, series: np.ndarray) -> np.ndarray:
        """Of each frame that has one, (frames - ahead, 1)."""
        return series[self.ahead :, None]


def relative(found: np.ndarray, wanted: np.ndarray) -> float:
    """Squared error over the variance of what is wanted."""
    return float(((found - wanted) ** 2).mean() / wanted.var())


def smape(found: np.ndarray, wanted: np.ndarray) -> float:
    """Symmetric mean absolute percentage error, 0 to 200.

    Examples
    --------
    >>> round(smape(np.array([1.1]), np.array([0.9])), 6)
    20.0
    """
    return float(200 * (np.abs(found - wanted) / (np.abs(found) + np.abs(wanted))).mean())
