"""What the recorded events of one sample tell: messages in flight, their delays, potentials.

All times here are whole quanta of run time (``QUANTA`` a nominal period); units are numbered over
all layers, as in the events. A phase that goes back to the end of the free phase goes back here
as well: to the messages that were in flight then, and to the potentials.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from eqchip.emulator.description.asynchronous import QUANTA
from eqchip.emulator.description.parts import Part
from eqchip.emulator.description.phases import Free, Phase
from eqchip.emulator.description.timed import DELIVERED, LOST, SPIKE


class Span(NamedTuple):
    """A phase: it covers (start, end]. `back`: the time to whose state it goes back, or None."""

    start: int
    end: int
    back: int | None


class Wiring(NamedTuple):
    """Who sends to whom.

    layer_of: the layer of each unit, int64 (units,). first: the first unit of each layer.
    targets: for each layer, the cores that get a message for each of its spikes.
    """

    layer_of: np.ndarray
    first: np.ndarray
    targets: tuple[tuple[int, ...], ...]

    @property
    def fan_out(self) -> np.ndarray:
        """Messages of a spike, int64 (layers,)."""
        return np.array([len(cores) for cores in self.targets], np.int64)


class Journeys(NamedTuple):
    """Messages that arrived or were lost, in that order; int64 but for `lost`, a bool.

    Those of one sender to one core are taken to arrive in the order in which they were sent: a
    jitter of the delay that is longer than a period may swap two, which changes no mean.
    """

    sent: np.ndarray
    ended: np.ndarray
    source: np.ndarray
    core: np.ndarray
    lost: np.ndarray


def spans(phases: Sequence[Phase], end: int | None = None) -> list[Span]:
    """The phases in run time, one after the other; `end`: where the run was broken off.

    Examples
    --------
    >>> [(s.start // QUANTA, s.back) for s in spans([Free(2), Free(1)])]
    [(0, None), (2, None)]
    """
    found: list[Span] = []
    start, free_end = 0, None
    for phase in phases:
        stop = start + phase.steps * QUANTA
        found.append(Span(start, stop, free_end if phase.from_free else None))
        if isinstance(phase, Free) and not phase.from_free:
            free_end = stop
        start = stop
    if end is not None:
        found[-1] = found[-1]._replace(end=min(found[-1].end, end))
    return found


def wiring(parts: Sequence[Part]) -> Wiring:
    """Who sends to whom in a network of these cores: to the layers above and below.

    The clamped input is sent nothing.
    """
    layers = parts[-1].layer + 1
    sizes = [sum(part.units for part in parts if part.layer == layer) for layer in range(layers)]
    cores = [
        [number for number, part in enumerate(parts) if part.layer == layer]
        for layer in range(layers)
    ]
    cores[0] = []
    near = [(*cores[k - 1], *cores[k + 1]) for k in range(1, layers - 1)]
    return Wiring(
        np.repeat(np.arange(layers), sizes),
        np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64),
        (tuple(cores[1]), *near, tuple(cores[-2])),
    )


def in_flight(
    events: np.ndarray, phases: Sequence[Span], wired: Wiring
) -> tuple[np.ndarray, np.ndarray]:
    """Messages sent and neither delivered nor lost, by the layer that sent them.

    Returns
    -------
    times : int64, shape (n,)
        Where the number changes, from 0 on, ascending. At the start of a phase that goes back a
        time stands twice: before and after.
    counts : int64, shape (n, layers)
        From that time on.
    """
    layers = len(wired.targets)
    times, counts = [np.zeros(1, np.int64)], [np.zeros((1, layers), np.int64)]
    kept: dict[int, np.ndarray] = {0: counts[0][0]}  # at the ends of phases
    now = kept[0]
    for span, found in _by_span(events, phases):
        if span.back is not None:
            now = kept[span.back]
            times.append(np.array([span.start]))
            counts.append(now[None])
        moved = found[found["kind"] >= SPIKE]
        layer = wired.layer_of[moved["unit"]]
        change = np.zeros((len(moved), layers), np.int64)
        change[np.arange(len(moved)), layer] = np.where(
            moved["kind"] == SPIKE, wired.fan_out[layer], -1
        )
        after = now + change.cumsum(0)
        last = np.append(moved["time"][1:] != moved["time"][:-1], True)[: len(moved)]
        times.append(moved["time"][last])
        counts.append(after[last])
        now = kept[span.end] = after[-1] if len(after) else now
    return np.concatenate(times), np.concatenate(counts)


def journeys(events: np.ndarray, phases: Sequence[Span], wired: Wiring) -> Journeys:
    """When each message that arrived, or was lost, had been sent.

    What a phase takes up again from the end of the free one counts as sent so long before it as
    it had been sent before that end.
    """
    rows: list[tuple[int, int, int, int, bool]] = []
    flying: dict[tuple[int, int], deque[int]] = defaultdict(deque)
    kept: dict[int, dict[tuple[int, int], list[int]]] = {}
    for span, found in _by_span(events, phases):
        if span.back is not None:
            shift = span.start - span.back
            flying = defaultdict(deque)
            for key, sent in kept[span.back].items():
                flying[key].extend(time + shift for time in sent)
        columns = (found[name].tolist() for name in ("time", "kind", "unit", "core"))
        for time, kind, unit, core in zip(*columns, strict=True):
            if kind == SPIKE:
                for target in wired.targets[wired.layer_of[unit]]:
                    flying[unit, target].append(time)
            elif kind in (DELIVERED, LOST):
                waiting = flying[unit, core]
                # Lost on its way out: the message that was sent at this moment.
                at_once = kind == LOST and waiting[-1] == time
                sent_at = waiting.pop() if at_once else waiting.popleft()
                rows.append((sent_at, time, unit, core, kind == LOST))
        kept[span.end] = {key: list(sent) for key, sent in flying.items() if sent}
    table = np.array(rows, np.int64).reshape(-1, 5)
    sent, ended, source, at, lost = table.T
    return Journeys(sent, ended, source, at, lost.astype(bool))


def trajectory(
    events: np.ndarray, phases: Sequence[Span], unit: int
) -> tuple[np.ndarray, np.ndarray]:
    """The potential of a hidden or output unit: times, int64 (n,), and values from then on."""
    times, values = [0], [0.0]
    kept = {0: 0.0}
    for span, found in _by_span(events, phases):
        if span.back is not None:
            times.append(span.start)
            values.append(kept[span.back])
        own = found[(found["kind"] <= SPIKE) & (found["unit"] == unit)]
        times.extend(own["time"].tolist())
        values.extend(own["value"].tolist())
        kept[span.end] = values[-1]
    return np.array(times, np.int64), np.array(values)


def distance(
    events: np.ndarray,
    phases: Sequence[Span],
    fixed: Sequence[np.ndarray],
    at: Sequence[np.ndarray],
) -> list[np.ndarray]:
    """Mean ``|s - s*|`` over units at given times, phase by phase.

    Parameters
    ----------
    fixed : sequence of ndarray, shape (units,)
        s* in each phase; NaN for units that are not counted, the clamped input.
    at : sequence of ndarray of int64
        The times, ascending, in each phase; its start stands for the state that it begins with.
    """
    state = np.where(np.isnan(fixed[0]), np.nan, 0.0)
    counted = int((~np.isnan(state)).sum())
    kept: dict[int, np.ndarray] = {}
    curves = []
    for (span, found), goal, times in zip(_by_span(events, phases), fixed, at, strict=True):
        if span.back is not None:
            state = kept[span.back]
        ticks = found[found["kind"] <= SPIKE]
        ticks = ticks[~np.isnan(goal[ticks["unit"]])]
        order = np.argsort(ticks["unit"], kind="stable")
        unit, value = ticks["unit"][order], ticks["value"][order]
        first = np.append(True, unit[1:] != unit[:-1])[: len(unit)]
        before = np.where(first, state[unit], np.roll(value, 1))
        change = np.empty(len(unit))
        change[order] = np.abs(value - goal[unit]) - np.abs(before - goal[unit])
        sums = np.nansum(np.abs(state - goal)) + np.append(0.0, change.cumsum())
        curves.append(sums[np.searchsorted(ticks["time"], times, "right")] / counted)
        last = np.append(unit[1:] != unit[:-1], True)[: len(unit)]
        state = state.copy()
        state[unit[last]] = value[last]
        kept[span.end] = state
    return curves


def ticks(events: np.ndarray, unit: int) -> np.ndarray:
    """When a unit's clock ticked, int64; the first tick of the run is its number 1."""
    return events["time"][(events["kind"] <= SPIKE) & (events["unit"] == unit)]


def _by_span(events: np.ndarray, phases: Sequence[Span]) -> Iterator[tuple[Span, np.ndarray]]:
    """The events of each phase."""
    for span in phases:
        first, last = np.searchsorted(events["time"], [span.start, span.end], "right")
        # The first phase begins with the run, whatever happens at its very start.
        yield span, events[0 if span.start == 0 else first : last]
