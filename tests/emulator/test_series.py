"""Series: files of them, the Mackey-Glass equation, what codes them, and their read-outs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from series_files import HEAD, text, vowels

import eqchip as eq
from eqchip.emulator.data.mackey_glass import mackey_glass
from eqchip.emulator.data.series import read_series, read_split
from eqchip.emulator.studies.dynamics import series
from eqchip.emulator.studies.dynamics.coders import Balanced, Echo, Raw
from eqchip.emulator.studies.dynamics.readouts import (
    Classifier,
    Predictor,
    fitted,
    relative,
    windowed,
)


def test_cases_are_read_as_they_stand(tmp_path):
    (tmp_path / "a.ts").write_text(HEAD.format(channels=2) + "1,2.5,-3e-1:4,5,6:x\n\n7:8:y\n")
    found = read_series(tmp_path / "a.ts")
    np.testing.assert_array_equal(found.cases[0], [[1, 4], [2.5, 5], [-0.3, 6]])
    np.testing.assert_array_equal(found.cases[1], [[7, 8]])
    assert found.labels == ["x", "y"]


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("line 8: has channels of different lengths", "1,2:3:1\n"),
        (r"line 8: holds '\?'; expected a number", "1,?:3,4:1\n"),
        ("line 8: holds 'nan'; expected a number", "nan:3:1\n"),
        ("line 8: holds '1e400'; expected a number of at most 1e.30", "1e400:3:1\n"),
        ("line 8: has no label after a colon", "1,2\n"),
        ("line 9: has 1 channels; expected 2 as the first case", "1:2:1\n3:1\n"),
        ("holds no case", ""),
    ],
)
def test_a_damaged_case_is_refused_with_its_line(said, text, tmp_path):
    (tmp_path / "a.ts").write_text(HEAD.format(channels=2) + text)
    with pytest.raises(eq.InputError, match=said):
        read_series(tmp_path / "a.ts")


def test_heads_that_say_something_else_and_pickled_objects_are_refused(tmp_path):
    for content, said in (
        (b"@timeStamps true\n@data\n1:1\n", "line 1: @timestamps is true"),
        (b"@classLabel false\n@data\n1:1\n", "line 1: @classlabel is false"),
        (b"1,2:3\n", "before @data"),
        (b"\x80\x04\x95\x10\x00\x00", "no text in UTF-8"),
    ):
        (tmp_path / "a.ts").write_bytes(content)
        with pytest.raises(eq.InputError, match=said):
            read_series(tmp_path / "a.ts")
    with pytest.raises(eq.InputError, match=r"JapaneseVowels_TRAIN.ts: no such file"):
        read_split(tmp_path, "JapaneseVowels")


def test_both_parts_have_the_same_channels_and_labels(tmp_path):
    folder = vowels(tmp_path / "JapaneseVowels")
    train, test = read_split(tmp_path, "JapaneseVowels")  # found in the folder of the name
    assert len(train.cases) == len(test.cases) == 18
    (folder / "JapaneseVowels_TEST.ts").write_text(text(3, channels=2))
    with pytest.raises(eq.InputError, match="has 2 channels; expected 3"):
        read_split(folder, "JapaneseVowels")
    (folder / "JapaneseVowels_TEST.ts").write_text(HEAD.format(channels=3) + "1:2:3:9\n")
    with pytest.raises(eq.InputError, match="has the label '9'"):
        read_split(folder, "JapaneseVowels")


def test_the_mackey_glass_series_obeys_its_equation():
    coarse, fine = (mackey_glass(100, every=0.5, steps=steps) for steps in (170, 340))
    assert np.abs(coarse - fine).max() < 1e-6
    h = 0.5
    x = mackey_glass(400, every=h)
    then, now = x[: -34 - 1], x[34:-1]  # 17 before, and now
    slope = (x[35:] - x[33:-2]) / (2 * h)
    wanted = 0.2 * then / (1 + then**10) - 0.1 * now
    assert np.abs(slope - wanted)[40:].max() < 2e-3  # of central differences
    np.testing.assert_allclose(mackey_glass(50, start=1.0), 1.0)  # it rests where it rests
    with pytest.raises(eq.InputError, match="delay is 0; expected more than 0"):
        mackey_glass(10, delay=0)


def test_a_ridge_is_least_squares_however_many_features_there_are():
    rng = np.random.default_rng(0)
    for rows, features in ((40, 5), (8, 30)):
        x, y = rng.standard_normal((rows, features)), rng.standard_normal((rows, 2))
        z = (x - x.mean(0)) / x.std(0)
        direct = np.linalg.solve(z.T @ z + 0.3 * np.eye(features), z.T @ (y - y.mean(0)))
        (linear,) = fitted(x, y, [0.3])
        np.testing.assert_allclose(linear(x), z @ direct + y.mean(0), atol=1e-10)


def test_windows_are_means_of_parts_and_short_cases_have_them_too():
    rows = np.arange(10.0)[:, None]
    np.testing.assert_array_equal(windowed(rows, 1), [4.5])
    np.testing.assert_array_equal(windowed(rows, 2), [2.0, 7.0])
    np.testing.assert_array_equal(windowed(rows[:2], 4), [0, 0, 1, 1])


def test_validation_sees_what_is_held_back_alone():
    rng = np.random.default_rng(0)
    labels = np.arange(30) % 3
    cases = [np.eye(3)[label] + 0.01 * rng.standard_normal((5, 3)) for label in labels]
    folds = np.arange(30) // 3 % 3
    assert Classifier().choose(cases, labels, folds).validation == 0
    noise = [rng.standard_normal((5, 40)) for _ in labels]  # learned by heart, and no better
    assert Classifier((1,)).choose(noise, labels, folds).validation > 0.3


def test_a_predictor_is_asked_for_what_comes_and_told_nothing_of_it():
    wave = np.sin(np.arange(400) / 7)
    features = np.stack([wave, np.cos(np.arange(400) / 7)], 1)
    predictor = Predictor(10)
    chosen = predictor.choose(features[:300], wave[:300], slice(0, 190), slice(200, 290))
    found, wanted = predictor.predicted(chosen, features, wave, slice(0, 290), slice(300, 390))
    np.testing.assert_array_equal(wanted, wave[310:400])
    assert relative(found, wanted) < 1e-6


def test_coders_count_what_they_do():
    cases = [np.random.default_rng(k).standard_normal((n, 3)) for k, n in enumerate((4, 7))]
    raw = Raw().code(cases, 0)
    assert raw.features[1] is cases[1] and raw.frames == 11 and not raw.counts
    echo = Echo(20, 0.9, 0.3, 0.3)
    u, w, _ = echo.weights(3, 5)
    assert np.abs(np.linalg.eigvals(w)).max() == pytest.approx(0.9)
    coded = echo.code(cases, 5)
    assert coded.counts["macs"] == 11 * (u.size + np.count_nonzero(w))
    assert [one.shape for one in coded.features] == [(4, 20), (7, 20)]
    one = Echo(20, 0.9, 0.3, 0.3, first=1).code(cases, 5)
    other = [np.hstack([case[:, :1], np.zeros((len(case), 2))]) for case in cases]
    again = Echo(20, 0.9, 0.3, 0.3, first=1).code(other, 5)
    np.testing.assert_array_equal(one.features[1], again.features[1])  # hears one channel alone


def test_a_balanced_coder_counts_its_spikes_frame_by_frame():
    cases = [np.random.default_rng(k).standard_normal((n, 3)) for k, n in enumerate((4, 7))]
    coder = Balanced(20, 0.2, True)
    coded = coder.code(cases, 1)
    assert sum(one.sum() for one in coded.features) == coded.counts["spikes"] > 15
    events = coded.counts["synaptic_events"]  # a spike of the last step arrives no more
    assert 20 * (coded.counts["spikes"] - 2) <= events <= 20 * coded.counts["spikes"]
    assert len(coded.spikes) == coded.features[0].sum()
    heard = replace(coder, quantum=1.0).code(cases, 1).counts
    assert heard["input_macs"] == 0 < heard["input_spikes"]
    assert heard["synaptic_events"] >= 20 * (heard["spikes"] - 2 + heard["input_spikes"])
    traces = replace(coder, counts=False).code(cases, 1)
    assert traces.counts == coded.counts and (traces.features[0] >= 0).all()
    assert 0 < traces.decoding_error < 0.5


def test_each_fold_holds_a_third_of_each_class(tmp_path):
    problem = series.Speakers(vowels(tmp_path))
    folds = problem.folds(0)
    counts = [[np.sum((folds == f) & (problem.labels == c)) for f in range(3)] for c in range(3)]
    assert (np.array(counts) == 2).all() and (folds != problem.folds(1)).any()
    frames = np.concatenate(problem.cases)
    np.testing.assert_allclose(frames.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(frames.std(0), 1)
    (tmp_path / "JapaneseVowels_TRAIN.ts").write_text(text(8))
    with pytest.raises(eq.InputError, match="label '3' has 2 cases to learn from"):
        series.Speakers(tmp_path)


def test_nothing_of_the_test_reaches_a_forecast_before_it(monkeypatch):
    problem = series.Forecast()
    before = problem.attempt(Raw(), 0)
    problem.channels[problem.validated :] = np.nan
    problem.series[problem.validated :] = np.nan
    assert problem.attempt(Raw(), 0).chosen == before.chosen
