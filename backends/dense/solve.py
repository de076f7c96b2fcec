"""The dense alternative: the dynamics of the reference as matrix products over a batch.

No events here: at every step, all messages of a layer, 0 or not, go through one BLAS
product for the whole batch. That makes it a yardstick for the engine's speed (what it
costs not to look for spikes), and a check that shares no code with engine or reference.

The equations are those of :mod:`eqchip.backends.reference.floating`, operation by operation, but
for one point: BLAS sums in an order of its own. Potentials therefore agree with the
other engines up to rounding, in float32 and float64; where the sums are exact (weights
that are small multiples of a power of two), they agree to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eqchip.emulator import philox
from eqchip.emulator.activity import FEEDBACK, FORWARD, Activity
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.connections import kind_of
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.description.units import check_kind
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.problem.run import Run

HALF = 0.5  # the threshold of sigma-delta


@dataclass
class _Statistics:
    """Of the optimal step size, each (batch, units)."""

    nu: np.ndarray
    theta: np.ndarray
    bias: np.ndarray
    square: np.ndarray
    spread: np.ndarray


@dataclass
class _Layer:
    """What one layer remembers and its scratch, each (batch, units).

    s, previous: potentials of this step and the last; r: decoder; phi: residue; q:
    messages; u: sums that arrive; a: scratch. offset: biases with the injected current.
    """

    s: np.ndarray
    previous: np.ndarray
    r: np.ndarray
    phi: np.ndarray
    q: np.ndarray
    u: np.ndarray
    a: np.ndarray
    offset: np.ndarray
    statistics: _Statistics | None

    def remembered(self) -> list[np.ndarray]:
        """The arrays that a phase hands on."""
        kept = [self.s, self.previous, self.r, self.phi, self.q]
        return kept + ([] if self.statistics is None else list(vars(self.statistics).values()))


class _Relaxation:
    """A problem under way; arrays are allocated once and written in place."""

    def __init__(self, problem: Problem) -> None:
        network, dtype = problem.network, problem.dtype
        check_kind(problem.coding, (Coding,), "dense")
        if problem.fixed is not None:
            raise InputError("dense: precision 'chip'; expected 'float32' or 'float64'")
        if problem.coding.adapts_prediction:
            raise InputError(
                f"dense: prediction is {problem.coding.prediction}; expected a Polynomial, or None"
            )
        if problem.later_x:
            raise InputError("dense: a phase has an x of its own; expected one x for all phases")
        for k, connection in enumerate(network.connections):
            if not connection.all_to_all:
                raise InputError(
                    f"dense: connection {k + 1} is {kind_of(connection)}; expected Dense"
                )
        self.problem = problem
        self.weights = [np.ascontiguousarray(w, dtype) for w in network.weights]
        self.transposed = [
            np.ascontiguousarray(w.T) * dtype.type(gain)
            for w, gain in zip(self.weights, network.feedback_gains, strict=True)
        ]
        self.eps, self.lam = problem.step_table, problem.prediction_table
        self.rule = problem.coding.adaptive
        self.sends_input = problem.input != "current"
        self.t = 0

        batch = len(problem.x)
        self.layers = []
        for index, units in enumerate(network.sizes):
            s, previous, r, phi, q, u, a = (np.zeros((batch, units), dtype) for _ in range(7))
            bias = np.zeros(units) if index == 0 else network.biases[index - 1].ravel()
            statistics = None
            if self.rule is not None:
                zeros = (np.zeros((batch, units), dtype) for _ in range(4))
                statistics = _Statistics(np.ones((batch, units), dtype), *zeros)
            layer = _Layer(s, previous, r, phi, q, u, a, bias.astype(dtype), statistics)
            self.layers.append(layer)
        self.layers[0].s[:] = problem.x
        if not self.sends_input:
            self.layers[1].offset = self.layers[1].offset + problem.x @ self.weights[0]

    def snapshot(self) -> tuple[int, list[list[np.ndarray]]]:
        """The state of now, copied."""
        return self.t, [[array.copy() for array in layer.remembered()] for layer in self.layers]

    def restore(self, snapshot: tuple[int, list[list[np.ndarray]]]) -> None:
        """Continue from a snapshot."""
        self.t, layers = snapshot
        for layer, kept in zip(self.layers, layers, strict=True):
            for array, value in zip(layer.remembered(), kept, strict=True):
                array[...] = value

    def step(self, target: np.ndarray | None, beta: float, row: int) -> None:
        """One time step of all layers; row counts the steps run over all phases."""
        self.t += 1
        self._receive()
        for index, layer in enumerate(self.layers):
            if index > 0:
                layer.s, layer.previous = layer.previous, layer.s
                self._advance(layer, target if layer is self.layers[-1] else None, beta)
            elif self.t == 2:
                layer.previous[...] = layer.s  # before step 1 it is 0; from then on clamped
            if index > 0 or self.sends_input:
                self._encode(index, layer, row)

    def _receive(self) -> None:
        """1. All layers read the messages of the last step."""
        for index in range(1, len(self.layers)):
            layer = self.layers[index]
            if index > 1 or self.sends_input:
                np.matmul(self.layers[index - 1].q, self.weights[index - 1], out=layer.u)
            else:
                layer.u.fill(0)
            if index + 1 < len(self.layers):
                np.matmul(self.layers[index + 1].q, self.transposed[index], out=layer.a)
                layer.u += layer.a

    def _advance(self, layer: _Layer, target: np.ndarray | None, beta: float) -> None:
        """2. to 4. Decode, drive, step. Potentials stay in [0, 1], where rho' = 1."""
        p, s, old = layer.u, layer.s, layer.previous
        one = p.dtype.type(1)
        if self.lam is not None:
            lam = self.lam[self.t - 1]
            layer.r *= one - lam
            layer.u *= lam
            layer.r += layer.u
            np.add(layer.r, layer.offset, out=p)
        else:
            p += layer.offset
        if target is not None:
            p += p.dtype.type(2 * beta) * (target - old)
        if self.eps is None:
            eps = self._adapt(layer.statistics, p)
            np.multiply(one - eps, old, out=s)
        else:
            eps = self.eps[self.t - 1]
            np.multiply(old, one - eps, out=s)
        p *= eps
        s += p
        np.clip(s, 0, 1, out=s)

    def _adapt(self, k: _Statistics | None, p: np.ndarray) -> np.ndarray:
        """The optimal step size of each unit."""
        assert k is not None and self.rule is not None
        one = p.dtype.type(1)
        nu_bar, reg = p.dtype.type(self.rule.nu_bar), p.dtype.type(self.rule.regularizer)
        error = p - k.theta
        k.nu /= one + k.nu - nu_bar
        k.bias[...] = (one - k.nu) * k.bias + k.nu * error
        k.square[...] = (one - k.nu) * k.square + k.nu * (error * error)
        variance = (k.square - k.bias * k.bias) / (one + k.spread)
        eps = np.ones_like(p) if self.t == 1 else one - (variance + reg) / (k.square + reg)
        k.spread[...] = (one - eps) * (one - eps) * k.spread + eps * eps
        k.theta[...] = (one - eps) * k.theta + eps * p
        return eps

    def _encode(self, index: int, layer: _Layer, row: int) -> None:
        """5. The messages of the new potentials."""
        a, quantizer = layer.s, self.problem.coding.quantizer
        if self.lam is not None:
            a, lam = layer.a, self.lam[self.t - 1]
            np.multiply(layer.previous, a.dtype.type(1) - lam, out=a)
            np.subtract(layer.s, a, out=a)
            a /= lam
        if quantizer == "sigma-delta":
            layer.phi += a
            np.greater(layer.phi, HALF, out=layer.q)
            layer.phi -= layer.q
        elif quantizer == "bernoulli":
            np.greater(a, self._uniforms(index, row), out=layer.q)
        else:
            layer.q[...] = a

    def _uniforms(self, index: int, row: int) -> np.ndarray:
        problem = self.problem
        if problem.uniforms is not None:
            return problem.uniforms[index][row].astype(problem.dtype)
        units = problem.network.sizes[index]
        drawn = philox.uniforms(problem.seed, problem.samples, index, units, self.t)
        return drawn.astype(problem.dtype)


def solve(problem: Problem, *, counters: bool = True) -> Run:
    """Run a problem as dense algebra over its whole batch.

    BLAS takes as many threads as it is set to; see `threadpoolctl`.

    Parameters
    ----------
    problem : Problem
        From :func:`eqchip.emulator.problem.pose.pose`.
    counters : bool, default True
        Count the activity. Without, all counts are 0, and some time is saved.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        If a connection is not `Dense`.

    Examples
    --------
    >>> from eqchip.emulator.description.coding import Coding
    >>> from eqchip.emulator.description.network import Network
    >>> from eqchip.emulator.problem.pose import pose
    >>> net = Network.dense([1, 1], weights=[[[0.5]]])
    >>> run = solve(pose(net, [[1.0]], coding=Coding.real_valued(0.5), phases=[Free(3)]))
    >>> run.ends[0][1].tolist()
    [[0.375]]
    """
    relaxation = _Relaxation(problem)
    activity = Activity.zeros(problem.phase_names, len(problem.network.sizes))
    bits: list[list[np.ndarray]] = []
    potentials: list[list[np.ndarray]] = []
    ends: list[list[np.ndarray]] = []
    free_end = relaxation.snapshot()
    row = 0
    for k, phase in enumerate(problem.phases):
        if phase.from_free:
            relaxation.restore(free_end)
        beta = phase.beta if isinstance(phase, Nudged) else 0.0
        for _ in range(phase.steps):
            if counters:
                _count_arrivals(activity, k, relaxation)
            relaxation.step(problem.targets[k], beta, row)
            if counters:
                _count_updates(activity, k, relaxation)
            if "bits" in problem.record:
                bits.append(_bits(relaxation))
            if "potentials" in problem.record:
                potentials.append([layer.s.copy() for layer in relaxation.layers])
            row += 1
        ends.append([layer.s.copy() for layer in relaxation.layers])
        if isinstance(phase, Free) and not phase.from_free:
            free_end = relaxation.snapshot()
    if counters and not relaxation.sends_input:
        injected = np.count_nonzero(problem.x) * problem.network.sizes[1]
        activity.macs[0, 0, FORWARD] += injected
    return Run(
        problem.phases,
        _by_layer([np.stack(b) for b in zip(*bits, strict=True)], problem) if bits else None,
        _by_layer([np.stack(s) for s in zip(*potentials, strict=True)], problem)
        if potentials
        else None,
        [_by_layer(end, problem) for end in ends],
        activity.from_arrays(activity.to_arrays(), len(problem.x)),
    )


def _bits(relaxation: _Relaxation) -> list[np.ndarray]:
    """The bits of the step just taken; all 0 if messages are real numbers."""
    real_valued = not relaxation.problem.coding.sends_bits
    return [
        np.zeros(layer.q.shape, np.uint8) if real_valued else layer.q.astype(np.uint8)
        for layer in relaxation.layers
    ]


def _count_arrivals(activity: Activity, k: int, relaxation: _Relaxation) -> None:
    """Count what the step about to be taken receives."""
    sizes, layers = relaxation.problem.network.sizes, relaxation.layers
    real_valued = not relaxation.problem.coding.sends_bits
    counts = activity.macs if real_valued else activity.synaptic_events
    for c in range(len(sizes) - 1):
        counts[k, c, FORWARD] += np.count_nonzero(layers[c].q) * sizes[c + 1]
        if c > 0:
            counts[k, c, FEEDBACK] += np.count_nonzero(layers[c + 1].q) * sizes[c]


def _count_updates(activity: Activity, k: int, relaxation: _Relaxation) -> None:
    """Count what the step just taken sent."""
    real_valued = not relaxation.problem.coding.sends_bits
    for index, layer in enumerate(relaxation.layers):
        if index > 0 or relaxation.sends_input:
            sent = int(np.count_nonzero(layer.q))
            activity.updates_active[k, index] += sent
            activity.updates_inactive[k, index] += layer.q.size - sent
            activity.spikes[k, index] += 0 if real_valued else sent


def _by_layer(arrays: list[np.ndarray], problem: Problem) -> list[np.ndarray]:
    """Arrays per layer, their last axis over units as the layer is shaped."""
    return [
        array.reshape(*array.shape[:-1], *shape)
        for array, shape in zip(arrays, problem.network.layers, strict=True)
    ]
