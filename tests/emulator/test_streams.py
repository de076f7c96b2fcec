"""The clamped input as a stream of events: engine, reference, and what a network learns from it."""

from __future__ import annotations

from dataclasses import replace

import event_files
import numpy as np
import pytest
import strategies
from equal_runs import assert_equal_runs

import eqchip as eq
from eqchip.backends.reference import floating as reference
from eqchip.emulator.engine import synchronous as engine
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels.state import BLOCK
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.problem.stream import Stream
from eqchip.emulator.training.classifier import Classifier
from eqchip.emulator.training.trainer import Trainer
from eqchip.mapping.activity.cores import core_activity, step_counts
from eqchip.mapping.chip_file.chip import load_chip
from eqchip.mapping.placement.mapped import map_network

CASES = 40


def drawn_events(rng: np.random.Generator, batch: int, rows: int, inputs: int) -> eq.Events:
    bits = np.argwhere(rng.random((batch, rows, inputs)) < rng.random() / 2)
    return eq.Events(steps=bits[:, 1], units=bits[:, 2], samples=bits[:, 0], batch=batch)


def streamed(problem: Problem, rng: np.random.Generator) -> Problem:
    """The problem with a stream in place of its input."""
    batch, inputs = problem.x.shape
    rows = problem.phases[0].steps
    coding = problem.coding
    if not coding.sends_bits or (coding.adaptive and coding.prediction is None):
        coding = eq.Coding(step_size=eq.Polynomial(0.7, 0.1), prediction=None)
    stream = Stream.of(drawn_events(rng, batch, rows, inputs), rows, inputs)
    return replace(
        problem, x=np.zeros_like(problem.x), stream=stream, input="spikes", coding=coding,
        uniforms=None,
    )  # fmt: skip


@pytest.mark.parametrize("precision", ["float64", "float32", "chip"])
def test_engine_equals_reference_on_drawn_streams(precision):
    rng = np.random.default_rng(25)
    for case in range(CASES):
        steps = 2 * BLOCK + 16 if case % 8 == 0 else 6
        problem = streamed(strategies.draw_problem(rng, precision=precision, max_steps=steps), rng)
        try:
            assert_equal_runs(engine.solve(problem, threads=1), reference.solve(problem))
        except AssertionError as error:
            raise AssertionError(f"problem {case}: {problem}") from error


NET = eq.Network.dense([2, 1], weights=[[[0.5], [0.25]]])
CODING = eq.Coding(step_size=eq.Polynomial(0.5), prediction=eq.Polynomial(0.5))
SENT = eq.Events(steps=[0, 2, 2], units=[0, 0, 1])


@pytest.mark.parametrize("precision", ["float64", "chip"])
@pytest.mark.parametrize("backend", ["emulator", "reference"])
def test_a_stream_worked_out_by_hand(backend, precision):
    """Three steps of bits, then the first two of them again, in both phases from the free end."""
    phases = [eq.Free(3), eq.Nudged(2, [[0.0]], beta=0.5, from_free=True)]
    phases.append(replace(phases[1], beta=-0.5))
    run = eq.run(
        NET, SENT, coding=CODING, phases=phases, precision=precision, backend=backend,
        record=("bits", "potentials"),
    )  # fmt: skip
    assert run.bits[0][:, 0].tolist() == [[1, 0], [0, 0], [1, 1], [1, 0], [0, 0], [1, 0], [0, 0]]
    follows = [[0.5, 0], [0.25, 0], [0.625, 0.5], [0.8125, 0.25], [0.40625, 0.125]]
    assert run.potentials[0][:, 0].tolist() == [*follows, *follows[3:]]
    # u arrives a step later; r = r / 2 + u / 2; s = s / 2 + r / 2.
    free = [0.0, 0.125, 0.125]
    assert run.potentials[1][:3, 0, 0].tolist() == free
    r = [0.0625 / 2 + 0.75 / 2 + 0.03125]  # after steps 1 to 3: 0, 0.25, 0.125
    r = [0.125 / 2 + 0.75 / 2]
    s = 0.5 * 0.125 + 0.5 * (r[0] - 2 * 0.5 * 0.125)
    assert run.potentials[1][3, 0, 0] == s
    assert run.activity.spikes[:, 0].tolist() == [3, 1, 1]
    # What step 3 sent arrives in both phases that go on from there.
    assert run.activity.synaptic_events[:, 0, 0].tolist() == [1, 3, 3]


def test_a_stream_is_the_only_input_and_begins_anew_with_every_sample():
    rng = np.random.default_rng(0)
    net = eq.Network.dense([5, 4, 3], seed=0)
    sent = drawn_events(rng, 3, 7, 5)
    asked = {"coding": eq.Coding(), "phases": [eq.Free(7)], "record": ("bits", "potentials")}
    run = eq.run(net, sent, **asked)
    bits = np.zeros((7, 3, 5), np.uint8)
    bits[sent.steps, sent.samples, sent.units] = 1
    assert np.array_equal(run.bits[0], bits)
    for b in range(3):
        mine = sent.samples == b
        alone = eq.Events(steps=sent.steps[mine], units=sent.units[mine])
        one = eq.run(net, alone, **asked)
        assert np.array_equal(one.potentials[2][:, 0], run.potentials[2][:, b])


def test_input_units_step_where_something_is_learned_from_their_average_and_nowhere_else():
    chip = load_chip("loihi1-davies")
    mapped = map_network(NET, chip)
    for precision, backend in (("float64", "reference"), ("float64", "emulator"), ("chip", None)):
        found = {}
        for name, more in (("heard", []), ("learned", [eq.Nudged(2, [[0.5]], 0.5)])):
            problem = pose(
                NET, SENT, coding=CODING, phases=[eq.Free(3), *more], precision=precision,
                parts=mapped.bundles,
            )  # fmt: skip
            run = reference.solve(problem) if backend == "reference" else engine.solve(problem)
            found[name] = run, core_activity(mapped, run), step_counts(mapped, run)
        run, of_cores, of_steps = found["heard"]
        assert run.activity.updates_active.tolist() == [[3, 0]]
        assert run.activity.updates_inactive.tolist() == [[0, 3]]
        assert of_cores.updates_active.tolist() == [[3, 0]]
        assert of_cores.updates_inactive.tolist() == [[0, 3]]
        assert of_steps.updates_inactive[:, 0].tolist() == [[0, 1]] * 3
        run, of_cores, of_steps = found["learned"]
        assert run.activity.updates_active[:, 0].tolist() == [3, 1]
        assert run.activity.updates_inactive[:, 0].tolist() == [3, 3]
        assert of_cores.updates_inactive[:, 0].tolist() == [3, 3]
        assert of_steps.updates_inactive[:, 0, 0].tolist() == [1, 2, 0, 1, 2]


def test_silence_is_a_stream():
    net = eq.Network.dense([2, 1], weights=[[[0.5], [0.25]]])
    run = eq.run(net, eq.Events([], [], batch=2), coding=CODING, phases=[eq.Free(3)])
    assert run.activity.spikes.sum() == 0 and run.ends[0][1].tolist() == [[0.0], [0.0]]


@pytest.mark.parametrize(
    ("sent", "settings", "said"),
    [
        (eq.Events([3], [0]), {}, "event at step 3; expected 0 to 2, the steps of the first phase"),
        (eq.Events([0], [2]), {}, "event of unit 2; expected 0 to 1"),
        (eq.Events([1, 1], [0, 0]), {}, "two events of unit 0 at step 1 of sample 0"),
        (eq.Events([1], [0], values=[0.5]), {}, "Events with values; expected bits"),
        (SENT, {"input": "current"}, "Events with input 'current'; expected 'spikes'"),
        (SENT, {"timing": eq.Asynchronous()}, "Events with a timing; expected timing=None"),
        (SENT, {"coding": eq.Coding.real_valued()}, "Events with quantizer 'none'"),
        (
            SENT,
            {"coding": eq.Coding(step_size=eq.OptimalStepSize(0.1), prediction=None)},
            "OptimalStepSize and no prediction",
        ),
        (SENT, {"backend": "brian2", "precision": "float64"}, "no streams of events (x is Events)"),
    ],
)
def test_what_no_stream_can_be_is_refused_in_a_line(sent, settings, said):
    with pytest.raises(InputError) as caught:
        eq.run(NET, sent, **{"coding": CODING, "phases": [eq.Free(3)], **settings})
    assert said in str(caught.value) and "\n" not in str(caught.value)


# --- training


def few_recordings(train: int = 60, test: int = 20) -> eq.EventDataset:
    data = eq.load("moving-digits")
    return replace(
        data, train_x=data.train_x[:train], train_y=data.train_y[:train],
        test_x=data.test_x[:test], test_y=data.test_y[:test],
    )  # fmt: skip


def short(**settings: object) -> eq.Config:
    learning = {"free_steps": 12, "nudged_steps": 5}
    return eq.preset(
        "moving-digits", (512, 10, 10), learning=learning, descent={"epochs": 2}, validation=20,
        **settings,
    )  # fmt: skip


def trained(threads: int) -> Trainer:
    trainer = Trainer(short(), few_recordings(), threads=threads)
    while not trainer.done:
        for _ in trainer.train_epoch():
            pass
        trainer.end_epoch()
    return trainer


def test_training_on_a_stream_does_not_depend_on_threads_and_counts_the_recordings_events():
    one, two = trained(1), trained(2)
    for mine, theirs in zip(one.network.weights, two.network.weights, strict=True):
        assert np.array_equal(mine, theirs)
    start = one.start.weights[0].astype(np.float32)
    seen = np.unique(few_recordings().train_x.units)
    moved = np.flatnonzero((one.network.weights[0] != start).any(axis=1))
    assert set(moved) <= set(seen) and len(moved) > 100  # what never fires writes nothing
    tally = one.test()
    assert tally.activity.spikes[0, 0] == len(few_recordings().test_x.binned(12).steps)


def test_both_nudged_phases_see_the_same_events():
    """The contrast of the first connection is s^T D of what is above it: the input cancels."""
    config, data = short(), few_recordings()
    x = data.train_x[:4].binned(12)
    y = eq.one_hot(data.train_y[:4], 10)
    net = eq.Network.dense([512, 10, 10], seed=1)
    run = eq.run(
        net, x, coding=config.coding, phases=config.learning.phases(y), record="bits"
    )  # fmt: skip
    plus, minus = run.bits[0][12:17], run.bits[0][17:]
    assert np.array_equal(plus, minus) and np.array_equal(plus, run.bits[0][:5])
    assert np.array_equal(run.ends[1][0], run.ends[2][0])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"on_chip": eq.OnChip()}, "on_chip is 'given' with data set moving-digits"),
        ({"timing": eq.Asynchronous()}, "timing is 'given'"),
        ({"input": "current"}, "input is 'current'"),
        ({"coding": eq.Coding.real_valued()}, "quantizer is 'none'"),
    ],
)
def test_settings_that_hear_no_stream_are_refused_in_a_line(settings, said):
    config = short().model_copy(update=settings)
    with pytest.raises(InputError) as caught:
        Trainer(config, few_recordings())
    assert said in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("network", [None, "conv"])
@pytest.mark.parametrize("name", ["moving-digits", "n-mnist"])
def test_presets_fit_their_sensor(name, network):
    config = eq.preset(name, network)
    assert config.inputs == {"moving-digits": 2 * 16**2, "n-mnist": 2 * 34**2}[name]
    assert config.sizes[-1] == 10 and config.dataset == name


def test_from_files_to_a_report(tmp_path):
    """N-MNIST in miniature: trained, evaluated in a chip's integers, and priced."""
    event_files.write_set(tmp_path / "files", 3)
    asked = {
        "data": tmp_path / "files", "network": (2312, 8, 10), "free_steps": 12, "nudged_steps": 5,
        "epochs": 1, "validation": 10,
    }  # fmt: skip
    run = eq.train("n-mnist", out=tmp_path / "run", **asked).run
    found = eq.evaluate(run, data=tmp_path / "files", precision="chip")
    assert found.tally.activity.spikes[0, 0] == 2 * 30
    told = eq.report(run, chip="loihi2", data=tmp_path / "files", samples=5)
    assert told["run"]["dataset"] == "n-mnist"
    event_files.write_set(tmp_path / "others", 2)
    with pytest.raises(InputError, match="fingerprint"):
        eq.evaluate(run, data=tmp_path / "others")


def test_an_answer_that_is_sure_ends_the_recording():
    """What was not played yet cannot have been heard: the steps are those of the whole."""
    trainer = trained(1)
    data, config = few_recordings(), trainer.config
    quick = Classifier(config, trainer.network, 1, sure=0.0).classify(data.test_x, data.test_y)
    whole = Classifier(config, trainer.network, 1).classify(data.test_x, data.test_y)
    assert 0 < quick.activity.spikes[0, 0] < whole.activity.spikes[0, 0]
