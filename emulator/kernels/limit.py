"""What the machine allows: sums of weight rows and nothing else, for benchmarks.

Three limits that the engine is held against. ``add_chosen_rows`` is the plain loop that
anyone would write: for each spike, add its row to the sums. ``add_listed_rows`` takes the
engine's own register kernel (`rows.add_rows`) through the rows of a whole run, without
units, encoders or counters; ``spread_lists`` is that for connections of any kind.

Axes: i = place in a list of rows, j = column.
"""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.connections import spread
from eqchip.emulator.kernels.jit import kernel
from eqchip.emulator.kernels.rows import add_rows
from eqchip.emulator.kernels.vectors import CACHE_LINE


@kernel
def add_chosen_rows(sums, weights, stride, rows):
    """sums[j] += weights[rows[i] * stride + j], for all i in turn.

    sums: (j,); weights: flat, of the same type, readable up to len(sums) in every row;
    stride: int64; rows: (i,) int32. The inner loop runs on vectors of LLVM's choice;
    with len(sums) a whole number of cache lines, it has no remainder.
    """
    columns = np.uint64(len(sums))
    for i in range(len(rows)):
        row = np.uint64(rows[i] * stride)
        for j in range(columns):
            sums[j] += weights[row + j]


@kernel
def add_listed_rows(sums, at, weights, start, stride, columns, rows, bounds):
    """For each list k, from 0: sums[at + j] = sum of the rows bounds[k] ... bounds[k + 1] - 1.

    The last list's sums stay in ``sums``. weights: flat, row r from start + r * stride on;
    rows: (i,) int32; bounds: (lists + 1,) int64; the rest as for `rows.add_rows`. All is
    readable and writable up to the next whole cache line.
    """
    zero, line = sums.dtype.type(0), CACHE_LINE // sums.itemsize
    whole = (columns + line - 1) // line * line
    for k in range(len(bounds) - 1):
        for j in range(columns):
            sums[at + j] = zero
        add_rows(sums, at, weights, start, stride, whole, rows, bounds[k], bounds[k + 1])


@kernel
def spread_lists(sums, at, n, weights, start, stride, fan, k, single, rows, bounds):
    """For each list: sums[at : at + n] = what its messages bring over connection k.

    rows: (i,) int32; bounds: (lists + 1,) int64; n: units that receive; the rest as for
    `connections.spread`. Returns the synapses crossed.
    """
    zero, crossed = sums.dtype.type(0), 0
    for i in range(len(bounds) - 1):
        for j in range(np.uint64(at), np.uint64(at + n)):
            sums[j] = zero
        crossed += spread(
            sums, at, weights, start, stride, fan, k, single, rows, sums, bounds[i], bounds[i + 1],
            False,
        )  # fmt: skip
    return crossed
