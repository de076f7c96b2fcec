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
    rule : {"bp", "bptt", "pc"}
    dataset : str
    layers : tuple of int
    seed : int
    epochs, minibatch : int
    lr : float
    steps : int
        Of ``bptt`` in time, of ``pc`` until its values are taken to rest.
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


GRADIENTS: dict[str, Callable[..., Gradient]] = {
    "bp": backprop,
    "bptt": through_time,
    "pc": predictive,
}
