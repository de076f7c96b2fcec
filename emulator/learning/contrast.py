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

A link has the same products of the layers that it joins. Within a layer they are those of two units
of it, and the pair's one weight takes the mean of both directions.

Synapses that share a weight, as those of a convolution, add their changes up, and so do biases
that units share: the contrast is formed for the synapse weights and folded into the stored
ones. Over a maximum pooling a potential above belongs to the place of its window where the
maximum is, which may differ between the phases: there only ``full`` and ``symmetric``, which are
differences of what the phases are by themselves, can be formed.

The rules are described in :mod:`eqchip.emulator.description.rules`.

Sources: Scellier and Bengio (2017) for the contrast; O'Connor, Gavves and Welling
(2019) for the one-sided and bidirectional forms and the split stream; Laborieux et
al. (2021) for the symmetric one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from eqchip.emulator.description.connections import Connection
from eqchip.emulator.description.learning import learning_rates
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.rules import RULES, Rule, rule_of
from eqchip.emulator.engine.lowering import gather_weights, lower
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels import learning as kernels
from eqchip.emulator.kernels.learning import Pieces, Room, Terms
from eqchip.emulator.kernels.lowered import (
    Lowered,
    aligned_zeros,
    weight_rows,
)
from eqchip.emulator.kernels.products import TOGETHER
from eqchip.emulator.learning.rules import Contrasted, contrasted, lay_terms
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
    """Weight changes, an array per connection; bias changes, one per layer but the input."""

    weights: list[np.ndarray]
    biases: list[np.ndarray]

    def __repr__(self) -> str:
        largest = max((float(np.abs(one).max()) for one in self.weights), default=0.0)
        return f"Changes({len(self.weights)} connections, of a weight at most {largest:.3g})"


def contrast(
    network: Network,
    run: Run,
    *,
    beta: float,
    lr: float | Sequence[float],
    rule: str | Rule = "full",
    threads: int | None = None,
) -> Changes:
    """What a run teaches: the change of every weight and bias.

    Parameters
    ----------
    network : Network
    run : Run
        Of a free and a nudged phase; for ``symmetric``, of phases with +beta and -beta. No two
        phases are nudged with one beta.
    beta : float
        As in the run's nudged phase, with its sign.
    lr : float or sequence of float
        The learning rate, one for all or one per connection, the input side first.
    rule : {"one_sided", "bidirectional", "full", "symmetric"} or Rule
        The default takes what the shortest run has, a free and a nudged phase.

    Returns
    -------
    Changes
        ``weights`` and ``biases``, shaped like the network's.

    Raises
    ------
    InputError
        If the run lacks a phase that the rule contrasts, or lr does not fit the network.
    """
    rule = rule_of(rule)
    if rule.plasticity is not None:
        raise InputError(
            f"contrast: rule {rule.name!r} writes weights while its phases run, which the end of a "
            "run does not show; expected a rule of contrasts alone"
        )
    found = contrasted(run, beta, rule)
    rates = learning_rates(lr, len(network.connections))
    layers = tuple(end.shape[1:] for end in run.ends[0])
    if layers != network.layers:
        raise InputError(f"contrast: the run has layers {layers}; expected {network.layers}")
    workers = resolve_threads(threads)
    dtype = found.layers[0].minus.dtype
    lowered = None
    if not all(connection.all_to_all for connection in network.connections):
        lowered = lower(network, dtype)
    shared = [] if lowered is None else shared_of(network, lowered)
    weights, biases = [], []
    for k, (rate, connection) in enumerate(zip(rates, network.connections, strict=True)):
        if connection.all_to_all:
            gradient = np.empty(connection.weight_shape, dtype)
            terms = found.terms(network.joined[k])
            share_rows(partial(kernels.contrast_rows, gradient), terms, len(gradient), workers)
        else:
            assert lowered is not None
            terms = terms_of(network, lowered, k, found, workers)
            gradient = segment_contrast(lowered, k, connection, terms, shared[k], workers)
        factor = gradient.dtype.type(
            rate * found.scale / (found.batch * network.share_of_signal(k))
        )
        weights.append(factor * gradient)
        if k >= network.chain_length:
            continue  # a link brings no biases
        change = bias_contrast(connection, found, k).reshape(network.layers[k + 1])
        biases.append(factor * change)
    return Changes(weights, biases)


def share_rows(
    kernel: Callable[..., None], terms: Terms, items: int, threads: int, listed: int = 0
) -> None:
    """Call kernel(terms, room, first, last) for all items, each thread with room of its own.

    listed: how many numbers it lists, if more than there are terms.
    """
    dtype, most = terms.below.dtype, max(terms.total, listed) + 1

    def work(first: int, last: int) -> None:
        kernel(terms, _room(dtype, TOGETHER * terms.stride, most), first, last)

    share(work, items, threads)


_own = threading.local()


def _room(dtype: np.dtype, sums: int, most: int) -> Room:
    """Room of this thread for at least so many sums and terms, kept for the next call."""
    room: Room | None = getattr(_own, "room", None)
    if room is not None and room.values.dtype == dtype:
        if len(room.sums) >= sums and len(room.values) >= most:
            return room
        sums, most = max(sums, len(room.sums)), max(most, len(room.values))
    room = Room(aligned_zeros(sums, dtype), np.empty(most, np.int32), np.empty(most, dtype))
    _own.room = room
    return room


class Shared(NamedTuple):
    """The pieces of a connection whose synapses share weights, for a term of its own each.

    Every border of a segment is one of pieces, so a segment is some whole pieces.
    """

    channels: int
    first: np.ndarray
    place: np.ndarray
    to: np.ndarray
    at: np.ndarray
    length: np.ndarray

    @classmethod
    def of(cls, lowered: Lowered, k: int, units: int) -> Shared:
        """Those of connection k, whose layer below has so many units."""
        fan, begin = lowered.forward, lowered.forward.places[k]
        channels = int(fan.channels[k])
        places = units // channels
        ends = fan.first[begin : begin + places + 1]
        to, source, length = (part[ends[0] : ends[-1]] for part in (fan.to, fan.source, fan.length))
        borders = np.unique(np.concatenate([source, source + length]))
        low = np.searchsorted(borders, source)
        counts = np.searchsorted(borders, source + length) - low
        segment = np.repeat(np.arange(len(to)), counts)
        piece = np.arange(len(segment)) - np.repeat(np.cumsum(counts) - counts - low, counts)
        place = np.repeat(np.arange(places), np.diff(ends))[segment]
        order = np.lexsort((place, piece))
        return cls(
            channels,
            np.append(0, np.cumsum(np.bincount(piece, minlength=len(borders) - 1))),
            place[order],
            (to - source)[segment][order] + borders[piece[order]],
            borders[:-1],
            np.diff(borders),
        )

    def pieces(self, terms: Terms) -> Pieces:
        """As kernels take them, for all terms of a sample."""
        each = np.arange(terms.each)
        return Pieces(
            self.channels,
            self.first * terms.each,
            (self.channels * self.place[:, None] + terms.units * each).reshape(-1),
            (self.to[:, None] + terms.stride * each).reshape(-1),
            self.at,
            self.length,
        )


def shared_of(network: Network, lowered: Lowered) -> list[Shared | None]:
    """Those of every connection; None of one whose synapses have weights of their own."""
    return [
        Shared.of(lowered, k, network.sizes[below]) if connection.shares_weights else None
        for k, (connection, (below, _)) in enumerate(
            zip(network.connections, network.joined, strict=True)
        )
    ]


def terms_of(
    network: Network,
    lowered: Lowered,
    k: int,
    found: Contrasted,
    threads: int,
    memory: Terms | None = None,
) -> Terms:
    """The terms of connection k; memory: terms of before, which may be written over."""
    if lowered.pools[k, 0]:
        return _pooled_terms(lowered, k, network.connections[k], found, threads)
    return found.terms(network.joined[k], memory)


def segment_contrast(
    lowered: Lowered,
    k: int,
    connection: Connection,
    terms: Terms,
    shared: Shared | None,
    threads: int,
) -> np.ndarray:
    """The contrast of a connection's stored weights, summed over samples, by its segments."""
    rows = np.zeros_like(weight_rows(lowered, k))
    if shared is None:
        work = partial(kernels.own_rows, rows, lowered.forward, k, terms)
        share(work, terms.units, threads)
    else:
        pieces = shared.pieces(terms)
        work = partial(kernels.shared_pieces, rows, pieces)
        share_rows(work, terms, len(shared.at), threads, int(np.diff(pieces.first).max(initial=0)))
    return connection.fold(gather_weights(lowered, k, connection, rows))


def _pooled_terms(
    lowered: Lowered, k: int, connection: Connection, found: Contrasted, threads: int
) -> Terms:
    """s+_pre up+ - s-_pre up-, with each phase's own winners."""
    if not found.rule.is_full:
        able = " or ".join(repr(name) for name, rule in reversed(RULES.items()) if rule.is_full)
        raise InputError(
            f"contrast: rule {found.rule.name!r} over {connection.pool} of connection {k + 1}: its "
            f"winners differ between the phases; expected rule {able}"
        )
    below, above = found.layers[k], found.layers[k + 1]
    up_minus = _unpooled(lowered, k, below.minus, above.minus, threads)
    up_plus = _unpooled(lowered, k, below.plus, above.plus, threads)
    return lay_terms([(below.minus, -up_minus), (below.plus, up_plus)])


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


def bias_contrast(connection: Connection, found: Contrasted, k: int) -> np.ndarray:
    """What biases change by, summed over samples, shape (units,); over units that share it, too."""
    change = found.bias_changes(k)
    if connection.bias_groups == len(change):
        return change
    by_group = change.reshape(-1, connection.bias_groups).sum(0)
    return np.tile(by_group, len(change) // connection.bias_groups)
