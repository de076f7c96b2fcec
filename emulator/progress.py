"""How long work tells where it is, without knowing who listens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Bar(Protocol):
    """How far one piece of work is."""

    def advance(self, amount: int = 1, **facts: object) -> None:
        """`amount` more pieces are done; facts such as error="2.1 %" are shown beside the bar."""


class Progress(Protocol):
    """A listener. The one here hears nothing; the command line's draws a bar."""

    def bar(self, title: str, total: int, done: int = 0) -> AbstractContextManager[Bar]:
        """Work of `total` pieces, of which `done` are done already.

        The bar ends with the block, whatever ends that: a bar that outlives its work leaves the
        terminal without a cursor.
        """

    def message(self, text: str) -> None:
        """A line to keep."""


class Silent:
    """Nobody listens: a listener and its own bar."""

    @contextmanager
    def bar(self, title: str, total: int, done: int = 0) -> Iterator[Bar]:
        """Itself."""
        yield self

    def advance(self, amount: int = 1, **facts: object) -> None:
        """Ignored."""

    def message(self, text: str) -> None:
        """Ignored."""
