"""A stretch of steps of a balanced layer, in one call.

The twin that is written to be read is `eqchip.backends.reference.dynamics`.
"""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.dynamics.arrays import EVENTS
from eqchip.emulator.kernels.dynamics.record import largest, note, probe, weigh
from eqchip.emulator.kernels.dynamics.signals import drive, hear, key_of, teach
from eqchip.emulator.kernels.dynamics.slow import bend, write_continuously, write_slow
from eqchip.emulator.kernels.dynamics.synapses import arrive, count, draw_feedforward, push
from eqchip.emulator.kernels.dynamics.turns import fire, send
from eqchip.emulator.kernels.dynamics.units import decay, feed_back, integrate, smooth
from eqchip.emulator.kernels.jit import inlined, kernel


@inlined
def hear_spikes(v, wiring, constants, rules, state, key, record):
    """The spikes that arrive in this step, by ascending sender."""
    place = state.step[0] % len(state.arriving)
    if state.waiting[place] == 0 and state.fired[0] == 0:
        return
    state.waiting[place] = 0
    slot = state.arriving[place]
    slow, cores = len(wiring.offset) == 0, len(wiring.bounds) - 1
    for k in range(len(v)):
        if state.bits[k] and rules.feedforward_rate > 0:
            draw_feedforward(wiring, rules, state, k, record.counts)
        for core in range(cores):
            if slot[core, k] == 0:
                continue
            first, n = wiring.bounds[core], wiring.bounds[core + 1] - wiring.bounds[core]
            for _ in range(np.int64(slot[core, k])):
                arrive(v, wiring, constants, rules, state, k, first, n, key, record.counts)
                if slow:
                    push(v, wiring, constants, state, k, first, n)
                record.counts[EVENTS] += n
            slot[core, k] = 0
        if state.bits[k]:
            count(v, wiring, state, k)


@kernel
def run_layer(wiring, constants, source, terms, rules, state, record, steps):
    """`steps` steps from the state; weights that are learned are written in place."""
    v, counts = state.v, record.counts
    probed = record.probes.shape[1] > 0
    dendrites = len(wiring.offset) > 0
    fed_back = constants.gain != 0 or rules.slow_rate > 0
    for _ in range(steps):
        step = state.step[0]
        key = key_of(constants.seed, step)
        drive(source, state)
        hear(v, constants, state, counts)
        if fed_back:
            for d in range(len(state.x)):
                state.e[d] = state.x[d] - state.y[d]
            feed_back(v, wiring, constants, state, counts)
        integrate(v, wiring, constants, state, key)
        if probed:
            weigh(v, wiring, constants, state)
        decay(v, constants, state, dendrites)
        teach(terms, state, constants.dt)
        for d in range(len(state.y)):
            state.y[d] *= constants.keep
        hear_spikes(v, wiring, constants, rules, state, key, record)
        if rules.continuous > 0:
            write_continuously(v, wiring, rules, state, counts)
        if fed_back:
            smooth(v, constants, rules, state)
        if dendrites and (step + 1) % constants.looks == 0:
            bend(v, wiring, constants, state, counts)
        if rules.slow_rate > 0 and (step + 1) % rules.every == 0:
            write_slow(v, wiring, constants, rules, state, dendrites, key, counts)
        fire(v, wiring, constants, state, key, counts)
        send(wiring, constants, state, key, counts)
        note(state, record)
        largest(v, record)
        if probed:
            probe(v, state, record)
        state.step[0] = step + 1
