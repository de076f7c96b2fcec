"""The step of the units of a clock, at a tick."""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.gather import gather_values
from eqchip.emulator.kernels.jit import inlined
from eqchip.emulator.kernels.kinds import advance, emit
from eqchip.emulator.kernels.relax import inject
from eqchip.emulator.kernels.timed.state import (
    STUCK_AT_0,
    STUCK_AT_1,
)
from eqchip.emulator.kernels.units import clear, copy, draw_uniforms


@inlined
def stick(clockwork, scratch, first, n):
    """The bits of units that are stuck are what they are stuck at."""
    if not clockwork.faulty:
        return
    for j in range(first, first + n):
        if clockwork.stuck[j] == STUCK_AT_0:
            scratch.q[j] = 0
        elif clockwork.stuck[j] == STUCK_AT_1:
            scratch.q[j] = 1


@inlined
def _encode(net, rules, clockwork, cores, state, scratch, record, given, first, n, layer, t, k, b,
            sample, phase):  # fmt: skip
    """5. scratch.q = the bits of the units first ... first + n - 1, what is stuck included."""
    if rules.real_valued:
        zero = state.unit.s.dtype.type(0)
        for j in range(first, first + n):
            scratch.q[j] = state.unit.s[j] != zero
    else:
        if rules.draws:
            if given.shape[0]:
                for j in range(first, first + n):
                    scratch.uniforms[j] = given[k - 1, b, j]
            else:
                begin = first - net.offsets[layer]
                draw_uniforms(
                    scratch.uniforms, net.offsets[layer], begin, begin + n, rules.seed[0],
                    rules.seed[1], sample, np.uint64(layer), np.uint64(t), rules.one,
                )  # fmt: skip
        emit(
            rules, state.unit, scratch, record, scratch.p, state.unit.s, scratch.previous,
            scratch.uniforms, first, n, layer, t, b, phase,
        )  # fmt: skip
    stick(clockwork, scratch, first, n)


@inlined
def clamp(net, rules, state, scratch, record, x, b, phase):
    """What is clamped in this phase, if it was not before: units take it at their next tick.

    Until then it stands among the biases, of which the input has none.
    """
    begin = rules.phase_input[phase]
    if phase > 0 and begin == rules.phase_input[phase - 1]:
        return
    copy(scratch.b, net.biases, 0, len(state.incoming))
    for j in range(net.sizes[0]):
        scratch.b[j] = x[b, begin + j]
    if rules.current:
        copy(state.unit.s, scratch.b, 0, net.sizes[0])
        n_active = gather_values(scratch.active, scratch.clamped, 0, state.unit.s, 0, net.sizes[0])
        inject(net, rules, state, scratch, record, n_active, b, phase)


@inlined
def step_units(net, rules, clockwork, state, scratch, cores, record, given, clock, part, layer,
               first, n, b, sample, phase):  # fmt: skip
    """The units first ... first + n - 1 of a clock take their step; scratch.q: their bits.

    cores.t is the number of that step; scratch.u holds what arrived for it.
    """
    t, k = cores.t[clock], cores.tick[clock]
    if layer == 0:
        if t == 1:
            clear(scratch.previous, first, n)
        else:
            copy(scratch.previous, state.unit.s, first, n)
        copy(state.unit.s, scratch.b, first, n)  # what is clamped now, see `clamp`
    else:
        pull = rules.two_beta.dtype.type(0)
        if layer == len(net.sizes) - 1:
            pull = rules.two_beta[phase]
        advance(rules, state.unit, scratch, record, first, n, layer, t, pull, b, phase)
    _encode(
        net, rules, clockwork, cores, state, scratch, record, given, first, n, layer, t, k, b,
        sample, phase,
    )  # fmt: skip
