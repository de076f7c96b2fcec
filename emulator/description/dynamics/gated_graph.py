"""A layer with gated synapses as a graph of spiking units, so that it is mapped and priced."""

from __future__ import annotations

from eqchip.emulator.description.dynamics.gated import GatedLayer
from eqchip.emulator.description.dynamics.graph import CHANNELS, LAYER
from eqchip.emulator.description.graph.graph import Graph, Population, Projection
from eqchip.emulator.description.graph.units import CubaLIF, Input


def graph_of_gated(layer: GatedLayer, dt: float) -> Graph:
    """What a chip holds of a layer that sends spikes alone: connections, memory and events.

    Run as a graph it is another one, whose channels reach the units through the synapses' filter.
    The read-out is outside.
    """
    units = CubaLIF(
        decay=layer.leak * dt, current_decay=dt / layer.tau, bias=layer.bias * dt,
        threshold=1.0, floor=layer.floor, reset="subtract",
    )  # fmt: skip
    return Graph(
        [
            Population(CHANNELS, Input(graded=True), layer.channels),
            Population(LAYER, units, layer.units),
        ],
        [
            Projection(CHANNELS, LAYER, layer.feedforward * dt),
            Projection(LAYER, LAYER, layer.recurrent * dt / layer.tau),
        ],
        outputs=[LAYER],
    )
