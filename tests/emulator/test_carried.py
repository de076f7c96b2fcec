"""States that are carried on from sample to sample: engine, reference, and what is trained so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import strategies
from equal_runs import assert_equal_runs
from onchip_cases import made_up, small, train
from onchip_twin import Twinned
from small_runs import few_digits, small_config

import eqchip as eq
from eqchip.backends.lava.solve import on_chip_graph
from eqchip.backends.reference import floating as reference
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.engine import synchronous as engine
from eqchip.emulator.engine.units import at_rest
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.training.classifier import Classifier
from eqchip.emulator.training.presets import preset as eq_preset
from eqchip.emulator.training.trainer import Trainer
from eqchip.hw_reports.counting.replay import _check_timing
from eqchip.hw_reports.counting.samples import settings_of, train_on
from eqchip.mapping.chip_file.chip import load_chip

CASES = 40
ADAPTED = eq.Coding(prediction=eq.AdaptivePrediction())


def another(problem: Problem, rng: np.random.Generator) -> Problem:
    """The problem with another input and other weights, as after an update."""
    x = np.where(rng.random(problem.x.shape) < 0.4, 0.0, rng.random(problem.x.shape))
    moved = [w + 0.1 * rng.standard_normal(w.shape) for w in problem.network.weights]
    network = replace(problem.network, weights=tuple(w.astype(np.float64) for w in moved))
    return replace(problem, x=x.astype(problem.dtype), network=network)


@pytest.mark.parametrize("precision", ["float64", "float32", "chip"])
def test_engine_equals_reference_on_drawn_streams_of_samples(precision):
    rng = np.random.default_rng(25)
    for case in range(CASES):
        problem = strategies.draw_problem(
            rng, precision=precision, max_width=9, max_steps=40 if case % 8 == 0 else 6,
            adapted=True,
        )  # fmt: skip
        if precision == "float64":
            problem = strategies.with_links(problem, rng)
        elif case % 4 == 3:
            problem = strategies.with_read_out(problem)
        latest = 0 if case % 3 == 0 else problem.steps
        problem = replace(problem, latest_step=latest)
        batch = len(problem.x)
        carried = at_rest(problem, engine.lower_problem(problem), batch)
        states = [reference.initial_state(reference.one_sample(problem, b)) for b in range(batch)]
        for sample in range(3):
            got = engine.solve(replace(problem, carried=carried), threads=1)
            expected = reference.solve(replace(problem, carried=states))
            try:
                assert_equal_runs(got, expected)
            except AssertionError as error:
                raise AssertionError(f"problem {case}, sample {sample}: {problem}") from error
            problem = another(problem, rng)


@pytest.mark.parametrize("precision", ["float32", "chip"])
@pytest.mark.parametrize("input", ["spikes", "current"])
@pytest.mark.parametrize("coding", [eq.Coding(), ADAPTED], ids=["schedule", "adapted"])
def test_runs_that_are_carried_on_are_one_run_whose_input_switches(coding, input, precision):
    rng = np.random.default_rng(1)
    x = np.where(rng.random((3, 2, 9)) < 0.4, 0.0, rng.random((3, 2, 9)))
    network, steps = eq.Network.dense([9, 7, 4], seed=3), 12
    phases = [Free(steps), Free(steps, x=x[1]), Free(steps, x=x[2])]
    settings = {"coding": coding, "input": input, "precision": precision}
    whole = engine.solve(
        pose(network, x[0], phases=phases, record=["potentials"], **settings), threads=1
    )
    parts = []
    problem = pose(network, x[0], phases=[Free(steps)], record=["potentials"], **settings)
    problem = replace(problem, latest_step=3 * steps)
    carried = at_rest(problem, engine.lower_problem(problem), 2)
    for one in x:
        asked = replace(problem, x=one.astype(problem.dtype), carried=carried)
        parts.append(engine.solve(asked, threads=1))
    for layer, potentials in enumerate(whole.potentials):
        joined = np.concatenate([part.potentials[layer] for part in parts])
        np.testing.assert_array_equal(joined, potentials)


def test_an_injected_input_counts_its_synapses_with_the_phase_that_it_begins_with():
    network = eq.Network.dense([3, 2, 2], seed=0)
    x, then = [[0.5, 0.0, 1.0]], [[0.0, 0.0, 0.25]]
    for precision, timing in (("float64", None), ("chip", None), ("float32", eq.Asynchronous())):
        run = eq.run(
            network, x, coding=eq.Coding(), input="current", precision=precision, timing=timing,
            phases=[Free(3), Free(2), Free(2, x=then)],
        )  # fmt: skip
        assert run.activity.macs[:, 0, 0].tolist() == [2 * 2, 0, 1 * 2]
        assert run.activity.macs.sum() == 6


# --- training -----------------------------------------------------------------------------

STAYS = eq.Coding(prediction=eq.Polynomial(0.3))
KEPT = {"states": "kept"}


def test_the_places_of_a_minibatch_are_streams_whose_states_go_on():
    rates = {"lr": (0.0, 0.0), "minibatch": 5, "epochs": 1}
    config = small_config(
        learning={**KEPT, "rule": "full"}, descent=rates, coding=STAYS, validation=0
    )
    trainer = Trainer(config, few_digits(), 1)
    for _ in trainer.train_epoch():
        pass
    order = np.random.default_rng([config.seed, 0]).permutation(trainer.train_indices)
    places = order.reshape(-1, 5)  # (samples, streams)
    phases = []
    for k, indices in enumerate(places):
        x = None if k == 0 else trainer.dataset.train_x[indices]
        phases += [Free(6, x=x), Nudged(3, trainer.targets[indices], 0.5)]
    asked = pose(
        trainer.start, trainer.dataset.train_x[places[0]], coding=STAYS, phases=phases
    )  # fmt: skip
    whole = engine.solve(asked, threads=1)
    for name, count in trainer.tally.activity.to_arrays().items():
        of_all = whole.activity.to_arrays()[name]
        np.testing.assert_array_equal(count, of_all.reshape(-1, *count.shape).sum(0))


@pytest.mark.parametrize("fixed", [None, eq.FixedPoint()], ids=["float", "chip"])
def test_streams_are_classified_with_one_clock_as_with_clocks_that_agree(fixed):
    config = small_config(learning=KEPT, coding=STAYS)
    x = few_digits().test_x[:39]  # the first streams of 16 are one sample longer
    found = []
    for timing in (None, eq.Asynchronous()):
        one = config.model_copy(update={"timing": timing})
        found.append(Classifier(one, config.network(), 1, fixed=fixed).outputs(x))
    np.testing.assert_array_equal(*found)
    at_rest_each = small_config(coding=STAYS)
    apart = Classifier(at_rest_each, config.network(), 1, fixed=fixed).outputs(x)
    np.testing.assert_array_equal(found[0][:16], apart[:16])  # the first of each stream
    assert (found[0][16:] != apart[16:]).any()


@pytest.mark.parametrize("coding", [STAYS, ADAPTED], ids=["stays", "adapted"])
@pytest.mark.parametrize("sees", ["potentials", "traces"])
def test_a_chip_that_learns_from_a_stream_equals_the_reference(sees, coding):
    for states, of in (("kept", coding), ("announced", eq.Coding())):
        config = small(
            (6, 5, 4, 3), onchip={"sees": sees}, learning={"states": states}, coding=of
        )  # fmt: skip
        twinned = Twinned(config, made_up(6, 3, 9))
        train(twinned)
        assert twinned.all_written.any()
        at_rest_each = small((6, 5, 4, 3), onchip={"sees": sees}, coding=of)
        other = Twinned(at_rest_each, made_up(6, 3, 9))
        train(other)
        assert (twinned.all_written != other.all_written).any()


OSA = eq.Coding(step_size=eq.OptimalStepSize(0.1), prediction=eq.Polynomial(0.2))
REFUSED = {
    "no such word": (lambda: eq.Learning(states="held"), "unknown states 'held'"),
    "a schedule that nobody starts again": (
        lambda: small_config(learning=KEPT),
        "states is 'kept' with a schedule that falls with t",
    ),
    "nothing to announce": (
        lambda: small_config(learning={"states": "announced"}, coding=ADAPTED),
        "states is 'announced' with no schedule that falls with t",
    ),
    "a step size that adapts, told": (
        lambda: small_config(
            learning={"states": "announced"}, coding=replace(OSA, prediction=eq.Polynomial(0.5, 1))
        ),
        "states is 'announced' with OptimalStepSize",
    ),
    "no clock": (
        lambda: small_config(learning=KEPT, coding=STAYS, timing=eq.Asynchronous()),
        "states is 'kept' with timing",
    ),
    "a sample that ends when it is sure": (
        lambda: Classifier(
            small_config(learning=KEPT, coding=STAYS), eq.Network.dense([64, 7, 10], seed=0), sure=1
        ),
        "sure is 1 with states 'kept'",
    ),
    "recordings": (
        lambda: Trainer(
            eq_preset("moving-digits", learning=KEPT, coding=STAYS), eq.load("moving-digits"), 1
        ),
        "states is 'kept' with data set moving-digits",
    ),
    "lava": (
        lambda: on_chip_graph(
            small(learning=KEPT, coding=STAYS), eq.Network.dense([6, 5, 3], seed=0),
            np.zeros((1, 6)), np.zeros((1, 3)), rates=[0.1, 0.1], seed=0, samples=np.zeros(1, int),
        ),
        "backend 'lava' has no states that are carried on",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_go_with_a_stream_is_refused_in_one_line(case):
    call, words = REFUSED[case]
    with pytest.raises(InputError) as refused:
        call()
    assert words in str(refused.value) and "\n" not in str(refused.value)


def test_a_report_replays_samples_in_the_states_that_others_of_them_left():
    data = few_digits()
    config = small_config(learning=KEPT, coding=STAYS)
    network, indices = config.network(), np.arange(4)
    settings = settings_of(config, load_chip("loihi1-davies"), None, "float32", None)
    found = train_on(config, network, None, data, indices, settings, 1)
    problem = replace(found.problem, latest_step=1)
    carried = at_rest(problem, engine.lower_problem(problem), 4)
    for x in (np.roll(problem.x, 1, axis=0), problem.x):
        expected = engine.solve(replace(problem, x=x, carried=carried), threads=1)
    assert_equal_runs(*(replace(run, potentials=[]) for run in (found.run, expected)))
    apart = engine.solve(found.problem, threads=1)
    assert apart.activity.spikes.sum() != expected.activity.spikes.sum()
    with pytest.raises(InputError, match="states 'kept', which are carried on with one"):
        _check_timing(eq.Asynchronous(), load_chip("loihi1-davies"), config)
