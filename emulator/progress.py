"""How long work tells where it is, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A listener. The one here hears nothing; the command line's draws a bar."""

    def start(self, title: str, total: int, done: int = 0) -> None:
        """Work of `total` pieces begins, of which `done` are done already."""

    def advance(self, amount: int = 1, **facts: object) -> None:
        """`amount` more pieces are done; facts such as error="2.1 %" are shown beside the bar."""

    def message(self, text: str) -> None:
        """A line to keep."""

    def stop(self) -> None:
        """The work is over."""


class Silent:
    """Nobody listens."""

    def start(self, title: str, total: int, done: int = 0) -> None:
        """Ignored."""

    def advance(self, amount: int = 1, **facts: object) -> None:
        """Ignored."""

    def message(self, text: str) -> None:
        """Ignored."""

    def stop(self) -> None:
        """Ignored."""
