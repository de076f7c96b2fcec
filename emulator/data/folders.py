"""Directories of files as data sets are published, read as data of one's own.

A way to publish is a row of :data:`FOLDERS`: by which files it is known, and how they are read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from eqchip.emulator.data import cifar
from eqchip.emulator.data.download import PUBLISHED
from eqchip.emulator.data.idx import IdxFile, read_idx
from eqchip.emulator.data.tables import Raw
from eqchip.emulator.errors import InputError

_CIFAR_TRAIN = re.compile(r"data_batch_\d+\.bin")
# MNIST and its kin: EMNIST's files are called emnist-letters-train-images-idx3-ubyte, and so on.
_IDX = re.compile(r"(.*?)train-images[-.]idx3-ubyte(?:\.gz)?")

EXPECTED = (
    f"one of CIFAR-10 (data_batch_1.bin ... and {cifar.TEST}), or of IDX files "
    "(NAME-train-images-idx3-ubyte and its three partners)"
)


class Folder(NamedTuple):
    """A way to publish: the files that tell it, of their names, and what reads them."""

    tells: re.Pattern[str]
    read: Callable[[Path, list[str]], Raw]


def is_folder(path: Path) -> bool:
    """Whether a directory holds files of a way that is known."""
    return _known(path) is not None


def read_folder(path: Path) -> Raw:
    """Samples and labels of the files in a directory, as they stand there.

    Raises
    ------
    InputError
        In one line that names the directory or a file in it.
    """
    found = _known(path)
    if found is None:
        raise InputError(f"{path}: holds no data set that is known; expected {EXPECTED}")
    folder, names = found
    return folder.read(path, names)


def _known(path: Path) -> tuple[Folder, list[str]] | None:
    try:
        names = sorted(one.name for one in path.iterdir())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    for folder in FOLDERS.values():
        telling = [name for name in names if folder.tells.fullmatch(name)]
        if telling:
            return folder, telling
    return None


def _read_cifar(path: Path, names: list[str]) -> Raw:
    parts = [cifar.read_cifar(path / name) for name in names]
    if not (path / cifar.TEST).exists():
        raise InputError(f"{path / cifar.TEST}: not found beside {names[0]}; expected it")
    test = cifar.read_cifar(path / cifar.TEST)
    x, y = (np.concatenate(each) for each in list(zip(*parts, strict=True))[:2])
    return x, y, test.images, test.labels


def _read_idx(path: Path, names: list[str]) -> Raw:
    starts = {found[1] for name in names if (found := _IDX.fullmatch(name))}
    if len(starts) > 1:
        shown = ", ".join(sorted(starts))
        raise InputError(f"{path}: holds several data sets ({shown}); expected one a directory")
    (start,) = starts
    x, y = _pair(path, f"{start}train")
    part = "t10k" if any(_found(path, f"{start}t10k", "images", 3)) else "test"
    test_x, test_y = _pair(path, f"{start}{part}")
    return x.values, y.values, test_x.values, test_y.values


def _pair(path: Path, start: str) -> tuple[IdxFile, IdxFile]:
    """Images and labels of one part."""
    made = []
    for what, ndim in (("images", 3), ("labels", 1)):
        known = _found(path, start, what, ndim)
        if not known:
            raise InputError(
                f"{path / f'{start}-{what}-idx{ndim}-ubyte'}: not found, plain or as .gz; expected "
                "it beside the others"
            )
        made.append(read_idx(known[0], ndim))
    of = [name for name, one in PUBLISHED.items() if made[0].content_sha256 in one.contents]
    if of:
        raise InputError(f"{made[0].path}: is that of {of[0]}; expected --dataset {of[0]}")
    return made[0], made[1]


def _found(path: Path, start: str, what: str, ndim: int) -> list[Path]:
    names = [f"{start}-{what}{dot}idx{ndim}-ubyte{end}" for dot in "-." for end in ("", ".gz")]
    return [path / name for name in names if (path / name).is_file()]


FOLDERS: dict[str, Folder] = {
    "CIFAR-10": Folder(_CIFAR_TRAIN, _read_cifar),
    "IDX": Folder(_IDX, _read_idx),
}
