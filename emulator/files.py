"""Files that survive: written aside then renamed, read without trust."""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from eqchip.emulator.errors import InputError
from eqchip.emulator.locks import LOCKS, hold

# Names of files that are to take the place of others. Nobody else's begin and end so: what is
# found under such a name, and held by no process, is what a killed one left.
ASIDE = re.compile(r"\.eqchip-[0-9a-f]{16}\.part")
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` when it is whole, and never before.

    What killed writers left in its directory is removed.

    Raises
    ------
    OSError
        If it cannot be written, or `path` is no file that can be replaced; it is as it was.
    """
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if not stat.S_ISREG(path.stat().st_mode):  # as root, a file would replace /dev/null
            raise _not_regular(path, path.stat().st_mode)
    remove_leftovers(path.parent)
    try:
        handle, name = _new_aside(path.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if LOCKS:  # held until it has its name; Windows, without, renames no open file
                os.replace(name, path)
        if not LOCKS:
            os.replace(name, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(name)
        if isinstance(error, OSError) and error.filename in (None, name):
            raise OSError(error.errno, error.strerror or str(error), str(path)) from None
        raise
    _sync_directory(path.parent)


def _new_aside(folder: Path) -> tuple[int, str]:
    """A new file, held by this process, with the permissions that the umask leaves it."""
    while True:
        name = str(folder / f".eqchip-{secrets.token_hex(8)}.part")
        try:
            handle = os.open(name, _NEW, 0o666)
        except FileExistsError:
            continue
        hold(handle, wait=True)
        if os.path.lexists(name):  # nobody took it for a leftover before it was held
            return handle, name
        os.close(handle)


def append_line(path: Path, line: str) -> None:
    """Add a line to a file, which is made if there is none; it is on the disk when this returns.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:  # a full disk names no file
        raise OSError(error.errno, error.strerror, str(path)) from None


def remove_leftovers(folder: Path) -> None:
    """Remove what killed writers left in a directory; what a living one writes stays."""
    with contextlib.suppress(OSError), os.scandir(folder) as found:
        for path in leftovers(entry.name for entry in found):
            with contextlib.suppress(OSError), open_regular(folder / path) as file:
                if not LOCKS or hold(file.fileno()):  # Windows removes no open file
                    os.unlink(folder / path)


def leftovers(names: Iterable[str]) -> list[str]:
    """Those of some names that killed writers leave.

    Examples
    --------
    >>> leftovers(["network.npz", ".network.npz.bak", ".eqchip-0123456789abcdef.part"])
    ['.eqchip-0123456789abcdef.part']
    """
    return [name for name in names if ASIDE.fullmatch(name)]


def _sync_directory(folder: Path) -> None:
    """Let a loss of power keep a name that was just given, where the system can."""
    with contextlib.suppress(OSError):  # Windows opens no directory, some file systems sync none
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def open_regular(path: Path) -> BinaryIO:
    """Open a file to read; a pipe or a device in its place is refused, and not waited for.

    Raises
    ------
    OSError
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(path, flags)
    except ValueError as error:  # a path out of a file, with a zero in it
        raise OSError(errno.EINVAL, str(error), str(path)) from None
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        raise _not_regular(path, mode)
    return os.fdopen(handle, "rb")


def _not_regular(path: Path, mode: int) -> OSError:
    if stat.S_ISDIR(mode):
        return OSError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    return OSError(errno.EINVAL, "is no regular file", str(path))


def read_bytes(path: Path, most: int | None = None) -> bytes:
    """All of a regular file.

    Parameters
    ----------
    path : Path
    most : int, optional
        Bytes that it may hold.

    Raises
    ------
    InputError
        If it holds more.
    OSError
        If it cannot be read.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if most is not None and size > most:
            raise InputError(f"{path}: holds {size} bytes; expected at most {most}")
        return file.read()


def decoded(raw: bytes) -> str:
    """The text of a file: UTF-8, with a byte order mark or without, or UTF-16 with one.

    Windows saves text in all three.

    Raises
    ------
    UnicodeDecodeError

    Examples
    --------
    >>> decoded("seed = 1".encode("utf-16")), decoded("seed = 1".encode("utf-8-sig"))
    ('seed = 1', 'seed = 1')
    """
    wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return raw.decode("utf-16" if wide else "utf-8-sig")


def read_text(path: Path, expected: str, most: int | None = None) -> str:
    """The text of a regular file, as `decoded` finds it; expected: what it should be, in words.

    Raises
    ------
    InputError
        In a line that names the file, if there is none, it cannot be read, holds more than `most`
        bytes, or no text.
    """
    try:
        return decoded(read_bytes(path, most))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected {expected}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: no text in UTF-8 or UTF-16; expected {expected}") from None


def check_replaceable(path: Path, what: str, begins: bytes) -> None:
    """Refuse to replace a file of another kind, which may be a run's own or somebody's work.

    Parameters
    ----------
    path : Path
        Where a file is to be written.
    what : str
        What it will be: "PNG".
    begins : bytes
        How all such files begin. An empty file is taken for one.

    Raises
    ------
    InputError
    """
    try:
        with open_regular(path) as file:
            found = file.read(len(begins))
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise InputError(f"{path}: cannot be replaced ({error.strerror})") from None
    if found and found != begins:
        raise InputError(f"{path}: exists and is no {what}; expected a new file, or a {what}")


def check_folder(path: Path) -> None:
    """Refuse a directory to write into where a file stands, before the work and not after it.

    Raises
    ------
    InputError
    """
    for place in (path, *path.parents):
        if place.is_dir():
            return
        if place.exists():
            raise InputError(f"{place}: exists and is no directory; expected a directory")


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
