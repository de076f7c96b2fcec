"""5. Encode: the messages of the units at one step, and of the clamped input many steps ahead.

Arguments as in `relax`; row: the step among all steps of the run, which given uniforms
are listed by.
"""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.gather import gather_spikes, gather_values
from eqchip.emulator.kernels.jit import inlined
from eqchip.emulator.kernels.kinds import emit
from eqchip.emulator.kernels.units import clear, copy, draw_uniforms, mark, ones_in


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
    at = following * len(state.incoming) + first
    if rules.real_valued:
        return gather_values(state.rows, state.values, at, state.unit.s, first, n)
    if rules.draws:
        _fill_uniforms(scratch.uniforms, first, n, rules, given, row, b, sample, layer, t)
    if not encoded:
        emit(
            rules, state.unit, scratch, record, scratch.p, state.unit.s, scratch.previous,
            scratch.uniforms, first, n, layer, t, b, phase,
        )  # fmt: skip
    if record.part_spikes.shape[0]:
        begin = 0
        for part in range(net.part_starts[layer], net.part_starts[layer + 1]):
            end = net.part_ends[part]
            record.part_spikes[row, b, part] = ones_in(scratch.q, first + begin, end - begin)
            begin = end
    return gather_spikes(state.rows, at, scratch.q, first, n)


@inlined
def part_active(net, scratch, n_active):
    """scratch.ends = one past the last of the active input units of each part of the input."""
    end = 0
    for part in range(net.part_starts[1]):
        while end < n_active and scratch.active[end] < net.part_ends[part]:
            end += 1
        scratch.ends[part] = end


@inlined
def encode_input(
    net, rules, state, scratch, record, given, row, b, sample, t, n_active, steps, phase
):
    """The bits of the clamped input from step t on, as masks, and how many it sends at each.

    Nothing that the network does changes them. Only the active ones are computed, which may ever
    fire: layer 0 of scratch.clamped, .p, .previous and .eps, scratch.masks and what the kind of
    unit keeps of layer 0 are used for the n_active units alone, in their order. What it keeps is
    afterwards that of the last of the steps.
    """
    clear(scratch.masks, 0, n_active)
    for k in range(steps):
        _encode_input_step(
            net, rules, state, scratch, record, given, row + k, b, sample, t + k, n_active, phase
        )
        scratch.sent[k] = 0
        begin = 0
        for part in range(net.part_starts[1]):
            end = scratch.ends[part]
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
    if rules.draws:
        _fill_uniforms(scratch.uniforms, 0, net.sizes[0], rules, given, row, b, sample, 0, t)
        for j in range(n_active):
            uniforms[j] = scratch.uniforms[scratch.active[j]]
    emit(
        rules, state.unit, scratch, record, scratch.p, scratch.clamped, scratch.previous, uniforms,
        0, n_active, 0, t, b, phase,
    )  # fmt: skip
    copy(scratch.previous, scratch.clamped, 0, n_active)
