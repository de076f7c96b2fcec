"""``metrics.jsonl``: a line an epoch of a run, a last line for the test; written and read back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from eqchip.emulator.documents import json_lines
from eqchip.emulator.errors import InputError, is_amount
from eqchip.emulator.files import append_line, read_bytes, write_text

FORMAT = "eqchip-metrics 1"
NAME = "metrics.jsonl"


def append_metrics(folder: Path, row: Mapping[str, Any]) -> None:
    """Add a line to the file in the folder of a run.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    # On the disk before its checkpoint is, which must not outlive the lines that it needs.
    append_line(folder / NAME, json.dumps({"format": FORMAT, **row}))


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The lines of the file; a line cut short by a kill is left out.

    Raises
    ------
    InputError
        If a line is not a metrics line, or there are two of an epoch.
    """
    rows = _lines(folder / NAME)
    if len(_last_of_each(rows)) < len(rows):
        raise InputError(
            f"{folder / NAME}: holds an epoch twice, as of two processes that train one run; "
            "expected each once: eqchip train --resume keeps the last line of each"
        )
    return rows


def drop_metrics_after(folder: Path, epoch: int) -> None:
    """Forget lines of epochs after this one; of several lines of an epoch the last is kept.

    Raises
    ------
    InputError
        If a line is not a metrics line, or that of an epoch is missing.
    """
    path = folder / NAME
    rows = [row for row in _last_of_each(_lines(path)) if row["epoch"] <= epoch]
    trained = [row["epoch"] for row in rows if "train_error" in row]
    if trained != list(range(1, epoch + 1)):
        raise InputError(
            f"{path}: holds lines of {len(trained)} epochs; "
            f"expected one of each epoch from 1 to {epoch}, as in the checkpoint. What is lost "
            "cannot be made again; without checkpoint.npz the run begins anew"
        )
    if path.exists():
        write_text(path, "".join(json.dumps(row) + "\n" for row in rows))


def metric(row: Mapping[str, Any], name: str) -> float:
    """A number of a line, at least 0.

    Raises
    ------
    InputError
        If there is none.
    """
    found: Any = row.get(name)
    if not is_amount(found):
        raise InputError(
            f"metrics of epoch {row['epoch']}: {name} is {found!r}; "
            "expected a number of at least 0, as training on the chip writes it"
        )
    return float(found)


def flat_metrics(row: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Names and numbers of a line, without its format; of a list, a name for each number."""
    for name, value in row.items():
        if isinstance(value, list):
            value = {str(k): one for k, one in enumerate(value)}
        if isinstance(value, dict):
            yield from flat_metrics(value, f"{above}{name}.")
        elif above or name != "format":
            yield f"{above}{name}", value


def _lines(path: Path) -> list[dict[str, Any]]:
    """All whole lines of a file; none if there is no file."""
    try:
        text = read_bytes(path)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    rows = []
    for where, row in json_lines(path, text, "metrics"):
        if row.get("format") != FORMAT:
            raise InputError(f"{where}: expected format {FORMAT!r}")
        wrong = _wrong_fact(row)
        if wrong:
            raise InputError(f"{where}: {wrong} is missing or no fit number")
        rows.append(row)
    return rows


def _last_of_each(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last line of each epoch, in the order of epochs, and the last of the test."""
    found = {(row["epoch"], "test_error" in row): row for row in rows}
    return [found[key] for key in sorted(found)]


def _wrong_fact(row: dict[str, Any]) -> str | None:
    """The first fact of a line, of those that are read again, that cannot be."""
    epoch = row.get("epoch")
    if type(epoch) is not int or epoch < 1:
        return "epoch"
    names: list[str] = [name for name in ("train_error", "test_error") if name in row]
    if not names:
        return "train_error"
    names += ["spikes_per_sample", "synaptic_events_per_sample"]
    names += ["validation_error"] if row.get("validation_error") is not None else []
    for name in names:
        if not is_amount(row.get(name)):
            return name
    return None
