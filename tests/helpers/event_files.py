"""N-MNIST in miniature: events in their five bytes, and directories of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

Event = tuple[int, int, int, int]  # x, y, polarity, microseconds


def encode(events: Iterable[Event]) -> bytes:
    """The bytes of a file."""
    rows = []
    for x, y, polarity, time in events:
        rows.append(bytes([x, y]) + (polarity << 23 | time).to_bytes(3, "big"))
    return b"".join(rows)


def one_event(label: int, k: int) -> list[Event]:
    """A recording that tells its class and its number."""
    return [(label, k, k % 2, 1000 * (k + 1)), (33, 33, 1, 299_999)]


def write_set(root: Path, each: int = 2) -> list[Path]:
    """Recordings of all classes, `each` of them, as many of both parts; returns their paths."""
    paths = []
    for part in ("Train", "Test"):
        for label in range(10):
            folder = root / part / str(label)
            folder.mkdir(parents=True)
            for k in range(each):
                paths.append(folder / f"{k:05}.bin")
                paths[-1].write_bytes(encode(one_event(label, k)))
    return paths
