"""The error of a read-out that classifies by cross-entropy.

The exponential is our own: those of numpy and of the compiler's mathematical library differ in
their last bit, and engines must agree in all of them.
"""

from __future__ import annotations

import math

import numpy as np

from eqchip.emulator.kernels.jit import inlined
from eqchip.emulator.kernels.units import span

# Cody and Waite (1980): ln 2 in a part of 32 bits, of which small multiples are exact, and a rest.
LOG2_E = 1.4426950408889634
LN_2_HIGH = 6.93147180369123816490e-01
LN_2_LOW = 1.90821492927058770002e-10
LOWEST = -700.0  # exp of less is taken as 0: 1e-304 is nothing beside the largest, which is 1
TERMS = 13  # of Taylor's series for |x| <= ln 2 / 2, which leave less than 2**-53


@inlined
def exponential(x):
    """e**x for x <= 0, float64, to about one unit in the last place."""
    if not x >= LOWEST:
        return 0.0
    power = np.floor(x * LOG2_E + 0.5)
    rest = (x - power * LN_2_HIGH) - power * LN_2_LOW
    total = 1.0
    for term in range(TERMS, 0, -1):
        total = 1.0 + rest / term * total
    return math.ldexp(total, int(power))


@inlined
def softmax_norm(z, first, n, unit):
    """The largest of the potentials z of a read-out, and the sum of e**(unit (z - largest)).

    unit: what a step of z stands for, 1 for floating-point numbers.
    """
    largest = np.float64(z[first])
    for j in span(first, n):
        largest = max(largest, np.float64(z[j]))
    total = 0.0
    for j in span(first, n):
        total += exponential(unit * (np.float64(z[j]) - largest))
    return largest, total


@inlined
def softmax_error(z, y, largest, total, unit):
    """y - softmax(z) of a unit; float64."""
    share = exponential(unit * (np.float64(z) - largest)) / total
    return unit * np.float64(y) - share
