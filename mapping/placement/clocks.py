"""The times of a chip in nominal periods: what an asynchronous run of a mapped network takes.

A chip file gives seconds, an asynchronous run counts nominal periods. What joins them is the
nominal period in seconds. A chip that is built around it chooses it; where nobody says,
:func:`nominal_period` takes the shortest one that the busiest core can keep::

    core(c) = sum over kinds of events in a period x time of one      (as in a step of hw_reports,
              or the longest stage of a pipeline)
    link(l) = messages over the link in a period x time of a hop
    period  = max(busiest core, busiest link)

A core works on its units and messages one after the other, and every unit is to tick once in a
period: in less than core(c), core c would fall further behind with every period. There is no
barrier in it, since nobody waits for one, and no margin: the busiest core is always at work, and
a burst of messages has to wait (:class:`eqchip.Queues`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eqchip.emulator.description.asynchronous import Asynchronous, Delays, Queues
from eqchip.emulator.description.modes import InputMode
from eqchip.emulator.errors import InputError, check_number
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.chip_file.figures import Span
from eqchip.mapping.kinds import ON_CORES, STAGES, counts_of, event
from eqchip.mapping.placement.checks import check_whole_fan_in
from eqchip.mapping.placement.route import EAST, WEST, Direction, Routes

if TYPE_CHECKING:
    from eqchip.mapping.placement.mapped import MappedNetwork

NOMINAL = 1
LEVELS = range(3)  # low, nominal, high of a Span
DIGITS = 12  # decimals of a time in periods; a quantum of the engine is some 1e-6
HOP_KINDS: dict[Direction, str] = {
    "east": "hop_east_west",
    "west": "hop_east_west",
    "north": "hop_north_south",
    "south": "hop_north_south",
}


def seconds_of(chip: Chip, kind: str) -> Span:
    """The time of one event, in seconds; 0 where the chip file has none (see `untimed`)."""
    found = chip.time.get(kind)
    return Span(0.0, 0.0, 0.0) if found is None else found.si


def busy(counts: Mapping[str, np.ndarray], chip: Chip, level: int) -> np.ndarray:
    """Seconds that counted events keep a core busy, in their shape.

    One after the other, or, where the chip's cores have a pipeline, the longest of its stages.
    ``level``: 0 with the low times, 1 with the nominal ones, 2 with the high ones.
    """
    return np.maximum.reduce([*by_stage(counts, chip, level).values()])


def by_stage(counts: Mapping[str, np.ndarray], chip: Chip, level: int) -> dict[str, np.ndarray]:
    """Seconds of each stage of a core, in the shape of the counts; without a pipeline, of one."""
    found: dict[str, np.ndarray] = {}
    for kind, count in counts.items():
        total = found.setdefault(stage_of(chip, kind), np.zeros(count.shape))
        total += count * seconds_of(chip, kind)[level]
    return found


def stage_of(chip: Chip, kind: str) -> str:
    """The stage of a core that a kind of event keeps busy."""
    if chip.cores is None or chip.cores.pipeline is None:
        return "core"
    group = event(kind).group
    return STAGES.get(group, group)


def link_seconds(routes: Routes, chip: Chip, level: int) -> np.ndarray:
    """Seconds that a message takes each link, float64, (links,), `level` as for `busy`.

    Its hop, and on top the way to another chip, where the link leads there.
    """
    hop = {way: seconds_of(chip, kind)[level] for way, kind in HOP_KINDS.items()}
    hops = [hop[link.direction] for link in routes.links]
    return np.array(hops) + routes.crossing * seconds_of(chip, "chip_crossing")[level]


def untimed(counts: Mapping[str, np.ndarray], chip: Chip) -> list[str]:
    """The kinds that occur and whose time nobody knows.

    Others contain what is ``included``, and what is ``absent`` takes no time.
    """
    return [
        kind
        for kind, count in counts.items()
        if np.any(count) and kind not in chip.time and chip.why_free(f"time.{kind}") is None
    ]


class _Expected(NamedTuple):
    """What every core does in a nominal period, float64, shape (cores,), as counters name it."""

    spikes: np.ndarray
    updates_active: np.ndarray
    updates_inactive: np.ndarray
    synaptic_events: np.ndarray
    messages_sent: np.ndarray
    messages_received: np.ndarray


def events_in_a_period(mapped: MappedNetwork, input: InputMode = "spikes") -> dict[str, np.ndarray]:
    """What every core does in a nominal period: kind -> events, float64, shape (cores,).

    At the rates that the placement was given (:func:`eqchip.map_network`; 1 by default: every
    unit spikes at every tick). Units whose spikes go nowhere count as if they had none. A partial
    sum counts as a spike of its gatherer.
    """
    spikes = _spikes_sent(mapped, input)
    messages = spikes[:, None] * (mapped.synapses > 0)
    sent = mapped.by_core(spikes)
    injected = (mapped.layer_of == 0) & (input == "current")
    expected = _Expected(
        spikes=sent,
        updates_active=sent,
        updates_inactive=np.where(injected, 0.0, np.maximum(mapped.units - sent, 0.0)),
        synaptic_events=(spikes[:, None] * mapped.synapses).sum(axis=0),
        messages_sent=mapped.by_core(spikes * mapped.destinations)
        if mapped.multicast
        else mapped.by_core(messages, axis=0).sum(axis=1),
        messages_received=messages.sum(axis=0),
    )
    return counts_of(expected, ON_CORES)


def _spikes_sent(mapped: MappedNetwork, input: InputMode) -> np.ndarray:
    """Spikes of each bundle in a nominal period that go anywhere, float64, shape (bundles,)."""
    silent = (mapped.layer_of[mapped.core_of] == 0) & (input == "current")
    return np.where(silent | (mapped.destinations == 0), 0.0, mapped.spikes)


def busiest_core(mapped: MappedNetwork, input: InputMode = "spikes") -> float:
    """Nominal seconds of the busiest core in a period; what the file does not know takes none."""
    return float(busy(events_in_a_period(mapped, input), mapped.chip, NOMINAL).max())


def nominal_period(mapped: MappedNetwork, input: InputMode = "spikes") -> Span:
    """The shortest nominal period that all cores and links can keep, in seconds.

    Parameters
    ----------
    mapped : MappedNetwork
        Its placement was given the rates (see :func:`events_in_a_period`).
    input : {"spikes", "current"}
        As in the run.

    Returns
    -------
    Span
        With the low, nominal and high times of the chip file; the busiest need not be the same.
        A link to another chip is taken to be as fast as one on a chip where its time is not
        known.

    Raises
    ------
    InputError
        If the chip file lacks the time of something that happens.

    Examples
    --------
    >>> from eqchip.emulator.description.network import Network
    >>> from eqchip.mapping.chip_file.chip import load_chip
    >>> from eqchip.mapping.placement.mapped import map_network
    >>> rates = [0.1, 0.1, 0.1]
    >>> mapped = map_network(Network.dense([784, 500, 10]), load_chip("loihi1-davies"), rates=rates)
    >>> round(nominal_period(mapped).value * 1e6, 1)  # microseconds
    35.5
    """
    check_whole_fan_in(mapped, "nominal period")
    counts, chip = events_in_a_period(mapped, input), mapped.chip
    _check_times(chip, untimed(counts, chip))
    over_links = _spikes_sent(mapped, input) @ mapped.routes.crossed
    found = []
    for level in LEVELS:
        links = over_links * link_seconds(mapped.routes, chip, level)
        found.append(max(busy(counts, chip, level).max(), links.max(initial=0.0)))
    return Span(*(float(value) for value in found))


def on_chip(
    mapped: MappedNetwork,
    timing: Asynchronous | None = None,
    *,
    period: float | None = None,
    queues: bool = False,
    input: InputMode = "spikes",
) -> Asynchronous:
    """Delays, and if asked queues, as the chip file gives them; at nominal times.

    A message takes the time of sending and receiving it, and that of a hop for each link: far less
    than a period. So with clocks that all tick together, it is read at the next tick, as in the
    synchronous engine.

    Parameters
    ----------
    mapped : MappedNetwork
    timing : Asynchronous, optional
        Clocks, faults, the jitter of delays and all else are taken from it.
    period : float, optional
        Seconds of a nominal period. Default: that of `timing`, or else :func:`nominal_period`.
    queues : bool, default False
        Whether messages wait for synaptic events at a core and for links. A core's neuron
        updates hold up no message.
    input : {"spikes", "current"}
        For the nominal period, as in the run.

    Returns
    -------
    Asynchronous
        With its ``period``. A hop takes the mean time of the hops that the placement's traffic
        crosses (a chip may take longer along one axis); a link is taken for as long by each
        message.

    Raises
    ------
    InputError
        If the chip file lacks a time that is needed, or the period is no number above 0.

    Examples
    --------
    >>> from eqchip.emulator.description.network import Network
    >>> from eqchip.mapping.chip_file.chip import load_chip
    >>> from eqchip.mapping.placement.mapped import map_network
    >>> mapped = map_network(Network.dense([784, 500, 10]), load_chip("loihi1-davies"))
    >>> found = on_chip(mapped, period=1e-5, queues=True)
    >>> found.delays.fixed, found.delays.hop, found.queues.synaptic_event
    (0.00021, 0.00041, 0.00035)
    """
    check_whole_fan_in(mapped, "on_chip")
    timing = timing or Asynchronous()
    chip = mapped.chip
    needed = ["message", "message_in", *HOP_KINDS.values(), "synaptic_event"]
    _check_times(chip, untimed(dict.fromkeys(needed, np.ones(1)), chip))
    seconds = period if period is not None else timing.period
    if seconds is None:
        seconds = nominal_period(mapped, input).value
    check_number("on_chip: period", seconds)
    if not 0.0 < seconds < float("inf"):
        raise InputError(f"on_chip: period is {seconds!r}; expected seconds above 0")

    def periods(value: float) -> float:
        # Rounded far below a quantum of the engine, so that 2.1 ns of 10 us is 0.00021.
        return round(value / seconds, DIGITS)

    once = sum(seconds_of(chip, kind).value for kind in ("message", "message_in"))
    hop = periods(_hop_seconds(mapped))
    return replace(
        timing,
        delays=Delays(periods(once), hop, timing.delays.jitter),
        queues=Queues(periods(seconds_of(chip, "synaptic_event").value), hop)
        if queues
        else timing.queues,
        period=seconds,
    )


def _hop_seconds(mapped: MappedNetwork) -> float:
    """The mean time of a hop of the placement's traffic, nominal; of both axes if there is none."""
    by_way = mapped.spikes @ mapped.hops_per_spike
    across, along = (
        seconds_of(mapped.chip, kind).value for kind in ("hop_east_west", "hop_north_south")
    )
    share = by_way[[EAST, WEST]].sum() / by_way.sum() if by_way.any() else 0.5
    return float(share * across + (1.0 - share) * along)


def _check_times(chip: Chip, lacking: list[str]) -> None:
    if lacking:
        names = ", ".join(f"time.{kind}" for kind in dict.fromkeys(lacking))
        raise InputError(
            f"chip {chip.name}: its file has no {names}; expected these times, to tell how long a "
            "nominal period is and a message takes"
        )
