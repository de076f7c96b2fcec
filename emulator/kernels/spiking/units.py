"""What integrate-and-fire units do in a step, in a chip's integers.

The twin that is written to be read is `eqchip.backends.reference.spiking.units`. Axes as in
`arrays`; a layer is the units first ... first + n - 1.
"""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.connections import inject_codes
from eqchip.emulator.kernels.gather import gather_spikes, gather_values
from eqchip.emulator.kernels.jit import inlined
from eqchip.emulator.kernels.rows_fixed import LANES, add_code_rows
from eqchip.emulator.kernels.units import span
from eqchip.emulator.kernels.units_fixed import load_current


@inlined
def clear(x, first, n):
    """x = 0."""
    for j in span(first, n):
        x[j] = 0


@inlined
def begin(net, unit, units):
    """All states before a sample."""
    total = net.offsets[-1]
    for j in span(0, total):
        units.v[j] = unit.begin
        units.drive[j] = 0
        units.counts[j] = 0
        units.taught[j] = 0
        units.error[j] = 0
        units.told[j] = 0
        units.dendrite[j] = 0
        units.gated[j] = 0
        units.phi[j] = 0
        units.bits[j] = 0
    for layer in range(len(net.sizes)):
        units.fired[layer] = 0


@inlined
def encode(x, phi, rows, n_in, active, n_active, one):
    """Sigma-delta: the pixels that spike in this step, rows; how many; x, phi: (j,) int32."""
    half, count = np.int32(one >> 1), np.uint64(0)
    for a in range(n_active):
        i = active[a]
        total = phi[i] + x[i]
        fires = np.int32(total > half)
        phi[i] = total - fires * np.int32(one)
        rows[count] = i
        count += np.uint64(fires)
    return np.int64(count)


@inlined
def _whole(n):
    return (n + LANES - 1) // LANES * LANES


@inlined
def arrive(net, units, k, count):
    """u of layer k + 1 = the weights of what fired below; synapses crossed."""
    first, n = net.offsets[k + 1], net.sizes[k + 1]
    clear(units.u, first, _whole(n))
    add_code_rows(
        units.u, first, net.weights, net.starts[k], net.strides[k], _whole(n), units.rows,
        net.offsets[k], net.offsets[k] + count,
    )  # fmt: skip
    return count * n


@inlined
def integrate(net, unit, units, layer):
    """V = clip(V + u 2**exponent + b + drive); how many were clipped above."""
    first, n = net.offsets[layer], net.sizes[layer]
    exponent = np.int32(net.exponents[layer - 1])
    low, high, clipped = np.int32(unit.low), np.int32(unit.high), np.int32(0)
    v, u, biases, drive = units.v, units.u, net.biases, units.drive
    for j in span(first, n):
        total = np.int32(v[j] + np.int32(np.int32(u[j] << exponent) + biases[j]))
        total = np.int32(total + drive[j])
        kept = max(min(total, high), low)
        clipped = np.int32(clipped + np.int32(total > high))
        v[j] = kept
    return np.int64(clipped)


@inlined
def fire(net, unit, units, layer):
    """Bits where V is above the threshold, what a spike takes, and rows of what fired."""
    first, n = net.offsets[layer], net.sizes[layer]
    one, v, bits = np.int32(unit.one), units.v, units.bits
    if unit.takes_all:
        for j in span(first, n):
            q = np.int32(v[j] > one)
            v[j] *= np.int32(1) - q
            bits[j] = np.uint8(q)
    else:
        for j in span(first, n):
            q = np.int32(v[j] > one)
            v[j] -= q * one
            bits[j] = np.uint8(q)
    units.fired[layer] = gather_spikes(units.rows, first, bits, first, n)


@inlined
def count_bits(net, units, out, layer):
    """out += bits."""
    for j in span(net.offsets[layer], net.sizes[layer]):
        out[j] += np.int32(units.bits[j])


@inlined
def forward_step(net, unit, units, done, phase, n_input, sums_up):
    """One step of all layers, the last first: each hears what fired below in the step before.

    n_input: spikes of the input, which runs a step ahead, in rows; sums_up: whether the last layer
    only adds up.
    """
    last = len(net.sizes) - 1
    done.spikes[phase, 0] += n_input
    done.steps[phase] += 1
    for back in range(last):
        layer = last - back
        count = n_input if layer == 1 else units.fired[layer - 1]
        done.arrivals[phase, layer - 1] += arrive(net, units, layer - 1, count)
        done.saturated[0] += integrate(net, unit, units, layer)
        if layer < last or not sums_up:
            fire(net, unit, units, layer)
            done.spikes[phase, layer] += units.fired[layer]


@inlined
def largest(x, first, n):
    """The first of the units with the largest number."""
    best = 0
    for j in range(n):
        if x[first + j] > x[first + best]:
            best = j
    return best


@inlined
def begin_input(net, unit, units, done, x):
    """The pixels that are not 0, pre_rows and pre_values; how many.

    Where the input is injected they are sent now, once, as numbers: what they add up to is held,
    rounded to nearest, ties up, and their states stand for their counts.
    """
    n_in = net.sizes[0]
    n_active = gather_values(units.pre_rows, units.pre_values, 0, x, 0, n_in)
    if unit.current:
        first, n = net.offsets[1], net.sizes[1]
        for j in range(_whole(n)):
            units.wide[j] = 0
        inject_codes(units.wide, net, units.pre_rows, units.pre_values, n_active)
        shift = unit.fraction_bits - net.exponents[0]
        done.saturated[0] += load_current(
            units.drive, units.wide, first, n, shift, -unit.high - 1, unit.high
        )
        for i in range(n_in):
            units.counts[i] = x[i]
        done.messages[0] += n_active
        done.arrivals[0, 0] += n_active * n
    return n_active


@inlined
def send_input(net, unit, units, x, n_active):
    """The pixels that spike in this step, rows; how many: of an injected input none."""
    if unit.current:
        return np.int64(0)
    return encode(x, units.phi, units.rows, net.sizes[0], units.pre_rows, n_active, unit.one)


@inlined
def is_right(net, values, label, top, near):
    """Whether all outputs, values over top, are nearer to their targets than near over top."""
    last = len(net.sizes) - 1
    first, all_near = net.offsets[last], True
    for k in range(net.sizes[last]):
        wanted = np.int64(top) if k == label else np.int64(0)
        value = min(max(np.int64(values[first + k]), np.int64(0)), np.int64(top))
        all_near = all_near and abs(wanted - value) < near
    return all_near


@inlined
def step_error(error, new, threshold, first, n):
    """Error units of both signs, as one number: new = -1, 0 or 1 where |error| is at the threshold.

    A spike takes the threshold.
    """
    for j in span(first, n):
        up = np.int32(error[j] >= threshold)
        down = np.int32(error[j] <= -threshold)
        new[j] = up - down
        error[j] -= (up - down) * np.int32(threshold)


@inlined
def label_errors(net, units, done, new, label):
    """E += the label's spike less the unit's own of the step before, of outputs; new = its spikes.

    One spike is the threshold.
    """
    last = len(net.sizes) - 1
    first, n = net.offsets[last], net.sizes[last]
    for k in range(n):
        units.error[first + k] += np.int32(k == label) - np.int32(units.bits[first + k])
    done.error_events[last] += units.fired[last] + 1
    done.labels[0] += 1
    step_error(units.error, new, 1, first, n)


@inlined
def pass_errors(paths, net, told, out, layer):
    """out of a hidden layer = what its source tells, numbers or spikes, times codes; who told.

    told: (j,) int32. Sums are not yet scaled by the exponent.
    """
    first, n = net.offsets[layer], net.sizes[layer]
    source = paths.source[layer]
    begin_source, n_source = net.offsets[source], net.sizes[source]
    clear(out, first, n)
    heard = np.int64(0)
    for m in range(n_source):
        value = np.int32(told[begin_source + m])
        if value != 0:
            heard += 1
            at = np.uint64(paths.starts[layer] + m * paths.strides[layer])
            for j in span(0, n):
                code = np.int32(paths.codes[at + np.uint64(j)])
                out[np.uint64(first) + np.uint64(j)] += value * code
    return heard
