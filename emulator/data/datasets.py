"""Data sets to train on: digits, MNIST, Fashion-MNIST; found on disk or downloaded."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eqchip.emulator.data import download
from eqchip.emulator.data.download import FILES
from eqchip.emulator.data.idx import IdxFile, read_idx
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
    """

    name: str
    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    shape: tuple[int, ...]
    classes: int
    source: str

    def __post_init__(self) -> None:
        for name in ("train_x", "train_y", "test_x", "test_y"):
            check_unmasked(f"Dataset: {name}", getattr(self, name))

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
        The last is mnist without the four outermost pixels at each edge.
    data_dir : path-like, optional
        Where the four IDX files are, plain or gzipped: in its subfolder ``name`` or
        in itself. Default: the directory in the environment variable EQCHIP_DATA;
        without that, the files are downloaded once and kept in the user's cache.
        ``digits`` comes with scikit-learn and needs neither.
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
    if name not in NAMES:
        raise InputError(f"data set {name!r} is unknown; expected one of {', '.join(NAMES)}")
    if name == "digits":
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
    labels, total = dataset.train_y, len(dataset.train_y)
    _check_whole("validation samples n", n, total)
    _check_whole("validation seed", seed, 2**32)
    n = int(n)
    shares = np.bincount(labels, minlength=dataset.classes) * n
    quota, remainder = shares // total, shares % total
    quota[np.argsort(-remainder, kind="stable")[: n - quota.sum()]] += 1
    # RandomState and not Generator: its streams are frozen for good (NEP 19).
    order = np.random.RandomState(int(seed)).permutation(total)
    chosen = np.zeros(total, dtype=bool)
    for label, count in enumerate(quota):
        chosen[order[labels[order] == label][:count]] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


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
