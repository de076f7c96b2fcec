"""The formats of reports, and a saved one read again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from eqchip.emulator.documents import read_json
from eqchip.emulator.errors import InputError

REPORT, COMPARISON, RULE_REPORT = FORMATS = (
    "eqchip-report 1", "eqchip-comparison 1", "eqchip-rule-report 1"
)  # fmt: skip
# What the use of a document in which something is missing, or is another thing, may end in.
MISTAKES = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, AssertionError)


def read_report(path: Path) -> dict[str, Any]:
    """The document of a report or of a comparison.

    Whether its sections are whole shows when it is drawn; see :func:`whole`.

    Raises
    ------
    InputError
        In one line that names the file, if it cannot be read, is no JSON or of another format.
    """
    document = read_json(path, "a report", _refuse)
    found = document.get("format")
    if found not in FORMATS:
        raise InputError(
            f"{path}: format is {found!r}; expected {', '.join(map(repr, FORMATS[:-1]))} or "
            f"{FORMATS[-1]!r}, as eqchip report writes"
        )
    return document


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


@contextmanager
def whole(path: Path) -> Iterator[None]:
    """A block that uses a document read from a file: what it lacks is told in one line.

    Raises
    ------
    InputError
        In place of whatever the use of a damaged document ends in.
    """
    try:
        yield
    except InputError:
        raise
    except MISTAKES as error:
        what = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise InputError(
            f"{path}: damaged, or of a newer version ({what}); expected a report as eqchip report "
            "writes it"
        ) from error
