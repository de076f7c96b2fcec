"""Learning on the chip without a clock: what cores write when a sample's phases are over.

The phases run on the asynchronous engine, whose record of a sample has a row for each nominal
period. What is known and written then is that of `onchip`.
"""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.jit import inlined, kernel
from eqchip.emulator.kernels.onchip import follow_all, learn_sample


@inlined
def _sum_ends(rules, record):
    """record.ends = sums of the potentials at the end of the last periods of each phase."""
    row = np.int64(0)
    for phase in range(len(rules.phase_steps)):
        row += rules.phase_steps[phase]
        ends = record.ends[phase, 0]
        for j in range(np.uint64(len(ends))):
            ends[j] = 0
        for last in range(row - rules.average, row):
            potentials = record.potentials[last, 0]
            for j in range(np.uint64(len(ends))):
                ends[j] += potentials[j]


@kernel
def learn_without_clock(
    net, rules, record, learner, terms, written, plus, minus, b, number, minibatch, is_last
):
    """Learn from the sample that the record holds, the b-th of those whose writes are counted.

    Arguments as of `onchip.learn_online`; number: how many samples were learned from before;
    is_last: whether none of these follows.
    """
    if len(record.potentials) > 0:
        _sum_ends(rules, record)
    last = len(net.sizes) - 1
    first = net.offsets[last]
    for j in range(net.sizes[last]):
        written.outputs[b, j] = record.ends[0, 0, first + j]
    learn_sample(
        net, rules, record, learner, terms, written, plus, minus, b, number, minibatch == 1
    )
    if minibatch > 1 and ((b + 1) % minibatch == 0 or is_last):
        follow_all(net, rules, learner, written, b)
