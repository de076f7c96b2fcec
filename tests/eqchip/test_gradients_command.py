"""`eqchip gradients`: what it finds, says, writes and refuses."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

import eqchip as eq
from eqchip.backends.bptt import comparison
from eqchip.backends.bptt.training import fresh, train
from eqchip.commands.gradients import command
from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.task import one_hot
from eqchip.hw_reports.studies import gradients as report

LEARNING = Learning(free_steps=60, nudged_steps=30, beta=0.02, average_steps=1)
LAYERS = ("8x8", "6c3", "6c3p2", 10)


@pytest.fixture(scope="module")
def samples():
    data = load("digits")
    x = data.train_x[:30].astype(float)
    return comparison.Samples(x, one_hot(data.train_y[:30], 10).astype(float))


@pytest.fixture(scope="module")
def trained():
    """Of each pooling, from the same weights, two epochs of a few samples."""
    data = load("digits")
    y = one_hot(data.train_y, 10)
    start = fresh(LAYERS, seed=1)
    return {
        pooling: train(
            comparison.with_pooling(start, pooling), data.train_x[:400], y[:400],
            coding=eq.Coding.real_valued(), rate=2e-3, epochs=2, threads=1,
            learning=Learning(free_steps=30, nudged_steps=12),
        )
        for pooling in comparison.POOLINGS
    }  # fmt: skip


def test_agreement_of_known_arrays():
    ones, other = np.ones((2, 2)), np.array([[1.0, 1.0], [-1.0, -1.0]])
    found = comparison.agreement([2 * ones, ones, 0 * ones], [ones, other, ones])
    assert found.angle[:2] == (0.0, 90.0)
    assert np.isnan(found.angle[2])
    assert found.length[:3] == (2.0, 1.0, 0.0)
    # All together: <a, b> = 8, |a|^2 = 20, |b|^2 = 12.
    assert found.angle[3] == pytest.approx(np.degrees(np.arccos(8 / np.sqrt(240))), abs=1e-6)


def test_update_approaches_bptt_as_the_nudge_weakens_and_steps_grow(trained, samples):
    network = trained["average"]
    over_beta = comparison.over_beta(
        network, samples, replace(LEARNING, free_steps=200, nudged_steps=100), (0.3, 0.001),
        threads=1,
    )  # fmt: skip
    strong, weak = (row["angle"] for row in over_beta if row["coding"] == "real-valued")
    assert weak < 8 and weak < strong
    over_steps = comparison.over_steps(
        network, samples, replace(LEARNING, free_steps=200, beta=0.001), (2, 100), threads=1
    )
    few, many = (row["angle"] for row in over_steps if row["coding"] == "real-valued")
    assert many < 8 and many < few


def test_bits_turn_the_update_more_with_maximum_pooling(trained, samples):
    turned = {}
    for pooling, network in trained.items():
        real, spiking = comparison.compare(network, samples, LEARNING, threads=1)
        assert real["from_real_valued"][-1] == 0
        turned[pooling] = spiking["from_real_valued"][-1]
    assert turned["maximum"] > 2 * turned["average"]


def test_noise_of_maxima(trained, samples):
    real, spiking = comparison.compare(trained["maximum"], samples, LEARNING, threads=1)
    assert abs(real["noise"]["bias"]) < 1e-3 < spiking["noise"]["bias"]
    assert real["noise"]["steps_off"] < spiking["noise"]["steps_off"]
    assert all(
        row["noise"] is None
        for row in comparison.compare(trained["average"], samples, LEARNING, threads=1)
    )


def test_the_twin_has_the_same_kernels(trained):
    network = trained["average"]
    twin = comparison.with_pooling(network, "maximum")
    assert [c.pool and type(c.pool).__name__ for c in twin.connections[:2]] == [None, "MaxPool2d"]
    for a, b in zip(network.weights + network.biases, twin.weights + twin.biases, strict=True):
        np.testing.assert_array_equal(a, b)
    weaker = replace(network, feedback_shifts=(0, 2, 1))
    assert comparison.with_pooling(weaker, "maximum").feedback_shifts == (0, 2, 1)
    with pytest.raises(eq.InputError, match=r"no connection of .* has a pooling"):
        comparison.with_pooling(eq.Network.dense([4, 3]), "maximum")


def test_numbers_that_are_none_become_null():
    network = {
        "state": "trained", "pooling": "average", "connections": ["dense 1"],
        "rows": [{"coding": "spiking", "angle": [float("nan"), 1.0], "length": [0.123456789, 1.0],
                  "from_real_valued": [2.0, 2.0], "noise": None}],
    }  # fmt: skip
    made = report.document(subject="", settings={}, networks=[network], provenance={})
    json.dumps(made, allow_nan=False)
    assert made["networks"][0]["rows"][0]["length"][0] == 0.12346
    assert report.rows(made)[0][4] == report.UNKNOWN


def _run(*words):
    # What main() does with an InputError is tested with every other command.
    return CliRunner().invoke(command, [str(word) for word in words])


QUICK = ("--network", "8x8-4c3-4c3p2-10", "--epochs", 1, "--samples", 10, "--free-steps", 12,
         "--nudged-steps", 6, "--quiet")  # fmt: skip


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gradients")
    found = _run(*QUICK, "--json", "--threads", 1, "--out", folder)
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout), folder


def test_json_is_the_file(documents):
    shown, folder = documents
    assert shown.pop("out") == str(folder)
    assert shown == json.loads((folder / "gradients.json").read_text())
    assert (folder / "gradients.png").read_bytes().startswith(b"\x89PNG")
    assert [(n["state"], n["pooling"]) for n in shown["networks"]] == [
        ("initial", "average"), ("initial", "maximum"),
        ("trained", "average"), ("trained", "maximum"),
    ]  # fmt: skip
    for network in shown["networks"]:
        assert network["connections"] == ["conv 1", "conv 2", "dense 3"]
        assert [row["coding"] for row in network["rows"]] == ["real-valued", "spiking"]
        assert all(len(row["angle"]) == len(row["length"]) == 4 for row in network["rows"])


def test_repeats_itself_on_any_number_of_threads(documents, tmp_path):
    again = json.loads(_run(*QUICK, "--json", "--threads", 2, "--out", tmp_path).stdout)
    first = documents[0]
    assert again["networks"] == first["networks"]


def test_table_and_sentences(tmp_path):
    found = _run(*QUICK[:-1], "--threads", 1, "--out", tmp_path)
    assert "all weights" in found.stdout and "maximum" in found.stdout
    assert "What bits alone turn the update by, trained network:" in found.stdout


def test_data_of_numbers_are_refused(monkeypatch):
    """Samples are drawn and losses taken by class."""
    x = np.linspace(0, 1, 64 * 8).reshape(8, 64)
    waves = eq.Dataset.from_arrays(x, x[:, :2], task="regression", name="waves", test=0.25)
    monkeypatch.setattr("eqchip.gradient_study.load", lambda *_, **__: waves)
    with pytest.raises(eq.InputError, match="gradients: waves is data of regression; expected cl"):
        eq.gradients(samples=2)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--nudged-steps", 101), "--nudged-steps is 101; expected at most the 100 free steps"),
        (("--beta", 0), "--beta is 0.0; expected a finite number above 0"),
        (("--beta", "nan"), "--beta is nan"),
        (("--samples", 2000), "--samples is 2000; expected at most the 1437"),
        (("--network", "64-10"), "has a pooling"),
        (("--network", "6x6-2c3p2-10"), "36 inputs and 10 outputs; digits has 64"),
        (("--network", "8x8-2c3p5-10"), "entry 2"),
        (("--seed", -1), "--seed is -1"),
        (("somewhere",), "somewhere: no run here"),
        (("somewhere", "--epochs", 2), "--epochs is given with somewhere"),
        (("somewhere", "--network", "64-10"), "--network is given with somewhere"),
    ],
)
def test_refusals_name_what_would_be_right(words, told, tmp_path):
    found = _run(*words, "--out", tmp_path / "out")
    assert isinstance(found.exception, eq.InputError), found.output
    assert told in str(found.exception)
