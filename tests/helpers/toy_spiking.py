"""A rule of spiking units, whole: the last layer alone learns, from who wins (Rosenblatt 1958).

dw_jk = lr c_j / T ([k = y] - [k = winner])     where the winner is wrong
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from eqchip.backends.reference.spiking import Machine
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.spiking.rule import SpikingRule
from eqchip.emulator.kernels.jit import kernel
from eqchip.emulator.kernels.spiking.arrays import Unit
from eqchip.emulator.kernels.spiking.units import (
    begin,
    begin_input,
    clear,
    count_bits,
    forward_step,
    largest,
    send_input,
)
from eqchip.emulator.kernels.spiking.writes import write_connection
from eqchip.emulator.learning.spiking import Program, Shares, lower_unit


@dataclass(frozen=True)
class Winner(SpikingRule):
    """1. What it says of itself."""

    name = "winner"

    steps: int = 8

    def __post_init__(self) -> None:
        self._check_steps("steps")


def winner(machine: Machine, x: np.ndarray, label: int, sample: int, learns: bool) -> int:
    """2. A sample in plain numpy."""
    last = machine.layers - 1
    machine.begin(0.5, 1.0)
    machine.v[last][:] = 0
    c = np.zeros(machine.sizes[last - 1], np.int64)
    for _ in range(machine.rule.steps):
        machine.encode(x)
        machine.step(0, sums_up=True)
        c += machine.bits[last - 1]
    best = int(machine.v[last].argmax())
    if learns and best != label:
        units = np.arange(machine.sizes[last])
        machine.write(last - 1, c, (units == label) * 1 - (units == best), sample)
    return best


class WinnerRules(NamedTuple):
    unit: Unit
    steps: int


@kernel
def run_winner(net, paths, rules, learner, units, x, labels, done, first_number, learns):
    """3. The same, compiled, of pieces that are there."""
    last = len(net.sizes) - 1
    first = net.offsets[last]
    for b in range(len(x)):
        begin(net, rules.unit, units)
        clear(units.v, first, net.sizes[last])
        n_active = begin_input(net, rules.unit, units, done, x[b])
        for _ in range(rules.steps):
            n_input = send_input(net, rules.unit, units, x[b], n_active)
            forward_step(net, rules.unit, units, done, 0, n_input, True)
            count_bits(net, units, units.counts, last - 1)
        best = largest(units.v, first, net.sizes[last])
        done.classes[b] = best
        if learns and best != labels[b]:
            units.error[first + labels[b]] = 1
            units.error[first + best] = -1
            write_connection(
                net, paths, learner, units, done, last - 1, units.counts, units.error,
                first_number + b,
            )  # fmt: skip


def lower(rule: Winner, fixed: FixedPoint) -> WinnerRules:
    return WinnerRules(lower_unit(fixed, 1.0, 0.5), rule.steps)


def rates(rule: Winner, fixed: FixedPoint) -> Shares:
    return Shares(1.0 / rule.steps, 1.0, 0.0)


PROGRAM: Any = Program(lower, run_winner, rates)
