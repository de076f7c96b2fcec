"""A time step of a layer in one pass: decode, drive, step and encode a cache line of units.

The loops of `units` take the same step one operation at a time, and each goes through memory once
more. Together they would touch too many arrays for LLVM to test whether they overlap, so the step
is written here as LLVM vectors, for the coding that most networks use: sigma-delta with prediction
and scheduled step sizes. Operations and their order are those of `units`: the result is theirs to
the last bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from eqchip.emulator.kernels.jit import JIT_DISABLED, inlined
from eqchip.emulator.kernels.vectors import CACHE_LINE, line_of, load, pointer, splat, store

AVAILABLE = not JIT_DISABLED


def _step(builder: Any, vector: Any, places: Any, coefficients: Any, steps: Any) -> None:
    """The step of a line of units: places, addresses of u, r, b, s, phi and q.

    coefficients: vectors lam_keep, lam, eps_keep, eps; steps: which units step, None for all.
    """
    u_p, r_p, b_p, s_p, phi_p, q_p = places
    keep, gain, old_share, new_share = coefficients
    zero, half, one = (ir.Constant(vector, [x] * vector.count) for x in (0.0, 0.5, 1.0))

    def put(value: Any, before: Any, place: Any) -> None:
        store(builder, value if steps is None else builder.select(steps, value, before), place)

    average = load(builder, r_p, vector)
    decoded = builder.fadd(
        builder.fmul(keep, average), builder.fmul(gain, load(builder, u_p, vector))
    )
    put(decoded, average, r_p)
    drive = builder.fadd(decoded, load(builder, b_p, vector))
    before = load(builder, s_p, vector)
    new = builder.fadd(builder.fmul(old_share, before), builder.fmul(new_share, drive))
    new = builder.select(builder.fcmp_ordered("<", new, zero), zero, new)
    new = builder.select(builder.fcmp_ordered(">", new, one), one, new)
    put(new, before, s_p)
    predicted = builder.fdiv(builder.fsub(new, builder.fmul(keep, before)), gain)
    held = load(builder, phi_p, vector)
    residue = builder.fadd(held, predicted)
    fires = builder.fcmp_ordered(">", residue, half)
    put(builder.select(fires, builder.fsub(residue, one), residue), held, phi_p)
    if steps is not None:
        fires = builder.and_(fires, steps)
    bits = builder.zext(fires, ir.VectorType(ir.IntType(8), vector.count))
    store(builder, bits, q_p)


@intrinsic
def _step_line(
    typingctx: Any, u: Any, r: Any, b: Any, s: Any, phi: Any, q: Any, j: Any,
    lam_keep: Any, lam: Any, eps_keep: Any, eps: Any,
) -> Any:  # fmt: skip
    """The step of the units j ... of one cache line; see `step_lines`."""
    signature = types.void(u, r, b, s, phi, q, j, lam_keep, lam, eps_keep, eps)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vector = line_of(sig.args[0].dtype)
        places = [pointer(context, builder, sig.args[k], args[k], args[6]) for k in range(6)]
        coefficients = [splat(builder, scalar, vector) for scalar in args[7:11]]
        _step(builder, vector, places, coefficients, None)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def _step_line_apart(
    typingctx: Any, u: Any, r: Any, b: Any, s: Any, phi: Any, q: Any, j: Any,
    lam_keep: Any, lam: Any, eps_keep: Any, eps: Any, ticks: Any, c: Any,
) -> Any:  # fmt: skip
    """As `_step_line`, with coefficients from c on, for the units whose `ticks` is not 0."""
    signature = types.void(u, r, b, s, phi, q, j, lam_keep, lam, eps_keep, eps, ticks, c)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vector = line_of(sig.args[0].dtype)
        bytes_ = ir.VectorType(ir.IntType(8), vector.count)
        places = [pointer(context, builder, sig.args[k], args[k], args[6]) for k in range(6)]
        coefficients = [
            load(builder, pointer(context, builder, sig.args[k], args[k], args[12]), vector)
            for k in range(7, 11)
        ]
        flags = load(builder, pointer(context, builder, sig.args[11], args[11], args[6]), bytes_)
        steps = builder.icmp_unsigned("!=", flags, ir.Constant(bytes_, [0] * vector.count))
        _step(builder, vector, places, coefficients, steps)
        return context.get_dummy_value()

    return signature, codegen


@inlined
def step_lines(u, r, b, s, phi, q, first, n, lam_keep, lam, eps_keep, eps):
    """2. to 5. for the units first ... first + n - 1; the rest of the last line is written, too.

    u: sums that arrived; b: biases; r, s, phi: decoders, potentials and residues, updated; q:
    uint8, the bits, written. All start on a cache line at `first`.
    """
    line = CACHE_LINE // u.itemsize
    for k in range(np.uint64((n + line - 1) // line)):
        _step_line(u, r, b, s, phi, q, first + np.int64(k) * line, lam_keep, lam, eps_keep, eps)


@inlined
def step_lines_apart(u, r, b, s, phi, q, first, n, lam_keep, lam, eps_keep, eps, ticks):
    """As `step_lines`, for the units of these lines whose `ticks` is not 0; others have bit 0.

    lam_keep ... eps: of these units, the first at 0, in the run's numbers; ticks: uint8, of all.
    """
    line = CACHE_LINE // u.itemsize
    for k in range(np.uint64((n + line - 1) // line)):
        c = np.int64(k) * line
        _step_line_apart(u, r, b, s, phi, q, first + c, lam_keep, lam, eps_keep, eps, ticks, c)
