"""The layer as a graph of spiking units, so that it is mapped and priced as others are."""

from __future__ import annotations

from eqchip.emulator.description.dynamics.layer import BalancedLayer
from eqchip.emulator.description.dynamics.signals import Coder
from eqchip.emulator.description.graph.graph import Graph, Population, Projection
from eqchip.emulator.description.graph.units import LIF, Input
from eqchip.emulator.errors import InputError

CHANNELS, LAYER = "channels", "layer"


def graph_of_layer(layer: BalancedLayer, dt: float, coder: Coder) -> Graph:
    """What a chip holds of a layer: its channels, its units, and the synapses between them.

    Connections, memory and events are the layer's. Run as a graph it is another one: its units
    fire together, and reset when they fire. The read-out and the teacher are outside.

    Raises
    ------
    InputError
        For a layer with dendrites, for which there is no unit.
    """
    if layer.dendrites is not None:
        raise InputError(
            "graph_of_layer: the layer has dendrites; expected none, for a graph has no unit of "
            "that kind"
        )
    given = Input(signed=True) if coder.quantum else Input(graded=True)
    units = LIF(decay=layer.leak * dt, threshold=layer.threshold, reset="subtract")
    projections = [
        Projection(CHANNELS, LAYER, layer.feedforward * (coder.quantum or 1.0) * dt),
        Projection(LAYER, LAYER, layer.fast),
    ]
    if layer.slow.any():
        projections.append(Projection(LAYER, LAYER, layer.slow * dt, name="slow"))
    populations = [
        Population(CHANNELS, given, layer.channels), Population(LAYER, units, layer.units),
    ]  # fmt: skip
    return Graph(populations, projections, outputs=[LAYER])
