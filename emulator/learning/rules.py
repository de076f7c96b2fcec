"""What a rule finds in a run: the two ends that it contrasts, and the terms that kernels add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from eqchip.emulator.description.phases import Free
from eqchip.emulator.description.rules import End, Rule, check_read_out
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.run import Run


class Terms(NamedTuple):
    """Two outer products a sample, as `kernels.learning` sums them up.

    G = sum over b of pre[b]^T post_change[b] + pre_change[b]^T post[b]; a pre_change of no samples
    leaves the second one out.
    """

    pre: np.ndarray
    pre_change: np.ndarray
    post_change: np.ndarray
    post: np.ndarray


@dataclass(frozen=True)
class Contrasted:
    """The potentials that a rule contrasts.

    Attributes
    ----------
    rule : Rule
    layers : list of End
        Arrays of shape (batch, units).
    scale : float
        1 / beta, or 1 / (2 beta).
    below : ndarray, shape (batch, units), or None
        What a read-out outside the dynamics is fed, at the end of the free phase; None where the
        last layer is part of the dynamics.
    batch : int
        Samples, with those that were skipped, of which `layers` holds nothing: they change nothing,
        and the mean is over all.
    """

    rule: Rule
    layers: list[End]
    scale: float
    batch: int
    below: np.ndarray | None = None

    def terms(self, k: int) -> Terms:
        """The terms of connection k."""
        below, above = self.layers[k], self.layers[k + 1]
        if self.below is not None and k == len(self.layers) - 2:
            return Terms(self.below, self.below[:0], self.rule.bias.of(above), above.plus)
        if not self.rule.products:  # all is written while the phases run
            return Terms(below.minus[:0], below.minus[:0], above.minus[:0], above.minus[:0])
        first, *more = self.rule.products
        pre, post_change = first.below.of(below), first.above.of(above)
        if not more:
            return Terms(pre, pre[:0], post_change, post_change)
        pre_change, post = more[0].below.of(below), more[0].above.of(above)
        if not len(pre):  # the kernels go through the samples of the first product
            return Terms(pre_change, pre, post, post_change)
        return Terms(pre, pre_change, post_change, post)

    def bias_changes(self, k: int) -> np.ndarray:
        """What the biases above connection k change by, summed over samples: shape (units,)."""
        return self.rule.bias.of(self.layers[k + 1]).sum(0)


def contrasted(run: Run, beta: float, rule: Rule) -> Contrasted:
    """What a rule contrasts of a run.

    Raises
    ------
    InputError
        If it is no run, or lacks a phase.
    """
    if not isinstance(run, Run):
        raise InputError(
            f"contrast: run is a {type(run).__name__}; expected a Run, as eqchip.run returns it"
        )
    if run.readout == "cross-entropy":
        check_read_out(rule)
    minus, plus = (run.ends[k] for k in rule.contrasted(run.phases, beta))
    ran = slice(None) if run.skipped is None else ~run.skipped
    layers = [
        End(_flat(low)[ran], _flat(high)[ran], clamped=layer == 0)
        for layer, (low, high) in enumerate(zip(minus, plus, strict=True))
    ]
    below = None
    if run.readout == "cross-entropy":
        free = [run.ends[k] for k, phase in enumerate(run.phases) if isinstance(phase, Free)]
        below = _flat(free[-1][-2])[ran]
    return Contrasted(rule, layers, rule.scale(beta), len(run.ends[0][0]), below)


def _flat(potentials: np.ndarray) -> np.ndarray:
    return potentials.reshape(len(potentials), -1)
