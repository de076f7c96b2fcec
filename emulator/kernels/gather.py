"""Lists of messages: which units of a layer send, and what.

A list holds the numbers of units in their layer, int32, ascending; nothing is written
before `at` or from `at + n` on. A layer is the units first ... first + n - 1.

Where the processor has AVX-512, an instruction moves the marked numbers of a vector to
its front, and bits are gathered sixteen at a time; elsewhere one by one. LLVM would
accept the same vectors for any processor, but as a slow sequence of tests.
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
    has_features,
    load,
    pointer,
    splat,
    store,
)

LANES = 16  # int32 in a vector of AVX-512
COMPRESS = "llvm.x86.avx512.mask.compress.v16i32"


HAS_COMPRESS = has_features("avx512f") and not JIT_DISABLED


def _store_front(builder: Any, numbers: Any, sends: Any, at: Any) -> Any:
    """Store the numbers that send, in front of the others; how many."""
    kind, flags = numbers.type, sends.type
    compress = builder.module.globals.get(COMPRESS) or ir.Function(
        builder.module, ir.FunctionType(kind, [kind, kind, flags]), COMPRESS
    )
    store(builder, builder.call(compress, [numbers, numbers, sends]), at)
    return builder.zext(builder.ctpop(builder.bitcast(sends, ir.IntType(LANES))), INDEX)


@intrinsic
def _compress(typingctx: Any, rows: Any, place: Any, q: Any, j: Any, unit: Any) -> Any:
    """rows[place : + count] = those of unit ... unit + 15 whose q[j ...] is not 0; the count.

    Writes all 16 places. The vector is compressed in a register and then stored, since
    some processors take a hundred cycles to compress into memory.
    """
    signature = types.int64(rows, place, q, j, unit)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        rows_v, place_v, q_v, j_v, unit_v = args
        bits = ir.VectorType(ir.IntType(8), LANES)
        numbers = ir.VectorType(INT32, LANES)
        q_p = pointer(context, builder, sig.args[2], q_v, j_v)
        sends = builder.icmp_unsigned(
            "!=", load(builder, q_p, bits), ir.Constant(bits, [0] * LANES)
        )
        lowest = splat(builder, builder.trunc(unit_v, INT32), numbers)
        units = builder.add(lowest, ir.Constant(numbers, list(range(LANES))))
        rows_p = pointer(context, builder, sig.args[0], rows_v, place_v)
        return _store_front(builder, units, sends, rows_p)

    return signature, codegen


@intrinsic
def _compress_at_bit(
    typingctx: Any, listed: Any, place: Any, rows: Any, masks: Any, i: Any, t: Any
) -> Any:
    """As `_compress`, of rows[i : + 16], those whose masks hold bit t."""
    signature = types.int64(listed, place, rows, masks, i, t)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        listed_v, place_v, rows_v, masks_v, i_v, t_v = args
        kind = ir.VectorType(INT32, LANES)
        held = load(builder, pointer(context, builder, sig.args[3], masks_v, i_v), kind)
        bit = builder.shl(ir.Constant(INT32, 1), builder.trunc(t_v, INT32))
        found = builder.and_(held, splat(builder, bit, kind))
        sends = builder.icmp_unsigned("!=", found, ir.Constant(kind, [0] * LANES))
        numbers = load(builder, pointer(context, builder, sig.args[2], rows_v, i_v), kind)
        listed_p = pointer(context, builder, sig.args[0], listed_v, place_v)
        return _store_front(builder, numbers, sends, listed_p)

    return signature, codegen


@intrinsic
def _leading_within(typingctx: Any, rows: Any, k: Any, begin: Any, count: Any) -> Any:
    """How many of rows[k : k + 16], from the first on, are one of the `count` from `begin` on."""
    signature = types.int64(rows, k, begin, count)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        rows_v, k_v, begin_v, count_v = args
        kind = ir.VectorType(INT32, LANES)
        held = load(builder, pointer(context, builder, sig.args[0], rows_v, k_v), kind)
        from_begin = builder.sub(held, splat(builder, builder.trunc(begin_v, INT32), kind))
        limit = splat(builder, builder.trunc(count_v, INT32), kind)
        outside = builder.icmp_unsigned(">=", from_begin, limit)  # what is before begin wraps
        flags = builder.zext(builder.bitcast(outside, ir.IntType(LANES)), INT32)
        ended = builder.or_(flags, ir.Constant(INT32, 1 << LANES))
        return builder.zext(builder.cttz(ended, ir.Constant(ir.IntType(1), 1)), INDEX)

    return signature, codegen


@inlined
def run_within(rows, first, last, begin, count):
    """One past the last of the rows from `first` on, to last - 1, that are begin ... + count - 1.

    rows: int32, in any order: behind maxima they do not ascend. As a rule few are one place's, and
    how many cannot be foretold: they are compared together, without a branch for each.
    """
    end = first
    while end < last:
        if end + LANES > len(rows):  # behind them is other memory
            while end < last and begin <= rows[end] and rows[end] < begin + count:
                end += 1
            return end
        within = _leading_within(rows, end, begin, count)
        end += within
        if within < LANES:
            break
    return min(end, last)


def _run_within_plain(rows, first, last, begin, count):
    outside = (rows[first:last] < begin) | (rows[first:last] >= begin + count)
    return first + int(outside.argmax()) if outside.any() else last


if JIT_DISABLED:  # LLVM vectors have no plain Python form
    run_within = _run_within_plain


@inlined
def gather_spikes_singly(rows, at, q, first, n, unit=0):
    """As `gather_spikes`, one by one from `unit` on: `at` is where that one goes.

    Writes every unit and moves on only past a spike: no branch to mispredict.
    """
    place = np.uint64(at)
    for j in span(first + unit, n - unit):
        rows[place] = unit
        place += np.uint64(q[j])
        unit += 1
    return np.int64(place) - at


@inlined
def gather_spikes_compressed(rows, at, q, first, n):
    """As `gather_spikes`, sixteen at a time while there are as many."""
    place, unit = at, 0
    for _ in range(n // LANES):
        place += _compress(rows, place, q, first + unit, unit)
        unit += LANES
    return place + gather_spikes_singly(rows, place, q, first, n, unit) - at


@inlined
def gather_spikes(rows, at, q, first, n):
    """rows[at : at + count] = the units of the layer whose bit is 1, ascending; returns count.

    q: uint8, 0 or 1.
    """
    if HAS_COMPRESS:
        return gather_spikes_compressed(rows, at, q, first, n)
    return gather_spikes_singly(rows, at, q, first, n, 0)


@inlined
def gather_at_bit(listed, at, rows, masks, first, last, t):
    """listed[at : at + count] = rows[i] for i in first ... last - 1 whose masks[i] holds bit t.

    Returns at + count. listed, rows: int32; masks: uint32; all else int64. Up to 15 places more are
    written.
    """
    i, place = first, at
    if HAS_COMPRESS:
        for _ in range((last - first) // LANES):
            place += _compress_at_bit(listed, place, rows, masks, i, t)
            i += LANES
    free, shift = np.uint64(place), np.uint32(t)
    for j in range(np.uint64(i), np.uint64(last)):
        listed[free] = rows[j]
        free += np.uint64((masks[j] >> shift) & np.uint32(1))
    return np.int64(free)


@inlined
def gather_values(rows, values, at, s, first, n):
    """As `gather_spikes`, one by one, for the messages s other than 0, with their values."""
    zero = s.dtype.type(0)
    place = np.uint64(at)
    unit = 0
    for j in span(first, n):
        rows[place] = unit
        values[place] = s[j]
        place += np.uint64(s[j] != zero)
        unit += 1
    return np.int64(place) - at
