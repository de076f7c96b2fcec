"""Files that survive: written aside then renamed, read without trust."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import warnings
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
    try:
        handle, name = tempfile.mkstemp(prefix=_aside(path), dir=path.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(name)
        if isinstance(error, OSError) and error.filename in (None, name):
            raise OSError(error.errno, error.strerror or str(error), str(path)) from None
        raise


def remove_leftovers(path: Path) -> None:
    """Remove what writers of `path` left beside it when they were killed."""
    for leftover in path.parent.glob(f"{_aside(path)}*"):
        with contextlib.suppress(OSError):
            leftover.unlink()


def _aside(path: Path) -> str:
    """How the names of files begin that are to take the place of `path`."""
    return f".{path.name}."


def write_text(path: Path, text: str) -> None:
    """Write a whole text file, or nothing."""
    with replacing(path) as file:
        file.write(text.encode())


def write_arrays(path: Path, file_format: str, arrays: dict[str, np.ndarray]) -> None:
    """Write named arrays as an ``.npz`` that names its format, or nothing."""
    # In memory first: zipfile, cut off by a full disk, would complain of itself instead.
    whole = io.BytesIO()
    np.savez(whole, format=np.array(file_format), **arrays)
    with replacing(path) as file:
        file.write(whole.getbuffer())


def read_arrays(path: Path, file_format: str, *older: str) -> dict[str, np.ndarray]:
    """Read what :func:`write_arrays` wrote, in a format or an older one. Nothing is unpickled.

    Raises
    ------
    InputError
        If the file is missing, damaged, or of another format.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd headers: what they hold is checked
            with open(path, "rb") as whole, np.load(whole, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected format {file_format!r}") from None
    except Exception as error:  # numpy and zipfile raise a dozen kinds on damaged bytes
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: damaged or no .npz file ({reason[:200]})") from None
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):  # numpy hands over other members as bytes
            raise InputError(f"{path}: {name!r} in it is no array; expected arrays alone")
    found = arrays.pop("format", None)
    text = found is not None and found.shape == () and found.dtype.kind == "U"
    if not text or str(found) not in (file_format, *older):
        shown = repr(str(found)) if text else "missing"
        raise InputError(f"{path}: format is {shown}; expected {file_format!r}")
    return arrays
