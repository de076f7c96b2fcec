"""Sums of rows of weight codes at many steps by dot products of bytes, where a processor has them.

AVX-512 VNNI multiplies four bytes by four bytes and adds the products to an int32, sixteen times
at once. A spike is a byte, 1 or 0: four rows are taken at a time, their codes laid side by side,
and the sums of COLUMNS columns at up to six steps stay in registers while the rows go past. What
`rows_fixed` loads and stores for every spike is stored once. Sums of integers have no order: the
result is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from eqchip.emulator.kernels.jit import JIT_DISABLED, inlined
from eqchip.emulator.kernels.vectors import (
    CACHE_LINE,
    INDEX,
    INT32,
    has_features,
    load,
    pointer,
    splat,
    store,
)

AVAILABLE = has_features("avx512f", "avx512bw", "avx512vnni") and not JIT_DISABLED
DOT = "llvm.x86.avx512.vpdpbusd.512"
ROWS = 128  # taken together: the bytes of these rows and columns stay in the first-level cache
COLUMNS = CACHE_LINE
QUAD = 4 * COLUMNS  # bytes of four rows
MOST_STEPS, FEWEST_STEPS = 6, 4  # of which the sums are in registers together
# By dots every row costs the same at every step, and codes are laid for so many more; the other way
# a spike costs so many times as much as a row. Measured at 128 and 512 columns, 4 to 32 steps.
LAYING, SPIKE = 3, 3
BYTES = ir.VectorType(ir.IntType(8), CACHE_LINE)
PAIRS = ir.VectorType(ir.IntType(16), CACHE_LINE // 2)
WORDS = ir.VectorType(INT32, CACHE_LINE // 4)
LANE = 16  # bytes of a lane; what is unpacked stays in its lane


def _unpack(builder: Any, one: Any, other: Any, high: bool) -> Any:
    """The low or high halves of the lanes of two vectors, number by number in turn."""
    count = one.type.count
    lane = LANE * count // CACHE_LINE
    begin = lane // 2 if high else 0
    places = [
        which * count + first + begin + k
        for first in range(0, count, lane)
        for k in range(lane // 2)
        for which in (0, 1)
    ]
    return builder.shuffle_vector(one, other, _places(places))


def _places(places: Sequence[int]) -> Any:
    return ir.Constant(ir.VectorType(INT32, len(places)), list(places))


def _in_order(builder: Any, sums: Sequence[Any]) -> list[Any]:
    """Sums of columns as quads have them, in the order of columns: lane k of each in vector k."""
    ordered = []
    for k in range(4):
        lane = list(range(4 * k, 4 * k + 4))
        lanes = lane + [16 + place for place in lane]
        left = builder.shuffle_vector(sums[0], sums[1], _places(lanes))
        right = builder.shuffle_vector(sums[2], sums[3], _places(lanes))
        ordered.append(builder.shuffle_vector(left, right, _places(range(16))))
    return ordered


@intrinsic
def _lay_quad(
    typingctx: Any, quads: Any, at: Any, w: Any, row_0: Any, row_1: Any, row_2: Any, row_3: Any
) -> Any:
    """quads[at : + QUAD] = COLUMNS codes of four rows, those of a column side by side.

    row_0 ... row_3: where the rows start in w. Columns are in the order that unpacking leaves.
    """
    signature = types.void(quads, at, w, row_0, row_1, row_2, row_3)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        rows = [
            load(builder, pointer(context, builder, sig.args[2], args[2], start), BYTES)
            for start in args[3:7]
        ]
        out_p = pointer(context, builder, sig.args[0], args[0], args[1])
        for half in (False, True):
            left, right = (
                builder.bitcast(_unpack(builder, rows[i], rows[i + 1], half), PAIRS) for i in (0, 2)
            )
            for k in (False, True):
                four = builder.bitcast(_unpack(builder, left, right, k), BYTES)
                store(builder, four, out_p, 2 * half + k)
        return context.get_dummy_value()

    return signature, codegen


def _dots(steps: int) -> Any:
    """Intrinsic: out[t, o : o + COLUMNS] += the quads' rows at bits, t = first ... + steps - 1."""

    @intrinsic
    def dots(
        typingctx: Any, out: Any, o: Any, out_stride: Any, bits: Any, bits_stride: Any,
        first: Any, quads: Any, count: Any,
    ) -> Any:  # fmt: skip
        signature = types.void(out, o, out_stride, bits, bits_stride, first, quads, count)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            out_v, o_v, out_stride_v, bits_v, bits_stride_v, first_v, quads_v, count_v = args
            dot = builder.module.globals.get(DOT) or ir.Function(
                builder.module, ir.FunctionType(WORDS, [WORDS, WORDS, WORDS]), DOT
            )
            places = [builder.add(first_v, ir.Constant(INDEX, t)) for t in range(steps)]
            bits_p = [
                pointer(context, builder, sig.args[3], bits_v, builder.mul(place, bits_stride_v))
                for place in places
            ]
            quads_p = pointer(context, builder, sig.args[6], quads_v, ir.Constant(INDEX, 0))

            head = builder.block
            loop, done = (builder.append_basic_block(name) for name in ("quads", "done"))
            builder.branch(loop)
            builder.position_at_end(loop)
            k = builder.phi(INDEX)
            k.add_incoming(ir.Constant(INDEX, 0), head)
            sums = [[builder.phi(WORDS) for _ in range(4)] for _ in range(steps)]
            quad_p = builder.gep(quads_p, [builder.mul(k, ir.Constant(INDEX, QUAD))])
            codes = [builder.bitcast(load(builder, quad_p, BYTES, v), WORDS) for v in range(4)]
            following = builder.add(k, ir.Constant(INDEX, 1))
            new = []
            for t in range(steps):
                four_p = builder.bitcast(
                    builder.gep(bits_p[t], [builder.mul(k, ir.Constant(INDEX, 4))]),
                    INT32.as_pointer(),
                )
                four = builder.load(four_p)
                four.align = 1
                fires = splat(builder, four, WORDS)
                new.append([builder.call(dot, [sums[t][v], fires, codes[v]]) for v in range(4)])
            for t in range(steps):
                for v in range(4):
                    sums[t][v].add_incoming(ir.Constant(WORDS, [0] * WORDS.count), head)
                    sums[t][v].add_incoming(new[t][v], loop)
            k.add_incoming(following, loop)
            builder.cbranch(builder.icmp_signed("<", following, count_v), loop, done)

            builder.position_at_end(done)
            for t in range(steps):
                at = builder.add(builder.mul(places[t], out_stride_v), o_v)
                row_p = pointer(context, builder, sig.args[0], out_v, at)
                for v, total in enumerate(_in_order(builder, new[t])):
                    store(builder, builder.add(load(builder, row_p, WORDS, v), total), row_p, v)
            return context.get_dummy_value()

        return signature, codegen

    return dots


_DOTS_6, _DOTS_5, _DOTS_4 = _dots(6), _dots(5), _dots(4)


@inlined
def _take_dots(out, o, flags, quads, count, steps):
    """out[t, o : o + COLUMNS] += what count quads bring in each of the steps, a few at a time."""
    groups = (steps + MOST_STEPS - 1) // MOST_STEPS
    done = 0
    for group in range(groups):
        left = groups - group
        size = (steps - done + left - 1) // left
        if size == MOST_STEPS:
            _DOTS_6(out, o, out.shape[1], flags, flags.shape[1], done, quads, count)
        elif size == MOST_STEPS - 1:
            _DOTS_5(out, o, out.shape[1], flags, flags.shape[1], done, quads, count)
        else:
            size = FEWEST_STEPS
            _DOTS_4(out, o, out.shape[1], flags, flags.shape[1], done, quads, count)
        done += size


@inlined
def _spread_masks(flags, masks, first, count, steps):
    """flags[t, i] = bit t of masks[first + i], and 0 for what a last quad lacks of rows."""
    start = np.uint64(first)
    for t in range(np.uint64(steps)):
        place = np.uint32(t)
        for i in range(np.uint64(count)):
            flags[t, i] = np.uint8((masks[start + np.uint64(i)] >> place) & np.uint32(1))
        for i in range(np.uint64(count), np.uint64((count + 3) // 4 * 4)):
            flags[t, i] = np.uint8(0)


@inlined
def are_dots_faster(rows, spikes, steps):
    """Whether to take dots, for so many rows that send so many spikes in so many steps."""
    return AVAILABLE and SPIKE * spikes > rows * (max(steps, FEWEST_STEPS) + LAYING)


@inlined
def add_code_rows_by_dots(out, o, flags, quads, w, w0, stride, n, rows, masks, first, last, steps):
    """As `rows_fixed.add_code_rows_at_bits`, for the whole COLUMNS of n; returns how many they are.

    out: (t, columns), with rows for t up to 7; flags: (t, ROWS) uint8 and quads: int8 of ROWS rows,
    for use here.
    """
    if not AVAILABLE:  # known when this is compiled: no instruction that there is not
        return 0
    whole = n // COLUMNS * COLUMNS
    taken = max(steps, 2 * FEWEST_STEPS)  # of 7 steps, 8 are taken
    while first < last:
        count = min(last - first, ROWS)
        _spread_masks(flags, masks, first, count, taken)
        for c in range(0, whole, COLUMNS):
            for quad in range((count + 3) // 4):
                i = first + 4 * quad
                # Where rows are missing, the last one stands in, and never fires.
                _lay_quad(
                    quads, quad * QUAD, w,
                    w0 + c + rows[i] * stride,
                    w0 + c + rows[min(i + 1, last - 1)] * stride,
                    w0 + c + rows[min(i + 2, last - 1)] * stride,
                    w0 + c + rows[min(i + 3, last - 1)] * stride,
                )  # fmt: skip
            _take_dots(out, o + c, flags, quads, (count + 3) // 4, steps)
        first += count
    return whole
