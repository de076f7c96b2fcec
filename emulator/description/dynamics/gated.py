r"""A layer through whose spikes a gradient passes: its synapses open before the threshold.

J channels drive N units that hear one another; K read-outs follow targets (Huh and Sejnowski,
"Gradient Descent for Spiking Neural Networks", NeurIPS 31, 2018)::

    dv/dt     = -leak v + sum_k recurrent_k s_k + sum_d feedforward_d x_d + bias,  at least `floor`
    tau ds/dt = -s + g(v) dv/dt,    g = 1 / width where 1 - width < v < 1, elsewhere 0
    y         = sum_k decoder_k s_k

At v = 1 a unit fires and loses 1. To cross the active zone releases a charge of 1, as a spike
does; to enter it and return releases a part and takes it back: what a unit sends is smooth in what
it hears. A step, exact in whole (`w` before resets, k the number of them)::

    w = max(v + dt (I - leak v), floor)     v' = w - k,  k = floor(w) where w >= 1, else 0
    s' = (1 - dt / tau) s + (G(v') - G(v) + k) / tau
    G(v) = clip((v - 1 + width) / width, 0, 1)

A resting s is the rate of its unit, in Hz. With ``width = 0`` only spikes are sent; there is no
gradient then.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from eqchip.emulator.description.dynamics.numbers import array_of, check_shape
from eqchip.emulator.errors import InputError, check_number

ARRAYS = ("recurrent", "feedforward", "bias", "decoder")


@dataclass(frozen=True, eq=False)
class GatedLayer:
    """A layer of N units with gated synapses; see the module for its equations.

    Parameters
    ----------
    recurrent : array_like, shape (N, N)
        Row k is what the trace of unit k does to the units.
    feedforward : array_like, shape (J, N)
        1/s, row d is what channel d does to the units.
    bias : array_like, shape (N,)
        1/s.
    decoder : array_like, shape (N, K)
        s, row k is what the trace of unit k does to the read-outs.
    tau : float
        s, of the synapses.
    leak : float
        1/s, of the potentials, at least 0.
    width : float, in [0, 1]
        Of the active zone, below a threshold of 1. 0: spikes alone are sent.
    floor : float
        The lowest potential, below 0.

    Raises
    ------
    InputError
        For shapes that do not fit, values that are not finite or out of their range.

    Examples
    --------
    >>> heard, told = np.ones((1, 3)), np.ones((3, 2))
    >>> GatedLayer(np.zeros((3, 3)), heard, np.zeros(3), told, tau=0.02)
    GatedLayer(units=3, channels=1, outputs=2, tau=0.02)
    """

    recurrent: np.ndarray
    feedforward: np.ndarray
    bias: np.ndarray
    decoder: np.ndarray
    tau: float
    leak: float = 0.0
    width: float = 0.5
    floor: float = -1.0
    units: int = field(init=False)
    channels: int = field(init=False)
    outputs: int = field(init=False)

    def __post_init__(self) -> None:
        for name in ARRAYS:
            dimensions = 1 if name == "bias" else 2
            array = array_of(f"GatedLayer: {name}", getattr(self, name), dimensions)
            object.__setattr__(self, name, array)
        channels, units = self.feedforward.shape
        outputs = self.decoder.shape[1]
        for name, shape in (
            ("recurrent", (units, units)), ("bias", (units,)), ("decoder", (units, outputs)),
        ):  # fmt: skip
            check_shape(f"GatedLayer: {name}", getattr(self, name), shape)
        for name, number in (("units", units), ("channels", channels), ("outputs", outputs)):
            object.__setattr__(self, name, number)
        for name, right, said in (
            ("tau", lambda value: value > 0, "more than 0, in s"),
            ("leak", lambda value: value >= 0, "at least 0, in 1/s"),
            ("width", lambda value: 0 <= value <= 1, "0 to 1"),
            ("floor", lambda value: value < 0, "less than 0"),
        ):
            value = getattr(self, name)
            check_number(f"GatedLayer: {name}", value)
            if not (math.isfinite(value) and right(value)):
                raise InputError(f"GatedLayer: {name} is {value!r}; expected {said}")

    def __repr__(self) -> str:
        return (
            f"GatedLayer(units={self.units}, channels={self.channels}, outputs={self.outputs}, "
            f"tau={self.tau:g})"
        )
