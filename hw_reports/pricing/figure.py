"""What counted events cost on a chip: low, nominal and high, or unknown.

Nothing here is measured: a figure is a count times a coefficient of a chip file. Sums that may
lack a term are those of :mod:`eqchip.hw_reports.pricing.totals`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

from eqchip.emulator.errors import InputError
from eqchip.mapping import kinds
from eqchip.mapping.chip_file.addresses import StaticPart
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.chip_file.figures import Span

JOULE, WATT = "J", "W"


@dataclass(frozen=True)
class Figure:
    """A modelled quantity with its band.

    A quantity that is not known is no Figure but None.

    Parameters
    ----------
    low, value, high : float
        In `unit`.
    unit : str
        SI without a prefix: "J", "s", "W".

    Examples
    --------
    >>> Figure(1.0, 2.0, 4.0, "J") + 3 * Figure(1.0, 1.0, 2.0, "J")
    Figure(low=4.0, value=5.0, high=10.0, unit='J')
    """

    low: float
    value: float
    high: float
    unit: str = JOULE

    @classmethod
    def zero(cls, unit: str = JOULE) -> Figure:
        """Nothing, surely."""
        return cls(0.0, 0.0, 0.0, unit)

    @classmethod
    def of(cls, span: Span, unit: str = JOULE) -> Figure:
        """The figure of a coefficient, from its SI values."""
        return cls(span.low, span.value, span.high, unit)

    def __add__(self, other: Figure) -> Figure:
        """Sum; lows add to lows and highs to highs, as if all erred alike."""
        if not isinstance(other, Figure):
            return NotImplemented
        if other.unit != self.unit:
            raise ValueError(f"cannot add {other.unit} to {self.unit}")
        return Figure(
            self.low + other.low, self.value + other.value, self.high + other.high, self.unit
        )

    def __mul__(self, count: float) -> Figure:
        """So many times the figure."""
        return Figure(self.low * count, self.value * count, self.high * count, self.unit)

    __rmul__ = __mul__

    def to_dict(self) -> dict[str, float | str]:
        """For JSON."""
        return {"low": self.low, "value": self.value, "high": self.high, "unit": self.unit}


def price(counts: Mapping[str, float], chip: Chip) -> dict[str, Figure | None]:
    """The marginal energy of counted events, by kind.

    Parameters
    ----------
    counts : mapping of kind to number
        Those of :mod:`eqchip.mapping.kinds` that chip files price: ``{"synaptic_event": 1000}``.
        ``reset`` counts the cores that are reset, ``barrier`` the time steps.
    chip : Chip

    Returns
    -------
    dict of str to Figure or None
        In joules, a key per key of `counts`. None: events happened, and the chip file has no
        energy for them (:meth:`Chip.why_unknown` says why). What the file names as included in
        another figure or as absent costs nothing, and neither does what did not happen.

    Raises
    ------
    InputError
        For a kind that does not exist, and for what is no number of at least 0.

    Examples
    --------
    >>> from eqchip.mapping.chip_file.chip import load_chip
    >>> found = price({"weight_update": 1e6, "barrier": 150}, load_chip("loihi1-davies"))
    >>> round(found["weight_update"].value * 1e6), found["barrier"]
    (120, None)
    """
    return {kind: _price_one(kind, count, chip) for kind, count in counts.items()}


def _price_one(kind: str, count: float, chip: Chip) -> Figure | None:
    if kind not in kinds.priced():
        raise kinds.unknown(kind, kinds.priced())
    _check_amount(f"count of {kind}", count)
    address = f"energy.{kind}"
    if count == 0 or chip.why_free(address) is not None:
        return Figure.zero()
    coefficient = chip.energy.get(kind)
    return None if coefficient is None else float(count) * Figure.of(coefficient.si)


def static_power(chip: Chip, chips: int = 1, part: StaticPart = "chip") -> Figure | None:
    """What whole chips draw, whatever they do: in watts, None if the chip file does not know."""
    _check_amount("chips", chips)
    power = chip.static_power.get(part)
    return None if power is None else chips * Figure.of(power.si, WATT)


def _check_amount(what: str, value: Any) -> None:
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not number or not 0 <= value < float("inf"):
        raise InputError(f"{what} is {value!r}; expected a number of at least 0")
