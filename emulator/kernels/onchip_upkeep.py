"""What is done to the copies of a weight now and then: both shrink, or the mirror is learned anew.

The twin that is written to be read is in `eqchip.backends.reference.onchip`.
"""

from __future__ import annotations

import numpy as np

from eqchip.emulator.description.onchip import TRACE_SHIFT
from eqchip.emulator.description.upkeep import ALIGN_BITS, FIRING_BITS
from eqchip.emulator.kernels.jit import inlined, kernel
from eqchip.emulator.kernels.onchip_arrays import APPLIED, ATTEMPTED, SATURATED
from eqchip.emulator.kernels.random_rounding import (
    GOLDEN,
    MIRROR_STREAM,
    NOISE_STREAM,
    mix,
    round_at_random,
    stream_key,
)


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
    Returns in how many presentations any unit fired.
    """
    n_pre, n_post = codes.shape
    noise = stream_key(seed[0], sample, connection, NOISE_STREAM)
    key = stream_key(seed[0], sample, connection, MIRROR_STREAM)
    limit = np.int64(highest) << accumulator_bits
    half = (np.int64(1) << accumulator_bits) >> np.int64(1)
    keep = (np.int64(1) << ALIGN_BITS) - null
    rarity = np.int64(1) << np.int64(FIRING_BITS - 1)
    gain = null * n_post * (rarity - 1 + n_pre) // (rarity * n_post + n_pre)
    applied, saturated, turns = np.int64(0), np.int64(0), np.int64(0)
    for one in range(presentations):
        first = np.int64(one) * n_pre
        count = _present(codes, rows, signs, y, noise, first)
        turns += np.int64(count > 0)
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
    return turns
