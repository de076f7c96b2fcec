"""What is known of a part within a window of time; see `windows`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eqchip.emulator.kernels.lowered import aligned_zeros
from eqchip.emulator.kernels.timed.state import SUMS_LINE, Clockwork

LATE = np.int32(2**31 - 1)  # of a unit that does not tick in this window
ORDER_SHIFT = np.int64(32)
BUCKET_BITS = np.int64(6)
BUCKETS = 1 << 6  # of a window
FEW = 16  # messages that insertion sorts
ORDER = (np.int64(1) << ORDER_SHIFT) - np.int64(1)


class Window(NamedTuple):
    """What is known of a part within a window; times count from its start.

    silent (c,) uint8: clocks of input units that never fire; first_clock (p + 1,): of each part;
    arrived (p, 2) int32: messages from the layer below and from that above; crossed (p, 2) int64:
    the synapses that they meet.
    Of the units of a part: due int32, when it ticks, or LATE; fires uint8: whether it does at
    that; listed int32: some of them; later, later_back: what arrives after the tick. ticks (j,)
    uint8: whether it ticks; 0 of other parts. Of its messages, m: order int64, the time << 32 +
    place in nodes (int32); spare; times int32; buckets: of time.
    """

    silent: np.ndarray
    first_clock: np.ndarray
    arrived: np.ndarray
    crossed: np.ndarray
    due: np.ndarray
    ticks: np.ndarray
    fires: np.ndarray
    listed: np.ndarray
    later: np.ndarray
    later_back: np.ndarray
    order: np.ndarray
    spare: np.ndarray
    buckets: np.ndarray
    nodes: np.ndarray
    times: np.ndarray


def new_window(clockwork: Clockwork, row: int, messages: int, dtype: np.dtype) -> Window:
    """Memory for one thread's windows."""
    units = -(-int(clockwork.part_units.max()) // SUMS_LINE) * SUMS_LINE
    fixed = np.dtype(dtype).kind == "i"
    parts = np.arange(len(clockwork.part_units) + 1)
    return Window(
        silent=np.zeros(len(clockwork.period), np.uint8),
        first_clock=np.searchsorted(clockwork.clock_part, parts),
        arrived=np.zeros((len(clockwork.part_units), 2), np.int32),
        crossed=np.zeros((len(clockwork.part_units), 2), np.int64),
        due=aligned_zeros(units, np.dtype(np.int32)),
        ticks=np.zeros(row, np.uint8),
        fires=np.zeros(units, np.uint8),
        listed=np.zeros(units, np.int32),
        later=aligned_zeros(units, dtype),
        later_back=aligned_zeros(units if fixed else 0, dtype),
        order=np.zeros(messages, np.int64),
        spare=np.zeros(messages, np.int64),
        buckets=np.zeros(BUCKETS + 2, np.int32),
        nodes=np.zeros(messages, np.int32),
        times=np.zeros(messages, np.int32),
    )
