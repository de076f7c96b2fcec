"""Sums of rows of integer weight codes: `rows` for a chip's integers.

Codes are int8 and are summed as int16, 32 to a vector, for as many rows as cannot
overflow; then they are widened and added to int32. A row takes a quarter of the memory of
float32 and its sum half the instructions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from eqchip.emulator.kernels.jit import JIT_DISABLED, inlined
from eqchip.emulator.kernels.units import span
from eqchip.emulator.kernels.vectors import (
    INDEX,
    INT32,
    add_at_bits,
    load,
    pointer,
    store,
    sum_rows,
)

LANES = 32  # codes in a vector
ROWS_AT_ONCE = 256  # 256 codes of -128 are just an int16
CODES = ir.VectorType(ir.IntType(8), LANES)
SHORTS = ir.VectorType(ir.IntType(16), LANES)
WORDS = ir.VectorType(INT32, LANES)
BLOCKS = (16, 8, 4, 2, 1)  # vectors summed together: 16 hold a row of 512


def _shorts(builder: Any, start: Any, k: int) -> Any:
    """Vector k of codes behind an address, widened."""
    return builder.sext(load(builder, start, CODES, k), SHORTS)


def _code_sum(vectors: int) -> Any:
    """Intrinsic: out[o : o + n] += sum_k w[w0 + rows[k] * stride : + n], k = first ... last - 1."""

    @intrinsic
    def code_sum(
        typingctx: Any, out: Any, o: Any, w: Any, w0: Any, stride: Any, rows: Any, first: Any,
        last: Any,
    ) -> Any:  # fmt: skip
        signature = types.void(out, o, w, w0, stride, rows, first, last)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            out_v, o_v, w_v, w0_v, stride_v, rows_v, first_v, last_v = args
            zero = ir.Constant(SHORTS, [0] * LANES)

            def row_at(k: Any) -> Any:
                row_p = pointer(context, builder, sig.args[5], rows_v, k)
                row = builder.sext(builder.load(row_p), INDEX)
                return builder.add(w0_v, builder.mul(row, stride_v))

            def terms_at(place: Any, k: Any) -> list[Any]:
                w_p = pointer(context, builder, sig.args[2], w_v, place)
                return [_shorts(builder, w_p, i) for i in range(vectors)]

            totals = sum_rows(
                builder, first_v, last_v, row_at, terms_at, [zero] * vectors, builder.add
            )
            out_p = pointer(context, builder, sig.args[0], out_v, o_v)
            for i, total in enumerate(totals):
                wide = builder.add(load(builder, out_p, WORDS, i), builder.sext(total, WORDS))
                store(builder, wide, out_p, i)
            return context.get_dummy_value()

        return signature, codegen

    return code_sum


def _codes_at_bits(vectors: int) -> Any:
    """Intrinsic: out[o + t * out_stride : + n] += w[w0 : + n] for each bit t of mask."""

    @intrinsic
    def at_bits(
        typingctx: Any, out: Any, o: Any, out_stride: Any, w: Any, w0: Any, mask: Any
    ) -> Any:
        signature = types.void(out, o, out_stride, w, w0, mask)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            out_v, o_v, out_stride_v, w_v, w0_v, mask_v = args
            w_p = pointer(context, builder, sig.args[3], w_v, w0_v)
            terms = [_shorts(builder, w_p, k) for k in range(vectors)]
            out_p = pointer(context, builder, sig.args[0], out_v, o_v)
            add_at_bits(builder, out_p, out_stride_v, mask_v, terms, builder.add)
            return context.get_dummy_value()

        return signature, codegen

    return at_bits


_SUM_16, _SUM_8, _SUM_4, _SUM_2, _SUM_1 = (_code_sum(n) for n in BLOCKS)
_AT_16, _AT_8, _AT_4, _AT_2, _AT_1 = (_codes_at_bits(n) for n in BLOCKS)


@inlined
def _add_few_code_rows(out, o, w, w0, stride, n, rows, first, last):
    """As `add_code_rows`, for at most ROWS_AT_ONCE rows."""
    vectors = n // LANES
    c = 0
    for _ in range(vectors // 16):
        _SUM_16(out, o + c, w, w0 + c, stride, rows, first, last)
        c += 16 * LANES
    if vectors & 8:
        _SUM_8(out, o + c, w, w0 + c, stride, rows, first, last)
        c += 8 * LANES
    if vectors & 4:
        _SUM_4(out, o + c, w, w0 + c, stride, rows, first, last)
        c += 4 * LANES
    if vectors & 2:
        _SUM_2(out, o + c, w, w0 + c, stride, rows, first, last)
        c += 2 * LANES
    if vectors & 1:
        _SUM_1(out, o + c, w, w0 + c, stride, rows, first, last)
        c += LANES
    if c < n:
        for k in range(first, last):
            start = w0 + rows[k] * stride
            for j in span(c, n - c):
                out[np.uint64(o) + j] += w[np.uint64(start) + j]


@inlined
def add_code_rows(out, o, w, w0, stride, n, rows, first, last):
    """out[o : o + n] += w[w0 + r * stride : + n] for r in rows[first:last].

    out: flat int32; w: flat int8; rows: int32; all else int64. What n leaves of whole vectors
    is added one by one.
    """
    while first < last:
        end = min(first + ROWS_AT_ONCE, last)
        _add_few_code_rows(out, o, w, w0, stride, n, rows, first, end)
        first = end


@inlined
def _add_few_at_bits(tile, o, w, w0, stride, n, rows, masks, first, last):
    vectors = n // LANES
    c = 0
    for _ in range(vectors // 16):
        for i in range(np.uint64(first), np.uint64(last)):
            _AT_16(tile, o + c, tile.shape[1], w, w0 + rows[i] * stride + c, masks[i])
        c += 16 * LANES
    if vectors & 8:
        for i in range(np.uint64(first), np.uint64(last)):
            _AT_8(tile, o + c, tile.shape[1], w, w0 + rows[i] * stride + c, masks[i])
        c += 8 * LANES
    if vectors & 4:
        for i in range(np.uint64(first), np.uint64(last)):
            _AT_4(tile, o + c, tile.shape[1], w, w0 + rows[i] * stride + c, masks[i])
        c += 4 * LANES
    if vectors & 2:
        for i in range(np.uint64(first), np.uint64(last)):
            _AT_2(tile, o + c, tile.shape[1], w, w0 + rows[i] * stride + c, masks[i])
        c += 2 * LANES
    if vectors & 1:
        for i in range(np.uint64(first), np.uint64(last)):
            _AT_1(tile, o + c, tile.shape[1], w, w0 + rows[i] * stride + c, masks[i])
        c += LANES
    if c < n:
        for i in range(first, last):
            start, mask, t = w0 + rows[i] * stride, masks[i], 0
            while mask:
                if mask & np.uint32(1):
                    for j in range(c, n):
                        tile[t, o + j] += w[start + j]
                mask >>= np.uint32(1)
                t += 1


@inlined
def widen(out, tile, o, steps, n):
    """out[t, o : o + n] += tile[t, o : o + n], which becomes 0, for t in 0 ... steps - 1."""
    zero = np.int16(0)
    for t in range(np.uint64(steps)):
        for j in span(o, n):
            out[t, j] += tile[t, j]
        for j in span(o, n):
            tile[t, j] = zero


@inlined
def add_code_rows_at_bits(out, o, tile, w, w0, stride, n, rows, masks, first, last, steps):
    """out[t, o : o + n] += w[w0 + r * stride : + n] for each bit t of the mask of each of the rows.

    r = rows[i] and masks[i] for i in first ... last - 1, bits below `steps`. out: int32 and
    tile: int16, (t, columns) with whole cache lines of codes as columns; tile is 0 before
    and after; w: flat int8; rows: int32; masks: uint32; all else int64.
    """
    while first < last:
        end = min(first + ROWS_AT_ONCE, last)
        _add_few_at_bits(tile, o, w, w0, stride, n, rows, masks, first, end)
        widen(out, tile, o, steps, n)
        first = end


@inlined
def add_scaled_code_rows(out, o, w, w0, stride, n, rows, values, first, last):
    """out[o : o + n] += values[k] * w[w0 + rows[k] * stride : + n] for k in first ... last - 1.

    out: flat int64; values: int32, at most 2**22; w: int8: exact for up to 2**33 rows.
    """
    start_out = np.uint64(o)
    for k in range(np.uint64(first), np.uint64(last)):
        start, value = np.uint64(w0 + rows[k] * stride), np.int64(values[k])
        for j in range(np.uint64(n)):
            place = np.uint64(j)
            out[start_out + place] += value * np.int64(w[start + place])


@inlined
def add_weighed_code_rows(out, o, w, w0, stride, n, rows, values, first, last):
    """out[o : o + n] += values[k] * w[w0 + rows[k] * stride : + n] for k in first ... last - 1.

    out: flat int32, which the sums must not leave; values: int32; w: int8.
    """
    start_out = np.uint64(o)
    for k in range(np.uint64(first), np.uint64(last)):
        start, value = np.uint64(w0 + rows[k] * stride), np.int32(values[k])
        for j in range(np.uint64(n)):
            place = np.uint64(j)
            out[start_out + place] += np.int32(value * np.int32(w[start + place]))


def _add_code_rows_plain(out, o, w, w0, stride, n, rows, first, last):
    for k in range(first, last):
        start = w0 + int(rows[k]) * stride
        out[o : o + n] += w[start : start + n]


def _add_code_rows_at_bits_plain(out, o, tile, w, w0, stride, n, rows, masks, first, last, steps):
    for i in range(first, last):
        start = w0 + int(rows[i]) * stride
        for t in range(steps):
            if int(masks[i]) >> t & 1:
                out[t, o : o + n] += w[start : start + n]


if JIT_DISABLED:  # LLVM vectors have no plain Python form
    add_code_rows, add_code_rows_at_bits = _add_code_rows_plain, _add_code_rows_at_bits_plain
