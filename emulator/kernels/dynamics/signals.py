"""The drive of a step and how it is heard, and the teacher's step."""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.dynamics.arrays import INPUT_SPIKES, MACS
from eqchip.emulator.kernels.jit import by_first, inlined
from eqchip.emulator.kernels.random_rounding import GOLDEN, mix

PART, PART_BITS = np.uint64(0xFFFF), np.uint64(16)
# Four uniform numbers of 16 bits have the mean 4 (1/2 - 2**-17) and the variance 4 / 12.
WHOLE_CENTRE = 2 * (2**16 - 1)
CENTRE, UNIT = 4 * (0.5 - 2.0**-17), 3.0**0.5


@inlined
def four(key, index):
    """The sum of four uniform whole numbers of 16 bits."""
    word = mix(key + GOLDEN * np.uint64(index))
    total = np.int64(word & PART)
    for _ in range(3):
        word >>= PART_BITS
        total += np.int64(word & PART)
    return total


@inlined
def normal(key, index):
    """A number of mean 0 and variance 1, the sum of four uniform ones."""
    return (four(key, index) * 2.0**-16 - CENTRE) * UNIT


@inlined
def key_of(seed, step):
    """The counter that the random numbers of a step start from."""
    return mix(seed + GOLDEN * (np.uint64(step) + np.uint64(1)))


@inlined
def drive(source, state):
    """c of this step."""
    c, step = state.c, state.step[0]
    if source.scale > 0:
        key, a = key_of(source.seed, step), source.smooth
        once, twice = state.filters[0], state.filters[1]
        for d in range(len(c)):
            once[d] = a * once[d] + (1 - a) * normal(key, d)
            twice[d] = a * twice[d] + (1 - a) * once[d]
            c[d] = source.scale * twice[d]
        return
    frame = (step - source.first) // source.hold
    for d in range(len(c)):
        c[d] = source.values[frame, d] if 0 <= frame < len(source.values) else 0.0


@inlined
def send(c, phi, quantum):
    """The spike of a channel, -1, 0 or 1, and what it owes then."""
    phi += c / quantum
    spike = 1.0 if phi > 0.5 else (-1.0 if phi < -0.5 else 0.0)
    return spike, phi - spike


@inlined
def _hear_floats(v, constants, state, counts):
    """What reaches the units, as a current."""
    c, heard, phi = state.c, state.heard, state.phi
    if constants.quantum == 0:
        for d in range(len(c)):
            heard[d] = c[d]
        counts[MACS] += len(c) * len(v)
        return
    for d in range(len(c)):
        spike, phi[d] = send(c[d], phi[d], constants.quantum)
        heard[d] = spike * constants.quantum
        counts[INPUT_SPIKES] += spike != 0


@inlined
def _hear_codes(v, constants, state, counts):
    """What reaches the units, as whole numbers."""
    c, heard, phi = state.c, state.heard_codes, state.phi
    if constants.quantum == 0:
        for d in range(len(c)):
            heard[d] = np.int64(np.floor(c[d] / constants.whole.current_step + 0.5))
        counts[MACS] += len(c) * len(v)
        return
    for d in range(len(c)):
        spike, phi[d] = send(c[d], phi[d], constants.quantum)
        heard[d] = np.int64(spike)
        counts[INPUT_SPIKES] += spike != 0


hear = by_first(_hear_floats, _hear_codes)


@inlined
def teach(terms, state, dt):
    """x += dt (its slope + c)."""
    x, slope = state.x, state.slope
    for d in range(len(x)):
        slope[d] = 0.0
    for m in range(len(terms.channel)):
        product = terms.coefficient[m]
        for d in range(len(x)):
            for _ in range(terms.powers[m, d]):
                product = product * x[d]
        slope[terms.channel[m]] += product
    for d in range(len(x)):
        x[d] += dt * (slope[d] + state.c[d])
