r"""Kinds of units that integrate and fire.

Every step t = 1, 2, ... of a population, whatever its kind:

1. **Integrate.** ``x`` is the current given for this step plus what arrives: a spike of step
   t - 1 - d, d being the delay, times its weight. With the bias b, v becomes what the equation
   of the kind says; it is not below `floor`. A refractory unit keeps its v.
2. **Fire.** ``q = [v > threshold]``, strictly, or, of signed units, ``q = -1`` where
   ``v < -threshold``. A refractory unit does not fire.
3. **Reset.** Where q is not 0, v becomes 0, or with ``reset="subtract"`` ``v - q threshold``; then
   the unit neither integrates nor fires for `refractory` steps.
4. **Adapt.** Adaptation decays, then counts.

A unit of two compartments has a second membrane that projections lead to by its name,
``Projection(..., to="dendrite")``; its step comes before that of the soma, which takes from it.

Before step 1, v is `initial` and all else 0. Parameters are one number, or an array with one per
unit (of a shape that broadcasts to the population's). In a chip's integers (precision ``"chip"``)
all of them are those of :mod:`eqchip.emulator.description.graph.integers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from eqchip.emulator.description.graph.parameters import (
    ANY,
    AT_LEAST_0,
    COUNT,
    DECAY,
    FLOOR,
    SHARE,
    Bounds,
    freeze,
)
from eqchip.emulator.description.modes import Precision
from eqchip.emulator.description.units import Unit
from eqchip.emulator.errors import InputError

Reset = Literal["zero", "subtract"]


class Neuron(Unit):
    """The base of every kind of unit of a graph.

    Attributes
    ----------
    receives : bool
        Whether projections may lead to it.
    sends : bool
        Whether projections may start from it.
    bounds : dict of Bounds
        Its parameters by name, and what values each may have.
    compartments : tuple of str
        Its membranes, to which projections may lead; the first integrates, fires and is read.
    valued : bool
        Whether a message is a number; else it is a spike, of 1.
    """

    precisions: ClassVar[tuple[Precision, ...]] = ("float32", "float64", "chip")
    bounds: ClassVar[dict[str, Bounds]] = {}
    receives: ClassVar[bool] = True
    sends: ClassVar[bool] = True
    compartments: ClassVar[tuple[str, ...]] = ("soma",)

    def __post_init__(self) -> None:
        freeze(self)

    @property
    def valued(self) -> bool:
        """Whether a message is a number; else it is a spike, of 1."""
        return False

    @property
    def sends_bits(self) -> bool:
        """Whether messages are bits."""
        return self.sends and not self.valued

    def parameters(self) -> dict[str, Any]:
        """The parameters by name: a number, or an array."""
        return {name: getattr(self, name) for name in self.bounds}


@dataclass(frozen=True, eq=False, kw_only=True)
class Input(Neuron):
    """A source: it sends what a run is given for it, and computes nothing.

    Parameters
    ----------
    signed : bool
        Whether spikes may be -1 as well as 1.
    graded : bool
        Whether messages may be any numbers: frames, whose products with weights are counted as
        multiply-accumulates.

    Examples
    --------
    >>> Input(), Input(graded=True).valued
    (Input(signed=False, graded=False), True)
    """

    signed: bool = False
    graded: bool = False

    receives: ClassVar[bool] = False

    @property
    def valued(self) -> bool:
        """Whether a message is a number; else it is a spike, of 1."""
        return self.signed or self.graded


@dataclass(frozen=True, eq=False, kw_only=True)
class _Firing(Neuron):
    """What all units that fire have in common; see the module for the order of a step."""

    threshold: Any = 1.0
    bias: Any = 0.0
    reset: Reset = "zero"
    refractory: Any = 0
    floor: Any = -np.inf
    signed: bool = False
    initial: Any = 0.0

    bounds: ClassVar[dict[str, Bounds]] = {
        "threshold": AT_LEAST_0,
        "bias": ANY,
        "refractory": COUNT,
        "floor": FLOOR,
        "initial": ANY,
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reset not in get_args(Reset):
            raise InputError(
                f"{type(self).__name__}: reset is {self.reset!r}; expected 'zero' or 'subtract'"
            )

    @property
    def valued(self) -> bool:
        """Whether a message is a number; else it is a spike, of 1."""
        return self.signed


@dataclass(frozen=True, eq=False, kw_only=True)
class IF(_Firing):
    """Integrate and fire: ``v = v + x + b``.

    Parameters
    ----------
    threshold : float or array_like, default 1
        At least 0.
    bias : float or array_like, default 0
        Added at every step.
    reset : {"zero", "subtract"}
        What v becomes when the unit fires: 0, or less by the threshold.
    refractory : int or array_like, default 0
        Steps after a spike in which the unit neither integrates nor fires.
    floor : float or array_like, default -inf
        v is not below it; at most 0.
    signed : bool, default False
        Whether the unit fires -1 below -threshold.
    initial : float or array_like, default 0
        v before step 1.

    Examples
    --------
    >>> IF(threshold=2.0, reset="subtract").threshold
    2.0
    """


@dataclass(frozen=True, eq=False, kw_only=True)
class LIF(_Firing):
    """Leaky integrate and fire: ``v = (1 - decay) v + x + b``.

    Parameters
    ----------
    decay : float or array_like
        In [0, 1]: what v loses of itself in a step, ``dt / tau``; see :func:`eqchip.decay`.
    threshold, bias, reset, refractory, floor, signed, initial
        As of :class:`IF`.

    Examples
    --------
    >>> LIF(decay=1.5)
    Traceback (most recent call last):
    eqchip.emulator.errors.InputError: LIF: decay is 1.5; expected a number in [0, 1]
    """

    decay: Any = 0.1

    bounds: ClassVar[dict[str, Bounds]] = {**_Firing.bounds, "decay": DECAY}


@dataclass(frozen=True, eq=False, kw_only=True)
class CubaLIF(LIF):
    """Current-based leaky integrate and fire: input is a current with a memory of its own.

    ``u = (1 - current_decay) u + x``, ``v = (1 - decay) v + u + b``. Refractory units keep v; their
    u runs on. With ``current_decay=1`` it is :class:`LIF`. In a chip's integers, Loihi's neuron.

    Parameters
    ----------
    current_decay, decay : float or array_like
        In [0, 1].
    threshold, bias, reset, refractory, floor, signed, initial
        As of :class:`IF`.
    """

    current_decay: Any = 0.1

    bounds: ClassVar[dict[str, Bounds]] = {**LIF.bounds, "current_decay": DECAY}


@dataclass(frozen=True, eq=False, kw_only=True)
class AdaptiveLIF(LIF):
    """Leaky integrate and fire with a threshold that rises with every spike (Bellec et al. 2018).

    ``v = (1 - decay) v + x + b``, ``q = [v > threshold + a]``, and after the reset, which subtracts
    `threshold` alone, ``a = (1 - adaptation_decay) a + jump |q|``. Signed units fire -1 where
    ``v < -(threshold + a)``.

    Parameters
    ----------
    adaptation_decay : float or array_like
        In [0, 1].
    jump : float or array_like
        At least 0.
    decay, threshold, bias, reset, refractory, floor, signed, initial
        As of :class:`LIF`.
    """

    adaptation_decay: Any = 0.01
    jump: Any = 0.1

    bounds: ClassVar[dict[str, Bounds]] = {
        **LIF.bounds,
        "adaptation_decay": DECAY,
        "jump": AT_LEAST_0,
    }


@dataclass(frozen=True, eq=False, kw_only=True)
class TwoCompartmentLIF(LIF):
    """Leaky integrate and fire with a dendrite: a second membrane, with a leak of its own.

    ``w = (1 - dendrite_decay) w + x_dendrite``, where x_dendrite is what arrives over projections
    to ``"dendrite"``; then ``v = (1 - decay) v + (x + coupling w) + b``. The dendrite of a
    refractory unit runs on. With a coupling of 0 the soma takes nothing from it: a dendrite for
    learning rules to read, as that of eRBP (Neftci et al. 2017); with 1 all of it, as that of
    EMSTDP (Shrestha et al. 2021). In a chip's integers w is clipped as v, and ``coupling w`` is
    rounded towards zero.

    Parameters
    ----------
    dendrite_decay : float or array_like
        In [0, 1].
    coupling : float or array_like, default 1
        In [0, 1]: how much of w the soma takes in a step.
    decay, threshold, bias, reset, refractory, floor, signed, initial
        As of :class:`LIF`.

    Examples
    --------
    >>> TwoCompartmentLIF(dendrite_decay=0.2).compartments
    ('soma', 'dendrite')
    """

    dendrite_decay: Any = 0.1
    coupling: Any = 1.0

    bounds: ClassVar[dict[str, Bounds]] = {
        **LIF.bounds,
        "dendrite_decay": DECAY,
        "coupling": SHARE,
    }
    compartments: ClassVar[tuple[str, ...]] = ("soma", "dendrite")


@dataclass(frozen=True, eq=False, kw_only=True)
class LI(Neuron):
    """Leaky integrator: a read-out, ``v = (1 - decay) v + x + b``, that never fires.

    Parameters
    ----------
    decay : float or array_like
        In [0, 1].
    bias, initial : float or array_like
    """

    decay: Any = 0.1
    bias: Any = 0.0
    initial: Any = 0.0

    bounds: ClassVar[dict[str, Bounds]] = {"decay": DECAY, "bias": ANY, "initial": ANY}
    sends: ClassVar[bool] = False


@dataclass(frozen=True, eq=False, kw_only=True)
class CubaLI(LI):
    """Current-based leaky integrator, a read-out that never fires.

    ``u = (1 - current_decay) u + x``, ``v = (1 - decay) v + u + b``.

    Parameters
    ----------
    current_decay, decay : float or array_like
        In [0, 1].
    bias, initial : float or array_like
    """

    current_decay: Any = 0.1

    bounds: ClassVar[dict[str, Bounds]] = {**LI.bounds, "current_decay": DECAY}
