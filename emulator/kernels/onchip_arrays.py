"""What the kernels of learning on the chip take, as flat arrays.

Axes as in `kernels.onchip`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eqchip.emulator.kernels.onchip_shared import Shared

# What a core can know of a unit, as whole numbers: rows of `Learner.known`, as in `SOURCES`.
ACTIVITY, CHANGE, TRACE, PLUS_TRACE, MINUS_TRACE, FACTOR = range(6)
SOURCES = 6
ATTEMPTED, APPLIED, SATURATED = range(3)


class Terms(NamedTuple):
    """The outer products that are written, one entry each (int64, shape (terms,)).

    connection; copy: FORWARD or MIRROR; pre, post: what is known of the two layers; mantissa,
    shift: a product times mantissa over 2**shift is what the stored number changes by; stream: of
    random numbers: terms of one stream and connection round alike.
    """

    connection: np.ndarray
    copy: np.ndarray
    pre: np.ndarray
    post: np.ndarray
    mantissa: np.ndarray
    shift: np.ndarray
    stream: np.ndarray


class Stuck(NamedTuple):
    """Synapses that cannot be written, copy by copy: of a chip with faults.

    starts: (2 connections + 1,) int64, where those of copy c of connection k begin, at 2 k + c;
    places: int64, in the flat codes of that copy; stored: int16 and codes: int8, what they hold.
    """

    starts: np.ndarray
    places: np.ndarray
    stored: np.ndarray
    codes: np.ndarray


class Learner(NamedTuple):
    """What learning remembers and how it counts.

    stored, stored_mirror: int16, flat as `Lowered.weights` and `.mirror`: codes with
    accumulator_bits more below the point; highest: the largest code; bias_mantissa, bias_shift:
    (connections,) int64; window: steps at the end of a nudged phase whose spikes a trace counts;
    most: the largest trace; decay: what an exponential trace keeps of itself at a step, and
    impulse: what a spike adds, over 2**TRACE_SHIFT; threshold: changes of at most so much are
    none; exponential: whether traces are; seed: (1,) uint64. factor_mantissa, factor_shift:
    (connections,) int64, what a change of the layer above is multiplied by to be a factor;
    largest_factor: 0: there are none; spikes: whether a factor is written spike by spike. shared:
    of connections that are no matrix. stuck: synapses that keep what they hold.

    known: (SOURCES, j) int32; pre_rows, post_rows: (j,) int32 and pre_values, post_values: (j,)
    int32, scratch.
    """

    stored: np.ndarray
    stored_mirror: np.ndarray
    accumulator_bits: int
    highest: int
    bias_mantissa: np.ndarray
    bias_shift: np.ndarray
    window: int
    most: int
    exponential: bool
    decay: int
    impulse: int
    threshold: int
    seed: np.ndarray
    factor_mantissa: np.ndarray
    factor_shift: np.ndarray
    largest_factor: int
    spikes: bool
    shared: Shared
    stuck: Stuck
    known: np.ndarray
    pre_rows: np.ndarray
    post_rows: np.ndarray
    pre_values: np.ndarray
    post_values: np.ndarray


class Written(NamedTuple):
    """What learning did, int64.

    outputs: (b, n_out), int32, the potentials that the free phase ends with; writes:
    (b, connection, copy, 3), attempted, applied and saturated; changed: (b, l), units whose
    potential differs between the nudged phases, by as much as a factor can say where there are
    any; sent: (b, l), units whose potential is not 0 at the end of a nudged phase; spikes: (b, l),
    those that tell of changes.
    """

    outputs: np.ndarray
    writes: np.ndarray
    changed: np.ndarray
    sent: np.ndarray
    spikes: np.ndarray


class Copy(NamedTuple):
    """One copy of the weights of a connection, as rows that lie `stride` numbers apart.

    stored, codes: flat; start: where the first row begins.
    """

    stored: np.ndarray
    codes: np.ndarray
    start: int
    stride: int


class Factor(NamedTuple):
    """One end of an outer product: the first `active` of rows are its units that are not 0.

    step: how far the number of a synapse, which its random number is drawn by, moves from one unit
    to the next; so both copies of a synapse have one number.
    """

    rows: np.ndarray
    values: np.ndarray
    active: int
    step: int | np.int64


class Rate(NamedTuple):
    """What an outer product is multiplied by, mantissa / 2**shift; key: of its rounding."""

    mantissa: int
    shift: int
    key: int


class Layers(NamedTuple):
    """Of a lowered network, what a kernel needs that only looks at units."""

    sizes: np.ndarray
    offsets: np.ndarray


class Steps(NamedTuple):
    """Of the rules of a run, what a kernel needs that only counts spikes."""

    phase_steps: np.ndarray
