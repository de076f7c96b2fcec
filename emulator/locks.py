"""One writer at a time. A kill ends a lock, too."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from eqchip.emulator.errors import InputError
from eqchip.emulator.progress import Progress, Silent

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCKS = fcntl is not None
LOCK_FILE = ".lock"
_SAID = b"Locked while a process of eqchip writes into this directory.\n"
# To write, since a network file system locks no file that is only read; a pipe is not waited for.
_OPENED = os.O_RDWR | os.O_CREAT | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@contextlib.contextmanager
def claimed(folder: Path, doing: str, progress: Progress | None = None) -> Iterator[None]:
    """Keep other processes from such a block with this directory, by a lock on a file of its own.

    The file stays when the block is over: who removed it might remove the lock of another.

    Parameters
    ----------
    folder : Path
        The directory.
    doing : str
        What is done in the block, for messages: "training this run".
    progress : Progress, optional
        Told where the system or the file system has no locks, so that nothing is kept.

    Raises
    ------
    InputError
        If another process is in such a block.
    OSError
        If the file cannot be written.
    """
    path = folder / LOCK_FILE
    handle = os.open(path, _OPENED, 0o666)
    try:
        reason = _lock(handle, folder, doing)
        if reason is not None:
            (progress or Silent()).message(
                f"{path}: no lock ({reason}); nothing keeps a second process from {doing} meanwhile"
            )
        with contextlib.suppress(OSError):  # of a full disk; it is for the curious
            if not os.fstat(handle).st_size:
                os.write(handle, _SAID)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, folder: Path, doing: str) -> str | None:
    """Lock an open file; why that cannot be done, if it cannot."""
    if not LOCKS:
        return "this system has none"
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # the latter from network file systems
        raise InputError(
            f"{folder}: another process is {doing}; expected it to end first"
        ) from None
    except OSError as error:
        return error.strerror or str(error)
    return None


def hold(handle: int, wait: bool = False) -> bool:
    """Whether an open file is now locked by this process.

    Parameters
    ----------
    handle : int
    wait : bool
        Until another process has let it go.
    """
    if not LOCKS:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:  # locked by another, or a file system without locks
        return False
    return True


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other process is in such a block with this directory: files of two do not mix.

    It is for moments: nobody is told. Where directories have no locks, nothing is waited for.
    """
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # of Windows; what is missing, the block will say
        yield
        return
    try:
        hold(handle, wait=True)
        yield
    finally:
        os.close(handle)
