"""Training: it learns, and neither threads nor interruptions change a bit of what it learns."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from listeners import Stopper
from small_runs import arrays_of, assert_same_end, few_digits, small_config

from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.asynchronous import Asynchronous, Clocks, Delays
from eqchip.emulator.description.coding import Coding, Polynomial
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.engine.synchronous import Solver, solve
from eqchip.emulator.errors import InputError
from eqchip.emulator.interrupts import uninterrupted
from eqchip.emulator.learning.contrast import average_ends, contrast
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.training import classifier
from eqchip.emulator.training import trainer as training
from eqchip.emulator.training.classifier import Classifier
from eqchip.emulator.training.fit import fit
from eqchip.emulator.training.inference import stream_seed
from eqchip.emulator.training.presets import preset
from eqchip.emulator.training.runs import RunDirectory
from eqchip.emulator.training.trainer import Trainer

BERNOULLI = Coding("bernoulli", step_size=Polynomial(0.8), prediction=None)
KINDS: dict[str, dict[str, Any]] = {
    "as in the presets": {},
    "momentum": {"descent": {"momentum": 0.5}},
    "random sign": {"learning": {"rule": "full", "random_sign": True}},
    "split stream": {"learning": {"rule": "one_sided", "split_stream": True}},
    "bernoulli": {"coding": BERNOULLI},
    "online": {"descent": {"minibatch": 1}},
    "input dropout": {"descent": {"input_dropout": 0.3}},
    "one minibatch an epoch": {"descent": {"minibatch": 1000}},
    "float64": {"precision": "float64"},
    "current": {"input": "current", "coding": Coding.real_valued()},
    "no validation": {"validation": 0},
    "adam": {"descent": {"optimizer": "adam", "lr": (0.01, 0.01)}},
    "convolution": {
        "layers": ("8x8", "3c3p2", 10),
        "input": "current",
        "initial_gain": (1.0, 0.3),
        "learning": {"average_steps": 3},
        "descent": {"optimizer": "adam", "lr": (0.01, 0.01), "shift": 1, "flip": True},
    },
    "maximum pooling": {"layers": ("8x8", "3c3m2", 10), "descent": {"momentum": 0.5}},
    "states kept": {
        "learning": {"states": "kept", "rule": "full", "random_sign": True},
        "coding": Coding(prediction=Polynomial(0.3)),
    },
    "states announced": {"learning": {"states": "announced", "average_steps": 2}},
    "averaged": {"learning": {"average_steps": 2}},
    "asynchronous": {
        "timing": Asynchronous(
            clocks=Clocks(spread=0.2, offset=1.0, jitter=0.2), delays=Delays(fixed=0.5, jitter=1.0)
        )
    },
}
kinds = pytest.mark.parametrize("kind", KINDS)


def every_weight(trainer: Trainer) -> list[bytes]:
    return [array.tobytes() for array in (*trainer.network.weights, *trainer.network.biases)]


def train(config: Config, threads: int = 1, epochs: int | None = None) -> Trainer:
    trainer = Trainer(config, few_digits(), threads)
    for _ in range(config.descent.epochs if epochs is None else epochs):
        for _tally in trainer.train_epoch():
            pass
        trainer.end_epoch()
    return trainer


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Any:
    """The uninterrupted run of each kind, made when first asked for."""
    made: dict[str, RunDirectory] = {}

    def run_of(kind: str) -> RunDirectory:
        if kind not in made:
            path = tmp_path_factory.mktemp("whole") / "run"
            made[kind] = RunDirectory.create(path, small_config(**KINDS[kind]))
            fit(made[kind], few_digits(), threads=1)
        return made[kind]

    return run_of


# --- the same weights, whatever happens ---------------------------------------------------


@kinds
def test_two_threads_train_the_weights_of_one(kind):
    config = small_config(**KINDS[kind])
    one, two = train(config, 1), train(config, 2)
    assert every_weight(one) == every_weight(two)
    start = one.start.weights[0].astype(config.precision)
    assert not np.array_equal(start, one.network.weights[0])


@pytest.mark.parametrize("layers", [(64, 7, 10), ("8x8", "3c3p2", 10)])
@pytest.mark.parametrize("precision", ["float32", "float64", "chip"])
def test_averages_of_the_engine_are_those_of_what_it_recorded(layers, precision):
    config = small_config(layers=layers, learning={"average_steps": 3})
    digits = few_digits()
    target = np.eye(10)[digits.train_y[:5]]
    problem = pose(
        config.network(),
        digits.train_x[:5],
        coding=config.coding,
        phases=config.learning.phases(target),
        precision=precision,
        record=["potentials"],
    )
    got = solve(problem, threads=2, average_steps=3)
    expected = average_ends(got, 3)
    plain = solve(problem)
    for phase in range(3):
        for layer in range(3):
            np.testing.assert_array_equal(got.ends[phase][layer], expected.ends[phase][layer])
        assert not np.array_equal(got.ends[phase][1], plain.ends[phase][1])


@pytest.mark.parametrize("fixed", [None, FixedPoint()])
def test_samples_are_classified_by_the_averages_that_are_learned_from(fixed):
    config = small_config(learning={"average_steps": 3})
    x, samples = few_digits().train_x, np.arange(60)
    run = solve(
        pose(
            config.network(),
            x,
            coding=config.coding,
            phases=[Free(config.learning.free_steps)],
            precision=config.precision if fixed is None else "chip",
            fixed=fixed,
            seed=stream_seed(config.seed, "classify"),
            samples=samples,
            record=["potentials"],
        )
    )
    averaged = average_ends(run, 3).ends[0][-1].argmax(1)
    classifier = Classifier(config, config.network(), fixed=fixed)
    assert classifier.classify(x, averaged).score.errors == 0
    last = run.ends[0][-1].argmax(1)
    assert classifier.classify(x, last).score.errors == (last != averaged).sum() > 0


@kinds
def test_resume_after_an_interruption_gives_identical_weights(kind, whole, tmp_path):
    run = RunDirectory.create(tmp_path / "run", whole(kind).config)
    samples = 60 - run.config.validation
    minibatches = -(-samples // run.config.descent.minibatch)
    for after in (1, max(1, minibatches - 1)):  # at the first minibatch of an epoch, the last
        with pytest.raises(KeyboardInterrupt):
            fit(RunDirectory(run.path), few_digits(), threads=1, progress=Stopper(after))
    outcome = fit(RunDirectory(run.path), few_digits(), threads=2)
    assert_same_end(run, whole(kind))
    assert outcome.train["epoch"] == run.config.descent.epochs


def test_resume_at_the_end_of_an_epoch_gives_identical_weights():
    config = small_config(descent={"momentum": 0.5})
    first = train(config, epochs=1)
    second = Trainer(config, few_digits(), 1)
    second.restore({name: np.array(array) for name, array in first.state().items()})
    for _tally in second.train_epoch():
        pass
    second.end_epoch()
    assert second.done
    assert every_weight(second) == every_weight(train(config))


def test_an_interruption_while_weights_change_waits_until_they_are_changed(
    whole, tmp_path, monkeypatch
):
    run = RunDirectory.create(tmp_path / "run", whole("momentum").config)
    update, calls = training.Descent.update, []

    def interrupted_update(self: Any, *arguments: Any) -> None:
        calls.append(None)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        update(self, *arguments)

    monkeypatch.setattr(training.Descent, "update", interrupted_update)
    with pytest.raises(KeyboardInterrupt):
        fit(run, few_digits(), threads=1)
    assert len(calls) == 2
    assert arrays_of(run.path / "checkpoint.npz")["numbers"][:2].tolist() == [0, 2]
    fit(run, few_digits(), threads=1)
    assert_same_end(run, whole("momentum"))


def test_a_block_within_a_block_leaves_an_interruption_to_the_outer_one():
    after = []

    def blocks() -> None:
        with uninterrupted():
            with uninterrupted():
                os.kill(os.getpid(), signal.SIGINT)
            after.append("inner")
            with uninterrupted():
                after.append("next")

    for _ in range(2):  # the second is as the first was
        with pytest.raises(KeyboardInterrupt):
            blocks()
    assert after == ["inner", "next"] * 2


def test_samples_asked_again_of_one_solver_are_answered_as_by_a_new_one():
    net = Network.dense([64, 9, 10], seed=3)
    data = few_digits()
    whole = []
    for samples, beta in ((range(7), 0.5), (range(7, 14), -0.3), (range(3), 0.5)):
        x, y = data.train_x[list(samples)], np.eye(10)[data.train_y[list(samples)]]
        phases = [Free(6), Nudged(4, y, beta, from_free=True)]
        whole.append(
            pose(net, x, coding=BERNOULLI, phases=phases, seed=len(samples), record=["bits"])
        )
    solver = Solver(whole[0], threads=2, average_steps=2)
    for problem in whole:
        again, anew = solver.solve(problem), solve(problem, threads=1, average_steps=2)
        for a, b in zip(again.ends, anew.ends, strict=True):
            for of_a, of_b in zip(a, b, strict=True):
                np.testing.assert_array_equal(of_a, of_b)
        for a, b in zip(again.bits, anew.bits, strict=True):
            np.testing.assert_array_equal(a, b)
        for name, counts in again.activity.to_arrays().items():
            np.testing.assert_array_equal(counts, anew.activity.to_arrays()[name])


@pytest.mark.parametrize("method", ["append_metrics", "save_network", "save_checkpoint"])
def test_an_interruption_at_the_end_of_an_epoch_loses_no_line_of_it(
    method, whole, tmp_path, monkeypatch
):
    run = RunDirectory.create(tmp_path / "run", whole("momentum").config)
    with monkeypatch.context() as patch:
        original = getattr(RunDirectory, method)

        def interrupted(self: Any, *arguments: Any) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            original(self, *arguments)

        patch.setattr(RunDirectory, method, interrupted)
        with pytest.raises(KeyboardInterrupt):
            fit(run, few_digits(), threads=1)
    assert [row["epoch"] for row in run.metrics()] == [1]
    fit(run, few_digits(), threads=1)
    assert_same_end(run, whole("momentum"))


@pytest.mark.parametrize("method", ["append_metrics", "save_network", "save_checkpoint"])
@pytest.mark.parametrize("before", [False, True], ids=["after", "before"])
def test_a_death_at_the_end_of_an_epoch_leaves_a_run_that_goes_on(
    method, before, whole, tmp_path, monkeypatch
):
    class Death(BaseException):
        pass

    run = RunDirectory.create(tmp_path / "run", whole("momentum").config)
    with monkeypatch.context() as patch:
        original = getattr(RunDirectory, method)

        def dying(self: Any, *arguments: Any) -> None:
            if not before:
                original(self, *arguments)
            raise Death

        patch.setattr(RunDirectory, method, dying)
        with pytest.raises(Death):
            fit(run, few_digits(), threads=1)
    fit(run, few_digits(), threads=1)
    assert_same_end(run, whole("momentum"))


TRAIN_IN_A_PROCESS = """
import sys
from pathlib import Path
from eqchip.emulator.training.fit import fit
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.progress import Silent
from eqchip.emulator.training.runs import RunDirectory
from small_runs import few_digits

class Telling(Silent):
    def advance(self, amount=1, **facts):
        print("minibatch", flush=True)

fit(RunDirectory(Path(sys.argv[1])), few_digits(), threads=1, checkpoint_minutes=0,
    progress=Telling())
print("done", flush=True)
"""


def test_resume_after_kills_at_any_moment_gives_identical_weights(whole, tmp_path):
    run = RunDirectory.create(tmp_path / "run", whole("momentum").config)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "helpers")}
    kills, done = 0, False
    # Milliseconds after some minibatch: in it, in a checkpoint, in the end of an epoch.
    moments = [(1, 0.0), (2, 0.003), (1, 0.001), (3, 0.0005), (1, 0.006)]
    for minibatch, delay in moments:
        with subprocess.Popen(
            [sys.executable, "-c", TRAIN_IN_A_PROCESS, str(run.path)],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            for _ in range(minibatch):
                done = process.stdout.readline() in ("done\n", "")
            time.sleep(delay)
            process.kill()
        kills += not done
        if done:
            break
    assert kills >= 2
    fit(RunDirectory(run.path), few_digits(), threads=1)
    assert_same_end(run, whole("momentum"))
    hidden = [path.name for path in run.path.iterdir() if path.name.startswith(".")]
    assert hidden == [".lock"]


def test_a_line_that_a_kill_cut_short_is_written_again(whole, tmp_path):
    run = RunDirectory.create(tmp_path / "run", whole("momentum").config)
    with pytest.raises(KeyboardInterrupt):
        fit(run, few_digits(), threads=1, progress=Stopper(6))
    with open(run.path / "metrics.jsonl", "a") as file:
        file.write('{"format": "eqchip-metr')
    fit(run, few_digits(), threads=1)
    assert_same_end(run, whole("momentum"))


def test_a_finished_run_is_left_as_it_is_when_resumed(whole):
    run = whole("momentum")
    names = ("network.npz", "checkpoint.npz", "metrics.jsonl", "activity.json")
    before = [(run.path / name).read_bytes() for name in names]
    outcome = fit(RunDirectory(run.path), few_digits(), threads=1)
    assert [(run.path / name).read_bytes() for name in names] == before
    tests = [row for row in run.metrics() if "test_error" in row]
    assert len(tests) == 1 and tests[0]["test_error"] == outcome.test.error


def test_ctrl_c_is_handled_as_before_after_a_block_that_makes_it_wait():
    before = signal.getsignal(signal.SIGINT)
    reached = []

    def interrupted_block() -> None:
        with uninterrupted():
            os.kill(os.getpid(), signal.SIGINT)
            reached.append(True)

    with pytest.raises(KeyboardInterrupt):
        interrupted_block()
    assert reached and signal.getsignal(signal.SIGINT) is before
    with uninterrupted():
        pass
    with pytest.raises(ZeroDivisionError), uninterrupted():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) is before


def test_training_runs_outside_the_main_thread():
    config, weights = small_config(), []
    thread = threading.Thread(target=lambda: weights.append(every_weight(train(config))))
    thread.start()
    thread.join()
    assert weights == [every_weight(train(config))]


# --- what it does -------------------------------------------------------------------------

GENTLE = {"lr": (0.2, 0.1), "epochs": 4}
ONLINE = {"lr": (0.05, 0.025), "epochs": 2, "minibatch": 1}
REAL = Coding.real_valued()
LEARNS: dict[str, dict[str, Any]] = {
    "symmetric": {"descent": {"epochs": 4}},
    "full": {"learning": {"rule": "full", "split_stream": True}, "descent": GENTLE},
    "bidirectional": {"learning": {"rule": "bidirectional"}, "descent": GENTLE},
    "one_sided": {"learning": {"rule": "one_sided"}, "descent": GENTLE},
    "random sign": {
        "learning": {"rule": "full", "split_stream": True, "random_sign": True},
        "descent": GENTLE,
    },
    "momentum": {"descent": {**GENTLE, "momentum": 0.5}},
    "bernoulli": {"descent": GENTLE, "coding": Coding("bernoulli")},
    "real-valued": {"descent": {"epochs": 4}, "coding": REAL},
    "online": {"descent": ONLINE},
    "online, current, real-valued": {"descent": ONLINE, "input": "current", "coding": REAL},
    "bidirectional, current": {
        "learning": {"rule": "bidirectional"},
        "descent": {"epochs": 4},
        "input": "current",
    },
}


@pytest.mark.parametrize("kind", LEARNS)
def test_digits_are_learned_to_less_than_ten_percent_error_in_a_few_epochs(kind):
    trainer = Trainer(preset("digits", **LEARNS[kind]), load("digits"))
    errors = []
    while not trainer.done:
        for _tally in trainer.train_epoch():
            pass
        errors.append(trainer.end_epoch().error)
    assert errors[-1] < errors[0]
    assert trainer.test().error < 10.0


def test_a_minibatch_adds_the_contrast_of_its_run():
    config = small_config(learning={"rule": "full", "random_sign": True}, precision="float64")
    dataset = few_digits()
    trainer = Trainer(config, dataset, 1)
    rng = np.random.default_rng([config.seed, 0])
    order = rng.permutation(trainer.train_indices)
    signs = rng.choice((-1, 1), trainer.minibatches)
    network = config.network()
    for position, tally in enumerate(trainer.train_epoch()):
        indices = order[position * 16 : (position + 1) * 16]
        sign = int(signs[position])
        run = solve(
            pose(
                network,
                dataset.train_x[indices],
                coding=config.coding,
                phases=config.learning.phases(np.eye(10)[dataset.train_y[indices]], sign),
                precision="float64",
                seed=stream_seed(config.seed, "train", 0),
                samples=indices,
            )
        )
        rates = config.descent.rates(position / trainer.minibatches / config.descent.epochs)
        change = contrast(network, run, beta=sign * 0.5, lr=rates, rule="full")
        network = replace(
            network,
            weights=tuple(w + d for w, d in zip(network.weights, change.weights, strict=True)),
            biases=tuple(b + d for b, d in zip(network.biases, change.biases, strict=True)),
        )
        for got, expected in zip(trainer.network.weights, network.weights, strict=True):
            np.testing.assert_array_equal(got, expected)
        assert tally.samples == min(16 * (position + 1), 50)
    assert {-1, 1} == set(signs.tolist())


def test_an_epoch_sees_every_training_sample_once_and_no_other(monkeypatch):
    config = small_config(validation=20)
    trainer = Trainer(config, few_digits(), 1)
    seen: list[list[int]] = []

    answer = Solver.solve

    def listening(solver: Solver, problem: Any) -> Any:
        seen.append(problem.samples.tolist())
        return answer(solver, problem)

    monkeypatch.setattr(Solver, "solve", listening)
    for _tally in trainer.train_epoch():
        pass
    assert [len(samples) for samples in seen] == [16, 16, 8]
    every = [sample for samples in seen for sample in samples]
    assert sorted(every) == trainer.train_indices.tolist()
    assert not set(every) & set(trainer.validation_indices.tolist())


def test_the_activity_of_an_epoch_is_the_sum_of_its_runs(monkeypatch):
    trainer, runs = Trainer(small_config(), few_digits(), 2), []

    answer = Solver.solve

    def listening(solver: Solver, problem: Any) -> Any:
        runs.append(answer(solver, problem))
        return runs[-1]

    monkeypatch.setattr(Solver, "solve", listening)
    for _tally in trainer.train_epoch():
        pass
    tally = trainer.end_epoch()
    for name, counts in tally.activity.to_arrays().items():
        np.testing.assert_array_equal(
            counts, sum(run.activity.to_arrays()[name] for run in runs), err_msg=name
        )
    assert tally.activity.samples == tally.samples == 50
    assert tally.spikes_per_sample == tally.activity.spikes.sum() / 50
    assert tally.events_per_sample == tally.activity.synaptic_events.sum() / 50


def test_the_activity_of_one_minibatch_is_what_a_hand_counts():
    # Zero weights: only the input fires. x = 1 fires at every step, x = 1/2 at every other
    # (no spike at exactly 1/2), x = 0 never; each input spike crosses 7 synapses one step later.
    digits = few_digits()
    x = np.zeros((2, 64), np.float32)
    x[0, :2], x[1, 0] = (1.0, 0.5), 1.0
    dataset = replace(digits, train_x=x, train_y=np.array([0, 1]))
    config = small_config(
        validation=0,
        learning={"rule": "symmetric", "free_steps": 4, "nudged_steps": 3, "beta": 0.01},
        coding=Coding("sigma-delta", step_size=Polynomial(0.5), prediction=None),
    )
    trainer = Trainer(config, dataset, 1)
    trainer.lowered.weights[...] = 0
    trainer.lowered.mirror[...] = 0
    (tally,) = trainer.train_epoch()
    counts = tally.activity
    assert counts.phases == ("free", "nudged", "nudged") and counts.samples == 2
    # free, t = 1 ... 4: 4 + 2 + 4; nudged, t = 5 ... 7, from the free end both times: 3 + 1 + 3
    assert counts.spikes[:, 0].tolist() == [10, 7, 7]
    assert counts.spikes[:, 1].tolist() == [0, 0, 0]
    # of steps 1 ... 3 arrive in the free phase (3 + 1 + 3), of steps 4 ... 6 in each nudged one:
    # 3 + 2 + 3
    assert counts.synaptic_events[:, 0, 0].tolist() == [7 * 7, 8 * 7, 8 * 7]
    assert counts.synaptic_events[:, 0, 1].tolist() == [0, 0, 0]
    assert counts.updates_active[:, 0].tolist() == [10, 7, 7]
    assert counts.updates_inactive[:, 0].tolist() == [4 * 2 * 64 - 10, 3 * 2 * 64 - 7, 3 * 128 - 7]
    assert (counts.updates_active + counts.updates_inactive)[:, 1].tolist() == [56, 42, 42]
    assert not counts.macs.any()


def test_the_files_of_a_run_say_what_was_trained(whole):
    run = whole("as in the presets")
    train_rows, (test_row,) = run.metrics()[:-1], run.metrics()[-1:]
    trainer = train(run.config)
    for row in train_rows:
        assert row["samples"] == 50 and row["samples_per_second"] > 0
        assert 0 <= row["train_error"] <= 100 and 0 <= row["validation_error"] <= 100
    assert train_rows[-1]["validation_error"] == trainer.validate().error
    assert test_row["test_error"] == trainer.test().error
    for got, expected in zip(run.network().weights, trainer.network.weights, strict=True):
        np.testing.assert_array_equal(got, expected)
    activity = json.loads((run.path / "activity.json").read_text())
    assert activity["format"] == "eqchip-activity 1" and activity["samples"] == 50


def test_classifying_does_not_depend_on_batches_or_threads(monkeypatch):
    trainer = train(small_config(coding=BERNOULLI), epochs=1)
    tallies = [trainer.test()]
    monkeypatch.setattr(classifier, "EVALUATION_BATCH", 7)
    tallies.append(trainer.test())
    trainer._classifier.threads = 2
    tallies.append(trainer.test())
    assert len({tally.error for tally in tallies}) == 1
    for name, counts in tallies[0].activity.to_arrays().items():
        for tally in tallies[1:]:
            np.testing.assert_array_equal(tally.activity.to_arrays()[name], counts)


def test_each_use_of_random_numbers_has_a_seed_of_its_own():
    seeds = {
        stream_seed(s, use, k) for s in (0, 1) for use in ("train", "classify") for k in (0, 1)
    }
    assert len(seeds) == 8
    assert stream_seed(0, "train", 3) == stream_seed(0, "train", 3)


def test_the_cosine_schedule_rises_to_the_rate_and_falls_to_0():
    cosine = 0.5 * (1 + np.cos(np.pi * 0.01))  # half way through the first 2 %
    rates = [small_config().descent.rates(p)[0] for p in (0.0, 0.01, 0.5, 1.0)]
    np.testing.assert_allclose(rates, [0.0, 0.1 * cosine, 0.1, 0.0], atol=1e-15)
    assert small_config(descent={"schedule": "constant"}).descent.rates(0.9) == [0.2, 0.1]


@pytest.mark.parametrize("layers", [(63, 7, 10), (64, 7, 9), (64, 9)])
def test_layers_that_do_not_fit_the_data_set_are_refused(layers):
    config = small_config(layers=layers, descent={"lr": [0.1] * (len(layers) - 1)})
    with pytest.raises(InputError, match=r"expected 64-\.\.\.-10"):
        Trainer(config, few_digits())


def test_free_phase_alone_is_what_classification_runs(monkeypatch):
    phases = []

    answer = Solver.solve

    def listening(solver: Solver, problem: Any) -> Any:
        phases.append(problem.phases)
        return answer(solver, problem)

    monkeypatch.setattr(Solver, "solve", listening)
    Trainer(small_config(), few_digits(), 1).test()
    assert phases and all(
        len(p) == 1 and isinstance(p[0], Free) and p[0].steps == 6 for p in phases
    )
