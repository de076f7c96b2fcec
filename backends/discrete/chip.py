"""The asynchronous chip before time begins: units on their cores, clocks, faults, random words."""

from __future__ import annotations

import math
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np

from eqchip.backends.discrete.units import Unit
from eqchip.backends.reference import floating as reference
from eqchip.emulator.description.asynchronous import QUANTA, Asynchronous, quanta
from eqchip.emulator.description.parts import Part, whole_layers
from eqchip.emulator.philox import philox4x32, split_seed
from eqchip.emulator.problem.problem import Problem

# What random numbers are for; MESSAGE + c: for a message to core c.
PERIOD, OFFSET, JITTER, STUCK_AT_0, STUCK_AT_1, MESSAGE = 0, 1, 2, 3, 4, 8
TIMING = 0x54494D45  # "TIME": keeps these numbers apart from Bernoulli's of the same seed

Words = list[int]


@lru_cache(maxsize=2**16)
def random_words(seed: int, number: int, k: int, purpose: int, sample: int) -> Words:
    """Four random words of 32 bits."""
    low, high = split_seed(seed)
    counter = np.array([number, k, purpose, sample], np.uint32)
    return [int(word) for word in philox4x32(counter, (low, high ^ TIMING))]


def share(width: int, word: int) -> int:
    """``width * u``, rounded down, with u in [0, 1) the first 24 bits of a word."""
    return (width * (word >> 8)) >> 24


class Clock(NamedTuple):
    """A clock: its number, its period in quanta, and the units that tick by it, all of a core."""

    number: int
    period: int
    units: list[Unit]


class Chip:
    """The units of a problem on their cores, with their clocks and faults."""

    def __init__(self, problem: Problem, timing: Asynchronous) -> None:
        self.problem, self.timing = problem, timing
        self.sizes = problem.network.sizes
        self.parts: tuple[Part, ...] = problem.parts or whole_layers(self.sizes)
        # Clocks that cannot tick apart are one clock.
        by_unit = timing.clocks.per == "unit" and timing.drawn_clocks
        self.units: list[Unit] = []
        for core, part in enumerate(self.parts):
            for index in range(part.first, part.end):
                number = len(self.units)
                self.units.append(
                    Unit(number, part.layer, index, core, number if by_unit else core)
                )
        self.clocks = [
            Clock(c, self._period(c), [unit for unit in self.units if unit.clock == c])
            for c in range(len(self.units) if by_unit else len(self.parts))
        ]
        self.stuck = {
            **self._stuck(timing.faults.stuck_at_0, STUCK_AT_0, 0),
            **self._stuck(timing.faults.stuck_at_1, STUCK_AT_1, 1),
        }
        self.stops: dict[int, int] = {}
        for core, time in timing.faults.stopped:
            self.stops[core] = min(quanta(time), self.stops.get(core, quanta(time)))
        self.synapses = reference.constants(problem).synapses
        whole = problem.steps * QUANTA
        self.end = whole if timing.stop is None else min(whole, quanta(timing.stop))

    def _period(self, clock: int) -> int:
        word = random_words(self.timing.seed, clock, 0, PERIOD, 0)[0]
        u = (word >> 8) * 2.0**-24
        spread = self.timing.clocks.spread
        return round(QUANTA * (1.0 + math.sqrt(3.0) * spread * (2.0 * u - 1.0)))

    def _stuck(self, which: Any, purpose: int, bit: int) -> dict[int, int]:
        if isinstance(which, tuple):
            first = np.cumsum([0, *self.sizes])
            return {int(first[layer]) + unit: bit for layer, unit in which}
        words = [random_words(self.timing.seed, u.number, 0, purpose, 0)[0] for u in self.units]
        return {number: bit for number, word in enumerate(words) if word >> 8 < which * 2**24}

    @cached_property
    def periods(self) -> list[int]:
        """The period of every unit's clock, in quanta."""
        return [self.clocks[unit.clock].period for unit in self.units]

    def destinations(self, unit: Unit) -> list[int]:
        """The cores that a unit sends to, in order: where it has synapses, but for the input."""
        beside = {unit.layer - 1, unit.layer + 1} - {0}
        return [
            core
            for core, part in enumerate(self.parts)
            if part.layer in beside and self.fan_out(unit, core) > 0
        ]

    def fan_out(self, unit: Unit, core: int) -> int:
        """Synapses that a spike of a unit meets on a core."""
        part = self.parts[core]
        here = slice(part.first, part.end)
        if part.layer > unit.layer:
            return int(self.synapses[unit.layer][unit.place, here].sum())
        return int(self.synapses[part.layer][here, unit.place].sum())

    def route(self, source: int, core: int) -> list[int]:
        """The links that a message crosses."""
        paths = self.problem.paths
        assert paths is not None  # see timing_checks
        pair = source * len(self.parts) + core
        return paths.links[paths.starts[pair] : paths.starts[pair + 1]].tolist()

    def never_fires(self, unit: Unit, x: np.ndarray) -> bool:
        """Whether a unit is a clamped one at 0: it ticks, but no event of it is listed."""
        return unit.layer == 0 and x[unit.place] == 0 and self.stuck.get(unit.number) != 1
