"""What layers are trained on by gradients: trials are what they say, and measures see a fault."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from eqchip.emulator.learning.gated import run_gated
from eqchip.emulator.studies.dynamics.gradients import GRADIENT_TASKS, remembering_layer
from eqchip.emulator.studies.dynamics.problems import Codes, DelayedXor, kinds_of

DT = 5e-3


def test_pulses_come_and_the_answer_is_asked_where_delays_say():
    problem = DelayedXor()
    gaps, signs = np.array([[10, 200], [30, 20]]), np.array([[1.0, -1.0], [-1.0, -1.0]])
    x, wanted, weight = problem.posed(gaps, signs, DT)
    assert x.shape == (10 + 3 * 10 + 210 + 20, 2, 2)  # all last as long as the longest
    for b, (first, second, cue) in enumerate([(10, 30, 240), (10, 50, 80)]):
        for start, channel, value in (
            (first, 0, signs[b, 0]),
            (second, 0, signs[b, 1]),
            (cue, 1, 1.0),
        ):
            assert (x[start : start + 10, b, channel] == value).all()
        assert np.abs(x[:, b, 0]).sum() == 20 and x[:, b, 1].sum() == 10
        told = slice(cue + 10, cue + 30)
        assert (weight[told, b] == 1).all() and weight[:, b].sum() == 20
        assert (wanted[told, b] == (1.0 if signs[b, 0] != signs[b, 1] else -1.0)).all()


def test_delays_are_drawn_up_to_the_longest_and_grow_where_answers_are_right():
    problem = DelayedXor()
    gaps, _ = problem.delays(np.random.default_rng(0), 2000, 0.4, DT)
    assert gaps.min() == 10 and gaps.max() == 80
    posed = problem.draw(np.random.default_rng(1), 20, 0.4, DT)
    layer = remembering_layer(0)
    run = run_gated(layer, posed.x, dt=DT)
    right, wrong = replace(run, y=posed.wanted), replace(run, y=-posed.wanted)
    seen = []
    found = [problem.grown(0.4, right, posed, seen) for _ in range(10)]
    assert found == [0.4] * 9 + [pytest.approx(0.46)] and seen == []
    assert [problem.grown(0.4, wrong, posed, seen) for _ in range(20)] == [0.4] * 20
    assert problem.grown(0.99, right, posed, [1.0] * 10) == 1.0  # and no further


def test_a_layer_that_guesses_reaches_no_delay_and_signals_have_their_variance():
    found = DelayedXor(tests=100).judge(remembering_layer(0), DT, 3)
    assert found.measures["delay"] == 0 and 0.3 < found.measures["accuracy"] < 0.7
    posed = Codes().draw(np.random.default_rng(0), 200, 1.0, 1e-3)
    assert posed.wanted.var() == pytest.approx(0.5, rel=0.1) and (posed.weight[:50] == 0).all()


def test_codes_of_8_bits_are_within_half_a_code_and_send_spikes_alone():
    layer = remembering_layer(0)
    kinds = kinds_of(layer)
    code = np.abs(layer.recurrent).max() / 127
    assert np.abs(kinds["_8_bits"].recurrent - layer.recurrent).max() <= code / 2 * (1 + 1e-12)
    assert kinds[""] is layer and kinds["_spikes"].width == kinds["_8_bits"].width == 0


def test_layers_of_tasks_are_drawn_by_seed():
    for task in GRADIENT_TASKS.values():
        assert (task.layer(1).feedforward == task.layer(1).feedforward).all()
        assert (task.layer(1).feedforward != task.layer(2).feedforward).any()
