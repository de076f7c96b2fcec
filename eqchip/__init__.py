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

# What there is, for whoever reads types: `X as X` says that it is public. The same names stand
# below by module, for whoever runs; a test holds the two lists equal.
if TYPE_CHECKING:
    from eqchip import bench as bench
    from eqchip.api import run as run
    from eqchip.backends.nir.read import read_nir as read_nir
    from eqchip.emulator.activity import Activity as Activity
    from eqchip.emulator.data.datasets import Dataset as Dataset
    from eqchip.emulator.data.datasets import load as load
    from eqchip.emulator.description.asynchronous import Asynchronous as Asynchronous
    from eqchip.emulator.description.asynchronous import Clocks as Clocks
    from eqchip.emulator.description.asynchronous import Delays as Delays
    from eqchip.emulator.description.asynchronous import Faults as Faults
    from eqchip.emulator.description.asynchronous import Queues as Queues
    from eqchip.emulator.description.coding import Coding as Coding
    from eqchip.emulator.description.coding import OptimalStepSize as OptimalStepSize
    from eqchip.emulator.description.coding import Polynomial as Polynomial
    from eqchip.emulator.description.connections import AvgPool2d as AvgPool2d
    from eqchip.emulator.description.connections import Conv2d as Conv2d
    from eqchip.emulator.description.connections import Dense as Dense
    from eqchip.emulator.description.connections import MaxPool2d as MaxPool2d
    from eqchip.emulator.description.connections import OneToOne as OneToOne
    from eqchip.emulator.description.connections import Sparse as Sparse
    from eqchip.emulator.description.connections import SumPool2d as SumPool2d
    from eqchip.emulator.description.fixedpoint import FixedPoint as FixedPoint
    from eqchip.emulator.description.graph.events import Events as Events
    from eqchip.emulator.description.graph.file import Imported as Imported
    from eqchip.emulator.description.graph.file import load_graph as load_graph
    from eqchip.emulator.description.graph.file import save_graph as save_graph
    from eqchip.emulator.description.graph.graph import Graph as Graph
    from eqchip.emulator.description.graph.graph import Population as Population
    from eqchip.emulator.description.graph.graph import Projection as Projection
    from eqchip.emulator.description.graph.loihi import loihi_projection as loihi_projection
    from eqchip.emulator.description.graph.loihi import loihi_unit as loihi_unit
    from eqchip.emulator.description.graph.parameters import decay as decay
    from eqchip.emulator.description.graph.quantize import Quantized as Quantized
    from eqchip.emulator.description.graph.quantize import quantize as quantize
    from eqchip.emulator.description.graph.units import IF as IF
    from eqchip.emulator.description.graph.units import LI as LI
    from eqchip.emulator.description.graph.units import LIF as LIF
    from eqchip.emulator.description.graph.units import AdaptiveLIF as AdaptiveLIF
    from eqchip.emulator.description.graph.units import CubaLI as CubaLI
    from eqchip.emulator.description.graph.units import CubaLIF as CubaLIF
    from eqchip.emulator.description.graph.units import Input as Input
    from eqchip.emulator.description.graph.units import TwoCompartmentLIF as TwoCompartmentLIF
    from eqchip.emulator.description.learning import Learning as Learning
    from eqchip.emulator.description.network import Network as Network
    from eqchip.emulator.description.phases import Free as Free
    from eqchip.emulator.description.phases import Nudged as Nudged
    from eqchip.emulator.engine.stepping import Simulation as Simulation
    from eqchip.emulator.errors import InputError as InputError
    from eqchip.emulator.learning.contrast import Changes as Changes
    from eqchip.emulator.learning.contrast import contrast as contrast
    from eqchip.emulator.problem.graph import GraphActivity as GraphActivity
    from eqchip.emulator.problem.graph import GraphRun as GraphRun
    from eqchip.emulator.problem.run import Run as Run
    from eqchip.emulator.training.evaluate import evaluate as evaluate
    from eqchip.emulator.training.runs import RunDirectory as RunDirectory
    from eqchip.estimators import EPClassifier as EPClassifier
    from eqchip.gradient_study import gradients as gradients
    from eqchip.graph_check import crosscheck as crosscheck
    from eqchip.graph_export import export as export
    from eqchip.graph_import import import_graph as import_graph
    from eqchip.graph_price import price as price
    from eqchip.hw_reports.draw import draw as draw
    from eqchip.hw_reports.make import report as report
    from eqchip.hw_reports.studies.anchors import anchors as anchors
    from eqchip.hw_reports.studies.converge import converge as converge
    from eqchip.hw_reports.studies.sweep import sweep as sweep
    from eqchip.hw_reports.watch.make import watch as watch
    from eqchip.mapping.chip_file.chip import Chip as Chip
    from eqchip.mapping.chip_file.chip import chip_names as chip_names
    from eqchip.mapping.chip_file.chip import load_chip as load_chip
    from eqchip.mapping.placement.mapped import MappedNetwork as MappedNetwork
    from eqchip.mapping.placement.mapped import map_network as map_network
    from eqchip.training import train as train

__version__ = version("eqchip")

# Module -> its public names, imported when first used: `import eqchip` itself is light.
_PUBLIC = {
    "eqchip": ("bench",),  # a package: a function for each thing that is measured
    "eqchip.api": ("run",),
    "eqchip.backends.nir.read": ("read_nir",),
    "eqchip.emulator.activity": ("Activity",),
    "eqchip.emulator.data.datasets": ("Dataset", "load"),
    "eqchip.emulator.description.asynchronous": (
        *("Asynchronous", "Clocks", "Delays", "Faults", "Queues"),
    ),
    "eqchip.emulator.description.coding": ("Coding", "OptimalStepSize", "Polynomial"),
    "eqchip.emulator.description.connections": (
        *("AvgPool2d", "Conv2d", "Dense", "MaxPool2d", "OneToOne", "Sparse", "SumPool2d"),
    ),
    "eqchip.emulator.description.fixedpoint": ("FixedPoint",),
    "eqchip.emulator.description.graph.events": ("Events",),
    "eqchip.emulator.description.graph.file": ("Imported", "load_graph", "save_graph"),
    "eqchip.emulator.description.graph.graph": ("Graph", "Population", "Projection"),
    "eqchip.emulator.description.graph.loihi": ("loihi_projection", "loihi_unit"),
    "eqchip.emulator.description.graph.parameters": ("decay",),
    "eqchip.emulator.description.graph.quantize": ("Quantized", "quantize"),
    "eqchip.emulator.description.graph.units": (
        *("IF", "LI", "LIF", "AdaptiveLIF", "CubaLI", "CubaLIF", "Input", "TwoCompartmentLIF"),
    ),
    "eqchip.emulator.description.learning": ("Learning",),
    "eqchip.emulator.description.network": ("Network",),
    "eqchip.emulator.description.phases": ("Free", "Nudged"),
    "eqchip.emulator.engine.stepping": ("Simulation",),
    "eqchip.emulator.errors": ("InputError",),
    "eqchip.emulator.learning.contrast": ("Changes", "contrast"),
    "eqchip.emulator.problem.graph": ("GraphActivity", "GraphRun"),
    "eqchip.emulator.problem.run": ("Run",),
    "eqchip.emulator.training.evaluate": ("evaluate",),
    "eqchip.emulator.training.runs": ("RunDirectory",),
    "eqchip.estimators": ("EPClassifier",),
    "eqchip.gradient_study": ("gradients",),
    "eqchip.graph_export": ("export",),
    "eqchip.graph_import": ("import_graph",),
    "eqchip.graph_check": ("crosscheck",),
    "eqchip.graph_price": ("price",),
    "eqchip.hw_reports.draw": ("draw",),
    "eqchip.hw_reports.make": ("report",),
    "eqchip.hw_reports.studies.anchors": ("anchors",),
    "eqchip.hw_reports.studies.converge": ("converge",),
    "eqchip.hw_reports.studies.sweep": ("sweep",),
    "eqchip.hw_reports.watch.make": ("watch",),
    "eqchip.mapping.chip_file.chip": ("Chip", "chip_names", "load_chip"),
    "eqchip.mapping.placement.mapped": ("MappedNetwork", "map_network"),
    "eqchip.training": ("train",),
}
_MODULES = {name: module for module, names in _PUBLIC.items() for name in names}

__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'eqchip' has no attribute {name!r}")
    if _MODULES[name] == __name__:
        return import_module(f"{__name__}.{name}")
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])
