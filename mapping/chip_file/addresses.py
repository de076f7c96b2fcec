"""Addresses of a chip file: ``energy.message``, ``static_power.chip``, ``cores.units``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from eqchip.mapping import kinds
from eqchip.mapping.chip_file.cores import Cores


def _known(table: kinds.Table) -> Callable[[str], str]:
    def check(kind: str) -> str:
        names = kinds.priced(table)
        if kind not in names:
            wanted = [repr(name) for name in names]
            raise PydanticCustomError(
                "literal_error",
                "no event kind",
                {"expected": f"{', '.join(wanted[:-1])} or {wanted[-1]}"},
            )
        return kind

    return check


# Of an event that has a price in that table.
EnergyKind = Annotated[str, AfterValidator(_known("energy"))]
TimeKind = Annotated[str, AfterValidator(_known("time"))]

StaticPart = Literal["chip", "core", "management"]
AreaPart = Literal["chip", "core"]

# What a chip cannot do without, by its model.
NEEDED: Mapping[str, tuple[str, ...]] = {
    "cores": ("cores", "arithmetic", "energy.synaptic_event"),
    "events": ("energy.synaptic_event",),
    "arithmetic": ("energy.mac",),
}


_TABLES: tuple[kinds.Table, ...] = ("energy", "time")


def addresses() -> frozenset[str]:
    """What a chip file may say that it does not know, or has in another figure."""
    return frozenset(
        [
            *(f"{table}.{kind}" for table in _TABLES for kind in kinds.priced(table)),
            *(f"static_power.{part}" for part in get_args(StaticPart)),
            *(f"area.{part}" for part in get_args(AreaPart)),
            *(f"cores.{name}" for name in Cores.model_fields),
            "cores",
            "arithmetic",
            "clock",
            "learning_engine",
            "step_floor",
        ]
    )
