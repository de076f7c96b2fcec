"""Yardsticks in floating point: rules that train the same layers off the chip.

A gradient is a plain function of weights, biases, inputs x of shape (b, n_in) and targets y, one
hot, (b, n_out); what it gives back is summed over the minibatch's mean. In all of them a layer is
``z = a W + b``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.errors import InputError, check_number, check_whole

THRESHOLD = 1.0
# Of `tssl`, as in the code of its authors: time constants in steps, the most that the time of a
# spike moves with a potential, and the width of the surrogate where a trace is faint.
TAU_M, TAU_S, STEEPEST, WIDTH = 5.0, 3.0, 8.0, 0.2
Arrays = list[np.ndarray]


class Gradient(NamedTuple):
    """Of a minibatch: dLoss/dW and dLoss/db by connection, and the outputs before the softmax."""

    weights: Arrays
    biases: Arrays
    outputs: np.ndarray


@dataclass(frozen=True)
class Yardstick:
    """A training off the chip, by Adam (Kingma and Ba, arXiv 1412.6980) on a falling cosine.

    Parameters
    ----------
    rule : {"bp", "bptt", "pc", "tssl"}
    dataset : str
    layers : tuple of int
    seed : int
    epochs, minibatch : int
    lr : float
    steps : int
        Of ``bptt`` and ``tssl`` in time, of ``pc`` until its values are taken to rest.
    step_size : float
        Of ``pc``.
    decay : float
        Of ``bptt``: what of a potential is left after a step.
    slope : float
        Of ``bptt``'s surrogate.
    """

    rule: str
    dataset: str
    layers: tuple[int, ...]
    seed: int
    epochs: int = 12
    minibatch: int = 50
    lr: float = 1e-3
    steps: int = 12
    step_size: float = 0.1
    decay: float = 0.9
    slope: float = 2.0

    def __post_init__(self) -> None:
        for name in ("epochs", "minibatch", "steps"):
            check_whole(f"{self.rule}: {name}", getattr(self, name), 1, 2**20)
        for name in ("lr", "step_size", "decay", "slope"):
            value = getattr(self, name)
            check_number(f"{self.rule}: {name}", value)
            if not 0 < value < 100:
                raise InputError(f"{self.rule}: {name} is {value!r}; expected one above 0")


def yardstick(
    rule: str, dataset: str, layers: Sequence[int], seed: int, settings: dict[str, Any]
) -> Yardstick:
    """A yardstick from what a plan says.

    Raises
    ------
    InputError
        For a setting that is unknown or wrong.
    """
    known = [field.name for field in fields(Yardstick)][4:]
    for name in settings:
        if name not in known:
            raise InputError(
                f"{rule}: setting {name!r} is unknown; expected one of {', '.join(known)}"
            )
    return Yardstick(rule, dataset, tuple(layers), seed, **settings)


def initial(layers: Sequence[int], seed: int) -> tuple[Arrays, Arrays]:
    """Weights as of He et al. (2015), biases of 0, float32."""
    rng = np.random.default_rng(seed)
    weights = [
        (rng.standard_normal((a, b)) * np.sqrt(2.0 / a)).astype(np.float32)
        for a, b in zip(layers, layers[1:], strict=False)
    ]
    return weights, [np.zeros(n, np.float32) for n in layers[1:]]


def softmax(z: np.ndarray) -> np.ndarray:
    """Over the last axis."""
    found: np.ndarray = np.exp(z - z.max(-1, keepdims=True))
    return found / found.sum(-1, keepdims=True)


def backprop(
    of: Yardstick, weights: Arrays, biases: Arrays, x: np.ndarray, y: np.ndarray
) -> Gradient:
    """Exact backpropagation: rectified hidden units, a softmax, cross-entropy."""
    values, last = [x], len(weights) - 1
    for k, (w, b) in enumerate(zip(weights, biases, strict=True)):
        z = values[-1] @ w + b
        values.append(z if k == last else np.maximum(z, 0))
    error = (softmax(values[-1]) - y) / len(x)
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for k in range(last, -1, -1):
        found.append((values[k].T @ error, error.sum(0)))
        if k:
            error = (error @ weights[k].T) * (values[k] > 0)
    return Gradient([w for w, _ in found[::-1]], [b for _, b in found[::-1]], values[-1])


def fires(u: np.ndarray, slope: float) -> np.ndarray:
    """Spikes of potentials; ``surrogate`` is taken for the derivative of it."""
    return (u > THRESHOLD).astype(u.dtype)


def surrogate(u: np.ndarray, slope: float) -> np.ndarray:
    """1 / (1 + slope |u - 1|)**2: the derivative of a fast sigmoid (Zenke and Ganguli 2018)."""
    found: np.ndarray = 1.0 / (1.0 + slope * np.abs(u - THRESHOLD)) ** 2
    return found


def through_time(
    of: Yardstick, weights: Arrays, biases: Arrays, x: np.ndarray, y: np.ndarray,
    fire: Callable[[np.ndarray, float], np.ndarray] = fires,
) -> Gradient:  # fmt: skip
    """Backpropagation through time with a surrogate derivative (Neftci et al. 2019).

    ::

        u_t = decay u_{t-1} + I_t - s_{t-1},   s_t = [u_t > 1],   I_t = x W at the first layer, held
        output = mean over t of s_t W + b,  softmax, cross-entropy

    Of `fire` the derivative is taken to be :func:`surrogate`.
    """
    steps, last = of.steps, len(weights) - 1
    current = [(x @ weights[0] + biases[0])[None].repeat(steps, 0)]
    potentials, spikes = [], []
    for k in range(last):
        u, s = np.zeros_like(current[k]), np.zeros_like(current[k])
        for t in range(steps):
            before = of.decay * u[t - 1] - s[t - 1] if t else 0.0
            u[t] = before + current[k][t]
            s[t] = fire(u[t], of.slope)
        potentials.append(u)
        spikes.append(s)
        current.append(s @ weights[k + 1] + biases[k + 1])
    outputs = current[last].mean(0)
    error = ((softmax(outputs) - y) / len(x))[None].repeat(steps, 0) / steps
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for k in range(last, 0, -1):
        below = spikes[k - 1]
        found.append((np.einsum("tbi,tbj->ij", below, error, optimize=True), error.sum((0, 1))))
        of_spikes = error @ weights[k].T
        error = np.zeros_like(of_spikes)
        after = np.zeros_like(of_spikes[0])  # dLoss/du of the step after
        for t in range(steps - 1, -1, -1):
            sent = of_spikes[t] - after
            after = sent * surrogate(potentials[k - 1][t], of.slope) + of.decay * after
            error[t] = after
    whole = error.sum(0)
    found.append((x.T @ whole, whole.sum(0)))
    return Gradient([w for w, _ in found[::-1]], [b for _, b in found[::-1]], outputs)


def predictive(
    of: Yardstick, weights: Arrays, biases: Arrays, x: np.ndarray, y: np.ndarray
) -> Gradient:
    """Strict predictive coding (Whittington and Bogacz 2017; Rosenbaum 2022).

    ::

        eps_l = v_l - f(v_{l-1} W_l + b_l),  v_0 = x, v_L = y;  F = 1/2 sum |eps_l|^2
        v_l += step_size (eps_{l+1} f' W_{l+1}^T - eps_l),  all hidden layers at once, `steps` times
        dF/dW_l = - v_{l-1}^T (eps_l f')                         from the values as they rest
    """
    last = len(weights) - 1
    values = [x]
    for k, (w, b) in enumerate(zip(weights, biases, strict=True)):
        z = values[-1] @ w + b
        values.append(z if k == last else np.maximum(z, 0))
    outputs, values[-1] = values[-1], y.astype(x.dtype)
    for _ in range(of.steps):
        gated = errors_of(weights, biases, values)
        for k in range(1, last + 1):
            eps, _ = gated[k - 1]
            pull = gated[k][1] @ weights[k].T
            values[k] = values[k] + of.step_size * (pull - eps)
    found = [
        (-(values[k].T @ g) / len(x), -g.sum(0) / len(x))
        for k, (_, g) in enumerate(errors_of(weights, biases, values))
    ]
    return Gradient([w for w, _ in found], [b for _, b in found], outputs)


def errors_of(
    weights: Arrays, biases: Arrays, values: Arrays
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of every layer eps, and eps times the derivative of its prediction."""
    found = []
    for k, (w, b) in enumerate(zip(weights, biases, strict=True)):
        z = values[k] @ w + b
        hidden = k < len(weights) - 1
        eps = values[k + 1] - (np.maximum(z, 0) if hidden else z)
        found.append((eps, eps * (z > 0) if hidden else eps))
    return found


class Spiking(NamedTuple):
    """What a layer did, (steps, b, n).

    u: potentials before their reset; added: what a step added to them; spikes, and their traces.
    """

    u: np.ndarray
    added: np.ndarray
    spikes: np.ndarray
    traces: np.ndarray


def fired(current: np.ndarray) -> Spiking:
    """Units that leak, fire and are reset to 0, and whose spikes leave a trace."""
    u, added, spikes = (np.zeros_like(current) for _ in range(3))
    left = np.zeros_like(current[0])
    for t in range(len(current)):
        added[t] = current[t] - left / TAU_M
        u[t] = left + added[t]
        spikes[t] = u[t] > THRESHOLD
        left = u[t] * (1 - spikes[t])
    return Spiking(u, added, spikes, traced(spikes))


def traced(spikes: np.ndarray) -> np.ndarray:
    """The traces of spikes, (steps, ...).

    Examples
    --------
    >>> [round(float(a), 3) for a in traced(np.array([0.0, 1.0, 1.0]))]
    [0.0, 0.333, 0.556]
    """
    found, trace = np.zeros_like(spikes), np.zeros_like(spikes[0])
    for t, fires in enumerate(spikes):
        trace = trace + (fires - trace) / TAU_S
        found[t] = trace
    return found


def spike_train_levels(layer: Spiking, error: np.ndarray) -> np.ndarray:
    """dLoss/dcurrent of a layer from dLoss/dtrace, (steps, b, n), backward in time.

    Where a unit fired, its spike moves with its potential: by -1 / added, within STEEPEST; a later
    spike is moved by an earlier one through the reset, and carries its error back through the leak.
    Where its trace is faint, below 1 / (4 TAU_S), a sigmoid of WIDTH stands for the spike.
    """
    steps, keep = len(error), 1 - 1 / TAU_M
    kernel = ((1 - 1 / TAU_S) ** np.arange(steps) / TAU_S).astype(error.dtype)
    found, later = np.zeros_like(error), np.zeros_like(error[0])
    for t in range(steps - 1, -1, -1):
        out = layer.spikes[t]
        with np.errstate(divide="ignore"):
            moves = np.clip(-1 / layer.added[t], -STEEPEST, 0)
        heard = np.tensordot(kernel[: steps - t], error[t:], axes=1)  # by the trace from now on
        of_time = -moves * heard
        if t < steps - 1:
            of_time += later * (keep * (1 - out) - layer.u[t] * moves / TAU_M)
        later = of_time * out + later * (1 - out) * keep
        steep = np.exp(np.clip((THRESHOLD - layer.u[t]) / WIDTH, -STEEPEST, STEEPEST))
        smooth = heard * steep / ((1 + steep) ** 2 * WIDTH)
        found[t] = np.where(layer.traces[t] < 1 / (4 * TAU_S), smooth, of_time)
    return found


def spike_trains(
    of: Yardstick, weights: Arrays, biases: Arrays, x: np.ndarray, y: np.ndarray
) -> Gradient:
    """TSSL-BP: backpropagation through spike trains (Zhang and Li, NeurIPS 2020).

    ::

        u_t = (1 - 1/TAU_M) u_{t-1} (1 - o_{t-1}) + I_t,  o_t = [u_t > 1]
        a_t = a_{t-1} + (o_t - a_{t-1}) / TAU_S,     I_t = a_t W + b; of the first layer x W + b
        loss = 1/2 sum over t of |a_t - target_t|^2, target_t: of spikes in all steps but the
                                                     first of the class, and of none of others

    After the code of the authors (stonezwr/TSSL-BP 08ff1d7, functions/tsslbp.py); the paper was
    not read. Theirs has pixels of zero mean, AdamW, weights within 4, and gradients cut at a norm
    of 1. A unit's answer is its trace, the mean over the steps.
    """
    held = (x @ weights[0] + biases[0])[None].repeat(of.steps, 0)
    layers = [fired(held)]
    for w, b in zip(weights[1:], biases[1:], strict=True):
        layers.append(fired(layers[-1].traces @ w + b))
    wanted = np.ones(of.steps, x.dtype)
    wanted[0] = 0
    target = traced(wanted)[:, None, None] * y.astype(x.dtype)[None]
    error = (layers[-1].traces - target) / len(x)
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for k in range(len(weights) - 1, -1, -1):
        error = spike_train_levels(layers[k], error)
        if k:
            below = layers[k - 1].traces
            slope = np.einsum("tbi,tbj->ij", below, error, optimize=True)
            found.append((slope, error.sum((0, 1))))
            error = error @ weights[k].T
    whole = error.sum(0)
    found.append((x.T @ whole, whole.sum(0)))
    answers = layers[-1].traces.mean(0)
    return Gradient([w for w, _ in found[::-1]], [b for _, b in found[::-1]], answers)


GRADIENTS: dict[str, Callable[..., Gradient]] = {
    "bp": backprop,
    "bptt": through_time,
    "pc": predictive,
    "tssl": spike_trains,
}
