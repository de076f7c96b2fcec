"""What the kernels of spiking rules take: the paths of errors, states, what is written, counts.

Axes: b = sample, p = phase, l = layer, k = connection, j = unit (all layers in one row, as in
`Lowered`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

VISITED, ATTEMPTED, APPLIED, SATURATED = range(4)
NOISE, MESSAGES, EVENTS = range(3)  # of what backward weights are aligned by
ALIGNING = ("spikes", "messages", "events")
WRITE_COUNTS = ("visited", "attempted", "applied", "saturated")


class Paths(NamedTuple):
    """What errors cross on their way to hidden layers, rows by the unit that sends.

    codes: int8, flat; of a path that learns, the mirrored weights themselves. starts, strides,
    source, exponents: (l,) int64, of the rows that lead to a layer, the layer that they come from.
    mirrored: whether rows get the transposed write of the weights; aligns: whether they are written
    by what they miss of the drive of the weights.
    """

    codes: np.ndarray
    starts: np.ndarray
    strides: np.ndarray
    source: np.ndarray
    exponents: np.ndarray
    mirrored: bool
    aligns: bool


class Learner(NamedTuple):
    """What learning remembers.

    stored, stored_mirror: int16, flat as `Lowered.weights` and `.mirror`: codes with
    accumulator_bits more below the point; highest: the largest code; mantissa, shift,
    bias_mantissa, bias_shift, mirror_mantissa, mirror_shift: (k,) int64, rates, the last of what
    the mirrored weights get of the transposed write; aligning: (2,) int64, mantissa and shift of
    `align`; seed: (1,) uint64.
    """

    stored: np.ndarray
    stored_mirror: np.ndarray
    accumulator_bits: int
    highest: int
    mantissa: np.ndarray
    shift: np.ndarray
    bias_mantissa: np.ndarray
    bias_shift: np.ndarray
    mirror_mantissa: np.ndarray
    mirror_shift: np.ndarray
    aligning: np.ndarray
    seed: np.ndarray


class Units(NamedTuple):
    """States and scratch of one sample: (j,) int32 but for bits.

    v: potentials; u: what arrives in a step; drive: what an injected input adds at every step, a
    state; error: error units, or the error itself; counts, taught: spikes of the first and of the
    second phase, of an injected input its states; told: the error spikes of the step before, int32,
    and new ones; dendrite, gated: U, and its sum where the gate was open. bits: uint8.
    rows: what fired in the step before, by layer from its offset on; fired: (l,) int64, how many.
    pre_rows, pre_values, post_rows, post_values, spike_rows, spike_values: one end each of a
    product. wide: (j,) int64, scratch. traces: int32, one a synapse of the first connection, where
    a rule keeps them; else empty.
    """

    v: np.ndarray
    u: np.ndarray
    drive: np.ndarray
    error: np.ndarray
    counts: np.ndarray
    taught: np.ndarray
    told: np.ndarray
    new: np.ndarray
    dendrite: np.ndarray
    gated: np.ndarray
    phi: np.ndarray
    bits: np.ndarray
    rows: np.ndarray
    fired: np.ndarray
    pre_rows: np.ndarray
    pre_values: np.ndarray
    post_rows: np.ndarray
    post_values: np.ndarray
    spike_rows: np.ndarray
    spike_values: np.ndarray
    wide: np.ndarray
    traces: np.ndarray


class Done(NamedTuple):
    """What samples did: counts, int64, but for the class of each sample, (b,).

    steps: (p,), steps run; spikes: (p, l); arrivals: (p, k), synapses that forward spikes crossed,
    or that of an injected input its numbers; error_spikes, messages: (l,), errors sent by a layer
    as spikes, and as numbers, and of layer 0 the numbers of an injected input; error_events:
    (l,), synapses that errors crossed to reach a layer; labels: (1,), spikes of label units;
    saturated: (1,), potentials that left the chip's range; taught: (1,), samples learned from, all
    but those that were right; open: (l,), units whose gate let an error through; told: what else a
    rule tells, in its order; aligning: (k, 3), what backward weights are aligned by: spikes
    of noise below, messages from above, synapses that both crossed; writes: (k, copy, 4), visited,
    attempted, applied (a code changed), saturated.
    """

    classes: np.ndarray
    steps: np.ndarray
    spikes: np.ndarray
    arrivals: np.ndarray
    error_spikes: np.ndarray
    messages: np.ndarray
    error_events: np.ndarray
    labels: np.ndarray
    saturated: np.ndarray
    taught: np.ndarray
    open: np.ndarray
    told: np.ndarray
    aligning: np.ndarray
    writes: np.ndarray


class Unit(NamedTuple):
    """An integrate-and-fire unit: numbers of the chip's states.

    one: 1.0, and the threshold; low: the least V; high: the largest; begin: V before a sample;
    takes_all: whether a spike takes all of V, or one threshold; fraction_bits: of a state; current:
    whether the input is injected once a sample.
    """

    one: int
    low: int
    high: int
    begin: int
    takes_all: bool
    fraction_bits: int
    current: bool = False


def new_units(units: int, layers: int, traces: int = 0) -> Units:
    """States of a network of so many units, in one row; and traces of so many synapses."""
    found = {name: np.zeros(units, np.int32) for name in Units._fields}
    found["bits"], found["fired"] = np.zeros(units, np.uint8), np.zeros(layers, np.int64)
    found["wide"], found["traces"] = np.zeros(units, np.int64), np.zeros(traces, np.int32)
    return Units(**found)


def new_done(samples: int, phases: int, layers: int, tells: int = 0) -> Done:
    """Nothing done yet."""
    by_layer = [np.zeros(layers, np.int64) for _ in range(4)]
    error_spikes, messages, error_events, opened = by_layer
    return Done(
        np.zeros(samples, np.int64),
        np.zeros(phases, np.int64),
        np.zeros((phases, layers), np.int64),
        np.zeros((phases, layers - 1), np.int64),
        error_spikes,
        messages,
        error_events,
        np.zeros(1, np.int64),
        np.zeros(1, np.int64),
        np.zeros(1, np.int64),
        opened,
        np.zeros(tells, np.int64),
        np.zeros((layers - 1, 3), np.int64),
        np.zeros((layers - 1, 2, len(WRITE_COUNTS)), np.int64),
    )
