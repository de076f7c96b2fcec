"""The IDX file format of MNIST and its kin: a header, then bytes, often gzipped.

    0  0  type  ndim | size of each dimension, 4 bytes big-endian | the values

Only type 0x08, unsigned bytes, is read. A header is not believed: what it announces
is read in pieces, and never more than one byte beyond it.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from eqchip.emulator.errors import InputError
from eqchip.emulator.files import read_bytes

UNSIGNED_BYTE = 0x08
GZIP_MAGIC = b"\x1f\x8b"  # RFC 1952, section 2.3.1
GZIP_PART = GZIP_MAGIC + b"\x08"  # how each part of a file begins that is made of several
MOST_PARTS, _LEAST_PART = 100, 2**10  # and one more for so many bytes
_SUMS = 64  # bytes and more at the end of a part that may all be 0: its sums, an empty block
# Twice the largest set of this family, EMNIST by-class: 698 thousand 28 x 28 images.
MAX_BYTES = 2**30
# Ten times what MNIST's images pack to (47,040,016 bytes in 9,912,422), for any file of some size:
# a file that unpacks to more is a bomb.
MOST_UNPACKED = 48
SPARE = 2**20  # bytes besides
_PIECE = 2**20


@dataclass(frozen=True, eq=False)
class IdxFile:
    """One IDX file, read.

    Attributes
    ----------
    path : Path
    values : ndarray of uint8
    sha256 : str
        Of the file as it is on disk.
    content_sha256 : str
        Of the file uncompressed: the same for every way to compress it.
    """

    path: Path
    values: np.ndarray
    sha256: str
    content_sha256: str


def read_idx(path: str | os.PathLike[str], ndim: int) -> IdxFile:
    """Read an IDX file of unsigned bytes, plain or gzipped.

    Which of the two is told by the first bytes, not by the name.

    Parameters
    ----------
    path : path-like
    ndim : int
        The dimensions that the file must have: 3 for images, 1 for labels.

    Returns
    -------
    IdxFile
        ``values`` has ``ndim`` dimensions, each of at least 1.

    Raises
    ------
    InputError
        If the file cannot be read, is damaged, is no IDX file of bytes with
        ``ndim`` dimensions, or holds fewer or more bytes than its header says.
    """
    path = Path(path)
    try:
        raw = read_bytes(path, MAX_BYTES)
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read ({reason}); expected an IDX file") from None
    stream: BinaryIO = io.BytesIO(raw)
    if raw.startswith(GZIP_MAGIC):
        stream = _unpacked(path, raw)
    try:
        header, shape, payload = _parse(path, stream, ndim, MOST_UNPACKED * len(raw) + SPARE)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            f"{path}: damaged gzip file ({error}); expected a whole one, fetch it again"
        ) from None
    content = hashlib.sha256(header)
    content.update(payload)
    return IdxFile(
        path,
        np.frombuffer(payload, np.uint8).reshape(shape),
        hashlib.sha256(raw).hexdigest(),
        content.hexdigest(),
    )


def _unpacked(path: Path, raw: bytes) -> BinaryIO:
    """The stream in a gzip file that does not wait in its parts and its padding."""
    if raw.count(GZIP_PART) > MOST_PARTS + len(raw) // _LEAST_PART:
        raise InputError(f"{path}: thousands of gzip parts; expected one")
    padded = len(raw.rstrip(b"\0")) + _SUMS  # zeros behind are skipped one by one
    return gzip.GzipFile(fileobj=io.BytesIO(raw[:padded]))  # type: ignore[return-value]


def _parse(
    path: Path, stream: BinaryIO, ndim: int, most: int
) -> tuple[bytes, tuple[int, ...], bytearray]:
    header = stream.read(4 + 4 * ndim)
    magic = bytes([0, 0, UNSIGNED_BYTE, ndim])
    if header[:4] != magic:
        raise InputError(
            f"{path}: magic number 0x{header[:4].hex() or '(empty file)'}; "
            f"expected 0x{magic.hex()} (IDX, unsigned bytes, {ndim} dimensions)"
        )
    if len(header) < 4 + 4 * ndim:
        raise InputError(
            f"{path}: truncated header of {len(header)} bytes; expected {4 + 4 * ndim}"
        )
    shape = tuple(int(n) for n in np.frombuffer(header, ">u4", offset=4))
    expected = math.prod(shape)
    if not 0 < expected <= MAX_BYTES:
        raise InputError(
            f"{path}: header announces sizes {shape}; "
            f"expected each at least 1 and no more than {MAX_BYTES} values in all"
        )
    if expected > most:
        raise InputError(
            f"{path}: header announces {expected} values; expected no more than {MOST_UNPACKED} "
            "times the bytes of the file"
        )
    payload = bytearray()
    # The byte beyond the last also makes gzip check its checksum.
    while piece := stream.read(min(_PIECE, expected + 1 - len(payload))):
        payload += piece
    if len(payload) > expected:
        raise InputError(f"{path}: bytes trail the values; expected {expected} of sizes {shape}")
    if len(payload) < expected:
        raise InputError(
            f"{path}: truncated, {len(payload)} values; expected {expected} of sizes {shape}"
        )
    return header, shape, payload
