"""Trials of a layer with gated synapses, forwards and backwards, each in one call.

Axes: t = step (T), b = trial (B), i, k = unit (N), d = channel (J), o = read-out (K). Everything is
float64. The twin that is written to be read is
`eqchip.backends.reference.gated`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eqchip.emulator.kernels.jit import inlined, kernel
from eqchip.emulator.kernels.units import span


class Gates(NamedTuple):
    """Constants of a step: dt, leak and tau in s and 1/s; width of the active zone; floor."""

    dt: float
    leak: float
    tau: float
    width: float
    floor: float


class Weights(NamedTuple):
    """recurrent (N, N), feedforward (J, N), bias (N,), decoder (N, K); rows are of senders."""

    recurrent: np.ndarray
    feedforward: np.ndarray
    bias: np.ndarray
    decoder: np.ndarray


class Trials(NamedTuple):
    """What was computed: v, s (T + 1, B, N), before each step and after the last; resets (T, B, N).

    x: (T, B, J); y: (T, B, K), after each step.
    """

    x: np.ndarray
    v: np.ndarray
    s: np.ndarray
    resets: np.ndarray
    y: np.ndarray


@inlined
def multiply(out, a, w):
    """out (B, M) += a (B, K) w (K, M), by ascending k: four rows of w in a pass."""
    whole = len(w) // 4 * 4
    for k in range(0, whole, 4):
        w0, w1, w2, w3 = w[k], w[k + 1], w[k + 2], w[k + 3]
        for b in range(len(out)):
            row = out[b]
            a0, a1, a2, a3 = a[b, k], a[b, k + 1], a[b, k + 2], a[b, k + 3]
            for i in span(0, len(row)):
                row[i] = (((row[i] + a0 * w0[i]) + a1 * w1[i]) + a2 * w2[i]) + a3 * w3[i]
    for k in range(whole, len(w)):
        w0 = w[k]
        for b in range(len(out)):
            row, a0 = out[b], a[b, k]
            for i in span(0, len(row)):
                row[i] += a0 * w0[i]


@inlined
def correlate(out, a, e):
    """out (K, M) += sum over b of a (B, K) e (B, M), by ascending b: four trials in a pass."""
    whole = len(a) // 4 * 4
    for k in range(len(out)):
        row = out[k]
        for b in range(0, whole, 4):
            a0, a1, a2, a3 = a[b, k], a[b + 1, k], a[b + 2, k], a[b + 3, k]
            e0, e1, e2, e3 = e[b], e[b + 1], e[b + 2], e[b + 3]
            for i in span(0, len(row)):
                row[i] = (((row[i] + a0 * e0[i]) + a1 * e1[i]) + a2 * e2[i]) + a3 * e3[i]
        for b in range(whole, len(a)):
            e0, a0 = e[b], a[b, k]
            for i in span(0, len(row)):
                row[i] += a0 * e0[i]


@inlined
def opened(v, width):
    """G: what of a charge is released at a potential."""
    return min(max((v - (1.0 - width)) / width, 0.0), 1.0) if width > 0 else 0.0


@kernel
def run_trials(weights, gates, trials, current):
    """All steps of all trials from v[0], s[0]; current: (B, N), scratch."""
    keep = 1.0 - gates.dt / gates.tau
    for t in range(len(trials.x)):
        v, s, to_v, to_s = trials.v[t], trials.s[t], trials.v[t + 1], trials.s[t + 1]
        for b in range(len(v)):
            for i in span(0, len(weights.bias)):
                current[b, i] = weights.bias[i]
        multiply(current, trials.x[t], weights.feedforward)
        multiply(current, s, weights.recurrent)
        for b in range(len(v)):
            for i in range(len(weights.bias)):
                old = v[b, i]
                w = old + gates.dt * (current[b, i] - gates.leak * old)
                w = max(w, gates.floor)
                k = np.floor(w) if w >= 1.0 else 0.0
                new = w - k
                sent = opened(new, gates.width) - opened(old, gates.width) + k
                trials.resets[t, b, i] = k
                to_v[b, i] = new
                to_s[b, i] = keep * s[b, i] + sent / gates.tau
            for o in range(trials.y.shape[2]):
                trials.y[t, b, o] = 0.0
        multiply(trials.y[t], to_s, weights.decoder)


@kernel
def run_back(weights, backwards, outwards, gates, trials, of_y, of_s, slopes, of, e):
    """Derivatives of a loss by all weights are added to `slopes`.

    backwards (N, N), outwards (K, N): recurrent and decoder, transposed; of_y: (T, B, K), the
    loss's derivative by the read-outs; of_s: by each trace of each step, a number; of: (3, B, N),
    derivatives by v, s and the s before, 0 at first; e: (B, N), scratch.
    """
    keep, keep_v = 1.0 - gates.dt / gates.tau, 1.0 - gates.dt * gates.leak
    of_v, of_now, of_before = of[0], of[1], of[2]
    for t in range(len(trials.x) - 1, -1, -1):
        multiply(of_now, of_y[t], outwards)
        correlate(slopes.decoder, trials.s[t + 1], of_y[t])
        old, new = trials.v[t], trials.v[t + 1]
        for b in range(len(e)):
            for i in range(len(weights.bias)):
                sent = (of_now[b, i] + of_s) / gates.tau
                open_new = 1.0 / gates.width if 1.0 - gates.width < new[b, i] < 1.0 else 0.0
                open_old = 1.0 / gates.width if 1.0 - gates.width < old[b, i] < 1.0 else 0.0
                of_w = of_v[b, i] + open_new * sent if new[b, i] != gates.floor else 0.0
                e[b, i] = gates.dt * of_w
                of_v[b, i] = keep_v * of_w - open_old * sent
                of_before[b, i] = keep * (of_now[b, i] + of_s)
                slopes.bias[i] += e[b, i]
        multiply(of_before, e, backwards)
        correlate(slopes.recurrent, trials.s[t], e)
        correlate(slopes.feedforward, trials.x[t], e)
        for b in range(len(e)):
            for i in span(0, len(weights.bias)):
                of_now[b, i] = of_before[b, i]
