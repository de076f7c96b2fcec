"""What training a network off the chip costs at least, on a processor, by minibatches and Adam.

The floor is that of 32-bit floating point with nothing spent on instructions: multiply-accumulates,
one a synapse; weights read twice and written with their gradient and Adam's two means once a
minibatch, whose samples share it; values written and read where they are needed again. Each stands
in the smallest memory that the chip file prices and that holds it, or the largest.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from eqchip.hw_reports.pricing.baselines import ACCESS_BITS, FLOAT_BITS, memory_for
from eqchip.hw_reports.pricing.totals import Sum, priced
from eqchip.mapping.chip_file.chip import Chip

ADAM_WORDS = 8  # of a weight and update: its gradient, itself, two means, each read and written


class Work(NamedTuple):
    """Of a training sample: multiply-accumulates, and values saved (each written and read)."""

    macs: float
    saved: float


def exact_backprop(sizes: Sequence[int]) -> Work:
    """Forward, back to hidden layers, gradients; every unit's value is saved.

    Examples
    --------
    >>> exact_backprop((784, 500, 10))
    Work(macs=799000, saved=510)
    """
    synapses = [a * b for a, b in pairwise(sizes)]
    return Work(2 * sum(synapses) + sum(synapses[1:]), sum(sizes[1:]))


def training_floor(work: Work, synapses: int, minibatch: int, chip: Chip) -> Sum:
    """The least energy of a training sample on a processor."""
    words = {
        memory_for(4 * synapses * FLOAT_BITS // 8, chip): (2 + ADAM_WORDS) * synapses / minibatch
    }
    values = memory_for(int(minibatch * work.saved) * FLOAT_BITS // 8, chip)
    words[values] = words.get(values, 0.0) + 2 * work.saved
    counts = {kind: n * FLOAT_BITS / ACCESS_BITS for kind, n in words.items()}
    return priced({"mac": work.macs, **counts}, chip)
