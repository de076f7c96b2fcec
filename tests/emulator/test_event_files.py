"""Address events in files: who fired when, and every way to be wrong refused in a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import eqchip as eq
from eqchip.emulator.description.graph.event_file import read_events


def small() -> eq.Graph:
    return eq.Graph(
        [
            eq.Population("in", eq.Input(), 3),
            eq.Population("hidden", eq.LIF(), (2, 2)),
            eq.Population("out", eq.LI(), 1),
        ],
        [
            eq.Projection("in", "hidden", np.ones((3, 4))),
            eq.Projection("hidden", "out", np.ones((4, 1))),
        ],
    )


def written(folder: Path, text: str) -> Path:
    (folder / "events.csv").write_text(text)
    return folder / "events.csv"


def test_lines_are_events_of_populations_and_samples(tmp_path):
    text = "step,population,unit,sample\n0,in,2,0\n0,in,1,1\n4,hidden,3,0\n9,in,2,0\n"
    found = read_events(written(tmp_path, text), small())
    assert (found.steps, found.batch, set(found.of)) == (10, 2, {"in", "hidden"})
    step, sample, unit = found.of["in"]
    assert step.tolist() == [0, 0, 9]
    assert sample.tolist() == [0, 1, 0]
    assert unit.tolist() == [2, 1, 2]


def test_addresses_count_through_all_that_send(tmp_path):
    found = read_events(written(tmp_path, "unit,step\n0,0\n2,0\n3,1\n6,1\n"), small())
    assert found.of["in"][2].tolist() == [0, 2]
    assert found.of["hidden"][2].tolist() == [0, 3]


def test_times_are_steps_of_dt(tmp_path):
    text = "time,population,unit\n0,in,0\n0.0009,in,1\n0.001,in,0\n0.003,in,0\n"
    found = read_events(written(tmp_path, text), small(), dt=1e-3)
    assert found.of["in"][0].tolist() == [0, 0, 1, 3]


def test_arrays_hold_the_same(tmp_path):
    rows = np.array([[0, 2, 0], [0, 1, 1], [9, 2, 0]])
    np.savez(tmp_path / "e.npz", **{"in": rows, "hidden": np.array([[4, 3]])})
    found = read_events(tmp_path / "e.npz", small())
    assert (found.steps, found.batch) == (10, 2)
    assert [column.tolist() for column in found.of["in"]] == [[0, 0, 9], [0, 1, 0], [2, 1, 2]]


HEAD = "step,population,unit\n"
REFUSED: dict[str, tuple[str, str]] = {
    "empty": ("", "line 1 is ''; expected columns step or time, unit, and perhaps"),
    "columns": ("step,neuron\n0,1\n", "line 1 is 'step,neuron'; expected columns"),
    "both": ("step,time,unit\n", "line 1 is 'step,time,unit'; expected columns step or time"),
    "none": (HEAD, "no events; expected at least one"),
    "dt": ("time,unit\n0.1,2\n", "has times, and nothing says how long a step is; expected dt"),
    "words": (HEAD + "0,in\n", "line 2: '0,in'; expected step,population,unit"),
    "number": (HEAD + "0.5,in,1\n", "line 2: '0.5,in,1'; expected numbers, whole ones of steps"),
    "who": (HEAD + "0,in,0\n1,x,0\n", "line 3: population 'x'; expected one of 'in', 'hidden'"),
    "read-out": (HEAD + "0,out,0\n", "population 'out' is LI, which sends nothing; expected none"),
    "unit": (HEAD + "0,in,3\n", "line 2: unit of 'in' is 3; expected 0 to 2"),
    "below": (HEAD + "0,in,-1\n", "line 2: unit of 'in' is -1; expected 0 to 2"),
    "address": ("step,unit\n0,7\n", "line 2: unit is 7; expected 0 to 6, counted through all"),
    "negative": (HEAD + "-1,in,0\n", "line 2: step is -1; expected 0 to"),
    "unsorted": (HEAD + "5,in,0\n3,in,1\n", "line 3: step 3 comes after step 5 of the same sample"),
    "across": (HEAD + "5,in,0\n3,hidden,1\n", "line 3: step 3 comes after step 5 of the same"),
    "twice": (HEAD + "5,in,1\n5,in,1\n", "line 3: unit 1 of 'in' fires again in step 5; expected"),
    "huge": (HEAD + f"{2**40},in,1\n", "expected numbers below 2**31"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_lines_that_are_no_events_are_refused(what, tmp_path):
    text, expected = REFUSED[what]
    with pytest.raises(eq.InputError) as caught:
        read_events(written(tmp_path, text), small())
    assert str(caught.value).startswith(f"{tmp_path / 'events.csv'}: ")
    assert expected in str(caught.value)


@pytest.mark.parametrize("time", ["-0.5", "nan", "inf", "1e300"])
def test_times_that_are_no_step_are_refused(time, tmp_path):
    path = written(tmp_path, f"time,population,unit\n{time},in,0\n")
    with pytest.raises(eq.InputError, match="line 2: "):
        read_events(path, small(), dt=1e-3)


ARRAYS: dict[str, tuple[Any, str]] = {
    "name": ({"x": [[0, 0]]}, "array 'x': population 'x'; expected one of"),
    "shape": ({"in": [0, 1]}, "array 'in' is int64 of shape (2,); expected whole numbers, rows"),
    "type": ({"in": [[0.5, 1]]}, "array 'in' is float64 of shape (1, 2); expected whole numbers"),
    "unit": ({"in": [[0, 1], [1, 9]]}, "array 'in', event 1: unit of 'in' is 9; expected 0 to 2"),
    "sample": ({"in": [[0, 1, -1]]}, "array 'in', event 0: sample is -1; expected 0 to"),
    "unsorted": ({"in": [[4, 1], [1, 2]]}, "array 'in', event 1: step 1 comes after step 4"),
}


@pytest.mark.parametrize("what", ARRAYS)
def test_arrays_that_are_no_events_are_refused(what, tmp_path):
    arrays, expected = ARRAYS[what]
    np.savez(tmp_path / "e.npz", **{name: np.array(one) for name, one in arrays.items()})
    with pytest.raises(eq.InputError) as caught:
        read_events(tmp_path / "e.npz", small())
    assert expected in str(caught.value)
