"""The rule `nbp`: exact backpropagation of a binary network, and what its circuit of spikes does.

The circuit is that of lanl/spikingBackprop f725a74: a ring of 12 gates, 3 copies of the weights
forward (a unit that fires, one that tells that the drive is above 0, one that it is past 1), 2 of
the transpose, one-to-one relays. What fires when is in `mapping/anchors/renner-2024.toml`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eqchip.emulator.description.upkeep import FORWARD, MIRROR
from eqchip.emulator.kernels.gather import gather_spikes, gather_values
from eqchip.emulator.kernels.jit import inlined, kernel
from eqchip.emulator.kernels.onchip_arrays import Copy, Factor, Rate
from eqchip.emulator.kernels.random_rounding import stream_key
from eqchip.emulator.kernels.spiking.arrays import Unit
from eqchip.emulator.kernels.spiking.units import arrive, begin, largest, pass_errors
from eqchip.emulator.kernels.spiking.writes import write_copy
from eqchip.emulator.kernels.units import span

STEPS, INFERENCE_STEPS, FORWARD_COPIES, MIRROR_COPIES = 12, 4, 3, 2
# What is told of a sample, rows of `Done.told`.
HIDDEN, ABOVE, PAST, OUTPUTS, OUT_ABOVE, OUT_PAST, UP, DOWN, HID_UP, HID_DOWN, TAUGHT = range(11)


class NbpRules(NamedTuple):
    """An input fires above half of one; a unit where its drive is above one."""

    unit: Unit


@inlined
def _drive(net, unit, units, k, count):
    """V = the drive of layer k + 1; bits where it is above one; how many are, above 0, past 1."""
    arrive(net, units, k, count)
    first, n = net.offsets[k + 1], net.sizes[k + 1]
    exponent, one = np.int32(net.exponents[k]), np.int32(unit.one)
    above, past = np.int64(0), np.int64(0)
    for j in span(first, n):
        units.v[j] = np.int32(units.u[j] << exponent)
        units.bits[j] = np.uint8(units.v[j] > one)
        above += np.int64(units.v[j] > 0)
        past += np.int64(units.v[j] >= 2 * one)
    units.fired[k + 1] = gather_spikes(units.rows, first, units.bits, first, n)
    return above, past


@inlined
def _output_errors(net, unit, units, done, label):
    """error = d+ - d- of the outputs, where the gate of the drive is open."""
    first, one = net.offsets[2], np.int32(unit.one)
    for k in range(net.sizes[2]):
        drive, fires = units.v[first + k], units.bits[first + k] != 0
        up = k == label and not fires and drive > 0
        down = k != label and fires and drive < 2 * one
        units.error[first + k] = np.int32(up) - np.int32(down)
        done.told[UP] += np.int64(up)
        done.told[DOWN] += np.int64(down)


@inlined
def _hidden_errors(net, paths, unit, units, done):
    """error = the sign of what the transpose brings, where the drive is in the box."""
    first, n, one = net.offsets[1], net.sizes[1], np.int32(unit.one)
    pass_errors(paths, net, units.error, units.dendrite, 1)
    for j in span(first, n):
        inside = units.v[j] > 0 and units.v[j] < 2 * one
        up, down = inside and units.dendrite[j] > 0, inside and units.dendrite[j] < 0
        units.error[j] = np.int32(up) - np.int32(down)
        done.told[HID_UP] += np.int64(up)
        done.told[HID_DOWN] += np.int64(down)


@inlined
def _write(net, learner, units, done, k, count):
    """weights += one code times errors, of what fired below; every copy of the circuit counts."""
    n_pre, n_post, first = net.sizes[k], net.sizes[k + 1], net.offsets[k + 1]
    post = gather_values(units.post_rows, units.post_values, 0, units.error, first, n_post)
    for i in range(count):
        units.pre_rows[i] = units.rows[net.offsets[k] + i]
        units.pre_values[i] = 1
    key = stream_key(learner.seed[0], 0, k, FORWARD)  # of no use: whole codes are not rounded
    rate = Rate(1 << learner.accumulator_bits, 0, key)
    below = Factor(units.pre_rows, units.pre_values, count, n_post)
    above = Factor(units.post_rows, units.post_values, post, 1)
    forward = Copy(learner.stored, net.weights, net.starts[k], net.strides[k])
    write_copy(forward, below, above, rate, learner, done.writes[k, FORWARD], n_post)
    if k > 0:
        mirror = Copy(
            learner.stored_mirror, net.mirror, net.mirror_starts[k], net.mirror_strides[k]
        )
        write_copy(mirror, above, below, rate, learner, done.writes[k, MIRROR], n_pre)


@inlined
def _count(net, done, before, n_input, learns):
    """Spikes of all populations and the synapses that they cross, of one sample.

    before: what was told before it.
    """
    told = before
    for row in range(len(done.told)):
        told[row] = done.told[row] - before[row]
    hidden, above, past = told[HIDDEN], told[ABOVE], told[PAST]
    outputs, out_above, out_past = told[OUTPUTS], told[OUT_ABOVE], told[OUT_PAST]
    error, of_hidden = told[UP] + told[DOWN], told[HID_UP] + told[HID_DOWN]
    n_in, n, n_out = net.sizes[0], net.sizes[1], net.sizes[2]
    if not learns:
        done.spikes[0, 0] += n_input
        done.spikes[0, 1] += hidden + above + past
        done.spikes[0, 2] += outputs + out_above + out_past
        done.arrivals[0, 0] += n_input * FORWARD_COPIES * n
        done.arrivals[0, 1] += hidden * FORWARD_COPIES * n_out
        return
    box = above - past
    done.spikes[0, 0] += 4 * n_input
    done.spikes[0, 1] += 6 * hidden + above + past + box + 4 * of_hidden
    done.spikes[0, 2] += outputs + out_above + out_past + 5 * error + 1
    done.labels[0] += 1
    done.error_spikes[2] += error
    done.error_spikes[1] += of_hidden
    # x to three copies and its relay, three times; the relay to both its ends; and the gates.
    done.arrivals[0, 0] += 3 * n_input * (FORWARD_COPIES * n + 1) + 2 * n_input
    done.arrivals[0, 0] += 4 * n_in + 18 * n
    fires = 3 * hidden + of_hidden
    done.arrivals[0, 1] += fires * (FORWARD_COPIES * n_out + 1) + 4 * hidden
    done.arrivals[0, 1] += 3 * (2 * hidden + of_hidden) + above + past + 2 * of_hidden + 6 * box
    done.arrivals[0, 1] += 25 * n_out + STEPS
    done.error_events[1] += (outputs + 2 * error) * n
    done.error_events[2] += 2 * outputs + 2 * out_above + out_past + 2 + 9 * error


@kernel
def run_nbp(net, paths, rules, learner, units, x, labels, done, first_number, learns):
    """As `run_graded`; nothing is drawn at random."""
    unit, n_in, half = rules.unit, net.sizes[0], np.int32(rules.unit.one >> 1)
    for b in range(len(x)):
        begin(net, unit, units)
        for row in range(len(done.told)):
            units.wide[row] = done.told[row]
        n_input = np.int64(0)
        for i in range(n_in):
            units.rows[n_input] = i
            n_input += np.int64(x[b, i] > half)
        above, past = _drive(net, unit, units, 0, n_input)
        out_above, out_past = _drive(net, unit, units, 1, units.fired[1])
        done.told[HIDDEN] += units.fired[1]
        done.told[ABOVE] += above
        done.told[PAST] += past
        done.told[OUTPUTS] += units.fired[2]
        done.told[OUT_ABOVE] += out_above
        done.told[OUT_PAST] += out_past
        done.classes[b] = largest(units.v, net.offsets[2], net.sizes[2])
        done.steps[0] += STEPS if learns else INFERENCE_STEPS
        if learns:
            first = net.offsets[2]
            _output_errors(net, unit, units, done, labels[b])
            wrong = np.int64(0)
            for j in span(first, net.sizes[2]):
                wrong += np.int64(units.error[j] != 0)
            if wrong > 0:
                done.told[TAUGHT] += 1
                _write(net, learner, units, done, 1, units.fired[1])
                _hidden_errors(net, paths, unit, units, done)
                _write(net, learner, units, done, 0, n_input)
        _count(net, done, units.wide, n_input, learns)
    # Of every write, what the copies of the circuit do alike.
    for k in range(2):
        for what in range(4):
            done.writes[k, FORWARD, what] *= FORWARD_COPIES
            done.writes[k, MIRROR, what] *= MIRROR_COPIES
