"""eqchip: a neuromorphic chip emulator that trains itself by Equilibrium Propagation.

Learn from data
    train            train a network from settings, or go on with an interrupted run
    EPClassifier, EPRegressor    the same after scikit-learn's conventions
    Dataset, load    data of one's own; named data sets
    Recordings, EventDataset    what event cameras saw
    one_hot          labels as targets
    Config, Descent, Learning, OnChip, preset    settings, and those chosen for a data set
    Trainer          a training in memory, an epoch at a time
    RunDirectory, fit, load_run    a training on disk: make it, train it, read it
    evaluate         classify with a trained network
What it costs
    report           a trained network on a chip: energy, time, memory, as a page and as data
    cost             a run of one's own loop on a mapped network
    price            a spiking network on a chip, of spikes that are given
    explore          many chips, spreads and figures, and what no other beats
    sweep            settings against error and energy
    rules            learning rules on one chip: test error against what they cost
    anchors          the model beside what was measured on chips
    Chip, chip_names, load_chip    chips, as their files describe them
    map_network, MappedNetwork     a network on the cores of a chip
Run a network
    Network, Dense, Conv2d, AvgPool2d, MaxPool2d, Sparse, Lateral    layers and what joins them
    Coding, Polynomial, OptimalStepSize, AdaptivePrediction    how potentials become bits
    Free, Nudged     phases
    run, Run, Activity    run it; what was found and counted
    contrast, Changes     what a run teaches
    Asynchronous, Clocks, Delays, Faults, Queues            without a clock for all
    FixedPoint       a chip's integers
Spiking networks of any shape
    Graph, Population, Projection, Events                   what there is, and its input
    Input, IF, LIF, AdaptiveLIF, CubaLIF, TwoCompartmentLIF, LI, CubaLI    units
    OneToOne, SumPool2d                                     further connections
    GraphRun, GraphActivity, Simulation                     run it whole, or a step at a time
    decay, quantize, Quantized, loihi_projection, loihi_unit    parameters in a chip's integers
    import_graph, read_nir, Imported, load_graph, save_graph    files
Learn in time
    BalancedLayer, Dendrites, LayerIntegers, LayerCores    units whose spikes tell what is new
    BalancedSimulation, Stretch      run and learn, a stretch of time after the other
    Noise, Samples, Teacher, Current, SigmaDelta    what drives, what is followed
    OneUnit, Together, Slots, Ticks, OwnClocks    who may fire in a step
    VoltageRule, SignRule, ContinuousRule, SlowRule    what writes the weights
    dynamics         the tasks, learned, judged and priced
Look closer
    watch            one sample without a clock, event by event
    gradients        the rules beside backpropagation
    converge         settings that let a network settle
    follow           an input that switches, unannounced, and how soon each coding is there
    crosscheck       the same network on every engine
    export           networks for NIR, Lava and Brian2
    draw             a saved report once more
Errors
    InputError       what is wrong, where, which value, what would be right

>>> import eqchip as eq
>>> net = eq.Network.dense([4, 3, 2], seed=0)
>>> run = eq.run(net, [[0.0, 0.5, 1.0, 0.25]], coding=eq.Coding(), phases=[eq.Free(20)])
>>> run.ends[0][-1].shape
(1, 2)
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

# What there is, for whoever reads types: `X as X` says that it is public. The same names stand
# below by module, for whoever runs; a test holds the two lists equal, and the text above.
if TYPE_CHECKING:
    from eqchip.api import run as run
    from eqchip.backends.nir.read import read_nir as read_nir
    from eqchip.dynamics_study import dynamics as dynamics
    from eqchip.emulator.activity import Activity as Activity
    from eqchip.emulator.data.dataset import Dataset as Dataset
    from eqchip.emulator.data.datasets import load as load
    from eqchip.emulator.data.event_dataset import EventDataset as EventDataset
    from eqchip.emulator.data.recordings import Recordings as Recordings
    from eqchip.emulator.description.asynchronous import Asynchronous as Asynchronous
    from eqchip.emulator.description.asynchronous import Clocks as Clocks
    from eqchip.emulator.description.asynchronous import Delays as Delays
    from eqchip.emulator.description.asynchronous import Faults as Faults
    from eqchip.emulator.description.asynchronous import Queues as Queues
    from eqchip.emulator.description.coding import AdaptivePrediction as AdaptivePrediction
    from eqchip.emulator.description.coding import Coding as Coding
    from eqchip.emulator.description.coding import OptimalStepSize as OptimalStepSize
    from eqchip.emulator.description.coding import Polynomial as Polynomial
    from eqchip.emulator.description.config import Config as Config
    from eqchip.emulator.description.config import Descent as Descent
    from eqchip.emulator.description.connections import AvgPool2d as AvgPool2d
    from eqchip.emulator.description.connections import Conv2d as Conv2d
    from eqchip.emulator.description.connections import Dense as Dense
    from eqchip.emulator.description.connections import Lateral as Lateral
    from eqchip.emulator.description.connections import MaxPool2d as MaxPool2d
    from eqchip.emulator.description.connections import OneToOne as OneToOne
    from eqchip.emulator.description.connections import Sparse as Sparse
    from eqchip.emulator.description.connections import SumPool2d as SumPool2d
    from eqchip.emulator.description.dynamics.cores import LayerCores as LayerCores
    from eqchip.emulator.description.dynamics.integers import LayerIntegers as LayerIntegers
    from eqchip.emulator.description.dynamics.layer import BalancedLayer as BalancedLayer
    from eqchip.emulator.description.dynamics.layer import Dendrites as Dendrites
    from eqchip.emulator.description.dynamics.rules import ContinuousRule as ContinuousRule
    from eqchip.emulator.description.dynamics.rules import SignRule as SignRule
    from eqchip.emulator.description.dynamics.rules import SlowRule as SlowRule
    from eqchip.emulator.description.dynamics.rules import VoltageRule as VoltageRule
    from eqchip.emulator.description.dynamics.signals import Current as Current
    from eqchip.emulator.description.dynamics.signals import Noise as Noise
    from eqchip.emulator.description.dynamics.signals import Samples as Samples
    from eqchip.emulator.description.dynamics.signals import SigmaDelta as SigmaDelta
    from eqchip.emulator.description.dynamics.signals import Teacher as Teacher
    from eqchip.emulator.description.dynamics.turns import OneUnit as OneUnit
    from eqchip.emulator.description.dynamics.turns import OwnClocks as OwnClocks
    from eqchip.emulator.description.dynamics.turns import Slots as Slots
    from eqchip.emulator.description.dynamics.turns import Ticks as Ticks
    from eqchip.emulator.description.dynamics.turns import Together as Together
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
    from eqchip.emulator.description.onchip import OnChip as OnChip
    from eqchip.emulator.description.phases import Free as Free
    from eqchip.emulator.description.phases import Nudged as Nudged
    from eqchip.emulator.description.task import one_hot as one_hot
    from eqchip.emulator.engine.stepping import Simulation as Simulation
    from eqchip.emulator.errors import InputError as InputError
    from eqchip.emulator.learning.balance import BalancedSimulation as BalancedSimulation
    from eqchip.emulator.learning.contrast import Changes as Changes
    from eqchip.emulator.learning.contrast import contrast as contrast
    from eqchip.emulator.learning.stretch import Stretch as Stretch
    from eqchip.emulator.problem.graph import GraphActivity as GraphActivity
    from eqchip.emulator.problem.graph import GraphRun as GraphRun
    from eqchip.emulator.problem.run import Run as Run
    from eqchip.emulator.training.evaluate import evaluate as evaluate
    from eqchip.emulator.training.fit import fit as fit
    from eqchip.emulator.training.presets import preset as preset
    from eqchip.estimators import EPClassifier as EPClassifier
    from eqchip.estimators import EPRegressor as EPRegressor
    from eqchip.exploring import explore as explore
    from eqchip.gradient_study import gradients as gradients
    from eqchip.graph_check import crosscheck as crosscheck
    from eqchip.graph_export import export as export
    from eqchip.graph_import import import_graph as import_graph
    from eqchip.graph_price import price as price
    from eqchip.hw_reports.cost import cost as cost
    from eqchip.hw_reports.draw import draw as draw
    from eqchip.hw_reports.make import report as report
    from eqchip.hw_reports.studies.anchors import anchors as anchors
    from eqchip.hw_reports.studies.converge import converge as converge
    from eqchip.hw_reports.studies.follow import follow as follow
    from eqchip.hw_reports.studies.sweep import sweep as sweep
    from eqchip.hw_reports.watch.make import watch as watch
    from eqchip.mapping.chip_file.chip import Chip as Chip
    from eqchip.mapping.chip_file.chip import chip_names as chip_names
    from eqchip.mapping.chip_file.chip import load_chip as load_chip
    from eqchip.mapping.placement.mapped import MappedNetwork as MappedNetwork
    from eqchip.mapping.placement.mapped import map_network as map_network
    from eqchip.rule_study import rules as rules
    from eqchip.runs import RunDirectory as RunDirectory
    from eqchip.runs import load_run as load_run
    from eqchip.training import Trainer as Trainer
    from eqchip.training import train as train

__version__ = version("eqchip")

# Module -> its public names, imported when first used: `import eqchip` itself is light. In the
# order of the text above.
_PUBLIC = {
    "eqchip.training": ("train", "Trainer"),
    "eqchip.estimators": ("EPClassifier", "EPRegressor"),
    "eqchip.emulator.data.dataset": ("Dataset",),
    "eqchip.emulator.data.datasets": ("load",),
    "eqchip.emulator.data.event_dataset": ("EventDataset",),
    "eqchip.emulator.data.recordings": ("Recordings",),
    "eqchip.emulator.description.task": ("one_hot",),
    "eqchip.emulator.description.config": ("Config", "Descent"),
    "eqchip.emulator.description.learning": ("Learning",),
    "eqchip.emulator.description.onchip": ("OnChip",),
    "eqchip.emulator.training.presets": ("preset",),
    "eqchip.runs": ("RunDirectory", "load_run"),
    "eqchip.emulator.training.fit": ("fit",),
    "eqchip.emulator.training.evaluate": ("evaluate",),
    "eqchip.hw_reports.make": ("report",),
    "eqchip.hw_reports.cost": ("cost",),
    "eqchip.graph_price": ("price",),
    "eqchip.exploring": ("explore",),
    "eqchip.hw_reports.studies.sweep": ("sweep",),
    "eqchip.rule_study": ("rules",),
    "eqchip.hw_reports.studies.anchors": ("anchors",),
    "eqchip.mapping.chip_file.chip": ("Chip", "chip_names", "load_chip"),
    "eqchip.mapping.placement.mapped": ("map_network", "MappedNetwork"),
    "eqchip.emulator.description.network": ("Network",),
    "eqchip.emulator.description.connections": (
        *("Dense", "Conv2d", "AvgPool2d", "MaxPool2d", "Sparse", "Lateral", "OneToOne"),
        "SumPool2d",
    ),
    "eqchip.emulator.description.coding": (
        "AdaptivePrediction",
        "Coding",
        "OptimalStepSize",
        "Polynomial",
    ),
    "eqchip.emulator.description.phases": ("Free", "Nudged"),
    "eqchip.api": ("run",),
    "eqchip.emulator.problem.run": ("Run",),
    "eqchip.emulator.activity": ("Activity",),
    "eqchip.emulator.learning.contrast": ("contrast", "Changes"),
    "eqchip.emulator.description.asynchronous": (
        *("Asynchronous", "Clocks", "Delays", "Faults", "Queues"),
    ),
    "eqchip.emulator.description.fixedpoint": ("FixedPoint",),
    "eqchip.emulator.description.graph.graph": ("Graph", "Population", "Projection"),
    "eqchip.emulator.description.graph.events": ("Events",),
    "eqchip.emulator.description.graph.units": (
        *("Input", "IF", "LIF", "AdaptiveLIF", "CubaLIF", "TwoCompartmentLIF", "LI", "CubaLI"),
    ),
    "eqchip.emulator.problem.graph": ("GraphRun", "GraphActivity"),
    "eqchip.emulator.engine.stepping": ("Simulation",),
    "eqchip.emulator.description.graph.parameters": ("decay",),
    "eqchip.emulator.description.graph.quantize": ("quantize", "Quantized"),
    "eqchip.emulator.description.graph.loihi": ("loihi_projection", "loihi_unit"),
    "eqchip.graph_import": ("import_graph",),
    "eqchip.backends.nir.read": ("read_nir",),
    "eqchip.emulator.description.graph.file": ("Imported", "load_graph", "save_graph"),
    "eqchip.emulator.description.dynamics.layer": ("BalancedLayer", "Dendrites"),
    "eqchip.emulator.description.dynamics.cores": ("LayerCores",),
    "eqchip.emulator.description.dynamics.integers": ("LayerIntegers",),
    "eqchip.emulator.learning.balance": ("BalancedSimulation",),
    "eqchip.emulator.learning.stretch": ("Stretch",),
    "eqchip.emulator.description.dynamics.signals": (
        *("Noise", "Samples", "Teacher", "Current", "SigmaDelta"),
    ),
    "eqchip.emulator.description.dynamics.turns": (
        *("OneUnit", "Together", "Slots", "Ticks", "OwnClocks"),
    ),
    "eqchip.emulator.description.dynamics.rules": (
        *("VoltageRule", "SignRule", "ContinuousRule", "SlowRule"),
    ),
    "eqchip.dynamics_study": ("dynamics",),
    "eqchip.hw_reports.watch.make": ("watch",),
    "eqchip.gradient_study": ("gradients",),
    "eqchip.hw_reports.studies.converge": ("converge",),
    "eqchip.hw_reports.studies.follow": ("follow",),
    "eqchip.graph_check": ("crosscheck",),
    "eqchip.graph_export": ("export",),
    "eqchip.hw_reports.draw": ("draw",),
    "eqchip.emulator.errors": ("InputError",),
}
_MODULES = {name: module for module, names in _PUBLIC.items() for name in names}

__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        like = get_close_matches(name, _MODULES, n=1)
        hint = f"; did you mean {like[0]}?" if like else ""
        raise AttributeError(f"module 'eqchip' has no attribute {name!r}{hint}")
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])
