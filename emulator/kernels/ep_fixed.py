"""The EP unit in a chip's integers: the functions of `ep`, rule for rule.

The rules are those of docs/fixed-point.md; the twin that is written to be read is
`eqchip.backends.reference.ep_fixed`. Potentials, residues and decoders are int32 that stand for
multiples of 2**-fraction_bits. It keeps `ep.EPState`, without statistics of the step size.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eqchip.emulator.kernels.fused import AVAILABLE
from eqchip.emulator.kernels.fused_fixed import step_code_lines, step_code_lines_apart
from eqchip.emulator.kernels.jit import inlined
from eqchip.emulator.kernels.units import bernoulli, copy
from eqchip.emulator.kernels.units_fixed import (
    decode_states,
    drive_states,
    follow_states,
    nudge_states,
    predict_each_state,
    predict_states,
    settle_input_states,
    sigma_delta_states,
    step_states,
)


class EPFixedRules(NamedTuple):
    """`ep.EPRules` for a chip's integers.

    eps, lam, inverse: (steps,) int64 tables over t - 1, gains and 1 / lam, over
    2**coefficient_bits, as is threshold; finest: the largest k.
    """

    predictive: bool
    follows: bool
    eps: np.ndarray
    lam: np.ndarray
    inverse: np.ndarray
    threshold: int
    finest: int


@inlined
def advance_at_once(rules, unit, scratch, record, first, n, layer, t, two_beta, b, phase):
    """`advance` and the bits of these units in one pass, where there is one; returns whether."""
    coding = rules.unit
    if not (AVAILABLE and coding.predictive and not rules.draws and two_beta == 0):
        return False
    record.saturations[b, phase, layer] += step_code_lines(
        scratch.u, unit.r, scratch.b, unit.s, unit.phi, scratch.q, first, n,
        coding.lam[t - 1], coding.eps[t - 1], coding.inverse[t - 1], rules.coefficient_bits,
        rules.one, rules.low, rules.high,
    )  # fmt: skip
    return True


@inlined
def advance_apart(rules, unit, scratch, record, lines, lined, first, listed, count, layer, t, clock,
                  ticks, two_beta, b, phase):  # fmt: skip
    """`advance_at_once` of units that have taken steps of their own number; returns whether.

    Of the input nothing arrives, and a step of size 1 takes it to where it is clamped.
    """
    coding = rules.unit
    if not (AVAILABLE and coding.predictive and not rules.draws and two_beta == 0):
        return False
    for k in range(np.uint64(count)):
        i = np.int64(listed[k])
        j, step_of = np.uint64(first - lines + i), np.uint64(t[np.uint64(clock + i)] - 1)
        scratch.p[j] = np.int32(coding.lam[step_of])
        whole = np.int64(1) << rules.coefficient_bits
        scratch.eps[j] = np.int32(whole if layer == 0 else coding.eps[step_of])
        scratch.error[j] = np.int32(coding.inverse[step_of])
    record.saturations[b, phase, layer] += step_code_lines_apart(
        scratch.u, unit.r, scratch.b, unit.s, unit.phi, scratch.q, lines, lined, scratch.p,
        scratch.eps, scratch.error, rules.coefficient_bits, rules.one, rules.low, rules.high, ticks,
    )  # fmt: skip
    return True


@inlined
def advance(rules, unit, scratch, record, first, n, layer, t, two_beta, b, phase):
    """2. to 4. Decode, drive, step: u becomes the new potentials s of these units.

    two_beta: 0 where no nudge is.
    """
    coding = rules.unit
    p, bits, low, high = scratch.p, rules.coefficient_bits, rules.low, rules.high
    if coding.predictive:
        decode_states(unit.r, scratch.u, first, n, coding.lam[t - 1], bits)
        clipped = drive_states(p, unit.r, scratch.b, first, n, low, high)
    elif coding.follows:
        _follow(rules, unit, scratch, first, n)
        clipped = drive_states(p, unit.r, scratch.b, first, n, low, high)
    else:
        clipped = drive_states(p, scratch.u, scratch.b, first, n, low, high)
    if two_beta != 0:
        clipped += nudge_states(p, scratch.y, unit.s, first, n, two_beta, bits, low, high)
    record.saturations[b, phase, layer] += clipped
    step_states(unit.s, scratch.previous, p, first, n, coding.eps[t - 1], bits, rules.one)


@inlined
def _follow(rules, unit, scratch, first, n):
    """2. Decode, with the coefficient that each unit adapts."""
    coding = rules.unit
    follow_states(
        unit.lam, unit.held, unit.mean, unit.size, unit.r, scratch.u, first, n, coding.threshold,
        rules.coefficient_bits, coding.finest, rules.low, rules.high,
    )  # fmt: skip


@inlined
def read(rules, unit, scratch, record, first, n, layer, t, two_beta, b, phase):
    """2. to 4. of a read-out: s is what it decodes; through a nudged phase it keeps its error."""
    coding = rules.unit
    bits, low, high = rules.coefficient_bits, rules.low, rules.high
    if coding.predictive:
        decode_states(unit.r, scratch.u, first, n, coding.lam[t - 1], bits)
        v = unit.r
    elif coding.follows:
        _follow(rules, unit, scratch, first, n)
        v = unit.r
    else:
        v = scratch.u
    if two_beta == 0:
        record.saturations[b, phase, layer] += drive_states(
            unit.s, v, scratch.b, first, n, low, high
        )


@inlined
def emit(rules, unit, scratch, record, a, s, previous, uniforms, first, n, layer, t, b, phase):
    """5. q = the bits of units first ... first + n - 1 with potentials s, from `previous` on."""
    coding = rules.unit
    low, high, clipped = rules.low, rules.high, 0
    if coding.predictive:
        clipped += predict_states(
            a, s, previous, first, n, coding.inverse[t - 1], rules.coefficient_bits, low, high
        )
    elif coding.follows:
        if layer == 0:
            settle_input_states(unit.lam, unit.held, first, n, coding.finest)
        clipped += predict_each_state(
            a, s, previous, unit.phi, unit.lam, unit.held, first, n, rules.one, low, high
        )
    else:
        copy(a, s, first, n)
    if rules.draws:
        bernoulli(scratch.q, a, uniforms, first, n)
    else:
        clipped += sigma_delta_states(scratch.q, unit.phi, a, first, n, rules.one, low, high)
    record.saturations[b, phase, layer] += clipped
