"""Paired timing of contestants, round by round."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from eqchip.emulator.progress import Progress


@dataclass(frozen=True)
class Contestant:
    """Something to be timed.

    Attributes
    ----------
    name : str
    work : callable
        One call of it.
    events : float
        Synaptic events per call (for dense algebra: that the engine would need).
    threads : int
    """

    name: str
    work: Callable[[], object]
    events: float
    threads: int = 1

    def clock(self) -> tuple[float, float]:
        """Wall and processor seconds; read before and after the calls."""
        return time.perf_counter(), time.process_time()


@dataclass
class Stopwatch:
    """Seconds added up."""

    wall: float = 0.0
    cpu: float = 0.0

    def time(self, work: Callable[[], object], sign: int = 1) -> None:
        """Add, or with sign -1 take off, what a call takes."""
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        self.wall += sign * (time.perf_counter() - wall)
        self.cpu += sign * (time.process_time() - cpu)


@dataclass(frozen=True, kw_only=True)
class Watched(Contestant):
    """A contestant that times a part of each call itself."""

    watch: Stopwatch = field(default_factory=Stopwatch)

    def clock(self) -> tuple[float, float]:
        """What was timed so far."""
        return self.watch.wall, self.watch.cpu


@dataclass(frozen=True)
class Timing:
    """Seconds per synaptic event, one number a round, of wall and of processor time."""

    name: str
    threads: int
    wall: tuple[float, ...]
    cpu: tuple[float, ...]

    @property
    def rate(self) -> float:
        """Median synaptic events per second."""
        return 1.0 / median(self.wall)

    @property
    def cpu_rate(self) -> float:
        """Median synaptic events per second of processor time."""
        return 1.0 / median(self.cpu)

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> Timing:
        """The timing of a contestant, as a document holds it."""
        return cls(entry["name"], entry["threads"], tuple(entry["wall"]), tuple(entry["cpu"]))


@dataclass(frozen=True)
class Ratio:
    """How many times faster one contestant is than another, over the rounds.

    Attributes
    ----------
    name : str
    median, low, high : float
        Of wall time.
    cpu_median, cpu_low, cpu_high : float
        Of processor time, which other jobs on the machine disturb less.
    """

    name: str
    median: float
    low: float
    high: float
    cpu_median: float
    cpu_low: float
    cpu_high: float

    @classmethod
    def of(cls, fast: Timing, slow: Timing) -> Ratio:
        """The ratio of the rates within each round."""
        wall = [s / f for f, s in zip(fast.wall, slow.wall, strict=True)]
        cpu = [s / f for f, s in zip(fast.cpu, slow.cpu, strict=True)]
        extremes = (median(wall), min(wall), max(wall), median(cpu), min(cpu), max(cpu))
        return cls(f"{fast.name} / {slow.name}", *extremes)


def measure(
    contestants: Sequence[Contestant], rounds: int, seconds: float, progress: Progress
) -> dict[str, Timing]:
    """Time contestants in turns.

    Parameters
    ----------
    contestants : sequence of Contestant
    rounds : int
    seconds : float
        At least so long in each round; calls are repeated.
    progress : Progress

    Returns
    -------
    dict
        A Timing per contestant, by name.
    """
    resolution = time.get_clock_info("process_time").resolution
    with progress.bar("timing", rounds * len(contestants)) as bar:
        calls = {}
        for contestant in contestants:
            contestant.work()  # compiles, and warms the caches
            calls[contestant.name] = _calls_for(contestant, seconds)
        wall: dict[str, list[float]] = {c.name: [] for c in contestants}
        cpu: dict[str, list[float]] = {c.name: [] for c in contestants}
        for number in range(rounds):
            for contestant in contestants:
                name = contestant.name
                events = contestant.events * calls[name]
                wall_start, cpu_start = contestant.clock()
                for _ in range(calls[name]):
                    contestant.work()
                wall_end, cpu_end = contestant.clock()
                wall[name].append((wall_end - wall_start) / events)
                cpu_seconds = max(cpu_end - cpu_start, resolution)
                cpu[name].append(cpu_seconds / events)
                bar.advance(round=number + 1)
    return {
        c.name: Timing(c.name, c.threads, tuple(wall[c.name]), tuple(cpu[c.name]))
        for c in contestants
    }


def _calls_for(contestant: Contestant, seconds: float) -> int:
    calls = 1
    while True:
        start = time.perf_counter()
        for _ in range(calls):
            contestant.work()
        taken = time.perf_counter() - start
        if taken >= seconds:
            return calls
        # Aim a fifth beyond, for a faster moment than this one.
        calls = max(calls + 1, int(1.2 * calls * seconds / max(taken, 1e-9)))
