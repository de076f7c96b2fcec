"""A sample by the rule `erbp`, in plain numpy."""

from __future__ import annotations

import math

import numpy as np

from eqchip.backends.reference.spiking.machine import Machine, decayed
from eqchip.emulator.description.spiking.rules import Erbp


def erbp(machine: Machine, x: np.ndarray, label: int, sample: int, learns: bool) -> int:
    """Run a sample and, if it learns, write; its class."""
    rule, one, last = machine.rule, machine.fixed.one, machine.layers - 1
    assert isinstance(rule, Erbp)
    counts = machine.counts
    machine.begin(0.0, rule.floor, takes_all=True)
    c, u, gated, current = ([np.zeros(size, np.int64) for size in machine.sizes] for _ in range(4))
    c[0] = machine.inject(x)
    current[1] = machine.drive
    told = np.zeros(machine.sizes[last], np.int64)
    fired, error = np.zeros_like(told), np.zeros_like(told)
    keep = round((1 - rule.decay) * 2**12)
    least, box = max(math.ceil(rule.least_error * one), 1), round(rule.box * one)
    for t in range(rule.steps):
        machine.encode(x)
        below = [bits.copy() for bits in machine.bits]
        if learns:
            for layer in range(1, machine.layers):
                u[layer] = decayed(u[layer], keep)
                if layer < last:
                    u[layer] += machine.heard(layer, told) << machine.path_exponent(layer)
            u[last] += one * told
            counts.error_events[last] += abs(told).sum() + below[last].sum() + 1
            counts.labels[0] += 1
            error += (np.arange(len(told)) == label) - below[last]
            told = np.sign(error)
            error = error - told
            counts.error_spikes[last] += abs(told).sum()
        for k in range(last * (learns and t >= rule.settle)):
            open_ = u[k + 1] * (abs(current[k + 1]) < box)
            if rule.write == "spike" and below[k].any():
                open_ = np.where(abs(open_) < least, 0, open_)
                counts.open[k + 1] += (open_ != 0).sum()
                machine.write(k, below[k], open_, sample * rule.steps + t)
            elif rule.write == "sample":
                gated[k + 1] += open_
                c[k] = c[k] + below[k]
        for k in range(last):
            current[k + 1] = (below[k] @ machine.codes(machine.stored[k])) << machine.exponents[k]
        current[1] = current[1] + machine.drive
        machine.step(0, sums_up=False)
        fired += machine.bits[last]
    right = learns and machine.is_right(fired, rule.steps, label)
    if learns and not right and rule.write == "sample":
        least *= rule.steps - rule.settle
        for k in range(last):
            error = np.where(abs(gated[k + 1]) < least, 0, gated[k + 1])
            counts.open[k + 1] += (error != 0).sum()
            machine.write(k, c[k], error, sample)
    return int((2 * one * fired + np.clip(machine.v[last], -one, one)).argmax())
