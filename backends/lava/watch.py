"""Runs a command that may hang: with a limit, to the end of every process that it started.

Lava hangs in silence when one of its processes raises. Ours print what went wrong first, so the
command's output is watched for that; then its whole group of processes is ended.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

FAILED = "LAVA PROCESS FAILED"  # what a process prints before its traceback
POLL_SECONDS = 0.01
GRACE_SECONDS = 0.3  # for a traceback to be written whole
END_SECONDS = 3.0  # for processes that were asked to end


class CommandFailed(Exception):
    """The command ended badly; the first argument is one line, `output` all that it printed."""

    def __init__(self, line: str, output: str) -> None:
        super().__init__(line)
        self.output = output


def run(command: Sequence[str], *, limit: float, folder: Path, log: Path) -> None:
    """Run a command in a folder, its output in the file `log`.

    Raises
    ------
    CommandFailed
        If it fails, prints that a process failed, or is not done within `limit` seconds.
    """
    # One thread of algebra per process: they are many already.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    end = time.monotonic() + limit
    late = False
    try:
        while process.poll() is None and not late and not _failed(log):
            time.sleep(POLL_SECONDS)
            late = time.monotonic() > end
        if _failed(log):
            time.sleep(GRACE_SECONDS)
    finally:
        _end_group(process)
    text = log.read_text("utf-8", errors="replace")
    if _failed(log) or (not late and process.returncode != 0):
        raise CommandFailed(_reason(text) or f"exit status {process.returncode}", text)
    if late:
        raise CommandFailed(f"not done within {limit:g} s", text)


def _failed(log: Path) -> bool:
    return FAILED.encode() in log.read_bytes()


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the group: asked first, so that shared memory is given back."""
    for asked in (signal.SIGTERM, signal.SIGKILL):
        end = time.monotonic() + END_SECONDS
        while (process.poll() is None or alive(process.pid)) and time.monotonic() < end:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, asked)
            time.sleep(POLL_SECONDS)
    process.wait()


def alive(group: int) -> bool:
    """Whether a process of a group still runs; one that nobody has reaped does not."""
    if not Path("/proc/self/stat").exists():
        try:
            os.killpg(group, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return True
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, found = path.read_text("utf-8", "replace").rpartition(")")[2].split()[:3]
            if int(found) == group and state not in "ZX":
                return True
    return False


def _reason(text: str) -> str:
    """One line of a traceback: which process, what was raised, and where."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    start = next((k for k, line in enumerate(lines) if FAILED in line), 0)
    who = lines[start].partition(f"{FAILED}: ")[2] if lines else ""
    frames = [k for k in range(start, len(lines)) if lines[k].startswith("File ")]
    # the first traceback after the process said so: from its last frame on, the error follows
    where, error = "", ""
    for k in frames:
        where = lines[k]
        following = lines[k + 2 : k + 3]
        if following and not following[0].startswith(("File ", "^")):
            error = following[0]
            break
    parts = [part for part in (who, error or (lines[-1] if lines else ""), where) if part]
    return "; ".join(parts)
