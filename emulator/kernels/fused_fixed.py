"""A time step of a layer in one pass in a chip's integers: `fused` for them.

The loops of `units_fixed` take the same step one operation at a time. Here sums of what arrives
are joined without being widened, and decode, drive, step,
predict and sigma-delta of a cache line of units are taken in registers, by the same roundings
and clips: the result is theirs to the last bit, and so is the count of what was clipped.

A product of a coefficient and a difference of states needs 64 bits, of which 32 are kept: of the
units of a line the even ones are multiplied, then the odd ones, and put together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from eqchip.emulator.kernels.jit import inlined
from eqchip.emulator.kernels.vectors import CACHE_LINE, INDEX, INT32, load, pointer, splat, store

LANES = CACHE_LINE // 4  # states in a line
STATES = ir.VectorType(INT32, LANES)
PRODUCTS = ir.VectorType(INDEX, LANES // 2)
HALF = 32  # bits
LARGEST_TERM = 2**30  # of a sum of two in int32


def _all(vector: Any, value: int) -> Any:
    return ir.Constant(vector, [value] * vector.count)


def _narrow(builder: Any, numbers: Any) -> Any:
    """The low half of each of the numbers, as a signed one."""
    shift = _all(PRODUCTS, HALF)
    return builder.ashr(builder.shl(numbers, shift), shift)


def _scaled(builder: Any, gain: Any, way: Any, bits: Any) -> Any:
    """As `units_fixed.rescale` of gain * way, for every unit of a line."""
    half = _all(PRODUCTS, HALF)
    pairs = builder.bitcast(way, PRODUCTS)
    factor = _narrow(builder, splat(builder, gain, PRODUCTS))
    shift = splat(builder, bits, PRODUCTS)
    tie = builder.shl(_all(PRODUCTS, 1), builder.sub(shift, _all(PRODUCTS, 1)))

    def rounded(numbers: Any) -> Any:  # only its low half is kept, so zeros may be shifted in
        return builder.lshr(builder.add(builder.mul(numbers, factor), tie), shift)

    even, odd = rounded(_narrow(builder, pairs)), rounded(builder.ashr(pairs, half))
    low = builder.and_(even, _all(PRODUCTS, 2**HALF - 1))
    return builder.bitcast(builder.or_(low, builder.shl(odd, half)), STATES)


def _kept(builder: Any, total: Any, low: Any, high: Any) -> Any:
    """The total, clipped to low ... high."""
    kept = builder.select(builder.icmp_signed("<", total, low), low, total)
    return builder.select(builder.icmp_signed(">", kept, high), high, kept)


def _counter(builder: Any, left: Any, lowest: Any, highest: Any) -> tuple[Any, Any]:
    """A function that clips numbers of a line to lowest ... highest, and one for how many were.

    left: how many of the line are counted; an INDEX.
    """
    counted = builder.icmp_signed(
        ">",
        splat(builder, builder.trunc(left, INT32), STATES),
        ir.Constant(STATES, list(range(LANES))),
    )
    counts = [ir.Constant(INDEX, 0)]

    def clip(total: Any) -> Any:
        kept = _kept(builder, total, lowest, highest)
        beyond = builder.and_(builder.icmp_signed("!=", kept, total), counted)
        ones = builder.ctpop(builder.bitcast(beyond, ir.IntType(LANES)))
        counts.append(builder.add(counts[-1], builder.zext(ones, INDEX)))
        return kept

    return clip, lambda: counts[-1]


@intrinsic
def _join_line(
    typingctx: Any, u: Any, forward: Any, back: Any, j: Any, left: Any, exponent: Any,
    exponent_back: Any, low: Any, high: Any,
) -> Any:  # fmt: skip
    """The sums of the units j ... of one cache line, of which `left` are counted."""
    signature = types.int64(u, forward, back, j, left, exponent, exponent_back, low, high)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        u_p, forward_p, back_p = (
            pointer(context, builder, sig.args[k], args[k], args[3]) for k in range(3)
        )
        zero = ir.Constant(INT32, 0)

        def shifts(exponent: Any) -> tuple[Any, Any]:
            number = builder.trunc(exponent, INT32)
            up = builder.select(builder.icmp_signed(">", number, zero), number, zero)
            return splat(builder, up, STATES), splat(builder, builder.sub(up, number), STATES)

        up, down = shifts(args[5])
        most = builder.lshr(_all(STATES, LARGEST_TERM), up)
        arrived = _kept(builder, load(builder, forward_p, STATES), builder.neg(most), most)
        scaled = builder.ashr(builder.shl(arrived, up), down)
        up, down = shifts(args[6])
        returned = builder.ashr(builder.shl(load(builder, back_p, STATES), up), down)
        clip, clipped = _counter(
            builder, args[4],
            *(splat(builder, builder.trunc(number, INT32), STATES) for number in args[7:9]),
        )  # fmt: skip
        store(builder, clip(builder.add(scaled, returned)), u_p)
        return clipped()

    return signature, codegen


@inlined
def join_code_lines(u, forward, back, first, n, exponent, exponent_back, low, high):
    """As `units_fixed.join_sums`, where sums are small; the rest of the last line is written, too.

    forward within LARGEST_TERM, back below half of it when it is scaled. A sum forward that would
    leave that when it is scaled is taken as LARGEST_TERM: with what comes back it is beyond the
    range of a state all the same, and is clipped.
    """
    clipped = np.int64(0)
    for k in range(np.uint64((n + LANES - 1) // LANES)):
        done = np.int64(k) * LANES
        clipped += _join_line(
            u, forward, back, first + done, n - done, np.int64(exponent), np.int64(exponent_back),
            np.int64(low), np.int64(high),
        )  # fmt: skip
    return clipped


@intrinsic
def _step_line(
    typingctx: Any, u: Any, r: Any, b: Any, s: Any, phi: Any, q: Any, j: Any, left: Any,
    lam: Any, eps: Any, inverse: Any, bits: Any, one: Any, low: Any, high: Any,
) -> Any:  # fmt: skip
    """The step of the units j ... of one cache line, of which `left` are counted."""
    signature = types.int64(u, r, b, s, phi, q, j, left, lam, eps, inverse, bits, one, low, high)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        u_p, r_p, b_p, s_p, phi_p, q_p = (
            pointer(context, builder, sig.args[k], args[k], args[6]) for k in range(6)
        )
        lam_v, eps_v, inverse_v, bits_v = args[8:12]
        whole, lowest, highest = (
            splat(builder, builder.trunc(number, INT32), STATES) for number in args[12:15]
        )
        clip, clipped = _counter(builder, args[7], lowest, highest)

        before = load(builder, r_p, STATES)
        way = builder.sub(load(builder, u_p, STATES), before)
        decoded = builder.add(before, _scaled(builder, lam_v, way, bits_v))
        store(builder, decoded, r_p)
        drive = clip(builder.add(decoded, load(builder, b_p, STATES)))
        old = load(builder, s_p, STATES)
        new = builder.add(old, _scaled(builder, eps_v, builder.sub(drive, old), bits_v))
        new = _kept(builder, new, _all(STATES, 0), whole)
        store(builder, new, s_p)
        gain = _scaled(builder, inverse_v, builder.sub(new, old), bits_v)
        predicted = clip(builder.add(old, gain))
        residue = clip(builder.add(load(builder, phi_p, STATES), predicted))
        fires = builder.icmp_signed(">", residue, builder.lshr(whole, _all(STATES, 1)))
        store(builder, builder.select(fires, builder.sub(residue, whole), residue), phi_p)
        store(builder, builder.zext(fires, ir.VectorType(ir.IntType(8), LANES)), q_p)
        return clipped()

    return signature, codegen


@inlined
def step_code_lines(u, r, b, s, phi, q, first, n, lam, eps, inverse, bits, one, low, high):
    """2. to 5. for the units first ... first + n - 1; the rest of the last line is written, too.

    Arrays as for `fused.step_lines`, int32. lam, eps, inverse: over 2**bits, inverse = 1 / lam;
    low ... high: the range of a state. Returns how many of the n units' results were clipped to
    it. All int64.
    """
    clipped = np.int64(0)
    for k in range(np.uint64((n + LANES - 1) // LANES)):
        done = np.int64(k) * LANES
        clipped += _step_line(
            u, r, b, s, phi, q, first + done, n - done, lam, eps, inverse, bits, np.int64(one),
            np.int64(low), np.int64(high),
        )  # fmt: skip
    return clipped
