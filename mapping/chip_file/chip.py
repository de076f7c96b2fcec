"""Chip files: what a chip can hold, and what each event costs on it, figure by figure.

A chip is a TOML file of format ``eqchip-chip 1``. Every figure in it has a value with a band,
a unit, a source, a status (how it came about) and a confidence mark (how we know it). The
files that come with the package are in ``mapping/chips``; ``docs/chips.md`` explains how to
write another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.documents import parse_toml, read_toml
from eqchip.emulator.errors import InputError
from eqchip.emulator.mistakes import one_line
from eqchip.mapping.chip_file.addresses import (
    NEEDED,
    AreaPart,
    EnergyKind,
    StaticPart,
    TimeKind,
    addresses,
)
from eqchip.mapping.chip_file.base import derived, without_later, without_nothing
from eqchip.mapping.chip_file.capabilities import Capability
from eqchip.mapping.chip_file.capabilities import Name as Ability
from eqchip.mapping.chip_file.cores import Cores
from eqchip.mapping.chip_file.figures import (
    STATUSES,
    Area,
    Barrier,
    Coefficient,
    Duration,
    Energy,
    Engine,
    Frequency,
    Limit,
    Power,
    Span,
    Status,
    Table,
    Text,
    barrier_of,
)

FORMAT = "eqchip-chip 1"
USUAL = "loihi1-davies"  # the chip that is taken where none is named

Model = Literal["cores", "events", "arithmetic"]
DEEPEST = 8  # files that stand on one another

Name = Annotated[str, Field(strict=True, pattern=r"^[a-z0-9][a-z0-9._-]*$")]


class Chip(Table):
    """A chip, as a chip file describes it.

    Attributes
    ----------
    name, title, origin, description : str
        `origin` names the publications in a few words.
    hardware : str, optional
        What its figures are of, as measured runs name it; those of other hardware are no test of
        them.
    fitted_on : tuple of str
        Measured figures that some of its figures were fitted to, such as ``"Renner 2024 training
        time"``; all others are held out.
    model : {"cores", "events", "arithmetic"}
        "cores": networks are mapped onto its cores and priced event by event. "events": a
        static power and a marginal cost per event, no cores. "arithmetic": operations and
        memory accesses, of a processor that neuromorphic chips are compared with.
    learning : bool
        Whether it has a learning engine on the chip.
    copies : {1, 2}
        How often a symmetric weight is stored: 2 where synapses belong to the core that
        receives the spike.
    arithmetic : FixedPoint, optional
    cores : Cores, optional
    energy, time : dict of str to Energy, Duration
        Marginal cost of one event, by the kinds of :mod:`eqchip.mapping.kinds`.
    learning_engine : Engine, optional
        What its learning engine reads of the synapses when it writes.
    static_power : dict of {"chip", "core", "management"} to Power
        Drawn whatever happens; "core" is the chip's, shared out, and not to be added to it;
        "management" is that of the processors embedded in a chip beside its cores.
    clock : Frequency, optional
        Of a clocked chip, if ``energy.clock_cycle`` is part of the model.
    area : dict of {"chip", "core"} to Area
        Of the die, and of one core, where published.
    capabilities : dict of str to Capability
        What it can do, by the names of :mod:`eqchip.mapping.chip_file.capabilities`.
    barrier : tuple of Barrier
        By rising number of active tiles; see :meth:`barrier_seconds`.
    step_floor : Duration, optional
        The least time of a step, barrier included: a step with less to do takes as long. What
        processors do after every step is ``time.management``, and adds up.
    unknown : dict of str to str
        Address ("energy.barrier") to the reason why nobody knows it.
    included : dict of str to str
        Address to the figure that already contains it, so that it costs nothing on top.
    absent : dict of str to str
        Address to the reason why the chip has no such thing, which costs nothing.
    """

    def __repr__(self) -> str:
        cores = "" if self.cores is None else f", {self.cores.per_chip.value:,} cores"
        learns = ", learns" if self.learning else ""
        return f"Chip({self.name}: {self.title}{cores}{learns})"

    __str__ = __repr__

    format: Literal["eqchip-chip 1"]
    name: Name
    title: Text
    origin: Text
    description: Text
    hardware: Text | None = None
    fitted_on: tuple[Text, ...] = ()
    model: Model
    learning: Annotated[bool, Field(strict=True)]
    copies: Literal[1, 2] = 1
    arithmetic: FixedPoint | None = None
    cores: Cores | None = None
    capabilities: dict[Ability, Capability] = Field(default_factory=dict)
    area: dict[AreaPart, Area] = Field(default_factory=dict)
    learning_engine: Engine | None = None
    static_power: dict[StaticPart, Power] = Field(default_factory=dict)
    clock: Frequency | None = None
    energy: dict[EnergyKind, Energy] = Field(default_factory=dict)
    time: dict[TimeKind, Duration] = Field(default_factory=dict)
    barrier: tuple[Barrier, ...] = ()
    step_floor: Duration | None = None
    unknown: dict[str, Text] = Field(default_factory=dict)
    included: dict[str, Text] = Field(default_factory=dict)
    absent: dict[str, Text] = Field(default_factory=dict)

    @field_validator("arithmetic", mode="before")
    @classmethod
    def _check_arithmetic(cls, table: Any) -> Any:
        # pydantic would take "8" and 8.0 for 8 here, and only here.
        for key, value in table.items() if isinstance(table, dict) else ():
            if type(value) is not int and (key != "outliers" or type(value) is not float):
                raise ValueError(f"{key} is {value!r}; expected a whole number")
        return table

    @field_validator("time")
    @classmethod
    def _check_time(cls, time: dict[str, Duration]) -> dict[str, Duration]:
        if "barrier" in time:
            raise ValueError("expected no time.barrier but a table [[barrier]] per number of tiles")
        return time

    @field_validator("barrier")
    @classmethod
    def _check_barrier(cls, rows: tuple[Barrier, ...]) -> tuple[Barrier, ...]:
        for first, second in pairwise(rows):
            tiles = (first.active_tiles, second.active_tiles)
            falling = any(b < a for a, b in zip(first.si, second.si, strict=True))
            if tiles[0] >= tiles[1] or falling:
                raise ValueError(
                    f"the entry of {tiles[1]} active tiles follows that of {tiles[0]}; expected "
                    "rising numbers of tiles, and no time below the one before"
                )
        return rows

    @model_validator(mode="after")
    def _check_whole(self) -> Chip:
        for needed in NEEDED[self.model]:
            table, _, key = needed.partition(".")
            found = getattr(self, table)
            if needed not in self.unknown and (found is None or (key and key not in found)):
                raise ValueError(
                    f"{needed} is missing; expected a table, since model is {self.model!r}"
                )
        if ("clock_cycle" in self.energy) != (self.clock is not None):
            raise ValueError("clock and energy.clock_cycle belong together; expected both or none")
        given = {address for address, _ in self.figures()}
        for table in ("unknown", "included", "absent"):
            entries = getattr(self, table)
            for address in entries:
                if address not in addresses():
                    raise ValueError(
                        f"{table}.{address!r} is no figure of a chip; "
                        "expected an address such as energy.barrier, time.reset, static_power.chip"
                    )
                if address in given:
                    raise ValueError(
                        f"{table}.{address!r} is given as well; expected one of the two"
                    )
            given |= {*entries}
        return self

    def barrier_seconds(self, active_tiles: int) -> Span | None:
        """The barrier of so many tiles, see :func:`eqchip.mapping.chip_file.figures.barrier_of`."""
        return barrier_of(self.barrier, active_tiles)

    def figures(self) -> Iterator[tuple[str, Coefficient | Limit]]:
        """Every figure with its address, e.g. ("energy.message", Energy(...))."""
        for part, area in self.area.items():
            yield f"area.{part}", area
        for place, power in self.static_power.items():
            yield f"static_power.{place}", power
        if self.clock is not None:
            yield "clock", self.clock
        for kind, energy in self.energy.items():
            yield f"energy.{kind}", energy
        for kind, time in self.time.items():
            yield f"time.{kind}", time
        for row in self.barrier:
            yield f"barrier.{row.active_tiles}", row
        if self.step_floor is not None:
            yield "step_floor", self.step_floor
        if self.cores is not None:
            for name, limit in self.cores.limits().items():
                yield f"cores.{name}", limit

    def changed(self, change: Callable[[str, Coefficient], Coefficient]) -> Chip:
        """The chip with other coefficients; limits, and all else, as they are.

        Parameters
        ----------
        change : callable
            From the address of a coefficient, as :meth:`figures` has it, and the coefficient to the
            one in its place.

        Returns
        -------
        Chip
            Not checked anew: a figure may leave its band, a barrier fall with more tiles.

        Examples
        --------
        >>> found = load_chip("loihi1-davies").changed(lambda address, one: one.at(2 * one.value))
        >>> found.energy["message"].low, found.energy["message"].high
        (3.4, 3.4)
        """
        found = {name: _changed(name, value, change) for name, value in self}
        return self.model_copy(update=found)

    def can(self, ability: str) -> bool:
        """Whether it has a capability; what its file does not name it lacks."""
        found = self.capabilities.get(ability)
        return found is not None and bool(found.value)

    @property
    def shares_kernels(self) -> bool:
        """Whether a core keeps each weight of a kernel once, whatever the places it serves."""
        return self.cores is not None and self.cores.shared_kernels is not None

    @property
    def weakest(self) -> Status:
        """The weakest status among its powers, energies and times."""
        found = {
            figure.status
            for _, figure in self.figures()
            if isinstance(figure, Coefficient) and not isinstance(figure, Area)
        }
        return max(found, key=STATUSES.index)

    def why_unknown(self, address: str) -> str:
        """Why a figure is not known; the file's reason if it gives one."""
        return self.unknown.get(address, "not in the chip file")

    def to_toml(self) -> str:
        """The text of a file that says all of it, and reads back equal.

        Comments, and that a file stood on another one, are lost.
        """
        import tomli_w

        document = without_nothing(self.model_dump(mode="json", exclude_none=True))
        return tomli_w.dumps(document, multiline_strings=True)

    def why_free(self, address: str) -> str | None:
        """Why a figure costs nothing: another contains it, or there is no such thing; else None."""
        return self.included.get(address, self.absent.get(address))

    def digest(self) -> str:
        """A short fingerprint of all that the file says."""
        document = without_later(self.model_dump(mode="json"))
        text = json.dumps(document, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _changed(address: str, value: Any, change: Callable[[str, Coefficient], Coefficient]) -> Any:
    """A key of a chip file with the coefficients in it changed: one, a table or a list of them."""
    if isinstance(value, Coefficient):
        return change(address, value)
    if isinstance(value, dict):
        return {key: _changed(f"{address}.{key}", one, change) for key, one in value.items()}
    if isinstance(value, tuple) and all(isinstance(one, Barrier) for one in value):
        return tuple(_changed(f"{address}.{one.active_tiles}", one, change) for one in value)
    return value


def chip_names() -> list[str]:
    """The names of the chips that come with the package."""
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in files("eqchip.mapping").joinpath("chips").iterdir()
        if entry.name.endswith(".toml")
    )


def load_chip(name_or_path: str | Path | Chip) -> Chip:
    """Read a chip file.

    Parameters
    ----------
    name_or_path : str or Path or Chip
        The name of a chip that comes with the package, or the path of a file; a str is taken
        for a path if it ends in ".toml" or holds a separator. A chip is that chip, so that
        whoever takes one takes its name as well.

    Raises
    ------
    InputError
        In one line, for an unknown name, a file that cannot be read, is no TOML or of another
        format, and for what the file says wrong: which key, its value, what would be right.

    Examples
    --------
    >>> chip = load_chip("loihi1-davies")
    >>> chip.energy["weight_update"].value, chip.energy["weight_update"].unit
    (120.0, 'pJ')
    """
    return name_or_path if isinstance(name_or_path, Chip) else _load(name_or_path, DEEPEST)


def _load(name_or_path: str | Path, deepest: int) -> Chip:
    if isinstance(name_or_path, str) and not _looks_like_path(name_or_path):
        if name_or_path not in chip_names():
            raise InputError(
                f"chip {name_or_path!r} is unknown; expected one of {', '.join(chip_names())}, "
                "or the path of a chip file (.toml)"
            )
        source = files("eqchip.mapping").joinpath("chips").joinpath(f"{name_or_path}.toml")
        return parse_chip(source.read_bytes(), f"{name_or_path}.toml", deepest)
    path = Path(name_or_path)
    return _chip(read_toml(path, "a chip file"), str(path), deepest)


def parse_chip(text: bytes, where: str, deepest: int = DEEPEST) -> Chip:
    """A chip from the bytes of its file; `where` names the file in errors.

    A `base` that is a path is taken from the folder of `where`; `deepest`: so many files at most
    stand on one another.
    """
    try:
        document = parse_toml(text)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    return _chip(document, where, deepest)


def _chip(document: dict[str, Any], where: str, deepest: int) -> Chip:
    if document.get("format") != FORMAT:
        raise InputError(f"{where}: format is {document.get('format')!r}; expected {FORMAT!r}")
    if "base" in document:
        document = derived(_base(document, where, deepest), document)
    try:
        return Chip(**document)
    except ValidationError as error:
        raise InputError(f"{where}: {one_line(error, Chip)}") from None


def _base(document: dict[str, Any], where: str, deepest: int) -> dict[str, Any]:
    """What the base of a chip file says, whole."""
    name = document["base"]
    if not isinstance(name, str) or not name:
        raise InputError(f"{where}: base is {name!r}; expected the name or path of a chip file")
    if "name" not in document:
        raise InputError(f"{where}: name is missing; expected another than that of its base")
    if deepest <= 1:
        raise InputError(
            f"{where}: base is {name!r}, the last of {DEEPEST} files that stand on one another; "
            "expected fewer, and none on itself"
        )
    path = Path(where).parent / name if _looks_like_path(name) else name
    try:
        chip = _load(path, deepest - 1)
    except InputError as error:
        raise InputError(f"{where}: base: {error}") from None
    return chip.model_dump(mode="json", exclude_none=True)


def _looks_like_path(text: str) -> bool:
    return text.endswith(".toml") or "/" in text or "\\" in text
