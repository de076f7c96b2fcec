"""What a report says in words of a run without a clock, from its section alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eqchip.emulator.description.asynchronous import OF_SYNAPSES, Asynchronous
from eqchip.hw_reports.document.labels import PHASES
from eqchip.hw_reports.document.readable import amount, count, digits, percent

SHORT = 1e-3  # periods: below, three digits are enough
OVERLOAD = 1.0005  # load from which on a core is said to fall behind: 100.1 %


def describe(timing: Asynchronous) -> str:
    """Clocks, delays, queues and faults in words.

    Examples
    --------
    >>> from eqchip.emulator.description.asynchronous import Clocks, Delays
    >>> describe(Asynchronous(Clocks(spread=0.1, offset=1.0), Delays(0.5, jitter=1.0)))
    'a clock per unit, periods spread by 10 %, begun at any time; messages take 0.5 to 1.5 periods'
    """
    clocks, delays, queues, faults = timing.clocks, timing.delays, timing.queues, timing.faults
    words = [f"a clock per {clocks.per}"]
    if clocks.spread:
        known = "" if clocks.calibrated else ", unknown to the decoders"
        words.append(f"periods spread by {percent(clocks.spread)}{known}")
    if clocks.offset:
        share = "" if clocks.offset == 1 else f" of the first {percent(clocks.offset)} of a period"
        words.append(f"begun at any time{share}")
    if clocks.jitter:
        words.append(f"ticks late by up to {_number(clocks.jitter)} periods")
    parts = [", ".join(words)]
    upto = f" to {_number(delays.fixed + delays.jitter)}" if delays.jitter else ""
    plural = "s" * (bool(upto) or delays.fixed != 1)
    hop = f", and {_number(delays.hop)} more for each hop" if delays.hop else ""
    parts.append(f"messages take {_number(delays.fixed)}{upto} period{plural}{hop}")
    if queues.synaptic_event:
        parts.append(f"a synaptic event keeps a core for {_number(queues.synaptic_event)} periods")
    if queues.link:
        parts.append(f"a message keeps a link for {_number(queues.link)} periods")
    if faults.loss:
        parts.append(f"{percent(faults.loss, 1)} of the messages are lost")
    for name, bit in (("stuck_at_0", 0), ("stuck_at_1", 1)):
        stuck = getattr(faults, name)
        if stuck:
            units = f"{len(stuck)}" if isinstance(stuck, tuple) else f"{percent(stuck, 1)} of the"
            parts.append(f"{units} units are stuck at {bit}")
    for name in OF_SYNAPSES:
        share = getattr(faults, name)
        if share:
            kind = name.removeprefix("synapses_").replace("_", " ")
            parts.append(f"{percent(share, 1)} of the synapses are stuck: {kind}")
    if faults.stopped:
        parts.append(f"{len(faults.stopped)} cores stop")
    return "; ".join(parts)


def _number(periods: float) -> str:
    return f"{periods:g}" if periods >= SHORT or not periods else digits(periods)


def notes(section: Mapping[str, Any]) -> list[str]:
    """What every reader has to know, from the section on it."""
    period = section["period"]
    found = [f"The run has no global clock, and its time is simulated time: {_source(period)}."]
    heavy = {
        p: one["load"] for p, one in section["phases"].items() if (one["load"] or 0) > OVERLOAD
    }
    if heavy:
        phase = max(heavy, key=heavy.__getitem__)
        found.append(
            f"In a nominal period of {amount(period['time']['figure']['value'], 's')} the busiest "
            f"core cannot do its work: {PHASES[phase]}, {percent(heavy[phase])} of the simulated "
            "time. The chip would be slower than this."
        )
    return found


def _source(period: Mapping[str, Any]) -> str:
    """Where the seconds of a nominal period are from."""
    figure = period["time"]["figure"]
    if period["origin"] == "events":
        return "the chip handles one event after the other, so it takes the time of all its events"
    if figure is None:
        return "the seconds of a nominal period are not known"
    text = f"nominal periods of {amount(figure['value'], 's')}"
    why = {
        "given": "as given",
        "step": "the time step of the chip",
        "busiest": "the work of the busiest core or link in one, the most in any phase: "
        f"{PHASES.get(period['phase'] or '')}",
    }[period["origin"]]
    return f"{text} ({why})"


def explanation(section: Mapping[str, Any]) -> list[str]:
    """Why the simulated time is not the time in steps; only what applies."""
    lines, queues = [], section["timing"]["queues"]
    if section["same_run"]["time"] is not None:
        lines += [
            "No barrier: no core waits until all agree that a step is over.",
            "No waiting for others: in steps, every step lasts as long as its slowest core or "
            "link; without them, a core with more to do in one period makes up for it in the next.",
            "As many ticks all the same: every unit ticks once in a period of its own clock, so "
            "the core with the most work over the whole phase still sets the shortest period.",
        ]
        if section["period"]["origin"] == "busiest":
            lines.append(
                "The nominal period has no margin: it is the shortest that the busiest core keeps "
                "on average in every phase. It is the same in all phases, so in a phase with less "
                "to do that core has idle time."
            )
    clocks = section["clocks"]
    if clocks["deviation"]:
        lines.append(
            f"Clock spread: periods from {clocks['shortest']:.3g} to {clocks['longest']:.3g} of "
            "the nominal one. A phase does not last longer for it; fast units tick more often in "
            "it, slow ones less, and the counts follow."
        )
    if queues["synaptic_event"] or queues["link"]:
        lines.append(
            "Queues: messages that wait arrive late, and the drive with them; the phase does not "
            f"last longer for it. {count(section['messages']['training']['left'])} messages of a "
            "training sample were still on their way when it ended: their synaptic events are in "
            "no time and no energy."
        )
    if section["messages"]["training"]["lost"] or section["messages"]["inference"]["lost"]:
        lines.append(
            f"{count(section['messages']['training']['lost'])} messages of a training sample are "
            "lost: they were sent and have crossed their links, and cause no synaptic event."
        )
    lines.append(
        "Messages and hops count when a spike is sent, synaptic events when it is delivered; in "
        "time steps both count when it arrives. So the two differ by what is on its way when a "
        "phase ends."
    )
    lines.append("The weight update is that of time steps, with its barrier: it ends the phases.")
    return lines
