"""A learning rule that eqchip does not have: one class, and a row that a test puts into the table.

The centred contrast, with the sign of a unit's change in place of the change: a unit tells no more
than the direction in which the two nudges part. With m = (s- + s+) / 2, a weight changes by
m_below sign(D_above) + sign(D_below) m_above, a bias by sign(D).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eqchip.emulator.description.rules import Product, Quantity, Rule

MEAN = Quantity("mean", lambda end: (end.minus + end.plus) / end.minus.dtype.type(2))
SIGN = Quantity("sign of change", lambda end: np.sign(end.change))


class SignOfChange(Rule):
    """m_below sign(D_above) + sign(D_below) m_above, between the phases with +beta and -beta."""

    name = "sign_of_change"
    contrasts = (-1, 1)
    products = (Product(MEAN, SIGN), Product(SIGN, MEAN))
    bias = SIGN


def formula(
    minus: Sequence[np.ndarray], plus: Sequence[np.ndarray], beta: float, lr: Sequence[float]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The changes of weights and biases, by hand; minus, plus: per layer, (batch, units)."""
    weights, biases, batch = [], [], len(minus[0])
    for k, rate in enumerate(lr):
        change = np.zeros((minus[k].shape[1], minus[k + 1].shape[1]))
        for b in range(batch):
            below, above = ((minus[j][b] + plus[j][b]) / 2 for j in (k, k + 1))
            up, down = (np.sign(plus[j][b] - minus[j][b]) for j in (k + 1, k))
            change += np.outer(below, up)
            if k > 0:  # the input never changes
                change += np.outer(down, above)
        factor = rate / (2 * beta) / batch
        weights.append(factor * change)
        biases.append(factor * np.sign(plus[k + 1] - minus[k + 1]).sum(0))
    return weights, biases
