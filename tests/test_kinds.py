"""Nobody asks a connection for its kind: it answers for itself, or a table has its row."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from installed_modules import modules

from eqchip.emulator.description import connections
from eqchip.emulator.description.connections import Connection

POOLINGS = {"AvgPool2d", "MaxPool2d"}
KINDS = POOLINGS | {
    name
    for name, value in vars(connections).items()
    if isinstance(value, type) and issubclass(value, Connection) and value is not Connection
}
DESCRIPTIONS = "eqchip.emulator.description.connections"


def names_in(node: ast.AST) -> set[str]:
    """The last names of all dotted names in an expression."""
    found = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    return found | {one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)}


def questions(source: str) -> Iterator[int]:
    """Lines that ask a thing whether it is of a kind of connection or pooling."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            asks = ast.unparse(node.func) in ("isinstance", "issubclass")
            if asks and names_in(ast.Tuple(node.args[1:])) & KINDS:
                yield node.lineno
        elif isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(isinstance(side, ast.Call) and ast.unparse(side.func) in ("type", "kind_of")
                   for side in sides):  # fmt: skip
                named = {one.value for side in sides for one in ast.walk(side)
                         if isinstance(one, ast.Constant)}  # fmt: skip
                if (set().union(*map(names_in, sides)) | named) & KINDS:
                    yield node.lineno
        elif isinstance(node, ast.MatchClass) and names_in(node.cls) & KINDS:
            yield node.lineno


def test_kinds_are_found():
    assert {"Dense", "Conv2d", "Sparse", *POOLINGS} <= KINDS


def test_no_module_asks_for_the_kind_of_a_connection_but_the_descriptions():
    asked = [
        f"{module}, line {line}"
        for module, path in modules().items()
        if not module.startswith(DESCRIPTIONS)
        for line in questions(path.read_text(encoding="utf-8"))
    ]
    assert not asked


@pytest.mark.parametrize(
    "source",
    [
        "isinstance(c, Conv2d)",
        "not isinstance(c, (Dense, Conv2d))",
        "isinstance(c.pool, connections.MaxPool2d | None)",
        "issubclass(type(c), Sparse)",
        "type(c) is Dense",
        "type(c) in (Dense, Conv2d)",
        "kind_of(c) == 'Sparse'",
        "match c:\n    case Dense(n_pre=3):\n        pass",
    ],
)
def test_a_question_for_a_kind_is_seen(source):
    assert list(questions(source))


@pytest.mark.parametrize(
    "source",
    [
        "isinstance(c, Connection)",
        "row_of({Dense: 1}, c, 'here')",
        "c.shares_weights",
        "Dense(1, 2)",
    ],
)
def test_a_table_or_a_member_is_no_question(source):
    assert not list(questions(source))
