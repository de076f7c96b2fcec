"""An input that switches within a run, and units that adapt their prediction to their own input."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import strategies
from equal_runs import assert_equal_runs
from hypothesis import given, settings
from hypothesis import strategies as st

import eqchip as eq
from eqchip.backends.reference import floating as reference
from eqchip.emulator.engine import synchronous as engine
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.studies import following
from eqchip.emulator.studies.following import FOLLOWERS, Restarted, Stream

PRECISIONS = ("float64", "float32", "chip")
TINY = Stream((20, 15, 5), pictures=4, steps=80, streams=2)
ADAPTED = eq.Coding(prediction=eq.AdaptivePrediction())


def switching(problem: Problem, seed: int) -> Problem:
    """The problem, with another input from every plain free phase on that is not the first."""
    rng = np.random.default_rng(seed)
    phases, later = [], []
    for k, phase in enumerate(problem.phases):
        if k and isinstance(phase, eq.Free) and not phase.from_free:
            x = np.where(rng.random(problem.x.shape) < 0.4, 0.0, rng.random(problem.x.shape))
            later.append(x.astype(problem.dtype))
            phase = replace(phase, x=x)
        phases.append(phase)
    return replace(problem, phases=tuple(phases), later_x=tuple(later))


@pytest.mark.parametrize("precision", PRECISIONS)
@settings(deadline=None, max_examples=25)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_an_input_that_switches_is_the_references_to_the_last_bit(precision, data, seed):
    drawn = strategies.problems(precision=precision, max_width=9, adapted=True)
    problem = switching(data.draw(drawn), seed)
    assert_equal_runs(engine.solve(problem, threads=1), reference.solve(problem))


def stream(coding: eq.Coding, precision: str, input: str, **more: Any) -> eq.Run:
    """Three inputs one after the other, nudged in the second."""
    rng = np.random.default_rng(2)
    x = np.where(rng.random((3, 2, 9)) < 0.4, 0.0, rng.random((3, 2, 9)))
    phases = [
        eq.Free(30),
        eq.Free(25, x=x[1]),
        eq.Nudged(7, np.eye(4)[:2], 0.5),
        eq.Free(20, x=x[2]),
    ]
    return eq.run(
        eq.Network.dense([9, 7, 4], seed=3), x[0], coding=coding, phases=phases, input=input,
        precision=precision, threads=1, **more,
    )  # fmt: skip


@pytest.mark.parametrize("coding", [eq.Coding(), ADAPTED], ids=["schedule", "adapted"])
@pytest.mark.parametrize("precision", ["float32", "chip"])
def test_with_clocks_that_agree_an_input_switches_as_with_one_clock(coding, precision):
    recorded = ("bits", "potentials")
    for input in ("spikes", "current"):
        one = stream(coding, precision, input, record=recorded)
        own = stream(coding, precision, input, record=recorded, timing=eq.Asynchronous())
        for mine, theirs in zip(own.bits + own.potentials, one.bits + one.potentials, strict=True):
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("coding", [eq.Coding(), ADAPTED], ids=["schedule", "adapted"])
@pytest.mark.parametrize("precision", ["float32", "chip"])
def test_without_a_clock_windows_find_what_events_one_by_one_do(coding, precision):
    timing = eq.Asynchronous(eq.Clocks(spread=0.1, offset=1.0, jitter=0.1))
    for input in ("spikes", "current"):
        windows = stream(coding, precision, input, timing=timing)
        events = stream(coding, precision, input, timing=timing, record=("events",))
        np.testing.assert_array_equal(windows.activity.spikes, events.activity.spikes)
        for end, other in zip(windows.ends, events.ends, strict=True):
            for mine, theirs in zip(end, other, strict=True):
                np.testing.assert_array_equal(mine, theirs)


def test_an_input_of_its_own_is_what_a_run_of_that_input_begins_with():
    x = np.array([[0.25, 1.0]])
    net = eq.Network.dense([2, 2], seed=0)
    run = eq.run(
        net, np.zeros((1, 2)), coding=ADAPTED, phases=[eq.Free(1), eq.Free(3, x=x)],
        record=("potentials",),
    )  # fmt: skip
    assert run.potentials[0][:, 0].tolist() == [[0, 0], *[[0.25, 1.0]] * 3]


BAD = {
    "x going back": (lambda: eq.Free(3, from_free=True, x=[[0.5]]), "x is given with from_free"),
    "x of another width": (lambda: ask(np.zeros((1, 3))), "x of phase 1 has shape (1, 3)"),
    "x of another batch": (lambda: ask(np.zeros((2, 2))), "input 1 after x has 2 samples"),
    "x above 1": (lambda: ask(np.array([[0.0, 2.0]])), "x of phase 1 holds 2.0"),
    "a backend without it": (
        lambda: ask(np.zeros((1, 2)), backend="discrete", timing=eq.Asynchronous()),
        "backend 'discrete' has no input that switches (1 phases have an x of their own)",
    ),
    "a backend without adapted prediction": (
        lambda: eq.run(
            eq.Network.dense([2, 2], seed=0), [[0.0, 1.0]], coding=ADAPTED, phases=[eq.Free(2)],
            backend="brian2", precision="float64",
        ),
        "backend 'brian2' has no adapted prediction (prediction is AdaptivePrediction(",
    ),
}  # fmt: skip


def ask(x: np.ndarray, **more: Any) -> eq.Run:
    phases = [eq.Free(2), eq.Free(2, x=x)]
    net = eq.Network.dense([2, 2], seed=0)
    return eq.run(net, np.zeros((1, 2)), coding=ADAPTED, phases=phases, **more)


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_is_refused_in_one_line(case):
    call, words = BAD[case]
    with pytest.raises(InputError) as refused:
        call()
    assert words in str(refused.value) and "\n" not in str(refused.value)


# --- the study ----------------------------------------------------------------------------


def test_an_oracles_schedule_begins_anew_after_every_switch():
    table = Restarted(0.8, 0.5, (3, 5)).table(7)
    plain = eq.Polynomial(0.8, 0.5).table(7)
    np.testing.assert_array_equal(table, plain[[0, 1, 2, 0, 1, 0, 1]])


@pytest.fixture(scope="module")
def study() -> following.Study:
    return following.measure(TINY, networks=2, threads=1)


def test_units_that_adapt_follow_sooner_than_a_schedule_that_began_long_ago(study):
    later = {name: found.later.mean() for name, found in study.followed.items()}
    assert later["adapted"] < 0.6 * later["schedule"]
    assert later["real-valued"] < later["adapted"]


def test_distance_is_to_the_fixed_point_of_the_picture_of_now(study):
    case = following.make_case(TINY, 0, threads=1)
    plain = following.follow(TINY, case, FOLLOWERS["real-valued"], threads=1)[0]
    assert plain.shape == (TINY.pictures, TINY.horizon)
    assert plain[:, 0].min() > 0.01 and (plain[:, -1] < 0.05 * plain[:, 0]).all()
    np.testing.assert_allclose(plain[0], study.followed["real-valued"].first[0])


def test_what_a_stream_does_not_suit_is_left_out():
    chip = replace(TINY, precision="chip")
    assert [name for name in FOLLOWERS if chip.suits(FOLLOWERS[name])] == [
        "constant", "schedule", "oracle", "adapted",
    ]  # fmt: skip
    assert not replace(TINY, timing=eq.Asynchronous()).suits(FOLLOWERS["oracle"])


def test_follow_writes_what_it_measured(tmp_path):
    found = eq.follow((8, 6, 3), pictures=2, steps=16, repeats=2, streams=1, out=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["follow.json", "follow.png"]
    assert found["stream"]["horizon"] == 12 == len(found["codings"][0]["later"]["mean"])
