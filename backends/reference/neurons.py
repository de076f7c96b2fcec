"""The kinds of units of a graph in plain numpy, in floating point and in a chip's integers.

A twin takes the arithmetic, a layer, and x, what arrived, compartment by compartment; it changes
the layer. The order is that
of :mod:`eqchip.emulator.description.graph.units`: integrate, fire, reset, adapt.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from eqchip.emulator.description.graph.graph import Population
from eqchip.emulator.description.graph.integers import DECAY_BITS, LIMIT, UNITY, state_codes
from eqchip.emulator.description.graph.parameters import COUNT, DECAY, bounds_of
from eqchip.emulator.description.graph.units import (
    IF,
    LI,
    LIF,
    AdaptiveLIF,
    CubaLI,
    CubaLIF,
    Neuron,
    TwoCompartmentLIF,
)


class Floating:
    """Numbers of one floating-point type."""

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype

    def parameter(self, population: Population, name: str) -> np.ndarray:
        """A parameter per unit; of a decay, what is kept."""
        values = population.per_unit(name)
        bounds = bounds_of(population.unit, name)
        if bounds is COUNT:
            return values.astype(np.int64)
        values = values.astype(self.dtype)
        return self.dtype.type(1) - values if bounds is DECAY else values

    def decayed(self, x: np.ndarray, keep: np.ndarray) -> np.ndarray:
        """What a decay leaves."""
        return x * keep

    def wrapped(self, u: np.ndarray) -> np.ndarray:
        """A current in its range, which has no end here."""
        return u

    def clipped(self, v: np.ndarray) -> np.ndarray:
        """A potential in its range, which has no end here."""
        return v


class Integers(Floating):
    """Those of `eqchip.emulator.description.graph.integers`."""

    def parameter(self, population: Population, name: str) -> np.ndarray:
        """A parameter per unit; of a decay, what is kept, over 2**12."""
        if bounds_of(population.unit, name) is COUNT:
            return population.per_unit(name).astype(np.int64)
        codes = state_codes(population, name)
        return UNITY - codes if bounds_of(population.unit, name) is DECAY else codes

    def decayed(self, x: np.ndarray, keep: np.ndarray) -> np.ndarray:
        """What a decay leaves, rounded towards zero."""
        return np.sign(x) * (np.abs(x) * keep >> DECAY_BITS)

    def wrapped(self, u: np.ndarray) -> np.ndarray:
        """A current of 24 bits; it wraps once."""
        return np.where(u > LIMIT, u - 2 * LIMIT, np.where(u <= -LIMIT, u + 2 * LIMIT, u))

    def clipped(self, v: np.ndarray) -> np.ndarray:
        """A potential of 24 bits."""
        return np.clip(v, -(LIMIT - 1), LIMIT - 1)


ARITHMETIC: dict[str, Callable[[np.dtype], Floating]] = {
    "float32": Floating,
    "float64": Floating,
    "chip": Integers,
}


class Layer:
    """What changes in a population, (batch, units) each: v, u, w, a, steps to wait; q."""

    def __init__(
        self, p: dict[str, np.ndarray], unit: Neuron, batch: int, units: int, dtype: np.dtype
    ) -> None:
        self.p, self.unit = p, unit
        self.v = np.zeros((batch, units), dtype) + p["initial"]
        self.u, self.w, self.a = (np.zeros((batch, units), dtype) for _ in range(3))
        self.wait = np.zeros((batch, units), np.int64)
        self.q = np.zeros((batch, units), np.int8)

    @property
    def membranes(self) -> tuple[np.ndarray, ...]:
        """The potentials of its compartments."""
        return (self.v, self.w)[: len(self.unit.compartments)]


def lif(a: Floating, layer: Layer, x: np.ndarray) -> None:
    """IF, LIF: ``v = (1 - decay) v + x + b``; of IF nothing decays."""
    _integrate(a, layer, a.wrapped(x))
    _fire(layer, layer.p["threshold"])


def cuba_lif(a: Floating, layer: Layer, x: np.ndarray) -> None:
    """CubaLIF: ``u = (1 - current_decay) u + x``, and u takes the place of x."""
    _current(a, layer, x)
    _integrate(a, layer, layer.u)
    _fire(layer, layer.p["threshold"])


def adaptive_lif(a: Floating, layer: Layer, x: np.ndarray) -> None:
    """AdaptiveLIF: the threshold is raised by a, which decays and then counts."""
    _integrate(a, layer, a.wrapped(x))
    _fire(layer, layer.p["threshold"] + layer.a)
    layer.a = a.decayed(layer.a, layer.p["adaptation_decay"]) + layer.p["jump"] * (layer.q != 0)


def two_compartment_lif(a: Floating, layer: Layer, x: np.ndarray, dendrite: np.ndarray) -> None:
    """TwoCompartmentLIF: the dendrite's w steps first, and the soma takes its share of it."""
    layer.w = a.clipped(a.decayed(layer.w, layer.p["dendrite_decay"]) + a.wrapped(dendrite))
    _integrate(a, layer, a.wrapped(x) + a.decayed(layer.w, layer.p["coupling"]))
    _fire(layer, layer.p["threshold"])


def li(a: Floating, layer: Layer, x: np.ndarray) -> None:
    """LI: as LIF, and never fires."""
    _integrate(a, layer, a.wrapped(x))


def cuba_li(a: Floating, layer: Layer, x: np.ndarray) -> None:
    """CubaLI: as CubaLIF, and never fires."""
    _current(a, layer, x)
    _integrate(a, layer, layer.u)


def _current(a: Floating, layer: Layer, x: np.ndarray) -> None:
    layer.u = a.wrapped(a.decayed(layer.u, layer.p["current_decay"]) + x)


def _integrate(a: Floating, layer: Layer, x: np.ndarray) -> None:
    """v of all units that are not refractory."""
    v = a.decayed(layer.v, layer.p["decay"]) if "decay" in layer.p else layer.v
    v = a.clipped(v + x + layer.p["bias"])
    if "floor" in layer.p:
        v = np.maximum(v, layer.p["floor"])
    layer.v = np.where(layer.wait > 0, layer.v, v)


def _fire(layer: Layer, threshold: np.ndarray) -> None:
    """q, strictly beyond the threshold, and the reset."""
    unit: Any = layer.unit
    q = (layer.v > threshold).astype(np.int8)
    if unit.signed:
        q -= layer.v < -threshold
    q[layer.wait > 0] = 0
    layer.wait = np.where(q != 0, layer.p["refractory"], np.maximum(layer.wait - 1, 0))
    left = (
        layer.v - q * layer.p["threshold"] if unit.reset == "subtract" else np.zeros_like(layer.v)
    )
    layer.v, layer.q = np.where(q != 0, left, layer.v), q


TWINS: dict[type, Callable[..., None]] = {
    IF: lif,
    LIF: lif,
    CubaLIF: cuba_lif,
    AdaptiveLIF: adaptive_lif,
    TwoCompartmentLIF: two_compartment_lif,
    LI: li,
    CubaLI: cuba_li,
}
