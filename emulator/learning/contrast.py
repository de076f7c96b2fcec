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

A read-out outside the dynamics (``cross-entropy``) knows its error when the free phase ends, and
what it is fed then: its weights change by their product, the descent of the cost itself, whatever
a nudge of some strength makes of the layer below.

Where feedback is shifted (``Network.feedback_shifts``), the signal falls from layer to layer on its
way down, and the change is divided by what is left of it.

Synapses that share a weight, as those of a convolution, add their changes up, and so do the
biases of a channel: the contrast is formed for the synapse weights and folded into the stored
ones. Over a maximum pooling a potential above belongs to the place of its window where the
maximum is, which may differ between the phases: there only ``full`` and ``symmetric``, which are
differences of what the phases are by themselves, can be formed.

Sources: Scellier and Bengio (2017) for the contrast; O'Connor, Gavves and Welling
(2019) for the one-sided and bidirectional forms and the split stream; Laborieux et
al. (2021) for the symmetric one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, NamedTuple, get_args

import numpy as np

from eqchip.emulator.description.coding import FORBID_EXTRA
from eqchip.emulator.description.network import Connection, Conv2d, Dense, Network
from eqchip.emulator.description.phases import Free, Nudged, Phase
from eqchip.emulator.engine.lowering import (
    Lowered,
    aligned_zeros,
    gather_weights,
    layer_units,
    lower,
    mirror_rows,
    weight_rows,
    write_weights,
)
from eqchip.emulator.engine.synchronous import resolve_threads, share
from eqchip.emulator.errors import InputError, as_floats, check_number, check_whole
from eqchip.emulator.kernels import learning as kernels
from eqchip.emulator.problem.problem import Readout, Run

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
        Learn from potentials averaged over so many time steps at the end of each phase, and
        classify by them: less of the noise of bits, which a unit could average out by itself. 1:
        from the last.
    readout : {"squared-error", "cross-entropy"}
        What the last layer is: part of the dynamics and pulled towards the target, or, with rule
        ``symmetric`` only, outside of them; see :func:`eqchip.run`.
    """

    __pydantic_config__ = FORBID_EXTRA

    rule: Rule = "symmetric"
    beta: float = 0.5
    free_steps: int = 50
    nudged_steps: int = 20
    random_sign: bool = False
    split_stream: bool = False
    average_steps: int = 1
    readout: Readout = "squared-error"

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
        if self.readout not in get_args(Readout):
            raise InputError(
                f"Learning: unknown readout {self.readout!r}; "
                f"expected one of {', '.join(get_args(Readout))}"
            )
        if self.readout == "cross-entropy":
            _check_read_out(self.rule)
        for name in ("free_steps", "nudged_steps"):
            check_whole(f"Learning: {name}", getattr(self, name), 1, MOST_STEPS)
        check_whole("Learning: average_steps", self.average_steps, 1, MOST_STEPS)
        shortest = min(self.free_steps, self.nudged_steps)
        if self.average_steps > shortest:
            raise InputError(
                f"Learning: average_steps is {self.average_steps}; "
                f"expected at most the {shortest} steps of the shortest phase"
            )

    def check_all_in_dynamics(self, what: str) -> None:
        """Refuse a read-out outside the dynamics, which `what` cannot show or compare.

        Raises
        ------
        InputError
        """
        if self.readout != "squared-error":
            raise InputError(
                f"{what}: the run was trained with readout {self.readout!r}, a softmax beside the "
                f"cores, of which {what} knows nothing; expected 'squared-error'"
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
    workers = resolve_threads(threads)
    lowered = lower(network, flat[0][0].dtype) if _shared(network) else None
    below = _below_read_out(run)
    weights, biases = [], []
    for k, (rate, connection) in enumerate(zip(rates, network.connections, strict=True)):
        if isinstance(connection, Dense):
            terms = _terms(flat, k, rule, below)
            gradient = np.empty(connection.weight_shape, flat[0][k].dtype)
            share(partial(kernels.contrast_rows, gradient, *terms), len(gradient), workers)
        else:
            assert lowered is not None
            gradient = shared_contrast(lowered, k, connection, flat, rule, workers)
        factor = gradient.dtype.type(rate * scale / (batch * network.share_of_signal(k)))
        weights.append(factor * gradient)
        change = _bias_contrast(connection, flat, k).reshape(network.layers[k + 1])
        biases.append(factor * change)
    return Changes(weights, biases)


def _shared(network: Network) -> bool:
    return any(isinstance(connection, Conv2d) for connection in network.connections)


def shared_contrast(
    lowered: Lowered,
    k: int,
    connection: Conv2d,
    ends: Sequence[Sequence[np.ndarray]],
    rule: Rule,
    threads: int,
) -> np.ndarray:
    """The contrast of a connection's stored weights, summed over samples.

    ends: per phase (s-, s+) and layer, shape (batch, units).
    """
    terms = _terms(ends, k, rule)
    if lowered.pools[k, 0]:
        terms = _pooled_terms(lowered, k, connection, ends, rule, threads)
    rows = np.empty_like(weight_rows(lowered, k))
    work = partial(kernels.shared_rows, rows, lowered.forward, k, *terms)
    share(work, len(rows), threads)
    return connection.fold(gather_weights(lowered, k, connection, rows))


def _pooled_terms(
    lowered: Lowered,
    k: int,
    connection: Conv2d,
    ends: Sequence[Sequence[np.ndarray]],
    rule: Rule,
    threads: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """As `_terms`: s+_pre up+ - s-_pre up-, with each phase's own winners."""
    if rule not in ("full", "symmetric"):
        raise InputError(
            f"contrast: rule {rule!r} over {connection.pool} of connection {k + 1}: its winners "
            "differ between the phases; expected rule 'full' or 'symmetric'"
        )
    minus, plus = ends
    up_minus, up_plus = (
        _unpooled(lowered, k, phase[k], phase[k + 1], threads) for phase in (minus, plus)
    )
    return minus[k], plus[k], -up_minus, up_plus


def _unpooled(
    lowered: Lowered, k: int, pre: np.ndarray, post: np.ndarray, threads: int
) -> np.ndarray:
    """The potentials above, shape (batch, units), each at its winner: shape (batch, map)."""
    count = int(lowered.pools[k, 1:].prod())
    pre = np.ascontiguousarray(pre)
    winners = np.empty(post.shape, np.int32)

    def work(first: int, last: int) -> None:
        kernels.find_winners(
            lowered, k, pre, np.empty(pre.shape[1], np.int32), np.empty(pre.shape[1], pre.dtype),
            aligned_zeros(count, pre.dtype), np.empty(post.shape[1], pre.dtype), winners, first,
            last,
        )  # fmt: skip

    share(work, len(pre), threads)
    up = np.zeros((len(pre), count), pre.dtype)
    np.put_along_axis(up, winners.astype(np.int64), post, axis=1)
    return up


def _bias_contrast(
    connection: Connection, ends: Sequence[Sequence[np.ndarray]], k: int
) -> np.ndarray:
    """The sum over samples of D, shape (units,); over all places of a channel, too."""
    change = (ends[1][k + 1] - ends[0][k + 1]).sum(0)
    if isinstance(connection, Conv2d):
        by_channel = change.reshape(-1, connection.channels).sum(0)
        change = np.tile(by_channel, len(change) // connection.channels)
    return change


Optimizer = Literal["sgd", "adam"]

# Kingma and Ba (2015): the decays of the two means, and what keeps the root from 0.
ADAM = (0.9, 0.999, 1e-8)


class Descent:
    """Descent along the contrast, written straight into a lowered network.

    Parameters
    ----------
    network : Network
        What `lowered` holds.
    lowered : Lowered
        Its weights, mirrored weights and biases are updated in place.
    rule : Rule
    optimizer : {"sgd", "adam"}
        Stochastic gradient descent, or Adam (Kingma and Ba 2015).
    momentum : float
        Of stochastic gradient descent, in [0, 1); 0 for none.
    weight_decay : float
        Times the rate, the share that every weight loses at an update.
    threads : int, optional

    Attributes
    ----------
    weights : list of ndarray
        The stored weights of every connection, of its ``weight_shape``.
    biases : list of ndarray
        Per connection, those of the layer above, shape (units,).
    moments : list of list of ndarray
        What the optimizer remembers, per connection: for the weights, then for the biases.
        Velocities, or Adam's two means; of the shape of what they belong to.
    updates : int
        Minibatches learned from.
    """

    def __init__(
        self,
        network: Network,
        lowered: Lowered,
        rule: Rule,
        *,
        optimizer: Optimizer = "sgd",
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        threads: int | None = None,
    ) -> None:
        if optimizer not in get_args(Optimizer):
            raise InputError(
                f"optimizer is {optimizer!r}; expected one of {', '.join(get_args(Optimizer))}"
            )
        if not 0.0 <= momentum < 1.0:
            raise InputError(f"momentum is {momentum!r}; expected at least 0 and below 1")
        if optimizer == "adam" and momentum:
            raise InputError(
                f"momentum is {momentum!r} with optimizer 'adam', which has its own; expected 0"
            )
        self.network, self.lowered, self.rule = network, lowered, rule
        self.optimizer, self.momentum, self.weight_decay = optimizer, momentum, weight_decay
        self.threads = resolve_threads(threads)
        self.updates = 0
        dtype = lowered.weights.dtype
        self.weights: list[np.ndarray] = []
        for k, connection in enumerate(network.connections):
            if isinstance(connection, Dense):  # its rows are the stored weights
                self.weights.append(weight_rows(lowered, k)[:, : connection.n_post])
            else:
                self.weights.append(network.weights[k].astype(dtype))
        self.biases = [
            layer_units(lowered, lowered.biases, k + 1) for k in range(len(self.weights))
        ]
        kept = 2 if optimizer == "adam" else int(momentum > 0)
        self.moments = [
            [np.zeros(values.shape, dtype) for values in pair for _ in range(kept)]
            for pair in zip(self.weights, self.biases, strict=True)
        ]

    def trained(self) -> Network:
        """The network as it is now."""
        return Network(
            self.network.layers,
            self.network.connections,
            tuple(weights.copy() for weights in self.weights),
            tuple(
                biases.reshape(shape).copy()
                for biases, shape in zip(self.biases, self.network.layers[1:], strict=True)
            ),
            self.network.feedback_shifts,
        )

    def write(self, k: int) -> None:
        """Bring the lowered rows of connection k up to date with its stored weights."""
        connection, gain = self.network.connections[k], self.network.feedback_gains[k]
        if not isinstance(connection, Dense):
            write_weights(self.lowered, k, connection, self.weights[k], gain)
        elif k > 0:
            mirrored = mirror_rows(self.lowered, k)[:, : connection.n_pre]
            np.multiply(self.weights[k].T, self.weights[k].dtype.type(gain), out=mirrored)

    def update(self, run: Run, beta: float, rates: Sequence[float]) -> None:
        """Learn from the run of one minibatch, with one rate per connection."""
        contrasted, scale = _contrasted(run, beta, self.rule)
        batch = len(contrasted[0][0])
        ends = [[end.reshape(batch, -1) for end in phase] for phase in contrasted]
        below = _below_read_out(run)
        self.updates += 1
        for k, (rate, connection) in enumerate(zip(rates, self.network.connections, strict=True)):
            of_weights, of_biases = self._moments_of(k)
            if self.weight_decay:
                kept = 1.0 - rate * self.weight_decay
                self.weights[k] *= self.weights[k].dtype.type(kept)
            factors = self._factors(rate, scale / self.network.share_of_signal(k), batch)
            if isinstance(connection, Dense):
                self._update_rows(k, factors, of_weights, _terms(ends, k, self.rule, below))
            else:
                gradient = shared_contrast(
                    self.lowered, k, connection, ends, self.rule, self.threads
                )
                self._apply(self.weights[k], of_weights, gradient, factors)
            self.write(k)
            change = _bias_contrast(connection, ends, k)
            self._apply(self.biases[k], of_biases, change, factors)

    def _moments_of(self, k: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
        half = len(self.moments[k]) // 2
        return self.moments[k][:half], self.moments[k][half:]

    def _factors(self, rate: float, scale: float, batch: int) -> np.ndarray:
        dtype = self.lowered.weights.dtype
        if self.optimizer == "sgd":
            return np.array([rate * scale / batch, self.momentum], dtype)
        first, second, least = ADAM
        powers = (1.0 - first**self.updates, 1.0 - second**self.updates)
        return np.array([rate, scale / batch, first, second, *powers, least], dtype)

    def _apply(
        self,
        values: np.ndarray,
        moments: list[np.ndarray],
        gradient: np.ndarray,
        factors: np.ndarray,
    ) -> None:
        """Move values, shaped as the gradient."""
        if self.optimizer == "adam":
            flat = [array.reshape(-1) for array in (values, *moments, gradient)]
            kernels.adam_flat(*flat, factors)
            return
        change = factors[0] * gradient
        if moments:
            velocity = moments[0]
            velocity *= factors[1]
            velocity += change
            change = velocity
        values += change

    def _update_rows(
        self,
        k: int,
        factors: np.ndarray,
        moments: list[np.ndarray],
        terms: tuple[np.ndarray, ...],
    ) -> None:
        """Move the weights of a dense connection, row by row."""
        weights = self.weights[k]
        kernel: Callable[..., None] = kernels.update_rows
        if self.optimizer == "adam":
            kernel = kernels.adam_rows
        elif moments:
            kernel = kernels.momentum_rows

        def work(first: int, last: int) -> None:
            row = np.empty(weights.shape[1], weights.dtype)
            kernel(weights, *moments, factors, row, *terms, first, last)

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


def _check_read_out(rule: str) -> None:
    if rule != "symmetric":
        raise InputError(
            f"rule {rule!r} with readout 'cross-entropy', whose error is known in nudged phases "
            "only; expected rule 'symmetric'"
        )


def _contrasted(
    run: Run, beta: float, rule: Rule
) -> tuple[tuple[list[np.ndarray], list[np.ndarray]], float]:
    """The potentials (s-, s+) that the rule contrasts, and 1 / beta or 1 / (2 beta)."""
    _check_rule(rule)
    if run.readout == "cross-entropy":
        _check_read_out(rule)
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


def _below_read_out(run: Run) -> np.ndarray | None:
    """What a read-out outside the dynamics is fed, at the end of the free phase: (batch, units).

    None where the last layer is part of the dynamics.
    """
    if run.readout != "cross-entropy":
        return None
    free = [run.ends[k] for k, phase in enumerate(run.phases) if isinstance(phase, Free)]
    return free[-1][-2].reshape(len(free[-1][-2]), -1)


def _terms(
    ends: Sequence[Sequence[np.ndarray]], k: int, rule: Rule, below: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(pre, pre_change, post_change, post) of connection k; see `kernels.learning`.

    below: of `_below_read_out`.
    """
    minus, plus = ends
    post_change = plus[k + 1] - minus[k + 1]
    if below is not None and k == len(minus) - 2:
        return below, below[:0], post_change, plus[k + 1]
    clamped = k == 0
    pre_change = minus[k][:0] if clamped or rule == "one_sided" else plus[k] - minus[k]
    post = minus[k + 1] if rule == "bidirectional" else plus[k + 1]
    return minus[k], pre_change, post_change, post
