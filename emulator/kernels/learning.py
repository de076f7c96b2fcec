"""The contrast of two phases, accumulated over a minibatch, and the weight update.

Every rule is a sum of at most two outer products per sample,

    G += pre[b]^T post_change[b] + pre_change[b]^T post[b],

summed over samples in ascending order, whatever the number of threads (threads share
rows of G). Presynaptic units whose state is 0, or did not change, are skipped.

Axes: b = sample, i = presynaptic unit (a row), j = postsynaptic unit. pre, pre_change:
(b, i); post_change, post: (b, j); one float type. A pre_change of length 0 leaves the
second term out: so for the clamped input, which never changes.
"""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.jit import inlined, kernel


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
