"""Labelled series of several channels from plain text: ``.ts`` files of the time-series archives.

A head of lines that begin with ``#`` or ``@``, then ``@data``, then a case a line: its channels,
set apart by colons, each of numbers set apart by commas, and its label last. Cases may differ in
length. What such archives also ship as pickled objects is not read.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from eqchip.emulator.errors import InputError
from eqchip.emulator.files import read_text

EXPECTED = "series in a .ts file: a head, @data, and a case a line, channel:channel:label"
MOST_BYTES = 2**28
MOST_NUMBER = 100  # characters of one
MOST = 1e30  # of it: its square is a number, too
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


class Series(NamedTuple):
    """Cases (frames, channels) each, and the label of each."""

    cases: list[np.ndarray]
    labels: list[str]


def read_series(path: Path) -> Series:
    """The cases of a file.

    Raises
    ------
    InputError
        In one line that names the file and the line, if it cannot be read as such.
    """
    text = read_text(path, EXPECTED, MOST_BYTES)
    found, in_data = Series([], []), False
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        try:
            if in_data:
                _add(found, line)
            else:
                in_data = _head(line)
        except InputError as error:
            raise InputError(f"{path}: line {number}: {error}") from None
    if not found.cases:
        raise InputError(f"{path}: holds no case; expected {EXPECTED}")
    return found


def read_split(folder: Path, name: str) -> tuple[Series, Series]:
    """Training and test cases: ``NAME_TRAIN.ts`` and ``NAME_TEST.ts``, there or in a folder NAME.

    Raises
    ------
    InputError
        If one is missing or damaged, or they have other channels or labels than one another.
    """
    within = folder / name
    here = within if within.is_dir() else folder
    train, test = (read_series(here / f"{name}_{part}.ts") for part in ("TRAIN", "TEST"))
    channels = [one.cases[0].shape[1] for one in (train, test)]
    if channels[0] != channels[1]:
        raise InputError(
            f"{here}: {name}_TEST.ts has {channels[1]} channels; expected {channels[0]} as in "
            f"{name}_TRAIN.ts"
        )
    unknown = sorted(set(test.labels) - set(train.labels))
    if unknown:
        raise InputError(
            f"{here}: {name}_TEST.ts has the label {unknown[0]!r}; expected those of "
            f"{name}_TRAIN.ts"
        )
    return train, test


def _head(line: str) -> bool:
    """Whether the data begin after this line of the head."""
    if not line.startswith("@"):
        raise InputError(f"{line[:20]!r} before @data; expected a line that begins with # or @")
    key, *said = line.lower().split()
    for name, refused in (("@timestamps", "true"), ("@classlabel", "false")):
        if key == name and said[:1] == [refused]:
            raise InputError(f"{key} is {refused}; expected another: series with labels, no times")
    return key == "@data"


def _add(found: Series, line: str) -> None:
    """One case."""
    *channels, label = line.split(":")
    if not channels or not label.strip():
        raise InputError("has no label after a colon; expected channel:channel:label")
    if found.cases and len(channels) != found.cases[0].shape[1]:
        raise InputError(
            f"has {len(channels)} channels; expected {found.cases[0].shape[1]} as the first case"
        )
    columns = [channel.split(",") for channel in channels]
    if len({len(column) for column in columns}) > 1:
        raise InputError("has channels of different lengths; expected equal ones in a case")
    found.cases.append(np.array([[_value(cell) for cell in column] for column in columns]).T)
    found.labels.append(label.strip())


def _value(cell: str) -> float:
    text = cell.strip()
    if len(text) > MOST_NUMBER or not _NUMBER.fullmatch(text):
        raise InputError(f"holds {text[:20]!r}; expected a number")
    value = float(text)
    if abs(value) > MOST:
        raise InputError(f"holds {text[:20]!r}; expected a number of at most {MOST:g}")
    return value
