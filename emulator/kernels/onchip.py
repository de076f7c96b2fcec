"""Learning on the chip: samples one after another, every synapse written where it is stored.

After the phases of a sample, each copy of a connection is written by its own core from what that
core knows of the two layers: `terms`, outer products of two vectors of whole numbers, a row of
which is one presynaptic unit (or one postsynaptic, in the mirrored copy). Units that know of no
change, or of no activity, write nothing. The twin that is written to be read is
`eqchip.backends.reference.onchip`.

Axes: b = sample, k = phase, l = layer, j = unit (all layers in one row, see `lowering`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eqchip.emulator.description.upkeep import FORWARD, MIRROR
from eqchip.emulator.kernels.calls import address_of, call_at
from eqchip.emulator.kernels.gather import gather_values
from eqchip.emulator.kernels.jit import inlined, kernel
from eqchip.emulator.kernels.onchip_arrays import (
    APPLIED,
    ATTEMPTED,
    CHANGE,
    FACTOR,
    SATURATED,
    Copy,
    Factor,
    Layers,
    Rate,
    Steps,
)
from eqchip.emulator.kernels.onchip_known import know
from eqchip.emulator.kernels.onchip_shared import MATRIX, Sender, write_shared
from eqchip.emulator.kernels.random_rounding import (
    BIAS_STREAM,
    round_at_random,
    stream_key,
)
from eqchip.emulator.kernels.relax import relax
from eqchip.emulator.kernels.state import Record


@inlined
def write_outer(copy, across, along, rate, accumulator_bits, highest, follows, counts):
    """stored[row, column] += value of the row, value of the column, mantissa / 2**shift.

    copy: Copy; across, along: Factor, of its rows and of its columns; rate: Rate; follows: whether
    codes follow at once; counts: (3,) int64.
    """
    stored, codes = copy.stored, copy.codes
    limit = np.int64(highest) << accumulator_bits
    half = (np.int64(1) << accumulator_bits) >> np.int64(1)
    applied, saturated = np.int64(0), np.int64(0)
    for a in range(across.active):
        at = copy.start + np.int64(across.rows[a]) * copy.stride
        amount = np.int64(across.values[a]) * rate.mantissa
        number = np.int64(across.rows[a]) * across.step
        for c in range(along.active):
            column = np.int64(along.rows[c])
            change = round_at_random(
                amount * np.int64(along.values[c]), rate.shift, rate.key,
                number + column * along.step,
            )  # fmt: skip
            if change != 0:
                total = np.int64(stored[at + column]) + change
                kept = min(max(total, -limit), limit)
                saturated += np.int64(kept != total)
                stored[at + column] = np.int16(kept)
                if follows:
                    code = np.int8((kept + half) >> accumulator_bits)
                    applied += np.int64(code != codes[at + column])
                    codes[at + column] = code
    counts[ATTEMPTED] += np.int64(across.active) * np.int64(along.active)
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
def _gather_known(learner, rows, values, what, epoch, first, n):
    """The units of a layer that are not 0; of factors in spikes, those that fire in this epoch."""
    count = gather_values(rows, values, 0, learner.known[what], first, n)
    if not learner.spikes or what != FACTOR:
        return count
    fire = np.int64(0)
    for a in range(count):
        factor = np.int64(values[a])
        rows[fire] = rows[a]
        values[fire] = np.int32(1) if factor > 0 else np.int32(-1)
        fire += np.int64(abs(factor) > epoch)
    return fire


@inlined
def hold_stuck(net, learner, k, copy, counts):
    """Synapses that cannot be written hold what they held, and their codes have not changed."""
    stuck, which = learner.stuck, np.int64(2) * k + copy
    stored, codes = learner.stored, net.weights
    if copy == MIRROR:
        stored, codes = learner.stored_mirror, net.mirror
    for n in range(stuck.starts[which], stuck.starts[which + 1]):
        place = stuck.places[n]
        counts[APPLIED] -= np.int64(codes[place] != stuck.codes[n])
        stored[place] = stuck.stored[n]
        codes[place] = stuck.codes[n]


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
def _write_term(net, rules, learner, terms, written, b, sample, follows, term, epoch):
    """Write a product into its copy: of a learning epoch, where spikes tell of changes.

    Where nudged phases cross the copy the other way, that lies there twice, and both are written.
    """
    k, copy = terms.connection[term], terms.copy[term]
    n_pre, n_post = net.sizes[k], net.sizes[k + 1]
    pre_count = _gather_known(
        learner, learner.pre_rows, learner.pre_values, terms.pre[term], epoch, net.offsets[k], n_pre
    )
    post_count = _gather_known(
        learner, learner.post_rows, learner.post_values, terms.post[term], epoch,
        net.offsets[k + 1], n_post,
    )  # fmt: skip
    key = stream_key(learner.seed[0], sample, k, terms.stream[term])
    rate = Rate(terms.mantissa[term], terms.shift[term], key)
    below = Factor(learner.pre_rows, learner.pre_values, pre_count, np.int64(n_post))
    above = Factor(learner.post_rows, learner.post_values, post_count, np.int64(1))
    counts = written.writes[b, k, copy]
    attempted, applied, saturated = counts[ATTEMPTED], counts[APPLIED], counts[SATURATED]
    for once in range(2):
        layout = np.int64(1) - copy if once == 0 else copy  # that of the other copy first
        turned = np.int64(layout != copy)
        if turned and (rules.turn == 0 or k == 0):
            continue
        if layout == FORWARD:
            start = net.starts[k] + np.int64(rules.turn) * turned
            place = Copy(learner.stored, net.weights, start, net.strides[k])
            across, along = below, above
        else:
            start = net.mirror_starts[k] + np.int64(rules.turn_mirror) * turned
            place = Copy(learner.stored_mirror, net.mirror, start, net.mirror_strides[k])
            across, along = above, below
        counts[ATTEMPTED], counts[APPLIED], counts[SATURATED] = attempted, applied, saturated
        write_outer(
            place, across, along, rate, learner.accumulator_bits, learner.highest, follows, counts
        )
    hold_stuck(net, learner, k, copy, counts)


@inlined
def _write_shared_term(net, learner, terms, written, b, sample, term):
    """As `_write_term`, of a connection that is no matrix; codes follow at once."""
    k, layout = terms.connection[term], terms.copy[term]
    n_pre, n_post = net.sizes[k], net.sizes[k + 1]
    below, above = net.offsets[k], net.offsets[k + 1]
    key = stream_key(learner.seed[0], sample, k, terms.stream[term])
    rate = Rate(terms.mantissa[term], terms.shift[term], key)
    pre, post, shared = (
        learner.known[terms.pre[term]],
        learner.known[terms.post[term]],
        learner.shared,
    )
    counts = written.writes[b, k, layout]
    if layout == FORWARD:
        place = Copy(learner.stored, net.weights, net.starts[k], net.strides[k])
        fan, numbers, other, first = net.forward, shared.numbers, post, above
        count = gather_values(learner.pre_rows, learner.pre_values, 0, pre, below, n_pre)
        sender = Sender(learner.pre_rows, learner.pre_values, count, np.int64(n_post), np.int64(1))
    else:
        place = Copy(learner.stored_mirror, net.mirror, net.mirror_starts[k], net.mirror_strides[k])
        fan, numbers, other, first = net.back, shared.mirror_numbers, pre, below
        count = gather_values(learner.pre_rows, learner.pre_values, 0, post, above, n_post)
        sender = Sender(learner.pre_rows, learner.pre_values, count, np.int64(1), np.int64(n_post))
    write_shared(
        place, fan, k, shared, numbers, sender, other, first, rate, learner.accumulator_bits,
        learner.highest, counts,
    )  # fmt: skip


@inlined
def _learn(net, rules, learner, terms, written, b, sample, follows):
    """Write every copy of every connection, term by term, and the biases."""
    for term in range(len(terms.connection)):
        if learner.shared.how[terms.connection[term]] != MATRIX:
            _write_shared_term(net, learner, terms, written, b, sample, term)
        elif learner.spikes:
            for epoch in range(learner.largest_factor):
                _write_term(net, rules, learner, terms, written, b, sample, follows, term, epoch)
        else:
            _write_term(net, rules, learner, terms, written, b, sample, follows, term, 0)
    for k in range(len(net.sizes) - 1):
        _learn_biases(net, rules, learner, k, sample)


@inlined
def follow_all(net, rules, learner, written, b):
    """Let spikes read what all copies have come to, wherever they lie."""
    bits = learner.accumulator_bits
    for k in range(len(net.sizes) - 1):
        n_pre, n_post, counts = net.sizes[k], net.sizes[k + 1], written.writes[b, k]
        applied = counts[FORWARD, APPLIED], counts[MIRROR, APPLIED]
        for once in range(2):
            turned = np.int64(once == 0)
            if turned and (rules.turn == 0 or k == 0):
                continue
            counts[FORWARD, APPLIED], counts[MIRROR, APPLIED] = applied
            start = net.starts[k] + np.int64(rules.turn) * turned
            follow(
                learner.stored, net.weights, start, net.strides[k], n_pre, n_post, bits,
                counts[FORWARD],
            )  # fmt: skip
            if k > 0:
                start = net.mirror_starts[k] + np.int64(rules.turn_mirror) * turned
                follow(
                    learner.stored_mirror, net.mirror, start, net.mirror_strides[k], n_post, n_pre,
                    bits, counts[MIRROR],
                )  # fmt: skip


@inlined
def learn_sample(net, rules, record, learner, terms, written, plus, minus, b, sample, follows):
    """What cores know after a sample, and what they write."""
    know(
        Layers(net.sizes, net.offsets), Steps(rules.phase_steps), learner, record.ends, record.bits,
        plus, minus, written, b, sample,
    )  # fmt: skip
    _learn(net, rules, learner, terms, written, b, sample, follows)


@inlined
def _record_of(record, one):
    """The record of the sample that a slice holds."""
    return Record(
        record.ends, record.active[one], record.arrivals[one], record.injected[one],
        record.saturations[one], record.returned[one], record.skipped[one], record.bits,
        record.potentials, record.part_spikes,
    )  # fmt: skip


def relaxation_of(
    net: Any, rules: Any, record: Record, given: Any, x: Any, targets: Any, samples: Any,
    state: Any, free: Any, scratch: Any,
) -> Any:  # fmt: skip
    """The address of `relax` for what `learn_online` calls it with; arguments as there."""
    one = slice(0, 1)
    python = getattr(_record_of, "py_func", _record_of)
    return address_of(
        relax, net, rules, python(record, one), given, x[one], targets[0], samples[one], state,
        free, scratch, 0, 1,
    )  # fmt: skip


@kernel
def learn_online(
    relaxation, net, rules, record, given, x, targets, samples, state, free, scratch, learner,
    terms, written, plus, minus, first_number, minibatch,
):  # fmt: skip
    """Run the samples one after another and learn from each before the next.

    relaxation: from `relaxation_of`. As `relax`, in a chip's integers, but that targets are sample
    by sample, (b, k, 1, n_out), so that one compilation of it serves all callers; record.ends,
    .bits and .potentials hold one sample, whose they are last. plus, minus: the phases with +beta
    and -beta; first_number: how many samples were learned from before; minibatch: samples after
    which codes follow what is stored, as they do after the last.
    """
    last = len(net.sizes) - 1
    this = np.int64(0)  # a constant would be a type of its own
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
        call_at(
            relaxation,
            (
                net, rules, _record_of(record, one), given, x[one], targets[b], samples[one],
                state, free, scratch, this, this + 1,
            ),
        )  # fmt: skip
        first = net.offsets[last]
        for j in range(net.sizes[last]):
            written.outputs[b, j] = record.ends[0, 0, first + j]
        if not record.skipped[b]:
            learn_sample(
                net, rules, record, learner, terms, written, plus, minus, b, first_number + b,
                minibatch == 1,
            )  # fmt: skip
        if minibatch > 1 and ((b + 1) % minibatch == 0 or b == len(x) - 1):
            follow_all(net, rules, learner, written, b)
