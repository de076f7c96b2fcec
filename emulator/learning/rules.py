"""What a rule finds in a run: the two ends that it contrasts, and the terms that kernels add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eqchip.emulator.description.phases import Free
from eqchip.emulator.description.rules import End, Rule, check_read_out
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels.learning import Terms
from eqchip.emulator.kernels.lowered import CACHE_LINE, aligned_zeros, row_stride
from eqchip.emulator.problem.run import Run


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
    free : list of ndarray, shape (batch, units), or None
        What a read-out outside the dynamics is fed, at the end of the free phase, per layer; None
        where the last layer is part of the dynamics.
    batch : int
        Samples, with those that were skipped, of which `layers` holds nothing: they change nothing,
        and the mean is over all.
    """

    rule: Rule
    layers: list[End]
    scale: float
    batch: int
    free: list[np.ndarray] | None = None

    def terms(self, joined: tuple[int, int], memory: Terms | None = None) -> Terms:
        """The terms of a connection of these layers; memory: terms of before, to be written over.

        A connection within a layer has those of two layers, which happen to be one.
        """
        below, above = (self.layers[layer] for layer in joined)
        if self.free is not None and joined[1] == len(self.layers) - 1:
            return lay_terms([(self.free[joined[0]], self.rule.bias.of(above))], memory)
        products = [
            (pre, product.above.of(above))
            for product in self.rule.products
            if len(pre := product.below.of(below))  # of a clamped end nothing changes
        ]
        return lay_terms(products or [(below.minus[:0], above.minus[:0])], memory)

    def bias_changes(self, k: int) -> np.ndarray:
        """What the biases above connection k change by, summed over samples: shape (units,)."""
        return self.rule.bias.of(self.layers[k + 1]).sum(0)


def lay_terms(
    products: Sequence[tuple[np.ndarray, np.ndarray]], memory: Terms | None = None
) -> Terms:
    """Products of (batch, units below) and (batch, units above) as kernels take them.

    memory: terms of the same connection, which are written over if they are as many.
    """
    pre, post = products[0]
    (batch, units), each, columns = pre.shape, len(products), post.shape[1]
    total, stride = batch * each, row_stride(columns, pre.dtype)
    terms = memory
    if terms is None or (terms.total, terms.each) != (total, each):
        flat = aligned_zeros(total * stride + CACHE_LINE, pre.dtype)
        terms = Terms(np.empty(total * units, pre.dtype), flat, total, each, units, stride)
    below = terms.below.reshape(batch, each, units)
    above = terms.above[: total * stride].reshape(batch, each, stride)
    for t, (pre, post) in enumerate(products):
        below[:, t] = pre
        above[:, t, :columns] = post
    return terms


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
    fed = None
    if run.readout == "cross-entropy":
        free = [run.ends[k] for k, phase in enumerate(run.phases) if isinstance(phase, Free)]
        fed = [_flat(layer)[ran] for layer in free[-1]]
    return Contrasted(rule, layers, rule.scale(beta), len(run.ends[0][0]), fed)


def _flat(potentials: np.ndarray) -> np.ndarray:
    return potentials.reshape(len(potentials), -1)
