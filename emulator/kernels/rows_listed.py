"""Sums of rows at many steps, step by step, by rows that stay in the first-level cache.

`rows.add_rows_at_bits` reads a row once, and loads and stores a sum for every spike. Here the rows
are listed by step, a few at a time; eight cache lines of columns of those few fit in the cache, and
every step adds those of its list in registers, as a layer's spikes are added. A row that does not
fire in a step costs it nothing. Rows are added in their order: the result is the same to the last
bit.
"""

from __future__ import annotations

from eqchip.emulator.kernels.gather import gather_at_bit
from eqchip.emulator.kernels.jit import JIT_DISABLED, inlined
from eqchip.emulator.kernels.rows import _SUM_1, _SUM_2, _SUM_4, _SUM_8
from eqchip.emulator.kernels.vectors import CACHE_LINE

TOGETHER = 64  # rows: of each 8 cache lines, 32 KiB


@inlined
def add_rows_listed(out, o, w, w0, stride, n, rows, masks, first, last, steps, listed, begun):
    """As `rows.add_rows_at_bits`, for whole cache lines of n; returns how many numbers they are.

    listed: int32 (steps * TOGETHER + 16,) and begun: int64 (steps + 1,), scratch. No mask has a bit
    from `steps` on.
    """
    line = CACHE_LINE // out.itemsize
    lines = n // line
    for few in range(first, last, TOGETHER):
        end, c = 0, 0
        for t in range(steps):
            begun[t] = end
            end = gather_at_bit(listed, end, rows, masks, few, min(few + TOGETHER, last), t)
        begun[steps] = end
        for _ in range(lines // 8):
            for t in range(steps):
                to = t * out.shape[1] + o + c
                _SUM_8(out, to, w, w0 + c, stride, listed, begun[t], begun[t + 1], out)
            c += 8 * line
        for t in range(steps):
            to, d, begin, last_one = t * out.shape[1] + o + c, w0 + c, begun[t], begun[t + 1]
            if lines & 4:
                _SUM_4(out, to, w, d, stride, listed, begin, last_one, out)
                to, d = to + 4 * line, d + 4 * line
            if lines & 2:
                _SUM_2(out, to, w, d, stride, listed, begin, last_one, out)
                to, d = to + 2 * line, d + 2 * line
            if lines & 1:
                _SUM_1(out, to, w, d, stride, listed, begin, last_one, out)
    return lines * line


def _add_rows_listed_plain(
    out, o, w, w0, stride, n, rows, masks, first, last, steps, listed, begun
):
    return 0  # LLVM vectors have no plain Python form; `rows.add_rows_at_bits` has


if JIT_DISABLED:
    add_rows_listed = _add_rows_listed_plain
