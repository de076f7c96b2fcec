"""What changes on the asynchronous chip as time goes on, and what is counted of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eqchip.backends.discrete.chip import Chip
from eqchip.backends.discrete.units import Unit
from eqchip.emulator.activity import Activity
from eqchip.emulator.description.timed import Messages


@dataclass(frozen=True)
class Message:
    """One spike, or one real value, on its way to one core."""

    source: Unit
    core: int
    value: float
    serial: int


@dataclass(frozen=True, eq=False)
class Leg:
    """What happens next to a message in flight: at a time, a method of Sample; at link `link`."""

    message: Message
    time: int
    next: str
    link: int = 0


@dataclass(frozen=True, eq=False)
class Tick:
    """The next tick of a clock: its number k, when it is due, and when, with jitter, it comes."""

    k: int
    due: int
    time: int


@dataclass
class State:
    """All that a phase ``from_free`` goes back to.

    ``units``, ``t``: by unit. ``sums``, ``kept``, ``core_free``, ``backlog``: by core; the
    accumulators, the messages delivered but not yet added to them, when its queue will be empty,
    and how many wait or are served. ``link_free``, ``entries``: by link; when it will be free,
    and when messages entered it or will. ``flying``: the messages in flight by serial number.
    ``ticks``: the next of each clock that runs; gone back to only where clocks restart.
    """

    units: list[Any]
    t: list[int]
    sums: list[np.ndarray]
    kept: list[list[Message]]
    core_free: list[int]
    backlog: list[int]
    link_free: list[int]
    entries: list[list[int]]
    flying: dict[int, Leg]
    ticks: dict[int, Tick]


class Counts:
    """What a run shows, over all samples; see Run and Timed for the shapes."""

    def __init__(self, chip: Chip, rows: int) -> None:
        problem = chip.problem
        batch, cores, phases = len(problem.x), len(chip.parts), len(problem.phases)

        def zeros(*shape: int) -> np.ndarray:
            return np.zeros(shape, np.int32)

        self.activity = Activity.zeros(problem.phase_names, len(chip.sizes))
        self.messages = Messages(*(np.zeros(phases, np.int64) for _ in Messages._fields))
        self.in_flight, self.link_backlog = zeros(rows, batch), zeros(rows, batch)
        self.backlog, self.updates = zeros(rows, batch, cores), zeros(rows, batch, cores)
        self.received, self.spikes = zeros(rows, batch, cores), zeros(rows, batch, cores)
        self.bits = [np.zeros((rows, batch, n), np.uint8) for n in chip.sizes]
        self.potentials = [np.zeros((rows, batch, n), problem.dtype) for n in chip.sizes]
        self.ends = [[np.zeros((batch, n), problem.dtype) for n in chip.sizes]
                     for _ in range(phases)]  # fmt: skip
        self.left = 0
