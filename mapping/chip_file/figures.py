"""One figure of a chip: its value and band, its unit, its source, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, NamedTuple, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from eqchip.emulator.errors import check_whole
from eqchip.mapping.chip_file.units import SI, Quantity, expected_units

Status = Literal["measured", "published", "fitted", "simulated", "inherited", "assumed"]
STATUSES: tuple[Status, ...] = get_args(Status)  # the strongest first

# How we know a figure.
MARKS = {
    "R2": "read in a text that cites the place in the original",
    "R": "read in the original",
    "A": "read in an abstract or a table page",
    "M": "measured by us",
    "D": "derived by arithmetic",
    "C": "from memory, unchecked",
}
_MARK = "(" + "|".join(MARKS) + ")"

Visits = Literal["lists", "axons", "sweep"]
Text = Annotated[str, Field(strict=True, min_length=1, pattern=r"\S")]
Number = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True, ge=0, lt=2**63)]
Positive = Annotated[int, Field(strict=True, ge=1, lt=2**63)]
Mark = Annotated[str, Field(pattern=rf"^{_MARK}( \+ {_MARK})*$")]


class Table(BaseModel):
    """A table of a chip file: frozen, and no key that is not in the schema."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def marks_in_words(confidence: str) -> str:
    """What the marks of a figure mean; one of another version stands as it is.

    Examples
    --------
    >>> marks_in_words("R2 + D")
    'R2: read in a text that cites the place in the original; D: derived by arithmetic'
    """
    return "; ".join(
        f"{mark}: {MARKS[mark]}" if mark in MARKS else mark for mark in confidence.split(" + ")
    )


class Span(NamedTuple):
    """A figure with its band, in SI units (J, s, W, Hz, m2)."""

    low: float
    value: float
    high: float


class Sourced(Table):
    """What every figure tells of itself besides its size."""

    quantity: ClassVar[Quantity]

    unit: str
    source: Text
    status: Status
    confidence: Mark
    note: str = ""

    @field_validator("unit")
    @classmethod
    def _check_unit(cls, unit: str) -> str:
        if unit not in SI[cls.quantity]:
            raise ValueError(f"expected {expected_units(cls.quantity)}")
        return unit

    @classmethod
    def wanted(cls, key: str) -> str | None:
        """What a missing key should hold, where more is known of it than its type."""
        return expected_units(cls.quantity) if key == "unit" else None


Own = TypeVar("Own", bound="Coefficient")


class Coefficient(Sourced):
    """A figure of a chip, with its band and its source.

    Attributes
    ----------
    value, low, high : float
        The nominal figure and its band, ``0 <= low <= value <= high``.
    unit : str
        One of the closed list in ``mapping/chip_file/units.py`` for the quantity.
    source : str
        Where it comes from, and how we hold it.
    status : {"measured", "published", "fitted", "simulated", "inherited", "assumed"}
        How it came about; simulated: by whoever wrote the file, of a circuit of their own.
    confidence : str
        How we know it: R, R2, A, M, D, C, or several joined by " + ".
    note : str
        What the band is, and what to beware of.
    """

    value: Number
    low: Number
    high: Number

    @model_validator(mode="after")
    def _check_band(self) -> Coefficient:
        if not self.low <= self.value <= self.high:
            raise ValueError(
                f"low {self.low:g}, value {self.value:g}, high {self.high:g}; "
                "expected low <= value <= high"
            )
        return self

    @property
    def si(self) -> Span:
        """The figure in SI units: (low, value, high)."""
        size = SI[self.quantity][self.unit]
        return Span(self.low * size, self.value * size, self.high * size)

    def at(self: Own, value: float) -> Own:
        """The figure with this value in its own unit, and no band."""
        return self.model_copy(update={"value": value, "low": value, "high": value})


class Energy(Coefficient):
    """The energy of one event."""

    quantity: ClassVar[Quantity] = "energy"


class Duration(Coefficient):
    """The time of one event."""

    quantity: ClassVar[Quantity] = "time"


class Area(Coefficient):
    """An area of silicon."""

    quantity: ClassVar[Quantity] = "area"


class Power(Coefficient):
    """A power that is drawn all the time."""

    quantity: ClassVar[Quantity] = "power"


class Frequency(Coefficient):
    """The frequency of a clock."""

    quantity: ClassVar[Quantity] = "frequency"


class Barrier(Duration):
    """The time that all cores take to agree on the end of a step, with so many active tiles."""

    active_tiles: Positive


class Engine(Table):
    """What the learning engine of a chip reads of its synapses in a learning epoch.

    Attributes
    ----------
    visits : {"lists", "axons", "sweep"}
        "lists": the engine has lists of what is to be written, and reads nothing else. "axons":
        every synapse of an axon that spiked since the epoch before. "sweep": every plastic
        synapse of the core.
    source, status, confidence, note : str
        As of a figure.
    """

    visits: Visits
    source: Text
    status: Status
    confidence: Mark
    note: str = ""


class Limit(Sourced):
    """What a chip has room for; ``amount`` is the number, of bits where memory is meant."""

    quantity: ClassVar[Quantity] = "amount"

    value: Positive

    @property
    def amount(self) -> int:
        """The limit as a number of things, or of bits."""
        return int(self.value * SI["amount"][self.unit])


def marks_in(*confidences: str) -> dict[str, str]:
    """What the marks in some confidences mean, each once, in the order of `MARKS`.

    Examples
    --------
    >>> marks_in("R2 + D", "D")
    {'R2': 'read in a text that cites the place in the original', 'D': 'derived by arithmetic'}
    """
    used = {mark for text in confidences for mark in text.split(" + ")}
    return {mark: words for mark, words in MARKS.items() if mark in used}


def barrier_of(rows: Sequence[Barrier], active_tiles: int) -> Span | None:
    """The barrier at the end of a step, in seconds; None if it is not known.

    Between two entries of the table the value is interpolated in the logarithm of the number of
    tiles, since a barrier is a tree of tiles. Its band reaches from the low of the entry below to
    the high of the entry above: a barrier does not get shorter with more tiles, and nothing more is
    published. Outside the table it is not known.

    Parameters
    ----------
    rows : sequence of Barrier
        By rising number of tiles.
    active_tiles : int
        Tiles with at least one core in use, over all chips; at least 1.

    Raises
    ------
    InputError
        If `active_tiles` is no whole number of at least 1.
    """
    check_whole("active tiles", active_tiles, 1)
    below = [row for row in rows if row.active_tiles <= active_tiles]
    above = [row for row in rows if row.active_tiles >= active_tiles]
    if not below or not above:
        return None
    first, last = below[-1], above[0]
    if first is last:
        return first.si
    share = math.log(active_tiles / first.active_tiles) / math.log(
        last.active_tiles / first.active_tiles
    )
    value = first.si.value + share * (last.si.value - first.si.value)
    return Span(first.si.low, value, last.si.high)
