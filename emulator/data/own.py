"""Data sets of one's own: any samples, any classes, made fit for units that hold [0, 1].

Scaling is fitted on the training samples alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.data.splits import stratified
from eqchip.emulator.data.targets import KINDS, Targets, check_finite
from eqchip.emulator.description.task import task_of
from eqchip.emulator.errors import InputError, check_unmasked

# Standard deviations at which a channel is full: chosen on validation data of the ten data sets of
# benchmarks/own_data.py.
FULL = 2.0
BYTE = 255.0
SPLIT_SEED = 0  # of the test samples that are set aside; changing it changes every result
PIECE = 4096  # samples that are scaled at once: memory beside the result is bounded


class Prepared(NamedTuple):
    """Samples and targets as units take them, and what both were fitted by."""

    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    inputs: Scaling
    targets: Targets
    task: str
    ordered: bool

    @property
    def scaling(self) -> str:
        """How values came to lie in [0, 1], in words."""
        return "; ".join(text for text in (self.inputs.text, self.targets.text) if text)


def prepare(
    x: Any,
    y: Any,
    test_x: Any = None,
    test_y: Any = None,
    *,
    test: float = 0.2,
    scaling: str | None = None,
    task: str = "classification",
    ordered: bool = False,
) -> Prepared:
    """Check samples and targets, set some aside for the test, and scale; see `Dataset.from_arrays`.

    ordered: samples follow one another in time, and the last are set aside.

    Raises
    ------
    InputError
    """
    if (test_x is None) != (test_y is None):
        raise InputError(
            "data: only one of X_test and y_test is given; expected both, or a share to set aside"
        )
    kind = KINDS[task_of(task).name]
    x, y = samples("X", x), kind.read("y", y)
    _check_pair("", x, y)
    if test_x is None:
        aside = _set_aside(kind.strata(y), test, ordered)
        train_x, test_x, train_y, test_y = x[~aside], x[aside], y[~aside], y[aside]
    else:
        test_x, test_y = samples("X_test", test_x), kind.read("y_test", test_y)
        _check_pair("_test", test_x, test_y)
        if test_x.shape[1:] != x.shape[1:]:
            raise InputError(
                f"data: samples of X_test have shape {test_x.shape[1:]}; "
                f"expected {x.shape[1:]} as in X"
            )
        train_x, train_y = x, y
    known = kind.fit(y, train_y)
    scale = fitted(train_x, scaling)
    return Prepared(
        scale(train_x), known(train_y), scale(test_x), known(test_y), scale, known, task, ordered
    )


def samples(name: str, values: Any) -> np.ndarray:
    """Samples as a finite array of (n, ...)."""
    check_unmasked(f"data: {name}", values)
    try:
        array = np.asarray(values)
    except ValueError:  # rows of different lengths
        raise InputError(
            f"data: {name} has rows of different lengths; expected equal ones"
        ) from None
    if array.dtype.kind not in "biuf":
        raise InputError(f"data: {name} is of type {array.dtype}; expected numbers")
    if array.ndim < 2 or not array.size:
        raise InputError(
            f"data: {name} has shape {array.shape}; expected (samples, inputs) or (samples, "
            "height, width), at least one each"
        )
    check_finite(name, array)
    return array


def _check_pair(suffix: str, x: np.ndarray, y: np.ndarray) -> None:
    if len(x) != len(y):
        raise InputError(
            f"data: y{suffix} holds {len(y)} labels for {len(x)} samples of X{suffix}; "
            "expected as many"
        )


def _set_aside(strata: np.ndarray, share: float, ordered: bool) -> np.ndarray:
    """Which samples are for the test: each stratum gives its share, or the last of all."""
    total = len(strata)
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share < 1:
        raise InputError(f"data: test is {share!r}; expected a share of at least 0, below 1")
    count = round(share * total)
    if share and not 1 <= count < total:
        raise InputError(
            f"data: {total} samples, of which a share of {share} for the test is {count}; "
            "expected at least one for training and one for the test"
        )
    aside = np.zeros(total, dtype=bool)
    if ordered:
        aside[total - count :] = True
    else:
        aside[stratified(strata, int(strata.max()) + 1, count, SPLIT_SEED)[1]] = True
    return aside


# --- scaling ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scaling:
    """How samples come to lie in [0, 1], fitted on some: ``scaling(x)`` gives rows of inputs.

    Attributes
    ----------
    middle, gain : ndarray
        (value - middle) * gain, one for all or one for each.
    two : bool
        Whether what is above the middle and what is below have inputs of their own: units hold no
        signs.
    shape : tuple of int
        Of a scaled sample.
    text : str
    """

    middle: np.ndarray
    gain: np.ndarray
    two: bool
    shape: tuple[int, ...]
    text: str

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The inputs of samples, float32 of shape (n, inputs)."""
        made = np.empty((len(x), math.prod(self.shape)), np.float32)
        for start in range(0, len(x), PIECE):
            made[start : start + PIECE] = self._piece(x[start : start + PIECE])
        return made

    def _piece(self, x: np.ndarray) -> np.ndarray:
        # In float64: what a column counts from may be far larger than what it tells.
        rows = (x.reshape(len(x), math.prod(x.shape[1:])) - self.middle) * self.gain
        on = np.clip(rows, 0, 1).astype(np.float32)
        if not self.two:
            return on
        off = np.clip(-rows, 0, 1).astype(np.float32)
        if x.ndim == 2:
            return np.hstack((on, off))
        return np.stack((on, off), axis=-1).reshape(len(x), math.prod(self.shape))


def fitted(x: np.ndarray, scaling: str | None = None) -> Scaling:
    """The scaling of a name, or the usual one, fitted on samples.

    Raises
    ------
    InputError
    """
    name = _usual(x) if scaling is None else scaling
    if name not in SCALINGS:
        known = ", ".join(SCALINGS)
        raise InputError(f"data: scaling {name!r} is unknown; expected one of {known}")
    return SCALINGS[name](x)


def _usual(x: np.ndarray) -> str:
    """Images are grey values; columns of a table have units of their own."""
    return "on-off" if x.ndim == 2 or x.min() < 0 else "grey"


def _grey(train: np.ndarray) -> Scaling:
    """One gain for all inputs, so that they lie in [0, 1]; nothing where they do already."""
    low, high = train.min(), train.max()
    if low < 0:
        raise InputError(f"data: X holds {low}; expected at least 0 with scaling 'grey'")
    if train.dtype == np.uint8:
        full, text = BYTE, "grey values, a byte over 255"
    elif high <= 1:
        full, text = 1.0, "as given, in [0, 1]"
    else:
        full, text = float(high), f"over {high:g}, the largest of training"
    return Scaling(np.zeros(1), np.full(1, 1.0 / full), False, train.shape[1:], text)


def _on_off(train: np.ndarray) -> Scaling:
    """Two channels: what is above the middle and what is below."""
    if train.ndim == 2:
        middle = train.mean(axis=0, dtype=np.float64)
        spread = train.std(axis=0, dtype=np.float64)
        text = f"on and off channels, each full at {FULL:g} standard deviations from the mean"
        shape: tuple[int, ...] = (2 * train.shape[1],)
    else:  # of images, in which 0 is the background
        full = float(np.abs(train.astype(np.float64)).max())
        middle, spread = np.zeros(1), np.full(1, full / FULL)
        text = f"on and off channels, each full at {full:g}, the largest of training"
        shape = (*train.shape[1:3], 2 * math.prod(train.shape[3:]))
    gain = np.zeros_like(spread)
    np.divide(1.0, FULL * spread, out=gain, where=spread > 0)  # a constant says nothing: silent
    return Scaling(middle, gain, True, shape, text)


def _colour(train: np.ndarray) -> Scaling:
    """Two channels for each, about its mean over all places of all images."""
    if train.ndim != 4:
        raise InputError(
            f"data: X has shape {train.shape}; expected images with channels, (n, height, width, "
            "channels), with scaling 'colour'"
        )
    height, width, channels = train.shape[1:]
    over = (0, 1, 2)
    middle = train.mean(axis=over, dtype=np.float64)
    spread = train.std(axis=over, dtype=np.float64)
    gain = np.zeros_like(spread)
    np.divide(1.0, FULL * spread, out=gain, where=spread > 0)  # a constant says nothing: silent
    text = (
        "two channels for each colour, above its mean and below, full at "
        f"{FULL:g} standard deviations"
    )
    places = height * width
    shape = (height, width, 2 * channels)
    return Scaling(np.tile(middle, places), np.tile(gain, places), True, shape, text)


# Name -> from the training samples.
SCALINGS: dict[str, Callable[[np.ndarray], Scaling]] = {
    "grey": _grey,
    "on-off": _on_off,
    "colour": _colour,
}
