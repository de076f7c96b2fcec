"""Samples that end as soon as an output leads."""

from __future__ import annotations

import numpy as np
import pytest

import eqchip as eq
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.phases import Free
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.training.classifier import Classifier, steps_until_sure
from eqchip.emulator.training.inference import inference_settings
from eqchip.emulator.training.presets import preset

STEPS, AVERAGED = 9, 3


@pytest.fixture(scope="module")
def config():
    learning = {"free_steps": STEPS, "nudged_steps": 4, "average_steps": AVERAGED}
    gains = (1.5, 1.5)
    return preset("digits", (64, 12, 10), input="current", learning=learning, initial_gain=gains)


@pytest.fixture(scope="module")
def network(config):
    return config.network()


@pytest.fixture(scope="module")
def data():
    found = eq.load("digits")
    return found.train_x[:60].astype(np.float32), found.train_y[:60]


def test_an_output_leads_by_the_mean_of_its_last_steps():
    outputs = np.zeros((4, 3, 3))
    outputs[:, 0, 1] = [0.0, 0.9, 0.9, 0.9]  # leads from the second step on
    outputs[:, 1, 0], outputs[:, 1, 2] = 0.9, [0.9, 0.9, 0.9, 0.0]  # two lead together, then one
    assert steps_until_sure(outputs, 1, 0.5).tolist() == [2, 4, 4]
    assert steps_until_sure(outputs, 2, 0.5).tolist() == [3, 4, 4]  # 0.45 after two steps
    assert steps_until_sure(outputs, 1, 0.9).tolist() == [4, 4, 4]  # by more than that


@pytest.mark.parametrize("fixed", [None, FixedPoint(weight_bits=6)], ids=["float", "chip"])
def test_a_sample_ends_as_a_run_of_so_many_steps_does(config, network, data, fixed):
    """By running every sample alone for every number of steps, until its output leads."""
    x, y = data
    sure = 0.1
    found = Classifier(config, network, 1, fixed=fixed, sure=sure).classify(x[:12], y[:12])
    errors, spikes, steps = 0, 0, []
    for n in range(12):
        for last in range(AVERAGED, STEPS + 1):
            settings = inference_settings(
                config, x[n : n + 1], [n], phases=[Free(last)], fixed=fixed,
                precision="float32" if fixed is None else "chip",
            )  # fmt: skip
            run = solve(pose(network, **settings), average_steps=AVERAGED)
            below, above = np.sort(run.ends[0][-1][0])[-2:]
            if above - below > sure or last == STEPS:
                break
        errors += int(run.ends[0][-1][0].argmax() != y[n])
        spikes += int(run.activity.spikes.sum())
        steps.append(last)
    assert (found.error, found.activity.spikes.sum()) == (100 * errors / 12, spikes)
    counted = (found.activity.updates_active + found.activity.updates_inactive)[0, -1]
    assert counted == 10 * sum(steps)
    assert AVERAGED <= min(steps) < max(steps) == STEPS  # some are sure sooner, some never


def test_a_lead_that_nothing_has_changes_nothing(config, network, data):
    x, y = data
    plain, never = Classifier(config, network, 1), Classifier(config, network, 1, sure=10.0)
    one, other = plain.classify(x, y), never.classify(x, y)
    assert one.error == other.error
    assert one.activity.to_dict() == other.activity.to_dict()
    np.testing.assert_array_equal(plain.outputs(x), never.outputs(x))


@pytest.mark.parametrize(
    ("sure", "changes", "words"),
    [
        (-0.5, {}, ("sure", "-0.5", "at least 0")),
        (float("nan"), {}, ("sure", "nan")),
        (True, {}, ("sure", "True", "number")),
        (0.5, {"timing": eq.Asynchronous()}, ("sure", "clock", "sync")),
    ],
)
def test_a_lead_without_a_meaning_is_refused(config, network, sure, changes, words):
    with pytest.raises(eq.InputError) as refused:
        Classifier(config.model_copy(update=changes), network, sure=sure)
    assert all(word in str(refused.value) for word in words)
