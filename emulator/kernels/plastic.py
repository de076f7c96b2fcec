"""Weights that are written while the phases run: hooks, one row for each kind of plasticity.

The relaxation knows none of them: it calls `write`, and gets that of the kind whose numbers stand
in ``rules.plasticity`` when it is compiled. Of the kind `Unplastic` that is nothing.

Arguments as in `relax`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.kernels.connections import arrive_forward
from eqchip.emulator.kernels.jit import by_number, by_type, inlined
from eqchip.emulator.kernels.state import Unplastic
from eqchip.emulator.kernels.units import clear


@inlined
def _fixed_weights(net, rules, state, layer, at, count):
    """`write` of weights that stay."""


@inlined
def _no(net, rules, state, layer, at, count):
    return False


@inlined
def _yes(net, rules, state, layer, at, count):
    return True


class Hook(NamedTuple):
    """What a kind of plasticity does, an inlined function.

    write(net, rules, state, layer, at, count)
        The units ``state.rows[at : at + count]`` of a layer, ascending, fired in the step before:
        may write weights by :func:`add_to_weight`. ``state.unit.s`` are the potentials that the
        step before left, ``net.offsets[layer]`` is where those of a layer begin.
    """

    write: Callable[..., Any]
    is_plastic: Callable[..., Any] = _yes


HOOKS: dict[type, Hook] = {Unplastic: Hook(_fixed_weights, _no)}

write = by_type(HOOKS, "write", "plasticity")
is_plastic = by_type(HOOKS, "is_plastic", "plasticity")


@inlined
def add_to_weight(net, k, i, j, change):
    """weight += change, of the synapse of dense connection k between units i below and j above."""
    at = net.starts[k] + np.int64(i) * net.strides[k] + j
    net.weights[at] += change
    if k > 0:
        net.mirror[net.mirror_starts[k] + np.int64(j) * net.mirror_strides[k] + i] = net.weights[at]


@inlined
def keep_input(net, state, scratch, following, n_active):
    """The input's spikes of this step as a list, as those of other layers; returns how many."""
    count = 0
    at = following * len(state.incoming)
    for i in range(n_active):
        if scratch.masks[i] & np.uint32(1):
            state.rows[at + count] = scratch.active[i]
            count += 1
    return count


@inlined
def _sum_input(net, state, now):
    """What the input's spikes bring to layer 1; returns the synapses crossed."""
    units = len(state.incoming)
    clear(state.incoming, net.offsets[1], net.sizes[1])
    return arrive_forward(
        state.incoming, net.offsets[1], net, 0, state.rows, state.values, now * units,
        state.counts[now * len(net.sizes)], False,
    )  # fmt: skip


@inlined
def _no_codes(net, state, now):
    """Of a chip's integers: none is plastic here."""
    return 0


sum_input = by_number(_sum_input, _no_codes)


@inlined
def write_arrivals(net, rules, state, now):
    """The spikes of the step before arrive and write; what the input sends is added up anew."""
    layers, units = len(net.sizes), len(state.incoming)
    for layer in range(layers):
        count = state.counts[now * layers + layer]
        write(net, rules, state, layer, now * units + net.offsets[layer], count)
    state.crossed[0] = sum_input(net, state, now)
