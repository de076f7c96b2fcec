"""The populations that a spiking rule takes on a chip, and what a training sample does with them.

A run counted its own spikes, errors and writes (``metrics.jsonl``). Here they become a graph, whose
spikes are priced as those of any (:mod:`eqchip.hw_reports.pricing.graph`), and an update. Error
units of both signs are one unit that fires -1 or 1; a graded message costs what a spike does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eqchip.emulator.description.connections import Dense, OneToOne
from eqchip.emulator.description.graph.graph import Graph, Population, Projection
from eqchip.emulator.description.graph.units import IF, LI, Input, Neuron
from eqchip.emulator.description.spiking.rule import SpikingRule
from eqchip.emulator.description.spiking.rules import Emstdp, Erbp, Graded
from eqchip.emulator.errors import InputError
from eqchip.emulator.training.runs import RunDirectory
from eqchip.hw_reports.pricing import timing
from eqchip.hw_reports.pricing.entries import Counts
from eqchip.hw_reports.pricing.onchip_update import writes
from eqchip.hw_reports.pricing.timing import PhaseTime
from eqchip.mapping.chip_file.learning import check_learns
from eqchip.mapping.placement.graph import MappedGraph

VISITED, ATTEMPTED, APPLIED = range(3)  # of `writes_by_copy_per_sample`


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
    written : list of (str, ndarray)
        The population whose cores hold a copy of weights, and its writes in a sample: visited,
        attempted, applied.
    """

    steps: int
    populations: list[Population] = field(default_factory=list)
    projections: list[Projection] = field(default_factory=list)
    sent: dict[str, float] = field(default_factory=dict)
    written: list[tuple[str, np.ndarray]] = field(default_factory=list)

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
        connection = OneToOne(sizes[post]) if one_to_one else Dense(sizes[pre], sizes[post])
        weights = np.ones(connection.weight_shape, np.float32)
        self.projections.append(Projection(pre, post, weights, connection))


def circuit_of(run: RunDirectory) -> Circuit:
    """The populations of a run by a spiking rule, and what its last epoch counted.

    Raises
    ------
    InputError
        If no such rule trained the run, nothing is known of the rule's populations, or no epoch is
        trained.
    """
    rule = run.config.spiking
    if rule is None:
        raise InputError(
            f"{run.path}: trained by Equilibrium Propagation; expected a run by a rule of spikes, "
            "or eqchip report"
        )
    if type(rule) not in CIRCUITS:
        known = ", ".join(kind.name for kind in CIRCUITS)
        raise InputError(
            f"{run.path}: of rule {rule.name!r} no populations are known to be priced; expected "
            f"one of {known}"
        )
    rows = [row for row in run.metrics() if "train_error" in row]
    if not rows or "writes_by_copy_per_sample" not in rows[-1]:
        raise InputError(f"{run.path}: no whole epoch in its metrics; expected at least one")
    return CIRCUITS[type(rule)](rule, run.config.sizes, rows[-1])


def _layers(
    rule: SpikingRule, sizes: tuple[int, ...], row: Mapping[str, Any], more: int
) -> Circuit:
    """The layers that spike, and what is written; `more`: steps beside those that they take.

    Noise of mirror modes are spikes of the layers; what the units above tell, to align the path
    back, are messages of a population of its own where it crosses that path.
    """
    found = Circuit(round(sum(row["steps_per_sample"])) + more)
    sent = list(row["spikes_by_layer_per_sample"])
    sent[0] = row.get("input_messages_per_sample", sent[0])  # an injected input sends numbers
    for layer, size in enumerate(sizes):
        unit = IF(reset="subtract") if layer else Input()
        found.add(f"layer {layer}", unit, size, sent[layer])
    for k, copies in enumerate(row["writes_by_copy_per_sample"]):
        found.join(f"layer {k}", f"layer {k + 1}")
        found.written.append((f"layer {k + 1}", np.array(copies[0][:3])))
        found.written.append((f"layer {k}", np.array(copies[1][:3])))
    for k, (noise, told, _) in enumerate(row.get("alignment_by_connection_per_sample", ())):
        found.sent[f"layer {k}"] += noise
        if k > 0 and rule.path.returns:
            found.add(f"drive {k + 1}", Input(), sizes[k + 1], told)
            found.join(f"drive {k + 1}", f"layer {k}")
    return found


def _source(rule: SpikingRule, layer: int, last: int) -> int:
    return last if rule.path.direct else layer + 1


def _graded(rule: Graded, sizes: tuple[int, ...], row: Mapping[str, Any]) -> Circuit:
    """Errors are messages of the layers themselves, after their spikes: a step each."""
    last = len(sizes) - 1
    found = _layers(rule, sizes, row, last)
    for layer in range(last, 0, -1):
        sends = row["error_messages_per_sample"][layer]
        found.add(f"error {layer}", Input() if layer > 1 else LI(), sizes[layer], sends)
    for layer in range(1, last):
        name = f"error {_source(rule, layer, last)}"
        found.join(name, f"error {layer}" if layer == 1 else f"layer {layer}")
    return found


def _emstdp(rule: Emstdp, sizes: tuple[int, ...], row: Mapping[str, Any]) -> Circuit:
    """Error units beside every layer, the label, and a spike of an error unit into its own unit."""
    last = len(sizes) - 1
    found = _layers(rule, sizes, row, 0)
    found.add("label", Input(), sizes[last], row["label_spikes_per_sample"])
    for layer in range(1, last + 1):
        sends = row["error_spikes_per_sample"][layer]
        unit = IF(reset="subtract", signed=True)
        found.add(f"error {layer}", unit, sizes[layer], sends)
    for layer in range(1, last):
        found.join(f"error {_source(rule, layer, last)}", f"error {layer}")
    for layer in range(1 if rule.contrast == "rates" else last, last + 1):
        found.join(f"error {layer}", f"layer {layer}", one_to_one=True)
    for name in ("label", f"layer {last}"):
        found.join(name, f"error {last}", one_to_one=True)
    return found


def _erbp(rule: Erbp, sizes: tuple[int, ...], row: Mapping[str, Any]) -> Circuit:
    """Error units of the outputs, and a dendrite of every unit that learns."""
    last = len(sizes) - 1
    found = _layers(rule, sizes, row, 0)
    found.add("label", Input(), sizes[last], row["label_spikes_per_sample"])
    sends = row["error_spikes_per_sample"][last]
    found.add("error", IF(reset="subtract", signed=True), sizes[last], sends)
    for layer in range(1, last + 1):
        found.add(f"dendrite {layer}", LI(decay=rule.decay), sizes[layer])
        found.join("error", f"dendrite {layer}", one_to_one=layer == last)
    for name in ("label", f"layer {last}"):
        found.join(name, "error", one_to_one=True)
    return found


# The populations of a rule, by the type of its description. `nbp` has its own in the file of its
# measured run, which `eqchip anchors` prices.
CIRCUITS: dict[type[SpikingRule], Callable[..., Circuit]] = {
    Graded: _graded,
    Emstdp: _emstdp,
    Erbp: _erbp,
}


def update_of_circuit(mapped: MappedGraph, circuit: Circuit) -> tuple[Counts, PhaseTime]:
    """The writes of a sample on the cores that hold the weights, spread evenly over their units.

    What the learning engine visits is what the run counted: the synapses of axons that fired. One
    learning epoch, and its barrier.

    Raises
    ------
    InputError
        If the chip does not learn.
    """
    check_learns(mapped.chip)
    names = [p.name for p in mapped.graph.populations]
    each = np.zeros((3, mapped.cores))
    for name, counted in circuit.written:
        layer = names.index(name)
        units = np.array([part.units * (part.layer == layer) for part in mapped.parts], np.float64)
        each += counted[:, None] * units / units.sum()
    counts = writes(each[VISITED], each[ATTEMPTED], each[APPLIED])
    time = timing.update(counts, mapped.chip, len(np.unique(mapped.tiles)))
    one = {kind: np.ones(1) for kind in ("barrier", "management", "learning_epoch")}
    return {**counts, **one}, time
