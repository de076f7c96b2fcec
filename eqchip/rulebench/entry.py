"""An entry of the benchmark of learning rules: one rule, one way, one network, one data set.

What each field means, and what counts, is in ``docs/rules-benchmark.md``; the JSON schema that
comes with the package (``entry.schema.json``) is made from the classes below.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from eqchip.emulator.documents import read_json
from eqchip.emulator.errors import InputError
from eqchip.emulator.mistakes import one_line

FORMAT = "eqchip-rules-entry 1"
# Of a data set: samples to train on, set aside to choose settings on, and to test.
SPLITS = {
    "digits": (1287, 150, 360),
    "mnist": (55_000, 5_000, 10_000),
    "mnist-20x20": (55_000, 5_000, 10_000),
    "fashion-mnist": (55_000, 5_000, 10_000),
}
MOST_TRIALS = 12  # of settings, on validation samples, for a rule and a data set
WAYS = ("common", "own best")

Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Positive = Annotated[int, Field(ge=1)]
Whole = Annotated[int, Field(ge=0)]
Text = Annotated[str, Field(min_length=1)]


class Part(BaseModel):
    """A table of an entry: frozen, and no key that is not in the schema."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Task(Part):
    """What is learned, from how much: `train` samples in each of `epochs`."""

    dataset: Text
    network: Text
    train: Positive
    validation: Positive
    test: Positive
    epochs: Annotated[float, Field(gt=0, allow_inf_nan=False)]

    @model_validator(mode="after")
    def _check_split(self) -> Task:
        split = SPLITS.get(self.dataset)
        if split is not None and split != (self.train, self.validation, self.test):
            raise ValueError(
                f"{self.dataset} is split into {self.train}, {self.validation} and {self.test} "
                f"samples; expected {', '.join(map(str, split))} to train, choose and test on"
            )
        return self


class Tuning(Part):
    """How settings were chosen: so many trials of so many epochs, on validation samples alone."""

    trials: Annotated[int, Field(ge=0, le=MOST_TRIALS)]
    epochs: Amount
    chosen_on: Literal["validation", "another data set", "nothing"]
    varied: tuple[Text, ...] = ()
    note: str = ""

    @model_validator(mode="after")
    def _check_told(self) -> Tuning:
        if self.trials and self.chosen_on == "validation" and not self.varied:
            raise ValueError(f"{self.trials} trials varied nothing; expected the settings varied")
        return self


class Seed(Part):
    """What one training reached; its test samples were read once, after the last epoch."""

    seed: Whole
    validation_error: Percent
    test_error: Percent
    test_reads: Literal[1] = 1


class Counts(Part):
    """Of a training sample, the mean over the whole training; None: not counted."""

    steps: Amount | None
    spikes: Amount | None
    synaptic_events: Amount | None
    error_events: Amount | None = None
    weights_visited: Amount | None = None
    weights_attempted: Amount | None
    weights_changed: Amount | None
    macs: Amount | None = None


class Figure(Part):
    """A number with its band."""

    low: Amount
    value: Amount
    high: Amount
    unit: Literal["J", "s"]

    @model_validator(mode="after")
    def _check_order(self) -> Figure:
        if not self.low <= self.value <= self.high:
            raise ValueError(
                f"{self.low:g}, {self.value:g}, {self.high:g}; expected low <= value <= high"
            )
        return self


class Sum(Part):
    """A figure and what it lacks: with any term unknown it is a lower bound."""

    figure: Figure | None
    lacks: tuple[Text, ...] = ()


class Cost(Part):
    """What a training sample costs on a chip; who measured says how, in `source`."""

    chip: Text
    kind: Literal["modelled", "measured"]
    energy: Sum
    time: Sum
    cores: Whole | None = None
    learning_epochs: Amount | None = None
    source: Text

    @model_validator(mode="after")
    def _check_units(self) -> Cost:
        for name, unit in (("energy", "J"), ("time", "s")):
            figure = getattr(self, name).figure
            if figure is not None and figure.unit != unit:
                raise ValueError(f"{name} is in {figure.unit}; expected {unit}")
        return self


class RunsOn(Part):
    """Whether a chip has what the rule needs, by what is public; None: not known."""

    chip: Text
    can: bool | None
    said: Text


class Made(Part):
    """What computed a seed: a version, a fingerprint of all settings, a command that repeats it."""

    version: Text
    digest: Text
    command: Text


class Entry(Part):
    """One rule, one way, one network, one data set; all fields are told in the documentation."""

    format: Literal["eqchip-rules-entry 1"]
    name: Text
    by: Text
    source: Text
    rule: Text
    way: Literal["common", "own best"]
    where: Literal["on chip", "off chip"]
    task: Task
    settings: dict[str, Any]
    tuning: Tuning
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)]
    counts: Counts
    memory_bytes: Positive
    costs: Annotated[tuple[Cost, ...], Field(min_length=1)]
    needs: tuple[Text, ...] = ()
    runs_on: tuple[RunsOn, ...] = ()
    processor: str = ""
    made: tuple[Made, ...] = ()
    notes: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _check_seeds(self) -> Entry:
        numbers = [one.seed for one in self.seeds]
        for n, number in enumerate(numbers):
            if number in numbers[:n]:
                raise ValueError(f"seed {number} stands twice; expected each once")
        return self


def check_entry(document: dict[str, Any], where: str) -> Entry:
    """An entry from what a file holds.

    Raises
    ------
    InputError
        In one line: the first thing that is wrong, and what would be right.
    """
    if document.get("format") != FORMAT:
        raise InputError(f"{where}: format is {document.get('format')!r}; expected {FORMAT!r}")
    try:
        return Entry(**document)
    except ValidationError as error:
        raise InputError(f"{where}: {one_line(error, Entry, 'key of an entry')}") from None


def read_entry(path: Path) -> Entry:
    """Read and check the file of an entry.

    Raises
    ------
    InputError
        If it is missing, no JSON, or :func:`check_entry` refuses it.
    """
    return check_entry(read_json(path, "an entry of the benchmark (.json)"), str(path))


def schema() -> str:
    """The JSON schema of an entry, as ``entry.schema.json`` holds it."""
    return json.dumps(Entry.model_json_schema(), indent=1, sort_keys=True) + "\n"
