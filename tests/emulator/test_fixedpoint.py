"""A chip's integers: what is rounded how, what is clipped, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import eqchip as eq
from eqchip.backends.reference import floating as reference
from eqchip.emulator.description.fixedpoint import FixedPoint, quantize, quantize_at, real_weights
from eqchip.emulator.description.parts import Part, check_parts, whole_layers
from eqchip.emulator.description.weight_losses import in_all, losses, said
from eqchip.emulator.engine import synchronous as engine
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem

LOIHI = FixedPoint()
both = pytest.mark.parametrize(
    "solve", [engine.solve, reference.solve], ids=["engine", "reference"]
)


# --- numbers ------------------------------------------------------------------------------


def test_states_round_to_nearest_ties_to_even_and_clip():
    lsb = 2.0**-12
    values = np.array([0.0, 1.0, 0.5 * lsb, 1.5 * lsb, -0.5 * lsb, -1.5 * lsb, 1e9, -1e9])
    assert LOIHI.states(values).tolist() == [0, 4096, 0, 2, 0, -2, 2**23 - 1, -(2**23)]


def test_gains_are_what_a_stored_decay_leaves():
    gains = LOIHI.gains(eq.Polynomial(1.0, 1.0), 5000)
    assert gains[0] == 4096  # decay 0
    assert gains[1] == 2048
    assert gains[2] == 4096 - round(4096 * (1 - 1 / 3))
    assert gains[-1] == 1  # a decay has 12 bits: at most 4095
    assert (np.diff(gains) <= 0).all()


def test_the_inverse_of_a_gain_is_rounded_to_nearest():
    gains = np.array([4096, 2048, 3, 1])
    assert LOIHI.inverse_gains(gains).tolist() == [4096, 8192, 5592405, 16777216]


@settings(deadline=None, max_examples=200)
@given(weights=hnp.arrays(np.float64, (3, 4), elements=st.floats(-3, 3)), bits=st.integers(2, 8))
def test_no_other_exponent_quantizes_better(weights, bits):
    fixed = FixedPoint(weight_bits=bits)
    found = quantize(weights, fixed)
    error = np.square(real_weights(found, fixed) - weights).sum()
    for exponent in range(fixed.lowest_exponent, fixed.highest_exponent + 1):
        other = quantize_at(weights, exponent, fixed)
        assert error <= np.square(real_weights(other, fixed) - weights).sum()
    assert found.codes.min() >= -(2 ** (bits - 1) - 1)
    assert found.codes.max() <= 2 ** (bits - 1) - 1


def test_codes_are_nearest_and_clipped_ones_are_counted():
    fixed = FixedPoint(weight_bits=3)
    found = quantize_at(np.array([0.5, 1.5, 2.5, 3.4, 3.6, -4.4, -4.6, 9.0]), 12, fixed)
    assert found.codes.tolist() == [0, 2, 2, 3, 3, -3, -3, 3]
    assert found.saturated == 4  # 3.6, -4.4, -4.6 and 9


def test_weights_of_zero_and_beyond_every_exponent():
    assert not quantize(np.zeros((2, 2)), LOIHI).codes.any()
    huge = quantize(np.full((1, 1), 1e6), LOIHI)
    assert (huge.exponent, huge.codes[0, 0], huge.saturated) == (13, 127, 1)
    tiny = quantize(np.full((1, 1), 1e-5), LOIHI)
    assert (tiny.exponent, tiny.codes[0, 0]) == (-2, 0)


def test_outliers_have_no_say_in_the_exponent():
    """One of ten weights is 200; the others are as if it was not there, and it is clipped."""
    weights = np.array([0.5, -0.25, 0.125, 0.3, -0.4, 0.1, 0.2, -0.3, 0.45, 200.0])
    plain = quantize(weights, LOIHI)
    assert plain.codes[:-1].tolist() == [0] * 9 and plain.saturated == 0
    found = quantize(weights, FixedPoint(outliers=0.1))
    alone = quantize(weights[:-1], LOIHI)
    assert found.codes[:-1].tolist() == alone.codes.tolist() and found.exponent == alone.exponent
    assert (found.codes[-1], found.saturated) == (127, 1 + alone.saturated)
    assert quantize(weights, FixedPoint(outliers=0.09)).codes.tolist() == plain.codes.tolist()


@settings(deadline=None, max_examples=100)
@given(
    weights=hnp.arrays(np.float64, (3, 4), elements=st.floats(-3, 3)),
    bits=st.integers(2, 8),
    outliers=st.sampled_from([0.0, 0.1, 0.34, 0.99]),
)
def test_the_exponent_is_the_best_for_all_weights_but_the_outliers(weights, bits, outliers):
    """By sorting, and trying every exponent there is."""
    fixed = FixedPoint(weight_bits=bits, outliers=outliers)
    largest = sorted(abs(weights).ravel())[len(weights.ravel()) - 1 - int(outliers * weights.size)]
    heard = weights[abs(weights) <= largest]

    def error(exponent: int) -> float:
        codes = np.clip(np.rint(heard * 2.0 ** (12 - exponent)), -fixed.highest_code,
                        fixed.highest_code)  # fmt: skip
        return float(np.square(codes * 2.0 ** (exponent - 12) - heard).sum())

    found = quantize(weights, fixed)
    assert error(found.exponent) == min(map(error, range(-2, 14)))
    assert (found.codes == quantize_at(weights, found.exponent, fixed).codes).all()


def test_what_rounding_loses_is_counted_by_connection():
    net = eq.Network.dense([2, 3, 1], weights=[[[200, 0.1, 0], [0.1, -0.1, 0.2]], [[0.5]] * 3])
    first, second = losses(net, LOIHI)
    assert first == (5, 4, 0, 200.0, 8) and first.most
    assert second == (3, 0, 0, 0.5, 8) and not second.most
    assert said([first, second]) == [
        "connection 1: 4 of 5 weights round to 0 in 8 bits: the largest, of 200, sets the exponent"
    ]
    assert in_all([first, second]) == "4 of 8 weights round to 0, 0 are clipped"
    huge = eq.Network.dense([2, 1], weights=[[[1e6], [-1e6]]])
    assert losses(huge, LOIHI)[0] == (2, 0, 2, 1e6, 8)
    assert said(losses(huge, LOIHI)) == [
        "connection 1: 2 of 2 weights are clipped in 8 bits: the largest is 1e+06"
    ]


@pytest.mark.parametrize("bits", range(2, 9))
def test_a_usual_network_loses_less_than_half_in_any_number_of_bits(bits):
    net = eq.Network.dense([40, 30, 10], seed=3)
    assert said(losses(net, FixedPoint(weight_bits=bits))) == []


@pytest.mark.parametrize("backend", ["emulator", "reference"])
def test_one_large_weight_on_a_silent_input_is_refused_in_strict_mode(backend):
    """It takes every other weight of its connection; left out of the choice, it takes none."""
    weights = [np.array(w) for w in eq.Network.dense([6, 5, 3], seed=1).weights]
    weights[0][0, 0] = 200.0
    net = eq.Network.dense([6, 5, 3], weights=weights)
    x = np.full((1, 6), 0.8)
    x[0, 0] = 0.0

    def run(**more: Any) -> eq.Run:
        return eq.run(net, x, coding=eq.Coding(), phases=[eq.Free(40)], precision="chip",
                      backend=backend, **more)  # fmt: skip

    with pytest.raises(eq.InputError) as refused:
        run(strict=True)
    assert str(refused.value).startswith(
        "run: connection 1: 29 of 30 weights round to 0 in 8 bits: the largest, of 200, sets the "
        "exponent; expected at most half in strict mode"
    )
    assert run().activity.spikes[0, 1:].sum() == 0  # nothing but the input spikes
    kept = run(fixed=FixedPoint(outliers=0.04), strict=True)
    assert kept.activity.spikes[0, 1] > 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: FixedPoint(outliers=1.0), ("outliers", "1.0", "[0, 1)")),
        (lambda: FixedPoint(outliers=float("nan")), ("outliers", "nan")),
        (lambda: FixedPoint(weight_bits=9), ("weight_bits", "9")),
        (lambda: FixedPoint(weight_bits=1), ("weight_bits", "1")),
        (lambda: FixedPoint(state_bits=25), ("state_bits", "25")),
        (lambda: FixedPoint(state_bits=8, fraction_bits=7), ("fraction_bits", "7")),
        (lambda: FixedPoint(fraction_bits=20, coefficient_bits=12), ("20", "12", "30")),
        (lambda: FixedPoint(lowest_exponent=5, highest_exponent=4), ("lowest_exponent", "5")),
        (lambda: quantize_at(np.ones(1), 14, LOIHI), ("exponent", "14", "-2", "13")),
    ],
)
def test_arithmetic_that_no_chip_here_has_is_refused(make: Callable, words):
    with pytest.raises(eq.InputError) as refused:
        make()
    assert all(word in str(refused.value) for word in words), refused.value
    assert "\n" not in str(refused.value)


# --- a step, by hand ----------------------------------------------------------------------

SIGMA_DELTA = eq.Coding("sigma-delta", step_size=eq.Polynomial(0.3), prediction=None)


def ask(weights, x, steps=4, **more) -> Problem:
    sizes = [len(weights[0])] + [len(w[0]) for w in weights]
    settings = {"coding": SIGMA_DELTA, "phases": [eq.Free(steps)], **more}
    return pose(
        eq.Network.dense(sizes, weights=weights, biases=settings.pop("biases", None)),
        [x], precision="chip", record=("bits", "potentials"), **settings,
    )  # fmt: skip


@both
def test_a_run_of_one_unit_by_hand(solve):
    # Code 77, exponent 5: 2464 / 4096. Bias 0.1 = 410. Input 1 fires in every step; its bits
    # arrive from t = 2. Step size 0.3: decay rint(0.7 * 4096) = 2867, gain 1229.
    #   t=1  p = 410          s = (1229 * 410 + 2048) >> 12             = 123
    #   t=2  p = 2464 + 410   s = (2867 * 123 + 1229 * 2874 + 2048) >> 12 = 948
    #   t=3                   s = (2867 * 948 + 1229 * 2874 + 2048) >> 12 = 1526
    #   t=4                   s = (2867 * 1526 + 1229 * 2874 + 2048) >> 12 = 1930
    # Residue of the output: 123, 1071, 2597 > 2048: a bit, -1499; 431.
    run = solve(ask([[[0.6015625]]], [1.0], biases=[[0.1]]))
    assert (4096 * run.potentials[1].ravel()).tolist() == [123, 948, 1526, 1930]
    assert run.bits[0].ravel().tolist() == [1, 1, 1, 1]
    assert run.bits[1].ravel().tolist() == [0, 0, 1, 0]
    assert not run.saturations.any()


@both
def test_prediction_and_nudge_by_hand(solve):
    # lambda = 1/2 throughout, step size 1/2, weight 0.5, input 1.
    # Input: a = 2 s - s_previous: 8192 at t=1, then 4096. phi: 8192 -> bit, 4096; 8192 -> bit ...
    # Layer 1, free:  t=1 u=0. t=2 u=2048 r=1024 p=1024 s=512. t=3 r=1536 s=1024.
    # Nudged with beta 1/4: 2 beta = 2048 of 4096, y = 1.
    #   t=4 r=1792, pull = (2048 (4096 - 1024) + 2048) >> 12 = 1536, p = 3328, s = 2176
    coding = eq.Coding("sigma-delta", eq.Polynomial(0.5), eq.Polynomial(0.5))
    phases = [eq.Free(3), eq.Nudged(1, [[1.0]], beta=0.25)]
    run = solve(ask([[[0.5]]], [1.0], coding=coding, phases=phases))
    assert (4096 * run.potentials[1].ravel()).tolist() == [0, 512, 1024, 2176]
    assert run.bits[0].ravel().tolist() == [1, 1, 1, 1]
    # a: 0, 1024, 1536, 3328; phi: 0, 1024, 2560 -> bit, -1536, 1792.
    assert run.bits[1].ravel().tolist() == [0, 0, 1, 0]


@both
def test_bernoulli_compares_with_the_whole_part_of_the_uniform_number(solve):
    # s of the input is 1024 / 4096; a bit needs a > floor(u * 4096).
    coding = eq.Coding("bernoulli", step_size=eq.Polynomial(0.5), prediction=None)
    lsb = 1 / 4096
    uniforms = np.array([1023.0, 1023.99, 1024.0, 0.0]) * lsb
    run = solve(
        ask([[[0.5]]], [0.25], coding=coding,
            uniforms=[uniforms.reshape(4, 1, 1), np.ones((4, 1, 1))])
    )  # fmt: skip
    assert run.bits[0].ravel().tolist() == [1, 1, 0, 1]


@both
def test_an_injected_current_is_rounded_once(solve):
    # 0.3 = 1229; 1229 * code 64 * 2**5 = 2516992, over 4096: 614.5, ties up: 615. Gain 1229:
    # (1229 * 615 + 2048) >> 12 = 185.
    run = solve(ask([[[0.5]]], [0.3], steps=1, input="current"))
    assert (4096 * run.potentials[1].ravel()).tolist() == [185]
    assert run.activity.macs[0, 0, 0] == 1
    assert run.activity.spikes.sum() == 0


# --- saturation ---------------------------------------------------------------------------

NARROW = FixedPoint(state_bits=14, fraction_bits=12)  # below 2.0


@both
def test_states_beyond_the_range_are_clipped_and_counted(solve):
    # Three inputs at 1 with weights 1: u = 3 from t = 2 on, clipped to 8191 / 4096; r + b
    # clips again where b > 0. Every other state stays in range.
    run = solve(ask([[[1.0]] * 3], [1.0] * 3, fixed=NARROW, biases=[[0.5]]))
    assert run.saturations.tolist() == [[0, 6]]  # u and drive, at t = 2, 3, 4


@both
def test_strict_mode_refuses_a_clipped_state_and_says_where(solve):
    with pytest.raises(
        eq.InputError, match=r"3 states left the range of 14 bits.*phase 0, layer 1"
    ):
        solve(ask([[[1.0]] * 3], [1.0] * 3, fixed=NARROW, strict=True))
    solve(ask([[[0.5]] * 3], [1.0] * 3, fixed=NARROW, strict=True))


def test_more_fractional_bits_come_nearer_to_the_real_run():
    rng = np.random.default_rng(0)
    network, x = eq.Network.dense([30, 20, 5], seed=0), rng.random((20, 30))
    asked = {"coding": eq.Coding(), "phases": [eq.Free(60)]}
    real = eq.run(network, x, precision="float64", **asked).ends[0][2]

    def distance(fraction_bits: int) -> float:
        fixed = FixedPoint(
            state_bits=fraction_bits + 8,
            fraction_bits=fraction_bits,
            lowest_exponent=fraction_bits - 14,
            highest_exponent=fraction_bits,
        )
        ends = eq.run(network, x, precision="chip", fixed=fixed, **asked).ends[0][2]
        return float(np.abs(ends - real).mean())

    coarse, middle, fine = distance(4), distance(7), distance(14)
    assert fine < middle < coarse


# --- what is asked ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"coding": eq.Coding.real_valued()}, ("quantizer 'none'", "'chip'")),
        ({"coding": eq.Coding(step_size=eq.OptimalStepSize(0.1))}, ("OptimalStepSize", "no core")),
        ({"fixed": "loihi"}, ("fixed", "'loihi'", "FixedPoint")),
        ({"phases": [eq.Free(1), eq.Nudged(1, [[0.0]], 1e-6)]}, ("beta", "rounds to 0")),
        ({"phases": [eq.Free(1), eq.Nudged(1, [[0.0]], 1e9)]}, ("beta", "overflows")),
        ({"parts": [Part(0, 0, 1)]}, ("parts", "layer 0")),
    ],
)  # fmt: skip
def test_what_no_chip_computes_is_refused(asked, words):
    with pytest.raises(eq.InputError) as refused:
        ask([[[0.5]]], [1.0], **asked)
    assert all(word in str(refused.value) for word in words), refused.value
    assert "\n" not in str(refused.value)


def test_an_arithmetic_without_a_chip_is_refused():
    with pytest.raises(eq.InputError, match="precision 'float32'"):
        eq.run(eq.Network.dense([1, 1]), [[1.0]], coding=eq.Coding(), phases=[eq.Free(1)],
               fixed=LOIHI)  # fmt: skip


@pytest.mark.parametrize(
    "parts",
    [
        [Part(0, 0, 3), Part(1, 0, 2)],
        [Part(0, 0, 4), Part(1, 1, 1)],
        [Part(0, 0, 4), Part(1, 0, 3)],
        [Part(1, 0, 2), Part(0, 0, 4)],
        [Part(0, 0, 4), Part(1, 0, 2), Part(2, 0, 1)],
        [Part(0, 0, 4), Part(1, 0, 1)],
        [Part(0, 0, 4)],
    ],
)
def test_parts_cover_every_unit_once_in_order(parts):
    with pytest.raises(eq.InputError, match="parts: "):
        check_parts(parts, (4, 2))
    assert check_parts(whole_layers((4, 2)), (4, 2)) == (Part(0, 0, 4), Part(1, 0, 2))
