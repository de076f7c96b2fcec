"""The processes in which points are trained, or otherwise worked on, here or on a cluster."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from importlib import import_module
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.connection import Connection
from typing import Any, Protocol, TypeVar

from eqchip.emulator.compiling import tell_compiling
from eqchip.emulator.errors import InputError
from eqchip.emulator.progress import Progress
from eqchip.emulator.source import this_code
from eqchip.emulator.threads import resolve_threads
from eqchip.emulator.training.sweep import Settings
from eqchip.emulator.training.sweep_cluster import Call, open_cluster
from eqchip.emulator.training.sweep_points import Trained, run_point_with

Done = TypeVar("Done")


class Workers(Protocol):
    """Where points are trained."""

    def trained(self, points: Sequence[Settings], data: str | None) -> Iterator[Trained]:
        """All points, trained, as they come."""

    def called(self, call: Call, arguments: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
        """What a function says to each of its arguments, as answers come; the code comes first."""


def open_workers(
    workers: int | None, dask: str | None, points: int, progress: Progress
) -> AbstractContextManager[Workers]:
    """Where points are trained; when the block is left in a hurry, their training is ended.

    Parameters
    ----------
    workers : int, optional
        Points trained at a time. Default: all processors.
    dask : str, optional
        Train on the cluster whose scheduler is at this address instead.
    points : int
        The most that there will be.
    progress : Progress
        Told when processes here compile, once.

    Raises
    ------
    InputError
        If no scheduler answers, or a process is ended from outside.
    """
    if dask is not None:
        return open_cluster(dask, progress)
    return open_pool(max(min(resolve_threads(workers), points), 1), progress)


@contextlib.contextmanager
def open_pool(count: int, progress: Progress) -> Iterator[Pool]:
    """So many processes here, begun when there is something for them; as :func:`open_workers`."""
    others = set(active_children())
    with _hearing(progress) as mouth:
        pool = ProcessPoolExecutor(
            count, get_context("spawn"), initializer=_prepare_worker, initargs=(mouth,)
        )
        try:
            yield Pool(pool)
        except BaseException:
            for child in set(active_children()) - others:
                child.terminate()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()


class Pool:
    """Processes here."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def trained(self, points: Sequence[Settings], data: str | None) -> Iterator[Trained]:
        """All points, trained, as they come."""
        code = tuple(this_code())
        return self.done(run_point_with, [(code, settings, data) for settings in points])

    def called(self, call: Call, arguments: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
        """What a function says to each of its arguments, as answers come; the code comes first."""
        code = tuple(this_code())
        function = getattr(import_module(call.module), call.name)
        return self.done(function, [(code, *given) for given in arguments])

    def done(self, call: Callable[..., Done], tasks: Sequence[tuple[Any, ...]]) -> Iterator[Done]:
        """What a function of a module says to each of the tasks, its arguments, as they come.

        Raises
        ------
        InputError
            If a process is ended from outside.
        """
        with _unheard():
            futures = [self._executor.submit(call, *task) for task in tasks]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            raise InputError(
                "a process that worked on a point was ended from outside, perhaps for want of "
                "memory; finished points are kept; expected fewer --workers"
            ) from None


@contextlib.contextmanager
def _hearing(progress: Progress) -> Iterator[Connection]:
    """Pass on the first text that any process sends, while the block lasts.

    A pipe, not a queue: a process that is ended while it holds a queue's lock keeps it for ever.
    """
    ear, mouth = get_context("spawn").Pipe(duplex=False)

    def hear() -> None:
        text = ear.recv()
        if text is not None:
            progress.message(text)

    listener = threading.Thread(target=hear, daemon=True)
    with _unheard():
        listener.start()
    try:
        yield mouth
    finally:
        mouth.send(None)
        listener.join()


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """Ctrl-C waits until the block is over, and processes started in it never hear it.

    It reaches all processes of a terminal; this one ends the others.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _prepare_worker(mouth: Connection) -> None:
    """In a worker: leave Ctrl-C to the parent, and end with it, even if it is killed.

    What it has to say of compiling, it sends there.
    """
    tell_compiling(mouth.send)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
