"""What the tables of the page are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from eqchip.hw_reports.document.readable import UNKNOWN, band, nominal

Document = Mapping[str, Any]
NONE = "–"  # does not apply


class Cell(NamedTuple):
    """A cell: its text, a quieter second line, and whether it is a number."""

    text: str
    under: str = ""
    number: bool = False

    @property
    def unknown(self) -> bool:
        """Whether it says that a figure is unknown."""
        return self.text == UNKNOWN


class PageTable(NamedTuple):
    """A table; the first cell of each row heads the row. `strong`: indices of rows that sum up."""

    name: str
    caption: str
    columns: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str] = ()
    strong: Sequence[int] = ()


def number(text: str, under: str = "") -> Cell:
    """A cell with a number."""
    return Cell(text, under, True)


def figure_cell(figure: Mapping[str, Any] | None) -> Cell:
    """Nominal, and low to high below it."""
    return number(nominal(figure), band(figure))


def total_cell(value: Mapping[str, Any] | None) -> Cell:
    """A total and its band; ``≥`` where terms of it are unknown."""
    if value is None or value["figure"] is None:
        return number(UNKNOWN)
    sign = "≥ " if value["lacks"] else ""
    return number(sign + nominal(value["figure"]), band(value["figure"]))


def numbers(*texts: str) -> list[Cell]:
    """Cells with numbers, or their heads."""
    return [number(text) for text in texts]


def capital(text: str) -> str:
    """The text with a capital to begin with."""
    return text[:1].upper() + text[1:]


def layers_text(run: Mapping[str, Any]) -> str:
    """The sizes of a network's layers: ``784-500-10``."""
    return "-".join(map(str, run["layers"]))
