"""TOML and JSON from files that nobody vouches for.

What is refused here, no reader has to think of: files that are none, nesting without end, numbers
that no machine counts with, text that no encoding knows, and what takes a parser for ever.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from eqchip.emulator.errors import InputError
from eqchip.emulator.files import decoded, read_bytes

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MOST_TOML = 2**20  # bytes; the largest chip file has some 12,000
DEEPEST = 64  # tables within tables; a report has 9
MOST_DIGITS = 4300  # of a number: more take a parser as many steps squared
WHOLE = range(-(2**63), 2**64)  # what a seed or a count may be
MOST_DOTS = 200  # in a line: a key of n parts takes a parser n tables, and n squared steps


def read_toml(path: Path, wanted: str) -> dict[str, Any]:
    """The document in a TOML file.

    Parameters
    ----------
    path : Path
    wanted : str
        What it should be, for whom it is missing: "a chip file".

    Raises
    ------
    InputError
        In one line that names the file, if it cannot be read or is no TOML.
    """
    return _read(path, wanted, MOST_TOML, parse_toml)


def parse_toml(text: bytes) -> dict[str, Any]:
    """The document in the bytes of a TOML file; errors as of :func:`read_toml`, without a name."""
    for number, line in enumerate(text.split(b"\n"), start=1):
        if line.count(b".") > MOST_DOTS:
            raise InputError(f"line {number} has hundreds of dots; expected keys of a few parts")
    try:
        document: dict[str, Any] = tomllib.loads(decoded(text))
    except (ValueError, RecursionError) as error:  # of bytes, of TOML, of endless numbers
        raise InputError(f"no valid TOML ({' '.join(str(error).split())})") from None
    _check(document)
    return document


def read_json(
    path: Path, wanted: str, refuse_constant: Callable[[str], Any] | None = None
) -> dict[str, Any]:
    """The document in a JSON file; {} if what it holds is no object.

    Parameters
    ----------
    path : Path
    wanted : str
        What it should be, for whom it is missing.
    refuse_constant : callable, optional
        Called with "NaN", "Infinity" or "-Infinity"; None: they are taken.

    Raises
    ------
    InputError
        In one line that names the file, if it cannot be read or is no JSON.
    """
    document = _read(path, wanted, None, lambda text: parse_json(text, refuse_constant))
    return document if isinstance(document, dict) else {}


def parse_json(text: bytes | str, refuse_constant: Callable[[str], Any] | None = None) -> Any:
    """The value in a JSON text; errors as of :func:`read_json`, without a name."""
    try:
        value = json.loads(text, parse_constant=refuse_constant, parse_int=_whole)
    except InputError:
        raise
    except (ValueError, RecursionError) as error:  # of bytes, of JSON, of endless nesting
        raise InputError(f"no valid JSON ({' '.join(str(error).split())})") from None
    _check(value if isinstance(value, (dict, list)) else [value])
    return value


def json_lines(path: Path, text: bytes, wanted: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects in the whole lines of a file, each with what names the line in errors.

    A last line without its end was cut short by a kill, and is left out.

    Raises
    ------
    InputError
        If a line is no JSON object.
    """
    for number, line in enumerate(text.split(b"\n")[:-1], start=1):
        where = f"{path}, line {number}"
        try:
            row = parse_json(line.decode(errors="replace"))
        except InputError as error:
            raise InputError(f"{where}: {error}; expected {wanted}") from None
        if not isinstance(row, dict):
            raise InputError(f"{where}: no object of JSON; expected {wanted}")
        yield where, row


def _read(path: Path, wanted: str, most: int | None, parse: Callable[[bytes], Any]) -> Any:
    try:
        text = read_bytes(path, most)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected {wanted}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); expected {wanted}") from None
    try:
        return parse(text)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _whole(digits: str) -> int:
    """A whole number of JSON; what takes a machine long to read is not looked at."""
    if len(digits) > MOST_DIGITS:
        raise InputError(_too_large("", len(digits)))
    return int(digits)


def _too_large(where: str, digits: int) -> str:
    what = f"{where} is" if where else "holds"
    return f"{what} a whole number of {digits} digits; expected none beyond 64 bits"


def _check(document: dict[str, Any] | list[Any]) -> None:
    """Refuse what would trip whoever goes through the document: depth, numbers, text."""
    level: list[tuple[str, Any]] = [("", document)]
    for _ in range(DEEPEST + 1):
        following: list[tuple[str, Any]] = []
        for where, holder in level:
            for key, value in holder.items() if isinstance(holder, dict) else enumerate(holder):
                _check_text(str(key))
                kind = type(value)
                if kind is int:
                    if value not in WHOLE:
                        digits = round(value.bit_length() * math.log10(2)) + 1
                        raise InputError(_too_large(f"{where}{key}", digits))
                elif kind is str:
                    _check_text(value)
                elif kind is dict or kind is list:
                    following.append((f"{where}{key}.", value))
        if not following:
            return
        level = following
    raise InputError(f"nests more than {DEEPEST} tables or lists; expected a few")


def _check_text(text: str) -> None:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise InputError(f"holds text of no character ({ascii(text)[:60]})") from None
