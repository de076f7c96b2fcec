"""The reference computes what was worked out by hand, and keeps the promises of a run."""

from __future__ import annotations

from dataclasses import replace

import hand_cases
import numpy as np
import pytest
import strategies
from hypothesis import given, settings

from eqchip.backends.reference import floating as reference
from eqchip.emulator import philox
from eqchip.emulator.description.coding import Coding, Polynomial
from eqchip.emulator.description.connections import Dense
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.problem.pose import pose


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("case", hand_cases.CASES, ids=lambda case: case.name)
def test_reference_gives_the_numbers_worked_out_by_hand(case, precision):
    case.check(reference.solve(case.problem(precision)), precision)


@settings(deadline=None, max_examples=50)
@given(strategies.problems(max_width=6))
def test_every_array_has_the_precision_of_the_run_and_the_shape_of_its_layer(problem):
    run = reference.solve(replace(problem, record=frozenset(("bits", "potentials"))))
    for layer, shape in enumerate(problem.network.layers):
        full = (problem.steps, len(problem.x), *shape)
        assert run.bits[layer].shape == full
        assert run.bits[layer].dtype == np.uint8
        assert run.potentials[layer].shape == full
        assert run.potentials[layer].dtype == problem.dtype
        for end in run.ends:
            assert end[layer].shape == full[1:]
            assert end[layer].dtype == problem.dtype


@settings(deadline=None, max_examples=50)
@given(strategies.problems(max_width=6))
def test_nothing_is_recorded_unasked_and_the_question_is_left_alone(problem):
    x, weights = problem.x.copy(), [w.copy() for w in problem.network.weights]
    run = reference.solve(replace(problem, record=frozenset()))
    assert run.bits is None
    assert run.potentials is None
    np.testing.assert_array_equal(problem.x, x)
    for before, after in zip(weights, problem.network.weights, strict=True):
        np.testing.assert_array_equal(before, after)


@settings(deadline=None, max_examples=50)
@given(strategies.problems(max_width=6))
def test_split_stream_goes_on_as_if_nothing_had_been_nudged(problem):
    target = np.ones((len(problem.x), problem.network.sizes[-1]), problem.dtype)
    split = strategies.with_phases(
        problem, [Free(3), Nudged(2, target, beta=0.5), Free(4, from_free=True)]
    )
    whole = strategies.with_phases(problem, [Free(7)])
    got, expected = reference.solve(split), reference.solve(whole)
    for layer in range(len(problem.network.layers)):
        np.testing.assert_array_equal(got.bits[layer][5:], expected.bits[layer][3:])
        np.testing.assert_array_equal(got.potentials[layer][5:], expected.potentials[layer][3:])


def test_both_nudged_phases_from_one_free_state_see_the_same_random_numbers():
    problem = strategies.draw_problem(np.random.default_rng(0))
    target = np.ones((len(problem.x), problem.network.sizes[-1]), problem.dtype)
    nudged = [Nudged(5, target, beta=0.5), Nudged(5, target, beta=0.5, from_free=True)]
    problem = replace(problem, coding=Coding("bernoulli"), input="spikes")
    run = reference.solve(strategies.with_phases(problem, [Free(5), *nudged]))
    for bits in run.bits:
        np.testing.assert_array_equal(bits[5:10], bits[10:15])


def test_drawn_numbers_belong_to_seed_sample_layer_unit_and_step():
    x, samples = np.full((2, 5), 0.5), np.array([7, 2**32 - 1])
    problem = pose(
        Network.dense([5, 3], weights=[np.zeros((5, 3))], biases=[np.full(3, 0.25)]),
        x,
        coding=Coding("bernoulli", step_size=Polynomial(1.0), prediction=None),
        phases=[Free(4)],
        record=["bits"],
        seed=2**40 + 1,
        samples=samples,
    )
    bits = reference.solve(problem).bits
    for layer, (units, potential) in enumerate([(5, 0.5), (3, 0.25)]):
        for step in range(1, 5):
            numbers = philox.uniforms(2**40 + 1, samples, layer, units, step)
            np.testing.assert_array_equal(bits[layer][step - 1], potential > numbers)


def test_dense_rows_are_the_stored_weights():
    weights = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(reference.rows(Dense(2, 3), weights), weights)
    assert reference.synapses(Dense(2, 3)).all()
