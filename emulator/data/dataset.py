"""A data set: samples and what they are to be, for training and for the final test."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from eqchip.emulator.data.own import Prepared, prepare
from eqchip.emulator.data.splits import stratified
from eqchip.emulator.data.targets import KINDS
from eqchip.emulator.description.task import Task, task_of
from eqchip.emulator.errors import InputError, check_unmasked, check_whole

if TYPE_CHECKING:
    from eqchip.emulator.description.config import Config

EVENT_NAMES = ("moving-digits", "n-mnist")  # recordings of event cameras
# That are loaded by name.
NAMES = ("digits", "mnist", "fashion-mnist", "mnist-20x20", "cifar-10", *EVENT_NAMES)
PARTS = ("train_x", "train_y", "test_x", "test_y")
_NAME = re.compile(r"[^/\\\x00-\x1f\x7f]{1,100}")  # of a run directory it becomes a part


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Samples and their classes or numbers, for training and for the final test.

    Attributes
    ----------
    name : str
    train_x, test_x : ndarray of float32, shape (n, units)
        Grey values in [0, 1], C-contiguous, an image a row.
    train_y, test_y : ndarray of int64, shape (n,)
        The class of each sample, in [0, classes). Of regression, real numbers in [0, 1], a row of
        them a sample.
    shape : tuple of int
        Of one image, e.g. (28, 28); its product is ``units``.
    classes : int
        Output units: a class each, or of regression a number each.
    source : str
        Where the values came from: package and version, or files and their sha256.
    labels : tuple of str
        What the classes are called; empty: by their numbers.
    scaling : str
        How inputs came to lie in [0, 1], in words.
    file : str
        From which all of it can be made again; empty for the named data sets, and for arrays.
    task : {"classification", "regression"}
        What outputs are for; a row of :data:`~eqchip.emulator.description.task.TASKS`.
    ordered : bool
        Whether samples follow one another in time, so that the last of training are set aside for
        validation.

    Raises
    ------
    InputError
        If lengths, shapes, types, values or labels do not fit one another.
    """

    recorded: ClassVar[bool] = False  # whether samples are recordings of events

    name: str
    train_x: Any
    train_y: np.ndarray
    test_x: Any
    test_y: np.ndarray
    shape: tuple[int, ...]
    classes: int
    source: str
    labels: tuple[str, ...] = ()
    scaling: str = ""
    file: str = ""
    task: str = "classification"
    ordered: bool = False

    def __post_init__(self) -> None:
        for part in ("train", "test"):
            _check_part(self, part)

    @classmethod
    def from_arrays(
        cls,
        x: Any,
        y: Any,
        *,
        x_test: Any = None,
        y_test: Any = None,
        test: float = 0.2,
        scaling: str | None = None,
        name: str = "arrays",
        task: str = "classification",
    ) -> Dataset:
        """A data set of one's own.

        Parameters
        ----------
        x : array-like, shape (n, features) or (n, height, width) or (n, height, width, channels)
            Finite numbers.
        y : array-like, shape (n,) or (n, classes)
            Classes as whole numbers or texts, in any order and with any gaps, or one-hot rows. Of
            regression, numbers, shape (n,) or (n, outputs): as they are if all of training lie in
            [0, 1]; else those of training are laid on 0.1 to 0.9, each output for itself.
        x_test, y_test : array-like, optional
            Samples for the final test. Default: set aside from `x`.
        test : float
            Share to set aside, each class giving its own; always the same samples. 0: none.
        scaling : {"on-off", "grey", "colour"}, optional
            How inputs come to lie in [0, 1], fitted on the training samples. "on-off": two inputs
            for each value, one for what is above the mean and one for what is below, full at two
            standard deviations; of images, above and below 0. "grey": one gain for all, of values
            that are not negative. "colour": of images with channels, two for each channel, above
            its mean over all places and below, full at two standard deviations. Default: on-off for
            features, and for images with negative values; else grey.
        name : str
            What it is called in tables and on pages.
        task : {"classification", "regression"}

        Raises
        ------
        InputError

        Examples
        --------
        >>> x = [[0.0, 5.0], [1.0, 3.0], [2.0, 4.0], [3.0, 1.0], [4.0, 0.0]] * 4
        >>> data = Dataset.from_arrays(x, ["b", "b", "a", "a", "a"] * 4, name="two")
        >>> data, data.labels
        (Dataset(two: 16 train, 4 test, 4, 2 classes), ('a', 'b'))
        """
        made = prepare(x, y, x_test, y_test, test=test, scaling=scaling, task=task)
        return cls.of(made, name)

    @classmethod
    def from_series(
        cls,
        series: Any,
        window: int,
        *,
        ahead: int = 1,
        test: float = 0.2,
        scaling: str | None = None,
        name: str = "series",
    ) -> Dataset:
        """A series to be predicted: from each `window` of values, the value that comes after.

        Parameters
        ----------
        series : array-like, shape (steps,) or (steps, channels)
            Finite numbers, in the order of time.
        window : int
            Values that are seen, at least 1.
        ahead : int
            How many steps after the last of them the predicted one comes; 1: the next.
        test : float
            Share of the windows to set aside: the last. None of their values is learned from as a
            target.
        scaling, name
            As for :meth:`from_arrays`.

        Raises
        ------
        InputError

        Examples
        --------
        >>> data = Dataset.from_series([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], window=2)
        >>> data
        Dataset(series: 8 train, 2 test, 4, 1 number)
        >>> data.train_y[:, 0].astype(float).round(2).tolist()
        [0.1, 0.21, 0.33, 0.44, 0.56, 0.67, 0.79, 0.9]
        """
        values = KINDS["regression"].read("series", series)
        check_whole("data: window", window, 1)
        check_whole("data: ahead", ahead, 1)
        count = len(values) - window - ahead + 1
        if count < 2:
            raise InputError(
                f"data: series has {len(values)} steps; expected at least {window + ahead + 1} for "
                f"windows of {window} and what comes {ahead} after"
            )
        seen = np.lib.stride_tricks.sliding_window_view(values, window, axis=0)[:count]
        made = prepare(
            seen.reshape(count, -1),
            values[window + ahead - 1 :],
            test=test,
            scaling=scaling,
            task="regression",
            ordered=True,
        )
        return cls.of(made, name)

    @classmethod
    def of(cls, made: Prepared, name: str, source: str = "arrays") -> Dataset:
        """A data set of samples and targets that are prepared."""
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InputError(
                f"data: name is {name!r}; expected up to 100 characters, none of them / or \\ or a "
                "line's end"
            )
        if name in NAMES:
            raise InputError(f"data: name is {name!r}, a named data set; expected another")
        return cls(
            name=name,
            train_x=made.train_x,
            train_y=made.train_y,
            test_x=made.test_x,
            test_y=made.test_y,
            shape=made.inputs.shape,
            classes=made.targets.outputs,
            source=source,
            labels=made.targets.labels,
            scaling=made.scaling,
            task=made.task,
            ordered=made.ordered,
        )

    @property
    def aim(self) -> Task:
        """What its outputs are for."""
        return task_of(self.task)

    def targets(self, y: np.ndarray) -> np.ndarray:
        """What outputs are pulled towards: rows of float32, shape (n, classes)."""
        return self.aim.targets(y, self.classes)

    @cached_property
    def fingerprint(self) -> str:
        """Of all samples and their classes, in their order: 16 hexadecimal digits."""
        told = hashlib.sha256(f"{self.shape} {self.classes}".encode())
        for part in ("train", "test"):
            for values in (*self._held(f"{part}_x"), getattr(self, f"{part}_y")):
                # The same bytes on every machine.
                told.update(np.ascontiguousarray(values, values.dtype.newbyteorder("<")).data)
        return told.hexdigest()[:16]

    def check_settings(self, config: Config) -> None:
        """Refuse settings of a training that do not suit the samples.

        Raises
        ------
        InputError
        """
        descent = config.descent
        if descent.augments and len(self.shape) < 2:
            raise InputError(
                f"descent: shift {descent.shift}, flip {descent.flip}, rotate {descent.rotate:g}, "
                f"zoom {descent.zoom:g} with data set {self.name}, whose samples of shape "
                f"{self.shape} are no images; expected 0, False, 0 and 0"
            )

    def told(self, steps: int) -> str:
        """What is to be said of samples that are shown in so many steps; empty: nothing."""
        return ""

    def check_numbers(self, who: str) -> None:
        """Refuse samples that are no rows of numbers; who: who takes no others.

        Raises
        ------
        InputError
        """

    def copies(self) -> dict[str, np.ndarray]:
        """The arrays that a run keeps beside it where nothing else has them."""
        return {name: getattr(self, name) for name in PARTS}

    def _held(self, part: str) -> tuple[np.ndarray, ...]:
        """The arrays that samples are."""
        return (getattr(self, part),)

    def _check_samples(self, name: str, units: int) -> None:
        """Refuse samples of a part that are not what they should be."""
        check_unmasked(f"Dataset: {name}", getattr(self, name))
        x = _array(name, getattr(self, name))
        if x.dtype.kind != "f" or x.ndim != 2 or x.shape[1] != units:
            raise InputError(
                f"Dataset: {name} is {x.dtype} of shape {x.shape}; expected real numbers of shape "
                f"(samples, {units})"
            )
        if x.size and not (x.min() >= 0 and x.max() <= 1):  # NaN is the least and the largest
            place = tuple(np.argwhere(~((x >= 0) & (x <= 1)))[0].tolist())
            raise InputError(
                f"Dataset: {name} holds {x[place]} at {place}; expected values in [0, 1]"
            )

    def __repr__(self) -> str:
        outputs = f"{self.classes} {self.aim.outputs_are}"
        kind, train, test = type(self).__name__, len(self.train_y), len(self.test_y)
        return (
            f"{kind}({self.name}: {train} train, {test} test, "
            f"{'x'.join(map(str, self.shape))}, {outputs[: -1 if self.classes == 1 else None]})"
        )


def split_validation(dataset: Dataset, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Set aside part of the training set, to choose settings on.

    Each class gives its share of ``n``, rounded so that the shares sum to ``n``
    (largest remainder; ties go to the lower class); of samples in the order of time, the last are
    set aside. The same arguments give the same split with every version of numpy.

    Parameters
    ----------
    dataset : Dataset
    n : int
        Validation samples, in [0, training samples).
    seed : int, default 0
        Below 2**32.

    Returns
    -------
    train_idx, val_idx : ndarray of int64
        Ascending, disjoint; together, every row of ``dataset.train_x``.

    Raises
    ------
    InputError
        If ``n`` or ``seed`` is out of range.

    Examples
    --------
    >>> data = Dataset.from_series(range(30), window=3)
    >>> train, val = split_validation(data, 4)
    >>> len(train), val.tolist()
    (18, [18, 19, 20, 21])
    """
    total = len(dataset.train_y)
    _check_whole("validation samples n", n, total)
    _check_whole("validation seed", seed, 2**32)
    if dataset.ordered:
        return np.arange(total - int(n)), np.arange(total - int(n), total)
    strata = dataset.aim.strata(dataset.train_y)
    return stratified(strata, max(dataset.classes, 1), int(n), int(seed))


def _check_part(data: Dataset, part: str) -> None:
    """Refuse samples or classes of a part that do not fit one another."""
    name = f"{part}_y"
    check_unmasked(f"Dataset: {name}", getattr(data, name))
    y = _array(name, getattr(data, name))
    data._check_samples(f"{part}_x", math.prod(data.shape))
    data.aim.check(f"Dataset: {name}", y, len(getattr(data, f"{part}_x")), data.classes)


def _array(name: str, values: Any) -> np.ndarray:
    if not isinstance(values, np.ndarray):
        raise InputError(
            f"Dataset: {name} is a {type(values).__name__}; expected an array of numpy, or "
            "Dataset.from_arrays, which takes anything like one"
        )
    return values


def _check_whole(what: str, value: Any, end: int) -> None:
    if isinstance(value, bool) or not hasattr(value, "__index__") or not 0 <= value < end:
        raise InputError(f"{what} is {value!r}; expected a whole number of at least 0, below {end}")
