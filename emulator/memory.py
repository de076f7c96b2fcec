"""How much memory there is, so that what does not fit is refused and not begun."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from eqchip.emulator.errors import InputError

CONTROL_GROUP = Path("/sys/fs/cgroup/memory.max")  # of a container, under version 2


def check_memory(what: str, size: int, expected: str) -> None:
    """Refuse what takes more memory than this process can ever have.

    Parameters
    ----------
    what : str
    size : int
        Bytes.
    expected : str
        What would be right.

    Raises
    ------
    InputError
        With the bytes that it would take, and those that there are.
    """
    most = memory()
    if most is not None and size > most:
        raise InputError(
            f"{what} takes {size:,} bytes, and there are {most:,}; expected {expected}"
        )


def memory() -> int | None:
    """Bytes that this process can have at most: of the machine, or by a limit set for it."""
    found = []
    with contextlib.suppress(AttributeError, ValueError, OSError):  # Windows
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with contextlib.suppress(OSError, ValueError):  # none, or "max"
        found.append(int(CONTROL_GROUP.read_text("utf-8")))
    with contextlib.suppress(ImportError):
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY:
            found.append(limit)
    return min(found, default=None)
