"""The layer as a graph of spiking units, so that it is mapped and priced as others are."""

from __future__ import annotations

from eqchip.emulator.description.dynamics.layer import BalancedLayer
from eqchip.emulator.description.dynamics.signals import Coder
from eqchip.emulator.description.graph.graph import Graph, Population, Projection
from eqchip.emulator.description.graph.units import LIF, Input

CHANNELS, LAYER, READ_OUT, DENDRITES = "channels", "layer", "read-out", "dendrites"


def graph_of_layer(layer: BalancedLayer, dt: float, coder: Coder) -> Graph:
    """What a chip holds of a layer: its channels, its units, and the synapses between them.

    Connections, memory and events are the layer's. Dendrites are units, which hear a read-out that
    stands on the chip, too. Run as a graph it is another one: its units fire together, and reset
    when they fire. The read-out that is judged, and the teacher, are outside.
    """
    given = Input(signed=True) if coder.quantum else Input(graded=True)
    decay = layer.leak * dt
    populations = [
        Population(CHANNELS, given, layer.channels),
        Population(LAYER, LIF(decay=decay, threshold=layer.threshold, reset="subtract"),
                   layer.units),
    ]  # fmt: skip
    projections = [
        Projection(CHANNELS, LAYER, layer.feedforward * (coder.quantum or 1.0) * dt),
        Projection(LAYER, LAYER, layer.fast),
    ]
    if layer.dendrites is not None:
        mixing = layer.dendrites.mixing
        populations += [
            Population(READ_OUT, LIF(decay=decay), layer.channels),
            Population(DENDRITES, LIF(), len(mixing)),
        ]
        projections += [
            Projection(LAYER, READ_OUT, layer.decoder),
            Projection(READ_OUT, DENDRITES, mixing.T),
            Projection(DENDRITES, LAYER, layer.slow * dt, name="slow"),
        ]
    elif layer.slow.any():
        projections.append(Projection(LAYER, LAYER, layer.slow * dt, name="slow"))
    return Graph(populations, projections, outputs=[LAYER])


def rates_of_layer(layer: BalancedLayer, rate: float) -> dict[str, float]:
    """Messages of a unit of each population in a step, where those of the layer send `rate`."""
    rates = {CHANNELS: 1.0, LAYER: rate}
    if layer.dendrites is not None:
        look = 1 / layer.dendrites.every
        rates |= {READ_OUT: look, DENDRITES: look}
    return rates
