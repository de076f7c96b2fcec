"""CIFAR-10, binary version: its files, and the data set of that name.

A record is a byte of label, then 1,024 bytes each of red, green and blue, row by row; a file holds
records and nothing else (https://www.cs.toronto.edu/~kriz/cifar.html).
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.data.own import fitted
from eqchip.emulator.errors import InputError
from eqchip.emulator.files import read_bytes

SIDE, COLOURS = 32, 3
RECORD = 1 + COLOURS * SIDE**2
MOST = RECORD * 10**5  # bytes of a file; a published one holds 10,000 records
TRAIN = tuple(f"data_batch_{k}.bin" for k in range(1, 6))
TEST = "test_batch.bin"
FOLDER = "cifar-10-batches-bin"  # of the files in the published archive
CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
# A colour says little by itself, and its distance from the mean much: units hold no signs.
SCALING = "colour"


class Part(NamedTuple):
    """What a file holds.

    Attributes
    ----------
    images : ndarray of uint8, shape (n, 32, 32, 3)
    labels : ndarray of int64, shape (n,)
    sha256 : str
        Of the whole file.
    """

    images: np.ndarray
    labels: np.ndarray
    sha256: str


def load_cifar(name: str, where: Path) -> Dataset:
    """The data set of a folder that holds all six files, or of the published archive.

    Raises
    ------
    InputError
        In one line that names the file, if one is damaged.
    """
    parts = _of_folder(where) if where.is_dir() else _of_archive(where)
    train, test = parts[:-1], parts[-1]
    train_x = np.concatenate([part.images for part in train])
    scale = fitted(train_x, SCALING)
    sums = ", ".join(
        f"{file} sha256:{part.sha256}" for file, part in zip((*TRAIN, TEST), parts, strict=True)
    )
    return Dataset(
        name=name,
        train_x=scale(train_x),
        train_y=np.concatenate([part.labels for part in train]),
        test_x=scale(test.images),
        test_y=test.labels,
        shape=scale.shape,
        classes=len(CLASSES),
        source=f"{where}: {sums}",
        labels=CLASSES,
        scaling=scale.text,
    )


def _of_folder(folder: Path) -> list[Part]:
    return [read_cifar(folder / file) for file in (*TRAIN, TEST)]


def _of_archive(path: Path) -> list[Part]:
    """Of an archive whose checksum is the published one, so that all of it is there."""
    found = {}
    with tarfile.open(path, "r:gz") as archive:
        for member in archive:
            name = member.name.rpartition("/")[2]
            file = archive.extractfile(member) if name in (*TRAIN, TEST) else None
            if file is not None:
                found[name] = _parsed(path / name, file.read(MOST))
    return [found[name] for name in (*TRAIN, TEST)]


def find_cifar(name: str, root: Path, told_by: str) -> Path:
    """The folder of the six files: root/name or root, or what the archive unpacks to in either.

    Raises
    ------
    InputError
        If there is none, or one that lacks some of them.
    """
    # os.path and not Path: no exception for a path that the system refuses.
    if not os.path.isdir(root):
        raise InputError(
            f"{told_by} {str(root)!r} does not exist or is no directory; expected one with the "
            f"binary files of {name}"
        )
    for folder in (root / name, root / name / FOLDER, root, root / FOLDER):
        there = [os.path.isfile(folder / file) for file in (*TRAIN, TEST)]
        if all(there):
            return folder
        if any(there):
            missing = (*TRAIN, TEST)[there.index(False)]
            raise InputError(
                f"{folder / missing}: not found, though other {name} files are there; expected it"
            )
    raise InputError(
        f"{told_by} {str(root)!r} holds no {name} files; expected {TRAIN[0]} to {TRAIN[-1]} and "
        f"{TEST} (the binary version) there or in its subfolder {name} or {FOLDER}"
    )


def read_cifar(path: Path) -> Part:
    """What a file holds.

    Raises
    ------
    InputError
        In one line that names the file, if it is no whole number of records or holds other labels.
    """
    try:
        content = read_bytes(path, MOST)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    return _parsed(path, content)


def _parsed(path: Path, content: bytes) -> Part:
    if not content or len(content) % RECORD:
        raise InputError(
            f"{path}: holds {len(content)} bytes; expected records of {RECORD}, a label and an "
            "image of CIFAR-10 each"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    labels = records[:, 0].astype(np.int64)
    if labels.max() >= len(CLASSES):
        place = int(np.argmax(labels >= len(CLASSES)))
        raise InputError(f"{path}: record {place} has label {labels[place]}; expected 0 to 9")
    planes = records[:, 1:].reshape(-1, COLOURS, SIDE, SIDE)
    images = np.ascontiguousarray(planes.transpose(0, 2, 3, 1))
    return Part(images, labels, hashlib.sha256(content).hexdigest())
