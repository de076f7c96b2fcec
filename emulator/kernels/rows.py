"""Sums of weight rows, the inner loop of everything: out += sum of rows of w.

A spike is a row number; what arrives at a layer is the sum of the rows of the
weight matrix that its presynaptic spikes name. The sum of a column block stays in
vector registers while the rows stream past, so each row element costs one load
and one add, and nothing is stored until the end. LLVM does not find this form
from a loop over arrays (it must assume that ``out`` may overlap ``w``), so it is
written here as LLVM vectors.

Every column is summed on its own, row after row in the order given: the result
is that of the plain loop to the last bit, in either precision.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from eqchip.emulator.kernels.jit import JIT_DISABLED, inlined
from eqchip.emulator.kernels.units import span
from eqchip.emulator.kernels.vectors import (
    CACHE_LINE,
    INDEX,
    add_at_bits,
    line_of,
    load,
    pointer,
    splat,
    store,
    sum_rows,
)

BLOCKS = (8, 4, 2, 1)  # vectors of one cache line summed together; 8 hide the latency of an add


def lanes(dtype: np.dtype) -> int:
    """Numbers in a vector of one cache line."""
    return CACHE_LINE // np.dtype(dtype).itemsize


def _block_sum(vectors: int, scaled: bool) -> Any:
    """Intrinsic: out[o : o + n] += sum_k w[w0 + rows[k] * stride : + n], times values if scaled."""

    @intrinsic
    def block_sum(
        typingctx: Any,
        out: Any,
        o: Any,
        w: Any,
        w0: Any,
        stride: Any,
        rows: Any,
        first: Any,
        last: Any,
        scales: Any,
    ) -> Any:
        signature = types.void(out, o, w, w0, stride, rows, first, last, scales)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            out_v, o_v, w_v, w0_v, stride_v, rows_v, first_v, last_v, scales_v = args
            vector = line_of(sig.args[0].dtype)

            out_p = pointer(context, builder, sig.args[0], out_v, o_v)
            initial = [load(builder, out_p, vector, k) for k in range(vectors)]

            def row_at(k: Any) -> Any:
                row_p = pointer(context, builder, sig.args[5], rows_v, k)
                row = builder.sext(builder.load(row_p), INDEX)
                return builder.add(w0_v, builder.mul(row, stride_v))

            def terms_at(place: Any, k: Any) -> list[Any]:
                w_p = pointer(context, builder, sig.args[2], w_v, place)
                terms = [load(builder, w_p, vector, i) for i in range(vectors)]
                if not scaled:
                    return terms
                scale = builder.load(pointer(context, builder, sig.args[8], scales_v, k))
                factor = splat(builder, scale, vector)
                return [builder.fmul(factor, term) for term in terms]

            totals = sum_rows(builder, first_v, last_v, row_at, terms_at, initial, builder.fadd)
            for i, result in enumerate(totals):
                store(builder, result, out_p, i)
            return context.get_dummy_value()

        return signature, codegen

    return block_sum


_SUM_8, _SUM_4, _SUM_2, _SUM_1 = (_block_sum(n, scaled=False) for n in BLOCKS)
_SCALED_8, _SCALED_4, _SCALED_2, _SCALED_1 = (_block_sum(n, scaled=True) for n in BLOCKS)


def _at_bits(vectors: int) -> Any:
    """Intrinsic: out[o + t * out_stride : + n] += w[w0 : + n] for each bit t of mask."""

    @intrinsic
    def at_bits(
        typingctx: Any, out: Any, o: Any, out_stride: Any, w: Any, w0: Any, mask: Any
    ) -> Any:
        signature = types.void(out, o, out_stride, w, w0, mask)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            out_v, o_v, out_stride_v, w_v, w0_v, mask_v = args
            vector = line_of(sig.args[0].dtype)
            w_p = pointer(context, builder, sig.args[3], w_v, w0_v)
            terms = [load(builder, w_p, vector, k) for k in range(vectors)]
            out_p = pointer(context, builder, sig.args[0], out_v, o_v)
            add_at_bits(builder, out_p, out_stride_v, mask_v, terms, builder.fadd)
            return context.get_dummy_value()

        return signature, codegen

    return at_bits


_AT_BITS_8, _AT_BITS_4, _AT_BITS_2, _AT_BITS_1 = (_at_bits(n) for n in BLOCKS)


@inlined
def add_rows(out, o, w, w0, stride, n, rows, first, last):
    """out[o : o + n] += w[w0 + r * stride : + n] for r in rows[first:last], in this order.

    out, w: flat float arrays of one type; rows: int32; all else int64. What n leaves of
    whole cache lines is added one by one.
    """
    line = CACHE_LINE // out.itemsize
    lines = n // line
    c = 0
    for _ in range(lines // 8):
        _SUM_8(out, o + c, w, w0 + c, stride, rows, first, last, out)
        c += 8 * line
    if lines & 4:
        _SUM_4(out, o + c, w, w0 + c, stride, rows, first, last, out)
        c += 4 * line
    if lines & 2:
        _SUM_2(out, o + c, w, w0 + c, stride, rows, first, last, out)
        c += 2 * line
    if lines & 1:
        _SUM_1(out, o + c, w, w0 + c, stride, rows, first, last, out)
        c += line
    if c < n:
        for k in range(first, last):
            start = w0 + rows[k] * stride
            for j in span(c, n - c):
                out[np.uint64(o) + j] += w[np.uint64(start) + j]


@inlined
def add_scaled_rows(out, o, w, w0, stride, n, rows, values, first, last):
    """out[o : o + n] += values[k] * w[w0 + rows[k] * stride : + n] for k in first ... last - 1."""
    line = CACHE_LINE // out.itemsize
    lines = n // line
    c = 0
    for _ in range(lines // 8):
        _SCALED_8(out, o + c, w, w0 + c, stride, rows, first, last, values)
        c += 8 * line
    if lines & 4:
        _SCALED_4(out, o + c, w, w0 + c, stride, rows, first, last, values)
        c += 4 * line
    if lines & 2:
        _SCALED_2(out, o + c, w, w0 + c, stride, rows, first, last, values)
        c += 2 * line
    if lines & 1:
        _SCALED_1(out, o + c, w, w0 + c, stride, rows, first, last, values)
        c += line
    if c < n:
        for k in range(first, last):
            start, value = w0 + rows[k] * stride, values[k]
            for j in span(c, n - c):
                out[np.uint64(o) + j] += value * w[np.uint64(start) + j]


@inlined
def clear_rows(out, count, n):
    """out[t, : n] = 0 for t in 0 ... count - 1."""
    zero = out.dtype.type(0)
    for t in range(np.uint64(count)):
        for j in range(np.uint64(n)):
            out[t, j] = zero


@inlined
def take_row(to, first, out, t, n):
    """to[first : first + n] = out[t, : n]."""
    row, start = np.uint64(t), np.uint64(first)
    for j in range(np.uint64(n)):
        to[start + np.uint64(j)] = out[row, j]


@inlined
def add_rows_at_bits(out, o, w, w0, stride, n, rows, masks, first, last):
    """out[t, o : o + n] += w[w0 + r * stride : + n] for each bit t of the mask of each of the rows.

    For every t the rows are added in their order, r = rows[i] and masks[i] for i in
    first ... last - 1. out: float (t, columns), with whole cache lines of columns; w: flat
    float; rows: int32; masks: uint32; all else int64. A row is read once, whatever its bits,
    and the columns of a tile of all out[t] stay in the first-level cache.
    """
    line = CACHE_LINE // out.itemsize
    lines = n // line
    c = 0
    for _ in range(lines // 8):
        for i in range(np.uint64(first), np.uint64(last)):
            _AT_BITS_8(out, o + c, out.shape[1], w, w0 + rows[i] * stride + c, masks[i])
        c += 8 * line
    if lines & 4:
        for i in range(np.uint64(first), np.uint64(last)):
            _AT_BITS_4(out, o + c, out.shape[1], w, w0 + rows[i] * stride + c, masks[i])
        c += 4 * line
    if lines & 2:
        for i in range(np.uint64(first), np.uint64(last)):
            _AT_BITS_2(out, o + c, out.shape[1], w, w0 + rows[i] * stride + c, masks[i])
        c += 2 * line
    if lines & 1:
        for i in range(np.uint64(first), np.uint64(last)):
            _AT_BITS_1(out, o + c, out.shape[1], w, w0 + rows[i] * stride + c, masks[i])
        c += line
    if c < n:
        for i in range(first, last):
            start, mask, t = w0 + rows[i] * stride, masks[i], 0
            while mask:
                if mask & np.uint32(1):
                    for j in range(c, n):
                        out[t, o + j] += w[start + j]
                mask >>= np.uint32(1)
                t += 1


def _add_rows_plain(out, o, w, w0, stride, n, rows, first, last):
    for k in range(first, last):
        start = w0 + int(rows[k]) * stride
        out[o : o + n] += w[start : start + n]


def _add_scaled_rows_plain(out, o, w, w0, stride, n, rows, values, first, last):
    for k in range(first, last):
        start = w0 + int(rows[k]) * stride
        out[o : o + n] += values[k] * w[start : start + n]


def _add_rows_at_bits_plain(out, o, w, w0, stride, n, rows, masks, first, last):
    for i in range(first, last):
        start = w0 + int(rows[i]) * stride
        for t in range(len(out)):
            if int(masks[i]) >> t & 1:
                out[t, o : o + n] += w[start : start + n]


if JIT_DISABLED:  # LLVM vectors have no plain Python form
    add_rows, add_scaled_rows = _add_rows_plain, _add_scaled_rows_plain
    add_rows_at_bits = _add_rows_at_bits_plain
