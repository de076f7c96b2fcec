"""Files that survive: written aside then renamed, read without trust."""

from __future__ import annotations

import contextlib
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from eqchip.emulator.errors import InputError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` when it is whole, and never before.

    Raises
    ------
    OSError
        If it cannot be written; `path` is as it was.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def write_text(path: Path, text: str) -> None:
    """Write a whole text file, or nothing."""
    with replacing(path) as file:
        file.write(text.encode())


def write_arrays(path: Path, file_format: str, arrays: dict[str, np.ndarray]) -> None:
    """Write named arrays as an ``.npz`` that names its format, or nothing."""
    with replacing(path) as file:
        np.savez(file, format=np.array(file_format), **arrays)


def read_arrays(path: Path, file_format: str) -> dict[str, np.ndarray]:
    """Read what :func:`write_arrays` wrote. Nothing is unpickled.

    Raises
    ------
    InputError
        If the file is missing, damaged, or of another format.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected format {file_format!r}") from None
    except (
        OSError,
        ValueError,
        KeyError,
        EOFError,
        TypeError,
        AttributeError,
        NotImplementedError,
        OverflowError,
        MemoryError,
        RuntimeError,
        SyntaxError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:  # numpy and zipfile raise any of these on damaged bytes
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: damaged or no .npz file ({reason[:200]})") from None
    found = arrays.pop("format", None)
    if found is None or found.shape != () or str(found) != file_format:
        shown = "missing" if found is None or found.shape != () else repr(str(found))
        raise InputError(f"{path}: format is {shown}; expected {file_format!r}")
    return arrays
