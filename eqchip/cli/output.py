"""What a command shows: results on stdout, progress and messages on stderr."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text

from eqchip.cli.command import REST, section
from eqchip.emulator.compiling import tell_compiling
from eqchip.emulator.interrupts import uninterrupted
from eqchip.emulator.progress import Bar, Silent
from eqchip.emulator.text import harmless, shortened

NUMBER = re.compile(r"[-−+±<>≤≥≈~]?\s*[0-9]")  # how a cell begins that is one: "≥ 257", "-3 %"
LONGEST = 4000  # characters of a text or a cell; what has more is no text for a terminal
ROOMY = 110  # columns of a terminal where bars may be long and facts are not cut
NOTHING = ("", "-", "–")  # cells that do not say what their column holds


def output_options(command: Callable[..., Any]) -> Any:
    """Add --json and --quiet; the command receives them as `as_json` and `quiet`."""
    options = [
        click.option(
            "--json", "as_json", is_flag=True,
            help="One JSON document on stdout, nothing else there.",
        ),
        click.option("--quiet", "-q", is_flag=True, help="No progress, no messages."),
    ]  # fmt: skip
    return section(REST, options)(command)


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
        tell_compiling(self.message)

    @property
    def listener(self) -> Output | None:
        """Itself, for a library function to tell where it is; None: it need not."""
        return None if self.quiet else self

    @contextmanager
    def bar(self, title: str, total: int, done: int = 0) -> Iterator[Bar]:
        """A bar on stderr that ends with the block, by an error or Ctrl-C, too."""
        # Where nobody watches (a file, a pipe) a bar would only leave noise.
        if self.quiet or not self._stderr.is_terminal:
            with Silent().bar(title, total, done) as unseen:
                yield unseen
            return
        drawn = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24 if self._stderr.width >= ROOMY else 8),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            _Facts(table_column=Column(no_wrap=True, overflow="ellipsis")),
            console=self._stderr,
            transient=True,
        )
        task = drawn.add_task(_shown(title), total=total, completed=done)
        try:
            # Whole, or the cursor is hidden by a bar that does not know it: likewise at the end.
            with uninterrupted():
                drawn.start()
            yield _Drawn(drawn, task)
        finally:
            with uninterrupted():
                drawn.stop()

    def message(self, text: str) -> None:
        """A line on stderr."""
        if not self.quiet:
            with uninterrupted():  # a line cut off by Ctrl-C would be printed again
                self._stderr.print(_shown(text), soft_wrap=True)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table on stdout; columns that begin with a number stand to the right."""
        if self.as_json:
            return
        table = Table(title=_shown(title), title_justify="left", title_style="bold")
        for k, name in enumerate(columns):
            cells = (str(row[k]) for row in rows)
            first = next((cell for cell in cells if cell not in NOTHING), "")
            table.add_column(name, justify="right" if NUMBER.match(first) else "left")
        for row in rows:
            table.add_row(*(_shown(str(cell)) for cell in row))
        self._stdout.print(table)

    def text(self, text: str | Text) -> None:
        """A line on stdout; what has styles of its own is of eqchip's making."""
        if not self.as_json:
            shown = _shown(text) if isinstance(text, str) else text
            self._stdout.print(shown, soft_wrap=True)

    def result(self, document: Mapping[str, Any]) -> None:
        """The JSON document, if it was asked for: `format`, which each has, stands first."""
        if self.as_json:
            click.echo(json.dumps({"format": document["format"], **document}, indent=2))


def _shown(text: str) -> str:
    """A text, whoever wrote it, as a terminal is given it."""
    return shortened(harmless(text), LONGEST)


class _Drawn:
    """A bar on the terminal."""

    def __init__(self, drawn: Progress, task: TaskID) -> None:
        self._drawn, self._task = drawn, task

    def advance(self, amount: int = 1, **facts: object) -> None:
        """Move the bar on."""
        self._drawn.update(self._task, advance=amount, **facts)  # type: ignore[arg-type]


class _Facts(ProgressColumn):
    """The facts given to `advance`, one after the other."""

    def render(self, task: Task) -> Text:
        return Text(
            _shown(
                "  ".join(
                    f"{name.replace('_', ' ')} {value}" for name, value in task.fields.items()
                )
            )
        )
