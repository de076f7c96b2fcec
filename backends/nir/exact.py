"""Parameters of units to the last bit, in the metadata of NIR nodes that eqchip writes.

NIR says time constants and resistances, from which decays and thresholds follow by divisions that
round. What the metadata says is taken where it is that, but for rounding; a node that another tool
has changed since counts as changed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from eqchip.backends.nir.tree import Node
from eqchip.backends.nir.wires import Shape, eqchip_order, eqchip_shape
from eqchip.emulator.description.graph.units import Neuron

PREFIX = "eqchip_"
ROUNDING = 1e-12  # relative
# What NIR's numbers amount to, in the order of a unit's bounds; the rest it says as it is, or not.
SAID = ("decay", "current_decay", "threshold", "bias")


def exactly(unit: Neuron) -> tuple[str, ...]:
    """The parameters of a unit that the metadata holds."""
    return tuple(name for name in SAID if name in unit.bounds)


def flag(node: Node, name: str) -> bool:
    """Whether the metadata of a node says so."""
    value = _metadata(node).get(f"{PREFIX}{name}")
    return isinstance(value, (int, np.integer)) and bool(value)


def made_exact(node: Node, unit: Neuron, gain: Any, shape: Shape) -> tuple[Neuron, bool]:
    """A unit with the parameters of the metadata, and whether they were taken."""
    units = int(np.prod(shape))
    taken: dict[str, Any] = {}
    for name in exactly(unit):
        value = _metadata(node).get(f"{PREFIX}{name}")
        if not isinstance(value, np.ndarray) or value.size != units or value.dtype.kind != "f":
            return unit, False
        exact = np.empty(units)
        exact[eqchip_order(shape)] = value.reshape(-1)
        read = np.broadcast_to(getattr(unit, name), eqchip_shape(shape)).reshape(-1)
        if not np.allclose(exact, read, rtol=ROUNDING, atol=0):
            return unit, False
        same = (exact == exact[0]).all()
        taken[name] = exact[0].item() if same else exact.reshape(eqchip_shape(shape))
    if not taken or not np.allclose(gain, 1, rtol=ROUNDING, atol=0):
        return unit, False
    changed: Any = unit
    return replace(changed, **taken), True


def _metadata(node: Node) -> dict[str, Any]:
    found = node.values.get("metadata")
    return found if isinstance(found, dict) else {}
