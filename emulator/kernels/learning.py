"""The contrast of two phases, accumulated over a minibatch, and the weight update.

Every rule is a sum of at most two outer products per sample; of independent weights,

    G += pre[b]^T post_change[b] + pre_change[b]^T post[b],

summed over samples in ascending order, whatever the number of threads (threads share
rows of G). Presynaptic units whose state is 0, or did not change, are skipped.

Elsewhere a presynaptic unit takes the segments that its spikes would add (see `lowering`), the
other way round: in `shared_rows` synapses that share a weight add up, in `own_rows` each has its
own.

Axes: b = sample, i = presynaptic unit (a row), j = postsynaptic unit. pre, pre_change:
(b, i); post_change, post: (b, j); one float type. A pre_change of length 0 leaves the
second term out: so for the clamped input, which never changes.
"""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.connections import arrive_forward
from eqchip.emulator.kernels.gather import gather_values
from eqchip.emulator.kernels.jit import inlined, kernel
from eqchip.emulator.kernels.pooling import largest, map_size
from eqchip.emulator.kernels.units import clear


@inlined
def _contrast_row(row, i, pre, pre_change, post_change, post):
    """row[j] = sum over b of G[i, j]; returns whether any sample contributed."""
    zero = row.dtype.type(0)
    for j in range(len(row)):
        row[j] = zero
    touched = False
    for b in range(len(pre)):
        amount = pre[b, i]
        if amount != zero:
            touched = True
            change = post_change[b]
            for j in range(len(row)):
                row[j] += amount * change[j]
        if len(pre_change) > 0:
            amount = pre_change[b, i]
            if amount != zero:
                touched = True
                state = post[b]
                for j in range(len(row)):
                    row[j] += amount * state[j]
    return touched


@kernel
def contrast_rows(gradient, pre, pre_change, post_change, post, first, last):
    """gradient[i] = sum over b of G[i], for rows first ... last - 1. gradient: (i, j), written."""
    for i in range(np.uint64(first), np.uint64(last)):
        _contrast_row(gradient[i], i, pre, pre_change, post_change, post)


@kernel
def update_rows(weights, rate, row, pre, pre_change, post_change, post, first, last):
    """weights[i] += rate * sum over b of G[i], for rows first ... last - 1.

    weights: (i, j), updated; rate: (1,); row: (j,) scratch of this thread.
    """
    for i in range(np.uint64(first), np.uint64(last)):
        if _contrast_row(row, i, pre, pre_change, post_change, post):
            target = weights[i]
            for j in range(len(row)):
                target[j] += rate[0] * row[j]


@kernel
def momentum_rows(weights, velocity, rates, row, pre, pre_change, post_change, post, first, last):
    """velocity[i] = rates[1] velocity[i] + rates[0] G[i]; weights[i] += velocity[i].

    weights, velocity: (i, j), updated; rates: (2,), the rate and the momentum.
    """
    for i in range(np.uint64(first), np.uint64(last)):
        _contrast_row(row, i, pre, pre_change, post_change, post)
        target, speed = weights[i], velocity[i]
        for j in range(len(row)):
            speed[j] = rates[1] * speed[j] + rates[0] * row[j]
        for j in range(len(row)):
            target[j] += speed[j]


@inlined
def _adam(weights, mean, square, gradient, rates):
    """One step of Adam over a row; see `adam_rows`."""
    one = weights.dtype.type(1)
    for j in range(len(weights)):
        slope = rates[1] * gradient[j]
        mean[j] = rates[2] * mean[j] + (one - rates[2]) * slope
        square[j] = rates[3] * square[j] + (one - rates[3]) * slope * slope
        root = np.sqrt(square[j] / rates[5]) + rates[6]
        weights[j] += rates[0] * (mean[j] / rates[4]) / root


@kernel
def adam_rows(weights, mean, square, rates, row, pre, pre_change, post_change, post, first, last):
    """Adam (Kingma and Ba 2015) along the contrast, for rows first ... last - 1.

    weights, mean, square: (i, j), updated; rates: (7,), the rate, the factor that makes G the
    contrast, the two decays, one minus their powers so far, and what keeps the root from 0.
    """
    for i in range(np.uint64(first), np.uint64(last)):
        _contrast_row(row, i, pre, pre_change, post_change, post)
        _adam(weights[i], mean[i], square[i], row, rates)


@kernel
def adam_flat(weights, mean, square, gradient, rates):
    """As `adam_rows`, along a gradient; all flat."""
    _adam(weights, mean, square, gradient, rates)


@inlined
def _add_segments(row, fan, place, amounts, factor):
    """row[source ...] += factor * amounts[to ...] for the segments of a place."""
    for s in range(fan.first[place], fan.first[place + 1]):
        to, source = np.uint64(fan.to[s]), np.uint64(fan.source[s])
        for i in range(np.uint64(fan.length[s])):
            j = np.uint64(i)
            row[source + j] += factor * amounts[to + j]


@kernel
def shared_rows(gradient, fan, k, pre, pre_change, post_change, post, first, last):
    """gradient[c] = sum over b and over the units i of channel c of G[i], by the shared weight.

    gradient: (channels, columns), rows as those of connection k, written; fan: Fan, forward;
    first ... last - 1: channels. Units and samples in ascending order.
    """
    channels, places = fan.channels[k], fan.places[k]
    count = pre.shape[1] // channels
    zero = gradient.dtype.type(0)
    for c in range(first, last):
        row = gradient[c]
        for j in range(len(row)):
            row[j] = zero
        for b in range(len(pre)):
            for place in range(count):
                amount = pre[b, place * channels + c]
                if amount != zero:
                    _add_segments(row, fan, places + place, post_change[b], amount)
                if len(pre_change) > 0:
                    amount = pre_change[b, place * channels + c]
                    if amount != zero:
                        _add_segments(row, fan, places + place, post[b], amount)


@kernel
def own_rows(gradient, fan, k, pre, pre_change, post_change, post, first, last):
    """As `shared_rows`, where no two synapses share a weight; first ... last - 1: units below.

    Written is what the segments of these units name.
    """
    channels, places = fan.channels[k], fan.places[k]
    zero = gradient.dtype.type(0)
    for i in range(first, last):
        row, place = gradient[i % channels], places + i // channels
        for s in range(fan.first[place], fan.first[place + 1]):
            for j in range(fan.source[s], fan.source[s] + fan.length[s]):
                row[j] = zero
        for b in range(len(pre)):
            amount = pre[b, i]
            if amount != zero:
                _add_segments(row, fan, place, post_change[b], amount)
            if len(pre_change) > 0:
                amount = pre_change[b, i]
                if amount != zero:
                    _add_segments(row, fan, place, post[b], amount)


@kernel
def find_winners(net, k, pre, rows, values, sums, maxima, winners, first, last):
    """winners[b] = where the maxima of connection k's map are, for samples first ... last - 1.

    net: Lowered; pre: (b, i) potentials below; rows: (i,) int32, values: (i,), sums: (map,) and
    maxima: (units,) scratch; winners: (b, units) int32, written.
    """
    n = pre.shape[1]
    for b in range(first, last):
        count = gather_values(rows, values, 0, pre[b], 0, n)
        clear(sums, 0, map_size(net, k))
        arrive_forward(sums, 0, net, k, rows, values, 0, count, True)
        largest(maxima, winners[b], 0, sums, net, k)
