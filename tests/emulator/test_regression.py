"""Outputs that give numbers: targets, scores, runs, reports and scikit-learn's conventions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import mean_squared_error, r2_score
from sklearn.utils.estimator_checks import check_estimator

import eqchip as eq
from eqchip.__main__ import main
from eqchip.emulator.data.dataset import split_validation
from eqchip.emulator.data.datasets import from_file
from eqchip.emulator.data.targets import ROOM
from eqchip.emulator.description.task import TASKS, Squares
from eqchip.emulator.errors import InputError
from eqchip.emulator.training.run_data import data_of
from eqchip.hw_reports.document.headline import error
from eqchip.hw_reports.document.readable import wrong
from eqchip.hw_reports.page.headline import inference_cards

QUICK = {"epochs": 2, "free_steps": 10, "nudged_steps": 5}
REGRESSION = TASKS["regression"]


def waves(n: int = 80, outputs: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Samples, and smooth numbers of other sizes."""
    x = np.random.default_rng(3).uniform(-1, 1, (n, 3))
    y = np.stack([np.sin(2 * x[:, 0]) * 40, x[:, 1] - 7 * x[:, 2]], axis=1)
    return x, y[:, :outputs]


def data(**more: Any) -> eq.Dataset:
    x, y = waves()
    return eq.Dataset.from_arrays(x, y, task="regression", name="waves", **more)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> eq.RunDirectory:
    out = tmp_path_factory.mktemp("regression") / "run"
    return eq.train(data(), network=(6, 5, 2), out=out, threads=1, **QUICK).run


# --- targets --------------------------------------------------------------------------------


def test_numbers_of_training_are_laid_into_the_range_of_a_potential():
    found = data()
    for column in found.train_y.T:
        assert (column.min(), column.max()) == pytest.approx((ROOM, 1 - ROOM))
    assert "targets of" in found.scaling
    assert "as 0.1 to 0.9" in found.scaling
    assert (found.classes, found.labels, found.task) == (2, (), "regression")
    assert repr(found) == "Dataset(waves: 64 train, 16 test, 6, 2 numbers)"


def test_targets_that_are_potentials_stay_as_they_are():
    x, _ = waves()
    y = np.linspace(0.2, 1, len(x))
    found = eq.Dataset.from_arrays(x, y, task="regression", test=0)
    np.testing.assert_array_equal(found.train_y[:, 0], y.astype(np.float32))
    assert "as given" in found.scaling


@pytest.mark.parametrize(
    ("y", "told"),
    [
        (np.full(80, np.nan), r"y holds nan at \(0, 0\); expected finite numbers"),
        (np.arange(79), "y holds 79 labels for 80 samples"),
        (np.array(["a"] * 80), "expected a number a sample"),
        (np.ma.array(np.zeros(80), mask=True), "masked array"),
        (np.zeros((80, 2, 2)), "expected a number a sample, or a row"),
        ([1e31] * 80, "at most 1e"),
    ],
)
def test_numbers_that_are_none_are_refused_in_a_line(y, told):
    with pytest.raises(InputError, match=told) as refused:
        eq.Dataset.from_arrays(waves()[0], y, task="regression")
    assert "\n" not in str(refused.value)


def test_fractions_in_place_of_classes_are_told_of_regression():
    with pytest.raises(InputError, match="task='regression'"):
        eq.Dataset.from_arrays(*waves(outputs=1))
    with pytest.raises(InputError, match="task 'regress' is unknown; expected one of"):
        eq.Dataset.from_arrays(*waves(), task="regress")


def test_a_data_set_made_by_hand_is_checked_for_its_task():
    found = data()
    for numbers, told in (
        (found.train_y + 1, "expected targets in"),
        (found.train_y[:, 0], "expected real numbers of shape"),
        (np.zeros(64, np.int64), "expected real numbers of shape"),
    ):
        with pytest.raises(InputError, match=told):
            replace(found, train_y=numbers)


# --- series ---------------------------------------------------------------------------------


def test_windows_of_a_series_are_followed_by_what_comes_next():
    series = np.arange(40.0)
    found = eq.Dataset.from_series(series, window=4, ahead=2, test=0.25)
    assert (found.ordered, found.shape, len(found.train_y)) == (True, (8,), 26)
    # The middle of the training windows is a mean of each column: undo the channels.
    on, off = found.train_x[:, :4], found.train_x[:, 4:]
    seen = on.astype(np.float64) - off
    assert np.all(np.diff(seen, axis=0)[3:-3] > 0)  # ascending in time, clipped at the ends
    first, last = found.train_y[[0, -1], 0].astype(np.float64)
    assert (first, last) == pytest.approx((ROOM, 1 - ROOM))
    train, held = split_validation(found, 5)
    assert held.tolist() == list(range(21, 26))
    assert train.tolist() == list(range(21))


def test_the_test_of_a_series_is_its_end():
    series = np.r_[np.zeros(32), np.ones(10)]
    found = eq.Dataset.from_series(series, window=2, test=0.25)
    np.testing.assert_array_equal(found.train_y, 0)
    np.testing.assert_array_equal(found.test_y, 1)


@pytest.mark.parametrize(
    ("series", "more", "told"),
    [
        ([1.0, 2.0, 3.0], {"window": 3}, "series has 3 steps; expected at least 5"),
        ([1.0] * 9, {"window": 0}, "window is 0; expected a whole number of at least 1"),
        ([1.0] * 9, {"window": 2, "ahead": 0}, "ahead is 0"),
        ([1.0, np.inf] * 9, {"window": 2}, "series holds inf"),
    ],
)
def test_a_series_that_is_too_short_is_refused(series, more, told):
    with pytest.raises(InputError, match=told):
        eq.Dataset.from_series(series, **more)


# --- scores ---------------------------------------------------------------------------------


def test_scores_are_those_of_scikit_learn_in_one_piece_or_many():
    rng = np.random.default_rng(0)
    y, s = rng.uniform(0, 1, (50, 3)), rng.uniform(0, 1, (50, 3))
    whole = REGRESSION.score(s, y)
    parts = REGRESSION.nothing(3)
    for k in range(0, 50, 7):
        parts += REGRESSION.score(s[k : k + 7], y[k : k + 7])
    for found in (whole, parts):
        assert isinstance(found, Squares)
        assert found.mse(50) == pytest.approx(mean_squared_error(y, s), rel=1e-12)
        assert found.r2(50) == pytest.approx(r2_score(y, s), rel=1e-12)
        assert found.error(50) == pytest.approx(100 * (1 - r2_score(y, s)), rel=1e-12)
    assert REGRESSION.score(s * 0 + y.mean(0), y).error(50) == pytest.approx(100)


def test_of_a_target_that_does_not_vary_only_meeting_it_counts():
    y = np.full((4, 1), 0.3)
    assert REGRESSION.score(y, y).r2(4) == 1
    assert REGRESSION.score(y + 0.1, y).r2(4) == r2_score(y, y + 0.1) == 0
    assert np.isnan(REGRESSION.nothing(1).r2(0))


# --- runs -----------------------------------------------------------------------------------


def test_a_run_keeps_errors_r2_and_the_squared_error(run):
    rows = run.records()
    assert {"train_r2", "train_mse", "validation_r2", "validation_mse"} <= rows[0].keys()
    test = rows[-1]
    assert test["test_error"] == pytest.approx(100 * (1 - test["test_r2"]))
    found = data_of(run)
    assert (found.task, found.fingerprint) == ("regression", data().fingerprint)
    evaluated = eq.evaluate(run, threads=1).to_dict()
    assert evaluated["error"] == pytest.approx(test["test_error"])
    assert evaluated["r2"] == pytest.approx(test["test_r2"])


def test_an_interrupted_run_goes_on_to_the_same_weights_and_sums(run, tmp_path):
    again = eq.RunDirectory.create(tmp_path / "again", run.config)
    seen = []

    def stop(row: dict[str, Any], network: eq.Network) -> None:
        seen.append(row)
        if len(seen) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        eq.fit(again, data(), threads=1, callbacks=[stop])
    eq.fit(again, data(), threads=1)
    for one, other in zip(again.network().weights, run.network().weights, strict=True):
        np.testing.assert_array_equal(one, other)
    assert again.records()[1]["train_mse"] == run.records()[1]["train_mse"]


def test_sums_of_an_epoch_that_is_cut_are_kept(run):
    found = data()
    whole = eq.Trainer(run.config, found, threads=1)._trainer
    steps = whole.train_epoch()
    next(steps)
    other = eq.Trainer(run.config, found, threads=1)._trainer
    other.restore(whole.state())
    for score in (whole.tally.score, other.tally.score):
        np.testing.assert_array_equal(score.missed, whole.tally.score.missed)
    assert other.tally.samples == whole.tally.samples > 0


def test_a_report_says_what_is_unexplained_and_calls_it_as_neurobench_does(run):
    found = eq.report(run, chip="loihi1-davies", samples=4, threads=1)
    assert found["replay"]["task"] == "regression"
    assert found["neurobench"]["r2"] == pytest.approx(1 - found["replay"]["error"] / 100)
    assert "classification_accuracy" not in json.dumps(found["neurobench"])
    for text in (wrong(found["replay"]), *error(found), str(inference_cards(found)[-1])):
        assert "unexplained" in text.lower()
        assert "wrong" not in text.lower()


def test_a_chip_learns_numbers_and_its_running_error_is_of_its_own_outputs(tmp_path):
    out = tmp_path / "run"
    found = eq.train(
        data(), network=(6, 5, 2), on_chip="loihi1-davies", out=out, threads=1, **QUICK
    )
    assert found.outcome.train["train_mse"] > 0
    trainer = eq.Trainer(found.run.config, data(), threads=1)
    for _ in trainer:
        pass
    assert trainer.test().error == pytest.approx(found.outcome.test.error)


def test_what_learns_classes_alone_refuses_numbers(tmp_path):
    with pytest.raises(InputError, match="readout is 'cross-entropy' with data set waves, a regr"):
        eq.train(data(), readout="cross-entropy", rule="symmetric", out=tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_what_shows_classes_alone_refuses_a_run_of_numbers(run, tmp_path):
    with pytest.raises(InputError, match="watch: waves is data of regression; expected classes"):
        eq.watch(run.path, out=tmp_path)


def test_the_command_line_trains_on_numbers_of_a_table(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x, y = waves(outputs=1)
    rows = [
        "a,b,c,target",
        *(",".join(f"{v:.4f}" for v in (*a, *b)) for a, b in zip(x, y, strict=True)),
    ]
    Path("mine.csv").write_text("\n".join(rows))
    words = ["train", "--data", "mine.csv", "--out", "run", "--epochs", "1", "--network", "6-4-1"]
    assert main([*words, "--threads", "1"]) == 2
    assert "task='regression'" in capsys.readouterr().err
    assert main([*words, "--task", "regression", "--threads", "1"]) == 0
    said = capsys.readouterr()
    assert "r2" in said.out
    assert main(["evaluate", "run", "--json", "--quiet"]) == 0
    assert "r2" in json.loads(capsys.readouterr().out)
    assert (
        from_file("mine.csv", task="regression").fingerprint
        == data_of(eq.load_run("run")).fingerprint
    )
    assert main(["train", "--task", "regression", "--dataset", "digits"]) == 2
    assert "--task is 'regression' without a file" in capsys.readouterr().err


# --- scikit-learn ---------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("kind", [eq.EPClassifier, eq.EPRegressor])
def test_estimators_are_as_scikit_learn_expects_them(kind):
    check_estimator(kind(hidden=(20,), threads=1))


def test_predictions_have_the_units_and_the_shape_of_the_targets():
    x, y = waves(n=400)
    model = eq.EPRegressor(hidden=(30,), epochs=40, threads=1).fit(x[:300], y[:300])
    assert model.predict(x[300:]).shape == (100, 2)
    assert model.score(x[300:], y[300:]) > 0.8
    flat = eq.EPRegressor(hidden=(5,), epochs=1, threads=1).fit(x, y[:, 0])
    assert flat.predict(x).shape == (400,)


def test_usual_settings_learn_numbers_on_a_chip():
    x, y = waves(n=400)
    model = eq.EPRegressor(hidden=(30,), epochs=30, on_chip="loihi1-davies", threads=1)
    assert model.fit(x[:300], y[:300, 1]).score(x[300:], y[300:, 1]) > 0.6
