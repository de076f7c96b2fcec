"""Work in forked children, which are killed or whose files fail, at any operation or moment."""

from __future__ import annotations

import builtins
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILES = {"open", "os.mkdir", "os.rename", "os.remove", "os.truncate", "os.scandir", "os.listdir"}
Act = Callable[[int], None]  # done at an operation, given its number from 1


@dataclass(frozen=True)
class End:
    """How a child ended: its exit status, or minus a signal, and what it did to files."""

    status: int
    operations: int

    @property
    def killed(self) -> bool:
        return self.status == -signal.SIGKILL


class Torn:
    """A file that is written in two halves: what `act` does comes in the middle, too."""

    def __init__(self, file: Any, step: Callable[[], None]) -> None:
        self.file, self.step = file, step

    def write(self, data: Any) -> int:
        half = len(data) // 2
        self.file.write(data[:half])
        self.file.flush()
        self.step()
        self.file.write(data[half:])
        return len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def __enter__(self) -> Torn:
        return self

    def __exit__(self, *raised: Any) -> None:
        self.file.close()


class Watched:
    """What this process does to the files of a directory, from now to its end.

    Every opening, renaming, making, removing and listing there is an operation, as Python's audit
    tells of it; so is every sync, and the middle of every write.
    """

    def __init__(self, folder: Path, act: Act) -> None:
        self.folder, self.act, self.count = os.fspath(folder), act, 0
        self.fsync, self.fdopen, self.open = os.fsync, os.fdopen, builtins.open
        sys.addaudithook(self._hear)
        os.fsync = self._sync  # type: ignore[assignment]
        os.fdopen = self._fdopen  # type: ignore[assignment]
        builtins.open = self._open  # type: ignore[assignment]

    def step(self) -> None:
        self.count += 1
        self.act(self.count)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in FILES and arguments and isinstance(arguments[0], (str, os.PathLike)):
            if self._mine(arguments[0]):
                self.step()
        elif event == "fcntl.flock":
            self.step()

    def _sync(self, handle: int) -> None:
        self.step()
        self.fsync(handle)
        self.step()

    def _fdopen(self, handle: int, mode: str = "r", *rest: Any, **more: Any) -> Any:
        file = self.fdopen(handle, mode, *rest, **more)
        return Torn(file, self.step) if "w" in mode else file

    def _open(self, path: Any, mode: str = "r", *rest: Any, **more: Any) -> Any:
        file = self.open(path, mode, *rest, **more)
        appends = isinstance(path, os.PathLike) and "a" in mode and self._mine(path)
        return Torn(file, self.step) if appends else file

    def _mine(self, path: str | os.PathLike[str]) -> bool:
        return Path(self.folder) in (Path(path), *Path(path).parents)


def in_a_child(
    work: Callable[[], int | None], folder: Path, act: Act, after: float | None = None
) -> End:
    """Do work in a child whose operations in a folder are watched.

    Parameters
    ----------
    work : callable
        Returns the exit status, or None for 0. What it raises goes to stderr, with the status 70.
    folder : Path
    act : callable
    after : float, optional
        Kill the child after so many seconds.
    """
    ours, theirs = os.pipe()
    pid = os.fork()
    if not pid:
        status = 70
        try:
            os.close(ours)
            watched = Watched(folder, act)
            status = work() or 0
            os.write(theirs, str(watched.count).encode())
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(theirs)
    if after is not None:
        time.sleep(after)
        os.kill(pid, signal.SIGKILL)
    with os.fdopen(ours) as told:
        count = told.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return End(status, int(count or 0))


def kill_at(number: int) -> Act:
    """Kill the process that does this, as `kill -9` does, at an operation."""

    def act(count: int) -> None:
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return act


def fail_at(number: int, code: int, once: bool) -> Act:
    """Let an operation fail, or it and all later ones."""

    def act(count: int) -> None:
        if count == number or (count > number and not once):
            raise OSError(code, os.strerror(code))

    return act


def pass_by(count: int) -> None:
    """Do nothing."""
