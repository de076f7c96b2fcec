"""The processes in which a sweep trains its points, here or on a cluster."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.connection import Connection

from eqchip.emulator.compiling import tell_compiling
from eqchip.emulator.errors import InputError
from eqchip.emulator.progress import Progress
from eqchip.emulator.threads import resolve_threads
from eqchip.emulator.training.sweep import Settings
from eqchip.emulator.training.sweep_points import Trained, run_point


def train_points(
    points: Sequence[Settings],
    data: str | None,
    workers: int | None,
    dask: str | None,
    progress: Progress,
) -> Generator[Trained, None, None]:
    """All points, trained, as they come; closed early, the training of the others is ended.

    Parameters
    ----------
    points : sequence of dict
        From :attr:`~eqchip.emulator.training.sweep.Sweep.points`.
    data : str, optional
        Directory of the data set's files.
    workers : int, optional
        Points trained at a time. Default: all processors.
    dask : str, optional
        Train on the cluster whose scheduler is at this address instead.
    progress : Progress
        Told when processes here compile, once.

    Raises
    ------
    InputError
        If no scheduler answers, or a process is ended from outside.
    """
    with _executor(workers, dask, len(points), progress) as executor:
        yield from _run(executor, points, data)


@contextlib.contextmanager
def _executor(
    workers: int | None, dask: str | None, points: int, progress: Progress
) -> Iterator[Executor]:
    """Where points are trained; when the block is left in a hurry, their training is ended."""
    if dask is not None:
        with _cluster(dask) as executor:
            yield executor
        return
    others = set(active_children())
    count = max(min(resolve_threads(workers), points), 1)
    with _hearing(progress) as mouth:
        pool = ProcessPoolExecutor(
            count, get_context("spawn"), initializer=_prepare_worker, initargs=(mouth,)
        )
        try:
            yield pool
        except BaseException:
            for child in set(active_children()) - others:
                child.terminate()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()


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
def _cluster(address: str) -> Iterator[Executor]:
    """A Dask cluster that exists already; it is left as it was."""
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            "--dask needs the package distributed, which is missing; expected: "
            'pip install "eqchip[dask]"'
        ) from None
    try:
        client = Client(address)
    except (OSError, ValueError) as error:  # of a time-out, too
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"--dask {address}: no scheduler answers ({reason[:200]}); "
            "expected an address such as tcp://10.0.0.1:8786"
        ) from None
    with client:  # closing it forgets the points under way
        yield client.get_executor(pure=False)


def _run(executor: Executor, points: Sequence[Settings], data: str | None) -> Iterator[Trained]:
    """All points, trained, as they come."""
    with _unheard():
        futures = [executor.submit(run_point, settings, data) for settings in points]
    try:
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool:
        raise InputError(
            "a process that trained a point was ended from outside, perhaps for want of memory; "
            "finished points are kept; expected fewer --workers"
        ) from None


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
