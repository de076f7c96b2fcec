"""A study in its directory: what it found as JSON, its figure, its table, and how it was asked."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from eqchip.emulator.files import replacing, write_text
from eqchip.emulator.locks import alone


def made_folder(out: str | Path | None) -> Path | None:
    """The directory to write to, made before the work: a bad place is told at once."""
    if out is None:
        return None
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_study(
    folder: Path | None,
    name: str,
    document: Mapping[str, Any],
    save: Callable[[Mapping[str, Any], Any], None],
    table: str | None = None,
) -> None:
    """NAME.json, NAME.png and, of a table, NAME.csv; nothing without a folder.

    save: draws the document into an open PNG file.
    """
    if folder is None:
        return
    with alone(folder):
        text = json.dumps(document, ensure_ascii=False, allow_nan=False)
        write_text(folder / f"{name}.json", text + "\n")
        if table is not None:
            write_text(folder / f"{name}.csv", table)
        with replacing(folder / f"{name}.png") as file:
            save(document, file)


def invocation(command: str, **settings: Any) -> str:
    """The command that repeats a study, with the defaults of today written out.

    Examples
    --------
    >>> invocation("converge", seed=0, search=True, trials=None)
    'eqchip converge --seed 0 --search'
    """
    words = ["eqchip", command]
    for name, value in settings.items():
        if value is None or value is False:  # by identity: a seed of 0 equals False
            continue
        words.append(f"--{name.replace('_', '-')}")
        if value is not True:
            words.append("-".join(map(str, value)) if isinstance(value, tuple) else str(value))
    return shlex.join(words)
