"""Measured and published costs of networks on chips: one TOML file a publication.

A file of format ``eqchip-anchor 1`` is the one source of each figure in it. Where a run can be
rebuilt, it has a census as well (:mod:`eqchip.mapping.anchors.census`): all that fixes its counts,
so that it can be priced as our own runs are, and the model be held to what was measured. A number
that is not known is a range ``[low, value, high]``; what it rests on stands in ``unknown``.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, ValidationError, field_validator

from eqchip.emulator.documents import parse_toml
from eqchip.emulator.errors import InputError
from eqchip.emulator.mistakes import one_line
from eqchip.mapping.anchors.described import Described
from eqchip.mapping.chip_file.figures import Mark, Number, Positive, Status, Table, Text
from eqchip.mapping.chip_file.units import SI, Quantity, expected_units

FORMAT = "eqchip-anchor 1"
# What of a run the measured energy contains: all that the chip draws, all but its static power, or
# what the events on its cores take.
Contains = Literal["all", "dynamic", "cores"]
RUNS = ("training", "inference")


class _Amount(Table):
    quantity: ClassVar[Quantity]

    value: Number
    unit: str

    @field_validator("unit")
    @classmethod
    def _check_unit(cls, unit: str) -> str:
        if unit not in SI[cls.quantity]:
            raise ValueError(f"expected {expected_units(cls.quantity)}")
        return unit

    @property
    def si(self) -> float:
        """In joules or seconds."""
        return self.value * SI[self.quantity][self.unit]


class EnergyOf(_Amount):
    """Energy per sample."""

    quantity: ClassVar[Quantity] = "energy"


class TimeOf(_Amount):
    """Time per sample."""

    quantity: ClassVar[Quantity] = "time"


class Measured(Table):
    """What a publication gives for a sample of training, or of inference.

    Attributes
    ----------
    energy : EnergyOf, optional
    time : TimeOf, optional
        Per sample. None: not given, or not in what we read.
    contains : {"all", "dynamic", "cores"}
        What the energy contains, as far as can be told.
    why : str
        How that can be told, and how the figures were got where they are no figures of a table.
    census : Described, optional
        What happened on the chip; None: it cannot be rebuilt from what is public.
    unknown : tuple of str
        What the census had to assume, and over which range.
    off : str
        Where the model is known to be far from what was measured, why.
    """

    energy: EnergyOf | None = None
    time: TimeOf | None = None
    contains: Contains = "all"
    why: str = ""
    census: Described | None = None
    unknown: tuple[Text, ...] = ()
    off: str = ""

    def of(self, what: str) -> float | None:
        """The measured energy in joules or time in seconds, if there is one."""
        amount = self.energy if what == "energy" else self.time
        return None if amount is None else amount.si


def _known_runs(found: dict[str, Measured]) -> dict[str, Measured]:
    for name in found:
        if name not in RUNS:
            raise ValueError(f"run {name!r} is unknown; expected training or inference")
    return found


class Anchor(Table):
    """What a publication reports of a network on a chip.

    Attributes
    ----------
    name, method, hardware, network, task : str
        `name` is the first author and the year.
    rank : int
        Place in tables: the closer to a network that learns MNIST on a chip, the smaller.
    accuracy : float, optional
        Test accuracy in percent.
    runs : dict of {"training", "inference"} to Measured
    source, status, confidence, note : str
        As in a chip file.
    """

    format: Literal["eqchip-anchor 1"]
    name: Text
    rank: Positive
    method: Text
    hardware: Text
    network: Text
    task: Text
    accuracy: Annotated[float, Field(ge=0, le=100)] | None = None
    runs: Annotated[dict[str, Measured], AfterValidator(_known_runs)]
    source: Text
    status: Status
    confidence: Mark
    note: str = ""

    def amount(self, run: str, what: str) -> float | None:
        """Measured joules or seconds per sample of a run; None if there are none.

        Examples
        --------
        >>> load_anchors()[0].amount("training", "time")
        0.0015
        """
        return None if run not in self.runs else self.runs[run].of(what)

    @property
    def learns(self) -> bool:
        """Whether the publication trained on the chip."""
        return "training" in self.runs

    def to_dict(self) -> dict[str, Any]:
        """For JSON: joules and seconds, None for what is not known; without the census."""
        found = self.model_dump(mode="json", exclude={"format", "rank", "runs"})
        for run in RUNS:
            for what in ("energy", "time"):
                found[f"{run}_{what}"] = self.amount(run, what)
        return found


def load_anchors() -> tuple[Anchor, ...]:
    """All published costs that come with the package, the closest to our case first.

    Examples
    --------
    >>> first = load_anchors()[0]
    >>> first.name, first.accuracy, first.amount("training", "energy")
    ('Renner 2024', 96.3, 0.00059)
    """
    found = [
        parse_anchor(entry.read_bytes(), entry.name)
        for entry in files(__package__).iterdir()
        if entry.name.endswith(".toml")
    ]
    return tuple(sorted(found, key=lambda anchor: (anchor.rank, anchor.name)))


def parse_anchor(text: bytes, where: str) -> Anchor:
    """An anchor from the bytes of its file; `where` names the file in errors.

    Raises
    ------
    InputError
        In one line: what is wrong, and what would be right.
    """
    try:
        document = parse_toml(text)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    if document.get("format") != FORMAT:
        raise InputError(f"{where}: format is {document.get('format')!r}; expected {FORMAT!r}")
    try:
        return Anchor(**document)
    except ValidationError as error:
        raise InputError(f"{where}: {one_line(error, Anchor)}") from None
