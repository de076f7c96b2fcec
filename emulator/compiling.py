"""What is known of compiling without the compiler: how long it took, and who is told."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

Tell = Callable[[str], None]

MORE = "Compiling further kernels ..."
FEW_COLLECTIONS = (100_000, 10, 10)  # Python's own are (700, 10, 10)
AGAIN = 5.0  # seconds without compiling, after which it is told anew: somebody waits once more

_tell: Tell | None = None
_told: str | None = None  # what was told last
_ended = 0.0  # when the last kernel was done
_seconds = 0.0
_depth = 0  # a kernel compiles those that it calls
_start = 0.0
_thresholds = gc.get_threshold()  # those of Python when it began


def tell_compiling(tell: Tell | None) -> None:
    """Have a function told when kernels are compiled from now on.

    Once while one follows the other; again where work lay between, for it is waited for again.

    Parameters
    ----------
    tell : callable or None
        Given one line of text, from whichever thread compiles. None: nobody is told.
    """
    global _tell, _told
    _tell, _told = tell, None


def running_clock() -> float:
    """Seconds from some moment on, like `time.perf_counter`, that pass only while nothing compiles.

    Examples
    --------
    >>> began = running_clock()
    >>> running_clock() >= began
    True
    """
    return (_start if _depth else time.perf_counter()) - _seconds


def compiling_begins(why: str) -> None:
    """Told by the compiler: it begins, for the reason given; beginnings may be nested.

    Until it ends garbage is collected seldom: to look for it among all that a compiler holds, over
    and over, takes a tenth of its time.
    """
    global _depth, _start, _told, _thresholds
    if not _depth:
        _start = time.perf_counter()
        _thresholds = gc.get_threshold()
        gc.set_threshold(*FEW_COLLECTIONS)
        if _tell is not None and (_told is None or _start - _ended > AGAIN):
            _tell(why if _told is None else MORE)
            _told = why
    _depth += 1


def compiling_ends() -> None:
    """Told by the compiler: what began last is done, or has failed."""
    global _depth, _ended, _seconds
    _depth -= 1
    if not _depth:
        _ended = time.perf_counter()
        _seconds += _ended - _start
        gc.set_threshold(*_thresholds)
