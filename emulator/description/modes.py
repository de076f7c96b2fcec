"""The choices of a run that are words."""

from __future__ import annotations

from typing import Literal

Precision = Literal["float32", "float64", "chip"]


InputMode = Literal["spikes", "current"]


Readout = Literal["squared-error", "cross-entropy"]


Recordable = Literal["bits", "potentials", "events"]
