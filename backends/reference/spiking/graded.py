"""A sample by the rule `graded`, in plain numpy."""

from __future__ import annotations

import math

import numpy as np

from eqchip.backends.reference.spiking.machine import Machine
from eqchip.emulator.description.spiking.rules import Graded


def graded(machine: Machine, x: np.ndarray, label: int, sample: int, learns: bool) -> int:
    """Run a sample and, if it learns, write; its class."""
    rule, fixed, last = machine.rule, machine.fixed, machine.layers - 1
    assert isinstance(rule, Graded)
    machine.begin(0.5, rule.floor)
    machine.v[last][:] = 0
    c = [np.zeros(n, np.int64) for n in machine.sizes]
    c[0] = machine.inject(x)
    for _ in range(rule.steps):
        machine.encode(x)
        machine.step(0, sums_up=True)
        for layer in range(last):
            c[layer] = c[layer] + machine.bits[layer]
    z = machine.v[last]
    if learns and not machine.is_right(z, rule.steps * fixed.one, label):
        errors = [np.zeros(n, np.int64) for n in machine.sizes]
        wanted = np.where(np.arange(len(z)) == label, rule.steps * fixed.one, 0)
        missed = wanted - np.clip(z, 0, rule.steps * fixed.one)
        size = (abs(missed) * round(2**15 / rule.steps)) >> 15
        size[size < max(math.ceil(rule.least_error * fixed.one), 1)] = 0
        errors[last] = np.sign(missed) * size
        machine.counts.messages[last] += (errors[last] != 0).sum()
        for layer in range(last - 1, 0, -1):
            total = machine.heard(layer, errors[machine.source(layer)])
            size = (abs(total) << machine.path_exponent(layer)) >> fixed.fraction_bits
            inside = (c[layer] > 0) & (c[layer] < rule.steps)
            errors[layer] = np.sign(total) * np.minimum(size, fixed.highest_state) * inside
            sent = (errors[layer] != 0).sum()
            machine.counts.open[layer] += sent
            if layer > 1 and machine.source(layer - 1) == layer:
                machine.counts.messages[layer] += sent
        for k in range(last):
            machine.write(k, c[k], errors[k + 1], sample)
            machine.write_biases(k + 1, errors[k + 1], sample)
    return int(z.argmax())
