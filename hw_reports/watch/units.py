"""Which units of a watched sample are drawn, and why, and what they did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from eqchip.emulator.description.asynchronous import QUANTA, quanta
from eqchip.emulator.description.timed import SPIKE
from eqchip.hw_reports.watch import events as read
from eqchip.hw_reports.watch.events import Journeys, Wiring
from eqchip.hw_reports.watch.watched import Watched, synchronous_levels, times, values

RASTER_UNITS = 100  # of a layer, evenly chosen over the clocks
CLOCKS = 40  # hidden and output units whose clocks are drawn
MOST_OUTPUTS = 10
HIDDEN_SHOWN = 3
# A fixed point nearer than this to 0 or 1 shows little; the next where too many are that near.
MARGINS = (0.1, 1e-3)
LEAST_WINDOW, MOST_WINDOW = 8.0, 20.0  # nominal periods in which single messages are drawn
CLOSE_INPUTS, CLOSE_OUTPUTS = 3, 2  # units in that window, beside the hidden ones
BUSY = 0.9  # of the spikes of the input unit that fires most


def raster(watched: Watched) -> list[dict[str, Any]]:
    """The spikes of some units of each layer, the slowest clock first."""
    events, wired, periods = watched.events, watched.wired, watched.timed.periods
    fired = events[events["kind"] == SPIKE]
    # Inputs of 0 never fire, unless stuck at 1: rows for them would be empty.
    ticked = events[events["kind"] <= SPIKE]
    moving = ticked["unit"][(ticked["kind"] == SPIKE) | (ticked["value"] > 0)]
    layers = []
    for layer, (first, size) in enumerate(zip(wired.first.tolist(), watched.sizes, strict=True)):
        here = np.unique(moving[(moving >= first) & (moving < first + size)]) - first
        able = here if layer == 0 and len(here) else np.arange(size)
        by_period = able[np.argsort(-periods[first + able], kind="stable")]
        units = _evenly(by_period, RASTER_UNITS)
        row_of = np.full(len(periods), -1)
        row_of[first + units] = np.arange(len(units))
        own = fired[row_of[fired["unit"]] >= 0]
        layers.append(
            {
                "layer": layer,
                "units": size,
                "shown": units.tolist(),
                "time": times(own["time"]),
                "row": row_of[own["unit"]].tolist(),
            }
        )
    return layers


def clocks(watched: Watched) -> dict[str, Any]:
    """Periods of all clocks, and the ticks of some hidden and output units."""
    periods, wired = watched.timed.periods, watched.wired
    moving = np.flatnonzero(wired.layer_of > 0)
    by_period = moving[np.argsort(-periods[moving], kind="stable")]
    return {
        "shortest": float(periods[moving].min()),
        "longest": float(periods[moving].max()),
        "shown": [
            {
                **_address(wired, int(unit)),
                "period": float(periods[unit]),
                "ticks": times(read.ticks(watched.events, int(unit))),
            }
            for unit in _evenly(by_period, CLOCKS)
        ],
    }


def shown(watched: Watched) -> list[tuple[int, int, str]]:
    """Units whose potentials are drawn: (layer, unit, why).

    The outputs, and three hidden units that, if there are as many, do not come to rest at a
    bound: those with the slowest, the middle and the fastest clock; where all clocks are alike,
    with the lowest, middle and highest fixed point.
    """
    free, last = watched.fixed[0], len(watched.sizes) - 1
    label, rest = watched.subject["label"], np.argsort(-free[last], kind="stable").tolist()
    outputs = [label, *(unit for unit in rest if unit != label)][:MOST_OUTPUTS]
    found = [(last, unit, "label" if unit == label else "output") for unit in outputs]
    wired = watched.wired
    hidden = np.flatnonzero((wired.layer_of > 0) & (wired.layer_of < last))
    if not len(hidden):
        return found
    points = np.concatenate([level.reshape(-1) for level in free])
    for margin in MARGINS:
        inside = (points[hidden] > margin) & (points[hidden] < 1 - margin)
        if inside.sum() >= HIDDEN_SHOWN:
            hidden = hidden[inside]
            break
    periods = watched.timed.periods[hidden]
    order = hidden[np.lexsort((points[hidden], -periods))]
    alike = periods.min() == periods.max()
    words = ("lowest", "middle", "highest") if alike else ("slowest", "middle", "fastest")
    what = "fixed point" if alike else "clock"
    places = dict.fromkeys((0, (len(order) - 1) // 2, len(order) - 1))
    for place, word in zip(places, words, strict=False):
        one = _address(wired, int(order[place]))
        found.append((one["layer"], one["unit"], f"{word} {what}"))
    return found


def potential(watched: Watched, layer: int, unit: int, why: str) -> dict[str, Any]:
    """One unit's potential: asynchronous, synchronous, and the fixed point of each phase.

    ``synchronous``: from the times 0, 1, 2, ... on.
    """
    number = int(watched.wired.first[layer]) + unit
    moments, states = read.trajectory(watched.events, watched.spans, number)
    potentials = watched.synchronous.potentials
    assert potentials is not None
    steps = potentials[layer][:, 0].reshape(len(potentials[layer]), -1)[:, unit]
    return {
        "layer": layer,
        "unit": unit,
        "why": why,
        "period": float(watched.timed.periods[number]),
        "time": times(moments),
        "asynchronous": values(states),
        "synchronous": values(synchronous_levels(watched, steps)),
        "fixed_point": values(np.array([f[layer].reshape(-1)[unit] for f in watched.fixed])),
    }


def close(
    watched: Watched, travelled: Journeys, shown: Sequence[tuple[int, int]]
) -> dict[str, Any]:
    """Ticks, spikes and messages of a few units in the first periods, one by one."""
    wired, events = watched.wired, watched.events
    last = len(watched.sizes) - 1
    delays = (travelled.ended - travelled.sent)[~travelled.lost]
    delay = float(delays.mean()) / QUANTA if len(delays) else 1.0
    # Long enough for an answer to come back, if messages can be told apart that long.
    end = min(max(LEAST_WINDOW, np.ceil(4 + 3 * delay)), MOST_WINDOW, watched.timed.end)
    window = events[events["time"] <= quanta(end)]
    rows = [
        *_busiest_inputs(watched),
        *sorted((one for one in shown if one[0] < last), key=lambda one: one[0]),
        *[one for one in shown if one[0] == last][:CLOSE_OUTPUTS],
    ]
    units = []
    for layer, unit in rows:
        number = int(wired.first[layer]) + unit
        own = window[(window["kind"] <= SPIKE) & (window["unit"] == number)]
        sent = (travelled.source == number) & (travelled.sent <= quanta(end))
        units.append(
            {
                "layer": layer,
                "unit": unit,
                "ticks": times(own["time"]),
                "spikes": times(own["time"][own["kind"] == SPIKE]),
                "messages": [
                    {"sent": a, "ended": b, "layer": watched.parts[core].layer, "lost": lost}
                    for a, b, core, lost in zip(
                        times(travelled.sent[sent]), times(travelled.ended[sent]),
                        travelled.core[sent].tolist(), travelled.lost[sent].tolist(), strict=True,
                    )
                ],
            }
        )  # fmt: skip
    return {"end": float(end), "mean_delay": delay, "units": units}


def _busiest_inputs(watched: Watched) -> list[tuple[int, int]]:
    """The slowest, a middle and the fastest of the input units that fire most."""
    fired = watched.events[watched.events["kind"] == SPIKE]["unit"]
    counts = np.bincount(fired, minlength=watched.sizes[0])[: watched.sizes[0]]
    busy = np.flatnonzero((counts > 0) & (counts >= BUSY * counts.max()))
    order = busy[np.argsort(-watched.timed.periods[busy], kind="stable")]
    return [(0, int(unit)) for unit in _evenly(order, CLOSE_INPUTS)]


def _evenly(found: np.ndarray, most: int) -> np.ndarray:
    """At most so many of them, the first and the last among them."""
    places = np.linspace(0, max(len(found) - 1, 0), min(len(found), most))
    return found[places.round().astype(int)]


def _address(wired: Wiring, unit: int) -> dict[str, int]:
    layer = int(wired.layer_of[unit])
    return {"layer": layer, "unit": unit - int(wired.first[layer])}
