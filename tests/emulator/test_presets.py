"""The settings that a data set starts with, and input dropout, which they use."""

from __future__ import annotations

import re

import numpy as np
import pytest
from small_runs import few_digits, small_config

from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.engine.synchronous import Solver
from eqchip.emulator.errors import InputError
from eqchip.emulator.training.presets import preset
from eqchip.emulator.training.trainer import Trainer
from eqchip.settings import configuration


@pytest.mark.parametrize("name", ["digits", "mnist", "fashion-mnist", "mnist-20x20", "cifar-10"])
def test_every_preset_is_a_valid_configuration_of_its_data_set(name):
    config = preset(name)
    assert config.dataset == name
    assert config.layers[0] in (64, 784, 400, "32x32x6") and config.layers[-1] == 10
    assert config.validation > 0
    assert len(config.descent.lr) == len(config.layers) - 1


def test_a_data_set_without_settings_of_a_kind_says_so():
    assert preset("cifar-10") == preset("cifar-10", "conv")
    for layers in ("dense", (6144, 100, 10)):
        with pytest.raises(InputError, match=r"convolutions alone; expected .* e.g. 32x32x6-"):
            preset("cifar-10", layers)
    with pytest.raises(InputError, match="no settings for learning on a chip"):
        preset("cifar-10", on_chip={})


@pytest.mark.parametrize("name", ["digits", "mnist", "fashion-mnist", "mnist-20x20"])
def test_the_kind_dense_is_what_is_usual(name):
    assert preset(name, "dense") == preset(name)


def test_what_is_given_replaces_the_preset():
    config = preset("mnist", descent={"lr": (0.3, 0.2)}, learning={"beta": 0.7}, validation=0)
    assert (config.descent.lr, config.learning.beta, config.validation) == ((0.3, 0.2), 0.7, 0)


def test_more_than_one_hidden_layer_is_nudged_harder():
    shallow, deep = preset("mnist"), preset("mnist", (784, 20, 20, 10))
    assert deep.learning.beta > shallow.learning.beta
    first, second, third = deep.descent.lr
    assert first > second > third


def test_two_hidden_layers_learn_the_digits():
    trainer = Trainer(preset("digits", (64, 100, 50, 10), descent={"epochs": 10}), load("digits"))
    while not trainer.done:
        for _tally in trainer.train_epoch():
            pass
        error = trainer.end_epoch().error
    assert error < 15.0


def test_what_a_core_sees_has_settings_of_its_own():
    usual, spikes = (
        preset("mnist", on_chip={"sees": sees}).on_chip for sees in ("traces", "signed-spikes")
    )
    assert (usual.trace_bits, spikes.trace_bits) == (7, 1)
    assert spikes.weight_range < usual.weight_range
    given = {"sees": "signed-spikes", "trace_bits": 4, "weight_range": (0.5,)}
    assert preset("mnist", on_chip=given).on_chip == OnChip(**given)
    assert preset("mnist", on_chip=OnChip(sees="signed-spikes")).on_chip.trace_bits == 7


def test_an_unknown_data_set_is_refused():
    with pytest.raises(InputError, match="'deep' is unknown; expected one of digits"):
        preset("deep")


def test_a_setting_that_another_leaves_without_effect_is_refused():
    with pytest.raises(InputError, match=r"warm_up is 0\.1 with schedule 'constant'"):
        preset("digits", descent={"schedule": "constant", "warm_up": 0.1})
    assert preset("digits", descent={"schedule": "constant"}).descent.warm_up > 0  # the preset's


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"sees": "potentials", "trace_bits": 5},
            "--trace-bits is given with --sees potentials, which counts no spikes",
        ),
        (
            {"sees": "potentials", "change_spikes": 2},
            "--change-spikes is given with --sees potentials, where no spike tells of a change",
        ),
        ({"decay_rate": 0.1}, "--decay-rate is given with --copies errors"),
        (
            {"sees": "loihi-engine", "decay_rate": 0.1},
            "--decay-rate is given with --copies same-noise",
        ),
    ],
)
def test_a_flag_of_learning_on_a_chip_without_effect_is_refused(given, words):
    with pytest.raises(InputError, match=re.escape(words)):
        configuration("digits", on_chip="loihi1-davies", settings=given)
    sees = "signed-spikes" if "change_spikes" in given else "traces"
    effective = {**given, "sees": sees, "copies": "decay"}
    assert configuration("digits", on_chip="loihi1-davies", settings=effective).on_chip


def inputs_seen(monkeypatch, share):
    """(true input, input of the run) of every training sample and every classified one."""
    config = small_config(descent={"input_dropout": share, "epochs": 2})
    data = few_digits()
    trained, classified = [], []

    answer = Solver.solve

    def watched(solver, problem):
        if len(problem.phases) == 1:
            classified.append(problem.x)
        else:
            trained.append((data.train_x[problem.samples], problem.x))
        return answer(solver, problem)

    monkeypatch.setattr(Solver, "solve", watched)
    training = Trainer(config, data, 1)
    for _ in range(2):
        list(training.train_epoch())
        training.end_epoch()
    training.test()
    return trained, classified, data


def test_input_dropout_silences_its_share_of_inputs_anew_for_each_sample(monkeypatch):
    trained, _, _ = inputs_seen(monkeypatch, 0.25)
    true = np.concatenate([x for x, _ in trained])
    seen = np.concatenate([x for _, x in trained])
    kept = seen == true
    assert (seen[~kept] == 0).all()
    lit = true > 0
    # 100 samples of about 32 lit pixels: the standard error of the share is below 0.8 points.
    assert abs((~kept[lit]).mean() - 0.25) < 0.04
    masks = [k.tobytes() for k in kept]
    assert len(set(masks)) == len(masks)


def test_a_classified_input_is_scaled_by_the_share_that_was_kept(monkeypatch):
    _, classified, data = inputs_seen(monkeypatch, 0.25)
    np.testing.assert_array_equal(classified[-1], data.test_x * np.float32(0.75))


def test_without_input_dropout_inputs_are_left_alone(monkeypatch):
    trained, classified, data = inputs_seen(monkeypatch, 0.0)
    assert all((x == seen).all() for x, seen in trained)
    np.testing.assert_array_equal(classified[-1], data.test_x)


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_outside_0_to_1_is_refused(share):
    with pytest.raises(InputError, match="input_dropout"):
        preset("digits", descent={"input_dropout": share})


@pytest.mark.parametrize(
    ("layers", "shifts", "rates", "gains"),
    [
        ("conv", (0, 8, 3, 0), (1e-3, 4e-4, 4e-4, 1e-3), (0.6, 1.0, 1.0, 2.0)),
        (("28x28", "4c5p2", 10), (0, 0), (1e-3, 1e-3), (0.6, 2.0)),
        (("28x28", "4c5p2", "4c5p2", 10), (0, 8, 0), (1e-3, 4e-4, 1e-3), (0.6, 1.0, 2.0)),
        (
            ("28x28", "4c5p2", "4c5p2", 16, 16, 10),
            (0, 8, 3, 3, 0),
            (1e-3, 4e-4, 4e-4, 4e-4, 1e-3),
            (0.6, 1.0, 1.0, 1.0, 2.0),
        ),
    ],
)
def test_settings_of_the_connections_fit_any_number_of_them(layers, shifts, rates, gains):
    config = preset("mnist", layers)
    assert (config.feedback_shifts, config.descent.lr) == (shifts, rates)
    assert config.initial_gain == gains
