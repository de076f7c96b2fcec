"""The arrays of a run of a graph.

Axes: b = sample, t = step, p = population, k = bundle: the synapses of one projection that have
one delay; j = unit, all populations in one row of memory, each from a cache line of its own,
those of one kind side by side.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eqchip.emulator.kernels.lowered import Fan


class Wiring(NamedTuple):
    """A graph as flat arrays.

    first, sizes: (p,) int64, where each population starts in arrays over units, and its units.
    rooms: (c, p) int64, where compartment c of each starts; that of compartment 0 is `first`.
    graded: (p,) bool, whether its messages have values.
    weights: flat, numbers of the run, or codes (int8, int16). listed: (k,) bool, whether the
    bundle is a list of synapses: those of unit i of the population that sends are
    ``lists[lists_begin[k] + i]`` up to the next, in `weights` and in targets, int32.
    Else it is rows by presynaptic channel (see `engine.lowering`), behind all lists:
    starts, strides: (k,) int64; fan: where their segments go; single: (k,) bool, whether the
    population that sends is one place of the fan.
    pre, post, delay, projection: (k,) int64; target: (k,) int64, the room to which it adds;
    exponent: (k,) int64, of codes.
    depth: (p,) int64, of how many steps the messages are kept; begin: (p,) int64, where those of
    the population start in `State.rows`; counts_begin: (p,) int64, in `State.counts`.
    """

    first: np.ndarray
    rooms: np.ndarray
    sizes: np.ndarray
    graded: np.ndarray
    weights: np.ndarray
    listed: np.ndarray
    lists_begin: np.ndarray
    lists: np.ndarray
    targets: np.ndarray
    starts: np.ndarray
    strides: np.ndarray
    fan: Fan
    single: np.ndarray
    pre: np.ndarray
    post: np.ndarray
    target: np.ndarray
    delay: np.ndarray
    projection: np.ndarray
    exponent: np.ndarray
    depth: np.ndarray
    begin: np.ndarray
    counts_begin: np.ndarray


class Given(NamedTuple):
    """What a run is given.

    sources: (i,) int64, the input populations; of row r of sample b of source i the messages are
    ``ends[row_begin[i] + b (rows[i] + 1) + r]`` up to the next, in units and values; a row is sent
    for hold[i] steps. values: numbers, int32 in a chip's integers.
    driven: (c,) int64, the populations with a current; that of row r of sample b starts in
    `currents` at ``current_begin[c] + (r batch + b) units``, and is added for current_hold[c]
    steps.
    """

    sources: np.ndarray
    row_begin: np.ndarray
    rows: np.ndarray
    hold: np.ndarray
    ends: np.ndarray
    units: np.ndarray
    values: np.ndarray
    driven: np.ndarray
    current_begin: np.ndarray
    current_hold: np.ndarray
    currents: np.ndarray


class Record(NamedTuple):
    """Where results go.

    sent: (b, p) int64, messages; arrivals: (b, projection) int64, synapses crossed; counts: (b, j)
    int64, messages of each unit; ends: (b, j) numbers, v at the end; spikes: (t, b, j) int8, or
    numbers where an input is graded; potentials: (t, b, j) numbers; both of length 0 when they are
    not wanted.
    """

    sent: np.ndarray
    arrivals: np.ndarray
    counts: np.ndarray
    ends: np.ndarray
    spikes: np.ndarray
    potentials: np.ndarray


class State(NamedTuple):
    """One sample at one step.

    v: (j,) numbers, potentials, in second rooms too; wait: (j,) int32, steps that a unit is still
    refractory;
    incoming: (j,) numbers, what arrives; sums: (j,) int32, of codes, before they are scaled;
    q: (j,) int8, messages of this step.
    Messages are kept for some steps, see `Wiring`: those of step t of population p are
    ``rows[begin[p] + (t % depth[p]) sizes[p] ...]``, int32, with their values, as many as
    ``counts[counts_begin[p] + t % depth[p]]``, int64.
    """

    v: np.ndarray
    wait: np.ndarray
    incoming: np.ndarray
    sums: np.ndarray
    q: np.ndarray
    rows: np.ndarray
    values: np.ndarray
    counts: np.ndarray
