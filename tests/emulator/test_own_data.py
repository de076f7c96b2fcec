"""Data of one's own: from arrays, into a run, and never exchanged without a word."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from listeners import Hearing
from own_data import QUICK, ROWS, clusters, npz, table

import eqchip as eq
from eqchip.__main__ import main
from eqchip.emulator.data.dataset import split_validation
from eqchip.emulator.data.own import FULL, SCALINGS, fitted
from eqchip.emulator.description.config import Config, make_config
from eqchip.emulator.errors import InputError
from eqchip.emulator.training.fit import fit
from eqchip.emulator.training.presets import preset
from eqchip.emulator.training.run_data import data_of
from eqchip.emulator.training.runs import RunDirectory


def refusal(*args, **kwargs) -> str:
    with pytest.raises(InputError) as caught:
        eq.Dataset.from_arrays(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- arrays -------------------------------------------------------------------------------


def test_labels_of_every_kind_name_the_same_classes():
    x, y = clusters()
    usual = eq.Dataset.from_arrays(x, y)
    names = np.array(["ape", "bee", "cat"])
    for labels, called in (
        (y.tolist(), ("0", "1", "2")),
        (y.astype(np.float32), ("0", "1", "2")),
        (y[:, None], ("0", "1", "2")),
        (np.eye(3)[y], ("0", "1", "2")),
        (y * 7 - 3, ("-3", "4", "11")),  # with gaps, and negative
        (names[y], ("ape", "bee", "cat")),
        (list(names[y]), ("ape", "bee", "cat")),
        (names[y].astype(object), ("ape", "bee", "cat")),
    ):
        found = eq.Dataset.from_arrays(x, labels)
        assert found.labels == called
        assert np.array_equal(found.train_y, usual.train_y)
        assert found.fingerprint == usual.fingerprint
    assert eq.Dataset.from_arrays(x, y == 1).labels == ("0", "1")


def test_the_same_samples_are_set_aside_whoever_asks_and_each_class_gives_its_share():
    x, y = clusters(100)
    one, two = (eq.Dataset.from_arrays(x, y, test=0.3) for _ in range(2))
    assert np.array_equal(one.test_x, two.test_x)
    assert np.bincount(one.test_y).tolist() == [10, 10, 10]
    assert (len(one.train_y), len(one.test_y)) == (70, 30)
    assert len(eq.Dataset.from_arrays(x, y, test=0).test_y) == 0


def test_features_become_on_and_off_channels_by_the_training_samples_alone():
    x, y = clusters()
    x[:, 2] = 7.0  # a constant says nothing
    data = eq.Dataset.from_arrays(x[:40], y[:40], x_test=x[40:] * 50, y_test=y[40:])
    middle, spread = x[:40].mean(axis=0), x[:40].std(axis=0)
    z = (x[:40, :2] - middle[:2]) / spread[:2] / FULL
    assert data.shape == (6,)
    assert np.allclose(data.train_x[:, :2], np.clip(z, 0, 1), atol=1e-6)
    assert np.allclose(data.train_x[:, 3:5], np.clip(-z, 0, 1), atol=1e-6)
    assert not data.train_x[:, [2, 5]].any()
    assert data.train_x.dtype == np.float32
    assert data.test_x.max() == 1.0  # what is far outside is full, not refused


def test_columns_that_count_from_far_away_keep_what_they_tell():
    x, y = clusters()
    near, far = (eq.Dataset.from_arrays(x + shift, y) for shift in (0.0, 1e9))
    assert np.allclose(near.train_x, far.train_x, atol=1e-5)


@pytest.mark.parametrize(
    ("made", "shape", "scaling"),
    [
        (lambda x: (x * 255).astype(np.uint8), (4, 5), "a byte over 255"),
        (lambda x: x, (4, 5), "as given"),
        (lambda x: x * 16, (4, 5), "the largest of training"),
        (lambda x: x - 0.5, (4, 5, 2), "on and off channels"),
        (lambda x: np.stack((x, -x), axis=-1), (4, 5, 4), "on and off channels"),
    ],
)
def test_images_are_grey_values_and_signed_ones_have_two_channels(made, shape, scaling):
    images = np.random.default_rng(0).random((20, 4, 5)).astype(np.float32)
    data = eq.Dataset.from_arrays(made(images), np.arange(20) % 2)
    assert data.shape == shape and scaling in data.scaling
    assert data.train_x.shape == (16, np.prod(shape))
    assert data.train_x.max() <= 1.0


def test_channels_of_a_signed_image_stand_side_by_side():
    images = np.zeros((4, 1, 2))
    images[:, 0] = [2.0, -1.0]
    data = eq.Dataset.from_arrays(images, [0, 1, 0, 1], test=0)
    assert data.train_x[0].tolist() == [1.0, 0.0, 0.0, 0.5]  # on, off of one pixel, of the next


def test_a_scaling_that_is_named_is_taken():
    x, y = clusters()
    assert eq.Dataset.from_arrays(np.abs(x), y, scaling="grey").shape == (3,)
    assert "at least 0" in refusal(x, y, scaling="grey")
    assert "expected one of grey, on-off, colour" in refusal(x, y, scaling="none")
    assert "expected images with channels" in refusal(x, y, scaling="colour")
    assert set(SCALINGS) == {"grey", "on-off", "colour"}
    assert fitted(x, "on-off").two


def test_arrays_that_are_no_data_set_are_refused_in_a_line():
    x, y = clusters()
    hole = x.copy()
    hole[3, 1] = np.nan
    assert "X holds nan at (3, 1)" in refusal(hole, y)
    assert "X holds inf at (3, 1)" in refusal(np.where(np.isnan(hole), np.inf, hole), y)
    assert "59 labels for 60 samples" in refusal(x, y[:-1])
    assert "61 labels for 60 samples" in refusal(x, [*y, 0])
    assert "masked array" in refusal(np.ma.masked_array(x, x > 0), y)
    assert "masked array" in refusal(x, np.ma.masked_array(y, y > 1))
    assert "y holds 1 class" in refusal(x, np.zeros(60, int))
    assert "different lengths" in refusal([[1.0], [1.0, 2.0]], [0, 1])
    assert "type <U1" in refusal(np.full((60, 3), "a"), y)
    assert "shape (60,)" in refusal(x[:, 0], y)
    assert "shape (0, 3)" in refusal(x[:0], y[:0])
    assert "y holds 0.5 at 0" in refusal(x, y + 0.5)
    assert "y holds nan at 0" in refusal(x, y * np.nan)
    assert "one 1 a row" in refusal(x, np.ones((60, 3)))
    assert "only one of X_test and y_test" in refusal(x, y, x_test=x)
    assert "61 labels for 60 samples of X_test" in refusal(x, y, x_test=x, y_test=[*y, 0])
    assert "shape (2,); expected (3,)" in refusal(x, y, x_test=x[:, :2], y_test=y)
    assert "y_test holds 9 at 2" in refusal(x, y, x_test=x[:3], y_test=[0, 1, 9])
    assert "expected that of y" in refusal(x, y, x_test=x[:2], y_test=["a", "b"])
    for share in (1.0, -0.1, "half", True, float("nan")):
        assert "expected a share" in refusal(x, y, test=share)
    assert "at least one for training" in refusal(x[:3], y[:3], test=0.1)
    for name in ("", "a/b", "a\nb", "a" * 101, 3, "digits", "mnist"):
        assert "name is" in refusal(x, y, name=name)


def test_a_data_set_made_by_hand_is_checked():
    x, y = np.full((4, 3), 0.5, np.float32), np.array([0, 1, 0, 1])

    def refused(**change) -> str:
        fields = {"train_x": x, "train_y": y, "test_x": x, "test_y": y, "shape": (3,), **change}
        with pytest.raises(InputError) as caught:
            eq.Dataset(name="made", classes=2, source="", **fields)
        return str(caught.value)

    assert "train_x holds nan at (0, 1)" in refused(train_x=np.where([0, 1, 0], np.nan, x))
    assert "test_x holds -1.0 at (0, 0)" in refused(test_x=-2 * x)
    assert "train_y is int64 of shape (3,); expected 4" in refused(train_y=y[:3])
    assert "train_y is float64" in refused(train_y=y * 1.0)
    assert "label 5 at index 1" in refused(test_y=np.array([0, 5, 0, 1]))
    assert "expected real numbers of shape (samples, 4)" in refused(shape=(2, 2))
    assert "train_x is a list" in refused(train_x=x.tolist())


# --- runs ---------------------------------------------------------------------------------


def test_a_run_is_evaluated_and_priced_on_its_own_data_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x, y = clusters()
    path = npz(tmp_path / "mine.npz", X=x, y=y)
    trained = eq.train(data=path, network="6-8-3", out="run", **QUICK)
    assert trained.run.config.dataset == "mine"
    found = eq.evaluate("run")
    assert found.tally.samples == 12
    assert found.error == trained.outcome.test.error

    npz(path, X=x + np.arange(3), y=y[::-1])  # others, under the same name
    for call in (lambda: eq.evaluate("run"), lambda: eq.evaluate("run", data=path)):
        with pytest.raises(InputError, match="was trained on 'mine' with fingerprint"):
            call()
    with pytest.raises(InputError, match="with fingerprint"):
        eq.report("run", samples=2)
    path.unlink()
    with pytest.raises(InputError, match="which is not there; expected --data"):
        eq.evaluate("run")
    moved = npz(tmp_path / "elsewhere.npz", X=x, y=y)
    assert eq.evaluate("run", data=moved).error == found.error


def test_data_that_came_as_arrays_are_kept_in_the_run(tmp_path):
    data = eq.Dataset.from_arrays(*clusters(), name="mine")
    trained = eq.train(data, network="6-8-3", out=tmp_path / "run", **QUICK)
    found = data_of(trained.run)
    assert found.fingerprint == data.fingerprint
    assert (found.labels, found.scaling) == (data.labels, data.scaling)
    assert eq.evaluate(tmp_path / "run").tally.samples == 12
    assert eq.report(tmp_path / "run", samples=2)["run"]["dataset"] == "mine"


def test_settings_for_other_data_are_refused(tmp_path):
    data = eq.Dataset.from_arrays(*clusters(features=32, classes=10), name="mine")
    run = RunDirectory.create(tmp_path / "run", Config(layers=(64, 5, 10)))
    with pytest.raises(InputError, match="for the data set 'digits', the data are 'mine'"):
        fit(run, data)


def test_a_run_goes_on_with_the_data_that_it_was_begun_on(tmp_path):
    x, y = clusters()
    data = eq.Dataset.from_arrays(x, y, name="mine")
    config = make_config(**{**preset(data).model_dump(), "layers": (6, 5, 3)})
    run = RunDirectory.create(tmp_path / "run", config)
    fit(run, data)
    with pytest.raises(InputError, match="with fingerprint"):
        fit(run, eq.Dataset.from_arrays(x, y[::-1], name="mine"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": "other"}, "format is 'other'"),
        ({"fingerprint": 3}, "fingerprint is missing or wrong"),
        ({"shape": ["6"]}, "shape is missing or wrong"),
        ({"shape": []}, "shape is missing or wrong"),
        ({"shape": [0]}, "shape is missing or wrong"),
        ({"labels": None}, "labels is missing or wrong"),
        ({"classes": 0}, "classes is missing or wrong"),
        ({"shape": [5]}, "expected real numbers of shape (samples, 5)"),
        ({"classes": 2}, "expected 0 to 1"),
    ],
)
def test_a_record_of_data_that_is_damaged_is_refused(change, told, tmp_path):
    data = eq.Dataset.from_arrays(*clusters(), name="mine")
    run = eq.train(data, network="6-4-3", out=tmp_path / "run", **{**QUICK, "epochs": 1}).run
    record = json.loads((run.path / "data.json").read_text())
    (run.path / "data.json").write_text(json.dumps({**record, **change}))
    with pytest.raises(InputError) as caught:
        data_of(run)
    assert told in str(caught.value)


def test_usual_settings_learn_the_classes_of_a_table(tmp_path):
    data = eq.Dataset.from_arrays(*clusters(150), name="mine")
    config = preset(data, descent={"epochs": 10})
    assert config.layers == (6, 100, 3) and config.validation == 12
    found = eq.train(data, epochs=10, out=tmp_path / "run")
    assert found.outcome.test.error < 5.0


def test_steps_and_a_nudge_that_set_outputs_swinging_are_told(tmp_path):
    data = eq.Dataset.from_arrays(*clusters(), name="mine")

    def told(**settings):
        heard = Hearing()
        one = {**QUICK, "epochs": 1, "readout": "squared-error", "progress": heard, **settings}
        eq.train(data, network="6-4-3", out=tmp_path / str(len(list(tmp_path.iterdir()))), **one)
        return [line for line in heard.heard if "swinging" in line]

    wide = {"beta": 1.0, "step_size": eq.Polynomial(0.8)}
    assert told(**wide) == [
        "Steps of 0.8 at beta 1 set nudged outputs swinging: 0.8 x (1 + 2 x 1) is 2.4, above 2; "
        "what helps: a smaller --step-size or --beta"
    ]
    assert told(beta=1.0) and told(**{**wide, "step_size": eq.Polynomial(1.0, 0.05)})
    for settled in (
        {"step_size": eq.Polynomial(0.66)},  # 1.98
        {"step_size": eq.Polynomial(1.0, 0.3)},  # above at the first step, not where it is nudged
        {"readout": "cross-entropy"},  # the read-out takes no steps
        {"step_size": eq.OptimalStepSize(0.03), "prediction": "none"},
    ):
        assert not told(**{**wide, **settled}), settled
    assert not told()  # nobody chose anything


def test_a_layer_that_falls_silent_is_told(tmp_path):
    x, y = clusters()
    data = eq.Dataset.from_arrays(np.abs(x), y, scaling="grey", name="mine")
    told = Hearing()
    settings = {**QUICK, "epochs": 1, "readout": "squared-error", "out": tmp_path / "run"}
    eq.train(data, network="3-4-3", initial_gain=0.0, progress=told, **settings)
    # The output is pulled by the nudge; the layer below it hears of nothing.
    assert [line.partition(";")[0] for line in told.heard if "no spike" in line] == [
        "Layer 1 sent no spike in this epoch, so it learns nothing"
    ]
    loud = Hearing()
    eq.train(data, network="3-4-3", progress=loud, **{**settings, "out": tmp_path / "loud"})
    assert not any("no spike" in line for line in loud.heard)


def test_a_network_with_convolutions_of_ones_own_is_named_layer_by_layer():
    images = np.random.default_rng(0).random((40, 6, 6))
    data = eq.Dataset.from_arrays(images, np.arange(40) % 2, name="mine")
    assert preset(data, ("6x6", "4c3z1p2", 2)).validation == 3
    with pytest.raises(InputError, match="layer by layer"):
        preset(data, "conv")
    assert len(split_validation(data, 3)[1]) == 3


def test_the_command_line_trains_on_a_file_and_says_what_it_did(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    table(tmp_path / "two.csv", "\n".join(["u,v,kind", *map(",".join, ROWS)]))

    def printed(*words: str) -> dict:
        assert main([*words, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    run = printed("train", "--data", "two.csv", "--epochs", "1", "--free-steps", "10")["run"]
    assert run == str(Path("runs/two-4-100-2-s0"))
    assert printed("evaluate", run)["samples"] == 4
    for words, told in (
        (("evaluate", run, "--data", "."), "holds no data set that is known"),
        (("train", "--dataset", "mnist", "--data", "two.csv"), "holds the data set 'two'"),
        (("evaluate", run, "--data", "three.csv"), "no such file"),
    ):
        assert main(list(words)) == 2
        assert told in capsys.readouterr().err
