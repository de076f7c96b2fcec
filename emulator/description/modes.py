"""The choices of a run that are words."""

from __future__ import annotations

from typing import Literal

Precision = Literal["float32", "float64", "chip"]


# How the clamped input reaches the first layer: coded into spikes at every step, or injected once a
# sample, as graded spikes whose weighted sum is held as a constant current.
InputMode = Literal["spikes", "current"]


Readout = Literal["squared-error", "cross-entropy"]


Recordable = Literal["bits", "potentials", "events"]
States = Literal["reset", "kept", "announced"]
