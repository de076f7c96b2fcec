"""A circuit: the populations that a spiking rule takes on a chip, and what a sample does with them.

Its graph's spikes are priced as those of any (:mod:`eqchip.hw_reports.pricing.graph`), and its
update beside them (:mod:`eqchip.hw_reports.pricing.circuit_cost`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from eqchip.emulator.description.connections import Dense, OneToOne
from eqchip.emulator.description.connections.kind import Connection
from eqchip.emulator.description.connections.sparse import Sparse
from eqchip.emulator.description.graph.graph import Graph, Population, Projection
from eqchip.emulator.description.graph.units import Neuron


@dataclass
class Circuit:
    """A rule's populations, their projections, and what a training sample does.

    Attributes
    ----------
    populations, projections
        Of the graph.
    sent : dict of str to float
        Spikes or messages of a whole population in a sample.
    steps : int
        Of a sample.
    taught : float
        The share of samples that are learned from.
    written : list of (str, ndarray)
        The population whose cores hold a copy of weights, and its writes in a sample: visited,
        attempted, applied.
    learning_epochs : int
        How often the learning engine runs in a sample.
    within : bool
        Whether it runs within the steps, whose barriers end its epochs, or after them.
    host_values : int
        That the host sends for a sample: the input and its target, a byte each.
    """

    steps: int
    taught: float = 1.0
    populations: list[Population] = field(default_factory=list)
    projections: list[Projection] = field(default_factory=list)
    sent: dict[str, float] = field(default_factory=dict)
    written: list[tuple[str, np.ndarray]] = field(default_factory=list)
    learning_epochs: int = 1
    within: bool = False
    host_values: int = 0

    @property
    def graph(self) -> Graph:
        """As one."""
        return Graph(self.populations, self.projections, outputs=[self.populations[0].name])

    @property
    def rates(self) -> dict[str, float]:
        """Of those that send, spikes of a unit in a step."""
        return {
            p.name: min(self.sent[p.name] / p.size / self.steps, 1.0)
            for p in self.populations
            if p.unit.sends
        }

    def add(self, name: str, unit: Neuron, size: int, sent: float = 0.0) -> None:
        """A population."""
        self.populations.append(Population(name, unit, size))
        self.sent[name] = sent

    def join(self, pre: str, post: str, one_to_one: bool = False) -> None:
        """A projection; what its weights are makes no difference to a price."""
        sizes = {p.name: p.size for p in self.populations}
        self._join(
            pre, post, OneToOne(sizes[post]) if one_to_one else Dense(sizes[pre], sizes[post])
        )

    def pair(self, pre: str, post: str) -> None:
        """Two synapses of each unit of a population on another as large."""
        sizes = {p.name: p.size for p in self.populations}
        one = np.eye(sizes[post], dtype=bool)
        self._join(pre, post, Sparse.from_mask(one | np.roll(one, 1, axis=1)))

    def gate(self, post: str, gates: int) -> None:
        """The first so many units of the population called gates reach all units of another."""
        sizes = {p.name: p.size for p in self.populations}
        mask = np.zeros((sizes["gates"], sizes[post]), bool)
        mask[:gates] = True
        self._join("gates", post, Sparse.from_mask(mask))

    def _join(self, pre: str, post: str, connection: Connection) -> None:
        weights = np.ones(connection.weight_shape, np.float32)
        self.projections.append(Projection(pre, post, weights, connection))
