"""What a run did: the counts that cost is made of."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

FORWARD, FEEDBACK = 0, 1


@dataclass(frozen=True, eq=False)
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
        injected as a constant current has none.
    synaptic_events : ndarray of int64, shape (phases, connections, 2)
        Spikes arriving over existing synapses, forward and feedback, counted in
        the phase in which they arrive: a spike of step t arrives at step t + 1.
        The clamped input receives no feedback.
    macs : ndarray of int64, shape (phases, connections, 2)
        Multiply-accumulates: real-valued messages other than 0 over existing
        synapses, and the injection of an input current (once per sample, in the
        first phase).
    """

    phases: tuple[str, ...]
    samples: int
    spikes: np.ndarray
    updates_active: np.ndarray
    updates_inactive: np.ndarray
    synaptic_events: np.ndarray
    macs: np.ndarray

    @classmethod
    def zeros(cls, phases: tuple[str, ...], layers: int) -> Activity:
        """Nothing done yet."""
        per_layer, per_connection = (len(phases), layers), (len(phases), layers - 1, 2)
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
        names = (f.name for f in fields(self) if f.name not in ("phases", "samples"))
        return {name: getattr(self, name) for name in names}

    def from_arrays(self, counts: dict[str, np.ndarray], samples: int) -> Activity:
        """Other counts of the same phases."""
        return Activity(self.phases, samples, **counts)

    def to_dict(self) -> dict:
        """Plain lists and numbers, for JSON."""
        counts = {name: count.tolist() for name, count in self.to_arrays().items()}
        return {"phases": list(self.phases), "samples": self.samples, **counts}
