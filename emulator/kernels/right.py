"""Samples that are right when their first phase ends, and need no more.

Every output unit compares its potential with its target, over the steps that an end is a mean of;
if all are nearer than the tolerance, the sample stays where it is: its later phases are not run,
and end as the first one did, so that nothing has changed in them.
"""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.jit import inlined
from eqchip.emulator.kernels.softmax import softmax_error, softmax_norm


@inlined
def is_right(net, rules, record, targets, b):
    """Whether all outputs end the first phase nearer to their targets than rules.tolerance.

    record.ends[0, b]: sums over rules.average steps; targets: (k, b, n_out), of which that of the
    first nudged phase counts. A comparison with NaN is none of a right sample.
    """
    last, nudged = len(net.sizes) - 1, 0
    while rules.two_beta[nudged] == 0:
        nudged += 1
    first, n, ends = net.offsets[last], net.sizes[last], record.ends[0, b]
    steps = np.float64(rules.average)
    one = np.float64(rules.one) * steps
    if rules.cross_entropy:
        largest, total = softmax_norm(ends, first, n, 1.0 / one)
        for j in range(n):
            y = steps * np.float64(targets[nudged, b, j])
            error = softmax_error(ends[first + j], y, largest, total, 1.0 / one)
            if not abs(error) < rules.tolerance:
                return False
        return True
    for j in range(n):
        error = steps * np.float64(targets[nudged, b, j]) - np.float64(ends[first + j])
        if not abs(error) < rules.tolerance * one:
            return False
    return True


@inlined
def stay(record, b):
    """The later phases of a sample end as the first one did."""
    record.skipped[b] = True
    for phase in range(1, len(record.ends)):
        for j in range(record.ends.shape[2]):
            record.ends[phase, b, j] = record.ends[0, b, j]
