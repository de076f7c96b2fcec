"""A plasticity that eqchip does not have: at a spike from below, towards the unit above.

Importing this module puts its rows into the tables; nothing else knows it. When the unit i of a
layer fires, every weight to a unit j above changes by rate (s_j - target): units that stand
high are driven more by what drives them (Hebb), those that stand low less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from eqchip.backends.reference.plastic import WRITES
from eqchip.emulator.description.plasticity import Plasticity
from eqchip.emulator.description.rules import Rule
from eqchip.emulator.engine.plasticity import LOWER
from eqchip.emulator.kernels.jit import inlined
from eqchip.emulator.kernels.plastic import HOOKS, Hook, add_to_weight
from eqchip.emulator.problem.problem import Problem


@dataclass(frozen=True)
class AtPresynapticSpikes(Plasticity):
    """w_ij += rate (s_j - target) at every spike of i below."""

    rate: float = 0.01
    target: float = 0.25


class SpikeRule(Rule):
    """Nothing but that."""

    name = "spike_rule"
    products = ()
    plasticity = AtPresynapticSpikes()


# --- the twin -----------------------------------------------------------------------------


def _write(
    rule: AtPresynapticSpikes, problem: Problem, matrices: list[Any], layers: list[Any], layer: int
) -> None:
    if layer == len(layers) - 1:
        return
    rate, target = problem.dtype.type(rule.rate), problem.dtype.type(rule.target)
    for i in np.flatnonzero(layers[layer].q[0]):
        matrices[layer][i] += rate * (layers[layer + 1].s[0] - target)


# --- the kernel ---------------------------------------------------------------------------


class SpikeNumbers(NamedTuple):
    """Numbers of the run, shape (1,) each."""

    rate: np.ndarray
    target: np.ndarray


@inlined
def _write_kernel(net, rules, state, layer, at, count):  # type: ignore[no-untyped-def]
    if layer == len(net.sizes) - 1:
        return
    numbers, first = rules.plasticity, net.offsets[layer + 1]
    for c in range(count):
        for j in range(net.sizes[layer + 1]):
            change = numbers.rate[0] * (state.unit.s[first + j] - numbers.target[0])
            add_to_weight(net, layer, state.rows[at + c], j, change)


def _lower(problem: Problem, rule: AtPresynapticSpikes) -> SpikeNumbers:
    return SpikeNumbers(*(np.array([x], problem.dtype) for x in (rule.rate, rule.target)))


# --- the rows -----------------------------------------------------------------------------

LOWER[AtPresynapticSpikes] = _lower
HOOKS[SpikeNumbers] = Hook(_write_kernel)
WRITES[AtPresynapticSpikes] = _write
