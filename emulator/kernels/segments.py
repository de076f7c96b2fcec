"""What a part adds of a message over a connection whose rows are not added whole.

A spike adds the segments of its place (see `engine.lowering`); a part may hold only some of the
units that they lead to, and takes so much of each. Every unit's terms are added in the order of the
messages.

sums: flat; begin, n: the part's units, begin ... begin + n - 1 of its layer, have their sums from
`at` on; w: flat, connection k's rows from `start` on, `stride` apart; fan: Fan of the direction;
rows: int32, the units that send; values: numbers of the run; all else int64.
"""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.jit import inlined


@inlined
def adds_whole_rows(fan, k, senders, receivers):
    """Whether each of so many units that send reaches each of so many, by the whole of its row."""
    place = fan.places[k]
    if fan.channels[k] != senders or fan.reach[place] != receivers:
        return False
    segment = fan.first[place]
    return fan.first[place + 1] == segment + 1 and fan.source[segment] == 0


@inlined
def add_segments(sums, at, w, start, stride, fan, k, begin, n, rows, values, first, last, valued):
    """Add messages first ... last - 1, times their values if valued."""
    one = sums.dtype.type(1)
    channels, places = fan.channels[k], fan.places[k]
    for i in range(first, last):
        unit = np.int64(rows[i])
        place = unit // channels
        row = start + (unit - place * channels) * stride
        value = sums.dtype.type(values[i]) if valued else one
        for s in range(fan.first[places + place], fan.first[places + place + 1]):
            low = max(fan.to[s], begin)
            length = min(fan.to[s] + fan.length[s], begin + n) - low
            target = np.uint64(at + low - begin)
            source = np.uint64(row + fan.source[s] + low - fan.to[s])
            for j in range(np.uint64(max(length, np.int64(0)))):
                weight = sums.dtype.type(w[source + np.uint64(j)])
                sums[target + np.uint64(j)] += sums.dtype.type(value * weight)


@inlined
def add_segments_by_time(
    sums, at, later, due, w, start, stride, fan, k, begin, n, rows, values, times, first, last
):  # fmt: skip
    """As `timed.masked.add_rows_by_time`: what comes after a unit's tick is added to `later`.

    later, due: of the part's units. A sum is never -0, so that adding 0 leaves it as it is.
    """
    zero = sums.dtype.type(0)
    channels, places = fan.channels[k], fan.places[k]
    for i in range(first, last):
        unit = np.int64(rows[i])
        place = unit // channels
        row = start + (unit - place * channels) * stride
        value, time = sums.dtype.type(values[i]), times[i]
        for s in range(fan.first[places + place], fan.first[places + place + 1]):
            low = max(fan.to[s], begin)
            length = min(fan.to[s] + fan.length[s], begin + n) - low
            own = np.uint64(low - begin)
            target = np.uint64(at) + own
            source = np.uint64(row + fan.source[s] + low - fan.to[s])
            for j in range(np.uint64(max(length, np.int64(0)))):
                c = np.uint64(j)
                term = sums.dtype.type(value * sums.dtype.type(w[source + c]))
                in_time = time <= due[own + c]
                sums[target + c] += term if in_time else zero
                later[own + c] += zero if in_time else term
