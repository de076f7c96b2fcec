"""Work that is shared out over threads ends before anything is made of it."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time

import forked
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


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_child_of_a_process_that_used_threads_uses_its_own(method):
    expected = forked.ends_on_two_threads()
    with multiprocessing.get_context(method).Pool(1) as pool:  # ended when it is left
        assert pool.apply_async(forked.ends_on_two_threads).get(60) == expected


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_the_parent_keeps_its_threads_after_a_fork():
    share(lambda first, last: None, 2, 2)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        pool.apply(int)
    done: list[int] = []
    share(lambda first, last: done.extend(range(first, last)), 7, 2)
    assert sorted(done) == list(range(7))


INTERRUPTED_IN_ITS_START = """
import signal, threading
from eqchip.emulator.threads import share

start = threading.Thread.start

def started_and_interrupted(thread):
    start(thread)
    signal.raise_signal(signal.SIGINT)

threading.Thread.start = started_and_interrupted
try:
    share(lambda first, last: None, 2, 2)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_a_process_ends_whose_threads_ctrl_c_met_in_their_start(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_IN_ITS_START],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr
