"""What a run without a global clock shows beside: its messages, queues and events.

See docs/asynchronous.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

# What an event of a recorded run is.
TICK, SPIKE, DELIVERED, LOST = range(4)
EVENT = np.dtype(
    [("time", "i8"), ("kind", "u1"), ("unit", "i4"), ("core", "i4"), ("value", "f8")]
)  # fmt: skip


class Messages(NamedTuple):
    """What became of the messages, int64, shape (phases,) each, over all samples.

    ``sent``: one for each spike and destination core. ``delivered``: added to a core's
    accumulators, or kept for its next tick. ``lost``: to a fault. ``withdrawn``: in flight when a
    phase went back to the end of the free one. ``restored``: those that were in flight there.
    """

    sent: np.ndarray
    delivered: np.ndarray
    lost: np.ndarray
    withdrawn: np.ndarray
    restored: np.ndarray


@dataclass(frozen=True, eq=False)
class Timed:
    """What an asynchronous run shows beyond a synchronous one.

    Shapes with "steps" have a row for each nominal period of run time: row k covers (k, k + 1].

    Attributes
    ----------
    end : float
        Run time simulated, in nominal periods.
    messages : Messages
        ``sum(sent + restored) = sum(delivered + lost + withdrawn) + left``.
    left : int
        Messages in flight at the end.
    in_flight : ndarray of int32, shape (steps, batch)
        Sent and neither delivered nor lost, at the end of each period.
    backlog : ndarray of int32, shape (steps, batch, cores)
        The most messages that waited or were served at a core; 0 without queues.
    link_backlog : ndarray of int32, shape (steps, batch)
        The most that waited for any one link.
    updates, received, spikes : ndarray of int32, shape (steps, batch, cores)
        Neuron updates, messages delivered, spikes emitted (none in a real-valued network).
    periods : ndarray of float64, shape (units,)
        Of each unit's clock, in nominal periods; all layers in one row.
    events : list of ndarray or None
        Per sample, an array of EVENT in the order of events: time (in QUANTA), kind (TICK: a
        unit ticked without a spike, SPIKE: with one, DELIVERED, LOST: a message), unit (that
        ticked, or that sent), core (of the unit, or the destination), value (potential after
        the tick, or of the message, 1 for a spike). Units are numbered over all layers. Clamped
        units at 0 are not listed: they never fire. None unless recorded.
    """

    end: float
    messages: Messages
    left: int
    in_flight: np.ndarray
    backlog: np.ndarray
    link_backlog: np.ndarray
    updates: np.ndarray
    received: np.ndarray
    spikes: np.ndarray
    periods: np.ndarray
    events: list[np.ndarray] | None = None
