"""Which row of a table a configuration has: tables here are keyed by what trains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from eqchip.emulator.description.config import Config

Row = TypeVar("Row")


def row_of(table: Mapping[type, Row], config: Config) -> Row:
    """The row for the type of `config.learner`, or for the nearest that it derives from."""
    return next(table[kind] for kind in type(config.learner).__mro__ if kind in table)
