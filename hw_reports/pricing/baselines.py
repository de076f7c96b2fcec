"""What the same sample costs at least on a processor: operations and memory traffic.

The floor is that of the real-valued network, in 32-bit floating point, with nothing spent on
instructions, scheduling or idle time:

* the clamped input meets the first synapses once per sample, x W_0, and every further
  connection twice per step (forward and feedback): multiply-accumulates, one for each synapse;
  of a convolution with average pooling, each of the merged kernel's;
* of a read-out by cross-entropy, which takes no part in the steps, the last connection is met
  forward once in the free phase and in inference, and back once in each nudged phase, and its
  potentials are moved as often; the softmax is left out;
* an update multiplies and adds once per synapse of connection 0, whose input does not change
  between the phases, and twice for all others (``one_sided``: once; into a read-out by
  cross-entropy once, whose errors in the two phases are opposite);
* weights, of a convolution those of the merged kernel, are read from memory once per step in
  which they are used (both directions share the reading), and once more and written for the
  update; the potentials of all units are read and written in every step. Each stands in the
  smallest memory that the chip file prices and that holds it. What fits into none is charged as
  if in the largest on the chip, since a larger one costs no less: this is a floor. An access
  moves 64 bits.
"""

from __future__ import annotations

import math

import numpy as np

from eqchip.emulator.description import notation
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.phases import Nudged
from eqchip.emulator.description.rules import rule_of
from eqchip.hw_reports.pricing.entries import Counts
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


def weight_sizes(config: Config) -> list[int]:
    """Weights that the synapses of every connection hold; places share those of a kernel."""
    connections = notation.connections(config.layers)
    return [math.prod(connection.synapse_weight_shape) for connection in connections]


def synapses(config: Config) -> list[int]:
    """Synapses of every connection."""
    return [synapse_count(connection) for connection in notation.connections(config.layers)]


def update_macs(config: Config) -> int:
    """Multiply-accumulates of one update of all weights."""
    first, *others = synapses(config)
    twice = others[:-1] if config.learning.readout == "cross-entropy" else others
    _, *more = rule_of(config.learning.rule).products
    return first + sum(others) + len(more) * sum(twice)


def dense_counts(config: Config, chip: Chip) -> dict[str, Counts]:
    """Operations and memory accesses of one sample, by phase."""
    sizes, products = weight_sizes(config), synapses(config)
    units, n_out = sum(config.sizes[1:]), config.sizes[-1]
    target = np.zeros((1, n_out))
    steps, meets = {FREE: 0, NUDGED: 0}, {FREE: 0, NUDGED: 0}
    for one in config.learning.phases(target):
        phase = NUDGED if isinstance(one, Nudged) else FREE
        steps[phase] += one.steps
        meets[phase] += 1
    steps[INFERENCE], meets[INFERENCE] = config.learning.free_steps, 1
    outside = config.learning.readout == "cross-entropy"
    inner = slice(1, -1 if outside else None)  # the connections of every step
    last = len(products) - 1 if outside and len(products) > 1 else None
    weights_in = memory_for(sum(sizes) * FLOAT_BITS // 8, chip)
    states_in = memory_for(units * FLOAT_BITS // 8, chip)
    found: dict[str, Counts] = {}
    for phase in (FREE, NUDGED, UPDATE, INFERENCE):
        first = phase in (FREE, INFERENCE)
        if phase == UPDATE:
            macs, words, states = update_macs(config), 2 * sum(sizes), 0
        else:
            macs = first * products[0] + steps[phase] * 2 * sum(products[inner])
            words = first * sizes[0] + steps[phase] * sum(sizes[inner])
            states = 2 * units * steps[phase]
            if outside:
                states = 2 * ((units - n_out) * steps[phase] + n_out * meets[phase])
            if last is not None:
                macs += meets[phase] * products[last]
                words += meets[phase] * sizes[last]
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
