"""A sample by the rule `eprop`, in plain numpy."""

from __future__ import annotations

import math

import numpy as np

from eqchip.backends.reference.spiking.machine import Machine, decayed
from eqchip.emulator.description.spiking.rules import Eprop

MOST_TRACE = 2**15 - 1


def eprop(machine: Machine, x: np.ndarray, label: int, sample: int, learns: bool) -> int:
    """Run a sample and, if it learns, write; its class."""
    rule, fixed, counts = machine.rule, machine.fixed, machine.counts
    assert isinstance(rule, Eprop)
    n_all, n, n_out = machine.sizes
    one, total = fixed.one, rule.rows * rule.steps
    keep, fade = (round((1 - loss) * 2**12) for loss in (rule.decay, rule.fade))
    machine.begin(0.0, rule.floor)
    axons, heard = np.zeros(n_all, np.int64), np.zeros(n, np.int64)
    traces, has_fired = np.zeros((n_all, n), np.int64), np.zeros(n_all, bool)
    for t in range(total):
        row = x.reshape(rule.rows, n_all - n)[t // rule.steps]
        machine.encode(np.concatenate([row, np.zeros(n, np.int64)]))
        counts.steps[0] += 1
        counts.spikes[0, 0] += machine.bits[0].sum()
        hidden = machine.bits[1].copy()
        senders = machine.bits[0].copy()
        senders[n_all - n :] = hidden
        machine.v[2] = decayed(machine.v[2], fade)
        _add_up(machine, 2, hidden)
        if learns:
            heard = np.minimum(decayed(heard, fade) + 256 * hidden, MOST_TRACE)
        if learns and t >= total - rule.window:
            number = sample * rule.window + t - (total - rule.window)
            missed = one * (np.arange(n_out) == label) - np.clip(machine.v[2], 0, one)
            missed[abs(missed) < max(math.ceil(rule.least_error * one), 1)] = 0
            counts.messages[2] += (missed != 0).sum()
            summed = machine.heard(1, missed)
            size = (abs(summed) << machine.path_exponent(1)) >> fixed.fraction_bits
            signal = np.sign(summed) * np.minimum(size, fixed.highest_state)
            counts.open[1] += (signal != 0).sum()
            machine.write_traces(0, traces, signal, number)
            machine.write(1, heard, missed, number)
            machine.write_biases(2, missed, number)
        machine.v[1] = decayed(machine.v[1], keep)
        _add_up(machine, 1, senders)
        if learns:
            axons = np.minimum(decayed(axons, keep) + 256 * senders, MOST_TRACE)
            has_fired |= senders > 0
            near = np.maximum(one - abs(machine.v[1] - one), 0)
            more = np.outer(axons, near) >> fixed.fraction_bits
            traces = np.minimum(decayed(traces, fade) + more, MOST_TRACE)
            counts.writes[0, 0, 0] += has_fired.sum() * n
            counts.told[0] += np.count_nonzero(traces)
        machine.fire(1)
        counts.spikes[0, 1] += machine.bits[1].sum()
    counts.taught[0] += learns
    return int(machine.v[2].argmax())


def _add_up(machine: Machine, layer: int, below: np.ndarray) -> None:
    """What arrives of spikes below, and the bias."""
    k = layer - 1
    machine.counts.arrivals[0, k] += below.sum() * machine.sizes[layer]
    u = below @ machine.codes(machine.stored[k])
    machine.integrate(layer, (u << machine.exponents[k]) + machine.biases[layer])
