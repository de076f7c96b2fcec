"""A graph in a chip's integers: what Loihi's neurons and synapses hold, to the bit.

The arithmetic is that of Lava's bit-accurate models (lava-nc 0.10.0, `proc/lif/models.py` and
`proc/dense/models.py`), which a trace measured on a Loihi agrees with. States u, v, w, a are whole
numbers; a number of a description stands for itself, so a graph that is run in precision ``"chip"``
holds whole numbers already (:func:`eqchip.quantize` makes them), and is not rounded again:

==================  ==============================================================================
decays, coupling    multiples of 2**-12: what decays keeps ``(x (4096 - d)) >> 12``, rounded
                    towards zero
weights             ``64 m 2**e``, mantissas m of 8 bits and a sign: 0 ... 255, -255 ... 0, or, of
                    both signs, even numbers of -256 ... 254. What arrives over a projection in one
                    step (of one delay) is ``64 ((sum of m) 2**e)``; where the exponent e is
                    negative, that is an arithmetic shift of the sum, towards minus infinity
threshold           ``64 m``, m of 17 bits
bias                ``m 2**e``, m of 13 bits with the sign, e of 0 ... 7
u                   wraps: beyond +-2**23 it changes by 2**24, once
v, w                are clipped to +-(2**23 - 1)
initial, floor,     whole numbers
jump, currents
delay               at most 63
==================  ==============================================================================

Units without a current of their own (IF, LIF, LI) take what arrives through u with nothing kept,
as Loihi does with ``du = 4095``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.description.graph.graph import Graph, Population, Projection
from eqchip.emulator.description.graph.parameters import DECAY, SHARE, bounds_of
from eqchip.emulator.errors import InputError

DECAY_BITS = 12
UNITY = 1 << DECAY_BITS  # keeps all
ALIGN = 6  # bits below the point of weights and thresholds
LIMIT = 1 << 23  # of u; v is below
THRESHOLD_BITS, BIAS_BITS, BIAS_EXPONENTS = 17, 13, 8
MIXED, EXCITATORY, INHIBITORY = (-256, 254), (0, 255), (-255, 0)
CHIP_DELAY = 63
QUANTIZED = "eqchip.quantize(graph).graph"


class Codes(NamedTuple):
    """The weights of a projection: ``64 (codes 2**exponent)``, codes of int8 or int16."""

    codes: np.ndarray
    exponent: int


def check_integers(graph: Graph) -> None:
    """Refuse a graph that is not made of what a chip holds.

    Raises
    ------
    InputError
        Naming the population or projection, the parameter, its first wrong value, and what would
        be right.
    """
    for population in graph.populations:
        for name in population.unit.parameters():
            state_codes(population, name)
    for projection in graph.projections:
        weight_codes(projection)
        if projection.delays[-1] > CHIP_DELAY:
            raise InputError(
                f"{projection}: a delay is {projection.delays[-1]} in precision 'chip'; expected "
                f"at most {CHIP_DELAY} steps"
            )


def state_codes(population: Population, name: str) -> np.ndarray:
    """A parameter of a population as whole numbers, int64, one per unit; decays over 2**12.

    Raises
    ------
    InputError
        If it is none.
    """
    values = population.per_unit(name)
    numbers = values.astype(np.float64)
    bounds = bounds_of(population.unit, name)
    fraction = bounds is DECAY or bounds is SHARE
    if fraction:
        numbers = numbers * UNITY
    open_end = np.isneginf(numbers)  # no floor: that of the states
    whole = np.where(open_end, -(LIMIT - 1), numbers)
    right = (whole == np.rint(whole)) & (np.abs(whole) < LIMIT)
    wanted = f"a whole number below 2**{LIMIT.bit_length() - 1}"
    if fraction:
        wanted = f"a multiple of 2**-{DECAY_BITS}"
    elif name in WANTED:
        right_too, wanted = WANTED[name](whole)
        right &= right_too
    if not right.all():
        unit = int(np.argmax(~right))
        raise InputError(
            f"population {population.name!r}: {name} is {values[unit].item()!r} in precision "
            f"'chip' (unit {unit}); expected {wanted}, as of {QUANTIZED}"
        )
    found: np.ndarray = whole.astype(np.int64)
    return found


def _threshold(values: np.ndarray) -> tuple[np.ndarray, str]:
    step, most = 1 << ALIGN, 1 << THRESHOLD_BITS
    return (
        (values % step == 0) & (values < most * step),
        f"a multiple of {step} below {most * step}",
    )


def _bias(values: np.ndarray) -> tuple[np.ndarray, str]:
    low, high = -(1 << BIAS_BITS - 1), (1 << BIAS_BITS - 1) - 1
    fits = np.zeros(values.shape, bool)
    for exponent in range(BIAS_EXPONENTS):
        mantissa = values / (1 << exponent)
        fits |= (mantissa == np.rint(mantissa)) & (low <= mantissa) & (mantissa <= high)
    return fits, f"a number of {BIAS_BITS} bits times 2**0 ... 2**{BIAS_EXPONENTS - 1}"


# What a chip asks of a parameter beyond being a whole number: where it is right, and in words.
WANTED = {"threshold": _threshold, "bias": _bias}


def weight_codes(projection: Projection) -> Codes:
    """The weights of a projection as a chip stores them.

    Raises
    ------
    InputError
        If they are not mantissas times one power of two.
    """
    weights = projection.connection.synapse_weights(projection.weights.astype(np.float64))
    exponent = projection.exponent
    unit = float(1 << ALIGN) * 2.0 ** (exponent or 0)
    mantissas = weights / unit
    whole = mantissas == np.rint(mantissas)
    if not whole.all():
        place = tuple(int(i) for i in np.argwhere(~whole)[0])
        raise InputError(
            f"{projection}: the weight at {place} is {weights[place].item()!r} in precision "
            f"'chip'; expected a multiple of {unit:g}, as of {QUANTIZED}"
        )
    codes = mantissas.astype(np.int64)
    shift = _common_zeros(codes)
    for down in (0,) if exponent is not None else range(7, -1, -1):
        if down <= shift and _fits(codes >> down):
            kept = codes >> shift
            dtype = np.int8 if kept.min() >= -128 and kept.max() <= 127 else np.int16
            return Codes(kept.astype(dtype), (exponent or 0) + shift)
    raise InputError(
        f"{projection}: weights range over [{weights.min():g}, {weights.max():g}] in precision "
        f"'chip'; expected {unit:g} times mantissas of 0 to 255, of -255 to 0, or, even ones, of "
        f"-256 to 254, as of {QUANTIZED}"
    )


def _common_zeros(codes: np.ndarray) -> int:
    """By how many bits all can be shifted down without loss; at most 15."""
    joined = int(np.bitwise_or.reduce(np.abs(codes), axis=None))
    return (joined & -joined).bit_length() - 1 if joined else 0


def _fits(mantissas: np.ndarray) -> bool:
    """Whether synapses hold all of them: of one sign, or even ones of both."""
    even = bool((mantissas % 2 == 0).all())
    return any(
        low <= mantissas.min() and mantissas.max() <= high and (even or not low < 0 < high)
        for low, high in (EXCITATORY, INHIBITORY, MIXED)
    )


def mantissas_of(weights: Any, bits: int = 8) -> np.ndarray:
    """Weights as a Loihi synapse stores them: what Lava makes of the weights of a ``Dense``.

    Clipped to the range of their signs, then cut to `bits` bits, one of which goes to the sign
    where there are both; then toward minus infinity, else towards 0.

    Parameters
    ----------
    weights : array_like of int
    bits : int
        Of a weight, 1 to 8.

    Raises
    ------
    InputError

    Examples
    --------
    >>> mantissas_of([-300, 7, 139]).tolist(), mantissas_of([7, 300]).tolist()
    ([-256, 6, 138], [7, 255])
    """
    found = np.array(weights)
    if found.dtype.kind not in "iu" or not found.size:
        raise InputError(f"mantissas: type is {found.dtype}; expected whole numbers")
    if bits not in range(1, 9):
        raise InputError(f"mantissas: bits is {bits!r}; expected 1 to 8")
    found = found.astype(np.int64)
    if found.min() >= 0 or found.max() <= 0:  # of one sign
        kept = np.minimum(np.abs(found), EXCITATORY[1]) >> 8 - bits << 8 - bits
        return np.sign(found) * kept
    cut = 9 - bits
    return np.clip(found, MIXED[0], EXCITATORY[1]) >> cut << cut
