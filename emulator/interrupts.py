"""Ctrl-C comes between two steps, never inside one."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait until the block is over, so that what it changes is changed as a whole.

    Only the main thread is ever interrupted by Ctrl-C; elsewhere, and where the process
    ignores it or handles it outside Python, this does nothing.

    Raises
    ------
    KeyboardInterrupt
        After the block, if Ctrl-C was pressed in it. (Or what the handler outside raises.)
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    pressed: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda number, frame: pressed.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if pressed:
        handler(*pressed[0])
