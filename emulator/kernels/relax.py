"""The relaxation of samples through all phases: one compiled call, no Python per step.

Axes: b = sample, k = phase or connection, l = layer, t = step, j = unit (all layers in
one row, see `lowering`). All samples are independent; each is run from start to end
by one thread, in memory that does not grow with the number of steps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eqchip.emulator.kernels.connections import arrive_feedback, arrive_forward
from eqchip.emulator.kernels.gather import gather_spikes, gather_values
from eqchip.emulator.kernels.jit import inlined, kernel
from eqchip.emulator.kernels.units import (
    bernoulli,
    clear,
    copy,
    decode,
    draw_uniforms,
    drive,
    nudge,
    optimal_step_sizes,
    predict,
    sigma_delta,
    span,
    step,
    step_each,
)
from eqchip.emulator.lowering import aligned_zeros

SIGMA_DELTA, BERNOULLI, REAL_VALUED = range(3)


class Rules(NamedTuple):
    """How units compute: the coding and the phases as flat arrays, floats in the run's type.

    quantizer: int; adaptive, predictive, current: bool; eps, eps_keep, lam, lam_keep:
    (steps,) tables over t - 1, keep = 1 - the coefficient; nu_bar, regularizer: (1,);
    phase_steps, phase_from_free: (phases,) int64; two_beta: (phases,), 0 when free;
    seed: (2,) uint64.
    """

    quantizer: int
    adaptive: bool
    predictive: bool
    current: bool
    eps: np.ndarray
    eps_keep: np.ndarray
    lam: np.ndarray
    lam_keep: np.ndarray
    nu_bar: np.ndarray
    regularizer: np.ndarray
    phase_steps: np.ndarray
    phase_from_free: np.ndarray
    two_beta: np.ndarray
    seed: np.ndarray


class Record(NamedTuple):
    """Where results go.

    ends: (k, b, j) float; active: (b, k, l) int64, messages other than 0; arrivals:
    (b, k, connection, 2) int64; injected: (b,) int64; bits: (steps, b, j) uint8;
    potentials: (steps, b, j) float, the last two of length 0 when they are not wanted.
    """

    ends: np.ndarray
    active: np.ndarray
    arrivals: np.ndarray
    injected: np.ndarray
    bits: np.ndarray
    potentials: np.ndarray


class State(NamedTuple):
    """One sample at one step; floats over units (j) unless said.

    s: potentials; phi: residues of sigma-delta (the input's are those of its active
    units, see `_encode_input`); r: decoders; nu ... spread: statistics of the optimal
    step size. Messages are kept twice, those of the last step at `now`, those of this
    step at the other half: rows (2 j) int32 and values (2 j), per layer from its
    offset, and counts (2 l) int64.
    """

    s: np.ndarray
    phi: np.ndarray
    r: np.ndarray
    nu: np.ndarray
    theta: np.ndarray
    bias: np.ndarray
    square: np.ndarray
    spread: np.ndarray
    rows: np.ndarray
    values: np.ndarray
    counts: np.ndarray


class Scratch(NamedTuple):
    """What a step needs and forgets, floats over units (j) unless said.

    u: sums that arrive; p: drive, then what the encoder quantizes; previous: potentials
    of the step before; eps, error: of the optimal step size; uniforms; y: target; b:
    biases with the injected current; clamped: the input's active units in layer 0, what
    they send together in layer 1; q: bits, uint8; active: the input's active units, int32.
    """

    u: np.ndarray
    p: np.ndarray
    previous: np.ndarray
    eps: np.ndarray
    error: np.ndarray
    uniforms: np.ndarray
    y: np.ndarray
    b: np.ndarray
    clamped: np.ndarray
    q: np.ndarray
    active: np.ndarray


def new_state(units: int, layers: int, dtype: np.dtype) -> State:
    """Memory for one state: kernels allocate nothing."""
    floats = aligned_zeros((8, units), dtype)  # a layer is whole cache lines, so rows are, too
    rows, values = np.zeros(2 * units, np.int32), np.zeros(2 * units, dtype)
    return State._make([*floats, rows, values, np.zeros(2 * layers, np.int64)])


def new_scratch(units: int, dtype: np.dtype) -> Scratch:
    """Memory for one thread's scratch."""
    floats = aligned_zeros((9, units), dtype)
    return Scratch._make([*floats, np.zeros(units, np.uint8), np.zeros(units, np.int32)])


@inlined
def _copy_state(to, state):
    units, layers = len(state.s), len(state.counts)
    copy(to.s, state.s, 0, units)
    copy(to.phi, state.phi, 0, units)
    copy(to.r, state.r, 0, units)
    copy(to.nu, state.nu, 0, units)
    copy(to.theta, state.theta, 0, units)
    copy(to.bias, state.bias, 0, units)
    copy(to.square, state.square, 0, units)
    copy(to.spread, state.spread, 0, units)
    copy(to.rows, state.rows, 0, 2 * units)
    copy(to.values, state.values, 0, 2 * units)
    copy(to.counts, state.counts, 0, layers)


@inlined
def _clear_state(state, x, b, n_in):
    """Before step 1 everything is 0, but nu is 1 and the input is clamped."""
    units = len(state.s)
    clear(state.s, 0, units)
    clear(state.phi, 0, units)
    clear(state.r, 0, units)
    clear(state.theta, 0, units)
    clear(state.bias, 0, units)
    clear(state.square, 0, units)
    clear(state.spread, 0, units)
    clear(state.counts, 0, len(state.counts))
    for j in range(units):
        state.nu[j] = 1
    for j in range(n_in):
        state.s[j] = x[b, j]


@inlined
def _fill_uniforms(out, first, n, rules, given, row, b, sample, layer, t):
    """The uniform numbers of a layer at this step: given by hand, or drawn."""
    if given.shape[0]:
        for j in range(first, first + n):
            out[j] = given[row, b, j]
    else:
        draw_uniforms(
            out, first, n, rules.seed[0], rules.seed[1], sample, np.uint64(layer), np.uint64(t)
        )


@inlined
def _receive(net, rules, state, scratch, now, layer, n_active, t, arrivals, b, phase):
    """1. u = what the neighbours sent in the step before; arrivals are counted."""
    layers, units = len(net.sizes), len(state.s)
    first, n = net.offsets[layer], net.sizes[layer]
    valued = rules.quantizer == REAL_VALUED
    at, first_count = now * units, now * layers
    if layer == 1 and rules.current:
        clear(scratch.u, first, n)
    elif layer == 1 and valued and t > 1:
        # A clamped real-valued message never changes: its sum is known.
        copy(scratch.u, scratch.clamped, first, n)
        arrivals[b, phase, 0, 0] += n_active * n
    else:
        clear(scratch.u, first, n)
        arrivals[b, phase, layer - 1, 0] += arrive_forward(
            scratch.u, net, layer - 1, state.rows, state.values, at,
            state.counts[first_count + layer - 1], valued,
        )  # fmt: skip
    if layer < layers - 1:
        arrivals[b, phase, layer, 1] += arrive_feedback(
            scratch.u, net, layer, state.rows, state.values, at,
            state.counts[first_count + layer + 1], valued,
        )  # fmt: skip


@inlined
def _advance(net, rules, state, scratch, layer, t, two_beta):
    """2. to 4. Decode, drive, step: u becomes the new potentials s."""
    first, n = net.offsets[layer], net.sizes[layer]
    p = scratch.p
    if rules.predictive:
        decode(state.r, scratch.u, first, n, rules.lam_keep[t - 1], rules.lam[t - 1])
        drive(p, state.r, scratch.b, first, n)
    else:
        drive(p, scratch.u, scratch.b, first, n)
    if layer == len(net.sizes) - 1 and two_beta != 0:
        nudge(p, scratch.y, state.s, first, n, two_beta)
    if rules.adaptive:
        optimal_step_sizes(
            scratch.eps, scratch.error, p, state.nu, state.theta, state.bias, state.square,
            state.spread, first, n, t == 1, rules.nu_bar[0], rules.regularizer[0],
        )  # fmt: skip
        step_each(state.s, scratch.previous, p, scratch.eps, first, n)
    else:
        step(state.s, scratch.previous, p, first, n, rules.eps_keep[t - 1], rules.eps[t - 1])


@inlined
def _quantize(quantizer, q, phi, a, uniforms, first, n):
    if quantizer == SIGMA_DELTA:
        sigma_delta(q, phi, a, first, n)
    else:
        bernoulli(q, a, uniforms, first, n)


@inlined
def _encode(net, rules, state, scratch, following, given, row, b, sample, layer, t):
    """5. The messages of the new potentials."""
    first, n = net.offsets[layer], net.sizes[layer]
    at = following * len(state.s) + first
    if rules.quantizer == REAL_VALUED:
        return gather_values(state.rows, state.values, at, state.s, first, n)
    if rules.quantizer == BERNOULLI:
        _fill_uniforms(scratch.uniforms, first, n, rules, given, row, b, sample, layer, t)
    q, phi, uniforms = scratch.q, state.phi, scratch.uniforms
    if rules.predictive:
        predict(
            scratch.p, state.s, scratch.previous, first, n, rules.lam_keep[t - 1], rules.lam[t - 1]
        )
        _quantize(rules.quantizer, q, phi, scratch.p, uniforms, first, n)
    else:
        _quantize(rules.quantizer, q, phi, state.s, uniforms, first, n)
    return gather_spikes(state.rows, at, q, first, n)


@inlined
def _encode_input(net, rules, state, scratch, following, given, row, b, sample, t, n_active):
    """5. for the clamped input. Units at 0 never fire, so only the active ones are computed.

    Layer 0 of scratch.clamped, scratch.p, scratch.eps and state.phi is used for the
    n_active units alone, in their order.
    """
    if rules.current:
        return 0
    if rules.quantizer == REAL_VALUED:
        return n_active
    active, x, a = scratch.active, scratch.clamped, scratch.p
    n_in = net.sizes[0]
    if rules.quantizer == BERNOULLI:
        _fill_uniforms(scratch.uniforms, 0, n_in, rules, given, row, b, sample, 0, t)
        for j in range(n_active):
            scratch.eps[j] = scratch.uniforms[active[j]]
    if rules.predictive:
        if t == 1:
            clear(scratch.previous, 0, n_active)
        else:
            copy(scratch.previous, x, 0, n_active)
        predict(a, x, scratch.previous, 0, n_active, rules.lam_keep[t - 1], rules.lam[t - 1])
        _quantize(rules.quantizer, scratch.q, state.phi, a, scratch.eps, 0, n_active)
    else:
        _quantize(rules.quantizer, scratch.q, state.phi, x, scratch.eps, 0, n_active)
    at = following * len(state.s)
    count = gather_spikes(state.rows, at, scratch.q, 0, n_active)
    for j in span(at, count):
        state.rows[j] = active[state.rows[j]]
    return count


@inlined
def _clamp(net, rules, state, scratch, record, b):
    """The input, once a sample: its active units, and what they send or inject together."""
    units, n_in = len(state.s), net.sizes[0]
    n_active = gather_values(scratch.active, scratch.clamped, 0, state.s, 0, n_in)
    first, n = net.offsets[1], net.sizes[1]
    copy(scratch.b, net.biases, 0, units)
    if rules.current or rules.quantizer == REAL_VALUED:
        clear(scratch.clamped, first, n)
        crossed = arrive_forward(
            scratch.clamped, net, 0, scratch.active, scratch.clamped, 0, n_active, True
        )
        if rules.current:
            record.injected[b] = crossed
            for j in span(first, n):
                scratch.b[j] += scratch.clamped[j]
    return n_active


@inlined
def _record_step(net, rules, state, record, row, b, following):
    layers, units = len(net.sizes), len(state.s)
    if record.bits.shape[0] > 0 and rules.quantizer != REAL_VALUED:
        for layer in range(layers):
            first = net.offsets[layer]
            at = following * units + first
            for j in range(at, at + state.counts[following * layers + layer]):
                record.bits[row, b, first + state.rows[j]] = 1
    if record.potentials.shape[0] > 0:
        for j in range(units):
            record.potentials[row, b, j] = state.s[j]


@inlined
def _relax_sample(net, rules, record, given, x, targets, b, sample, state, free, scratch):
    layers, units = len(net.sizes), len(state.s)
    last = layers - 1
    first_out, n_out = net.offsets[last], net.sizes[last]
    _clear_state(state, x, b, net.sizes[0])
    n_active = _clamp(net, rules, state, scratch, record, b)

    now, t, free_now, free_t, row = 0, 0, 0, 0, 0
    for phase in range(len(rules.phase_steps)):
        if rules.phase_from_free[phase]:
            _copy_state(state, free)
            now, t = free_now, free_t
        for j in range(n_out):
            scratch.y[first_out + j] = targets[phase, b, j]
        two_beta = rules.two_beta[phase]
        for _ in range(rules.phase_steps[phase]):
            t += 1
            following = 1 - now
            for layer in range(1, layers):
                _receive(
                    net, rules, state, scratch, now, layer, n_active, t,
                    record.arrivals, b, phase,
                )  # fmt: skip
                _advance(net, rules, state, scratch, layer, t, two_beta)
                state.counts[following * layers + layer] = _encode(
                    net, rules, state, scratch, following, given, row, b, sample, layer, t
                )
            state.counts[following * layers] = _encode_input(
                net, rules, state, scratch, following, given, row, b, sample, t, n_active
            )
            for layer in range(layers):
                record.active[b, phase, layer] += state.counts[following * layers + layer]
            _record_step(net, rules, state, record, row, b, following)
            now = following
            row += 1
        for j in range(units):
            record.ends[phase, b, j] = state.s[j]
        if two_beta == 0 and not rules.phase_from_free[phase]:
            _copy_state(free, state)
            free_now, free_t = now, t


@kernel
def relax(
    net, rules, record, given, x, targets, samples, state, free, scratch, first_sample, last_sample
):
    """Run samples first_sample ... last_sample - 1 through all phases.

    net: Lowered; rules: Rules; record: Record, written; given: (steps, b, j) uniforms by
    hand or of length 0; x: (b, n_in); targets: (k, b, n_out); samples: (b,) uint64;
    state, free: State and scratch: Scratch, the thread's own.
    """
    for b in range(first_sample, last_sample):
        _relax_sample(net, rules, record, given, x, targets, b, samples[b], state, free, scratch)
