"""Sums of scattered rows: every number of a row goes to a unit that a list names.

For connections of one row in which each synapse is a segment of its own, the s-th number of the
row being that of the s-th segment (`Fan.scattered`): a spike adds a stretch of the row to the units
that the same stretch of ``to`` names. Messages are added in their order, as those of other rows,
so sums are the same to the last bit.

u, w: flat, of a float type, or integers and int8 codes; rows: int32; all else int64.
"""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.jit import inlined


@inlined
def scatter_rows(u, at, w, start, fan, k, rows, values, first, last, valued):
    """u[at + to] += w, times values[i] if valued, over all synapses of the unit rows[i].

    For i in first ... last - 1; start: of connection k's row in w. Returns the synapses crossed.
    """
    crossed = 0
    places = fan.places[k]
    begin = fan.first[places]
    for i in range(first, last):
        place = places + np.int64(rows[i])
        a, n = fan.first[place], fan.first[place + 1] - fan.first[place]
        source, segment, target = np.uint64(start + a - begin), np.uint64(a), np.uint64(at)
        for j in range(np.uint64(n)):
            s = np.uint64(j)
            unit = target + np.uint64(fan.to[segment + s])
            if valued:
                u[unit] += u.dtype.type(values[i]) * u.dtype.type(w[source + s])
            else:
                u[unit] += w[source + s]
        crossed += n
    return crossed


@inlined
def scatter_rows_at_bits(out, w, start, fan, k, rows, masks, first, last):
    """out[t, to] += w over all synapses of the unit rows[i], for each bit t of masks[i].

    For i in first ... last - 1. out: (t, units); masks: uint32.
    """
    places = fan.places[k]
    begin = fan.first[places]
    for i in range(first, last):
        place = places + np.int64(rows[i])
        a, n = fan.first[place], fan.first[place + 1] - fan.first[place]
        source, segment = np.uint64(start + a - begin), np.uint64(a)
        mask, t = masks[i], 0
        while mask:
            if mask & np.uint32(1):
                row = np.uint64(t)
                for j in range(np.uint64(n)):
                    s = np.uint64(j)
                    out[row, np.uint64(fan.to[segment + s])] += w[source + s]
            mask >>= np.uint32(1)
            t += 1
