"""What the clamped input sends by itself: bits that are given step by step, in place of an encoder.

With R the steps of the first phase, the input sends at step t the bits of row (t - 1) mod R: the
stream goes on as t does, and begins anew when it is over. Two phases that start ``from_free`` pass
through the same t and see the same bits. The potential of an input unit is what a receiver has
decoded of it, an average that leaks::

    s = (1 - lambda) s + lambda q          lambda: the prediction coefficient of step t,
                                           without prediction the step size
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eqchip.emulator.description.graph.events import Events
from eqchip.emulator.errors import InputError


@dataclass(frozen=True, eq=False)
class Stream:
    """The bits of a batch of samples, as lists.

    Attributes
    ----------
    rows : int
        R.
    first : ndarray of int64, shape (batch, rows + 1)
        Where in `places` the bits of each row begin, and where those of the last end.
    places : ndarray of int32, shape (bits,)
        Who sends: a place in the sample's list of active units, ascending in each row.
    begin : ndarray of int64, shape (batch + 1,)
        Where in `active` the list of each sample begins.
    active : ndarray of int32
        The input units that ever send in a sample, ascending.
    """

    rows: int
    first: np.ndarray
    places: np.ndarray
    begin: np.ndarray
    active: np.ndarray

    @classmethod
    def of(cls, events: Events, rows: int, inputs: int) -> Stream:
        """The events of a batch.

        Raises
        ------
        InputError
            For an event later than the first phase, beside the input, of a value, or twice.
        """
        if events.values is not None:
            raise InputError("run: x is Events with values; expected bits: none")
        late = events.steps >= rows
        if late.any():
            raise InputError(
                f"run: x has an event at step {int(events.steps[late][0])}; expected 0 to "
                f"{rows - 1}, the steps of the first phase"
            )
        if len(events.units) and events.units.max() >= inputs:
            raise InputError(
                f"run: x has an event of unit {int(events.units.max())}; expected 0 to {inputs - 1}"
            )
        bits = np.sort((events.samples * rows + events.steps) * inputs + events.units)
        twice = np.flatnonzero(np.diff(bits) == 0)
        if len(twice):
            place, who = divmod(int(bits[twice[0]]), inputs)
            raise InputError(
                f"run: x has two events of unit {who} at step {place % rows} of sample "
                f"{place // rows}; expected one"
            )
        row, unit = np.divmod(bits, inputs)
        senders, places = np.unique(row // rows * inputs + unit, return_inverse=True)
        begin = np.searchsorted(senders, np.arange(events.batch + 1) * inputs)
        ends = np.cumsum(np.bincount(row, minlength=events.batch * rows)).reshape(-1, rows)
        return cls(
            rows,
            np.hstack([np.append(0, ends[:-1, -1])[:, None], ends]).astype(np.int64),
            (places.reshape(-1) - begin[row // rows]).astype(np.int32),
            begin.astype(np.int64),
            (senders % inputs).astype(np.int32),
        )

    def sample(self, b: int) -> Stream:
        """That of sample b alone."""
        first, (start, end) = self.first[b : b + 1], self.begin[b : b + 2]
        bits = slice(first[0, 0], first[0, -1])
        return Stream(
            self.rows, first - first[0, 0], self.places[bits], self.begin[b : b + 2] - start,
            self.active[start:end],
        )  # fmt: skip

    def bits(self, t: int, inputs: int) -> np.ndarray:
        """What the units send at step t, uint8 of shape (batch, inputs)."""
        sent = np.zeros((len(self.first), inputs), np.uint8)
        row = (t - 1) % self.rows
        for b, first in enumerate(self.first):
            of_sample = self.active[self.begin[b] : self.begin[b + 1]]
            sent[b, of_sample[self.places[first[row] : first[row + 1]]]] = 1
        return sent
