"""Published costs of learning on chips, to set modelled ones beside (``anchors.toml``)."""

from __future__ import annotations

import sys
from importlib.resources import files
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from eqchip.mapping.chip_file.figures import Mark, Number, Status, Table, Text
from eqchip.mapping.chip_file.units import SI, Quantity, expected_units

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


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


class Anchor(Table):
    """What a publication reports of a network that learns on a chip.

    Attributes
    ----------
    name, method, hardware, network, task : str
        `name` is the first author and the year.
    accuracy : float, optional
        Test accuracy in percent.
    training_energy, inference_energy : EnergyOf, optional
    training_time, inference_time : TimeOf, optional
        Per sample. None: not given, or not in what we read.
    source, status, confidence, note : str
        As in a chip file.
    """

    name: Text
    method: Text
    hardware: Text
    network: Text
    task: Text
    accuracy: Annotated[float, Field(ge=0, le=100)] | None = None
    training_energy: EnergyOf | None = None
    training_time: TimeOf | None = None
    inference_energy: EnergyOf | None = None
    inference_time: TimeOf | None = None
    source: Text
    status: Status
    confidence: Mark
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For JSON: joules and seconds, None for what is not known."""
        found = self.model_dump(mode="json")
        for name in ("training_energy", "training_time", "inference_energy", "inference_time"):
            amount = getattr(self, name)
            found[name] = None if amount is None else amount.si
        return found


class _File(Table):
    format: Literal["eqchip-anchors 1"]
    anchor: tuple[Anchor, ...]


def load_anchors() -> tuple[Anchor, ...]:
    """All published costs that come with the package, the closest to our case first.

    Examples
    --------
    >>> first = load_anchors()[0]
    >>> first.name, first.accuracy, first.training_energy.si
    ('Renner 2024', 96.3, 0.00059)
    """
    text = files(__package__).joinpath("anchors.toml").read_text(encoding="utf-8")
    return _File(**tomllib.loads(text)).anchor
