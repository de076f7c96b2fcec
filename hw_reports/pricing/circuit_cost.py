"""From a run by a spiking rule to its circuit, and to what a training sample of it costs.

A run counted its own spikes, errors and writes (``metrics.jsonl``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from eqchip.emulator.description.config import Config
from eqchip.emulator.errors import InputError
from eqchip.emulator.training.runs import RunDirectory
from eqchip.emulator.training.trainer import NUDGED_SHARE
from eqchip.hw_reports.pricing import timing
from eqchip.hw_reports.pricing.circuit import Circuit
from eqchip.hw_reports.pricing.entries import Counts
from eqchip.hw_reports.pricing.graph import GraphCost, cost_of
from eqchip.hw_reports.pricing.graph_spikes import OfRates
from eqchip.hw_reports.pricing.onchip_update import together, writes
from eqchip.hw_reports.pricing.rule_circuits import CIRCUITS
from eqchip.hw_reports.pricing.timing import PhaseTime
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.chip_file.learning import check_learns
from eqchip.mapping.kinds import HOST, names_of
from eqchip.mapping.placement.graph import MappedGraph, map_graph
from eqchip.mapping.placement.place import Placement

VISITED, ATTEMPTED, APPLIED = range(3)  # of `writes_by_copy_per_sample`


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
