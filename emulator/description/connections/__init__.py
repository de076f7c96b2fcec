"""The kinds of connection: which synapses there are, and what is stored of them."""

from eqchip.emulator.description.connections.convolution import AvgPool2d, Conv2d, MaxPool2d
from eqchip.emulator.description.connections.dense import Dense
from eqchip.emulator.description.connections.kind import Connection, kind_of, row_of
from eqchip.emulator.description.connections.lateral import Lateral
from eqchip.emulator.description.connections.one_to_one import OneToOne, SumPool2d
from eqchip.emulator.description.connections.sparse import Sparse

__all__ = [
    "AvgPool2d",
    "Connection",
    "Conv2d",
    "Dense",
    "Lateral",
    "MaxPool2d",
    "OneToOne",
    "Sparse",
    "SumPool2d",
    "kind_of",
    "row_of",
]
