"""The arrays of a relaxation: what it is asked, what it records, what it remembers.

Axes: b = sample, k = phase, l = layer, t = step, j = unit (all layers in one row, see
`lowering`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eqchip.emulator.kernels.jit import inlined
from eqchip.emulator.kernels.lowered import CACHE_LINE, Lowered, aligned_zeros, row_stride
from eqchip.emulator.kernels.units import clear, copy

SIGMA_DELTA, BERNOULLI, REAL_VALUED = range(3)
BLOCK = 32  # steps of the clamped input encoded together, at most: the bits of a uint32


class Rules(NamedTuple):
    """How units compute: the coding and the phases as flat arrays, floats in the run's type.

    quantizer: int; adaptive, predictive, current: bool; eps, eps_keep, lam, lam_keep:
    (steps,) tables over t - 1, keep = 1 - the coefficient; nu_bar, regularizer: (1,);
    phase_steps, phase_from_free: (phases,) int64; two_beta: (phases,), 0 when free;
    seed: (2,) uint64; one: 1, the scale of uniform numbers; average: the last steps of a phase
    over which its end is summed; cross_entropy: whether the last layer is a read-out.
    """

    quantizer: int
    adaptive: bool
    predictive: bool
    current: bool
    eps: np.ndarray
    eps_keep: np.ndarray
    lam: np.ndarray
    lam_keep: np.ndarray
    nu_bar: np.ndarray
    regularizer: np.ndarray
    phase_steps: np.ndarray
    phase_from_free: np.ndarray
    two_beta: np.ndarray
    seed: np.ndarray
    one: int
    average: int
    cross_entropy: bool


class FixedRules(NamedTuple):
    """`Rules` for a chip's integers.

    eps, lam, inverse: (steps,) int64 tables over t - 1, gains and 1 / lam, over
    2**coefficient_bits, as two_beta is; low, high: the range of a state; one: the state that
    stands for 1.0, 2**fraction_bits; adaptive is False; average, cross_entropy: as there.
    """

    quantizer: int
    adaptive: bool
    predictive: bool
    current: bool
    eps: np.ndarray
    lam: np.ndarray
    inverse: np.ndarray
    coefficient_bits: int
    fraction_bits: int
    low: int
    high: int
    phase_steps: np.ndarray
    phase_from_free: np.ndarray
    two_beta: np.ndarray
    seed: np.ndarray
    one: int
    average: int
    cross_entropy: bool


class Record(NamedTuple):
    """Where results go.

    ends: (k, b, j) numbers, 0 before; active: (b, k, l) int64, messages other than 0; arrivals:
    (b, k, connection, 2) int64; injected: (b,) int64; saturations: (b, k, l) int64, states
    clipped; returned: (b, k) int64, synapses that a read-out's error crossed; bits:
    (steps, b, j) uint8; potentials: (steps, b, j) numbers; part_spikes: (steps, b, parts) int32;
    the last three of length 0 when they are not wanted.
    """

    ends: np.ndarray
    active: np.ndarray
    arrivals: np.ndarray
    injected: np.ndarray
    saturations: np.ndarray
    returned: np.ndarray
    bits: np.ndarray
    potentials: np.ndarray
    part_spikes: np.ndarray


class State(NamedTuple):
    """One sample at one step; numbers over units (j) unless said.

    What only the adaptive step size needs is empty without it, and what only real values need in a
    chip's integers.

    s: potentials; phi: residues of sigma-delta (the input's are those of its active
    units, see `encode_input`); r: decoders; nu ... spread: statistics of the optimal
    step size; incoming: in layer 1, the sum that the clamped input sent at the last step.
    Messages are kept twice, those of the last step at `now`, those of this step at the
    other half: rows (2 j) int32 and values (2 j), per layer from its offset, and counts
    (2 l) int64. The input's are only counted: `incoming` is what arrives of them, over
    crossed (1,) int64 synapses.
    """

    s: np.ndarray
    phi: np.ndarray
    r: np.ndarray
    nu: np.ndarray
    theta: np.ndarray
    bias: np.ndarray
    square: np.ndarray
    spread: np.ndarray
    incoming: np.ndarray
    rows: np.ndarray
    values: np.ndarray
    counts: np.ndarray
    crossed: np.ndarray


class Scratch(NamedTuple):
    """What a step needs and forgets, numbers over units (j) unless said.

    offset: b, before an error is sent back; u: sums that arrive; p: drive, then what the encoder
    quantizes; previous: potentials of the step before; eps, error: of the optimal step size;
    uniforms; y: target; b: biases with the injected current; clamped: the input's active units in
    layer 0, what they send together in layer 1; q: bits, uint8; active: the input's active
    units, int32.

    Of the clamped input, a block of steps (t) is known ahead: masks: bit t is the bit of
    an active unit, uint32; sent: (t,) int64, spikes; sums: (t, columns), what arrives of
    them in layer 1, or in the map before a maximum pooling; sums_crossed: (t,) int64, synapses.
    For weight codes, tile: as sums, in int16, and wide: int64, sums of a layer.

    Of maximum poolings: map: sums before one; maxima: what it leaves; winners: int32, where in
    the map; senders: (2 j) int32, as `State.rows`, where messages back enter the map.
    """

    offset: np.ndarray
    u: np.ndarray
    p: np.ndarray
    previous: np.ndarray
    eps: np.ndarray
    error: np.ndarray
    uniforms: np.ndarray
    y: np.ndarray
    b: np.ndarray
    clamped: np.ndarray
    q: np.ndarray
    active: np.ndarray
    masks: np.ndarray
    sent: np.ndarray
    sums: np.ndarray
    sums_crossed: np.ndarray
    tile: np.ndarray
    wide: np.ndarray
    map: np.ndarray
    maxima: np.ndarray
    winners: np.ndarray
    senders: np.ndarray


def new_state(units: int, layers: int, dtype: np.dtype, adaptive: bool = True) -> State:
    """Memory for one state: kernels allocate nothing. adaptive: with the optimal step size."""
    numbers = _rows_of_units(9, units, dtype)
    fixed = np.dtype(dtype).kind == "i"
    statistics = numbers[3:8] if adaptive and not fixed else numbers[3:8, :0]
    return State._make(
        [
            *numbers[:3],
            *statistics,
            numbers[8],
            np.zeros(2 * units, np.int32),
            np.zeros(0 if fixed else 2 * units, dtype),
            np.zeros(2 * layers, np.int64),
            np.zeros(1, np.int64),
        ]
    )


def _rows_of_units(rows: int, units: int, dtype: np.dtype) -> np.ndarray:
    """Zeros over units, several rows of them; a unit is in the same place of a line in each."""
    return aligned_zeros((rows, row_stride(units, dtype)), dtype)[:, :units]


def new_scratch(net: Lowered, dtype: np.dtype) -> Scratch:
    """Memory for one thread's scratch."""
    units = int(net.offsets[-1])
    maps = net.pools[:, 1:].prod(axis=1)
    columns = -(-max(int(net.sizes[1]), int(maps[0])) // CACHE_LINE) * CACHE_LINE
    fixed, codes = np.dtype(dtype).kind == "i", np.dtype(np.int16)
    pooled = units if maps.any() else 0
    return Scratch._make(
        [
            *_rows_of_units(10, units, dtype),
            np.zeros(units, np.uint8),
            np.zeros(units, np.int32),
            np.zeros(units, np.uint32),
            np.zeros(BLOCK, np.int64),
            aligned_zeros((BLOCK, row_stride(columns, dtype)), dtype),
            np.zeros(BLOCK, np.int64),
            aligned_zeros((BLOCK, row_stride(columns, codes) if fixed else 0), codes),
            np.zeros(max(columns, int(net.sizes[-2])) if fixed else 0, np.int64),
            aligned_zeros(int(maps.max()), dtype),
            aligned_zeros(pooled, dtype),
            np.zeros(pooled, np.int32),
            np.zeros(2 * pooled, np.int32),
        ]
    )


@inlined
def copy_state(to, state):
    """to = state, but for messages."""
    units = len(state.s)
    copy(to.s, state.s, 0, units)
    copy(to.phi, state.phi, 0, units)
    copy(to.r, state.r, 0, units)
    copy(to.nu, state.nu, 0, len(to.nu))
    copy(to.theta, state.theta, 0, len(to.theta))
    copy(to.bias, state.bias, 0, len(to.bias))
    copy(to.square, state.square, 0, len(to.square))
    copy(to.spread, state.spread, 0, len(to.spread))


@inlined
def copy_messages(to, state, net, now, valued):
    """The messages at `now`, and their counts, in to = those in state. valued: not bits."""
    units, layers = len(state.s), len(net.sizes)
    copy(to.incoming, state.incoming, net.offsets[1], net.sizes[1])
    copy(to.crossed, state.crossed, 0, 1)
    for layer in range(layers):
        count = state.counts[now * layers + layer]
        to.counts[now * layers + layer] = count
        if layer > 0:
            at = now * units + net.offsets[layer]
            copy(to.rows, state.rows, at, count)
            if valued:
                copy(to.values, state.values, at, count)


@inlined
def clear_state(state, x, b, n_in):
    """Before step 1 everything is 0, but nu is 1 and the input is clamped."""
    units = len(state.s)
    clear(state.s, 0, units)
    clear(state.phi, 0, units)
    clear(state.r, 0, units)
    clear(state.theta, 0, len(state.theta))
    clear(state.bias, 0, len(state.bias))
    clear(state.square, 0, len(state.square))
    clear(state.spread, 0, len(state.spread))
    clear(state.incoming, 0, units)
    clear(state.counts, 0, len(state.counts))
    clear(state.crossed, 0, 1)
    for j in range(len(state.nu)):
        state.nu[j] = 1
    for j in range(n_in):
        state.s[j] = x[b, j]
