"""Each kernel equals its readable numpy twin to the last bit, and writes nowhere else.

The twins compute whole layers at once. Layers of every width from 1 to 70 stand between
guard zones: what lies outside a layer must stay as it was, but for the rest of its last
cache line where a kernel says so.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_twins import from_python

from eqchip.emulator import philox
from eqchip.emulator.description.connections import Conv2d
from eqchip.emulator.description.network import Network
from eqchip.emulator.engine.lowering import gather_weights, lower
from eqchip.emulator.kernels import gather, learning, rows, rows_listed, units
from eqchip.emulator.kernels.jit import JIT_DISABLED
from eqchip.emulator.kernels.lowered import CACHE_LINE, aligned_zeros, weight_rows
from eqchip.emulator.kernels.products import TOGETHER
from eqchip.emulator.kernels.state import BLOCK
from eqchip.emulator.learning.contrast import shared_of
from eqchip.emulator.learning.rules import lay_terms

DTYPES = (np.float32, np.float64)
WIDTHS = range(1, 71)
GUARD = 3  # cache lines before and after a layer
both_types = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
pytestmark = pytest.mark.nojit


def line(dtype: Any) -> int:
    return CACHE_LINE // np.dtype(dtype).itemsize


def up_to(n: int, multiple: int) -> int:
    return -(-n // multiple) * multiple


def values(rng: np.random.Generator, shape: Any, dtype: Any) -> np.ndarray:
    """Random numbers of [-1, 1], half of them multiples of 1/8: ties and exact sums."""
    coarse = rng.integers(-8, 8, shape, endpoint=True) / 8
    return np.where(rng.random(shape) < 0.5, coarse, rng.uniform(-1, 1, shape)).astype(dtype)


def layers(dtype: Any) -> Iterator[tuple[np.random.Generator, int, int, int]]:
    """Per width: a source of numbers, where the layer starts, its width, all units."""
    first = GUARD * line(dtype)
    for n in WIDTHS:
        yield np.random.default_rng(n), first, n, 2 * first + up_to(n, line(dtype))


# --- one layer, unit by unit --------------------------------------------------------------
# A twin takes the layer's part of the arrays, and the scalars; it returns what the written
# arrays hold afterwards, by their place among the arguments.

Twin = Callable[..., dict[int, np.ndarray]]


def clip(s: np.ndarray) -> np.ndarray:
    return np.minimum(np.maximum(s, 0), 1)


def sigma_delta_twin(q: np.ndarray, phi: np.ndarray, a: np.ndarray) -> dict[int, np.ndarray]:
    fires = phi + a > 0.5
    return {0: fires, 1: phi + a - fires.astype(a.dtype)}


def optimal_twin(opening: bool) -> Twin:
    def twin(eps, error, p, nu, theta, bias, square, spread, nu_bar, regularizer):  # type: ignore[no-untyped-def]
        one = p.dtype.type(1)
        e = p - theta
        nu = nu / (one + nu - nu_bar)
        bias = (one - nu) * bias + nu * e
        square = (one - nu) * square + nu * (e * e)
        variance = (square - bias * bias) / (one + spread)
        eps = one - (variance + regularizer) / (square + regularizer)
        if opening:
            eps = np.ones_like(p)
        spread = (one - eps) * (one - eps) * spread + eps * eps
        theta = (one - eps) * theta + eps * p
        return {0: eps, 1: e, 3: nu, 4: theta, 5: bias, 6: square, 7: spread}

    return twin


def optimal_kernel(opening: bool) -> Callable[..., Any]:
    compiled = from_python(units.optimal_step_sizes)

    def call(*arguments: Any) -> None:
        *arrays, first, n, nu_bar, regularizer = arguments
        compiled(*arrays, first, n, opening, nu_bar, regularizer)

    return call


def settled(lam, held, opens, finest):  # type: ignore[no-untyped-def]
    half, held = lam.dtype.type(0.5), held + lam.dtype.type(1)
    closes = ~opens & (held * lam >= 2) & (lam > finest)
    return (
        np.where(opens, half, np.where(closes, half * lam, lam)),
        np.where(opens | closes, lam.dtype.type(0), held),
    )


def follow_twin(lam, held, mean, size, r, u, threshold, finest):  # type: ignore[no-untyped-def]
    scalar = r.dtype.type
    error = u - r
    mean = mean + (error - scalar(0.25) * mean)
    size = size + (abs(error) - scalar(0.0625) * size)
    lam, held = settled(lam, held, scalar(4) * abs(mean) > threshold * size, finest)
    return {0: lam, 1: held, 2: mean, 3: size, 4: r + lam * error}


def predict_each_twin(a, s, previous, phi, lam, held):  # type: ignore[no-untyped-def]
    scalar = a.dtype.type
    opens = (abs(phi + (previous + (s - previous) / lam)) > 2) & (lam < scalar(0.5))
    lam, held = np.where(opens, scalar(0.5), lam), np.where(opens, scalar(0), held)
    return {0: previous + (s - previous) / lam, 4: lam, 5: held}


# name -> kernel, arrays, scalars, twin
UNIT_KERNELS: dict[str, tuple[Callable[..., Any], int, int, Twin]] = {
    "clear": (from_python(units.clear), 1, 0, lambda u: {0: np.zeros_like(u)}),
    "copy": (from_python(units.copy), 2, 0, lambda to, source: {0: source}),
    "decode": (
        from_python(units.decode),
        2,
        2,
        lambda r, u, keep, lam: {0: keep * r + lam * u},
    ),
    "drive": (from_python(units.drive), 3, 0, lambda p, v, b: {0: v + b}),
    "nudge": (
        from_python(units.nudge),
        3,
        1,
        lambda p, y, s, two_beta: {0: p + two_beta * (y - s)},
    ),
    "step": (
        from_python(units.step),
        3,
        2,
        lambda s, previous, p, keep, eps: {0: clip(keep * s + eps * p), 1: s},
    ),
    "step_each": (
        from_python(units.step_each),
        4,
        0,
        lambda s, previous, p, eps: {0: clip((1 - eps) * s + eps * p), 1: s},
    ),
    "predict": (
        from_python(units.predict),
        3,
        2,
        lambda a, s, previous, keep, lam: {0: (s - keep * previous) / lam},
    ),
    "sigma_delta": (from_python(units.sigma_delta), 3, 0, sigma_delta_twin),
    "bernoulli": (
        from_python(units.bernoulli),
        3,
        0,
        lambda q, a, uniforms: {0: a > uniforms},
    ),
    "follow": (from_python(units.follow), 6, 2, follow_twin),
    "predict_each": (from_python(units.predict_each), 6, 0, predict_each_twin),
    "settle_input": (
        from_python(units.settle_input),
        2,
        1,
        lambda lam, held, finest: dict(enumerate(settled(lam, held, lam < 0, finest))),
    ),
    "optimal_step_sizes": (optimal_kernel(False), 8, 2, optimal_twin(False)),
    "optimal_step_sizes_at_t_1": (optimal_kernel(True), 8, 2, optimal_twin(True)),
}
EMITS_BITS = ("sigma_delta", "bernoulli")  # their first array is q
ADAPTED = {"follow": 0, "settle_input": 0, "predict_each": 4}  # where lam and the steps held stand


@both_types
@pytest.mark.parametrize("name", UNIT_KERNELS)
def test_unit_kernel_equals_its_twin(name, dtype):
    kernel, arrays, scalars, twin = UNIT_KERNELS[name]
    for rng, first, n, size in layers(dtype):
        given = [values(rng, size, dtype) for _ in range(arrays)]
        if name.startswith("optimal"):  # statistics that are never negative
            given = [np.abs(array) for array in given]
        if name in EMITS_BITS:
            given[0] = rng.integers(2, 9, size).astype(np.uint8)
        if name in ADAPTED:
            lam = ADAPTED[name]
            given[lam] = dtype(0.5) ** rng.integers(1, 9, size).astype(dtype)
            given[lam + 1] = rng.integers(0, 600, size).astype(dtype)
        numbers = [dtype(x) for x in rng.uniform(0.01, 0.99, scalars)]
        expected = [array.copy() for array in given]
        layer = slice(first, first + n)
        written = twin(*(array[layer].copy() for array in given), *numbers)
        for place, result in written.items():
            assert result.dtype in (given[place].dtype, np.bool_), "the twin computes in the type"
            expected[place][layer] = result
        kernel(*given, first, n, *numbers)
        for place, (got, right) in enumerate(zip(given, expected, strict=True)):
            np.testing.assert_array_equal(got, right, err_msg=f"{n} units, argument {place}")


@both_types
def test_sigma_delta_does_not_fire_at_exactly_one_half(dtype):
    q, phi = np.full(3, 7, np.uint8), np.array([0.25, 0.0, -0.5], dtype)
    a = np.array([0.25, np.nextafter(dtype(0.5), dtype(1)), 1.0], dtype)
    from_python(units.sigma_delta)(q, phi, a, 0, 3)
    assert q.tolist() == [0, 1, 0]
    assert phi[0] == 0.5 and phi[1] < 0 and phi[2] == 0.5


@both_types
def test_bernoulli_does_not_fire_at_a_potential_equal_to_the_number(dtype):
    q, a = np.full(3, 7, np.uint8), np.array([0.5, 0.5, 1.0], dtype)
    uniforms = np.array([0.5, np.nextafter(dtype(0.5), dtype(0)), 1.0], dtype)
    from_python(units.bernoulli)(q, a, uniforms, 0, 3)
    assert q.tolist() == [0, 1, 0]


# --- random numbers -----------------------------------------------------------------------

draw_uniforms = from_python(units.draw_uniforms)


@both_types
@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**64 - 1),
    sample=st.integers(0, 2**32 - 1),
    layer=st.integers(0, 9),
    step=st.integers(1, 2**32 - 1),
    n=st.integers(1, 70),
)
def test_uniforms_drawn_in_a_kernel_are_those_of_philox(dtype, seed, sample, layer, step, n):
    first = GUARD * line(dtype)
    out = np.full(2 * first + up_to(n, line(dtype)), -1, dtype)
    low, high = philox.split_seed(seed)
    place = (np.uint64(x) for x in (low, high, sample, layer, step))
    draw_uniforms(out, first, 0, n, *place, 1)
    expected = philox.uniforms(seed, np.array([sample]), layer, n, step)[0]
    np.testing.assert_array_equal(out[first : first + n], expected)  # no bit lost in float32
    assert (out[:first] == -1).all()
    assert (out[first + up_to(n, 4) :] == -1).all()  # a group of four is written whole


# --- bits of many steps ------------------------------------------------------------------


def test_bits_are_marked_in_masks_and_counted():
    mark = from_python(units.mark)
    for rng, first, n, size in layers(np.float32):
        q = rng.integers(0, 2, size).astype(np.uint8)
        masks = rng.integers(0, 2**32, size, np.uint32)
        layer = slice(first, first + n)
        for k in (0, 7, BLOCK - 1):
            masks[layer] &= np.uint32(~(1 << k) % 2**32)
            expected = masks.copy()
            expected[layer] |= q[layer].astype(np.uint32) << np.uint32(k)
            assert mark(masks, q, first, n, k) == q[layer].sum()
            np.testing.assert_array_equal(masks, expected)


# --- messages -----------------------------------------------------------------------------


COMPILED_FOR_ANY = """
import numba
import numpy as np
from eqchip.emulator.kernels import gather, rows_dots, rows_listed

@numba.njit
def all_of(rows, q):
    return gather.gather_spikes(rows, 0, q, 0, len(q))

@numba.njit
def dots(out, flags, quads, w, rows, masks):
    return rows_dots.add_code_rows_by_dots(out, 0, flags, quads, w, 0, 64, 64, rows, masks, 0, 4, 4)

@numba.njit
def listed(out, w, rows, masks, few, begun):
    return rows_listed.add_rows_listed(
        out, 0, w, 0, 64, 64, rows, masks, 0, 4, 4, few, begun
    )

rows, q = np.zeros(64, np.int32), (np.arange(40) % 3 == 0).astype(np.uint8)
print(gather.HAS_COMPRESS, all_of(rows, q), rows[:14].tolist() == list(range(0, 40, 3)))
four, masks, bytes_ = np.arange(4, dtype=np.int32), np.ones(4, np.uint32), np.zeros(8192, np.int8)
flags = np.zeros((32, 192), np.uint8)
print(rows_dots.AVAILABLE, dots(np.zeros((32, 80), np.int32), flags, bytes_, bytes_, four, masks))
out, w = np.zeros((32, 80), np.float32), np.ones(256, np.float32)
few, begun = np.zeros(300, np.int32), np.zeros(5, np.int64)
print(listed(out, w, four, masks, few, begun), out[0].sum())
"""


def test_kernels_compiled_for_any_processor_run_on_one_with_avx512(tmp_path):
    # A cluster's machines share a cache so; it was an abort of LLVM.
    told = {"NUMBA_CPU_NAME": "generic", "NUMBA_CACHE_DIR": str(tmp_path)}
    here = {name: text for name, text in os.environ.items() if name != "EQCHIP_DISABLE_JIT"}
    done = subprocess.run(
        [sys.executable, "-c", COMPILED_FOR_ANY],
        cwd=tmp_path, env={**here, **told}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["False", "14", "True", "False", "0", "64", "256.0"], done.stderr


needs_avx512 = pytest.mark.skipif(not gather.HAS_COMPRESS, reason="needs AVX-512 and the JIT")
GATHERERS = [
    pytest.param(gather.gather_spikes, id="chosen"),
    pytest.param(gather.gather_spikes_singly, id="singly"),
    pytest.param(gather.gather_spikes_compressed, id="compressed", marks=needs_avx512),
]


@pytest.mark.parametrize("gatherer", GATHERERS)
@both_types
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_gathered_spikes_are_the_units_whose_bit_is_1_in_order(gatherer, dtype, share):
    gather_spikes = from_python(gatherer)
    for rng, first, n, size in layers(dtype):
        q = (rng.random(size) < share).astype(np.uint8)
        messages = np.full(2 * size, -1, np.int32)
        at = size + first
        count = gather_spikes(messages, at, q, first, n)
        expected = np.flatnonzero(q[first : first + n])
        assert count == len(expected)
        np.testing.assert_array_equal(messages[at : at + count], expected)
        assert (messages[:at] == -1).all() and (messages[at + n :] == -1).all()


def test_rows_of_one_place_are_found_in_any_order_and_none_behind_the_last():
    run_within = from_python(gather.run_within)
    for size in range(1, 70):
        rows = np.random.default_rng(size).integers(0, 40, size).astype(np.int32)
        for first in range(size):
            for last in range(first + 1, size + 1):
                if size % 2:
                    rows[first:last].sort()
                count = 1 + size % 23
                begin = int(rows[first]) // count * count
                end = first
                while end < last and begin <= rows[end] < begin + count:
                    end += 1
                assert run_within(rows, first, last, begin, count) == end


@both_types
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_gathered_values_are_the_potentials_other_than_0_in_order(dtype, share):
    gather_values = from_python(gather.gather_values)
    for rng, first, n, size in layers(dtype):
        s = (rng.random(size) * (rng.random(size) < share)).astype(dtype)
        messages, sent = np.full(2 * size, -1, np.int32), np.full(2 * size, -1, dtype)
        at = size + first
        count = gather_values(messages, sent, at, s, first, n)
        expected = np.flatnonzero(s[first : first + n])
        assert count == len(expected)
        np.testing.assert_array_equal(messages[at : at + count], expected)
        np.testing.assert_array_equal(sent[at : at + count], s[first + expected])
        for array in (messages, sent):
            assert (array[:at] == -1).all() and (array[at + n :] == -1).all()


# --- sums of rows -------------------------------------------------------------------------


def sum_case(dtype: Any, n: int, count: int) -> tuple[Any, ...]:
    """A matrix of rows of n columns behind an offset, a message list, and where to add."""
    rng = np.random.default_rng([n, count])
    wide = line(dtype)
    stride = (-(-n // wide) | 1) * wide
    w0, n_rows = 5 * wide, 40
    w = rng.normal(0, 1, w0 + n_rows * stride + wide).astype(dtype)
    first = GUARD * wide
    out = rng.normal(0, 1, 2 * first + up_to(n, wide)).astype(dtype)
    messages = np.sort(rng.integers(0, n_rows, count + 4)).astype(np.int32)
    sent = rng.uniform(-1, 1, count + 4).astype(dtype)
    return out, first, w, w0, stride, messages, sent


def assert_summed(got: np.ndarray, before: np.ndarray, total: np.ndarray, first: int) -> None:
    n = len(total)
    np.testing.assert_array_equal(got[first : first + n], total, err_msg=f"{n} columns")
    np.testing.assert_array_equal(got[:first], before[:first])
    end = first + n
    np.testing.assert_array_equal(got[end:], before[end:])


@both_types
@pytest.mark.parametrize("count", [0, 1, 2, 33])
def test_rows_are_added_one_after_the_other(dtype, count):
    add_rows = from_python(rows.add_rows)
    for n in (*WIDTHS, 127, 128, 129, 300):
        out, first, w, w0, stride, messages, _ = sum_case(dtype, n, count)
        before, total = out.copy(), out[first : first + n].copy()
        for row in messages[2 : 2 + count]:
            start = w0 + int(row) * stride
            total = total + w[start : start + n]
        add_rows(out, first, w, w0, stride, n, messages, 2, 2 + count)
        assert_summed(out, before, total, first)


@both_types
@pytest.mark.parametrize("count", [0, 1, 2, 33])
def test_scaled_rows_are_added_one_after_the_other_each_product_rounded(dtype, count):
    add_scaled_rows = from_python(rows.add_scaled_rows)
    for n in (*WIDTHS, 127, 128, 129, 300):
        out, first, w, w0, stride, messages, sent = sum_case(dtype, n, count)
        before, total = out.copy(), out[first : first + n].copy()
        for row, value in zip(messages[2 : 2 + count], sent[2 : 2 + count], strict=True):
            start = w0 + int(row) * stride
            total = total + value * w[start : start + n]
        add_scaled_rows(out, first, w, w0, stride, n, messages, sent, 2, 2 + count)
        assert_summed(out, before, total, first)


@pytest.mark.skipif(JIT_DISABLED, reason="without the compiler the bits of masks are taken")
@both_types
@pytest.mark.parametrize("count", [0, 1, 64, 131])
def test_rows_are_added_by_lists_as_at_the_bits_of_their_masks(dtype, count):
    add_rows_listed = from_python(rows_listed.add_rows_listed)
    add_rows_at_bits = from_python(rows.add_rows_at_bits)
    listed = np.zeros(BLOCK * rows_listed.TOGETHER + 16, np.int32)
    begun = np.zeros(BLOCK + 1, np.int64)
    for n in (line(dtype) - 1, line(dtype), 127, 129, 300):
        _, _, w, w0, stride, messages, _ = sum_case(dtype, n, count)
        rng = np.random.default_rng([n, count])
        for steps in (1, 2, 15, 31, BLOCK):
            masks = rng.integers(0, 2**steps, count + 2, np.uint32)
            masks[::5] = 2**steps - 1
            out = rng.normal(0, 1, (BLOCK, up_to(n, line(dtype)) + line(dtype))).astype(dtype)
            expected, whole = out.copy(), n // line(dtype) * line(dtype)
            place = (w, w0, stride, whole, messages, masks, 0, count)
            add_rows_at_bits(expected, 0, *place)
            done = add_rows_listed(
                out, 0, w, w0, stride, n, messages, masks, 0, count, steps, listed, begun
            )
            assert done == whole
            np.testing.assert_array_equal(out, expected, err_msg=f"{n} columns, {steps} steps")


@both_types
@pytest.mark.parametrize("count", [0, 1, 33])
def test_rows_are_added_at_the_bits_of_their_masks_one_after_the_other(dtype, count):
    add_rows_at_bits = from_python(rows.add_rows_at_bits)
    for n in (*WIDTHS, 127, 128, 129, 300):
        _, _, w, w0, stride, messages, _ = sum_case(dtype, n, count)
        rng = np.random.default_rng([n, count])
        masks = rng.integers(0, 2**32, count + 4, np.uint32)
        masks[::3] = 0
        masks[1:2] = 2**32 - 1
        out = rng.normal(0, 1, (BLOCK + 2, up_to(n, line(dtype)) + line(dtype))).astype(dtype)
        before, total = out.copy(), out[1:-1, :n].copy()
        for row, mask in zip(messages[:count], masks[:count], strict=True):
            start = w0 + int(row) * stride
            for t in range(BLOCK):
                if int(mask) >> t & 1:
                    total[t] = total[t] + w[start : start + n]
        add_rows_at_bits(out[1:-1], 0, w, w0, stride, n, messages, masks, 0, count)
        np.testing.assert_array_equal(out[1:-1, :n], total, err_msg=f"{n} columns")
        np.testing.assert_array_equal(out[:, n:], before[:, n:])
        np.testing.assert_array_equal(out[[0, -1]], before[[0, -1]])


@both_types
def test_rows_of_sums_are_cleared_and_taken(dtype):
    clear_rows, take_row = from_python(rows.clear_rows), from_python(rows.take_row)
    for rng, first, n, size in layers(dtype):
        out = values(rng, (5, n + 3), dtype)
        expected = out.copy()
        expected[:4, :n] = 0
        clear_rows(out, 4, n)
        np.testing.assert_array_equal(out, expected)
        to = values(rng, size, dtype)
        expected = to.copy()
        out = values(rng, (5, n + 3), dtype)
        expected[first : first + n] = out[3, :n]
        take_row(to, first, out, 3, n)
        np.testing.assert_array_equal(to, expected)


@both_types
def test_a_sum_of_rows_keeps_its_order(dtype):
    # huge + 1 - huge is 0, huge - huge + 1 is 1
    huge = 2.0**60
    wide = line(dtype)
    w = np.repeat(np.array([huge, 1, -huge], dtype), wide)
    for order, expected in (([0, 1, 2], 0.0), ([0, 2, 1], 1.0)):
        out = np.zeros(wide, dtype)
        from_python(rows.add_rows)(out, 0, w, 0, wide, 1, np.array(order, np.int32), 0, 3)
        assert out[0] == expected


# --- learning -----------------------------------------------------------------------------


def contrast_case(dtype: Any, n_pre: int, n_post: int, second: bool) -> tuple[np.ndarray, ...]:
    """pre, pre_change, post_change, post of three samples; many entries are 0."""
    rng = np.random.default_rng([n_pre, n_post])

    def states(n: int) -> np.ndarray:
        return (values(rng, (3, n), dtype) * (rng.random((3, n)) < 0.6)).astype(dtype)

    pre_change = states(n_pre) if second else np.zeros((0, n_pre), dtype)
    return states(n_pre), pre_change, states(n_post), states(n_post)


def contrast_twin(
    pre: np.ndarray, pre_change: np.ndarray, post_change: np.ndarray, post: np.ndarray
) -> np.ndarray:
    """G: sample by sample, the first term before the second."""
    total = np.zeros((pre.shape[1], post.shape[1]), pre.dtype)
    for b in range(len(pre)):
        total = total + pre[b][:, None] * post_change[b]
        if len(pre_change):
            total = total + pre_change[b][:, None] * post[b]
    return total


def guarded(rng: np.random.Generator, n_rows: int, n: int, dtype: Any) -> tuple[Any, Any]:
    """A matrix of padded rows, and the view of its n columns."""
    whole = values(rng, (n_rows, up_to(n, line(dtype)) + line(dtype)), dtype)
    return whole, whole[:, :n]


SHAPES = [(n, 71 - n) for n in (1, 2, 15, 16, 17, 33, 54, 63, 64, 65, 70)]


def laid(pre: Any, pre_change: Any, post_change: Any, post: Any) -> tuple[Any, Any]:
    """Terms as kernels take them, and a thread's room."""
    products = [(pre, post_change), (pre_change, post)][: 1 + bool(len(pre_change))]
    terms = lay_terms(products)
    sums = aligned_zeros(TOGETHER * terms.stride, pre.dtype)
    most = 2 * terms.total + 1  # and enough for the pairs of a piece
    return terms, learning.Room(sums, np.zeros(most, np.int32), np.zeros(most, pre.dtype))


@both_types
@pytest.mark.parametrize("second", [False, True], ids=["one term", "two terms"])
@pytest.mark.parametrize("use", ["contrast", "update", "momentum", "adam", "adam, late"])
def test_learning_kernel_equals_its_twin(use, second, dtype):
    for n_pre, n_post in SHAPES:
        rng = np.random.default_rng(n_pre)
        terms = contrast_case(dtype, n_pre, n_post, second)
        gradient = contrast_twin(*terms)
        left = 1.0 if use == "adam, late" else 0.2  # one minus a power of a decay
        rates = np.array([0.3, 0.9, 0.9, 0.99, left, 0.05, 1e-8], dtype)
        first, last = n_pre // 3, n_pre - n_pre // 5  # a part of the rows, as a thread takes
        whole, _ = guarded(rng, n_pre, n_post, dtype)
        mirror, _ = guarded(rng, n_post, n_pre, dtype)
        moments = [np.abs(values(rng, (n_pre, n_post), dtype)) for _ in range(2)]
        expected, right, mirrored = whole.copy(), [m.copy() for m in moments], mirror.copy()
        rows, part = slice(first, last), (slice(first, last), slice(0, n_post))
        laid_out = (*laid(*terms), first, last)
        if use == "contrast":
            found = np.zeros((n_pre, n_post), dtype)
            learning.contrast_rows(found, *laid_out)
            np.testing.assert_array_equal(found[rows], gradient[rows])
            assert not found[:first].any() and not found[last:].any()
        else:
            kept, gain = dtype(0.75), dtype(0.5)
            matrix = learning.Matrix(whole, n_post, mirror, gain)
            w, g = expected[part] * kept, gradient[rows]
            if use == "update":
                w = w + rates[0] * g
                learning.update_rows(matrix, kept, rates, *laid_out)
            elif use == "momentum":
                right[0][rows] = rates[1] * right[0][rows] + rates[0] * g
                w = w + right[0][rows]
                learning.momentum_rows(matrix, moments[0], kept, rates, *laid_out)
            else:
                slope, one = rates[1] * g, dtype(1)
                mean, square = (m[rows] for m in right)
                mean[...] = rates[2] * mean + (one - rates[2]) * slope
                square[...] = rates[3] * square + (one - rates[3]) * slope * slope
                root = np.sqrt(square / rates[5]) + rates[6]
                w = w + rates[0] * (mean / rates[4]) / root
                learning.adam_rows(matrix, *moments, kept, rates, *laid_out)
            expected[part] = w
            mirrored[:n_post, rows] = gain * w.T
        np.testing.assert_array_equal(whole, expected, err_msg=f"{n_pre} x {n_post}")
        np.testing.assert_array_equal(mirror, mirrored)
        for moment, wanted in zip(moments, right, strict=True):
            np.testing.assert_array_equal(moment, wanted)


@both_types
def test_rows_of_untouched_weights_are_left_as_they_are(dtype):
    below, above = np.zeros((3, 4), dtype), np.zeros((3, 5), dtype)
    whole = np.full((4, 16), -0.0, dtype)
    matrix = learning.Matrix(whole, 5, whole[:0], dtype(1))
    laid_out = laid(below, below, above, above)
    learning.update_rows(matrix, dtype(1), np.ones(2, dtype), *laid_out, 0, 4)
    assert np.signbit(whole).all()


@both_types
@pytest.mark.parametrize("channels", [1, 4, 6])
@pytest.mark.parametrize("above", [3, 16, 24, 72, 136])  # the last are long, and taken by lists
@pytest.mark.parametrize("full", [False, True], ids=["some are 0", "none is 0"])
def test_weights_shared_by_places_take_their_terms_in_order(channels, above, full, dtype):
    connection = Conv2d((4, 4, channels), above, kernel=2, stride=2)
    network = Network.chain([connection], seed=0)
    lowered = lower(network, np.dtype(dtype))
    n_pre, n_post = network.sizes
    case = contrast_case(dtype, n_pre, n_post, True)
    if full:
        for below in case[:2]:
            below[below == 0] = 0.125
    terms, room = laid(*case)
    shared = shared_of(network, lowered)[0]
    rows = np.zeros_like(weight_rows(lowered, 0))
    for first in range(0, len(shared.at), 3):
        last = min(first + 3, len(shared.at))
        learning.shared_pieces(rows, shared.pieces(terms), terms, room, first, last)
    expected = np.zeros(connection.weight_shape, dtype)
    maps = [a.reshape(3, side, side, -1) for a, side in zip(case, (4, 4, 2, 2), strict=True)]
    for b, o, p in np.ndindex(3, 2, 2):
        for below, higher in ((0, 2), (1, 3)):
            patch = maps[below][b, 2 * o : 2 * o + 2, 2 * p : 2 * p + 2]
            expected += patch[..., None] * maps[higher][b, o, p]
    np.testing.assert_array_equal(gather_weights(lowered, 0, connection, rows), expected)
