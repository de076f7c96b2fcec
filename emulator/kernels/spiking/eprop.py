"""The rule `eprop`: a layer that hears itself, and a trace at each synapse into it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eqchip.emulator.description.upkeep import FORWARD
from eqchip.emulator.kernels.gather import gather_values
from eqchip.emulator.kernels.jit import inlined, kernel
from eqchip.emulator.kernels.random_rounding import round_at_random, stream_key
from eqchip.emulator.kernels.spiking.arrays import (
    APPLIED,
    ATTEMPTED,
    SATURATED,
    VISITED,
    Unit,
)
from eqchip.emulator.kernels.spiking.units import (
    arrive,
    begin,
    clear,
    encode,
    fire,
    largest,
    pass_errors,
)
from eqchip.emulator.kernels.spiking.writes import write_biases, write_connection
from eqchip.emulator.kernels.units import span

KEEP_BITS = 12  # of what a potential or a trace keeps of itself
TRACE_BITS = 8  # of a trace below the point
MOST_TRACE = 2**15 - 1  # of 16 bits


class EpropRules(NamedTuple):
    """rows, steps of each, window: of the last steps; keep, fade: over 2**KEEP_BITS.

    fade: what outputs and what is summed for them keep; least: the smallest error that is sent, a
    state.
    """

    unit: Unit
    rows: int
    steps: int
    window: int
    keep: int
    fade: int
    least: int


@inlined
def _kept(x, keep):
    """keep / 2**KEEP_BITS of x, toward 0."""
    size = np.int32((np.int64(abs(x)) * np.int64(keep)) >> np.int64(KEEP_BITS))
    return size if x >= 0 else np.int32(-size)


@inlined
def _leak(net, unit, units, done, keep, k):
    """V = clip(keep V + what arrives + b) of the layer above connection k."""
    first, n = net.offsets[k + 1], net.sizes[k + 1]
    exponent, low, high = np.int32(net.exponents[k]), np.int32(unit.low), np.int32(unit.high)
    for j in span(first, n):
        arrived = np.int32(np.int32(units.u[j] << exponent) + net.biases[j])
        total = np.int32(_kept(units.v[j], keep) + arrived)
        done.saturated[0] += np.int64(total > high)
        units.v[j] = max(min(total, high), low)


@inlined
def _remember(units, first, n, at, count, keep):
    """The traces of axons: keep of themselves, and one more of those in rows, from `at` on."""
    for i in span(first, n):
        units.counts[i] = np.int32(
            (np.int64(units.counts[i]) * np.int64(keep)) >> np.int64(KEEP_BITS)
        )
    for c in range(count):
        i = first + units.rows[at + c]
        units.counts[i] = min(units.counts[i] + np.int32(1 << TRACE_BITS), np.int32(MOST_TRACE))
        units.taught[i] = 1  # it has fired


@inlined
def _keep_traces(net, rules, units, done):
    """The traces of synapses: fade of themselves, and that of the axon times how near V is to 1."""
    first, n, one = net.offsets[1], net.sizes[1], np.int32(rules.unit.one)
    for j in span(first, n):
        units.gated[j] = max(one - abs(units.v[j] - one), np.int32(0))
    bits, begin_unit = np.int64(rules.unit.fraction_bits), np.uint64(first)
    for i in range(net.sizes[0]):
        if units.taught[i] == 0:
            continue
        done.writes[0, FORWARD, VISITED] += n
        axon, at = np.int64(units.counts[i]), np.uint64(i * n)
        kept = np.int64(0)
        for j in span(0, n):
            faded = (np.int64(units.traces[at + j]) * rules.fade) >> np.int64(KEEP_BITS)
            more = (axon * np.int64(units.gated[begin_unit + j])) >> bits
            trace = min(faded + more, np.int64(MOST_TRACE))
            units.traces[at + j] = np.int32(trace)
            kept += np.int64(trace != 0)
        done.told[0] += kept


@inlined
def _errors(net, rules, paths, units, done, label):
    """error = y - clip(Y, 0, 1) of the outputs, and what hidden units hear of it over the path."""
    last, one = len(net.sizes) - 1, np.int32(rules.unit.one)
    first = net.offsets[last]
    for k in range(net.sizes[last]):
        wanted = one if k == label else np.int32(0)
        missed = wanted - min(max(units.v[first + k], np.int32(0)), one)
        units.error[first + k] = missed if abs(missed) >= rules.least else np.int32(0)
        done.messages[last] += np.int64(units.error[first + k] != 0)
    hidden, n = net.offsets[1], net.sizes[1]
    heard = pass_errors(paths, net, units.error, units.dendrite, 1)
    done.error_events[1] += heard * n
    bits, most = np.int64(rules.unit.fraction_bits), np.int64(rules.unit.high)
    exponent = np.int64(paths.exponents[1])
    for j in span(hidden, n):
        total = np.int64(units.dendrite[j])
        size = np.int32(min((abs(total) << exponent) >> bits, most))
        units.error[j] = size if total > 0 else np.int32(-size)
        done.open[1] += np.int64(size != 0)


@inlined
def _write_traces(net, learner, units, done, number):
    """weights += trace, error, rate, of each synapse into the hidden layer."""
    first, n = net.offsets[1], net.sizes[1]
    along = gather_values(units.post_rows, units.post_values, 0, units.error, first, n)
    key = stream_key(learner.seed[0], number, 0, FORWARD)
    mantissa, shift, bits = learner.mantissa[0], learner.shift[0], learner.accumulator_bits
    limit, half = np.int64(learner.highest) << bits, (np.int64(1) << bits) >> np.int64(1)
    counts = done.writes[0, FORWARD]
    for i in range(net.sizes[0]):
        if units.taught[i] == 0:
            continue
        row = net.starts[0] + i * net.strides[0]
        for c in range(along):
            j = np.int64(units.post_rows[c])
            product = np.int64(units.traces[i * n + j]) * np.int64(units.post_values[c])
            if product == 0:
                continue
            counts[ATTEMPTED] += 1
            total = np.int64(learner.stored[row + j])
            total += round_at_random(product * mantissa, shift, key, np.int64(i) * n + j)
            kept = min(max(total, -limit), limit)
            counts[SATURATED] += np.int64(kept != total)
            learner.stored[row + j] = np.int16(kept)
            code = np.int8((kept + half) >> bits)
            counts[APPLIED] += np.int64(code != net.weights[row + j])
            net.weights[row + j] = code


@kernel
def run_eprop(net, paths, rules, learner, units, x, labels, done, first_number, learns):
    """As `run_graded`; x: (b, rows n_in), the inputs of one row after the other."""
    n, last, unit = net.sizes[1], len(net.sizes) - 1, rules.unit
    n_in, hidden, total = net.sizes[0] - net.sizes[1], net.offsets[1], rules.rows * rules.steps
    for b in range(len(x)):
        begin(net, unit, units)
        clear(units.traces, 0, len(units.traces))
        for t in range(total):
            first = (t // rules.steps) * n_in
            row = x[b, first : first + n_in]
            n_active = gather_values(units.pre_rows, units.pre_values, 0, row, 0, n_in)
            count = encode(row, units.phi, units.rows, n_in, units.pre_rows, n_active, unit.one)
            fired = units.fired[1]
            done.steps[0] += 1
            done.spikes[0, 0] += count
            done.arrivals[0, 1] += arrive(net, units, 1, fired)
            _leak(net, unit, units, done, rules.fade, 1)
            if learns:
                _remember(units, hidden, n, hidden, fired, rules.fade)
                if t >= total - rules.window:
                    number = (first_number + b) * rules.window + t - (total - rules.window)
                    _errors(net, rules, paths, units, done, labels[b])
                    _write_traces(net, learner, units, done, number)
                    write_connection(
                        net, paths, learner, units, done, 1, units.counts, units.error, number
                    )
                    write_biases(net, unit, learner, units.error, 1, number)
            for c in range(fired):
                units.rows[count + c] = n_in + units.rows[hidden + c]
            done.arrivals[0, 0] += arrive(net, units, 0, count + fired)
            if learns:
                _remember(units, 0, net.sizes[0], 0, count + fired, rules.keep)
            _leak(net, unit, units, done, rules.keep, 0)
            if learns:
                _keep_traces(net, rules, units, done)
            fire(net, unit, units, 1)
            done.spikes[0, 1] += units.fired[1]
        done.classes[b] = largest(units.v, net.offsets[last], net.sizes[last])
        done.taught[0] += np.int64(learns)
