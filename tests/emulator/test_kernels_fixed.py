"""Kernels in a chip's integers equal their readable numpy twins, and write nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from kernel_twins import from_python

from eqchip.emulator.kernels import fused_fixed, rows_dots, rows_fixed, units_fixed
from eqchip.emulator.kernels.jit import JIT_DISABLED
from eqchip.emulator.kernels.state import BLOCK

pytestmark = pytest.mark.nojit
WIDTHS = (1, 2, 31, 32, 33, 64, 65, 100, 513)
LOW, HIGH = -(2**23), 2**23 - 1
FIRST = 64
compiled = pytest.mark.skipif(JIT_DISABLED, reason="LLVM vectors have no plain Python form")


def rescale(product: np.ndarray, bits: int) -> np.ndarray:
    """Nearest, ties up: floor(x / 2**bits + 1/2)."""
    return np.floor_divide(product + 2 ** (bits - 1), 2**bits)


def states(rng: np.random.Generator, size: int) -> np.ndarray:
    """States of every size, the extremes among them."""
    small = rng.integers(-5000, 5000, size)
    large = rng.integers(LOW, HIGH, size, endpoint=True)
    ends = rng.choice([LOW, HIGH, 0, 2048, 2049, 4096], size)
    return np.choose(rng.integers(0, 3, size), [small, large, ends]).astype(np.int32)


def clip(values: np.ndarray) -> tuple[np.ndarray, int]:
    kept = np.clip(values, LOW, HIGH)
    return kept, int((kept != values).sum())


def check(name, rng, n, arrays, arguments, written, expected, count):
    """Run a kernel on layer FIRST ... FIRST + n - 1 and compare every array it may write."""
    before = [array.copy() for array in arrays]
    found = from_python(getattr(units_fixed, name))(*arrays, FIRST, n, *arguments)
    for index, array in enumerate(arrays):
        wanted = before[index].astype(np.int64)
        if index in written:
            wanted[FIRST : FIRST + n] = expected[written.index(index)]
        np.testing.assert_array_equal(array, wanted, err_msg=f"{name}, n={n}, array {index}")
    if count is not None:
        assert found == count


@pytest.mark.parametrize("n", WIDTHS)
def test_unit_kernels_equal_their_twins(n):
    rng = np.random.default_rng(n)
    layer = slice(FIRST, FIRST + n)
    for bits in (6, 12, 15):
        one = 2**bits
        for gain in (1, one // 3, one - 1, one):
            r, u = states(rng, 700), states(rng, 700)
            new = rescale(
                (one - gain) * r[layer].astype(np.int64) + gain * u[layer].astype(np.int64), bits
            )
            check("decode_states", rng, n, [r, u], (gain, bits), [0], [new], None)

            s, previous, p = states(rng, 700), states(rng, 700), states(rng, 700)
            s = np.clip(s, 0, 4096).astype(np.int32)
            old, q = s[layer].astype(np.int64), p[layer].astype(np.int64)
            new = np.clip(rescale((one - gain) * old + gain * q, bits), 0, 4096)
            check(
                "step_states",
                rng,
                n,
                [s, previous, p],
                (gain, bits, 4096),
                [0, 1],
                [new, old],
                None,
            )

            a, previous = states(rng, 700), np.clip(states(rng, 700), 0, 4096).astype(np.int32)
            inverse = (one * one + gain // 2) // gain
            now = s[layer].astype(np.int64)
            old = previous[layer].astype(np.int64)
            new, count = clip(old + rescale(inverse * (now - old), bits))
            check(
                "predict_states",
                rng,
                n,
                [a, s, previous],
                (inverse, bits, LOW, HIGH),
                [0],
                [new],
                count,
            )
        for two_beta in (one, -one // 2, 3 * one, 1):
            p, y = states(rng, 700), np.clip(states(rng, 700), 0, 4096).astype(np.int32)
            pull = rescale(two_beta * (y[layer].astype(np.int64) - s[layer]), bits)
            new, count = clip(p[layer] + pull)
            check("nudge_states", rng, n, [p, y, s], (two_beta, bits, LOW, HIGH), [0], [new], count)

    p, v, b = states(rng, 700), states(rng, 700), states(rng, 700)
    new, count = clip(v[layer].astype(np.int64) + b[layer])
    check("drive_states", rng, n, [p, v, b], (LOW, HIGH), [0], [new], count)

    q, phi, a = np.zeros(700, np.uint8), states(rng, 700), states(rng, 700)
    total, count = clip(phi[layer].astype(np.int64) + a[layer])
    fires = total > 2048
    check(
        "sigma_delta_states", rng, n, [q, phi, a], (4096, LOW, HIGH), [0, 1],
        [fires, total - 4096 * fires], count,
    )  # fmt: skip


@pytest.mark.parametrize("n", WIDTHS)
def test_kernels_of_an_adapted_prediction_equal_their_twins(n):
    rng, layer = np.random.default_rng(n), slice(FIRST, FIRST + n)
    threshold, bits, finest = 2867, 12, 6
    for _ in range(3):
        level = rng.integers(1, finest + 1, 700).astype(np.int32)
        held = rng.integers(0, 2 << finest, 700).astype(np.int32)
        mean, size = states(rng, 700), abs(states(rng, 700))
        r, u = states(rng, 700), states(rng, 700)
        k, steps, b, d, old, new = (
            array[layer].astype(np.int64) for array in (level, held, mean, size, r, u)
        )
        b = np.clip(b + (new - old) - rescale(b, 2), LOW, HIGH)
        d = np.minimum(d + abs(new - old) - rescale(d, 4), HIGH)
        opens = abs(b) * 2 ** (bits + 2) > threshold * d
        closes = ~opens & (steps + 1 >= 2 ** (k + 1)) & (k < finest)
        k = np.where(opens, 1, k + closes)
        steps = np.where(opens | closes, 0, steps + 1)
        moved = np.array([rescale(way, int(to)) for way, to in zip(new - old, k, strict=True)])
        check(
            "follow_states", rng, n, [level, held, mean, size, r, u],
            (threshold, bits, finest, LOW, HIGH), [0, 1, 2, 3, 4], [k, steps, b, d, old + moved],
            None,
        )  # fmt: skip

        a, phi = states(rng, 700), states(rng, 700)
        s, previous = (np.clip(states(rng, 700), 0, 4096).astype(np.int32) for _ in range(2))
        before, way = previous[layer].astype(np.int64), (s - previous)[layer].astype(np.int64)
        opens = (abs(phi[layer] + before + way * 2**k) > 2 * 4096) & (k > 1)
        k, steps = np.where(opens, 1, k), np.where(opens, 0, steps)
        wanted, count = clip(before + way * 2**k)
        check(
            "predict_each_state", rng, n, [a, s, previous, phi, level, held], (4096, LOW, HIGH),
            [0, 4, 5], [wanted, k, steps], count,
        )  # fmt: skip


@pytest.mark.parametrize("n", WIDTHS)
def test_sums_are_scaled_by_their_exponents_and_joined(n):
    rng = np.random.default_rng(n)
    for exponent, back_exponent in ((0, 0), (5, -2), (-3, 9), (13, 13)):
        forward, back = (rng.integers(-(2**20), 2**20, 700).astype(np.int32) for _ in range(2))
        forward[:] *= 16
        new, count = joined(forward, back, n, exponent, back_exponent)
        out = states(rng, 700)
        arguments = (exponent, back_exponent, LOW, HIGH)
        check("join_sums", rng, n, [out, forward, back], arguments, [0], [new], count)


def joined(
    forward: np.ndarray, back: np.ndarray, n: int, exponent: int, back_exponent: int
) -> tuple[np.ndarray, int]:
    layer = slice(FIRST, FIRST + n)
    terms = [
        np.floor(array[layer] * 2.0**e).astype(np.int64)
        for array, e in ((forward, exponent), (back, back_exponent))
    ]
    return clip(terms[0] + terms[1])


def line_of(n: int) -> slice:
    """What a kernel that takes whole lines may write of n units."""
    return slice(FIRST, FIRST + -(-n // 16) * 16)


@compiled
@pytest.mark.parametrize("n", WIDTHS)
def test_sums_that_leave_an_int32_when_they_are_scaled_are_joined_all_the_same(n):
    rng = np.random.default_rng(n)
    for exponent, back_exponent in ((0, 0), (5, -2), (-3, 9), (13, 13), (15, 0), (-15, 0)):
        forward = rng.integers(-(2**30), 2**30, 700, endpoint=True).astype(np.int32)
        forward[rng.random(700) < 0.5] >>= 12
        most = (2**29 - 1) >> max(back_exponent, 0)
        back = rng.choice([-most, most, 0, 77], 700).astype(np.int32)
        new, count = joined(forward, back, n, exponent, back_exponent)
        out = states(rng, 700)
        expected = out.copy()
        found = from_python(fused_fixed.join_code_lines)(
            out, forward, back, FIRST, n, exponent, back_exponent, LOW, HIGH
        )
        assert found == count
        np.testing.assert_array_equal(out[FIRST : FIRST + n], new)
        expected[line_of(n)] = out[line_of(n)]
        np.testing.assert_array_equal(out, expected)


@compiled
@pytest.mark.parametrize("n", WIDTHS)
def test_a_step_at_once_is_that_of_the_loops_with_the_same_count(n):
    rng = np.random.default_rng(n)
    for bits in (6, 12, 15):
        for lam, eps in ((1, 1), (2**bits // 3, 2**bits - 1), (2**bits, 2**bits)):
            u, r, b, s, phi = (states(rng, 700) for _ in range(5))
            s = np.clip(s, 0, 4096).astype(np.int32)
            inverse = (4**bits + lam // 2) // lam
            loops = [array.copy() for array in (r, s, phi)]
            q, p, previous, a = np.zeros(700, np.uint8), *np.zeros((3, 700), np.int32)
            count = one_after_the_other(
                u, loops[0], b, loops[1], loops[2], q, p, previous, a, n, lam, eps, inverse, bits
            )
            before, bits_at_once = [array.copy() for array in (u, b)], np.zeros(700, np.uint8)
            found = from_python(fused_fixed.step_code_lines)(
                u, r, b, s, phi, bits_at_once, FIRST, n, lam, eps, inverse, bits, 4096, LOW, HIGH
            )
            assert found == count
            np.testing.assert_array_equal((u, b), before)
            for mine, theirs in zip((r, s, phi, bits_at_once), (*loops, q), strict=True):
                theirs[FIRST + n : line_of(n).stop] = mine[FIRST + n : line_of(n).stop]
                np.testing.assert_array_equal(mine, theirs)


def one_after_the_other(u, r, b, s, phi, q, p, previous, a, n, lam, eps, inverse, bits):
    """The step of layer FIRST ... FIRST + n - 1, loop by loop; returns how many were clipped."""
    from_python(units_fixed.decode_states)(r, u, FIRST, n, lam, bits)
    clipped = from_python(units_fixed.drive_states)(p, r, b, FIRST, n, LOW, HIGH)
    from_python(units_fixed.step_states)(s, previous, p, FIRST, n, eps, bits, 4096)
    clipped += from_python(units_fixed.predict_states)(
        a, s, previous, FIRST, n, inverse, bits, LOW, HIGH
    )
    return clipped + from_python(units_fixed.sigma_delta_states)(
        q, phi, a, FIRST, n, 4096, LOW, HIGH
    )


@pytest.mark.parametrize("shift", [-3, 0, 1, 12])
def test_a_current_is_rounded_once_and_added_to_the_biases(shift):
    rng = np.random.default_rng(3)
    b, total = states(rng, 200), rng.integers(-(2**30), 2**30, 100)
    current = rescale(total, shift) if shift > 0 else total * 2**-shift
    new, count = clip(b[64:164].astype(np.int64) + current)
    expected = b.copy()
    expected[64:164] = new
    assert from_python(units_fixed.load_current)(b, total, 64, 100, shift, LOW, HIGH) == count
    np.testing.assert_array_equal(b, expected)


@pytest.mark.parametrize("n", WIDTHS)
@pytest.mark.parametrize("count", [0, 1, 7, 256, 257, 600])
def test_code_rows_are_summed_without_overflow(n, count):
    rng = np.random.default_rng(n + count)
    stride = -(-n // 64) * 64
    w = rng.choice([-128, 127, 0, 3], (50, stride)).astype(np.int8)
    w[0] = -128  # the worst row, often
    rows = np.sort(rng.choice([0, 0, 0, 17, 49], count)).astype(np.int32)
    out = rng.integers(-1000, 1000, 64 + stride + 64).astype(np.int32)
    expected = out.copy()
    expected[64 : 64 + n] += w[rows, :n].astype(np.int64).sum(0).astype(np.int32)
    from_python(rows_fixed.add_code_rows)(out, 64, w.ravel(), 0, stride, n, rows, 0, count)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("n", WIDTHS)
@pytest.mark.parametrize("count", [0, 1, 300])
def test_code_rows_are_added_at_the_bits_of_their_masks(n, count):
    rng = np.random.default_rng(n + count)
    stride, steps = -(-n // 64) * 64, 20
    w = rng.integers(-128, 128, (400, stride)).astype(np.int8)
    rows = np.sort(rng.choice(400, count, replace=False)).astype(np.int32)
    masks = rng.integers(0, 2**steps, count, np.uint32)
    out, tile = np.zeros((BLOCK, stride), np.int32), np.zeros((BLOCK, stride), np.int16)
    bits = (masks[:, None] >> np.arange(steps, dtype=np.uint32)) & 1
    expected = bits.T.astype(np.int64) @ w[rows, :n].astype(np.int64)
    from_python(rows_fixed.add_code_rows_at_bits)(
        out, 0, tile, w.ravel(), 0, stride, n, rows, masks, 0, count, steps
    )
    np.testing.assert_array_equal(out[:steps, :n], expected)
    assert not out[steps:].any()
    assert not tile[:, :n].any()


@pytest.mark.skipif(not rows_dots.AVAILABLE, reason="this processor has no dot products of bytes")
@pytest.mark.parametrize("n", [64, 100, 192, 513])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 127, 300])
def test_dots_are_the_sums_at_the_bits_of_their_masks(n, count):
    rng = np.random.default_rng(n + count)
    stride = -(-n // 64) * 64
    w = rng.choice([-128, 127, 0, 3, -77], (400, stride)).astype(np.int8)
    rows = np.sort(rng.choice(400, count, replace=False)).astype(np.int32)
    flags = np.full((BLOCK, rows_dots.ROWS + 64), 255, np.uint8)
    quads = np.full(rows_dots.ROWS * rows_dots.COLUMNS, 99, np.int8)
    for steps in range(1, BLOCK + 1):
        masks = rng.integers(0, 2**steps, count, np.uint32)
        before = rng.integers(-1000, 1000, (BLOCK, stride + 64)).astype(np.int32)
        out, bits = before.copy(), (masks[:, None] >> np.arange(steps, dtype=np.uint32)) & 1
        done = from_python(rows_dots.add_code_rows_by_dots)(
            out, 32, flags, quads, w.ravel(), 0, stride, n, rows, masks, 0, count, steps
        )
        assert done == n // 64 * 64
        before[:steps, 32 : 32 + done] += (bits.T.astype(np.int64) @ w[rows, :done]).astype(
            np.int32
        )
        np.testing.assert_array_equal(out, before, err_msg=f"{steps} steps")


def test_scaled_code_rows_are_exact():
    rng = np.random.default_rng(0)
    w = rng.integers(-128, 128, (30, 128)).astype(np.int8)
    rows, values = np.arange(30, dtype=np.int32), np.full(30, 2**22, np.int32)
    out = np.zeros(100, np.int64)
    from_python(rows_fixed.add_scaled_code_rows)(
        out, 0, w.ravel(), 0, 128, 100, rows, values, 0, 30
    )
    np.testing.assert_array_equal(out, 2**22 * w[:, :100].astype(np.int64).sum(0))
