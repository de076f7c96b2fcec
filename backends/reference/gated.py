"""A layer with gated synapses in plain numpy: its steps, and the gradient of a loss, by hand.

The equations are those of :mod:`eqchip.emulator.description.dynamics.gated`. With lv and ls the
derivatives of the loss by v and s after a step, its adjoint is exact (Huh and Sejnowski 2018 in
continuous time; g' appears nowhere, so a box will do)::

    ls   += dl/dy D^T + dl/ds                       p = ls / tau
    lw    = lv + g(v') p,  0 where v' rests on the floor        e = dt lw
    lv    = (1 - dt leak) lw - g(v) p               ls = (1 - dt / tau) ls + e W^T

and dL/dW_ki = sum of s_k e_i, dL/dU_di = sum of x_d e_i, dL/db = sum of e, dL/dD = sum of s' dl/dy.
Sums run by ascending sender, those of weights from the last step to the first by ascending trial.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eqchip.emulator.description.dynamics.gated import ARRAYS, GatedLayer


@dataclass(frozen=True)
class Reference:
    """v, s: (T + 1, B, N); resets: (T, B, N); y: (T, B, K)."""

    v: np.ndarray
    s: np.ndarray
    resets: np.ndarray
    y: np.ndarray


def product(start: np.ndarray, a: np.ndarray, w: np.ndarray) -> np.ndarray:
    """``start + a w``, added up by ascending row of w."""
    total = start
    for k in range(len(w)):
        total = total + a[:, k : k + 1] * w[k]
    return total


def opened(v: np.ndarray, width: float) -> np.ndarray:
    """G."""
    return np.clip((v - (1.0 - width)) / width, 0.0, 1.0) if width > 0 else np.zeros_like(v)


def gate(v: np.ndarray, width: float) -> np.ndarray:
    """g, the derivative of G."""
    return np.where((v > 1.0 - width) & (v < 1.0), 1.0 / width, 0.0)


def run_reference(layer: GatedLayer, x: np.ndarray, dt: float) -> Reference:
    """Trials x (T, B, J) from rest."""
    steps, trials = x.shape[:2]
    v, s = [np.zeros((trials, layer.units))], [np.zeros((trials, layer.units))]
    resets, y = [], []
    for t in range(steps):
        current = np.broadcast_to(layer.bias, (trials, layer.units))
        current = product(product(current, x[t], layer.feedforward), s[t], layer.recurrent)
        w = np.maximum(v[t] + dt * (current - layer.leak * v[t]), layer.floor)
        k = np.where(w >= 1.0, np.floor(w), 0.0)
        v.append(w - k)
        sent = opened(v[t + 1], layer.width) - opened(v[t], layer.width) + k
        s.append((1.0 - dt / layer.tau) * s[t] + sent / layer.tau)
        resets.append(k)
        y.append(product(np.zeros((trials, layer.outputs)), s[t + 1], layer.decoder))
    return Reference(np.array(v), np.array(s), np.array(resets), np.array(y))


def gradient_reference(
    layer: GatedLayer, x: np.ndarray, dt: float, ran: Reference, of_y: np.ndarray, of_s: float
) -> dict[str, np.ndarray]:
    """Derivatives by the layer's arrays.

    of_y: (T, B, K), dl/dy; of_s: dl/ds, of each trace of each step alike.
    """
    slopes = {name: np.zeros_like(getattr(layer, name)) for name in ARRAYS}
    lv, ls = np.zeros_like(ran.v[0]), np.zeros_like(ran.s[0])
    for t in reversed(range(len(x))):
        ls = product(ls, of_y[t], layer.decoder.T) + of_s
        p = ls / layer.tau
        lw = np.where(ran.v[t + 1] == layer.floor, 0.0, lv + gate(ran.v[t + 1], layer.width) * p)
        e = dt * lw
        lv = (1.0 - dt * layer.leak) * lw - gate(ran.v[t], layer.width) * p
        ls = product((1.0 - dt / layer.tau) * ls, e, layer.recurrent.T)
        for b in range(x.shape[1]):
            slopes["decoder"] += np.outer(ran.s[t + 1, b], of_y[t, b])
            slopes["bias"] += e[b]
            slopes["recurrent"] += np.outer(ran.s[t, b], e[b])
            slopes["feedforward"] += np.outer(x[t, b], e[b])
    return slopes
