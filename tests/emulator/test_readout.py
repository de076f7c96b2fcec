"""The read-out outside the dynamics: a softmax, and an error that is sent back as a current."""

from __future__ import annotations

import math

import numpy as np
import pytest
import strategies
from equal_runs import assert_equal_runs
from hypothesis import given, settings
from hypothesis import strategies as st

from eqchip import Coding, Free, InputError, Network, Nudged, run
from eqchip.backends.reference import floating as reference
from eqchip.emulator.description.asynchronous import Asynchronous
from eqchip.emulator.description.connections import Conv2d
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.engine import synchronous as engine
from eqchip.emulator.engine.lowering import lower
from eqchip.emulator.kernels import softmax
from eqchip.emulator.learning.contrast import contrast
from eqchip.emulator.learning.descent import Descent
from eqchip.emulator.problem.pose import pose

REAL_VALUED = Coding.real_valued(0.5)
exponential = getattr(softmax.exponential, "py_func", softmax.exponential)


@pytest.mark.parametrize("precision", ["float64", "float32", "chip"])
@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_engine_equals_reference_to_the_last_bit(precision, data):
    problem = data.draw(strategies.read_out_problems(precision=precision))
    assert_equal_runs(engine.solve(problem, threads=1), reference.solve(problem))


def test_engine_equals_reference_on_five_hundred_problems():
    rng = np.random.default_rng(20210818)
    for _ in range(500):
        problem = strategies.with_read_out(strategies.draw_problem(rng, max_width=8, max_steps=4))
        assert_equal_runs(engine.solve(problem, threads=2), reference.solve(problem))


@given(x=st.floats(-700.0, 0.0))
def test_the_exponential_is_the_exponential(x):
    assert exponential(x) == pytest.approx(math.exp(x), rel=4e-16)
    assert reference.exponential(x) == exponential(x)


def test_the_exponential_of_much_less_is_0():
    assert exponential(-701.0) == 0.0 == reference.exponential(-701.0)
    assert exponential(-np.inf) == 0.0 == reference.exponential(-np.inf)


@pytest.mark.nojit
@pytest.mark.parametrize("backend", ["emulator", "reference"])
def test_logits_are_not_clipped_and_the_error_comes_back(backend):
    # Worked out by hand: hidden s = 1/2 x = 1/2, logits (2, -1) + (0, 1) = (2, 0).
    net = Network.dense([1, 1, 2], weights=[[[0.5]], [[4.0, -2.0]]], biases=[[0.0], [0.0, 1.0]])
    found = run(
        net, [[1.0]], coding=Coding.real_valued(1.0), precision="float64", backend=backend,
        phases=[Free(4), Nudged(3, [[0.0, 1.0]], 0.01, from_free=True)], readout="cross-entropy",
    )  # fmt: skip
    assert found.ends[0][2].tolist() == [[2.0, 0.0]]
    share = math.exp(2.0) / (math.exp(2.0) + 1.0)
    error = 0.01 * share  # of what it took to be the class; the other's is its opposite
    np.testing.assert_allclose(found.ends[1][2], [[-error, error]], rtol=1e-12)
    np.testing.assert_allclose(found.ends[1][1], [[0.5 - 6.0 * error]], rtol=1e-12)
    assert found.activity.macs[1, 1, 1] == 2  # two errors, one unit below


def test_a_network_of_one_connection_sends_no_error_back():
    net = Network.dense([2, 3], seed=1)
    target = np.eye(3)[:1]
    problem = pose(
        net, [[0.3, 0.6]], coding=REAL_VALUED, readout="cross-entropy",
        phases=[Free(5), Nudged(2, target, 0.1, from_free=True)],
    )  # fmt: skip
    found = engine.solve(problem)
    assert found.activity.macs[1, 0, 1] == 0
    np.testing.assert_allclose(found.ends[1][1].sum(), 0.0, atol=1e-7)


def test_the_contrast_is_the_gradient_of_cross_entropy():
    """Against finite differences of the loss at the fixed point, real-valued and unclipped."""
    rng = np.random.default_rng(5)
    weights = [rng.uniform(0.05, 0.15, (4, 5)), rng.uniform(-0.2, 0.2, (5, 6)), None]
    weights[2] = rng.normal(0.0, 1.0, (6, 3))
    biases = [np.full(5, 0.3), np.full(6, 0.4), np.array([0.2, -0.1, 0.0])]
    x, y, beta = rng.random((2, 4)), np.eye(3)[[0, 2]], 1e-4

    def loss(values: list[np.ndarray]) -> float:
        found = run(
            Network.dense([4, 5, 6, 3], weights=values, biases=biases), x, coding=REAL_VALUED,
            phases=[Free(200)], precision="float64", readout="cross-entropy", input="current",
        )  # fmt: skip
        z = found.ends[0][-1]
        assert all(((s > 0) & (s < 1)).all() for s in found.ends[0][1:-1])
        return float((np.log(np.exp(z).sum(1)) - (z * y).sum(1)).mean())

    net = Network.dense([4, 5, 6, 3], weights=weights, biases=biases)
    learning = Learning("symmetric", beta, 200, 200, readout="cross-entropy")
    found = run(
        net, x, coding=REAL_VALUED, phases=learning.phases(y), precision="float64",
        readout="cross-entropy", input="current",
    )  # fmt: skip
    changes = contrast(net, found, beta=beta, lr=1.0, rule="symmetric")
    for k, i, j in [(0, 1, 2), (0, 3, 4), (1, 0, 0), (1, 4, 5), (2, 2, 1), (2, 5, 0)]:
        values = [w.copy() for w in weights]
        values[k][i, j] += 1e-5
        above = loss(values)
        values[k][i, j] -= 2e-5
        slope = (above - loss(values)) / 2e-5
        assert changes.weights[k][i, j] == pytest.approx(-slope, rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("sizes", [[4, 6, 3], [4, 3]])
def test_the_read_outs_own_change_is_exact_however_strong_the_nudge(sizes):
    rng = np.random.default_rng(11)
    weights = [3.0 * w for w in Network.dense(sizes, seed=3).weights]
    net = Network.dense(sizes, weights=weights)
    x, y, beta = rng.random((5, 4)), np.eye(3)[[0, 2, 1, 1, 0]], 2.0
    learning = Learning("symmetric", beta, 12, 6, readout="cross-entropy")
    found = run(
        net, x, coding=Coding("sigma-delta"), phases=learning.phases(y), precision="float64",
        readout="cross-entropy", input="current", seed=1,
    )  # fmt: skip
    below, z = found.ends[0][-2], found.ends[0][-1]
    if len(sizes) > 2:  # the nudges went into the clip, unlike on their two sides
        assert abs((found.ends[1][-2] + found.ends[2][-2]) / 2 - below).max() > 0.05
    error = y - np.exp(z) / np.exp(z).sum(1, keepdims=True)
    changes = contrast(net, found, beta=beta, lr=1.0, rule="symmetric")
    np.testing.assert_allclose(changes.weights[-1], below.T @ error / 5, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(changes.biases[-1], error.mean(0), rtol=1e-9)

    lowered = lower(net, np.float64)
    descent = Descent(net, lowered, "symmetric", threads=1)
    descent.update(found, beta, [1.0] * len(net.weights))
    np.testing.assert_allclose(
        descent.weights[-1], net.weights[-1] + changes.weights[-1], rtol=1e-9
    )


def test_only_the_symmetric_rule_goes_with_it():
    with pytest.raises(InputError, match="rule 'full' with readout 'cross-entropy'"):
        Learning("full", readout="cross-entropy")
    net = Network.dense([2, 3], seed=1)
    found = run(
        net, [[0.3, 0.6]], coding=REAL_VALUED, readout="cross-entropy",
        phases=[Free(5), Nudged(2, np.eye(3)[:1], 0.1)],
    )  # fmt: skip
    with pytest.raises(InputError, match="known in nudged phases only"):
        contrast(net, found, beta=0.1, lr=1.0, rule="full")


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"readout": "mean"}, "unknown readout 'mean'; expected one of squared-error"),
        ({"timing": Asynchronous()}, "with a timing"),
        ({"backend": "discrete", "timing": Asynchronous()}, "with a timing"),
        (
            {"backend": "brian2"},
            "backend 'brian2' has no read-out .*expected 'squared-error', or one of emulator, ref",
        ),
        ({"phases": [Nudged(2, [[1.0, 0.0]], 0.5)]}, "phase 0 is nudged .* no free phase ends"),
    ],
)
def test_what_it_cannot_do_is_refused(settings_, message):
    asked = {"phases": [Free(2)], "readout": "cross-entropy", **settings_}
    with pytest.raises(InputError, match=message):
        run(Network.dense([2, 2], seed=0), [[0.5, 0.5]], coding=Coding(), **asked)


def test_a_read_out_needs_a_dense_connection():
    net = Network.chain([Conv2d((4, 4, 1), 2, 3)], seed=0)
    with pytest.raises(InputError, match=r"connection 1 .* reads whole layers; expected Dense"):
        run(net, np.zeros((1, 16)), coding=Coding(), phases=[Free(2)], readout="cross-entropy")
