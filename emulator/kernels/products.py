"""Sums of products over pairs of places, in registers: what shared weights learn by.

The sums of several rows, some cache lines of each, stay in registers while all pairs go past; a
pair adds what stands above to each row, times that row's number below. Every sum takes its pairs in
their order, each product rounded: the result is that of the plain loop to the last bit, also where
a number below is 0, since a sum that began with 0 is never -0.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

from eqchip.emulator.kernels.jit import JIT_DISABLED, inlined
from eqchip.emulator.kernels.vectors import (
    CACHE_LINE,
    INDEX,
    has_features,
    line_of,
    load,
    pointer,
    splat,
    store,
    sum_rows,
)

TOGETHER = 4  # rows; with two lines of each, as many registers as a processor with AVX2 has
# Four lines of each fill half of those that AVX-512 has: what is loaded serves twice as often.
MOST_LINES = 4 if has_features("avx512f") else 2


def _tile(rows: int, lines: int) -> Any:
    """Intrinsic: see `add_products`, for whole tiles."""

    @intrinsic
    def tile(
        typingctx: Any, sums: Any, s0: Any, stride: Any, below: Any, b0: Any, above: Any, a0: Any,
        behind: Any, to: Any, first: Any, last: Any,
    ) -> Any:  # fmt: skip
        signature = types.void(sums, s0, stride, below, b0, above, a0, behind, to, first, last)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            sums_v, s0_v, stride_v, below_v, b0_v, above_v, a0_v, behind_v, to_v = args[:9]
            vector = line_of(sig.args[0].dtype)
            sums_p = [
                pointer(
                    context, builder, sig.args[0], sums_v,
                    builder.add(s0_v, builder.mul(INDEX(row), stride_v)),
                )
                for row in range(rows)
            ]  # fmt: skip
            initial = [load(builder, p, vector, k) for p in sums_p for k in range(lines)]

            def place_at(k: Any) -> Any:
                place = builder.load(pointer(context, builder, sig.args[7], behind_v, k))
                return builder.add(b0_v, place)

            def terms_at(place: Any, k: Any) -> list[Any]:
                at = builder.load(pointer(context, builder, sig.args[8], to_v, k))
                above_p = pointer(context, builder, sig.args[5], above_v, builder.add(a0_v, at))
                states = [load(builder, above_p, vector, line) for line in range(lines)]
                found = []
                for row in range(rows):
                    number_p = pointer(
                        context, builder, sig.args[3], below_v, builder.add(place, INDEX(row))
                    )
                    factor = splat(builder, builder.load(number_p), vector)
                    found += [builder.fmul(factor, state) for state in states]
                return found

            totals = sum_rows(builder, args[9], args[10], place_at, terms_at, initial, builder.fadd)
            for n, total in enumerate(totals):
                store(builder, total, sums_p[n // lines], n % lines)
            return context.get_dummy_value()

        return signature, codegen

    return tile


_FOUR_MOST, _FOUR_2, _FOUR_1 = (_tile(TOGETHER, lines) for lines in (MOST_LINES, 2, 1))
_ONE_2, _ONE_1 = (_tile(1, lines) for lines in (2, 1))


@inlined
def add_products(sums, stride, n, rows, below, b0, above, a0, behind, to, first, last):
    """sums[r * stride + j] += below[b0 + behind[k] + r] * above[a0 + to[k] + j].

    For k in first ... last - 1, in this order; r < rows, which is TOGETHER or 1; j < n, and up to
    the end of the last cache line. sums, below, above: flat, of one float type; all else int64.
    """
    line = CACHE_LINE // sums.itemsize
    lines = (n + line - 1) // line
    c = 0
    if rows == TOGETHER:
        for _ in range(lines // MOST_LINES):
            _FOUR_MOST(sums, c, stride, below, b0, above, a0 + c, behind, to, first, last)
            c += MOST_LINES * line
        lines %= MOST_LINES
    for _ in range(lines // 2):
        if rows == TOGETHER:
            _FOUR_2(sums, c, stride, below, b0, above, a0 + c, behind, to, first, last)
        else:
            _ONE_2(sums, c, stride, below, b0, above, a0 + c, behind, to, first, last)
        c += 2 * line
    if lines & 1:
        if rows == TOGETHER:
            _FOUR_1(sums, c, stride, below, b0, above, a0 + c, behind, to, first, last)
        else:
            _ONE_1(sums, c, stride, below, b0, above, a0 + c, behind, to, first, last)


def _add_products_plain(sums, stride, n, rows, below, b0, above, a0, behind, to, first, last):
    for k in range(first, last):
        states = above[a0 + to[k] : a0 + to[k] + n]
        for r in range(rows):
            sums[r * stride : r * stride + n] += below[b0 + behind[k] + r] * states


if JIT_DISABLED:  # LLVM vectors have no plain Python form
    add_products = _add_products_plain
