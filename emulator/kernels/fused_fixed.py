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


def _factors(builder: Any, gain: Any) -> tuple[Any, Any]:
    """What even and odd units of a line are multiplied by: one INDEX for all, or STATES."""
    if gain.type == INDEX:
        factor = _narrow(builder, splat(builder, gain, PRODUCTS))
        return factor, factor
    pairs = builder.bitcast(gain, PRODUCTS)
    return _narrow(builder, pairs), builder.ashr(pairs, _all(PRODUCTS, HALF))


def _scaled(builder: Any, gain: Any, way: Any, bits: Any) -> Any:
    """As `units_fixed.rescale` of gain * way, for every unit of a line."""
    half = _all(PRODUCTS, HALF)
    pairs = builder.bitcast(way, PRODUCTS)
    factor_even, factor_odd = _factors(builder, gain)
    shift = splat(builder, bits, PRODUCTS)
    tie = builder.shl(_all(PRODUCTS, 1), builder.sub(shift, _all(PRODUCTS, 1)))

    def rounded(numbers: Any, factor: Any) -> Any:  # its low half is kept: zeros may shift in
        return builder.lshr(builder.add(builder.mul(numbers, factor), tie), shift)

    even = rounded(_narrow(builder, pairs), factor_even)
    odd = rounded(builder.ashr(pairs, half), factor_odd)
    low = builder.and_(even, _all(PRODUCTS, 2**HALF - 1))
    return builder.bitcast(builder.or_(low, builder.shl(odd, half)), STATES)


def _kept(builder: Any, total: Any, low: Any, high: Any) -> Any:
    """The total, clipped to low ... high."""
    kept = builder.select(builder.icmp_signed("<", total, low), low, total)
    return builder.select(builder.icmp_signed(">", kept, high), high, kept)


def _first(builder: Any, left: Any) -> Any:
    """Which units of a line are among the first so many, an INDEX."""
    return builder.icmp_signed(
        ">",
        splat(builder, builder.trunc(left, INT32), STATES),
        ir.Constant(STATES, list(range(LANES))),
    )


def _counter(builder: Any, counted: Any, lowest: Any, highest: Any) -> tuple[Any, Any]:
    """A function that clips numbers of a line to lowest ... highest, and one for how many were.

    counted: which units of the line are counted.
    """
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
            builder, _first(builder, args[4]),
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


def _step(builder: Any, places: Any, coefficients: Any, numbers: Any, counted: Any,
          steps: Any) -> Any:  # fmt: skip
    """The step of a line of units: places, addresses of u, r, b, s, phi and q.

    coefficients: lam, eps and inverse, as `_factors` takes them; numbers: bits, one, low and high;
    counted: of which units clips are counted, which it returns; steps: which step, None for all.
    """
    u_p, r_p, b_p, s_p, phi_p, q_p = places
    lam_v, eps_v, inverse_v = coefficients
    bits_v = numbers[0]
    whole, lowest, highest = (
        splat(builder, builder.trunc(number, INT32), STATES) for number in numbers[1:]
    )
    clip, clipped = _counter(builder, counted, lowest, highest)

    def put(value: Any, before: Any, place: Any) -> None:
        store(builder, value if steps is None else builder.select(steps, value, before), place)

    before = load(builder, r_p, STATES)
    way = builder.sub(load(builder, u_p, STATES), before)
    decoded = builder.add(before, _scaled(builder, lam_v, way, bits_v))
    put(decoded, before, r_p)
    drive = clip(builder.add(decoded, load(builder, b_p, STATES)))
    old = load(builder, s_p, STATES)
    new = builder.add(old, _scaled(builder, eps_v, builder.sub(drive, old), bits_v))
    new = _kept(builder, new, _all(STATES, 0), whole)
    put(new, old, s_p)
    gain = _scaled(builder, inverse_v, builder.sub(new, old), bits_v)
    predicted = clip(builder.add(old, gain))
    held = load(builder, phi_p, STATES)
    residue = clip(builder.add(held, predicted))
    fires = builder.icmp_signed(">", residue, builder.lshr(whole, _all(STATES, 1)))
    put(builder.select(fires, builder.sub(residue, whole), residue), held, phi_p)
    if steps is not None:
        fires = builder.and_(fires, steps)
    store(builder, builder.zext(fires, ir.VectorType(ir.IntType(8), LANES)), q_p)
    return clipped()


@intrinsic
def _step_line(
    typingctx: Any, u: Any, r: Any, b: Any, s: Any, phi: Any, q: Any, j: Any, left: Any,
    lam: Any, eps: Any, inverse: Any, bits: Any, one: Any, low: Any, high: Any,
) -> Any:  # fmt: skip
    """The step of the units j ... of one cache line, of which `left` are counted."""
    signature = types.int64(u, r, b, s, phi, q, j, left, lam, eps, inverse, bits, one, low, high)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        places = [pointer(context, builder, sig.args[k], args[k], args[6]) for k in range(6)]
        return _step(builder, places, args[8:11], args[11:15], _first(builder, args[7]), None)

    return signature, codegen


@intrinsic
def _step_line_apart(
    typingctx: Any, u: Any, r: Any, b: Any, s: Any, phi: Any, q: Any, j: Any, ticks: Any,
    lam: Any, eps: Any, inverse: Any, bits: Any, one: Any, low: Any, high: Any, c: Any,
) -> Any:  # fmt: skip
    """As `_step_line`, with coefficients from c on, for the units whose `ticks` is not 0."""
    signature = types.int64(
        u, r, b, s, phi, q, j, ticks, lam, eps, inverse, bits, one, low, high, c
    )

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        bytes_ = ir.VectorType(ir.IntType(8), LANES)

        def place(k: int, at: int = 6) -> Any:
            return pointer(context, builder, sig.args[k], args[k], args[at])

        coefficients = [load(builder, place(k, 15), STATES) for k in (8, 9, 10)]
        flags = load(builder, place(7), bytes_)
        steps = builder.icmp_unsigned("!=", flags, _all(bytes_, 0))
        places = [place(k) for k in range(6)]
        return _step(builder, places, coefficients, args[11:15], steps, steps)

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


@inlined
def step_code_lines_apart(
    u, r, b, s, phi, q, first, n, lam, eps, inverse, bits, one, low, high, ticks
):
    """As `step_code_lines`, for the units of these lines whose `ticks` is not 0; others' bit is 0.

    lam, eps, inverse: of these units, the first at 0, int32; ticks: uint8, of all.
    """
    clipped = np.int64(0)
    for k in range(np.uint64((n + LANES - 1) // LANES)):
        done = np.int64(k) * LANES
        clipped += _step_line_apart(
            u, r, b, s, phi, q, first + done, ticks, lam, eps, inverse, bits,
            np.int64(one), np.int64(low), np.int64(high), done,
        )  # fmt: skip
    return clipped
