"""The populations that a spiking rule takes on a chip, and what a training sample does with them.

A run counted its own spikes, errors and writes (``metrics.jsonl``). Here they become a graph, whose
spikes are priced as those of any (:mod:`eqchip.hw_reports.pricing.graph`), and an update. Error
units of both signs are one unit that fires -1 or 1; a graded message costs what a spike does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eqchip.emulator.description.config import Config
from eqchip.emulator.description.connections import Dense, OneToOne
from eqchip.emulator.description.connections.kind import Connection
from eqchip.emulator.description.connections.sparse import Sparse
from eqchip.emulator.description.graph.graph import Graph, Population, Projection
from eqchip.emulator.description.graph.units import IF, LI, LIF, Input, Neuron
from eqchip.emulator.description.spiking.rule import SpikingRule
from eqchip.emulator.description.spiking.rules import Emstdp, Eprop, Erbp, Graded, Nbp
from eqchip.emulator.errors import InputError
from eqchip.emulator.training.runs import RunDirectory
from eqchip.emulator.training.trainer import NUDGED_SHARE
from eqchip.hw_reports.pricing import timing
from eqchip.hw_reports.pricing.entries import Counts
from eqchip.hw_reports.pricing.graph import GraphCost, cost_of
from eqchip.hw_reports.pricing.graph_spikes import OfRates
from eqchip.hw_reports.pricing.onchip_update import together, writes
from eqchip.hw_reports.pricing.timing import PhaseTime
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.chip_file.learning import check_learns
from eqchip.mapping.kinds import HOST, names_of
from eqchip.mapping.placement.graph import MappedGraph, map_graph
from eqchip.mapping.placement.place import Placement

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


def mean_epoch(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """All epochs of a run by a spiking rule as one: the mean of what they counted of a sample.

    Examples
    --------
    >>> counted = {"samples": 1, "steps_per_sample": [12.0]}
    >>> mean_epoch([counted, {"samples": 3, "steps_per_sample": [8.0]}])
    {'samples': 4, 'steps_per_sample': [9.0]}
    """
    samples = sum(row["samples"] for row in rows)

    def mean(name: str) -> Any:
        counted = [np.multiply(row["samples"], row[name]) for row in rows]
        return (np.sum(counted, axis=0) / samples).tolist()

    counted = [name for name in rows[-1] if name.endswith("_per_sample") or name == NUDGED_SHARE]
    return {**rows[-1], "samples": samples, **{name: mean(name) for name in counted}}


def circuit_of(run: RunDirectory, mean: bool = False) -> Circuit:
    """The populations of a run by a spiking rule, and what an epoch counted.

    Parameters
    ----------
    run : RunDirectory
    mean : bool
        Of all epochs, the mean; else the last.

    Raises
    ------
    InputError
        If no such rule trained the run, nothing is known of the rule's populations, or no epoch is
        trained.
    """
    if run.config.spiking is None:
        raise InputError(
            f"{run.path}: trained by Equilibrium Propagation; expected a run by a rule of spikes, "
            "or eqchip report"
        )
    rows = counted_epochs(run)
    return circuit_from(run, mean_epoch(rows) if mean else rows[-1])


def counted_epochs(run: RunDirectory) -> list[dict[str, Any]]:
    """The lines of a run's epochs, each with what it counted.

    Raises
    ------
    InputError
        If no epoch is trained.
    """
    rows = [row for row in run.metrics() if "train_error" in row]
    if not rows or "writes_by_copy_per_sample" not in rows[-1]:
        raise InputError(f"{run.path}: no whole epoch in its metrics; expected at least one")
    return rows


def circuit_from(run: RunDirectory, row: Mapping[str, Any]) -> Circuit:
    """The populations of a run, and what one epoch, or the mean of some, counted.

    Raises
    ------
    InputError
        If nothing is known of the populations of its rule.
    """
    rule, sizes = run.config.spiking, run.config.sizes
    assert rule is not None
    if type(rule) not in CIRCUITS:
        known = ", ".join(kind.name for kind in CIRCUITS)
        raise InputError(
            f"{run.path}: of rule {rule.name!r} no populations are known to be priced; expected "
            f"one of {known}"
        )
    found = CIRCUITS[type(rule)](rule, sizes, row)
    found.host_values = sizes[0] + sizes[-1]
    return found


def notes_of(config: Config) -> list[str]:
    """What the price of a run by a spiking rule leaves out, or takes for something else."""
    rule, onchip, found = config.spiking, config.on_chip, []
    assert rule is not None and onchip is not None
    if rule.path.mode is not None:
        found.append(
            "Not priced: time steps of mirror modes, and messages that cross no synapse in them."
        )
    if rule.trace_bits:
        found.append(
            "The trace of a synapse is read and written in every step: counted as a visit of the "
            "learning engine, which only some chip files have a price for."
        )
    if config.input == "current":
        found.append(
            "The input is sent once a sample, as numbers, which are priced as spikes are; an input "
            f"axon keeps its number, {onchip.fixed.fraction_bits + 1} bits, and a unit of layer 1 "
            f"the sum of its drive, {onchip.fixed.state_bits} bits."
        )
    return found


def taught_share(row: Mapping[str, Any]) -> float:
    """The share of an epoch's samples that were learned from."""
    return float(row.get(NUDGED_SHARE, 1.0))


def _layers(
    rule: SpikingRule, sizes: tuple[int, ...], row: Mapping[str, Any], more: int
) -> Circuit:
    """The layers that spike, and what is written; `more`: steps of errors, where a sample has them.

    Noise of mirror modes are spikes of the layers; what the units above tell, to align the path
    back, are messages of a population of its own where it crosses that path.
    """
    asked = 1 if rule.skips else 0  # a step for the outputs to tell that all is right
    steps = sum(row["steps_per_sample"]) + more * taught_share(row) + asked
    found = Circuit(round(steps), taught=taught_share(row))
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


def _eprop(rule: Eprop, sizes: tuple[int, ...], row: Mapping[str, Any]) -> Circuit:
    """Inputs of a row, a layer that hears itself, outputs; their errors are messages.

    Traces of synapses change in every step, in which the learning engine reads those of axons that
    have fired; errors take a step of their own wherever outputs are told their targets.
    """
    n_in, n, n_out = sizes
    steps = round(sum(row["steps_per_sample"])) + rule.window
    found = Circuit(steps, learning_epochs=steps, within=True)
    sent = row["spikes_by_layer_per_sample"]
    found.add("input", Input(), n_in, sent[0])
    found.add("hidden", LIF(decay=rule.decay, reset="subtract"), n, sent[1])
    found.add("output", LI(decay=rule.fade), n_out)
    found.add("error 2", Input(), n_out, row["error_messages_per_sample"][2])
    found.add("error 1", LI(), n)
    for pre, post in _ways(
        "input -> hidden", "hidden -> hidden", "hidden -> output", "error 2 -> error 1"
    ):
        found.join(pre, post)
    into_hidden, into_output = row["writes_by_copy_per_sample"]
    found.written.append(("hidden", np.array(into_hidden[0][:3])))
    found.written.append(("output", np.array(into_output[0][:3])))
    found.written.append(("error 1", np.array(into_output[1][:3])))
    return found


def _nbp(rule: Nbp, sizes: tuple[int, ...], row: Mapping[str, Any]) -> Circuit:
    """The published circuit, whose counts are those of `mapping/anchors/renner-2024.toml`.

    The learning engine runs in every step, and reads the synapses of axons that fire in it.
    """
    told = {name: row[f"{name}_per_sample"] for name in rule.tells}
    x = row["spikes_by_layer_per_sample"][0] / NBP_INPUT_SPIKES
    hidden, of_hidden = told["hidden"], told["hidden_errors_up"] + told["hidden_errors_down"]
    error = told["errors_up"] + told["errors_down"]
    steps = round(sum(row["steps_per_sample"]))
    found = Circuit(steps, learning_epochs=steps, within=True)
    n_in, n, n_out = sizes
    unit = IF()
    for name, size, sent in (
        ("x", n_in, 3 * x), ("x kept", n_in, x),
        ("h", n, 3 * hidden + of_hidden),
        ("h above 0", n, told["hidden_above_0"] + of_hidden),
        ("h past 1", n, told["hidden_past_1"] + of_hidden),
        ("h kept", n, hidden), ("h error", n, 2 * hidden + of_hidden),
        ("h box", n, told["hidden_above_0"] - told["hidden_past_1"]),
        ("o", n_out, told["outputs"] + error),
        ("o above 0", n_out, told["outputs_above_0"] + error),
        ("o past 1", n_out, told["outputs_past_1"] + error),
        ("o error", n_out, error), ("target", n_out, 1.0),
        ("error up", n_out, told["errors_up"]), ("error down", n_out, told["errors_down"]),
        ("gates", steps, float(steps)),
    ):  # fmt: skip
        found.add(name, unit, size, sent)
    copies = ("", " above 0", " past 1")
    for pre, post, read in (("x", "h", 3 * x * n), ("h", "o", (3 * hidden + of_hidden) * n_out)):
        _, attempted, applied = row["writes_by_copy_per_sample"][post == "o"][0][:3]
        for copy in copies:
            found.join(pre, f"{post}{copy}")
            counted = np.array([read, attempted / len(copies), applied / len(copies)])
            found.written.append((f"{post}{copy}", counted))
    _, attempted, applied = row["writes_by_copy_per_sample"][1][1][:3]
    for pre in ("o", "o error"):
        found.join(pre, "h error")
        counted = np.array([found.sent[pre] * n, attempted / 2, applied / 2])
        found.written.append(("h error", counted))
    for pre, post in NBP_RELAYS:
        found.join(pre, post, one_to_one=True)
    for pre, post in NBP_PAIRS:
        found.pair(pre, post)
    for post, gates in NBP_GATES.items():
        found.gate(post, gates)
    return found


def _ways(*written: str) -> tuple[tuple[str, str], ...]:
    """Ends of ways."""
    ends = [way.split(" -> ") for way in written]
    return tuple((pre, post) for pre, post in ends)


NBP_INPUT_SPIKES = 4  # of a pixel that is on: three of its own, one of its relay
# One to one; by two synapses of a spike; and how many of the twelve gates reach a population.
NBP_RELAYS = _ways(
    "x -> x kept", "h -> h kept", "h error -> h", "h error -> h above 0", "h error -> h past 1",
    "h above 0 -> h box", "h past 1 -> h box", "o -> error up", "o -> error down",
    "o above 0 -> error up", "o above 0 -> error down", "target -> error up",
    "target -> error down", "o past 1 -> error down", "error up -> o", "error up -> o above 0",
    "error up -> o past 1", "error up -> o error", "error down -> o", "error down -> o above 0",
    "error down -> o past 1", "error down -> o error", "gates -> gates",
)  # fmt: skip
NBP_PAIRS = _ways(
    "x kept -> x", "h kept -> h", "h kept -> h error", "h box -> h", "h box -> h above 0",
    "h box -> h past 1",
)  # fmt: skip
NBP_GATES = {
    "x": 3, "x kept": 1, "h": 4, "h above 0": 3, "h past 1": 2, "h error": 7, "h kept": 1,
    "h box": 1, "o": 6, "o above 0": 7, "o past 1": 6, "o error": 5, "target": 1,
}  # fmt: skip

# The populations of a rule, by the type of its description.
CIRCUITS: dict[type[SpikingRule], Callable[..., Circuit]] = {
    Graded: _graded,
    Emstdp: _emstdp,
    Erbp: _erbp,
    Nbp: _nbp,
    Eprop: _eprop,
}


def update_of_circuit(mapped: MappedGraph, circuit: Circuit) -> tuple[Counts, PhaseTime]:
    """The writes of a sample on the cores that hold the weights, spread evenly over their units.

    What the learning engine visits is what the run counted: the synapses of axons that fired. Its
    epochs are alike; one after the steps has a barrier of its own.

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
    epochs, within = circuit.learning_epochs * circuit.taught, circuit.within
    alone = writes(*(each[what] / (epochs or 1.0) for what in (VISITED, ATTEMPTED, APPLIED)))
    time = timing.update(alone, mapped.chip, len(np.unique(mapped.tiles)), waits=not within)
    counts = {kind: count * epochs for kind, count in alone.items()}
    counts["learning_epoch"] = np.array([float(epochs)])
    for kind in names_of(HOST):
        counts[kind] = np.array([float(circuit.host_values)])
    for kind in ("barrier", "management"):
        counts[kind] = np.array([0.0 if within else float(epochs)])
    return counts, together([time], float(epochs))


def priced_circuit(
    circuit: Circuit, chip: Chip, placement: Placement = "hops", spread: int = 1
) -> tuple[MappedGraph, GraphCost]:
    """A circuit on so many times the fewest cores, and what a training sample costs there.

    Raises
    ------
    InputError
        If the chip has no cores, does not learn, or the circuit does not fit.
    """
    graph = circuit.graph
    sent = OfRates(graph, circuit.rates)
    mapped = map_graph(graph, chip, sent=sent.means(), placement=placement, spread=spread)
    return mapped, cost_on(mapped, circuit)


def cost_on(mapped: MappedGraph, circuit: Circuit) -> GraphCost:
    """What a training sample costs where a circuit of the same populations is placed.

    Raises
    ------
    InputError
        If the chip does not learn.
    """
    sent = OfRates(mapped.graph, circuit.rates)
    return cost_of(mapped, sent, circuit.steps, update=update_of_circuit(mapped, circuit))
