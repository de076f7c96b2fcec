"""Sums in which terms may be unknown: what is known, and the names of what lacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eqchip.hw_reports.pricing.figure import Figure, price
from eqchip.mapping.chip_file.chip import Chip


@dataclass(frozen=True)
class Sum:
    """A sum of figures.

    Attributes
    ----------
    figure : Figure or None
        The sum of the known terms; None if no term is known. Lows are summed, and highs: the
        band holds whatever the terms have to do with one another.
    lacks : tuple of str
        The unknown terms by name. With any of them the figure is a lower bound.
    """

    figure: Figure | None
    lacks: tuple[str, ...] = ()

    def __add__(self, other: Sum) -> Sum:
        return total([self, other])

    def __mul__(self, factor: float) -> Sum:
        """So many times as much; the factor is at least 0."""
        return Sum(None if self.figure is None else self.figure * factor, self.lacks)

    __rmul__ = __mul__

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"figure": figure_dict(self.figure), "lacks": list(self.lacks)}


def total(terms: Iterable[Sum]) -> Sum:
    """The sum of sums, and all that they lack, each named once."""
    terms = list(terms)
    lacks = tuple(dict.fromkeys(name for term in terms for name in term.lacks))
    return Sum(plus(term.figure for term in terms), lacks)


def lacking(kind: str, what: str) -> str:
    """The name of a price that is not known: ``synaptic event energy``."""
    return f"{kind.replace('_', ' ')} {what}"


def priced(counts: Mapping[str, float], chip: Chip) -> Sum:
    """The energy of counted events together, as :func:`eqchip.hw_reports.pricing.figure.price`."""
    return total(
        Sum(figure, () if figure is not None else (lacking(kind, "energy"),))
        for kind, figure in price(counts, chip).items()
    )


def plus(figures: Iterable[Figure | None]) -> Figure | None:
    """The sum of the known figures, which have one unit; None if none is known."""
    known = [figure for figure in figures if figure is not None]
    if not known:
        return None
    result = known[0]
    for figure in known[1:]:
        result += figure
    return result


def banded(levels: Sequence[float] | np.ndarray, unit: str) -> Figure:
    """A figure from its low, nominal and high value."""
    low, value, high = levels
    return Figure(float(low), float(value), float(high), unit)


def exactly(value: float, unit: str) -> Figure:
    """A figure without a band, such as a count of bytes."""
    return Figure(float(value), float(value), float(value), unit)


def figure_dict(figure: Figure | None) -> dict[str, Any] | None:
    """For JSON; None where it is unknown."""
    if figure is None:
        return None
    found = (float(figure.low), float(figure.value), float(figure.high))
    return {"low": found[0], "value": found[1], "high": found[2], "unit": figure.unit}
