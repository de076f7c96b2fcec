"""The reference of rules that train integrate-and-fire units: plain numpy, to be read."""

from __future__ import annotations

from collections.abc import Callable

from eqchip.backends.reference.spiking.emstdp import emstdp
from eqchip.backends.reference.spiking.eprop import eprop
from eqchip.backends.reference.spiking.erbp import erbp
from eqchip.backends.reference.spiking.graded import graded
from eqchip.backends.reference.spiking.machine import Machine
from eqchip.backends.reference.spiking.nbp import nbp
from eqchip.emulator.description.spiking.rule import SpikingRule
from eqchip.emulator.description.spiking.rules import Emstdp, Eprop, Erbp, Graded, Nbp

# What a sample does, by the type of its rule: from the machine, the input's states, the label, the
# sample's number and whether it learns, to its class. A new rule: a row here.
TWINS: dict[type[SpikingRule], Callable[..., int]] = {
    Graded: graded,
    Emstdp: emstdp,
    Erbp: erbp,
    Nbp: nbp,
    Eprop: eprop,
}

__all__ = ["TWINS", "Machine"]
