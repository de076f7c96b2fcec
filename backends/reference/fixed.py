"""The reference in a chip's integers: the rules of docs/fixed-point.md in plain numpy.

Every number is an int64 that stands for a multiple of ``2**-fraction_bits`` (a *state*) or
of ``2**-coefficient_bits`` (a *gain*). The order of the step is that of
:mod:`eqchip.backends.reference.floating`::

    receive   u   = clip(2**e (sum of forward codes) + 2**e' (sum of feedback codes)); then, of
                    every link in turn, u = clip(u + 2**e (sum of its codes)), forward, feedback
    advance   decode, drive, step     what the kind of unit makes of u; for the EP unit see
    emit      encode                  `ep_fixed`

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

from eqchip.backends.reference import ep_fixed
from eqchip.backends.reference.arithmetic import Range, rescale, scale
from eqchip.backends.reference.kinds import At, Twin
from eqchip.emulator import philox
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.fixedpoint import FixedPoint, quantize
from eqchip.emulator.description.units import unit_row
from eqchip.emulator.problem.problem import Problem

TWINS: dict[type, Twin] = {
    Coding: Twin(ep_fixed.gains, ep_fixed.begin, ep_fixed.advance, ep_fixed.emit, ep_fixed.read)
}


@dataclass(frozen=True)
class Constants:
    """What a run reads and never changes.

    ``codes[c]`` (n_pre, n_post) and ``exponents[c]`` belong to connection c, ``back[c]``, of the
    same shape, is the copy of these codes that feedback crosses, and ``back_exponents[c]`` its
    exponent, less by the connection's shift; ``turned[l - 1]`` is added to what layer l receives,
    0 unless it is given; ``offsets[l - 1]`` is what is
    added to the decoded input of layer l; ``x`` and ``targets`` are states; ``unit`` is what the
    kind of unit looks up.
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
    range: Range
    unit: Any
    turned: list[np.ndarray] | None = None


def constants(problem: Problem, matrix_of: Any, phase: int = 0) -> Constants:
    """Codes, biases with the injected current, gains; matrix_of(connection, codes) is dense.

    phase: the one with which the input begins, in which states that its current clips are counted.
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
    return stored_constants(problem, codes, codes, exponents, biases, phase)


def stored_constants(
    problem: Problem,
    codes: list[np.ndarray],
    back: list[np.ndarray],
    exponents: list[int],
    biases: list[np.ndarray],
    phase: int = 0,
) -> Constants:
    """As `constants`, of what is stored, whatever the network's weights: both copies and biases."""
    fixed = problem.fixed
    assert fixed is not None
    states = Range(fixed, len(problem.phases), len(problem.network.layers))
    x = fixed.states(problem.x)
    offsets = list(biases)
    if problem.input == "current":
        current = rescale(x @ codes[0], fixed.fraction_bits - exponents[0])
        offsets[0] = states.clip(offsets[0] + current, phase, 1)
        network = problem.network
        for k, (below, above, _) in enumerate(network.links, start=network.chain_length):
            if below == 0:
                current = rescale(x @ codes[k], fixed.fraction_bits - exponents[k])
                offsets[above - 1] = states.clip(offsets[above - 1] + current, phase, above)
    return Constants(
        problem,
        fixed,
        codes,
        back,
        exponents,
        [e - s for e, s in zip(exponents, problem.network.back_shifts, strict=True)],
        offsets,
        x,
        [None if y is None else fixed.states(y) for y in problem.targets],
        states,
        unit_row(TWINS, problem.coding, "reference in precision 'chip'").tables(
            problem, problem.last_step
        ),
    )


def receive(layers: list[Any], run: Constants, index: int, phase: int) -> np.ndarray:
    """Point 1: u of one layer, from the bits that its neighbours sent at the last step."""
    below = layers[index - 1].q @ run.codes[index - 1]
    u = scale(below, run.exponents[index - 1])
    if index + 1 < len(layers):
        above = layers[index + 1].q @ run.back[index].T
        u = u + scale(above, run.back_exponents[index])
    u = run.range.clip(u, phase, index)
    network = run.problem.network
    for k, (low, high, _) in enumerate(network.links, start=network.chain_length):
        if high == index:
            arrived = scale(layers[low].q @ run.codes[k], run.exponents[k])
            u = run.range.clip(u + arrived, phase, index)
        if low == index and network.sends_back(k):
            arrived = scale(layers[high].q @ run.back[k].T, run.back_exponents[k])
            u = run.range.clip(u + arrived, phase, index)
    if run.turned is not None:
        u = run.range.clip(u + run.turned[index - 1], phase, index)
    return u


def send_error(
    state: Any, run: Constants, two_beta: int, phase: int, softmax_error: Any, told: list[int]
) -> list[np.ndarray]:
    """The beginning of a nudged phase of a read-out: what is then added to decoded inputs.

    The read-out's potentials become its error, of which layers hear over the connections `told`.
    """
    layer, one, clip = state.layers[-1], run.fixed.one, run.range.clip
    target = run.targets[phase]
    assert target is not None
    index = len(state.layers) - 1
    beta = 0.5 * two_beta / (1 << run.fixed.coefficient_bits)
    z, y = run.fixed.reals(layer.s), run.fixed.reals(target)
    error = np.rint(beta * one * softmax_error(z, y)).astype(np.int64)
    layer.s = clip(error, phase, index)
    offsets = list(run.offsets)
    for k in told:
        below = run.problem.network.joined[k][0]
        shift = run.fixed.fraction_bits - run.back_exponents[k]
        current = rescale(layer.s @ run.back[k].T, shift)
        offsets[below - 1] = clip(offsets[below - 1] + current, phase, below)
    return offsets


def uniform_numbers(problem: Problem, index: int, t: int, row: int) -> np.ndarray | None:
    """The numbers that Bernoulli compares with, shape (batch, units): given, or drawn by t."""
    if not problem.coding.draws:
        return None
    if problem.uniforms is not None:
        return problem.uniforms[index][row]
    units = problem.network.sizes[index]
    return philox.uniforms(problem.seed, problem.samples, index, units, t)


def time_step(state: Any, run: Constants, two_beta: int | None, phase: int, row: int) -> None:
    """Take step t + 1 of a phase; row counts the steps run so far, over all phases."""
    problem, layers = run.problem, state.layers
    unit = TWINS[type(problem.coding)]
    state.t += 1
    received = [receive(layers, run, index, phase) for index in range(1, len(layers))]
    for index, layer in enumerate(layers):
        s_previous, at = layer.s, At(state.t, index, phase)
        is_output = index == len(layers) - 1
        if index == 0 and problem.stream is not None:
            layer.q = problem.stream.bits(state.t, layer.q.shape[1]).astype(np.int64)
            bits, gain = run.fixed.coefficient_bits, int(problem.trace_gains[state.t - 1])
            follows = ((1 << bits) - gain) * layer.s + gain * run.fixed.one * layer.q
            layer.s = rescale(follows, bits)
            continue
        if index == 0:
            layer.s = run.x
        elif problem.readout == "cross-entropy" and is_output:
            assert unit.read is not None
            unit.read(run, layer, received[index - 1], two_beta, at)
            continue
        else:
            target = run.targets[phase] if is_output else None
            unit.advance(run, layer, received[index - 1], target, two_beta, at)
        if index == 0 and problem.input == "current":
            continue  # what is injected sends nothing: its q stays 0
        uniform = uniform_numbers(problem, index, state.t, row)
        unit.emit(run, layer, s_previous, uniform, at)
