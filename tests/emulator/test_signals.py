"""What learning goes by, layer by layer: its sizes by hand, and in the lines of a run."""

from __future__ import annotations

import numpy as np
import pytest
from small_runs import FEW, few_digits

import eqchip as eq
from eqchip.emulator.description.rules import rule_of
from eqchip.emulator.training.signals import signals_of

BETA = 0.5


def _run(sizes=(3, 4, 2), **settings):
    network = eq.Network.dense(sizes, seed=2)
    x = np.random.default_rng(0).random((5, sizes[0]))
    target = np.eye(sizes[-1])[np.arange(5) % sizes[-1]]
    phases = [eq.Free(12), eq.Nudged(6, target, BETA, from_free=True),
              eq.Nudged(6, target, -BETA, from_free=True)]  # fmt: skip
    return network, eq.run(network, x, phases=phases, **{"coding": eq.Coding(), **settings})


def test_sizes_are_those_of_the_two_ends_that_the_rule_contrasts():
    network, run = _run()
    found = signals_of(network, run, BETA, rule_of("symmetric"))
    for layer in (1, 2):
        change = run.ends[1][layer] - run.ends[2][layer]
        free = run.ends[0][layer]
        assert found.nudged_change_by_layer[layer - 1] == pytest.approx(np.sqrt((change**2).mean()))
        assert found.potential_by_layer[layer - 1] == pytest.approx(np.sqrt((free**2).mean()))
    changes = eq.contrast(network, run, beta=BETA, lr=1.0, rule="symmetric").weights
    expected = [np.linalg.norm(c) / np.linalg.norm(w)
                for c, w in zip(changes, network.weights, strict=True)]  # fmt: skip
    assert found.contrast_by_connection == pytest.approx(expected)


def test_a_nudge_fades_on_its_way_down():
    network, run = _run((6, 8, 8, 8, 4), coding=eq.Coding.real_valued(0.5))
    top_down = signals_of(network, run, BETA, rule_of("symmetric")).nudged_change_by_layer[::-1]
    assert top_down[0] > top_down[1] > top_down[2] > 0


@pytest.mark.parametrize("on_chip", [None, "loihi2"])
def test_an_epochs_line_tells_them(tmp_path, on_chip):
    settings = {"network": "64-12-10", "epochs": 2, "on_chip": on_chip}
    trained = eq.train(few_digits(name=FEW), out=tmp_path / "run", **settings)
    rows = [row for row in trained.run.metrics() if "train_error" in row]
    for row in rows:
        assert len(row["nudged_change_by_layer"]) == len(row["potential_by_layer"]) == 2
        assert min(row["nudged_change_by_layer"]) > 0 and min(row["contrast_by_connection"]) > 0
    assert rows[0]["nudged_change_by_layer"] != rows[1]["nudged_change_by_layer"]
