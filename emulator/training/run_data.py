"""The data of a run: what they were, where they came from, and how they are found again.

``data.json`` in the run directory names them by a fingerprint of all samples, so that nobody
evaluates or prices a run on other data without a word. Data that came as arrays, from no file, lie
beside it as ``data.npz``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eqchip.emulator.arrays import open_arrays
from eqchip.emulator.data.dataset import NAMES, Dataset
from eqchip.emulator.data.datasets import from_file, load
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.task import TASKS
from eqchip.emulator.documents import read_json
from eqchip.emulator.errors import InputError
from eqchip.emulator.files import write_arrays, write_text
from eqchip.emulator.training.runs import RunDirectory

DATA_FORMAT = "eqchip-data 1"
COPY_FORMAT = "eqchip-samples 1"
RECORD, COPY = "data.json", "data.npz"


def keep_data(run: RunDirectory, dataset: Dataset) -> None:
    """Note what a run is trained on; once noted, refuse other data.

    Raises
    ------
    InputError
        If the settings name another data set, or the run was begun on other data.
    """
    check_name(str(run.path), run.config, dataset)
    record = _record(run)
    if record is not None:
        _check_same(run, record, dataset)
        return
    if dataset.name not in NAMES and not dataset.file:
        write_arrays(run.path / COPY, COPY_FORMAT, dataset.copies())
    document = {
        "format": DATA_FORMAT,
        "name": dataset.name,
        "fingerprint": dataset.fingerprint,
        "file": dataset.file,
        "source": dataset.source,
        "shape": list(dataset.shape),
        "classes": dataset.classes,
        "labels": list(dataset.labels),
        "scaling": dataset.scaling,
        "task": dataset.task,
        "ordered": dataset.ordered,
    }
    write_text(run.path / RECORD, json.dumps(document, indent=2) + "\n")


def check_name(where: str, config: Config, dataset: Dataset) -> None:
    """Refuse data that settings are not for.

    Raises
    ------
    InputError
    """
    if config.dataset != dataset.name:
        raise InputError(
            f"{where}: its settings are for the data set {config.dataset!r}, the data are "
            f"{dataset.name!r}; expected Config(dataset={dataset.name!r}), or those data"
        )


def data_of(run: RunDirectory, data: str | Path | None = None, progress: bool = True) -> Dataset:
    """The data that a run was trained on.

    Parameters
    ----------
    run : RunDirectory
    data : path, optional
        A directory of IDX files, or the file of one's own data. Default: where they came from.
    progress : bool
        Show a download's progress on stderr.

    Raises
    ------
    InputError
        If they are not found, or are others.
    """
    record = _record(run)
    name = run.config.dataset
    if record is None:  # of a point of a sweep, or of an earlier version
        return load(name, data, progress)
    if name not in NAMES and data is not None:
        found = from_file(data, name, record["task"])  # whatever it is called now
    elif name not in NAMES:
        found = _copied(run, record) if not record["file"] else _from_its_file(run, record)
    else:
        found = load(name, data, progress)
    _check_same(run, record, found)
    return found


def _record(run: RunDirectory) -> dict[str, Any] | None:
    """What a run notes of its data; None if it was begun before that was done."""
    path = run.path / RECORD
    if not path.exists():
        return None
    record = read_json(path, "the record of a run's data")
    if record.get("format") != DATA_FORMAT:
        raise InputError(f"{path}: format is {record.get('format')!r}; expected {DATA_FORMAT!r}")
    record = {**_BEFORE, **record}
    for name, fits in _FACTS.items():
        if not fits(record.get(name)):
            raise InputError(f"{path}: {name} is missing or wrong; expected it as eqchip wrote it")
    return record


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_size(value: Any) -> bool:
    return type(value) is int and value >= 1


def _row_of(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(fits(one) for one in value)


# What `keep_data` writes, and what it may be.
_FACTS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("name", "fingerprint", "file", "source", "scaling"), _is_text),
    "shape": lambda value: value != [] and _row_of(_is_size)(value),
    "labels": _row_of(_is_text),
    "classes": _is_size,
    "task": lambda value: isinstance(value, str) and value in TASKS,
    "ordered": lambda value: isinstance(value, bool),
}
# Of records that were written before there was anything else.
_BEFORE = {"task": "classification", "ordered": False}


def _check_same(run: RunDirectory, record: dict[str, Any], found: Dataset) -> None:
    if found.fingerprint != record["fingerprint"]:
        raise InputError(
            f"{run.path}: was trained on {record['name']!r} with fingerprint "
            f"{record['fingerprint']} (from {record['file'] or record['source']}); these data have "
            f"{found.fingerprint}: expected the same"
        )


def _from_its_file(run: RunDirectory, record: dict[str, Any]) -> Dataset:
    path = Path(record["file"])
    if not os.path.exists(path):  # and not Path: no exception for what the system refuses
        raise InputError(
            f"{run.path}: its data were read from {path}, which is not there; expected --data with "
            "where they are now"
        )
    return from_file(path, run.config.dataset, record["task"])


def _copied(run: RunDirectory, record: dict[str, Any]) -> Dataset:
    """The data that came as arrays, from the run's own copy."""
    path = run.path / COPY
    with open_arrays(path, COPY_FORMAT) as file:
        return Dataset(
            name=run.config.dataset,
            train_x=file.values("train_x"),
            train_y=file.values("train_y"),
            test_x=file.values("test_x"),
            test_y=file.values("test_y"),
            shape=tuple(record["shape"]),
            classes=record["classes"],
            source=record["source"],
            labels=tuple(record["labels"]),
            scaling=record["scaling"],
            task=record["task"],
            ordered=record["ordered"],
        )
