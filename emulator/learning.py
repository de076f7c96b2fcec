"""Equilibrium Propagation's learning rules: the contrast of two fixed points.

With s- and s+ the potentials at the end of two phases, D = s+ - s-, and a minibatch
of B samples, a weight between `pre` and `post` changes by lr / (beta B) times the sum
over samples of

==================  =========================================================
``one_sided``       s-_pre D_post
``bidirectional``   s-_pre D_post + D_pre s-_post
``full``            s-_pre D_post + D_pre s+_post  =  s+_pre s+_post - s-_pre s-_post
``symmetric``       as ``full``, between the +beta and the -beta phase, over 2 beta
==================  =========================================================

and a bias by lr / beta times the mean of D (over 2 beta when symmetric). beta keeps
its sign. s- is the end of the free phase, or of its continuation beside the nudged
phase (the split stream).

Sources: Scellier and Bengio (2017) for the contrast; O'Connor, Gavves and Welling
(2019) for the one-sided and bidirectional forms and the split stream; Laborieux et
al. (2021) for the symmetric one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, NamedTuple, get_args

import numpy as np

from eqchip.emulator.coding import FORBID_EXTRA
from eqchip.emulator.engine import resolve_threads, share
from eqchip.emulator.errors import InputError, as_floats, check_number, check_whole
from eqchip.emulator.kernels import learning as kernels
from eqchip.emulator.lowering import Lowered, layer_units, mirror_rows, weight_rows
from eqchip.emulator.network import Network
from eqchip.emulator.phases import Free, Nudged, Phase
from eqchip.emulator.problem import Run

MOST_STEPS = 2**24  # of a phase: tables hold a number for each; some hundred are usual

Rule = Literal["one_sided", "bidirectional", "full", "symmetric"]


@dataclass(frozen=True)
class Learning:
    """How a sample is learned from: the rule and its phases.

    Parameters
    ----------
    rule : {"symmetric", "full", "bidirectional", "one_sided"}
    beta : float
        Strength of the nudge, above 0 (its sign is `random_sign`'s business).
    free_steps, nudged_steps : int
        Time steps of the free phase, and of each nudged one.
    random_sign : bool
        Draw the sign of beta anew for every minibatch.
    split_stream : bool
        Contrast against the free phase continued beside the nudged one. Not with
        ``symmetric``, where the two nudged phases already share their drift.
    average_steps : int
        Learn from potentials averaged over so many time steps at the end of each phase: less of
        the noise of bits, which a unit could average out by itself. 1: from the last.
    """

    __pydantic_config__ = FORBID_EXTRA

    rule: Rule = "symmetric"
    beta: float = 0.5
    free_steps: int = 50
    nudged_steps: int = 20
    random_sign: bool = False
    split_stream: bool = False
    average_steps: int = 1

    def __post_init__(self) -> None:
        _check_rule(self.rule)
        check_number("Learning: beta", self.beta)
        if not 0 < self.beta < float("inf"):
            raise InputError(f"Learning: beta is {self.beta!r}; expected a finite number above 0")
        if self.split_stream and self.rule == "symmetric":
            raise InputError(
                "Learning: split_stream is set with rule 'symmetric', which needs none; "
                "expected split_stream=False or another rule"
            )
        for name in ("free_steps", "nudged_steps"):
            check_whole(f"Learning: {name}", getattr(self, name), 1, MOST_STEPS)
        check_whole("Learning: average_steps", self.average_steps, 1, MOST_STEPS)
        shortest = min(self.free_steps, self.nudged_steps)
        if self.average_steps > shortest:
            raise InputError(
                f"Learning: average_steps is {self.average_steps}; "
                f"expected at most the {shortest} steps of the shortest phase"
            )

    def phases(self, target: np.ndarray, sign: int = 1) -> list[Phase]:
        """The phases of a training sample, for a nudge of this sign."""
        beta = sign * self.beta
        free = Free(self.free_steps)
        if self.rule == "symmetric":
            return [
                free,
                Nudged(self.nudged_steps, target, beta, from_free=True),
                Nudged(self.nudged_steps, target, -beta, from_free=True),
            ]
        nudged = Nudged(self.nudged_steps, target, beta)
        if self.split_stream:
            return [free, nudged, Free(self.nudged_steps, from_free=True)]
        return [free, nudged]


def average_ends(run: Run, steps: int) -> Run:
    """The run with potentials averaged over the last steps of each phase as its ends.

    The run must have recorded its potentials.
    """
    assert run.potentials is not None
    ends, end = [], 0
    for phase in run.phases:
        end += phase.steps
        ends.append([layer[end - steps : end].mean(axis=0) for layer in run.potentials])
    return replace(run, ends=ends)


class Changes(NamedTuple):
    """Weight and bias changes, one array per connection."""

    weights: list[np.ndarray]
    biases: list[np.ndarray]


def contrast(
    network: Network,
    run: Run,
    *,
    beta: float,
    lr: float | Sequence[float],
    rule: Rule = "full",
    threads: int | None = None,
) -> Changes:
    """What a run teaches: the change of every weight and bias.

    Parameters
    ----------
    network : Network
    run : Run
        Of a free and a nudged phase; for ``symmetric``, of phases with +beta and -beta.
    beta : float
        As in the run's nudged phase, with its sign.
    lr : float or sequence of float
        The learning rate, one for all or one per connection, the input side first.
    rule : {"one_sided", "bidirectional", "full", "symmetric"}

    Returns
    -------
    Changes
        ``weights`` and ``biases``, shaped like the network's.

    Raises
    ------
    InputError
        If the run lacks a phase that the rule contrasts, or lr does not fit the network.
    """
    ends, scale = _contrasted(run, beta, rule)
    rates = learning_rates(lr, len(network.connections))
    layers = tuple(end.shape[1:] for end in ends[0])
    if layers != network.layers:
        raise InputError(f"contrast: the run has layers {layers}; expected {network.layers}")
    batch = len(ends[0][0])
    flat = [[end.reshape(batch, -1) for end in phase] for phase in ends]
    weights, biases = [], []
    for k, rate in enumerate(rates):
        terms = _terms(flat, k, rule)
        gradient = np.empty((flat[0][k].shape[1], flat[0][k + 1].shape[1]), flat[0][k].dtype)
        share(
            partial(kernels.contrast_rows, gradient, *terms),
            len(gradient),
            resolve_threads(threads),
        )
        factor = gradient.dtype.type(rate * scale / batch)
        weights.append((factor * gradient).reshape(network.connections[k].weight_shape))
        change = (ends[1][k + 1] - ends[0][k + 1]).sum(0)
        biases.append(factor * change)
    return Changes(weights, biases)


class Descent:
    """Stochastic gradient descent, written straight into a lowered network.

    Parameters
    ----------
    lowered : Lowered
        Its weights, mirrored weights and biases are updated in place.
    rule : Rule
    momentum : float
        In [0, 1); 0 for plain descent.
    threads : int, optional
    """

    def __init__(
        self, lowered: Lowered, rule: Rule, momentum: float = 0.0, threads: int | None = None
    ) -> None:
        if not 0.0 <= momentum < 1.0:
            raise InputError(f"momentum is {momentum!r}; expected at least 0 and below 1")
        self.lowered, self.rule, self.momentum = lowered, rule, momentum
        self.threads = resolve_threads(threads)
        moving = momentum > 0
        self.weight_velocity = np.zeros_like(lowered.weights) if moving else lowered.weights[:0]
        self.bias_velocity = np.zeros_like(lowered.biases) if moving else lowered.biases[:0]

    def update(self, run: Run, beta: float, rates: Sequence[float]) -> None:
        """Learn from the run of one minibatch, with one rate per connection."""
        lowered, dtype = self.lowered, self.lowered.weights.dtype
        contrasted, scale = _contrasted(run, beta, self.rule)
        batch = len(contrasted[0][0])
        ends = [[end.reshape(batch, -1) for end in phase] for phase in contrasted]
        for k, rate in enumerate(rates):
            factor = np.array([rate * scale / batch, self.momentum], dtype)
            self._update_weights(k, factor, _terms(ends, k, self.rule))
            if k > 0:
                mirror_rows(lowered, k)[:] = weight_rows(lowered, k).T
            change = factor[0] * (ends[1][k + 1] - ends[0][k + 1]).sum(0)
            biases = layer_units(lowered, lowered.biases, k + 1)
            if self.momentum:
                velocity = layer_units(lowered, self.bias_velocity, k + 1)
                velocity *= factor[1]
                velocity += change
                change = velocity
            biases += change

    def _update_weights(self, k: int, factor: np.ndarray, terms: tuple[np.ndarray, ...]) -> None:
        weights = weight_rows(self.lowered, k)
        n_post = weights.shape[1]
        if self.momentum:
            velocity = weight_rows(self.lowered._replace(weights=self.weight_velocity), k)

            def work(first: int, last: int) -> None:
                row = np.empty(n_post, weights.dtype)
                kernels.momentum_rows(weights, velocity, factor, row, *terms, first, last)
        else:

            def work(first: int, last: int) -> None:
                row = np.empty(n_post, weights.dtype)
                kernels.update_rows(weights, factor, row, *terms, first, last)

        share(work, len(weights), self.threads)


def learning_rates(lr: float | Sequence[float], connections: int) -> list[float]:
    """One learning rate per connection.

    Raises
    ------
    InputError
        If there are neither one nor `connections` of them, or one is negative or not finite.
    """
    given = as_floats("lr", lr)
    rates = [float(rate) for rate in (given if given.ndim else [given] * connections)]
    if len(rates) != connections:
        raise InputError(
            f"lr holds {len(rates)} learning rates for {connections} connections; "
            f"expected one, or {connections}"
        )
    for rate in rates:
        if not 0 <= rate < float("inf"):
            raise InputError(f"lr holds {rate!r}; expected finite numbers of at least 0")
    return rates


def _check_rule(rule: str) -> None:
    if rule not in get_args(Rule):
        raise InputError(f"unknown rule {rule!r}; expected one of {', '.join(get_args(Rule))}")


def _contrasted(
    run: Run, beta: float, rule: Rule
) -> tuple[tuple[list[np.ndarray], list[np.ndarray]], float]:
    """The potentials (s-, s+) that the rule contrasts, and 1 / beta or 1 / (2 beta)."""
    _check_rule(rule)
    nudged = {p.beta: run.ends[k] for k, p in enumerate(run.phases) if isinstance(p, Nudged)}
    free = [run.ends[k] for k, p in enumerate(run.phases) if isinstance(p, Free)]
    missing = [b for b in ((beta, -beta) if rule == "symmetric" else (beta,)) if b not in nudged]
    if missing:
        raise InputError(
            f"contrast: rule {rule!r} needs a nudged phase with beta {missing[0]}; "
            f"the run has {sorted(nudged) or 'none'}"
        )
    if rule == "symmetric":
        return (nudged[-beta], nudged[beta]), 0.5 / beta
    if not free:
        raise InputError(f"contrast: rule {rule!r} needs a free phase; the run has none")
    return (free[-1], nudged[beta]), 1.0 / beta


def _terms(
    ends: Sequence[Sequence[np.ndarray]], k: int, rule: Rule
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(pre, pre_change, post_change, post) of connection k; see `kernels.learning`."""
    minus, plus = ends
    post_change = plus[k + 1] - minus[k + 1]
    clamped = k == 0
    pre_change = minus[k][:0] if clamped or rule == "one_sided" else plus[k] - minus[k]
    post = minus[k + 1] if rule == "bidirectional" else plus[k + 1]
    return minus[k], pre_change, post_change, post
