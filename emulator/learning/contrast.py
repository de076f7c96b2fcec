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

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from eqchip.emulator.description.connections import Connection, Conv2d, Dense
from eqchip.emulator.description.learning import (
    Rule,
    check_read_out,
    check_rule,
    learning_rates,
)
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.engine.lowering import gather_weights, lower
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels import learning as kernels
from eqchip.emulator.kernels.lowered import (
    Lowered,
    aligned_zeros,
    weight_rows,
)
from eqchip.emulator.problem.run import Run
from eqchip.emulator.threads import resolve_threads, share


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
    ends, scale = contrasted_ends(run, beta, rule)
    rates = learning_rates(lr, len(network.connections))
    layers = tuple(end.shape[1:] for end in ends[0])
    if layers != network.layers:
        raise InputError(f"contrast: the run has layers {layers}; expected {network.layers}")
    batch = len(ends[0][0])
    flat = [[end.reshape(batch, -1) for end in phase] for phase in ends]
    workers = resolve_threads(threads)
    lowered = lower(network, flat[0][0].dtype) if _shared(network) else None
    below = below_read_out(run)
    weights, biases = [], []
    for k, (rate, connection) in enumerate(zip(rates, network.connections, strict=True)):
        if isinstance(connection, Dense):
            terms = terms_of(flat, k, rule, below)
            gradient = np.empty(connection.weight_shape, flat[0][k].dtype)
            share(partial(kernels.contrast_rows, gradient, *terms), len(gradient), workers)
        else:
            assert lowered is not None
            gradient = shared_contrast(lowered, k, connection, flat, rule, workers)
        factor = gradient.dtype.type(rate * scale / (batch * network.share_of_signal(k)))
        weights.append(factor * gradient)
        change = bias_contrast(connection, flat, k).reshape(network.layers[k + 1])
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
    terms = terms_of(ends, k, rule)
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
    """As `terms_of`: s+_pre up+ - s-_pre up-, with each phase's own winners."""
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


def bias_contrast(
    connection: Connection, ends: Sequence[Sequence[np.ndarray]], k: int
) -> np.ndarray:
    """The sum over samples of D, shape (units,); over all places of a channel, too."""
    change = (ends[1][k + 1] - ends[0][k + 1]).sum(0)
    if isinstance(connection, Conv2d):
        by_channel = change.reshape(-1, connection.channels).sum(0)
        change = np.tile(by_channel, len(change) // connection.channels)
    return change


def contrasted_ends(
    run: Run, beta: float, rule: Rule
) -> tuple[tuple[list[np.ndarray], list[np.ndarray]], float]:
    """The potentials (s-, s+) that the rule contrasts, and 1 / beta or 1 / (2 beta)."""
    check_rule(rule)
    if run.readout == "cross-entropy":
        check_read_out(rule)
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


def below_read_out(run: Run) -> np.ndarray | None:
    """What a read-out outside the dynamics is fed, at the end of the free phase: (batch, units).

    None where the last layer is part of the dynamics.
    """
    if run.readout != "cross-entropy":
        return None
    free = [run.ends[k] for k, phase in enumerate(run.phases) if isinstance(phase, Free)]
    return free[-1][-2].reshape(len(free[-1][-2]), -1)


def terms_of(
    ends: Sequence[Sequence[np.ndarray]], k: int, rule: Rule, below: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(pre, pre_change, post_change, post) of connection k; see `kernels.learning`.

    below: of `below_read_out`.
    """
    minus, plus = ends
    post_change = plus[k + 1] - minus[k + 1]
    if below is not None and k == len(minus) - 2:
        return below, below[:0], post_change, plus[k + 1]
    clamped = k == 0
    pre_change = minus[k][:0] if clamped or rule == "one_sided" else plus[k] - minus[k]
    post = minus[k + 1] if rule == "bidirectional" else plus[k + 1]
    return minus[k], pre_change, post_change, post
