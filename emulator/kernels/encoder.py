"""5. Encode: the messages of the units at one step, and of the clamped input many steps ahead.

Arguments as in `relax`; row: the step among all steps of the run, which given uniforms
are listed by.
"""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.fixed import emit_states
from eqchip.emulator.kernels.floating import emit as emit_floats
from eqchip.emulator.kernels.gather import gather_spikes, gather_values
from eqchip.emulator.kernels.jit import by_number, inlined
from eqchip.emulator.kernels.state import BERNOULLI, REAL_VALUED
from eqchip.emulator.kernels.units import clear, copy, draw_uniforms, mark, ones_in

emit = by_number(emit_floats, emit_states)


@inlined
def _fill_uniforms(out, first, n, rules, given, row, b, sample, layer, t):
    """The uniform numbers of a layer at this step: given by hand, or drawn."""
    if given.shape[0]:
        for j in range(first, first + n):
            out[j] = given[row, b, j]
    else:
        draw_uniforms(
            out, first, 0, n, rules.seed[0], rules.seed[1], sample, np.uint64(layer), np.uint64(t),
            rules.one,
        )  # fmt: skip


@inlined
def encode(
    net, rules, state, scratch, record, following, given, row, b, sample, layer, t, phase, encoded
):
    """5. The messages of the new potentials; returns how many.

    encoded: whether scratch.q holds their bits.
    """
    first, n = net.offsets[layer], net.sizes[layer]
    at = following * len(state.s) + first
    if rules.quantizer == REAL_VALUED:
        return gather_values(state.rows, state.values, at, state.s, first, n)
    if rules.quantizer == BERNOULLI:
        _fill_uniforms(scratch.uniforms, first, n, rules, given, row, b, sample, layer, t)
    if not encoded:
        emit(
            rules, state, scratch, record, scratch.p, state.s, scratch.previous, scratch.uniforms,
            first, n, layer, t, b, phase,
        )  # fmt: skip
    if record.part_spikes.shape[0]:
        begin = 0
        for part in range(net.part_starts[layer], net.part_starts[layer + 1]):
            end = net.part_ends[part]
            record.part_spikes[row, b, part] = ones_in(scratch.q, first + begin, end - begin)
            begin = end
    return gather_spikes(state.rows, at, scratch.q, first, n)


@inlined
def encode_input(
    net, rules, state, scratch, record, given, row, b, sample, t, n_active, steps, phase
):
    """The bits of the clamped input from step t on, as masks, and how many it sends at each.

    Nothing that the network does changes them. Units at 0 never fire, so only the active
    ones are computed: layer 0 of scratch.clamped, .p, .previous and .eps, scratch.masks and
    state.phi are used for the n_active units alone, in their order. In state.phi the
    residues afterwards are those of the last of the steps.
    """
    clear(scratch.masks, 0, n_active)
    for k in range(steps):
        _encode_input_step(
            net, rules, state, scratch, record, given, row + k, b, sample, t + k, n_active, phase
        )
        scratch.sent[k] = 0
        begin = 0
        for part in range(net.part_starts[1]):
            end = begin
            while end < n_active and scratch.active[end] < net.part_ends[part]:
                end += 1
            spikes = mark(scratch.masks, scratch.q, begin, end - begin, k)
            scratch.sent[k] += spikes
            if record.part_spikes.shape[0]:
                record.part_spikes[row + k, b, part] = spikes
            begin = end


@inlined
def _encode_input_step(
    net, rules, state, scratch, record, given, row, b, sample, t, n_active, phase
):
    """q = the bits of the active input units at step t."""
    uniforms = scratch.eps
    if rules.quantizer == BERNOULLI:
        _fill_uniforms(scratch.uniforms, 0, net.sizes[0], rules, given, row, b, sample, 0, t)
        for j in range(n_active):
            uniforms[j] = scratch.uniforms[scratch.active[j]]
    if t == 1:
        clear(scratch.previous, 0, n_active)
    else:
        copy(scratch.previous, scratch.clamped, 0, n_active)
    emit(
        rules, state, scratch, record, scratch.p, scratch.clamped, scratch.previous, uniforms,
        0, n_active, 0, t, b, phase,
    )  # fmt: skip
