"""The arrays of a relaxation: what it is asked, what it records, what it remembers.

Axes: b = sample, k = phase, l = layer, t = step, j = unit (all layers in one row, see
`lowering`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.kernels.jit import inlined
from eqchip.emulator.kernels.lowered import CACHE_LINE, Lowered, aligned_zeros, row_stride
from eqchip.emulator.kernels.rows_dots import COLUMNS, ROWS
from eqchip.emulator.kernels.rows_listed import TOGETHER
from eqchip.emulator.kernels.units import clear, copy, span

BLOCK = 32  # steps of the clamped input encoded together, at most: the bits of a uint32


class Unplastic(NamedTuple):
    """Of weights that stay while phases run; nothing: 0, since a tuple holds something."""

    nothing: int = 0


class Unlinked(NamedTuple):
    """Of a chain of layers, with no links beside it; nothing: 0, since a tuple holds something."""

    nothing: int = 0


class Unstreamed(NamedTuple):
    """Of a clamped input that is encoded or injected; nothing: 0, as of `Unplastic`."""

    nothing: int = 0


class Uncarried(NamedTuple):
    """Of samples that all begin at rest; nothing: 0, as of `Unplastic`."""

    nothing: int = 0


class Links(NamedTuple):
    """Connections beside the chain, which the kernels of `links` are for.

    first: the number of the first of them; below, above: (connections,) int64, the layers that each
    connection joins; of_input: whether one begins at the clamped input.
    """

    first: int
    below: np.ndarray
    above: np.ndarray
    of_input: bool


class Rules(NamedTuple):
    """What is asked of a relaxation, whatever its units are.

    unit: the rules of the kind of unit, by whose type its functions are chosen (see `kinds`).
    current: whether the input is injected; real_valued: whether messages are potentials, not bits;
    draws: whether units take a uniform number at every step.
    phase_steps, phase_from_free: (phases,) int64; phase_input: (phases,) int64, where in a row of
    the inputs, one behind the other, that of the phase begins; two_beta: (phases,), 0 when free, a
    number of the run, or int64 over 2**coefficient_bits; seed: (2,) uint64; average: the last steps
    of a phase over which its end is summed; cross_entropy: whether the last layer is a read-out.
    one: what stands for 1.0, 1 or 2**fraction_bits. Of a chip's integers, else 0: low, high, the
    range of a state, and how many bits are below the point of a coefficient and of a state.
    tolerance: a sample whose outputs all end the first phase nearer to its target runs no further;
    0: every sample runs all phases.
    plasticity: the numbers of what writes weights while phases run (see `plastic`).
    links: what joins layers beside the chain (see `links`).
    stream: the bits of an input that sends given ones (see `streams`).
    carried: the states in which samples begin, and leave theirs (see `carried`).
    turn, turn_mirror: of a chip's integers, how far behind the weights and the mirror each copy
    lies as the other direction reads it: nudged phases cross that (`fixed.turn_over`); 0: nothing.
    """

    unit: Any
    current: bool
    real_valued: bool
    draws: bool
    phase_steps: np.ndarray
    phase_from_free: np.ndarray
    phase_input: np.ndarray
    two_beta: np.ndarray
    seed: np.ndarray
    average: int
    cross_entropy: bool
    one: int
    low: int
    high: int
    coefficient_bits: int
    fraction_bits: int
    tolerance: float
    plasticity: Any = Unplastic()
    links: Any = Unlinked()
    stream: Any = Unstreamed()
    carried: Any = Uncarried()
    turn: int = 0
    turn_mirror: int = 0


class Record(NamedTuple):
    """Where results go.

    ends: (k, b, j) numbers, 0 before; active: (b, k, l) int64, messages other than 0; arrivals:
    (b, k, connection, 2) int64; injected: (b, k, connection) int64; saturations: (b, k, l) int64,
    states clipped; returned: (b, k, connection) int64, synapses that a read-out's error crossed;
    skipped: (b,) bool, samples that were right and ran no further; bits: (steps, b, j) uint8;
    potentials: (steps, b, j) numbers; part_spikes: (steps, b, parts) int32; the last three of
    length 0 when they are not wanted.
    """

    ends: np.ndarray
    active: np.ndarray
    arrivals: np.ndarray
    injected: np.ndarray
    saturations: np.ndarray
    returned: np.ndarray
    skipped: np.ndarray
    bits: np.ndarray
    potentials: np.ndarray
    part_spikes: np.ndarray


class Kept(NamedTuple):
    """What the units of a kind keep from step to step.

    fields: the NamedTuple of its arrays, all over units (j) and in the run's numbers; one of them
    is s, the potentials, which are clamped in the input, recorded, and real-valued messages.
    begin: what each field is before step 1; those that are not named stay empty.
    """

    fields: type
    begin: Mapping[str, float]


class State(NamedTuple):
    """One sample at one step.

    unit: what its kind of unit keeps, see `Kept`: rows of memory (fields, j), which begin as begin
    (fields,) says. Copies are of memory, so none can leave a field out.

    incoming: (j,) numbers, in layer 1 the sum that the clamped input sent at the last step.
    Messages are kept twice, those of the last step at `now`, those of this step at the
    other half: rows (2 j) int32 and values (2 j), per layer from its offset, and counts
    (2 l) int64. The input's are only counted: `incoming` is what arrives of them, over
    crossed (1,) int64 synapses. A chip's integers have no values.
    """

    unit: Any
    memory: np.ndarray
    begin: np.ndarray
    incoming: np.ndarray
    rows: np.ndarray
    values: np.ndarray
    counts: np.ndarray
    crossed: np.ndarray


class Scratch(NamedTuple):
    """What a step needs and forgets, numbers over units (j) unless said.

    offset: b, before an error is sent back; u: sums that arrive; previous: potentials of the step
    before; p, eps, error: for a kind of unit to use while it steps (p still when it emits);
    uniforms; y: target; b: biases with the injected current; clamped: the input's active units in
    layer 0, what they send together in layer 1; q: bits, uint8; active: the input's active
    units, int32; turned: what is added to what arrives, where nudged phases cross the other copy.

    Of the clamped input, a block of steps (t) is known ahead: masks: bit t is the bit of
    an active unit, uint32; sent: (t,) int64, spikes; sums: (t, columns), what arrives of
    them in layer 1, or in the map before a maximum pooling; sums_crossed: (t,) int64, synapses.
    listed: (t * rows + 16,) int32 and begun: (t + 1,), see `rows_listed`.
    For weight codes, tile: as sums, in int16, wide: int64, sums of a layer, and, for dots, flags:
    (t, rows) uint8 and quads: int8. ends: where among the active units each part of the input ends.

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
    listed: np.ndarray
    begun: np.ndarray
    tile: np.ndarray
    wide: np.ndarray
    flags: np.ndarray
    quads: np.ndarray
    ends: np.ndarray
    map: np.ndarray
    maxima: np.ndarray
    winners: np.ndarray
    senders: np.ndarray
    turned: np.ndarray


def new_state(kept: Kept, units: int, layers: int, dtype: np.dtype) -> State:
    """Memory for one state: kernels allocate nothing."""
    memory = aligned_zeros((len(kept.begin), row_stride(units, dtype)), dtype)
    held = {name: memory[k, :units] for k, name in enumerate(kept.begin)}
    fields: Any = kept.fields
    fixed = np.dtype(dtype).kind == "i"
    return State(
        unit=fields(**{name: held.get(name, memory[0, :0]) for name in fields._fields}),
        memory=memory,
        begin=np.array(list(kept.begin.values()), dtype),
        incoming=aligned_zeros(units, dtype),
        rows=np.zeros(2 * units, np.int32),
        values=np.zeros(0 if fixed else 2 * units, dtype),
        counts=np.zeros(2 * layers, np.int64),
        crossed=np.zeros(1, np.int64),
    )


def _rows_of_units(rows: int, units: int, dtype: np.dtype) -> np.ndarray:
    """Zeros over units, several rows of them; a unit is in the same place of a line in each."""
    return aligned_zeros((rows, row_stride(units, dtype)), dtype)[:, :units]


def new_scratch(net: Lowered, dtype: np.dtype) -> Scratch:
    """Memory for one thread's scratch."""
    units = int(net.offsets[-1])
    maps = net.pools[:, 1:].prod(axis=1)
    columns = -(-max(int(net.sizes[1]), int(maps[0])) // CACHE_LINE) * CACHE_LINE
    fixed, codes, bytes_ = np.dtype(dtype).kind == "i", np.dtype(np.int16), np.dtype(np.uint8)
    pooled = units if maps.any() else 0
    numbers = ("offset", "u", "p", "previous", "eps", "error", "uniforms", "y", "b", "clamped")
    return Scratch(
        **dict(zip(numbers, _rows_of_units(len(numbers), units, dtype), strict=True)),
        q=np.zeros(units, np.uint8),
        active=np.zeros(units, np.int32),
        masks=np.zeros(units, np.uint32),
        sent=np.zeros(BLOCK, np.int64),
        sums=aligned_zeros((BLOCK, row_stride(columns, dtype)), dtype),
        sums_crossed=np.zeros(BLOCK, np.int64),
        listed=np.zeros(BLOCK * TOGETHER + 16, np.int32),
        begun=np.zeros(BLOCK + 1, np.int64),
        tile=aligned_zeros((BLOCK, row_stride(columns, codes) if fixed else 0), codes),
        wide=np.zeros(max(columns, int(net.sizes[1:].max())) if fixed else 0, np.int64),
        flags=aligned_zeros((BLOCK, row_stride(ROWS, bytes_) if fixed else 0), bytes_),
        quads=aligned_zeros(ROWS * COLUMNS if fixed else 0, np.dtype(np.int8)),
        ends=np.zeros(int(net.part_starts[1]), np.int64),
        map=aligned_zeros(int(maps.max()), dtype),
        maxima=aligned_zeros(pooled, dtype),
        winners=np.zeros(pooled, np.int32),
        senders=np.zeros(2 * pooled, np.int32),
        turned=np.zeros(units if fixed else 0, dtype),
    )


@inlined
def copy_state(to, state):
    """to = state, but for messages: every field that units keep."""
    for field in range(len(state.begin)):
        for j in span(0, len(state.incoming)):
            to.memory[field, j] = state.memory[field, j]


@inlined
def copy_messages(to, state, net, now, valued, listed):
    """The messages at `now`, and their counts, in to = those in state.

    valued: not bits; listed: the input's as well.
    """
    units, layers = len(state.incoming), len(net.sizes)
    copy(to.incoming, state.incoming, net.offsets[1], net.sizes[1])
    copy(to.crossed, state.crossed, 0, 1)
    for layer in range(layers):
        count = state.counts[now * layers + layer]
        to.counts[now * layers + layer] = count
        if layer > 0 or listed:
            at = now * units + net.offsets[layer]
            copy(to.rows, state.rows, at, count)
            if valued:
                copy(to.values, state.values, at, count)


@inlined
def clear_state(state, x, b, n_in):
    """Before step 1 nothing was sent, units keep what they begin with, and the input is clamped."""
    units = len(state.incoming)
    for field in range(len(state.begin)):
        value = state.begin[field]
        for j in span(0, units):
            state.memory[field, j] = value
    clear(state.incoming, 0, units)
    clear(state.counts, 0, len(state.counts))
    clear(state.crossed, 0, 1)
    clamp_input(state.unit.s, x, b, 0, n_in)


@inlined
def clamp_input(s, x, b, begin, n):
    """s of the input = the n numbers of x[b] from `begin` on."""
    first = np.uint64(begin)
    for j in span(0, n):
        s[j] = x[b, first + np.uint64(j)]
