"""The rule `erbp`: error spikes into dendrites that only writes read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eqchip.emulator.description.upkeep import FORWARD
from eqchip.emulator.kernels.gather import gather_values
from eqchip.emulator.kernels.jit import inlined, kernel
from eqchip.emulator.kernels.onchip_arrays import Copy, Factor, Rate
from eqchip.emulator.kernels.random_rounding import stream_key
from eqchip.emulator.kernels.spiking.arrays import Unit
from eqchip.emulator.kernels.spiking.units import (
    begin,
    begin_input,
    clear,
    count_bits,
    forward_step,
    is_right,
    label_errors,
    largest,
    pass_errors,
    send_input,
)
from eqchip.emulator.kernels.spiking.writes import write_connection, write_rows
from eqchip.emulator.kernels.units import span

KEEP_BITS = 12  # of what a dendrite keeps of itself


class ErbpRules(NamedTuple):
    """steps, settle; box: of currents, keep: over 2**KEEP_BITS, least: of what is written, states.

    at_spikes: whether each presynaptic spike writes; else each sample does. near: the least of the
    distances of an output's spikes that are not right; 0: none is.
    """

    unit: Unit
    steps: int
    settle: int
    box: int
    keep: int
    least: int
    at_spikes: bool
    near: int


@inlined
def _dendrites(net, rules, paths, units, done):
    """U decays and hears the error spikes of the step before: an output its own, one each."""
    last, keep = len(net.sizes) - 1, np.int64(rules.keep)
    for layer in range(1, last + 1):
        first, n = net.offsets[layer], net.sizes[layer]
        for j in span(first, n):
            u = np.int64(units.dendrite[j])
            kept = (abs(u) * keep) >> np.int64(KEEP_BITS)
            units.dendrite[j] = np.int32(kept if u >= 0 else -kept)
        if layer < last:
            heard = pass_errors(paths, net, units.told, units.new, layer)
            exponent = np.int32(paths.exponents[layer])
            for j in span(first, n):
                units.dendrite[j] += np.int32(units.new[j] << exponent)
            done.error_events[layer] += heard * n
        else:
            for j in span(first, n):
                units.dendrite[j] += np.int32(rules.unit.one) * units.told[j]
                done.error_events[layer] += np.int64(units.told[j] != 0)


@inlined
def _errors(net, units, done, label):
    """told = the spikes of error units, which hear the label and the outputs of the step before."""
    last = len(net.sizes) - 1
    label_errors(net, units, done, units.told, label)
    for j in span(net.offsets[last], net.sizes[last]):
        done.error_spikes[last] += np.int64(units.told[j] != 0)


@inlined
def _gate(net, rules, units, k):
    """new = U of the layer above connection k where its last current, or drive, is in the box."""
    first, n = net.offsets[k + 1], net.sizes[k + 1]
    exponent = np.int32(net.exponents[k])
    for j in span(first, n):
        current = np.int32(np.int32(units.u[j] << exponent) + units.drive[j])
        inside = np.int32(current > -rules.box) * np.int32(current < rules.box)
        units.new[j] = units.dendrite[j] * inside


@inlined
def _least(net, units, values, least, layer):
    """values below the least are none; the others are counted."""
    count = np.int64(0)
    for j in span(net.offsets[layer], net.sizes[layer]):
        if abs(values[j]) < least:
            values[j] = 0
        count += np.int64(values[j] != 0)
    return count


@inlined
def _write_at_spikes(net, rules, learner, units, done, k, count, sample, t):
    """weights += rate U of every synapse of what fires, before its spike crosses it."""
    if count == 0:
        return
    n_post, first = net.sizes[k + 1], net.offsets[k + 1]
    done.open[k + 1] += _least(net, units, units.new, rules.least, k + 1)
    post = gather_values(units.post_rows, units.post_values, 0, units.new, first, n_post)
    for i in range(count):
        units.spike_rows[i] = units.rows[net.offsets[k] + i]
        units.spike_values[i] = 1
    key = stream_key(learner.seed[0], sample * rules.steps + t, k, FORWARD)
    rate = Rate(learner.mantissa[k], learner.shift[k], key)
    below = Factor(units.spike_rows, units.spike_values, count, n_post)
    above = Factor(units.post_rows, units.post_values, post, 1)
    forward = Copy(learner.stored, net.weights, net.starts[k], net.strides[k])
    write_rows(forward, below, above, rate, learner, done.writes[k, FORWARD], units.wide)


@kernel
def run_erbp(net, paths, rules, learner, units, x, labels, done, first_number, learns):
    """As `run_graded`."""
    last = len(net.sizes) - 1
    one = np.int32(rules.unit.one)
    for b in range(len(x)):
        begin(net, rules.unit, units)
        clear(units.u, 0, net.offsets[-1])
        n_active = begin_input(net, rules.unit, units, done, x[b])
        sample = first_number + b
        for t in range(rules.steps):
            n_input = send_input(net, rules.unit, units, x[b], n_active)
            if learns:
                _dendrites(net, rules, paths, units, done)
                _errors(net, units, done, labels[b])
            if learns and t >= rules.settle:
                for k in range(last):
                    count = n_input if k == 0 else units.fired[k]
                    _gate(net, rules, units, k)
                    if rules.at_spikes:
                        _write_at_spikes(net, rules, learner, units, done, k, count, sample, t)
                    else:
                        for j in span(net.offsets[k + 1], net.sizes[k + 1]):
                            units.gated[j] += units.new[j]
                        for i in range(count):
                            units.counts[net.offsets[k] + units.rows[net.offsets[k] + i]] += 1
            forward_step(net, rules.unit, units, done, 0, n_input, False)
            count_bits(net, units, units.taught, last)
        first = net.offsets[last]
        for j in span(first, net.sizes[last]):
            units.u[j] = 2 * one * units.taught[j] + min(max(units.v[j], -one), one)
        done.classes[b] = largest(units.u, first, net.sizes[last])
        if not learns or is_right(net, units.taught, labels[b], rules.steps, rules.near):
            continue
        done.taught[0] += 1
        if rules.at_spikes:
            continue
        least = rules.least * (rules.steps - rules.settle)
        for layer in range(1, last + 1):
            done.open[layer] += _least(net, units, units.gated, least, layer)
        for k in range(last):
            write_connection(net, paths, learner, units, done, k, units.counts, units.gated, sample)
