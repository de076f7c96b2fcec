r"""Units of NIR as eqchip's, a step of length dt after the other (Euler).

NIR's equations are continuous, with a resistance R in front of the input. In units of what one
spike of weight 1 adds, ``v' = (v - v_reset) / gain``, R is gone, and a chip can hold the rest::

    LIF, LI          gain = R dt / tau                         bias = (v_leak - v_reset) / R
    CubaLIF, CubaLI  gain = R dt / tau_mem w_in dt / tau_syn   bias the same over w_in dt / tau_syn
    IF, I            gain = R: what arrives in a step is added, whatever the step's length

    threshold = (v_threshold - v_reset) / gain,   initial = -v_reset / gain
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from eqchip.backends.nir.exact import made_exact
from eqchip.backends.nir.tree import Node
from eqchip.backends.nir.wires import Shape, eqchip_order, eqchip_shape
from eqchip.emulator.description.graph.parameters import decay
from eqchip.emulator.description.graph.units import IF, LI, LIF, CubaLI, CubaLIF, Neuron, Reset
from eqchip.emulator.errors import InputError


class Read(NamedTuple):
    """A unit, and the voltage in NIR of its v: ``gain v + offset``, per unit or one number.

    into_current: whether what arrives is added to a current of its own, and a bias of what leads
    to it too.
    """

    unit: Neuron
    gain: Any
    offset: Any
    into_current: bool = False


class Setting(NamedTuple):
    """How a file is read: the time step in seconds, where it is known; what a reset does."""

    dt: float | None
    reset: Reset


class _Parameters:
    """The parameters of a node in eqchip's order; one number where all units agree."""

    def __init__(self, node: Node, setting: Setting, shape: Shape) -> None:
        self.node, self.setting, self.shape = node, setting, shape

    def __call__(self, key: str, default: Any = None) -> np.ndarray:
        found = self.node.array(key, default)
        units = int(np.prod(self.shape))
        if found.size not in (1, units):
            raise InputError(
                f"node {self.node.name!r} ({self.node.kind}): {key} has shape {found.shape}; "
                f"expected that of {units} units, {self.shape}"
            )
        if (found == found.flat[0]).all():
            return np.asarray(found.flat[0])
        ordered = np.empty(units)
        ordered[eqchip_order(self.shape)] = found.reshape(-1)
        return ordered.reshape(eqchip_shape(self.shape))

    def decay(self, key: str) -> np.ndarray:
        """dt over a time constant."""
        if self.setting.dt is None:
            raise InputError(
                f"node {self.node.name!r} ({self.node.kind}) has a time constant {key}, and "
                "nothing says how long a step is; expected dt, in seconds"
            )
        try:
            return np.asarray(decay(self(key), self.setting.dt))
        except InputError as error:
            raise InputError(
                f"node {self.node.name!r} ({self.node.kind}): {key}: {error}"
            ) from None

    def gain(self, value: np.ndarray, key: str) -> np.ndarray:
        """A factor of what arrives, which must be above 0."""
        right = (value > 0) & np.isfinite(value)
        if not right.all():
            wrong = float(value[~right].flat[0]) if value.ndim else float(value)
            raise InputError(
                f"node {self.node.name!r} ({self.node.kind}): {key} amounts to {wrong:g}; expected "
                "it finite and above 0"
            )
        return value


def _firing(p: _Parameters, gain: np.ndarray, leak: Any) -> tuple[dict[str, Any], np.ndarray]:
    """Threshold, reset and start of a unit that fires, and its reset potential."""
    rest = p("v_reset", 0.0)
    threshold = (p("v_threshold") - rest) / gain
    if (threshold < 0).any():
        raise InputError(
            f"node {p.node.name!r} ({p.node.kind}): v_threshold is below v_reset; expected above"
        )
    if p.setting.reset == "subtract" and rest.any():
        raise InputError(
            f"node {p.node.name!r} ({p.node.kind}): v_reset is not 0 with reset 'subtract'; "
            "expected reset='zero'"
        )
    return {
        "threshold": threshold,
        "reset": p.setting.reset,
        "initial": -rest / gain,
        "bias": (leak(rest) if leak is not None else np.zeros(())),
    }, rest


def _lif(p: _Parameters) -> Read:
    lost, r = p.decay("tau"), p("r")
    gain = p.gain(r * lost, "r")
    own, rest = _firing(p, gain, lambda rest: (p("v_leak", 0.0) - rest) / r)
    return Read(LIF(decay=lost, **own), gain, rest)


def _cuba_lif(p: _Parameters) -> Read:
    lost, current, r = p.decay("tau_mem"), p.decay("tau_syn"), p("r")
    into = p("w_in", 1.0) * current
    gain = p.gain(r * lost * into, "r w_in")
    own, rest = _firing(p, gain, lambda rest: (p("v_leak", 0.0) - rest) / (r * into))
    return Read(CubaLIF(decay=lost, current_decay=current, **own), gain, rest, True)


def _if(p: _Parameters) -> Read:
    gain = p.gain(p("r"), "r")
    own, rest = _firing(p, gain, None)
    return Read(IF(**own), gain, rest)


def _threshold(p: _Parameters) -> Read:
    """No memory: what arrives in a step is compared."""
    threshold = p("threshold")
    if (threshold < 0).any():
        raise InputError(f"node {p.node.name!r} (Threshold): threshold is below 0; expected not")
    return Read(LIF(decay=1.0, threshold=threshold), np.ones(()), np.zeros(()))


def _li(p: _Parameters) -> Read:
    lost, r = p.decay("tau"), p("r")
    gain = p.gain(r * lost, "r")
    return Read(LI(decay=lost, bias=p("v_leak", 0.0) / r), gain, np.zeros(()))


def _cuba_li(p: _Parameters) -> Read:
    lost, current, r = p.decay("tau_mem"), p.decay("tau_syn"), p("r")
    into = p("w_in", 1.0) * current
    gain = p.gain(r * lost * into, "r w_in")
    unit = CubaLI(decay=lost, current_decay=current, bias=p("v_leak", 0.0) / (r * into))
    return Read(unit, gain, np.zeros(()), True)


def _i(p: _Parameters) -> Read:
    return Read(LI(decay=0.0), p.gain(p("r"), "r"), np.zeros(()))


UNITS: dict[str, Callable[[_Parameters], Read]] = {
    "CubaLI": _cuba_li,
    "CubaLIF": _cuba_lif,
    "I": _i,
    "IF": _if,
    "LI": _li,
    "LIF": _lif,
    "Threshold": _threshold,
}
# The parameter of a unit that has its shape.
SHAPED = {"I": "r", "Threshold": "threshold"}


def shape_of(node: Node) -> Shape:
    """The shape of the units of a node; leading ones, of a batch, are left out."""
    shape = node.array(SHAPED.get(node.kind, "r")).shape
    while len(shape) > 1 and shape[0] == 1:
        shape = shape[1:]
    return shape or (1,)


def read_unit(node: Node, setting: Setting, shape: Shape) -> Read:
    """A node as a unit.

    Raises
    ------
    InputError
        Naming the node, and what it says that no unit here does.
    """
    try:
        with np.errstate(all="ignore"):  # what is not finite is refused
            read = UNITS[node.kind](_Parameters(node, setting, shape))
        unit, exact = made_exact(node, read.unit, read.gain, shape)
        return read._replace(unit=unit, gain=np.ones(())) if exact else read
    except InputError as error:
        if str(error).startswith("node "):
            raise
        raise InputError(f"node {node.name!r} ({node.kind}): {error}") from None
