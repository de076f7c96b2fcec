"""What cores know of their units after the phases of a sample, in whole numbers.

Each of them is a row of `Learner.known`, and what is written is a product of two; see `onchip`,
whose axes these are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eqchip.emulator.description.onchip import TRACE_SHIFT
from eqchip.emulator.kernels.jit import inlined, kernel
from eqchip.emulator.kernels.onchip_arrays import (
    ACTIVITY,
    CHANGE,
    FACTOR,
    MINUS_TRACE,
    PLUS_TRACE,
    TRACE,
)
from eqchip.emulator.kernels.random_rounding import (
    TRACE_STREAM,
    mix,
    round_at_random,
    stream_key,
)


@inlined
def know_potentials(net, learner, ends, plus, minus, written, b):
    """ACTIVITY = s+ + s-, CHANGE = s+ - s-, of every layer; the input's never changes."""
    known, threshold = learner.known, learner.threshold
    for layer in range(len(net.sizes)):
        first = net.offsets[layer]
        for j in range(first, first + net.sizes[layer]):
            up, down = ends[plus, 0, j], ends[minus, 0, j]
            change = np.int32(up - down) if layer > 0 else np.int32(0)
            if abs(change) <= threshold:
                change = np.int32(0)
            known[ACTIVITY, j] = np.int32(up + down)
            known[CHANGE, j] = change
            written.changed[b, layer] += np.int64(change != 0)
            written.sent[b, layer] += np.int64(up + down != 0)


@inlined
def _count_spikes(learner, bits, last_rows, window, out, units):
    """out = spikes in the window of steps that ends with row last_rows."""
    counts = learner.known[out]
    for j in range(np.uint64(units)):
        counts[j] = 0
    for row in range(last_rows + 1 - window, last_rows + 1):
        of_step = bits[row, 0]
        for j in range(np.uint64(units)):
            counts[j] += np.int32(of_step[j])


@inlined
def _decay_spikes(learner, bits, first_row, steps, out, units, key):
    """out = an exponential trace of the spikes of a phase, rounded at random at every step."""
    trace = learner.known[out]
    for j in range(units):
        trace[j] = 0
    for step in range(steps):
        of_step = bits[first_row + step, 0]
        for j in range(units):
            total = np.int64(trace[j]) * learner.decay + np.int64(of_step[j]) * learner.impulse
            value = np.int64(0)
            if total != 0:
                value = round_at_random(total, np.int64(TRACE_SHIFT), key, step * units + j)
            trace[j] = np.int32(min(value, np.int64(learner.most)))


@inlined
def know_traces(net, rules, learner, bits, plus, minus, sample):
    """The traces of the two nudged phases."""
    units = net.offsets[-1]
    first_plus = np.int64(0)
    for phase in range(plus):
        first_plus += rules.phase_steps[phase]
    first_minus = np.int64(0)
    for phase in range(minus):
        first_minus += rules.phase_steps[phase]
    known = learner.known
    if learner.exponential:
        key = stream_key(learner.seed[0], sample, 0, TRACE_STREAM)
        _decay_spikes(learner, bits, first_plus, rules.phase_steps[plus], PLUS_TRACE, units, key)
        _decay_spikes(
            learner, bits, first_minus, rules.phase_steps[minus], MINUS_TRACE, units, mix(key)
        )
        return
    _count_spikes(
        learner, bits, first_plus + rules.phase_steps[plus] - 1, learner.window, PLUS_TRACE, units
    )
    _count_spikes(
        learner, bits, first_minus + rules.phase_steps[minus] - 1, learner.window, MINUS_TRACE,
        units,
    )  # fmt: skip
    most = np.int32(learner.most)
    for j in range(np.uint64(units)):
        known[TRACE, j] = min(known[PLUS_TRACE, j] + known[MINUS_TRACE, j], most)


@inlined
def know_factors(net, learner, written, b, sample):
    """FACTOR = CHANGE mantissa / 2**shift, rounded at random and at most the largest."""
    key = mix(mix(stream_key(learner.seed[0], sample, 0, TRACE_STREAM)))
    known, most = learner.known, np.int64(learner.largest_factor)
    for layer in range(1, len(net.sizes)):
        first, mantissa = net.offsets[layer], learner.factor_mantissa[layer - 1]
        shift, changed, spikes = learner.factor_shift[layer - 1], np.int64(0), np.int64(0)
        for j in range(first, first + net.sizes[layer]):
            factor, change = np.int64(0), np.int64(known[CHANGE, j])
            if change != 0:
                factor = round_at_random(change * mantissa, shift, key, j)
                factor = min(max(factor, -most), most)
            known[FACTOR, j] = np.int32(factor)
            changed += np.int64(factor != 0)
            spikes += abs(factor)
        written.changed[b, layer] = changed
        written.spikes[b, layer] = spikes if learner.spikes else np.int64(0)


@inlined
def know(layers, steps, learner, ends, bits, plus, minus, written, b, sample):
    """learner.known = what cores know after sample b. layers: Layers; steps: Steps."""
    know_potentials(layers, learner, ends, plus, minus, written, b)
    if len(bits) > 0:
        know_traces(layers, steps, learner, bits, plus, minus, sample)
    if learner.largest_factor > 0:
        know_factors(layers, learner, written, b, sample)


@kernel
def know_sample(
    layers: Any, steps: Any, learner: Any, ends: Any, bits: Any, plus: int, minus: int,
    written: Any, number: int,
) -> None:  # fmt: skip
    """learner.known = what cores know after one sample."""
    know(layers, steps, learner, ends, bits, plus, minus, written, 0, number)
