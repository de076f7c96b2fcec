"""Where a network that learns keeps its bytes on a chip: by use, and core by core."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from eqchip.emulator.description.config import Config
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.parts import Part, whole_layers
from eqchip.hw_reports.pricing.figure import Figure
from eqchip.hw_reports.pricing.learning_memory import (
    compared,
    on_chip_terms,
    states_of_unit,
    synapses_of,
    terms,
)
from eqchip.hw_reports.pricing.totals import Sum, exactly, figure_dict, plus
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.placement.mapped import MappedNetwork
from eqchip.mapping.placement.wiring import synapse_count

BYTES = "B"
WEIGHTS, MIRRORED, ROUTING, BIASES, STATE, LEARNING, PARTIAL_SUMS = USES = (
    "weights", "mirrored_weights", "routing", "biases", "state", "learning", "partial_sums",
)  # fmt: skip
FORWARD_COPY, MIRRORED_COPY = 0, 1  # columns of MappedNetwork.synapse_bits


def core_bits(
    config: Config, network: Network, chip: Chip, mapped: MappedNetwork | None, state_bits: int,
    weight_bits: int,
) -> dict[str, np.ndarray | None]:  # fmt: skip
    """Bits by use on every core; on every layer, if the network is not mapped.

    ==================  ==============================================================
    weights, mirrored   the synapse memory that each copy takes, with its headers and
                        padding; without a mapping, the codes of all synapses alone
    routing             the core's routing memory times the share of its output axons
                        in use; None where no size is published
    biases              one of the state's width for every unit but the input's
    state               what a unit carries from step to step (potential, residue,
                        decoder, statistics)
    learning            what Equilibrium Propagation keeps beside it, see
                        :mod:`eqchip.hw_reports.pricing.learning_memory`
    partial_sums        where fan-in is cut in slices: a payload for every unit of a
                        gatherer, and the synapses over which the sums reach their home
    ==================  ==============================================================

    Accumulators of a network that learned on the chip lie in synapse memory; they are told as
    learning, and no part of the weights here.
    """
    parts = whole_layers(network.sizes) if mapped is None else mapped.parts
    gathering = 0 if mapped is None else len(mapped.gatherers)  # cores, after those of the parts
    units = np.array([part.units for part in parts], np.int64)
    hidden = np.array([part.layer > 0 for part in parts])
    learning = [
        _learning_bits(config, part, state_bits) for part in parts
    ]  # the two tables share their terms
    forward, mirrored = (
        _plain_copies(network, chip, weight_bits)
        if mapped is None
        else (mapped.synapse_bits[:, FORWARD_COPY], mapped.synapse_bits[:, MIRRORED_COPY])
    )
    if mapped is not None:
        of_forward, of_mirrored = _accumulators(config, mapped)
        forward = forward - np.pad(of_forward, (0, gathering))
        mirrored = mirrored - np.pad(of_mirrored, (0, gathering))
    of_units = {
        BIASES: units * hidden * state_bits,
        STATE: units * [_states(config, part) * state_bits for part in parts],
        LEARNING: np.array(learning, np.int64),
    }
    found: dict[str, np.ndarray | None] = {
        WEIGHTS: forward,
        MIRRORED: mirrored,
        ROUTING: None if mapped is None else _routing_bits(mapped),
        **{use: np.pad(bits, (0, gathering)) for use, bits in of_units.items()},
    }
    if mapped is not None and gathering:
        found[PARTIAL_SUMS] = mapped.sum_bits
    return found


def report(
    config: Config, network: Network, chip: Chip, mapped: MappedNetwork | None, state_bits: int,
    weight_bits: int,
) -> dict[str, Any]:  # fmt: skip
    """The memory section of a report, as a plain dictionary."""
    bits = core_bits(config, network, chip, mapped, state_bits, weight_bits)
    figures = {use: _bytes(found) for use, found in bits.items()}
    lacks = tuple(f"{use} memory" for use, figure in figures.items() if figure is None)
    return {
        "by_use": {use: figure_dict(figure) for use, figure in figures.items()},
        "total": Sum(plus(figures.values()), lacks).to_dict(),
        "by_core": None if mapped is None else _rows(bits, mapped.cores),
        **compared(config, state_bits, None if mapped is None else mapped.parts),
    }


def _states(config: Config, part: Part) -> int:
    """Numbers that a unit of a part carries from step to step."""
    states = states_of_unit(config.coding)
    if config.learning.readout == "cross-entropy" and part.layer == len(config.sizes) - 1:
        own = states.get("decoder", 0) + states.get("prediction statistics", 0)
        return 1 + own  # it encodes nothing, and takes no steps
    if part.layer:
        return sum(states.values())
    # A clamped unit has its value, and the residue of its encoder if it sends bits, and how coarse
    # an adapted prediction is.
    encoder = states.get("residue", 0) + int(config.coding.adapts_prediction)
    return 1 + (encoder if config.input == "spikes" else 0)


def _learning_bits(config: Config, part: Part, state_bits: int) -> int:
    """What EP keeps for the units of a part, and on its core."""
    of_units = config.model_copy(update={"on_chip": None})
    each = 0
    for term in terms(of_units, state_bits):
        if term.method == "ep" and term.layers is not None and part.layer in term.layers:
            each += term.bits
    of_core = sum(term.total_bits for term in on_chip_terms(config, [part]))
    return each * part.units + of_core


def _accumulators(config: Config, mapped: MappedNetwork) -> tuple[np.ndarray, np.ndarray]:
    """Bits of the accumulators of both copies on every core, int64."""
    bits = 0 if config.on_chip is None else config.on_chip.accumulator_bits
    shared = mapped.chip.shares_kernels
    held = [synapses_of(mapped.network, part, shared) for part in mapped.parts]
    forward, mirrored = np.array(held, np.int64).T * bits
    return forward, mirrored


def _plain_copies(network: Network, chip: Chip, weight_bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Bits of the codes of both copies, at the layers that receive."""
    forward, mirrored = np.zeros((2, len(network.layers)), np.int64)
    for k, (connection, (below, above)) in enumerate(
        zip(network.connections, network.joined, strict=True)
    ):
        bits = synapse_count(connection) * weight_bits
        forward[above] += bits
        mirrored[below] += bits * (network.sends_back(k) and chip.copies == 2)
    return forward, mirrored


def _routing_bits(mapped: MappedNetwork) -> np.ndarray | None:
    cores = mapped.chip.cores
    if cores is None or cores.routing_memory is None or cores.output_axons is None:
        return None  # of tables without a number of entries, the share in use is not known
    used = np.array([use["output_axons"] for use in mapped.use], np.float64)
    bits = used / cores.output_axons.amount * cores.routing_memory.amount
    return np.ceil(bits).astype(np.int64)


def _bytes(bits: np.ndarray | None) -> Figure | None:
    return None if bits is None else exactly(-(-int(bits.sum()) // 8), BYTES)


def _rows(bits: dict[str, np.ndarray | None], cores: int) -> list[dict[str, Any]]:
    found: Sequence[tuple[str, np.ndarray | None]] = list(bits.items())
    return [
        {"core": core, **{use: None if b is None else int(b[core]) / 8 for use, b in found}}
        for core in range(cores)
    ]
