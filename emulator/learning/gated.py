"""A layer with gated synapses: trials of it, their exact gradient, and descent by Adam."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eqchip.emulator.description.dynamics.gated import ARRAYS, GatedLayer
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels.dynamics.gated import Gates, Trials, Weights, run_back, run_trials

FIRST, SECOND, SMALL = 0.9, 0.999, 1e-8  # of Adam, as published


@dataclass(frozen=True, eq=False)
class GatedRun:
    """Trials that were run.

    dt : float
    x : ndarray, shape (steps, trials, J)
    v, s : ndarray, shape (steps + 1, trials, N)
        Before each step, and after the last.
    resets : ndarray, shape (steps, trials, N)
        Spikes.
    y : ndarray, shape (steps, trials, K)
        After each step.
    """

    layer: GatedLayer
    dt: float
    x: np.ndarray
    v: np.ndarray
    s: np.ndarray
    resets: np.ndarray
    y: np.ndarray

    @property
    def rate(self) -> float:
        """Mean rate of a unit, Hz."""
        return float(self.resets.mean()) / self.dt


def run_gated(layer: GatedLayer, x: Any, *, dt: float) -> GatedRun:
    """Run trials from rest.

    Parameters
    ----------
    x : array_like, shape (steps, trials, J)
    dt : float
        s, of a step: shorter than the layer's tau.

    Raises
    ------
    InputError
        For values of another shape, or a step that is too long.

    Examples
    --------
    >>> layer = GatedLayer([[0.0]], [[1.0]], [0.0], [[1.0]], tau=0.02)
    >>> run_gated(layer, np.full((100, 1, 1), 50.0), dt=1e-3).rate
    50.0
    """
    given = np.ascontiguousarray(x, np.float64)
    if given.ndim != 3 or 0 in given.shape or given.shape[2] != layer.channels:
        raise InputError(
            f"run_gated: x has shape {given.shape}; expected (steps, trials, {layer.channels})"
        )
    if not (math.isfinite(dt) and 0 < dt < layer.tau and dt * layer.leak < 1):
        raise InputError(
            f"run_gated: dt is {dt!r}; expected more than 0 and less than the {layer.tau:g} s of "
            "the synapses and 1 / leak of the units"
        )
    steps, trials = given.shape[:2]
    ran = Trials(
        given,
        np.zeros((steps + 1, trials, layer.units)),
        np.zeros((steps + 1, trials, layer.units)),
        np.empty((steps, trials, layer.units)),
        np.empty((steps, trials, layer.outputs)),
    )
    run_trials(_weights(layer), _gates(layer, dt), ran, np.empty((trials, layer.units)))
    return GatedRun(layer, dt, *ran)


def gradient(run: GatedRun, of_y: np.ndarray, of_s: float = 0.0) -> dict[str, np.ndarray]:
    """Derivatives of a loss by the layer's arrays, exact, by going back through the trials.

    Parameters
    ----------
    run : GatedRun
    of_y : ndarray, shape (steps, trials, K)
        The loss's derivative by the read-outs.
    of_s : float
        Its derivative by each trace after each step.

    Returns
    -------
    dict
        By the names recurrent, feedforward, bias and decoder.
    """
    layer = run.layer
    if not layer.width > 0:
        raise InputError("gradient: width of the layer is 0; expected more, for a gradient to pass")
    slopes = Weights(*(np.zeros_like(getattr(layer, name)) for name in ARRAYS))
    trials = run.x.shape[1]
    run_back(
        _weights(layer), np.ascontiguousarray(layer.recurrent.T),
        np.ascontiguousarray(layer.decoder.T), _gates(layer, run.dt),
        Trials(run.x, run.v, run.s, run.resets, run.y), np.ascontiguousarray(of_y, np.float64),
        float(of_s), slopes, np.zeros((3, trials, layer.units)), np.empty((trials, layer.units)),
    )  # fmt: skip
    return slopes._asdict()


class Descent:
    """Adam (Kingma and Ba, arXiv 1412.6980) on a layer's arrays, at a rate for each.

    Parameters
    ----------
    rates : mapping
        From names of arrays to how far they move in a step; those that are not named stay.
    longest : float
        Gradients whose length, each part times its rate, is more are scaled down to it.
    """

    def __init__(self, rates: Mapping[str, float], longest: float) -> None:
        self.rates, self.longest = dict(rates), longest
        self.means: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self.done = self.skipped = 0

    def step(
        self, layer: GatedLayer, slopes: Mapping[str, np.ndarray], share: float = 1.0
    ) -> GatedLayer:
        """The layer after a step at a share of the rates; unchanged if a slope is not finite."""
        scaled = {name: slopes[name] * rate for name, rate in self.rates.items()}
        length = math.sqrt(sum(float((one**2).sum()) for one in scaled.values()))
        if not math.isfinite(length):
            self.skipped += 1
            return layer
        self.done += 1
        moved = {}
        for name, rate in self.rates.items():
            one = scaled[name] * min(1.0, self.longest / length if length else 1.0)
            first, second = self.means.setdefault(name, (np.zeros_like(one), np.zeros_like(one)))
            first += (1 - FIRST) * (one - first)
            second += (1 - SECOND) * (one * one - second)
            bent = np.sqrt(second / (1 - SECOND**self.done)) + SMALL
            way = first / (1 - FIRST**self.done) / bent
            moved[name] = getattr(layer, name) - share * rate * way
        return replace(layer, **moved)


def _weights(layer: GatedLayer) -> Weights:
    return Weights(*(getattr(layer, name) for name in ARRAYS))


def _gates(layer: GatedLayer, dt: float) -> Gates:
    return Gates(dt, layer.leak, float(layer.tau), float(layer.width), float(layer.floor))
