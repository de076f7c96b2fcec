"""The clamped input as a stream: its bits are given, in place of an encoder's.

The relaxation calls these by name, and gets those of the type of ``rules.stream`` when it is
compiled; of the type `Unstreamed` they are nothing. Arguments as in `relax`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.kernels.jit import by_number, by_type, inlined
from eqchip.emulator.kernels.state import Unstreamed
from eqchip.emulator.kernels.units import clear


class Streamed(NamedTuple):
    """A stream, as `problem.stream.Stream`, and how potentials follow it.

    rows, first, places, begin, active: see there. gain, keep: over t - 1, the coefficient and 1
    less it, in the run's numbers, int64 of a chip's.
    """

    rows: int
    first: np.ndarray
    places: np.ndarray
    begin: np.ndarray
    active: np.ndarray
    gain: np.ndarray
    keep: np.ndarray


@inlined
def _no(rules):
    return False


@inlined
def _yes(rules):
    return True


@inlined
def _no_list(rules, scratch, b):
    return 0


@inlined
def _list_active(rules, scratch, b):
    """scratch.active = the input units that ever send in sample b; returns how many."""
    begin = rules.stream.begin[b]
    count = rules.stream.begin[b + 1] - begin
    for i in range(count):
        scratch.active[i] = rules.stream.active[begin + i]
    return count


@inlined
def _no_bits(rules, scratch, record, net, row, b, t, n_active, steps):
    """`give_bits` where there are none."""


@inlined
def _give_bits(rules, scratch, record, net, row, b, t, n_active, steps):
    """The bits of the input from step t on, as masks, as `encoder.encode_input` leaves them."""
    stream = rules.stream
    clear(scratch.masks, 0, n_active)
    for k in range(steps):
        of_step = (t + k - 1) % stream.rows
        begin, end = stream.first[b, of_step], stream.first[b, of_step + 1]
        for e in range(begin, end):
            scratch.masks[stream.places[e]] |= np.uint32(np.uint32(1) << np.uint32(k))
        scratch.sent[k] = end - begin
        if record.part_spikes.shape[0]:
            at = begin
            for part in range(net.part_starts[1]):
                before = at
                while at < end and stream.places[at] < scratch.ends[part]:
                    at += 1
                record.part_spikes[row + k, b, part] = at - before


@inlined
def _stay(rules, state, scratch, t, n_active, k):
    """`follow` of an input that is clamped to a number."""


@inlined
def _average(state, rules, scratch, t, n_active, k):
    s, gain, keep = state.unit.s, rules.stream.gain[t - 1], rules.stream.keep[t - 1]
    for i in range(n_active):
        j = scratch.active[i]
        q = (scratch.masks[i] >> np.uint32(k)) & np.uint32(1)
        s[j] = keep * s[j] + gain * s.dtype.type(q)


@inlined
def _average_states(state, rules, scratch, t, n_active, k):
    s, gain, keep = state.unit.s, rules.stream.gain[t - 1], rules.stream.keep[t - 1]
    half = np.int64(1) << np.int64(rules.coefficient_bits - 1)
    for i in range(n_active):
        j = scratch.active[i]
        q = np.int64((scratch.masks[i] >> np.uint32(k)) & np.uint32(1))
        total = keep * np.int64(s[j]) + gain * (q * np.int64(rules.one))
        s[j] = np.int32((total + half) >> np.int64(rules.coefficient_bits))


average = by_number(_average, _average_states)


@inlined
def _follow(rules, state, scratch, t, n_active, k):
    """The potentials of the input at step t, which is step k of its block."""
    average(state, rules, scratch, t, n_active, k)


class Source(NamedTuple):
    """How the clamped input comes to its bits, inlined functions."""

    is_streamed: Callable[..., Any]
    list_active: Callable[..., Any]
    give_bits: Callable[..., Any]
    follow: Callable[..., Any]


SOURCES: dict[type, Source] = {
    Unstreamed: Source(_no, _no_list, _no_bits, _stay),
    Streamed: Source(_yes, _list_active, _give_bits, _follow),
}

is_streamed = by_type(SOURCES, "is_streamed", "stream")
list_active = by_type(SOURCES, "list_active", "stream")
give_bits = by_type(SOURCES, "give_bits", "stream")
follow = by_type(SOURCES, "follow", "stream")
