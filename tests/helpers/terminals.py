"""A command on a terminal, as a user sees it, who presses Ctrl-C."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

HIDE, SHOW = b"\x1b[?25l", b"\x1b[?25h"  # the cursor
TIMEOUT = 600  # seconds; only so that a test that hangs ends


def interrupted_at_bar(arguments: Sequence[object], folder: Path) -> tuple[bytes, int]:
    """Run `eqchip` on a terminal, and press Ctrl-C when its first bar is drawn.

    Returns
    -------
    screen : bytes
        All that it wrote there, control sequences included.
    status : int
        The exit status.
    """
    import pty

    ours, theirs = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "EQCHIP_DATA")}
    with subprocess.Popen(
        [sys.executable, "-m", "eqchip", *map(str, arguments)],
        cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True,
        env={**environment, "TERM": "xterm", "COLUMNS": "200"},
    ) as process:  # fmt: skip
        os.close(theirs)
        screen, pressed, ends = b"", False, time.monotonic() + TIMEOUT
        try:
            while time.monotonic() < ends and select.select([ours], [], [], TIMEOUT)[0]:
                try:
                    piece = os.read(ours, 65536)
                except OSError:  # Linux: nobody holds the other end any more
                    break
                if not piece:
                    break
                screen += piece
                if not pressed and HIDE in screen:
                    pressed = True
                    process.send_signal(signal.SIGINT)
        finally:
            if process.poll() is None and time.monotonic() >= ends:
                process.kill()
            os.close(ours)
    return screen, process.returncode


def assert_ended_whole(screen: bytes, status: int) -> None:
    """A bar was drawn, the cursor came back after it, and the status is that of an interrupt."""
    text = screen.decode(errors="replace")
    assert HIDE in screen, text
    assert screen.rindex(SHOW) > screen.rindex(HIDE), text
    assert status == 130, text
    assert text.rstrip().endswith("eqchip: interrupted"), text
    assert "Traceback" not in text
