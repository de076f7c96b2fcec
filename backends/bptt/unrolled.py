"""Backpropagation through time, the yardstick of Equilibrium Propagation.

The real-valued network relaxes freely, as in docs/model.md, from 0 with its input clamped::

    s_t = clip((1 - eps_t) s_{t-1} + eps_t (A s_{t-1} + b), 0, 1)

where A, symmetric, holds all connections both ways. The cost is that of the nudge
``2 beta (y - s)``: ``C = |y - s_out|^2`` at the last step T, its mean over the batch. The adjoint
``a_t``, the derivative of C by s_t, runs backwards over the stored steps (Werbos 1990)::

    d_t     = [clip let s_t through] eps_t a_t
    a_{t-1} = (1 - eps_t) / eps_t d_t + A d_t

and step t adds to the gradient of each weight what its synapses carried, times d_t where it
arrived, forward and back. Winners of a maximum pooling are those of the step: A depends on t.
With `last`, only so many steps are gone back, from the end: at a fixed point and with constant
eps that is what nudged steps of Equilibrium Propagation compute as beta goes to 0 (Ernoult et
al. 2019).

Every step gone back must have been stored: memory grows with their number, which is the point of
the comparison.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from eqchip.backends.bptt.operators import Operator, operators
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.modes import InputMode
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.description.units import check_kind
from eqchip.emulator.errors import InputError, check_whole
from eqchip.emulator.problem.needs import check_needs, of_links
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem

REAL_VALUED = Coding.real_valued()


@dataclass(frozen=True)
class Gradient:
    """The derivative of the cost, averaged over the batch.

    Attributes
    ----------
    cost : float
        Mean over the batch of |y - s_out|^2.
    output : ndarray, shape (batch, n_out)
        The output potentials of the last step.
    weights, biases : list of ndarray
        Per connection, shaped as in the network.
    """

    cost: float
    output: np.ndarray
    weights: list[np.ndarray]
    biases: list[np.ndarray]


@dataclass
class _Step:
    """What going back over a step needs, a row per layer above the input.

    ``before``: potentials of the step before; ``through``: whether the clip let the new ones
    through.
    """

    before: list[np.ndarray]
    through: list[np.ndarray]


def gradient(
    network: Network,
    x: Any,
    target: Any,
    *,
    steps: int,
    last: int | None = None,
    coding: Coding = REAL_VALUED,
    input: InputMode = "spikes",
    precision: Literal["float32", "float64"] = "float64",
) -> Gradient:
    """The gradient of the squared error at the end of the free phase, through its steps.

    Parameters
    ----------
    network : Network
    x : array_like, shape (batch, n_in)
        The clamped input, each value in [0, 1].
    target : array_like, shape (batch, n_out)
        Each value in [0, 1].
    steps : int
        Of the free phase.
    last : int, optional
        Go back over so many steps only. Default: over all.
    coding : Coding
        Of a real-valued network: quantizer "none", and a step size that follows a schedule.
    input : {"spikes", "current"}
        As for :func:`eqchip.run`; the input of a real-valued network arrives from step 2 on, and
        as a current from step 1 on.
    precision : {"float64", "float32"}

    Returns
    -------
    Gradient

    Raises
    ------
    InputError
        Naming the argument, its value, and what would be right.

    Examples
    --------
    At rest s = w x, and C = (1 - w x)^2 has the derivative -2 (1 - w x) x:

    >>> net = Network.dense([1, 1], weights=[[[0.5]]])
    >>> found = gradient(net, [[0.5]], [[1.0]], steps=60)
    >>> round(found.cost, 6), found.weights[0].round(6).tolist()
    (0.5625, [[-0.75]])
    """
    check_whole("bptt: steps", steps, 1)
    last = steps if last is None else last
    check_whole("bptt: last", last, 1)
    if last > steps:
        raise InputError(f"bptt: last is {last}; expected at most the {steps} steps there are")
    check_kind(coding, (Coding,), "bptt")
    check_needs("bptt", of_links(network), ())
    if coding.sends_bits:
        raise InputError(
            f"bptt: quantizer {coding.quantizer!r} has no derivative; expected 'none', the "
            "real-valued network"
        )
    if coding.adaptive is not None:
        raise InputError(
            f"bptt: step_size is {coding.step_size}, which depends on the drive; "
            "expected a Polynomial"
        )
    if precision not in ("float32", "float64"):
        raise InputError(f"bptt: precision is {precision!r}; expected 'float32' or 'float64'")
    # The nudged phase is never run: its target is checked and cast with the rest.
    problem = pose(
        network, x, coding=coding, input=input, precision=precision,
        phases=[Free(steps), Nudged(1, target, 1.0)],
    )  # fmt: skip
    unrolled = _Unrolled(problem, operators(network, problem.dtype))
    trace, output = unrolled.relax(steps, last)
    y = problem.targets[1]
    assert y is not None
    weights, biases = unrolled.adjoint(trace, steps, output - y)
    return Gradient(
        cost=float(np.square(output - y).sum() / len(y)),
        output=output,
        weights=[
            w.reshape(connection.weight_shape)
            for w, connection in zip(weights, network.connections, strict=True)
        ],
        biases=[b.reshape(shape) for b, shape in zip(biases, network.layers[1:], strict=True)],
    )


class _Unrolled:
    """A posed problem; layers are rows, and lists of them leave out the clamped input.

    What the input brings does not change from step to step and is kept apart.
    """

    def __init__(self, problem: Problem, ops: list[Operator]) -> None:
        self.x, self.ops, self.dtype = problem.x, ops, problem.dtype
        self.gains = [self.dtype.type(gain) for gain in problem.network.feedback_gains]
        self.sizes = problem.network.sizes[1:]
        self.biases = [b.astype(self.dtype).reshape(-1) for b in problem.network.biases]
        table = problem.step_table
        assert table is not None
        self.eps = table
        # Messages of step t arrive at step t + 1; a current is there from the start.
        self.arrival = 1 if problem.input == "current" else 2
        self.input_winners = ops[0].winners(self.x)
        self.brought = ops[0].forward(self.x, self.input_winners)

    def relax(self, steps: int, last: int) -> tuple[list[_Step], np.ndarray]:
        """Take all steps; what the last of them need for going back, and the output."""
        states = [np.zeros((len(self.x), n), self.dtype) for n in self.sizes]
        trace = []
        for t in range(1, steps + 1):
            before = states
            states, through = self._step(before, t)
            if t > steps - last:
                trace.append(_Step(before, through))
        return trace, states[-1]

    def _step(self, before: list[np.ndarray], t: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
        dtype = self.dtype.type
        eps, winners = self.eps[t - 1], self._winners(before)
        states, through = [], []
        for k, s in enumerate(before):
            if k > 0:
                u = self.ops[k].forward(before[k - 1], winners[k])
            else:
                u = self.brought if t >= self.arrival else np.zeros_like(s)
            if k + 1 < len(before):
                u = u + self.gains[k + 1] * self.ops[k + 1].back(before[k + 1], winners[k + 1])
            moved = (dtype(1) - eps) * s + eps * (u + self.biases[k])
            through.append((moved >= 0) & (moved <= 1))
            states.append(np.clip(moved, dtype(0), dtype(1)))
        return states, through

    def _winners(self, states: list[np.ndarray]) -> list[Any]:
        """Of every connection, in the step that these states lead to."""
        above = (op.winners(s) for op, s in zip(self.ops[1:], states, strict=False))
        return [self.input_winners, *above]

    def adjoint(
        self, trace: list[_Step], steps: int, error: np.ndarray
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Go back over the stored steps; derivatives by weights and biases."""
        one = self.dtype.type(1)
        adjoints = [np.zeros((len(self.x), n), self.dtype) for n in self.sizes]
        adjoints[-1] = self.dtype.type(2.0 / len(self.x)) * error
        weights: list[Any] = [self.dtype.type(0) for _ in self.ops]
        biases = [np.zeros(n, self.dtype) for n in self.sizes]
        at_input = np.zeros_like(adjoints[0])
        for t in range(steps, steps - len(trace), -1):
            step, eps = trace[t - 1 - (steps - len(trace))], self.eps[t - 1]
            winners = self._winners(step.before)
            d = [
                eps * np.where(through, a, self.dtype.type(0))
                for through, a in zip(step.through, adjoints, strict=True)
            ]
            for k, b in enumerate(biases):
                b += d[k].sum(axis=0)
            if t >= self.arrival:
                at_input += d[0]
            for k in range(1, len(self.ops)):
                op, s = self.ops[k], step.before
                weights[k] = weights[k] + op.gradient(s[k - 1], d[k], winners[k])
                weights[k] += self.gains[k] * op.gradient(d[k - 1], s[k], winners[k])
            adjoints = [
                (one - eps) / eps * d[k]
                + (self.gains[k] * self.ops[k].forward(d[k - 1], winners[k]) if k > 0 else 0)
                + (self.ops[k + 1].back(d[k + 1], winners[k + 1]) if k + 1 < len(d) else 0)
                for k in range(len(d))
            ]
        weights[0] = self.ops[0].gradient(self.x, at_input, self.input_winners)
        return weights, biases
