"""Brian2 finds the same bits and potentials, to the last bit; and a wrong model is seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import hand_cases
import numpy as np
import pytest
import strategies
from equal_runs import assert_equal_runs

from eqchip.backends.brian2 import model as brian2_model
from eqchip.backends.brian2 import solve as brian2
from eqchip.backends.reference import floating as reference
from eqchip.emulator.description.coding import Coding, OptimalStepSize, Polynomial
from eqchip.emulator.description.connections import AvgPool2d, Conv2d, Dense, MaxPool2d
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.engine import synchronous as engine
from eqchip.emulator.errors import InputError
from eqchip.emulator.learning.contrast import contrast
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem

# Brian2 2.9 calls functions of pyparsing by names that are going away.
pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

DRAWN = 40
SEED = 1926
PREDICTIVE = Coding(
    "sigma-delta", step_size=Polynomial(0.7, 0.1), prediction=Polynomial(0.832, 0.584)
)
CODINGS = {
    "sigma-delta": PREDICTIVE,
    "sigma-delta, adaptive": replace(PREDICTIVE, step_size=OptimalStepSize(0.0346)),
    "bernoulli": Coding("bernoulli", step_size=Polynomial(0.5, 0.5), prediction=None),
    "real-valued": Coding.real_valued(0.4),
}

# Those with a maximum or an adapted prediction are refused.
HAND_CASES = [
    case
    for case in hand_cases.CASES
    if not case.coding.adapts_prediction
    and not any(isinstance(getattr(c, "pool", None), MaxPool2d) for c in case.connections or ())
]


def trained_like(coding: Coding, sizes: tuple[int, ...] = (9, 8, 6, 4)) -> Problem:
    """Two samples through every kind of phase, with hidden units at both ends of [0, 1]."""
    rng = np.random.default_rng(SEED)
    weights = [rng.normal(0.0, 0.6, pair) for pair in zip(sizes, sizes[1:], strict=False)]
    y = np.eye(sizes[-1])[:2]
    return pose(
        Network.dense(sizes, weights=weights, biases=[rng.normal(0, 0.1, n) for n in sizes[1:]]),
        rng.random((2, sizes[0])),
        coding=coding,
        phases=[
            Free(15),
            Nudged(8, y, 0.5, from_free=True),
            Nudged(8, y, -0.5, from_free=True),
            Free(8, from_free=True),
        ],
        precision="float64",
        record=("bits", "potentials"),
    )


# --- equality -----------------------------------------------------------------------------


@pytest.mark.parametrize("case", HAND_CASES, ids=lambda case: case.name)
def test_brian2_gives_the_numbers_worked_out_by_hand(case):
    case.check(brian2.solve(case.problem("float64")), "float64")


def test_brian2_equals_the_reference_to_the_last_bit_on_drawn_problems():
    rng = np.random.default_rng(SEED)
    for number in range(DRAWN):
        problem = strategies.draw_problem(rng, precision="float64")
        try:
            assert_equal_runs(brian2.solve(problem), reference.solve(problem))
        except AssertionError as error:
            raise AssertionError(f"problem {number} of seed {SEED}: {problem}") from error


@pytest.mark.parametrize("coding", CODINGS.values(), ids=CODINGS)
def test_brian2_equals_the_emulator_through_every_kind_of_phase(coding):
    problem = trained_like(coding)
    run = brian2.solve(problem)
    assert_equal_runs(run, engine.solve(problem, threads=1))
    # Else the equality of nothing with nothing would be found.
    counted = run.activity.macs if coding.quantizer == "none" else run.activity.synaptic_events
    assert counted[:, 1:].all()


def convolutional(first: Conv2d, **changes) -> Problem:
    """6x6 places through a given convolution and one with padding, to 3 outputs."""
    second = Conv2d(first.post_shape, 3, 2, padding=1)
    units = int(np.prod(second.post_shape))
    net = Network.chain([first, second, Dense(units, 3)], seed=1)
    y = np.eye(3)[:2]
    asked = {
        "coding": PREDICTIVE,
        "phases": [Free(15), Nudged(6, y, 0.5, from_free=True), Nudged(6, y, -0.5, from_free=True)],
        "precision": "float64",
        "record": ("bits", "potentials"),
    }
    x = np.random.default_rng(SEED).random((2, 36))
    return pose(net, x, **(asked | changes))


AVERAGED = Conv2d((6, 6, 1), 2, kernel=3, pool=AvgPool2d(2))


@pytest.mark.parametrize("input", ["spikes", "current"])
@pytest.mark.parametrize("coding", CODINGS.values(), ids=CODINGS)
def test_convolutions_are_equal_to_the_last_bit_and_in_every_count(coding, input):
    problem = convolutional(AVERAGED, coding=coding, input=input)
    run = brian2.solve(problem)
    assert_equal_runs(run, engine.solve(problem, threads=1))
    counted = run.activity.macs if coding.quantizer == "none" else run.activity.synaptic_events
    assert counted[:, 1:].all()


def test_maximum_pooling_is_refused_by_name():
    problem = convolutional(Conv2d((6, 6, 1), 2, kernel=3, pool=MaxPool2d(2)))
    with pytest.raises(InputError, match=r"connection 1 \(6x6x1 -> 2 of 3x3\) has MaxPool2d"):
        brian2.solve(problem)


def test_a_compiled_program_refuses_another_convolution_between_the_same_layers():
    compiled, asked = convolutional(AVERAGED), convolutional(Conv2d((6, 6, 1), 2, 3, stride=3))
    assert asked.network.sizes == compiled.network.sizes
    assert brian2._program(asked) != brian2._program(compiled)
    moved = replace(compiled, x=compiled.x[::-1])
    assert brian2._program(moved) == brian2._program(compiled)


def test_recording_changes_no_result():
    problem = trained_like(PREDICTIVE)
    silent = brian2.solve(replace(problem, record=frozenset()))
    assert silent.bits is silent.potentials is None
    for one, other in zip(silent.ends, brian2.solve(problem).ends, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_cython_equals_the_reference_and_compiles_new_weights_no_second_time():
    problem = trained_like(PREDICTIVE, (5, 4, 3))
    assert_equal_runs(brian2.solve(problem, "cython"), reference.solve(problem))
    compiled = compiled_extensions()
    assert compiled
    network = problem.network
    weights = tuple(1.1 * w for w in network.weights)
    biases = tuple(b + 0.01 for b in network.biases)
    moved = replace(problem, network=replace(network, weights=weights, biases=biases))
    run = brian2.solve(moved, "cython")
    assert_equal_runs(run, reference.solve(moved))
    assert not np.array_equal(run.ends[0][2], reference.solve(problem).ends[0][2])
    assert compiled_extensions() == compiled


def compiled_extensions() -> set[str]:
    return {path.name for path in Path(brian2.strict_cache()).iterdir()}


def test_cpp_standalone_equals_the_reference_and_is_compiled_once():
    problem = trained_like(PREDICTIVE, (5, 4, 3))
    network, first = problem.network, reference.solve(problem)
    changes = contrast(network, first, beta=0.5, lr=0.5, rule="symmetric")
    learned = replace(
        problem,
        x=problem.x[::-1],
        network=replace(
            network,
            weights=tuple(w + d for w, d in zip(network.weights, changes.weights, strict=True)),
            biases=tuple(b + d for b, d in zip(network.biases, changes.biases, strict=True)),
        ),
    )
    with brian2.compiled(problem) as solve:
        for asked in (problem, learned, problem):
            assert_equal_runs(solve(asked), reference.solve(asked))
        longer = strategies.with_phases(problem, [*problem.phases, Free(2)])
        with pytest.raises(InputError, match="other layers, samples, phases or coding"):
            solve(longer)


@pytest.mark.long
@pytest.mark.parametrize("target", ["cython", "cpp_standalone"])
@pytest.mark.parametrize("coding", CODINGS.values(), ids=CODINGS)
def test_compiled_brian2_equals_the_reference_with_every_coding(coding, target):
    problem = trained_like(coding)
    assert_equal_runs(brian2.solve(problem, target), reference.solve(problem))


@pytest.mark.parametrize("rule", ["one_sided", "bidirectional", "full", "symmetric"])
def test_weight_changes_from_brian2_equal_those_of_the_emulator(rule):
    problem = trained_like(PREDICTIVE)
    changes = [
        contrast(problem.network, run, beta=0.5, lr=[0.3, 0.2, 0.1], rule=rule)
        for run in (brian2.solve(problem), engine.solve(problem, threads=1))
    ]
    for ours, theirs in zip(*changes, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            assert one.any()
            np.testing.assert_array_equal(one, other)


# --- a wrong model is seen ----------------------------------------------------------------


def differs(problem: Problem) -> bool:
    """Whether Brian2's run differs from the reference's."""
    try:
        assert_equal_runs(brian2.solve(problem), reference.solve(problem))
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize("slot", ["resets", "after_synapses"])
def test_an_update_in_the_wrong_slot_of_a_step_is_seen(monkeypatch, slot):
    monkeypatch.setattr(brian2_model, "UPDATE_SLOT", slot)
    assert differs(trained_like(PREDICTIVE))


def test_an_open_interval_of_the_activation_is_seen(monkeypatch):
    broken = brian2_model.DRIVE.replace("s >= 0 and s <= 1", "s > 0 and s < 1")
    assert broken != brian2_model.DRIVE
    monkeypatch.setattr(brian2_model, "DRIVE", broken)
    assert differs(trained_like(PREDICTIVE))


def test_a_state_cleared_between_phases_is_seen(monkeypatch):
    problem = strategies.with_phases(trained_like(PREDICTIVE), [Free(15), Free(8)])
    assert not differs(problem)
    tables, update = brian2_model.tables, brian2_model.update
    keeps = np.tile(np.arange(problem.steps) != 15, len(problem.x)).astype(float)
    monkeypatch.setattr(brian2_model, "tables", lambda asked: {**tables(asked), "keeps": keeps})
    monkeypatch.setattr(brian2_model, "update", lambda asked: f"s = keeps(t)*s\n{update(asked)}")
    assert differs(problem)


def test_feedback_added_first_is_seen(monkeypatch):
    problem = trained_like(PREDICTIVE, (9, 8, 6, 4))
    monkeypatch.setattr(brian2_model, "FEEDBACK_LAST", -1)
    assert differs(problem)


# --- refusals, and what is left behind ----------------------------------------------------


@pytest.mark.parametrize("precision", ["float32", "chip"])
def test_another_precision_is_refused_by_name(precision):
    problem = hand_cases.CASES[0].problem(precision)
    with pytest.raises(
        InputError, match=f"brian2.*precision '{precision}'; expected 'float64'"
    ) as error:
        brian2.solve(problem)
    assert "\n" not in str(error.value)


def test_an_unknown_target_is_refused():
    with pytest.raises(InputError, match="'fortran'; expected one of numpy, cython, cpp_stand"):
        brian2.solve(hand_cases.CASES[0].problem("float64"), "fortran")


def test_preferences_and_clock_are_left_as_they_were():
    import brian2 as b2

    names = [
        "codegen.target",
        "codegen.loop_invariant_optimisations",
        "codegen.cpp.extra_compile_args",
        "codegen.runtime.cython.cache_dir",
    ]
    before = [b2.prefs[name] for name in names], float(b2.defaultclock.dt)
    brian2.solve(hand_cases.CASES[0].problem("float64"))
    assert ([b2.prefs[name] for name in names], float(b2.defaultclock.dt)) == before
