"""Loihi's neuron and synapses by their registers, as NxSDK and Lava name them."""

from __future__ import annotations

from typing import Any

import numpy as np

from eqchip.emulator.description.graph.graph import Projection
from eqchip.emulator.description.graph.integers import ALIGN, UNITY, mantissas_of
from eqchip.emulator.description.graph.units import CubaLIF


def loihi_unit(
    *,
    du: Any = 4095,
    dv: Any = 0,
    vth: Any = 10,
    bias_mant: Any = 0,
    bias_exp: Any = 0,
    **more: Any,
) -> CubaLIF:
    """A unit of Loihi, or the `LIF` of Lava in fixed point, from its registers.

    Parameters
    ----------
    du, dv : int or array_like
        Decays of current and voltage, 0 to 4095; as on the chip the current's is ``du + 1``.
    vth : int or array_like
        The threshold's mantissa, of 17 bits.
    bias_mant, bias_exp : int or array_like
        The bias's mantissa, of 13 bits, and exponent, 0 to 7.
    more
        Of :class:`eqchip.CubaLIF`: refractory, floor, signed, initial.

    Examples
    --------
    >>> unit = loihi_unit(dv=163, vth=25)
    >>> unit.threshold, unit.decay * 4096, unit.current_decay
    (1600.0, 163.0, 1.0)
    """
    exponent = np.asarray(bias_exp)
    return CubaLIF(
        current_decay=_plain((np.asarray(du) + 1) / UNITY),
        decay=_plain(np.asarray(dv) / UNITY),
        threshold=_plain(np.asarray(vth) * 2.0**ALIGN),
        bias=_plain(np.asarray(bias_mant) * 2.0**exponent),
        **more,
    )


def loihi_projection(
    pre: str, post: str, weights: Any, *, exponent: int = 0, bits: int = 8, **more: Any
) -> Projection:
    """Synapses of Loihi, or the `Dense` of Lava in fixed point, from mantissas and exponent.

    Parameters
    ----------
    pre, post : str
    weights : array_like of int
        Mantissas; they are clipped and cut to the bits of a synapse.
    exponent : int
        ``weight_exp``, -8 to 7.
    bits : int
        ``num_weight_bits``, 1 to 8.
    more
        Of :class:`eqchip.Projection`: connection, delay, name.

    Examples
    --------
    >>> loihi_projection("in", "out", [[10]]).weights.tolist()
    [[640.0]]
    """
    stored = mantissas_of(weights, bits) * 2.0 ** (ALIGN + exponent)
    return Projection(pre, post, stored, exponent=exponent, **more)


def _plain(value: np.ndarray) -> Any:
    """A number as itself, an array as it is."""
    return value if value.ndim else value.item()
