"""Synapses that cannot be written, of a chip with faults: which, and what their codes are.

Each copy of a weight is a synapse by itself, and may be stuck where the other is not. Which are is
drawn from the seed of the timing alone: they belong to the chip, whatever it runs or learns.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from eqchip.emulator import philox
from eqchip.emulator.description.asynchronous import OF_SYNAPSES, Asynchronous
from eqchip.emulator.description.connections import Connection
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.upkeep import COPIES, FORWARD
from eqchip.emulator.engine.clocks import KEY
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels.lowered import Lowered
from eqchip.emulator.kernels.onchip_arrays import Stuck

DRAWN_SYNAPSES = 5  # third word of the counter of random numbers, beside those of `clocks`
SIGN_BIT = np.uint32(1)
_, AT_LIMIT, FROZEN = range(len(OF_SYNAPSES))


def check_stuck(timing: Asynchronous | None, connections: Sequence[Connection]) -> None:
    """Refuse stuck synapses where several share a weight.

    Raises
    ------
    InputError
    """
    if timing is None or not timing.faults.of_synapses:
        return
    for k, connection in enumerate(connections):
        if not connection.all_to_all:
            name = next(one for one in OF_SYNAPSES if getattr(timing.faults, one))
            raise InputError(
                f"faults: {name} is {getattr(timing.faults, name)!r}, but connection {k + 1} is no "
                "matrix, so that its synapses are stored by the weights that they share; expected "
                "dense connections, or 0"
            )


def draw_stuck(
    timing: Asynchronous, k: int, copy: int, shape: tuple[int, ...], highest: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The stuck synapses of a copy of connection k, a matrix of this shape.

    Returns
    -------
    tuple of ndarray, shape (stuck,)
        Their numbers, row by row (int64); their codes, 0 or plus or minus the highest (int64); and
        whether they are frozen, at a code that is not known here (bool).
    """
    number = np.arange(shape[0] * shape[1])
    counter = np.zeros((len(number), 4), np.uint32)
    counter[:, 0] = number
    counter[:, 1] = 2 * k + copy
    counter[:, 2] = DRAWN_SYNAPSES
    low, high = philox.split_seed(timing.seed)
    words = philox.philox4x32(counter, (low, high ^ KEY))
    drawn = (words[:, 0] >> np.uint32(philox.UNIFORM_SHIFT)) * philox.UNIFORM_SCALE
    ends = np.cumsum([getattr(timing.faults, name) for name in OF_SYNAPSES])
    kind = np.searchsorted(ends, drawn, side="right")
    found = np.flatnonzero(kind < len(OF_SYNAPSES))
    sign = 1 - 2 * (words[found, 1] & SIGN_BIT).astype(np.int64)
    return found, sign * highest * (kind[found] == AT_LIMIT), kind[found] == FROZEN


def no_stuck(connections: int) -> Stuck:
    """Of a chip all of whose synapses can be written."""
    return Stuck(
        np.zeros(2 * connections + 1, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int16),
        np.zeros(0, np.int8),
    )  # fmt: skip


def lower_stuck(
    timing: Asynchronous | None,
    lowered: Lowered,
    highest: int,
    stored: np.ndarray,
    stored_mirror: np.ndarray,
    accumulator_bits: int,
) -> Stuck:
    """Where the stuck synapses of a learning chip lie, and what they hold.

    stored, stored_mirror: as the chip is first programmed; what is frozen stays so, the others
    are brought to what they are stuck at by :func:`hold`.
    """
    connections = len(lowered.sizes) - 1
    if timing is None or not timing.faults.of_synapses:
        return no_stuck(connections)
    half = (1 << accumulator_bits) >> 1
    starts, places, held = [0], [], []
    for k in range(connections):
        for copy in COPIES:
            if k == 0 and copy != FORWARD:
                starts.append(starts[-1])
                continue
            number, codes, frozen = draw_stuck(timing, k, copy, _shape(lowered, k), highest)
            place = _places(lowered, k, copy, number)
            own = (stored if copy == FORWARD else stored_mirror)[place]
            places.append(place)
            held.append(np.where(frozen, own, codes << accumulator_bits))
            starts.append(starts[-1] + len(place))
    values = np.concatenate(held).astype(np.int16)
    codes = ((values.astype(np.int64) + half) >> accumulator_bits).astype(np.int8)
    return Stuck(np.array(starts, np.int64), np.concatenate(places), values, codes)


def hold(stuck: Stuck, stored: np.ndarray, stored_mirror: np.ndarray) -> None:
    """Have stuck synapses store what they hold, whatever was written there."""
    for which, (first, end) in enumerate(pairwise(stuck.starts.tolist())):
        into = stored if which % len(COPIES) == FORWARD else stored_mirror
        into[stuck.places[first:end]] = stuck.stored[first:end]


def set_stuck(lowered: Lowered, timing: Asynchronous | None, fixed: FixedPoint | None) -> None:
    """Give the stuck synapses of a chip their codes, in place; what is frozen stays as it is."""
    if timing is None or fixed is None or not timing.faults.of_synapses:
        return
    for k in range(len(lowered.sizes) - 1):
        for copy in COPIES if k > 0 else (FORWARD,):
            found = draw_stuck(timing, k, copy, _shape(lowered, k), fixed.highest_code)
            number, codes, known = found[0], found[1], ~found[2]
            place = _places(lowered, k, copy, number[known])
            (lowered.weights if copy == FORWARD else lowered.mirror)[place] = codes[known]


def _shape(lowered: Lowered, k: int) -> tuple[int, int]:
    return int(lowered.sizes[k]), int(lowered.sizes[k + 1])


def _places(lowered: Lowered, k: int, copy: int, number: np.ndarray) -> np.ndarray:
    """Where synapses lie in the flat codes of a copy, by their numbers in the matrix."""
    pre, post = np.divmod(number, int(lowered.sizes[k + 1]))
    if copy == FORWARD:
        return np.asarray(lowered.starts[k] + pre * lowered.strides[k] + post)
    return np.asarray(lowered.mirror_starts[k] + post * lowered.mirror_strides[k] + pre)
