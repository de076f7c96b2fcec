"""Address events (AER) in a file: who fired when, of every population that did.

As text, a line an event; or as arrays, one for each population. docs/networks.md has both forms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from eqchip.emulator.arrays import open_foreign_arrays
from eqchip.emulator.description.graph.graph import Graph, Population
from eqchip.emulator.errors import InputError
from eqchip.emulator.files import read_text

WHAT = "events, .npz or .csv"
MOST_STEPS = MOST_SAMPLES = 2**31
WHENS = ("step", "time")
OTHERS = ("unit", "population", "sample")
WIDTHS = (2, 3)  # of an array: step, unit, and perhaps sample
LONGEST = 60  # letters of a line in an error

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class EventList:
    """Events of a graph's populations.

    Attributes
    ----------
    of : dict of str to tuple of ndarray
        By population: steps, ascending; samples; units; int64 of one length.
    steps, batch : int
        One more than the last of each.
    where : str
        The file, for errors.
    """

    of: dict[str, Rows]
    steps: int
    batch: int
    where: str


def read_events(path: str | Path, graph: Graph, dt: float | None = None) -> EventList:
    """Read the events of a graph's populations.

    Parameters
    ----------
    path : path-like
        ``.csv``: a first line that names the columns ``step`` (or ``time``, in seconds), ``unit``,
        and perhaps ``population`` and ``sample``; without ``population``, units are counted
        through all populations that send, in the order of the graph. ``.npz``: by population an
        array of whole numbers, of rows (step, unit) or (step, unit, sample).
    graph : Graph
    dt : float, optional
        Seconds of a step, where the file has times.

    Raises
    ------
    InputError
        In one line, with the file and the first event that is wrong: populations and units that
        are not there, negative or unsorted steps, a unit that fires twice in a step.
    """
    path = Path(path)
    if path.suffix.lower() == ".npz":
        with open_foreign_arrays(path, WHAT) as file:
            found = {}
            for name in file.headers:
                population = _sender(graph, name, f"array {name!r}")
                header = file.headers[name]
                fits = len(header.shape) == 2 and header.shape[1] in WIDTHS
                if header.dtype.kind not in "iu" or not fits:
                    raise InputError(
                        f"array {name!r} is {header}; expected whole numbers, rows of step, unit "
                        "and perhaps sample"
                    )
                found[name] = _of_array(population, file.values(name).astype(np.int64))
            return _list(found, str(path))
    text = read_text(path, WHAT)
    try:
        return _list(_Lines(text, graph, dt).read(), str(path))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _list(found: dict[str, Rows], where: str) -> EventList:
    there = {name: rows for name, rows in found.items() if len(rows[0])}
    if not there:
        raise InputError(f"{where}: no events; expected at least one")
    return EventList(
        there,
        1 + max(int(step.max()) for step, _, _ in there.values()),
        1 + max(int(sample.max()) for _, sample, _ in there.values()),
        where,
    )


def _sender(graph: Graph, name: str, where: str) -> Population:
    if name not in graph.numbers:
        known = ", ".join(map(repr, graph.numbers))
        raise InputError(f"{where}: population {name!r}; expected one of {known}")
    population = graph.population(name)
    if not population.unit.sends:
        kind = type(population.unit).__name__
        raise InputError(
            f"{where}: population {name!r} is {kind}, which sends nothing; expected none"
        )
    return population


def _of_array(population: Population, array: np.ndarray) -> Rows:
    step, unit = array[:, 0], array[:, 1]
    sample = array[:, 2] if array.shape[1] > len(WIDTHS) else np.zeros(len(array), np.int64)

    def refuse(k: int, why: str) -> NoReturn:
        raise InputError(f"array {population.name!r}, event {k}: {why}")

    return _checked(population, step, sample, unit, refuse)


def _checked(
    population: Population, step: np.ndarray, sample: np.ndarray, unit: np.ndarray, refuse: object
) -> Rows:
    """The events by step; refuse: called with the place of a wrong one, and why."""
    assert callable(refuse)
    for name, values, most in (
        ("step", step, MOST_STEPS), ("sample", sample, MOST_SAMPLES),
        (f"unit of {population.name!r}", unit, population.size),
    ):  # fmt: skip
        wrong = (values < 0) | (values >= most)
        if wrong.any():
            k = int(np.argmax(wrong))
            refuse(k, f"{name} is {values[k]}; expected 0 to {most - 1}")
    by_sample = np.argsort(sample, kind="stable")
    late = (np.diff(step[by_sample]) < 0) & (np.diff(sample[by_sample]) == 0)
    if late.any():
        k = int(np.argmax(late))
        before, after = int(by_sample[k]), int(by_sample[k + 1])
        refuse(after, f"step {step[after]} comes after step {step[before]} of the same sample; "
                      "expected ascending steps")  # fmt: skip
    order = np.lexsort((unit, sample, step))
    step_, sample_, unit_ = step[order], sample[order], unit[order]
    twice = (np.diff(step_) == 0) & (np.diff(sample_) == 0) & (np.diff(unit_) == 0)
    if twice.any():
        k = int(order[int(np.argmax(twice)) + 1])
        refuse(k, f"unit {unit[k]} of {population.name!r} fires again in step {step[k]}; expected "
                  "at most one spike a step: a shorter step")  # fmt: skip
    return step_, sample_, unit_


class _Lines:
    """A text, a line an event."""

    def __init__(self, text: str, graph: Graph, dt: float | None) -> None:
        self.graph, self.dt = graph, dt
        self.lines = text.splitlines()
        self.columns = self._columns()
        self.senders = [p for p in graph.populations if p.unit.sends]
        self.ends = np.cumsum([p.size for p in self.senders])

    def _columns(self) -> list[str]:
        head = self.lines[0] if self.lines else ""
        names = [name.strip() for name in head.split(",")]
        whens = [name for name in names if name in WHENS]
        strange = set(names) - {*WHENS, *OTHERS}
        if len(whens) != 1 or "unit" not in names or strange or len(set(names)) < len(names):
            raise InputError(
                f"line 1 is {head[:LONGEST]!r}; expected columns step or time, unit, and perhaps "
                "population and sample"
            )
        if whens == ["time"] and self.dt is None:
            raise InputError("has times, and nothing says how long a step is; expected dt")
        return names

    def read(self) -> dict[str, Rows]:
        """Events by population."""
        found: dict[str, list[tuple[int, int, int, int]]] = {}
        for number, line in enumerate(self.lines[1:], start=2):
            if line.strip():
                name, *event = self._event(line, number)
                found.setdefault(name, []).append((*event, number))  # type: ignore[arg-type]
        whole = sorted((row for rows in found.values() for row in rows), key=lambda row: row[3])
        self._check_order(whole)
        made = {}
        for name, rows in found.items():
            step, sample, unit, lines = np.array(rows, np.int64).T

            def refuse(k: int, why: str, lines: np.ndarray = lines) -> NoReturn:
                raise InputError(f"line {lines[k]}: {why}")

            made[name] = _checked(self.graph.population(name), step, sample, unit, refuse)
        return made

    @staticmethod
    def _check_order(rows: list[tuple[int, int, int, int]]) -> None:
        """Of all populations together, too, steps of a sample ascend."""
        last: dict[int, int] = {}
        for step, sample, _, number in rows:
            if step < last.get(sample, 0) and step >= 0:
                raise InputError(
                    f"line {number}: step {step} comes after step {last[sample]} of the same "
                    "sample; expected ascending steps"
                )
            last[sample] = step

    def _event(self, line: str, number: int) -> tuple[str, int, int, int]:
        words = [word.strip() for word in line.split(",")]
        if len(words) != len(self.columns):
            raise InputError(
                f"line {number}: {line[:LONGEST]!r}; expected {','.join(self.columns)}"
            )
        row = dict(zip(self.columns, words, strict=True))
        try:
            unit, sample = int(row["unit"]), int(row.get("sample", 0))
            step = int(row["step"]) if "step" in row else self._step(float(row["time"]))
        except (ValueError, OverflowError):
            raise InputError(
                f"line {number}: {line[:LONGEST]!r}; expected numbers, whole ones of steps, units "
                "and samples"
            ) from None
        if max(abs(step), abs(sample), abs(unit)) >= MOST_STEPS:
            raise InputError(f"line {number}: {line[:LONGEST]!r}; expected numbers below 2**31")
        if "population" in row:
            return _sender(self.graph, row["population"], f"line {number}").name, step, sample, unit
        if not 0 <= unit < self.ends[-1]:
            raise InputError(
                f"line {number}: unit is {unit}; expected 0 to {self.ends[-1] - 1}, counted "
                "through all populations that send"
            )
        k = int(np.searchsorted(self.ends, unit, side="right"))
        first = int(self.ends[k]) - self.senders[k].size
        return self.senders[k].name, step, sample, unit - first

    def _step(self, time: float) -> int:
        assert self.dt is not None
        return math.floor(time / self.dt + 1e-9)  # a time that is a step, but for its last bits
