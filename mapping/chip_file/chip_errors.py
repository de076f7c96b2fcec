"""What pydantic finds wrong in a file, told in one line."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

# What a number, a text and so on would be, by pydantic's name of the mistake.
_EXPECTED = {
    "float_type": "a number",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "string_type": "a text",
    "string_too_short": "a text that is not empty",
    "finite_number": "a finite number",
    "greater_than_equal": "a number of at least {ge:g}",
    "less_than": "a number below {lt:g}",
    "literal_error": "{expected}",
    "model_type": "a table",
    "dict_type": "a table",
    "dataclass_type": "a table",
    "tuple_type": "an array",
}
_LONGEST = 60  # characters of a value that are shown


def one_line(error: ValidationError, model: type[BaseModel]) -> str:
    """The first mistake: where, which value, what would be right; and how many more there are.

    Parameters
    ----------
    error : ValidationError
    model : type
        The model that was being made, for the keys that it knows.
    """
    found = error.errors(include_url=False)
    text = _tell(found[0], model)
    more = len(found) - 1
    if more:
        text += f" (and {more} more {'mistake' if more == 1 else 'mistakes'})"
    return " ".join(text.split())


def _tell(problem: ErrorDetails, model: type[BaseModel]) -> str:
    steps, kind = problem["loc"], problem["type"]
    on_key = bool(steps) and steps[-1] == "[key]"  # the key of a table, not its value
    where = _address(steps[:-2] if on_key else steps)
    shown = _shown(problem["input"])
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        known = ", ".join(_keys(model, steps[:-1]))
        return f"{where} is no key of a chip file; expected one of {known}"
    if kind == "missing":
        return f"{where} is missing; expected {_wanted(steps, model)}"
    if on_key:
        return f"{where}: {shown} is no key here; expected {_plain(problem)}"
    if kind == "value_error":
        text = problem["msg"].removeprefix("Value error, ")
        value = "" if isinstance(problem["input"], (dict, list)) else f" is {shown}"
        if not value:
            return f"{where}: {text}" if where else text
        return f"{where}{value}; {text}"
    return f"{where} is {shown}; expected {_plain(problem)}"


def _plain(problem: ErrorDetails) -> str:
    kind = problem["type"]
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(str(problem["loc"][-1]), "a text that is not empty")
    if kind in _EXPECTED:
        return _EXPECTED[kind].format(**problem.get("ctx", {}))
    return problem["msg"][:1].lower() + problem["msg"][1:]


_PATTERNS = {
    "confidence": "one of R, R2, A, M, D, C, or several joined by ' + '",
    "name": "small letters, digits, '.', '_' and '-'",
}


def _address(steps: Sequence[int | str]) -> str:
    return ".".join(str(step) for step in steps)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a table"
    text = repr(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _wanted(steps: Sequence[int | str], model: type[BaseModel]) -> str:
    """What a missing key should hold: its type in words."""
    holder = _type_at(model, steps[:-1])
    if isinstance(holder, type) and issubclass(holder, BaseModel):
        quantity = getattr(holder, "quantity", None)
        if steps[-1] == "unit" and quantity:
            from eqchip.mapping.chip_file.units import expected_units

            return expected_units(quantity)
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


def _keys(model: type[BaseModel], steps: Sequence[int | str]) -> list[str]:
    """The keys of the table at an address."""
    kind = _type_at(model, steps)
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind)]
    return list(kind.model_fields) if hasattr(kind, "model_fields") else []


def _type_at(model: type[BaseModel], steps: Sequence[int | str]) -> Any:
    """The type that a model declares at an address; None if it declares none there."""
    kind: Any = model
    for step in steps:
        kind = _bare(kind)
        origin = get_origin(kind)
        if origin in (dict, tuple):
            kind = get_args(kind)[1 if origin is dict else 0]
        elif hasattr(kind, "model_fields") and step in kind.model_fields:
            kind = kind.model_fields[str(step)].annotation
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
