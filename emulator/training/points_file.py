"""``points.jsonl``: a line per finished point of a sweep, written and read back."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from eqchip.emulator.documents import json_lines
from eqchip.emulator.errors import InputError, is_amount
from eqchip.emulator.files import append_line, read_bytes
from eqchip.emulator.locks import claimed
from eqchip.emulator.progress import Progress
from eqchip.emulator.source import Code, this_code
from eqchip.emulator.training.sweep import LATER, Settings, Sweep, key_of
from eqchip.emulator.training.sweep_rules import RULE

POINT_FORMAT = "eqchip-sweep-point 1"


class PointKind(NamedTuple):
    """What the lines of a file of points are.

    format: of each; wrong: the first fact of a line that cannot be, or None; later: of the
    settings of a line, those that older versions lack; doing: what is done with the points, for
    messages.
    """

    format: str
    wrong: Callable[[Mapping[str, Any]], str | None]
    later: Callable[[Settings], Settings]
    doing: str


class Points:
    """``points.jsonl``: append-only, a line per finished point.

    Parameters
    ----------
    path : Path
    kind : PointKind, optional
        Default: points that are trained.
    """

    def __init__(self, path: Path, kind: PointKind | None = None) -> None:
        self.path, self.kind = path, kind or TRAINED

    def claim(self, progress: Progress | None = None) -> AbstractContextManager[None]:
        """Keep other processes from running this sweep meanwhile; see :func:`claimed`.

        Raises
        ------
        InputError
            If another process runs it.
        """
        return claimed(self.path.parent, self.kind.doing, progress)

    def read(self) -> list[dict[str, Any]]:
        """The points so far; a line cut short by a kill is removed from the file.

        Raises
        ------
        InputError
            If a line is not one of a point.
        """
        try:
            text = read_bytes(self.path)
        except FileNotFoundError:
            return []
        whole = text[: text.rfind(b"\n") + 1]
        rows = []
        for where, row in json_lines(self.path, whole, f"format {self.kind.format!r}"):
            if row.pop("format", None) != self.kind.format:
                raise InputError(f"{where}: expected format {self.kind.format!r}")
            wrong = self.kind.wrong(row)
            if wrong:
                raise InputError(f"{where}: {wrong} is missing or no fit value")
            later = self.kind.later(row["settings"])
            rows.append({**row, "settings": {**later, **row["settings"]}})
        if len(whole) < len(text):  # what is appended must begin a line of its own
            os.truncate(self.path, len(whole))
        return rows

    def append(self, row: Mapping[str, Any]) -> None:
        """Add a point's line."""
        append_line(self.path, json.dumps({"format": self.kind.format, **row}))


COUNTS = ("synaptic_events", "updates_active", "updates_inactive", "spikes", "weights_attempted")


def _wrong_fact(row: Mapping[str, Any]) -> str | None:
    """The first fact of a point's line, of those that are read again, that cannot be."""
    if not isinstance(row.get("settings"), dict):
        return "settings"
    code = row.get("eqchip")
    if "eqchip" in row and not (
        isinstance(code, dict)
        and code.keys() == set(Code._fields)
        and all(isinstance(text, str) for text in code.values())
    ):
        return "eqchip"
    for name in ("validation_error", *COUNTS):
        if not is_amount(row.get(name)):
            return name
    return None


def _later(settings: Settings) -> Settings:
    return {} if RULE in settings else LATER


TRAINED = PointKind(POINT_FORMAT, _wrong_fact, _later, "running this sweep")


def check_code(rows: Sequence[Mapping[str, Any]], path: Path, going_on: bool) -> int:
    """Refuse to mix points of two codes.

    Parameters
    ----------
    rows : sequence of dict
        The points so far.
    path : Path
        Of their file.
    going_on : bool
        Whether points of the code here are to be added.

    Returns
    -------
    int
        How many points do not say which code computed them: older versions wrote no such thing.

    Raises
    ------
    InputError
    """
    said = [Code(**row["eqchip"]) for row in rows if "eqchip" in row]
    names = {code.digest: code for code in said}
    if going_on:
        names.setdefault(this_code().digest, this_code())
    if len(names) > 1:
        first, second = list(names.values())[:2]
        raise InputError(
            f"{path}: holds points of {first}, beside those of {second}; expected one code for "
            "all: go on with the one that began, or in another directory (--out)"
        )
    return len(rows) - len(said)


def missing(sweep: Sweep, rows: Sequence[Mapping[str, Any]]) -> list[Settings]:
    """The points of a sweep that no row holds."""
    done = {key_of(row["settings"]) for row in rows}
    return [point for point in sweep.points if key_of(point) not in done]
