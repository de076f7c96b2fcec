"""What spiking rules write; the twin to be read is `eqchip.backends.reference.spiking`."""

from __future__ import annotations

import numpy as np

from eqchip.emulator.description.upkeep import ALIGN_BITS, FORWARD, MIRROR
from eqchip.emulator.kernels.gather import gather_values
from eqchip.emulator.kernels.jit import inlined
from eqchip.emulator.kernels.onchip import write_outer
from eqchip.emulator.kernels.onchip_arrays import Copy, Factor, Rate
from eqchip.emulator.kernels.random_rounding import (
    BIAS_STREAM,
    MIRROR_STREAM,
    round_at_random,
    stream_key,
)
from eqchip.emulator.kernels.spiking.arrays import (
    APPLIED,
    ATTEMPTED,
    EVENTS,
    MESSAGES,
    SATURATED,
    VISITED,
)
from eqchip.emulator.kernels.units import span


@inlined
def write_copy(copy, across, along, rate, learner, counts, width):
    """Write an outer product; `width`: the synapses of each axon, which are visited."""
    write_outer(
        copy, across, along, rate, learner.accumulator_bits, learner.highest, True, counts[1:]
    )
    counts[VISITED] += np.int64(across.active) * width


@inlined
def write_rows(copy, across, along, rate, learner, counts, changes):
    """As `write_copy`, for the many small products of single spikes; changes: int64, scratch.

    What a row comes to is computed first, in vectors: nearly all of it rounds to nothing.
    """
    stored, codes, bits = copy.stored, copy.codes, learner.accumulator_bits
    limit = np.int64(learner.highest) << bits
    half = (np.int64(1) << bits) >> np.int64(1)
    applied, saturated = np.int64(0), np.int64(0)
    for a in range(across.active):
        at = copy.start + np.int64(across.rows[a]) * copy.stride
        amount = np.int64(across.values[a]) * rate.mantissa
        number = np.int64(across.rows[a]) * across.step
        for c in span(0, along.active):
            changes[c] = round_at_random(
                amount * np.int64(along.values[c]), rate.shift, rate.key,
                number + np.int64(along.rows[c]) * along.step,
            )  # fmt: skip
        for c in range(along.active):
            change = changes[c]
            if change != 0:
                place = at + np.int64(along.rows[c])
                total = np.int64(stored[place]) + change
                kept = min(max(total, -limit), limit)
                saturated += np.int64(kept != total)
                stored[place] = np.int16(kept)
                code = np.int8((kept + half) >> bits)
                applied += np.int64(code != codes[place])
                codes[place] = code
    counts[VISITED] += np.int64(across.active) * across.step
    counts[ATTEMPTED] += np.int64(across.active) * np.int64(along.active)
    counts[APPLIED] += applied
    counts[SATURATED] += saturated


@inlined
def align(net, learner, units, done, k, active, sample):
    """B_m += rate (y_m - B_m c) c / |c|**2, for every unit m above that hears anything, y_m != 0.

    c: spikes of the phase of the units below, the first `active` of units.pre_rows and
    .pre_values; y = c W, what a unit above adds up and tells the cores below. The missing part over
    |c|**2 has ALIGN_BITS and the accumulator's below the point, rounded down.
    """
    n_pre, n_post = net.sizes[k], net.sizes[k + 1]
    rows, values, drive = units.pre_rows, units.pre_values, units.wide
    power = np.int64(0)
    for a in range(active):
        power += np.int64(values[a]) * np.int64(values[a])
    for m in range(n_post):
        drive[m] = 0
    for a in range(active):
        at = net.starts[k] + np.int64(rows[a]) * net.strides[k]
        for m in range(n_post):
            drive[m] += np.int64(values[a]) * np.int64(net.weights[at + m])
    key = stream_key(learner.seed[0], sample, k, MIRROR_STREAM)
    bits, mantissa, shift = learner.accumulator_bits, learner.aligning[0], learner.aligning[1]
    limit = np.int64(learner.highest) << bits
    half = (np.int64(1) << bits) >> np.int64(1)
    counts = done.writes[k, MIRROR]
    for m in range(n_post):
        if drive[m] == 0:
            continue
        at, missed = net.mirror_starts[k] + m * net.mirror_strides[k], drive[m]
        for a in range(active):
            missed -= np.int64(values[a]) * np.int64(net.mirror[at + rows[a]])
        missed = (missed << (np.int64(ALIGN_BITS) + bits)) // power
        done.aligning[k, MESSAGES] += 1
        done.aligning[k, EVENTS] += n_pre
        counts[VISITED] += n_pre
        if missed == 0:
            continue
        counts[ATTEMPTED] += active
        for a in range(active):
            i, number = at + rows[a], np.int64(rows[a]) * n_post + m
            total = np.int64(learner.stored_mirror[i])
            total += round_at_random(missed * np.int64(values[a]) * mantissa, shift, key, number)
            kept = min(max(total, -limit), limit)
            counts[SATURATED] += np.int64(kept != total)
            learner.stored_mirror[i] = np.int16(kept)
            code = np.int8((kept + half) >> bits)
            counts[APPLIED] += np.int64(code != net.mirror[i])
            net.mirror[i] = code


@inlined
def write_connection(net, paths, learner, units, done, k, below, above, sample):
    """weights += below, above, rate: of what fired below, and of errors above; and the mirror.

    Both copies are rounded by the same random numbers, so that they stay equal where their rates
    are. A path that aligns does so before.
    """
    n_pre, n_post = net.sizes[k], net.sizes[k + 1]
    pre = gather_values(units.pre_rows, units.pre_values, 0, below, net.offsets[k], n_pre)
    post = gather_values(units.post_rows, units.post_values, 0, above, net.offsets[k + 1], n_post)
    if paths.aligns and k > 0 and post > 0:
        align(net, learner, units, done, k, pre, sample)
    key = stream_key(learner.seed[0], sample, k, FORWARD)
    rate = Rate(learner.mantissa[k], learner.shift[k], key)
    of_pre = Factor(units.pre_rows, units.pre_values, pre, n_post)
    of_post = Factor(units.post_rows, units.post_values, post, 1)
    forward = Copy(learner.stored, net.weights, net.starts[k], net.strides[k])
    write_copy(forward, of_pre, of_post, rate, learner, done.writes[k, FORWARD], n_post)
    if paths.mirrored and k > 0:
        mirror = Copy(
            learner.stored_mirror, net.mirror, net.mirror_starts[k], net.mirror_strides[k]
        )
        back = Rate(learner.mirror_mantissa[k], learner.mirror_shift[k], key)
        write_copy(mirror, of_post, of_pre, back, learner, done.writes[k, MIRROR], n_pre)


@inlined
def write_biases(net, unit, learner, error, k, sample):
    """biases += error, rate, in the range of a state."""
    first, n = net.offsets[k + 1], net.sizes[k + 1]
    key = stream_key(learner.seed[0], sample, k, BIAS_STREAM)
    mantissa, shift = learner.bias_mantissa[k], learner.bias_shift[k]
    for j in range(n):
        value = np.int64(error[first + j])
        if value != 0:
            total = np.int64(net.biases[first + j])
            total += round_at_random(value * mantissa, shift, key, j)
            net.biases[first + j] = np.int32(min(max(total, -unit.high - 1), unit.high))
