"""A sketch: prediction coefficients that a unit adapts to its own input. Plain numpy.

No engine has this coding. Here time advances by SLICES to a period and a unit ticks in the first
slice that begins after its due time; else all is as in docs/asynchronous.md, with calibrated
decoders and offsets drawn once for the chip. So the other rules here can be held against the
engine. Rules for the prediction coefficient lambda of a unit:

- "ticks": 0.83 / t^0.58, t its own ticks, as in the preset;
- "time": the same with t in nominal periods, as if units had a common clock to look it up by;
- "adaptive": optimal step-size annealing (see OptimalStepSize) of the decoder's own average: r is
  the running estimate of the input u, lambda the step it takes, at least LEAST. The encoder uses
  the same lambda. Input units, which hear nothing, send without prediction.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from asynchrony_measure import Seen, Subject

from eqchip.emulator.description.asynchronous import Asynchronous

Rule = Literal["ticks", "time", "adaptive"]
SLICES = 8
STEP_SIZE, VALUE, EXPONENT = 0.8, 0.83, 0.58  # of the preset
NU_BAR, REGULARIZER, LEAST = 0.06, 1e-7, 0.02


def simulate(subject: Subject, rule: Rule, timing: Asynchronous, steps: int) -> Seen:
    """Relax a subject; a row per nominal period."""
    network, n = subject.network, len(subject.x)
    inputs, hidden, outputs = network.sizes
    units = inputs + hidden + outputs
    into = np.zeros((units, units))  # from row to column; nothing goes to the input
    into[:inputs, inputs : inputs + hidden] = network.weights[0]
    into[inputs : inputs + hidden, inputs + hidden :] = network.weights[1]
    into[inputs + hidden :, inputs : inputs + hidden] = network.weights[1].T
    bias = np.concatenate([np.zeros(inputs), *network.biases])
    rng = np.random.default_rng(subject.seed)
    clocks = timing.clocks
    period = 1 + math.sqrt(3) * clocks.spread * rng.uniform(-1, 1, units)
    # One clock: ticks at 1, 2, ..., so that a message of delay 1 is there at the next.
    due = period * (1 - clocks.offset * rng.random(units))
    weights = into * period[:, None] / period[None, :]
    longest = math.ceil((timing.delays.fixed + timing.delays.jitter) * SLICES) + 1
    # Sums on their way to each unit, by the slice in which they arrive.
    coming = np.zeros((longest + 1, n, units))
    got, r, s, residue = (np.zeros((n, units)) for _ in range(4))
    nu = np.ones((n, units))
    mean, square, share = (np.zeros((n, units)) for _ in range(3))
    ticks = np.zeros(units, np.int64)
    emitted = np.zeros(n)
    distance, wrong, spikes = (np.zeros((steps, n)) for _ in range(3))
    loss, jitter = timing.faults.loss, timing.delays.jitter
    start = np.zeros(units) if clocks.jitter == 0 else clocks.jitter * rng.random(units)
    for slice_ in range(1, steps * SLICES + 1):
        now = slice_ / SLICES
        got += coming[slice_ % len(coming)]
        coming[slice_ % len(coming)] = 0.0
        at = np.flatnonzero(due + start <= now + 1e-9)
        if len(at):
            ticks[at] += 1
            due[at] += period[at]
            start[at] = clocks.jitter * rng.random(len(at))
            u, got[:, at] = got[:, at], 0.0
            if rule == "adaptive":
                lam = _adapt(u, r, nu, mean, square, share, at, ticks[at])
                lam[:, at < inputs] = 1.0
            else:
                t = ticks[at] if rule == "ticks" else np.maximum(now, 1.0)
                lam = np.broadcast_to(VALUE / t**EXPONENT, u.shape)
            r[:, at] = (1 - lam) * r[:, at] + lam * u
            before = s[:, at]
            drive = np.where((before >= 0) & (before <= 1), r[:, at] + bias[at], 0.0)
            after = np.clip((1 - STEP_SIZE) * before + STEP_SIZE * drive, 0, 1)
            clamped = at < inputs
            after[:, clamped] = subject.x[:, at[clamped]]
            s[:, at] = after
            message = (after - (1 - lam) * before) / lam
            total = residue[:, at] + message
            bits = total > 0.5
            residue[:, at] = total - bits
            emitted += bits.sum(1)
            _send(coming, slice_, bits, weights[at], loss, timing.delays.fixed, jitter, rng)
        if slice_ % SLICES == 0:
            row = slice_ // SLICES - 1
            distance[row] = np.abs(s[:, inputs:] - subject.goal).mean(1)
            wrong[row] = s[:, -outputs:].argmax(1) != subject.labels
            spikes[row] = emitted / units
    return Seen(distance, wrong.astype(bool), spikes)


def _adapt(
    u: np.ndarray, r: np.ndarray, nu: np.ndarray, mean: np.ndarray, square: np.ndarray,
    share: np.ndarray, at: np.ndarray, t: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """The step of the running estimate r of the input u; the statistics of units `at` move on."""
    error = u - r[:, at]
    nu[:, at] = nu[:, at] / (1 + nu[:, at] - NU_BAR)
    k = nu[:, at]
    mean[:, at] = (1 - k) * mean[:, at] + k * error
    square[:, at] = (1 - k) * square[:, at] + k * error**2
    noise = (square[:, at] - mean[:, at] ** 2) / (1 + share[:, at])
    step = np.where(t == 1, 1.0, 1 - (noise + REGULARIZER) / (square[:, at] + REGULARIZER))
    step = np.clip(step, LEAST, 1.0)
    share[:, at] = (1 - step) ** 2 * share[:, at] + step**2
    return step


def _send(
    coming: np.ndarray, slice_: int, bits: np.ndarray, weights: np.ndarray, loss: float,
    delay: float, jitter: float, rng: np.random.Generator,
) -> None:  # fmt: skip
    """Put the weighted bits into the slices in which they arrive."""
    arriving = bits * (rng.random(bits.shape) >= loss) if loss else bits
    last = round(delay * SLICES)
    if not jitter:
        coming[(slice_ + last) % len(coming)] += arriving @ weights
        return
    drawn = last + np.floor(jitter * SLICES * rng.random(bits.shape)).astype(int)
    for wait in np.unique(drawn[arriving > 0]):
        coming[(slice_ + wait) % len(coming)] += (arriving * (drawn == wait)) @ weights
