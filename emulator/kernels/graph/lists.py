"""Sums over lists of synapses: every weight goes to a unit that a list names.

A spike reads two stretches of memory, the targets and the weights of its unit's synapses, and
nothing says where the next spike's are: they are asked for two spikes ahead, or the wait for them
would be most of the time. Four synapses are loaded before the first is added, since a
compiler cannot know that sums are not in the way of the lists. Messages are added in their order.
"""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.jit import inlined, prefetch
from eqchip.emulator.kernels.vectors import CACHE_LINE

AHEAD, LINES = 2, 8  # spikes; cache lines of a list, behind which the processor sees by itself


@inlined
def _ask_for(array, first, last):
    line = np.uint64(CACHE_LINE // array.itemsize)
    last = min(last, first + line * np.uint64(LINES))
    while first < last:
        prefetch(array, first)
        first += line


@inlined
def _add_list(u, at, w, targets, s, last):
    """u[at + targets] += w over synapses s ... last - 1; all uint64."""
    one, two, three, four = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)
    whole = s + ((last - s) & ~three)
    while s < whole:
        a, b = at + np.uint64(targets[s]), at + np.uint64(targets[s + one])
        c, d = at + np.uint64(targets[s + two]), at + np.uint64(targets[s + three])
        wa, wb, wc, wd = w[s], w[s + one], w[s + two], w[s + three]
        u[a] += wa
        u[b] += wb
        u[c] += wc
        u[d] += wd
        s += four
    while s < last:
        u[at + np.uint64(targets[s])] += w[s]
        s += one


@inlined
def _add_valued_list(u, at, w, targets, first, last, value):
    for s in range(first, last):
        u[at + np.uint64(targets[s])] += value * u.dtype.type(w[s])


@inlined
def add_lists(u, net, k, rows, values, first, last, valued):
    """Add what the units rows[first ... last - 1] send over bundle k; the synapses crossed.

    u: sums over units. valued: whether each is worth values[i].
    """
    w, targets, begin = net.weights, net.targets, net.lists_begin[k]
    at, crossed = np.uint64(net.target[k]), np.int64(0)
    for i in range(first, last):
        if i + AHEAD < last:
            ahead = begin + rows[i + AHEAD]
            a, b = np.uint64(net.lists[ahead]), np.uint64(net.lists[ahead + 1])
            _ask_for(targets, a, b)
            _ask_for(w, a, b)
        own = begin + rows[i]
        a, b = np.uint64(net.lists[own]), np.uint64(net.lists[own + 1])
        if valued:
            _add_valued_list(u, at, w, targets, a, b, u.dtype.type(values[i]))
        else:
            _add_list(u, at, w, targets, a, b)
        crossed += np.int64(b - a)
    return crossed
