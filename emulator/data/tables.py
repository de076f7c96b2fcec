"""Files of one's own data: arrays of numpy, or a table of comma-separated values."""

from __future__ import annotations

import csv
import io
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from eqchip.emulator.arrays import ArrayFile, open_foreign_arrays
from eqchip.emulator.errors import InputError
from eqchip.emulator.files import read_text

EXPECTED = "a data set: .npz with X and y, or X_train, y_train, X_test and y_test; or .csv"
LABEL_COLUMNS = ("label", "class", "target", "y")  # in this order; else the last
MOST_CELL = 1000  # characters
MOST_COLUMNS = 2**20

# X and y of training, and of the test or None, None.
Raw = tuple[np.ndarray, np.ndarray, "np.ndarray | None", "np.ndarray | None"]


def read_table(path: Path) -> Raw:
    """Samples and labels of a file, as they stand there.

    Raises
    ------
    InputError
        In one line that names the file, if it cannot be read, or is neither.
    """
    readers = {".npz": _read_npz, ".csv": _read_csv}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path}: ends in {path.suffix!r}; expected {EXPECTED}")
    return reader(path)


def _read_npz(path: Path) -> Raw:
    with open_foreign_arrays(path, EXPECTED) as file:
        by_name = {name.lower(): name for name in file.headers}
        if len(by_name) < len(file.headers):
            raise InputError("holds names that differ in capitals alone; expected each once")
        if {"x_train", "y_train", "x_test", "y_test"} <= by_name.keys():
            return (
                _values(file, by_name["x_train"]), _values(file, by_name["y_train"]),
                _values(file, by_name["x_test"]), _values(file, by_name["y_test"]),
            )  # fmt: skip
        if {"x", "y"} <= by_name.keys():
            return _values(file, by_name["x"]), _values(file, by_name["y"]), None, None
        raise InputError(
            f"holds {', '.join(sorted(file.headers)[:10]) or 'no array'}; expected X and y, or "
            "X_train, y_train, X_test and y_test"
        )


def _values(file: ArrayFile, name: str) -> np.ndarray:
    """An array that says nothing that memory does not hold."""
    values = file.values(name)
    if values.dtype.kind == "U" and (values.view(np.uint32) > 0x10FFFF).any():
        raise InputError(f"{name} is no text: it holds what is no character")
    return values


def _read_csv(path: Path) -> Raw:
    """A sample a line, its label in one column."""
    text = read_text(path, EXPECTED)
    try:
        return _parsed(text)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _parsed(text: str) -> Raw:
    rows = _rows(text)
    try:
        number, first = next(rows)
    except StopIteration:
        raise InputError("holds no line; expected a sample a line") from None
    width = len(first)
    if not 2 <= width <= MOST_COLUMNS:
        raise InputError(
            f"line {number} has {width} columns; expected inputs and a label, separated by commas"
        )
    heads = [cell.strip().lower() for cell in first]
    headed = any(_number(cell) is None for k, cell in enumerate(first) if k != width - 1)
    label = width - 1
    if headed:
        doubled = {head for head in heads if head and heads.count(head) > 1} & {*LABEL_COLUMNS}
        if doubled:
            raise InputError(f"has two columns {min(doubled)!r}; expected each label once")
        label = next((heads.index(one) for one in LABEL_COLUMNS if one in heads), label)
    values, labels = array("d"), list[str]()
    if not headed:
        _take(number, first, label, values, labels, heads)
    for number, row in rows:
        if len(row) != width:
            raise InputError(f"line {number} has {len(row)} columns; expected {width} as above")
        _take(number, row, label, values, labels, heads if headed else [])
    if not labels:
        raise InputError("holds no sample below its heading; expected a sample a line")
    x = np.frombuffer(values, dtype=np.float64).reshape(len(labels), width - 1)
    numbers = [_number(one) for one in labels]
    if any(one is None for one in numbers):
        return x, np.array(labels), None, None
    return x, np.array(numbers, dtype=np.float64), None, None


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Lines and their numbers; empty ones are passed over."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(f"line {reader.line_num}: {error}; expected a table") from None
        if any(cell.strip() for cell in row):
            yield reader.line_num, row


def _take(
    number: int, row: list[str], label: int, values: array, labels: list[str], heads: list[str]
) -> None:
    """Take a line's numbers and its label."""
    for k, cell in enumerate(row):
        if len(cell) > MOST_CELL:
            raise InputError(f"line {number}, column {k + 1}: {len(cell)} letters; expected fewer")
        if k == label:
            if not cell.strip():
                raise InputError(f"line {number} has no label; expected one in column {k + 1}")
            labels.append(cell.strip())
            continue
        value = _number(cell)
        if value is None:
            named = f" ({heads[k]})" if heads else ""
            raise InputError(
                f"line {number}, column {k + 1}{named}: {cell!r} is no number; expected one in "
                "every column but the label's"
            )
        values.append(value)


def _number(cell: str) -> float | None:
    """The number in a cell; None if there is none."""
    try:
        return float(cell) if "_" not in cell else None
    except ValueError:
        return None
