"""5. Encode: the messages of the units at one step, and of the clamped input many steps ahead.

Arguments as in `relax`; row: the step among all steps of the run, which given uniforms
are listed by.
"""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.gather import gather_spikes, gather_values
from eqchip.emulator.kernels.jit import inlined
from eqchip.emulator.kernels.state import BERNOULLI, REAL_VALUED, SIGMA_DELTA
from eqchip.emulator.kernels.units import (
    bernoulli,
    clear,
    copy,
    draw_uniforms,
    mark,
    predict,
    sigma_delta,
)


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
def _quantize(quantizer, q, phi, a, uniforms, first, n):
    if quantizer == SIGMA_DELTA:
        sigma_delta(q, phi, a, first, n)
    else:
        bernoulli(q, a, uniforms, first, n)


@inlined
def encode(net, rules, state, scratch, following, given, row, b, sample, layer, t):
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
def encode_input(net, rules, state, scratch, given, row, b, sample, t, n_active, steps):
    """The bits of the clamped input from step t on, as masks, and how many it sends at each.

    Nothing that the network does changes them. Units at 0 never fire, so only the active
    ones are computed: layer 0 of scratch.clamped, .p, .previous and .eps, scratch.masks and
    state.phi are used for the n_active units alone, in their order. In state.phi the
    residues afterwards are those of the last of the steps.
    """
    clear(scratch.masks, 0, n_active)
    for k in range(steps):
        _encode_input_step(net, rules, state, scratch, given, row + k, b, sample, t + k, n_active)
        scratch.sent[k] = mark(scratch.masks, scratch.q, n_active, k)


@inlined
def _encode_input_step(net, rules, state, scratch, given, row, b, sample, t, n_active):
    """q = the bits of the active input units at step t."""
    x, a, uniforms = scratch.clamped, scratch.p, scratch.eps
    if rules.quantizer == BERNOULLI:
        _fill_uniforms(scratch.uniforms, 0, net.sizes[0], rules, given, row, b, sample, 0, t)
        for j in range(n_active):
            uniforms[j] = scratch.uniforms[scratch.active[j]]
    if rules.predictive:
        if t == 1:
            clear(scratch.previous, 0, n_active)
        else:
            copy(scratch.previous, x, 0, n_active)
        predict(a, x, scratch.previous, 0, n_active, rules.lam_keep[t - 1], rules.lam[t - 1])
        _quantize(rules.quantizer, scratch.q, state.phi, a, uniforms, 0, n_active)
    else:
        _quantize(rules.quantizer, scratch.q, state.phi, x, uniforms, 0, n_active)
