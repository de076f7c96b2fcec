"""Work shared out over threads: one pool for all engines."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache

from eqchip.emulator.errors import InputError
from eqchip.emulator.interrupts import uninterrupted


def resolve_threads(threads: int | None) -> int:
    """The number of threads to use: as asked, or all processors of this process."""
    if threads is None:
        return (
            len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count() or 1
        )
    if isinstance(threads, bool) or not hasattr(threads, "__index__") or threads < 1:
        raise InputError(f"threads is {threads!r}; expected a whole number of at least 1")
    return int(threads)


def share(work: Callable[[int, int], None], items: int, threads: int) -> None:
    """Call work(first, last) for all items, split over threads.

    All threads have ended when it returns or raises; of several errors the first items' is raised.
    """
    threads = min(threads, items)
    if threads <= 1:
        work(0, items)
        return
    bounds = [items * k // threads for k in range(threads + 1)]
    with uninterrupted():  # a thread that Ctrl-C meets in its start would never be told to end
        pool = _pool(threads - 1)
        others = [pool.submit(work, bounds[k], bounds[k + 1]) for k in range(1, threads)]
    try:
        work(bounds[0], bounds[1])
    finally:
        wait(others)
    for other in others:
        other.result()


@lru_cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="eqchip")


if hasattr(os, "register_at_fork"):
    # A forked child has the pools, but none of their threads: work given to them is never done.
    os.register_at_fork(after_in_child=_pool.cache_clear)
