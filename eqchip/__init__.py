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
    from eqchip.emulator.data.datasets import Dataset, load
    from eqchip.emulator.description.asynchronous import (
        Asynchronous,
        Clocks,
        Delays,
        Faults,
        Queues,
    )
    from eqchip.emulator.description.coding import Coding, OptimalStepSize, Polynomial
    from eqchip.emulator.description.connections import AvgPool2d, Conv2d, Dense, MaxPool2d, Sparse
    from eqchip.emulator.description.fixedpoint import FixedPoint
    from eqchip.emulator.description.learning import Learning
    from eqchip.emulator.description.network import Network
    from eqchip.emulator.description.phases import Free, Nudged
    from eqchip.emulator.errors import InputError
    from eqchip.emulator.learning.contrast import Changes, contrast
    from eqchip.emulator.problem.run import Run
    from eqchip.mapping.chip_file.chip import Chip, chip_names, load_chip
    from eqchip.mapping.placement.mapped import MappedNetwork, map_network

__version__ = version("eqchip")

# Public name -> its module, imported when first used: `import eqchip` itself is light.
_HOMES = {
    "run": "eqchip.api",
    "Activity": "eqchip.emulator.activity",
    "Asynchronous": "eqchip.emulator.description.asynchronous",
    "Clocks": "eqchip.emulator.description.asynchronous",
    "Delays": "eqchip.emulator.description.asynchronous",
    "Faults": "eqchip.emulator.description.asynchronous",
    "Queues": "eqchip.emulator.description.asynchronous",
    "Coding": "eqchip.emulator.description.coding",
    "OptimalStepSize": "eqchip.emulator.description.coding",
    "Polynomial": "eqchip.emulator.description.coding",
    "Dataset": "eqchip.emulator.data.datasets",
    "load": "eqchip.emulator.data.datasets",
    "InputError": "eqchip.emulator.errors",
    "FixedPoint": "eqchip.emulator.description.fixedpoint",
    "Changes": "eqchip.emulator.learning.contrast",
    "Learning": "eqchip.emulator.description.learning",
    "contrast": "eqchip.emulator.learning.contrast",
    "AvgPool2d": "eqchip.emulator.description.connections",
    "Conv2d": "eqchip.emulator.description.connections",
    "Dense": "eqchip.emulator.description.connections",
    "MaxPool2d": "eqchip.emulator.description.connections",
    "Sparse": "eqchip.emulator.description.connections",
    "Network": "eqchip.emulator.description.network",
    "Free": "eqchip.emulator.description.phases",
    "Nudged": "eqchip.emulator.description.phases",
    "Run": "eqchip.emulator.problem.run",
    "Chip": "eqchip.mapping.chip_file.chip",
    "chip_names": "eqchip.mapping.chip_file.chip",
    "load_chip": "eqchip.mapping.chip_file.chip",
    "MappedNetwork": "eqchip.mapping.placement.mapped",
    "map_network": "eqchip.mapping.placement.mapped",
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
    "Sparse",
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
