"""Listeners that tests hand to long work."""

from __future__ import annotations

from eqchip.emulator.progress import Silent


class Stopper(Silent):
    """Presses Ctrl-C after so many stops of the training."""

    def __init__(self, after: int) -> None:
        self.left = after

    def advance(self, amount: int = 1, **facts: object) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


class Hearing(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def message(self, text: str) -> None:
        self.heard.append(text)
