"""Data sets to train on: named ones, found on disk or downloaded, and one's own."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.data import download
from eqchip.emulator.data.cifar import find_cifar, load_cifar
from eqchip.emulator.data.dataset import NAMES, Dataset
from eqchip.emulator.data.download import FILES
from eqchip.emulator.data.event_dataset import EventDataset
from eqchip.emulator.data.folders import read_folder
from eqchip.emulator.data.idx import IdxFile, read_idx
from eqchip.emulator.data.moving_digits import CORNERS, SENSOR, THRESHOLD, record
from eqchip.emulator.data.n_mnist import read_n_mnist
from eqchip.emulator.data.tables import read_table
from eqchip.emulator.description.task import check_labels
from eqchip.emulator.errors import InputError

# Data sets that are the inner pixels of another's images: its name, and how many are left out at
# each edge. All of a digit of MNIST lies in its inner 20 x 20.
CROPPED = {"mnist-20x20": ("mnist", 4)}
# Data sets that are made of what comes with scikit-learn, and take no directory.
MADE = ("digits", "moving-digits")
# Data sets of event cameras, which nobody downloads, and what reads them.
EVENT_FILES = {"n-mnist": read_n_mnist}
DATA_VARIABLE = "EQCHIP_DATA"
CLASSES = 10  # of each of them

# The split of digits, which comes without one. Changing either changes every result.
DIGITS_TEST = 360
DIGITS_SPLIT_SEED = 0
_DIGITS_FULL_SCALE = 16.0  # load_digits: "integers in the range 0 to 16"
_BYTE_FULL_SCALE = 255.0


def load(
    name: str, data_dir: str | os.PathLike[str] | None = None, progress: bool = True
) -> Dataset:
    """Load a data set; see ``docs/data.md``.

    Parameters
    ----------
    name : {"digits", "mnist", "fashion-mnist", "mnist-20x20", "cifar-10", "moving-digits", ...}
        ``mnist-20x20`` is mnist without the four outermost pixels at each edge. The last two are
        recordings of event cameras, ``moving-digits`` of one that is computed. With a file: what
        :func:`from_file` calls its data.
    data_dir : path-like, optional
        Where the four IDX files are, plain or gzipped, or the six of CIFAR-10's binary version: in
        its subfolder ``name`` or in itself. Default: the directory in the environment variable
        EQCHIP_DATA; without that, the files are downloaded once and kept in the user's cache.
        ``digits`` comes with scikit-learn, ``moving-digits`` is drawn from it: both take none.
        ``n-mnist`` is not downloaded. Or a file of one's own data.
    progress : bool, default True
        Show a download's progress on stderr.

    Returns
    -------
    Dataset
        Of events, an EventDataset.

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
    if name in MADE:
        if data_dir is not None:
            raise InputError(
                f"--data is {os.fspath(data_dir)!r} with {name}, which come with scikit-learn; "
                "expected no --data, or --dataset with one that is read from files"
            )
        return _digits() if name == "digits" else _moving_digits()
    if name in CROPPED:
        whole, edge = CROPPED[name]
        return _inner(name, load(whole, data_dir, progress), edge)
    where, told_by = data_dir, "data directory"
    if where is None and os.environ.get(DATA_VARIABLE):
        where, told_by = os.environ[DATA_VARIABLE], f"{DATA_VARIABLE}: directory"
    if name in EVENT_FILES:
        if where is None:
            raise InputError(
                f"data set {name!r} is not downloaded; expected --data, or {DATA_VARIABLE}, with "
                "the directory of its files"
            )
        return EVENT_FILES[name](Path(where).expanduser(), told_by)
    find, fetch, read = WAYS[name]
    if where is not None:
        return read(name, find(name, Path(where).expanduser(), told_by))
    return read(name, fetch(name, progress))


def from_file(
    path: str | os.PathLike[str], name: str | None = None, task: str = "classification"
) -> Dataset:
    """A data set of one's own from a file; see ``docs/data.md``.

    Parameters
    ----------
    path : path-like
        ``.npz`` with arrays ``X`` and ``y``, or ``X_train``, ``y_train``, ``X_test`` and
        ``y_test``; or ``.csv``, a sample a line, the label in the column of that name (``label``,
        ``class``, ``target`` or ``y``) or in the last. All else as :meth:`Dataset.from_arrays`. Or
        a directory of files as CIFAR-10 (binary version) or EMNIST (IDX) are published.
    name : str, optional
        Default: that of the file, without its ending unless a named data set is called so.
    task : {"classification", "regression"}
        Whether labels are classes or numbers; those of a table may have any name then.

    Raises
    ------
    InputError
        In one line that names the file.
    """
    path = Path(path).expanduser()
    if name is None:
        name = path.name if path.stem in NAMES else path.stem
    x, y, x_test, y_test = (read_folder if path.is_dir() else read_table)(path)
    try:
        found = Dataset.from_arrays(x, y, x_test=x_test, y_test=y_test, name=name, task=task)
    except InputError as error:
        raise InputError(f"{path}: {str(error).removeprefix('data: ')}") from None
    where = str(path.resolve())
    return replace(found, source=where, file=where)


def _split_digits() -> tuple[Any, list[int], list[int], str]:
    """The digits of scikit-learn, which are for training, which for the test, and their source."""
    import sklearn  # slow to import, so only when needed
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bunch = load_digits()
    train, test = train_test_split(
        np.arange(len(bunch.target)),
        test_size=DIGITS_TEST,
        random_state=DIGITS_SPLIT_SEED,
        stratify=bunch.target,
    )
    source = f"scikit-learn {sklearn.__version__} load_digits, split with seed {DIGITS_SPLIT_SEED}"
    return bunch, train, test, source


def _digits() -> Dataset:
    bunch, train, test, source = _split_digits()
    x = (bunch.data / _DIGITS_FULL_SCALE).astype(np.float32)
    y = bunch.target.astype(np.int64)
    return Dataset(
        "digits", x[train], y[train], x[test], y[test], bunch.images.shape[1:], CLASSES, source
    )


@lru_cache(maxsize=1)  # drawing takes a second
def _moving_digits() -> EventDataset:
    bunch, train, test, source = _split_digits()
    seen, y = record(bunch.images), bunch.target.astype(np.int64)
    return EventDataset(
        "moving-digits", seen[train], y[train], seen[test], y[test], (SENSOR, SENSOR, 2), CLASSES,
        f"{source}, moved along {len(CORNERS) - 1} saccades before a computed camera",
        scaling=f"an event where the logarithm of the intensity moves by {THRESHOLD}",
    )  # fmt: skip


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
        check_labels(str(labels.path), labels.values, CLASSES)
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


class Way(NamedTuple):
    """How a named data set is published: what finds it on disk, downloads it, and reads it."""

    find: Callable[[str, Path, str], Any]
    fetch: Callable[[str, bool], Any]
    read: Callable[[str, Any], Dataset]


WAYS = {
    **dict.fromkeys(download.PUBLISHED, Way(_find, download.fetch, _from_files)),
    **dict.fromkeys(download.ARCHIVES, Way(find_cifar, download.fetch_archive, load_cifar)),
}
