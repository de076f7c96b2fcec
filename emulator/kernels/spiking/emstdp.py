"""The rule `emstdp`: a phase without error and one with error spikes, by what they differ in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eqchip.emulator.kernels.jit import inlined, kernel
from eqchip.emulator.kernels.spiking.arrays import Unit
from eqchip.emulator.kernels.spiking.units import (
    begin,
    begin_input,
    count_bits,
    forward_step,
    is_right,
    label_errors,
    largest,
    pass_errors,
    send_input,
    step_error,
)
from eqchip.emulator.kernels.spiking.writes import write_biases, write_connection
from eqchip.emulator.kernels.units import span


class EmstdpRules(NamedTuple):
    """steps, settle; threshold: of hidden error units, a state; by_spikes: see `contrast`.

    near: the least of the distances of a count that are not right; 0: none is.
    """

    unit: Unit
    steps: int
    settle: int
    threshold: int
    by_spikes: bool
    near: int


@inlined
def _hidden_error(net, rules, paths, units, done, layer):
    """E += the error spikes of the step before over the path; sent where 0 < c < T."""
    first, n, steps = net.offsets[layer], net.sizes[layer], np.int32(rules.steps)
    heard = pass_errors(paths, net, units.told, units.dendrite, layer)
    done.error_events[layer] += heard * n
    exponent = np.int32(paths.exponents[layer])
    if heard > 0:
        for j in span(first, n):
            units.error[j] += np.int32(units.dendrite[j] << exponent)
    step_error(units.error, units.new, rules.threshold, first, n)
    for j in span(first, n):
        inside = np.int32(units.counts[j] > 0) * np.int32(units.counts[j] < steps)
        units.new[j] *= inside


@inlined
def _nudge(net, rules, units, done, layer):
    """V += the error spikes of the step before, a threshold each; and those are replaced."""
    first, n, last = net.offsets[layer], net.sizes[layer], len(net.sizes) - 1
    one = np.int32(rules.unit.one)
    sent, nudged = np.int64(0), np.int64(0)
    for j in span(first, n):
        nudged += np.int64(units.told[j] != 0)
        sent += np.int64(units.new[j] != 0)
    if not (rules.by_spikes and layer < last):
        for j in span(first, n):
            units.v[j] += one * units.told[j]
        done.error_events[layer] += nudged
    for j in span(first, n):
        units.told[j] = units.new[j]
        units.gated[j] += units.new[j]
    done.error_spikes[layer] += sent


@inlined
def _contrast(net, rules, units, done, layer):
    """gated = what the second phase differs by: its rate, or the error spikes themselves."""
    opened = np.int64(0)
    for j in span(net.offsets[layer], net.sizes[layer]):
        if not (rules.by_spikes and layer < len(net.sizes) - 1):
            units.gated[j] = units.taught[j] - units.counts[j]
        opened += np.int64(units.gated[j] != 0)
    done.open[layer] += opened


@kernel
def run_emstdp(net, paths, rules, learner, units, x, labels, done, first_number, learns):
    """As `run_graded`."""
    last = len(net.sizes) - 1
    first_phase = rules.settle + rules.steps
    for b in range(len(x)):
        begin(net, rules.unit, units)
        n_active = begin_input(net, rules.unit, units, done, x[b])
        total = first_phase + rules.steps if learns else first_phase
        right = False
        for t in range(total):
            phase = 1 if t >= first_phase else 0
            if phase == 1:
                label_errors(net, units, done, units.new, labels[b])
                for layer in range(1, last):
                    _hidden_error(net, rules, paths, units, done, layer)
                for layer in range(1, last + 1):
                    _nudge(net, rules, units, done, layer)
            n_input = send_input(net, rules.unit, units, x[b], n_active)
            forward_step(net, rules.unit, units, done, phase, n_input, False)
            if phase == 1:
                for layer in range(1, last + 1):
                    count_bits(net, units, units.taught, layer)
            elif t >= rules.settle:
                for i in range(n_input):
                    units.counts[units.rows[i]] += 1
                for layer in range(1, last + 1):
                    count_bits(net, units, units.counts, layer)
            if t == first_phase - 1:
                # Spikes, and what is left of V: all that the output has added up.
                first = net.offsets[last]
                for j in span(first, net.sizes[last]):
                    units.u[j] = units.counts[j] * np.int32(rules.unit.one) + units.v[j]
                done.classes[b] = largest(units.u, first, net.sizes[last])
                if learns and is_right(net, units.counts, labels[b], rules.steps, rules.near):
                    right = True
                    break
        if not learns or right:
            continue
        done.taught[0] += 1
        sample = first_number + b
        for layer in range(1, last + 1):
            _contrast(net, rules, units, done, layer)
        for k in range(last):
            write_connection(net, paths, learner, units, done, k, units.counts, units.gated, sample)
            write_biases(net, rules.unit, learner, units.gated, k, sample)
