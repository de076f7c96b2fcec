"""What an engine found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eqchip.emulator.activity import Activity
from eqchip.emulator.description.modes import Readout
from eqchip.emulator.description.phases import Phase
from eqchip.emulator.description.timed import Timed


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """What an engine found.

    Attributes
    ----------
    phases : tuple of Phase
    bits : list of ndarray or None
        Per layer, uint8, shape (steps, batch, *units): the bit that each unit
        emitted. Layer 0 is the input (all 0 when injected as a current; all 0 for
        a real-valued network, which emits no bits). None unless recorded.
    potentials : list of ndarray or None
        Per layer, float, shape (steps, batch, *units). None unless recorded.
    ends : list of list of ndarray
        ``ends[k][l]``: the potentials of layer l at the last step of phase k,
        shape (batch, *units). Always kept.
    activity : Activity
    part_spikes : ndarray of int32 or None
        Shape (steps, batch, parts): the spikes that each part emitted at each step. None
        unless parts were given.
    saturations : ndarray of int64, shape (phases, layers)
        How many states left the chip's range and were clipped, over all samples and
        steps; 0 in floating point. The clip of a potential to [0, 1] is none of them.
    cores : CoreActivity or None
        What every core of a chip did; None unless the network is a mapped one. See
        :mod:`eqchip.mapping.activity.cores`.
    timed : Timed or None
        What an asynchronous run shows beside. There a row of `bits`, `potentials` and
        `part_spikes` is a nominal period: spikes emitted in it (0, 1, 2, ...), potentials at its
        end.
    readout : {"squared-error", "cross-entropy"}
        What the last layer is. Of cross-entropy, its potentials are logits in a free phase and the
        error that it sends back in a nudged one.
    skipped : ndarray of bool, shape (batch,), or None
        Samples that were right when the first phase ended, and ran no further: their later phases
        end as that one did, with no bit in them. None where every sample runs all phases.
    """

    phases: tuple[Phase, ...]
    bits: list[np.ndarray] | None
    potentials: list[np.ndarray] | None
    ends: list[list[np.ndarray]]
    activity: Activity
    part_spikes: np.ndarray | None = None
    saturations: np.ndarray | None = None
    cores: Any = None
    timed: Timed | None = None
    readout: Readout = "squared-error"
    skipped: np.ndarray | None = None

    def __repr__(self) -> str:
        phases = ", ".join(
            f"{name} {phase.steps}"
            for name, phase in zip(self.activity.phases, self.phases, strict=True)
        )
        sizes = "-".join(str(end[0].size) for end in self.ends[0])
        spikes = int(self.activity.spikes.sum())
        return f"Run({phases} steps: {self.activity.samples} samples, {sizes}, {spikes:,} spikes)"

    def _repr_html_(self) -> str:
        """In a notebook: what was counted."""
        return self.activity._repr_html_()
