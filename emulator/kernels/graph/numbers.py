"""What differs between floating-point numbers and a chip's integers, number by number.

In integers these are the rules of `eqchip.emulator.description.graph.integers`, on int64.
"""

from __future__ import annotations

import numpy as np

from eqchip.emulator.description.graph.integers import DECAY_BITS, LIMIT
from eqchip.emulator.kernels.jit import by_first, inlined


@inlined
def _decayed(x, keep):
    return x * keep


@inlined
def _decayed_state(x, keep):
    kept = (abs(x) * keep) >> np.int64(DECAY_BITS)
    return kept if x >= 0 else -kept


@inlined
def _same(x):
    return x


@inlined
def _wrapped_state(x):
    """A current of 24 bits; it wraps once."""
    if x > LIMIT:
        return x - np.int64(2 * LIMIT)
    if x <= -LIMIT:
        return x + np.int64(2 * LIMIT)
    return x


@inlined
def _clipped_state(x):
    """A potential of 24 bits."""
    return min(max(x, np.int64(1 - LIMIT)), np.int64(LIMIT - 1))


decayed = by_first(_decayed, _decayed_state)
wrapped = by_first(_same, _wrapped_state)
clipped = by_first(_same, _clipped_state)
