"""What pydantic finds wrong in settings or in a file, told in one line and in our words."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

# What a number, a text and so on would be, by pydantic's name of the mistake.
_EXPECTED = {
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    "string_type": "a text",
    "string_too_short": "a text that is not empty",
    "finite_number": "a finite number",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number of at most {le}",
    "too_short": "at least {min_length}",
    "literal_error": "{expected}",
    **dict.fromkeys(("model_type", "dict_type", "dataclass_type"), "a table"),
    **dict.fromkeys(("tuple_type", "list_type"), "an array"),
    "is_instance_of": "a {class}",
}
_LONGEST = 60  # characters of a value that are shown
_DEEPEST = 2  # tables within tables that a key is looked for in
_MOST_HOMES = 2  # that are named: what is known everywhere helps nobody


def one_line(error: ValidationError, model: Any, key: str = "key of a chip file") -> str:
    """The first mistake: where, which value, what would be right; and how many more there are.

    Parameters
    ----------
    error : ValidationError
    model : type
        The model that was being made, for the keys that it knows.
    key : str
        What a key of it is called.
    """
    found = error.errors(include_url=False)
    text = _tell(found[0], model, key)
    more = len(found) - 1
    if more:
        text += f" (and {more} more {'mistake' if more == 1 else 'mistakes'})"
    return " ".join(text.split())


def _tell(problem: ErrorDetails, model: Any, key: str) -> str:
    steps, kind = problem["loc"], problem["type"]
    on_key = bool(steps) and steps[-1] == "[key]"  # the key of a table, not its value
    where = _address(steps[:-2] if on_key else steps)
    shown = _shown(problem["input"])
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{where} is no {key}; {_instead(model, steps)}"
    if kind == "missing":
        return f"{where} is missing; expected {_wanted(steps, model)}"
    if on_key:
        return f"{where}: {shown} is no key here; expected {_plain(problem)}"
    if kind == "value_error":
        text = problem["msg"].removeprefix("Value error, ")
        value = "" if isinstance(problem["input"], (dict, list)) else f" is {shown}"
        if not value:
            said = not where or text.lower().startswith(
                f"{where.lower()}:"
            )  # "learning: Learning:"
            return text if said else f"{where}: {text}"
        return f"{where}{value}; {text}"
    return f"{where} is {shown}; expected {_plain(problem)}"


def _instead(model: Any, steps: Sequence[int | str]) -> str:
    """What may have been meant by a key that is not known where it stands."""
    wrong, known = str(steps[-1]), _keys(model, steps[:-1])
    homes = [_address((*home, wrong)) for home in _homes(model, wrong)]
    if 1 <= len(homes) <= _MOST_HOMES:
        return f"expected {' or '.join(homes)}"
    like = get_close_matches(wrong, known, n=1)
    hint = f": did you mean {like[0]}?" if like else ""
    return f"expected one of {', '.join(known)}{hint}"


def _homes(model: Any, key: str, within: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The tables in which a key is known."""
    for name in _keys(model, within):
        if name == key and within:
            yield within
        if len(within) < _DEEPEST and _keys(model, (*within, name)):
            yield from _homes(model, key, (*within, name))


def _plain(problem: ErrorDetails) -> str:
    kind = problem["type"]
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(str(problem["loc"][-1]), "a text that is not empty")
    if kind in _EXPECTED:
        bounds = {name: _number(value) for name, value in problem.get("ctx", {}).items()}
        return _EXPECTED[kind].format(**bounds)
    return problem["msg"][:1].lower() + problem["msg"][1:]


_PATTERNS = {
    "confidence": "one of R, R2, A, M, D, C, or several joined by ' + '",
    "name": "small letters, digits, '.', '_' and '-'",
}


def _number(value: Any) -> str:
    if isinstance(value, int) and value >= 2**15 and value.bit_count() == 1:
        return f"2**{value.bit_length() - 1}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _address(steps: Sequence[int | str]) -> str:
    return ".".join(str(step) for step in steps)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a table"
    text = repr(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _wanted(steps: Sequence[int | str], model: Any) -> str:
    """What a missing key should hold: its type in words."""
    holder = _type_at(model, steps[:-1])
    if isinstance(holder, type) and issubclass(holder, BaseModel):
        told = getattr(holder, "wanted", lambda key: None)(steps[-1])
        if told is not None:
            return str(told)
        field = holder.model_fields.get(str(steps[-1]))
        if field is not None:
            return _words(field.annotation)
    return "a value"


def _words(kind: Any) -> str:
    kind = _bare(kind)
    if get_origin(kind) is Literal:
        return " or ".join(repr(value) for value in get_args(kind))
    names = {str: "a text", float: "a number", int: "a whole number", bool: "true or false"}
    return names.get(kind, "a table")


def _keys(model: Any, steps: Sequence[int | str]) -> list[str]:
    """The keys of the table at an address."""
    kind = _type_at(model, steps)
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind)]
    return list(kind.model_fields) if hasattr(kind, "model_fields") else []


def _type_at(model: Any, steps: Sequence[int | str]) -> Any:
    """The type that a model declares at an address; None if it declares none there."""
    kind: Any = model
    for step in steps:
        kind = _bare(kind)
        origin = get_origin(kind)
        if origin in (dict, tuple):
            kind = get_args(kind)[1 if origin is dict else 0]
        elif hasattr(kind, "model_fields") and step in kind.model_fields:
            kind = kind.model_fields[str(step)].annotation
        elif dataclasses.is_dataclass(kind):
            kind = get_type_hints(kind, include_extras=True).get(str(step))
        else:
            return None
    return _bare(kind)


def _bare(kind: Any) -> Any:
    """A type without Annotated and without `| None`."""
    while True:
        origin = get_origin(kind)
        if origin is Annotated:
            kind = get_args(kind)[0]
        elif origin in (Union, UnionType):
            kind = next(each for each in get_args(kind) if each is not type(None))
        else:
            return kind
