"""What a shell may complete: names of chips, and directories of runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from click.shell_completion import CompletionItem

RUNS = Path("runs")  # where runs are made unless something else is said
CONFIG = "config.toml"  # what makes a directory a run


def chips(ctx: Any, param: Any, incomplete: str) -> list[CompletionItem]:
    """Chips by name; files, where none begins so."""
    from eqchip.mapping.chip_file.chip import chip_names

    before, comma, last = incomplete.rpartition(",")
    found = [name for name in chip_names() if name.startswith(last)]
    return [CompletionItem(f"{before}{comma}{name}") for name in found] or _files(incomplete)


def runs(ctx: Any, param: Any, incomplete: str) -> list[CompletionItem]:
    """Runs in the directory that is being typed, or in runs/; files, where there are none."""
    folder = Path(incomplete).parent if os.path.dirname(incomplete) else Path()
    places = [folder] if incomplete else [folder, RUNS]
    found = [path for place in places for path in _runs_in(place)]
    return [
        CompletionItem(str(path)) for path in found if str(path).startswith(incomplete)
    ] or _files(incomplete)


def _runs_in(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(one for one in folder.iterdir() if (one / CONFIG).is_file())


def _files(incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="file")]
