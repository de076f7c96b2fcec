"""States that are carried on: a sample begins in those that another one left.

The relaxation calls these by name, and gets those of the type of ``rules.carried`` when it is
compiled; of the type `Uncarried` they are nothing, and every sample begins at rest. Arguments as in
`relax`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.kernels.jit import by_type, inlined
from eqchip.emulator.kernels.lowered import Lowered
from eqchip.emulator.kernels.state import Kept, Uncarried
from eqchip.emulator.kernels.units import copy, span


class Carried(NamedTuple):
    """Where samples begin, and where they leave what comes of them; sample b in row b % rows.

    memory: (rows, fields, j) numbers, what units keep, the input's clamped values among them; sent:
    (rows, n_in) uint8, the bits that the input sent last; messages: (rows, j) int32, values: (rows,
    j) numbers (of a chip's integers none) and counts: (rows, l) int64, the messages that are on
    their way, per layer from its offset; t: (rows,) int64, steps taken. latest: what is left of t
    at most.
    """

    memory: np.ndarray
    sent: np.ndarray
    messages: np.ndarray
    values: np.ndarray
    counts: np.ndarray
    t: np.ndarray
    latest: int


def new_carried(net: Lowered, kept: Kept, rows: int, latest: int) -> Carried:
    """Samples at rest, before their step 1."""
    units, dtype = int(net.offsets[-1]), net.biases.dtype
    begin = np.array(list(kept.begin.values()), dtype)
    return Carried(
        memory=np.repeat(np.repeat(begin[None, :, None], rows, 0), units, 2),
        sent=np.zeros((rows, int(net.sizes[0])), np.uint8),
        messages=np.zeros((rows, units), np.int32),
        values=np.zeros((rows, 0 if dtype.kind == "i" else units), dtype),
        counts=np.zeros((rows, len(net.sizes)), np.int64),
        t=np.zeros(rows, np.int64),
        latest=latest,
    )


@inlined
def _no(rules):
    return False


@inlined
def _yes(rules):
    return True


@inlined
def _nothing(net, rules, state, scratch, b):
    """`take_up` where every sample begins at rest."""
    return 0


@inlined
def _take_up(net, rules, state, scratch, b):
    """The state of the row of sample b, its messages as those of `now` 0; returns its t.

    All units of the input are active: scratch.masks holds what they sent, as of a block of one
    step, and scratch.sent how much that was.
    """
    kept, layers = rules.carried, len(net.sizes)
    row = b % len(kept.t)
    for field in range(len(state.begin)):
        for j in span(0, len(state.incoming)):
            state.memory[field, j] = kept.memory[row, field, j]
    for layer in range(layers):
        count, at = kept.counts[row, layer], net.offsets[layer]
        state.counts[layer], state.counts[layers + layer] = count, 0
        if layer > 0:
            copy(state.rows, kept.messages[row], at, count)
            if rules.real_valued:
                copy(state.values, kept.values[row], at, count)
    for i in range(net.sizes[0]):
        scratch.active[i] = i
        scratch.masks[i] = kept.sent[row, i]
    scratch.sent[0] = kept.counts[row, 0]
    return kept.t[row]


@inlined
def _nothing_left(net, rules, state, scratch, now, t, k, b):
    """`leave` where nothing is carried on."""


@inlined
def _leave(net, rules, state, scratch, now, t, k, b):
    """The state that sample b is in becomes that of its row; k: the last step in its block."""
    kept, layers, units = rules.carried, len(net.sizes), len(state.incoming)
    row = b % len(kept.t)
    for field in range(len(state.begin)):
        for j in span(0, units):
            kept.memory[row, field, j] = state.memory[field, j]
    for layer in range(layers):
        count = state.counts[now * layers + layer]
        kept.counts[row, layer] = count
        if layer > 0:
            at = now * units + net.offsets[layer]
            for i in range(count):
                kept.messages[row, net.offsets[layer] + i] = state.rows[at + i]
                if rules.real_valued:
                    kept.values[row, net.offsets[layer] + i] = state.values[at + i]
    if not (rules.current or rules.real_valued):
        for i in range(net.sizes[0]):
            kept.sent[row, i] = (scratch.masks[i] >> np.uint32(k)) & np.uint32(1)
    kept.t[row] = min(t, kept.latest)


class Begin(NamedTuple):
    """Where samples begin, inlined functions."""

    is_carried: Callable[..., Any]
    take_up: Callable[..., Any]
    leave: Callable[..., Any]


BEGINS: dict[type, Begin] = {
    Uncarried: Begin(_no, _nothing, _nothing_left),
    Carried: Begin(_yes, _take_up, _leave),
}

is_carried = by_type(BEGINS, "is_carried", "carried")
take_up = by_type(BEGINS, "take_up", "carried")
leave = by_type(BEGINS, "leave", "carried")
