"""Weight rows added to units that tick at times of their own, inside one window.

A unit that ticks takes what has arrived by then; what arrives later waits for its next tick. So
each column has two sums, and a comparison of the row's time with the unit's says to which a row is
added. No tick is looked for, and both sums of a block of columns stay in vector registers while
the rows of the window stream past, as in `rows`.

Every column is summed on its own, row after row in the order given.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from eqchip.emulator.kernels.jit import JIT_DISABLED, inlined
from eqchip.emulator.kernels.vectors import (
    CACHE_LINE,
    INT32,
    line_of,
    load,
    pointer,
    splat,
    store,
    sum_rows,
)

SEARCHED = 64  # times at once
BLOCKS = (4, 2, 1)  # vectors of one cache line summed together: two sums and a time of each


def _sums_by_time(vectors: int) -> Any:
    """Intrinsic: see `add_rows_by_time`, for so many vectors of columns."""

    @intrinsic
    def sums_by_time(
        typingctx: Any, sums: Any, at: Any, later: Any, due: Any, c: Any, w: Any, w0: Any,
        stride: Any, rows: Any, values: Any, times: Any, first: Any, last: Any,
    ) -> Any:  # fmt: skip
        signature = types.void(
            sums, at, later, due, c, w, w0, stride, rows, values, times, first, last
        )

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            number = sig.args[0].dtype
            real = isinstance(number, types.Float)
            vector = line_of(number) if real else ir.VectorType(INT32, CACHE_LINE // 4)
            codes = ir.VectorType(ir.IntType(8), vector.count)
            moments = ir.VectorType(INT32, vector.count)
            at_v, c_v, w0_v, stride_v, first_v, last_v = (args[k] for k in (1, 4, 6, 7, 11, 12))

            def place(k: int, index: Any) -> Any:
                return pointer(context, builder, sig.args[k], args[k], index)

            sums_p, later_p, due_p = place(0, at_v), place(2, c_v), place(3, c_v)
            until = [load(builder, due_p, moments, k) for k in range(vectors)]
            initial = [load(builder, p, vector, k) for p in (sums_p, later_p)
                       for k in range(vectors)]  # fmt: skip
            multiply, add = (builder.fmul, builder.fadd) if real else (builder.mul, builder.add)

            def row_at(k: Any) -> Any:
                row = builder.sext(builder.load(place(8, k)), w0_v.type)
                return builder.add(w0_v, builder.mul(row, stride_v))

            def terms_at(start: Any, k: Any) -> list[Any]:
                row_p = place(5, start)
                value = splat(builder, builder.load(place(9, k)), vector)
                time = splat(builder, builder.load(place(10, k)), moments)
                terms = []
                for i in range(vectors):
                    weights = load(builder, row_p, vector if real else codes, i)
                    if not real:
                        weights = builder.sext(weights, vector)
                    terms.append(multiply(value, weights))
                return [
                    (term, builder.icmp_signed(way, time, moment))
                    for way in ("<=", ">")
                    for term, moment in zip(terms, until, strict=True)
                ]

            def add_where(total: Any, term: Any) -> Any:
                value, wanted = term
                return builder.select(wanted, add(total, value), total)

            totals = sum_rows(builder, first_v, last_v, row_at, terms_at, initial, add_where)
            for i in range(vectors):
                store(builder, totals[i], sums_p, i)
                store(builder, totals[vectors + i], later_p, i)
            return context.get_dummy_value()

        return signature, codegen

    return sums_by_time


_SUMS_4, _SUMS_2, _SUMS_1 = (_sums_by_time(n) for n in BLOCKS)


@inlined
def add_rows_by_time(sums, at, later, due, w, w0, stride, n, rows, values, times, first, last):
    """Add values[k] * w[w0 + rows[k] * stride : + n] for k in first ... last - 1, in this order.

    Column c is added to sums[at + c] if times[k] <= due[c], else to later[c]. sums, later, values:
    of one type, a chip's integers int32, whose w is int8; due, times, rows: int32; all else int64.
    n: whole cache lines of sums.
    """
    line = CACHE_LINE // sums.itemsize
    lines = n // line
    c = np.int64(0)
    for _ in range(lines // 4):
        _SUMS_4(sums, at + c, later, due, c, w, w0 + c, stride, rows, values, times, first, last)
        c += 4 * line
    if lines & 2:
        _SUMS_2(sums, at + c, later, due, c, w, w0 + c, stride, rows, values, times, first, last)
        c += 2 * line
    if lines & 1:
        _SUMS_1(sums, at + c, later, due, c, w, w0 + c, stride, rows, values, times, first, last)


@intrinsic
def _due_between(typingctx: Any, due: Any, first: Any, after: Any, before: Any) -> Any:
    """Intrinsic: whether one of SEARCHED times from `first` on is in [after, before)."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vector = ir.VectorType(INT32, CACHE_LINE // 4)
        start = pointer(context, builder, sig.args[0], args[0], args[1])
        low, high = (splat(builder, builder.trunc(args[k], INT32), vector) for k in (2, 3))
        found = None
        for k in range(SEARCHED // vector.count):
            moment = load(builder, start, vector, k)
            inside = builder.and_(
                builder.icmp_signed(">=", moment, low), builder.icmp_signed("<", moment, high)
            )
            found = inside if found is None else builder.or_(found, inside)
        bits = builder.bitcast(found, ir.IntType(vector.count))
        return builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))

    return types.boolean(due, first, after, before), codegen


@inlined
def is_due_between(due, n, after, before):
    """Whether one of the first n times of `due` is in [after, before).

    due: int32, LATE from n on to a multiple of SEARCHED; all else int64.
    """
    first = np.int64(0)
    while first < n:
        if _due_between(due, first, after, before):
            return True
        first += SEARCHED
    return False


def _is_due_between_plain(due, n, after, before):
    return bool(((due[:n] >= after) & (due[:n] < before)).any())


def _add_rows_by_time_plain(
    sums, at, later, due, w, w0, stride, n, rows, values, times, first, last
):
    for k in range(first, last):
        start = w0 + int(rows[k]) * stride
        terms = values[k] * w[start : start + n].astype(sums.dtype)
        held = len(terms)  # the last row may end before its line
        in_time = times[k] <= due[:held]
        sums[at : at + held][in_time] += terms[in_time]
        later[:held][~in_time] += terms[~in_time]


if JIT_DISABLED:  # LLVM vectors have no plain Python form
    add_rows_by_time, is_due_between = _add_rows_by_time_plain, _is_due_between_plain
