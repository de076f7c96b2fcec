"""The settings that a data set starts with, and input dropout, which they use."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from small_runs import few_digits, small_config

import eqchip as eq
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
    for name, kind in (("cifar-10", "conv"), ("moving-digits", "conv"), ("n-mnist", "conv"),
                       ("n-mnist", "dense")):  # fmt: skip
        with pytest.raises(InputError, match="no settings for learning on a chip"):
            preset(name, kind, on_chip={})


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


EVERY = ("digits", "mnist", "fashion-mnist", "mnist-20x20", "moving-digits", "n-mnist", "cifar-10")
# Smaller steps were tried with their kernels on the chip, and learned no better (docs/settings.md).
SWINGING = {(name, "conv") for name in ("mnist", "fashion-mnist", "mnist-20x20")}


def every_preset():
    """Of each kind and depth that a data set has settings for, where a chip learns and not."""
    few = np.random.default_rng(0).random((40, 6))
    own = [
        eq.Dataset.from_arrays(few, y, task=task, name=f"own, {task}")
        for task, y in (("classification", np.arange(40) % 3), ("regression", few[:, 0]))
    ]
    for data in (*EVERY, *own):
        name, sizes = data if isinstance(data, str) else data.name, preset(data).sizes
        for kind in ("dense", (sizes[0], 20, 20, sizes[-1]), "conv"):
            for on_chip in ({}, {"on_chip": {}}):
                try:
                    yield name, kind, bool(on_chip), preset(data, kind, **on_chip)
                except InputError as refused:  # for want of settings, and for nothing else
                    assert re.search("settings for|was chosen for the named", str(refused))


def test_no_preset_sets_its_nudged_outputs_swinging():
    """A step takes a nudged output by 1 - step size (1 + 2 beta) of its distance from rest."""
    steps, seen = {}, 0
    for name, kind, on_chip, config in every_preset():
        seen += 1
        assert config.coding.step_size.exponent == 0
        if config.learning.readout == "squared-error":  # or outputs are outside the dynamics
            steps[name, kind, on_chip] = config.coding.step_size.value * (
                1 + 2 * config.learning.beta
            )
    wide = {where for where, step in steps.items() if step > 2}
    assert wide == {(name, kind, True) for name, kind in SWINGING}
    assert seen > 25 and len(steps) > 20


def test_a_read_out_that_takes_no_steps_keeps_those_of_its_data_set():
    deep = (64, 20, 20, 10)
    within = preset("digits", deep)
    outside = preset("digits", deep, learning={"readout": "cross-entropy"})
    assert within.coding.step_size.value < outside.coding.step_size.value
    assert outside.coding == preset("digits").coding
    assert within.learning.beta == outside.learning.beta == 1


def test_what_is_given_of_a_coding_replaces_that_alone():
    for kind in ("dense", "conv"):
        usual = preset("digits", kind, on_chip={}).coding
        given = preset("digits", kind, on_chip={}, coding={"prediction": None}).coding
        assert given == replace(usual, prediction=None)
        found = configuration("digits", network=kind, settings={"prediction": "none"}).coding
        assert found == replace(preset("digits", kind).coding, prediction=None)
    whole = eq.Coding(step_size=eq.Polynomial(0.3))
    assert preset("digits", on_chip={}, coding=whole).coding == whole
    exact = configuration("digits", network="conv", settings={"quantizer": "none"}).coding
    assert exact == eq.Coding.real_valued()


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
