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
        flags = ir.VectorType(ir.IntType(1), LANES)
        q_p = pointer(context, builder, sig.args[2], q_v, j_v)
        sends = builder.icmp_unsigned(
            "!=", load(builder, q_p, bits), ir.Constant(bits, [0] * LANES)
        )
        lowest = splat(builder, builder.trunc(unit_v, INT32), numbers)
        units = builder.add(lowest, ir.Constant(numbers, list(range(LANES))))
        compress = builder.module.globals.get(COMPRESS) or ir.Function(
            builder.module, ir.FunctionType(numbers, [numbers, numbers, flags]), COMPRESS
        )
        front = builder.call(compress, [units, units, sends])
        store(builder, front, pointer(context, builder, sig.args[0], rows_v, place_v))
        return builder.zext(builder.ctpop(builder.bitcast(sends, ir.IntType(LANES))), INDEX)

    return signature, codegen


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
