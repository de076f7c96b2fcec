"""Arrays read from ``.npz`` files that nobody vouches for.

What a file says of itself is checked before any of it is unpacked: the headers of all its arrays,
then names, types and shapes of those that are wanted. What is not asked for is never read.
"""

from __future__ import annotations

import math
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from eqchip.emulator.errors import InputError
from eqchip.emulator.files import open_regular

# Weights pack to some nine tenths of their size; what packs better than this is no honest file.
MOST_UNPACKED = 10  # times the size of the file, of all that is read of it
SPARE = 2**20  # bytes besides
MOST_OF_FOREIGN, SPARE_OF_FOREIGN = 64, 2**30  # the same of files of other tools
MOST_NAMES_BYTES = 2**20  # of the directory at the end of a file
MOST_TEXT = 2**16  # characters
_PIECE = 2**20
_KINDS = "biufcSU"  # of values: numbers and texts; neither objects nor records


@dataclass(frozen=True)
class Header:
    """What an array in a file says of itself."""

    dtype: np.dtype
    shape: tuple[int, ...]
    fortran: bool
    start: int  # where the values begin

    def __str__(self) -> str:
        return f"{self.dtype} of shape {self.shape}"

    @property
    def nbytes(self) -> int:
        """Bytes of all its values."""
        return math.prod(self.shape) * self.dtype.itemsize


class ArrayFile:
    """An open file of arrays; each is read when it is asked for, by name.

    Attributes
    ----------
    headers : dict of str to Header
        Of all arrays in the file.
    """

    def __init__(self, archive: zipfile.ZipFile, most: int) -> None:
        self._archive, self._most, self._left = archive, most, most
        self.headers = {
            info.filename.removesuffix(".npy"): _header(archive, info)
            for info in archive.infolist()
        }

    def __contains__(self, name: str) -> bool:
        return name in self.headers

    def array(self, name: str, like: np.ndarray) -> np.ndarray:
        """The array of a name, of the type and shape of another.

        Raises
        ------
        InputError
            If it is missing, or is another.
        """
        header = self.headers.get(name)
        if header is None or (header.dtype, header.shape) != (like.dtype, like.shape):
            raise InputError(
                f"{name} is {'missing' if header is None else header}; "
                f"expected {like.dtype} of shape {like.shape}"
            )
        return self.values(name)

    def text(self, name: str) -> str | None:
        """The text of a name; None if it is missing or another thing.

        Raises
        ------
        InputError
            If it holds what is no character, or is longer than any that eqchip writes.
        """
        header = self.headers.get(name)
        if header is None or header.shape != () or header.dtype.kind != "U":
            return None
        if header.dtype.itemsize > 4 * MOST_TEXT:
            raise InputError(f"{name} is a text of {header.dtype.itemsize // 4} characters")
        order = "be" if header.dtype.str.startswith(">") else "le"
        try:
            return self.values(name).tobytes().decode(f"utf-32-{order}").rstrip("\0")
        except UnicodeDecodeError:
            raise InputError(f"{name} is no text: it holds what is no character") from None

    def values(self, name: str) -> np.ndarray:
        """The array of a name, whatever it is.

        Raises
        ------
        InputError
            If it is missing, damaged, or unpacks to far more than the file's own size.
        """
        header = self.headers.get(name)
        if header is None:
            raise InputError(f"{name} is missing")
        self._left -= header.nbytes
        if self._left < 0:
            raise InputError(
                f"{name} is {header}; expected arrays that unpack to at most {self._most} bytes, "
                "which is far more than an honest file of this size does"
            )
        flat = np.empty(math.prod(header.shape), header.dtype)
        whole, filled = flat.view(np.uint8) if header.nbytes else np.empty(0, np.uint8), 0
        with self._archive.open(f"{name}.npy") as file:
            file.read(header.start)
            # The read behind the last byte is the one that checks the sum of all.
            while piece := file.read(min(_PIECE, header.nbytes - filled) or 1):
                if filled + len(piece) > header.nbytes:
                    raise ValueError(f"bytes trail {name}")
                whole[filled : filled + len(piece)] = np.frombuffer(piece, np.uint8)
                filled += len(piece)
        if filled < header.nbytes:
            raise ValueError(f"{name} is cut short")
        return flat.reshape(header.shape, order="F" if header.fortran else "C")


@contextmanager
def open_arrays(path: Path, file_format: str, *older: str) -> Iterator[ArrayFile]:
    """Open what :func:`~eqchip.emulator.files.write_arrays` wrote, in a format or an older one.

    Errors in the block name the file. Nothing is unpickled.

    Raises
    ------
    InputError
        If the file is missing, damaged, of another format, or holds what is no array.
    """
    with _open(path, f"format {file_format!r}", MOST_UNPACKED, SPARE) as file:
        found = file.text("format")
        if found is None or found not in (file_format, *older):
            shown = "missing" if found is None else repr(found)
            raise InputError(f"format is {shown}; expected {file_format!r}")
        yield file


def open_foreign_arrays(path: Path, wanted: str) -> AbstractContextManager[ArrayFile]:
    """Open what another tool wrote, of any names; errors as of :func:`open_arrays`.

    Zeros, of units that are quiet, pack well: it may unpack to more.

    Parameters
    ----------
    path : Path
    wanted : str
        What it should be, for whom it is missing.
    """
    return _open(path, wanted, MOST_OF_FOREIGN, SPARE_OF_FOREIGN)


@contextmanager
def _open(path: Path, wanted: str, most: int, spare: int) -> Iterator[ArrayFile]:
    """Open an archive that unpacks to so many times its size, and so many bytes besides."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd headers: what they hold is checked
            with open_regular(path) as whole, zipfile.ZipFile(_Pieces(whole)) as archive:
                yield ArrayFile(archive, most * whole.seek(0, 2) + spare)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected {wanted}") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except MemoryError:
        raise
    except Exception as error:  # numpy and zipfile raise a dozen kinds on damaged bytes
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: damaged or no .npz file ({reason[:200]})") from None


class _Pieces:
    """A file of which no large piece is read at once, as zipfile reads the directory of names."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        most = MOST_NAMES_BYTES + 1
        piece = self._file.read(min(size, most) if size >= 0 else most)
        if len(piece) == most:
            raise zipfile.BadZipFile("an endless directory of names")
        return piece


def _header(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Header:
    """What a member says of itself; nothing behind its header is unpacked."""
    name = info.filename.removesuffix(".npy")
    try:
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError("packed as numpy does not")
        with archive.open(info) as file:
            version = np.lib.format.read_magic(file)
            if version != (1, 0):  # others have headers of any size; eqchip needs none of them
                raise ValueError(f"of version {version} of numpy's format")
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
            header = Header(dtype, shape, fortran, file.tell())
        # A text may say that it has -1 characters, and a record may have one among its fields.
        if dtype.kind not in _KINDS or dtype.itemsize < 0 or min(shape, default=1) < 0:
            raise ValueError(f"{dtype} of shape {shape}")
    except Exception as error:  # of a dozen kinds
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise InputError(
            f"damaged: {name!r} in it is no array ({reason}); expected arrays alone"
        ) from None
    return header
