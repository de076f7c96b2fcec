"""What a command shows: results on stdout, progress and messages on stderr."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from eqchip.emulator.interrupts import uninterrupted


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --json and --quiet; the command receives them as `as_json` and `quiet`."""
    command = click.option("--quiet", "-q", is_flag=True, help="No progress, no messages.")(command)
    return click.option(
        "--json", "as_json", is_flag=True, help="One JSON document on stdout, nothing else there."
    )(command)


class Output:
    """Where a command writes.

    A listener in the sense of :class:`eqchip.emulator.progress.Progress`.

    Parameters
    ----------
    as_json : bool
        Tables and text are left out; :meth:`result` prints the JSON document.
    quiet : bool
        Neither bars nor messages.
    """

    def __init__(self, as_json: bool = False, quiet: bool = False) -> None:
        self.as_json, self.quiet = as_json, quiet
        # A path may hold what rich would take for markup or an emoji.
        self._stdout = Console(highlight=False, markup=False, emoji=False)
        self._stderr = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._bar: Progress | None = None

    def start(self, title: str, total: int, done: int = 0) -> None:
        """Begin a bar."""
        self.stop()
        # Where nobody watches (a file, a pipe) a bar would only leave noise.
        if self.quiet or not self._stderr.is_terminal:
            return
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            _Facts(),
            console=self._stderr,
            transient=True,
        )
        self._bar.start()
        self._bar.add_task(title, total=total, completed=done)

    def advance(self, amount: int = 1, **facts: object) -> None:
        """Move the bar on."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], advance=amount, **facts)  # type: ignore[arg-type]

    def message(self, text: str) -> None:
        """A line on stderr."""
        if not self.quiet:
            with uninterrupted():  # a line cut off by Ctrl-C would be printed again
                self._stderr.print(text, soft_wrap=True)

    def stop(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table on stdout; columns whose first cell is a number stand to the right."""
        if self.as_json:
            return
        table = Table(title=title, title_justify="left", title_style="bold")
        for k, name in enumerate(columns):
            first = str(rows[0][k]) if rows else ""
            table.add_column(name, justify="right" if first[:1].isdigit() else "left")
        for row in rows:
            table.add_row(*(str(cell) for cell in row))
        self._stdout.print(table)

    def text(self, text: str) -> None:
        """A line on stdout."""
        if not self.as_json:
            self._stdout.print(text, soft_wrap=True)

    def result(self, document: Mapping[str, Any]) -> None:
        """The JSON document, if it was asked for."""
        if self.as_json:
            click.echo(json.dumps(document, indent=2))


class _Facts(ProgressColumn):
    """The facts given to `advance`, one after the other."""

    def render(self, task: Task) -> Text:
        return Text(
            "  ".join(f"{name.replace('_', ' ')} {value}" for name, value in task.fields.items())
        )
