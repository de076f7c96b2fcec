"""Weaker feedback: what a connection sends back arrives shifted to the right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import strategies
import timing_strategies
from equal_runs import assert_equal_runs
from hypothesis import given, settings
from hypothesis import strategies as st
from optional_packages import need
from witnesses import assert_witnessed

import eqchip as eq
from eqchip.backends.bptt import unrolled as bptt
from eqchip.backends.brian2 import solve as brian2
from eqchip.backends.dense import solve as dense
from eqchip.backends.nir import write as nir
from eqchip.backends.reference import floating as reference
from eqchip.emulator.description.config import make_config
from eqchip.emulator.description.connections import AvgPool2d, Conv2d, Dense
from eqchip.emulator.description.network import Network
from eqchip.emulator.engine import synchronous as engine
from eqchip.emulator.engine.lowering import lower
from eqchip.emulator.kernels.lowered import mirror_rows, weight_rows
from eqchip.emulator.learning.contrast import contrast
from eqchip.emulator.learning.descent import Descent
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.training.network_file import load_network, save_network
from eqchip.mapping.processes.graph import process_graph

SEEDS = st.integers(0, 2**32 - 1)


# --- the same run everywhere --------------------------------------------------------------


@pytest.mark.parametrize("precision", ["float64", "float32", "chip"])
@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_engine_equals_reference_to_the_last_bit(precision, data):
    problem = data.draw(strategies.problems(precision=precision))
    problem = strategies.with_feedback_shifts(problem, np.random.default_rng(data.draw(SEEDS)))
    assert_equal_runs(engine.solve(problem, threads=1), reference.solve(problem))


@pytest.mark.once
def test_engine_equals_reference_on_five_hundred_problems_with_every_read_out():
    rng = np.random.default_rng(2003)
    for case in range(500):
        problem = strategies.draw_problem(rng, max_width=8, max_steps=4)
        if case % 2:
            problem = strategies.with_read_out(problem)
        problem = strategies.with_feedback_shifts(problem, rng)
        assert_equal_runs(engine.solve(problem, threads=1), reference.solve(problem))


@settings(deadline=None, max_examples=25)
@given(problem=strategies.problems(max_pooling=True), seed=SEEDS)
def test_engine_equals_reference_under_maximum_pooling(problem, seed):
    problem = strategies.with_feedback_shifts(problem, np.random.default_rng(seed))
    assert_equal_runs(engine.solve(problem, threads=1), reference.solve(problem))


@pytest.mark.parametrize("precision", ["float64", "chip"])
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_without_a_clock_the_engine_equals_its_witness(precision, data):
    drawn = timing_strategies.timed_problems(precision=precision, max_width=6, max_steps=4)
    rng = np.random.default_rng(data.draw(SEEDS))
    assert_witnessed(strategies.with_feedback_shifts(data.draw(drawn), rng))


def test_the_dense_baseline_sends_the_same_bits():
    rng = np.random.default_rng(1)
    for _ in range(20):
        problem = strategies.draw_problem(rng, precision="float64", dense=True)
        problem = strategies.with_feedback_shifts(problem, rng)
        found, expected = dense.solve(problem), engine.solve(problem, threads=1)
        for one, other in zip(found.ends[-1], expected.ends[-1], strict=True):
            np.testing.assert_allclose(one, other, atol=1e-9)


# --- what it computes ---------------------------------------------------------------------


@pytest.mark.nojit
@pytest.mark.parametrize("backend", ["emulator", "reference"])
def test_a_chain_of_two_rests_where_algebra_says(backend):
    # s1 = w1 x + g w2 s2 and s2 = w2 s1, with g = 1/4: s1 = w1 x / (1 - w2^2 / 4).
    network = Network.chain(
        [Dense(1, 1), Dense(1, 1)], weights=[[[0.5]], [[0.8]]], feedback_shifts=[0, 2]
    )
    run = eq.run(
        network, [[1.0]], phases=[eq.Free(60)], coding=eq.Coding.real_valued(1.0),
        precision="float64", backend=backend,
    )  # fmt: skip
    at_rest = 0.5 / (1 - 0.16)
    np.testing.assert_allclose(run.ends[0][1], at_rest, rtol=1e-12)
    np.testing.assert_allclose(run.ends[0][2], 0.8 * at_rest, rtol=1e-12)


def _network(shifts: tuple[int, ...]) -> Network:
    """A convolution, a convolution and a dense layer, whose units stay within 0 and 1."""
    first = Conv2d((8, 8, 1), 3, kernel=3, padding=1, pool=AvgPool2d(2))
    second = Conv2d(first.post_shape, 4, kernel=3, padding=1, pool=AvgPool2d(2))
    drawn = Network.chain([first, second, Dense(16, 3)], seed=3)
    return Network.chain(
        drawn.connections,
        weights=[0.5 * w for w in drawn.weights],
        biases=[np.full(b.shape, 0.3) for b in drawn.biases],
        feedback_shifts=shifts,
    )


def _samples() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    return rng.random((4, 64)), rng.random((4, 3))


def _descent(network: Network, beta: float = 1e-3) -> list[np.ndarray]:
    """What EP with a weak nudge changes at rest, per unit of the rate."""
    x, y = _samples()
    phases = [eq.Free(300), *(eq.Nudged(300, y, b, from_free=True) for b in (beta, -beta))]
    run = eq.run(
        network, x, phases=phases, input="current", precision="float64",
        coding=eq.Coding.real_valued(0.5),
    )  # fmt: skip
    found = contrast(network, run, beta=beta, lr=1.0, rule="symmetric", threads=1)
    return [*found.weights, *found.biases]


@pytest.mark.parametrize("shifts", [(0, 0, 0), (0, 2, 0), (0, 1, 3)])
def test_the_contrast_is_the_gradient_of_the_cost_whatever_the_feedback(shifts):
    network = _network(shifts)
    x, y = _samples()
    exact = bptt.gradient(
        network, x, y, steps=300, coding=eq.Coding.real_valued(0.5), input="current"
    )
    # The biases of a channel are one, so their derivatives add up.
    biases = [
        np.broadcast_to(b.sum(axis=tuple(range(b.ndim - 1))), b.shape) if b.ndim > 1 else b
        for b in exact.biases
    ]
    for change, derivative in zip(_descent(network), [*exact.weights, *biases], strict=True):
        assert np.abs(derivative).max() > 1e-4
        np.testing.assert_allclose(
            change, -derivative, rtol=1e-3, atol=1e-4 * np.abs(derivative).max()
        )


def _feedforward_gradient(network: Network) -> list[np.ndarray]:
    """Backpropagation's: through a network without feedback, two steps after the first layer."""
    silent = replace(network, feedback_shifts=(0, 15, 15))
    x, y = _samples()
    found = bptt.gradient(
        silent, x, y, steps=60, coding=eq.Coding.real_valued(1.0), input="current"
    )
    return found.weights


def test_with_weak_feedback_the_contrast_is_that_of_backpropagation():
    distances = []
    for shift in (0, 2, 4, 6):
        network = _network((0, shift, shift))
        wanted = _feedforward_gradient(network)
        distances.append(
            max(
                np.linalg.norm(change + w) / np.linalg.norm(w)
                for change, w in zip(_descent(network)[:3], wanted, strict=True)
            )
        )
    falls = zip(distances, distances[1:], strict=False)
    assert all(after < 0.5 * before for before, after in falls), distances
    assert distances[0] > 0.2 and distances[-1] < 0.02


def test_adjoint_is_the_slope_by_finite_differences():
    network = _network((0, 2, 1))
    x, y = _samples()

    def cost(weights: list[np.ndarray]) -> float:
        moved = replace(network, weights=tuple(weights))
        return bptt.gradient(moved, x, y, steps=9, input="current").cost

    exact = bptt.gradient(network, x, y, steps=9, input="current")
    rng, h = np.random.default_rng(1), 1e-6
    for k, array in enumerate(network.weights):
        way = rng.normal(size=array.shape)
        up, down = (
            cost([w + sign * h * way if j == k else w for j, w in enumerate(network.weights)])
            for sign in (1, -1)
        )
        slope = (exact.weights[k] * way).sum()
        assert abs(slope) > 1e-4
        np.testing.assert_allclose((up - down) / (2 * h), slope, rtol=1e-5)


def test_an_update_writes_the_shifted_copy():
    network = _network((0, 3, 1))
    x, y = _samples()
    lowered = lower(network, np.dtype(np.float32))
    descent = Descent(network, lowered, "symmetric", optimizer="adam")
    phases = [eq.Free(20), *(eq.Nudged(8, y, b, from_free=True) for b in (0.2, -0.2))]
    coding = eq.Coding.real_valued(1.0)
    run = eq.run(network, x, phases=phases, input="current", coding=coding)
    descent.update(run, 0.2, [0.1, 0.1, 0.1])
    trained = descent.trained()
    assert trained.feedback_shifts == (0, 3, 1)
    assert all((a != b).any() for a, b in zip(trained.weights, network.weights, strict=True))
    fresh = lower(trained, np.dtype(np.float32))
    for k in (1, 2):
        np.testing.assert_array_equal(mirror_rows(lowered, k), mirror_rows(fresh, k))
        np.testing.assert_array_equal(weight_rows(lowered, k), weight_rows(fresh, k))
    n = network.sizes[2]
    np.testing.assert_array_equal(mirror_rows(lowered, 2)[:, :n], 0.5 * trained.weights[2].T)


# --- what is kept, and what is refused ----------------------------------------------------


def test_a_file_keeps_the_shifts(tmp_path):
    save_network(tmp_path / "network.npz", _network((0, 4, 0)))
    assert load_network(tmp_path / "network.npz").feedback_shifts == (0, 4, 0)
    save_network(tmp_path / "plain.npz", _network((0, 0, 0)))
    assert load_network(tmp_path / "plain.npz").feedback_shifts == (0, 0, 0)


def test_a_configuration_hands_them_to_its_network():
    config = make_config(layers=(64, 20, 10), feedback_shifts=(0, 3), descent={"lr": (0.1, 0.1)})
    assert config.network().feedback_shifts == (0, 3)
    assert config.network().feedback_gains == (1.0, 0.125)


@pytest.mark.parametrize(
    ("shifts", "said"),
    [
        ((0, 1), "2 feedback_shifts for 3 connections; expected 3"),
        ((0, -1, 0), "feedback shift 2 is -1"),
        ((0, 1.5, 0), "feedback shift 2 is 1.5"),
        ((0, 0, 99), "feedback shift 3 is 99"),
    ],
)
def test_wrong_shifts_are_refused(shifts, said):
    with pytest.raises(eq.InputError, match=said):
        replace(_network((0, 0, 0)), feedback_shifts=shifts)


def test_nir_cannot_shift_and_says_so(tmp_path):
    need("nir", "pip install 'eqchip[nir]'")
    network = Network.chain([Dense(2, 2), Dense(2, 2)], seed=0, feedback_shifts=[0, 1])
    with pytest.raises(eq.InputError, match=r"nir.*feedback_shifts are \(0, 1\)"):
        nir.write_nir(network, tmp_path / "n.nir")
    assert not list(tmp_path.iterdir())


def test_who_cannot_shift_says_so():
    network = Network.chain([Dense(2, 2), Dense(2, 2)], seed=0, feedback_shifts=[0, 1])
    problem = pose(
        network, np.ones((1, 2)), phases=[eq.Free(3)], coding=eq.Coding("sigma-delta"),
        precision="float64",
    )  # fmt: skip
    for refused, what in (
        (lambda: brian2.solve(problem), "brian2"),
        (lambda: process_graph(problem), "process graph"),
    ):
        with pytest.raises(eq.InputError, match=rf"{what}.*feedback_shifts are \(0, 1\)"):
            refused()
    with pytest.raises(eq.InputError, match="on_chip: feedback_shifts are"):
        make_config(
            layers=(64, 20, 10),
            feedback_shifts=(0, 3),
            on_chip={"copies": "asymmetric-ep"},
            descent={"lr": (0.1, 0.1)},
            learning={"rule": "symmetric"},
        )
