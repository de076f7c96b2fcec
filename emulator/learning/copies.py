"""The two copies of a weight as they lie in memory, and a mirror mode of a connection."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.description.network import Network
from eqchip.emulator.description.sharing import Sharing
from eqchip.emulator.description.upkeep import FORWARD, MIRROR, PRESENTATIONS, MirrorMode
from eqchip.emulator.engine.lowering import held_weights, hold_weights, weight_numbers
from eqchip.emulator.kernels.lowered import (
    CACHE_LINE,
    Lowered,
    aligned_zeros,
    mirror_rows,
    weight_rows,
)
from eqchip.emulator.kernels.onchip_shared import IN_PLACE, MATRIX, SUMMED, Shared
from eqchip.emulator.kernels.onchip_upkeep import mirror_mode


class Copy(NamedTuple):
    """A copy of the weights of a connection, in their shape.

    stored: what is remembered, int16; codes: what a spike reads of it, int8.
    """

    stored: np.ndarray
    codes: np.ndarray


def copy_of(network: Network, lowered: Lowered, learner: Any, k: int, which: int) -> Copy:
    """A copy of the weights of connection k, `which` FORWARD or MIRROR: of a matrix, views.

    learner: whose `stored` and `stored_mirror` lie as the codes of `lowered` do.
    """
    connection = network.connections[k]
    stored, codes = (
        held_weights(connection, rows, which) for rows in _rows(lowered, learner, k, which)
    )
    return Copy(stored, codes)


def store_copy(
    network: Network, lowered: Lowered, learner: Any, k: int, which: int, values: np.ndarray
) -> None:
    """Remember these values as that copy; codes are left as they are."""
    hold_weights(network.connections[k], _rows(lowered, learner, k, which)[0], which, values)


def _rows(lowered: Lowered, learner: Any, k: int, which: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows of a copy: what is remembered, and its codes."""
    if which == FORWARD:
        return weight_rows(lowered, k, learner.stored), weight_rows(lowered, k)
    return mirror_rows(lowered, k, learner.stored_mirror), mirror_rows(lowered, k)


def lower_shared(network: Network, lowered: Lowered, sharing: Sharing) -> Shared:
    """How each connection is written, and which weight stands where in one that is no matrix."""
    how, room = np.full(len(network.connections), MATRIX, np.int64), 0
    matrices = all(connection.all_to_all for connection in network.connections)
    numbers, back = (
        np.zeros(0 if matrices else len(rows), np.int32)
        for rows in (lowered.weights, lowered.mirror)
    )
    for k, connection in enumerate(network.connections):
        if connection.all_to_all:
            continue
        summed = connection.shares_weights and sharing.summed
        how[k] = SUMMED if summed else IN_PLACE
        places = [(FORWARD, weight_rows(lowered, k, numbers))]
        if k > 0:
            places.append((MIRROR, mirror_rows(lowered, k, back)))
        for which, rows in places:
            found = weight_numbers(connection)[which]
            rows[:, : found.shape[1]] = found
            room = max(room, rows.size)
    return Shared(how, numbers, back, np.zeros(room, np.int64))


def learn_mirror(
    forward: Copy,
    mirror: Copy,
    mode: MirrorMode,
    rate: tuple[int, int],
    learner: Any,
    place: tuple[int, int],
    counts: np.ndarray,
) -> int:
    """A mirror mode of a connection; codes of the mirror follow. Turns in which any unit fired.

    rate: mantissa and shift; learner: its accumulator_bits, highest and seed; place: samples
    learned from so far and the connection, whose random numbers; counts: (3,) int64, attempted,
    applied and saturated weights.
    """
    n_pre, n_post = forward.codes.shape
    below, above = np.zeros((2, n_pre), np.int64), np.zeros(n_post, np.int64)
    turns: int = mirror_mode(
        forward.codes, mirror.codes.T, mirror.stored.T, PRESENTATIONS, mode.null, *rate,
        learner.accumulator_bits, learner.highest, learner.seed, *place, *below, above, counts,
    )  # fmt: skip
    return turns


def with_room_behind(lowered: Lowered) -> tuple[Lowered, tuple[int, int]]:
    """A network whose weights and mirror are followed by as much again, and how far behind.

    There each copy lies as the other direction reads it: see `Rules.turn`.
    """
    wider, turns = [], []
    for codes in (lowered.weights, lowered.mirror):
        turn = -(-max(len(codes), 1) // CACHE_LINE) * CACHE_LINE
        room = aligned_zeros(2 * turn, codes.dtype)
        room[: len(codes)] = codes
        wider.append(room)
        turns.append(turn)
    return lowered._replace(weights=wider[0], mirror=wider[1]), (turns[0], turns[1])
