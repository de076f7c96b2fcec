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

from dataclasses import asdict
from typing import Any

import numpy as np

from eqchip.emulator.description.timed import Timed
from eqchip.hw_reports.counting.replay import Replay
from eqchip.hw_reports.document.asynchronous_notes import describe, explanation
from eqchip.hw_reports.pricing.account_types import Accounts, Simulated
from eqchip.hw_reports.pricing.entries import energy_of
from eqchip.hw_reports.pricing.totals import figure_dict, total
from eqchip.mapping.kinds import (
    FREE,
    HOPS,
    INFERENCE,
    NUDGED,
    PHASES,
    SENT,
    SPIKES,
    SYNAPSES,
    TRAINING,
    UPDATES,
    names_of,
)

RELAXING = (FREE, NUDGED, INFERENCE)
COMPARED = (SPIKES, UPDATES, SYNAPSES, SENT, HOPS)  # groups of events counted in both runs


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
            "by_phase": {phase: told.step_time.seconds[phase].to_dict() for phase in PHASES},
        },
    }
    return {**document, "explanation": explanation(document)}


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
