"""Learning on the chip: samples one after another, every synapse written where it is stored.

After the phases of a sample, each copy of a connection is written by its own core from what that
core knows of the two layers: `terms`, outer products of two vectors of whole numbers, a row of
which is one presynaptic unit (or one postsynaptic, in the mirrored copy). Units that know of no
change, or of no activity, write nothing. The twin that is written to be read is
`eqchip.backends.reference.onchip`.

Axes: b = sample, k = phase, l = layer, j = unit (all layers in one row, see `lowering`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.description.onchip import TRACE_SHIFT
from eqchip.emulator.description.upkeep import ALIGN_BITS, FIRING_BITS, FORWARD, MIRROR
from eqchip.emulator.kernels.gather import gather_values
from eqchip.emulator.kernels.jit import inlined, kernel
from eqchip.emulator.kernels.relax import relax
from eqchip.emulator.kernels.state import Record

# What a core can know of a unit, as whole numbers: rows of `Learner.known`, as in `SOURCES`.
ACTIVITY, CHANGE, TRACE, PLUS_TRACE, MINUS_TRACE = range(5)
SOURCES = 5
ATTEMPTED, APPLIED, SATURATED = range(3)

# SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators; OOPSLA 2014).
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
ROUNDING_BITS = 32  # of a random number that a product is rounded with


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


class Learner(NamedTuple):
    """What learning remembers and how it counts.

    stored, stored_mirror: int16, flat as `Lowered.weights` and `.mirror`: codes with
    accumulator_bits more below the point; highest: the largest code; bias_mantissa, bias_shift:
    (connections,) int64; window: steps at the end of a nudged phase whose spikes a trace counts;
    most: the largest trace; decay: what an exponential trace keeps of itself at a step, and
    impulse: what a spike adds, over 2**TRACE_SHIFT; threshold: changes of at most so much are
    none; exponential: whether traces are; seed: (1,) uint64.

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
    known: np.ndarray
    pre_rows: np.ndarray
    post_rows: np.ndarray
    pre_values: np.ndarray
    post_values: np.ndarray


class Written(NamedTuple):
    """What learning did, int64.

    classes: (b,), the class that the free phase ends with; writes: (b, connection, copy, 3),
    attempted, applied and saturated; changed: (b, l), units whose potential differs between the
    nudged phases; sent: (b, l), units whose potential is not 0 at the end of a nudged phase.
    """

    classes: np.ndarray
    writes: np.ndarray
    changed: np.ndarray
    sent: np.ndarray


STREAMS = 8  # of random numbers of a connection
BIAS_STREAM, TRACE_STREAM = 2, 3
DECAY_STREAM = 6
# Copies that decay have no mirror mode, and the other way round.
NOISE_STREAM, MIRROR_STREAM = 6, 7


@inlined
def mix(number):
    """A random word of a counter: the finalizer of SplitMix64; uint64."""
    number = (number ^ (number >> SHIFTS[0])) * MIX_1
    number = (number ^ (number >> SHIFTS[1])) * MIX_2
    return number ^ (number >> SHIFTS[2])


@inlined
def stream_key(seed, sample, connection, stream):
    """The counter that the random numbers of a term start from."""
    number = mix(seed + GOLDEN * (np.uint64(sample) + np.uint64(1)))
    return mix(number + GOLDEN * np.uint64(STREAMS * np.int64(connection) + np.int64(stream) + 1))


@inlined
def round_at_random(product, shift, key, index):
    """product / 2**shift, rounded up or down at random so that its mean is exact."""
    word = mix(key + GOLDEN * np.uint64(index)) >> np.uint64(64 - ROUNDING_BITS)
    return (product + (np.int64(word) & ((np.int64(1) << shift) - np.int64(1)))) >> shift


@inlined
def write_outer(
    stored, codes, start, stride, rows, n_rows, row_values, columns, n_columns, column_values,
    row_step, column_step, mantissa, shift, key, accumulator_bits, highest, follows, counts,
):  # fmt: skip
    """stored[row, column] += row_value column_value mantissa / 2**shift.

    rows, columns: the units that are not 0, and their values; row_step, column_step: a synapse's
    number, which its random number is drawn by, is row row_step + column column_step, so that both
    copies of it have one; follows: whether codes follow at once; counts: (3,) int64.
    """
    limit = np.int64(highest) << accumulator_bits
    half = (np.int64(1) << accumulator_bits) >> np.int64(1)
    applied, saturated = np.int64(0), np.int64(0)
    for a in range(n_rows):
        at = start + np.int64(rows[a]) * stride
        amount = np.int64(row_values[a]) * mantissa
        number = np.int64(rows[a]) * row_step
        for c in range(n_columns):
            column = np.int64(columns[c])
            change = round_at_random(
                amount * np.int64(column_values[c]), shift, key, number + column * column_step
            )
            if change != 0:
                total = np.int64(stored[at + column]) + change
                kept = min(max(total, -limit), limit)
                saturated += np.int64(kept != total)
                stored[at + column] = np.int16(kept)
                if follows:
                    code = np.int8((kept + half) >> accumulator_bits)
                    applied += np.int64(code != codes[at + column])
                    codes[at + column] = code
    counts[ATTEMPTED] += np.int64(n_rows) * np.int64(n_columns)
    counts[APPLIED] += applied
    counts[SATURATED] += saturated


@inlined
def follow(stored, codes, start, stride, rows, columns, accumulator_bits, counts):
    """codes = stored, rounded to nearest: after a minibatch; counts: (3,) int64."""
    half = (np.int64(1) << accumulator_bits) >> np.int64(1)
    applied = np.int64(0)
    for row in range(rows):
        first = start + np.int64(row) * stride
        for at in range(first, first + columns):
            code = np.int8((np.int64(stored[at]) + half) >> accumulator_bits)
            applied += np.int64(code != codes[at])
            codes[at] = code
    counts[APPLIED] += applied


@inlined
def know_potentials(net, learner, ends, plus, minus, written, b):
    """ACTIVITY = s+ + s-, CHANGE = s+ - s-, of every layer; the input's never changes."""
    known, threshold = learner.known, learner.threshold
    for layer in range(len(net.sizes)):
        first = net.offsets[layer]
        for j in range(first, first + net.sizes[layer]):
            up, down = ends[plus, 0, j], ends[minus, 0, j]
            change = np.int32(up - down) if layer > 0 else np.int32(0)
            if abs(change) <= threshold:
                change = np.int32(0)
            known[ACTIVITY, j] = np.int32(up + down)
            known[CHANGE, j] = change
            written.changed[b, layer] += np.int64(change != 0)
            written.sent[b, layer] += np.int64(up + down != 0)


@inlined
def _count_spikes(learner, bits, last_rows, window, out, units):
    """out = spikes in the window of steps that ends with row last_rows."""
    counts = learner.known[out]
    for j in range(np.uint64(units)):
        counts[j] = 0
    for row in range(last_rows + 1 - window, last_rows + 1):
        of_step = bits[row, 0]
        for j in range(np.uint64(units)):
            counts[j] += np.int32(of_step[j])


@inlined
def _decay_spikes(learner, bits, first_row, steps, out, units, key):
    """out = an exponential trace of the spikes of a phase, rounded at random at every step."""
    trace = learner.known[out]
    for j in range(units):
        trace[j] = 0
    for step in range(steps):
        of_step = bits[first_row + step, 0]
        for j in range(units):
            total = np.int64(trace[j]) * learner.decay + np.int64(of_step[j]) * learner.impulse
            value = np.int64(0)
            if total != 0:
                value = round_at_random(total, np.int64(TRACE_SHIFT), key, step * units + j)
            trace[j] = np.int32(min(value, np.int64(learner.most)))


@inlined
def know_traces(net, rules, learner, bits, plus, minus, sample):
    """The traces of the two nudged phases."""
    units = net.offsets[-1]
    first_plus = np.int64(0)
    for phase in range(plus):
        first_plus += rules.phase_steps[phase]
    first_minus = np.int64(0)
    for phase in range(minus):
        first_minus += rules.phase_steps[phase]
    known = learner.known
    if learner.exponential:
        key = stream_key(learner.seed[0], sample, 0, TRACE_STREAM)
        _decay_spikes(learner, bits, first_plus, rules.phase_steps[plus], PLUS_TRACE, units, key)
        _decay_spikes(
            learner, bits, first_minus, rules.phase_steps[minus], MINUS_TRACE, units, mix(key)
        )
        return
    _count_spikes(
        learner, bits, first_plus + rules.phase_steps[plus] - 1, learner.window, PLUS_TRACE, units
    )
    _count_spikes(
        learner, bits, first_minus + rules.phase_steps[minus] - 1, learner.window, MINUS_TRACE,
        units,
    )  # fmt: skip
    most = np.int32(learner.most)
    for j in range(np.uint64(units)):
        known[TRACE, j] = min(known[PLUS_TRACE, j] + known[MINUS_TRACE, j], most)


@inlined
def _learn_biases(net, rules, learner, k, sample):
    """biases += CHANGE mantissa / 2**shift, in the range of a state: a core knows its own units."""
    first, n = net.offsets[k + 1], net.sizes[k + 1]
    key = stream_key(learner.seed[0], sample, k, BIAS_STREAM)
    mantissa, shift = learner.bias_mantissa[k], learner.bias_shift[k]
    for j in range(n):
        change = np.int64(learner.known[CHANGE, first + j])
        if change != 0:
            total = np.int64(net.biases[first + j])
            total += round_at_random(change * mantissa, shift, key, j)
            net.biases[first + j] = np.int32(min(max(total, rules.low), rules.high))


@inlined
def _learn(net, rules, learner, terms, written, b, sample, follows):
    """Write every copy of every connection, term by term, and the biases."""
    known = learner.known
    for term in range(len(terms.connection)):
        k, copy = terms.connection[term], terms.copy[term]
        n_pre, n_post = net.sizes[k], net.sizes[k + 1]
        pre_count = gather_values(
            learner.pre_rows, learner.pre_values, 0, known[terms.pre[term]], net.offsets[k], n_pre
        )
        post_count = gather_values(
            learner.post_rows, learner.post_values, 0, known[terms.post[term]],
            net.offsets[k + 1], n_post,
        )  # fmt: skip
        key = stream_key(learner.seed[0], sample, k, terms.stream[term])
        counts = written.writes[b, k, copy]
        if copy == FORWARD:
            write_outer(
                learner.stored, net.weights, net.starts[k], net.strides[k],
                learner.pre_rows, pre_count, learner.pre_values,
                learner.post_rows, post_count, learner.post_values, n_post, 1,
                terms.mantissa[term], terms.shift[term], key, learner.accumulator_bits,
                learner.highest, follows, counts,
            )  # fmt: skip
        else:
            write_outer(
                learner.stored_mirror, net.mirror, net.mirror_starts[k], net.mirror_strides[k],
                learner.post_rows, post_count, learner.post_values,
                learner.pre_rows, pre_count, learner.pre_values, 1, n_post,
                terms.mantissa[term], terms.shift[term], key, learner.accumulator_bits,
                learner.highest, follows, counts,
            )  # fmt: skip
    for k in range(len(net.sizes) - 1):
        _learn_biases(net, rules, learner, k, sample)


@inlined
def _follow_all(net, learner, written, b):
    """Let spikes read what all copies have come to."""
    bits = learner.accumulator_bits
    for k in range(len(net.sizes) - 1):
        n_pre, n_post = net.sizes[k], net.sizes[k + 1]
        follow(
            learner.stored, net.weights, net.starts[k], net.strides[k], n_pre, n_post, bits,
            written.writes[b, k, FORWARD],
        )  # fmt: skip
        if k > 0:
            follow(
                learner.stored_mirror, net.mirror, net.mirror_starts[k], net.mirror_strides[k],
                n_post, n_pre, bits, written.writes[b, k, MIRROR],
            )  # fmt: skip


@kernel
def learn_online(
    net, rules, record, given, x, targets, samples, state, free, scratch, learner, terms, written,
    plus, minus, first_number, minibatch,
):  # fmt: skip
    """Run the samples one after another and learn from each before the next.

    As `relax`, in a chip's integers; record.ends, .bits and .potentials hold one sample, whose
    they are last. plus, minus: the phases with +beta and -beta; first_number: how many samples
    were learned from before; minibatch: samples after which codes follow what is stored, as they
    do after the last.
    """
    last = len(net.sizes) - 1
    for b in range(len(x)):
        for phase in range(len(record.ends)):
            ends = record.ends[phase, 0]
            for j in range(np.uint64(len(ends))):
                ends[j] = 0
        for row in range(len(record.bits)):
            bits = record.bits[row, 0]
            for j in range(np.uint64(len(bits))):
                bits[j] = 0
        one = slice(b, b + 1)
        relax(
            net, rules,
            Record(
                record.ends, record.active[one], record.arrivals[one], record.injected[one],
                record.saturations[one], record.returned[one], record.bits, record.potentials,
                record.part_spikes,
            ),
            given, x[one], targets[:, one], samples[one], state, free, scratch, 0, 1,
        )  # fmt: skip
        first = net.offsets[last]
        best = 0
        for j in range(net.sizes[last]):
            if record.ends[0, 0, first + j] > record.ends[0, 0, first + best]:
                best = j
        written.classes[b] = best
        know_potentials(net, learner, record.ends, plus, minus, written, b)
        if len(record.bits) > 0:
            know_traces(net, rules, learner, record.bits, plus, minus, first_number + b)
        _learn(net, rules, learner, terms, written, b, first_number + b, minibatch == 1)
        if minibatch > 1 and ((b + 1) % minibatch == 0 or b == len(x) - 1):
            _follow_all(net, learner, written, b)


@kernel
def shrink(stored, share, seed, sample, connection, stream):
    """stored -= stored share / 2**TRACE_SHIFT, rounded at random. stored: (rows, columns)."""
    rows, columns = stored.shape
    key = stream_key(seed[0], sample, connection, stream)
    for i in range(rows):
        for j in range(columns):
            part = np.int64(stored[i, j]) * np.int64(share)
            stored[i, j] -= np.int16(
                round_at_random(part, np.int64(TRACE_SHIFT), key, i * columns + j)
            )


@inlined
def _present(codes, rows, signs, y, key, first):
    """Who fires, ascending, and in which of the two steps; y = x W, what the units above add up.

    codes: (n_pre, n_post); rows, signs: (n_pre,), y: (n_post,), int64; first: the number of the
    first unit's random word. Returns how many fire.
    """
    n_pre, n_post = codes.shape
    for j in range(n_post):
        y[j] = 0
    count = 0
    for i in range(n_pre):
        word = mix(key + GOLDEN * np.uint64(first + i)) >> np.uint64(64 - FIRING_BITS)
        if word < np.uint64(2):
            sign = np.int64(1) - np.int64(2) * np.int64(word)
            rows[count], signs[count] = i, sign
            count += 1
            row = codes[i]
            for j in range(n_post):
                y[j] += sign * np.int64(row[j])
    return count


@inlined
def _told(back, y, i, gain, power):
    """(B y)_i / g of what unit i is told over the mirror, over 2**ALIGN_BITS, rounded down."""
    total = np.int64(0)
    for j in range(len(y)):
        total += np.int64(back[j, i]) * y[j]
    return total * gain // power


@kernel
def mirror_mode(
    codes, back, stored, presentations, null, mantissa, shift, accumulator_bits, highest, seed,
    sample, connection, rows, signs, y, counts,
):  # fmt: skip
    """Random units below fire, and write their rows of the mirrored copy from what comes back.

    For every unit i that fires, B_i += rate ((x_i - null (B y)_i / g) y - (1 - null) B_i), with
    the rate mantissa / 2**(shift - ALIGN_BITS), rounded at random.

    Parameters: codes: (n_pre, n_post) int8, the forward copy; back, stored: (n_post, n_pre) int8
    and int16, the mirror, whose codes follow; null: over 2**ALIGN_BITS; sample, connection: whose
    random numbers; rows, signs: (n_pre,) and y: (n_post,) int64, scratch; counts: (3,) int64.
    """
    n_pre, n_post = codes.shape
    noise = stream_key(seed[0], sample, connection, NOISE_STREAM)
    key = stream_key(seed[0], sample, connection, MIRROR_STREAM)
    limit = np.int64(highest) << accumulator_bits
    half = (np.int64(1) << accumulator_bits) >> np.int64(1)
    keep = (np.int64(1) << ALIGN_BITS) - null
    rarity = np.int64(1) << np.int64(FIRING_BITS - 1)
    gain = null * n_post * (rarity - 1 + n_pre) // (rarity * n_post + n_pre)
    applied, saturated = np.int64(0), np.int64(0)
    for one in range(presentations):
        first = np.int64(one) * n_pre
        count = _present(codes, rows, signs, y, noise, first)
        power = np.int64(0)
        for j in range(n_post):
            power += y[j] * y[j]
        for a in range(count):
            i = rows[a]
            residue = signs[a] << ALIGN_BITS
            if null > 0 and power > 0:
                residue -= _told(back, y, i, gain, power)
            number = (first + i) * n_post
            for j in range(n_post):
                before = np.int64(stored[j, i])
                pull = residue * (y[j] << accumulator_bits) - keep * before
                total = before + round_at_random(pull * mantissa, shift, key, number + j)
                kept = min(max(total, -limit), limit)
                saturated += np.int64(kept != total)
                stored[j, i] = np.int16(kept)
                code = np.int8((kept + half) >> accumulator_bits)
                applied += np.int64(code != back[j, i])
                back[j, i] = code
        counts[ATTEMPTED] += np.int64(count) * np.int64(n_post)
    counts[APPLIED] += applied
    counts[SATURATED] += saturated


class Layers(NamedTuple):
    """Of a lowered network, what a kernel needs that only looks at units."""

    sizes: np.ndarray
    offsets: np.ndarray


class Steps(NamedTuple):
    """Of the rules of a run, what a kernel needs that only counts spikes."""

    phase_steps: np.ndarray


@kernel
def know_sample(
    net: Any, rules: Any, learner: Any, ends: Any, bits: Any, plus: int, minus: int, written: Any,
    number: int,
) -> None:  # fmt: skip
    """learner.known = what cores know after one sample."""
    know_potentials(net, learner, ends, plus, minus, written, 0)
    if len(bits) > 0:
        know_traces(net, rules, learner, bits, plus, minus, number)
