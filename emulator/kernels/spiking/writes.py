"""What spiking rules write; the twin to be read is `eqchip.backends.reference.spiking`."""

from __future__ import annotations

import numpy as np

from eqchip.emulator.description.upkeep import FORWARD, MIRROR
from eqchip.emulator.kernels.gather import gather_values
from eqchip.emulator.kernels.jit import inlined
from eqchip.emulator.kernels.onchip import Copy, Factor, Rate, write_outer
from eqchip.emulator.kernels.random_rounding import BIAS_STREAM, round_at_random, stream_key
from eqchip.emulator.kernels.spiking.arrays import VISITED


@inlined
def write_copy(copy, across, along, rate, learner, counts, width):
    """Write an outer product; `width`: the synapses of each axon, which are visited."""
    write_outer(
        copy, across, along, rate, learner.accumulator_bits, learner.highest, True, counts[1:]
    )
    counts[VISITED] += np.int64(across.active) * width


@inlined
def write_connection(net, paths, learner, units, done, k, below, above, sample):
    """weights += below, above, rate: of what fired below, and of errors above; and the mirror.

    Both copies are rounded by the same random numbers, so that they stay equal.
    """
    n_pre, n_post = net.sizes[k], net.sizes[k + 1]
    pre = gather_values(units.pre_rows, units.pre_values, 0, below, net.offsets[k], n_pre)
    post = gather_values(units.post_rows, units.post_values, 0, above, net.offsets[k + 1], n_post)
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
        write_copy(mirror, of_post, of_pre, rate, learner, done.writes[k, MIRROR], n_pre)


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
