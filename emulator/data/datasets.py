"""Data sets to train on: named ones, found on disk or downloaded, and one's own."""

from __future__ import annotations

import hashlib
import math
import os
import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from eqchip.emulator.data import download
from eqchip.emulator.data.download import FILES
from eqchip.emulator.data.idx import IdxFile, read_idx
from eqchip.emulator.data.own import prepare
from eqchip.emulator.data.splits import stratified
from eqchip.emulator.data.tables import read_table
from eqchip.emulator.errors import InputError, check_unmasked

NAMES = ("digits", "mnist", "fashion-mnist", "mnist-20x20")
# Data sets that are the inner pixels of another's images: its name, and how many are left out at
# each edge. All of a digit of MNIST lies in its inner 20 x 20.
CROPPED = {"mnist-20x20": ("mnist", 4)}
DATA_VARIABLE = "EQCHIP_DATA"
CLASSES = 10  # of each of them

# The split of digits, which comes without one. Changing either changes every result.
DIGITS_TEST = 360
DIGITS_SPLIT_SEED = 0
_DIGITS_FULL_SCALE = 16.0  # load_digits: "integers in the range 0 to 16"
_BYTE_FULL_SCALE = 255.0
_NAME = re.compile(r"[^/\\\x00-\x1f\x7f]{1,100}")  # of a run directory it becomes a part


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images and their classes, for training and for the final test.

    Attributes
    ----------
    name : str
    train_x, test_x : ndarray of float32, shape (n, units)
        Grey values in [0, 1], C-contiguous, an image a row.
    train_y, test_y : ndarray of int64, shape (n,)
        The class of each image, in [0, classes).
    shape : tuple of int
        Of one image, e.g. (28, 28); its product is ``units``.
    classes : int
    source : str
        Where the values came from: package and version, or files and their sha256.
    labels : tuple of str
        What the classes are called; empty: by their numbers.
    scaling : str
        How inputs came to lie in [0, 1], in words.
    file : str
        From which all of it can be made again; empty for the named data sets, and for arrays.

    Raises
    ------
    InputError
        If lengths, shapes, types, values or labels do not fit one another.
    """

    name: str
    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    shape: tuple[int, ...]
    classes: int
    source: str
    labels: tuple[str, ...] = ()
    scaling: str = ""
    file: str = ""

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
    ) -> Dataset:
        """A data set of one's own.

        Parameters
        ----------
        x : array-like, shape (n, features) or (n, height, width) or (n, height, width, channels)
            Finite numbers.
        y : array-like, shape (n,) or (n, classes)
            Classes as whole numbers or texts, in any order and with any gaps, or one-hot rows.
        x_test, y_test : array-like, optional
            Samples for the final test. Default: set aside from `x`.
        test : float
            Share to set aside, each class giving its own; always the same samples. 0: none.
        scaling : {"on-off", "grey"}, optional
            How inputs come to lie in [0, 1], fitted on the training samples. "on-off": two inputs
            for each value, one for what is above the mean and one for what is below, full at two
            standard deviations; of images, above and below 0. "grey": one gain for all, of values
            that are not negative. Default: on-off for features, and for images with negative
            values; else grey.
        name : str
            What it is called in tables and on pages.

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
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InputError(
                f"data: name is {name!r}; expected up to 100 characters, none of them / or \\ or a "
                "line's end"
            )
        if name in NAMES:
            raise InputError(f"data: name is {name!r}, a named data set; expected another")
        made = prepare(x, y, x_test, y_test, test=test, scaling=scaling)
        return cls(
            name=name,
            train_x=made.train_x,
            train_y=made.train_y,
            test_x=made.test_x,
            test_y=made.test_y,
            shape=made.shape,
            classes=len(made.labels),
            source="arrays",
            labels=made.labels,
            scaling=made.scaling,
        )

    @cached_property
    def fingerprint(self) -> str:
        """Of all samples and their classes, in their order: 16 hexadecimal digits."""
        told = hashlib.sha256(f"{self.shape} {self.classes}".encode())
        for values in (self.train_x, self.train_y, self.test_x, self.test_y):
            # The same bytes on every machine.
            told.update(np.ascontiguousarray(values, values.dtype.newbyteorder("<")).data)
        return told.hexdigest()[:16]

    def __repr__(self) -> str:
        return (
            f"Dataset({self.name}: {len(self.train_y)} train, {len(self.test_y)} test, "
            f"{'x'.join(map(str, self.shape))}, {self.classes} classes)"
        )


def load(
    name: str, data_dir: str | os.PathLike[str] | None = None, progress: bool = True
) -> Dataset:
    """Load a data set; see ``docs/data.md``.

    Parameters
    ----------
    name : {"digits", "mnist", "fashion-mnist", "mnist-20x20"}
        The last is mnist without the four outermost pixels at each edge. With a file: what
        :func:`from_file` calls its data.
    data_dir : path-like, optional
        Where the four IDX files are, plain or gzipped: in its subfolder ``name`` or
        in itself. Default: the directory in the environment variable EQCHIP_DATA;
        without that, the files are downloaded once and kept in the user's cache.
        ``digits`` comes with scikit-learn and takes none. Or a file of one's own data.
    progress : bool, default True
        Show a download's progress on stderr.

    Returns
    -------
    Dataset

    Raises
    ------
    InputError
        For an unknown name; for a directory or file that is missing, damaged, of the
        wrong format, at odds with its partner, or of another data set; for a
        download that fails or has the wrong checksum.

    Examples
    --------
    >>> load("digits")
    Dataset(digits: 1437 train, 360 test, 8x8, 10 classes)
    """
    if data_dir is not None and os.path.isfile(data_dir):
        found = from_file(data_dir)
        if name != found.name:
            raise InputError(
                f"{data_dir}: holds the data set {found.name!r}; expected {name!r}, or a directory"
            )
        return found
    if name not in NAMES:
        raise InputError(
            f"data set {name!r} is unknown; expected one of {', '.join(NAMES)}, or --data with a "
            "file of your own"
        )
    if name == "digits":
        if data_dir is not None:
            raise InputError(
                f"--data is {os.fspath(data_dir)!r} with digits, which come with scikit-learn; "
                "expected no --data, or --dataset with one that is read from files"
            )
        return _digits()
    if name in CROPPED:
        whole, edge = CROPPED[name]
        return _inner(name, load(whole, data_dir, progress), edge)
    where, told_by = data_dir, "data directory"
    if where is None and os.environ.get(DATA_VARIABLE):
        where, told_by = os.environ[DATA_VARIABLE], f"{DATA_VARIABLE}: directory"
    if where is not None:
        paths = _find(name, Path(where).expanduser(), told_by)
    else:
        paths = download.fetch(name, progress)
    return _from_files(name, paths)


def from_file(path: str | os.PathLike[str], name: str | None = None) -> Dataset:
    """A data set of one's own from a file; see ``docs/data.md``.

    Parameters
    ----------
    path : path-like
        ``.npz`` with arrays ``X`` and ``y``, or ``X_train``, ``y_train``, ``X_test`` and
        ``y_test``; or ``.csv``, a sample a line, the label in the column of that name (``label``,
        ``class``, ``target`` or ``y``) or in the last. All else as :meth:`Dataset.from_arrays`.
    name : str, optional
        Default: that of the file, without its ending unless a named data set is called so.

    Raises
    ------
    InputError
        In one line that names the file.
    """
    path = Path(path).expanduser()
    if name is None:
        name = path.name if path.stem in NAMES else path.stem
    x, y, x_test, y_test = read_table(path)
    try:
        found = Dataset.from_arrays(x, y, x_test=x_test, y_test=y_test, name=name)
    except InputError as error:
        raise InputError(f"{path}: {str(error).removeprefix('data: ')}") from None
    where = str(path.resolve())
    return replace(found, source=where, file=where)


def split_validation(dataset: Dataset, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Set aside part of the training set, to choose settings on.

    Each class gives its share of ``n``, rounded so that the shares sum to ``n``
    (largest remainder; ties go to the lower class). The same arguments give the same
    split with every version of numpy.

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
    >>> train, val = split_validation(load("digits"), 200)
    >>> len(train), len(val)
    (1237, 200)
    """
    labels = dataset.train_y
    _check_whole("validation samples n", n, len(labels))
    _check_whole("validation seed", seed, 2**32)
    return stratified(labels, dataset.classes, int(n), int(seed))


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
    _check_labels("one_hot", labels, classes)
    rows = np.zeros((len(labels), classes), dtype=np.float32)
    rows[np.arange(len(labels)), labels.astype(np.int64)] = 1.0
    return rows


def _check_part(data: Dataset, part: str) -> None:
    """Refuse samples or classes of a part that do not fit one another."""
    names = f"{part}_x", f"{part}_y"
    x, y = (getattr(data, name) for name in names)
    for name, values in zip(names, (x, y), strict=True):
        check_unmasked(f"Dataset: {name}", values)
        if not isinstance(values, np.ndarray):
            raise InputError(
                f"Dataset: {name} is a {type(values).__name__}; expected an array of numpy, or "
                "Dataset.from_arrays, which takes anything like one"
            )
    units = math.prod(data.shape)
    if x.dtype.kind != "f" or x.ndim != 2 or x.shape[1] != units:
        raise InputError(
            f"Dataset: {names[0]} is {x.dtype} of shape {x.shape}; expected real numbers of shape "
            f"(samples, {units})"
        )
    if y.dtype.kind not in "iu" or y.ndim != 1 or len(y) != len(x):
        raise InputError(
            f"Dataset: {names[1]} is {y.dtype} of shape {y.shape}; expected {len(x)} whole numbers"
        )
    if x.size and not (x.min() >= 0 and x.max() <= 1):  # NaN is the least and the largest
        place = tuple(np.argwhere(~((x >= 0) & (x <= 1)))[0].tolist())
        raise InputError(
            f"Dataset: {names[0]} holds {x[place]} at {place}; expected values in [0, 1]"
        )
    _check_labels(f"Dataset: {names[1]}", y, data.classes)


def _digits() -> Dataset:
    import sklearn  # slow to import, so only when needed
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bunch = load_digits()
    train_x, test_x, train_y, test_y = train_test_split(
        (bunch.data / _DIGITS_FULL_SCALE).astype(np.float32),
        bunch.target.astype(np.int64),
        test_size=DIGITS_TEST,
        random_state=DIGITS_SPLIT_SEED,
        stratify=bunch.target,
    )
    return Dataset(
        "digits",
        np.ascontiguousarray(train_x),
        train_y,
        np.ascontiguousarray(test_x),
        test_y,
        bunch.images.shape[1:],
        CLASSES,
        f"scikit-learn {sklearn.__version__} load_digits, split with seed {DIGITS_SPLIT_SEED}",
    )


def _inner(name: str, whole: Dataset, edge: int) -> Dataset:
    """The inner pixels of all images."""
    height, width = (side - 2 * edge for side in whole.shape)

    def inner(x: np.ndarray) -> np.ndarray:
        images = x.reshape(-1, *whole.shape)[:, edge : edge + height, edge : edge + width]
        return np.ascontiguousarray(images.reshape(len(x), -1))

    return Dataset(
        name,
        inner(whole.train_x),
        whole.train_y,
        inner(whole.test_x),
        whole.test_y,
        (height, width),
        whole.classes,
        f"{whole.source}, without {edge} pixels at each edge",
    )


def _find(name: str, root: Path, told_by: str) -> list[Path]:
    """The four files in root/name, or else in root; never some here and some there."""
    # os.path and not Path: no exception for a path that the system refuses.
    if not os.path.isdir(root):
        raise InputError(
            f"{told_by} {str(root)!r} does not exist or is no directory; "
            f"expected one with the four {name} IDX files"
        )
    for folder in (root / name, root):
        candidates = [(folder / file, folder / f"{file}.gz") for file in FILES]
        found = [next((p for p in pair if os.path.isfile(p)), None) for pair in candidates]
        if not any(found):
            continue
        for path, (plain, _) in zip(found, candidates, strict=True):
            if path is None:
                raise InputError(
                    f"{plain}: not found, though other {name} files are there; "
                    f"expected it, plain or as .gz"
                )
        return [path for path in found if path is not None]
    raise InputError(
        f"{told_by} {str(root)!r} holds no {name} files; "
        f"expected {', '.join(FILES)} (plain or .gz) there or in its subfolder {name}"
    )


def _from_files(name: str, paths: list[Path]) -> Dataset:
    files = [read_idx(p, ndim) for p, ndim in zip(paths, FILES.values(), strict=True)]
    as_published = _recognise(name, files)
    train_images, train_labels, test_images, test_labels = files
    for images, labels in ((train_images, train_labels), (test_images, test_labels)):
        if len(images.values) != len(labels.values):
            raise InputError(
                f"{labels.path}: {len(labels.values)} labels for the {len(images.values)} images "
                f"of {images.path.name}; expected as many"
            )
        _check_labels(str(labels.path), labels.values, CLASSES)
    shape = train_images.values.shape[1:]
    if test_images.values.shape[1:] != shape:
        raise InputError(
            f"{test_images.path}: images of {test_images.values.shape[1:]}; "
            f"expected {shape} as in {train_images.path.name}"
        )
    sums = ", ".join(f"{file.path.name} sha256:{file.sha256}" for file in files)
    return Dataset(
        name,
        _unit_interval(train_images.values),
        train_labels.values.astype(np.int64),
        _unit_interval(test_images.values),
        test_labels.values.astype(np.int64),
        shape,
        CLASSES,
        f"{paths[0].parent} ({'' if as_published else 'not '}the published {name}): {sums}",
    )


def _recognise(name: str, files: list[IdxFile]) -> bool:
    """Whether all is as published; refuse a published file in another's place."""
    known = {
        content: (other, file)
        for other, published in download.PUBLISHED.items()
        for content, file in zip(published.contents, FILES, strict=True)
    }
    as_published = True
    for file, role in zip(files, FILES, strict=True):
        found = known.get(file.content_sha256)
        if found is not None and found != (name, role):
            raise InputError(
                f"{file.path}: holds {' '.join(found)}; expected {name} {role}, "
                f"e.g. in a subfolder {name}"
            )
        as_published = as_published and found is not None
    return as_published


def _unit_interval(images: np.ndarray) -> np.ndarray:
    x = images.reshape(len(images), -1).astype(np.float32)
    x /= np.float32(_BYTE_FULL_SCALE)
    return x


def _check_labels(what: str, labels: np.ndarray, classes: int) -> None:
    bad = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(bad):
        raise InputError(
            f"{what}: label {labels[bad[0]]} at index {bad[0]}; expected 0 to {classes - 1}"
        )


def _check_whole(what: str, value: Any, end: int) -> None:
    if isinstance(value, bool) or not hasattr(value, "__index__") or not 0 <= value < end:
        raise InputError(f"{what} is {value!r}; expected a whole number of at least 0, below {end}")
