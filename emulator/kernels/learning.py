"""The contrast of two phases, accumulated over a minibatch, and the weight update.

Every rule is a sum of at most two outer products per sample; of independent weights,

    G += pre[b]^T post_change[b] + pre_change[b]^T post[b],

summed over samples in ascending order, and a sample's terms in theirs, whatever the number of
threads (threads share rows of G). A term has a factor for every row: where it is not 0, it names a
row of `above`; these are summed in registers, as the rows that messages name are (`rows`).

Elsewhere a presynaptic unit takes the segments that its spikes would add (see `lowering`), the
other way round: in `shared_pieces` synapses that share a weight add up, in `own_rows` each has its
own.

Axes: m = term, those of a sample together, i = presynaptic unit (a row), j = postsynaptic unit.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.kernels.connections import arrive_forward
from eqchip.emulator.kernels.gather import gather_values
from eqchip.emulator.kernels.jit import inlined, kernel
from eqchip.emulator.kernels.pooling import largest, map_size
from eqchip.emulator.kernels.products import TOGETHER, add_products
from eqchip.emulator.kernels.rows import add_scaled_rows
from eqchip.emulator.kernels.units import clear, span
from eqchip.emulator.kernels.vectors import CACHE_LINE

TURNED = 16  # rows whose mirror is written together: a cache line of it, or two
LONG = 8  # cache lines, of pieces for which lists of numbers other than 0 pay


class Terms(NamedTuple):
    """The outer products of a minibatch.

    below: flat (m, i); above: flat (m, stride), whole cache lines for the units j, and a line more
    at the end; both of one float type. total: how many terms; each: those of a sample.
    """

    below: np.ndarray
    above: np.ndarray
    total: int
    each: int
    units: int
    stride: int


class Pieces(NamedTuple):
    """Where synapses share weights: stretches of a row that pairs of places have in common.

    channels: rows, units of a place below. first: (pieces + 1,), where the pairs of a piece start;
    behind, to: (pairs,), where in a sample's terms the place below starts, and what the piece is
    added of above, by ascending place and term. at, length: (pieces,), where a piece is in a row.
    All int64.
    """

    channels: int
    first: np.ndarray
    behind: np.ndarray
    to: np.ndarray
    at: np.ndarray
    length: np.ndarray


class Matrix(NamedTuple):
    """The weights of a dense connection, and their mirror.

    weights: (i, at least j); columns: how many j there are; mirror: (j, at least i), of no rows
    where there is none, which holds gain times the weights.
    """

    weights: np.ndarray
    columns: int
    mirror: np.ndarray
    gain: Any


class Room(NamedTuple):
    """A thread's own.

    sums: (4 stride,), on a cache line; rows: int32, and values: one more than the terms, and than
    the pairs of a piece.
    """

    sums: np.ndarray
    rows: np.ndarray
    values: np.ndarray


@inlined
def _contrast_row(room, terms, i):
    """room.sums = G[i]; returns of how many terms it is the sum."""
    below, rows, values = terms.below, room.rows, room.values
    place, units = np.uint64(i), np.uint64(terms.units)
    count, zero = np.uint64(0), below.dtype.type(0)
    for m in range(np.uint64(terms.total)):
        value = below[place]
        rows[count], values[count] = m, value
        count += np.uint64(value != zero)
        place += units
    clear(room.sums, 0, terms.stride)
    listed = np.int64(count)
    add_scaled_rows(
        room.sums, 0, terms.above, 0, terms.stride, terms.stride, rows, values, 0, listed
    )
    return listed


@kernel
def contrast_rows(gradient, terms, room, first, last):
    """gradient[i] = G[i], for rows first ... last - 1. gradient: (i, j), written."""
    for i in range(first, last):
        _contrast_row(room, terms, i)
        row = gradient[i]
        for j in range(len(row)):
            row[j] = room.sums[j]


@inlined
def _write_mirror(matrix, first, last):
    """The mirror of rows first ... last - 1."""
    weights, mirror, gain = matrix.weights, matrix.mirror, matrix.gain
    for j in range(np.uint64(len(mirror))):
        row = mirror[j]
        for i in range(np.uint64(first), np.uint64(last)):
            row[i] = gain * weights[i, j]


@inlined
def _decay(row, n, kept):
    if kept != 1:
        for j in range(n):
            row[j] *= kept


@kernel
def update_rows(matrix, kept, rates, terms, room, first, last):
    """weights[i] = kept * weights[i] + rate * G[i], for rows first ... last - 1; their mirror, too.

    matrix: Matrix, updated; kept: 1 less what weights decay by; rates: (1,) or more, the rate.
    """
    rate, change = rates[0], room.sums
    for begin in range(first, last, TURNED):
        end, moved = min(begin + TURNED, last), kept != 1
        for i in range(begin, end):
            row = matrix.weights[i]
            _decay(row, matrix.columns, kept)
            if _contrast_row(room, terms, i) > 0:
                moved = True
                for j in range(matrix.columns):
                    row[j] += rate * change[j]
        if moved:
            _write_mirror(matrix, begin, end)


@kernel
def momentum_rows(matrix, velocity, kept, rates, terms, room, first, last):
    """velocity[i] = rates[1] velocity[i] + rates[0] G[i]; weights[i] += velocity[i].

    velocity: (i, j), updated; rates: (2,), the rate and the momentum; all else as `update_rows`.
    """
    rate, momentum, change = rates[0], rates[1], room.sums
    for begin in range(first, last, TURNED):
        end = min(begin + TURNED, last)
        for i in range(begin, end):
            row, speed = matrix.weights[i], velocity[i]
            _decay(row, matrix.columns, kept)
            _contrast_row(room, terms, i)
            for j in range(len(speed)):
                speed[j] = momentum * speed[j] + rate * change[j]
            for j in range(len(speed)):
                row[j] += speed[j]
        _write_mirror(matrix, begin, end)


@inlined
def _adam(weights, mean, square, gradient, rates):
    """One step of Adam over a row; see `adam_rows`."""
    one = weights.dtype.type(1)
    rate, factor, first, second = rates[0], rates[1], rates[2], rates[3]
    first_left, second_left, least = rates[4], rates[5], rates[6]
    if first_left != one:
        for j in range(len(mean)):
            slope = factor * gradient[j]
            mean[j] = first * mean[j] + (one - first) * slope
            square[j] = second * square[j] + (one - second) * slope * slope
            root = np.sqrt(square[j] / second_left) + least
            weights[j] += rate * (mean[j] / first_left) / root
        return
    for j in range(len(mean)):  # divisions are what this costs: none by 1
        slope = factor * gradient[j]
        mean[j] = first * mean[j] + (one - first) * slope
        square[j] = second * square[j] + (one - second) * slope * slope
        root = np.sqrt(square[j] / second_left) + least
        weights[j] += rate * mean[j] / root


@kernel
def adam_rows(matrix, mean, square, kept, rates, terms, room, first, last):
    """Adam (Kingma and Ba 2015) along the contrast, for rows first ... last - 1.

    mean, square: (i, j), updated; rates: (7,), the rate, the factor that makes G the contrast, the
    two decays, one minus their powers so far, and what keeps the root from 0; all else as
    `update_rows`.
    """
    for begin in range(first, last, TURNED):
        end = min(begin + TURNED, last)
        for i in range(begin, end):
            row = matrix.weights[i]
            _decay(row, matrix.columns, kept)
            _contrast_row(room, terms, i)
            _adam(row, mean[i], square[i], room.sums, rates)
        _write_mirror(matrix, begin, end)


@kernel
def adam_flat(weights, mean, square, gradient, rates):
    """As `adam_rows`, along a gradient; all flat."""
    _adam(weights, mean, square, gradient, rates)


@inlined
def _piece_by_tiles(gradient, pieces, piece, terms, room, below, above):
    """A piece of a sample's terms, all channels of all its pairs, in registers (`products`)."""
    sums, stride = room.sums, terms.stride
    at, n = np.uint64(pieces.at[piece]), pieces.length[piece]
    c = 0
    while c < pieces.channels:
        rows = TOGETHER if c + TOGETHER <= pieces.channels else 1
        for r in range(rows):
            row, begin = gradient[c + r], np.uint64(r * stride)
            for j in range(np.uint64(n)):
                sums[begin + np.uint64(j)] = row[at + np.uint64(j)]
        add_products(
            sums, stride, n, rows, terms.below, below + c, terms.above, above, pieces.behind,
            pieces.to, pieces.first[piece], pieces.first[piece + 1],
        )  # fmt: skip
        for r in range(rows):
            row, begin = gradient[c + r], np.uint64(r * stride)
            for j in range(np.uint64(n)):
                row[at + np.uint64(j)] = sums[begin + np.uint64(j)]
        c += rows


@inlined
def _piece_by_lists(gradient, pieces, piece, terms, room, below, above):
    """The same, each channel by the pairs that have a number below: none of the others is read."""
    rows, values, zero = room.rows, room.values, terms.below.dtype.type(0)
    first, last = np.uint64(pieces.first[piece]), np.uint64(pieces.first[piece + 1])
    for c in range(pieces.channels):
        begin, count = np.uint64(below + c), np.uint64(0)
        for k in range(first, last):
            value = terms.below[begin + np.uint64(pieces.behind[k])]
            rows[count], values[count] = pieces.to[k], value
            count += np.uint64(value != zero)
        add_scaled_rows(
            gradient[c], pieces.at[piece], terms.above, above, 1, pieces.length[piece], rows,
            values, 0, np.int64(count),
        )  # fmt: skip


@inlined
def _are_few(values, first, n):
    """Whether less than two thirds of these numbers are not 0."""
    zero, count = values.dtype.type(0), np.int64(0)
    for j in span(first, n):
        count += np.int64(values[j] != zero)
    return 3 * count < 2 * n


@kernel
def shared_pieces(gradient, pieces, terms, room, first, last):
    """gradient[c] += G[i] by the shared weight, over all samples and the units i of channel c.

    gradient: (channels, columns), 0 before; pieces: Pieces, of which first ... last - 1 are done.
    Samples, and in each the places below, in ascending order: a sample's terms stay in the nearest
    cache while all pieces and channels go over them.
    """
    line = CACHE_LINE // gradient.itemsize
    for b in range(terms.total // terms.each):
        below, above = b * terms.each * terms.units, b * terms.each * terms.stride
        few = _are_few(terms.below, below, terms.each * terms.units)
        for piece in range(first, last):
            if few and pieces.length[piece] > LONG * line:
                _piece_by_lists(gradient, pieces, piece, terms, room, below, above)
            else:
                _piece_by_tiles(gradient, pieces, piece, terms, room, below, above)


@kernel
def own_rows(gradient, fan, k, terms, first, last):
    """The contrast where no two synapses share a weight; first ... last - 1: units below.

    gradient: (channels, columns), rows as those of connection k; fan: Fan, forward. Written is what
    the segments of these units name.
    """
    channels, places = fan.channels[k], fan.places[k]
    below, above = terms.below, terms.above
    zero = gradient.dtype.type(0)
    for i in range(first, last):
        row, place = gradient[i % channels], places + i // channels
        for s in range(fan.first[place], fan.first[place + 1]):
            for j in range(fan.source[s], fan.source[s] + fan.length[s]):
                row[j] = zero
        for m in range(terms.total):
            factor = below[m * terms.units + i]
            if factor != zero:
                for s in range(fan.first[place], fan.first[place + 1]):
                    to, source = m * terms.stride + fan.to[s], fan.source[s]
                    for j in range(fan.length[s]):
                        row[source + j] += factor * above[to + j]


@kernel
def find_winners(net, k, pre, rows, values, sums, maxima, winners, first, last):
    """winners[b] = where the maxima of connection k's map are, for samples first ... last - 1.

    net: Lowered; pre: (b, i) potentials below; rows: (i,) int32, values: (i,), sums: (map,) and
    maxima: (units,) scratch; winners: (b, units) int32, written.
    """
    n = pre.shape[1]
    for b in range(first, last):
        count = gather_values(rows, values, 0, pre[b], 0, n)
        clear(sums, 0, map_size(net, k))
        arrive_forward(sums, 0, net, k, rows, values, 0, count, True)
        largest(maxima, winners[b], 0, sums, net, k)
