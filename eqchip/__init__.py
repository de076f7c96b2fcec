"""eqchip: a neuromorphic chip emulator that trains itself by Equilibrium Propagation.

>>> import eqchip as eq
>>> net = eq.Network.dense([4, 3, 2], seed=0)
>>> run = eq.run(net, [[0.0, 0.5, 1.0, 0.25]], coding=eq.Coding(), phases=[eq.Free(20)])
>>> run.ends[0][-1].shape
(1, 2)
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eqchip.api import run
    from eqchip.emulator.activity import Activity
    from eqchip.emulator.asynchronous import Asynchronous, Clocks, Delays, Faults, Queues
    from eqchip.emulator.coding import Coding, OptimalStepSize, Polynomial
    from eqchip.emulator.datasets import Dataset, load
    from eqchip.emulator.errors import InputError
    from eqchip.emulator.fixedpoint import FixedPoint
    from eqchip.emulator.learning import Changes, Learning, contrast
    from eqchip.emulator.network import AvgPool2d, Conv2d, Dense, MaxPool2d, Network
    from eqchip.emulator.phases import Free, Nudged
    from eqchip.emulator.problem import Run
    from eqchip.mapping.chip import Chip, chip_names, load_chip
    from eqchip.mapping.mapped import MappedNetwork, map_network

__version__ = version("eqchip")

# Public name -> its module, imported when first used: `import eqchip` itself is light.
_HOMES = {
    "run": "eqchip.api",
    "Activity": "eqchip.emulator.activity",
    "Asynchronous": "eqchip.emulator.asynchronous",
    "Clocks": "eqchip.emulator.asynchronous",
    "Delays": "eqchip.emulator.asynchronous",
    "Faults": "eqchip.emulator.asynchronous",
    "Queues": "eqchip.emulator.asynchronous",
    "Coding": "eqchip.emulator.coding",
    "OptimalStepSize": "eqchip.emulator.coding",
    "Polynomial": "eqchip.emulator.coding",
    "Dataset": "eqchip.emulator.datasets",
    "load": "eqchip.emulator.datasets",
    "InputError": "eqchip.emulator.errors",
    "FixedPoint": "eqchip.emulator.fixedpoint",
    "Changes": "eqchip.emulator.learning",
    "Learning": "eqchip.emulator.learning",
    "contrast": "eqchip.emulator.learning",
    "AvgPool2d": "eqchip.emulator.network",
    "Conv2d": "eqchip.emulator.network",
    "Dense": "eqchip.emulator.network",
    "MaxPool2d": "eqchip.emulator.network",
    "Network": "eqchip.emulator.network",
    "Free": "eqchip.emulator.phases",
    "Nudged": "eqchip.emulator.phases",
    "Run": "eqchip.emulator.problem",
    "Chip": "eqchip.mapping.chip",
    "chip_names": "eqchip.mapping.chip",
    "load_chip": "eqchip.mapping.chip",
    "MappedNetwork": "eqchip.mapping.mapped",
    "map_network": "eqchip.mapping.mapped",
}

__all__ = [
    "Activity",
    "Asynchronous",
    "AvgPool2d",
    "Changes",
    "Chip",
    "Clocks",
    "Coding",
    "Conv2d",
    "Dataset",
    "Delays",
    "Dense",
    "Faults",
    "FixedPoint",
    "Free",
    "InputError",
    "Learning",
    "MappedNetwork",
    "MaxPool2d",
    "Network",
    "Nudged",
    "OptimalStepSize",
    "Polynomial",
    "Queues",
    "Run",
    "chip_names",
    "contrast",
    "load",
    "load_chip",
    "map_network",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'eqchip' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
