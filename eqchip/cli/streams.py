"""Streams that show what they can, and readers that leave early."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import IO, Any

# What carries a meaning, where an encoding has it not; anything else is a question mark there.
PLAIN = {
    "≥": ">=", "≤": "<=", "≈": "~", "±": "+-", "−": "-", "–": "-", "—": "-", "×": "x", "·": "*",
    "µ": "u", "μ": "u", "→": "->", "←": "<-", "↔": "<->", "…": "...", "²": "^2", "³": "^3",
    "α": "alpha", "β": "beta", "γ": "gamma", "ε": "epsilon", "λ": "lambda", "ν": "nu",
    "‘": "'", "’": "'", "“": '"', "”": '"', "█": "#", "▓": "+", "▒": ":", "░": ".",
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


@contextlib.contextmanager
def lenient() -> Iterator[None]:
    """In the block, stdout and stderr replace what they cannot show."""
    changed: list[tuple[io.TextIOWrapper, str]] = []
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors is not None:
            changed.append((stream, stream.errors))
            stream.reconfigure(errors=ERRORS)
    try:
        yield
    finally:
        for stream, errors in changed:
            with contextlib.suppress(ValueError, OSError):  # closed, or full: that was told
                stream.reconfigure(errors=errors)


def flush() -> None:
    """Write all that was printed.

    Raises
    ------
    OSError
        If it cannot be written, as on a full disk; not if a reader has left.
    """
    if sys.stdout is not None:
        with unread(sys.stdout):
            sys.stdout.flush()


@contextlib.contextmanager
def unread(stream: IO[Any]) -> Iterator[None]:
    """Write in the block as if somebody read it: `| head` ends neither the work nor its status."""
    try:
        yield
    except BrokenPipeError:
        leave(stream)


def leave(stream: IO[Any]) -> None:
    """Let a stream that nobody reads any more go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
