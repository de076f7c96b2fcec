"""What a run did: the counts that cost is made of."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from eqchip.emulator.text import html_table

FORWARD, FEEDBACK = 0, 1
DIRECTIONS = ("forward", "feedback")


@dataclass(frozen=True, eq=False, repr=False)
class Activity:
    """Exact counts per phase, and per layer or connection, summed over samples.

    Attributes
    ----------
    phases : tuple of str
        ``"free"`` or ``"nudged"``, one per phase.
    samples : int
        How many samples the counts cover.
    spikes : ndarray of int64, shape (phases, layers)
        Bits that are 1, counted in the phase that emitted them.
    updates_active, updates_inactive : ndarray of int64, shape (phases, layers)
        Neuron updates: one unit computing one time step, with and without a spike
        (a message other than 0 when the network is real-valued). An input
        injected as a constant current has none, and one of a stream of events, where no phase
        is nudged, one for each event.
    synaptic_events : ndarray of int64, shape (phases, connections, 2)
        Spikes arriving over existing synapses, forward and feedback, counted in
        the phase in which they arrive: a spike of step t arrives at step t + 1.
        The clamped input receives no feedback.
    macs : ndarray of int64, shape (phases, connections, 2)
        Multiply-accumulates: real-valued messages other than 0 over existing
        synapses, and the injection of an input current (once, in the phase that the
        input begins with).
    """

    phases: tuple[str, ...]
    samples: int
    spikes: np.ndarray
    updates_active: np.ndarray
    updates_inactive: np.ndarray
    synaptic_events: np.ndarray
    macs: np.ndarray

    @classmethod
    def zeros(cls, phases: tuple[str, ...], layers: int, links: int = 0) -> Activity:
        """Nothing done yet; links: connections beside the chain."""
        per_layer, per_connection = (len(phases), layers), (len(phases), layers - 1 + links, 2)
        return cls(
            phases,
            0,
            np.zeros(per_layer, np.int64),
            np.zeros(per_layer, np.int64),
            np.zeros(per_layer, np.int64),
            np.zeros(per_connection, np.int64),
            np.zeros(per_connection, np.int64),
        )

    def __add__(self, other: Activity) -> Activity:
        """The counts of both; the phases must be the same."""
        if self.phases != other.phases:
            raise ValueError(f"phases differ: {self.phases} and {other.phases}")
        counts = self.to_arrays()
        return self.from_arrays(
            {name: counts[name] + more for name, more in other.to_arrays().items()},
            self.samples + other.samples,
        )

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The counts by name."""
        return {name: getattr(self, name) for name in COUNTS}

    def from_arrays(self, counts: dict[str, np.ndarray], samples: int) -> Activity:
        """Other counts of the same phases."""
        return Activity(self.phases, samples, **counts)

    def to_dict(self) -> dict:
        """Plain lists and numbers, for JSON."""
        counts = {name: count.tolist() for name, count in self.to_arrays().items()}
        return {"phases": list(self.phases), "samples": self.samples, **counts}

    def records(self) -> list[dict[str, Any]]:
        """A flat dictionary per number, for pandas: ``pandas.DataFrame(activity.records())``.

        Keys: ``phase`` (its place in the run), ``name`` ("free" or "nudged"), ``count`` (what is
        counted), ``layer`` or ``connection`` (the other is None; connection k joins layer k to
        k + 1, and those that follow are links), ``direction`` ("forward" or "feedback", of
        connections) and ``value``, over all samples.

        Examples
        --------
        >>> Activity.zeros(("free",), 2).records()[0]
        {'phase': 0, 'name': 'free', 'count': 'spikes', 'layer': 0, 'connection': None, \
'direction': None, 'value': 0}
        """
        found = []
        for count, values in self.to_arrays().items():
            for place, value in np.ndenumerate(values):
                phase, number, *way = place
                found.append(
                    {
                        "phase": phase,
                        "name": self.phases[phase],
                        "count": count,
                        "layer": None if way else number,
                        "connection": number if way else None,
                        "direction": DIRECTIONS[way[0]] if way else None,
                        "value": int(value),
                    }
                )
        return found

    def __repr__(self) -> str:
        return (
            f"Activity({', '.join(self.phases)}: {self.samples} samples, "
            f"{int(self.spikes.sum()):,} spikes, {int(self.synaptic_events.sum()):,} synaptic "
            "events)"
        )

    def _repr_html_(self) -> str:
        """In a notebook: what each layer did in each phase."""
        rows = [
            (name, layer, int(self.spikes[k, layer]), int(self.updates_active[k, layer]),
             int(self.updates_inactive[k, layer]),
             None if layer == 0 else int(self.synaptic_events[k, layer - 1, FORWARD]),
             None if layer == 0 else int(self.synaptic_events[k, layer - 1, FEEDBACK]))
            for k, name in enumerate(self.phases)
            for layer in range(self.spikes.shape[1])
        ]  # fmt: skip
        heads = ("phase", "layer", "spikes", "active updates", "inactive updates",
                 "events from below", "events sent back down")  # fmt: skip
        return html_table(repr(self), heads, rows)


COUNTS = tuple(f.name for f in fields(Activity) if f.name not in ("phases", "samples"))
