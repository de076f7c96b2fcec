"""The EP unit in floating point: the coding, one time step at a time.

Arguments as `kinds.Kind` says; unit: EPState; rules.unit: EPRules. The twin that is written to be
read is `eqchip.backends.reference.ep`; `ep_fixed` holds the same unit in a chip's integers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eqchip.emulator.kernels.fused import AVAILABLE, step_lines, step_lines_apart
from eqchip.emulator.kernels.jit import inlined
from eqchip.emulator.kernels.units import (
    decode,
    drive,
    follow,
    nudge,
    optimal_step_sizes,
    predict,
    predict_each,
    quantize,
    settle_input,
    step,
    step_each,
)


class EPRules(NamedTuple):
    """How an EP unit computes, floats in the run's type.

    adaptive: whether each unit adapts its step size; predictive: whether the coding predicts by a
    schedule; follows: whether each unit adapts its prediction coefficient; eps,
    eps_keep, lam, lam_keep: (steps,) tables over t - 1, keep = 1 - the coefficient, empty where
    there is none; nu_bar, regularizer, threshold, finest: (1,), the last a coefficient. The
    quantizer is `Rules.draws` (Bernoulli) or `Rules.real_valued` (none), else sigma-delta.
    """

    adaptive: bool
    predictive: bool
    follows: bool
    eps: np.ndarray
    eps_keep: np.ndarray
    lam: np.ndarray
    lam_keep: np.ndarray
    nu_bar: np.ndarray
    regularizer: np.ndarray
    threshold: np.ndarray
    finest: np.ndarray


class EPState(NamedTuple):
    """What an EP unit keeps.

    s: potentials; phi: residues of sigma-delta (the input's are those of its active units, see
    `encode_input`); r: decoders; nu ... spread: statistics of the optimal step size; lam, held,
    mean, size: an adapted prediction coefficient (in a chip's integers k of 2**-k), for how many
    steps it has been held, B and D of `AdaptivePrediction`.
    """

    s: np.ndarray
    phi: np.ndarray
    r: np.ndarray
    nu: np.ndarray
    theta: np.ndarray
    bias: np.ndarray
    square: np.ndarray
    spread: np.ndarray
    lam: np.ndarray
    held: np.ndarray
    mean: np.ndarray
    size: np.ndarray


@inlined
def advance_at_once(rules, unit, scratch, record, first, n, layer, t, two_beta, b, phase):
    """`advance` and the bits of these units in one pass, where there is one; returns whether."""
    coding = rules.unit
    if not (
        AVAILABLE
        and coding.predictive
        and not rules.draws
        and not coding.adaptive
        and two_beta == 0
    ):
        return False
    step_lines(
        scratch.u, unit.r, scratch.b, unit.s, unit.phi, scratch.q, first, n,
        coding.lam_keep[t - 1], coding.lam[t - 1], coding.eps_keep[t - 1], coding.eps[t - 1],
    )  # fmt: skip
    return True


@inlined
def advance_apart(rules, unit, scratch, record, lines, lined, first, listed, count, layer, t, clock,
                  ticks, two_beta, b, phase):  # fmt: skip
    """`advance_at_once` of units that have taken steps of their own number; returns whether.

    Of the input nothing arrives, and a step of size 1 takes it to where it is clamped.
    """
    coding = rules.unit
    if not (
        AVAILABLE
        and coding.predictive
        and not rules.draws
        and not coding.adaptive
        and two_beta == 0
    ):
        return False
    for k in range(np.uint64(count)):
        i = np.int64(listed[k])
        j, step_of = np.uint64(first - lines + i), np.uint64(t[np.uint64(clock + i)] - 1)
        scratch.p[j] = coding.lam_keep[step_of]
        scratch.eps[j] = coding.lam[step_of]
        scratch.error[j] = 0 if layer == 0 else coding.eps_keep[step_of]
        scratch.uniforms[j] = 1 if layer == 0 else coding.eps[step_of]
    step_lines_apart(
        scratch.u, unit.r, scratch.b, unit.s, unit.phi, scratch.q, lines, lined,
        scratch.p, scratch.eps, scratch.error, scratch.uniforms, ticks,
    )  # fmt: skip
    return True


@inlined
def advance(rules, unit, scratch, record, first, n, layer, t, two_beta, b, phase):
    """2. to 4. Decode, drive, step: u becomes the new potentials s of these units.

    two_beta: 0 where no nudge is.
    """
    coding = rules.unit
    p = scratch.p
    if coding.predictive:
        decode(unit.r, scratch.u, first, n, coding.lam_keep[t - 1], coding.lam[t - 1])
        drive(p, unit.r, scratch.b, first, n)
    elif coding.follows:
        _follow(coding, unit, scratch, first, n)
        drive(p, unit.r, scratch.b, first, n)
    else:
        drive(p, scratch.u, scratch.b, first, n)
    if two_beta != 0:
        nudge(p, scratch.y, unit.s, first, n, two_beta)
    if coding.adaptive:
        optimal_step_sizes(
            scratch.eps, scratch.error, p, unit.nu, unit.theta, unit.bias, unit.square,
            unit.spread, first, n, t == 1, coding.nu_bar[0], coding.regularizer[0],
        )  # fmt: skip
        step_each(unit.s, scratch.previous, p, scratch.eps, first, n)
    else:
        step(unit.s, scratch.previous, p, first, n, coding.eps_keep[t - 1], coding.eps[t - 1])


@inlined
def _follow(coding, unit, scratch, first, n):
    """2. Decode, with the coefficient that each unit adapts."""
    follow(
        unit.lam, unit.held, unit.mean, unit.size, unit.r, scratch.u, first, n,
        coding.threshold[0], coding.finest[0],
    )  # fmt: skip


@inlined
def read(rules, unit, scratch, record, first, n, layer, t, two_beta, b, phase):
    """2. to 4. of a read-out: s is what it decodes; through a nudged phase it keeps its error."""
    coding = rules.unit
    if coding.predictive:
        decode(unit.r, scratch.u, first, n, coding.lam_keep[t - 1], coding.lam[t - 1])
    elif coding.follows:
        _follow(coding, unit, scratch, first, n)
    if two_beta == 0:
        decoded = coding.predictive or coding.follows
        drive(unit.s, unit.r if decoded else scratch.u, scratch.b, first, n)


@inlined
def emit(rules, unit, scratch, record, a, s, previous, uniforms, first, n, layer, t, b, phase):
    """5. q = the bits of units first ... first + n - 1 with potentials s, from `previous` on.

    a: a place for what is quantized. The units may be those of a list, as the input's are.
    """
    coding = rules.unit
    if coding.predictive:
        predict(a, s, previous, first, n, coding.lam_keep[t - 1], coding.lam[t - 1])
        quantize(rules.draws, scratch.q, unit.phi, a, uniforms, first, n)
    elif coding.follows:
        if layer == 0:
            settle_input(unit.lam, unit.held, first, n, coding.finest[0])
        predict_each(a, s, previous, unit.phi, unit.lam, unit.held, first, n)
        quantize(rules.draws, scratch.q, unit.phi, a, uniforms, first, n)
    else:
        quantize(rules.draws, scratch.q, unit.phi, s, uniforms, first, n)


@inlined
def may_fire(rules, unit, j):
    """Whether the input unit j may ever fire: a potential of 0 leaves no residue."""
    return unit.s[j] > 0
