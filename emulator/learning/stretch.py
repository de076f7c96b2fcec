"""What a balanced layer did in a stretch of time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels.dynamics.arrays import (
    E_SQUARE,
    E_SUM,
    EI_PRODUCT,
    I_SQUARE,
    I_SUM,
    V_SQUARE,
    V_SUM,
)


@dataclass(frozen=True, eq=False)
class Stretch:
    """What a layer did in a stretch of time.

    Attributes
    ----------
    steps, dt : int, float
    counts : dict of str to int
        Spikes, events and writes of these steps.
    spikes_by_unit : ndarray of int64, shape (N,)
    x, y, traces : ndarray, shapes (rows, J), (rows, J) and (rows, N)
        The signal, the read-out and the traces of every `every`-th step; no rows where none were
        asked for.
    currents : ndarray, shape (rows, 2)
        What excites and what inhibits unit 0, behind its leak; of a run with probes.
    spikes : ndarray of int64, shape (events, 2)
        Step and unit.
    largest : int
        Of potentials, in parts of a code; 0 in floating point.
    """

    steps: int
    dt: float
    counts: dict[str, int]
    spikes_by_unit: np.ndarray
    x: np.ndarray
    y: np.ndarray
    traces: np.ndarray
    currents: np.ndarray
    spikes: np.ndarray
    largest: int
    squared_error: float
    x_sums: np.ndarray
    probes: np.ndarray

    def __repr__(self) -> str:
        return (
            f"Stretch({self.seconds:g} s, error {self.error:.3g}, {self.rate:.3g} Hz, "
            f"{self.counts['spikes']} spikes)"
        )

    @property
    def seconds(self) -> float:
        """Simulated time."""
        return self.steps * self.dt

    @property
    def error(self) -> float:
        """Squared distance of the read-out from the signal, over the signal's variance."""
        total, square = self.x_sums
        variance = float((square - total**2 / self.steps).sum())
        return self.squared_error / variance if variance > 0 else math.inf

    @property
    def rate(self) -> float:
        """Mean spikes of a unit in a second."""
        return float(self.spikes_by_unit.mean()) / self.seconds

    def per_second(self) -> dict[str, float]:
        """The counts, in a second of signal."""
        return {name: n / self.seconds for name, n in self.counts.items()}

    @property
    def voltage_variance(self) -> float:
        """Mean over the units of the variance of V; of a run with probes."""
        mean = self._probes()[V_SUM] / self.steps
        return float((self.probes[V_SQUARE] / self.steps - mean**2).mean())

    @property
    def balance(self) -> float:
        """Mean over the units of the correlation of excitation and inhibition; with probes.

        NaN where no unit has both.
        """
        mean = self._probes() / self.steps
        excited = mean[E_SQUARE] - mean[E_SUM] ** 2
        inhibited = mean[I_SQUARE] - mean[I_SUM] ** 2
        together = mean[EI_PRODUCT] - mean[E_SUM] * mean[I_SUM]
        heard = (excited > 0) & (inhibited > 0)
        if not heard.any():
            return math.nan
        return float((together[heard] / np.sqrt(excited[heard] * inhibited[heard])).mean())

    def refitted(self, decoder: np.ndarray | None = None) -> tuple[float, np.ndarray]:
        """The error by the best linear read-out of its traces, and that read-out, shape (N, J).

        Parameters
        ----------
        decoder : ndarray, shape (N, J), optional
            Fitted on another stretch. Default: by least squares on this one.
        """
        if len(self.x) == 0:
            raise InputError("refitted: no traces were kept; expected a run with every=...")
        if decoder is None:
            decoder = np.linalg.lstsq(self.traces, self.x, rcond=None)[0]
        left = ((self.x - self.traces @ decoder) ** 2).sum()
        return float(left / ((self.x - self.x.mean(0)) ** 2).sum()), decoder

    def _probes(self) -> np.ndarray:
        if self.probes.size == 0:
            raise InputError("Stretch: nothing was probed; expected a run with probes=True")
        return self.probes
