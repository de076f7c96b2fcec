"""Ctrl-C comes between two steps, never inside one; a request to end comes as Ctrl-C does."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NoReturn

# What a cluster sends to a job whose time is over, and a terminal to what it leaves behind.
# Windows has the first alone.
ENDINGS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))

_waits = False  # whether the main thread is in a block of `uninterrupted`


class Ended(KeyboardInterrupt):
    """The process was asked to end, by a signal that is not Ctrl-C's.

    Parameters
    ----------
    number : int
        Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def ending_as_interrupt() -> Iterator[None]:
    """In the block, a signal that would end the process interrupts it, as Ctrl-C does.

    In the main thread only, and only where nothing else is said of the signal: a process that
    `nohup` started goes on.

    Raises
    ------
    Ended
        Where the signal comes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    free = [number for number in ENDINGS if signal.getsignal(number) is signal.SIG_DFL]
    for number in free:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in free:
            signal.signal(number, signal.SIG_DFL)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    raise Ended(number)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait until the block is over, so that what it changes is changed as a whole.

    So do signals that come as Ctrl-C does. Only the main thread is ever interrupted by them;
    elsewhere, and where the process ignores them or handles them outside Python, this does nothing.

    Raises
    ------
    KeyboardInterrupt
        After the block, if Ctrl-C was pressed in it. (Or what the handler outside raises.)
    """
    global _waits
    if _waits or threading.current_thread() is not threading.main_thread():
        yield  # in a block within a block there is nothing to do
        return
    came: list[tuple[int, FrameType | None]] = []
    handlers: dict[int, Callable[..., Any]] = {}
    for number in (signal.SIGINT, *ENDINGS):
        handler = signal.getsignal(number)
        if callable(handler):
            handlers[number] = handler
            signal.signal(number, lambda number, frame: came.append((number, frame)))
    _waits = True
    try:
        yield
    finally:
        _waits = False
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if came:
        handlers[came[0][0]](*came[0])
