"""Products written over connections that are no matrix: kernels of many places, lists of synapses.

A unit that sends takes the segments that its spikes would add (see `engine.lowering`), the other
way round: what is known of the units at their other ends is written where their weights stand. So
no kernel asks which kind a connection is. The twin that is written to be read is in
`eqchip.backends.reference.onchip`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eqchip.emulator.kernels.jit import inlined
from eqchip.emulator.kernels.random_rounding import round_at_random

# How a connection is written: every pair of units as a matrix has it; synapse after synapse, in
# place; or the sum of all synapses of a weight, once.
MATRIX, IN_PLACE, SUMMED = range(3)


class Shared(NamedTuple):
    """What is known of connections that are no matrix.

    how: (connections,) int64, MATRIX, IN_PLACE or SUMMED; numbers, mirror_numbers: int32, as
    `Lowered.weights` and `.mirror`, the number of the weight that stands there in its connection's
    stored weights; sums: int64, room for the rows of any connection that is summed.
    """

    how: np.ndarray
    numbers: np.ndarray
    mirror_numbers: np.ndarray
    sums: np.ndarray


class Sender(NamedTuple):
    """The units whose rows are written: the first `active` of rows are those that are not 0.

    step, other_step: how far the number of a synapse moves from one of these units to the next, and
    from one at the other end.
    """

    rows: np.ndarray
    values: np.ndarray
    active: int
    step: int | np.int64
    other_step: int | np.int64


@inlined
def _add(stored, codes, at, change, accumulator_bits, highest):
    """stored[at] += change, and its code follows; returns whether that changed, and whether cut."""
    limit = np.int64(highest) << accumulator_bits
    half = (np.int64(1) << accumulator_bits) >> np.int64(1)
    total = np.int64(stored[at]) + change
    kept = min(max(total, -limit), limit)
    stored[at] = np.int16(kept)
    code = np.int8((kept + half) >> accumulator_bits)
    applied = np.int64(code != codes[at])
    codes[at] = code
    return applied, np.int64(kept != total)


@inlined
def _write_in_place(copy, fan, k, sender, other, first, rate, accumulator_bits, highest, counts):
    """Every synapse of every unit that sends, in their order."""
    channels, places = fan.channels[k], fan.places[k]
    attempted, applied, saturated = np.int64(0), np.int64(0), np.int64(0)
    for a in range(sender.active):
        unit = np.int64(sender.rows[a])
        place = places + unit // channels
        row = copy.start + unit % channels * copy.stride
        amount = np.int64(sender.values[a]) * rate.mantissa
        for s in range(fan.first[place], fan.first[place + 1]):
            to, source = fan.to[s], row + fan.source[s]
            for j in range(fan.length[s]):
                value = np.int64(other[first + to + j])
                if value == 0:
                    continue
                attempted += np.int64(1)
                number = unit * sender.step + (to + j) * sender.other_step
                change = round_at_random(amount * value, rate.shift, rate.key, number)
                if change != 0:
                    changed, cut = _add(
                        copy.stored, copy.codes, source + j, change, accumulator_bits, highest
                    )
                    applied += changed
                    saturated += cut
    counts[0] += attempted
    counts[1] += applied
    counts[2] += saturated


@inlined
def _add_up(sums, stride, fan, k, sender, other, first):
    """sums = of every weight, the products of its synapses; rows `stride` apart."""
    channels, places = fan.channels[k], fan.places[k]
    for j in range(np.uint64(channels * stride)):
        sums[j] = 0
    for a in range(sender.active):
        unit = np.int64(sender.rows[a])
        place, value = places + unit // channels, np.int64(sender.values[a])
        row = unit % channels * stride
        for s in range(fan.first[place], fan.first[place + 1]):
            to, source = np.uint64(first + fan.to[s]), np.uint64(row + fan.source[s])
            for j in range(np.uint64(fan.length[s])):
                sums[source + np.uint64(j)] += value * np.int64(other[to + np.uint64(j)])


@inlined
def _write_sums(copy, rows, sums, numbers, rate, accumulator_bits, highest, counts):
    """Every weight whose sum is not 0, once."""
    attempted, applied, saturated = np.int64(0), np.int64(0), np.int64(0)
    for i in range(rows * copy.stride):
        total = sums[i]
        if total == 0:
            continue
        attempted += np.int64(1)
        at = copy.start + i
        change = round_at_random(total * rate.mantissa, rate.shift, rate.key, np.int64(numbers[at]))
        if change != 0:
            changed, cut = _add(copy.stored, copy.codes, at, change, accumulator_bits, highest)
            applied += changed
            saturated += cut
    counts[0] += attempted
    counts[1] += applied
    counts[2] += saturated


@inlined
def write_shared(
    copy, fan, k, shared, numbers, sender, other, first, rate, accumulator_bits, highest, counts
):
    """Add what a product comes to, of all synapses of connection k, to one copy of its weights.

    copy: `onchip.Copy`, rows of the units that send; fan: `Fan` of their direction; shared: Shared;
    numbers: of its two, that of the copy; other: what is known of all units, of which those at the
    other end begin at `first`; rate: `onchip.Rate`; counts: (3,) int64. Codes follow at once.
    """
    if shared.how[k] == IN_PLACE:
        _write_in_place(copy, fan, k, sender, other, first, rate, accumulator_bits, highest, counts)
    if shared.how[k] == SUMMED:
        _add_up(shared.sums, copy.stride, fan, k, sender, other, first)
        _write_sums(
            copy, fan.channels[k], shared.sums, numbers, rate, accumulator_bits, highest, counts
        )
