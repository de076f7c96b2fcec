"""One sample on the asynchronous engine, the synchronous one and at rest: the numbers to draw.

Its format is ``eqchip-watch 1``. Times are in nominal periods of run time, to 7 decimals: a
quantum of the engine is about 1e-6, so ``round(2**20 * time)`` gives the exact time back.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np

from eqchip.emulator.description.asynchronous import QUANTA
from eqchip.emulator.description.phases import Nudged, Phase
from eqchip.hw_reports.document.run import describe
from eqchip.hw_reports.watch import events as read
from eqchip.hw_reports.watch import units
from eqchip.hw_reports.watch.events import Journeys
from eqchip.hw_reports.watch.watched import Watched, synchronous_levels, times, values

FORMAT = "eqchip-watch 1"
STATEMENT = "emulated, not measured on a chip"
POINTS = 8  # of the asynchronous distance, in a nominal period


def document(watched: Watched, provenance: dict[str, Any]) -> dict[str, Any]:
    """All numbers of the pictures and of the table, as plain values for JSON."""
    travelled = read.journeys(watched.events, watched.spans, watched.wired)
    subject = watched.subject
    layers = "-".join(map(str, watched.sizes))
    network = f"{layers}, fresh" if subject["run"] is None else layers
    curves = _distances(watched)
    shown = units.shown(watched)
    return {
        "format": FORMAT,
        "title": f"{network}, sample {subject['sample']} of {subject['dataset']}",
        "statement": STATEMENT,
        "subject": {**subject, "layers": list(watched.sizes), "coding": describe(watched.coding)},
        "timing": json.loads(json.dumps(asdict(watched.timing))),  # with lists for tuples
        "provenance": provenance,
        "phases": _phases(watched),
        "predictions": _predictions(watched),
        "table": _table(watched, travelled, curves),
        "residual": watched.residual,
        "left": watched.timed.left,
        "raster": units.raster(watched),
        "clocks": units.clocks(watched),
        "in_flight": _in_flight(watched),
        "backlog": _backlog(watched),
        "potentials": [units.potential(watched, *one) for one in shown],
        "distance": curves,
        "close": units.close(watched, travelled, [(layer, unit) for layer, unit, _ in shown]),
    }


def _phases(watched: Watched) -> list[dict[str, Any]]:
    return [
        {
            "name": _name(phase),
            "start": span.start / QUANTA,
            "end": span.end / QUANTA,
            "beta": phase.beta if isinstance(phase, Nudged) else None,
            "goes_back": span.back is not None,
        }
        for phase, span in zip(watched.asynchronous.phases, watched.spans, strict=True)
    ]


def _name(phase: Phase) -> str:
    if isinstance(phase, Nudged):
        return f"nudged {phase.beta:+g}".replace("-", "−")
    return "free, continued" if phase.from_free else "free"


def _predictions(watched: Watched) -> dict[str, int]:
    """The largest output potential at the end of the first phase."""
    outputs = {
        "asynchronous": watched.asynchronous.ends[0][-1],
        "synchronous": watched.synchronous.ends[0][-1],
        "fixed_point": watched.fixed[0][-1],
    }
    return {name: int(np.argmax(potentials)) for name, potentials in outputs.items()}


def _table(
    watched: Watched, travelled: Journeys, curves: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """A row for each phase: what both engines sent in it, and where they ended."""
    fan_out, messages = watched.wired.fan_out, watched.timed.messages
    rows = []
    for k, (phase, span) in enumerate(zip(_phases(watched), watched.spans, strict=True)):
        ended = (travelled.ended > span.start) & (travelled.ended <= span.end) & ~travelled.lost
        delays = (travelled.ended - travelled.sent)[ended]
        spikes = [
            int(run.activity.spikes[k].sum()) for run in (watched.asynchronous, watched.synchronous)
        ]
        rows.append(
            {
                "phase": phase["name"],
                "start": phase["start"],
                "end": phase["end"],
                "asynchronous": {
                    "spikes": spikes[0],
                    "messages": int(messages.sent[k]),
                    "lost": int(messages.lost[k]),
                    "mean_delay": float(delays.mean()) / QUANTA if len(delays) else None,
                    "distance": curves[k]["asynchronous"]["values"][-1],
                },
                "synchronous": {
                    "spikes": spikes[1],
                    "messages": int(watched.synchronous.activity.updates_active[k] @ fan_out),
                    "lost": 0,
                    "mean_delay": 1.0,
                    "distance": curves[k]["synchronous"]["values"][-1],
                },
            }
        )
    return rows


def _distances(watched: Watched) -> list[dict[str, Any]]:
    """Mean ``|s - s*|`` over hidden and output units in each phase, against its fixed point."""
    goals = [np.concatenate([np.full(watched.sizes[0], np.nan), *f[1:]]) for f in watched.fixed]
    grids = []
    for span in watched.spans:
        points = np.arange(span.start, span.end, QUANTA // POINTS)
        grids.append(np.append(points, span.end))
    found = read.distance(watched.events, watched.spans, goals, grids)
    potentials = watched.synchronous.potentials
    assert potentials is not None
    states = np.concatenate([s[:, 0].reshape(len(s), -1) for s in potentials], 1)
    levels = synchronous_levels(watched, states)
    curves = []
    for span, goal, grid, away in zip(watched.spans, goals, grids, found, strict=True):
        first, steps = span.start // QUANTA, -(-(span.end - span.start) // QUANTA)
        between = np.abs(levels[first : first + steps + 1] - goal)
        # The end of this phase, where the next has already gone back.
        between[-1] = np.abs(states[first + steps - 1] - goal)
        curves.append(
            {
                "asynchronous": {"time": times(grid), "values": values(away)},
                "synchronous": {
                    "time": [float(first + step) for step in range(steps + 1)],
                    "values": values(np.nanmean(between, 1)),
                },
            }
        )
    return curves


def _in_flight(watched: Watched) -> dict[str, Any]:
    moments, counts = read.in_flight(watched.events, watched.spans, watched.wired)
    return {
        "time": times(moments),
        "by_layer": counts.T.tolist(),
        # From the times 0, 1, 2, ... on: a message of step t is there until step t + 1 reads it.
        "synchronous": synchronous_levels(watched, _sent_per_step(watched)).tolist(),
    }


def _sent_per_step(watched: Watched) -> np.ndarray:
    """Messages that the synchronous engine sends at each step."""
    run = watched.synchronous
    assert run.bits is not None and run.potentials is not None
    bits = run.bits
    if watched.coding.quantizer == "none":  # the message is the potential; there are no bits
        bits = [s != 0 for s in run.potentials]
        if watched.subject["input"] == "current":
            bits[0] = np.zeros_like(bits[0])
    sent = np.stack([one[:, 0].reshape(len(one), -1).sum(1, dtype=np.int64) for one in bits], 1)
    return np.asarray(sent @ watched.wired.fan_out)


def _backlog(watched: Watched) -> dict[str, Any] | None:
    """The most messages that waited at each core and link in each nominal period, if any can."""
    queues = watched.timing.queues
    if not queues.synaptic_event and not queues.link:
        return None
    return {
        "layers": [part.layer for part in watched.parts],
        "cores": watched.timed.backlog[:, 0].T.tolist(),
        "links": watched.timed.link_backlog[:, 0].tolist(),
    }
