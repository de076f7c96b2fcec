"""Bytes that a network which learns on a chip needs for weights, traces, counts and states.

Codes are counted, whatever the placement: biases, routing and padding are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

from eqchip.emulator.description.config import Config
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.description.spiking.rule import SpikingRule
from eqchip.emulator.description.spiking.rules import Eprop, Nbp
from eqchip.emulator.training.learners import row_of
from eqchip.hw_reports.pricing.learning_memory import change_terms, states_of_unit

END_STATES = 2  # that a unit of Equilibrium Propagation keeps to learn from: s+ and s-
BYTE = 8


def learning_bytes(config: Config) -> int:
    """Bytes of all codes of a run that learns on a chip.

    Examples
    --------
    >>> from eqchip.emulator.description.spiking.rules import Graded
    >>> from eqchip.emulator.training.presets import spiking_preset
    >>> learning_bytes(spiking_preset("digits", (64, 100, 10), Graded()))
    9197
    """
    return -(-(row_of(BITS, config)(config) + _held(config)) // BYTE)


def _held(config: Config) -> int:
    """Of an input that is injected once a sample: its numbers, and the drive they add up to."""
    onchip, sizes = config.on_chip, config.sizes
    if onchip is None or config.input != "current":
        return 0
    return sizes[0] * (onchip.fixed.fraction_bits + 1) + sizes[1] * onchip.fixed.state_bits


def _of_phases(config: Config) -> int:
    """Weights with their accumulators in every copy (the input's connection has one).

    Where synapses count spikes, a trace for each presynaptic unit of each copy; and for every unit
    but the input's what it carries from step to step, its potentials at the end of two phases, and
    its change as synapses are handed it, where that is in a few bits.
    """
    onchip, sizes = config.on_chip, config.sizes
    assert onchip is not None
    trace = onchip.trace_bits if onchip.records_spikes else 0
    bits = sum(synapses * _weight(onchip) for synapses in _copies(sizes, 1, 1))
    counted = sizes[1:-1] if config.input == "current" else sizes[:-1]
    bits += sum(below * trace for below in counted) + sum(above * trace for above in sizes[2:])
    states = sum(states_of_unit(config.coding).values()) + END_STATES
    bits += sum(sizes[1:]) * states * onchip.fixed.state_bits
    return bits + sum(term.total_bits for term in change_terms(onchip, sum(sizes[1:])))


def _of_rule(config: Config) -> int:
    """Weights in every copy, the path back, and what a unit and an axon keep of a sample."""
    rule, onchip, sizes = config.spiking, config.on_chip, config.sizes
    assert rule is not None and onchip is not None
    kept = rule.kept_bits(onchip.fixed)
    bits = sum(synapses * _weight(onchip) for synapses in _copies(sizes, 1, 0))
    for layer in range(1, len(sizes) - 1):
        source = len(sizes) - 1 if rule.path.direct else layer + 1
        code = _weight(onchip) if rule.path.learns else onchip.fixed.weight_bits
        bits += sizes[source] * sizes[layer] * code
    counted = sizes[1:-1] if config.input == "current" else sizes[:-1]
    return bits + sum(sizes[1:]) * kept.unit + sum(counted) * kept.axon


def _of_nbp(config: Config) -> int:
    """Three copies of weights and two of the transpose; V in every population of the circuit."""
    onchip, (n_in, n, n_out) = config.on_chip, config.sizes
    assert onchip is not None
    bits = sum(synapses * _weight(onchip) for synapses in _copies(config.sizes, 3, 2))
    return bits + (2 * n_in + 6 * n + 7 * n_out) * onchip.fixed.state_bits


def _of_eprop(config: Config) -> int:
    """A trace at each synapse into the hidden layer, and one of each axon."""
    rule, onchip, (n_in, n, n_out) = config.spiking, config.on_chip, config.sizes
    assert rule is not None and onchip is not None
    kept, weight = rule.kept_bits(onchip.fixed), _weight(onchip)
    back = weight if rule.path.learns else onchip.fixed.weight_bits
    bits = (n_in + n) * n * (weight + rule.trace_bits) + n * n_out * (weight + back)
    return bits + (n + n_out) * kept.unit + (n_in + 2 * n) * kept.axon


def _copies(sizes: tuple[int, ...], forward: int, mirrored: int) -> Iterator[int]:
    """Synapses of every connection, times its copies; the input's has no mirrored one."""
    for k, (below, above) in enumerate(pairwise(sizes)):
        yield below * above * (forward + (mirrored if k else 0))


def _weight(onchip: OnChip) -> int:
    return onchip.fixed.weight_bits + onchip.accumulator_bits


# By what trains a run, or what that derives from.
BITS: dict[type, Callable[[Config], int]] = {
    OnChip: _of_phases,
    SpikingRule: _of_rule,
    Nbp: _of_nbp,
    Eprop: _of_eprop,
}
