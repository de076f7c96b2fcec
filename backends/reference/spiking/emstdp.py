"""A sample by the rule `emstdp`, in plain numpy."""

from __future__ import annotations

import numpy as np

from eqchip.backends.reference.spiking.machine import Machine
from eqchip.emulator.description.spiking.rules import Emstdp


def emstdp(machine: Machine, x: np.ndarray, label: int, sample: int, learns: bool) -> int:
    """Run a sample and, if it learns, write; its class."""
    rule, one, last = machine.rule, machine.fixed.one, machine.layers - 1
    assert isinstance(rule, Emstdp)
    machine.begin(0.5, rule.floor)
    c, d, e, n, told = ([np.zeros(size, np.int64) for size in machine.sizes] for _ in range(5))
    c[0] = machine.inject(x)
    for t in range(rule.settle + rule.steps):
        machine.encode(x)
        machine.step(0, sums_up=False)
        for layer in range(machine.layers * (t >= rule.settle)):
            c[layer] = c[layer] + machine.bits[layer]
    found = int((c[last] * one + machine.v[last]).argmax())
    if not learns or machine.is_right(c[last], rule.steps, label):
        return found
    nudged = [last] if rule.contrast == "error-spikes" else range(1, last + 1)
    for _ in range(rule.steps):
        before = [spikes.copy() for spikes in told]
        machine.counts.labels[0] += 1
        machine.counts.error_events[last] += machine.bits[last].sum() + 1
        e[last] += (np.arange(machine.sizes[last]) == label) - machine.bits[last]
        told[last] = np.sign(e[last])
        e[last] -= told[last]
        threshold = round(rule.error_threshold * one)
        for layer in range(1, last):
            heard = machine.heard(layer, before[machine.source(layer)])
            e[layer] += heard << machine.path_exponent(layer)
            fired = (e[layer] >= threshold).astype(np.int64) - (e[layer] <= -threshold)
            e[layer] -= threshold * fired
            told[layer] = fired * ((c[layer] > 0) & (c[layer] < rule.steps))
        for layer in range(1, last + 1):
            n[layer] += told[layer]
            machine.counts.error_spikes[layer] += abs(told[layer]).sum()
            if layer in nudged:
                machine.v[layer] += one * before[layer]
                machine.counts.error_events[layer] += abs(before[layer]).sum()
        machine.encode(x)
        machine.step(1, sums_up=False)
        for layer in range(1, machine.layers):
            d[layer] += machine.bits[layer]
    change = [d[k] - c[k] if k in nudged else n[k] for k in range(machine.layers)]
    for k in range(last):
        machine.counts.open[k + 1] += (change[k + 1] != 0).sum()
        machine.write(k, c[k], change[k + 1], sample)
        machine.write_biases(k + 1, change[k + 1], sample)
    return found
