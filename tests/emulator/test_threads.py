"""Work that is shared out over threads ends before anything is made of it."""

from __future__ import annotations

import threading
import time

import pytest

from eqchip.emulator.threads import share


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
def test_every_item_is_worked_on_once(threads):
    done: list[int] = []
    share(lambda first, last: done.extend(range(first, last)), 7, threads)
    assert sorted(done) == list(range(7))


def test_an_error_is_raised_when_the_other_threads_have_ended():
    # What they write into must not be given up while they still write.
    ended, started = threading.Event(), threading.Event()

    def work(first: int, last: int) -> None:
        if first == 0:
            assert started.wait(10)
            raise KeyboardInterrupt
        started.set()
        time.sleep(0.2)
        ended.set()

    with pytest.raises(KeyboardInterrupt):
        share(work, 2, 2)
    assert ended.is_set()


def test_of_several_errors_that_of_the_first_items_is_raised():
    def work(first: int, last: int) -> None:
        time.sleep(0.05 * (3 - first))  # the last is first in time
        raise ValueError(first)

    with pytest.raises(ValueError, match="0"):
        share(work, 3, 3)
