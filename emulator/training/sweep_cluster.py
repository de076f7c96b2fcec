"""Points of a sweep trained on a Dask cluster that exists already."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from typing import Any, NamedTuple

from eqchip.emulator.errors import InputError
from eqchip.emulator.progress import Progress
from eqchip.emulator.source import this_code
from eqchip.emulator.training.sweep import Settings
from eqchip.emulator.training.sweep_points import Trained

WORKER_SECONDS = 30.0  # that a cluster may be without a worker
ANSWER_SECONDS = 30.0  # that its scheduler may take to say so
LOOK_SECONDS = 2.0  # between two looks at the workers
NO_ANSWER = (OSError, TimeoutError, asyncio.TimeoutError)  # one class from Python 3.11 on
# A worker that lacks eqchip, or has another, must be able to say so: it is sent nothing but the
# name of what it should call, for a function of ours it could not even unpack.
CALL = (
    "__import__('eqchip.emulator.training.sweep_points', fromlist=['*'])"
    ".run_point_with(code, settings, data)"
)
CALLED = "run_point_with"


class Call(NamedTuple):
    """A function by its name: a worker that lacks it must be able to say so."""

    module: str
    name: str

    @property
    def text(self) -> str:
        """What a worker evaluates, with its arguments as ``code`` and ``given``."""
        return f"__import__({self.module!r}, fromlist=['*']).{self.name}(code, *given)"


class Cluster:
    """The workers of one scheduler; made by :func:`open_cluster`."""

    def __init__(self, address: str, client: Any) -> None:
        self.address, self.client = address, client

    def trained(self, points: Sequence[Settings], data: str | None) -> Iterator[Trained]:
        """All points, trained, as they come.

        Raises
        ------
        InputError
            If scheduler or workers are lost, or a worker has another eqchip, or none.
        """
        return self._results(CALL, CALLED, [{"settings": one, "data": data} for one in points])

    def called(self, call: Call, arguments: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
        """What a function says to each of its arguments; errors as of :meth:`trained`."""
        return self._results(call.text, call.name, [{"given": given} for given in arguments])

    def _results(self, text: str, name: str, asked: Sequence[dict[str, Any]]) -> Iterator[Any]:
        code = tuple(this_code())
        executor = self.client.get_executor(pure=False)
        left: set[Future[Any]] = {
            executor.submit(eval, text, {"code": code, **given}) for given in asked
        }
        seen = time.monotonic()
        while left:
            done, left = wait(left, LOOK_SECONDS, FIRST_COMPLETED)
            for future in done:
                yield self._result(future, name)
            if done or self._workers() > 0:
                seen = time.monotonic()
            elif time.monotonic() - seen > WORKER_SECONDS:
                raise self._lost("no worker is left")

    def _result(self, future: Future[Any], name: str) -> Any:
        from distributed import KilledWorker

        try:
            return future.result()
        except CancelledError:
            raise self._lost("the scheduler is lost") from None
        except KilledWorker:
            raise self._lost(
                "workers end while they work on one point, perhaps for want of memory"
            ) from None
        except (ImportError, AttributeError) as error:
            if isinstance(error, AttributeError) and name not in str(error):
                raise
            raise InputError(
                f"--dask {self.address}: a worker cannot run this eqchip ({error}); "
                f"expected {this_code()} on all of them"
            ) from None

    def _workers(self) -> int:
        try:
            return len(self.client.ncores(callback_timeout=ANSWER_SECONDS))
        except NO_ANSWER:
            raise self._lost("the scheduler is lost") from None

    def _lost(self, what: str) -> InputError:
        return InputError(
            f"--dask {self.address}: {what}; finished points are kept, and the same call goes on "
            "with the others"
        )


@contextlib.contextmanager
def open_cluster(address: str, progress: Progress) -> Iterator[Cluster]:
    """A cluster with at least one worker; it is left as it was.

    Raises
    ------
    InputError
        If distributed is not installed, no scheduler answers, or no worker comes.
    """
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            "--dask needs the package distributed, which is missing; expected: "
            'pip install "eqchip[dask]"'
        ) from None
    with _quiet():
        try:
            client = Client(address)
        except (OSError, ValueError) as error:  # of a time-out, too
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(
                f"--dask {address}: no scheduler answers ({reason[:200]}); "
                "expected an address such as tcp://10.0.0.1:8786"
            ) from None
        with client:  # closing it forgets the points under way
            _await_worker(address, client, progress)
            yield Cluster(address, client)


def _await_worker(address: str, client: Any, progress: Progress) -> None:
    try:
        if not client.ncores(callback_timeout=ANSWER_SECONDS):
            progress.message(f"Waiting for a worker of {address}")
            client.wait_for_workers(1, WORKER_SECONDS)
    except NO_ANSWER:
        raise InputError(
            f"--dask {address}: no worker has come in {WORKER_SECONDS:.0f} s; expected one or more "
            f"(dask worker {address})"
        ) from None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep distributed from telling on stderr, at length, what is told here in a line."""

    def refuse(record: logging.LogRecord) -> bool:
        return False

    names = ("distributed", "distributed.client", "tornado", "tornado.application", "asyncio")
    handlers = [handler for name in names for handler in logging.getLogger(name).handlers]
    for handler in handlers:
        handler.addFilter(refuse)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(refuse)
