"""The rule `graded`: spikes forward, one graded error back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eqchip.emulator.kernels.jit import inlined, kernel
from eqchip.emulator.kernels.spiking.arrays import Unit
from eqchip.emulator.kernels.spiking.units import (
    begin,
    begin_input,
    clear,
    count_bits,
    forward_step,
    is_right,
    largest,
    pass_errors,
    send_input,
)
from eqchip.emulator.kernels.spiking.writes import write_biases, write_connection
from eqchip.emulator.kernels.units import span


class GradedRules(NamedTuple):
    """steps; mantissa, shift: of 1 / steps; least: the smallest error that is sent, a state.

    near: the least of the distances of Z that are not right; 0: none is.
    """

    unit: Unit
    steps: int
    mantissa: int
    shift: int
    least: int
    fraction_bits: int
    near: int


@inlined
def _output_errors(net, rules, units, done, label):
    """error = y - clip(Z / T), toward 0, of the last layer."""
    last = len(net.sizes) - 1
    first, top = net.offsets[last], np.int64(rules.steps) * rules.unit.one
    for k in range(net.sizes[last]):
        wanted = top if k == label else np.int64(0)
        missed = wanted - min(max(np.int64(units.v[first + k]), np.int64(0)), top)
        error = (abs(missed) * rules.mantissa) >> rules.shift
        if error < rules.least:
            error = np.int64(0)
        units.error[first + k] = np.int32(error if missed > 0 else -error)
        done.messages[last] += np.int64(error != 0)


@inlined
def _hidden_errors(net, rules, paths, units, done, layer):
    """error = [0 < c < T] sum of errors over the path, toward 0."""
    first, n, steps = net.offsets[layer], net.sizes[layer], np.int32(rules.steps)
    heard = pass_errors(paths, net, units.error, units.dendrite, layer)
    done.error_events[layer] += heard * n
    bits, most = np.int64(rules.fraction_bits), np.int64(rules.unit.high)
    exponent = np.int64(paths.exponents[layer])
    sent = np.int64(0)
    for j in span(first, n):
        total = np.int64(units.dendrite[j])
        size = min((abs(total) << exponent) >> bits, most)
        inside = np.int64(units.counts[j] > 0) * np.int64(units.counts[j] < steps)
        error = np.int32(size * inside)
        units.error[j] = error if total > 0 else -error
        sent += np.int64(error != 0)
    done.open[layer] += sent
    if layer > 1 and paths.source[layer - 1] == layer:
        done.messages[layer] += sent


@kernel
def run_graded(net, paths, rules, learner, units, x, labels, done, first_number, learns):
    """Run the samples one after another and, if it learns, write after each.

    x: (b, n_in) int32, pixels in states; labels: (b,) int64; first_number: samples learned from
    before.
    """
    last = len(net.sizes) - 1
    for b in range(len(x)):
        begin(net, rules.unit, units)
        clear(units.v, net.offsets[last], net.sizes[last])
        n_active = begin_input(net, rules.unit, units, done, x[b])
        for _ in range(rules.steps):
            n_input = send_input(net, rules.unit, units, x[b], n_active)
            forward_step(net, rules.unit, units, done, 0, n_input, True)
            for i in range(n_input):
                units.counts[units.rows[i]] += 1
            for layer in range(1, last):
                count_bits(net, units, units.counts, layer)
        done.classes[b] = largest(units.v, net.offsets[last], net.sizes[last])
        top = rules.steps * rules.unit.one
        if not learns or is_right(net, units.v, labels[b], top, rules.near):
            continue
        done.taught[0] += 1
        sample = first_number + b
        _output_errors(net, rules, units, done, labels[b])
        for back in range(1, last):
            _hidden_errors(net, rules, paths, units, done, last - back)
        for k in range(last):
            write_connection(net, paths, learner, units, done, k, units.counts, units.error, sample)
            write_biases(net, rules.unit, learner, units.error, k, sample)
