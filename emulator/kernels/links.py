"""Connections beside the chain: skips between layers, and lateral ones within a layer.

The relaxation knows none of them: it calls the functions of the row of `LINKED` whose numbers stand
in ``rules.links`` when it is compiled. Of a chain, `Unlinked`, these are nothing, and nothing of
this is compiled.

What arrives is added to what the chain brought, link by link: in floating point into the same
running sum, forward and then feedback; in a chip's integers each sum of codes is scaled by its
link's exponent, added, and clipped. What the clamped input sends is listed step by step here, as
what other layers send is; injected, it is added to the biases.

Arguments as in `relax`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.kernels.connections import spread, spread_codes
from eqchip.emulator.kernels.gather import gather_values
from eqchip.emulator.kernels.jit import by_number, by_type, inlined
from eqchip.emulator.kernels.state import Links, Unlinked
from eqchip.emulator.kernels.units import clear, drive, span
from eqchip.emulator.kernels.units_fixed import load_current


@inlined
def _arrive(u, at, net, links, k, forward, rows, values, first, count, valued):
    """Add messages over link k into u, from `at` on; the synapses crossed."""
    if forward:
        return spread(
            u, at, net.weights, net.starts[k], net.strides[k], net.forward, k,
            net.forward.channels[k] == net.sizes[links.below[k]], rows, values, first,
            first + count, valued,
        )  # fmt: skip
    return spread(
        u, at, net.mirror, net.mirror_starts[k], net.mirror_strides[k], net.back, k,
        net.back.channels[k] == net.sizes[links.above[k]], rows, values, first, first + count,
        valued,
    )  # fmt: skip


@inlined
def _add(net, rules, state, scratch, record, now, layer, k, forward, b, phase):
    """u += what link k brings to a layer, forward or back."""
    links, units, layers = rules.links, len(state.incoming), len(net.sizes)
    sender = links.below[k] if forward else links.above[k]
    record.arrivals[b, phase, k, 0 if forward else 1] += _arrive(
        scratch.u, net.offsets[layer], net, links, k, forward, state.rows, state.values,
        now * units + net.offsets[sender], state.counts[now * layers + sender], rules.real_valued,
    )  # fmt: skip


@inlined
def _arrive_codes(u, at, net, links, k, forward, rows, first, count):
    """As `_arrive`, for spikes over weight codes."""
    if forward:
        return spread_codes(
            u, at, net.weights, net.starts[k], net.strides[k], net.forward, k,
            net.forward.channels[k] == net.sizes[links.below[k]], rows, first, first + count,
        )  # fmt: skip
    return spread_codes(
        u, at, net.mirror, net.mirror_starts[k], net.mirror_strides[k], net.back, k,
        net.back.channels[k] == net.sizes[links.above[k]], rows, first, first + count,
    )  # fmt: skip


@inlined
def _add_codes(net, rules, state, scratch, record, now, layer, k, forward, b, phase):
    """As `_add`: u = clip(u + scaled sum of codes)."""
    links, units, layers = rules.links, len(state.incoming), len(net.sizes)
    sender = links.below[k] if forward else links.above[k]
    first, n, sums = net.offsets[layer], net.sizes[layer], scratch.error  # not in use yet
    clear(sums, first, n)
    record.arrivals[b, phase, k, 0 if forward else 1] += _arrive_codes(
        sums, first, net, links, k, forward, state.rows, now * units + net.offsets[sender],
        state.counts[now * layers + sender],
    )  # fmt: skip
    exponent = net.exponents[k] if forward else net.back_exponents[k]
    up, down = np.int64(max(exponent, 0)), np.int64(max(-exponent, 0))
    clipped, low, high = np.int64(0), np.int64(rules.low), np.int64(rules.high)
    for j in span(first, n):
        total = np.int64(scratch.u[j]) + ((np.int64(sums[j]) << up) >> down)
        kept = min(max(total, low), high)
        clipped += np.int64(kept != total)
        scratch.u[j] = kept
    record.saturations[b, phase, layer] += clipped


add = by_number(_add, _add_codes)


@inlined
def _receive(net, rules, state, scratch, record, now, layer, b, phase):
    links = rules.links
    for k in range(links.first, len(links.below)):
        if links.above[k] == layer:
            add(net, rules, state, scratch, record, now, layer, k, True, b, phase)
        if links.below[k] == layer and links.above[k] > layer:
            add(net, rules, state, scratch, record, now, layer, k, False, b, phase)


@inlined
def _inject(net, rules, state, scratch, record, n_active, b, phase, k):
    """The clamped input as a current, over link k: added to the biases above."""
    above = rules.links.above[k]
    first, n = net.offsets[above], net.sizes[above]
    values, s = scratch.clamped, state.unit.s
    count = gather_values(scratch.active, values, 0, s, 0, net.sizes[0])
    clear(scratch.u, first, n)
    record.injected[b, phase, k] += _arrive(
        scratch.u, first, net, rules.links, k, True, scratch.active, values, 0, count, True
    )
    drive(scratch.b, scratch.u, scratch.b, first, n)


@inlined
def _inject_codes(net, rules, state, scratch, record, n_active, b, phase, k):
    """As `_inject`: sums of input times code, in 64 bits, are rounded and clipped."""
    above = rules.links.above[k]
    first, n, fan = net.offsets[above], net.sizes[above], net.forward
    for j in range(n):
        scratch.wide[j] = 0
    channels, places = fan.channels[k], fan.places[k]
    crossed = 0
    for i in range(net.sizes[0]):
        value = np.int64(state.unit.s[i])
        if value == 0:
            continue
        place = i // channels
        row = net.starts[k] + (i - place * channels) * net.strides[k]
        for s in range(fan.first[places + place], fan.first[places + place + 1]):
            to, source = fan.to[s], row + fan.source[s]
            for j in range(min(fan.length[s], n - to)):
                scratch.wide[to + j] += value * np.int64(net.weights[source + j])
        crossed += fan.reach[places + place]
    record.injected[b, phase, k] += crossed
    record.saturations[b, phase, above] += load_current(
        scratch.b, scratch.wide, first, n, rules.fraction_bits - net.exponents[k], rules.low,
        rules.high,
    )  # fmt: skip


inject = by_number(_inject, _inject_codes)


@inlined
def _begin(net, rules, state, scratch, record, n_active, b, phase):
    if rules.current and rules.links.of_input:
        for k in range(rules.links.first, len(rules.links.below)):
            if rules.links.below[k] == 0:
                inject(net, rules, state, scratch, record, n_active, b, phase, k)


@inlined
def _list_values(net, rules, state, scratch, at, n_active, k):
    if rules.real_valued:
        gather_values(state.rows, state.values, at, state.unit.s, 0, net.sizes[0])
    else:
        _list_spikes(net, rules, state, scratch, at, n_active, k)


@inlined
def _list_spikes(net, rules, state, scratch, at, n_active, k):
    count = 0
    for i in range(n_active):
        if (scratch.masks[i] >> np.uint32(k)) & np.uint32(1):
            state.rows[at + count] = scratch.active[i]
            count += 1


list_messages = by_number(_list_values, _list_spikes)


@inlined
def _list_input(net, rules, state, scratch, following, n_active, k):
    if rules.links.of_input and not rules.current:
        at = following * len(state.incoming)
        list_messages(net, rules, state, scratch, at, n_active, k)


@inlined
def _lists(net, rules):
    return rules.links.of_input


@inlined
def _return(net, rules, state, scratch, record, b, phase, k):
    """The read-out's error over link k: added to the biases below, as it is for so long."""
    last, below = len(net.sizes) - 1, rules.links.below[k]
    first, n = net.offsets[last], net.sizes[last]
    at, n_below = net.offsets[below], net.sizes[below]
    count = gather_values(state.rows, state.values, first, state.unit.s, first, n)
    clear(scratch.u, at, n_below)
    record.returned[b, phase, k] = _arrive(
        scratch.u, at, net, rules.links, k, False, state.rows, state.values, first, count, True
    )
    drive(scratch.b, scratch.u, scratch.b, at, n_below)


@inlined
def _return_codes(net, rules, state, scratch, record, b, phase, k):
    """As `_return`, in a chip's integers."""
    last, below = len(net.sizes) - 1, rules.links.below[k]
    first, n, n_below = net.offsets[last], net.sizes[last], net.sizes[below]
    crossed = 0
    for i in range(n_below):
        scratch.wide[i] = 0
    for m in range(n):
        error = np.int64(state.unit.s[first + m])
        if error != 0:
            row = net.mirror_starts[k] + m * net.mirror_strides[k]
            for i in range(n_below):
                scratch.wide[i] += error * np.int64(net.mirror[row + i])
            crossed += n_below
    record.returned[b, phase, k] = crossed
    record.saturations[b, phase, below] += load_current(
        scratch.b, scratch.wide, net.offsets[below], n_below,
        rules.fraction_bits - net.back_exponents[k], rules.low, rules.high,
    )  # fmt: skip


send_back = by_number(_return, _return_codes)


@inlined
def _send_error(net, rules, state, scratch, record, b, phase):
    links = rules.links
    for k in range(links.first, len(links.below)):
        if links.above[k] == len(net.sizes) - 1 and links.below[k] > 0:
            send_back(net, rules, state, scratch, record, b, phase, k)


@inlined
def _nothing_received(net, rules, state, scratch, record, now, layer, b, phase):
    """Of a chain."""


@inlined
def _nothing_injected(net, rules, state, scratch, record, n_active, b, phase):
    """Of a chain."""


@inlined
def _nothing_listed(net, rules, state, scratch, following, n_active, k):
    """Of a chain."""


@inlined
def _lists_nothing(net, rules):
    return False


@inlined
def _nothing_told(net, rules, state, scratch, record, b, phase):
    """Of a chain."""


class Linked(NamedTuple):
    """What links do in a relaxation, inlined functions.

    receive: to what arrives at a layer; inject: once a sample; list_input: with what the input
    sends in a step, if `lists_input`; send_error: with a read-out's error, when a nudged phase
    begins.
    """

    receive: Callable[..., Any]
    inject: Callable[..., Any]
    list_input: Callable[..., Any]
    lists_input: Callable[..., Any]
    send_error: Callable[..., Any]


LINKED: dict[type, Linked] = {
    Unlinked: Linked(
        _nothing_received, _nothing_injected, _nothing_listed, _lists_nothing, _nothing_told
    ),
    Links: Linked(_receive, _begin, _list_input, _lists, _send_error),
}

receive_links = by_type(LINKED, "receive", "links")
inject_links = by_type(LINKED, "inject", "links")
list_input = by_type(LINKED, "list_input", "links")
lists_input = by_type(LINKED, "lists_input", "links")
send_error_links = by_type(LINKED, "send_error", "links")
