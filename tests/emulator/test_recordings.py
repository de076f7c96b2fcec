"""Recordings of event cameras: what is kept, N-MNIST's files, and the camera that is computed."""

from __future__ import annotations

import math
from pathlib import Path

import event_files
import numpy as np
import pytest

import eqchip as eq
from eqchip.emulator.data import moving_digits
from eqchip.emulator.data.n_mnist import DURATION, read_events
from eqchip.emulator.data.recordings import joined
from eqchip.emulator.errors import InputError

SENSOR = {"inputs": 6, "duration": 1000}


def some(count: int = 5, seed: int = 0) -> eq.Recordings:
    rng = np.random.default_rng(seed)
    samples = rng.integers(0, count, 40)
    times, units = rng.integers(0, 1000, 40), rng.integers(0, 6, 40)
    return eq.Recordings.of_events(samples, times, units, count, **SENSOR)


def listed(seen: eq.Recordings) -> list[list[tuple[int, int]]]:
    """Each recording as a list of (time, unit)."""
    pairs = [*zip(seen.times.tolist(), seen.units.tolist(), strict=True)]
    return [pairs[a:b] for a, b in zip(seen.first, seen.first[1:], strict=False)]


@pytest.mark.parametrize(
    "index", [slice(1, 4), [3, 0, 3], np.array([True, False, True, False, True]), slice(0, 0), 2]
)
def test_some_recordings_are_those_of_a_plain_list(index):
    whole = some()
    wanted = [listed(whole)[k] for k in np.atleast_1d(np.arange(5)[index])]
    assert listed(whole[index]) == wanted and whole[index].shape == (len(wanted), 6)
    assert listed(joined([whole, whole[index]])) == listed(whole) + wanted


@pytest.mark.parametrize("steps", [1, 3, 7, 1000])
def test_bits_are_the_events_of_each_bin_and_no_event_is_lost_unsaid(steps):
    seen = some()
    sent = seen.binned(steps)
    wanted = {
        (sample, time * steps // 1000, unit)
        for sample, events in enumerate(listed(seen))
        for time, unit in events
    }
    found = [*zip(*(x.tolist() for x in (sent.samples, sent.steps, sent.units)), strict=True)]
    assert found == sorted(wanted) and sent.batch == 5
    assert seen.merged(steps) == len(seen.times) - len(wanted)


def test_counts_are_those_of_every_input():
    seen, counts = some(), np.zeros((5, 6))
    for sample, events in enumerate(listed(seen)):
        for _, unit in events:
            counts[sample, unit] += 1
    assert np.array_equal(seen.counted(2), np.minimum(counts / 2, 1).astype(np.float32))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (([0, 1], [1000], [0]), "times hold 1000 at 0; expected 0 to 999"),
        (([0, 1], [-1], [0]), "times hold -1 at 0"),
        (([0, 1], [0], [6]), "units hold 6 at 0; expected 0 to 5"),
        (([0, 2], [7, 3], [0, 0]), "time 3 of event 1 comes after 7"),
        (([0, 1], [7, 8], [0, 0]), "2 times for 1 events"),
        (([1, 1], [7], [0]), "first is not ascending from 0"),
        (([0, 1], [0.5], [0]), "times has shape (1,) and type float64"),
    ],
)
def test_faults_are_one_line(given, said):
    with pytest.raises(InputError, match="Recordings: ") as caught:
        eq.Recordings(*given, **SENSOR)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_times_may_fall_back_where_another_recording_begins():
    seen = eq.Recordings([0, 1, 1, 2], [900, 5], [0, 0], **SENSOR)
    assert listed(seen) == [[(900, 0)], [], [(5, 0)]]


# --- N-MNIST


def test_events_of_a_file_are_five_bytes_each(tmp_path: Path):
    path = tmp_path / "00002.bin"
    path.write_bytes(bytes([3, 5, 0x80 | 1, 2, 3, 33, 0, 0, 0, 9]))
    events = read_events(path)
    assert events.times.tolist() == [9, (1 << 16) + (2 << 8) + 3]  # in the order of time
    assert events.units.tolist() == [33 * 2, (5 * 34 + 3) * 2 + 1]


def test_an_event_at_240_is_a_clock_that_went_over(tmp_path: Path):
    path = tmp_path / "00002.bin"
    path.write_bytes(event_files.encode([(1, 1, 0, 7), (0, 240, 0, 0), (1, 1, 1, 7)]))
    assert read_events(path).times.tolist() == [7, 8192 + 7]


def test_n_mnist_is_read_by_part_and_class(tmp_path: Path):
    event_files.write_set(tmp_path / "n-mnist")
    data = eq.load("n-mnist", tmp_path)
    assert repr(data) == "EventDataset(n-mnist: 20 train, 20 test, 34x34x2, 10 classes)"
    assert data.train_y.tolist() == sorted([*range(10)] * 2) and data.duration == DURATION
    place = (1 * 34 + 4) * 2 + 1
    assert listed(data.test_x[9]) == [[(2000, place), (299_999, 2 * 34**2 - 1)]]
    assert "80 events, and 0 later than 300 ms left out" in data.source
    assert data.fingerprint == eq.load("n-mnist", tmp_path / "n-mnist").fingerprint


def test_what_is_later_than_the_saccades_is_left_out_and_counted(tmp_path: Path):
    path = event_files.write_set(tmp_path)[0]
    path.write_bytes(event_files.encode([(1, 1, 0, 7), (1, 1, 0, 300_000)]))
    data = eq.load("n-mnist", tmp_path)
    assert listed(data.train_x[0]) == [[(7, 70)]] and "and 1 later" in data.source


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds 0 bytes; expected events of 5 each"),
        (bytes(6), "holds 6 bytes"),
        (event_files.encode([(1, 1, 0, 0), (34, 1, 0, 0)]), "event 1 is at (34, 1)"),
        (event_files.encode([(1, 241, 0, 0)]), "event 0 is at (1, 241)"),
    ],
)
def test_a_damaged_file_is_told_in_a_line(content, said, tmp_path: Path):
    path = event_files.write_set(tmp_path)[5]
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        eq.load("n-mnist", tmp_path)
    assert str(path) in str(caught.value) and said in str(caught.value)


def test_missing_files_are_told_in_a_line(tmp_path: Path, monkeypatch):
    paths = event_files.write_set(tmp_path / "n-mnist")
    for lost, said in ((paths[-2:], "holds no .bin files"), (paths[:2], "cannot be read")):
        for path in lost:
            path.unlink()
        if said == "cannot be read":
            lost[0].parent.rmdir()
        with pytest.raises(InputError, match=said):
            eq.load("n-mnist", tmp_path)
    with pytest.raises(InputError, match="holds no n-mnist files; expected directories Train and"):
        eq.load("n-mnist", tmp_path / "n-mnist" / "Test")
    monkeypatch.delenv("EQCHIP_DATA", raising=False)
    with pytest.raises(InputError, match="'n-mnist' is not downloaded; expected --data"):
        eq.load("n-mnist")


# --- digits that move


def test_the_camera_fires_where_the_logarithm_has_moved_by_the_threshold():
    """One image, one pixel of it bright, beside a camera that is computed by plain loops."""
    image = np.zeros((1, 8, 8))
    image[0, 3, 4], image[0, 6, 6] = 16, 9
    seen = moving_digits.record(image)
    way, step = moving_digits._way(), moving_digits.SACCADE // moving_digits.MOMENTS
    threshold = round(1000 * moving_digits.THRESHOLD)
    shown = [moving_digits._shown(image, at)[0] / 3600 for at in way]
    found = []
    for row, column in np.ndindex(16, 16):
        logs = [round(1000 * math.log1p(frame[row, column])) for frame in shown]
        kept = logs[0]
        for k, (start, end) in enumerate(zip(logs, logs[1:], strict=False)):
            while abs(end - kept) >= threshold:
                kept += threshold if end > kept else -threshold
                part = min((kept - start) * step // (end - start), step - 1)
                found.append((k * step + part, (row * 16 + column) * 2 + int(end > start)))
    assert listed(seen) == [sorted(found)] and len(found) > 50


def test_what_does_not_move_is_not_seen_and_a_digit_moves_whole():
    assert len(moving_digits.record(np.zeros((2, 8, 8))).times) == 0
    here, there = (moving_digits._shown(np.ones((1, 8, 8)), at) for at in ((0, 0), (20, -10)))
    inner = slice(5, 11)  # what is grey all over stays so wherever it is
    assert (here[0, inner, inner] == 3600).all()
    assert np.array_equal(np.roll(here, (2, -1), axis=(1, 2))[0, 4:12, 4:12], there[0, 4:12, 4:12])


def test_moving_digits_are_the_digits_and_stay_the_same():
    data, still = eq.load("moving-digits"), eq.load("digits")
    assert np.array_equal(data.train_y, still.train_y) and np.array_equal(data.test_y, still.test_y)
    assert data.fingerprint == eq.load("moving-digits").fingerprint == "3914d484813c6c0c"
    assert 800 < data.train_x.counts.mean() < 1400
    with pytest.raises(InputError, match="with moving-digits, which come with scikit-learn"):
        eq.load("moving-digits", "somewhere")


def test_an_event_dataset_takes_recordings_of_its_sensor_only():
    seen, y = some(), np.zeros(5, np.int64)
    made = {"name": "mine", "train_y": y, "test_x": seen, "test_y": y, "classes": 2, "source": ""}
    assert eq.EventDataset(train_x=seen, shape=(1, 3, 2), **made).counted().train_x.max() == 1
    for x, shape, said in (
        (np.zeros((5, 6)), (1, 3, 2), "train_x is a ndarray; expected Recordings"),
        (seen, (2, 3, 2), "train_x has 6 inputs and 1000 us; expected 12"),
    ):
        with pytest.raises(InputError, match=said):
            eq.EventDataset(train_x=x, shape=shape, **made)
