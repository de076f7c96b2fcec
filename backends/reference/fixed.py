"""The reference in a chip's integers: the rules of docs/fixed-point.md in plain numpy.

Every number is an int64 that stands for a multiple of ``2**-fraction_bits`` (a *state*) or
of ``2**-coefficient_bits`` (a *gain*). The order of the step is that of
:mod:`eqchip.backends.reference.floating`::

    receive   u   = clip(2**e (sum of forward codes) + 2**e' (sum of feedback codes))
    decode    r   = rescale((one - lambda) r + lambda u)         (r = u without prediction)
    drive     p   = clip(r + b),  p = clip(p + rescale(2 beta (y - s)))   (nudged output layer)
    step      s   = rescale((one - eps) s + eps p), within 0 and 1.0
    encode    a   = clip(s_previous + rescale((1 / lambda) (s - s_previous)))
                    (a = s without prediction)
              phi = clip(phi + a),  q = [phi > 1/2],  phi = phi - q       sigma-delta
              q   = [a > uniform]                                         bernoulli

Of readout ``"cross-entropy"``, the last layer is no part of this. A processor beside the cores
computes its error in floating point, and rounds it to nearest, ties to even::

    free      s   = clip(r + b)
    nudged    s   = clip(beta (y - softmax(z))),  z = s before the phase; held through it. The layer
                    below adds rescale(s W^T), clipped, to its b for as long.

``one`` is the gain ``2**coefficient_bits``; ``rescale(x)`` is x over it, rounded to nearest,
ties up; ``clip`` keeps a state in its range, and what it changes is counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eqchip.emulator import philox
from eqchip.emulator.description.fixedpoint import FixedPoint, quantize
from eqchip.emulator.problem.problem import Problem


def rescale(product: np.ndarray, bits: int) -> np.ndarray:
    """product / 2**bits, rounded to nearest, ties up; bits of any sign."""
    if bits <= 0:
        return product << -bits
    return (product + (1 << (bits - 1))) >> bits


def scale(total: np.ndarray, exponent: int) -> np.ndarray:
    """total * 2**exponent; a negative exponent rounds down."""
    return total << exponent if exponent >= 0 else total >> -exponent


class Range:
    """Clips states to the chip's range; `saturations[phase, layer]` counts what it clipped."""

    def __init__(self, fixed: FixedPoint, phases: int, layers: int) -> None:
        self.fixed = fixed
        self.saturations = np.zeros((phases, layers), np.int64)

    def clip(self, values: np.ndarray, phase: int, layer: int) -> np.ndarray:
        """The values within the range of a state."""
        kept = np.clip(values, self.fixed.lowest_state, self.fixed.highest_state)
        self.saturations[phase, layer] += np.count_nonzero(kept != values)
        return kept


@dataclass(frozen=True)
class Constants:
    """What a run reads and never changes.

    ``codes[c]`` (n_pre, n_post) and ``exponents[c]`` belong to connection c, ``back[c]``, of the
    same shape, is the copy of these codes that feedback crosses, and ``back_exponents[c]`` its
    exponent, less by the connection's shift; ``offsets[l - 1]`` is what is
    added to the decoded input of layer l; ``x`` and ``targets`` are states.
    """

    problem: Problem
    fixed: FixedPoint
    codes: list[np.ndarray]
    back: list[np.ndarray]
    exponents: list[int]
    back_exponents: list[int]
    offsets: list[np.ndarray]
    x: np.ndarray
    targets: list[np.ndarray | None]
    eps: np.ndarray
    lam: np.ndarray | None
    range: Range


def constants(problem: Problem, matrix_of: Any) -> Constants:
    """Codes, biases with the injected current, gains; matrix_of(connection, codes) is dense.

    Codes are those of what the synapses hold: of merged kernels.
    """
    network, fixed = problem.network, problem.fixed
    assert fixed is not None
    quantized = [
        quantize(connection.synapse_weights(weights.astype(problem.dtype)), fixed)
        for connection, weights in zip(network.connections, network.weights, strict=True)
    ]
    codes = [
        matrix_of(connection, found.codes.astype(np.int64))
        for connection, found in zip(network.connections, quantized, strict=True)
    ]
    exponents = [found.exponent for found in quantized]
    biases = [fixed.states(b).reshape(-1) for b in network.biases]
    return stored_constants(problem, codes, codes, exponents, biases)


def stored_constants(
    problem: Problem,
    codes: list[np.ndarray],
    back: list[np.ndarray],
    exponents: list[int],
    biases: list[np.ndarray],
) -> Constants:
    """As `constants`, of what is stored, whatever the network's weights: both copies and biases."""
    fixed = problem.fixed
    assert fixed is not None
    states = Range(fixed, len(problem.phases), len(problem.network.layers))
    x = fixed.states(problem.x)
    offsets = list(biases)
    if problem.input == "current":
        current = rescale(x @ codes[0], fixed.fraction_bits - exponents[0])
        offsets[0] = states.clip(offsets[0] + current, 0, 1)
    return Constants(
        problem,
        fixed,
        codes,
        back,
        exponents,
        [e - s for e, s in zip(exponents, problem.network.feedback_shifts, strict=True)],
        offsets,
        x,
        [None if y is None else fixed.states(y) for y in problem.targets],
        problem.step_gains,
        problem.prediction_gains,
        states,
    )


def receive(layers: list[Any], fixed: Constants, index: int, phase: int) -> np.ndarray:
    """Point 1: u of one layer, from the bits that its neighbours sent at the last step."""
    below = layers[index - 1].q @ fixed.codes[index - 1]
    u = scale(below, fixed.exponents[index - 1])
    if index + 1 < len(layers):
        above = layers[index + 1].q @ fixed.back[index].T
        u = u + scale(above, fixed.back_exponents[index])
    return fixed.range.clip(u, phase, index)


def advance(
    layer: Any, u: np.ndarray, target: np.ndarray | None, two_beta: int | None,
    fixed: Constants, t: int, index: int, phase: int,
) -> None:  # fmt: skip
    """Points 2 to 4: the new potential s."""
    bits, clip = fixed.fixed.coefficient_bits, fixed.range.clip
    one = 1 << bits
    if fixed.lam is None:
        layer.r = u
    else:
        lam = int(fixed.lam[t - 1])
        layer.r = rescale((one - lam) * layer.r + lam * u, bits)
    p = clip(layer.r + fixed.offsets[index - 1], phase, index)
    if target is not None and two_beta is not None:
        p = clip(p + rescale(two_beta * (target - layer.s), bits), phase, index)
    eps = int(fixed.eps[t - 1])
    layer.s = np.clip(rescale((one - eps) * layer.s + eps * p, bits), 0, fixed.fixed.one)


def encode(
    layer: Any, s_previous: np.ndarray, uniform: np.ndarray | None,
    fixed: Constants, t: int, index: int, phase: int,
) -> None:  # fmt: skip
    """Point 5: the bit q of the new potential, and the residue phi that it leaves."""
    bits, clip = fixed.fixed.coefficient_bits, fixed.range.clip
    a = layer.s
    if fixed.lam is not None:
        lam = int(fixed.lam[t - 1])
        inverse = ((1 << (2 * bits)) + lam // 2) // lam
        a = clip(s_previous + rescale(inverse * (layer.s - s_previous), bits), phase, index)
    if uniform is not None:
        layer.q = (a > np.floor(uniform * fixed.fixed.one).astype(np.int64)).astype(np.int64)
    else:
        phi = clip(layer.phi + a, phase, index)
        layer.q = (phi > fixed.fixed.one // 2).astype(np.int64)
        layer.phi = phi - fixed.fixed.one * layer.q


def read(
    layer: Any, u: np.ndarray, two_beta: int | None, fixed: Constants, t: int, index: int,
    phase: int,
) -> None:  # fmt: skip
    """A read-out's step: its potentials are what it decodes, but in a nudged phase."""
    bits = fixed.fixed.coefficient_bits
    if fixed.lam is None:
        layer.r = u
    else:
        lam = int(fixed.lam[t - 1])
        layer.r = rescale(((1 << bits) - lam) * layer.r + lam * u, bits)
    if two_beta is None:
        layer.s = fixed.range.clip(layer.r + fixed.offsets[index - 1], phase, index)


def send_error(
    state: Any, fixed: Constants, two_beta: int, phase: int, softmax_error: Any
) -> list[np.ndarray]:
    """The beginning of a nudged phase of a read-out: what is then added to decoded inputs.

    The read-out's potentials become its error, of which the layer below hears.
    """
    layer, one, clip = state.layers[-1], fixed.fixed.one, fixed.range.clip
    target = fixed.targets[phase]
    assert target is not None
    index = len(state.layers) - 1
    beta = 0.5 * two_beta / (1 << fixed.fixed.coefficient_bits)
    z, y = fixed.fixed.reals(layer.s), fixed.fixed.reals(target)
    error = np.rint(beta * one * softmax_error(z, y)).astype(np.int64)
    layer.s = clip(error, phase, index)
    if index == 1:  # below is the clamped input
        return fixed.offsets
    shift = fixed.fixed.fraction_bits - fixed.back_exponents[-1]
    current = rescale(layer.s @ fixed.back[-1].T, shift)
    below = clip(fixed.offsets[-2] + current, phase, index - 1)
    return [*fixed.offsets[:-2], below, fixed.offsets[-1]]


def uniform_numbers(problem: Problem, index: int, t: int, row: int) -> np.ndarray | None:
    """The numbers that Bernoulli compares with, shape (batch, units): given, or drawn by t."""
    if problem.coding.quantizer != "bernoulli":
        return None
    if problem.uniforms is not None:
        return problem.uniforms[index][row]
    units = problem.network.sizes[index]
    return philox.uniforms(problem.seed, problem.samples, index, units, t)


def time_step(state: Any, fixed: Constants, two_beta: int | None, phase: int, row: int) -> None:
    """Take step t + 1 of a phase; row counts the steps run so far, over all phases."""
    problem, layers = fixed.problem, state.layers
    state.t += 1
    received = [receive(layers, fixed, index, phase) for index in range(1, len(layers))]
    for index, layer in enumerate(layers):
        s_previous = layer.s
        if index == 0:
            layer.s = fixed.x
        elif problem.readout == "cross-entropy" and index == len(layers) - 1:
            read(layer, received[index - 1], two_beta, fixed, state.t, index, phase)
            continue
        else:
            target = fixed.targets[phase] if index == len(layers) - 1 else None
            advance(layer, received[index - 1], target, two_beta, fixed, state.t, index, phase)
        if index == 0 and problem.input == "current":
            continue  # what is injected sends nothing: its q stays 0
        uniform = uniform_numbers(problem, index, state.t, row)
        encode(layer, s_previous, uniform, fixed, state.t, index, phase)
