"""N-MNIST: the digits of MNIST before an event camera that moves (Orchard et al. 2015).

A directory of the two parts, ``Train`` and ``Test``, in each one directory a class, ``0`` to
``9``, and in it a file of ``.bin`` for each recording. An event takes five bytes::

    x | y | polarity, 1 bit, and time, 23 bits, in microseconds, the highest first

An event whose y is 240 is none: the camera's own clock went over, and from it on all times are
2**13 microseconds later (the readers that its authors published, and Tonic's, do so).

G. Orchard, A. Jayawant, G. K. Cohen, N. Thakor: Converting Static Image Datasets to Spiking
Neuromorphic Datasets Using Saccades. Frontiers in Neuroscience 9:437, 2015.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from eqchip.emulator.data.event_dataset import EventDataset
from eqchip.emulator.data.recordings import Recordings
from eqchip.emulator.errors import InputError
from eqchip.emulator.files import read_bytes
from eqchip.emulator.memory import check_memory

SENSOR = 34  # pixels in each direction
CLASSES = 10
PARTS = ("Train", "Test")
DURATION = 300_000  # three saccades of 100 ms, in microseconds
EVENT_BYTES = 5
OVERFLOW_Y, OVERFLOW = 240, 2**13
# The longest recording has fewer than 9,000 events; this is for a file of anything.
MOST_BYTES = EVENT_BYTES * 2**20
HELD_BYTES = 4 + 2  # of an event in memory


class Events(NamedTuple):
    """The events of a file in the order of time, int64: microseconds, and inputs."""

    times: np.ndarray
    units: np.ndarray


def read_n_mnist(root: Path, told_by: str = "data directory") -> EventDataset:
    """Read the recordings of N-MNIST in root/n-mnist, or else in root.

    What a recording holds after DURATION is left out; how much of all that was is said in
    `source`.

    Raises
    ------
    InputError
        In one line that names the directory or the file.
    """
    folder = next((f for f in (root / "n-mnist", root) if os.path.isdir(f / PARTS[0])), None)
    if folder is None:
        raise InputError(
            f"{told_by} {str(root)!r} holds no n-mnist files; expected directories "
            f"{' and '.join(PARTS)}, each of 0 to {CLASSES - 1}, there or in its subfolder n-mnist"
        )
    parts = [_read_part(folder / part) for part in PARTS]
    (train_x, train_y, left), (test_x, test_y, left_of_test) = parts
    events, left = len(train_x.times) + len(test_x.times), left + left_of_test
    return EventDataset(
        "n-mnist", train_x, train_y, test_x, test_y, (SENSOR, SENSOR, 2), CLASSES,
        f"{folder}: {events:,} events, and {left:,} later than {DURATION // 1000} ms left out",
        scaling="events as recorded",
    )  # fmt: skip


def read_events(path: str | os.PathLike[str]) -> Events:
    """The events of one file, in the order of time.

    Raises
    ------
    InputError
        In one line that names the file, if it is no whole number of events, has none, or one
        beside the sensor.
    """
    try:
        content = read_bytes(Path(path), MOST_BYTES)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if not content or len(content) % EVENT_BYTES:
        raise InputError(
            f"{path}: holds {len(content)} bytes; expected events of {EVENT_BYTES} each"
        )
    x, y, *clock = np.frombuffer(content, np.uint8).reshape(-1, EVENT_BYTES).astype(np.int64).T
    marks = y == OVERFLOW_Y
    times = ((clock[0] & 0x7F) << 16 | clock[1] << 8 | clock[2]) + OVERFLOW * np.cumsum(marks)
    wrong = ~marks & ((x >= SENSOR) | (y >= SENSOR))
    if wrong.any():
        k = int(np.argmax(wrong))
        raise InputError(
            f"{path}: event {k} is at ({x[k]}, {y[k]}); expected 0 to {SENSOR - 1}, of n-mnist"
        )
    units = (y * SENSOR + x) * 2 + (clock[0] >> 7)
    times, units = times[~marks], units[~marks]
    order = np.argsort(times, kind="stable")
    return Events(times[order], units[order])


def _read_part(part: Path) -> tuple[Recordings, np.ndarray, int]:
    """The recordings of a part, their classes, and how many events were too late."""
    found = list(_files(part))
    most = sum(size for _, _, size in found) // EVENT_BYTES
    check_memory(f"{part}: {most:,} events", most * HELD_BYTES, "fewer recordings")
    times, units = np.empty(most, np.int32), np.empty(most, np.uint16)
    first = [0]
    left = 0
    for path, _, _ in found:
        events = read_events(path)
        count = int(np.searchsorted(events.times, DURATION))
        end = first[-1] + count
        if end > most:
            raise InputError(f"{path}: grew while it was read; expected files that stay")
        times[first[-1] : end], units[first[-1] : end] = events.times[:count], events.units[:count]
        left += len(events.times) - count
        first.append(end)
    seen = Recordings(first, times[: first[-1]], units[: first[-1]], 2 * SENSOR**2, DURATION)
    return seen, np.array([label for _, label, _ in found], np.int64), left


def _files(part: Path) -> Iterator[tuple[str, int, int]]:
    """The files of a part in order: path, class, and size in bytes."""
    for label in range(CLASSES):
        folder = part / str(label)
        try:
            with os.scandir(folder) as entries:
                found = sorted(
                    (one.path, one.stat().st_size) for one in entries if one.name.endswith(".bin")
                )
        except OSError as error:
            raise InputError(
                f"{folder}: cannot be read ({error.strerror}); expected the recordings of class "
                f"{label}"
            ) from None
        if not found:
            raise InputError(f"{folder}: holds no .bin files; expected a recording each")
        for path, size in found:
            yield path, label, size
