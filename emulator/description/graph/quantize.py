"""A graph in a chip's integers: scales chosen, weights, thresholds and decays rounded."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eqchip.emulator.description.graph.graph import Graph, Population, Projection
from eqchip.emulator.description.graph.integers import (
    ALIGN,
    BIAS_BITS,
    BIAS_EXPONENTS,
    LIMIT,
    MIXED,
    THRESHOLD_BITS,
    UNITY,
)
from eqchip.emulator.description.graph.parameters import COUNT, DECAY, SHARE, bounds_of
from eqchip.emulator.errors import InputError

HEADROOM = 8  # thresholds that a potential may reach before the chip's states end, at least
EXPONENTS = 7  # the largest exponent of weights


@dataclass(frozen=True, eq=False, repr=False)
class Quantized:
    """A graph that a chip holds, and what its numbers mean.

    Attributes
    ----------
    graph : Graph
        Of whole numbers; it runs in precision ``"chip"``, and in floating point to see what the
        rounding towards zero does.
    scales : dict of float
        Per population but inputs, what a potential of 1 became: a power of two.
    """

    graph: Graph
    scales: dict[str, float]

    def __repr__(self) -> str:
        return f"Quantized({self.graph!r})"


def quantize(graph: Graph) -> Quantized:
    """Round a graph to what a chip holds (see :mod:`eqchip.emulator.description.graph.integers`).

    Populations speak in spikes, so each may have a scale of its own: the largest power of two for
    which a potential of 8 thresholds is still a state, and weights, thresholds and biases fit.
    Weights get mantissas of 8 bits with one exponent per projection, to nearest; a decay that
    is not 0 becomes at least 2**-12. Weights of graded messages stay on that scale too: give
    such messages as whole numbers.

    Parameters
    ----------
    graph : Graph

    Returns
    -------
    Quantized

    Raises
    ------
    InputError
        If the weights into a population are too large or too small beside its threshold.

    Examples
    --------
    >>> import eqchip as eq
    >>> unit = eq.LIF(decay=0.1, threshold=1.0)
    >>> whole = quantize(
    ...     eq.Graph(
    ...         [eq.Population("in", eq.Input(), 1), eq.Population("out", unit, 1)],
    ...         [eq.Projection("in", "out", [[0.3]])],
    ...         outputs=["out"],
    ...     )
    ... )
    >>> whole.scales, whole.graph.projections[0].weights / whole.scales["out"]
    ({'out': 1048576.0}, array([[0.30078125]]))
    """
    scales = {
        population.name: _scale(graph, population)
        for population in graph.populations
        if population.unit.receives
    }
    populations = [
        replace(population, unit=_unit(population, scales[population.name]))
        if population.unit.receives
        else population
        for population in graph.populations
    ]
    projections = [_projection(p, scales[p.post]) for p in graph.projections]
    return Quantized(Graph(populations, projections, graph.outputs), scales)


def _scale(graph: Graph, population: Population) -> float:
    """The largest power of two with which all that belongs to a population fits."""
    bounds = []
    parameters = population.unit.parameters()
    weights = [
        float(np.abs(p.connection.synapse_weights(p.weights)).max(initial=0))
        for p in graph.projections
        if p.post == population.name
    ]
    largest = max(weights, default=0.0)
    if "threshold" in parameters:
        bounds.append(LIMIT / HEADROOM / _largest(parameters["threshold"]))
    elif largest:  # a read-out: a mantissa is a weight, and the rest is room for sums
        bounds.append(MIXED[1] * 2.0**ALIGN / largest)
    if largest:
        bounds.append(MIXED[1] * 2.0 ** (ALIGN + EXPONENTS) / largest)
    most_bias = ((1 << BIAS_BITS - 1) - 1) << BIAS_EXPONENTS - 1
    for name, most in (("bias", most_bias), ("initial", LIMIT - 1), ("jump", LIMIT / HEADROOM)):
        if name in parameters and np.any(parameters[name]):
            bounds.append(most / _largest(parameters[name]))
    return 2.0 ** math.floor(math.log2(min(bounds, default=1.0)))


def _largest(value: Any) -> float:
    found = float(np.abs(np.asarray(value)).max())
    return found if found else math.ulp(0.0)


def _unit(population: Population, scale: float) -> Any:
    """A unit of whole numbers."""
    changed: dict[str, Any] = {}
    for name, value in population.unit.parameters().items():
        bounds, numbers = bounds_of(population.unit, name), np.asarray(value, np.float64)
        if bounds is COUNT:
            continue
        if bounds is DECAY or bounds is SHARE:
            codes = np.rint(numbers * UNITY)
            whole = np.where((codes == 0) & (numbers > 0), 1, codes) / UNITY
        elif name == "threshold":
            step, most = 1 << ALIGN, (1 << THRESHOLD_BITS) - 1
            whole = np.minimum(np.rint(numbers * scale / step), most) * step
        elif name == "bias":
            whole = _bias(numbers * scale)
        else:
            whole = np.rint(numbers * scale)
        changed[name] = whole if whole.ndim else whole.item()
    unit: Any = population.unit
    return replace(unit, **changed)


def _bias(numbers: np.ndarray) -> np.ndarray:
    """Numbers of 13 bits times a power of two, the smallest that holds each."""
    high = (1 << BIAS_BITS - 1) - 1
    needed = np.maximum(np.ceil(np.log2(np.maximum(np.abs(numbers), 1) / high)), 0)
    unit = 2.0**needed
    return np.clip(np.rint(numbers / unit), -high, high) * unit


def _projection(projection: Projection, scale: float) -> Projection:
    """Weights as mantissas of 8 bits times one power of two."""
    connection = projection.connection
    held = connection.synapse_weights(projection.weights.astype(np.float64)) * scale
    if held.shape != projection.weights.shape:
        raise InputError(
            f"{projection}: {connection} merges its pooling into its weights, which then are no "
            "mantissas of the stored ones; expected a SumPool2d of its own before or behind"
        )
    largest = float(np.abs(held).max())
    if largest == 0:
        return replace(projection, weights=held, exponent=None)
    mixed = held.min() < 0 < held.max()
    most = MIXED[1] if mixed else 255
    step = 2 if mixed else 1
    exponent = max(math.ceil(math.log2(largest / most / 2.0**ALIGN)), 0)
    unit = 2.0 ** (ALIGN + exponent) * step
    mantissas = np.clip(np.rint(held / unit), -(most // step), most // step)
    if not mantissas.any():
        raise InputError(
            f"{projection}: weights of at most {largest / scale:g} round to 0 beside the threshold "
            f"of {projection.post!r}; expected larger ones"
        )
    return replace(projection, weights=mantissas * unit, exponent=None)
