"""A mapped network whose counts are worked out by hand."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from small_chips import dense, small_chip

from eqchip.emulator.activity import Activity
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.problem.run import Run
from eqchip.mapping.placement.mapped import MappedNetwork, map_network

# 2 -> 2 -> 1, a unit a core: cores 0 and 1 input, 2 and 3 hidden, 4 output. A free phase of two
# steps, then two nudged ones that both start from its end.
PHASES = (
    Free(2),
    Nudged(2, [[1.0]], 0.5, from_free=True),
    Nudged(1, [[1.0]], -0.5, from_free=True),
)
EMITTED = [
    [1, 0, 0, 0, 0],
    [1, 1, 1, 0, 1],  # arrive in the rows below and, once more, two below
    [0, 1, 0, 1, 0],
    [0, 0, 1, 0, 0],  # never arrive: the last phase goes on from row 1
    [1, 0, 0, 0, 1],  # nor do these
]


def hand_run(emitted=EMITTED, phases=PHASES) -> Run:
    names = tuple("nudged" if isinstance(phase, Nudged) else "free" for phase in phases)
    spikes = np.array(emitted, np.int32)[:, None, :]
    return Run(phases, None, None, [], Activity.zeros(names, 3), part_spikes=spikes)


def hand_mapped(tiles_x: int = 3, tiles_y: int = 2, chips: int = 1) -> MappedNetwork:
    """The cores one by one: (0, 0), (1, 0), (2, 0), (0, 1), (1, 1) on a mesh of 3 x 2."""
    chip = small_chip(units=1, tiles_x=tiles_x, tiles_y=tiles_y, cores_per_tile=1)
    return map_network(dense(2, 2, 1), chip, chips=chips, placement="naive")


CHIPS = st.builds(
    small_chip,
    units=st.integers(1, 8),
    output_axons=st.integers(40, 200),
    tiles_x=st.integers(1, 3),
    tiles_y=st.integers(1, 3),
    cores_per_tile=st.integers(1, 4),
    chips_x=st.none() | st.integers(1, 3),
)


EMITTED = [
    [1, 0, 0, 0, 0],
    [1, 1, 1, 0, 1],  # arrive in the rows below and, once more, two below
    [0, 1, 0, 1, 0],
    [0, 0, 1, 0, 0],  # never arrive: the last phase goes on from row 1
    [1, 0, 0, 0, 1],  # nor do these
]
