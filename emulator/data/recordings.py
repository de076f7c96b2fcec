"""Recordings of event cameras: which pixel saw a change, of which sign, and when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from eqchip.emulator.description.graph.events import Events
from eqchip.emulator.errors import InputError, check_whole, whole_numbers

MOST_UNITS = 2**16  # they are held in 16 bits
MOST_DURATION = 2**31  # microseconds


class Recordings:
    """Recordings of one camera and of one duration, one after the other, without frames.

    Parameters
    ----------
    first : array_like of int, shape (n + 1,)
        Where the events of each recording begin in the lists, and where the last one's end.
    times : array_like of int, shape (events,)
        In microseconds from the beginning of its recording, ascending in each.
    units : array_like of int, shape (events,)
        Which input: (row, column, polarity) of (height, width, 2), flattened; polarity 1 is a
        change upwards.
    inputs : int
        How many inputs there are, at most 65,536.
    duration : int
        Of each recording, in microseconds; no event is later.

    Raises
    ------
    InputError

    Examples
    --------
    >>> one = Recordings([0, 3], [10, 20, 900], [4, 1, 4], inputs=6, duration=1000)
    >>> one, one[[0, 0]]
    (Recordings(3 events in 1 of 1.0 ms), Recordings(6 events in 2 of 1.0 ms))
    """

    def __init__(self, first: Any, times: Any, units: Any, inputs: int, duration: int) -> None:
        check_whole("Recordings: inputs", inputs, 1, MOST_UNITS + 1)
        check_whole("Recordings: duration", duration, 1, MOST_DURATION)
        first = whole_numbers("Recordings: first", first)
        if not len(first) or first[0] != 0 or (np.diff(first) < 0).any():
            raise InputError(
                "Recordings: first is not ascending from 0; expected where each recording begins"
            )
        self.inputs, self.duration = int(inputs), int(duration)
        self.first = first
        self.times = _below("times", times, duration, np.int32)
        self.units = _below("units", units, inputs, np.uint16)
        for name, values in (("times", self.times), ("units", self.units)):
            if len(values) != first[-1]:
                raise InputError(
                    f"Recordings: {len(values)} {name} for {int(first[-1])} events; expected as "
                    "many"
                )
        back = np.diff(self.times) < 0
        inner = first[1:-1]
        back[inner[(inner > 0) & (inner < len(self.times))] - 1] = False  # another recording begins
        if back.any():
            k = int(np.argmax(back)) + 1
            raise InputError(
                f"Recordings: time {self.times[k]} of event {k} comes after {self.times[k - 1]}; "
                "expected ascending times in each recording"
            )

    @classmethod
    def of_events(
        cls, samples: np.ndarray, times: np.ndarray, units: np.ndarray, count: int, **sensor: int
    ) -> Recordings:
        """From events in any order, with the recording of each.

        Parameters
        ----------
        samples, times, units : ndarray of int, shape (events,)
        count : int
            How many recordings there are.
        **sensor
            `inputs` and `duration`.
        """
        inputs, duration = sensor["inputs"], sensor["duration"]
        ordered = np.sort((samples * duration + times) * inputs + units)  # a number for each event
        first = np.append(0, np.cumsum(np.bincount(samples, minlength=count)))
        return cls(first, ordered // inputs % duration, ordered % inputs, **sensor)

    def __len__(self) -> int:
        return len(self.first) - 1

    @property
    def shape(self) -> tuple[int, int]:
        """Recordings, and inputs of each."""
        return len(self), self.inputs

    @property
    def counts(self) -> np.ndarray:
        """Events of each recording, int64."""
        found: np.ndarray = np.diff(self.first)
        return found

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """All that it holds: `first`, `times` and `units`."""
        return self.first, self.times, self.units

    def __getitem__(self, index: Any) -> Recordings:
        """Some of them, by a slice, by numbers or by a mask."""
        chosen = np.atleast_1d(np.arange(len(self))[index])
        counts = self.counts[chosen]
        first = np.append(0, np.cumsum(counts))
        places = np.arange(first[-1]) + np.repeat(self.first[chosen] - first[:-1], counts)
        some = object.__new__(Recordings)  # what was checked stays so
        some.inputs, some.duration, some.first = self.inputs, self.duration, first
        some.times, some.units = self.times[places], self.units[places]
        return some

    def binned(self, steps: int) -> Events:
        """What the inputs send at each of so many time steps, which divide the duration evenly.

        Events of one input in one step are one bit: see `merged`.

        Examples
        --------
        >>> one = Recordings([0, 3], [10, 20, 900], [4, 4, 1], inputs=6, duration=1000)
        >>> sent = one.binned(2)
        >>> sent.steps.tolist(), sent.units.tolist(), one.merged(2)
        ([0, 1], [4, 1], 1)
        """
        row, unit = np.divmod(self._bits(steps), self.inputs)
        sample, step = np.divmod(row, steps)
        return Events(steps=step, units=unit, samples=sample, batch=max(len(self), 1))

    def merged(self, steps: int) -> int:
        """How many events are no bit of their own when the duration has so many time steps."""
        return len(self.times) - len(self._bits(steps))

    def counted(self, full: int) -> np.ndarray:
        """How often each input fired, over `full`, at most 1: float32, shape (n, inputs)."""
        sample = np.repeat(np.arange(len(self)), self.counts)
        place = sample * self.inputs + self.units
        counts = np.bincount(place, minlength=len(self) * self.inputs)
        shown = np.minimum(counts / full, 1).astype(np.float32)
        return shown.reshape(len(self), self.inputs)

    def _bits(self, steps: int) -> np.ndarray:
        """A number for each bit, ascending: (sample, step, unit)."""
        check_whole("Recordings: steps", steps, 1, 2**31)
        sample = np.repeat(np.arange(len(self)), self.counts)
        step = self.times.astype(np.int64) * steps // self.duration
        return np.unique((sample * steps + step) * self.inputs + self.units)

    def __repr__(self) -> str:
        return (
            f"Recordings({len(self.times):,} events in {len(self):,} of {self.duration / 1000} ms)"
        )


def joined(parts: Iterable[Recordings]) -> Recordings:
    """Recordings of one camera behind one another."""
    parts = list(parts)
    counts = np.concatenate([part.counts for part in parts])
    return Recordings(
        np.append(0, np.cumsum(counts)),
        np.concatenate([part.times for part in parts]),
        np.concatenate([part.units for part in parts]),
        parts[0].inputs,
        parts[0].duration,
    )


def _below(name: str, values: Any, end: int, dtype: Any) -> np.ndarray:
    found = np.asarray(values)
    if found.ndim != 1 or found.dtype.kind not in "iu":
        found = whole_numbers(f"Recordings: {name}", values)
    wrong = (found < 0) | (found >= end)
    if wrong.any():
        k = int(np.argmax(wrong))
        raise InputError(f"Recordings: {name} hold {found[k]} at {k}; expected 0 to {end - 1}")
    kept: np.ndarray = found.astype(dtype)
    return kept
