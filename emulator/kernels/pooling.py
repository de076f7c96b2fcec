"""Maximum pooling: the largest sum of each window of a map, and where it was.

Numbers of the map stand in row-major order of (height, width, channels), as units do. pools[k] of
a lowered network: window, height, width and channels of the map of connection k.
"""

from __future__ import annotations

from eqchip.emulator.kernels.jit import inlined


@inlined
def map_size(net, k):
    """Numbers of the map that connection k leads to before its pooling."""
    return net.pools[k, 1] * net.pools[k, 2] * net.pools[k, 3]


@inlined
def largest(out, winners, first, sums, net, k):
    """out[first + j] = the maximum of window j of the map `sums`; winners[first + j]: its place.

    The first of equals in row order of the window. winners: int32.
    """
    window, width, channels = net.pools[k, 0], net.pools[k, 2], net.pools[k, 3]
    rows, columns = net.pools[k, 1] // window, width // window
    unit = first
    for i in range(rows):
        for j in range(columns):
            corner = (i * window * width + j * window) * channels
            for c in range(channels):
                best, place = sums[corner + c], corner + c
                for a in range(window):
                    for e in range(window):
                        there = corner + (a * width + e) * channels + c
                        if sums[there] > best:
                            best, place = sums[there], there
                out[unit] = best
                winners[unit] = place
                unit += 1


@inlined
def winners_of(senders, at, rows, winners, net, k, count):
    """senders[at ...] = where in the map the messages rows[at ...] of layer k + 1 enter it."""
    first = net.offsets[k + 1]
    for i in range(at, at + count):
        senders[i] = winners[first + rows[i]]
