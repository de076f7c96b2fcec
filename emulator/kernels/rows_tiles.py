"""Sums of rows at many steps that stay in registers, where a processor has AVX-512.

`rows.add_rows_at_bits` loads and stores a sum for every spike. Here the sums of four cache lines of
columns at up to six steps stay in registers while all rows go past, and a row is added where the
step's bit is set: the instruction leaves out the rest by a mask. Rows are added in their order, to
the steps in which they fire and to no others: the result is the same to the last bit.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
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
    store,
)

AVAILABLE = has_features("avx512f") and not JIT_DISABLED
LINES = 4  # of columns
MOST_STEPS, FEWEST_STEPS = 6, 4  # of which the sums are in registers together
# Here a row costs the same at every step; the other way a spike costs 9 / 5 of that. Measured at
# 500 columns, 4 to 30 steps, where both are alike from a share of spikes of 0.42 to 0.55 on.
ROW, SPIKE = 5, 9


def _tile(steps: int) -> Any:
    """Intrinsic: out[t, o : + LINES] += rows at bits, for t = begin ... begin + steps - 1."""

    @intrinsic
    def tile(
        typingctx: Any, out: Any, o: Any, out_stride: Any, begin: Any, w: Any, w0: Any, stride: Any,
        rows: Any, masks: Any, first: Any, last: Any,
    ) -> Any:  # fmt: skip
        signature = types.void(out, o, out_stride, begin, w, w0, stride, rows, masks, first, last)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            out_v, o_v, out_stride_v, begin_v, w_v, w0_v, stride_v, rows_v, masks_v = args[:9]
            first_v, last_v = args[9:]
            vector = line_of(sig.args[0].dtype)
            flag = ir.IntType(vector.count)
            flags = ir.VectorType(ir.IntType(1), vector.count)
            sums_p = [
                pointer(
                    context, builder, sig.args[0], out_v,
                    builder.add(
                        builder.mul(builder.add(begin_v, ir.Constant(INDEX, t)), out_stride_v), o_v
                    ),
                )
                for t in range(steps)
            ]  # fmt: skip
            before = [[load(builder, at, vector, k) for k in range(LINES)] for at in sums_p]

            head = builder.block
            loop, done = (builder.append_basic_block(name) for name in ("rows", "done"))
            builder.branch(loop)
            builder.position_at_end(loop)
            i = builder.phi(INDEX)
            sums = [[builder.phi(vector) for _ in range(LINES)] for _ in range(steps)]
            row = builder.sext(
                builder.load(pointer(context, builder, sig.args[7], rows_v, i)), INDEX
            )
            w_p = pointer(
                context, builder, sig.args[4], w_v, builder.add(w0_v, builder.mul(row, stride_v))
            )
            terms = [load(builder, w_p, vector, k) for k in range(LINES)]
            mask = builder.load(pointer(context, builder, sig.args[8], masks_v, i))
            mask = builder.lshr(mask, builder.trunc(begin_v, mask.type))
            new = []
            for t in range(steps):
                bit = builder.trunc(builder.lshr(mask, ir.Constant(mask.type, t)), ir.IntType(1))
                fires = builder.bitcast(builder.sext(bit, flag), flags)
                new.append(
                    [
                        builder.select(fires, builder.fadd(total, term), total)
                        for total, term in zip(sums[t], terms, strict=True)
                    ]
                )
            following = builder.add(i, ir.Constant(INDEX, 1))
            i.add_incoming(first_v, head)
            i.add_incoming(following, loop)
            for t in range(steps):
                for k in range(LINES):
                    sums[t][k].add_incoming(before[t][k], head)
                    sums[t][k].add_incoming(new[t][k], loop)
            builder.cbranch(builder.icmp_signed("<", following, last_v), loop, done)

            builder.position_at_end(done)
            for at, totals in zip(sums_p, new, strict=True):
                for k, total in enumerate(totals):
                    store(builder, total, at, k)
            return context.get_dummy_value()

        return signature, codegen

    return tile


_TILE_6, _TILE_5, _TILE_4 = _tile(6), _tile(5), _tile(4)


@inlined
def are_tiles_faster(rows, spikes, steps):
    """Whether to take tiles, for so many rows that send so many spikes in so many steps."""
    return AVAILABLE and SPIKE * spikes > ROW * rows * max(steps, FEWEST_STEPS)


@inlined
def add_rows_by_tiles(out, o, w, w0, stride, n, rows, masks, first, last, steps):
    """As `rows.add_rows_at_bits`, for the whole tiles of n; returns how many numbers they are.

    At least one row; out has rows for t up to 7, and no mask a bit from `steps` on.
    """
    if not AVAILABLE:  # known when this is compiled
        return 0
    columns = LINES * (CACHE_LINE // out.itemsize)
    whole = n // columns * columns
    for c in range(0, whole, columns):
        groups = (steps + MOST_STEPS - 1) // MOST_STEPS
        done = 0
        for group in range(groups):
            left = groups - group
            size = (steps - done + left - 1) // left
            if size == MOST_STEPS:
                _TILE_6(out, o + c, out.shape[1], done, w, w0 + c, stride, rows, masks, first, last)
            elif size == MOST_STEPS - 1:
                _TILE_5(out, o + c, out.shape[1], done, w, w0 + c, stride, rows, masks, first, last)
            else:
                size = FEWEST_STEPS
                _TILE_4(out, o + c, out.shape[1], done, w, w0 + c, stride, rows, masks, first, last)
            done += size
    return whole
