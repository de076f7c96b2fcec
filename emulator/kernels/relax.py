"""The relaxation of samples through all phases: one compiled call, no Python per step.

Axes: b = sample, k = phase or connection, l = layer, t = step, j = unit (all layers in
one row, see `lowering`). All samples are independent; each is run from start to end
by one thread, in memory that does not grow with the number of steps.
"""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels import fixed, floating
from eqchip.emulator.kernels.carried import is_carried, leave, take_up
from eqchip.emulator.kernels.encoder import encode, encode_input, part_active
from eqchip.emulator.kernels.gather import gather_spikes, gather_values
from eqchip.emulator.kernels.jit import by_number, inlined, kernel
from eqchip.emulator.kernels.kinds import advance, advance_at_once, may_fire, read
from eqchip.emulator.kernels.links import (
    inject_links,
    list_input,
    lists_input,
    receive_links,
    send_error_links,
)
from eqchip.emulator.kernels.plastic import is_plastic, keep_input, write_arrivals
from eqchip.emulator.kernels.right import is_right, stay
from eqchip.emulator.kernels.state import (
    BLOCK,
    clamp_input,
    clear_state,
    copy_messages,
    copy_state,
)
from eqchip.emulator.kernels.streams import follow, give_bits, is_streamed, list_active
from eqchip.emulator.kernels.units import add_states, clear, copy, span

receive = by_number(floating.receive, fixed.receive_codes)
inject = by_number(floating.inject, fixed.inject_states)
arrive_block = by_number(floating.arrive_block, fixed.arrive_block_codes)
send_error = by_number(floating.send_error, fixed.send_error_states)
take_block = by_number(floating.take_block, fixed.take_block_codes)
turn_over = by_number(floating.turn_over, fixed.turn_over)


@inlined
def _list_active(net, rules, state, scratch, x, b):
    """The units of the input that may fire, under any of its inputs; returns how many."""
    s, n = state.unit.s, net.sizes[0]
    for j in span(0, n):  # the first input is clamped, see `clear_state`
        scratch.q[j] = may_fire(rules, state.unit, j)
    for begin in range(n, x.shape[1], n):
        clamp_input(s, x, b, begin, n)
        for j in span(0, n):
            scratch.q[j] |= may_fire(rules, state.unit, j)
    n_active = gather_spikes(scratch.active, 0, scratch.q, 0, n)
    part_active(net, scratch, n_active)
    for i in range(n_active):
        s[scratch.active[i]] = 0  # before step 1
    return n_active


@inlined
def _clamp(net, rules, state, scratch, record, x, n_active, b, phase):
    """The input from here on, and what it sends or injects together; returns its active units.

    scratch.previous: what was clamped there before, for the encoder.
    """
    s, n, units = state.unit.s, net.sizes[0], len(state.incoming)
    begin = rules.phase_input[phase]
    copy(scratch.b, net.biases, 0, units)
    sends = not (rules.current or rules.real_valued)
    if sends:
        for i in range(n_active):
            scratch.previous[i] = s[scratch.active[i]]
            scratch.clamped[i] = x[b, begin + scratch.active[i]]
    clamp_input(s, x, b, begin, n)
    if not sends:
        n_active = gather_values(scratch.active, scratch.clamped, 0, s, 0, n)
        inject(net, rules, state, scratch, record, n_active, b, phase)
    inject_links(net, rules, state, scratch, record, n_active, b, phase)
    if rules.cross_entropy:
        copy(scratch.offset, scratch.b, 0, units)
    return n_active


@inlined
def _send_input(
    net, rules, state, scratch, record, given, row, b, sample, t, n_active, k, left, phase
):
    """5. for the clamped input: what it sends in step t, as it arrives; returns the messages.

    Spikes are computed a block of steps at a time. k: this step in its block; left: the
    steps of the block that starts here.
    """
    if rules.current:
        return 0
    if rules.real_valued:  # the same at every step
        copy(state.incoming, scratch.clamped, net.offsets[1], net.sizes[1])
        state.crossed[0] = scratch.sums_crossed[0]
        return n_active
    if k == 0:
        if is_streamed(rules):
            give_bits(rules, scratch, record, net, row, b, t, n_active, left)
        else:
            encode_input(
                net, rules, state, scratch, record, given, row, b, sample, t, n_active, left, phase
            )
        arrive_block(net, state, scratch, n_active, left)
    take_block(net, state, scratch, k)
    follow(rules, state, scratch, t, n_active, k)
    state.crossed[0] = scratch.sums_crossed[k]
    return scratch.sent[k]


@inlined
def _send_again(net, rules, state, scratch, record, b):
    """What the input sent before the state that was taken up: over the weights of now.

    scratch.masks, scratch.sent: as `take_up` leaves them; returns the units of the input.
    """
    n_active, now = net.sizes[0], 0
    part_active(net, scratch, n_active)
    if rules.current:
        state.crossed[0] = 0
        clear(state.incoming, net.offsets[1], net.sizes[1])
    elif rules.real_valued:
        count = gather_values(scratch.active, scratch.clamped, 0, state.unit.s, 0, n_active)
        inject(net, rules, state, scratch, record, count, b, 0)
        copy(state.incoming, scratch.clamped, net.offsets[1], net.sizes[1])
        state.crossed[0] = scratch.sums_crossed[0]
    else:
        arrive_block(net, state, scratch, n_active, 1)
        take_block(net, state, scratch, 0)
        state.crossed[0] = scratch.sums_crossed[0]
    list_input(net, rules, state, scratch, now, n_active, 0)
    return n_active


@inlined
def _record_step(net, rules, state, scratch, record, row, b, following, n_active, k):
    layers, units = len(net.sizes), len(state.incoming)
    if record.bits.shape[0] > 0 and not rules.real_valued:
        if not rules.current:
            for i in range(n_active):
                record.bits[row, b, scratch.active[i]] = (scratch.masks[i] >> np.uint32(k)) & 1
        for layer in range(1, layers):
            first = net.offsets[layer]
            at = following * units + first
            for j in range(at, at + state.counts[following * layers + layer]):
                record.bits[row, b, first + state.rows[j]] = 1
    if record.potentials.shape[0] > 0:
        for j in range(units):
            record.potentials[row, b, j] = state.unit.s[j]


@inlined
def _block_length(steps):
    """Steps of a block: the phase is split evenly, since a short block costs as many rows."""
    blocks = (steps + BLOCK - 1) // BLOCK
    return (steps + blocks - 1) // blocks


@inlined
def _relax_sample(net, rules, record, given, x, targets, b, sample, state, free, scratch):
    layers = len(net.sizes)
    last = layers - 1
    first_out, n_out = net.offsets[last], net.sizes[last]
    clear_state(state, x, b, net.sizes[0])
    n_active, t = 0, take_up(net, rules, state, scratch, b)
    if is_carried(rules):
        n_active = _send_again(net, rules, state, scratch, record, b)
    elif is_streamed(rules):
        n_active = list_active(rules, scratch, b)
        part_active(net, scratch, n_active)
    elif not (rules.current or rules.real_valued):
        n_active = _list_active(net, rules, state, scratch, x, b)

    valued = rules.real_valued
    plastic = is_plastic(net, rules, state, 0, 0, 0)
    listed = plastic or lists_input(net, rules)
    unnudged = rules.two_beta.dtype.type(0)
    now, free_now, free_t, row = 0, 0, t, 0
    for phase in range(len(rules.phase_steps)):
        if rules.phase_from_free[phase]:
            copy_state(state, free)
            copy_messages(state, free, net, free_now, valued, listed)
            now, t = free_now, free_t
        if phase == 0 or rules.phase_input[phase] != rules.phase_input[phase - 1]:
            n_active = _clamp(net, rules, state, scratch, record, x, n_active, b, phase)
        for j in range(n_out):
            scratch.y[first_out + j] = targets[phase, b, j]
        two_beta = rules.two_beta[phase]
        if rules.cross_entropy:
            copy(scratch.b, scratch.offset, 0, len(state.incoming))
            if two_beta != 0:
                send_error(net, rules, state, scratch, record, two_beta, b, phase)
                send_error_links(net, rules, state, scratch, record, b, phase)
        if rules.turn > 0 and two_beta != 0 and rules.two_beta[phase - 1] == 0:
            turn_over(net, rules, state, scratch)  # of the free state, for all phases that follow
        steps = rules.phase_steps[phase]
        length = 1 if plastic else _block_length(steps)  # weights may be others in the next step
        for step_of_phase in range(steps):
            t += 1
            k = step_of_phase % length
            following = 1 - now
            if plastic:
                write_arrivals(net, rules, state, now)
            for layer in range(1, layers):
                receive(net, rules, state, scratch, record, now, layer, b, phase)
                receive_links(net, rules, state, scratch, record, now, layer, b, phase)
                if rules.cross_entropy and layer == last:
                    read(
                        rules, state.unit, scratch, record, first_out, n_out, layer, t, two_beta,
                        b, phase,
                    )  # fmt: skip
                    state.counts[following * layers + layer] = 0
                    continue
                first, n = net.offsets[layer], net.sizes[layer]
                pull = two_beta if layer == last else unnudged
                encoded = advance_at_once(
                    rules, state.unit, scratch, record, first, n, layer, t, pull, b, phase
                )
                if not encoded:
                    advance(rules, state.unit, scratch, record, first, n, layer, t, pull, b, phase)
                state.counts[following * layers + layer] = encode(
                    net, rules, state, scratch, record, following, given, row, b, sample,
                    layer, t, phase, encoded,
                )  # fmt: skip
            state.counts[following * layers] = _send_input(
                net, rules, state, scratch, record, given, row, b, sample, t, n_active,
                k, min(length, steps - step_of_phase), phase,
            )  # fmt: skip
            list_input(net, rules, state, scratch, following, n_active, k)
            if plastic:
                state.counts[following * layers] = keep_input(
                    net, state, scratch, following, n_active
                )
            for layer in range(layers):
                record.active[b, phase, layer] += state.counts[following * layers + layer]
            _record_step(net, rules, state, scratch, record, row, b, following, n_active, k)
            if step_of_phase >= steps - rules.average:
                add_states(record.ends, phase, b, state.unit.s)
            now = following
            row += 1
        if two_beta == 0 and not rules.phase_from_free[phase]:
            copy_state(free, state)
            copy_messages(free, state, net, now, valued, listed)
            free_now, free_t = now, t
        if not rules.phase_from_free[phase]:
            leave(net, rules, state, scratch, now, t, (steps - 1) % length, b)
        if phase == 0 and rules.tolerance > 0 and is_right(net, rules, record, targets, b):
            stay(record, b)
            break


@kernel
def relax(
    net, rules, record, given, x, targets, samples, state, free, scratch, first_sample, last_sample
):
    """Run samples first_sample ... last_sample - 1 through all phases.

    net: Lowered; rules: Rules; record: Record, written; given: (steps, b, j)
    uniforms by hand or of length 0; x: (b, n_in); targets: (k, b, n_out); samples: (b,)
    uint64; state, free: State and scratch: Scratch, the thread's own. All numbers are
    floating-point ones, or all are a chip's integers (int32, weights int8).
    """
    for b in range(first_sample, last_sample):
        _relax_sample(net, rules, record, given, x, targets, b, samples[b], state, free, scratch)
