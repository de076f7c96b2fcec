"""What a layer of units computes in one time step, loop by loop.

Arrays run over the units of all layers (axis j) of one sample, in the run's
floating-point type unless said; a layer is the units first ... first + n - 1. The
equations and their numbering are those of `eqchip.backends.reference.floating`.

Two habits keep these loops on vectors: each touches few arrays, so that LLVM can test
whether they overlap, and indices are unsigned, so that none wraps around.
"""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.jit import inlined
from eqchip.emulator.philox import (
    MULTIPLIERS,
    ROUNDS,
    UNIFORM_SCALE,
    UNIFORM_SHIFT,
    WEYL,
)

M0, M1 = np.uint64(MULTIPLIERS[0]), np.uint64(MULTIPLIERS[1])
W0, W1 = np.uint64(WEYL[0]), np.uint64(WEYL[1])
LOW = np.uint64(0xFFFFFFFF)
HALF_WORD = np.uint64(32)
SHIFT = np.uint64(UNIFORM_SHIFT)


@inlined
def span(first, n):
    """The units of a layer, as unsigned indices."""
    return range(np.uint64(first), np.uint64(first + n))


@inlined
def add_states(out, phase, b, s):
    """out[phase, b] += s."""
    row = out[phase, b]
    for j in span(0, len(s)):
        row[j] += s[j]


@inlined
def clear(u, first, n):
    """u = 0."""
    zero = u.dtype.type(0)
    for j in span(first, n):
        u[j] = zero


@inlined
def copy(to, source, first, n):
    """to = source."""
    for j in span(first, n):
        to[j] = source[j]


@inlined
def decode(r, u, first, n, keep, lam):
    """Predictive decoder: r = keep r + lam u, with keep = 1 - lam."""
    for j in span(first, n):
        r[j] = keep * r[j] + lam * u[j]


@inlined
def drive(p, v, b, first, n):
    """p = rho'(s) (v + b). Potentials never leave [0, 1], where rho' = 1: no test is needed."""
    for j in span(first, n):
        p[j] = v[j] + b[j]


@inlined
def nudge(p, y, s, first, n, two_beta):
    """p += 2 beta (y - s), s being the potential of the step before."""
    for j in span(first, n):
        p[j] += two_beta * (y[j] - s[j])


@inlined
def step(s, previous, p, first, n, keep, eps):
    """previous = s; s = clip(keep s + eps p, 0, 1), with keep = 1 - eps."""
    zero, one = s.dtype.type(0), s.dtype.type(1)
    for j in span(first, n):
        previous[j] = s[j]
        s[j] = min(max(keep * s[j] + eps * p[j], zero), one)


@inlined
def step_each(s, previous, p, eps, first, n):
    """As `step`, each unit with its own step size."""
    zero, one = s.dtype.type(0), s.dtype.type(1)
    for j in span(first, n):
        previous[j] = s[j]
        s[j] = min(max((one - eps[j]) * s[j] + eps[j] * p[j], zero), one)


@inlined
def optimal_step_sizes(
    eps, error, p, nu, theta, bias, square, spread, first, n, opening, nu_bar, regularizer
):
    """The adaptive step sizes of this step, 1 at the opening one; the statistics are updated."""
    one = eps.dtype.type(1)
    for j in span(first, n):
        error[j] = p[j] - theta[j]
    for j in span(first, n):
        nu[j] = nu[j] / (one + nu[j] - nu_bar)
    for j in span(first, n):
        bias[j] = (one - nu[j]) * bias[j] + nu[j] * error[j]
    for j in span(first, n):
        square[j] = (one - nu[j]) * square[j] + nu[j] * (error[j] * error[j])
    if opening:
        for j in span(first, n):
            eps[j] = one
    else:
        for j in span(first, n):
            variance = (square[j] - bias[j] * bias[j]) / (one + spread[j])
            eps[j] = one - (variance + regularizer) / (square[j] + regularizer)
    for j in span(first, n):
        spread[j] = (one - eps[j]) * (one - eps[j]) * spread[j] + eps[j] * eps[j]
    for j in span(first, n):
        theta[j] = (one - eps[j]) * theta[j] + eps[j] * p[j]


@inlined
def settle(lam, held, opens, j, finest):
    """lam[j] opens to 1/2, or halves when it has been held for 2 / lam steps; see `follow`."""
    half, two, zero = lam.dtype.type(0.5), lam.dtype.type(2), lam.dtype.type(0)
    steps = held[j] + lam.dtype.type(1)
    closes = (not opens) & (steps * lam[j] >= two) & (lam[j] > finest)
    lam[j] = half if opens else (half * lam[j] if closes else lam[j])
    held[j] = zero if opens | closes else steps


@inlined
def follow(lam, held, mean, size, r, u, first, n, threshold, finest):
    """Predictive decoder with a coefficient that each unit adapts to its error e = u - r.

    mean, size: e and |e| summed with a leak of 1/4 and of 1/16 (B and D of `AdaptivePrediction`).
    Where 4 |mean| > threshold size, lam opens. Then r = r + lam e.
    """
    quarter, sixteenth, four = r.dtype.type(0.25), r.dtype.type(0.0625), r.dtype.type(4)
    for j in span(first, n):
        error = u[j] - r[j]
        mean[j] = mean[j] + (error - quarter * mean[j])
        size[j] = size[j] + (abs(error) - sixteenth * size[j])
    for j in span(first, n):
        settle(lam, held, four * abs(mean[j]) > threshold * size[j], j, finest)
    for j in span(first, n):
        r[j] = r[j] + lam[j] * (u[j] - r[j])


@inlined
def settle_input(lam, held, first, n, finest):
    """`settle` of units to which nothing comes."""
    for j in span(first, n):
        settle(lam, held, False, j, finest)


@inlined
def predict_each(a, s, previous, phi, lam, held, first, n):
    """Predictive encoder: a = previous + (s - previous) / lam; lam opens where |phi + a| > 2."""
    half, two, zero = a.dtype.type(0.5), a.dtype.type(2), a.dtype.type(0)
    for j in span(first, n):
        total = phi[j] + (previous[j] + (s[j] - previous[j]) / lam[j])
        opens = (abs(total) > two) & (lam[j] < half)
        lam[j] = half if opens else lam[j]
        held[j] = zero if opens else held[j]
    for j in span(first, n):
        a[j] = previous[j] + (s[j] - previous[j]) / lam[j]


@inlined
def predict(a, s, previous, first, n, keep, lam):
    """Predictive encoder: a = (s - keep previous) / lam, with keep = 1 - lam."""
    for j in span(first, n):
        a[j] = (s[j] - keep * previous[j]) / lam


@inlined
def sigma_delta(q, phi, a, first, n):
    """q = [phi + a > 1/2], phi = phi + a - q; q: uint8."""
    half, one = a.dtype.type(0.5), a.dtype.type(1)
    for j in span(first, n):
        residue = phi[j] + a[j]
        fires = residue > half
        phi[j] = residue - one if fires else residue
        q[j] = fires


@inlined
def bernoulli(q, a, uniforms, first, n):
    """q = [a > uniform]; q: uint8."""
    for j in span(first, n):
        q[j] = a[j] > uniforms[j]


@inlined
def quantize(by_chance, q, phi, a, uniforms, first, n):
    """The bits of a: bernoulli by chance, else sigma_delta."""
    if by_chance:
        bernoulli(q, a, uniforms, first, n)
    else:
        sigma_delta(q, phi, a, first, n)


@inlined
def ones_in(q, first, n):
    """How many of the bits first ... first + n - 1 are 1."""
    ones = np.uint32(0)
    for j in span(first, n):
        ones = np.uint32(ones + np.uint32(q[j]))
    return np.int64(ones)


@inlined
def sum_of(numbers, n):
    """The sum of the first n numbers."""
    total = numbers.dtype.type(0)
    for i in range(n):
        total += numbers[i]
    return total


@inlined
def mark(masks, q, first, n, k):
    """Bit k of masks = q, for first ... first + n - 1; returns how many are 1.

    masks: uint32, bit k 0.
    """
    place = np.uint32(k)
    ones = np.uint32(0)
    for j in span(first, n):
        bit = np.uint32(q[j])
        masks[j] |= np.uint32(bit << place)
        ones = np.uint32(ones + bit)
    return np.int64(ones)


@inlined
def philox(c0, c1, c2, c3, k0, k1):
    """Four random words of a counter and a key: the twin of `philox.philox4x32`.

    All uint64, below 2**32.
    """
    for _ in range(ROUNDS):
        p0, p1 = M0 * c0, M1 * c2
        c0 = (p1 >> HALF_WORD) ^ c1 ^ k0
        c2 = (p0 >> HALF_WORD) ^ c3 ^ k1
        c1, c3 = p1 & LOW, p0 & LOW
        k0, k1 = (k0 + W0) & LOW, (k1 + W1) & LOW
    return c0, c1, c2, c3


@inlined
def draw_uniforms(out, first, begin, end, seed_low, seed_high, sample, layer, t, one):
    """out[first + i] = the uniform number of unit i: the twin of `philox.uniforms`.

    Of units begin ... end - 1 of the layer that starts at `first`. seed_low, seed_high, sample,
    layer, t: uint64, below 2**32; one: what stands for 1.0 (an integer `out` keeps the whole
    part). Writes whole groups of four units, which stay within the layer's cache lines.
    """
    scale = np.float64(UNIFORM_SCALE) * np.float64(one)
    for group in range(begin // 4, (end + 3) // 4):
        c0, c1, c2, c3 = philox(np.uint64(group), t, layer, sample, seed_low, seed_high)
        base = first + 4 * group
        out[base] = np.float64(c0 >> SHIFT) * scale
        out[base + 1] = np.float64(c1 >> SHIFT) * scale
        out[base + 2] = np.float64(c2 >> SHIFT) * scale
        out[base + 3] = np.float64(c3 >> SHIFT) * scale
