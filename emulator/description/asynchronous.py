"""A chip without a global clock: its clocks, delays, queues and faults.

These classes describe; `clocks` lowers them and `timed_engine` runs them. Times are in nominal
periods: one is the time step of the synchronous engine. See docs/asynchronous.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from eqchip.emulator.errors import InputError, check_number, check_whole

QUANTA = 1 << 20  # time is counted in 2**-20 of a nominal period: sums of times are exact
LONGEST = 2**20  # nominal periods: a time of a description is at most this


FORBID_EXTRA = {"extra": "forbid"}  # read by pydantic, as in `coding`

# Kinds of stuck synapses, by the names of `Faults`, in the order in which they are drawn.
OF_SYNAPSES = ("synapses_at_0", "synapses_at_limit", "synapses_frozen")

Domain = Literal["unit", "core"]
Stuck = float | tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Clocks:
    """The clocks that units tick by.

    Parameters
    ----------
    per : {"unit", "core"}
        Whether every unit has a clock of its own, or the units of a core share one. A layer is
        a core unless the network is mapped onto a chip.
    spread : float, default 0
        Standard deviation of the clocks' periods, which are drawn uniformly around 1, from
        ``1 - sqrt(3) spread`` to ``1 + sqrt(3) spread``; in [0, 0.5].
    offset : float, default 0
        The share of its first period by which a clock may be ahead when a sample begins, drawn
        for each sample (clocks run on between samples); in [0, 1]. With 0 all begin together.
    jitter : float, default 0
        The width of the window, from its due time on, in which a tick falls, drawn for each
        tick; at most the shortest period.
    restarted : bool, default False
        Whether clocks can be stopped: when a phase goes back to the end of the free one, each
        clock then goes on from where in its period it was there. Else clocks run on.
    calibrated : bool, default True
        Whether decoders know the ratio of the sender's period to their own. Without, a slow
        receiver takes a fast sender for a strong one.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    __pydantic_config__ = FORBID_EXTRA

    per: Domain = "unit"
    spread: float = 0.0
    offset: float = 0.0
    jitter: float = 0.0
    restarted: bool = False
    calibrated: bool = True

    def __post_init__(self) -> None:
        if self.per not in get_args(Domain):
            raise InputError(f"Clocks: per is {self.per!r}; expected 'unit' or 'core'")
        _check("Clocks: spread", self.spread, 0.5, "above it a period could be 0 or negative")
        _check("Clocks: offset", self.offset, 1.0, "a share of the first period")
        shortest = self.shortest_period
        _check(
            "Clocks: jitter",
            self.jitter,
            shortest,
            f"the shortest period at spread {self.spread:g}, so that ticks keep their order",
        )
        for name in ("restarted", "calibrated"):
            if not isinstance(getattr(self, name), bool):
                value = getattr(self, name)
                raise InputError(f"Clocks: {name} is {value!r}; expected true or false")

    @property
    def shortest_period(self) -> float:
        """The shortest period that can be drawn, in nominal periods."""
        return 1.0 - math.sqrt(3.0) * self.spread


@dataclass(frozen=True)
class Delays:
    """How long a message travels, in nominal periods.

    ``max(one quantum, fixed + jitter u) + hop x hops``, u uniform in [0, 1) for each message; a
    quantum is 2**-20.

    Parameters
    ----------
    fixed : float, default 1
    hop : float, default 0
        The time of one link of the mesh. Needs a mapped network.
    jitter : float, default 0

    Raises
    ------
    InputError
        If a value is negative or not finite.
    """

    __pydantic_config__ = FORBID_EXTRA

    fixed: float = 1.0
    hop: float = 0.0
    jitter: float = 0.0

    def __post_init__(self) -> None:
        for name in ("fixed", "hop", "jitter"):
            _check(f"Delays: {name}", getattr(self, name), LONGEST, "a delay in nominal periods")


@dataclass(frozen=True)
class Queues:
    """What messages wait for, in nominal periods; 0: nothing.

    Parameters
    ----------
    synaptic_event : float, default 0
        The time that a core needs to add one weight: messages that arrive meanwhile wait.
    link : float, default 0
        The time for which a message occupies a link of the mesh: 1 / bandwidth. Needs a mapped
        network.

    Raises
    ------
    InputError
        If a value is negative or not finite.
    """

    __pydantic_config__ = FORBID_EXTRA

    synaptic_event: float = 0.0
    link: float = 0.0

    def __post_init__(self) -> None:
        for name in ("synaptic_event", "link"):
            _check(f"Queues: {name}", getattr(self, name), LONGEST, "a time in nominal periods")


@dataclass(frozen=True)
class Faults:
    """What is broken.

    Parameters
    ----------
    loss : float, default 0
        The probability that a message is lost, for each destination on its own; in [0, 1).
    stuck_at_0, stuck_at_1 : float or tuple of (layer, unit)
        Units whose bit is always 0, or always 1: a share of all units, drawn, or these.
    stopped : tuple of (core, time)
        Cores that do nothing after a time; what arrives there is lost.
    synapses_at_0, synapses_at_limit, synapses_frozen : float, default 0
        Synapses whose code cannot be written, on a chip: it is always 0; the largest there is, of
        a sign that is drawn; or what it was before the chip learned. Shares of all synapses, drawn
        for each copy of a weight by itself; together at most 1. A network that was not trained on
        this chip has the first two alone: nothing says what a frozen synapse held.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    __pydantic_config__ = FORBID_EXTRA

    loss: float = 0.0
    stuck_at_0: Stuck = 0.0
    stuck_at_1: Stuck = 0.0
    stopped: tuple[tuple[int, float], ...] = ()
    synapses_at_0: float = 0.0
    synapses_at_limit: float = 0.0
    synapses_frozen: float = 0.0

    def __post_init__(self) -> None:
        check_number("Faults: loss", self.loss)
        if not 0.0 <= self.loss < 1.0:
            raise InputError(f"Faults: loss is {self.loss!r}; expected a probability in [0, 1)")
        for name in ("stuck_at_0", "stuck_at_1"):
            value: Any = getattr(self, name)
            if isinstance(value, (tuple, list)):
                object.__setattr__(self, name, _pairs(f"Faults: {name}", value, "(layer, unit)"))
            else:
                _check(f"Faults: {name}", value, 1.0, "a share of all units")
        for name in OF_SYNAPSES:
            _check(f"Faults: {name}", getattr(self, name), 1.0, "a share of all synapses")
        if self.of_synapses > 1.0:
            raise InputError(
                f"Faults: {', '.join(OF_SYNAPSES)} add up to {self.of_synapses:g}; expected shares "
                "of all synapses, at most 1 together"
            )
        stopped = _pairs("Faults: stopped", self.stopped, "(core, time)")
        object.__setattr__(self, "stopped", stopped)
        for core, time in stopped:
            check_whole("Faults: core that stops", core, 0)
            _check(f"Faults: time at which core {core} stops", time, LONGEST, "nominal periods")

    @property
    def of_synapses(self) -> float:
        """The share of synapses that cannot be written."""
        return float(sum(getattr(self, name) for name in OF_SYNAPSES))


@dataclass(frozen=True)
class Asynchronous:
    """How an asynchronous chip keeps, and misses, time. The defaults are the synchronous engine's.

    Parameters
    ----------
    clocks : Clocks
    delays : Delays
    queues : Queues
    faults : Faults
    seed : int, default 0
        Of everything that is drawn here. Periods, stuck units and stuck synapses belong to the
        chip, so they depend on it alone; offsets, jitter and losses depend on the run's seed and
        the sample as well.
    stop : float, optional
        Break the run off at this time, within the last phase, in nominal periods.
    period : float, optional
        Seconds of a nominal period, where a chip gives them. Nothing but reports depends on it.
    most_in_flight : int, default 2**22
        Messages in flight, waiting or unread, of one sample: more are refused. One takes 40
        bytes.

    Raises
    ------
    InputError
        If a value is out of its range.

    Examples
    --------
    >>> import eqchip as eq
    >>> net = eq.Network.dense([4, 3, 2], seed=0)
    >>> timing = eq.Asynchronous(clocks=eq.Clocks(spread=0.1, offset=1.0))
    >>> run = eq.run(
    ...     net, [[0.0, 0.5, 1.0, 0.25]], coding=eq.Coding(), phases=[eq.Free(20)], timing=timing
    ... )
    >>> run.timed.end
    20.0
    """

    __pydantic_config__ = FORBID_EXTRA

    clocks: Clocks = field(default_factory=Clocks)
    delays: Delays = field(default_factory=Delays)
    queues: Queues = field(default_factory=Queues)
    faults: Faults = field(default_factory=Faults)
    seed: int = 0
    stop: float | None = None
    period: float | None = None
    most_in_flight: int = 2**22

    def __post_init__(self) -> None:
        for name, kind in (
            ("clocks", Clocks), ("delays", Delays), ("queues", Queues), ("faults", Faults),
        ):  # fmt: skip
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise InputError(f"Asynchronous: {name} is {value!r}; expected {kind.__name__}")
        check_whole("Asynchronous: seed", self.seed, 0, 2**64)
        check_whole("Asynchronous: most_in_flight", self.most_in_flight, 1, 2**30)
        for name in ("stop", "period"):
            value = getattr(self, name)
            if value is not None:
                check_number(f"Asynchronous: {name}", value)
                if not 0.0 < value < math.inf:
                    raise InputError(f"Asynchronous: {name} is {value!r}; expected above 0")

    @property
    def drawn_clocks(self) -> bool:
        """Whether clocks can differ from one another."""
        clocks = self.clocks
        return clocks.spread > 0 or clocks.offset > 0 or clocks.jitter > 0

    @property
    def one_clock(self) -> bool:
        """Whether all tick together, and a message takes a step: only faults tell it from none."""
        return replace(self, faults=Faults(), seed=0, period=None) == Asynchronous()

    @property
    def in_steps(self) -> bool:
        """Whether time steps do the same to the bit: one clock, and faults of synapses alone."""
        synapses = {name: getattr(self.faults, name) for name in OF_SYNAPSES}
        return self.one_clock and self.faults == Faults(**synapses)

    def most_ticks(self, steps: int) -> int:
        """The most ticks that any clock can reach in so many nominal periods."""
        return math.ceil((steps + 1) / self.clocks.shortest_period) + 1


class Paths(NamedTuple):
    """The ways of messages between cores.

    hops: int64, shape (cores, cores). links: int32; those from core p to core c are, in order,
    ``links[starts[p * cores + c] : starts[p * cores + c + 1]]``; starts: int64. link_count:
    links that there are.
    """

    hops: np.ndarray
    starts: np.ndarray
    links: np.ndarray
    link_count: int


def quanta(periods: float) -> int:
    """A time in quanta, from nominal periods."""
    return round(periods * QUANTA)


def _check(what: str, value: Any, most: float, why: str) -> None:
    check_number(what, value)
    if not 0.0 <= value <= most:
        raise InputError(f"{what} is {value!r}; expected 0 to {most:g} ({why})")


def _pairs(what: str, value: Any, pair: str) -> tuple[Any, ...]:
    if not isinstance(value, (tuple, list)) or not all(
        isinstance(one, (tuple, list)) and len(one) == 2 for one in value
    ):
        raise InputError(f"{what} is {value!r}; expected pairs {pair}")
    return tuple(tuple(one) for one in value)


# A chip whose clocks differ by 10 %, of any phase, with some jitter, and whose messages take a
# step, as they do with a clock: what the command line takes where no flag says otherwise.
USUAL = Asynchronous(clocks=Clocks(spread=0.1, offset=1.0, jitter=0.1), delays=Delays(fixed=1.0))

# How a trained network is run: without a global clock, with one for all, or as it was trained.
Timing = Asynchronous | Literal["sync"] | None


def timing_of(trained: Asynchronous | None, asked: Timing) -> Asynchronous | None:
    """The timing that is asked for, of a network that was trained with one; None: one clock.

    Raises
    ------
    InputError
        If what is asked for is neither.

    Examples
    --------
    >>> timing_of(USUAL, None) == USUAL, timing_of(USUAL, "sync")
    (True, None)
    """
    if asked is None:
        return trained
    if asked == "sync":
        return None
    if not isinstance(asked, Asynchronous):
        raise InputError(f"timing is {asked!r}; expected an Asynchronous, 'sync' or None")
    return asked


def describe(timing: Asynchronous | None) -> str:
    """A few words for a title.

    Examples
    --------
    >>> describe(USUAL)
    'a clock per unit, spread 10 %, jitter 0.1, delay 1'
    """
    if timing is None:
        return "one clock"
    return ", ".join([*_of_time(timing), *_of_faults(timing.faults)])


def _of_time(timing: Asynchronous) -> list[str]:
    if timing.one_clock:
        return ["one clock"]
    clocks, delays = timing.clocks, timing.delays
    words = [f"a clock per {clocks.per}, spread {100 * clocks.spread:g} %"]
    if clocks.jitter:
        words.append(f"jitter {clocks.jitter:g}")
    if clocks.restarted:
        words.append("restarted")
    words.append(f"delay {delays.fixed:g}" + (f" + {delays.jitter:g}" if delays.jitter else ""))
    return words


def _of_faults(faults: Faults) -> list[str]:
    words = [f"loss {100 * faults.loss:g} %"] if faults.loss else []
    for name in ("stuck_at_0", "stuck_at_1"):
        value = getattr(faults, name)
        if value:
            share = f"{len(value)}" if isinstance(value, tuple) else f"{100 * value:g} %"
            words.append(f"{share} of units {name.replace('_', ' ')}")
    words += [
        f"{100 * getattr(faults, name):g} % of {name.replace('_', ' ')}"
        for name in OF_SYNAPSES
        if getattr(faults, name)
    ]
    return words
