"""A plan of the benchmark: which entries are to be made, each with its settings, from a TOML file.

::

    format = "eqchip-rules 1"
    seeds = [0, 1, 2]
    chips = ["loihi1-calibrated", "loihi2"]        # that price; one may be a file

    [[entry]]
    rule = "graded"                                # of `eqchip train --rule`, ep, or a yardstick
    way = "common"                                 # or "own best"
    dataset = "mnist"
    network = "784-500-10"
    settings = { steps = 24, epochs = 12 }         # what `eqchip train` takes
    tuning = { trials = 6, epochs = 4, chosen_on = "validation", varied = ["lr", "steps"] }
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator

from eqchip.emulator.data.dataset import NAMES
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.spiking.rules import SPIKING_RULES
from eqchip.emulator.documents import read_toml
from eqchip.emulator.errors import InputError
from eqchip.emulator.mistakes import one_line
from eqchip.rulebench.entry import Part, Text, Tuning, Whole
from eqchip.rulebench.yardsticks import GRADIENTS, Yardstick

FORMAT = "eqchip-rules 1"
EP = "ep"
ON_CHIP = (EP, *SPIKING_RULES)
OFF_CHIP = tuple(GRADIENTS)  # yardsticks
KNOWN = (*ON_CHIP, *OFF_CHIP)
CHIPS = ("loihi1-calibrated", "loihi1-davies", "loihi2")
SEEDS = (0, 1, 2)
LEARNS_ON = "loihi2"  # whose integers all learn in: 8-bit weights, states of 24 bits


class Planned(Part):
    """An entry that is to be made.

    Attributes
    ----------
    rule, way, dataset, network : str
    settings : dict
        By the names that `eqchip train` has for them.
    tuning : Tuning
    notes : tuple of str
    """

    rule: Text
    way: Literal["common", "own best"]
    dataset: Text
    network: Text
    settings: Annotated[dict[str, Any], Field(default_factory=dict)]
    tuning: Tuning
    notes: tuple[Text, ...] = ()

    @field_validator("rule")
    @classmethod
    def _known_rule(cls, rule: str) -> str:
        if rule not in KNOWN:
            raise ValueError(f"expected one of {', '.join(KNOWN)}")
        return rule

    @field_validator("dataset")
    @classmethod
    def _known_data(cls, dataset: str) -> str:
        if dataset not in NAMES:
            raise ValueError(f"expected one of {', '.join(NAMES)}")
        return dataset

    @property
    def name(self) -> str:
        """As its files are called."""
        return f"{self.dataset}-{self.network}-{self.rule}-{self.way.replace(' ', '-')}"


class Plan(Part):
    """Entries to be made, with which seeds, and by which chips they are priced."""

    format: Literal["eqchip-rules 1"]
    seeds: Annotated[tuple[Whole, ...], Field(min_length=1)] = SEEDS
    chips: Annotated[tuple[Text, ...], Field(min_length=1)] = CHIPS
    entry: Annotated[tuple[Planned, ...], Field(min_length=1)]

    def trainings(self) -> Iterator[tuple[Planned, int]]:
        """Every entry with every seed; the first seed of all of them first."""
        for seed in self.seeds:
            for entry in self.entry:
                yield entry, seed


Configure = Callable[[Planned, int], Config | Yardstick]


def make_plan(document: dict[str, Any], where: str, configure: Configure) -> Plan:
    """A plan from what a file says.

    Parameters
    ----------
    document : dict
    where : str
        Names it in errors.
    configure : callable
        From an entry and a seed to the configuration of its training.

    Raises
    ------
    InputError
        In one line, for what is wrong, an entry that stands twice, or settings that no training
        takes.
    """
    if document.get("format") != FORMAT:
        raise InputError(f"{where}: format is {document.get('format')!r}; expected {FORMAT!r}")
    try:
        plan = Plan(**document)
    except ValidationError as error:
        raise InputError(f"{where}: {one_line(error, Plan, 'key of a plan')}") from None
    _check_once([str(seed) for seed in plan.seeds], "seed", where)
    _check_once([entry.name for entry in plan.entry], "entry", where)
    for entry in plan.entry:
        try:
            configure(entry, plan.seeds[0])
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
    return plan


def read_plan(path: Path, configure: Configure) -> Plan:
    """Read and check the file of a plan; errors as of :func:`make_plan`."""
    return make_plan(read_toml(path, "a plan of the benchmark (.toml)"), str(path), configure)


def _check_once(names: Sequence[str], what: str, where: str) -> None:
    for n, name in enumerate(names):
        if name in names[:n]:
            raise InputError(f"{where}: {what} {name} stands twice; expected each once")
