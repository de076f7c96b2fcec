"""What the same sample costs at least on a processor: operations and memory traffic.

The floor is that of the real-valued network, in 32-bit floating point, with nothing spent on
instructions, scheduling or idle time:

* the clamped input meets its synapses once per sample, x W_0, and every further connection is met
  twice per step (forward and feedback; within a layer a synapse each way): multiply-accumulates,
  one for each synapse; of a convolution with average pooling, each of the merged kernel's;
* of a read-out by cross-entropy, which takes no part in the steps, what leads to it is met
  forward once in the free phase and in inference, and back once in each nudged phase, and its
  potentials are moved as often; the softmax is left out;
* an update multiplies and adds once per synapse of the input, which does not change between the
  phases, and twice for all others (``one_sided``: once; into a read-out by
  cross-entropy once, whose errors in the two phases are opposite);
* weights, of a convolution those of the merged kernel, are read from memory once per step in
  which they are used (both directions share the reading), and once more and written for the
  update; the potentials of all units are read and written in every step. Each stands in the
  smallest memory that the chip file prices and that holds it. What fits into none is charged as
  if in the largest on the chip, since a larger one costs no less: this is a floor. An access
  moves 64 bits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eqchip.emulator.description.config import Config
from eqchip.emulator.description.phases import Nudged
from eqchip.emulator.description.rules import rule_of
from eqchip.hw_reports.pricing.entries import Counts
from eqchip.hw_reports.pricing.phases import learning_connections
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.kinds import FREE, INFERENCE, NUDGED, UPDATE
from eqchip.mapping.placement.wiring import synapse_count

FLOAT_BITS, ACCESS_BITS = 32, 64
# What a memory holds, in bytes, by the kind of its accesses.
MEMORIES: tuple[tuple[str, int], ...] = (
    ("access_8_kib", 8 * 1024),
    ("access_32_kib", 32 * 1024),
    ("access_1_mib", 1024**2),
)
NOTE = (
    "A floor: the real-valued network in 32-bit floating point, x W_0 once per sample, all other "
    "products densely in every step; instructions, scheduling and idle time are left out."
)
READ_OUT_NOTE = (
    "A floor: the real-valued network in 32-bit floating point, x W_0 once per sample, the last "
    "connection once in the free phase and in inference and once back in each nudged phase, all "
    "other products densely in every step; the softmax, instructions, scheduling and idle time are "
    "left out."
)


def note(config: Config) -> str:
    """What the floor of a run is."""
    return READ_OUT_NOTE if config.learning.readout == "cross-entropy" else NOTE


class _Met(NamedTuple):
    """A connection, as a processor meets it: its ``synapses`` and the ``weights`` that they hold.

    ``ways``: in which it is met at a step; within a layer one, in which a synapse each way counts.
    ``once``: whether it hears the clamped input, and so is met once a sample. ``read_out``: whether
    it leads to a read-out outside the dynamics, and so is met once a phase. ``learns``: whether an
    update writes it.
    """

    synapses: int
    weights: int
    ways: int
    once: bool
    read_out: bool
    learns: bool

    @property
    def in_steps(self) -> bool:
        """Whether it is met in every step."""
        return not (self.once or self.read_out)


def _connections(config: Config) -> list[_Met]:
    network, last = config.topology, len(config.sizes) - 1
    outside = config.learning.readout == "cross-entropy"
    learns = learning_connections(config)
    return [
        _Met(
            synapse_count(one),
            one.different_weights,
            1 if one.lateral else 2,
            below == 0,
            outside and above == last and below > 0,
            learns[k],
        )
        for k, (one, (below, above)) in enumerate(
            zip(network.connections, network.joined, strict=True)
        )
    ]


def update_macs(config: Config) -> int:
    """Multiply-accumulates of one update of all weights; of a pair of units of a layer, once."""
    _, *more = rule_of(config.learning.rule).products
    return sum(
        one.synapses * one.ways // 2 * (1 + len(more) * one.in_steps)
        for one in _connections(config)
        if one.learns
    )


def dense_counts(config: Config, chip: Chip) -> dict[str, Counts]:
    """Operations and memory accesses of one sample, by phase."""
    met = _connections(config)
    held, written = (sum(m.weights for m in of) for of in (met, [m for m in met if m.learns]))
    units, n_out = sum(config.sizes[1:]), config.sizes[-1]
    target = np.zeros((1, n_out))
    steps, meets = {FREE: 0, NUDGED: 0}, {FREE: 0, NUDGED: 0}
    for one in config.learning.phases(target):
        phase = NUDGED if isinstance(one, Nudged) else FREE
        steps[phase] += one.steps
        meets[phase] += 1
    steps[INFERENCE], meets[INFERENCE] = config.learning.free_steps, 1
    outside = config.learning.readout == "cross-entropy"
    weights_in = memory_for(held * FLOAT_BITS // 8, chip)
    states_in = memory_for(units * FLOAT_BITS // 8, chip)
    found: dict[str, Counts] = {}
    for phase in (FREE, NUDGED, UPDATE, INFERENCE):
        if phase == UPDATE:
            macs, words, states = update_macs(config), 2 * written, 0
        else:
            often = [
                meets[phase] if m.read_out
                else (phase in (FREE, INFERENCE)) if m.once
                else steps[phase]
                for m in met
            ]  # fmt: skip
            macs = sum(
                n * m.synapses * (m.ways if m.in_steps else 1)
                for n, m in zip(often, met, strict=True)
            )
            words = sum(n * m.weights for n, m in zip(often, met, strict=True))
            states = 2 * units * steps[phase]
            if outside:
                states = 2 * ((units - n_out) * steps[phase] + n_out * meets[phase])
        kinds: dict[str, float] = {"mac": float(macs)}
        for memory, moved in ((weights_in, words), (states_in, states)):
            kinds[memory] = kinds.get(memory, 0.0) + moved * FLOAT_BITS / ACCESS_BITS
        found[phase] = {kind: np.array([count]) for kind, count in kinds.items()}
    return found


def memory_for(size: int, chip: Chip) -> str:
    """The memory of a chip that so many bytes are charged to, as the kind of its accesses."""
    priced = [(kind, room) for kind, room in MEMORIES if kind in chip.energy]
    if not priced:
        return "access_dram"
    return next((kind for kind, room in priced if size <= room), priced[-1][0])
