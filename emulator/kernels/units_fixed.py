"""What a layer of units computes in one time step in a chip's integers, loop by loop.

Arrays are int32 over the units of all layers (axis j) of one sample, a layer is the units
first ... first + n - 1. Where a result may leave the range low ... high of a state it is
clipped, and the function returns how many were. `rescale` is the one rounding.

A state has at most 24 bits, so that sums of two stay below int32 and are taken there, which
doubles the units in a vector; a product with a coefficient of at most 32 bits is int64. What
a prediction adds is below one / lambda, 2**(fraction_bits + coefficient_bits) at most, which
`FixedPoint` keeps below int32.
``keep x + gain y`` over 2**bits, rounded, is ``x + rescale(gain (y - x))`` to the bit, with
one product less.
"""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.jit import inlined
from eqchip.emulator.kernels.units import span


@inlined
def rescale(product, bits):
    """product / 2**bits, rounded to nearest, ties up; bits at least 1."""
    return (np.int64(product) + (np.int64(1) << (bits - np.int64(1)))) >> bits


@inlined
def join_sums(u, forward, back, first, n, exponent, exponent_back, low, high):
    """u = forward 2**exponent + back 2**exponent_back; a negative exponent rounds down."""
    left, right = np.int64(max(exponent, 0)), np.int64(max(-exponent, 0))
    left_back, right_back = np.int64(max(exponent_back, 0)), np.int64(max(-exponent_back, 0))
    clipped = np.int64(0)
    for j in span(first, n):
        total = ((np.int64(forward[j]) << left) >> right) + (
            (np.int64(back[j]) << left_back) >> right_back
        )
        kept = min(max(total, low), high)
        clipped += np.int64(kept != total)
        u[j] = kept
    return clipped


@inlined
def decode_states(r, u, first, n, gain, bits):
    """r = (1 - gain) r + gain u, with gain over 2**bits; lies between r and u."""
    factor = np.int32(gain)
    for j in span(first, n):
        way = np.int32(u[j] - r[j])
        r[j] = np.int32(r[j] + np.int32(rescale(np.int64(factor) * np.int64(way), bits)))


@inlined
def drive_states(p, v, b, first, n, low, high):
    """p = v + b. Potentials never leave [0, 1], where rho' = 1."""
    lowest, highest, clipped = np.int32(low), np.int32(high), np.int32(0)
    for j in span(first, n):
        total = np.int32(v[j] + b[j])
        kept = min(max(total, lowest), highest)
        clipped = np.int32(clipped + np.int32(kept != total))
        p[j] = kept
    return np.int64(clipped)


@inlined
def nudge_states(p, y, s, first, n, two_beta, bits, low, high):
    """p += 2 beta (y - s), with 2 beta over 2**bits, s being the potential of the step before."""
    clipped = np.int64(0)
    for j in span(first, n):
        pull = rescale(np.int64(two_beta) * (np.int64(y[j]) - np.int64(s[j])), bits)
        total = np.int64(p[j]) + pull
        kept = min(max(total, low), high)
        clipped += np.int64(kept != total)
        p[j] = kept
    return clipped


@inlined
def step_states(s, previous, p, first, n, gain, bits, one):
    """previous = s; s = (1 - gain) s + gain p, clipped to 0 ... one; gain over 2**bits."""
    factor, zero, highest = np.int32(gain), np.int32(0), np.int32(one)
    for j in span(first, n):
        old = s[j]
        previous[j] = old
        way = np.int32(p[j] - old)
        new = np.int32(old + np.int32(rescale(np.int64(factor) * np.int64(way), bits)))
        s[j] = min(max(new, zero), highest)


@inlined
def predict_states(a, s, previous, first, n, inverse, bits, low, high):
    """a = previous + inverse (s - previous), with inverse = 1 / lambda over 2**bits."""
    factor = np.int32(inverse)
    lowest, highest, clipped = np.int32(low), np.int32(high), np.int32(0)
    for j in span(first, n):
        way = np.int32(s[j] - previous[j])
        gain = np.int32(rescale(np.int64(factor) * np.int64(way), bits))
        total = np.int32(previous[j] + gain)
        kept = min(max(total, lowest), highest)
        clipped = np.int32(clipped + np.int32(kept != total))
        a[j] = kept
    return np.int64(clipped)


@inlined
def settle_states(level, held, opens, j, finest):
    """level[j] goes to 1, or up by 1 when it was held for 2**(level + 1) steps; see `units.settle`.

    level: k of a coefficient 2**-k.
    """
    steps = np.int32(held[j] + np.int32(1))
    closes = (not opens) & (steps >= np.int32(2) << level[j]) & (level[j] < finest)
    level[j] = np.int32(1) if opens else np.int32(level[j] + np.int32(closes))
    held[j] = np.int32(0) if opens | closes else steps


@inlined
def follow_states(level, held, mean, size, r, u, first, n, threshold, bits, finest, low, high):
    """`units.follow`: the coefficient is 2**-level; threshold over 2**bits.

    mean and size stay in the range of a state, and are not counted where they are clipped.
    """
    lowest, highest = np.int32(low), np.int32(high)
    for j in span(first, n):
        error = np.int32(u[j] - r[j])
        new = np.int32(mean[j] + np.int32(error - np.int32(rescale(mean[j], np.int64(2)))))
        mean[j] = min(max(new, lowest), highest)
        new = np.int32(size[j] + np.int32(abs(error) - np.int32(rescale(size[j], np.int64(4)))))
        size[j] = min(new, highest)
    for j in span(first, n):
        opens = np.int64(abs(mean[j])) << (bits + np.int64(2)) > threshold * np.int64(size[j])
        settle_states(level, held, opens, j, finest)
    for j in span(first, n):
        way = np.int64(u[j]) - np.int64(r[j])
        r[j] = np.int32(r[j] + np.int32(rescale(way, np.int64(level[j]))))


@inlined
def settle_input_states(level, held, first, n, finest):
    """`settle_states` of units to which nothing comes."""
    for j in span(first, n):
        settle_states(level, held, False, j, finest)


@inlined
def predict_each_state(a, s, previous, phi, level, held, first, n, one, low, high):
    """a = previous + 2**level (s - previous); level goes to 1 where |phi + a| > 2."""
    two, clipped = np.int64(one) << np.int64(1), np.int64(0)
    for j in span(first, n):
        way = np.int64(s[j]) - np.int64(previous[j])
        total = np.int64(phi[j]) + np.int64(previous[j]) + (way << np.int64(level[j]))
        opens = (abs(total) > two) & (level[j] > 1)
        level[j] = np.int32(1) if opens else level[j]
        held[j] = np.int32(0) if opens else held[j]
    for j in span(first, n):
        way = np.int64(s[j]) - np.int64(previous[j])
        total = np.int64(previous[j]) + (way << np.int64(level[j]))
        kept = min(max(total, low), high)
        clipped += np.int64(kept != total)
        a[j] = kept
    return clipped


@inlined
def sigma_delta_states(q, phi, a, first, n, one, low, high):
    """q = [phi + a > 1/2], phi = phi + a - q; q: uint8."""
    half, whole = np.int32(one >> np.int64(1)), np.int32(one)
    lowest, highest, clipped = np.int32(low), np.int32(high), np.int32(0)
    for j in span(first, n):
        total = np.int32(phi[j] + a[j])
        residue = min(max(total, lowest), highest)
        clipped = np.int32(clipped + np.int32(residue != total))
        fires = residue > half
        phi[j] = np.int32(residue - whole) if fires else residue
        q[j] = fires
    return np.int64(clipped)


@inlined
def load_current(b, total, first, n, shift, low, high):
    """b[first + i] += total[i] / 2**shift, rounded to nearest, ties up; shift of any sign.

    total: int64, sums of input times weight code.
    """
    clipped = np.int64(0)
    for i in range(n):
        if shift > 0:
            current = rescale(total[i], shift)
        else:
            current = total[i] << -shift
        whole = np.int64(b[first + i]) + current
        kept = min(max(whole, low), high)
        clipped += np.int64(kept != whole)
        b[first + i] = kept
    return clipped
