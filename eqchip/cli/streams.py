"""Streams that show what they can, and readers that leave early."""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import Any

# What carries a meaning, where an encoding has it not; anything else is a question mark there.
PLAIN = {
    "≥": ">=", "≤": "<=", "≈": "~", "±": "+-", "−": "-", "–": "-", "—": "-", "×": "x", "·": ".",
    "µ": "u", "μ": "u", "→": "->", "←": "<-", "↔": "<->", "…": "...", "²": "^2", "³": "^3",
    "α": "alpha", "β": "beta", "γ": "gamma", "ε": "epsilon", "λ": "lambda", "ν": "nu",
    "‘": "'", "’": "'", "“": '"', "”": '"', "█": "#", "▓": "+", "▒": ":", "░": ",",
    "─": "-", "│": "|", "┌": "+", "┐": "+", "└": "+", "┘": "+", "├": "+", "┤": "+", "┬": "+",
    "┴": "+", "┼": "+", "═": "=", "║": "|", "━": "-", "┃": "|",
}  # fmt: skip
ERRORS = "eqchip.plain"


def _plain(error: UnicodeError) -> tuple[str, int]:
    """What stands for letters that an encoding has not."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    return "".join(PLAIN.get(letter, "?") for letter in letters), error.end


codecs.register_error(ERRORS, _plain)


def _is_left(error: OSError) -> bool:
    """Whether an error of writing says that nobody reads any more, in the words of the system."""
    windows = os.name == "nt" and error.errno == errno.EINVAL
    return isinstance(error, BrokenPipeError) or windows


class _Unread(io.FileIO):
    """Writes as if somebody read it: `| head` ends neither the work nor its status."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if not _is_left(error):
                raise
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return len(data)


@contextlib.contextmanager
def lenient() -> Iterator[None]:
    """In the block, stdout and stderr replace what they cannot show; their readers may leave."""
    with _lenient("stdout"), _lenient("stderr"):
        yield


@contextlib.contextmanager
def _lenient(name: str) -> Iterator[None]:
    kept = getattr(sys, name)
    try:
        kept.flush()
        raw = _Unread(kept.fileno(), "w", closefd=False)
    except (AttributeError, OSError, ValueError):  # none, closed, or in memory
        yield
        return
    stream = io.TextIOWrapper(
        io.BufferedWriter(raw), kept.encoding, ERRORS,
        line_buffering=kept.line_buffering, write_through=kept.write_through,
    )  # fmt: skip
    setattr(sys, name, stream)
    try:
        yield
    finally:
        setattr(sys, name, kept)
        with contextlib.suppress(OSError):  # of a full disk: that was told
            stream.close()
