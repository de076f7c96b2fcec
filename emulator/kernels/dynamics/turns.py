"""Whose turn it is, who fires, and how long a spike is on its way."""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.dynamics.arrays import MESSAGES, TURNS
from eqchip.emulator.kernels.dynamics.signals import normal
from eqchip.emulator.kernels.jit import by_first, inlined
from eqchip.emulator.kernels.random_rounding import GOLDEN, mix

HALF_WORD = np.uint64(32)
ALWAYS = 2**32  # a chance of 1
MESSAGE = 2**32  # where random numbers of messages begin


@inlined
def share(most, word):
    """A whole number of 0 to most - 1 by a random word."""
    return np.int64(((word >> HALF_WORD) * np.uint64(most)) >> HALF_WORD)


@inlined
def ticks(clocks, state, i):
    """Whether the clock of unit i ticks in this step; one tick a step at most."""
    number = state.tick[i]
    due = number * clocks.period[i] - clocks.offset[i]
    if clocks.jitter > 0:
        due += share(clocks.jitter, mix(clocks.key[i] + GOLDEN * np.uint64(number)))
    if due > (state.step[0] + 1) * clocks.grid:
        return False
    state.tick[i] += 1
    return True


@inlined
def _above_floats(v, threshold, noise, key, index):
    """How far a potential is above its threshold."""
    margin = v - threshold
    return margin - noise * normal(key, index) if noise > 0 else margin


@inlined
def _above_codes(v, threshold, noise, key, index):
    return np.int64(v) - np.int64(threshold)


above = by_first(_above_floats, _above_codes)


@inlined
def fire(v, wiring, constants, state, key, counts):
    """Bits of this step: of the units whose turn it is, those above their threshold."""
    bits, n = state.bits, len(v)
    turn, clocked = state.step[0] % constants.slots, len(constants.clocks.period) > 0
    best, most, turns = -1, above(v[0], wiring.threshold[0], 0.0, key, 0), 0
    for i in range(n):
        bits[i] = 0
        if clocked:
            if not ticks(constants.clocks, state, i):
                continue
        elif wiring.slots[i] != turn:
            continue
        if constants.chance < ALWAYS:
            draw = mix(key + GOLDEN * np.uint64(2 * n + i)) >> HALF_WORD
            if draw >= np.uint64(constants.chance):
                continue
        turns += 1
        margin = above(v[i], wiring.threshold[i], constants.threshold_noise, key, n + i)
        if margin <= 0:
            continue
        if constants.one:
            if best < 0 or margin > most:
                best, most = i, margin
            continue
        bits[i] = 1
    fired = 0
    if best >= 0:
        bits[best] = 1
    for i in range(n):
        fired += bits[i]
    state.fired[0] = fired
    counts[TURNS] += turns


@inlined
def send(wiring, constants, state, key, counts):
    """A message of each spike to each core."""
    if state.fired[0] == 0:
        return
    arriving, n = state.arriving, len(state.bits)
    cores = arriving.shape[1]
    for k in range(n):
        if state.bits[k] == 0:
            continue
        for core in range(cores):
            delay = constants.within if core == wiring.core[k] else constants.across
            if constants.jitter > 0:
                word = mix(key + GOLDEN * np.uint64(MESSAGE + core * n + k))
                delay += share(constants.jitter + 1, word)
            place = (state.step[0] + delay) % len(arriving)
            arriving[place, core, k] += 1
            state.waiting[place] += 1
        counts[MESSAGES] += cores - 1
