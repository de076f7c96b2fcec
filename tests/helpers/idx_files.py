"""Small IDX files, made for a test."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def encode_idx(array: np.ndarray) -> bytes:
    """The bytes of an uncompressed IDX file of uint8 values."""
    array = np.asarray(array, dtype=np.uint8)
    sizes = np.array(array.shape, dtype=">u4").tobytes()
    return bytes([0, 0, 0x08, array.ndim]) + sizes + array.tobytes()


def write_idx(path: Path, array: np.ndarray) -> Path:
    """Write an IDX file, gzipped if the name ends in .gz."""
    content = encode_idx(array)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return path


def small_arrays(
    train: int = 30, test: int = 20, shape: tuple[int, int] = (4, 3), seed: int = 0
) -> list[np.ndarray]:
    """Images and labels of a made-up data set, in the order of ``NAMES``."""
    rng = np.random.default_rng(seed)
    return [
        rng.integers(0, 256, (train, *shape), dtype=np.uint8),
        (np.arange(train) % 10).astype(np.uint8),
        rng.integers(0, 256, (test, *shape), dtype=np.uint8),
        (np.arange(test) % 10).astype(np.uint8),
    ]


def write_set(folder: Path, arrays: list[np.ndarray], suffix: str = "") -> list[Path]:
    """Write the four files of a data set."""
    return [write_idx(folder / (n + suffix), a) for n, a in zip(NAMES, arrays, strict=True)]
