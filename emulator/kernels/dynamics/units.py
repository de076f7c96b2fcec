"""A step of the units: leaks, and what currents add."""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.dynamics.arrays import FEEDBACK_MACS
from eqchip.emulator.kernels.dynamics.signals import WHOLE_CENTRE, four, normal
from eqchip.emulator.kernels.jit import by_first, inlined
from eqchip.emulator.kernels.units import span

HIGHEST = 2**23 - 1  # of a state of 24 bits
LEAK_BITS = 12  # of a multiplier of a leak
ERROR_MOST = 127  # of an error that is told
SMOOTH_BITS = 8  # of the current of an error behind its filter, below the point


@inlined
def within_bits(number):
    """A whole number within 24 bits."""
    return min(max(number, np.int64(-HIGHEST - 1)), np.int64(HIGHEST))


@inlined
def leaked(number, lose):
    """A whole number without what a leak takes, rounded towards 0."""
    lost = (abs(number) * lose) >> LEAK_BITS
    return number - lost if number >= 0 else number + lost


@inlined
def leak(numbers, lose):
    """Whole numbers lose a share of themselves."""
    for i in span(0, len(numbers)):
        numbers[i] = leaked(numbers[i], lose)


@inlined
def _integrate_floats(v, wiring, constants, state, key):
    """V = keep V + dt (slow + heard F + gain F e), and noise."""
    total, n, dt = state.total, len(v), constants.dt
    for i in span(0, n):
        total[i] = state.u[i]
    for d in range(len(state.heard)):
        row, value = wiring.feedforward[d], state.heard[d]
        if value != 0:
            for i in span(0, n):
                total[i] += value * row[i]
    if constants.gain != 0:
        for i in span(0, n):
            total[i] += constants.gain * state.g[i]
    for i in span(0, n):
        total[i] *= dt
        v[i] = constants.keep * v[i] + total[i]
    if constants.noise > 0:
        for i in range(n):
            v[i] += constants.noise * normal(key, i)


@inlined
def _integrate_codes(v, wiring, constants, state, key):
    """V = V - leak + each of the currents in parts of a code, rounded by itself."""
    total, whole, n = state.total, constants.whole, len(v)
    for i in span(0, n):
        total[i] = 0
    for d in range(len(state.heard_codes)):
        row, value = wiring.feedforward[d], state.heard_codes[d]
        if value != 0:
            for i in span(0, n):
                total[i] += value * np.int64(row[i])
    half = (np.int64(1) << whole.shift) >> 1
    slow_half = (np.int64(1) << whole.slow_shift) >> 1
    gain_half = (np.int64(1) << whole.gain_shift) >> 1
    for i in span(0, n):
        added = (total[i] * whole.mantissa + half) >> whole.shift
        added += (state.u[i] * whole.slow_mantissa + slow_half) >> whole.slow_shift
        added += (state.g[i] * whole.gain_mantissa + gain_half) >> whole.gain_shift
        total[i] = added
        v[i] = np.int32(within_bits(leaked(np.int64(v[i]), whole.lose) + added))
    if whole.noise_mantissa > 0:
        half = (np.int64(1) << whole.noise_shift) >> 1
        for i in range(n):
            drawn = (four(key, i) - WHOLE_CENTRE) * whole.noise_mantissa + half
            v[i] = np.int32(within_bits(np.int64(v[i]) + (drawn >> whole.noise_shift)))


@inlined
def _decay_floats(v, constants, state, dendrites):
    """r, and the slow current of traces."""
    for i in span(0, len(v)):
        state.r[i] *= constants.keep
    if not dendrites:
        for i in span(0, len(v)):
            state.u[i] *= constants.keep


@inlined
def _decay_codes(v, constants, state, dendrites):
    for i in span(0, len(v)):
        state.r[i] *= constants.keep
    if (state.step[0] + 1) % constants.whole.slow_every > 0:
        return
    leak(state.trace, constants.whole.slow_lose)
    leak(state.told, constants.whole.slow_lose)
    if not dendrites:
        leak(state.u, constants.whole.slow_lose)


@inlined
def _feed_back_floats(v, wiring, constants, state, counts):
    """g = F e, e being the error before this step."""
    g, n = state.g, len(v)
    for i in span(0, n):
        g[i] = 0.0
    for d in range(len(state.e)):
        row, value = wiring.feedforward[d], state.e[d]
        for i in span(0, n):
            g[i] += value * row[i]
    counts[FEEDBACK_MACS] += len(state.e) * n


@inlined
def _feed_back_codes(v, wiring, constants, state, counts):
    """The same of an error that is told in whole numbers."""
    g, n, told = state.g, len(v), state.error_codes
    for i in span(0, n):
        g[i] = 0
    for d in range(len(told)):
        code = np.floor(state.e[d] / constants.whole.error_step + 0.5)
        told[d] = np.int64(min(max(code, -ERROR_MOST), ERROR_MOST))
        row = wiring.feedforward[d]
        for i in span(0, n):
            g[i] += told[d] * np.int64(row[i])
    counts[FEEDBACK_MACS] += len(told) * n


@inlined
def _smooth_floats(v, constants, rules, state):
    """The filter of the error's current."""
    for i in span(0, len(v)):
        state.smooth[i] += rules.smoothing * (state.g[i] - state.smooth[i])


@inlined
def _smooth_codes(v, constants, rules, state):
    much = np.int64(constants.whole.smoothing)
    half = (np.int64(1) << LEAK_BITS) >> 1
    for i in span(0, len(v)):
        added = ((state.g[i] * much << SMOOTH_BITS) + half) >> LEAK_BITS
        state.smooth[i] = within_bits(leaked(state.smooth[i], much) + added)


integrate = by_first(_integrate_floats, _integrate_codes)
decay = by_first(_decay_floats, _decay_codes)
feed_back = by_first(_feed_back_floats, _feed_back_codes)
smooth = by_first(_smooth_floats, _smooth_codes)
