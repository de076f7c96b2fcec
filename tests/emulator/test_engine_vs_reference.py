"""The engine agrees with the reference, and with itself under every split of the work."""

from __future__ import annotations

from dataclasses import replace

import hand_cases
import numpy as np
import pytest
import strategies
from equal_runs import assert_equal_arrays, assert_equal_runs, assert_same_activity
from hypothesis import given, settings
from hypothesis import strategies as st

from eqchip.backends.reference import floating as reference
from eqchip.emulator.activity import Activity
from eqchip.emulator.description.coding import Coding, Polynomial
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.engine import synchronous as engine
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels.state import BLOCK

PRECISIONS = ("float64", "float32")
BULK_CASES = 2000
BULK_SEED = 20190416
BLOCK_CASES = 60


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("case", hand_cases.CASES, ids=lambda case: case.name)
def test_engine_gives_the_numbers_worked_out_by_hand(case, precision):
    case.check(engine.solve(case.problem(precision), threads=1), precision)


@pytest.mark.parametrize("case", hand_cases.CASES, ids=lambda case: case.name)
def test_float32_has_the_reference_bits_and_its_potentials_within_1e_5(case):
    problem = case.problem("float32")
    got, expected = engine.solve(problem, threads=1), reference.solve(problem)
    assert_equal_arrays(got.bits, expected.bits, "bits")
    for one, other in zip(got.potentials, expected.potentials, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


@pytest.mark.parametrize("precision", [*PRECISIONS, "chip"])
@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_engine_equals_reference_to_the_last_bit(precision, data):
    problem = data.draw(strategies.problems(precision=precision, adapted=True))
    assert_equal_runs(engine.solve(problem, threads=1), reference.solve(problem))


@pytest.mark.once
def test_engine_equals_reference_on_two_thousand_problems():
    rng = np.random.default_rng(BULK_SEED)
    for case in range(BULK_CASES):
        problem = strategies.draw_problem(rng, max_width=8, max_steps=4, adapted=True)
        try:
            assert_equal_runs(engine.solve(problem, threads=1), reference.solve(problem))
        except AssertionError as error:
            raise AssertionError(f"problem {case} of seed {BULK_SEED}: {problem}") from error


def test_engine_equals_reference_over_blocks_of_steps():
    # The clamped input is computed BLOCK steps ahead, and never past the end of a phase.
    rng = np.random.default_rng(BULK_SEED)
    for case in range(BLOCK_CASES):
        problem = strategies.draw_problem(rng, max_width=40, max_steps=2 * BLOCK + 16, adapted=True)
        try:
            assert_equal_runs(engine.solve(problem, threads=1), reference.solve(problem))
        except AssertionError as error:
            raise AssertionError(f"problem {case} of seed {BULK_SEED}: {problem}") from error


@pytest.mark.parametrize("quantizer", ["sigma-delta", "bernoulli"])
@pytest.mark.parametrize("steps", [1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 2 * BLOCK + 1])
def test_a_phase_from_the_free_state_receives_the_input_of_its_end(steps, quantizer):
    problem = strategies.draw_problem(np.random.default_rng(3), precision="float64")
    coding = Coding(quantizer, step_size=Polynomial(0.5), prediction=Polynomial(0.832, 0.584))
    problem = replace(problem, coding=coding, input="spikes")
    target = np.ones((len(problem.x), problem.network.sizes[-1]), problem.dtype)
    phases = [
        Free(steps),
        Nudged(3, target, beta=0.5),
        Nudged(steps, target, beta=-0.5, from_free=True),
        Free(BLOCK + 2, from_free=True),
    ]
    problem = strategies.with_phases(problem, phases)
    assert_equal_runs(engine.solve(problem, threads=1), reference.solve(problem))


@settings(deadline=None, max_examples=50)
@given(problem=strategies.problems())
def test_two_threads_give_what_one_gives(problem):
    assert_equal_runs(engine.solve(problem, threads=2), engine.solve(problem, threads=1))


@settings(deadline=None, max_examples=50)
@given(problem=strategies.problems())
def test_a_batch_gives_what_its_samples_give_alone(problem):
    together = engine.solve(problem, threads=1)
    counted = Activity.zeros(problem.phase_names, len(problem.network.layers))
    for index in range(len(problem.x)):
        alone = engine.solve(strategies.single_sample(problem, index), threads=1)
        one = slice(index, index + 1)
        assert_equal_arrays(alone.bits, [b[:, one] for b in together.bits], "bits")
        assert_equal_arrays(alone.potentials, [s[:, one] for s in together.potentials], "s")
        for k, end in enumerate(alone.ends):
            assert_equal_arrays(end, [s[one] for s in together.ends[k]], f"ends of phase {k}")
        counted = counted + alone.activity
    assert_same_activity(counted, together.activity)


@settings(deadline=None, max_examples=25)
@given(problem=strategies.problems())
def test_recording_changes_no_result(problem):
    recorded = engine.solve(problem, threads=1)
    silent = engine.solve(replace(problem, record=frozenset()), threads=1)
    assert silent.bits is None
    assert silent.potentials is None
    for one, other in zip(silent.ends, recorded.ends, strict=True):
        assert_equal_arrays(one, other, "ends")
    assert_same_activity(silent.activity, recorded.activity)


@pytest.mark.parametrize("average_steps", [4, 0, -1, 1.5, None, True])
def test_a_mean_over_more_steps_than_a_phase_has_is_refused(average_steps):
    problem = hand_cases.CASES[0].problem("float64")
    shortest = [Free(5), Free(3)]
    problem = strategies.with_phases(problem, shortest)
    with pytest.raises(InputError, match="average_steps is") as refused:
        engine.solve(problem, threads=1, average_steps=average_steps)
    assert "expected" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert engine.solve(problem, threads=1, average_steps=3).ends
