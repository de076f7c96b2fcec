"""The section of a report on an asynchronous run: how its time was got, and why it differs.

The same samples ran in time steps as well. What separates the two times of a phase is told apart,
in nominal seconds::

    time in steps = work (steps) + waiting + barriers
    simulated     = work (simulated) + idle
    so simulated  = time in steps - barriers - waiting + (other activity) + idle

``work`` is that of the busiest core or link over the whole phase (:mod:`.simulated`); ``waiting``
what the slowest core or link of every single step adds to it; ``other activity`` the work that the
asynchronous run has more, its spikes being others; ``idle`` what its busiest core has left, below
0 if the nominal period is too short for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from eqchip.emulator.description.asynchronous import Asynchronous, Timed
from eqchip.hw_reports.counting.replay import Replay
from eqchip.hw_reports.document.labels import PHASES
from eqchip.hw_reports.document.readable import amount, count, digits, percent
from eqchip.hw_reports.pricing.account_types import Accounts, Simulated
from eqchip.hw_reports.pricing.entries import energy_of
from eqchip.hw_reports.pricing.totals import figure_dict, total
from eqchip.mapping.kinds import (
    FREE,
    HOPS,
    INFERENCE,
    NUDGED,
    SENT,
    SPIKES,
    SYNAPSES,
    TRAINING,
    UPDATES,
    names_of,
)

RELAXING = (FREE, NUDGED, INFERENCE)
COMPARED = (SPIKES, UPDATES, SYNAPSES, SENT, HOPS)  # groups of events counted in both runs
SHORT = 1e-3  # periods: below, three digits are enough
OVERLOAD = 1.0005  # load from which on a core is said to fall behind: 100.1 %


def section(replay: Replay, accounts: Accounts) -> dict[str, Any]:
    """All of it; the fields are those of ``docs/reports.md``."""
    told, timing = accounts.simulated, replay.timing
    assert told is not None and timing is not None and replay.step_time is not None
    phases = {phase: _phase(told, phase) for phase in RELAXING}
    messages = {
        "training": _messages(replay.training.timed),
        "inference": _messages(replay.inference.timed),
    }
    clocks = _clocks(replay.training.timed)
    document: dict[str, Any] = {
        "timing": asdict(timing),
        "settings": describe(timing),
        "period": {
            "time": told.period.seconds.to_dict(),
            "origin": told.period.origin,
            "phase": told.period.phase,
        },
        "phases": phases,
        "clocks": clocks,
        "messages": messages,
        "in_flight": _in_flight(replay.training.timed),
        "same_run": {
            "time": {phase: _difference(told, phase) for phase in RELAXING} if told.works else None,
            "totals": _totals(replay, accounts),
        },
    }
    return {**document, "explanation": _explanation(document, timing)}


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
    if faults.stopped:
        parts.append(f"{len(faults.stopped)} cores stop")
    return "; ".join(parts)


def _number(periods: float) -> str:
    return f"{periods:g}" if periods >= SHORT or not periods else digits(periods)


def notes(document: Mapping[str, Any]) -> list[str]:
    """What every reader has to know, from the section."""
    period = document["period"]
    found = [f"The run has no global clock, and its time is simulated time: {_source(period)}."]
    heavy = {
        p: one["load"] for p, one in document["phases"].items() if (one["load"] or 0) > OVERLOAD
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


def _phase(told: Simulated, phase: str) -> dict[str, Any]:
    """Periods, simulated time, and how much of it the busiest core works."""
    periods, work = told.periods[phase], told.works.get(phase)
    lasting = told.period.seconds * periods
    load = None
    if work is not None and lasting.figure is not None:
        load = work.core.value / lasting.figure.value
    return {
        "periods": periods,
        "time": lasting.to_dict(),
        "work": None if work is None else figure_dict(work.core),
        "link_work": None if work is None else figure_dict(work.link),
        "load": load,
        "busiest_core": None if work is None else work.busiest,
    }


def _difference(told: Simulated, phase: str) -> dict[str, Any]:
    """From the time in steps to the simulated one, nominal seconds; see the head of the module."""
    cores = told.step_time.cores
    assert cores is not None
    stepped, simulated = cores.times[phase], told.period.seconds * told.periods[phase]
    before, after = told.step_works[phase].most.value, told.works[phase].most.value
    barrier = None if stepped.barrier is None else stepped.barrier.value
    waiting = None
    if stepped.total.figure is not None:
        waiting = stepped.total.figure.value - (barrier or 0.0) - before
    return {
        "step_time": stepped.total.to_dict(),
        "barrier": barrier,
        "waiting": waiting,
        "activity": after - before,
        "idle": None if simulated.figure is None else simulated.figure.value - after,
        "simulated": simulated.to_dict(),
    }


def _totals(replay: Replay, accounts: Accounts) -> list[dict[str, Any]]:
    """Both runs, per training sample: counts, energy, time; and the error of inference."""
    assert accounts.simulated is not None and replay.step_time is not None
    both = (accounts.simulated.step_time, accounts)
    found = []
    for group in COMPARED:
        pair = [_counted(one, names_of(group)) for one in both]
        if any(pair):  # neither unknown nor none at all
            found.append(_pair(group, "", *pair))
    found.append(
        _pair("energy", "J", *(energy_of(one.entries, TRAINING).to_dict() for one in both))
    )
    times = (total(one.seconds[phase] for phase in TRAINING).to_dict() for one in both)
    found.append(_pair("time", "s", *times))
    found.append(_pair("inference error", "%", replay.step_time.error, replay.error))
    return found


def _counted(accounts: Accounts, kinds: tuple[str, ...]) -> float | None:
    counts = [accounts.counts[phase].get(kind) for phase in TRAINING for kind in kinds]
    known = [float(one.sum()) for one in counts if one is not None]
    return sum(known) if known else None


def _pair(name: str, unit: str, first: Any, second: Any) -> dict[str, Any]:
    return {"name": name, "unit": unit, "step_time": first, "simulated": second}


def _messages(timed: Timed) -> dict[str, float]:
    """What became of the messages, the most in flight and the most waiting; per sample."""
    samples = timed.in_flight.shape[1]
    found = {name: float(n.sum()) / samples for name, n in timed.messages._asdict().items()}
    return {
        **found,
        "left": timed.left / samples,
        "in_flight_mean": float(timed.in_flight.mean()),
        "in_flight_most": int(timed.in_flight.max()),
        "backlog_most": int(timed.backlog.max()),
        "backlog_core": int(timed.backlog.max(axis=(0, 1)).argmax()),
        "link_backlog_most": int(timed.link_backlog.max()),
    }


def _in_flight(timed: Timed) -> dict[str, list[float]]:
    """At the end of every nominal period of a training sample; means over the samples."""
    return {
        "in_flight": timed.in_flight.mean(axis=1).tolist(),
        "backlog": timed.backlog.max(axis=2).mean(axis=1).tolist(),
        "link_backlog": timed.link_backlog.mean(axis=1).tolist(),
    }


def _clocks(timed: Timed) -> dict[str, float]:
    periods = timed.periods
    return {
        "shortest": float(periods.min()),
        "longest": float(periods.max()),
        "deviation": float(np.std(periods)),
    }


def _explanation(document: Mapping[str, Any], timing: Asynchronous) -> list[str]:
    """Why the simulated time is not the time in steps; only what applies."""
    lines = []
    if document["same_run"]["time"] is not None:
        lines += [
            "No barrier: no core waits until all agree that a step is over.",
            "No waiting for others: in steps, every step lasts as long as its slowest core or "
            "link; without them, a core with more to do in one period makes up for it in the next.",
            "As many ticks all the same: every unit ticks once in a period of its own clock, so "
            "the core with the most work over the whole phase still sets the shortest period.",
        ]
        if document["period"]["origin"] == "busiest":
            lines.append(
                "The nominal period has no margin: it is the shortest that the busiest core keeps "
                "on average in every phase. It is the same in all phases, so in a phase with less "
                "to do that core has idle time."
            )
    clocks = document["clocks"]
    if clocks["deviation"]:
        lines.append(
            f"Clock spread: periods from {clocks['shortest']:.3g} to {clocks['longest']:.3g} of "
            "the nominal one. A phase does not last longer for it; fast units tick more often in "
            "it, slow ones less, and the counts follow."
        )
    if timing.queues.synaptic_event or timing.queues.link:
        lines.append(
            "Queues: messages that wait arrive late, and the drive with them; the phase does not "
            f"last longer for it. {count(document['messages']['training']['left'])} messages of a "
            "training sample were still on their way when it ended: their synaptic events are in "
            "no time and no energy."
        )
    if document["messages"]["training"]["lost"] or document["messages"]["inference"]["lost"]:
        lines.append(
            f"{count(document['messages']['training']['lost'])} messages of a training sample are "
            "lost: they were sent and have crossed their links, and cause no synaptic event."
        )
    lines.append(
        "Messages and hops count when a spike is sent, synaptic events when it is delivered; in "
        "time steps both count when it arrives. So the two differ by what is on its way when a "
        "phase ends."
    )
    lines.append("The weight update is that of time steps, with its barrier: it ends the phases.")
    return lines
